/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_API_H
#define BACKEND_API_H

#include "backend/state.h"
#include "backend/store.h"
#include "core/loop.h"

/*
 * The HTTP API (PRODUCT.md section 7): the console has no other door. libmicrohttpd without threads on our loop, unix
 * socket with peer credentials; streams are suspended connections fed from one ring that is encoded once for all.
 */
struct api;

struct api_conf {
	const char *socket_path;
	struct state *state;
	struct store *store; /* or NULL */
	/* POST /v1/probe/SERVICE and /v1/refresh: ask for an immediate poll of everything (never changes a node). */
	void (*poll_now)(void *arg);
	/* Extra OpenMetrics lines of the poller and transports. */
	void (*metrics)(void *arg, struct buf *out);
	/* SIGHUP's twin, POST /v1/reload; fills err when the file is bad and the running one was kept. */
	int (*reload)(void *arg, struct err *err);
	void *arg;
};
struct api *api_new(struct loop *l, const struct api_conf *conf, struct err *err);
/* Ends every stream, finishes what is under way, closes. */
void api_free(struct api *a);

#endif
