/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes and actors of the simulated world. A node keeps NUMBER APPLIED STATE and obeys as backend/act_script.c does: the
 * rules are written anew here, from docs/operations.md, so that two authors must agree. Its steps are words of the plan
 * that the actor was given. An actor carries one order to all nodes of a PoP and tells what they said; orders and answers
 * get lost, come late or twice, and a dead actor's orders go on.
 *
 * What a node says of itself is a report like a driver's; it can lie, be silent, die, restart.
 */
#include "tests/sim/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTOR_PATIENCE_MS 12000

/* --- what nodes say --------------------------------------------------------------------------------------------- */

static enum family
family_of(size_t prefix)
{
	return strchr(prefix_texts[prefix], ':') ? FAMILY_V6 : FAMILY_V4;
}

/* What a node says of its wire. */
static enum announced
told(const struct world *w, const struct sim_node *n, size_t prefix)
{
	if (w->flaw == FLAW_OLD_FACTS)
		return w->carries[n->pop][prefix] ? ANNOUNCED_YES : ANNOUNCED_WITHDRAWN;
	return n->wires[prefix].lie != ANNOUNCED_UNKNOWN ? n->wires[prefix].lie : wire_is(n, prefix);
}

static void
say_exports(const struct world *w, const struct sim_node *n, enum family family, struct report *r)
{
	struct export_fact *e = report_add_export(r, "transit", family);
	e->is_known = true;
	for (size_t k = 0; k < w->n_prefixes; k++) {
		enum announced is = told(w, n, k);
		if (family_of(k) != family || is == ANNOUNCED_WITHDRAWN)
			continue;
		struct route_fact *route = report_add_route(r, e);
		(void)prefix_parse(slice_of(prefix_texts[k]), &route->prefix, NULL);
		route->is_gshut = is == ANNOUNCED_PREFER_AWAY ? TRI_YES : TRI_NO;
		route->prepends = 0;
	}
}

static void
say_origins(const struct world *w, const struct sim_node *n, struct report *r)
{
	for (size_t k = 0; k < w->n_prefixes; k++) {
		if (!w->carries[n->pop][k])
			continue;
		struct origin_fact *o = report_add_origin(r);
		(void)prefix_parse(slice_of(prefix_texts[k]), &o->prefix, NULL);
		o->by = "static";
		o->is_enabled = told(w, n, k) != ANNOUNCED_WITHDRAWN;
	}
}

static struct report *
member_says(const struct world *w, size_t i)
{
	const struct sim_node *n = &w->nodes[i];
	struct report *r = report_new();
	bool is_asked = false;
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS | REPORT_HEALTH | REPORT_ANSWERS | REPORT_ORIGINS;
	struct session_fact *s = report_add_session(r);
	s->name = s->peer = "transit";
	s->families = FAMILY_BIT_V4 | FAMILY_BIT_V6;
	s->state = FSM_ESTABLISHED;
	s->admin_state = ADMIN_UP;
	say_exports(w, n, FAMILY_V4, r);
	if (w->n_prefixes > 1)
		say_exports(w, n, FAMILY_V6, r);
	say_origins(w, n, r);
	for (size_t k = 0; k < w->n_prefixes; k++)
		is_asked = is_asked || (wire_is(n, k) == ANNOUNCED_YES && !n->is_hole);
	r->dns.qps = is_asked && !n->lies_rate ? 1000 : 0;
	r->is_healthy = n->is_hole && !n->lies_well ? TRI_NO : TRI_YES;
	struct answer_fact *a = report_add_answer(r);
	a->vantage = "local";
	a->target = "10.0.0.1";
	a->is_answered = n->is_hole ? TRI_NO : TRI_YES;
	a->rcode = n->is_hole ? NULL : "NOERROR";
	a->serial = n->is_hole ? -1 : 1;
	return r;
}

