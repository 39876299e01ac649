/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_API_H
#define BACKEND_API_H

#include "backend/engine.h"
#include "backend/state.h"
#include "backend/store.h"
#include "core/loop.h"

/*
 * The HTTP API (PRODUCT.md section 7): the console has no other door. libmicrohttpd without threads on our loop, unix
 * socket with peer credentials, TLS with tokens or client certificates; streams are suspended connections fed from one
 * ring that is encoded once for all.
 */
struct api;

struct api_conf {
	const char *socket_path;
	const char *const *tcp; /* "HOST:PORT" to serve TLS on, by `tls` of the fleet's rules; or NULL */
	size_t n_tcp;
	struct state *state;
	struct store *store; /* or NULL */
	struct engine *engine; /* or NULL: nothing can be done here, only seen */
	struct ledger *ledger; /* or NULL */
	/* POST /v1/probe/SERVICE and /v1/refresh: ask for an immediate poll of everything (never changes a node). */
	void (*poll_now)(void *arg);
	/* Extra OpenMetrics lines of the poller and transports. */
	void (*metrics)(void *arg, struct buf *out);
	/* SIGHUP's twin, POST /v1/reload; fills err when the file is bad and the running one was kept. */
	int (*reload)(void *arg, struct err *err);
	void *arg;
	/* Intervals in milliseconds; 0 takes the value of api.c. */
	int64_t head_ms, body_ms, reply_ms; /* deadlines: 5 s for the head, 10 s for the body, 30 s to take the answer */
	int64_t heartbeat_ms;               /* 15 s */
	int64_t coalesce_ms;                /* 50 ms between a change and its message */
	int64_t handshake_ms;               /* 5 s */
	int64_t recheck_ms;                 /* 2 s: how often the grants behind open streams are looked at again */
	size_t connections_max;             /* 0: half of the descriptor limit, 4096 at most */
};
struct api *api_new(struct loop *l, const struct api_conf *conf, struct err *err);
/* Ends every stream, finishes what is under way, closes. */
void api_free(struct api *a);
/* An operation changed: goes to every stream with the next flush. */
void api_tell_operation(struct api *a, const char *id);
/* The fleet file was replaced: certificate and key are read again. -1: the old ones are kept. */
int api_reload(struct api *a, struct err *err);
/* The port of the i-th address of `tcp`, as bound. */
unsigned api_port(const struct api *a, size_t i);
size_t api_streams(const struct api *a);
size_t api_connections(const struct api *a);

#endif
