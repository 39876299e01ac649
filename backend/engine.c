/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: plans and operations, and the effects of their steps. operation_step says what comes next; this file does
 * it, in the order of the row, and stops where a record cannot be written. engine_turn.c looks at facts and clocks and
 * finds out which event has come; planner and gates decide; ledger and actors are the only ways out.
 *
 * Rules that are not in the table, because they are about data:
 *   - A drain's hold is written in the record of its intent and ends in the record of its undo. An undrain's hold ends in
 *     the record that ends its PoP, when every step was kept and the wire was read to be announced: never on a node's word.
 *   - A record that fails leaves the state as it was and takes no number: nothing was decided. The ledger is then
 *     poisoned, the actor is ended, and what no node was told to keep undoes itself.
 *   - An answer counts only with the number of the order it answers.
 *   - What would withdraw is never done by a clock: where a drain is undone, an undrain is left as it is (GIVE_UP).
 */
#include "backend/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/engine_run.h"
#include "backend/script_grant.h"
#include "core/digest.h"
#include "core/text.h"

#define RUNS_MAX      64     /* plans and operations at once */
#define OWN_PLANS_MAX 8      /* of one account, not confirmed */
#define FORGET_MS     900000 /* final operations that the ledger does not keep */
#define REST_MAX      170    /* of a sentence about the other PoPs: the rest of the text says why */
#define KEY_MIN       8
#define KEY_MAX       64

static struct mono
now_of(const struct engine *e)
{
	return e->env.now(e->env.arg);
}

static struct wall
wall_of(const struct engine *e)
{
	return e->env.wall(e->env.arg);
}

/* --- runs ------------------------------------------------------------------------------------------------------- */

struct run *
engine_run_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; i < e->n_runs; i++)
		if (strcmp(e->runs[i]->op.id, id) == 0)
			return e->runs[i];
	return NULL;
}

struct op_target *
run_target(struct run *r)
{
	return &r->op.targets[r->op.target];
}

enum announced
run_goal(const struct run *r)
{
	return op_phase_goal(r->op.verb, r->op.mode, r->op.phase);
}

size_t
run_pop(const struct engine *e, const struct run *r)
{
	return fleet_find_pop(e->env.fleet(e->env.arg), r->op.targets[r->op.target].pop);
}

bool
run_is_release_only(const struct engine *e, const struct run *r)
{
	const struct op_target *t = &r->op.targets[r->op.target];
	size_t n;
	const struct hold *holds = ledger_holds(e->ledger, &n);
	if (r->op.verb != OP_UNDRAIN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(holds[i].pop, t->pop) == 0 && strcmp(holds[i].id, t->hold) != 0)
			return true;
	return false;
}

bool
run_has_steps(const struct run *r, enum act_order order)
{
	for (size_t i = 0; i < r->op.n_steps; i++) {
		const struct op_step *s = &r->op.steps[i];
		bool is_meant = order == ACT_APPLY || order == ACT_KEEP ? s->phase == r->op.phase : s->phase <= r->op.phase;
		if (s->target == r->op.target && is_meant)
			return true;
	}
	return false;
}

void
run_say(struct run *r, enum err_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->op.text, sizeof r->op.text, format, args);
	va_end(args);
	r->op.code = code;
}

static struct run *
add_run(struct engine *e)
{
	e->runs = xgrow(e->runs, &e->cap_runs, e->n_runs + 1, sizeof *e->runs);
	struct run *r = xcalloc(1, sizeof *r);
	e->runs[e->n_runs++] = r;
	return r;
}

static void
free_run(struct run *r)
{
	operation_done(&r->op);
	evidence_baseline_done(&r->baseline);
	free(r);
}

struct ledger_actor
run_actor(const struct run *r, char roles[64])
{
	account_roles_text(&r->who, roles, 64);
	return (struct ledger_actor){ r->op.by, roles, r->who.method == AUTH_NOBODY ? "backend" : auth_method_name(r->who.method), r->who.peer };
}

/* --- effects ---------------------------------------------------------------------------------------------------- */

static int64_t
patience_ms(const struct engine *e, const struct run *r)
{
	const struct engine_times *t = &e->env.times;
	switch (r->op.state) {
	case OP_CHECKED:
		return t->plan;
	case OP_WAITING:
		return t->approval;
	case OP_CONFIRMED:
		return t->probe;
	case OP_APPLYING:
		return t->apply;
	case OP_SETTLING:
		return t->settle;
	case OP_KEEPING:
		return t->keep;
	case OP_MEASURING:
		return run_goal(r) == ANNOUNCED_PREFER_AWAY ? t->prefer : t->measure;
	case OP_UNDOING:
		return t->undo;
	default:
		return t->inspect;
	}
}

/* How long until the deadline of the state that was entered; tries that come to nothing lie further and further apart, each
 * up to a quarter earlier by chance. */
static int64_t
time_ms(const struct engine *e, const struct run *r)
{
	int64_t ms = patience_ms(e, r), most = e->env.times.retry;
	if (r->op.tries == 0)
		return ms;
	for (unsigned i = 0; i < r->op.tries && ms < most; i++)
		ms *= 2;
	ms = ms < most ? ms : most;
	uint64_t chance = e->env.random ? e->env.random(e->env.arg) : 0;
	return ms - (int64_t)((uint64_t)(ms / 4) * chance >> 32);
}

/* One more try, or another thing to try. */
static void
count_tries(struct operation *op, enum op_state from, enum op_event event)
{
	bool is_again = op->state == from && event != OP_EVENT_RESTARTED && event != OP_EVENT_SEEN_PENDING;
	if (!is_again)
		op->tries = 0;
	else if (event == OP_EVENT_TIMEOUT)
		op->tries++;
	op->next_try = (struct wall){ 0 };
}

static void
make_hold(const struct engine *e, const struct run *r, struct hold *h)
{
	const struct operation *op = &r->op;
	memset(h, 0, sizeof *h);
	snprintf(h->id, sizeof h->id, "%s", op->targets[op->target].hold);
	snprintf(h->op, sizeof h->op, "%s", op->id);
	snprintf(h->pop, sizeof h->pop, "%s", op->targets[op->target].pop);
	snprintf(h->owner, sizeof h->owner, "%s", op->by);
	(void)hold_kind_parse(op->kind, &h->kind);
	snprintf(h->reason, sizeof h->reason, "%s", op->reason);
	snprintf(h->ticket, sizeof h->ticket, "%s", op->ticket);
	h->created = wall_of(e);
	if (op->lease_s > 0)
		h->expires.ns = h->created.ns + op->lease_s * CLOCK_NS_PER_S;
	h->is_auto_undrain = op->is_auto_undrain;
}

