/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACTOR_WIRE_H
#define BACKEND_ACTOR_WIRE_H

#include "backend/actor.h"
#include "core/json.h"

/*
 * What backend and actor say to each other: one JSON object a line. The first line to the actor brings the plan and is
 * the order to check; every later one is an order. Each order has an id and is answered once, by an event of that id.
 * Pure; both sides believe nothing of the other without reading it strictly.
 */
#define ACTOR_LINE_MAX (8u << 20)

struct actor_order {
	uint64_t id;          /* rises from 1 */
	enum act_order order; /* ACT_CHECK: `plan` is there, the rest is not */
	char op[OP_ID_SIZE];
	struct slice plan;    /* borrowed */
	char hash[65];        /* not ACT_CHECK: SHA-256 of the plan's bytes, which names it */
	char pop[FLEET_NAME_MAX];
	size_t phase;
	uint64_t number;
	unsigned confirm_s;
};
/* Appends a line with its newline; -1 when it would be longer than ACTOR_LINE_MAX. */
int actor_order_write(const struct actor_order *o, struct buf *out, struct err *err);
/* Reads a line; `plan` borrows from *doc, which the caller frees. */
int actor_order_read(struct slice line, struct actor_order *o, struct json_doc **doc, struct err *err);

int actor_event_write(uint64_t id, const struct actor_event *e, struct buf *out, struct err *err);
/* Reads a line; everything in the event borrows from the arena. */
int actor_event_read(struct slice line, struct arena *a, uint64_t *id, struct actor_event *e, struct err *err);

/* "apply" */
const char *actor_order_name(enum act_order order);
/* The event that answers an order. */
enum actor_event_kind actor_event_of(enum act_order order);

/* Milliseconds that the actor gives itself for an order, from its arrival to its answer. */
int64_t actor_order_ms(enum act_order order);

/* An actor's folder for control sockets of the system's ssh, STATE/act-PID: made and removed by itself, and by the
 * backend when it was killed. */
void actor_folder_name(const char *state_dir, pid_t pid, char *out, size_t size);
void actor_folder_remove(const char *path);

#endif
