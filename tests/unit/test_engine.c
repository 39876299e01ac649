/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine from the request to the measured end, in a world of three PoPs that stands in memory: nodes that obey, refuse
 * or fall silent, a disk that can be full, a clock that the test moves. The random walks are the simulator's (tests/sim);
 * here each promise of SAFETY model B has its own small story.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "backend/engine.h"
#include "backend/state.h"

#define POPS 3

struct order {
	enum act_order order;
	char op[OP_ID_SIZE], pop[FLEET_NAME_MAX];
	size_t phase;
	uint64_t number;
};

struct world {
	struct mono now;
	struct wall wall;
	struct state *state;
	struct ledger *ledger;
	struct engine *engine;
	struct buf disk;
	bool is_full;
	enum announced wire[POPS];  /* what each node really does */
	enum announced told[POPS];  /* what it says; differs when it lies */
	bool is_lying[POPS];
	bool is_away[POPS + 1];     /* nothing is read from it; the last is the vantage */
	bool has_no_serials;        /* no answer says which zone is served */
	uint32_t chance;
	enum fsm_state session[POPS];
	double qps[POPS];
	size_t n_orders;
	struct order orders[64];
	enum poller_what asked; /* by the newest call, of so many nodes of PoPs */
	size_t n_asked;
	size_t actors;
	char last_actor[OP_ID_SIZE];
	size_t n_told;
};

/* --- a driver whose node does as it is told --------------------------------------------------------------------- */

static int
test_plan(const struct node *n, const struct target *t, struct steps *out, struct err *err)
{
	(void)err;
	enum announced is = ANNOUNCED_UNKNOWN;
	if (n->facts->n_exports)
		is = n->facts->exports[0].n_routes == 0 ? ANNOUNCED_WITHDRAWN :
			n->facts->exports[0].routes[0].is_gshut == TRI_YES ? ANNOUNCED_PREFER_AWAY : ANNOUNCED_YES;
	if (is == t->goal)
		return 0;
	struct step *s = steps_add(out);
	s->kind = STEP_EXEC;
	s->what = arena_printf(out->arena, "make it %s", announced_name(t->goal));
	s->has_undo = true;
	step_add_command(out, &s->apply, "set", announced_name(t->goal), NULL);
	step_add_command(out, &s->undo, "set", announced_name(is), NULL);
	return 0;
}

static bool
test_settled(const struct report *r, const struct target *t)
{
	if (r->n_exports == 0 || !r->exports[0].is_known)
		return false;
	size_t routes = r->exports[0].n_routes;
	if (t->goal == ANNOUNCED_WITHDRAWN)
		return routes == 0;
	bool is_away = routes > 0 && r->exports[0].routes[0].is_gshut == TRI_YES;
	return routes > 0 && is_away == (t->goal == ANNOUNCED_PREFER_AWAY);
}

static const struct verb test_verbs[] = {
	{ "drain", test_plan, test_settled },
	{ "undrain", test_plan, test_settled },
	{ NULL, NULL, NULL },
};
static const struct probe test_probes[] = { { .name = NULL } };
static const struct driver test_driver = { .name = "test", .roles = DRIVER_BGP | DRIVER_DNS, .probes = test_probes, .verbs = test_verbs };

static const struct driver *
find_driver(const char *name)
{
	return strcmp(name, "test") == 0 ? &test_driver : NULL;
}

/* --- the world -------------------------------------------------------------------------------------------------- */

static struct mono
w_now(void *arg)
{
	return ((struct world *)arg)->now;
}

static struct wall
w_wall(void *arg)
{
	return ((struct world *)arg)->wall;
}

static const struct fleet *
w_fleet(void *arg)
{
	return state_fleet(((struct world *)arg)->state);
}

static void
w_poll(void *arg, const size_t *nodes, size_t n, enum poller_what what)
{
	struct world *w = arg;
	const struct fleet *f = state_fleet(w->state);
	w->asked = what;
	w->n_asked = 0;
	for (size_t i = 0; i < n; i++)
		w->n_asked += f->nodes[nodes[i]].role == NODE_MEMBER;
}

static void
w_set_holds(void *arg, size_t pop, const struct hold *holds, size_t n, enum announced intent, enum drain_phase phase)
{
	struct world *w = arg;
	state_set_holds(w->state, pop, holds, n, intent, phase, w->now, w->wall);
}

static void
w_told(void *arg, const struct operation *op)
{
	struct world *w = arg;
	(void)op;
	w->n_told++;
}

static void
w_tell(void *arg, const char *kind, enum verdict severity, const char *pop, const char *text)
{
	(void)arg;
	(void)kind;
	(void)severity;
	(void)pop;
	(void)text;
}

static uint32_t
w_random(void *arg)
{
	return ((struct world *)arg)->chance;
}

static int
a_start(void *arg, const char *op, struct slice plan, struct err *err)
{
	struct world *w = arg;
	(void)plan;
	(void)err;
	w->actors++;
	snprintf(w->last_actor, sizeof w->last_actor, "%s", op);
	return 0;
}

static void
a_order(void *arg, const char *op, enum act_order order, const char *pop, size_t phase, uint64_t number, unsigned confirm_s)
{
	struct world *w = arg;
	(void)confirm_s;
	ck_assert_uint_lt(w->n_orders, 64);
	struct order *o = &w->orders[w->n_orders++];
	*o = (struct order){ .order = order, .phase = phase, .number = number };
	snprintf(o->op, sizeof o->op, "%s", op);
	snprintf(o->pop, sizeof o->pop, "%s", pop);
}

static void
a_end(void *arg, const char *op)
{
	(void)op;
	((struct world *)arg)->actors--;
}

static int
d_append(void *arg, struct slice bytes, struct err *err)
{
	struct world *w = arg;
	if (w->is_full)
		return err_set(err, ERR_FAILED, "No space left on device");
	return buf_add(&w->disk, bytes.data, bytes.len);
}

static int
d_read(void *arg, struct buf *out, struct err *err)
{
	struct world *w = arg;
	(void)err;
	return buf_add(out, w->disk.data, w->disk.len);
}

static int
d_cut(void *arg, size_t size, struct err *err)
{
	(void)err;
	((struct world *)arg)->disk.len = size;
	return 0;
}