/* Did every node take and keep the steps, and was its wire read to be so? A node's word alone ends no hold. */
static bool
is_seen_done(const struct run *r, size_t target)
{
	const struct op_evidence *wire = &r->op.targets[target].checks[OP_CHECK_WIRE];
	if (wire->applies && wire->agrees != TRI_YES)
		return false;
	for (size_t i = 0; i < r->op.n_steps; i++)
		if (r->op.steps[i].target == target && r->op.steps[i].state != STEP_KEPT)
			return false;
	return true;
}

/* Which hold goes into the record of a transition, if any. *target is whose. */
static bool
hold_of_record(const struct engine *e, struct run *r, enum op_state from, enum op_event event, struct hold *h, bool *is_over)
{
	const struct operation *op = &r->op;
	const struct hold *old = NULL;
	if (op->verb == OP_DRAIN && op->state == OP_ARMED && op->phase == 0) {
		make_hold(e, r, h);
		*is_over = false;
		return true;
	}
	bool ends_drain = op->verb == OP_DRAIN && op->state == OP_UNDONE;
	bool ends_undrain = op->verb == OP_UNDRAIN && (from == OP_MEASURING || from == OP_UNCONFIRMED) &&
		(op->state == OP_DONE || event == OP_EVENT_NEXT);
	if (!ends_drain && !ends_undrain)
		return false;
	/* NEXT has moved on to the next PoP already: the hold is of the one before */
	size_t target = event == OP_EVENT_NEXT ? op->target - 1 : op->target;
	if (ends_undrain && !is_seen_done(r, target))
		return false;
	old = ledger_find_hold(e->ledger, op->targets[target].hold);
	if (!old)
		return false;
	*h = *old;
	*is_over = true;
	return true;
}

static int
record(struct engine *e, struct run *r, enum op_state from, enum op_event event, struct err *err)
{
	char roles[64];
	struct ledger_actor by = run_actor(r, roles);
	struct hold h;
	bool is_over = false;
	bool has_hold = hold_of_record(e, r, from, event, &h, &is_over);
	return ledger_put_both(e->ledger, &r->op, op_event_name(event), has_hold ? &h : NULL, is_over, &by, wall_of(e), err);
}

static void
mark_steps(struct run *r, size_t first_phase, size_t last_phase, enum step_state state)
{
	for (size_t i = 0; i < r->op.n_steps; i++) {
		struct op_step *s = &r->op.steps[i];
		if (s->target == r->op.target && s->phase >= first_phase && s->phase <= last_phase)
			s->state = state;
	}
}

void
run_start_actor(struct engine *e, struct run *r)
{
	struct err err = ERR_INIT;
	if (r->has_actor || !r->op.plan)
		return;
	r->actor = TRI_UNKNOWN;
	snprintf(r->actor_text, sizeof r->actor_text, "connecting to the nodes with the act key");
	if (e->env.actors.start(e->env.actors.arg, r->op.id, slice_of(r->op.plan), &err) == 0) {
		r->has_actor = true;
		return;
	}
	r->actor = TRI_NO;
	snprintf(r->actor_text, sizeof r->actor_text, "the actor could not be started: %.180s", err.text);
}

void
run_end_actor(struct engine *e, struct run *r)
{
	if (r->has_actor)
		e->env.actors.end(e->env.actors.arg, r->op.id);
	r->has_actor = false;
}

static void
give_order(struct engine *e, struct run *r, enum act_order order)
{
	const struct op_target *t = run_target(r);
	unsigned confirm_s = order == ACT_APPLY && r->op.verb == OP_DRAIN ? e->env.times.confirm_s : 0;
	uint64_t number = order == ACT_KEEP ? t->apply_number : t->number;
	/* with nothing to be done on nodes run_turn answers in the actor's place */
	if (r->has_actor && run_has_steps(r, order))
		e->env.actors.order(e->env.actors.arg, r->op.id, order, t->pop, r->op.phase, number, confirm_s);
}

void
run_poll(struct engine *e, struct run *r)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	size_t pop = run_pop(e, r), n = 0;
	size_t *nodes = xcalloc(f->n_nodes + 1, sizeof *nodes);
	/* nothing is changed before these are in: only what is waited for is asked, and nobody twice */
	bool is_waiting = r->op.state == OP_CONFIRMED;
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *node = &f->nodes[i];
		bool is_in = is_waiting && evidence_is_newer(node, PLANE_WIRE, r->entered) && evidence_is_newer(node, PLANE_SESSION, r->entered);
		if (node->role != NODE_MEMBER || (node->pop == pop && !is_in))
			nodes[n++] = i;
	}
	e->env.poll(e->env.arg, nodes, n, is_waiting ? POLLER_WIRE : POLLER_ALL);
	free(nodes);
}

static void
tell_run(struct engine *e, struct run *r)
{
	const struct operation *op = &r->op;
	char text[OP_TEXT_SIZE];
	enum verdict severity = op->state == OP_STUCK || op->state == OP_UNKNOWN ? VERDICT_DRIFT :
		op->state == OP_UNCONFIRMED || op->state == OP_UNDOING ? VERDICT_DEGRADED : VERDICT_OK;
	snprintf(text, sizeof text, "%s of %s by %s: %s%s%.120s", op_verb_name(op->verb), run_target(r)->pop, op->by,
		op_state_name(op->state), op->text[0] ? ": " : "", op->text);
	e->env.tell(e->env.arg, "operation", severity, run_target(r)->pop, text);
}

/* Of several PoPs only the one it is at is undone: what stays is said, with why it ended before it where there is room. */
static void
tell_rest(struct run *r)
{
	char why[OP_TEXT_SIZE];
	struct buf rest = BUF_INIT(OP_TARGETS_MAX * 2 * (FLEET_NAME_MAX + OP_ID_SIZE + 16));
	for (size_t most = OP_TARGETS_MAX; most == OP_TARGETS_MAX || (most > 0 && rest.len > REST_MAX); most--) {
		buf_clear(&rest);
		operation_tell_rest(&r->op, most, &rest);
	}
	snprintf(why, sizeof why, "%s", r->op.text);
	if (rest.len > 0)
		run_say(r, r->op.code, "%s%s%s", buf_text(&rest), why[0] ? "; " : "", why);
	buf_done(&rest);
}