/* A vantage comes to the PoP that is nearest to it and announces; to one that is to be avoided last. */
size_t
nearest(const struct world *w, size_t vantage, size_t prefix)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t k = 0; k < w->n_nodes; k++) {
			size_t i = (vantage * w->per_pop + k) % w->n_nodes;
			if (wire_is(&w->nodes[i], prefix) == (pass ? ANNOUNCED_PREFER_AWAY : ANNOUNCED_YES))
				return i;
		}
	}
	return SIZE_MAX;
}

static struct report *
vantage_says(const struct world *w, size_t vantage)
{
	struct report *r = report_new();
	r->sections = REPORT_ANSWERS;
	for (size_t i = 0; i < w->n_services; i++) {
		size_t who = nearest(w, vantage, i == 0 ? 0 : 2);
		struct answer_fact *a = report_add_answer(r);
		a->vantage = vantage == 0 ? "local" : "home";
		a->target = i == 0 ? "192.0.2.53" : "198.51.100.53";
		a->service = i == 0 ? "ns" : "web";
		a->is_answered = TRI_NO;
		if (who == SIZE_MAX || w->nodes[who].is_hole)
			continue;
		a->is_answered = TRI_YES;
		a->rcode = "NOERROR";
		a->serial = 1;
		a->identity = state_fleet(w->state)->nodes[who].name;
	}
	return r;
}

/* A router that some nodes have a session with: it has what they truly announce. */
static struct report *
witness_says(const struct world *w)
{
	const struct fleet *f = state_fleet(w->state);
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS | REPORT_RIB;
	for (size_t i = 0; i < w->n_nodes; i++) {
		if (!w->is_witnessed[w->nodes[i].pop])
			continue;
		struct session_fact *s = report_add_session(r);
		s->name = s->peer = f->nodes[i].name;
		s->families = FAMILY_BIT_V4 | FAMILY_BIT_V6;
		s->state = w->nodes[i].is_dead ? FSM_ACTIVE : FSM_ESTABLISHED;
		s->admin_state = ADMIN_UP;
	}
	for (size_t k = 0; k < w->n_prefixes; k++) {
		struct rib_fact *rib = report_add_rib(r);
		char peers[NODES_MAX * 8] = "";
		rib->prefix = f->prefixes[k].prefix;
		for (size_t i = 0; i < w->n_nodes; i++) {
			enum announced is = wire_is(&w->nodes[i], k);
			if (!w->is_witnessed[w->nodes[i].pop] || is == ANNOUNCED_WITHDRAWN)
				continue;
			snprintf(peers + strlen(peers), sizeof peers - strlen(peers), "%s%s", peers[0] ? " " : "", f->nodes[i].name);
			rib->paths++;
			if (!rib->best && is == ANNOUNCED_YES)
				rib->best = f->nodes[i].name;
		}
		rib->peers = peers[0] ? report_text(r, slice_of(peers)) : NULL;
	}
	return r;
}

struct report *
node_says(const struct world *w, size_t i)
{
	if (i < w->n_nodes)
		return member_says(w, i);
	return i < w->n_nodes + w->n_vantages ? vantage_says(w, i - w->n_nodes) : witness_says(w);
}

/* --- what nodes do ---------------------------------------------------------------------------------------------- */

static void
set_wire(struct world *w, struct sim_node *n, size_t prefix, enum announced is)
{
	struct sim_wire *wire = &n->wires[prefix];
	if (wire->is == is)
		return;
	note_service(w, n);
	wire->is = is;
	wire->changed = w->now;
}

static void
tell_the_truth(struct sim_node *n)
{
	for (size_t k = 0; k < PREFIXES_MAX; k++)
		n->wires[k].lie = ANNOUNCED_UNKNOWN;
	n->lies_rate = false;
}

static void
forget_keep(struct sim_node *n)
{
	for (size_t k = 0; k < PREFIXES_MAX; k++)
		n->wires[k].is_kept_away = false;
}