static int
d_check(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void
d_close(void *arg)
{
	(void)arg;
}

static const char *const script_pops[] = { "ams", "fra" };
static struct conf_access access_rows[] = {
	{ .user = "alice", .uid = 1000, .role = CONF_OPERATOR },
	{ .user = "bob", .uid = 1001, .role = CONF_OPERATOR },
	{ .user = "carol", .uid = 1002, .role = CONF_APPROVER },
	/* a second account of alice's */
	{ .user = "root-alice", .uid = 1004, .role = CONF_APPROVER, .person = "alice" },
	/* a script of carol's, for two PoPs */
	{ .token = "nightly", .uid = -1, .role = CONF_OPERATOR, .pops = script_pops, .n_pops = 2, .person = "carol" },
};
static const struct conf_rules rules = { .n_access = 5, .access = access_rows };

static struct fleet *
make_fleet(void)
{
	static const char *const names[POPS] = { "ams", "fra", "nyc" };
	struct fleet *f = fleet_new();
	snprintf(f->name, sizeof f->name, "test");
	snprintf(f->environment, sizeof f->environment, "lab");
	f->rules = &rules;
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	strcpy(f->services[0].name, "ns");
	f->services[0].policy = (struct policy){ .min_pops = 2, .max_drained = 1, .spare = 0, .max_load_pct = 80, .quorum_pct = 90,
		.drill_days = -1, .approval = APPROVAL_NEVER };
	f->n_prefixes = 1;
	f->prefixes = arena_alloc(f->arena, sizeof *f->prefixes);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &f->prefixes[0].prefix, NULL), 0);
	f->n_pops = POPS;
	f->pops = arena_alloc(f->arena, POPS * sizeof *f->pops);
	f->n_nodes = POPS + 1;
	f->nodes = arena_alloc(f->arena, (POPS + 1) * sizeof *f->nodes);
	for (size_t i = 0; i <= POPS; i++) {
		struct node *n = &f->nodes[i];
		struct node_conf *c = arena_alloc(f->arena, sizeof *c);
		snprintf(c->resolved, sizeof c->resolved, "10.0.0.%zu", i + 1);
		c->address = c->resolved;
		n->conf = c;
		n->poll_ms = 2000;
		n->capacity_qps = i < POPS ? 10000 : NAN;
		n->pop = i < POPS ? i : FLEET_NO_POP;
		n->role = i < POPS ? NODE_MEMBER : NODE_VANTAGE;
		if (i < POPS) {
			snprintf(f->pops[i].name, sizeof f->pops[i].name, "%s", names[i]);
			snprintf(f->pops[i].region, sizeof f->pops[i].region, i == 2 ? "na" : "eu");
			snprintf(n->name, sizeof n->name, "%s1", names[i]);
			strcpy(n->bgp_driver, "test");
			strcpy(n->dns_driver, "test");
		} else {
			strcpy(n->name, "local");
		}
	}
	fleet_link(f);
	return f;
}

static struct report *
node_report(const struct world *w, size_t i)
{
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS | REPORT_HEALTH | REPORT_ANSWERS | REPORT_ORIGINS;
	struct session_fact *s = report_add_session(r);
	s->name = s->peer = "transit";
	s->families = FAMILY_BIT_V4;
	s->state = w->session[i];
	s->admin_state = ADMIN_UP;
	struct export_fact *e = report_add_export(r, "transit", FAMILY_V4);
	e->is_known = true;
	if (w->told[i] != ANNOUNCED_WITHDRAWN) {
		struct route_fact *route = report_add_route(r, e);
		route->prefix = state_fleet(w->state)->prefixes[0].prefix;
		route->is_gshut = w->told[i] == ANNOUNCED_PREFER_AWAY ? TRI_YES : TRI_NO;
		route->prepends = 0;
	}
	struct session_fact *collector = report_add_session(r); /* its policy lets no service prefix pass */
	collector->name = collector->peer = "collector";
	collector->families = FAMILY_BIT_V4;
	collector->state = FSM_ESTABLISHED;
	collector->admin_state = ADMIN_UP;
	report_add_export(r, "collector", FAMILY_V4)->is_known = true;
	r->dns.qps = w->qps[i];
	r->is_healthy = TRI_YES;
	struct answer_fact *a = report_add_answer(r);
	a->vantage = "local";
	a->target = "10.0.0.1";
	a->is_answered = TRI_YES;
	a->rcode = "NOERROR";
	a->serial = w->has_no_serials ? -1 : 1;
	return r;
}

/* Who answers at the service address: the first PoP that really announces. */
static struct report *
vantage_report(const struct world *w)
{
	struct report *r = report_new();
	r->sections = REPORT_ANSWERS;
	struct answer_fact *a = report_add_answer(r);
	a->vantage = "local";
	a->target = "192.0.2.53";
	a->service = "ns";
	a->is_answered = TRI_NO;
	for (size_t i = 0; i < POPS && a->is_answered == TRI_NO; i++) {
		if (w->wire[i] == ANNOUNCED_WITHDRAWN)
			continue;
		a->is_answered = TRI_YES;
		a->rcode = "NOERROR";
		a->identity = state_fleet(w->state)->nodes[i].name;
		a->serial = 1;
	}
	return r;
}

/* Time goes on, everything is polled, the engine has its turn. */
static void
pass(struct world *w, double seconds)
{
	for (double left = seconds; left > 0; left -= 1) {
		w->now = mono_add_ms(w->now, 1000);
		w->wall.ns += CLOCK_NS_PER_S;
		for (size_t i = 0; i < POPS; i++) {
			if (!w->is_lying[i])
				w->told[i] = w->wire[i];
			w->qps[i] = w->wire[i] == ANNOUNCED_YES ? 1000 : 0;
			if (!w->is_away[i])
				state_apply(w->state, i, "test/all", node_report(w, i), w->now, w->wall);
		}
		if (!w->is_away[POPS])
			state_apply(w->state, POPS, "outside/service", vantage_report(w), w->now, w->wall);
		engine_turn(w->engine);
	}
}

static void
start(struct world *w)
{
	struct err err = ERR_INIT;
	struct reasons notes = { 0 };
	const struct ledger_disk disk = { d_append, d_read, d_cut, d_check, d_close, w };
	w->ledger = ledger_open(&disk, w->wall, &notes, &err);
	ck_assert_msg(err.code == ERR_OK, "%s", err.text);
	const struct engine_env env = {
		.arg = w,
		.now = w_now,
		.wall = w_wall,
		.fleet = w_fleet,
		.poll = w_poll,
		.set_holds = w_set_holds,
		.told = w_told,
		.tell = w_tell,
		.random = w_random,
		.find = find_driver,
		.actors = { a_start, a_order, a_end, w },
		.times = ENGINE_TIMES_DEFAULT,
	};
	w->engine = engine_new(&env, w->ledger);
}

static void
stop(struct world *w)
{
	engine_free(w->engine);
	ledger_close(w->ledger);
}

static struct world *
world_new(void)
{
	struct world *w = xcalloc(1, sizeof *w);
	w->now = (struct mono){ INT64_C(1000) * CLOCK_NS_PER_S };
	w->wall = (struct wall){ INT64_C(1795440903) * CLOCK_NS_PER_S };
	w->disk = (struct buf)BUF_INIT(64u << 20);
	for (size_t i = 0; i < POPS; i++) {
		w->wire[i] = ANNOUNCED_YES;
		w->session[i] = FSM_ESTABLISHED;
	}
	w->state = state_new(make_fleet());
	start(w);
	pass(w, 3);
	return w;
}

