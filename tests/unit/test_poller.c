/* SPDX-License-Identifier: Apache-2.0
 *
 * The poller's beats: every lane is asked, none twice at once, each keeps its interval, also over a reload and when asked
 * for now. A transport of the test's own answers from the loop; nothing waits but for polls.
 */
#include "backend/poller.h"

#include <math.h>

#include "suite.h"

#define NODES 40

/* Answers each request in the next turn of the loop, or holds it. */
struct echo {
	struct transport base;
	struct loop *loop;
	size_t asked[NODES], open[NODES], total;
	struct mono first[NODES], last[NODES];
	bool is_failing;
};

struct flight {
	struct echo *echo;
	size_t node;
	struct loop_timer *timer;
	transport_done_fn *done;
	void *arg;
};

static void
answer(void *arg)
{
	struct flight *f = arg;
	struct err err = ERR_INIT;
	struct reply_part part = { .tag = "", .out = slice_of("ok"), .err = { "", 0 } };
	struct reply reply = { .n_parts = 1, .parts = &part };
	f->echo->open[f->node]--;
	if (f->echo->is_failing)
		err_set(&err, ERR_NOT_RUNNING, "it does not run");
	f->done(f->arg, f->echo->is_failing ? NULL : &reply, &err);
	loop_timer_del(f->timer);
	free(f);
}

static void
echo_submit(struct transport *base, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct echo *e = (struct echo *)base;
	struct flight *f = xcalloc(1, sizeof *f);
	(void)request;
	ck_assert(mono_before(clock_mono(), deadline));
	*f = (struct flight){ .echo = e, .node = (size_t)atoi(node->name + 1), .done = done, .arg = arg };
	ck_assert_uint_eq(e->open[f->node], 0);
	e->open[f->node]++;
	if (e->asked[f->node]++ == 0)
		e->first[f->node] = clock_mono();
	e->last[f->node] = clock_mono();
	e->total++;
	f->timer = loop_timer_add(e->loop, 0, 0, answer, f);
}

static const struct transport_ops echo_ops = { .name = "echo", .submit = echo_submit };

static int
page_ask(const struct node *node, struct request *out, struct err *err)
{
	(void)node;
	(void)err;
	request_set_path(out, "/");
	return 0;
}

static int
page_read(const struct reply *reply, struct report *out, struct err *err)
{
	(void)reply;
	(void)err;
	out->sections = REPORT_HEALTH;
	out->is_healthy = TRI_YES;
	return 0;
}

static const struct probe probes[] = {
	{ .name = "page", .pace = PACE_FAST, .gives = REPORT_HEALTH, .ask = page_ask, .read = page_read },
	{ .name = NULL },
};
static const struct driver driver = { .name = "echo", .title = "Echo", .probes = probes };
static const struct probe wire_probes[] = {
	{ .name = "wire", .pace = PACE_FAST, .gives = REPORT_EXPORTS, .ask = page_ask, .read = page_read },
	{ .name = NULL },
};
static const struct driver wire_driver = { .name = "echo", .title = "Echo of a router", .probes = wire_probes };
static bool tells_wire;

static const struct driver *
find(const char *name)
{
	ck_assert_str_eq(name, "echo");
	return tells_wire ? &wire_driver : &driver;
}

static struct fleet *
make_fleet(int64_t poll_ms)
{
	struct fleet *f = fleet_new();
	f->n_nodes = NODES;
	f->nodes = arena_alloc(f->arena, NODES * sizeof *f->nodes);
	for (size_t i = 0; i < NODES; i++) {
		snprintf(f->nodes[i].name, sizeof f->nodes[i].name, "n%zu", i);
		strcpy(f->nodes[i].dns_driver, "echo");
		f->nodes[i].pop = FLEET_NO_POP;
		f->nodes[i].poll_ms = poll_ms;
		f->nodes[i].capacity_qps = NAN;
	}
	fleet_link(f);
	return f;
}

static struct loop *loop;
static struct state *state;
static struct poller *poller;
static struct echo echo;

static void
open_with(int64_t poll_ms)
{
	struct err err = ERR_INIT;
	loop = loop_new(&err);
	state = state_new(make_fleet(poll_ms));
	echo = (struct echo){ .base = { &echo_ops }, .loop = loop };
	poller = poller_new(loop, state, &echo.base, find, 4711);
}

static void
close_all(void)
{
	poller_free(poller);
	while (true) {
		size_t open = 0;
		for (size_t i = 0; i < NODES; i++)
			open += echo.open[i];
		if (open == 0)
			break;
		loop_turn(loop, true); /* answers to a poller that is gone */
	}
	state_free(state);
	loop_free(loop);
}