static void
arm_dead_man(struct world *w, struct sim_node *n, unsigned confirm_s)
{
	n->dead_man++;
	n->has_dead_man = confirm_s > 0 && w->flaw != FLAW_NO_DEAD_MAN;
	if (!n->has_dead_man)
		return;
	/* its clock may run fast */
	int64_t ms = (int64_t)confirm_s * 1000;
	if (chance_mille(&w->chance, w->rates.says_not_does))
		ms = chance_ms(&w->chance, 200, ms);
	struct sim_event *e = world_after(w, ms, EV_DEAD_MAN, (size_t)(n - w->nodes));
	e->b = n->dead_man;
}

static void
carry_apply(struct world *w, struct sim_node *n, const struct sim_order *o, struct act_answer *a)
{
	char name[8];
	if (o->number == n->number && o->number == n->applied) {
		a->is_done = n->state == ACT_PENDING || n->state == ACT_KEPT;
		return;
	}
	if (o->number <= n->number && w->flaw != FLAW_NODE_TAKES_ALL) {
		a->is_superseded = true;
		return;
	}
	n->number = n->applied = o->number;
	n->is_abandoned = false;
	forget_keep(n);
	if (chance_mille(&w->chance, w->rates.step_fails)) {
		n->state = ACT_UNDONE; /* took back what it had done */
		n->has_dead_man = false;
		return;
	}
	for (size_t k = 0; k < w->n_prefixes; k++)
		n->wires[k].before = n->wires[k].is;
	for (size_t i = 0; i < o->n_steps; i++)
		n->wires[o->steps[i].prefix].before = o->steps[i].undo;
	n->state = o->confirm_s ? ACT_PENDING : ACT_KEPT;
	arm_dead_man(w, n, o->confirm_s);
	a->is_done = true;
	for (size_t i = 0; i < o->n_steps; i++) {
		const struct sim_step *s = &o->steps[i];
		if (!chance_mille(&w->chance, w->rates.says_not_does)) {
			set_wire(w, n, s->prefix, s->apply);
			continue;
		}
		say(w, "%s lies: it does not make %s %s", node_name(w, o->node, name), prefix_texts[s->prefix], announced_name(s->apply));
		if (!o->confirm_s)
			continue; /* of an undrain only its answer says so */
		n->wires[s->prefix].lie = s->apply;
		n->lies_rate = chance_below(&w->chance, 2);
	}
}

static void
carry_keep(struct world *w, struct sim_node *n, const struct sim_order *o, struct act_answer *a)
{
	if (o->number != n->applied)
		a->is_superseded = o->number < n->number;
	else if (n->state == ACT_KEPT)
		a->is_done = true;
	else if (n->state == ACT_PENDING) {
		n->state = ACT_KEPT;
		n->has_dead_man = n->has_dead_man && w->flaw == FLAW_DEAD_MAN_LIVES;
		for (size_t k = 0; k < w->n_prefixes; k++)
			n->wires[k].is_kept_away = w->carries[n->pop][k] && n->wires[k].is == ANNOUNCED_WITHDRAWN;
		a->is_done = true;
	}
}

static void
carry_undo(struct world *w, struct sim_node *n, const struct sim_order *o, struct act_answer *a)
{
	if (o->number == n->number && n->state == ACT_UNDONE) {
		a->is_done = true;
		return;
	}
	if (o->number <= n->number && w->flaw != FLAW_NODE_TAKES_ALL) {
		a->is_superseded = true;
		return;
	}
	if (o->number > n->number)
		n->number = o->number;
	n->has_dead_man = false;
	forget_keep(n);
	if (chance_mille(&w->chance, w->rates.step_fails)) {
		n->state = ACT_FAILED;
		n->is_abandoned = true;
		return;
	}
	for (size_t i = 0; i < o->n_steps; i++)
		set_wire(w, n, o->steps[i].prefix, o->steps[i].undo);
	tell_the_truth(n);
	n->state = ACT_UNDONE;
	a->is_done = true;
}

