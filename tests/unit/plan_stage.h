/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PLAN_STAGE_H
#define TESTS_UNIT_PLAN_STAGE_H

#include "backend/planner.h"
#include "core/json.h"

/*
 * The fleet of a case in tests/gates: five PoPs where all is well, changed by what the case says (tests/gates/README.md).
 * Facts go through the verdicts as they do in the backend. A driver of its own, "plain", acts upon them.
 */
struct plan_stage {
	struct fleet *fleet;
	struct mono now;
	struct wall wall;
	double *peaks;
	double *drills;
	size_t n_ops;
	struct gate_op ops[32];
	struct gate_scope scope;
	char by[65];
	enum tri actor;
	bool is_planning;
	const char *own_op;
};

/* Borrows the case, which must live as long. */
void plan_stage_open(struct plan_stage *s, const struct json *c);
void plan_stage_close(struct plan_stage *s);
/* Input for planner_make. */
void plan_stage_fill(const struct plan_stage *s, const struct plan_request *r, struct planner_input *out);

const struct driver *plan_stage_find(const char *name);

#endif
