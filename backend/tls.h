/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_TLS_H
#define BACKEND_TLS_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/loop.h"

/*
 * The TLS side of the API: listens on TCP, does the handshakes, and hands over the plaintext of each session as one end
 * of a socket pair, so that behind it everything is as on the unix socket. TLS 1.3 only. Who the caller is, is decided
 * by the API; here is only proven which certificate it holds, if it showed one.
 */
struct tls;

struct tls_peer {
	char address[64];     /* "192.0.2.7" */
	char fingerprint[65]; /* SHA-256 of its certificate, lower case; "" when it showed none */
};

struct tls_files {
	const char *cert, *key;
	const char *client_ca;  /* NULL: no client certificates are asked for */
	const char *client_crl; /* NULL: what they have revoked is not known */
};

struct tls_conf {
	const char *const *addresses; /* "192.0.2.1:8443", "[::1]:8443", "localhost:8443" */
	size_t n_addresses;
	struct tls_files files;
	size_t sessions_max;
	int64_t handshake_ms; /* 0: 5 s */
	/* A session whose handshake is done; takes the descriptor, the plaintext end. */
	void (*take)(void *arg, int fd, const struct tls_peer *peer);
	/* Somebody showed a certificate that does not verify; the session is gone. May be NULL. */
	void (*refused)(void *arg, const struct tls_peer *peer);
	void *arg;
};
struct tls *tls_new(struct loop *l, const struct tls_conf *conf, struct err *err);
/* Ends all sessions; what the API has written before is sent as far as the sockets take it. NULL is allowed. */
void tls_free(struct tls *t);
/* New files for the sessions to come; those that are bad keep the old. Sessions whose client certificate does not stand by the
 * new ones (revoked, or its authority gone) are ended. */
int tls_reload(struct tls *t, const struct tls_files *files, struct err *err);
/* Is this one of the names or addresses of our certificate? With or without port. */
bool tls_is_our_name(const struct tls *t, struct slice host);
/* When our certificate ends. */
struct wall tls_expires(const struct tls *t);
/* When the first of the revocation lists ends; zero: there is none. */
struct wall tls_crl_expires(const struct tls *t);
/* The port of the i-th address, as bound. */
unsigned tls_port(const struct tls *t, size_t i);

struct tls_figures {
	size_t sessions, handshakes; /* now; handshakes are among the sessions */
	/* Connections that came, and what became of each one's handshake: */
	uint64_t accepted, done;
	uint64_t bad_certificate; /* the client showed one that does not verify */
	uint64_t timed_out, failed; /* failed: all else */
	uint64_t turned_away;     /* before any handshake: too many, from all or from one source */
};
struct tls_figures tls_figures(const struct tls *t);

#endif