/* Everything of the record that a transition changes, before it is written. */
static void
prepare(struct engine *e, struct run *r, enum op_state from, enum op_event event)
{
	struct operation *op = &r->op;
	struct wall wall = wall_of(e);
	count_tries(op, from, event);
	if (op->state == OP_UNDOING)
		op->is_undoing = true;
	if (op->state == OP_ARMED && from == OP_CONFIRMED)
		op->started = wall;
	if (op_state_is_final(op->state))
		op->ended = wall;
	if (op->state == OP_DONE)
		run_target(r)->is_done = true;
	if (event == OP_EVENT_UNDO_DONE || event == OP_EVENT_SEEN_NOT)
		mark_steps(r, 0, op->phase, STEP_UNDONE);
	if (event == OP_EVENT_KEPT || event == OP_EVENT_SEEN_KEPT)
		mark_steps(r, op->phase, op->phase, STEP_KEPT);
	if (event == OP_EVENT_APPLIED)
		mark_steps(r, op->phase, op->phase, STEP_APPLIED);
	if (op->state == OP_UNKNOWN && from != OP_UNKNOWN)
		mark_steps(r, op->phase, op->phase, STEP_UNKNOWN);
	if (event == OP_EVENT_NEXT) {
		run_target(r)->is_done = op->phase + 1 == op_phases(op->verb, op->mode);
		if (run_target(r)->is_done) {
			op->target++;
			op->phase = 0;
		} else {
			op->phase++;
		}
	}
	if (op->state == OP_UNDONE && from != OP_UNDONE)
		tell_rest(r);
	if (op->state == OP_ARMED || op->state == OP_SETTLING || op->state == OP_KEEPING || op->state == OP_DONE ||
		op->state == OP_APPLYING) {
		op->text[0] = '\0';
		op->code = ERR_OK;
	}
}

static uint64_t
next_number(const struct engine *e, const struct run *r)
{
	const struct op_target *t = &r->op.targets[r->op.target];
	uint64_t known = ledger_number(e->ledger, t->pop);
	return (known > t->number ? known : t->number) + 1;
}

/* Performs one effect; -1 when it was a record that failed. */
static int
perform(struct engine *e, struct run *r, enum op_effect effect, enum op_state from, enum op_event event, struct err *err)
{
	switch (effect) {
	case OP_DO_NUMBER:
		run_target(r)->number = next_number(e, r);
		if (r->op.state == OP_ARMED)
			run_target(r)->apply_number = run_target(r)->number;
		return 0;
	case OP_DO_RECORD:
		return record(e, r, from, event, err);
	case OP_DO_CHECK:
		run_start_actor(e, r);
		return 0;
	case OP_DO_APPLY:
		mark_steps(r, r->op.phase, r->op.phase, STEP_SENT);
		r->actor_starts = 0;
		r->sent = now_of(e);
		give_order(e, r, ACT_APPLY);
		return 0;
	case OP_DO_KEEP:
		if (r->op.verb == OP_DRAIN)
			give_order(e, r, ACT_KEEP);
		return 0;
	case OP_DO_UNDO:
		r->sent = now_of(e);
		give_order(e, r, ACT_UNDO);
		return 0;
	case OP_DO_INSPECT:
		r->seen = SEEN_NONE;
		r->inspected = now_of(e);
		give_order(e, r, ACT_INSPECT);
		return 0;
	case OP_DO_POLL:
		run_poll(e, r);
		return 0;
	case OP_DO_TIMER:
		r->deadline = mono_add_ms(now_of(e), time_ms(e, r));
		if ((r->op.state == OP_UNDOING || r->op.state == OP_UNKNOWN) && !r->has_actor)
			run_wait_for_retry(e, r);
		return 0;
	case OP_DO_END:
		run_end_actor(e, r);
		return 0;
	case OP_DO_TELL:
		tell_run(e, r);
		return 0;
	case OP_EFFECT_COUNT:
		break;
	}
	return 0;
}

/* The record could not be written: nothing was decided. */
static void
take_back(struct engine *e, struct run *r, const struct operation *was, const struct err *err)
{
	operation_copy(&r->op, was);
	run_end_actor(e, r);
	/* what has not begun may expire; what is open waits for a restart, which reads the ledger anew. Until then no turn looks
	 * at it: the facts that called for the record are still there, and would call for it at every turn */
	r->is_halted = op_state_is_open(r->op.state);
	r->deadline = r->is_halted ? (struct mono){ 0 } : now_of(e);
	run_say(r, err->code, "cannot go on, the ledger does not take its record: %.180s", err->text);
	e->env.told(e->env.arg, &r->op);
}

bool
run_raise(struct engine *e, struct run *r, enum op_event event)
{
	struct op_outcome step;
	struct operation was = { 0 };
	struct err err = ERR_INIT;
	if (operation_step(r->op.state, event, &step) == -1)
		return false;
	operation_copy(&was, &r->op);
	r->op.state = step.next;
	if (step.next != was.state) {
		r->entered = now_of(e);
		r->deadline = (struct mono){ 0 };
	}
	prepare(e, r, was.state, event);
	size_t done = 0;
	while (done < step.n && perform(e, r, step.effects[done], was.state, event, &err) == 0)
		done++;
	bool has_failed = done < step.n;
	bool is_harmless = step.next == OP_REFUSED || step.next == OP_EXPIRED || step.next == OP_CANCELLED;
	if (has_failed && is_harmless) {
		/* nothing was changed on any node: not to be recorded is no reason to go on */
		run_say(r, err.code, "%s; and its record could not be written: %.100s", op_state_text(step.next), err.text);
		run_end_actor(e, r);
		has_failed = false;
	} else if (has_failed && step.next == OP_ARMED) {
		bool has_kept = was.state == OP_MEASURING;
		take_back(e, r, &was, &err);
		r->op.state = OP_ARMED;
		run_say(r, ERR_REFUSED, "nothing was sent, the ledger does not take the intent: %.150s", err.text);
		(void)run_raise(e, r, has_kept ? OP_EVENT_GIVE_UP : OP_EVENT_RECORD_FAILED);
	} else if (has_failed) {
		take_back(e, r, &was, &err);
	}
	operation_done(&was);
	if (has_failed)
		return true;
	r->is_halted = false;
	if (op_state_is_final(r->op.state))
		r->forget = mono_add_ms(now_of(e), FORGET_MS);
	engine_publish(e);
	e->env.told(e->env.arg, &r->op);
	if (r->op.state == OP_ARMED)
		(void)run_raise(e, r, OP_EVENT_RECORDED);
	return true;
}

/* --- planning --------------------------------------------------------------------------------------------------- */

