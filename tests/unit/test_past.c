/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture of the past shows what history keeps and nothing of today: times as they are given,
 * views that can be shown, what a fleet of now becomes, and the screen that comes out.
 */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "console/past.h"
#include "console/snapshot.h"
#include "core/text.h"
#include "tests/unit/suite.h"

#define NOW_TEXT "2026-11-23T12:00:00Z"

static struct wall
wall_of(const char *text)
{
	struct wall t;
	ck_assert_int_eq(wall_parse(text, &t), 0);
	return t;
}

START_TEST(test_times)
{
	static const struct {
		const char *text, *is, *sentence;
	} cases[] = {
		{ "2026-11-23T11:35:03Z", "2026-11-23T11:35:03Z", NULL },
		{ "2026-11-23T12:35:03+01:00", "2026-11-23T11:35:03Z", NULL },
		{ "15m", "2026-11-23T11:45:00Z", NULL },
		{ "1h30m", "2026-11-23T10:30:00Z", NULL },
		{ "0s", NOW_TEXT, NULL },
		{ "2026-11-23T12:00:01Z", NULL, "--at 2026-11-23T12:00:01Z: that time is yet to come" },
		{ "yesterday", NULL, "--at yesterday: a time such as" },
		{ "", NULL, "a time such as" },
		{ "-15m", NULL, "a time such as" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct wall t;
		char text[CLOCK_TEXT_MAX];
		int rc = past_parse_time("--at", cases[i].text, wall_of(NOW_TEXT), &t, &err);
		ck_assert_int_eq(rc, cases[i].is ? 0 : -1);
		if (cases[i].is) {
			wall_format(t, text);
			ck_assert_str_eq(text, cases[i].is);
		} else {
			ck_assert_int_eq(err.code, ERR_USAGE);
			ck_assert_msg(strstr(err.text, cases[i].sentence) != NULL, "%s: %s", cases[i].text, err.text);
		}
	}
}
END_TEST

START_TEST(test_views)
{
	static const char *const kept[] = { "map", "pops", "timeline", "help" };
	static const char *const others[] = { "nodes", "sessions", "prefixes", "describe", "why", "raw", "nothing" };
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		ck_assert_int_eq(past_check_view(kept[i], NULL), 0);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct err err = ERR_INIT;
		ck_assert_int_eq(past_check_view(others[i], &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, others[i]));
	}
}
END_TEST

static struct fleet *
load_fleet(struct mono now)
{
	struct buf text = BUF_INIT(4u << 20);
	struct err err = ERR_INIT;
	ck_assert_int_eq(buf_read_file(&text, source_path("tests/screens/fleets/sixteen.json"), &err), 0);
	struct json_doc *doc = json_parse(buf_slice(&text), &err);
	struct fleet *f = doc ? wire_read_fleet(json_root(doc), now, &err) : NULL;
	ck_assert_msg(f != NULL, "%s", err.text);
	json_doc_free(doc);
	buf_done(&text);
	return f;
}

static size_t
apply(struct fleet *f, const char *json, const char *at, struct mono now, bool *is_hourly)
{
	struct err err = ERR_INIT;
	struct json_doc *doc = json_parse(slice_of(json), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	size_t n = past_apply(f, json_root(doc), wall_of(at), now, is_hourly);
	json_doc_free(doc);
	return n;
}

static void
check_nothing_of_today(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		ck_assert_uint_eq(n->facts->sections, 0);
		ck_assert_uint_eq(n->facts->n_sessions, 0);
		ck_assert_int_eq(n->verdict, VERDICT_UNKNOWN);
		ck_assert_uint_eq(n->reasons.n, 0);
		ck_assert_str_eq(n->error, "");
		ck_assert(isnan(n->qps));
		for (int p = 0; p < PLANE_COUNT; p++)
			ck_assert_int_eq(n->planes[p].is_good, TRI_UNKNOWN);
	}
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		ck_assert_uint_eq(p->reasons.n, 0);
		ck_assert_uint_eq(p->sessions_total, 0);
		ck_assert_uint_eq(p->n_holds, 0);
		ck_assert_int_eq(p->intent, ANNOUNCED_UNKNOWN);
		ck_assert(isnan(p->capacity_qps));
		for (size_t k = 0; k < f->n_prefixes; k++)
			ck_assert_int_eq(p->announced[k], ANNOUNCED_UNKNOWN);
	}
}