static void
carry_out(struct world *w, struct sim_node *n, const struct sim_order *o, struct act_answer *a)
{
	memset(a, 0, sizeof *a);
	switch (o->order) {
	case ACT_APPLY:
		carry_apply(w, n, o, a);
		break;
	case ACT_KEEP:
		carry_keep(w, n, o, a);
		break;
	case ACT_UNDO:
		carry_undo(w, n, o, a);
		break;
	default:
		if (o->number > n->number && w->flaw != FLAW_NO_FENCE)
			n->number = o->number;
		a->is_done = o->number >= n->number || w->flaw == FLAW_NO_FENCE;
		a->is_superseded = !a->is_done;
		break;
	}
	a->number = n->number;
	a->applied = n->applied;
	a->state = n->state;
	snprintf(a->text, sizeof a->text, "%s", a->is_done ? "it is so" : a->is_superseded ? "a newer order was here" : "it cannot");
}

static struct sim_actor *
actor_of(struct world *w, unsigned serial)
{
	for (size_t i = 0; i < ACTORS_SIM; i++)
		if (serial && w->actors[i].serial == serial)
			return &w->actors[i];
	return NULL;
}

static const char *const state_words[] = { [ACT_NONE] = "none", [ACT_PENDING] = "pending", [ACT_KEPT] = "kept", [ACT_UNDONE] = "undone",
	[ACT_FAILED] = "failed" };

/* "192.0.2.0/24 announced, 2001:db8:53::/48 withdrawn" */
static const char *
wires_text(const struct world *w, const struct sim_node *n, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t k = 0; k < w->n_prefixes; k++)
		if (w->carries[n->pop][k])
			snprintf(out + strlen(out), size - strlen(out), "%s%s %s%s", out[0] ? ", " : "", prefix_texts[k],
				announced_name(n->wires[k].is), n->wires[k].is_by_hand ? " (by hand withdrawn)" : "");
	return out;
}

static void
deliver(struct world *w, struct sim_event *e)
{
	struct sim_order *o = e->order;
	struct sim_node *n = &w->nodes[o->node];
	struct act_answer answer;
	char name[8], wires[120];
	node_name(w, o->node, name);
	if (n->is_dead || n->away_until > w->now) {
		say(w, "%s %llu of %.4s for %s is lost: it is away", act_order_name(o->order), (unsigned long long)o->number, o->op, name);
		return;
	}
	carry_out(w, n, o, &answer);
	say(w, "%s is told to %s, number %llu of %.4s, phase %zu: %s; it has seen %llu, applied %llu, is %s; %s", name,
		act_order_name(o->order), (unsigned long long)o->number, o->op, o->phase, answer.text, (unsigned long long)n->number,
		(unsigned long long)n->applied, state_words[n->state], wires_text(w, n, wires, sizeof wires));
	if (chance_mille(&w->chance, w->rates.reply_lost)) {
		say(w, "its answer is lost");
		return;
	}
	int64_t ms = chance_ms(&w->chance, 5, chance_mille(&w->chance, w->rates.order_late) ? 9000 : 300);
	unsigned serial = o->actor;
	size_t node = o->node;
	uint64_t number = o->number;
	struct sim_event *reply = world_after(w, ms, EV_REPLY, node);
	reply->b = number;
	reply->answer = answer;
	reply->code = answer.is_done ? ERR_OK : answer.is_superseded ? ERR_CONFLICT : ERR_FAILED;
	reply->order = xcalloc(1, sizeof *reply->order);
	reply->order->actor = serial;
	reply->order->order = e->order->order;
}

static void
dead_man_wakes(struct world *w, size_t node, uint64_t which)
{
	char name[8], wires[120];
	struct sim_node *n = &w->nodes[node];
	if (!n->has_dead_man || n->dead_man != which || (n->state != ACT_PENDING && w->flaw != FLAW_DEAD_MAN_LIVES))
		return;
	for (size_t k = 0; k < w->n_prefixes; k++)
		set_wire(w, n, k, n->wires[k].before);
	n->has_dead_man = false;
	n->state = ACT_UNDONE;
	tell_the_truth(n);
	say(w, "%s undoes %llu by itself: %s", node_name(w, node, name), (unsigned long long)n->applied, wires_text(w, n, wires, sizeof wires));
}