/* Operations that others must count: open ones, and those begun within the last hour. */
static size_t
list_ops(const struct engine *e, const struct run *own, struct gate_op *out, size_t max)
{
	size_t n = 0, kept;
	struct wall now = wall_of(e);
	for (size_t i = 0; i < e->n_runs; i++) {
		const struct run *r = e->runs[i];
		for (size_t t = 0; t < r->op.n_targets && n < max && r != own && op_state_is_open(r->op.state); t++)
			out[n++] = (struct gate_op){ r->op.id, r->op.targets[t].pop, r->op.verb, true,
				(double)(now.ns - r->op.started.ns) / 1e9 };
	}
	const struct operation *old = ledger_operations(e->ledger, &kept);
	for (size_t i = kept; i-- > 0 && n < max;) {
		double age_s = (double)(now.ns - old[i].started.ns) / 1e9;
		if (old[i].started.ns == 0 || age_s > 3600 || !op_state_is_final(old[i].state) ||
			(own && strcmp(old[i].id, own->op.id) == 0))
			continue;
		for (size_t t = 0; t < old[i].n_targets && n < max; t++)
			out[n++] = (struct gate_op){ old[i].id, old[i].targets[t].pop, old[i].verb, false, age_s };
	}
	return n;
}

static void
check_scope(const struct engine *e, const struct run *r, struct gate_scope *out, struct err *why)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	*out = (struct gate_scope){ .who = r->op.by, .may_act = true };
	for (size_t i = 0; i < r->request.n_targets && out->may_act; i++) {
		if (auth_check_pop(&r->who, f->rules, AUTH_ACT, r->request.targets[i], wall_of(e), why) == 0)
			continue;
		out->may_act = false;
		out->why_not = why->text;
	}
}

#define OPS_MAX 256

struct plan *
run_plan_again(struct engine *e, const struct run *r, bool is_planning, struct err *err)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	struct gate_op *ops = xcalloc(OPS_MAX, sizeof *ops);
	double *peaks = xcalloc(f->n_pops + 1, sizeof *peaks), *drills = xcalloc(f->n_pops + 1, sizeof *drills);
	struct gate_scope scope;
	struct err why = ERR_INIT;
	check_scope(e, r, &scope, &why);
	for (size_t i = 0; i < f->n_pops; i++) {
		struct wall drilled = ledger_drilled(e->ledger, f->pops[i].name);
		peaks[i] = e->env.peak_qps ? e->env.peak_qps(e->env.arg, i) : NAN;
		drills[i] = drilled.ns == 0 ? NAN : (double)(wall_of(e).ns - drilled.ns) / 1e9;
	}
	const struct planner_input in = {
		.fleet = f,
		.request = &r->request,
		.find = e->env.find,
		.scope = &scope,
		.n_ops = list_ops(e, r, ops, OPS_MAX),
		.ops = ops,
		.peak_qps = peaks,
		.drill_age_s = drills,
		.id = r->op.id,
		.by = r->op.by,
		.own_op = r->op.id,
		.first_target = r->op.target,
		.first_phase = r->op.phase,
		.actor = r->actor,
		.actor_text = r->actor_text,
		.is_planning = is_planning,
		.now = now_of(e),
		.wall = wall_of(e),
	};
	struct plan *p = planner_make(&in, err);
	free(ops);
	free(peaks);
	free(drills);
	return p;
}

/* By the planner's rule, so that the plan names the very hold that its end releases. */
static int
find_release(struct run *r, const struct pop *p, struct op_target *t, struct err *err)
{
	const struct hold *h;
	if (planner_find_hold(p, r->request.hold, r->op.by, &h, err) == -1)
		return -1;
	if (!h)
		return err_set(err, ERR_USAGE, "%s has no hold: there is nothing to undrain", p->name);
	snprintf(t->hold, sizeof t->hold, "%s", h->id);
	if (r->request.n_targets == 1)
		snprintf(r->request.hold, sizeof r->request.hold, "%s", h->id);
	return 0;
}

static int
set_targets(struct engine *e, struct run *r, struct err *err)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	r->op.n_targets = r->request.n_targets;
	for (size_t i = 0; i < r->op.n_targets; i++) {
		struct op_target *t = &r->op.targets[i];
		size_t pop = fleet_find_pop(f, r->request.targets[i]);
		if (pop == SIZE_MAX)
			return err_set(err, ERR_NOT_FOUND, "there is no PoP %s", r->request.targets[i]);
		snprintf(t->pop, sizeof t->pop, "%s", f->pops[pop].name);
		t->qps_before = f->pops[pop].qps;
		t->control_s = t->first_elsewhere_s = t->last_here_s = NAN;
		t->lost_probes = -1;
		if (r->op.verb == OP_DRAIN)
			digest_random_hex(t->hold, OP_ID_SIZE - 1);
		else if (find_release(r, &f->pops[pop], t, err) == -1)
			return -1;
	}
	return 0;
}

static void
take_plan(struct run *r, const struct plan *p)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	plan_write(p, &bytes);
	plan_hash(buf_slice(&bytes), r->op.hash);
	free(r->op.plan);
	r->op.plan = buf_take(&bytes);
	free(r->op.steps);
	r->op.n_steps = p->n_steps < OP_STEPS_MAX ? p->n_steps : OP_STEPS_MAX;
	r->op.steps = r->op.n_steps ? xcalloc(r->op.n_steps, sizeof *r->op.steps) : NULL;
	for (size_t i = 0; i < r->op.n_steps; i++) {
		struct op_step *s = &r->op.steps[i];
		snprintf(s->node, sizeof s->node, "%s", p->steps[i].node);
		snprintf(s->what, sizeof s->what, "%s", p->steps[i].step.what);
		s->target = p->steps[i].target;
		s->phase = p->steps[i].phase;
	}
}

/* A refusal becomes the sentence of the operation, and its code. */
static bool
is_refused(struct run *r, const struct plan *p)
{
	const struct gate_result *g = plan_refusal(p);
	if (g)
		run_say(r, g->code == ERR_OK ? ERR_REFUSED : g->code, "%s: %.200s", gate_name(g->gate), g->text);
	return g != NULL;
}

/* Policy of the services: the strictest word on approval. */
static bool
wants_approval(const struct engine *e, const struct plan *p)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	for (size_t i = 0; i < f->n_services; i++) {
		enum approval a = f->services[i].policy.approval;
		if (a == APPROVAL_ALWAYS || (a == APPROVAL_AMBER && p->worst == GATE_WARN))
			return true;
	}
	return false;
}

/* A token asks a person for what is wider than scripts may do; the sentence says what that is. */
static bool
asks_person(struct engine *e, struct run *r, const struct plan *p)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	struct err why = ERR_INIT;
	struct script_case c = { .rules = f->rules, .no_scripts = f->limits.no_scripts, .who = &r->who, .plan = p };
	c.holds = ledger_holds(e->ledger, &c.n_holds);
	if (script_check(&c, &why) == 0)
		return false;
	run_say(r, ERR_OK, "%.220s", why.text);
	return true;
}