static void
world_free(struct world *w)
{
	stop(w);
	state_free(w->state);
	buf_done(&w->disk);
	free(w);
}

/* Everything in memory dies, the disk stays. */
static void
crash(struct world *w)
{
	stop(w);
	w->actors = 0;
	w->n_orders = 0;
	start(w);
}

static struct account
person(const char *name, int64_t uid, enum conf_role role)
{
	struct account a = { .method = AUTH_UID, .roles = 1u << role };
	snprintf(a.name, sizeof a.name, "%s", name);
	snprintf(a.peer, sizeof a.peer, "uid %lld", (long long)uid);
	return a;
}

static const struct operation *
plan_of(struct world *w, enum op_verb verb, const char *pop, const char *who, struct err *err)
{
	struct plan_request q = { .verb = verb, .n_targets = 1, .reason = "line card" };
	struct account a = person(who, 1000, CONF_OPERATOR);
	snprintf(q.targets[0], sizeof q.targets[0], "%s", pop);
	return engine_plan(w->engine, &q, &a, err);
}

static void
checked(struct world *w, const char *op)
{
	const struct actor_event e = { .kind = ACTOR_CHECKED, .pop = "", .is_ok = true, .text = "every node could be changed" };
	engine_actor_event(w->engine, op, &e);
}

static const struct operation *
confirm(struct world *w, const struct operation *op, const char *who, const char *key, struct err *err)
{
	struct account a = person(who, 1000, CONF_OPERATOR);
	char id[OP_ID_SIZE], hash[65];
	snprintf(id, sizeof id, "%s", op->id);
	snprintf(hash, sizeof hash, "%s", op->hash);
	const struct engine_confirm c = { hash, op->verb == OP_DRAIN ? op->targets[0].pop : "yes", key };
	return engine_confirm(w->engine, id, &c, &a, err);
}

/* The actor answers the newest order as a good node would; `obeys`: the wire follows. */
static void
answer(struct world *w, bool is_ok)
{
	const struct order o = w->orders[w->n_orders - 1];
	size_t pop = fleet_find_pop(state_fleet(w->state), o.pop);
	const struct operation *op = engine_find(w->engine, o.op);
	struct actor_node_result n = { .node = state_fleet(w->state)->nodes[pop].name, .code = is_ok ? ERR_OK : ERR_FAILED };
	struct actor_event e = { .pop = o.pop, .number = o.number, .is_ok = is_ok, .n_nodes = 1, .nodes = &n };
	snprintf(n.answer.text, sizeof n.answer.text, is_ok ? "it is so" : "%% it refuses");
	switch (o.order) {
	case ACT_APPLY:
		e.kind = ACTOR_APPLIED;
		if (is_ok)
			w->wire[pop] = op_phase_goal(op->verb, op->mode, o.phase);
		break;
	case ACT_KEEP:
		e.kind = ACTOR_KEPT;
		break;
	case ACT_UNDO:
		e.kind = ACTOR_UNDONE;
		if (is_ok)
			w->wire[pop] = ANNOUNCED_YES;
		break;
	default:
		ck_abort_msg("no such answer");
	}
	engine_actor_event(w->engine, o.op, &e);
}

static enum op_state
state_of(const struct world *w, const char *id)
{
	const struct operation *op = engine_find(w->engine, id);
	return op ? op->state : OP_STATE_COUNT;
}

static void
expect(const struct world *w, const char *id, enum op_state wanted)
{
	const struct operation *op = engine_find(w->engine, id);
	ck_assert_ptr_nonnull(op);
	ck_assert_msg(op->state == wanted, "%s, not %s: %s", op_state_name(op->state), op_state_name(wanted), op->text);
}

/* Plans, confirms and carries a drain to MEASURING; the id goes to `id`. */
static void
drain(struct world *w, const char *pop, char id[OP_ID_SIZE])
{
	struct err err = ERR_INIT;
	const struct operation *op = plan_of(w, OP_DRAIN, pop, "alice", &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, OP_ID_SIZE, "%s", op->id);
	expect(w, id, OP_CHECKED);
	checked(w, id);
	ck_assert_msg(confirm(w, op, "alice", "key-of-the-drain", &err) != NULL, "%s", err.text);
	expect(w, id, OP_CONFIRMED);
	/* the PoP's node is asked again for what is waited for */
	ck_assert(w->asked == POLLER_WIRE && w->n_asked == 1);
	pass(w, 2);
	expect(w, id, OP_APPLYING);
	answer(w, true);
	expect(w, id, OP_SETTLING);
	ck_assert(w->asked == POLLER_ALL && w->n_asked == 1);
	pass(w, 2);
	expect(w, id, OP_KEEPING);
	answer(w, true);
	expect(w, id, OP_MEASURING);
}

START_TEST(test_engine_drains_and_undrains)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	drain(w, "ams", id);
	ck_assert_int_eq(state_fleet(w->state)->pops[0].verdict, VERDICT_DRAINING);
	pass(w, 8);
	expect(w, id, OP_DONE);
	const struct operation *op = engine_find(w->engine, id);
	ck_assert(op->targets[0].control_s > 0 && op->targets[0].first_elsewhere_s > 0);
	ck_assert_uint_eq(w->actors, 0);
	pass(w, 1);
	ck_assert_int_eq(state_fleet(w->state)->pops[0].verdict, VERDICT_DRAINED);
	ck_assert_int_eq(ledger_drilled(w->ledger, "ams").ns, 0); /* half of one */
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 1);
	op = plan_of(w, OP_UNDRAIN, "ams", "bob", &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, sizeof id, "%s", op->id);
	expect(w, id, OP_CHECKED);
	checked(w, id);
	ck_assert_msg(confirm(w, op, "bob", "key-of-the-undrain", &err) != NULL, "%s", err.text);
	pass(w, 2);
	expect(w, id, OP_APPLYING);
	answer(w, true);
	pass(w, 6);
	expect(w, id, OP_DONE);
	ck_assert_int_eq(ledger_drilled(w->ledger, "ams").ns, engine_find(w->engine, id)->ended.ns);
	ck_assert_int_eq(ledger_drilled(w->ledger, "fra").ns, 0);
	ck_assert_str_eq(engine_find(w->engine, id)->targets[0].checks[OP_CHECK_WIRE].text,
		"announced by the word of 1 node; not to ams1 collector, which was not sent it before either");
	pass(w, 1);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 0);
	ck_assert_int_eq(state_fleet(w->state)->pops[0].verdict, VERDICT_OK);
	int64_t drilled = ledger_drilled(w->ledger, "ams").ns;
	ck_assert_int_gt(drilled, 0);
	crash(w);
	ck_assert_int_eq(ledger_drilled(w->ledger, "ams").ns, drilled);
	world_free(w);
}
END_TEST

