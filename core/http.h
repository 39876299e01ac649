/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/loop.h"

/*
 * An HTTP/1.1 client on our loop, with the rules of SAFETY.md C10: no redirect is followed, no proxy, cookie, netrc or
 * decompression is used, no name is ever looked up, every byte is counted against a ceiling, one absolute deadline holds
 * for a whole call. A result is good only if the transfer was complete, the status is 200 and the type is the expected
 * one. Connections are kept and reused.
 */
struct http;
struct http_call;

#define HTTP_BODY_MAX  (1u << 20)
#define HTTP_URL_MAX   2048
#define HTTP_LANES_MAX 64

struct http_options {
	size_t lanes;        /* groups that connections are spread over, 0: one; about one per 300 hosts costs least CPU */
	const char *ca_file; /* certificates trusted for https; NULL: the system's */
	const char *cert_file, *key_file; /* our own certificate and its key, PEM, shown where it is asked for; or NULL */
	const char *secret_header; /* "Authorization: Bearer …", sent with every call over TLS and with no other; or NULL */
	bool only_tls13;     /* for a peer of which we know that it speaks it: our own backend */
};

struct http_url {
	bool is_tls;
	char host[256];  /* without brackets */
	uint16_t port;
	bool is_literal; /* host is an IPv4 or IPv6 address */
};
/* Takes a URL apart: http or https, no user, no fragment, printable ASCII. 0, or -1 with what is wrong. */
int http_url_split(const char *url, struct http_url *out, struct err *err);

struct http_request {
	const char *method;    /* NULL: GET */
	const char *url;       /* "http://10.0.0.12:8053/json/v1/server" */
	const struct http_url *split; /* the URL taken apart, by who has done so already; or NULL */
	const char *address;   /* literal address to connect to; NULL: the URL's host is itself a literal */
	const char *unix_path; /* connect to this socket, the URL's host is then only a label; or NULL */
	const char *accept;    /* media type expected, "application/json"; anything else is an error; NULL: any */
	const char *const *headers; /* n_headers of "Name: value", without line ends */
	size_t n_headers;
	struct slice body;     /* sent if method is given and len > 0 */
	const char *body_type; /* its Content-Type; NULL: application/json */
	size_t body_max;       /* bytes of answer at most, 0: HTTP_BODY_MAX */
	bool is_once;          /* never sent twice: curl repeats a call whose kept connection turns out dead, so it gets one of
	                        * its own */
	bool any_status;       /* an answer with another status is a reply too (problem+json), of any content type */
	struct mono deadline;  /* absolute; streams: for the answer's first byte */
	/* Streaming: called with each piece of a good answer's body, which is then not kept; body_max bounds a piece. May
	 * start and cancel calls, this one too. */
	void (*chunk)(void *arg, struct slice bytes);
	int64_t quiet_ms;      /* streams: longest silence allowed between pieces */
};

struct http_reply {
	int status;
	const char *content_type; /* or NULL */
	struct slice body;        /* empty when streamed */
};

/* Called once per call, from the loop, unless the call was cancelled. `reply` is NULL when `err` has a code; both are
 * valid inside only, and the call is gone. May start and cancel other calls, may not free the client. */
typedef void http_done_fn(void *arg, const struct http_reply *reply, const struct err *err);

struct http *http_new(struct loop *l, const struct http_options *options, struct err *err);
/* Calls under way end with ERR_CONN_LOST before it returns. NULL is allowed. */
void http_free(struct http *h);
/* Starts a call; everything in `r` is copied but `body`, which must stay until done. Never fails: a bad URL is told to
 * `done` like any other error. */
struct http_call *http_start(struct http *h, const struct http_request *r, http_done_fn *done, void *arg);
/* Ends a call without telling `done`; its connection is closed. */
void http_cancel(struct http_call *c);
/* Calls under way. */
size_t http_calls(const struct http *h);

#endif