static int
check_room(const struct engine *e, const struct account *who, struct err *err)
{
	size_t own = 0, all = 0;
	for (size_t i = 0; i < e->n_runs; i++) {
		const struct operation *op = &e->runs[i]->op;
		all += !op_state_is_final(op->state);
		own += op->state == OP_CHECKED && strcmp(op->by, who->name) == 0;
	}
	if (own >= OWN_PLANS_MAX)
		return err_set(err, ERR_BUSY, "you have %d plans that wait to be confirmed; cancel one, or let it expire", OWN_PLANS_MAX);
	if (all >= RUNS_MAX)
		return err_set(err, ERR_BUSY, "%d plans and operations are open, which is the limit", RUNS_MAX);
	return 0;
}

static void
drop_run(struct engine *e, struct run *r)
{
	for (size_t i = 0; i < e->n_runs; i++) {
		if (e->runs[i] != r)
			continue;
		memmove(&e->runs[i], &e->runs[i + 1], (e->n_runs - i - 1) * sizeof *e->runs);
		e->n_runs--;
		break;
	}
	run_end_actor(e, r);
	free_run(r);
}

const struct operation *
engine_plan(struct engine *e, const struct plan_request *request, const struct account *who, struct err *err)
{
	if (auth_check(who, AUTH_PLAN, wall_of(e), err) == -1 || check_room(e, who, err) == -1 || engine_check(e, err) == -1)
		return NULL;
	struct run *r = add_run(e);
	r->request = *request;
	r->who = *who;
	r->op.verb = request->verb;
	r->op.mode = request->mode;
	r->op.lease_s = request->lease_s;
	r->op.is_auto_undrain = request->is_auto_undrain;
	r->op.created = wall_of(e);
	digest_random_hex(r->op.id, OP_ID_SIZE - 1);
	snprintf(r->op.by, sizeof r->op.by, "%s", who->name);
	snprintf(r->op.reason, sizeof r->op.reason, "%s", request->reason);
	snprintf(r->op.ticket, sizeof r->op.ticket, "%s", request->ticket);
	snprintf(r->op.kind, sizeof r->op.kind, "%s", hold_kind_name(request->kind));
	struct plan *p = set_targets(e, r, err) == 0 ? run_plan_again(e, r, true, err) : NULL;
	if (!p) {
		drop_run(e, r);
		return NULL;
	}
	r->op.lease_s = p->lease_s;
	take_plan(r, p);
	r->op.needs_approval = wants_approval(e, p);
	bool is_no = is_refused(r, p);
	if (!is_no && asks_person(e, r, p))
		r->op.needs_approval = true;
	(void)run_raise(e, r, is_no ? OP_EVENT_GATE_REFUSED : OP_EVENT_PLANNED);
	plan_free(p);
	return &r->op;
}

/* --- what people do with it ------------------------------------------------------------------------------------- */

static struct run *
need_run(const struct engine *e, const char *id, struct err *err)
{
	struct run *r = engine_run_find(e, id);
	if (!r && ledger_find_operation(e->ledger, id))
		(void)err_set(err, ERR_CONFLICT, "operation %.16s has ended", id);
	else if (!r)
		(void)err_set(err, ERR_NOT_FOUND, "there is no plan or operation %.16s", id);
	return r;
}

/* What a person asked for happens, or they are told why not: a record that failed leaves everything as it was. */
static int
raise_for(struct engine *e, struct run *r, enum op_event event, struct err *err)
{
	enum op_state was = r->op.state;
	if (!run_raise(e, r, event))
		return err_set(err, ERR_CONFLICT, "it is %s: there is nothing to %s", op_state_name(was), op_event_name(event));
	if (r->op.state == was)
		return err_set(err, ERR_FAILED, "%s", r->op.text);
	return 0;
}

static int
check_pops(const struct engine *e, const struct run *r, enum auth_may may, const struct account *who, struct err *err)
{
	const struct fleet *f = e->env.fleet(e->env.arg);
	for (size_t i = 0; i < r->op.n_targets; i++)
		if (auth_check_pop(who, f->rules, may, r->op.targets[i].pop, wall_of(e), err) == -1)
			return -1;
	return 0;
}

static int
check_key(const char *key, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = key ? strlen(key) : 0;
	if (len < KEY_MIN || len > KEY_MAX || strspn(key, allowed) != len)
		return err_set(err, ERR_USAGE, "the idempotency key has %d to %d characters of A-Z a-z 0-9 _ -", KEY_MIN, KEY_MAX);
	return 0;
}

static void
hash_body(const char *id, const struct engine_confirm *c, char out[65])
{
	const struct slice parts[] = { slice_of(id), slice_of("\n"), slice_of(c->hash), slice_of("\n"), slice_of(c->typed) };
	digest_hex_of(parts, sizeof parts / sizeof *parts, out);
}

/* An answer that was given before: the same key with the same body. NULL with ERR_OK: none was. */
static const struct operation *
find_answer(const struct engine *e, const struct account *who, const struct engine_confirm *c, const char *body, struct err *err)
{
	const struct operation *old = NULL;
	for (size_t i = 0; i < e->n_runs && !old; i++)
		if (strcmp(e->runs[i]->op.by, who->name) == 0 && strcmp(e->runs[i]->op.key, c->key) == 0)
			old = &e->runs[i]->op;
	if (!old)
		old = ledger_find_key(e->ledger, who->name, c->key, wall_of(e));
	if (!old || digest_equal(old->body_hash, body))
		return old;
	(void)err_set(err, ERR_USAGE, "this idempotency key was used for another confirmation (%s)", old->id);
	return NULL;
}

static int
check_typed(const struct run *r, const char *typed, struct err *err)
{
	struct plan *p = plan_read(slice_of(r->op.plan), err);
	char wanted[OP_TARGETS_MAX * (FLEET_NAME_MAX + 1)];
	if (!p)
		return -1;
	plan_typed_text(p, wanted, sizeof wanted);
	plan_free(p);
	if (strcmp(typed, wanted) != 0)
		return err_set(err, ERR_CONFIRM, "to confirm, type exactly: %s", wanted);
	return 0;
}