/* What a person took as done was not measured: no drill, though the PoP came back. */
START_TEST(test_engine_accepted_drain_is_no_drill)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	drain(w, "ams", id);
	w->is_lying[0] = true;
	w->told[0] = ANNOUNCED_WITHDRAWN;
	w->wire[0] = ANNOUNCED_YES;
	pass(w, 125);
	expect(w, id, OP_UNCONFIRMED);
	ck_assert_ptr_nonnull(engine_accept(w->engine, id, &alice, &err));
	w->is_lying[0] = false;
	w->wire[0] = ANNOUNCED_WITHDRAWN;
	pass(w, 3);
	const struct operation *op = plan_of(w, OP_UNDRAIN, "ams", "bob", &err);
	ck_assert_msg(op && op->state == OP_CHECKED, "%s", op ? op->text : err.text);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "bob", "key-of-the-undrain", &err);
	pass(w, 2);
	answer(w, true);
	pass(w, 6);
	expect(w, id, OP_DONE);
	ck_assert_int_eq(ledger_drilled(w->ledger, "ams").ns, 0);
	world_free(w);
}
END_TEST

START_TEST(test_engine_refuses_the_last_spare)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	drain(w, "ams", id);
	const struct operation *op = plan_of(w, OP_DRAIN, "nyc", "bob", &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	ck_assert_int_eq(op->state, OP_REFUSED);
	ck_assert_int_eq(err_code_exit(op->code), 4);
	ck_assert_str_ne(op->text, "");
	world_free(w);
}
END_TEST

/* Two operators, two PoPs, room for one: whoever comes second finds the intent of the first. */
START_TEST(test_engine_races_have_one_winner)
{
	for (int round = 0; round < 1000; round++) {
		struct world *w = world_new();
		struct err err = ERR_INIT;
		char a[OP_ID_SIZE], b[OP_ID_SIZE];
		const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
		snprintf(a, sizeof a, "%s", op->id);
		op = plan_of(w, OP_DRAIN, round % 3 ? "nyc" : "ams", "bob", &err);
		snprintf(b, sizeof b, "%s", op->id);
		const char *first = round & 1 ? a : b, *second = round & 1 ? b : a;
		if (round & 2)
			checked(w, first);
		(void)confirm(w, engine_find(w->engine, first), round & 1 ? "alice" : "bob", "key-number-one", &err);
		if (round & 4)
			pass(w, 1);
		(void)confirm(w, engine_find(w->engine, second), round & 1 ? "bob" : "alice", "key-number-two", &err);
		checked(w, second);
		checked(w, first);
		pass(w, 3);
		int winners = (state_of(w, a) == OP_APPLYING) + (state_of(w, b) == OP_APPLYING);
		ck_assert_msg(winners == 1, "round %d: %s and %s", round, op_state_name(state_of(w, a)), op_state_name(state_of(w, b)));
		ck_assert_uint_eq(w->n_orders, 1);
		world_free(w);
	}
}
END_TEST

START_TEST(test_engine_changed_session_voids_the_plan)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	char id[OP_ID_SIZE];
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	w->session[0] = FSM_ACTIVE;
	pass(w, 1);
	ck_assert_ptr_null(confirm(w, engine_find(w->engine, id), "alice", "key-of-the-drain", &err));
	ck_assert_msg(err.code == ERR_CONFLICT || err.code == ERR_REFUSED, "%s", err.text);
	ck_assert_uint_eq(w->n_orders, 0);
	world_free(w);
}
END_TEST

/* Data that are too old refuse like any gate, at the plan and at its confirmation, and are told before what follows from them. */
START_TEST(test_engine_old_data_are_told_first)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	w->is_away[0] = true;
	pass(w, 20);
	ck_assert_ptr_null(confirm(w, engine_find(w->engine, id), "alice", "key-of-the-drain", &err));
	ck_assert_int_eq(err_code_exit(err.code), 4);
	ck_assert_int_eq(err_code_http(err.code), 409);
	ck_assert_msg(strncmp(err.text, "fresh data: ams1 was last read", 30) == 0, "%s", err.text);
	err_clear(&err);
	ck_assert_ptr_null(confirm(w, engine_find(w->engine, id), "alice", "key-of-another", &err));
	ck_assert_int_eq(err_code_exit(err.code), 4);
	op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	ck_assert_int_eq(op->state, OP_REFUSED);
	ck_assert_int_eq(err_code_exit(op->code), 4);
	ck_assert_msg(strncmp(op->text, "fresh data: ams1", 16) == 0, "%s", op->text);
	world_free(w);
}
END_TEST

START_TEST(test_engine_confirms_only_what_was_shown)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	struct account alice = person("alice", 1000, CONF_OPERATOR), bob = person("bob", 1001, CONF_OPERATOR);
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	char id[OP_ID_SIZE], hash[65], other[65];
	snprintf(id, sizeof id, "%s", op->id);
	snprintf(hash, sizeof hash, "%s", op->hash);
	snprintf(other, sizeof other, "%s", op->hash);
	other[0] = other[0] == '0' ? '1' : '0';
	ck_assert_ptr_null(engine_confirm(w->engine, id, &(struct engine_confirm){ other, "ams", "key-number-one" }, &alice, &err));
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	err_clear(&err);
	ck_assert_ptr_null(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "am", "key-number-one" }, &alice, &err));
	ck_assert_int_eq(err.code, ERR_CONFIRM);
	err_clear(&err);
	ck_assert_ptr_null(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "ams", "key-number-one" }, &bob, &err));
	ck_assert_int_eq(err.code, ERR_PERMISSION);
	err_clear(&err);
	ck_assert_ptr_null(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "ams", "short" }, &alice, &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	err_clear(&err);
	checked(w, id);
	ck_assert_ptr_nonnull(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "ams", "key-number-one" }, &alice, &err));
	/* asked again with the key: the same answer, and nothing twice */
	ck_assert_ptr_nonnull(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "ams", "key-number-one" }, &alice, &err));
	ck_assert_ptr_null(engine_confirm(w->engine, id, &(struct engine_confirm){ hash, "nyc", "key-number-one" }, &alice, &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	pass(w, 3);
	ck_assert_uint_eq(w->n_orders, 1);
	world_free(w);
}
END_TEST

START_TEST(test_engine_plan_expires)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	snprintf(id, sizeof id, "%s", plan_of(w, OP_DRAIN, "ams", "alice", &err)->id);
	pass(w, 121);
	expect(w, id, OP_EXPIRED);
	ck_assert_ptr_null(confirm(w, engine_find(w->engine, id), "alice", "key-of-the-drain", &err));
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	ck_assert_uint_eq(w->actors, 0);
	world_free(w);
}
END_TEST

