/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PLACE_H
#define CONSOLE_PLACE_H

#include "core/http.h"

/*
 * Where the backend is, and how we show who we are there: a unix socket, which knows us by our uid, or HTTPS with a token
 * or a client certificate. Made once from the command line; every client and request is filled in from it. Stays where it was made.
 */
struct place_wish {
	const char *backend;    /* "unix:PATH", "https://HOST:PORT", or NULL: the usual socket */
	const char *token_file; /* or NULL */
	const char *ca;         /* certificates trusted; NULL: the system's */
	const char *cert, *key; /* our own, or NULL */
	bool is_read_only;      /* every request says so, and the backend refuses what would change something */
};

struct place {
	char socket_path[108]; /* as in sun_path; "" over HTTPS */
	char base[300];        /* what stands before a path: "http://localhost", "https://HOST:PORT" */
	char address[46];      /* HOST looked up; "" for the socket */
	char where[200];       /* for people: "unix:PATH", "https://HOST:PORT" */
	char header[128];      /* "Authorization: Bearer …"; "" = none */
	const char *only_looks; /* a header that says so, or NULL */
	struct http_options options; /* for http_new; borrows the wish's file names, and the header */
};

/* Reads the token, looks the host's name up: the only look-up, so that what follows works without. 0, or -1 with a
 * sentence. What the wish points to must stay. */
int place_open(struct place *p, const struct place_wish *wish, struct err *err);
void place_done(struct place *p); /* wipes the token */
/* The URL of a path; 0, or -1 when it does not fit. */
int place_url(const struct place *p, const char *path, char *out, size_t size, struct err *err);
/* Where to connect, into a request, and that it only looks where it has no headers of its own; borrows the place. */
void place_fill(const struct place *p, struct http_request *r);

#endif