enum op_event
run_judge_again(struct engine *e, struct run *r, bool is_planning)
{
	struct reasons changed = { 0 };
	struct err err = ERR_INIT;
	struct plan *was = plan_read(slice_of(r->op.plan), &err), *is = run_plan_again(e, r, is_planning, &err);
	enum op_event event = OP_EVENT_GATES_HOLD;
	if (!was || !is) {
		event = OP_EVENT_MOVED_ON;
		run_say(r, ERR_CONFLICT, "it can no longer be planned: %.200s", err.text);
	} else if (is_refused(r, is)) {
		event = OP_EVENT_GATE_REFUSED;
	} else if (plan_compare_basis(was, is, &changed) > 0) {
		event = OP_EVENT_MOVED_ON;
		run_say(r, ERR_CONFLICT, "the fleet moved on since this was planned: %.180s", changed.text[0]);
	}
	plan_free(was);
	plan_free(is);
	return event;
}

const struct operation *
engine_confirm(struct engine *e, const char *id, const struct engine_confirm *c, const struct account *who, struct err *err)
{
	char body[DIGEST_HEX_SIZE];
	enum op_event event;
	if (auth_check(who, AUTH_ACT, wall_of(e), err) == -1 || check_key(c->key, err) == -1)
		return NULL;
	hash_body(id, c, body);
	const struct operation *old = find_answer(e, who, c, body, err);
	if (old || err->code != ERR_OK)
		return old;
	struct run *r = need_run(e, id, err);
	if (!r)
		return NULL;
	if (strcmp(r->op.by, who->name) != 0) {
		(void)err_set(err, ERR_PERMISSION, "this plan is %s's; plan it yourself to confirm it", r->op.by);
		return NULL;
	}
	if (r->op.state == OP_REFUSED || r->op.state == OP_EXPIRED || r->op.state == OP_CANCELLED) {
		enum err_code code = r->op.state == OP_REFUSED ? ERR_REFUSED : ERR_CONFLICT;
		(void)err_set(err, r->op.code == ERR_OK ? code : r->op.code, "the plan is %s: %s", op_state_name(r->op.state),
			r->op.text[0] ? r->op.text : op_state_text(r->op.state));
		return NULL;
	}
	if (r->op.state != OP_CHECKED) {
		(void)err_set(err, ERR_CONFLICT, "the plan was confirmed before and is %s", op_state_name(r->op.state));
		return NULL;
	}
	if (!digest_equal(c->hash, r->op.hash)) {
		(void)err_set(err, ERR_CONFLICT, "the hash is not that of the plan %s: look at it again", id);
		return NULL;
	}
	if (check_typed(r, c->typed, err) == -1 || check_pops(e, r, AUTH_ACT, who, err) == -1 || engine_check(e, err) == -1)
		return NULL;
	event = run_judge_again(e, r, true);
	if (event != OP_EVENT_GATES_HOLD) {
		(void)err_set(err, r->op.code, "%s", r->op.text);
		(void)run_raise(e, r, event);
		return NULL;
	}
	snprintf(r->op.key, sizeof r->op.key, "%s", c->key);
	snprintf(r->op.body_hash, sizeof r->op.body_hash, "%s", body);
	r->who = *who;
	if (who->method == AUTH_TOKEN && !r->op.needs_approval) {
		/* a hold may have come since it was planned, or the switch have turned; a gate that turned voids the plan */
		struct plan *is = run_plan_again(e, r, true, err);
		r->op.needs_approval = is && asks_person(e, r, is);
		plan_free(is);
		if (!is)
			return NULL;
	}
	return raise_for(e, r, r->op.needs_approval ? OP_EVENT_NEED_APPROVAL : OP_EVENT_CONFIRM, err) == 0 ? &r->op : NULL;
}

/* Not by the same account, and not by another account of the same person. */
static int
check_other_person(const struct engine *e, const struct run *r, const struct account *who, struct err *err)
{
	if (strcmp(r->op.by, who->name) == 0)
		return err_set(err, ERR_PERMISSION, "another person has to approve: %s planned it", r->op.by);
	if (auth_is_same_person(e->env.fleet(e->env.arg)->rules, r->op.by, who->name))
		return err_set(err, ERR_PERMISSION, "another person has to approve: %s planned it, and %s is the same person", r->op.by,
			who->name);
	return 0;
}

const struct operation *
engine_approve(struct engine *e, const char *id, const char *hash, const struct account *who, struct err *err)
{
	struct run *r = need_run(e, id, err);
	if (!r || auth_check(who, AUTH_APPROVE, wall_of(e), err) == -1 || check_pops(e, r, AUTH_APPROVE, who, err) == -1)
		return NULL;
	if (check_other_person(e, r, who, err) == -1)
		return NULL;
	if (r->op.state != OP_WAITING) {
		(void)err_set(err, ERR_CONFLICT, "it is %s and waits for nobody's approval", op_state_name(r->op.state));
		return NULL;
	}
	if (!digest_equal(hash, r->op.hash)) {
		(void)err_set(err, ERR_CONFLICT, "the hash is not that of the plan %s: look at it again", id);
		return NULL;
	}
	snprintf(r->op.approver, sizeof r->op.approver, "%s", who->name);
	return raise_for(e, r, OP_EVENT_APPROVE, err) == 0 ? &r->op : NULL;
}

const struct operation *
engine_cancel(struct engine *e, const char *id, const struct account *who, struct err *err)
{
	struct run *r = need_run(e, id, err);
	if (!r || check_pops(e, r, AUTH_ACT, who, err) == -1)
		return NULL;
	if (op_state_is_open(r->op.state) && r->op.verb == OP_UNDRAIN) {
		(void)err_set(err, ERR_CONFLICT, "an undrain that has begun is not called off: drain %s again instead", run_target(r)->pop);
		return NULL;
	}
	run_say(r, ERR_OK, "called off by %s", who->name);
	return raise_for(e, r, OP_EVENT_CANCEL, err) == 0 ? &r->op : NULL;
}

const struct operation *
engine_accept(struct engine *e, const char *id, const struct account *who, struct err *err)
{
	struct run *r = need_run(e, id, err);
	if (!r || check_pops(e, r, AUTH_ACT, who, err) == -1)
		return NULL;
	if (who->method == AUTH_TOKEN) {
		(void)err_set(err, ERR_PERMISSION, "taking as done what was not measured needs a person; %s is a token", who->name);
		return NULL;
	}
	if (r->op.state != OP_UNCONFIRMED && r->op.state != OP_STUCK) {
		(void)err_set(err, ERR_CONFLICT, "it is %s: only what is unconfirmed or stuck can be accepted", op_state_name(r->op.state));
		return NULL;
	}
	run_say(r, ERR_OK, "accepted as it is by %s", who->name);
	return raise_for(e, r, OP_EVENT_ACCEPT, err) == 0 ? &r->op : NULL;
}

#define LEASE_MAX_S (7 * 86400)

/* Whoever prolongs a lease wants the PoP to stay away: an undrain for the end of that lease which has changed nothing yet is
 * called off. */
