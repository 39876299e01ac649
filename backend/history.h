/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_HISTORY_H
#define BACKEND_HISTORY_H

#include "backend/state.h"
#include "backend/store.h"
#include "core/loop.h"

/*
 * Feeds the store from the state: samples of every PoP and member node, events, the last good facts; and gives those
 * facts and the newest events back at start. The store stays its opener's; a failing store is told once as an event, and
 * once when it is well again.
 */
struct history;

struct history_conf {
	struct loop *loop; /* NULL: no timer, the caller calls history_tick about once a second */
	struct state *state;
	struct store *store;
	/* Intervals in milliseconds; 0 takes the value of history.c. */
	int64_t sample_ms; /* 10 s between samples of a node */
	int64_t keep_ms;   /* 60 s between writings of a node's facts */
};
/* Watches the state and restores kept facts into it. */
struct history *history_new(const struct history_conf *conf, struct mono now, struct wall wall);
/* Keeps all facts and commits. */
void history_free(struct history *h, struct mono now, struct wall wall);
/* One second's work: samples and facts that are due, one commit. */
void history_tick(struct history *h, struct mono now, struct wall wall);

#endif