/* The machine starts again: with the saved configuration, or with the changed one; in any case without its dead-man. */
static void
restart_node(struct world *w, struct sim_node *n)
{
	bool is_saved = chance_below(&w->chance, 2);
	n->has_dead_man = false;
	forget_keep(n);
	tell_the_truth(n);
	note_service(w, n);
	n->away_until = w->now + chance_ms(&w->chance, 1000, 20000) * CLOCK_NS_PER_MS;
	for (size_t k = 0; k < w->n_prefixes; k++) {
		if (is_saved)
			n->is_abandoned = n->is_abandoned || (w->carries[n->pop][k] && n->wires[k].is != ANNOUNCED_YES);
		else if (w->carries[n->pop][k])
			set_wire(w, n, k, ANNOUNCED_YES);
	}
}

/* Somebody with a shell on the node: withdraws a prefix, puts it back, or announces what we withdrew. */
static void
meddle(struct world *w, size_t i, size_t prefix)
{
	struct sim_node *n = &w->nodes[i];
	struct sim_wire *wire = &n->wires[prefix];
	char name[8];
	node_name(w, i, name);
	note_service(w, n);
	if (wire->is_by_hand || wire->is == ANNOUNCED_YES) {
		wire->is_by_hand = !wire->is_by_hand;
		wire->changed = w->now;
		say(w, "%s of %s is %s by hand", prefix_texts[prefix], name, wire->is_by_hand ? "withdrawn" : "put back");
	} else {
		wire->is_kept_away = false;
		set_wire(w, n, prefix, ANNOUNCED_YES);
		wire->lie = ANNOUNCED_UNKNOWN;
		say(w, "%s of %s is announced by hand, whatever holds it", prefix_texts[prefix], name);
	}
}

static void
turn_hole(struct world *w, size_t i)
{
	struct sim_node *n = &w->nodes[i];
	char name[8];
	note_service(w, n);
	n->is_hole = !n->is_hole;
	n->ill_since = n->is_dead ? n->ill_since : w->now;
	n->lies_well = n->is_hole && chance_below(&w->chance, 2);
	say(w, "%s %s", node_name(w, i, name), !n->is_hole ? "answers again" : n->lies_well ? "answers no client, and says that it is well" :
		"answers no client");
}

/* About once a second: nodes get into trouble and out of it. */
void
node_trouble(struct world *w)
{
	size_t i = chance_below(&w->chance, w->n_nodes), prefix = chance_below(&w->chance, w->n_prefixes);
	struct sim_node *n = &w->nodes[i];
	char name[8];
	node_name(w, i, name);
	if (n->is_dead && chance_below(&w->chance, 20) == 0) {
		n->is_dead = false;
		for (size_t k = 0; k < w->n_prefixes; k++)
			n->wires[k].changed = w->now;
		say(w, "%s is back", name);
	} else if (n->is_hole ? chance_below(&w->chance, 15) == 0 : chance_mille(&w->chance, w->rates.hole)) {
		turn_hole(w, i);
	} else if (w->carries[n->pop][prefix] &&
		(n->wires[prefix].is_by_hand ? chance_below(&w->chance, 20) == 0 : chance_mille(&w->chance, w->rates.by_hand))) {
		meddle(w, i, prefix);
	} else if (chance_mille(&w->chance, w->rates.poll_lost / 4)) {
		n->away_until = w->now + chance_ms(&w->chance, 500, 30000) * CLOCK_NS_PER_MS;
		say(w, "%s cannot be reached for %.1f s", name, (double)(n->away_until - w->now) / 1e9);
	} else if (chance_mille(&w->chance, w->rates.step_fails / 6)) {
		char wires[120];
		restart_node(w, n);
		say(w, "%s restarts: %s", name, wires_text(w, n, wires, sizeof wires));
	} else if (!n->is_dead && chance_mille(&w->chance, w->rates.poll_lost / 20)) {
		note_service(w, n);
		n->is_dead = true;
		n->ill_since = n->is_hole ? n->ill_since : w->now;
		for (size_t k = 0; k < w->n_prefixes; k++)
			n->wires[k].changed = w->now;
		say(w, "%s dies", name);
	} else if (chance_mille(&w->chance, w->rates.poll_lost / 4)) {
		size_t helper = chance_below(&w->chance, helpers(w));
		w->helper_away[helper] = w->now + chance_ms(&w->chance, 500, 60000) * CLOCK_NS_PER_MS;
		say(w, "%s cannot be reached for %.1f s", helper < w->n_vantages ? "a vantage" : "the witness",
			(double)(w->helper_away[helper] - w->now) / 1e9);
	} else if (chance_mille(&w->chance, w->rates.disk_fails / 12)) {
		w->wall_ahead += chance_ms(&w->chance, -7200000, 7200000) * CLOCK_NS_PER_MS;
		say(w, "the wall clock steps");
	}
}

