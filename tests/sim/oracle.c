/* SPDX-License-Identifier: Apache-2.0
 *
 * The promises of SAFETY model B1 as checks against the truth of the simulated world, which no backend sees:
 *
 *   I1 floor        so many PoPs are never withdrawn by us; at an order to withdraw enough others announce, hold none, are
 *                   under no operation, and have not been away for longer than three polls
 *   I2 owned        a node that we changed has an open operation or a hold
 *   I3 shown        the bytes that the actor gets are those whose hash was confirmed, and it touches no other PoP
 *   I4 one writer   one open operation a PoP; numbers only rise
 *   I5 three values done, unless accepted, means that it is so; and what is undone is announced
 *   I2 held         a PoP on which another hold stands is not brought back
 *   I6 fail-static  nothing is ordered that no person confirmed; what was kept withdrawn stays so. A lease brings back what
 *                   it was asked to bring back with its drain, when it has run out and was not prolonged. No undrain, whoever
 *                   asked for it, brings back a node that has answered nobody for longer than three polls
 *   I7 record first the ledger holds the open operation and its number when an order goes out; what it was told to be
 *                   synced is there after every crash, and the chain verifies
 *   I9 read-only    people.c: nobody does what is not his, or approves what he planned himself, by whatever account; and what
 *                   policy wants approved is not ordered before it is
 *   I10 age         no gate of a change passes on facts that are too old for it, nor is a change taken for done on such; a
 *                   node that was not heard for three polls has no verdict that says what it does
 *   liveness        world.c: ten minutes after the last fault nothing is under way
 *
 * Besides, every step from state to state is a row of the table. I8 (an old secret dies only after every consumer proved the new one)
 * is about rotation, which the product does not do yet: there is nothing here that could be held against it. The other half
 * of I10, that a screen draws no value without its age, is held by tests/screens.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#include "core/announced.h"
#include "core/digest.h"

#define MS       CLOCK_NS_PER_MS
#define SEEN_MS  8000  /* how old a wire may be that was read just before something was concluded from it */

struct sim_op *
op_find(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->n_ops; i++)
		if (strcmp(w->ops[i].id, id) == 0)
			return &w->ops[i];
	return NULL;
}

static bool
has_hold(const struct world *w, size_t pop)
{
	size_t n;
	const struct hold *holds = ledger_holds(w->ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(holds[i].pop, pop_name(pop)) == 0)
			return true;
	return false;
}

/* How many operations on this PoP the ledger knows to be open. */
static size_t
count_open(const struct world *w, size_t pop)
{
	size_t n, open = 0;
	const struct operation *ops = ledger_operations(w->ledger, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; t < ops[i].n_targets && op_state_is_open(ops[i].state); t++)
			open += strcmp(ops[i].targets[t].pop, pop_name(pop)) == 0;
	return open;
}

/* We withdrew the prefix from every node of a PoP that has it. */
static bool
is_withdrawn_by_us(const struct world *w, size_t pop, size_t prefix)
{
	for (size_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i].pop == pop && w->nodes[i].wires[prefix].is != ANNOUNCED_WITHDRAWN)
			return false;
	return true;
}

/* Are as many PoPs of a region (SIZE_MAX: of all) left with the prefix by us as must be? One that served nobody when it was
 * drained counts as left: taking it away took nothing away. */
static void
look_at_floor(struct world *w, size_t prefix, size_t region)
{
	const struct policy *p = &w->policies[service_of(prefix)];
	size_t ours = 0, left = 0, least = (size_t)(region == SIZE_MAX ? p->min_pops : p->min_pops_per_region);
	for (size_t i = 0; i < w->n_pops; i++) {
		bool is_ours = is_withdrawn_by_us(w, i, prefix) && !w->is_empty_hole[i];
		if (!w->carries[i][prefix] || (region != SIZE_MAX && w->regions[i] != region))
			continue;
		ours += is_ours;
		left += !is_ours;
	}
	if (ours > 0 && left < least)
		broken(w, "I1", "%s is withdrawn by us from %zu PoPs and left with %zu%s, %zu must announce it", prefix_texts[prefix], ours, left,
			region == SIZE_MAX ? "" : " in a region", least);
}

