/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_PLANNER_H
#define BACKEND_PLANNER_H

#include "backend/poller.h"
#include "core/plan.h"

/*
 * Makes plans: what was asked for, the fleet as it stands, the drivers' steps and the gates' words become one struct
 * plan. Pure but for reading the fleet; no I/O, no clock.
 */

/* What a person or a script asks for; texts are bounded and sanitised by planner_check. */
struct plan_request {
	enum op_verb verb;
	enum op_mode mode;
	size_t n_targets;
	char targets[OP_TARGETS_MAX][FLEET_NAME_MAX];
	char hold[OP_ID_SIZE];  /* undrain: only this hold; "": the caller's own, or the only one */
	char reason[OP_REASON_SIZE], ticket[OP_TICKET_SIZE];
	enum hold_kind kind;
	int64_t lease_s;        /* 0: none; at most 7 days (SAFETY model B6) */
	bool is_auto_undrain;
};
/* Reads the body of POST /v1/plans; unknown keys, unknown PoPs, an empty or doubled list, a missing reason are errors
 * that say what is allowed. */
int plan_request_read(const struct json *body, const struct fleet *f, struct plan_request *out, struct err *err);

struct planner_input {
	const struct fleet *fleet;
	const struct plan_request *request;
	poller_find_fn *find;       /* drivers by name */
	const struct gate_scope *scope;
	size_t n_ops;
	const struct gate_op *ops;
	const double *peak_qps;     /* per PoP, or NULL */
	const double *drill_age_s;  /* per PoP, or NULL */
	const char *id, *by;
	const char *own_op;         /* when planning again for this operation; NULL else */
	size_t first_target;        /* planning again in the middle of an operation: those before are done */
	size_t first_phase;
	enum tri actor;
	const char *actor_text;
	bool is_planning;
	struct mono now;
	struct wall wall;           /* becomes plan.created */
};
/* The plan with its gates, whatever they say; NULL with the reason only when nothing can be planned at all. */
struct plan *planner_make(const struct planner_input *in, struct err *err);

/* The steps of one node towards a goal, from the facts of `node`: what planner and actor both do, so that the actor can
 * compare. 0, or -1 with the driver's sentence. */
int planner_node_steps(const struct node *node, poller_find_fn *find, enum op_verb verb, enum announced goal,
	struct steps *out, struct err *err);
/* Do the facts of a node settle the goal? */
bool planner_node_settled(const struct node *node, poller_find_fn *find, enum op_verb verb, enum announced goal);

/* Has the node to do with a prefix when it comes back? One that only ever announced IPv6 is not asked for IPv4. */
bool planner_is_concerned(const struct node *node, poller_find_fn *find, const struct prefix *prefix);
/* The hold that an undrain of this PoP releases: the one named, else the caller's own, else the only one; *out is NULL when
 * the PoP has none. -1 when that is not clear, with the list of its holds. */
int planner_find_hold(const struct pop *p, const char *id, const char *by, const struct hold **out, struct err *err);

/* First word of the lines of a drain's basis that say which session carried which prefix when it was planned:
 * "carries NODE PREFIX SESSION announced". */
#define PLANNER_CARRIES "carries"

#endif
