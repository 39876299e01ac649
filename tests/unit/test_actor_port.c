/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend's side of the actor, with actors that misbehave. This program is started again by actor_port.c as it would
 * start catchmentd (/proc/self/exe --actor), and then plays the actor that the test has asked for in a file of the state
 * folder. The real actor is tested in test_actor.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/actor_wire.h"
#include "suite.h"

#define OP "00a1b2c3d4e5f607"

/* --- the actor that is played --- */

enum manner { OBEYS, LEAVES, BABBLES, DOUBLES, INVENTS, OTHER_NUMBER, OTHER_POP, BOASTS, ENDLESS, DEAF, CLOSES, SHOUTS, MANNERS };
static const char *const manners[MANNERS] = { "obeys", "leaves", "babbles", "doubles", "invents", "other-number", "other-pop",
	"boasts", "endless", "deaf", "closes", "shouts" };

static void
put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len || fflush(stdout) == EOF)
		exit(3);
}

static void
answer(const struct actor_order *o, enum manner m)
{
	struct buf out = BUF_INIT(ACTOR_LINE_MAX);
	struct err err = ERR_INIT;
	struct actor_node_result node = { .node = "fra1", .answer = { .is_done = true, .number = o->number, .applied = o->number,
		.state = ACT_PENDING, .text = "done \"well\"" } };
	struct actor_event e = { .kind = actor_event_of(o->order), .pop = o->pop, .number = o->number, .is_ok = true, .n_nodes = 1,
		.nodes = &node, .text = "it is so" };
	if (m == OTHER_NUMBER)
		e.number++;
	if (m == OTHER_POP)
		e.pop = "nyc";
	if (m == BOASTS) {
		node.code = ERR_CONN_LOST;
		node.is_unknown = true;
	}
	if (actor_event_write(m == INVENTS ? 4711 : o->id, &e, &out, &err) == -1)
		exit(4);
	put(out.data, out.len);
	if (m == DOUBLES)
		put(out.data, out.len);
	buf_done(&out);
}

static void
misbehave(enum manner m, const struct actor_order *o)
{
	static const char block[65536] = { 'x' };
	if (m == BABBLES)
		put("{\"id\":1,\"event\":\"checked\"}\n", 27);
	if (m == LEAVES)
		exit(7);
	if (m == CLOSES)
		fclose(stdout);
	for (int i = 0; m == ENDLESS && i < 200; i++)
		put(block, sizeof block);
	for (int i = 0; m == SHOUTS && i < 1000; i++)
		fprintf(stderr, "\033[31mline %d\n", i);
	if (m != BABBLES && m != LEAVES && m != CLOSES && m != ENDLESS && m != DEAF)
		answer(o, m);
}

/* The manner counts from the first order that is not the check, except where the file says "check:MANNER". */
static int
play(const char *state_dir)
{
	char path[256], word[64] = "", *line = NULL;
	size_t size = 0;
	ssize_t len;
	snprintf(path, sizeof path, "%s/manner", state_dir);
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "%63s", word) != 1)
		return 5;
	fclose(f);
	bool at_once = strncmp(word, "check:", 6) == 0;
	enum manner m = OBEYS;
	while (m < MANNERS && strcmp(manners[m], at_once ? word + 6 : word) != 0)
		m++;
	while ((len = getline(&line, &size, stdin)) > 0) {
		struct actor_order o;
		struct json_doc *doc;
		struct err err = ERR_INIT;
		if (actor_order_read((struct slice){ line, (size_t)len }, &o, &doc, &err) == -1) {
			fprintf(stderr, "%s\n", err.text);
			return 6;
		}
		if (o.order == ACT_CHECK && (!slice_equal(o.plan, "the plan\n") || strcmp(o.op, OP) != 0))
			return 8;
		if (o.order == ACT_CHECK && !at_once)
			answer(&o, OBEYS);
		else
			misbehave(m, &o);
		json_doc_free(doc);
	}
	free(line);
	return 0;
}

/* --- the test --- */

static struct loop *loop;
static struct actors *actors;
static struct actor_port port;
static char folder[64];

struct seen {
	enum actor_event_kind kind;
	char op[OP_ID_SIZE], pop[FLEET_NAME_MAX], node[FLEET_NAME_MAX], text[300];
	uint64_t number;
	bool is_ok, is_unknown;
	enum act_state state;
};
static struct seen seen[64];
static size_t n_seen;
static bool is_inside; /* a call into the port */
static const char *end_when_seen; /* operation to end from inside its event */