START_TEST(test_engine_full_disk_acts_on_nothing)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	w->is_full = true;
	pass(w, 3);
	expect(w, id, OP_REFUSED);
	ck_assert_uint_eq(w->n_orders, 0);
	ck_assert_ptr_null(plan_of(w, OP_DRAIN, "ams", "alice", &err));
	ck_assert_int_ne(engine_check(w->engine, &err), 0);
	world_free(w);
}
END_TEST

/* The facts that call for the record stay as they are: it is tried once, and not at every turn, which would leave no time
 * for polls. */
START_TEST(test_engine_full_disk_is_tried_once)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, true);
	expect(w, id, OP_SETTLING);
	w->is_full = true;
	pass(w, 3);
	expect(w, id, OP_SETTLING);
	ck_assert_msg(strstr(engine_find(w->engine, id)->text, "the ledger does not take its record") != NULL, "%s",
		engine_find(w->engine, id)->text);
	size_t told = w->n_told, orders = w->n_orders;
	pass(w, 30);
	ck_assert_uint_eq(w->n_told, told);
	ck_assert_uint_eq(w->n_orders, orders);
	ck_assert_uint_eq(w->actors, 0);
	expect(w, id, OP_SETTLING);
	ck_assert_msg(strstr(engine_find(w->engine, id)->text, "the ledger does not take its record") != NULL, "%s",
		engine_find(w->engine, id)->text);
	/* a person who asks is told */
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	ck_assert_ptr_null(engine_cancel(w->engine, id, &alice, &err));
	world_free(w);
}
END_TEST

START_TEST(test_engine_lying_node_is_unconfirmed)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	struct err err = ERR_INIT;
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, true);
	w->is_lying[0] = true; /* says it is withdrawn, and still attracts the clients */
	w->told[0] = ANNOUNCED_WITHDRAWN;
	w->wire[0] = ANNOUNCED_YES;
	pass(w, 2);
	answer(w, true);
	pass(w, 125);
	expect(w, id, OP_UNCONFIRMED);
	ck_assert_int_eq(state_fleet(w->state)->pops[0].verdict, VERDICT_DRAINING);
	world_free(w);
}
END_TEST

START_TEST(test_engine_failed_step_is_undone)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	uint64_t number = w->orders[0].number;
	answer(w, false);
	expect(w, id, OP_UNDOING);
	ck_assert_int_eq(w->orders[1].order, ACT_UNDO);
	ck_assert_uint_gt(w->orders[1].number, number);
	answer(w, true);
	expect(w, id, OP_UNDONE);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 0);
	world_free(w);
}
END_TEST

/* The node of the newest order is away: the actor says so when its own time is over. */
static void
no_answer(struct world *w)
{
	const struct order o = w->orders[w->n_orders - 1];
	size_t pop = fleet_find_pop(state_fleet(w->state), o.pop);
	struct actor_node_result n = { .node = state_fleet(w->state)->nodes[pop].name, .code = ERR_TIMEOUT, .is_unknown = true };
	const struct actor_event e = { .kind = o.order == ACT_UNDO ? ACTOR_UNDONE : ACTOR_INSPECTED, .pop = o.pop, .number = o.number,
		.n_nodes = 1, .nodes = &n };
	snprintf(n.answer.text, sizeof n.answer.text, "no answer within 18 s");
	engine_actor_event(w->engine, o.op, &e);
}

/* A drain whose step failed, and whose node is away since: it is being undone. */
static void
fail_and_leave(struct world *w, char id[OP_ID_SIZE])
{
	struct err err = ERR_INIT;
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, OP_ID_SIZE, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, false);
	expect(w, id, OP_UNDOING);
	w->is_away[0] = true;
	pass(w, 18);
	no_answer(w);
	expect(w, id, OP_UNDOING);
}

/* A node that stays away is asked less and less often, nothing is held for it meanwhile, and in the end a person is needed. */
START_TEST(test_engine_undo_backs_off)
{
	static const int without_chance[] = { 40, 80, 160, 300, 300 }, with_chance[] = { 31, 61, 121, 226, 226 };
	for (int round = 0; round < 2; round++) {
		struct world *w = world_new();
		char id[OP_ID_SIZE];
		w->chance = round ? UINT32_MAX : 0;
		fail_and_leave(w, id);
		ck_assert_uint_eq(w->actors, 0);
		int64_t next_s = (engine_find(w->engine, id)->next_try.ns - w->wall.ns) / CLOCK_NS_PER_S;
		ck_assert_int_eq(next_s, 2);
		pass(w, 2);
		ck_assert_uint_eq(w->n_orders, 3);
		ck_assert_int_eq(engine_find(w->engine, id)->next_try.ns, 0); /* it is being asked */
		for (size_t k = 0; k < 5; k++) {
			size_t orders = w->n_orders;
			int waited = 18;
			pass(w, 18);
			no_answer(w);
			expect(w, id, OP_UNDOING);
			ck_assert_uint_eq(w->actors, 0);
			ck_assert_uint_eq(engine_find(w->engine, id)->tries, k + 1);
			for (; w->n_orders == orders && waited < 400; waited++)
				pass(w, 1);
			ck_assert_int_eq(waited, (round ? with_chance : without_chance)[k]);
			ck_assert_uint_gt(w->orders[orders].number, w->orders[orders - 1].number);
		}
		pass(w, 18);
		no_answer(w);
		pass(w, 300);
		expect(w, id, OP_STUCK);
		ck_assert_uint_eq(w->actors, 0);
		ck_assert_int_eq(engine_find(w->engine, id)->next_try.ns, 0);
		ck_assert_msg(strncmp(engine_find(w->engine, id)->text, "7 tries to undo it had no answer; the last: ams1: no answer", 55) == 0,
			"%s", engine_find(w->engine, id)->text);
		world_free(w);
	}
}
END_TEST

/* One that is seen again is asked at once; the tries before do not count for the next trouble. */
START_TEST(test_engine_undo_of_a_node_that_returns)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	fail_and_leave(w, id);
	for (int k = 0; k < 3; k++) {
		size_t orders = w->n_orders;
		while (w->n_orders == orders)
			pass(w, 1);
		pass(w, 18);
		no_answer(w);
	}
	ck_assert_uint_eq(engine_find(w->engine, id)->tries, 3);
	size_t orders = w->n_orders;
	w->is_away[0] = false;
	pass(w, 1);
	ck_assert_uint_eq(w->n_orders, orders + 1);
	answer(w, true);
	expect(w, id, OP_UNDONE);
	ck_assert_uint_eq(engine_find(w->engine, id)->tries, 0);
	ck_assert_uint_eq(w->actors, 0);
	world_free(w);
}
END_TEST

