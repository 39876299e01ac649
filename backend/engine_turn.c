/* SPDX-License-Identifier: Apache-2.0
 *
 * What facts and clocks make of operations. Every turn looks at each run in its state, and raises at most the events that
 * the facts support: nodes re-read after the confirmation, the wire as planned, evidence whole, a deadline passed. It also
 * derives what the rest of the backend must know: holds, intents and phases of PoPs, and leases that run out.
 *
 * Facts count only when they are newer than the moment they are to prove something about.
 */
#include "backend/engine_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define POLL_EVERY_MS 500
#define LEASE_WARN_S  900
#define ACTORS_ANEW   3 /* in the place of actors that were lost, until the gate has its say */

static struct mono
now_of(const struct engine *e)
{
	return e->env.now(e->env.arg);
}

static const struct fleet *
fleet_of(const struct engine *e)
{
	return e->env.fleet(e->env.arg);
}

/* Every node of the target PoPs that is not out of sight anyway was read since. */
static bool
targets_were_read(const struct engine *e, const struct run *r, struct mono since)
{
	const struct fleet *f = fleet_of(e);
	for (size_t t = r->op.target; t < r->op.n_targets; t++) {
		size_t pop = fleet_find_pop(f, r->op.targets[t].pop);
		for (size_t i = 0; pop != SIZE_MAX && i < f->pops[pop].n_nodes; i++) {
			const struct node *n = &f->nodes[f->pops[pop].nodes[i]];
			if (node_is_stale(n, now_of(e)) || !n->bgp_driver[0])
				continue;
			if (!evidence_is_newer(n, PLANE_WIRE, since) || !evidence_is_newer(n, PLANE_SESSION, since))
				return false;
		}
	}
	return true;
}

static void
keep_polling(struct engine *e, struct run *r)
{
	if (mono_is_set(r->next_poll) && mono_before(now_of(e), r->next_poll))
		return;
	r->next_poll = mono_add_ms(now_of(e), POLL_EVERY_MS);
	run_poll(e, r);
}

void
run_evidence_input(const struct engine *e, const struct run *r, struct evidence_input *in)
{
	*in = (struct evidence_input){
		.fleet = fleet_of(e),
		.pop = run_pop(e, r),
		.verb = r->op.verb,
		.goal = run_goal(r),
		.is_release_only = run_is_release_only(e, r),
		.since = r->sent,
		.qps_before = r->op.targets[r->op.target].qps_before,
		.baseline = &r->baseline,
		.find = e->env.find,
		.now = now_of(e),
	};
}

/* Only the counts that no change may break: do they hold with what was seen since? Others had their say before. */
static bool
floor_holds(struct engine *e, struct run *r)
{
	struct err err = ERR_INIT;
	if (r->op.verb == OP_UNDRAIN)
		return true;
	struct plan *p = run_plan_again(e, r, false, &err);
	bool holds = p != NULL;
	if (!p)
		run_say(r, ERR_REFUSED, "what is left cannot be counted: %.200s", err.text);
	for (size_t i = 0; p && i < p->n_gates; i++) {
		const struct gate_result *g = &p->gates[i];
		if ((g->gate != GATE_FLOOR && g->gate != GATE_LAST) || g->level != GATE_REFUSE)
			continue;
		run_say(r, g->code, "%s: %.200s", gate_name(g->gate), g->text);
		holds = false;
	}
	plan_free(p);
	return holds;
}

/* --- a state each ----------------------------------------------------------------------------------------------- */

static void
turn_confirmed(struct engine *e, struct run *r)
{
	keep_polling(e, r);
	if (r->actor == TRI_UNKNOWN || !targets_were_read(e, r, r->entered)) {
		run_say(r, ERR_STALE, r->actor == TRI_UNKNOWN ? "the actor has not checked all nodes yet" : "the nodes have not all been read again yet");
		return;
	}
	enum op_event event = run_judge_again(e, r, false);
	if (event == OP_EVENT_GATES_HOLD)
		evidence_watch_start(&r->watch, fleet_of(e), run_pop(e, r), r->op.verb);
	(void)run_raise(e, r, event);
}

