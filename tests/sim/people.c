/* SPDX-License-Identifier: Apache-2.0
 *
 * The people of the simulated world: two operators who plan, confirm, call off, accept and prolong as they come, an
 * approver, and an observer who tries what is not hers. They forget plans, confirm late, twice, or with the wrong word.
 * What is refused stays refused; what they did is remembered for the oracles.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

static const struct person people[PEOPLE] = {
	{ "alice", CONF_OPERATOR },
	{ "bob", CONF_OPERATOR },
	{ "carol", CONF_APPROVER },
	{ "eve", CONF_OBSERVER },
};

struct account
person_account(size_t who)
{
	struct account a = { .method = AUTH_UID, .roles = 1u << people[who].role };
	snprintf(a.name, sizeof a.name, "%s", people[who].name);
	snprintf(a.peer, sizeof a.peer, "uid %zu", 1000 + who);
	return a;
}

size_t
person_find(const char *name)
{
	size_t i = 0;
	while (i < PEOPLE - 1 && strcmp(people[i].name, name) != 0)
		i++;
	return i;
}

static void
refused(struct world *w, const char *what, const struct err *err)
{
	w->n_refused++;
	say(w, "%s is refused: %s", what, err->text);
}

static void
remember(struct world *w, const struct operation *op, size_t who)
{
	struct sim_op *mine = op_find(w, op->id);
	if (!mine)
		return;
	mine->by = who;
	snprintf(mine->hash, sizeof mine->hash, "%s", op->hash);
	snprintf(mine->key, sizeof mine->key, "key-of-%.16s", op->id);
}

static void
plan(struct world *w, size_t who, enum op_verb verb, size_t pop)
{
	struct chance *c = &w->chance;
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	struct plan_request q = { .verb = verb, .n_targets = 1, .reason = "line card" };
	if (w->n_ops + 4 >= OPS_SIM)
		return;
	if (verb == OP_DRAIN && chance_below(c, 3) == 0)
		q.mode = OP_PREFER_AWAY;
	if (verb == OP_DRAIN && chance_below(c, 3) == 0) {
		q.lease_s = 60 + (int64_t)chance_below(c, 120);
		q.is_auto_undrain = chance_below(c, 2);
	}
	snprintf(q.targets[0], sizeof q.targets[0], "%s", pop_name(pop));
	if (verb == OP_DRAIN && chance_below(c, 6) == 0) {
		q.n_targets = 2;
		snprintf(q.targets[1], sizeof q.targets[1], "%s", pop_name((pop + 1) % w->n_pops));
	}
	const struct operation *op = engine_plan(w->engine, &q, &a, &err);
	if (w->is_crashing)
		return;
	if (!op) {
		refused(w, "a plan", &err);
		return;
	}
	if (people[who].role != CONF_OPERATOR)
		broken(w, "I9", "%s planned", people[who].name);
	remember(w, op, who);
	say(w, "%s plans to %s %s: %s %s %s", a.name, op_verb_name(verb), pop_name(pop), op->id, op_state_name(op->state), op->text);
}

static void
confirm(struct world *w, struct sim_op *mine, size_t who)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	const struct operation *op = engine_find(w->engine, mine->id);
	char typed[OP_TARGETS_MAX * FLEET_NAME_MAX] = "yes", id[OP_ID_SIZE];
	if (!op)
		return;
	if (op->verb == OP_DRAIN)
		snprintf(typed, sizeof typed, "%s%s%s", op->targets[0].pop, op->n_targets > 1 ? " " : "",
			op->n_targets > 1 ? op->targets[1].pop : "");
	if (chance_below(&w->chance, 20) == 0)
		strcpy(typed, "ams fra nyc");
	snprintf(id, sizeof id, "%s", mine->id);
	const struct engine_confirm c = { mine->hash, typed, mine->key };
	/* what follows may be told before this returns */
	bool was_confirmed = mine->is_confirmed;
	mine->is_confirmed = who == mine->by;
	op = engine_confirm(w->engine, id, &c, &a, &err);
	if (w->is_crashing)
		return;
	if (op && (who != mine->by || people[who].role != CONF_OPERATOR))
		broken(w, "I9", "%s confirmed a plan of %s", people[who].name, people[mine->by].name);
	if (!op) {
		mine->is_confirmed = was_confirmed;
		refused(w, "a confirmation", &err);
		return;
	}
	say(w, "%s confirms %s: %s", a.name, id, op_state_name(op->state));
}

static void
call_off(struct world *w, struct sim_op *mine, size_t who)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	const struct operation *op = engine_cancel(w->engine, mine->id, &a, &err);
	if (w->is_crashing)
		return;
	if (op && people[who].role != CONF_OPERATOR)
		broken(w, "I9", "%s cancelled", people[who].name);
	if (op)
		say(w, "%s calls %s off: %s", a.name, mine->id, op_state_name(op->state));
	else
		refused(w, "to call off", &err);
}

static void
accept_as_is(struct world *w, struct sim_op *mine, size_t who)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	bool was_accepted = mine->is_accepted;
	mine->is_accepted = people[who].role == CONF_OPERATOR;
	const struct operation *op = engine_accept(w->engine, mine->id, &a, &err);
	if (w->is_crashing)
		return;
	if (op && people[who].role != CONF_OPERATOR)
		broken(w, "I9", "%s accepted", people[who].name);
	if (op) {
		say(w, "%s accepts %s: %s", a.name, mine->id, op_state_name(op->state));
	} else {
		mine->is_accepted = was_accepted;
		refused(w, "to accept", &err);
	}
}

