/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ENGINE_H
#define BACKEND_ENGINE_H

#include "backend/actor.h"
#include "backend/auth.h"
#include "backend/ledger.h"
#include "backend/planner.h"

/*
 * The engine: owns plans and operations, takes them through operation_step and performs the effects. It decides nothing
 * that gates and planner do not say, and does nothing that the ledger did not take first. No I/O of its own: clock,
 * fleet, ledger's disk, actors and polls are given, so that the simulator in tests/sim runs this very code.
 */
struct engine;

struct engine_times {       /* milliseconds; ENGINE_TIMES_DEFAULT for all but tests */
	int64_t plan, approval; /* life of a plan, and of one that waits for another person */
	int64_t probe;          /* to re-read the nodes after the confirmation */
	int64_t apply, settle, keep, undo, inspect;
	int64_t prefer;         /* at most so long in prefer-away before the rate must have fallen */
	int64_t measure;        /* at most so long until all evidence agrees */
	int64_t retry;          /* at most so long between two tries to undo or to read nodes that do not answer */
	unsigned undo_tries;    /* to undo, then a person is needed */
	unsigned confirm_s;     /* after which a node undoes by itself what was not kept */
};
#define ENGINE_TIMES_DEFAULT { .plan = PLAN_LIFE_MS, .approval = 600000, .probe = 15000, .apply = 15000, .settle = 12000, \
	.keep = 10000, .undo = 20000, .inspect = 20000, .prefer = 60000, .measure = 120000, .retry = 300000, .undo_tries = 7, .confirm_s = 45 }

struct engine_env {
	void *arg;
	struct mono (*now)(void *arg);
	struct wall (*wall)(void *arg);
	const struct fleet *(*fleet)(void *arg);
	/* Asks these nodes (indices) to be polled now, whole or for their sessions and wire alone. */
	void (*poll)(void *arg, const size_t *nodes, size_t n, enum poller_what what);
	/* Holds, intent and phase of a PoP have changed: the state takes them over. */
	void (*set_holds)(void *arg, size_t pop, const struct hold *holds, size_t n, enum announced intent, enum drain_phase phase);
	/* An operation changed: streams and views want to know. */
	void (*told)(void *arg, const struct operation *op);
	/* A line for the timeline. */
	void (*tell)(void *arg, const char *kind, enum verdict severity, const char *pop, const char *text);
	/* Highest rate of a PoP at this hour last week; NAN unknown. May be NULL. */
	double (*peak_qps)(void *arg, size_t pop);
	/* Any of 2^32 numbers, so that tries of several operations do not fall together. May be NULL: no jitter. */
	uint32_t (*random)(void *arg);
	poller_find_fn *find;
	struct actor_port actors;
	struct engine_times times;
};

/* Takes the ledger as it was folded: open operations are UNKNOWN until their nodes were read. Borrows the ledger. */
struct engine *engine_new(const struct engine_env *env, struct ledger *ledger);
void engine_free(struct engine *e); /* ends actors; operations stay open on disk */
/* Fleet file replaced: holds and intents are set anew; plans not confirmed yet expire; operations go on with the policy
 * frozen in their plan. */
void engine_reload(struct engine *e);
/* Looks at everything again: deadlines, evidence, leases. Call when facts came in and when engine_next says so. */
void engine_turn(struct engine *e);
/* When the next deadline falls; zero: none. */
struct mono engine_next(const struct engine *e);
/* From the actor port. */
void engine_actor_event(struct engine *e, const char *op, const struct actor_event *event);

/* Makes a plan; its operation is CHECKED or REFUSED. Borrowed until the next call. NULL with the reason. */
const struct operation *engine_plan(struct engine *e, const struct plan_request *request, const struct account *who, struct err *err);

struct engine_confirm {
	const char *hash;  /* of the bytes that were shown */
	const char *typed; /* what the person typed (plan_typed_text) */
	const char *key;   /* idempotency key, 8..64 characters of [A-Za-z0-9_-] */
};
/* Confirms: same key and same body give the same answer again; same key and another body is an error (USAGE); a plan
 * that is too old or whose basis has changed is a CONFLICT that says what changed. */
const struct operation *engine_confirm(struct engine *e, const char *id, const struct engine_confirm *c,
	const struct account *who, struct err *err);
const struct operation *engine_approve(struct engine *e, const char *id, const char *hash, const struct account *who, struct err *err);
/* Before anything was changed: calls it off. Later (a drain): undoes it. */
const struct operation *engine_cancel(struct engine *e, const char *id, const struct account *who, struct err *err);
/* Takes an unconfirmed operation as done: a person says so, and is named. */
const struct operation *engine_accept(struct engine *e, const char *id, const struct account *who, struct err *err);
/* Prolongs the lease of an operation's hold, counted from now. */
const struct operation *engine_extend(struct engine *e, const char *id, int64_t lease_s, const struct account *who, struct err *err);

/* Operations, newest last, open ones always among them; plans that were never confirmed too. Borrowed until the next call. */
size_t engine_operations(const struct engine *e, const struct operation **out, size_t max);
const struct operation *engine_find(const struct engine *e, const char *id);
/* The canonical bytes of a plan, and whether the actor could act: "connecting", "ready", or why not. */
struct slice engine_plan_bytes(const struct engine *e, const char *id);
enum tri engine_actor_state(const struct engine *e, const char *id, const char **text);
const struct hold *engine_holds(const struct engine *e, size_t *n);
/* 0 when acting is possible at all; else why not (ledger damaged, disk full). */
int engine_check(const struct engine *e, struct err *err);

#endif
