/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated fleet keeps its promises to the demonstration and the benchmark: its pages are agent pages, traffic moves
 * to the neighbours when a PoP leaves, counters only rise until a restart, and the day goes round the world.
 */
#include "sim.h"

#include <math.h>

#include "core/conf.h"
#include "plugins/drivers.h"
#include "suite.h"

static struct sim *sim;
static struct mono now;

static void
set_up(void)
{
	static const struct sim_options o = { .pops = 24, .nodes_per_pop = 2, .day_s = 300, .seed = 1 };
	now = (struct mono){ 1000 * CLOCK_NS_PER_S };
	sim = sim_new(&o, now);
}

static void
tear_down(void)
{
	sim_free(sim);
}

static void
pass(int seconds)
{
	for (int i = 0; i < seconds; i++) {
		now = mono_add_ms(now, 1000);
		sim_tick(sim, now);
	}
}

static void
command(const char *line)
{
	struct buf reply = BUF_INIT(65536);
	struct err err = ERR_INIT;
	ck_assert_msg(sim_command(sim, line, now, &reply, &err) == 0, "%s: %s", line, err.text);
	buf_done(&reply);
}

/* The page as the driver reads it. */
static struct report *
page_of(const char *name)
{
	size_t node = sim_find_node(sim, slice_of(name));
	ck_assert_msg(node != SIZE_MAX, "no node %s", name);
	struct buf page = BUF_INIT(65536);
	struct wall wall = { .ns = INT64_C(1795440000) * CLOCK_NS_PER_S };
	sim_write_page(sim, node, now, wall, &page);
	struct reply_part part = { .tag = "", .out = buf_slice(&page), .err = { "", 0 } };
	struct reply reply = { .n_parts = 1, .parts = &part, .http_status = 200, .content_type = "application/json" };
	struct report *r = report_new();
	struct err err = ERR_INIT;
	ck_assert_msg(driver_find_probe(driver_find("agent"), "node")->read(&reply, r, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(r->extras, 0);
	buf_done(&page);
	return r;
}

static int64_t
queries_of(const char *name)
{
	struct report *r = page_of(name);
	int64_t n = r->dns.queries;
	report_free(r);
	return n;
}

/* Queries a second over the next two seconds. */
static double
rate_of(const char *name)
{
	int64_t before = queries_of(name);
	pass(2);
	return (double)(queries_of(name) - before) / 2;
}

START_TEST(test_every_page_is_an_agent_page)
{
	for (size_t i = 0; i < sim_count(sim); i++) {
		struct report *r = page_of(sim_node_name(sim, i));
		ck_assert_uint_eq(r->n_sessions, 4);
		ck_assert_uint_eq(r->n_exports, 4);
		ck_assert_int_eq(r->is_healthy, TRI_YES);
		ck_assert_int_gt(r->dns.queries, 0);
		ck_assert(r->capacity_qps > 0);
		report_free(r);
	}
}
END_TEST

START_TEST(test_traffic_moves_when_a_pop_withdraws)
{
	double fra = rate_of("fra1"), ams = rate_of("ams1");
	ck_assert(fra > 0 && ams > 0);
	command("withdraw fra");
	ck_assert(rate_of("fra1") < 1);
	ck_assert_msg(rate_of("ams1") > ams + fra / 2, "ams1 did not take over");
	struct report *r = page_of("fra1");
	ck_assert_uint_eq(r->n_exports, 4);
	ck_assert_uint_eq(r->exports[0].n_routes, 0);
	ck_assert_int_eq(r->sessions[0].state, FSM_ESTABLISHED);
	report_free(r);
	command("announce fra");
	ck_assert(rate_of("fra1") > fra / 2);
	ck_assert(rate_of("ams1") < ams * 1.5);
}
END_TEST

START_TEST(test_one_node_of_a_pop_takes_over_from_the_other)
{
	double both = rate_of("fra1");
	command("session-down fra2 all");
	ck_assert(rate_of("fra1") > 1.7 * both);
	command("prefer-away fra1");
	ck_assert(rate_of("fra1") < 1);
	struct report *r = page_of("fra1");
	ck_assert_int_eq(r->exports[0].routes[0].is_gshut, TRI_YES);
	report_free(r);
}
END_TEST

START_TEST(test_dead_daemon_keeps_its_route)
{
	command("dead fra1");
	struct report *r = page_of("fra1");
	ck_assert_int_eq(r->is_healthy, TRI_NO);
	ck_assert(!(r->sections & REPORT_DNS));
	ck_assert_uint_eq(r->exports[0].n_routes, 1);
	report_free(r);
	command("normal fra1");
	ck_assert_int_lt(queries_of("fra1"), 10);
}
END_TEST

START_TEST(test_counters_rise_and_a_restart_resets_them)
{
	int64_t last = queries_of("sin1");
	for (int i = 0; i < 20; i++) {
		now = mono_add_ms(now, 700);
		if (i % 3 == 0)
			sim_tick(sim, now);
		int64_t n = queries_of("sin1");
		ck_assert_int_ge(n, last);
		last = n;
	}
	command("restart sin1");
	struct report *r = page_of("sin1");
	ck_assert_int_lt(r->dns.queries, last);
	ck_assert_int_eq(r->dns.uptime_s, 0);
	ck_assert_int_ne(r->sessions[0].state, FSM_ESTABLISHED);
	report_free(r);
	pass(4);
	r = page_of("sin1");
	ck_assert_int_eq(r->sessions[0].state, FSM_ESTABLISHED);
	report_free(r);
}
END_TEST

START_TEST(test_session_down_says_why)
{
	command("session-down iad1 transit1_v4 maintenance, ticket 7");
	command("session-down iad1 transit2");
	pass(5);
	struct report *r = page_of("iad1");
	ck_assert_int_eq(r->sessions[0].state, FSM_ACTIVE);
	ck_assert_str_eq(r->sessions[0].last_error.message, "maintenance, ticket 7");
	ck_assert_int_eq(r->sessions[0].last_error.age_s, 5);
	ck_assert_int_eq(r->sessions[1].state, FSM_ESTABLISHED);
	ck_assert_int_eq(r->sessions[2].last_error.code, 4);
	ck_assert_int_ne(r->sessions[3].state, FSM_ESTABLISHED);
	ck_assert_uint_eq(r->n_exports, 1);
	report_free(r);
}
END_TEST

START_TEST(test_day_goes_round)
{
	/* fra and nrt peak at different times of the day. */
	double fra_max = 0, nrt_max = 0;
	int fra_at = 0, nrt_at = 0;
	for (int t = 0; t < 300; t += 10) {
		double fra = rate_of("fra1"), nrt = rate_of("nrt1");
		pass(6);
		if (fra > fra_max) {
			fra_max = fra;
			fra_at = t;
		}
		if (nrt > nrt_max) {
			nrt_max = nrt;
			nrt_at = t;
		}
	}
	int apart = abs(fra_at - nrt_at);
	ck_assert_int_ge(apart > 150 ? 300 - apart : apart, 50);
}
END_TEST

static void
write_url(void *arg, size_t node, struct buf *out)
{
	(void)arg;
	buf_printf(out, "http://127.77.0.%zu:9101", node + 1);
}

START_TEST(test_its_fleet_file_is_one)
{
	struct conf_names names;
	struct buf text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	driver_list_names(&names);
	sim_write_fleet(sim, write_url, NULL, 2000, NULL, &text);
	struct fleet *f = conf_read(buf_slice(&text), "fleet.yaml", "/", &names, NULL, &err);
	ck_assert_msg(f != NULL, "%s in\n%s", err.text, buf_text(&text));
	ck_assert_uint_eq(f->n_pops, 24);
	ck_assert_uint_ge(f->n_nodes, 48);
	ck_assert_int_eq(f->nodes[0].poll_ms, 2000);
	fleet_free(f);
	buf_done(&text);
}
END_TEST

START_TEST(test_bad_commands_are_told)
{
	static const char *const lines[] = { "explode fra1", "dead", "dead nowhere", "session-down fra1 transit9", "skew fra1",
		"overload fra1 lots" };
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct buf reply = BUF_INIT(1024);
		struct err err = ERR_INIT;
		ck_assert_msg(sim_command(sim, lines[i], now, &reply, &err) == -1, "'%s' was taken", lines[i]);
		ck_assert_str_ne(err.text, "");
		buf_done(&reply);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sim");
	TCase *c = tcase_create("fleet");
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_every_page_is_an_agent_page);
	tcase_add_test(c, test_traffic_moves_when_a_pop_withdraws);
	tcase_add_test(c, test_one_node_of_a_pop_takes_over_from_the_other);
	tcase_add_test(c, test_dead_daemon_keeps_its_route);
	tcase_add_test(c, test_counters_rise_and_a_restart_resets_them);
	tcase_add_test(c, test_session_down_says_why);
	tcase_add_test(c, test_day_goes_round);
	tcase_add_test(c, test_its_fleet_file_is_one);
	tcase_add_test(c, test_bad_commands_are_told);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