static void
turn_applying(struct engine *e, struct run *r)
{
	if (!run_has_steps(r, ACT_APPLY))
		(void)run_raise(e, r, OP_EVENT_APPLIED);
}

/* What the PoP's sessions carried before: out of the newest drain of it that found any of them carrying something. */
static void
find_baseline(const struct engine *e, struct run *r)
{
	const struct operation *old;
	size_t n, pop = run_pop(e, r);
	if (r->op.verb != OP_UNDRAIN || pop == SIZE_MAX || r->baseline_of == pop + 1)
		return;
	evidence_baseline_done(&r->baseline);
	r->baseline_of = pop + 1;
	old = ledger_operations(e->ledger, &n);
	while (n-- > 0 && r->baseline.n == 0) {
		struct err err = ERR_INIT;
		bool is_of_pop = false;
		for (size_t t = 0; t < old[n].n_targets; t++)
			is_of_pop = is_of_pop || strcmp(old[n].targets[t].pop, run_target(r)->pop) == 0;
		if (old[n].verb != OP_DRAIN || !is_of_pop || !old[n].plan || old[n].started.ns == 0)
			continue;
		struct plan *p = plan_read(slice_of(old[n].plan), &err);
		if (p)
			evidence_baseline_add(&r->baseline, fleet_of(e), pop, p);
		plan_free(p);
	}
}

/* Evidence is read in every state after the steps were sent, so that people see it come. */
static void
look(struct engine *e, struct run *r)
{
	struct evidence_input in;
	struct op_target *t = run_target(r);
	find_baseline(e, r);
	run_evidence_input(e, r, &in);
	if (in.pop == SIZE_MAX)
		return;
	struct op_evidence was[OP_CHECK_COUNT];
	memcpy(was, t->checks, sizeof was);
	evidence_read(&in, t->checks);
	evidence_watch_turn(&r->watch, &in, t);
	if (t->checks[OP_CHECK_WIRE].agrees == TRI_YES && isnan(t->control_s))
		t->control_s = mono_s_since(in.now, in.since);
	bool is_news = false;
	for (int c = 0; c < OP_CHECK_COUNT; c++)
		is_news = is_news || was[c].agrees != t->checks[c].agrees || was[c].applies != t->checks[c].applies;
	if (is_news)
		e->env.told(e->env.arg, &r->op);
}

static void
turn_settling(struct engine *e, struct run *r)
{
	keep_polling(e, r);
	look(e, r);
	const struct op_evidence *wire = &run_target(r)->checks[OP_CHECK_WIRE];
	if (wire->applies && wire->agrees != TRI_YES) {
		run_say(r, ERR_OK, "%s", wire->text);
		return;
	}
	(void)run_raise(e, r, floor_holds(e, r) ? OP_EVENT_WIRE_SETTLED : OP_EVENT_GATE_REFUSED);
}

static void
turn_keeping(struct engine *e, struct run *r)
{
	if (r->op.verb == OP_UNDRAIN || !run_has_steps(r, ACT_KEEP))
		(void)run_raise(e, r, OP_EVENT_KEPT);
}

static bool
is_last_part(const struct operation *op)
{
	return op->phase + 1 == op_phases(op->verb, op->mode) && op->target + 1 == op->n_targets;
}

/* What follows needs an actor that has checked its nodes: one that was lost meanwhile is started anew. */
static bool
actor_stands_by(struct engine *e, struct run *r)
{
	if (!r->has_actor && r->actor_starts < ACTORS_ANEW) {
		r->actor_starts++;
		run_start_actor(e, r);
	}
	return !r->has_actor || r->actor != TRI_UNKNOWN;
}

