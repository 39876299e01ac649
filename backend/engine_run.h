/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ENGINE_RUN_H
#define BACKEND_ENGINE_RUN_H

#include "backend/engine.h"
#include "backend/evidence.h"

/*
 * Inside of the engine: one plan or operation on its way (struct run), and the parts of the engine that look at it.
 * Included by engine*.c only.
 */

enum seen { SEEN_NONE, SEEN_IS_KEPT, SEEN_IS_NOT, SEEN_IS_MIXED, SEEN_IS_PENDING }; /* what INSPECT found */

struct run {
	struct operation op;
	struct plan_request request;
	struct account who;       /* who planned it */
	struct mono deadline;     /* of the present state; zero: none */
	struct mono entered;      /* when the present state began */
	struct mono sent;         /* when the newest steps were sent */
	struct mono next_poll;
	bool has_actor;
	enum tri actor;           /* could it act? */
	char actor_text[OP_TEXT_SIZE];
	unsigned actor_starts;    /* anew since the newest apply, in the place of lost ones */
	enum seen seen;           /* of the newest INSPECT */
	struct mono inspected;
	bool was_dark;            /* a node of the PoP was out of sight when the newest try came to nothing */
	struct evidence_watch watch;
	struct evidence_baseline baseline; /* of the PoP that is undrained */
	size_t baseline_of;                /* index of that PoP + 1; 0: not looked up */
	struct mono forget;       /* final: when it leaves the list */
	bool is_halted;           /* open, and its record was not taken: no turn tries again by itself */
};

struct engine {
	struct engine_env env;
	struct ledger *ledger;
	size_t n_runs, cap_runs;
	struct run **runs;
	struct warned { /* leases that were told about */
		char hold[OP_ID_SIZE];
		unsigned stage;
	} *warned;
	size_t n_warned, cap_warned;
	bool is_inside;  /* a turn is under way: events are not nested */
};

struct run *engine_run_find(const struct engine *e, const char *id);
struct op_target *run_target(struct run *r);
/* Goal on the wire in the present phase. */
enum announced run_goal(const struct run *r);
/* Index of the PoP that is worked on, or SIZE_MAX when the fleet file has lost it. */
size_t run_pop(const struct engine *e, const struct run *r);
/* True if it is an undrain that leaves other holds on its PoP: nothing is changed on nodes. */
bool run_is_release_only(const struct engine *e, const struct run *r);
/* Is there anything to be done on nodes by this order in the present phase (or in those before, for an undo)? */
bool run_has_steps(const struct run *r, enum act_order order);
void run_evidence_input(const struct engine *e, const struct run *r, struct evidence_input *in);
/* Takes an event; returns false when it means nothing in the present state. */
bool run_raise(struct engine *e, struct run *r, enum op_event event);
void run_say(struct run *r, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Has an actor connect and check where none runs; what comes of it is told by `actor` and `actor_text`. */
void run_start_actor(struct engine *e, struct run *r);
/* The nodes did not answer: nothing is held for them until the deadline, when they are asked again. */
void run_wait_for_retry(struct engine *e, struct run *r);
void run_end_actor(struct engine *e, struct run *r);
/* Asks the nodes of the PoP that is worked on, witnesses and vantages now. */
void run_poll(struct engine *e, struct run *r);
/* Does the plan still rest on what is so? GATES_HOLD, or GATE_REFUSED or MOVED_ON with the reason said in the run. */
enum op_event run_judge_again(struct engine *e, struct run *r, bool is_planning);

/* What time and facts make of a run; called every turn. */
void run_turn(struct engine *e, struct run *r);

/* Makes the plan of a run anew from the fleet as it is. */
struct plan *run_plan_again(struct engine *e, const struct run *r, bool is_planning, struct err *err);
/* Holds, intents and phases of every PoP, out of ledger and runs, into the state. */
void engine_publish(struct engine *e);
/* Leases that run out: warnings, and the undrain that was asked for. */
void engine_leases(struct engine *e);
/* Who records: the account of a run. */
struct ledger_actor run_actor(const struct run *r, char roles[64]);

#endif