static void
run_until(size_t total)
{
	while (echo.total < total)
		ck_assert(loop_turn(loop, true));
}

static const int64_t polls_ms[] = { 150, 125, 70 }; /* three beats, two and a half, not whole at all */

START_TEST(test_lanes_keep_their_interval)
{
	open_with(polls_ms[_i]);
	run_until(NODES * 15);
	struct poller_stats stats;
	poller_read_stats(poller, &stats);
	double slowest = 0, fastest = 1e9;
	for (size_t i = 0; i < NODES; i++) {
		ck_assert_uint_gt(echo.asked[i], 2);
		double every = (double)mono_ms_since(echo.last[i], echo.first[i]) / (double)(echo.asked[i] - 1);
		slowest = fmax(slowest, every);
		fastest = fmin(fastest, every);
	}
	/* never faster than asked for; slower only by what this machine held up, which the poller counts */
	ck_assert_msg(fastest > 0.7 * (double)polls_ms[_i], "%.1f ms", fastest);
	if (stats.skipped == 0)
		ck_assert_msg(slowest < 1.4 * (double)polls_ms[_i], "%.1f ms", slowest);
	ck_assert_uint_eq(stats.failures, 0);
	close_all();
}
END_TEST

START_TEST(test_lanes_spread_over_the_interval)
{
	open_with(600);
	run_until(NODES);
	size_t beats = 0;
	for (size_t i = 0; i < NODES; i++) {
		bool is_new = echo.asked[i] > 0;
		for (size_t k = 0; k < i; k++)
			if (echo.asked[k] > 0 && echo.first[k].ns / 50000000 == echo.first[i].ns / 50000000)
				is_new = false;
		beats += is_new;
	}
	ck_assert_uint_gt(beats, 4); /* of 12; nearly all by chance */
	close_all();
}
END_TEST

/* Nodes that somebody waits for are asked at once; only their lanes that tell wire, when that is what is waited for. */
START_TEST(test_some_are_asked_now)
{
	size_t nodes[NODES];
	tells_wire = _i == 1;
	for (size_t i = 0; i < NODES; i++)
		nodes[i] = i;
	open_with(600000);
	struct mono start = clock_mono();
	poller_ask(poller, nodes, NODES / 2, POLLER_WIRE);
	poller_ask(poller, nodes + NODES / 2, NODES / 2, POLLER_ALL);
	run_until(tells_wire ? NODES : NODES / 2);
	ck_assert_int_lt(mono_ms_since(clock_mono(), start), 5000);
	for (size_t i = 0; i < NODES; i++)
		ck_assert_uint_eq(echo.asked[i], i >= NODES / 2 || tells_wire ? 1 : 0);
	tells_wire = false;
	close_all();
}
END_TEST

START_TEST(test_everybody_now)
{
	open_with(600000);
	struct mono start = clock_mono();
	poller_now(poller);
	run_until(NODES);
	ck_assert_int_lt(mono_ms_since(clock_mono(), start), 5000);
	for (size_t i = 0; i < NODES; i++)
		ck_assert_uint_eq(echo.asked[i], 1);
	close_all();
}
END_TEST

START_TEST(test_reload_forgets_and_goes_on)
{
	open_with(100);
	run_until(NODES);
	state_reload(state, make_fleet(60), clock_mono(), clock_wall());
	poller_reload(poller); /* with requests under way */
	memset(echo.asked, 0, sizeof echo.asked);
	echo.total = 0;
	/* what is under way was asked by lanes that are gone; those of the new ones do not wait for it */
	for (size_t i = 0; i < NODES; i++)
		while (echo.open[i] > 0)
			loop_turn(loop, true);
	run_until(NODES * 5);
	for (size_t i = 0; i < NODES; i++)
		ck_assert_uint_gt(echo.asked[i], 0);
	close_all();
}
END_TEST

START_TEST(test_daemon_that_is_down_is_asked_on)
{
	open_with(100);
	echo.is_failing = true;
	run_until(NODES * 5);
	for (size_t i = 0; i < NODES; i++)
		ck_assert_uint_gt(echo.asked[i], 2);
	struct poller_stats stats;
	poller_read_stats(poller, &stats);
	ck_assert_uint_gt(stats.failures, NODES * 4);
	close_all();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("poller");
	TCase *c = tcase_create("beats");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_lanes_keep_their_interval, 0, sizeof polls_ms / sizeof polls_ms[0]);
	tcase_add_test(c, test_lanes_spread_over_the_interval);
	tcase_add_loop_test(c, test_some_are_asked_now, 0, 2);
	tcase_add_test(c, test_everybody_now);
	tcase_add_test(c, test_reload_forgets_and_goes_on);
	tcase_add_test(c, test_daemon_that_is_down_is_asked_on);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