/* Everything agrees in this phase: is there another phase or PoP, and do its gates hold? */
static void
go_on(struct engine *e, struct run *r)
{
	const struct operation *op = &r->op;
	bool is_last_phase = op->phase + 1 == op_phases(op->verb, op->mode);
	if (is_last_part(op)) {
		(void)run_raise(e, r, OP_EVENT_MEASURED);
		return;
	}
	struct err err = ERR_INIT;
	size_t target = r->op.target, phase = r->op.phase;
	r->op.target = is_last_phase ? target + 1 : target;
	r->op.phase = is_last_phase ? 0 : phase + 1;
	struct plan *p = run_plan_again(e, r, false, &err);
	r->op.target = target;
	r->op.phase = phase;
	bool holds = p != NULL;
	if (!p)
		run_say(r, ERR_CONFLICT, "what follows can no longer be planned: %.180s", err.text);
	for (size_t i = 0; p && i < p->n_gates && holds; i++) {
		if (p->gates[i].level != GATE_REFUSE)
			continue;
		run_say(r, p->gates[i].code, "what follows is refused: %s: %.180s", gate_name(p->gates[i].gate), p->gates[i].text);
		holds = false;
	}
	plan_free(p);
	if (holds && is_last_phase)
		evidence_watch_start(&r->watch, fleet_of(e), fleet_find_pop(fleet_of(e), r->op.targets[target + 1].pop), r->op.verb);
	(void)run_raise(e, r, holds ? OP_EVENT_NEXT : OP_EVENT_GATE_REFUSED);
}

static void
turn_measuring(struct engine *e, struct run *r)
{
	const char *missing;
	keep_polling(e, r);
	look(e, r);
	bool may_go_on = is_last_part(&r->op) || actor_stands_by(e, r);
	if (!evidence_is_whole(run_target(r)->checks, &missing)) {
		run_say(r, ERR_OK, "not proven yet: %s", missing);
		return;
	}
	if (!may_go_on) {
		run_say(r, ERR_OK, "proven; what follows waits for its actor, which was started anew: %.150s", r->actor_text);
		return;
	}
	r->op.text[0] = '\0';
	go_on(e, r);
}

/* What could not be proven in time may still prove itself: but only the last step of the last PoP ends it. */
static void
turn_unconfirmed(struct engine *e, struct run *r)
{
	const char *missing;
	const struct operation *op = &r->op;
	look(e, r);
	bool is_last = is_last_part(op);
	for (size_t i = 0; i < op->n_steps && is_last; i++)
		is_last = op->steps[i].target != op->target || op->steps[i].state == STEP_KEPT;
	if (is_last && mono_is_set(r->sent) && evidence_is_whole(run_target(r)->checks, &missing))
		(void)run_raise(e, r, OP_EVENT_MEASURED);
}

static bool
is_dark(const struct engine *e, const struct run *r)
{
	const struct fleet *f = fleet_of(e);
	size_t pop = run_pop(e, r);
	for (size_t i = 0; pop != SIZE_MAX && i < f->pops[pop].n_nodes; i++)
		if (node_is_stale(&f->nodes[f->pops[pop].nodes[i]], now_of(e)))
			return true;
	return false;
}

void
run_wait_for_retry(struct engine *e, struct run *r)
{
	run_end_actor(e, r);
	if (!mono_is_set(r->deadline))
		return; /* the ledger takes nothing: it waits for a restart */
	r->op.next_try.ns = e->env.wall(e->env.arg).ns + mono_ms_since(r->deadline, now_of(e)) * CLOCK_NS_PER_MS;
	r->was_dark = is_dark(e, r);
	e->env.told(e->env.arg, &r->op);
}

/* A node that was out of sight and is seen again is asked at once. */
static void
hurry(struct engine *e, struct run *r)
{
	if (r->op.next_try.ns == 0 || !r->was_dark || is_dark(e, r))
		return;
	r->was_dark = false;
	r->deadline = now_of(e);
}