static void
look_at_node(struct world *w, size_t i)
{
	const struct sim_node *n = &w->nodes[i];
	char name[8];
	node_name(w, i, name);
	for (size_t k = 0; k < w->n_prefixes; k++) {
		const struct sim_wire *wire = &n->wires[k];
		if (wire->is_kept_away && wire->is != ANNOUNCED_WITHDRAWN)
			broken(w, "I6", "%s of %s was told to stay withdrawn, and is %s by itself", prefix_texts[k], name, announced_name(wire->is));
		if (!w->carries[n->pop][k] && wire->is != ANNOUNCED_WITHDRAWN)
			broken(w, "I3", "%s is %s on %s, which never had it", prefix_texts[k], announced_name(wire->is), name);
		if (w->is_up && w->carries[n->pop][k] && wire->is != ANNOUNCED_YES && !has_hold(w, n->pop) && count_open(w, n->pop) == 0)
			broken(w, "I2", "%s of %s is %s, and no operation and no hold says why", prefix_texts[k], name, announced_name(wire->is));
	}
}

void
oracle_look(struct world *w)
{
	for (size_t i = 0; i < w->n_pops; i++) {
		bool is_away = !w->is_up || has_hold(w, i) || count_open(w, i) > 0;
		for (size_t k = 0; k < w->n_prefixes; k++)
			is_away = is_away || (w->carries[i][k] && is_withdrawn_by_us(w, i, k));
		w->is_empty_hole[i] = w->is_empty_hole[i] && is_away;
	}
	for (size_t k = 0; k < w->n_prefixes; k++) {
		look_at_floor(w, k, SIZE_MAX);
		for (size_t r = 0; r < 3; r++)
			look_at_floor(w, k, r);
	}
	for (size_t i = 0; i < w->n_nodes; i++)
		look_at_node(w, i);
	if (!w->is_up)
		return;
	for (size_t i = 0; i < w->n_pops; i++)
		if (count_open(w, i) > 1)
			broken(w, "I4", "%zu operations are open on %s", count_open(w, i), pop_name(i));
}

/* Would anybody who is asked see what this node truly announces? A witness that it has a session with; the only vantage, when
 * it comes to this node. */
static bool
is_seen_through(const struct world *w, size_t node, size_t prefix)
{
	if (w->is_witnessed[w->nodes[node].pop])
		return true;
	return w->n_vantages == 1 && prefix != 1 && !w->nodes[node].is_hole && nearest(w, 0, prefix) == node;
}

/* Was the wire of every node of the PoP so within the time that its reading may have taken? A node that says that it is
 * withdrawn, and serves nobody or says so, passes only where nobody else sees it. by_us: what persons did to it on the node does
 * not matter. */
static bool
was_wire(const struct world *w, size_t pop, enum announced goal, bool by_us)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		for (size_t k = 0; k < w->n_prefixes && w->nodes[i].pop == pop; k++) {
			const struct sim_node *n = &w->nodes[i];
			enum announced wire = by_us ? n->wires[k].is : wire_is(n, k);
			bool serves_nobody = wire == ANNOUNCED_PREFER_AWAY || n->lies_rate || n->is_hole;
			bool is_hidden = n->wires[k].lie == goal && serves_nobody && !is_seen_through(w, i, k);
			bool is_so = wire == goal || (goal == ANNOUNCED_PREFER_AWAY && wire == ANNOUNCED_WITHDRAWN);
			if (w->carries[pop][k] && !is_so && !is_hidden && w->now - n->wires[k].changed > SEEN_MS * MS)
				return false;
		}
	}
	return true;
}

static bool
is_row(enum op_state from, enum op_state to)
{
	struct op_outcome o;
	for (int e = 0; e < OP_EVENT_COUNT; e++)
		if (operation_step(from, (enum op_event)e, &o) == 0 && o.next == to)
			return true;
	return from == to;
}

static void check_evidence_age(struct world *w, const struct operation *op, size_t pop);

static void
check_done(struct world *w, const struct operation *op, const struct sim_op *mine)
{
	/* one that was accepted half-way never came to the later PoPs */
	for (size_t t = 0; t <= op->target; t++) {
		enum announced goal = op_phase_goal(op->verb, op->mode, op_phases(op->verb, op->mode) - 1);
		size_t pop = pop_of_name(w, op->targets[t].pop);
		bool is_shared = op->verb == OP_UNDRAIN && has_hold(w, pop);
		w->n_released += is_shared;
		if (op->verb == OP_DRAIN && !has_hold(w, pop))
			broken(w, "I2", "%s is done, and %s has no hold", op->id, op->targets[t].pop);
		/* those before were measured when they were done, and may have restarted since */
		if (t == op->target && !mine->is_accepted && !is_shared && !was_wire(w, pop, goal, false))
			broken(w, "I5", "%s is done, and %s is not %s", op->id, op->targets[t].pop, announced_name(goal));
	}
	if (!mine->is_accepted)
		check_evidence_age(w, op, pop_of_name(w, op->targets[op->target].pop));
	if (op->verb == OP_DRAIN && mine->was_undoing && !mine->is_accepted)
		broken(w, "I5", "%s was being undone, and is done", op->id);
}

