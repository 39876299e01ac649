/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOOLS_SIM_ACT_H
#define TESTS_TOOLS_SIM_ACT_H

#include "core/clock.h"
#include "core/fleet.h"
#include "core/json.h"

/*
 * The acting half of a simulated agent: POST /v1/act as docs/agent.md defines it, an implementation of its own, so that
 * a misunderstanding between backend and document shows.
 */
struct sim_act {
	uint64_t number, applied;
	enum sim_act_state { SIM_ACT_NONE, SIM_ACT_PENDING, SIM_ACT_KEPT, SIM_ACT_UNDONE, SIM_ACT_FAILED } state;
	enum announced undo_goal; /* of what was applied */
	bool is_armed;
	struct mono due;          /* when it undoes by itself */
	bool undo_fails;          /* incident */
};

/* Carries out an order and writes the answer. *goal becomes what the wire shall be now, ANNOUNCED_UNKNOWN: as it is.
 * -1 when it is no order at all, with a sentence. */
int sim_act_take(struct sim_act *a, const struct json *order, const char *node, struct mono now, enum announced *goal,
	struct buf *answer, struct err *err);
/* Time went on; what the wire shall be now. */
enum announced sim_act_tick(struct sim_act *a, struct mono now);
const char *sim_act_state_name(enum sim_act_state s);

#endif
