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
 *   I6 fail-static  nothing is ordered that no person confirmed (an undrain by a lease was, with its drain); what was kept
 *                   withdrawn stays so
 *   I7 record first the ledger holds the open operation and its number when an order goes out; what it was told to be
 *                   synced is there after every crash, and the chain verifies
 *   I9 read-only    people.c: nobody does what is not his
 *   liveness        world.c: ten minutes after the last fault nothing is under way
 *
 * Besides, every step from state to state is a row of the table. I8 is about secrets and I10 about screens: not here.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#include "core/digest.h"

#define MS       CLOCK_NS_PER_MS
#define SEEN_MS  8000  /* how old a wire may be that was read just before something was concluded from it */
#define STALE_MS 20000 /* three polls, their own time, and the turn */

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

static bool
is_withdrawn_by_us(const struct world *w, size_t pop)
{
	for (size_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i].pop == pop && w->nodes[i].wire != ANNOUNCED_WITHDRAWN)
			return false;
	return true;
}

void
oracle_look(struct world *w)
{
	size_t ours = 0;
	for (size_t i = 0; i < w->n_pops; i++)
		ours += is_withdrawn_by_us(w, i);
	if (w->n_pops - ours < (size_t)w->policy.min_pops)
		broken(w, "I1", "%zu of %zu PoPs are withdrawn by us, %d must announce", ours, w->n_pops, w->policy.min_pops);
	for (size_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i].is_kept_away && w->nodes[i].wire != ANNOUNCED_WITHDRAWN)
			broken(w, "I6", "node %zu was told to stay withdrawn, and is %s by itself", i, announced_name(w->nodes[i].wire));
	if (!w->is_up)
		return;
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct sim_node *n = &w->nodes[i];
		if (n->wire != ANNOUNCED_YES && !has_hold(w, n->pop) && count_open(w, n->pop) == 0)
			broken(w, "I2", "node %zu of %s is %s, and no operation and no hold says why", i, pop_name(n->pop), announced_name(n->wire));
	}
	for (size_t i = 0; i < w->n_pops; i++)
		if (count_open(w, i) > 1)
			broken(w, "I4", "%zu operations are open on %s", count_open(w, i), pop_name(i));
}

/* Was the wire of every node of the PoP so within the time that its reading may have taken? A node that says that it is
 * withdrawn, is only avoided, and serves nobody is seen through by no one here: there is no witness in this world. */
static bool
was_wire(const struct world *w, const char *pop, enum announced goal)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct sim_node *n = &w->nodes[i];
		bool is_hidden = n->lie == goal && n->wire == ANNOUNCED_PREFER_AWAY;
		enum announced wire = n->is_by_hand && goal != ANNOUNCED_YES ? ANNOUNCED_WITHDRAWN : n->wire;
		if (n->pop == pop_of_name(w, pop) && wire != goal && !is_hidden && w->now - n->changed > SEEN_MS * MS)
			return false;
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

static void
check_done(struct world *w, const struct operation *op, const struct sim_op *mine)
{
	/* one that was accepted half-way never came to the later PoPs */
	for (size_t t = 0; t <= op->target; t++) {
		enum announced goal = op_phase_goal(op->verb, op->mode, op_phases(op->verb, op->mode) - 1);
		size_t pop = pop_of_name(w, op->targets[t].pop);
		bool is_shared = op->verb == OP_UNDRAIN && has_hold(w, pop);
		if (op->verb == OP_DRAIN && !has_hold(w, pop))
			broken(w, "I2", "%s is done, and %s has no hold", op->id, op->targets[t].pop);
		/* those before were measured when they were done, and may have restarted since */
		if (t == op->target && !mine->is_accepted && !is_shared && !was_wire(w, op->targets[t].pop, goal))
			broken(w, "I5", "%s is done, and %s is not %s", op->id, op->targets[t].pop, announced_name(goal));
	}
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
	if (op->state == OP_UNDONE && op->verb == OP_DRAIN && !has_hold(w, pop_of_name(w, pop)) && !was_wire(w, pop, ANNOUNCED_YES))
		broken(w, "I5", "%s is undone, and %s is not announced", op->id, pop);
}

void
oracle_plan(struct world *w, const char *op, struct slice plan)
{
	struct sim_op *mine = op_find(w, op);
	char hash[DIGEST_HEX_SIZE];
	plan_hash(plan, hash);
	if (mine && mine->is_confirmed && strcmp(hash, mine->hash) != 0)
		broken(w, "I3", "the actor of %s gets other bytes than were confirmed", op);
}

/* PoPs other than the target that announce, or went away too lately for anybody to know. */
static size_t
count_others(const struct world *w, size_t target)
{
	size_t up = 0;
	for (size_t p = 0; p < w->n_pops; p++) {
		bool is_fresh_outage = false;
		for (size_t i = 0; i < w->n_nodes; i++)
			is_fresh_outage = is_fresh_outage || (w->nodes[i].pop == p && w->nodes[i].outage >= 0 &&
				w->now - w->nodes[i].outage < STALE_MS * MS);
		if (p != target && !has_hold(w, p) && count_open(w, p) == 0 && (pop_is_up(w, p) || is_fresh_outage))
			up++;
	}
	return up;
}

void
oracle_order(struct world *w, const struct sim_actor *a, enum act_order order, const char *pop, uint64_t number)
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
	if (order != ACT_APPLY || op->verb != OP_DRAIN)
		return;
	if (!mine || !mine->is_confirmed)
		broken(w, "I6", "%s withdraws, and nobody confirmed it", a->op);
	if (count_others(w, target) < (size_t)w->policy.min_pops)
		broken(w, "I1", "%s withdraws %s, and only %zu others announce, %d must", a->op, pop, count_others(w, target), w->policy.min_pops);
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
		if (n->state == ACT_PENDING && n->wire != ANNOUNCED_YES && !is_seen_to)
			broken(w, "dead-man", "node %zu is %s, pending, and nobody looks after it", i, announced_name(n->wire));
	}
}
