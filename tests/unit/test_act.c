/* SPDX-License-Identifier: Apache-2.0
 *
 * The acting prompt against hurried, leaning, pasting and absent people, with a clock of its own: what confirms, and what
 * never does. A confirmation is a POST to /v1/plans/ID/confirm; everything here is about when there is one.
 */
#include <locale.h>
#include <string.h>

#include "core/digest.h"
#include "tests/unit/samples.h"
#include "tests/unit/stage.h"
#include "tests/unit/suite.h"

#define FLEET "tests/screens/fleets/sixteen.json"
#define TO_THE_PLAN ":\ntext: drain fra\nenter\ntext: OS upgrade\nenter\n"
#define CONFIRM "/v1/plans/" SAMPLE_ID "/confirm"

static void
open_stage(struct stage *s, const char *script)
{
	stage_open(s, source_path(FLEET), 80, 24);
	stage_play(s, script);
}

static bool
has_confirmed(const struct stage *s)
{
	return strcmp(s->path, CONFIRM) == 0 && strcmp(s->method, "POST") == 0;
}

static bool
screen_says(struct stage *s, const char *words)
{
	struct buf text = BUF_INIT(1u << 20);
	stage_draw(s);
	canvas_write_text(&s->canvas, &text);
	bool says = strstr(buf_text(&text), words) != NULL;
	buf_done(&text);
	return says;
}

START_TEST(test_act_asks_for_what_was_entered)
{
	struct stage s;
	open_stage(&s, ":\ntext: drain fra ams\nenter\ntext: OS \"upgrade\"\ntab\ntext: CHG-1\ntab\nbackspace backspace\ntext: 90m\ntab space tab "
		       "right tab left\nenter\n");
	ck_assert_str_eq(s.method, "POST");
	ck_assert_str_eq(s.path, "/v1/plans");
	ck_assert_str_eq(s.body, "{\"verb\":\"drain\",\"targets\":[\"fra\",\"ams\"],\"mode\":\"prefer-away\",\"kind\":\"automation\","
				 "\"reason\":\"OS \\\"upgrade\\\"\",\"ticket\":\"CHG-1\",\"lease\":\"5400s\",\"auto_undrain\":true}");
	stage_close(&s);
}
END_TEST

START_TEST(test_act_confirms_the_hash_that_was_shown)
{
	struct stage s;
	struct plan *plan = sample_plan("pass");
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	char hash[DIGEST_HEX_SIZE], want[200];
	plan_write(plan, &bytes);
	digest_hex(buf_slice(&bytes), hash);
	open_stage(&s, TO_THE_PLAN "plan: pass\nwait: 1\nslow: fra\nY");
	ck_assert(has_confirmed(&s));
	snprintf(want, sizeof want, "{\"hash\":\"%s\",\"typed\":\"fra\",\"key\":\"", hash);
	ck_assert_msg(strncmp(s.body, want, strlen(want)) == 0, "%s", s.body);
	ck_assert_uint_eq(strlen(s.body), strlen(want) + 32 + 2);
	stage_play(&s, "op: applying");
	ck_assert_str_eq(screen_view(s.screen), "op");
	stage_close(&s);
	buf_done(&bytes);
	plan_free(plan);
}
END_TEST