static void
call_off_lease(struct engine *e, const char *hold, const char *who)
{
	for (size_t i = 0; i < e->n_runs; i++) {
		struct run *r = e->runs[i];
		bool is_by_lease = r->op.verb == OP_UNDRAIN && r->who.method == AUTH_NOBODY && strcmp(r->op.targets[0].hold, hold) == 0;
		if (!is_by_lease || op_state_is_open(r->op.state) || op_state_is_final(r->op.state))
			continue;
		run_say(r, ERR_OK, "the lease was prolonged by %s", who);
		(void)run_raise(e, r, OP_EVENT_CANCEL);
	}
}

const struct operation *
engine_extend(struct engine *e, const char *id, int64_t lease_s, const struct account *who, struct err *err)
{
	const struct hold *h = ledger_find_hold(e->ledger, id);
	const struct fleet *f = e->env.fleet(e->env.arg);
	size_t n;
	const struct hold *holds = ledger_holds(e->ledger, &n);
	char roles[64];
	for (size_t i = 0; i < n && !h; i++)
		if (strcmp(holds[i].op, id) == 0)
			h = &holds[i];
	if (!h) {
		(void)err_set(err, ERR_NOT_FOUND, "no hold stands under %.16s", id);
		return NULL;
	}
	if (auth_check_pop(who, f->rules, AUTH_ACT, h->pop, wall_of(e), err) == -1)
		return NULL;
	if (lease_s < 60 || lease_s > LEASE_MAX_S) {
		(void)err_set(err, ERR_USAGE, "a lease is from 1m to 7d, counted from now");
		return NULL;
	}
	if (who->method == AUTH_TOKEN && lease_s > SCRIPT_LEASE_MAX_S) {
		(void)err_set(err, ERR_PERMISSION, "a token prolongs a lease to 4 hours from now at most; %s asked for %" PRId64 " min",
			who->name, lease_s / 60);
		return NULL;
	}
	struct hold longer = *h;
	longer.expires.ns = wall_of(e).ns + lease_s * CLOCK_NS_PER_S;
	account_roles_text(who, roles, sizeof roles);
	const struct ledger_actor by = { who->name, roles, "extend", who->peer };
	if (ledger_put_hold(e->ledger, &longer, false, &by, wall_of(e), err) == -1)
		return NULL;
	call_off_lease(e, longer.id, who->name);
	engine_publish(e);
	struct run *r = engine_run_find(e, longer.op);
	return r ? &r->op : ledger_find_operation(e->ledger, longer.op);
}

/* --- from the actors -------------------------------------------------------------------------------------------- */

static void
note_steps(struct run *r, const struct actor_event *event)
{
	for (size_t i = 0; i < event->n_nodes; i++) {
		const struct actor_node_result *n = &event->nodes[i];
		for (size_t k = 0; k < r->op.n_steps; k++) {
			struct op_step *s = &r->op.steps[k];
			if (s->target != r->op.target || strcmp(s->node, n->node) != 0 || s->phase > r->op.phase)
				continue;
			if (n->answer.text[0])
				snprintf(s->evidence, sizeof s->evidence, "%s", n->answer.text);
			if (n->code != ERR_OK && s->phase == r->op.phase)
				s->state = n->is_unknown || event->kind == ACTOR_INSPECTED ? STEP_UNKNOWN : STEP_FAILED;
		}
	}
}

/* What one node's words say of the newest apply. */
static enum seen
seen_of(const struct run *r, const struct actor_node_result *n)
{
	uint64_t ours = r->op.targets[r->op.target].apply_number;
	if (n->code != ERR_OK)
		return SEEN_NONE;
	if (n->answer.applied > ours)
		return SEEN_NONE; /* another backend has been here: a person is needed, and the wire tells the rest */
	if (n->answer.applied < ours)
		return r->op.phase > 0 ? SEEN_IS_MIXED : SEEN_IS_NOT;
	switch (n->answer.state) {
	case ACT_KEPT:
		return SEEN_IS_KEPT;
	case ACT_PENDING:
		return SEEN_IS_PENDING;
	default:
		return r->op.phase > 0 ? SEEN_IS_MIXED : SEEN_IS_NOT;
	}
}

static void
take_inspection(struct run *r, const struct actor_event *event)
{
	enum seen all = SEEN_NONE;
	for (size_t i = 0; i < event->n_nodes; i++) {
		enum seen one = seen_of(r, &event->nodes[i]);
		if (one == SEEN_NONE) {
			run_say(r, ERR_OK, "%s could not be read: %.150s", event->nodes[i].node, event->nodes[i].answer.text);
			r->seen = SEEN_NONE;
			return;
		}
		if (all == SEEN_NONE || all == one)
			all = one;
		else if (all == SEEN_IS_PENDING || one == SEEN_IS_PENDING)
			all = SEEN_IS_PENDING;
		else
			all = SEEN_IS_MIXED;
	}
	r->seen = all;
}

/* Did the nodes that did not do it say nothing, so that they may yet? One that said no needs a person. */
static bool
is_silence(const struct actor_event *event)
{
	for (size_t i = 0; i < event->n_nodes; i++) {
		const struct actor_node_result *n = &event->nodes[i];
		if (n->code != ERR_OK && !n->is_unknown && n->code != ERR_TIMEOUT && n->code != ERR_CONN_REFUSED &&
			n->code != ERR_NO_ROUTE && n->code != ERR_CONN_LOST && n->code != ERR_THROTTLED)
			return false;
	}
	return event->n_nodes > 0;
}

static void
take_failure(struct run *r, const struct actor_event *event)
{
	for (size_t i = 0; i < event->n_nodes; i++) {
		const struct actor_node_result *n = &event->nodes[i];
		if (n->code == ERR_OK)
			continue;
		run_say(r, n->code, "%s: %.180s", n->node, n->answer.text);
		return;
	}
	if (event->text && event->text[0])
		run_say(r, ERR_FAILED, "%.220s", event->text);
}

/* Where a drain goes back, an undrain stays as it is. */
static enum op_event
or_give_up(const struct run *r, enum op_event event)
{
	return r->op.verb == OP_UNDRAIN ? OP_EVENT_GIVE_UP : event;
}