static void
turn_undoing(struct engine *e, struct run *r)
{
	keep_polling(e, r);
	hurry(e, r);
	if (!run_has_steps(r, ACT_UNDO))
		(void)run_raise(e, r, OP_EVENT_UNDO_DONE);
}

/* The nodes' own undo has had its time: what still says "pending" lost it, with the node's memory. */
static bool
dead_man_is_over(const struct engine *e, const struct run *r)
{
	return mono_ms_since(now_of(e), r->entered) > ((int64_t)e->env.times.confirm_s + 15) * 1000;
}

static bool
all_settled(const struct engine *e, const struct run *r, enum announced goal)
{
	const struct fleet *f = fleet_of(e);
	size_t pop = run_pop(e, r);
	for (size_t i = 0; pop != SIZE_MAX && i < f->pops[pop].n_nodes; i++) {
		const struct node *n = &f->nodes[f->pops[pop].nodes[i]];
		if (n->bgp_driver[0] && !planner_node_settled(n, e->env.find, r->op.verb, goal))
			return false;
	}
	return pop != SIZE_MAX;
}

/* The nodes' numbers and their wire must tell the same; where they do not, the way back is taken. */
static enum op_event
judge_seen(const struct engine *e, const struct run *r)
{
	enum announced back = r->op.verb == OP_DRAIN ? ANNOUNCED_YES : ANNOUNCED_WITHDRAWN;
	switch (r->seen) {
	case SEEN_IS_KEPT:
		if (r->op.is_undoing)
			return OP_EVENT_SEEN_MIXED;
		return all_settled(e, r, run_goal(r)) ? OP_EVENT_SEEN_KEPT : OP_EVENT_SEEN_MIXED;
	case SEEN_IS_NOT:
		/* an undrain that never came leaves what was there: a hold may want any of the two */
		if (r->op.verb == OP_UNDRAIN || all_settled(e, r, back))
			return OP_EVENT_SEEN_NOT;
		return OP_EVENT_SEEN_MIXED;
	case SEEN_IS_PENDING:
		return dead_man_is_over(e, r) ? OP_EVENT_SEEN_MIXED : OP_EVENT_SEEN_PENDING;
	default:
		return OP_EVENT_SEEN_MIXED;
	}
}

static void
turn_unknown(struct engine *e, struct run *r)
{
	keep_polling(e, r);
	hurry(e, r);
	if (!run_has_steps(r, ACT_INSPECT) && mono_is_set(r->inspected)) {
		(void)run_raise(e, r, r->op.verb == OP_UNDRAIN || r->op.is_undoing ? OP_EVENT_SEEN_NOT : OP_EVENT_SEEN_KEPT);
		return;
	}
	if (r->seen == SEEN_NONE || !targets_were_read(e, r, r->inspected))
		return;
	size_t pop = run_pop(e, r);
	if (pop == SIZE_MAX || pop_is_stale(fleet_of(e), &fleet_of(e)->pops[pop], now_of(e)))
		return; /* seen by its number only: the wire must be read too */
	enum op_event event = judge_seen(e, r);
	if (event == OP_EVENT_SEEN_PENDING) {
		r->seen = SEEN_NONE; /* asked again when its time is over */
		(void)run_raise(e, r, event);
		return;
	}
	if (event == OP_EVENT_SEEN_KEPT)
		r->sent = mono_is_set(r->sent) ? r->sent : r->inspected;
	if (event == OP_EVENT_SEEN_MIXED && r->op.verb == OP_UNDRAIN) {
		run_say(r, ERR_PARTLY, "the nodes do not agree on what came of it");
		event = OP_EVENT_GIVE_UP;
	}
	(void)run_raise(e, r, event);
}

/* --- deadlines -------------------------------------------------------------------------------------------------- */