/* Each row is played after the plan was asked for; none of them may confirm. */
static const char *const never[] = {
	/* Enter, once and often, before and after the name */
	"plan: pass\nwait: 1\nenter",
	"plan: pass\nwait: 1\nslow: fra\nenter enter enter",
	"plan: pass\nwait: 1\nslow: fra\nwait: 2\nenter\nwait: 1\nenter",
	/* Y alone, y, yes */
	"plan: pass\nwait: 1\nY",
	"plan: pass\nwait: 1\nslow: yes\nY",
	"plan: pass\nwait: 1\nslow: fra\ny",
	/* another name, a longer one, a shorter one */
	"plan: pass\nwait: 1\nslow: ams\nY",
	"plan: pass\nwait: 1\nslow: fra1\nY",
	"plan: pass\nwait: 1\nslow: fr\nY",
	"esc\n:\ntext: drain fra ams\nenter\ntext: x\nenter\nplan: two\nwait: 1\nslow: fra\nY",
	/* typed ahead: while the plan was made, and before it could be read */
	"text: fra\nY\nplan: pass\nwait: 1\nY",
	"plan: pass\ntext: fra\nY\nwait: 1\nY",
	"plan: pass\nwait: 0.4\ntext: fra\nwait: 1\nY",
	/* all at once, as a paste without brackets comes: the Y before the name was seen to be right */
	"plan: pass\nwait: 1\ntext: fraY",
	"plan: pass\nwait: 1\ntext: fra\nwait: 0.2\nY",
	/* inside brackets */
	"plan: pass\nwait: 1\npaste: fra\nwait: 1\nY",
	"plan: pass\nwait: 1\nslow: fra\npaste: Y",
	/* a plan that is refused, or that nobody could carry out */
	"plan: refuse\nwait: 1\nslow: fra\nY",
	"plan: cannot\nwait: 1\nslow: fra\nY",
	/* after No */
	"plan: pass\nwait: 1\nslow: fra\nesc\nY",
	"plan: pass\nwait: 1\nslow: fra\nN\nY",
	/* too late: the prompt's minute, and the plan's own life */
	"plan: pass\nwait: 1\nslow: fra\nwait: 61\nY",
	/* the plan became void, the backend went away, the screen too small: and back again */
	"plan: pass\nwait: 1\nslow: fra\ntold: refused\nY",
	"plan: pass\nwait: 1\nslow: fra\naway: gone\nsize: 80x24\nlive:\nY",
	"plan: pass\nwait: 1\nslow: fra\nsize: 40x10\nsize: 80x24\nY",
	/* read-only, or an account that may not: there is no prompt at all */
	"problem: not_permitted nobody may\nwait: 1\nslow: fra\nY",
	"lost: connection lost\nwait: 1\nslow: fra\nY",
};

START_TEST(test_act_never_confirms)
{
	struct stage s;
	open_stage(&s, TO_THE_PLAN);
	ck_assert_str_eq(s.path, "/v1/plans");
	stage_play(&s, never[_i]);
	ck_assert_msg(!has_confirmed(&s), "%s\nconfirmed: %s", never[_i], s.body);
	ck_assert(!s.has_quit);
	stage_close(&s);
}
END_TEST

/* The same person, a little slower, is believed. */
static const char *const does[] = {
	"plan: pass\nwait: 1\nslow: fra\nY",
	"plan: warn\nwait: 1\nslow: fra\nY",
	"esc\n:\ntext: drain fra ams\nenter\ntext: x\nenter\nplan: two\nwait: 1\nslow: fra ams\nY",
	"plan: connecting\nwait: 1\nslow: fra\nY",
	"plan: pass\nwait: 1\nslow: frx\nbackspace\nwait: 0.2\nslow: a\nY",
	"plan: pass\nwait: 1\nslow: fra\nenter\nwait: 1\nY",
	"plan: pass\nwait: 1\npgdn pgdn up down\nslow: fra\nY",
	/* too soon once, and then meant */
	"plan: pass\nwait: 1\ntext: fra\nY\nwait: 1\nY",
};

START_TEST(test_act_confirms_what_a_person_meant)
{
	struct stage s;
	open_stage(&s, TO_THE_PLAN);
	stage_play(&s, does[_i]);
	ck_assert_msg(has_confirmed(&s), "%s\ndid not confirm", does[_i]);
	stage_close(&s);
}
END_TEST

