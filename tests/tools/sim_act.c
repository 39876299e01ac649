/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to a simulated agent. Written from docs/agent.md and from nothing of the backend: numbers that only rise, an
 * order that is carried out once however often it comes, a dead-man that takes back what was not kept. Pure: it is told
 * the time and says what the wire shall be; sim.c makes it so, or lies. Called by sim.c.
 */
#include "sim_act.h"

#include <string.h>

struct order {
	struct slice kind;
	uint64_t number;
	enum announced goal, undo_goal;
	int64_t confirm_s;
	size_t n_prefixes;
};

struct outcome {
	const char *result;
	const char *text;
	enum announced goal;
};

const char *
sim_act_state_name(enum sim_act_state s)
{
	static const char *const names[] = { "none", "pending", "kept", "undone", "failed" };
	return names[s];
}

static int
read_goal(const struct json *o, const char *key, enum announced *out, struct err *err)
{
	struct slice word = { "", 0 };
	char text[32];
	*out = ANNOUNCED_UNKNOWN;
	if (json_want_text(o, key, sizeof text - 1, &word, err) == -1)
		return -1;
	slice_copy(word, text, sizeof text);
	if (word.len > 0)
		*out = announced_parse(text);
	if (word.len > 0 && *out == ANNOUNCED_UNKNOWN)
		return err_set(err, ERR_USAGE, "%s: '%s'; allowed: announced, prefer-away, withdrawn", key, text);
	return 0;
}

static int
read_order(const struct json *o, const char *node, struct order *out, struct err *err)
{
	struct slice name;
	const struct json *prefixes;
	int64_t version, number;
	if (json_need_int(o, "act", 1, 1, &version, err) == -1 || json_need_text(o, "order", 16, &out->kind, err) == -1 ||
		json_need_text(o, "node", 64, &name, err) == -1 || json_need_int(o, "number", 0, INT64_MAX, &number, err) == -1 ||
		json_need_int(o, "confirm_s", 0, 86400, &out->confirm_s, err) == -1 ||
		json_need_array(o, "prefixes", 4096, &prefixes, err) == -1 || read_goal(o, "goal", &out->goal, err) == -1 ||
		read_goal(o, "undo_goal", &out->undo_goal, err) == -1)
		return -1;
	if (!slice_equal(name, node))
		return err_set(err, ERR_USAGE, "node: this is %s, the order is for %.*s", node, (int)name.len, name.data);
	for (size_t i = 0; i < json_length(prefixes); i++) {
		struct prefix p;
		if (prefix_parse(json_slice(json_at(prefixes, i)), &p, err) == -1)
			return -1;
	}
	out->number = (uint64_t)number;
	out->n_prefixes = json_length(prefixes);
	return 0;
}

static struct outcome
fails(const char *text)
{
	return (struct outcome){ "failed", text, ANNOUNCED_UNKNOWN };
}

static struct outcome
does(const char *text, enum announced goal)
{
	return (struct outcome){ "done", text, goal };
}

static const struct outcome superseded = { "superseded", "a higher number was seen here", ANNOUNCED_UNKNOWN };

static struct outcome
apply(struct sim_act *a, const struct order *o, struct mono now)
{
	if (o->number == a->number && o->number == a->applied)
		return a->state == SIM_ACT_PENDING || a->state == SIM_ACT_KEPT ? does("carried out before", ANNOUNCED_UNKNOWN) :
			fails("carried out before");
	if (o->number <= a->number)
		return superseded;
	if (o->goal == ANNOUNCED_UNKNOWN || o->n_prefixes == 0)
		return fails("an order to apply needs a goal and prefixes");
	a->number = a->applied = o->number;
	a->undo_goal = o->undo_goal;
	a->is_armed = o->confirm_s > 0;
	a->due = mono_add_ms(now, o->confirm_s * 1000);
	a->state = a->is_armed ? SIM_ACT_PENDING : SIM_ACT_KEPT;
	return does("done", o->goal);
}

static struct outcome
keep(struct sim_act *a, const struct order *o)
{
	if (o->number != a->applied)
		return o->number < a->number ? superseded : fails("that number was never applied");
	if (a->state != SIM_ACT_PENDING && a->state != SIM_ACT_KEPT)
		return fails("it is undone already");
	a->state = SIM_ACT_KEPT;
	a->is_armed = false;
	return does("kept", ANNOUNCED_UNKNOWN);
}

static struct outcome
undo(struct sim_act *a, const struct order *o)
{
	if (o->number == a->number && a->state == SIM_ACT_UNDONE)
		return does("carried out before", ANNOUNCED_UNKNOWN);
	if (o->number <= a->number)
		return superseded;
	a->number = o->number;
	a->is_armed = false;
	a->state = a->undo_fails ? SIM_ACT_FAILED : SIM_ACT_UNDONE;
	if (a->undo_fails)
		return fails("the daemon does not take the old state");
	return does("undone", o->undo_goal);
}

static struct outcome
inspect(struct sim_act *a, const struct order *o)
{
	if (o->number < a->number)
		return superseded;
	a->number = o->number;
	return does("", ANNOUNCED_UNKNOWN);
}

int
sim_act_take(struct sim_act *a, const struct json *order, const char *node, struct mono now, enum announced *goal,
	struct buf *answer, struct err *err)
{
	struct order o;
	struct outcome out;
	if (read_order(order, node, &o, err) == -1)
		return -1;
	if (slice_equal(o.kind, "check"))
		out = does("orders are taken", ANNOUNCED_UNKNOWN);
	else if (slice_equal(o.kind, "apply"))
		out = apply(a, &o, now);
	else if (slice_equal(o.kind, "keep"))
		out = keep(a, &o);
	else if (slice_equal(o.kind, "undo"))
		out = undo(a, &o);
	else if (slice_equal(o.kind, "inspect"))
		out = inspect(a, &o);
	else
		return err_set(err, ERR_USAGE, "order: allowed are check, apply, keep, undo, inspect");
	struct json_writer w = JSON_WRITER(answer);
	json_begin_object(&w);
	json_put_int(&w, "act", 1);
	json_put_text(&w, "result", out.result);
	json_put_int(&w, "number", (int64_t)a->number);
	json_put_int(&w, "applied", (int64_t)a->applied);
	json_put_text(&w, "state", sim_act_state_name(a->state));
	json_put_text(&w, "text", out.text);
	json_end_object(&w);
	*goal = out.goal;
	return 0;
}

enum announced
sim_act_tick(struct sim_act *a, struct mono now)
{
	if (!a->is_armed || mono_ms_since(now, a->due) < 0)
		return ANNOUNCED_UNKNOWN;
	a->is_armed = false;
	a->state = a->undo_fails ? SIM_ACT_FAILED : SIM_ACT_UNDONE;
	return a->undo_fails ? ANNOUNCED_UNKNOWN : a->undo_goal;
}
