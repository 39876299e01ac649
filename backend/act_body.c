/* SPDX-License-Identifier: Apache-2.0
 *
 * The orders of act_script.h as the JSON that an agent takes (docs/agent.md, POST /v1/act). What a step of an agent does
 * is no command but a goal, so an order carries the goal of its last step, what its first one returns to, and the
 * prefixes; the plan is named by its hash, for the agent's own log. Numbers, states and results are those of the script.
 * Pure. Called by actor_work.c.
 */
#include <string.h>

#include "backend/act_script.h"
#include "core/text.h"

#define BODY_VERSION 1

static void
put_goal(struct json_writer *w, const char *key, enum announced goal)
{
	json_put_text(w, key, goal == ANNOUNCED_UNKNOWN ? NULL : announced_name(goal));
}

static void
put_plan(struct json_writer *w, const struct plan *plan)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	char hash[65];
	plan_write(plan, &bytes);
	plan_hash(buf_slice(&bytes), hash);
	buf_done(&bytes);
	json_put_text(w, "plan", hash);
	json_key(w, "prefixes");
	json_begin_array(w);
	for (size_t i = 0; i < plan->n_prefixes; i++) {
		char text[PREFIX_TEXT_MAX];
		prefix_format(&plan->prefixes[i].prefix, text);
		json_add_text(w, text);
	}
	json_end_array(w);
}

void
act_body_write(const struct act_job *job, const struct plan *plan, struct json_writer *w)
{
	bool has_steps = job->n_steps > 0;
	json_begin_object(w);
	json_put_int(w, "act", BODY_VERSION);
	json_put_text(w, "order", act_order_name(job->order));
	json_put_text(w, "fleet", job->fleet);
	json_put_text(w, "node", job->node);
	json_put_int(w, "number", (int64_t)job->number);
	put_goal(w, "goal", has_steps ? job->steps[job->n_steps - 1]->apply.goal : ANNOUNCED_UNKNOWN);
	put_goal(w, "undo_goal", has_steps ? job->steps[0]->undo.goal : ANNOUNCED_UNKNOWN);
	json_put_int(w, "confirm_s", job->confirm_s);
	put_plan(w, plan);
	json_end_object(w);
}

int
act_body_read(const struct json *object, struct act_answer *answer, struct err *err)
{
	struct slice result, state, text = { "", 0 };
	int64_t version, number, applied;
	memset(answer, 0, sizeof *answer);
	if (json_need_int(object, "act", 1, INT32_MAX, &version, err) == -1)
		return -1;
	if (version != BODY_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "act: is version %lld, version %d is read here", (long long)version, BODY_VERSION);
	if (json_need_text(object, "result", 16, &result, err) == -1 ||
		json_need_int(object, "number", 0, INT64_MAX, &number, err) == -1 ||
		json_need_int(object, "applied", 0, INT64_MAX, &applied, err) == -1 ||
		json_need_text(object, "state", 16, &state, err) == -1 || json_want_text(object, "text", 4096, &text, err) == -1)
		return -1;
	if (act_result_parse(result, answer) == -1)
		return err_set(err, ERR_BAD_REPLY, "result: allowed are done, superseded, failed");
	if (act_state_parse(state, &answer->state) == -1)
		return err_set(err, ERR_BAD_REPLY, "state: allowed are none, pending, kept, undone, failed");
	answer->number = (uint64_t)number;
	answer->applied = (uint64_t)applied;
	text_sanitise_to(text, answer->text, sizeof answer->text);
	return 0;
}