/* --- actors ----------------------------------------------------------------------------------------------------- */

static struct sim_actor *
actor_by_op(struct world *w, const char *op)
{
	for (size_t i = 0; i < ACTORS_SIM; i++)
		if (w->actors[i].serial && strcmp(w->actors[i].op, op) == 0)
			return &w->actors[i];
	return NULL;
}

void
actors_forget(struct world *w)
{
	memset(w->actors, 0, sizeof w->actors);
}

static int
read_step(struct world *w, const struct plan_step *s, struct sim_step *mine)
{
	*mine = (struct sim_step){ .node = node_of_name(w, s->node), .target = s->target, .phase = s->phase,
		.apply = announced_parse(s->step.apply.commands[0].argv[2]), .undo = announced_parse(s->step.undo.commands[0].argv[2]) };
	while (mine->prefix < w->n_prefixes && strcmp(prefix_texts[mine->prefix], s->step.apply.commands[0].argv[1]) != 0)
		mine->prefix++;
	if (mine->node == SIZE_MAX || mine->prefix == w->n_prefixes) {
		broken(w, "I3", "the plan names %s of node %s, which is not there", s->step.what, s->node);
		return -1;
	}
	return 0;
}

static int
read_steps(struct world *w, struct slice bytes, struct sim_actor *a, struct err *err)
{
	struct plan *p = plan_read(bytes, err);
	int rc = 0;
	if (!p)
		return -1;
	for (size_t i = 0; i < p->n_steps && rc == 0; i++)
		rc = a->n_steps == STEPS_SIM ? err_set(err, ERR_TOO_LARGE, "too many steps") : read_step(w, &p->steps[i], &a->steps[a->n_steps++]);
	plan_free(p);
	return rc;
}

static int
actor_start(void *arg, const char *op, struct slice plan, struct err *err)
{
	struct world *w = arg;
	struct sim_actor *a = NULL;
	for (size_t i = 0; i < ACTORS_SIM && !a; i++)
		if (!w->actors[i].serial)
			a = &w->actors[i];
	if (w->is_crashing || !a || chance_mille(&w->chance, w->rates.actor_dies / 4))
		return err_set(err, ERR_FAILED, "Resource temporarily unavailable");
	if (actor_by_op(w, op))
		broken(w, "actors", "a second actor is started for %s", op);
	memset(a, 0, sizeof *a);
	snprintf(a->op, sizeof a->op, "%s", op);
	if (read_steps(w, plan, a, err) == -1)
		return -1;
	a->serial = ++w->serial;
	oracle_plan(w, op, plan);
	say(w, "actor %u of %s starts", a->serial, op);
	world_after(w, chance_ms(&w->chance, 50, 1500), EV_CHECKED, 0)->b = a->serial;
	if (chance_mille(&w->chance, w->rates.actor_dies))
		world_after(w, chance_ms(&w->chance, 100, 30000), EV_ACTOR_DIES, 0)->b = a->serial;
	(void)world_crashes_here(w);
	return 0;
}