/* Those upstreams that prefer it still are named. */
static void
explain_deaf(struct run *r, const char *missing)
{
	const struct op_evidence *witness = &run_target(r)->checks[OP_CHECK_WITNESS];
	bool is_deaf = witness->applies && strstr(witness->text, "GRACEFUL_SHUTDOWN");
	run_say(r, ERR_PARTLY, "clients do not leave: %.100s%s%.110s", missing, is_deaf ? "; " : "", is_deaf ? witness->text : "");
}

static void
explain_timeout(struct run *r)
{
	const char *missing = "";
	switch (r->op.state) {
	case OP_CHECKED:
		run_say(r, ERR_CONFLICT, "not confirmed in time: plan it again");
		break;
	case OP_WAITING:
		run_say(r, ERR_CONFIRM, "nobody approved it in time");
		break;
	case OP_MEASURING:
		(void)evidence_is_whole(run_target(r)->checks, &missing);
		if (run_goal(r) == ANNOUNCED_PREFER_AWAY)
			explain_deaf(r, missing);
		else
			run_say(r, ERR_PARTLY, "UNCONFIRMED: %.200s", missing);
		break;
	case OP_APPLYING:
	case OP_KEEPING:
		run_say(r, ERR_TIMEOUT, "no answer in time: the nodes are read");
		break;
	default:
		break; /* its own text says what was missing */
	}
}

static void
tell_tries(struct run *r)
{
	char last[OP_TEXT_SIZE];
	snprintf(last, sizeof last, "%s", r->op.text);
	run_say(r, ERR_TIMEOUT, "%u tries to undo it had no answer%s%.180s", r->op.tries + 1, last[0] ? "; the last: " : "", last);
}

static void
turn_deadline(struct engine *e, struct run *r)
{
	if (!mono_is_set(r->deadline) || mono_before(now_of(e), r->deadline))
		return;
	r->deadline = (struct mono){ 0 };
	explain_timeout(r);
	bool gives_up = r->op.verb == OP_UNDRAIN && r->op.state == OP_SETTLING;
	bool needs_person = r->op.state == OP_UNDOING && r->op.tries + 1 >= e->env.times.undo_tries;
	if (needs_person)
		tell_tries(r);
	(void)run_raise(e, r, gives_up ? OP_EVENT_GIVE_UP : needs_person ? OP_EVENT_UNDO_FAILED : OP_EVENT_TIMEOUT);
}

void
run_turn(struct engine *e, struct run *r)
{
	if (r->is_halted)
		return;
	switch (r->op.state) {
	case OP_CONFIRMED:
		turn_confirmed(e, r);
		break;
	case OP_APPLYING:
		turn_applying(e, r);
		break;
	case OP_SETTLING:
		turn_settling(e, r);
		break;
	case OP_KEEPING:
		turn_keeping(e, r);
		break;
	case OP_MEASURING:
		turn_measuring(e, r);
		break;
	case OP_UNCONFIRMED:
		turn_unconfirmed(e, r);
		break;
	case OP_UNDOING:
		turn_undoing(e, r);
		break;
	case OP_UNKNOWN:
		turn_unknown(e, r);
		break;
	default:
		break;
	}
	turn_deadline(e, r);
}

/* --- what PoPs are told ----------------------------------------------------------------------------------------- */

#define POP_HOLDS_MAX 64

static const struct run *
open_run_of(const struct engine *e, const char *pop, size_t *target)
{
	for (size_t i = 0; i < e->n_runs; i++) {
		const struct run *r = e->runs[i];
		if (!op_state_is_open(r->op.state))
			continue;
		for (size_t t = 0; t < r->op.n_targets; t++) {
			if (strcmp(r->op.targets[t].pop, pop) != 0 || t > r->op.target || r->op.targets[t].is_done)
				continue;
			*target = t;
			return r;
		}
	}
	return NULL;
}