void
oracle_told(struct world *w, const struct operation *op)
{
	struct sim_op *mine = op_find(w, op->id);
	if (!mine && w->n_ops < OPS_SIM) {
		mine = &w->ops[w->n_ops++];
		*mine = (struct sim_op){ .verb = op->verb, .state = OP_DRAFT, .by = person_find(op->by) };
		snprintf(mine->id, sizeof mine->id, "%s", op->id);
		snprintf(mine->hash, sizeof mine->hash, "%s", op->hash);
	}
	if (!mine || mine->state == op->state)
		return;
	if (mine->state != OP_STATE_COUNT && !is_row(mine->state, op->state))
		broken(w, "table", "%s went from %s to %s", op->id, op_state_name(mine->state), op_state_name(op->state));
	say(w, "operation %s: %s %s", op->id, op_state_name(op->state), op->text);
	mine->state = op->state;
	mine->was_undoing = mine->was_undoing || op->state == OP_UNDOING;
	w->n_done += op->state == OP_DONE;
	w->n_undone += op->state == OP_UNDONE;
	if (op->state == OP_DONE)
		check_done(w, op, mine);
	const char *pop = op->targets[op->target].pop;
	if (op->state == OP_UNDONE && op->verb == OP_DRAIN && !has_hold(w, pop_of_name(w, pop)) &&
		!was_wire(w, pop_of_name(w, pop), ANNOUNCED_YES, true))
		broken(w, "I5", "%s is undone, and %s is not announced", op->id, pop);
}

/* --- I10: age --------------------------------------------------------------------------------------------------- */

#define FRESH_MS 15000 /* three polls */

/* Was this plane of a node, as the backend holds it, heard within three polls? */
static bool
is_young(const struct world *w, const struct node *n, enum plane_name plane)
{
	return !n->is_restored && mono_is_set(n->planes[plane].seen) && w->now - n->planes[plane].seen.ns <= FRESH_MS * MS;
}

/* The first node of a PoP that was not heard lately, as far as the change rests on it. */
static const struct node *
find_old(const struct world *w, size_t pop, bool with_service)
{
	const struct fleet *f = state_fleet(w->state);
	for (size_t i = 0; i < f->pops[pop].n_nodes; i++) {
		const struct node *n = &f->nodes[f->pops[pop].nodes[i]];
		if (!is_young(w, n, PLANE_SESSION) || !is_young(w, n, PLANE_WIRE) || (with_service && !is_young(w, n, PLANE_SERVICE)))
			return n;
	}
	return NULL;
}

/* PoPs beside the targets of which at least one node was heard lately, and had the prefix and answered then. */
static size_t
count_heard(const struct world *w, const struct gate_input *in, size_t prefix)
{
	size_t heard = 0;
	for (size_t p = 0; p < w->n_pops; p++) {
		bool is_heard = false, is_target = false;
		for (size_t t = 0; t < in->n_targets; t++)
			is_target = is_target || in->targets[t] == p;
		for (size_t i = 0; i < in->fleet->pops[p].n_nodes; i++) {
			const struct node *n = &in->fleet->nodes[in->fleet->pops[p].nodes[i]];
			is_heard = is_heard || (is_young(w, n, PLANE_SESSION) && is_young(w, n, PLANE_WIRE) && is_young(w, n, PLANE_SERVICE) &&
				report_announced(n->facts, &in->fleet->prefixes[prefix].prefix) == ANNOUNCED_YES);
		}
		heard += is_heard && !is_target;
	}
	return heard;
}

/* Does a target say that it has the prefix? */
static bool
is_said(const struct gate_input *in, size_t prefix)
{
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < in->fleet->pops[in->targets[t]].n_nodes; i++) {
			const struct node *n = &in->fleet->nodes[in->fleet->pops[in->targets[t]].nodes[i]];
			if (report_announced(n->facts, &in->fleet->prefixes[prefix].prefix) == ANNOUNCED_YES)
				return true;
		}
	return false;
}

