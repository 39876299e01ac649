/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACTOR_READ_H
#define BACKEND_ACTOR_READ_H

#include "backend/poller.h"

/*
 * Reads one node anew, all that a change of it rests on: the probes of its BGP driver (or agent), asked in rounds until
 * each has had what it needed to ask. The node's facts are then those of this reading and nothing older.
 */

/* Called once, from the loop. An error: the node could not be read, its facts are not to be used. */
typedef void actor_read_fn(void *arg, const struct err *err);

void actor_read(struct loop *l, struct transport *t, poller_find_fn *find, struct node *node, struct mono deadline,
	actor_read_fn *done, void *arg);

#endif