/* Where a PoP stands when no operation works on it: by the newest drain among those that hold it. */
static void
settled_phase(const struct engine *e, const struct hold *holds, size_t n, enum announced *intent, enum drain_phase *phase)
{
	*intent = n ? ANNOUNCED_WITHDRAWN : ANNOUNCED_YES;
	*phase = n ? DRAIN_UNPROVEN : DRAIN_NONE;
	for (size_t i = 0; i < n; i++) {
		const struct operation *op = ledger_find_operation(e->ledger, holds[i].op);
		const char *missing;
		for (size_t t = 0; op && t < op->n_targets; t++) {
			if (strcmp(op->targets[t].hold, holds[i].id) != 0 || !evidence_is_whole(op->targets[t].checks, &missing))
				continue;
			if (op_phase_goal(op->verb, op->mode, op->phase) == ANNOUNCED_WITHDRAWN || op->targets[t].is_done)
				*phase = DRAIN_PROVEN;
		}
		/* accepted while only avoided: that is what is wanted, unless another hold wants more */
		if (op && n == 1 && op->phase + 1 < op_phases(op->verb, op->mode) && !op->targets[0].is_done)
			*intent = ANNOUNCED_PREFER_AWAY;
	}
}

static void
publish_pop(struct engine *e, size_t pop)
{
	const struct pop *p = &fleet_of(e)->pops[pop];
	struct hold holds[POP_HOLDS_MAX];
	size_t all, n = 0, target = 0;
	const struct hold *list = ledger_holds(e->ledger, &all);
	enum announced intent;
	enum drain_phase phase;
	for (size_t i = 0; i < all && n < POP_HOLDS_MAX; i++)
		if (strcmp(list[i].pop, p->name) == 0)
			holds[n++] = list[i];
	settled_phase(e, holds, n, &intent, &phase);
	const struct run *r = open_run_of(e, p->name, &target);
	if (r && r->op.verb == OP_DRAIN) {
		phase = r->op.state == OP_UNCONFIRMED ? DRAIN_UNPROVEN : r->op.is_undoing ? DRAIN_RETURNING : DRAIN_GOING;
		intent = r->op.is_undoing ? ANNOUNCED_YES : run_goal(r);
	} else if (r && !run_is_release_only(e, r)) {
		phase = DRAIN_RETURNING;
		intent = ANNOUNCED_YES;
	}
	bool is_same = p->n_holds == n && p->intent == intent && p->phase == phase &&
		(n == 0 || memcmp(p->holds, holds, n * sizeof *holds) == 0);
	if (!is_same)
		e->env.set_holds(e->env.arg, pop, holds, n, intent, phase);
}

void
engine_publish(struct engine *e)
{
	for (size_t i = 0; i < fleet_of(e)->n_pops; i++)
		publish_pop(e, i);
}

/* --- leases ----------------------------------------------------------------------------------------------------- */

static struct warned *
warned_of(struct engine *e, const char *hold)
{
	for (size_t i = 0; i < e->n_warned; i++)
		if (strcmp(e->warned[i].hold, hold) == 0)
			return &e->warned[i];
	e->warned = xgrow(e->warned, &e->cap_warned, e->n_warned + 1, sizeof *e->warned);
	struct warned *w = &e->warned[e->n_warned++];
	memset(w, 0, sizeof *w);
	snprintf(w->hold, sizeof w->hold, "%s", hold);
	return w;
}

static bool
is_worked_on(const struct engine *e, const char *pop)
{
	size_t target;
	return open_run_of(e, pop, &target) != NULL;
}

/* A clock brings back only what is green: what a person would be warned of, a person decides (SAFETY model B6). Where policy
 * asks for another person then, that person does. True when the plan was called off. */
static bool
is_left_to_person(struct engine *e, const struct operation *op)
{
	struct run *r = engine_run_find(e, op->id);
	struct plan *p = op->needs_approval ? NULL : plan_read(slice_of(op->plan), NULL);
	bool warns = p && p->worst == GATE_WARN;
	for (size_t i = 0; warns && i < p->n_gates; i++) {
		if (p->gates[i].level != GATE_WARN)
			continue;
		run_say(r, ERR_OK, "%s: %.200s", gate_name(p->gates[i].gate), p->gates[i].text);
		break;
	}
	plan_free(p);
	return warns && run_raise(e, r, OP_EVENT_CANCEL);
}