void
oracle_gates(struct world *w, const struct gate_input *in, const struct gate_result *results, size_t n)
{
	bool is_blackhole = true;
	if (w->is_crashing)
		return;
	for (size_t i = 0; i < n; i++)
		if (results[i].level == GATE_REFUSE)
			return;
	for (size_t t = 0; t < in->n_targets; t++) {
		/* an undrain that leaves other holds changes no wire */
		const struct node *old = find_old(w, in->targets[t], in->verb == OP_UNDRAIN);
		is_blackhole = is_blackhole && pop_was_hole(w, in->targets[t]);
		if (old && in->hold_pop_count == 0)
			broken(w, "I10", "the gates of a change of %s pass, and %s was last heard %.1f s ago", pop_name(in->targets[t]), old->name,
				(double)(w->now - old->seen.ns) / 1e9);
	}
	for (size_t k = 0; k < w->n_prefixes && in->verb == OP_DRAIN && !is_blackhole; k++)
		if (is_said(in, k) && count_heard(w, in, k) < (size_t)w->policies[service_of(k)].min_pops)
			broken(w, "I10", "the gates of a drain pass, and of the PoPs that would be left %zu were heard to announce %s within three polls",
				count_heard(w, in, k), prefix_texts[k]);
}

/* What was measured is as young as what is judged. */
static void
check_evidence_age(struct world *w, const struct operation *op, size_t pop)
{
	const struct op_evidence *checks = op->targets[op->target].checks;
	const struct fleet *f = state_fleet(w->state);
	const struct node *old = checks[OP_CHECK_WIRE].applies ? find_old(w, pop, checks[OP_CHECK_RATE].applies) : NULL;
	bool has_witness = false, has_vantage = false;
	if (old)
		broken(w, "I10", "%s is done by the word of %s, which was last heard %.1f s ago", op->id, old->name,
			(double)(w->now - old->seen.ns) / 1e9);
	for (size_t i = 0; i < f->n_nodes; i++) {
		has_witness = has_witness || (f->nodes[i].role == NODE_WITNESS && is_young(w, &f->nodes[i], PLANE_WIRE));
		has_vantage = has_vantage || (f->nodes[i].role == NODE_VANTAGE && is_young(w, &f->nodes[i], PLANE_SERVICE));
	}
	if (checks[OP_CHECK_WITNESS].applies && !has_witness)
		broken(w, "I10", "%s is done by the word of a witness that was not heard for three polls", op->id);
	if (op->verb == OP_DRAIN && checks[OP_CHECK_ANSWER].applies && !has_vantage)
		broken(w, "I10", "%s is done by the word of vantages that were not heard for three polls", op->id);
}

void
oracle_ages(struct world *w)
{
	const struct fleet *f = state_fleet(w->state);
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		bool is_any_young = false;
		for (int p = 0; p < PLANE_COUNT; p++)
			is_any_young = is_any_young || is_young(w, n, (enum plane_name)p);
		if (!is_any_young && n->verdict != VERDICT_UNREACHABLE && n->verdict != VERDICT_SILENT && n->verdict != VERDICT_UNKNOWN)
			broken(w, "I10", "%s was last heard %.1f s ago, and is said to be %s", n->name, (double)(w->now - n->seen.ns) / 1e9,
				verdict_name(n->verdict));
	}
	for (size_t p = 0; p < w->n_pops; p++) {
		bool is_any_young = false;
		for (size_t i = 0; i < f->pops[p].n_nodes; i++)
			is_any_young = is_any_young || is_young(w, &f->nodes[f->pops[p].nodes[i]], PLANE_WIRE);
		for (size_t k = 0; k < f->n_prefixes && !is_any_young; k++)
			if (f->pops[p].announced[k] != ANNOUNCED_UNKNOWN)
				broken(w, "I10", "no node of %s was heard for three polls, and %s is said to be %s", f->pops[p].name, prefix_texts[k],
					announced_name(f->pops[p].announced[k]));
	}
}

/* --- what goes out ---------------------------------------------------------------------------------------------- */

void
oracle_plan(struct world *w, const char *op, struct slice plan)
{
	struct sim_op *mine = op_find(w, op);
	char hash[DIGEST_HEX_SIZE];
	plan_hash(plan, hash);
	if (mine && mine->is_confirmed && strcmp(hash, mine->hash) != 0)
		broken(w, "I3", "the actor of %s gets other bytes than were confirmed", op);
	struct plan *p = plan_read(plan, NULL);
	if (mine && p)
		mine->is_amber = p->worst == GATE_WARN;
	plan_free(p);
}