static void
on_event(void *arg, const char *op, const struct actor_event *e)
{
	ck_assert_ptr_eq(arg, seen);
	ck_assert(!is_inside);
	ck_assert_uint_lt(n_seen, 64);
	struct seen *s = &seen[n_seen++];
	memset(s, 0, sizeof *s);
	s->kind = e->kind;
	snprintf(s->op, sizeof s->op, "%s", op);
	snprintf(s->pop, sizeof s->pop, "%s", e->pop);
	snprintf(s->text, sizeof s->text, "%s", e->text);
	s->number = e->number;
	s->is_ok = e->is_ok;
	if (e->n_nodes > 0) {
		snprintf(s->node, sizeof s->node, "%s", e->nodes[0].node);
		s->state = e->nodes[0].answer.state;
		s->is_unknown = e->nodes[0].is_unknown;
	}
	if (end_when_seen && strcmp(end_when_seen, op) == 0)
		port.end(port.arg, op);
}

static void
set_manner(const char *word)
{
	char path[128];
	snprintf(path, sizeof path, "%s/manner", folder);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(word, f);
	fclose(f);
}

static void
set_up(void)
{
	struct err err = ERR_INIT;
	snprintf(folder, sizeof folder, "/tmp/catchment-actor-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	loop = loop_new(&err);
	actors = actors_new(loop, "fleet.yaml", folder, on_event, seen, &port);
	n_seen = 0;
	is_inside = false;
	end_when_seen = NULL;
}

static void
tear_down(void)
{
	char path[128];
	actors_free(actors);
	loop_turn(loop, false);
	loop_free(loop);
	while (waitpid(-1, NULL, 0) > 0)
		;
	snprintf(path, sizeof path, "%s/manner", folder);
	unlink(path);
	rmdir(folder);
}

static int
start(const char *op, struct err *err)
{
	is_inside = true;
	int rc = port.start(port.arg, op, slice_of("the plan\n"), err);
	is_inside = false;
	return rc;
}

static void
order(enum act_order o, const char *pop, uint64_t number)
{
	is_inside = true;
	port.order(port.arg, OP, o, pop, 1, number, 45);
	is_inside = false;
}

static void
on_guard(void *arg)
{
	*(bool *)arg = true;
}

/* Turns the loop until n events were seen, or for the time given. */
static void
await_events(size_t n, int64_t ms)
{
	bool is_over = false;
	struct loop_timer *guard = loop_timer_add(loop, ms, 0, on_guard, &is_over);
	while (n_seen < n && !is_over)
		loop_turn(loop, true);
	loop_timer_del(guard);
}

static size_t
count_children(void)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t len = fread(text, 1, sizeof text - 1, f), n = 0;
	fclose(f);
	text[len] = '\0';
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		n++;
	return n;
}

static pid_t
only_child(void)
{
	char path[64];
	int pid = 0;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	FILE *f = fopen(path, "r");
	ck_assert(f && fscanf(f, "%d", &pid) == 1);
	fclose(f);
	return pid;
}

static void
await_no_children(void)
{
	bool is_over = false;
	struct loop_timer *guard = loop_timer_add(loop, 10000, 0, on_guard, &is_over);
	struct loop_timer *look = loop_timer_add(loop, 10, 10, on_guard, &(bool){ false });
	while (count_children() > 0 && !is_over)
		loop_turn(loop, true);
	loop_timer_del(guard);
	loop_timer_del(look);
	ck_assert_uint_eq(count_children(), 0);
}

START_TEST(test_actor_port_carries_orders_and_events)
{
	struct err err = ERR_INIT;
	set_manner("obeys");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_int_eq(seen[0].kind, ACTOR_CHECKED);
	ck_assert(seen[0].is_ok);
	ck_assert_str_eq(seen[0].op, OP);
	static const enum act_order orders[] = { ACT_APPLY, ACT_KEEP, ACT_UNDO, ACT_INSPECT };
	static const enum actor_event_kind kinds[] = { ACTOR_APPLIED, ACTOR_KEPT, ACTOR_UNDONE, ACTOR_INSPECTED };
	for (size_t i = 0; i < 4; i++) {
		order(orders[i], "fra", 7 + i);
		await_events(2 + i, 10000);
		const struct seen *s = &seen[1 + i];
		ck_assert_int_eq(s->kind, kinds[i]);
		ck_assert_str_eq(s->pop, "fra");
		ck_assert_str_eq(s->node, "fra1");
		ck_assert_str_eq(s->text, "it is so");
		ck_assert_uint_eq(s->number, 7 + i);
		ck_assert_int_eq(s->state, ACT_PENDING);
		ck_assert(s->is_ok && !s->is_unknown);
	}
	port.end(port.arg, OP);
	port.end(port.arg, "no such one");
	await_no_children();
	ck_assert_uint_eq(n_seen, 5);
}
END_TEST