#define INSTANT                                                                                      \
	"{\"at\":\"2026-11-23T03:12:41Z\",\"pops\":["                                                \
	"{\"pop\":\"ams\",\"at\":\"2026-11-23T03:12:00Z\",\"qps_min\":1,\"qps_avg\":1234.0,"         \
	"\"qps_max\":2000,\"verdict\":\"blackhole\"},"                                               \
	"{\"pop\":\"fra\",\"at\":\"2026-11-23T03:11:00Z\",\"qps_avg\":null,\"verdict\":\"ok\"},"     \
	"{\"pop\":\"lhr\",\"at\":null},"                                                             \
	"{\"pop\":\"gone\",\"at\":\"2026-11-23T03:12:00Z\",\"qps_avg\":5,\"verdict\":\"ok\"}]}"

START_TEST(test_a_fleet_becomes_that_of_then)
{
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct fleet *f = load_fleet(now);
	const struct hold hold = { .id = "1", .pop = "ams", .reason = "work of today" };
	fleet_set_holds(f, 0, &hold, 1, ANNOUNCED_WITHDRAWN, DRAIN_PROVEN);
	bool is_hourly = true;
	ck_assert_uint_eq(apply(f, INSTANT, "2026-11-23T03:12:41Z", now, &is_hourly), 2);
	ck_assert(!is_hourly);
	check_nothing_of_today(f);
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		bool is_ams = strcmp(p->name, "ams") == 0, is_fra = strcmp(p->name, "fra") == 0;
		ck_assert_int_eq(p->verdict, is_ams ? VERDICT_BLACKHOLE : is_fra ? VERDICT_OK : VERDICT_UNKNOWN);
		ck_assert_int_eq(pop_is_stale(f, p, now), !is_ams && !is_fra);
		ck_assert_msg(is_ams ? p->qps == 1234 : isnan(p->qps), "%s", p->name);
	}
	fleet_free(f);
}
END_TEST

START_TEST(test_hours_are_told_from_minutes)
{
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct fleet *f = load_fleet(now);
	bool is_hourly = false;
	ck_assert_uint_eq(apply(f,
		"{\"pops\":[{\"pop\":\"ams\",\"at\":\"2026-11-01T03:00:00Z\",\"qps_avg\":7,\"verdict\":\"ok\"}]}",
		"2026-11-01T03:40:00Z", now, &is_hourly), 1);
	ck_assert(is_hourly);
	fleet_free(f);
}
END_TEST

START_TEST(test_odd_documents_make_nothing_known)
{
	static const char *const odd[] = {
		"{}", "[]", "null", "{\"pops\":7}", "{\"pops\":[7,null,[],{}]}", "{\"pops\":[{\"pop\":7,\"at\":7}]}",
		"{\"pops\":[{\"pop\":\"ams\",\"at\":\"noon\",\"verdict\":\"ok\"}]}",
	};
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct fleet *f = load_fleet(now);
	bool is_hourly;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		ck_assert_uint_eq(apply(f, odd[i], "2026-11-23T03:12:41Z", now, &is_hourly), 0);
	/* a word that is no verdict, and a rate that cannot be */
	ck_assert_uint_eq(apply(f,
		"{\"pops\":[{\"pop\":\"ams\",\"at\":\"2026-11-23T03:12:00Z\",\"qps_avg\":-4,\"verdict\":\"fine\"}]}",
		"2026-11-23T03:12:41Z", now, &is_hourly), 1);
	const struct pop *ams = &f->pops[fleet_find_pop(f, "ams")];
	ck_assert_int_eq(ams->verdict, VERDICT_UNKNOWN);
	ck_assert(isnan(ams->qps));
	check_nothing_of_today(f);
	fleet_free(f);
}
END_TEST