/* The undrain that was asked for with the drain: the same path as a person's, under the name of who asked. */
static void
undrain_by_lease(struct engine *e, const struct hold *h)
{
	struct plan_request request = { .verb = OP_UNDRAIN, .n_targets = 1, .kind = h->kind };
	struct account who = { .method = AUTH_NOBODY, .roles = 1u << CONF_OPERATOR };
	struct err err = ERR_INIT;
	char text[OP_TEXT_SIZE], typed[16] = "yes";
	snprintf(who.name, sizeof who.name, "%s", h->owner);
	snprintf(who.peer, sizeof who.peer, "lease of hold %s", h->id);
	snprintf(request.targets[0], sizeof request.targets[0], "%s", h->pop);
	snprintf(request.hold, sizeof request.hold, "%s", h->id);
	snprintf(request.reason, sizeof request.reason, "the lease has run out, as asked for with the drain");
	struct hold held = *h; /* the ledger's list moves with the next record */
	const struct operation *op = engine_plan(e, &request, &who, &err);
	if (op && op->state == OP_CHECKED && !is_left_to_person(e, op)) {
		char id[OP_ID_SIZE], key[OP_ID_SIZE + 8];
		snprintf(id, sizeof id, "%s", op->id);
		/* a lease that is prolonged runs out again: each time is a confirmation of its own */
		snprintf(key, sizeof key, "lease-%s", id);
		const struct engine_confirm confirm = { op->hash, typed, key };
		op = engine_confirm(e, id, &confirm, &who, &err);
	}
	if (op && !op_state_is_final(op->state))
		return;
	snprintf(text, sizeof text, "the lease of %s has run out, and it cannot be undrained by itself: %.140s", held.pop,
		op ? op->text : err.text);
	e->env.tell(e->env.arg, "lease", VERDICT_DEGRADED, held.pop, text);
}

static void
lease_text(const struct hold *h, unsigned stage, int64_t left_s, char text[OP_TEXT_SIZE])
{
	if (stage == 1)
		snprintf(text, OP_TEXT_SIZE, "the lease of the hold of %.40s on %s runs out in %d minutes", h->owner, h->pop, (int)(left_s / 60) + 1);
	else
		snprintf(text, OP_TEXT_SIZE, "the lease of the hold of %.40s on %s has run out; %s", h->owner, h->pop,
			h->is_auto_undrain ? "it is undrained if its gates pass" : "nothing is undrained by itself");
}

void
engine_leases(struct engine *e)
{
	struct wall now = e->env.wall(e->env.arg);
	size_t n;
	const struct hold *holds = ledger_holds(e->ledger, &n);
	for (size_t i = 0; i < n; i++) {
		const struct hold *h = &holds[i];
		int64_t left_s = (h->expires.ns - now.ns) / CLOCK_NS_PER_S;
		char text[OP_TEXT_SIZE];
		if (h->expires.ns == 0)
			continue;
		struct warned *w = warned_of(e, h->id);
		unsigned stage = h->expires.ns <= now.ns ? 2 : left_s <= LEASE_WARN_S ? 1 : 0;
		if (stage < w->stage)
			w->stage = 0; /* it was extended, maybe by less than it warns before */
		if (stage <= w->stage || is_worked_on(e, h->pop))
			continue;
		w->stage = stage;
		lease_text(h, stage, left_s, text);
		e->env.tell(e->env.arg, "lease", VERDICT_DEGRADED, h->pop, text);
		if (stage == 2 && h->is_auto_undrain) {
			undrain_by_lease(e, h);
			return; /* the list has moved */
		}
	}
}