/* Leaning on a key: D opens one form and is not typed into it; a name is not made of repeats; one Y is sent once. */
START_TEST(test_act_keys_held_down_count_once)
{
	struct stage s;
	open_stage(&s, "2\nD\nwait: 0.5");
	for (int i = 0; i < 30; i++) {
		s.ui.now.ns += 33 * CLOCK_NS_PER_MS;
		stage_key(&s, "D");
	}
	ck_assert(screen_says(&s, "reason"));
	ck_assert(!screen_says(&s, "DD"));
	stage_play(&s, "wait: 1\ntext: x\nenter\nplan: pass\nwait: 1");
	for (int i = 0; i < 3; i++) {
		s.ui.now.ns += 33 * CLOCK_NS_PER_MS;
		stage_key(&s, "f");
	}
	ck_assert(screen_says(&s, "> f\n") || screen_says(&s, "> f "));
	stage_play(&s, "wait: 0.3\nslow: ra");
	size_t before = s.n_sent;
	for (int i = 0; i < 30; i++) {
		s.ui.now.ns += 33 * CLOCK_NS_PER_MS;
		stage_key(&s, "Y");
	}
	ck_assert(has_confirmed(&s));
	ck_assert_uint_eq(s.n_sent, before + 1);
	stage_close(&s);
}
END_TEST

/* A reply that is lost: the same bytes again, key included, until there is an answer; then it is over. */
START_TEST(test_act_asks_again_with_the_same_key)
{
	struct stage s;
	char first[8192];
	open_stage(&s, TO_THE_PLAN "plan: pass\nwait: 1\nslow: fra\nY");
	snprintf(first, sizeof first, "%s", s.body);
	size_t before = s.n_sent;
	stage_play(&s, "lost: connection lost\nwait: 1.1\nwait: 0");
	ck_assert_uint_eq(s.n_sent, before + 1);
	ck_assert(has_confirmed(&s));
	ck_assert_str_eq(s.body, first);
	stage_play(&s, "away: gone\nlost: connection refused\nwait: 1.1\nlive:\nwait: 1.1");
	ck_assert_uint_gt(s.n_sent, before + 1);
	ck_assert_str_eq(s.body, first);
	stage_play(&s, "op: applying");
	ck_assert_str_eq(screen_view(s.screen), "op");
	stage_play(&s, "wait: 5");
	size_t after = s.n_sent;
	stage_play(&s, "wait: 5\nwait: 5");
	ck_assert_uint_eq(s.n_sent, after);
	stage_close(&s);
}
END_TEST

/* Given up after half a minute, and what is said then is that it is not known. */
START_TEST(test_act_says_when_it_does_not_know)
{
	struct stage s;
	open_stage(&s, TO_THE_PLAN "plan: pass\nwait: 1\nslow: fra\nY");
	for (int i = 0; i < 32; i++)
		stage_play(&s, "lost: connection lost\nwait: 1");
	ck_assert(screen_says(&s, "not known"));
	ck_assert(!screen_says(&s, "Nothing was changed"));
	stage_close(&s);
}
END_TEST

/* An answer that comes when nobody waits for it any more opens nothing. */
START_TEST(test_act_late_answers_are_nobodys)
{
	struct stage s;
	open_stage(&s, TO_THE_PLAN "esc\nplan: pass\nwait: 1");
	ck_assert(!screen_says(&s, "type fra"));
	ck_assert_str_eq(screen_view(s.screen), "map");
	stage_close(&s);
}
END_TEST

/* It is bound to the name under the cursor when the key was pressed, whatever the rows do then. */
START_TEST(test_act_is_bound_to_the_pop_not_to_the_row)
{
	struct stage s;
	open_stage(&s, "2\nj j D\nwait: 1\n");
	stage_load(&s, source_path("tests/screens/fleets/many.json"));
	stage_load(&s, source_path(FLEET));
	stage_play(&s, "text: x\nenter");
	ck_assert_msg(strstr(s.body, "\"targets\":[\"jnb\"]") != NULL, "%s", s.body);
	stage_close(&s);
}
END_TEST

START_TEST(test_act_takes_the_marked_pops)
{
	struct stage s;
	open_stage(&s, "2\nspace j space\nD\nwait: 1\ntext: x\nenter");
	ck_assert_msg(strstr(s.body, "\"targets\":[\"fra\",\"jnb\"]") != NULL, "%s", s.body);
	stage_close(&s);
}
END_TEST