/* Two PoPs in one drain, and the second refuses its step: the first stays drained under its hold, and the operation says so. */
START_TEST(test_engine_later_pop_fails)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE], hold[OP_ID_SIZE], wanted[80];
	struct plan_request q = { .verb = OP_DRAIN, .n_targets = 2, .reason = "both" };
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	struct policy *policy = &state_fleet(w->state)->services[0].policy;
	policy->min_pops = 1;
	policy->max_drained = 2;
	strcpy(q.targets[0], "ams");
	strcpy(q.targets[1], "nyc");
	const struct operation *op = engine_plan(w->engine, &q, &alice, &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, sizeof id, "%s", op->id);
	ck_assert_msg(op->state == OP_CHECKED, "%s", op->text);
	snprintf(hold, sizeof hold, "%s", op->targets[0].hold);
	checked(w, id);
	ck_assert_msg(engine_confirm(w->engine, id, &(struct engine_confirm){ op->hash, "ams nyc", "key-of-both" }, &alice, &err) != NULL, "%s",
		err.text);
	pass(w, 2);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	pass(w, 8);
	expect(w, id, OP_APPLYING);
	ck_assert_uint_eq(engine_find(w->engine, id)->target, 1);
	answer(w, false);
	expect(w, id, OP_UNDOING);
	answer(w, true);
	expect(w, id, OP_UNDONE);
	op = engine_find(w->engine, id);
	snprintf(wanted, sizeof wanted, "ams (hold %s) stays drained", hold);
	ck_assert_msg(strstr(op->text, wanted) != NULL, "%s", op->text);
	snprintf(wanted, sizeof wanted, "`catchment undrain ams --hold %s`", hold);
	ck_assert_msg(strstr(op->text, wanted) != NULL, "%s", op->text);
	ck_assert_msg(strstr(op->text, "it refuses") != NULL, "%s", op->text);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 1);
	ck_assert_str_eq(state_fleet(w->state)->pops[0].holds[0].id, hold);
	ck_assert_uint_eq(state_fleet(w->state)->pops[2].n_holds, 0);
	world_free(w);
}
END_TEST

/* Dies in every open state; what is read at the nodes then decides, and nothing is sent twice. */
START_TEST(test_engine_restarts_read_the_nodes)
{
	for (int when = 0; when < 4; when++) {
		struct world *w = world_new();
		struct err err = ERR_INIT;
		char id[OP_ID_SIZE];
		const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
		snprintf(id, sizeof id, "%s", op->id);
		checked(w, id);
		(void)confirm(w, op, "alice", "key-of-the-drain", &err);
		pass(w, 2);
		uint64_t applied = w->orders[0].number;
		bool has_kept = when == 3;
		if (when >= 1)
			answer(w, true);
		if (when >= 2)
			pass(w, 2);
		if (when >= 3)
			answer(w, true);
		crash(w);
		expect(w, id, OP_UNKNOWN);
		ck_assert_uint_eq(w->n_orders, 1);
		ck_assert_int_eq(w->orders[0].order, ACT_INSPECT);
		ck_assert_uint_gt(w->orders[0].number, applied);
		if (!has_kept)
			w->wire[0] = ANNOUNCED_YES; /* the node undid by itself */
		struct actor_node_result n = { .node = "ams1", .code = ERR_OK };
		n.answer.number = w->orders[0].number;
		n.answer.applied = when == 0 ? 0 : applied;
		n.answer.state = when == 0 ? ACT_NONE : has_kept ? ACT_KEPT : ACT_UNDONE;
		const struct actor_event e = { .kind = ACTOR_INSPECTED, .pop = "ams", .number = w->orders[0].number, .is_ok = true, .n_nodes = 1,
			.nodes = &n };
		engine_actor_event(w->engine, id, &e);
		pass(w, 8);
		expect(w, id, has_kept ? OP_DONE : OP_UNDONE);
		ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, has_kept ? 1 : 0);
		world_free(w);
	}
}
END_TEST

START_TEST(test_engine_other_holds_keep_it_withdrawn)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	drain(w, "ams", id);
	pass(w, 8);
	expect(w, id, OP_DONE);
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "bob", &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, sizeof id, "%s", op->id);
	ck_assert_msg(op->state == OP_CHECKED, "%s", op->text);
	checked(w, id);
	(void)confirm(w, op, "bob", "key-of-the-second", &err);
	pass(w, 10);
	expect(w, id, OP_DONE);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 2);
	op = plan_of(w, OP_UNDRAIN, "ams", "alice", &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, sizeof id, "%s", op->id);
	ck_assert_msg(op->state == OP_CHECKED, "%s", op->text);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-release", &err);
	pass(w, 6);
	expect(w, id, OP_DONE);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 1);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_WITHDRAWN);
	ck_assert_str_eq(state_fleet(w->state)->pops[0].holds[0].owner, "bob");
	world_free(w);
}
END_TEST

START_TEST(test_engine_prefer_away_then_withdraw)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	struct plan_request q = { .verb = OP_DRAIN, .mode = OP_PREFER_AWAY, .n_targets = 1, .reason = "gently" };
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	strcpy(q.targets[0], "ams");
	const struct operation *op = engine_plan(w->engine, &q, &alice, &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, sizeof id, "%s", op->id);
	ck_assert_msg(op->state == OP_CHECKED, "%s", op->text);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, true);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_PREFER_AWAY);
	pass(w, 2);
	answer(w, true);
	pass(w, 6);
	expect(w, id, OP_APPLYING);
	ck_assert_uint_eq(engine_find(w->engine, id)->phase, 1);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	pass(w, 8);
	expect(w, id, OP_DONE);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_WITHDRAWN);
	world_free(w);
}
END_TEST