static void
send_to(struct world *w, const struct sim_actor *a, struct sim_order *o)
{
	int64_t ms = chance_ms(&w->chance, 5, 400);
	size_t copies = chance_mille(&w->chance, w->rates.order_twice) ? 2 : 1;
	if (chance_mille(&w->chance, w->rates.order_lost))
		copies = 0;
	for (size_t i = 0; i < copies; i++) {
		if (chance_mille(&w->chance, w->rates.order_late))
			ms = chance_ms(&w->chance, 1000, 90000);
		struct sim_order *copy = xcalloc(1, sizeof *copy);
		*copy = *o;
		copy->actor = a->serial;
		world_after(w, ms, EV_DELIVER, 0)->order = copy;
		ms += chance_ms(&w->chance, 0, 60000);
	}
}

/* The steps of a node that an order is about, in the order of work; an undo goes back through all phases. */
static size_t
pick_steps(const struct sim_actor *a, size_t node, enum act_order order, size_t phase, struct sim_step out[STEPS_NODE])
{
	size_t n = 0;
	for (size_t k = a->n_steps; order == ACT_UNDO && k-- > 0 && n < STEPS_NODE;)
		if (a->steps[k].node == node && a->steps[k].phase <= phase)
			out[n++] = a->steps[k];
	for (size_t k = 0; order != ACT_UNDO && k < a->n_steps && n < STEPS_NODE; k++)
		if (a->steps[k].node == node && (a->steps[k].phase == phase || (order == ACT_INSPECT && a->steps[k].phase < phase)))
			out[n++] = a->steps[k];
	return n;
}

/* An actor of the flaw takes a PoP that nobody named. */
static void
improvise(const struct world *w, struct sim_actor *a)
{
	for (size_t i = 0; w->flaw == FLAW_ACTOR_IMPROVISES && i < a->n_steps; i++)
		a->steps[i].node = (a->steps[i].node + w->per_pop) % w->n_nodes;
}

static void
actor_order(void *arg, const char *op, enum act_order order, const char *pop, size_t phase, uint64_t number, unsigned confirm_s)
{
	struct world *w = arg;
	struct sim_actor *a = actor_by_op(w, op);
	if (world_crashes_here(w) || !a)
		return;
	say(w, "order %s %llu of %s for %s, phase %zu", act_order_name(order), (unsigned long long)number, op, pop, phase);
	improvise(w, a);
	oracle_order(w, a, order, pop, phase, number);
	a->is_busy = true;
	a->order = order;
	a->number = number;
	snprintf(a->pop, sizeof a->pop, "%s", pop);
	a->n_nodes = 0;
	w->n_sent++;
	for (size_t i = 0; i < w->n_nodes; i++) {
		struct sim_order o = { .order = order, .node = i, .phase = phase, .number = number, .confirm_s = confirm_s };
		o.n_steps = pick_steps(a, i, order, phase, o.steps);
		bool is_of_pop = w->nodes[i].pop == pop_of_name(w, pop) || w->flaw == FLAW_ACTOR_IMPROVISES;
		if (o.n_steps == 0 || !is_of_pop)
			continue;
		snprintf(o.op, sizeof o.op, "%s", op);
		a->has_answered[a->n_nodes] = false;
		a->nodes[a->n_nodes++] = i;
		send_to(w, a, &o);
	}
	struct sim_event *e = world_after(w, ACTOR_PATIENCE_MS, EV_ORDER_OVER, (size_t)order);
	e->b = a->serial;
	e->answer.number = number;
	(void)world_crashes_here(w);
}

static void
actor_end(void *arg, const char *op)
{
	struct world *w = arg;
	struct sim_actor *a = actor_by_op(w, op);
	if (w->is_crashing || !a)
		return;
	say(w, "actor %u of %s is ended", a->serial, op);
	a->serial = 0;
}

struct actor_port
actors_port(struct world *w)
{
	return (struct actor_port){ actor_start, actor_order, actor_end, w };
}

