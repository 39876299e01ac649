/* SPDX-License-Identifier: Apache-2.0
 *
 * The state: rates from counters, what counts as a change, what is told, and that the wire carries it all to a console.
 * Time is injected; nothing here waits.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "backend/state.h"
#include "core/json.h"

static const struct wall wall = { INT64_C(1760000000) * CLOCK_NS_PER_S };

static struct mono
at(double s)
{
	return (struct mono){ (int64_t)(1000e9 + s * 1e9) };
}

static struct fleet *
make_fleet(void)
{
	struct fleet *f = fleet_new();
	snprintf(f->name, sizeof f->name, "test");
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	strcpy(f->services[0].name, "ns");
	f->services[0].policy.drill_days = -1;
	f->n_prefixes = 1;
	f->prefixes = arena_alloc(f->arena, sizeof *f->prefixes);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &f->prefixes[0].prefix, NULL), 0);
	f->n_pops = 2;
	f->pops = arena_alloc(f->arena, 2 * sizeof *f->pops);
	f->n_nodes = 2;
	f->nodes = arena_alloc(f->arena, 2 * sizeof *f->nodes);
	for (size_t i = 0; i < 2; i++) {
		struct node_conf *c = arena_alloc(f->arena, sizeof *c);
		strcpy(c->resolved, i ? "10.0.0.12" : "10.0.0.11");
		strcpy(f->pops[i].name, i ? "ams" : "fra");
		strcpy(f->nodes[i].name, i ? "ams1" : "fra1");
		strcpy(f->nodes[i].bgp_driver, "bird");
		strcpy(f->nodes[i].dns_driver, "knot");
		f->nodes[i].pop = i;
		f->nodes[i].poll_ms = 2000;
		f->nodes[i].capacity_qps = NAN;
		f->nodes[i].conf = c;
	}
	fleet_link(f);
	return f;
}

static struct report *
sessions_report(enum fsm_state state)
{
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS;
	struct session_fact *s = report_add_session(r);
	s->name = "t_v4";
	s->peer = "10.1.21.1";
	s->state = state;
	return r;
}

static struct report *
exports_report(bool is_announced)
{
	struct report *r = report_new();
	r->sections = REPORT_EXPORTS;
	struct export_fact *e = report_add_export(r, "t_v4", FAMILY_V4);
	e->is_known = true;
	if (is_announced)
		ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &report_add_route(r, e)->prefix, NULL), 0);
	return r;
}

static struct report *
dns_report(int64_t queries, int64_t uptime_s)
{
	struct report *r = report_new();
	r->sections = REPORT_DNS;
	r->dns.queries = queries;
	r->dns.uptime_s = uptime_s;
	return r;
}

static struct report *
answer_report(enum tri answered)
{
	struct report *r = report_new();
	r->sections = REPORT_ANSWERS;
	struct answer_fact *a = report_add_answer(r);
	a->target = "10.0.0.11";
	a->is_answered = answered;
	a->rcode = answered == TRI_YES ? "NOERROR" : NULL;
	return r;
}

static void
poll_well(struct state *s, size_t node, double t, int64_t queries)
{
	state_apply(s, node, "bird/protocols", sessions_report(FSM_ESTABLISHED), at(t), wall);
	state_apply(s, node, "bird/exports", exports_report(true), at(t), wall);
	state_apply(s, node, "knot/stats", dns_report(queries, 1000 + (int64_t)t), at(t), wall);
	state_apply(s, node, "outside/dns", answer_report(TRI_YES), at(t), wall);
}

START_TEST(test_rate_is_made_of_two_counters)
{
	struct state *s = state_new(make_fleet());
	const struct node *n = &state_fleet(s)->nodes[0];
	poll_well(s, 0, 0, 1000);
	ck_assert(isnan(n->qps));
	poll_well(s, 0, 2, 3000);
	ck_assert_double_eq_tol(n->qps, 1000, 0.01);
	ck_assert_int_eq(n->verdict, VERDICT_OK);
	ck_assert_double_eq_tol(state_fleet(s)->pops[0].qps, 1000, 0.01);
	state_free(s);
}
END_TEST

START_TEST(test_rate_stands_when_polls_follow_each_other_at_once)
{
	struct state *s = state_new(make_fleet());
	const struct node *n = &state_fleet(s)->nodes[0];
	poll_well(s, 0, 0, 1000);
	poll_well(s, 0, 0.01, 1010);
	ck_assert(isnan(n->qps));
	poll_well(s, 0, 2, 3000);
	ck_assert_double_eq_tol(n->qps, 1000, 0.01);
	poll_well(s, 0, 2.02, 3100);
	ck_assert_double_eq_tol(n->qps, 1000, 0.01);
	poll_well(s, 0, 2.5, 3250);
	ck_assert_double_eq_tol(n->qps, 500, 0.01); /* of the whole time since the sample before */
	state_apply(s, 0, "knot/stats", dns_report(5, 1), at(2.51), wall);
	ck_assert_msg(isnan(n->qps), "a restart is seen however soon");
	state_free(s);
}
END_TEST

