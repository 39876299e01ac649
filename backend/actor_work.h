/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACTOR_WORK_H
#define BACKEND_ACTOR_WORK_H

#include "backend/actor_wire.h"
#include "backend/poller.h"
#include "core/http.h"

/*
 * What the actor does: carries orders out on all nodes of a PoP together. It holds the nodes of one plan with the act key
 * in place of the observe key, and the act tokens of agents.
 */
struct crew;

struct crew_conf {
	struct loop *loop;
	struct fleet *fleet; /* borrowed; the nodes of the plan are changed: their key, their facts */
	const struct plan *plan;
	struct transport *transport;
	struct http *http;
	poller_find_fn *find;
	/* Told once an order, never from inside crew_order. */
	void (*told)(void *arg, uint64_t id, const struct actor_event *event);
	void *arg;
};

/* NULL with the reason when fleet file and plan do not belong together. Opens no key file yet, but reads the tokens. */
struct crew *crew_new(const struct crew_conf *conf, struct err *err);
/* After transport and http were freed. */
void crew_free(struct crew *c);
/* No more requests are sent; those under way are still answered. Call before freeing transport and http. */
void crew_stop(struct crew *c);
/* Looks up the names of the plan's nodes, where they are names. Blocks, at most `ms`. */
void crew_resolve(struct crew *c, int64_t ms);
void crew_order(struct crew *c, const struct actor_order *order);

/* Takes out of a text what stands behind words such as password, key or token; in place. */
void actor_redact(char *text);

#endif