/* PoPs other than the target that announce, or went away too lately for anybody to know. */
static size_t
count_others(const struct world *w, size_t target, size_t prefix, size_t region)
{
	size_t up = 0;
	for (size_t p = 0; p < w->n_pops; p++) {
		bool was_up = pop_is_up(w, p, prefix);
		for (size_t i = 0; i < w->n_nodes; i++) {
			const struct sim_wire *wire = &w->nodes[i].wires[prefix];
			was_up = was_up || (w->nodes[i].pop == p && wire->served && w->now - wire->served < STALE_MS * MS);
		}
		if (p != target && (region == SIZE_MAX || w->regions[p] == region) && !has_hold(w, p) && count_open(w, p) == 0 && was_up)
			up++;
	}
	return up;
}

/* A withdrawal goes out: of each prefix that it touches enough is left. */
static void
check_floor(struct world *w, const struct sim_actor *a, size_t target, size_t phase)
{
	for (size_t k = 0; k < w->n_prefixes; k++) {
		const struct policy *p = &w->policies[service_of(k)];
		bool is_touched = false;
		for (size_t i = 0; i < a->n_steps; i++)
			is_touched = is_touched || (a->steps[i].prefix == k && a->steps[i].phase == phase && w->nodes[a->steps[i].node].pop == target);
		if (!is_touched)
			continue;
		size_t others = count_others(w, target, k, SIZE_MAX), near = count_others(w, target, k, w->regions[target]);
		size_t need = (size_t)p->min_pops + (size_t)p->spare, need_near = (size_t)p->min_pops_per_region;
		if (others == 0)
			broken(w, "I1", "%s of %s, the last PoP that has it, is withdrawn", prefix_texts[k], pop_name(target));
		if (pop_was_hole(w, target)) {
			w->n_holes += !w->is_empty_hole[target];
			w->is_empty_hole[target] = true;
			continue;
		}
		if (others < need || near < need_near)
			broken(w, "I1", "%s withdraws %s of %s; %zu others have it and %zu must, %zu in its region and %zu must", a->op, prefix_texts[k],
				pop_name(target), others, need, near, need_near);
	}
}

/* PoPs that are held or being drained are within what each service that is touched allows. */
static void
check_budget(struct world *w, const struct sim_actor *a)
{
	size_t n, drained = 0, most = POPS_MAX;
	const struct operation *ops = ledger_operations(w->ledger, &n);
	for (size_t p = 0; p < w->n_pops; p++) {
		bool is_drained = has_hold(w, p);
		for (size_t i = 0; i < n; i++)
			for (size_t t = 0; t < ops[i].n_targets && ops[i].verb == OP_DRAIN && op_state_is_open(ops[i].state); t++)
				is_drained = is_drained || pop_of_name(w, ops[i].targets[t].pop) == p;
		drained += is_drained;
	}
	for (size_t i = 0; i < a->n_steps; i++) {
		size_t max = (size_t)w->policies[service_of(a->steps[i].prefix)].max_drained;
		most = max < most ? max : most;
	}
	if (drained > most)
		broken(w, "I1", "%s makes it %zu PoPs that are drained or held, max_drained is %zu", a->op, drained, most);
}

static void
check_approval(struct world *w, const struct sim_op *mine)
{
	for (size_t i = 0; i < w->n_services; i++) {
		enum approval a = w->policies[i].approval;
		if ((a == APPROVAL_ALWAYS || (a == APPROVAL_AMBER && mine->is_amber)) && !mine->is_approved)
			broken(w, "I9", "%s acts, and nobody else approved it", mine->id);
	}
}

/* Nobody confirmed this undrain: a lease must have asked for it. */
static void
check_lease(struct world *w, const struct operation *op, const struct op_target *t)
{
	const struct hold *h = ledger_find_hold(w->ledger, t->hold);
	const struct sim_op *drain = h ? op_find(w, h->op) : NULL;
	const struct sim_op *mine = op_find(w, op->id);
	if (mine && mine->is_amber && !mine->is_approved)
		broken(w, "I6", "%s brings %s back for a lease, a gate warns, and no person has seen it", op->id, t->pop);
	if (!h || !drain || !drain->is_auto_undrain)
		broken(w, "I6", "%s brings %s back, and neither a person nor a lease asked for it", op->id, t->pop);
	else if (h->expires.ns == 0 || h->expires.ns > op->created.ns)
		broken(w, "I6", "%s brings %s back for a lease that ran for another %.3f s when it was planned, or was prolonged since", op->id, t->pop,
			(double)(h->expires.ns - op->created.ns) / 1e9);
}

