/* SPDX-License-Identifier: Apache-2.0
 *
 * Every route x every method x every account that may not: refused, and nothing is changed by it: no record, no operation,
 * no hold, no actor, no reload. The bodies are right and the operations exist, so that nothing but the right is missing;
 * the same requests by those who may do change something, which shows that the test can fail. A route that is added to
 * the table is asked here without a word about it.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/engine.h"
#include "backend/routes.h"
#include "memory_disk.h"
#include "suite.h"
#include "tiny_fleet.h"

static const struct wall noon = { INT64_C(1795520103000000000) };
static const char *const elsewhere[] = { "ams" };

static const struct conf_access rows[] = {
	{ .user = "olga", .uid = 1000, .role = CONF_OPERATOR },
	{ .user = "ben", .uid = 1001, .role = CONF_OBSERVER },
	{ .user = "ann", .uid = 1002, .role = CONF_APPROVER },
	{ .user = "root", .uid = 0, .role = CONF_ADMIN },
	{ .user = "far", .uid = 1003, .role = CONF_OPERATOR, .pops = elsewhere, .n_pops = 1 },
	{ .user = "late", .uid = 1004, .role = CONF_OPERATOR, .expires = { 1 } },
};
static const struct conf_rules rules = { .access = rows, .n_access = sizeof rows / sizeof *rows };

struct world {
	struct memory_disk disk;
	struct state *state;
	struct ledger *ledger;
	struct engine *engine;
	struct api_conf conf;
	struct mono last_poll;
	struct metrics figures;
	size_t actors, reloads;
};

static struct mono
w_now(void *arg)
{
	(void)arg;
	return (struct mono){ INT64_C(1000000000000) };
}

static struct wall
w_wall(void *arg)
{
	(void)arg;
	return noon;
}

static const struct fleet *
w_fleet(void *arg)
{
	return state_fleet(((struct world *)arg)->state);
}

static void
w_poll(void *arg, const size_t *nodes, size_t n, enum poller_what what)
{
	(void)arg, (void)nodes, (void)n, (void)what;
}

static void
w_set_holds(void *arg, size_t pop, const struct hold *holds, size_t n, enum announced intent, enum drain_phase phase)
{
	struct world *w = arg;
	state_set_holds(w->state, pop, holds, n, intent, phase, w_now(w), noon);
}

static void
w_told(void *arg, const struct operation *op)
{
	(void)arg, (void)op;
}

static void
w_tell(void *arg, const char *kind, enum verdict severity, const char *pop, const char *text)
{
	(void)arg, (void)kind, (void)severity, (void)pop, (void)text;
}

static const struct driver *
find_none(const char *name)
{
	(void)name;
	return NULL;
}

static int
a_start(void *arg, const char *op, struct slice plan, struct err *err)
{
	(void)op, (void)plan, (void)err;
	((struct world *)arg)->actors++;
	return 0;
}

static void
a_order(void *arg, const char *op, enum act_order order, const char *pop, size_t phase, uint64_t number, unsigned confirm_s)
{
	(void)op, (void)order, (void)pop, (void)phase, (void)number, (void)confirm_s;
	((struct world *)arg)->actors++;
}

static void
a_end(void *arg, const char *op)
{
	(void)arg, (void)op;
}

static int
on_reload(void *arg, struct err *err)
{
	(void)err;
	((struct world *)arg)->reloads++;
	return 0;
}

static void
on_poll_now(void *arg)
{
	(void)arg;
}

/* Operations that were there before: one a person must decide about, with its hold, and one that waits for approval. */
#define OPEN_OP    "00000000000000aa"
#define WAITING_OP "00000000000000bb"
#define HASH       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
put_operation(struct ledger *l, const char *id, enum op_state state)
{
	struct operation op = { .verb = OP_DRAIN, .state = state, .n_targets = 1, .created = noon, .needs_approval = true };
	struct hold hold = { .kind = HOLD_MAINTENANCE, .created = noon, .expires = { noon.ns + 3600 * CLOCK_NS_PER_S } };
	struct err err = ERR_INIT;
	struct op_target *t = &op.targets[0];
	snprintf(op.id, sizeof op.id, "%s", id);
	snprintf(op.by, sizeof op.by, "somebody");
	snprintf(op.reason, sizeof op.reason, "fans");
	snprintf(op.kind, sizeof op.kind, "maintenance");
	snprintf(op.hash, sizeof op.hash, HASH);
	snprintf(t->pop, sizeof t->pop, "fra");
	snprintf(t->hold, sizeof t->hold, "%s", id);
	t->number = state == OP_UNCONFIRMED;
	t->qps_before = t->control_s = t->first_elsewhere_s = t->last_here_s = NAN;
	t->lost_probes = -1;
	snprintf(hold.id, sizeof hold.id, "%s", id);
	snprintf(hold.op, sizeof hold.op, "%s", id);
	snprintf(hold.pop, sizeof hold.pop, "fra");
	snprintf(hold.owner, sizeof hold.owner, "somebody");
	ck_assert_int_eq(ledger_put_both(l, &op, "test", state == OP_UNCONFIRMED ? &hold : NULL, false, NULL, noon, &err), 0);
}