void
engine_actor_event(struct engine *e, const char *op, const struct actor_event *event)
{
	struct run *r = engine_run_find(e, op);
	if (!r || !r->has_actor)
		return;
	const struct op_target *t = run_target(r);
	uint64_t expected = event->kind == ACTOR_KEPT || event->kind == ACTOR_APPLIED ? t->apply_number : t->number;
	if (event->kind == ACTOR_LOST) {
		r->has_actor = false;
		r->actor = TRI_NO;
		snprintf(r->actor_text, sizeof r->actor_text, "the actor ended: %.200s", event->text ? event->text : "no reason known");
		run_say(r, ERR_FAILED, "%s", r->actor_text);
		if (!run_raise(e, r, OP_EVENT_ACTOR_LOST))
			e->env.told(e->env.arg, &r->op);
		return;
	}
	if (event->kind == ACTOR_CHECKED) {
		r->actor = event->is_ok ? TRI_YES : TRI_NO;
		snprintf(r->actor_text, sizeof r->actor_text, "%s", event->text ? event->text : "");
		e->env.told(e->env.arg, &r->op);
		return;
	}
	if (strcmp(event->pop, t->pop) != 0 || event->number != expected)
		return; /* the answer to an order that is no longer ours */
	note_steps(r, event);
	if (!event->is_ok)
		take_failure(r, event);
	switch (event->kind) {
	case ACTOR_APPLIED:
		(void)run_raise(e, r, event->is_ok ? OP_EVENT_APPLIED : or_give_up(r, OP_EVENT_APPLY_FAILED));
		break;
	case ACTOR_KEPT:
		(void)run_raise(e, r, event->is_ok ? OP_EVENT_KEPT : or_give_up(r, OP_EVENT_KEEP_FAILED));
		break;
	case ACTOR_UNDONE:
		if (!event->is_ok && is_silence(event))
			run_wait_for_retry(e, r);
		else
			(void)run_raise(e, r, event->is_ok ? OP_EVENT_UNDO_DONE : OP_EVENT_UNDO_FAILED);
		break;
	case ACTOR_INSPECTED:
		take_inspection(r, event);
		if (r->seen == SEEN_NONE)
			run_wait_for_retry(e, r);
		break;
	default:
		break;
	}
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static void
reopen(struct engine *e, const struct operation *op)
{
	struct run *r = add_run(e);
	struct err err = ERR_INIT;
	operation_copy(&r->op, op);
	snprintf(r->who.name, sizeof r->who.name, "%s", op->by);
	snprintf(r->who.peer, sizeof r->who.peer, "before the restart");
	/* an operator confirmed it; whether that name may still act here is asked of fleet.yaml again */
	r->who.roles = 1u << CONF_OPERATOR;
	r->request.verb = op->verb;
	r->request.mode = op->mode;
	r->request.n_targets = op->n_targets;
	for (size_t i = 0; i < op->n_targets; i++)
		snprintf(r->request.targets[i], sizeof r->request.targets[i], "%s", op->targets[i].pop);
	snprintf(r->request.reason, sizeof r->request.reason, "%s", op->reason);
	r->entered = now_of(e);
	if (!r->op.plan)
		run_say(r, ERR_FAILED, "its plan is not in the ledger any more: %s", err.text);
}

struct engine *
engine_new(const struct engine_env *env, struct ledger *ledger)
{
	struct engine *e = xcalloc(1, sizeof *e);
	size_t n;
	e->env = *env;
	e->ledger = ledger;
	const struct operation *old = ledger_operations(ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (!op_state_is_final(old[i].state))
			reopen(e, &old[i]);
	/* raising writes records, which may move the ledger's list: only now */
	for (size_t i = 0; i < e->n_runs; i++)
		(void)run_raise(e, e->runs[i], OP_EVENT_RESTARTED);
	engine_publish(e);
	return e;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_runs; i++) {
		run_end_actor(e, e->runs[i]);
		free_run(e->runs[i]);
	}
	free(e->runs);
	free(e->warned);
	free(e);
}

void
engine_reload(struct engine *e)
{
	for (size_t i = 0; i < e->n_runs; i++) {
		struct run *r = e->runs[i];
		r->baseline_of = 0; /* PoPs and nodes may have other places now */
		if (r->op.state == OP_CHECKED || r->op.state == OP_WAITING || r->op.state == OP_CONFIRMED) {
			run_say(r, ERR_CONFLICT, "the fleet file was read anew");
			(void)run_raise(e, r, OP_EVENT_MOVED_ON);
		}
	}
	engine_publish(e);
}

void
engine_turn(struct engine *e)
{
	struct mono now = now_of(e);
	if (e->is_inside)
		return;
	e->is_inside = true;
	for (size_t i = 0; i < e->n_runs; i++)
		run_turn(e, e->runs[i]);
	for (size_t i = e->n_runs; i-- > 0;) {
		struct run *r = e->runs[i];
		if (mono_is_set(r->forget) && mono_before(r->forget, now))
			drop_run(e, r);
	}
	engine_leases(e);
	e->is_inside = false;
}

struct mono
engine_next(const struct engine *e)
{
	struct mono next = { 0 };
	for (size_t i = 0; i < e->n_runs; i++) {
		const struct mono both[] = { e->runs[i]->deadline, e->runs[i]->next_poll };
		for (size_t k = 0; k < 2; k++) {
			/* a poll that lies behind us is one of a state that asks no more: no reason to wake */
			if (!mono_is_set(both[k]) || (k == 1 && !mono_before(now_of(e), both[k])))
				continue;
			if (!mono_is_set(next) || mono_before(both[k], next))
				next = both[k];
		}
	}
	return next;
}

size_t
engine_operations(const struct engine *e, const struct operation **out, size_t max)
{
	size_t n_old, n = 0, skip;
	const struct operation *old = ledger_operations(e->ledger, &n_old);
	size_t room = max > e->n_runs ? max - e->n_runs : 0;
	skip = n_old > room ? n_old - room : 0;
	for (size_t i = skip; i < n_old; i++)
		if (!engine_run_find(e, old[i].id))
			out[n++] = &old[i];
	for (size_t i = 0; i < e->n_runs && n < max; i++)
		out[n++] = &e->runs[i]->op;
	return n;
}

const struct operation *
engine_find(const struct engine *e, const char *id)
{
	const struct run *r = engine_run_find(e, id);
	return r ? &r->op : ledger_find_operation(e->ledger, id);
}

struct slice
engine_plan_bytes(const struct engine *e, const char *id)
{
	const struct operation *op = engine_find(e, id);
	return slice_of(op && op->plan ? op->plan : "");
}

enum tri
engine_actor_state(const struct engine *e, const char *id, const char **text)
{
	const struct run *r = engine_run_find(e, id);
	*text = r ? r->actor_text : "";
	return r ? r->actor : TRI_UNKNOWN;
}

const struct hold *
engine_holds(const struct engine *e, size_t *n)
{
	return ledger_holds(e->ledger, n);
}

int
engine_check(const struct engine *e, struct err *err)
{
	return ledger_check(e->ledger, err);
}