/* Where nothing may be done, the keys say why, open nothing and send nothing. */
static const struct {
	const char *before, *says;
} refusals[] = {
	{ "read-only:", "read-only" },
	{ "may-not: The account bob (observer) may not act on PoPs: an operator may.", "may not act" },
	{ "away: connection refused", "backend is away" },
};

START_TEST(test_act_keys_are_off_where_nothing_may_be_done)
{
	static const char *const keys[] = { "D", "U", "P", "H", "E", "X", "A" };
	struct stage s;
	open_stage(&s, refusals[_i].before);
	stage_play(&s, "told: measuring\nview: pops");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		stage_key(&s, keys[i]);
		ck_assert_msg(screen_says(&s, refusals[_i].says), "%s", keys[i]);
		ck_assert_str_eq(screen_view(s.screen), "pops");
	}
	stage_play(&s, ":\ntext: drain fra\nenter\ntext: x\nenter");
	ck_assert_uint_eq(s.n_sent, 0);
	ck_assert(!screen_says(&s, "D drain"));
	stage_close(&s);
}
END_TEST

/* What X, A and E send, and that they ask first. */
static const struct {
	const char *op, *script, *path, *body;
} decisions[] = {
	{ "measuring", "X\nwait: 1\nY", "/v1/ops/" SAMPLE_ID "/cancel", "{}" },
	{ "unconfirmed", "A\nwait: 1\nY", "/v1/ops/" SAMPLE_ID "/accept", "{}" },
	{ "stuck", ":\ntext: accept\nenter\nwait: 1\nY", "/v1/ops/" SAMPLE_ID "/accept", "{}" },
	{ "waiting", "A\nplan: waiting\nwait: 1\nslow: fra\nY", "/v1/ops/" SAMPLE_ID "/approve", "{\"hash\":\"" },
	{ "waiting", "A\nplan: waiting\nwait: 1\nY", "/v1/plans/" SAMPLE_ID, "" },
	{ "measuring", "X\nY", "", "" },
	{ "measuring", "X\nwait: 1\nenter\nY", "", "" },
	{ "drained", "X\nwait: 1\nY", "", "" },
	{ "measuring", "A\nwait: 1\nY", "", "" },
};

START_TEST(test_act_decisions_ask_first)
{
	struct stage s;
	char told[40];
	snprintf(told, sizeof told, "told: %s\nview: ops", decisions[_i].op);
	open_stage(&s, told);
	stage_play(&s, decisions[_i].script);
	ck_assert_str_eq(s.path, decisions[_i].path);
	ck_assert_msg(strncmp(s.body, decisions[_i].body, strlen(decisions[_i].body)) == 0, "%s", s.body);
	stage_close(&s);
}
END_TEST

/* A plan whose bytes are not what the hash says, or not what was asked for, is not shown. */
START_TEST(test_act_shows_no_plan_it_cannot_believe)
{
	struct stage s;
	struct buf body = BUF_INIT(1u << 20), bad = BUF_INIT(1u << 20);
	sample_offer("pass", &body);
	const char *at = strstr(buf_text(&body), "OS upgrade");
	ck_assert_ptr_nonnull(at);
	at = strstr(at + 1, "OS upgrade"); /* the one in the bytes */
	ck_assert_ptr_nonnull(at);
	buf_add(&bad, body.data, body.len);
	bad.data[at - body.data] = 'X';
	open_stage(&s, TO_THE_PLAN);
	screen_answer(s.screen, &s.ui, s.number, 201, buf_slice(&bad), NULL);
	ck_assert(screen_says(&s, "No plan"));
	ck_assert(screen_says(&s, "hash"));
	stage_play(&s, "wait: 1\nslow: fra\nY");
	ck_assert(!has_confirmed(&s));
	stage_close(&s);
	/* a plan for fra when ams was asked for */
	open_stage(&s, ":\ntext: drain ams\nenter\ntext: x\nenter\nplan: pass\nwait: 1");
	ck_assert(screen_says(&s, "something else than was asked for"));
	stage_close(&s);
	buf_done(&body);
	buf_done(&bad);
}
END_TEST