static void
approve(struct world *w, struct sim_op *mine, size_t who)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	const struct operation *op = engine_approve(w->engine, mine->id, mine->hash, &a, &err);
	if (w->is_crashing)
		return;
	if (op && (people[who].role == CONF_OBSERVER || who == mine->by))
		broken(w, "I9", "%s approved a plan of %s", people[who].name, people[mine->by].name);
	if (op)
		say(w, "%s approves %s: %s", a.name, mine->id, op_state_name(op->state));
	else
		refused(w, "an approval", &err);
}

static void
prolong(struct world *w, struct sim_op *mine, size_t who)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	const struct operation *op = engine_extend(w->engine, mine->id, 60 + (int64_t)chance_below(&w->chance, 600), &a, &err);
	if (w->is_crashing)
		return;
	if (op && people[who].role != CONF_OPERATOR)
		broken(w, "I9", "%s extended", people[who].name);
}

/* Something that is worth doing to an operation, by its state. */
static void
deal_with(struct world *w, struct sim_op *mine, size_t who)
{
	struct chance *c = &w->chance;
	switch (mine->state) {
	case OP_CHECKED:
		if (chance_below(c, 12) == 0)
			call_off(w, mine, who);
		else
			confirm(w, mine, chance_below(c, 10) ? mine->by : who);
		break;
	case OP_WAITING:
		approve(w, mine, chance_below(c, 4) ? 2 : who);
		break;
	case OP_UNCONFIRMED:
	case OP_STUCK:
		if (chance_below(c, 2))
			accept_as_is(w, mine, who);
		else
			call_off(w, mine, who);
		break;
	case OP_DONE:
		prolong(w, mine, who);
		break;
	default:
		if (chance_below(c, 4) == 0)
			call_off(w, mine, who);
		else if (chance_below(c, 8) == 0)
			confirm(w, mine, mine->by);
		break;
	}
}

/* The flaw: an order that no person stands behind. */
static void
act_unasked(struct world *w)
{
	struct actor_port port = actors_port(w);
	for (size_t i = 0; w->flaw == FLAW_ACTS_UNASKED && i < ACTORS_SIM; i++) {
		if (!w->actors[i].serial || w->actors[i].is_busy)
			continue;
		port.order(w, w->actors[i].op, ACT_APPLY, pop_name(0), 0, 1, 45);
		return;
	}
}

/* One of them does one thing. */
void
people_act(struct world *w)
{
	struct chance *c = &w->chance;
	struct err err = ERR_INIT;
	size_t who = chance_below(c, 12), pop = chance_below(c, w->n_pops);
	who = who < 5 ? 0 : who < 10 ? 1 : who - 8;
	if (engine_check(w->engine, &err) == -1 && chance_below(c, 3) == 0) {
		say(w, "%s restarts the backend: %s", people[who].name, err.text);
		w->is_crashing = true;
		return;
	}
	bool has_open = false;
	act_unasked(w);
	for (size_t i = 0; i < w->n_ops; i++)
		has_open = has_open || (w->ops[i].state != OP_STATE_COUNT && !op_state_is_final(w->ops[i].state));
	if (has_open && chance_below(c, 3)) {
		size_t from = chance_below(c, w->n_ops);
		for (size_t k = 0; k < w->n_ops; k++) {
			struct sim_op *mine = &w->ops[(from + k) % w->n_ops];
			if (mine->state == OP_STATE_COUNT || op_state_is_final(mine->state))
				continue;
			deal_with(w, mine, who);
			break;
		}
	} else if (w->n_ops > 0 && chance_below(c, 10) == 0) {
		deal_with(w, &w->ops[chance_below(c, w->n_ops)], who);
	} else {
		const struct pop *p = &state_fleet(w->state)->pops[pop];
		plan(w, who, p->n_holds > 0 && chance_below(c, 4) ? OP_UNDRAIN : OP_DRAIN, pop);
	}
	if (!w->is_crashing)
		world_wake(w);
}

int
people_tidy_up(struct world *w)
{
	int left = 0;
	struct err err = ERR_INIT;
	struct account a = person_account(0);
	size_t n;
	for (size_t i = 0; i < w->n_ops; i++) {
		struct sim_op *mine = &w->ops[i];
		if (mine->state != OP_UNCONFIRMED && mine->state != OP_STUCK)
			continue;
		left++;
		if (mine->verb == OP_DRAIN)
			call_off(w, mine, 0);
		else
			accept_as_is(w, mine, 0);
	}
	const struct hold *holds = engine_holds(w->engine, &n);
	for (size_t i = 0; left == 0 && n > 0 && i < 1; i++) {
		struct plan_request q = { .verb = OP_UNDRAIN, .n_targets = 1, .reason = "tidy up" };
		snprintf(q.targets[0], sizeof q.targets[0], "%s", holds[0].pop);
		snprintf(q.hold, sizeof q.hold, "%s", holds[0].id);
		left++;
		const struct operation *op = engine_plan(w->engine, &q, &a, &err);
		if (!op) {
			refused(w, "to tidy up", &err);
			continue;
		}
		remember(w, op, 0);
		struct sim_op *mine = op_find(w, op->id);
		say(w, "alice tidies up %s: %s %s", q.targets[0], op_state_name(op->state), op->text);
		if (mine && op->state == OP_CHECKED) {
			const struct engine_confirm c = { mine->hash, "yes", mine->key };
			char id[OP_ID_SIZE];
			snprintf(id, sizeof id, "%s", mine->id);
			mine->is_confirmed = true;
			if (!engine_confirm(w->engine, id, &c, &a, &err))
				refused(w, "to tidy up", &err);
			for (size_t k = 0; k < w->n_ops; k++)
				if (w->ops[k].state == OP_WAITING)
					approve(w, &w->ops[k], 2);
		}
	}
	world_wake(w);
	return left;
}