START_TEST(test_restart_gives_no_rate_and_an_event)
{
	static const struct {
		int64_t queries, uptime_s;
	} rows[] = { { 5, 1 }, { 90000, 1 }, { 5, -1 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct state *s = state_new(make_fleet());
		const struct node *n = &state_fleet(s)->nodes[0];
		poll_well(s, 0, 0, 1000);
		poll_well(s, 0, 2, 3000);
		state_apply(s, 0, "knot/stats", dns_report(rows[i].queries, rows[i].uptime_s), at(4), wall);
		ck_assert_msg(isnan(n->qps), "row %zu: a rate of %f out of a reset counter", i, n->qps);
		size_t events;
		const struct event *e = state_events(s, &events);
		bool is_told = false;
		for (size_t k = 0; k < events; k++)
			is_told = is_told || strcmp(e[k].kind, "restart") == 0;
		ck_assert(is_told);
		state_apply(s, 0, "knot/stats", dns_report(rows[i].queries + 200, rows[i].uptime_s + 2), at(6), wall);
		ck_assert_double_eq_tol(n->qps, 100, 0.01);
		state_free(s);
	}
}
END_TEST

START_TEST(test_counter_and_failure_never_make_a_spike)
{
	struct state *s = state_new(make_fleet());
	const struct node *n = &state_fleet(s)->nodes[0];
	struct err why = { ERR_TIMEOUT, "no answer within 2 s" };
	poll_well(s, 0, 0, 1000);
	poll_well(s, 0, 2, 3000);
	state_fail(s, 0, "knot/stats", REPORT_DNS, &why, at(4), wall);
	ck_assert(isnan(n->qps));
	state_apply(s, 0, "knot/stats", dns_report(9000, 1006), at(6), wall);
	ck_assert(isnan(n->qps));
	state_free(s);
}
END_TEST

/* A clock that is a day off is told once, and no age depends on it. */
START_TEST(test_wrong_clock_is_told_and_ages_stay)
{
	static const int64_t skews[] = { 86400, -86400, 0 };
	for (size_t i = 0; i < sizeof skews / sizeof skews[0]; i++) {
		struct state *s = state_new(make_fleet());
		const struct node *n = &state_fleet(s)->nodes[0];
		size_t events, told = 0;
		for (int k = 0; k < 3; k++) {
			struct report *r = sessions_report(FSM_ESTABLISHED);
			r->sections |= REPORT_CLOCK;
			r->clock_s = wall.ns / CLOCK_NS_PER_S + skews[i] + k;
			poll_well(s, 0, 2 * k, 1000 + 2000 * k);
			state_apply(s, 0, "bird/protocols", r, at(2 * k), wall);
		}
		const struct event *e = state_events(s, &events);
		for (size_t k = 0; k < events; k++)
			told += strcmp(e[k].kind, "clock") == 0;
		ck_assert_uint_eq(told, skews[i] ? 1 : 0);
		bool is_reason = false;
		for (size_t k = 0; k < n->reasons.n; k++)
			is_reason = is_reason || strstr(n->reasons.text[k], skews[i] > 0 ? "ahead of ours" : "behind ours");
		ck_assert(is_reason == (skews[i] != 0));
		ck_assert_double_eq_tol(node_age_s(n, at(5)), 1, 0.001);
		ck_assert_double_eq_tol(n->qps, 1000, 0.01);
		ck_assert_int_eq(n->verdict, VERDICT_OK);
		state_free(s);
	}
}
END_TEST

START_TEST(test_old_facts_stop_counting)
{
	struct state *s = state_new(make_fleet());
	const struct fleet *f = state_fleet(s);
	poll_well(s, 0, 0, 1000);
	poll_well(s, 1, 0, 1000);
	ck_assert_uint_eq(fleet_count_announced(f, 0, at(1)).announced, 2);
	struct err why = { ERR_TIMEOUT, "10.0.0.11: no answer within 2 s" };
	state_fail(s, 0, "bird/protocols", REPORT_SESSIONS, &why, at(2), wall);
	ck_assert_int_ne(f->nodes[0].verdict, VERDICT_UNREACHABLE);
	poll_well(s, 1, 7, 2000);
	state_tick(s, at(7), wall);
	ck_assert_int_eq(f->nodes[0].verdict, VERDICT_UNREACHABLE);
	ck_assert_int_eq(f->pops[0].verdict, VERDICT_UNREACHABLE);
	ck_assert_int_eq(f->pops[0].announced[0], ANNOUNCED_UNKNOWN);
	struct announce_count c = fleet_count_announced(f, 0, at(7));
	ck_assert_uint_eq(c.announced, 1);
	ck_assert_uint_eq(c.unknown, 1);
	ck_assert_int_eq(f->pops[1].verdict, VERDICT_OK);
	state_free(s);
}
END_TEST

struct watched {
	size_t changes, seen, events;
};

static void
on_changed(void *arg, size_t node)
{
	(void)node;
	((struct watched *)arg)->changes++;
}

static void
on_seen(void *arg, size_t node)
{
	(void)node;
	((struct watched *)arg)->seen++;
}

static void
on_event(void *arg, const struct event *e)
{
	(void)e;
	((struct watched *)arg)->events++;
}

START_TEST(test_same_facts_are_seen_and_not_changed)
{
	struct state *s = state_new(make_fleet());
	struct watched w = { 0 };
	poll_well(s, 0, 0, 1000);
	poll_well(s, 0, 2, 3000);
	const struct state_watcher watcher = { on_changed, on_seen, on_event, NULL, &w };
	state_watch(s, &watcher);
	uint64_t revision = state_fleet(s)->revision;
	poll_well(s, 0, 4, 5000);
	poll_well(s, 0, 6, 7004);
	ck_assert_uint_eq(w.changes, 0);
	ck_assert_uint_eq(w.seen, 8);
	ck_assert_uint_eq(state_fleet(s)->revision, revision);
	state_apply(s, 0, "bird/protocols", sessions_report(FSM_ACTIVE), at(8), wall);
	ck_assert_uint_eq(w.changes, 1);
	ck_assert_uint_gt(state_fleet(s)->revision, revision);
	ck_assert_uint_ge(w.events, 2); /* the session, the wire, the verdict */
	state_free(s);
}
END_TEST

/* A rate that trembles is no change, even about a round number; one that moves is, and then becomes the one compared
 * with: a slow drift is told in steps and not with each poll. */
START_TEST(test_trembling_rate_is_no_change)
{
	static const struct {
		int64_t more;
		bool is_change;
	} rows[] = { { 2040, false }, { 1960, false }, { 1999, false }, { 2001, false }, { 2120, true }, { 2118, false },
		{ 2040, false }, { 1980, true }, { 0, true }, { 0, false }, { 2000, true } };
	struct state *s = state_new(make_fleet());
	int64_t queries = 3000;
	poll_well(s, 0, 0, 1000);
	poll_well(s, 0, 2, queries);
	poll_well(s, 0, 4, queries += 2000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t revision = state_fleet(s)->revision;
		poll_well(s, 0, 6 + 2 * (double)i, queries += rows[i].more);
		ck_assert_msg((state_fleet(s)->revision != revision) == rows[i].is_change, "row %zu", i);
	}
	state_free(s);
}
END_TEST

START_TEST(test_not_running_is_a_fact_at_once)
{
	struct state *s = state_new(make_fleet());
	poll_well(s, 0, 0, 1000);
	struct err why = { ERR_NOT_RUNNING, "knotd is not running" };
	state_fail(s, 0, "knot/stats", REPORT_DNS, &why, at(2), wall);
	state_apply(s, 0, "outside/dns", answer_report(TRI_NO), at(2), wall);
	ck_assert_int_eq(state_fleet(s)->nodes[0].verdict, VERDICT_BLACKHOLE);
	state_free(s);
}
END_TEST

START_TEST(test_restored_facts_are_never_current)
{
	struct state *s = state_new(make_fleet());
	const struct fleet *f = state_fleet(s);
	state_restore(s, 0, sessions_report(FSM_ESTABLISHED), 3, at(0));
	state_tick(s, at(0), wall);
	ck_assert(node_is_stale(&f->nodes[0], at(0)));
	ck_assert_int_eq(f->nodes[0].verdict, VERDICT_UNKNOWN);
	ck_assert_uint_eq(f->nodes[0].facts->n_sessions, 1);
	poll_well(s, 0, 1, 1000);
	ck_assert_int_eq(f->nodes[0].verdict, VERDICT_OK);
	state_free(s);
}
END_TEST

START_TEST(test_reload_carries_known_nodes_over)
{
	struct state *s = state_new(make_fleet());
	poll_well(s, 0, 0, 1000);
	poll_well(s, 1, 0, 1000);
	struct fleet *f = make_fleet();
	struct node_conf *moved = arena_alloc(f->arena, sizeof *moved);
	strcpy(moved->resolved, "10.0.0.99");
	f->nodes[1].conf = moved;
	state_reload(s, f, at(1), wall);
	ck_assert_ptr_eq(state_fleet(s), f);
	ck_assert_int_eq(f->nodes[0].verdict, VERDICT_OK);
	ck_assert_int_eq(f->nodes[1].verdict, VERDICT_UNKNOWN);
	ck_assert_uint_eq(f->nodes[1].facts->n_sessions, 0);
	state_free(s);
}
END_TEST

static void
encode(struct buf *out, const struct fleet *f, struct mono now)
{
	struct json_writer w = JSON_WRITER(out);
	buf_clear(out);
	wire_write_fleet(&w, f, now);
}

START_TEST(test_console_sees_what_the_backend_has)
{
	struct state *s = state_new(make_fleet());
	struct buf one = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20), change = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	poll_well(s, 0, 0, 1000);
	encode(&one, state_fleet(s), at(1));
	struct json_doc *doc = json_parse(buf_slice(&one), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	struct fleet *f = wire_read_fleet(json_root(doc), at(501), &err);
	ck_assert_msg(f != NULL, "%s", err.text);
	json_doc_free(doc);
	encode(&two, f, at(501));
	ck_assert_str_eq(buf_text(&one), buf_text(&two));

	poll_well(s, 1, 2, 1000);
	struct json_writer w = JSON_WRITER(&change);
	wire_write_change(&w, state_fleet(s), 1, at(2));
	doc = json_parse(buf_slice(&change), &err);
	size_t node;
	ck_assert_msg(wire_apply(f, json_root(doc), at(502), &node, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(node, 1);
	json_doc_free(doc);
	encode(&one, state_fleet(s), at(2));
	encode(&two, f, at(502));
	ck_assert_str_eq(buf_text(&one), buf_text(&two));
	buf_done(&one);
	buf_done(&two);
	buf_done(&change);
	fleet_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_hostile_snapshots_are_refused_whole)
{
	struct state *s = state_new(make_fleet());
	struct buf text = BUF_INIT(1 << 20);
	poll_well(s, 0, 0, 1000);
	encode(&text, state_fleet(s), at(1));
	/* every truncation is refused, and no byte of it makes the reader fall over */
	for (size_t n = 0; n < text.len; n += 7) {
		struct json_doc *doc = json_parse((struct slice){ text.data, n }, NULL);
		ck_assert_ptr_null(doc);
	}
	for (size_t i = 0; i < text.len; i += 3) {
		char was = text.data[i];
		text.data[i] = was == '1' ? '9' : '1';
		struct json_doc *doc = json_parse(buf_slice(&text), NULL);
		if (doc)
			fleet_free(wire_read_fleet(json_root(doc), at(1), NULL));
		json_doc_free(doc);
		text.data[i] = was;
	}
	buf_done(&text);
	state_free(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("state");
	TCase *t = tcase_create("state");
	tcase_add_test(t, test_rate_is_made_of_two_counters);
	tcase_add_test(t, test_rate_stands_when_polls_follow_each_other_at_once);
	tcase_add_test(t, test_restart_gives_no_rate_and_an_event);
	tcase_add_test(t, test_counter_and_failure_never_make_a_spike);
	tcase_add_test(t, test_wrong_clock_is_told_and_ages_stay);
	tcase_add_test(t, test_old_facts_stop_counting);
	tcase_add_test(t, test_same_facts_are_seen_and_not_changed);
	tcase_add_test(t, test_trembling_rate_is_no_change);
	tcase_add_test(t, test_not_running_is_a_fact_at_once);
	tcase_add_test(t, test_restored_facts_are_never_current);
	tcase_add_test(t, test_reload_carries_known_nodes_over);
	tcase_add_test(t, test_console_sees_what_the_backend_has);
	tcase_add_test(t, test_hostile_snapshots_are_refused_whole);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