START_TEST(test_spark_is_the_hour_before)
{
	struct err err = ERR_INIT;
	struct spark spark;
	struct json_doc *doc = json_parse(slice_of("{\"points\":["
		"{\"at\":\"2026-11-23T02:11:00Z\",\"qps_avg\":1},{\"at\":\"2026-11-23T02:13:00Z\",\"qps_avg\":2},"
		"{\"at\":\"2026-11-23T03:11:00Z\",\"qps_avg\":3},{\"at\":\"2026-11-23T03:12:00Z\",\"qps_avg\":4},"
		"{\"at\":\"2026-11-23T03:13:00Z\",\"qps_avg\":5},{\"at\":\"2026-11-23T03:10:00Z\",\"qps_avg\":null}]}"), &err);
	ck_assert_ptr_nonnull(doc);
	struct past_point points[8];
	/* one that is not behind the one before it is none */
	ck_assert_uint_eq(past_read_points(json_root(doc), points, 2), 2);
	size_t n = past_read_points(json_root(doc), points, 8);
	json_doc_free(doc);
	ck_assert_uint_eq(n, 5);
	past_make_spark(points, n, wall_of("2026-11-23T03:12:41Z"), &spark);
	ck_assert_ptr_eq(past_find_point(points, n, wall_of("2026-11-23T03:12:41Z")), &points[3]);
	ck_assert_ptr_eq(past_find_point(points, n, wall_of("2026-11-23T03:16:00Z")), &points[4]);
	ck_assert_ptr_null(past_find_point(points, n, wall_of("2026-11-23T03:16:01Z")));
	ck_assert_ptr_null(past_find_point(points, n, wall_of("2026-11-23T02:10:59Z")));
	ck_assert_uint_eq(spark.n, SPARK_SAMPLES);
	ck_assert(spark.samples[SPARK_SAMPLES - 1] == 4);
	ck_assert(spark.samples[SPARK_SAMPLES - 2] == 3);
	ck_assert(isnan(spark.samples[SPARK_SAMPLES - 3]));
	ck_assert(spark.samples[0] == 2);
	for (size_t i = 1; i < SPARK_SAMPLES - 2; i++)
		ck_assert(isnan(spark.samples[i]));
}
END_TEST

START_TEST(test_events_tell_to_the_second)
{
	static const struct event events[] = {
		{ .kind = "verdict", .pop = "lhr", .severity = VERDICT_OK, .text = "lhr: ok, was unknown" },
		{ .kind = "verdict", .pop = "fra", .severity = VERDICT_SILENT, .text = "fra: silent, was ok" },
		{ .kind = "verdict", .pop = "ams", .severity = VERDICT_BLACKHOLE, .text = "ams: blackhole, was ok" },
		{ .at = { 41 * CLOCK_NS_PER_S }, .kind = "verdict", .pop = "ams", .severity = VERDICT_DEGRADED,
			.text = "ams: degraded, was blackhole: session up_1 is Idle: no route" },
		{ .kind = "session", .pop = "ams", .severity = VERDICT_OK, .text = "ams1: session up_1 came up" },
	};
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct fleet *f = load_fleet(now);
	bool is_hourly;
	apply(f, INSTANT, "2026-11-23T03:12:41Z", now, &is_hourly);
	past_apply_events(f, events, 3, (struct wall){ 50 * CLOCK_NS_PER_S });
	const struct pop *ams = &f->pops[fleet_find_pop(f, "ams")], *fra = &f->pops[fleet_find_pop(f, "fra")];
	ck_assert_int_eq(ams->verdict, VERDICT_BLACKHOLE);
	ck_assert_str_eq(ams->reasons.text[0], "since 00:00:00Z");
	/* the minute knew of nothing so bad */
	ck_assert_int_eq(fra->verdict, VERDICT_OK);
	ck_assert_uint_eq(fra->reasons.n, 0);
	/* what history does not know stays unknown */
	ck_assert_int_eq(f->pops[fleet_find_pop(f, "lhr")].verdict, VERDICT_UNKNOWN);
	apply(f, INSTANT, "2026-11-23T03:12:41Z", now, &is_hourly);
	past_apply_events(f, events, 5, wall_of("2026-11-23T03:12:41Z"));
	ck_assert_int_eq(ams->verdict, VERDICT_DEGRADED);
	ck_assert_str_eq(ams->reasons.text[0], "since 1970-01-01T00:00:41Z: session up_1 is Idle: no route");
	fleet_free(f);
}
END_TEST