static void
world_open(struct world *w)
{
	struct err err = ERR_INIT;
	struct reasons notes = { 0 };
	*w = (struct world){ .disk = MEMORY_DISK_INIT };
	struct ledger_disk disk = memory_disk(&w->disk);
	struct fleet *f = tiny_fleet();
	f->rules = &rules;
	w->state = state_new(f);
	w->ledger = ledger_open(&disk, noon, &notes, &err);
	put_operation(w->ledger, OPEN_OP, OP_UNCONFIRMED);
	put_operation(w->ledger, WAITING_OP, OP_WAITING);
	const struct engine_env env = {
		.arg = w,
		.now = w_now,
		.wall = w_wall,
		.fleet = w_fleet,
		.poll = w_poll,
		.set_holds = w_set_holds,
		.told = w_told,
		.tell = w_tell,
		.find = find_none,
		.actors = { .start = a_start, .order = a_order, .end = a_end, .arg = w },
		.times = ENGINE_TIMES_DEFAULT,
	};
	w->engine = engine_new(&env, w->ledger);
	w->conf = (struct api_conf){ .state = w->state, .engine = w->engine, .ledger = w->ledger, .poll_now = on_poll_now,
		.reload = on_reload, .arg = w };
	w->figures = (struct metrics){ .state = w->state };
}

static void
world_close(struct world *w)
{
	engine_free(w->engine);
	ledger_close(w->ledger);
	state_free(w->state);
	buf_done(&w->disk.bytes);
}

/* All that acting could change, as text: records, operations, holds, actors, reloads. */
static void
tell(struct world *w, struct buf *out)
{
	struct json_writer json = JSON_WRITER(out);
	const struct operation *ops[64];
	struct chain_head head;
	size_t n_holds, n = engine_operations(w->engine, ops, 64);
	const struct hold *holds = engine_holds(w->engine, &n_holds);
	ledger_head(w->ledger, &head);
	(void)buf_printf(out, "%llu %s %zu %zu %zu\n", (unsigned long long)head.seq, head.hash, w->actors, w->reloads,
		w->disk.bytes.len);
	for (size_t i = 0; i < n; i++)
		operation_write_json(ops[i], true, &json);
	for (size_t i = 0; i < n_holds; i++)
		(void)buf_printf(out, "\n%s %lld", holds[i].id, (long long)holds[i].expires.ns);
}

/* "/v1/ops/{id}/cancel" with names that exist. */
static void
fill(const char *pattern, const char *id, char *out, size_t size)
{
	static const struct {
		const char *key, *value;
	} names[] = { { "{pop}", "fra" }, { "{node}", "fra1" }, { "{service}", "ns" }, { "{address}", "192.0.2.0" },
		{ "{length}", "24" }, { "{prefix}", "192.0.2.0%2F24" } };
	size_t len = 0;
	while (*pattern) {
		size_t span = *pattern == '{' ? strcspn(pattern, "}") + 1 : 1;
		const char *value = id;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			if (span > 1 && strncmp(pattern, names[i].key, span) == 0)
				value = names[i].value;
		}
		int n = span > 1 ? snprintf(out + len, size - len, "%s", value) : snprintf(out + len, size - len, "%c", *pattern);
		len += (size_t)n;
		pattern += span;
	}
}

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE" };
static const char *const ids[] = { OPEN_OP, WAITING_OP, "00000000000000cc" };
static const char *const bodies[] = {
	"", "{}", "{\"hash\":\"" HASH "\"}", "{\"lease\":\"2h\"}", "{\"hash\":\"" HASH "\",\"typed\":\"fra\",\"key\":\"key-12345678\"}",
	"{\"verb\":\"drain\",\"targets\":[\"fra\"],\"mode\":\"withdraw\",\"reason\":\"fans\",\"kind\":\"maintenance\",\"lease\":\"4h\"}",
	"{\"verb\":\"undrain\",\"targets\":[\"fra\"],\"reason\":\"fans\"}",
};

