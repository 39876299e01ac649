/* SPDX-License-Identifier: Apache-2.0
 *
 * A replay stands where it was told, walks by keys within what was loaded, plays a minute a second
 * and stops at the end; its screens show that minute and refuse what history does not keep.
 */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "console/replay.h"
#include "console/screen.h"
#include "core/text.h"
#include "tests/unit/suite.h"

#define AT_TEXT  "2026-11-23T03:12:41Z"
#define NOW_TEXT "2026-11-23T03:30:00Z"

struct bench {
	struct replay *replay;
	struct keymap keys;
	struct screen *screen;
	struct canvas canvas;
};

static struct wall
wall_of(const char *text)
{
	struct wall t;
	ck_assert_int_eq(wall_parse(text, &t), 0);
	return t;
}

static struct fleet *
load_fleet(void)
{
	const struct mono now = { 1000 * CLOCK_NS_PER_S };
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

static void
add(struct replay *r, size_t pop, const char *json)
{
	struct err err = ERR_INIT;
	struct json_doc *doc = json_parse(slice_of(json), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	replay_add(r, pop, json_root(doc));
	json_doc_free(doc);
}

/* ams was well, then a blackhole from 03:12 on, then gone from history; fra was known at 03:20 only. */
static struct replay *
make_replay(void)
{
	struct fleet *f = load_fleet();
	struct event e = { .at = wall_of("2026-11-23T03:12:20Z"), .kind = "verdict", .pop = "ams",
		.severity = VERDICT_BLACKHOLE, .text = "ams: blackhole, was ok: announces and does not answer" };
	size_t ams = fleet_find_pop(f, "ams"), fra = fleet_find_pop(f, "fra");
	struct replay *r = replay_new(f, &e, 1, wall_of(AT_TEXT), wall_of(NOW_TEXT));
	add(r, ams, "{\"points\":[{\"at\":\"2026-11-23T03:11:00Z\",\"qps_avg\":100,\"verdict\":\"ok\"},"
		"{\"at\":\"2026-11-23T03:12:00Z\",\"qps_avg\":0,\"verdict\":\"blackhole\"},"
		"{\"at\":\"2026-11-23T03:13:00Z\",\"qps_avg\":7,\"verdict\":\"blackhole\"}]}");
	add(r, fra, "{\"points\":[{\"at\":\"2026-11-23T03:20:00Z\",\"qps_avg\":5,\"verdict\":\"ok\"}]}");
	return r;
}

static struct ui
fill(struct replay *r, const struct keymap *keys)
{
	struct ui ui = { .now = { 5000 * CLOCK_NS_PER_S }, .keys = keys, .theme = "mono", .is_read_only = true };
	replay_fill(r, &ui);
	return ui;
}

static enum verdict
verdict_of(struct replay *r, const char *pop)
{
	struct ui ui = fill(r, NULL);
	return ui.fleet->pops[fleet_find_pop(ui.fleet, pop)].verdict;
}

static void
check_at(struct replay *r, const char *want)
{
	char text[CLOCK_TEXT_MAX];
	struct ui ui = fill(r, NULL);
	wall_format(ui.past, text);
	ck_assert_str_eq(text, want);
	ck_assert(ui.wall.ns == ui.past.ns);
}

START_TEST(test_walks_within_what_was_loaded)
{
	static const struct {
		enum action action;
		const char *at, *told;
	} steps[] = {
		{ ACTION_EARLIER, "2026-11-23T03:11:41Z", "" },
		{ ACTION_MUCH_LATER, "2026-11-23T03:21:41Z", "" },
		{ ACTION_LATER_ON, "2026-11-23T03:22:41Z", "" },
		{ ACTION_MUCH_LATER, NOW_TEXT, "" },
		{ ACTION_LATER_ON, NOW_TEXT, "What was loaded ends here." },
		{ ACTION_PROBE, NOW_TEXT, "This is the past: nothing can be asked." },
		{ ACTION_REFRESH, NOW_TEXT, "This is the past: nothing can be asked." },
	};
	struct replay *r = make_replay();
	struct wall from, to;
	char told[200];
	replay_span(r, &from, &to);
	ck_assert(from.ns == wall_of("2026-11-23T01:12:41Z").ns && to.ns == wall_of(NOW_TEXT).ns);
	check_at(r, AT_TEXT);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		ck_assert(replay_command(r, steps[i].action, told, sizeof told));
		ck_assert_str_eq(told, steps[i].told);
		check_at(r, steps[i].at);
	}
	ck_assert(!replay_command(r, ACTION_DOWN, told, sizeof told));
	ck_assert(!replay_command(r, ACTION_QUIT, told, sizeof told));
	for (int i = 0; i < 20; i++)
		replay_command(r, ACTION_MUCH_EARLIER, told, sizeof told);
	ck_assert_ptr_nonnull(strstr(told, "begins here"));
	check_at(r, "2026-11-23T02:12:41Z");
	replay_free(r);
}
END_TEST

START_TEST(test_plays_to_the_end)
{
	struct replay *r = make_replay();
	char told[200];
	ck_assert(!replay_tick(r));
	check_at(r, AT_TEXT);
	ck_assert(replay_command(r, ACTION_PLAY, told, sizeof told));
	ck_assert(replay_tick(r) && replay_tick(r));
	check_at(r, "2026-11-23T03:14:41Z");
	/* a step by hand holds it */
	replay_command(r, ACTION_EARLIER, told, sizeof told);
	ck_assert(!replay_tick(r));
	check_at(r, "2026-11-23T03:13:41Z");
	replay_command(r, ACTION_PLAY, told, sizeof told);
	for (int i = 0; i < 20; i++)
		replay_tick(r);
	check_at(r, NOW_TEXT);
	ck_assert(!replay_tick(r));
	replay_free(r);
}
END_TEST

START_TEST(test_shows_the_minute)
{
	struct replay *r = make_replay();
	char told[200];
	ck_assert_uint_eq(replay_count_known(r), 1);
	ck_assert_int_eq(verdict_of(r, "ams"), VERDICT_BLACKHOLE);
	ck_assert_int_eq(verdict_of(r, "fra"), VERDICT_UNKNOWN);
	replay_command(r, ACTION_EARLIER, told, sizeof told);
	ck_assert_int_eq(verdict_of(r, "ams"), VERDICT_OK);
	struct ui ui = fill(r, NULL);
	ck_assert_uint_eq(ui.n_events, 0);
	ck_assert(ui.pop_sparks[fleet_find_pop(ui.fleet, "ams")].samples[SPARK_SAMPLES - 1] == 100);
	/* history stops: nothing is carried on */
	replay_command(r, ACTION_MUCH_LATER, told, sizeof told);
	ck_assert_int_eq(verdict_of(r, "ams"), VERDICT_UNKNOWN);
	ck_assert_int_eq(verdict_of(r, "fra"), VERDICT_OK);
	/* however long somebody looks at it, it is of then */
	ui = fill(r, NULL);
	const struct pop *fra = &ui.fleet->pops[fleet_find_pop(ui.fleet, "fra")];
	ck_assert(!pop_is_stale(ui.fleet, fra, ui.now));
	replay_free(r);
}
END_TEST

static bool
on_walk(void *arg, enum action action, char *told, size_t size)
{
	struct bench *b = arg;
	return replay_command(b->replay, action, told, size);
}

static void
press(struct bench *b, const char *name)
{
	struct key key;
	struct ui ui = fill(b->replay, &b->keys);
	ck_assert_int_eq(keys_parse(slice_of(name), &key), 0);
	screen_key(b->screen, &ui, &key);
}

static void
check_screen(struct bench *b, const char *says)
{
	struct buf text = BUF_INIT(1u << 20);
	struct ui ui = fill(b->replay, &b->keys);
	int x, y;
	screen_update(b->screen, &ui, b->canvas.cols, b->canvas.rows);
	screen_draw(b->screen, &ui, &b->canvas, &x, &y);
	canvas_write_text(&b->canvas, &text);
	ck_assert_msg(strstr(buf_text(&text), says) != NULL, "\"%s\" is not in\n%s", says, buf_text(&text));
	buf_done(&text);
}

START_TEST(test_screens)
{
	struct bench b = { .replay = make_replay() };
	struct screen_wishes wishes = { .walk = on_walk, .arg = &b };
	keymap_init(&b.keys);
	b.screen = screen_new(&wishes);
	/* narrow: read-only and the rate do not run into each other */
	canvas_init(&b.canvas, 76, 24);
	check_screen(&b, "read-only ");
	canvas_done(&b.canvas);
	canvas_init(&b.canvas, 100, 30);
	check_screen(&b, "PAST 2026-11-23T03:12:41Z: verdicts and rates of that minute, the rest unknown");
	check_screen(&b, "B ams");
	check_screen(&b, "< earlier  > later  . play");
	press(&b, "<");
	check_screen(&b, "PAST 2026-11-23T03:11:41Z");
	press(&b, ">");
	press(&b, "0");
	check_screen(&b, "ams: blackhole, was ok: announces and does not answer");
	press(&b, "3");
	check_screen(&b, "of nodes it keeps nothing.");
	check_screen(&b, "WHAT");
	press(&b, "2");
	press(&b, "d");
	check_screen(&b, "of describe it keeps nothing.");
	press(&b, "p");
	check_screen(&b, "This is the past: nothing can be asked.");
	press(&b, "}");
	press(&b, "}");
	press(&b, "}");
	check_screen(&b, "What was loaded ends here.");
	screen_free(b.screen);
	canvas_done(&b.canvas);
	replay_free(b.replay);
}
END_TEST

/* Without a replay the same keys move nothing. */
START_TEST(test_keys_of_a_replay_now)
{
	struct bench b = { .replay = make_replay() };
	struct screen_wishes none = { 0 };
	struct ui ui = fill(b.replay, &b.keys);
	struct key key;
	struct buf text = BUF_INIT(1u << 20);
	int x, y;
	keymap_init(&b.keys);
	ui.past.ns = 0;
	b.screen = screen_new(&none);
	canvas_init(&b.canvas, 100, 30);
	screen_update(b.screen, &ui, 100, 30);
	ck_assert_int_eq(keys_parse(slice_of("<"), &key), 0);
	screen_key(b.screen, &ui, &key);
	screen_draw(b.screen, &ui, &b.canvas, &x, &y);
	canvas_write_text(&b.canvas, &text);
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "This is now; catchment replay TIME walks through the past."));
	buf_done(&text);
	screen_free(b.screen);
	canvas_done(&b.canvas);
	replay_free(b.replay);
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("replay");
	tcase_add_test(tc, test_walks_within_what_was_loaded);
	tcase_add_test(tc, test_plays_to_the_end);
	tcase_add_test(tc, test_shows_the_minute);
	tcase_add_test(tc, test_screens);
	tcase_add_test(tc, test_keys_of_a_replay_now);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