/* A drain by prefer-away that is measured in its first phase. */
static void
prefer_away(struct world *w, char id[OP_ID_SIZE])
{
	struct err err = ERR_INIT;
	struct plan_request q = { .verb = OP_DRAIN, .mode = OP_PREFER_AWAY, .n_targets = 1, .reason = "gently" };
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	strcpy(q.targets[0], "ams");
	const struct operation *op = engine_plan(w->engine, &q, &alice, &err);
	ck_assert_msg(op != NULL, "%s", err.text);
	snprintf(id, OP_ID_SIZE, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	expect(w, id, OP_MEASURING);
}

static void
lose_actor(struct world *w, const char *id)
{
	const struct actor_event e = { .kind = ACTOR_LOST, .pop = "", .text = "it was killed" };
	w->actors--;
	engine_actor_event(w->engine, id, &e);
}

/* An actor that is lost while nothing was ordered is in the record at once, and another stands by for what follows. */
START_TEST(test_engine_actor_lost_while_measuring)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	prefer_away(w, id);
	lose_actor(w, id);
	expect(w, id, OP_MEASURING);
	ck_assert_str_eq(ledger_find_operation(w->ledger, id)->text, "the actor ended: it was killed");
	pass(w, 1);
	ck_assert_uint_eq(w->actors, 1);
	pass(w, 6);
	expect(w, id, OP_MEASURING); /* proven, and the new actor has not checked its nodes yet */
	checked(w, id);
	pass(w, 1);
	expect(w, id, OP_APPLYING);
	ck_assert_uint_eq(engine_find(w->engine, id)->phase, 1);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	lose_actor(w, id); /* nothing follows any more: nobody is needed */
	pass(w, 8);
	expect(w, id, OP_DONE);
	ck_assert_uint_eq(w->actors, 0);
	world_free(w);
}
END_TEST

START_TEST(test_engine_actors_that_keep_dying)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	unsigned died = 0;
	prefer_away(w, id);
	for (; died < 10 && w->actors > 0; died++) {
		lose_actor(w, id);
		pass(w, 1);
	}
	ck_assert_uint_eq(died, 4);
	pass(w, 8);
	expect(w, id, OP_UNCONFIRMED);
	ck_assert_msg(strstr(engine_find(w->engine, id)->text, "it was killed") != NULL, "%s", engine_find(w->engine, id)->text);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_PREFER_AWAY);
	world_free(w);
}
END_TEST

START_TEST(test_engine_second_person)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE], hash[65];
	state_fleet(w->state)->services[0].policy.approval = APPROVAL_ALWAYS;
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	snprintf(hash, sizeof hash, "%s", op->hash);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	expect(w, id, OP_WAITING);
	struct account alice = person("alice", 1000, CONF_APPROVER), carol = person("carol", 1002, CONF_APPROVER);
	struct account dave = person("dave", 1003, CONF_OBSERVER);
	ck_assert_ptr_null(engine_approve(w->engine, id, hash, &alice, &err));
	ck_assert_int_eq(err.code, ERR_PERMISSION);
	ck_assert_ptr_null(engine_approve(w->engine, id, hash, &dave, &err));
	/* one person with two accounts is one person */
	struct account again = person("root-alice", 1004, CONF_APPROVER);
	ck_assert_ptr_null(engine_approve(w->engine, id, hash, &again, &err));
	ck_assert_int_eq(err.code, ERR_PERMISSION);
	ck_assert_msg(strstr(err.text, "root-alice is the same person") != NULL, "%s", err.text);
	expect(w, id, OP_WAITING);
	hash[5] = hash[5] == 'a' ? 'b' : 'a';
	ck_assert_ptr_null(engine_approve(w->engine, id, hash, &carol, &err));
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	pass(w, 3);
	ck_assert_uint_eq(w->n_orders, 0);
	ck_assert_ptr_nonnull(engine_approve(w->engine, id, engine_find(w->engine, id)->hash, &carol, &err));
	pass(w, 3);
	expect(w, id, OP_APPLYING);
	world_free(w);
}
END_TEST

/* Approvals wait ten minutes, however long the plan itself would have lived, and then nobody's word brings it back. */
START_TEST(test_engine_approval_expires)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE], hash[65];
	struct account carol = person("carol", 1002, CONF_APPROVER);
	state_fleet(w->state)->services[0].policy.approval = APPROVAL_ALWAYS;
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	snprintf(hash, sizeof hash, "%s", op->hash);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 599);
	expect(w, id, OP_WAITING);
	pass(w, 2);
	expect(w, id, OP_EXPIRED);
	ck_assert_msg(strstr(engine_find(w->engine, id)->text, "nobody approved it in time") != NULL, "%s", engine_find(w->engine, id)->text);
	ck_assert_ptr_null(engine_approve(w->engine, id, hash, &carol, &err));
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	ck_assert_uint_eq(w->n_orders, 0);
	ck_assert_uint_eq(w->actors, 0);
	world_free(w);
}
END_TEST

/* The node says that it is withdrawn and is then out of sight; when the vantage is heard again a minute later, nobody knows
 * what the node does by now. */
START_TEST(test_engine_old_evidence_proves_nothing)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	char id[OP_ID_SIZE];
	const struct operation *op = plan_of(w, OP_DRAIN, "ams", "alice", &err);
	snprintf(id, sizeof id, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	w->is_away[POPS] = true;
	pass(w, 2);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	pass(w, 8);
	expect(w, id, OP_MEASURING);
	w->is_away[0] = true;
	pass(w, 60);
	w->is_away[POPS] = false;
	pass(w, 5);
	expect(w, id, OP_MEASURING);
	w->is_away[0] = false;
	pass(w, 8);
	expect(w, id, OP_DONE);
	world_free(w);
}
END_TEST

/* Drains ams with a lease of 20 minutes that undrains; returns the drain's id. */
static const char *
drain_with_lease(struct world *w, char id[OP_ID_SIZE])
{
	struct err err = ERR_INIT;
	struct plan_request q = { .verb = OP_DRAIN, .n_targets = 1, .reason = "short", .lease_s = 1200, .is_auto_undrain = true };
	struct account alice = person("alice", 1000, CONF_OPERATOR);
	strcpy(q.targets[0], "ams");
	const struct operation *op = engine_plan(w->engine, &q, &alice, &err);
	snprintf(id, OP_ID_SIZE, "%s", op->id);
	checked(w, id);
	(void)confirm(w, op, "alice", "key-of-the-drain", &err);
	pass(w, 2);
	answer(w, true);
	pass(w, 2);
	answer(w, true);
	pass(w, 8);
	expect(w, id, OP_DONE);
	w->n_orders = 0;
	return id;
}

/* Time goes on until another actor than `than` is started. */
static void
wait_for_other_actor(struct world *w, const char *than)
{
	for (int i = 0; i < 1300 && strcmp(w->last_actor, than) == 0; i++)
		pass(w, 1);
	ck_assert_str_ne(w->last_actor, than);
}

static void
expect_undrained(struct world *w)
{
	checked(w, w->last_actor);
	pass(w, 3);
	ck_assert_uint_eq(w->n_orders, 1);
	answer(w, true);
	pass(w, 8);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 0);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_YES);
}

