/* SPDX-License-Identifier: Apache-2.0
 *
 * The people of the simulated world: operators who plan, confirm, call off, accept and prolong as they come, an approver,
 * one who is both, one who comes back with a second account to approve what she planned, and an observer who tries what is
 * not hers. They forget plans, confirm late, twice, or with the wrong word, and approve what is not theirs to approve.
 * What is refused stays refused; what they did is remembered for the oracles.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#define OPERATOR (1u << CONF_OPERATOR)
#define APPROVER (1u << CONF_APPROVER)
const struct person people[PEOPLE] = {
	{ "alice", OPERATOR, 0 },
	{ "bob", OPERATOR, 1 },
	{ "carol", APPROVER, 2 },
	{ "eve", 1u << CONF_OBSERVER, 3 },
	{ "dave", OPERATOR | APPROVER, 4 },
	{ "alice-desk", APPROVER, 0 },
};

struct account
person_account(size_t who)
{
	struct account a = { .method = AUTH_UID, .roles = people[who].roles };
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
remember(struct world *w, const struct operation *op, size_t who, bool is_auto_undrain)
{
	struct sim_op *mine = op_find(w, op->id);
	if (!mine)
		return;
	mine->by = who;
	mine->is_auto_undrain = is_auto_undrain;
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
	if (verb == OP_DRAIN && chance_below(c, 2)) {
		q.lease_s = 20 + (int64_t)chance_below(c, 60);
		q.is_auto_undrain = chance_below(c, 3);
	}
	const struct pop *p = &state_fleet(w->state)->pops[pop];
	if (verb == OP_UNDRAIN && p->n_holds > 0 && chance_below(c, 3) == 0)
		snprintf(q.hold, sizeof q.hold, "%s", p->holds[chance_below(c, p->n_holds)].id);
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
	if (!(people[who].roles & OPERATOR))
		broken(w, "I9", "%s planned", people[who].name);
	remember(w, op, who, q.is_auto_undrain);
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
	if (op && (who != mine->by || !(people[who].roles & OPERATOR)))
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
	if (op && !(people[who].roles & OPERATOR))
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
	mine->is_accepted = (people[who].roles & OPERATOR) != 0;
	const struct operation *op = engine_accept(w->engine, mine->id, &a, &err);
	if (w->is_crashing)
		return;
	if (op && !(people[who].roles & OPERATOR))
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
	bool is_other_plan = chance_below(&w->chance, 15) == 0, was_approved = mine->is_approved;
	bool may = (people[who].roles & (OPERATOR | APPROVER)) && people[who].human != people[mine->by].human && !is_other_plan;
	char hash[sizeof mine->hash];
	snprintf(hash, sizeof hash, "%s", is_other_plan ? "00" : mine->hash);
	mine->is_approved = mine->is_approved || may;
	const struct operation *op = engine_approve(w->engine, mine->id, hash, &a, &err);
	if (w->is_crashing)
		return;
	if (op && !may)
		broken(w, "I9", "%s approved a plan of %s%s", people[who].name, people[mine->by].name, is_other_plan ? " by the hash of another" : "");
	if (op) {
		w->n_approved++;
		say(w, "%s approves %s: %s", a.name, mine->id, op_state_name(op->state));
	} else {
		mine->is_approved = was_approved;
		refused(w, "an approval", &err);
	}
}

/* By the hold's own name, or that of the operation that added it. */
static void
prolong(struct world *w, size_t who, const char *id)
{
	struct err err = ERR_INIT;
	struct account a = person_account(who);
	char text[OP_ID_SIZE];
	snprintf(text, sizeof text, "%s", id);
	const struct operation *op = engine_extend(w->engine, text, 60 + (int64_t)chance_below(&w->chance, 600), &a, &err);
	if (w->is_crashing)
		return;
	if (op && !(people[who].roles & OPERATOR))
		broken(w, "I9", "%s extended", people[who].name);
	if (op)
		say(w, "%s prolongs the lease of %s", a.name, text);
	else
		refused(w, "to prolong", &err);
}

/* Something that is worth doing to an operation, by its state. */
static void
deal_with(struct world *w, struct sim_op *mine, size_t who)
{
	struct chance *c = &w->chance;
	const struct operation *op = engine_find(w->engine, mine->id);
	bool is_by_lease = op && op->verb == OP_UNDRAIN && !mine->is_confirmed && mine->state != OP_CHECKED;
	if (is_by_lease && chance_below(c, 3) == 0) {
		prolong(w, who, op->targets[0].hold);
		return;
	}
	switch (mine->state) {
	case OP_CHECKED:
		if (chance_below(c, 12) == 0)
			call_off(w, mine, who);
		else
			confirm(w, mine, chance_below(c, 10) ? mine->by : who);
		break;
	case OP_WAITING:
		if (chance_below(c, 10) == 0)
			call_off(w, mine, who);
		else
			approve(w, mine, chance_below(c, 2) ? 2 : chance_below(c, 2) ? chance_below(c, PEOPLE) : 5);
		break;
	case OP_UNCONFIRMED:
	case OP_STUCK:
		if (chance_below(c, 2))
			accept_as_is(w, mine, who);
		else
			call_off(w, mine, who);
		break;
	case OP_DONE:
		prolong(w, who, mine->id);
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
	static const size_t often[] = { 0, 0, 0, 0, 1, 1, 1, 1, 4, 4, 2, 3, 5 };
	size_t who = often[chance_below(c, sizeof often / sizeof *often)], pop = chance_below(c, w->n_pops);
	if (engine_check(w->engine, &err) == -1 && chance_below(c, 3) == 0) {
		say(w, "%s restarts the backend: %s", people[who].name, err.text);
		w->is_crashing = true;
		return;
	}
	size_t n_holds;
	const struct hold *holds = engine_holds(w->engine, &n_holds);
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
	} else if (n_holds > 0 && chance_below(c, 10) == 0) {
		prolong(w, who, holds[chance_below(c, n_holds)].id);
	} else {
		const struct pop *p = &state_fleet(w->state)->pops[pop];
		plan(w, who, p->n_holds > 0 && chance_below(c, 3) ? OP_UNDRAIN : OP_DRAIN, pop);
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
		remember(w, op, 0, false);
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