/* Every node has answered, or had its time: the engine is told once. */
static void
tell_engine(struct world *w, struct sim_actor *a)
{
	static const enum actor_event_kind kinds[ACT_ORDER_COUNT] = { [ACT_APPLY] = ACTOR_APPLIED, [ACT_KEEP] = ACTOR_KEPT,
		[ACT_UNDO] = ACTOR_UNDONE, [ACT_INSPECT] = ACTOR_INSPECTED };
	struct actor_event e = { .kind = kinds[a->order], .pop = a->pop, .number = a->number, .is_ok = true, .n_nodes = a->n_nodes,
		.nodes = a->results, .text = "" };
	char op[OP_ID_SIZE];
	snprintf(op, sizeof op, "%s", a->op);
	for (size_t i = 0; i < a->n_nodes; i++) {
		a->results[i].node = state_fleet(w->state)->nodes[a->nodes[i]].name;
		if (!a->has_answered[i]) {
			a->results[i].code = w->flaw == FLAW_SILENCE_IS_DONE ? ERR_OK : ERR_TIMEOUT;
			a->results[i].answer = (struct act_answer){ .text = "no answer" };
		}
		e.is_ok = e.is_ok && a->results[i].code == ERR_OK;
	}
	a->is_busy = false;
	say(w, "actor of %s says: %s %s", op, act_order_name(a->order), e.is_ok ? "done" : "failed");
	engine_actor_event(w->engine, op, &e);
	if (w->is_up && !w->is_crashing)
		world_wake(w);
}

static void
reply(struct world *w, struct sim_event *e)
{
	struct sim_actor *a = actor_of(w, e->order->actor);
	bool is_whole = true;
	if (!w->is_up || !a || !a->is_busy || a->order != e->order->order || a->number != e->b)
		return;
	for (size_t i = 0; i < a->n_nodes; i++) {
		if (a->nodes[i] == e->a && !a->has_answered[i]) {
			a->has_answered[i] = true;
			a->results[i].code = e->code;
			a->results[i].answer = e->answer;
		}
		is_whole = is_whole && a->has_answered[i];
	}
	if (is_whole)
		tell_engine(w, a);
}

static void
checked(struct world *w, unsigned serial)
{
	struct sim_actor *a = actor_of(w, serial);
	struct actor_event e = { .kind = ACTOR_CHECKED, .pop = "", .is_ok = true, .text = "every node could be changed" };
	char op[OP_ID_SIZE];
	if (!w->is_up || !a)
		return;
	for (size_t i = 0; i < a->n_steps; i++)
		if (w->nodes[a->steps[i].node].is_dead || w->nodes[a->steps[i].node].away_until > w->now)
			e.is_ok = false;
	if (!e.is_ok)
		e.text = "a node cannot be reached with the act key";
	snprintf(op, sizeof op, "%s", a->op);
	engine_actor_event(w->engine, op, &e);
	if (!w->is_crashing)
		world_wake(w);
}

static void
actor_dies(struct world *w, unsigned serial)
{
	struct sim_actor *a = actor_of(w, serial);
	const struct actor_event e = { .kind = ACTOR_LOST, .pop = "", .text = "it was killed" };
	char op[OP_ID_SIZE];
	if (!w->is_up || !a)
		return;
	say(w, "actor %u dies", serial);
	snprintf(op, sizeof op, "%s", a->op);
	a->serial = 0;
	engine_actor_event(w->engine, op, &e);
	if (!w->is_crashing)
		world_wake(w);
}

void
node_event(struct world *w, struct sim_event *e)
{
	struct sim_actor *a;
	switch (e->kind) {
	case EV_CHECKED:
		checked(w, (unsigned)e->b);
		break;
	case EV_DELIVER:
		deliver(w, e);
		break;
	case EV_REPLY:
		reply(w, e);
		break;
	case EV_ORDER_OVER:
		a = actor_of(w, (unsigned)e->b);
		if (w->is_up && a && a->is_busy && (size_t)a->order == e->a && a->number == e->answer.number)
			tell_engine(w, a);
		break;
	case EV_ACTOR_DIES:
		actor_dies(w, (unsigned)e->b);
		break;
	case EV_DEAD_MAN:
		dead_man_wakes(w, e->a, e->b);
		break;
	default:
		break;
	}
}
