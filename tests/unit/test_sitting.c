/* SPDX-License-Identifier: Apache-2.0
 *
 * How long somebody at a dashboard may act, on a clock of the test's own.
 */
#include "backend/sitting.h"
#include "suite.h"

#include <string.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

static const struct mono start = { INT64_C(1000000000000) };
static const struct sitting_times usual = { 15 * MINUTE, 8 * HOUR };
static const struct account alice = { .name = "alice", .method = AUTH_UID, .roles = 1u << CONF_OPERATOR };
static const struct account bob = { .name = "bob", .method = AUTH_UID, .roles = 1u << CONF_OPERATOR };
static const struct account robot = { .name = "alice", .method = AUTH_TOKEN, .roles = 1u << CONF_OPERATOR };

static enum sitting_state
look(struct sittings *s, const char *id, int64_t ms, bool is_active)
{
	int64_t left;
	return sitting_look(s, id, &alice, &usual, mono_add_ms(start, ms), is_active, &left);
}

START_TEST(test_sitting_lapses_when_nobody_is_there)
{
	char id[SITTING_ID_SIZE], text[160];
	int64_t left;
	struct sittings *s = sittings_new();
	sitting_begin(s, &alice, start, id);
	ck_assert_int_eq(sitting_look(s, id, &alice, &usual, start, false, &left), SITTING_GOOD);
	ck_assert_int_eq(left, 15 * MINUTE);
	ck_assert_int_eq(look(s, id, 15 * MINUTE - 1, false), SITTING_GOOD);
	ck_assert_int_eq(look(s, id, 15 * MINUTE - 1, true), SITTING_GOOD); /* a key at the last moment */
	ck_assert_int_eq(look(s, id, 30 * MINUTE - 2, false), SITTING_GOOD);
	ck_assert_int_eq(look(s, id, 30 * MINUTE - 1, false), SITTING_IDLE);
	/* and a key does not bring it back, however often */
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(look(s, id, 30 * MINUTE + i, true), SITTING_IDLE);
	sitting_text(SITTING_IDLE, &usual, text, sizeof text);
	ck_assert_str_eq(text, "Rights to act lapsed after 15m without a key: start catchment again to act.");
	/* another sitting of the same account is another */
	char other[SITTING_ID_SIZE];
	sitting_begin(s, &alice, mono_add_ms(start, 31 * MINUTE), other);
	ck_assert_str_ne(id, other);
	ck_assert_int_eq(look(s, other, 31 * MINUTE, true), SITTING_GOOD);
	ck_assert_int_eq(look(s, id, 31 * MINUTE, true), SITTING_IDLE);
	sittings_free(s);
}
END_TEST

START_TEST(test_sitting_is_over_after_a_shift)
{
	char id[SITTING_ID_SIZE], text[160];
	int64_t left;
	struct sittings *s = sittings_new();
	sitting_begin(s, &alice, start, id);
	for (int64_t ms = 0; ms < 8 * HOUR; ms += 10 * MINUTE)
		ck_assert_int_eq(look(s, id, ms, true), SITTING_GOOD);
	/* what is left is the less of both */
	ck_assert_int_eq(sitting_look(s, id, &alice, &usual, mono_add_ms(start, 8 * HOUR - 2 * MINUTE), true, &left), SITTING_GOOD);
	ck_assert_int_eq(left, 2 * MINUTE);
	ck_assert_int_eq(look(s, id, 8 * HOUR, true), SITTING_OVER);
	ck_assert_int_eq(look(s, id, 9 * HOUR, true), SITTING_OVER);
	sitting_text(SITTING_OVER, &usual, text, sizeof text);
	ck_assert_str_eq(text, "Rights to act lapsed 8h after the start: start catchment again to act.");
	sittings_free(s);
}
END_TEST

START_TEST(test_sitting_is_of_one_account)
{
	char id[SITTING_ID_SIZE];
	int64_t left;
	struct sittings *s = sittings_new();
	sitting_begin(s, &alice, start, id);
	ck_assert_int_eq(sitting_look(s, id, &bob, &usual, start, true, &left), SITTING_NONE);
	ck_assert_int_eq(sitting_look(s, id, &robot, &usual, start, true, &left), SITTING_NONE);
	ck_assert_int_eq(sitting_look(s, "", &alice, &usual, start, true, &left), SITTING_NONE);
	ck_assert_int_eq(sitting_look(s, "x", &alice, &usual, start, true, &left), SITTING_NONE);
	ck_assert_int_eq(left, 0);
	ck_assert_int_eq(sitting_look(s, id, &alice, &usual, start, true, &left), SITTING_GOOD);
	sittings_free(s);
}
END_TEST

/* One account that begins thousands drives out its own, and nobody else's. */
START_TEST(test_sittings_are_bounded)
{
	char id[SITTING_ID_SIZE], more[SITTING_ID_SIZE];
	int64_t left;
	struct sittings *s = sittings_new();
	sitting_begin(s, &alice, start, id);
	for (int i = 0; i < 5000; i++)
		sitting_begin(s, &bob, mono_add_ms(start, i), more);
	ck_assert_int_eq(look(s, id, 5000, false), SITTING_GOOD);
	ck_assert_int_eq(sitting_look(s, more, &bob, &usual, mono_add_ms(start, 5000), false, &left), SITTING_GOOD);
	/* more accounts than places: the newest has one */
	for (int i = 0; i < 3000; i++) {
		struct account one = { .method = AUTH_UID };
		snprintf(one.name, sizeof one.name, "uid %d", i);
		sitting_begin(s, &one, mono_add_ms(start, 6000 + i), more);
		ck_assert_int_eq(sitting_look(s, more, &one, &usual, mono_add_ms(start, 6000 + i), false, &left), SITTING_GOOD);
	}
	sittings_free(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sitting");
	TCase *tests = tcase_create("sitting");
	tcase_add_test(tests, test_sitting_lapses_when_nobody_is_there);
	tcase_add_test(tests, test_sitting_is_over_after_a_shift);
	tcase_add_test(tests, test_sitting_is_of_one_account);
	tcase_add_test(tests, test_sittings_are_bounded);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
