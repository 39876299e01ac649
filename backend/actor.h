/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACTOR_H
#define BACKEND_ACTOR_H

#include "backend/act_script.h"
#include "core/loop.h"

/*
 * The actor: the only process that can change anything. `catchmentd --actor` is started by the backend for one operation
 * and ends with it; it alone opens the act key (and agents' act tokens), connects while the prompt is read, and obeys
 * orders that name the plan by its hash. It makes the steps anew from what it reads at the nodes itself (drivers' probes
 * over the act key's session) and refuses when they are not the plan's, byte for byte. When its standard input closes it
 * stops at once: what was not kept, the nodes undo by themselves.
 *
 * Backend and actor speak one JSON object a line over the child's standard input and output, 8 MiB at most
 * (backend/actor_wire.h).
 */

/* The engine's side. One event per order; never from inside a call. */
enum actor_event_kind {
	ACTOR_CHECKED,   /* ok: every node could be changed now */
	ACTOR_APPLIED, ACTOR_KEPT, ACTOR_UNDONE, ACTOR_INSPECTED,
	ACTOR_LOST       /* the process ended, was killed, or spoke nonsense; no more events follow */
};
struct actor_node_result {
	const char *node;
	enum err_code code;   /* ERR_OK: done */
	bool is_unknown;      /* the order may have reached the node and its answer is lost: it was done, or not. False beside
	                       * a code: nothing was changed by this order, or `answer` says what was */
	struct act_answer answer; /* INSPECTED: the state found; text is the evidence */
};
struct actor_event {
	enum actor_event_kind kind;
	const char *pop;      /* of the order; "" for CHECKED and LOST */
	uint64_t number;
	bool is_ok;           /* every node did it */
	size_t n_nodes;
	const struct actor_node_result *nodes;
	const char *text;     /* one sentence */
};
typedef void actor_event_fn(void *arg, const char *op, const struct actor_event *event);

/* How the engine reaches actors; the real one is actor_port_new, the simulator brings its own. Nothing blocks. */
struct actor_port {
	/* Starts an actor for an operation and has it connect and check; one that runs for it already is ended first. -1:
	 * could not be started. */
	int (*start)(void *arg, const char *op, struct slice plan, struct err *err);
	/* Orders one PoP: all its nodes together. `phase`: which steps. confirm_s only for ACT_APPLY. */
	void (*order)(void *arg, const char *op, enum act_order order, const char *pop, size_t phase, uint64_t number,
		unsigned confirm_s);
	/* Closes its input; it ends. No more events. NULL-safe for unknown ids. */
	void (*end)(void *arg, const char *op);
	void *arg;
};

#define ACTORS_MAX 16 /* at once; another start is BUSY */

/* Real actors: children of this process. `config` and `state_dir` as given to catchmentd. Fills *port. */
struct actors;
struct actors *actors_new(struct loop *l, const char *config, const char *state_dir, actor_event_fn *fn, void *arg,
	struct actor_port *port);
void actors_free(struct actors *a); /* closes every input and waits for none */
/* Gives every order this long instead of its own time; 0: its own time again. For tests of actors that are stuck. */
void actors_set_patience(struct actors *a, int64_t ms);

/* The child's main: reads orders from standard input until it closes. Exit status. */
int actor_main(const char *config, const char *state_dir);

#endif
