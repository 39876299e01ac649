/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is said to lose and to get traffic while a PoP is drained: by the rates of then and of now, and nothing where one of
 * them is not known.
 */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "console/shift.h"
#include "tests/unit/samples.h"
#include "tests/unit/stage.h"
#include "tests/unit/suite.h"

#define FLEET "tests/screens/fleets/draining.json"

/* Before, everybody stood where they stand now, but for what the script says. */
static const struct {
	const char *script, *pop, *says;
	enum shift_kind kind;
} cases[] = {
	{ "told: measuring", "fra", "↓198k", SHIFT_LEAVES },
	{ "before: ams 130000\ntold: measuring", "ams", "↑80.0k", SHIFT_ARRIVES },
	{ "told: measuring", "ams", "", SHIFT_NONE },
	/* less than a twentieth of what left is not mentioned, a loss neither */
	{ "before: ams 199000\ntold: measuring", "ams", "", SHIFT_NONE },
	{ "before: ams 300000\ntold: measuring", "ams", "", SHIFT_NONE },
	/* undone: it comes back, whatever is missing yet */
	{ "told: undoing", "fra", "↓198k", SHIFT_RETURNS },
	/* over for long, never begun, only shown: nothing moves */
	{ "before: ams 130000\ntold: drained", "ams", "↑80.0k", SHIFT_ARRIVES },
	{ "before: ams 130000\ntold: drained\nwait: 200", "ams", "", SHIFT_NONE },
	{ "before: ams 130000\ntold: waiting", "ams", "", SHIFT_NONE },
	{ "before: ams 130000\ntold: refused", "fra", "", SHIFT_NONE },
	{ "before: ams 130000", "ams", "", SHIFT_NONE },
	/* facts that are old say nothing about now */
	{ "before: ams 130000\ntold: measuring\nwait: 60", "ams", "", SHIFT_NONE },
	{ "told: measuring\nwait: 60", "fra", "", SHIFT_LEAVES },
};

START_TEST(test_shift_says_what_is_known)
{
	struct stage s;
	char text[32];
	stage_open(&s, source_path(FLEET), 80, 24);
	stage_play(&s, "before: all");
	stage_play(&s, cases[_i].script);
	struct shift shift = shift_of(&s.ui, fleet_find_pop(s.fleet, cases[_i].pop));
	shift_format(&shift, text, sizeof text);
	ck_assert_msg(shift.kind == cases[_i].kind && strcmp(text, cases[_i].says) == 0, "%s: %s: kind %d \"%s\"", cases[_i].script,
		cases[_i].pop, (int)shift.kind, text);
	stage_close(&s);
}
END_TEST

/* Without samples, or with fewer than it has lasted, there is no "before". */
START_TEST(test_shift_without_a_past)
{
	struct stage s;
	stage_open(&s, source_path(FLEET), 80, 24);
	stage_play(&s, "told: measuring");
	s.ui.pop_sparks = NULL;
	ck_assert_int_eq(shift_of(&s.ui, fleet_find_pop(s.fleet, "ams")).kind, SHIFT_NONE);
	s.ui.pop_sparks = s.pop_sparks;
	s.pop_sparks[fleet_find_pop(s.fleet, "ams")].n = 3;
	ck_assert_int_eq(shift_of(&s.ui, fleet_find_pop(s.fleet, "ams")).kind, SHIFT_NONE);
	stage_close(&s);
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("shift");
	TCase *tc = tcase_create("shift");
	tcase_add_loop_test(tc, test_shift_says_what_is_known, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, test_shift_without_a_past);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