/* A script within its narrow grant acts by itself; one step further a person is asked, and not the one whose script it is. */
START_TEST(test_engine_scripts_ask_a_person)
{
	static const int64_t leases[] = { 3600, 5 * 3600 };
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new();
		struct err err = ERR_INIT;
		char id[OP_ID_SIZE], hash[65];
		struct plan_request q = { .verb = OP_DRAIN, .n_targets = 1, .reason = "nightly", .lease_s = leases[i], .targets = { "ams" } };
		struct account robot = person("nightly", 0, CONF_OPERATOR), alice = person("alice", 1000, CONF_OPERATOR);
		struct account carol = person("carol", 1002, CONF_APPROVER), bob = person("bob", 1001, CONF_OPERATOR);
		robot.method = AUTH_TOKEN;
		const struct operation *op = engine_plan(w->engine, &q, &robot, &err);
		ck_assert_msg(op && op->state == OP_CHECKED, "%s", op ? op->text : err.text);
		snprintf(id, sizeof id, "%s", op->id);
		snprintf(hash, sizeof hash, "%s", op->hash);
		ck_assert_int_eq(op->needs_approval, i == 1);
		checked(w, id);
		const struct engine_confirm c = { hash, "ams", "key-of-the-drain" };
		op = engine_confirm(w->engine, id, &c, &robot, &err);
		ck_assert_msg(op != NULL, "%s", err.text);
		if (i == 1) {
			expect(w, id, OP_WAITING);
			ck_assert_msg(strstr(op->text, "4 hours at most") != NULL, "%s", op->text);
			pass(w, 3);
			ck_assert_uint_eq(w->n_orders, 0);
			ck_assert_ptr_null(engine_approve(w->engine, id, hash, &carol, &err));
			ck_assert_msg(strstr(err.text, "carol is the same person") != NULL, "%s", err.text);
			ck_assert_ptr_nonnull(engine_approve(w->engine, id, hash, &bob, &err));
		}
		pass(w, 3);
		expect(w, id, OP_APPLYING);
		/* what was not measured is taken as done by a person, who is named */
		ck_assert_ptr_null(engine_accept(w->engine, id, &robot, &err));
		ck_assert_msg(strstr(err.text, "needs a person") != NULL, "%s", err.text);
		ck_assert_ptr_null(engine_accept(w->engine, id, &alice, &err));
		ck_assert_int_eq(err.code, ERR_CONFLICT);
		ck_assert_ptr_null(engine_extend(w->engine, id, 5 * 3600, &robot, &err));
		ck_assert_int_eq(err.code, ERR_PERMISSION);
		world_free(w);
	}
}
END_TEST

START_TEST(test_engine_lease_undrains_when_asked)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	drain_with_lease(w, id);
	wait_for_other_actor(w, id);
	expect_undrained(w);
	world_free(w);
}
END_TEST

START_TEST(test_engine_lease_is_not_over_a_moment_before)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	size_t n;
	drain_with_lease(w, id);
	w->wall.ns += CLOCK_NS_PER_S / 2;
	struct wall expires = engine_holds(w->engine, &n)[0].expires;
	wait_for_other_actor(w, id);
	ck_assert_int_ge(w->wall.ns, expires.ns);
	world_free(w);
}
END_TEST

/* What a person would be warned of, a clock does not decide. */
START_TEST(test_engine_lease_does_not_undrain_when_a_gate_warns)
{
	struct world *w = world_new();
	char id[OP_ID_SIZE];
	drain_with_lease(w, id);
	w->has_no_serials = true;
	pass(w, 1250);
	ck_assert_uint_eq(w->n_orders, 0);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 1);
	ck_assert_int_eq(w->wire[0], ANNOUNCED_WITHDRAWN);
	const struct operation *list[8];
	size_t n = engine_operations(w->engine, list, 8);
	ck_assert_int_eq(list[n - 1]->verb, OP_UNDRAIN);
	ck_assert_int_eq(list[n - 1]->state, OP_CANCELLED);
	ck_assert_ptr_nonnull(strstr(list[n - 1]->text, "zone"));
	world_free(w);
}
END_TEST

/* The undrain of a lease has begun to ask the nodes when somebody prolongs the lease: the PoP stays drained, and comes back
 * when the longer lease is over. */
START_TEST(test_engine_prolonged_lease_stays_drained)
{
	struct world *w = world_new();
	struct err err = ERR_INIT;
	struct account bob = person("bob", 1001, CONF_OPERATOR);
	char id[OP_ID_SIZE], first[OP_ID_SIZE];
	drain_with_lease(w, id);
	wait_for_other_actor(w, id);
	snprintf(first, sizeof first, "%s", w->last_actor);
	expect(w, first, OP_CONFIRMED);
	ck_assert_ptr_nonnull(engine_extend(w->engine, id, 600, &bob, &err));
	expect(w, first, OP_CANCELLED);
	checked(w, first);
	pass(w, 5);
	ck_assert_uint_eq(w->n_orders, 0);
	ck_assert_uint_eq(state_fleet(w->state)->pops[0].n_holds, 1);
	wait_for_other_actor(w, first);
	expect_undrained(w);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("engine");
	TCase *t = tcase_create("engine");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_engine_drains_and_undrains);
	tcase_add_test(t, test_engine_accepted_drain_is_no_drill);
	tcase_add_test(t, test_engine_refuses_the_last_spare);
	tcase_add_test(t, test_engine_races_have_one_winner);
	tcase_add_test(t, test_engine_changed_session_voids_the_plan);
	tcase_add_test(t, test_engine_old_data_are_told_first);
	tcase_add_test(t, test_engine_confirms_only_what_was_shown);
	tcase_add_test(t, test_engine_plan_expires);
	tcase_add_test(t, test_engine_full_disk_acts_on_nothing);
	tcase_add_test(t, test_engine_full_disk_is_tried_once);
	tcase_add_test(t, test_engine_lying_node_is_unconfirmed);
	tcase_add_test(t, test_engine_failed_step_is_undone);
	tcase_add_test(t, test_engine_undo_backs_off);
	tcase_add_test(t, test_engine_undo_of_a_node_that_returns);
	tcase_add_test(t, test_engine_later_pop_fails);
	tcase_add_test(t, test_engine_restarts_read_the_nodes);
	tcase_add_test(t, test_engine_other_holds_keep_it_withdrawn);
	tcase_add_test(t, test_engine_prefer_away_then_withdraw);
	tcase_add_test(t, test_engine_actor_lost_while_measuring);
	tcase_add_test(t, test_engine_actors_that_keep_dying);
	tcase_add_test(t, test_engine_second_person);
	tcase_add_test(t, test_engine_scripts_ask_a_person);
	tcase_add_test(t, test_engine_old_evidence_proves_nothing);
	tcase_add_test(t, test_engine_approval_expires);
	tcase_add_test(t, test_engine_lease_undrains_when_asked);
	tcase_add_test(t, test_engine_lease_is_not_over_a_moment_before);
	tcase_add_test(t, test_engine_lease_does_not_undrain_when_a_gate_warns);
	tcase_add_test(t, test_engine_prolonged_lease_stays_drained);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