START_TEST(test_events_end_then)
{
	const struct event events[] = { { .at = { 10 } }, { .at = { 20 } }, { .at = { 20 } }, { .at = { 30 } } };
	ck_assert_uint_eq(past_count_events(events, 4, (struct wall){ 9 }), 0);
	ck_assert_uint_eq(past_count_events(events, 4, (struct wall){ 20 }), 3);
	ck_assert_uint_eq(past_count_events(events, 4, (struct wall){ 99 }), 4);
	ck_assert_uint_eq(past_count_events(events, 0, (struct wall){ 99 }), 0);
}
END_TEST

static void
draw_past(const char *view, int cols, int rows, struct buf *out)
{
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct fleet *f = load_fleet(now);
	struct theme theme;
	struct keymap keys;
	struct err err = ERR_INIT;
	bool is_hourly;
	apply(f, INSTANT, "2026-11-23T03:12:41Z", now, &is_hourly);
	keymap_init(&keys);
	ck_assert_int_eq(theme_load(&theme, "mono", NULL, &err), 0);
	struct ui ui = {
		.fleet = f,
		.now = now,
		.wall = wall_of("2026-11-23T03:12:41Z"),
		.past = wall_of("2026-11-23T03:12:41Z"),
		.link = { .state = LINK_LIVE, .heard = now },
		.keys = &keys,
		.theme = theme.name,
	};
	const struct snapshot s = { .view = view, .cols = cols, .rows = rows };
	ck_assert_int_eq(snapshot_write(&s, &ui, &theme, out, &err), 0);
	fleet_free(f);
}

START_TEST(test_screens_say_that_it_is_past)
{
	static const struct {
		const char *view;
		int cols, rows;
		const char *says, *says_not;
	} cases[] = {
		{ "map", 80, 24, "PAST 2026-11-23T03:12:41Z: verdicts and rates of that minute, the rest unknown", "192.0.2.0/24" },
		{ "map", 160, 45, "B ams", "never" },
		{ "map", 80, 24, "ams Amsterdam blackhole: history keeps no reason", "sessions, load" },
		{ "map", 80, 9, "PAST 2026-11-23T03:12:41Z", "never" },
		{ "pops", 80, 24, "PAST 2026-11-23T03:12:41Z", "4/4" },
		{ "pops", 160, 45, "?/2", "0/0" },
		{ "pops", 20, 3, "1/16 were ok", "is ok" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF_INIT(1u << 20);
		draw_past(cases[i].view, cases[i].cols, cases[i].rows, &out);
		ck_assert_msg(strstr(buf_text(&out), cases[i].says) != NULL, "%zu: \"%s\" is not in\n%s", i, cases[i].says,
			buf_text(&out));
		ck_assert_msg(strstr(buf_text(&out), cases[i].says_not) == NULL, "%zu: \"%s\" is in\n%s", i,
			cases[i].says_not, buf_text(&out));
		buf_done(&out);
	}
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("past");
	TCase *tc = tcase_create("past");
	tcase_add_test(tc, test_times);
	tcase_add_test(tc, test_views);
	tcase_add_test(tc, test_a_fleet_becomes_that_of_then);
	tcase_add_test(tc, test_hours_are_told_from_minutes);
	tcase_add_test(tc, test_odd_documents_make_nothing_known);
	tcase_add_test(tc, test_spark_is_the_hour_before);
	tcase_add_test(tc, test_events_tell_to_the_second);
	tcase_add_test(tc, test_events_end_then);
	tcase_add_test(tc, test_screens_say_that_it_is_past);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