/* While the actor connects it is looked at, and the prompt closes when it turns out that it cannot act. */
START_TEST(test_act_follows_the_actor)
{
	struct stage s;
	open_stage(&s, TO_THE_PLAN "plan: connecting\nwait: 0.5\nwait: 1");
	ck_assert_str_eq(s.method, "GET");
	ck_assert_str_eq(s.path, "/v1/plans/" SAMPLE_ID);
	stage_close(&s);
}
END_TEST

/* Every key, at every stage: nothing but Y after the name confirms. */
START_TEST(test_act_no_other_key_confirms)
{
	struct stage s;
	for (uint32_t i = 1; i < 0x80 + KEYS_F12 - KEYS_UP; i++) {
		uint32_t code = i < 0x80 ? i : i - 0x80 + KEYS_UP;
		for (unsigned mods = 0; mods <= KEYS_CTRL; mods += KEYS_CTRL) {
			struct key k = { .code = code, .mods = mods };
			if (code == 'Y' && mods == 0)
				continue;
			open_stage(&s, TO_THE_PLAN "plan: pass\nwait: 1\nslow: fra");
			screen_key(s.screen, &s.ui, &k);
			ck_assert_msg(!has_confirmed(&s), "U+%04X with %u", code, mods);
			stage_close(&s);
		}
	}
}
END_TEST

/* Any size, at any stage: it is whole or it is closed, and where it is closed nothing is confirmed. */
START_TEST(test_act_survives_any_size)
{
	static const char *const stages[] = { ":\ntext: drain fra\nenter", TO_THE_PLAN, TO_THE_PLAN "plan: pass\nwait: 1",
		TO_THE_PLAN "plan: long\nwait: 1\nslow: fra", TO_THE_PLAN "plan: refuse\nwait: 1", "told: measuring\nview: ops\nX\nwait: 1" };
	static const struct {
		int cols, rows;
	} sizes[] = { { 1, 1 }, { 2, 30 }, { 19, 5 }, { 40, 10 }, { 55, 24 }, { 56, 13 }, { 56, 14 }, { 80, 12 }, { 80, 24 }, { 300, 100 } };
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			struct stage s;
			open_stage(&s, stages[i]);
			s.cols = sizes[k].cols;
			s.rows = sizes[k].rows;
			stage_draw(&s);
			bool is_shown = screen_says(&s, "esc no, leave");
			stage_key(&s, "Y");
			ck_assert_msg(is_shown || !has_confirmed(&s), "stage %zu at %dx%d", i, s.cols, s.rows);
			stage_draw(&s);
			stage_close(&s);
		}
	}
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("act");
	TCase *tc = tcase_create("act");
	tcase_add_test(tc, test_act_asks_for_what_was_entered);
	tcase_add_test(tc, test_act_confirms_the_hash_that_was_shown);
	tcase_add_loop_test(tc, test_act_never_confirms, 0, sizeof never / sizeof *never);
	tcase_add_loop_test(tc, test_act_confirms_what_a_person_meant, 0, sizeof does / sizeof *does);
	tcase_add_test(tc, test_act_keys_held_down_count_once);
	tcase_add_test(tc, test_act_asks_again_with_the_same_key);
	tcase_add_test(tc, test_act_says_when_it_does_not_know);
	tcase_add_test(tc, test_act_late_answers_are_nobodys);
	tcase_add_test(tc, test_act_is_bound_to_the_pop_not_to_the_row);
	tcase_add_test(tc, test_act_takes_the_marked_pops);
	tcase_add_loop_test(tc, test_act_keys_are_off_where_nothing_may_be_done, 0, sizeof refusals / sizeof *refusals);
	tcase_add_loop_test(tc, test_act_decisions_ask_first, 0, sizeof decisions / sizeof *decisions);
	tcase_add_test(tc, test_act_shows_no_plan_it_cannot_believe);
	tcase_add_test(tc, test_act_follows_the_actor);
	tcase_add_test(tc, test_act_no_other_key_confirms);
	tcase_add_test(tc, test_act_survives_any_size);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