/* Whatever is wrong with an actor: LOST, once, and its process is gone. */
static const struct {
	const char *manner, *says;
} bad[] = {
	{ "leaves", "exit status 7" },
	{ "babbles", "no event" },
	{ "invents", "not asked" },
	{ "other-number", "not asked" },
	{ "other-pop", "not asked" },
	{ "endless", "more than" },
	{ "closes", "closed its output" },
	{ "check:leaves", "exit status 7" },
	{ "check:babbles", "no event" },
};

START_TEST(test_actor_port_loses_a_bad_actor_once)
{
	struct err err = ERR_INIT;
	bool at_once = strncmp(bad[_i].manner, "check:", 6) == 0;
	size_t good = at_once ? 0 : 1;
	set_manner(bad[_i].manner);
	ck_assert_int_eq(start(OP, &err), 0);
	if (!at_once) {
		await_events(1, 10000);
		order(ACT_APPLY, "fra", 7);
		order(ACT_INSPECT, "fra", 8);
	}
	await_events(good + 1, 10000);
	ck_assert_uint_eq(n_seen, good + 1);
	ck_assert_int_eq(seen[good].kind, ACTOR_LOST);
	ck_assert_str_eq(seen[good].op, OP);
	ck_assert_msg(strstr(seen[good].text, bad[_i].says) != NULL, "%s", seen[good].text);
	order(ACT_KEEP, "fra", 9);
	await_no_children();
	await_events(good + 2, 50);
	ck_assert_uint_eq(n_seen, good + 1);
}
END_TEST

/* The answer counts once; what comes after it is nonsense. */
START_TEST(test_actor_port_takes_an_answer_once)
{
	struct err err = ERR_INIT;
	set_manner("doubles");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	order(ACT_APPLY, "fra", 7);
	await_events(3, 10000);
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_int_eq(seen[1].kind, ACTOR_APPLIED);
	ck_assert_int_eq(seen[2].kind, ACTOR_LOST);
	await_no_children();
}
END_TEST

/* "All done" beside a node whose answer is lost is not all done. */
START_TEST(test_actor_port_believes_nodes_not_boasts)
{
	struct err err = ERR_INIT;
	set_manner("boasts");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	order(ACT_APPLY, "fra", 7);
	await_events(2, 10000);
	ck_assert_int_eq(seen[1].kind, ACTOR_APPLIED);
	ck_assert(!seen[1].is_ok && seen[1].is_unknown);
}
END_TEST

static const int signums[] = { SIGKILL, SIGTERM, SIGABRT };

START_TEST(test_actor_port_loses_a_killed_actor)
{
	struct err err = ERR_INIT;
	char says[32];
	set_manner("deaf");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	order(ACT_APPLY, "fra", 7);
	loop_turn(loop, false);
	kill(only_child(), signums[_i]);
	await_events(2, 10000);
	ck_assert_uint_eq(n_seen, 2);
	ck_assert_int_eq(seen[1].kind, ACTOR_LOST);
	snprintf(says, sizeof says, "signal %d", signums[_i]);
	ck_assert_msg(strstr(seen[1].text, says) != NULL, "%s", seen[1].text);
	await_no_children();
}
END_TEST

/* One that never answers, and one that is stopped and takes nothing either. */
START_TEST(test_actor_port_kills_a_stuck_actor)
{
	struct err err = ERR_INIT;
	set_manner("deaf");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	if (_i == 1)
		kill(only_child(), SIGSTOP);
	actors_set_patience(actors, 50);
	order(ACT_APPLY, "fra", 7);
	await_events(2, 10000);
	ck_assert_uint_eq(n_seen, 2);
	ck_assert_int_eq(seen[1].kind, ACTOR_LOST);
	ck_assert_msg(strstr(seen[1].text, "apply fra in time") != NULL, "%s", seen[1].text);
	await_no_children();
}
END_TEST

/* The engine may end and start actors inside its callback; an ended one says nothing more. */
START_TEST(test_actor_port_ended_from_inside_is_silent)
{
	struct err err = ERR_INIT;
	set_manner("doubles");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	end_when_seen = OP;
	order(ACT_APPLY, "fra", 7);
	await_events(2, 10000);
	await_no_children();
	await_events(3, 50);
	ck_assert_uint_eq(n_seen, 2);
	end_when_seen = NULL;
	/* the same operation again, as after a restart; and once more while it runs */
	ck_assert_int_eq(start(OP, &err), 0);
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(3, 10000);
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_int_eq(seen[2].kind, ACTOR_CHECKED);
	port.end(port.arg, OP);
	await_no_children();
}
END_TEST