static void
check_return(struct world *w, const struct operation *op, const struct sim_op *mine, size_t pop)
{
	const struct op_target *t = &op->targets[op->target];
	size_t n;
	const struct hold *holds = ledger_holds(w->ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(holds[i].pop, t->pop) == 0 && strcmp(holds[i].id, t->hold) != 0)
			broken(w, "I2", "%s brings %s back, and %s holds it still", op->id, t->pop, holds[i].owner);
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct sim_node *node = &w->nodes[i];
		char name[8];
		if (node->pop == pop && (node->is_hole || node->is_dead) && w->now - node->ill_since > STALE_MS * MS)
			broken(w, "I6", "%s brings %s back, which has answered nobody for %.1f s", op->id, node_name(w, i, name),
				(double)(w->now - node->ill_since) / 1e9);
	}
	if (!mine->is_confirmed) {
		w->n_by_lease++;
		check_lease(w, op, t);
	}
}

void
oracle_order(struct world *w, const struct sim_actor *a, enum act_order order, const char *pop, size_t phase, uint64_t number)
{
	struct sim_op *mine = op_find(w, a->op);
	const struct operation *op = ledger_find_operation(w->ledger, a->op);
	size_t target = pop_of_name(w, pop);
	if (!op || !op_state_is_open(op->state))
		broken(w, "I7", "%s of %s goes out, and no open record is on disk", act_order_name(order), a->op);
	if (target == SIZE_MAX || ledger_number(w->ledger, pop) < number)
		broken(w, "I7", "%s %llu of %s goes out, and the ledger knows %llu", act_order_name(order), (unsigned long long)number, a->op,
			(unsigned long long)ledger_number(w->ledger, pop));
	if (!op || target == SIZE_MAX)
		return;
	for (size_t i = 0; i < a->n_steps; i++)
		if (a->steps[i].target >= op->n_targets || w->nodes[a->steps[i].node].pop !=
			pop_of_name(w, op->targets[a->steps[i].target].pop))
			broken(w, "I3", "a step of %s is for a node of another PoP", a->op);
	if ((order == ACT_APPLY || order == ACT_UNDO) && number <= w->top[target])
		broken(w, "I4", "%s %llu of %s, and %llu was sent before", act_order_name(order), (unsigned long long)number, a->op,
			(unsigned long long)w->top[target]);
	w->top[target] = number > w->top[target] ? number : w->top[target];
	if (order == ACT_UNDO && op->verb == OP_UNDRAIN)
		broken(w, "I6", "an undrain is undone: %s", a->op);
	if (order != ACT_APPLY || !mine)
		return;
	check_approval(w, mine);
	if (op->verb == OP_UNDRAIN) {
		check_return(w, op, mine, target);
		return;
	}
	if (!mine->is_confirmed)
		broken(w, "I6", "%s withdraws, and nobody confirmed it", a->op);
	check_budget(w, a);
	check_floor(w, a, target, phase);
}

/* After a crash: what was promised to be on disk is there, and the chain holds. */
void
oracle_disk(struct world *w)
{
	struct chain_verdict v;
	if (w->disk.len < w->promised)
		broken(w, "I7", "%zu bytes were synced, %zu are left", w->promised, w->disk.len);
	chain_verify(buf_slice(&w->disk), NULL, NULL, &v);
	if (v.fault == CHAIN_BROKEN || v.good_size < w->promised)
		broken(w, "audit", "record %llu: %s", (unsigned long long)v.seq, v.text);
}

void
oracle_end(struct world *w)
{
	oracle_disk(w);
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct sim_node *n = &w->nodes[i];
		/* a stuck operation is looked after by a person, and its node's dead-man may still have time */
		bool is_seen_to = w->is_forsaken ? n->is_abandoned : n->has_dead_man || count_open(w, n->pop) > 0;
		char name[8];
		for (size_t k = 0; k < w->n_prefixes; k++)
			if (w->carries[n->pop][k] && n->state == ACT_PENDING && n->wires[k].is != ANNOUNCED_YES && !is_seen_to)
				broken(w, "dead-man", "%s of %s is %s, pending, and nobody looks after it", prefix_texts[k], node_name(w, i, name),
					announced_name(n->wires[k].is));
	}
}
