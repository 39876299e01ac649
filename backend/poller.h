/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_POLLER_H
#define BACKEND_POLLER_H

#include "backend/state.h"
#include "backend/transport.h"

/*
 * The poller: asks every node's drivers in their pace, hands reports and failures to the state. One lane a driver of a
 * node; lanes do not wait for each other, a failing lane is asked less often (full jitter), a working one never more
 * often than the fleet file says.
 */
struct poller;

/* POLLER_WIRE: of a PoP's nodes only what tells sessions and wire, for their DNS server's tools would take the time of
 * those that are waited for. Witnesses and vantages are asked all they have. */
enum poller_what { POLLER_ALL, POLLER_WIRE };

/* Looks a driver up by name; given by main, so that tests may bring their own. */
typedef const struct driver *poller_find_fn(const char *name);

struct poller *poller_new(struct loop *l, struct state *s, struct transport *t, poller_find_fn *find, uint64_t seed);
void poller_free(struct poller *p);
/* After the topology was replaced. Requests under way are forgotten. */
void poller_reload(struct poller *p);
/* Asks everything soon (spread over half a second); at most once a second, more often is ignored. */
void poller_now(struct poller *p);

/* Asks these nodes (indices) now: what an operation needs to know. The caller bounds how often. */
void poller_ask(struct poller *p, const size_t *nodes, size_t n, enum poller_what what);

struct poller_stats {
	uint64_t polls, failures, skipped; /* skipped: the previous poll of the lane was still under way */
	size_t under_way;
	double late_p50_ms, late_p99_ms; /* of the newest 4096 polls; NAN before the first */
};
void poller_read_stats(const struct poller *p, struct poller_stats *out);
/* OpenMetrics lines. */
void poller_metrics(const struct poller *p, struct buf *out);

#endif