START_TEST(test_actor_port_runs_sixteen)
{
	struct err err = ERR_INIT;
	char op[OP_ID_SIZE];
	set_manner("obeys");
	for (int i = 0; i < ACTORS_MAX; i++) {
		snprintf(op, sizeof op, "%016d", i);
		ck_assert_int_eq(start(op, &err), 0);
	}
	ck_assert_int_eq(start(OP, &err), -1);
	ck_assert_int_eq(err.code, ERR_BUSY);
	ck_assert_msg(strstr(err.text, "16 at most") != NULL, "%s", err.text);
	port.end(port.arg, "0000000000000003");
	ck_assert_int_eq(start(OP, &err), 0);
	for (int i = 0; i < ACTORS_MAX; i++) {
		snprintf(op, sizeof op, "%016d", i);
		port.end(port.arg, op);
	}
	port.end(port.arg, OP);
	await_no_children();
}
END_TEST

/* A flood on standard error neither stops the answer nor is passed on whole. */
START_TEST(test_actor_port_bounds_standard_error)
{
	struct err err = ERR_INIT;
	char path[] = "/tmp/catchment-stderr-XXXXXX";
	int file = mkstemp(path), old = dup(2);
	struct stat st;
	set_manner("shouts");
	dup2(file, 2);
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	order(ACT_APPLY, "fra", 7);
	await_events(2, 10000);
	port.end(port.arg, OP);
	await_no_children();
	dup2(old, 2);
	close(old);
	ck_assert_int_eq(fstat(file, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
	ck_assert_int_lt(st.st_size, 100000);
	struct buf text = BUF_INIT(1u << 20);
	buf_read_file(&text, path, &err);
	ck_assert_ptr_null(strchr(buf_text(&text), '\033'));
	buf_done(&text);
	close(file);
	unlink(path);
	ck_assert_uint_eq(n_seen, 2);
}
END_TEST

/* The backend goes: the actors' inputs close, and they end by themselves. */
START_TEST(test_actor_port_free_lets_actors_end)
{
	struct err err = ERR_INIT;
	set_manner("deaf");
	ck_assert_int_eq(start(OP, &err), 0);
	await_events(1, 10000);
	order(ACT_APPLY, "fra", 7);
	loop_turn(loop, false);
	pid_t pid = only_child();
	actors_free(actors);
	actors = NULL;
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_uint_eq(n_seen, 1);
}
END_TEST

/* Every truncation and every changed byte of an event is refused, or is an event: never a crash. */
START_TEST(test_actor_wire_survives_damage)
{
	struct buf out = BUF_INIT(ACTOR_LINE_MAX);
	struct err err = ERR_INIT;
	const struct actor_node_result node = { .node = "fra1", .code = ERR_CONN_LOST, .is_unknown = true,
		.answer = { .number = 9, .state = ACT_UNDONE, .text = "gone" } };
	const struct actor_event e = { .kind = ACTOR_INSPECTED, .pop = "fra", .number = 9, .n_nodes = 1, .nodes = &node, .text = "so" };
	ck_assert_int_eq(actor_event_write(3, &e, &out, &err), 0);
	size_t accepted = 0;
	for (size_t i = 0; i + 1 < out.len; i++) {
		for (int kind = 0; kind < 3; kind++) {
			char *copy = xmalloc(out.len);
			struct arena *a = arena_new();
			struct actor_event got;
			uint64_t id;
			memcpy(copy, out.data, out.len);
			if (kind > 0)
				copy[i] ^= kind == 1 ? 0x01 : 0x80;
			accepted += actor_event_read((struct slice){ copy, kind == 0 ? i : out.len - 1 }, a, &id, &got, &err) == 0;
			arena_free(a);
			free(copy);
		}
	}
	ck_assert_uint_lt(accepted, out.len);
	buf_done(&out);
}
END_TEST

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "--actor") == 0)
		return play(argv[5]);
	Suite *s = suite_create("actor_port");
	TCase *t = tcase_create("actor_port");
	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_actor_port_carries_orders_and_events);
	tcase_add_loop_test(t, test_actor_port_loses_a_bad_actor_once, 0, (int)(sizeof bad / sizeof bad[0]));
	tcase_add_test(t, test_actor_port_takes_an_answer_once);
	tcase_add_test(t, test_actor_port_believes_nodes_not_boasts);
	tcase_add_loop_test(t, test_actor_port_loses_a_killed_actor, 0, 3);
	tcase_add_loop_test(t, test_actor_port_kills_a_stuck_actor, 0, 2);
	tcase_add_test(t, test_actor_port_ended_from_inside_is_silent);
	tcase_add_test(t, test_actor_port_runs_sixteen);
	tcase_add_test(t, test_actor_port_bounds_standard_error);
	tcase_add_test(t, test_actor_port_free_lets_actors_end);
	tcase_add_test(t, test_actor_wire_survives_damage);
	suite_add_tcase(s, t);
	return suite_run(s);
}