/* The code of one request; ERR_OK when it was answered. */
static enum err_code
request(struct world *w, const struct account *who, const char *method, const char *path, const char *body,
	const struct route **route)
{
	struct request_params params;
	struct api_reply reply = API_REPLY_INIT;
	struct err err = ERR_INIT;
	char allow[64];
	*route = routes_find(method, path, &params, allow, sizeof allow, &err);
	if (!*route || (*route)->is_stream)
		return *route ? ERR_OK : err.code;
	struct api_call call = {
		.conf = &w->conf,
		.params = &params,
		.who = who,
		.body = slice_of(body),
		.now = w_now(w),
		.wall = noon,
		.last_poll = &w->last_poll,
		.metrics = &w->figures,
	};
	int rc = routes_call(*route, slice_of(""), &call, &reply, &err);
	buf_done(&reply.body);
	return rc == 0 ? ERR_OK : err.code;
}

struct tally {
	size_t refused;          /* requests */
	size_t changes, planned; /* requests that changed something; of these: that asked for a plan */
};

/* Asks everything in the name of one account that may do `may`. */
static struct tally
ask_all(struct world *w, const struct account *who, unsigned may)
{
	struct tally tally = { 0 };
	size_t n;
	const struct route *table = routes_table(&n), *route;
	char path[256];
	struct buf before = BUF_INIT(1u << 20), after = BUF_INIT(1u << 20);
	tell(w, &before);
	for (size_t r = 0; r < n; r++)
	for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
	for (size_t b = 0; b < sizeof bodies / sizeof *bodies; b++) {
		fill(table[r].pattern, ids[i], path, sizeof path);
		enum err_code code = request(w, who, methods[m], path, bodies[b], &route);
		bool is_allowed = route && (may & 1u << route->may);
		if (route && !is_allowed) {
			ck_assert_msg(code == ERR_PERMISSION, "%s %s %s as %s: code %d", methods[m], path, bodies[b], who->name,
				code);
			tally.refused++;
		}
		buf_clear(&after);
		tell(w, &after);
		if (strcmp(buf_text(&before), buf_text(&after)) == 0)
			continue;
		ck_assert_msg(is_allowed, "%s %s %s as %s changed something", methods[m], path, bodies[b], who->name);
		tally.changes++;
		tally.planned += route->may == AUTH_PLAN;
		buf_clear(&before);
		tell(w, &before);
	}
	buf_done(&before);
	buf_done(&after);
	return tally;
}

#define MAY(x) (1u << AUTH_##x)
static const struct {
	int64_t uid;
	unsigned may;
	bool is_changing; /* some request of its must change something */
} askers[] = {
	{ 1001, MAY(SEE), false },                                     /* an observer */
	{ 4711, MAY(SEE), false },                                     /* nobody that the file knows */
	{ 1004, MAY(SEE), false },                                     /* an operator whose grant has ended */
	{ 0, MAY(SEE) | MAY(ADMIN), true },                            /* an admin reloads, and acts on nothing */
	{ 1002, MAY(SEE) | MAY(APPROVE), false },                      /* an approver; nothing waits for him */
	{ 1000, MAY(SEE) | MAY(PLAN) | MAY(ACT) | MAY(APPROVE), true }, /* an operator does it all */
};

START_TEST(test_every_route_refuses_who_may_not)
{
	struct world w;
	struct account who;
	world_open(&w);
	auth_by_uid(&rules, askers[_i].uid, 999, noon, &who);
	struct tally tally = ask_all(&w, &who, askers[_i].may);
	ck_assert_int_eq(tally.changes > 0, askers[_i].is_changing);
	ck_assert_uint_gt(tally.refused, 0);
	if (askers[_i].may == MAY(SEE))
		ck_assert_uint_ge(tally.refused, 7 * sizeof bodies / sizeof *bodies);
	if (askers[_i].uid == 0)
		ck_assert_uint_eq(w.actors, 0);
	world_close(&w);
}
END_TEST

/* An operator of another PoP: the routes let him in, the scope does not. That he asked for a plan is on record, as refused. */
START_TEST(test_every_route_keeps_to_the_scope)
{
	struct world w;
	struct account who;
	const struct operation *ops[64];
	world_open(&w);
	auth_by_uid(&rules, 1003, 999, noon, &who);
	struct tally tally = ask_all(&w, &who, MAY(SEE) | MAY(PLAN) | MAY(ACT) | MAY(APPROVE));
	ck_assert_uint_eq(tally.changes, tally.planned);
	ck_assert_uint_eq(w.actors, 0);
	size_t n = engine_operations(w.engine, ops, 64);
	for (size_t i = 0; i < n; i++) {
		bool is_his = strcmp(ops[i]->by, "far") == 0;
		ck_assert_int_eq(ops[i]->state == OP_REFUSED, is_his);
		ck_assert(is_his || strcmp(ops[i]->id, OPEN_OP) == 0 || strcmp(ops[i]->id, WAITING_OP) == 0);
	}
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("observers");
	TCase *tests = tcase_create("observers");
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_every_route_refuses_who_may_not, 0, sizeof askers / sizeof *askers);
	tcase_add_test(tests, test_every_route_keeps_to_the_scope);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
