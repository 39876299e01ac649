/* SPDX-License-Identifier: Apache-2.0
 *
 * When a warning is due, on a clock of the test's own.
 */
#include "backend/expiry.h"
#include "suite.h"

#define DAY_S INT64_C(86400)
static const struct wall now = { INT64_C(1795520103000000000) };

static const struct {
	int64_t left_s;
	enum expiry_stage stage;
	const char *says;
} cases[] = {
	{ 365 * DAY_S, EXPIRY_FAR, "" },
	{ 14 * DAY_S + 1, EXPIRY_FAR, "" },
	{ 14 * DAY_S, EXPIRY_FORTNIGHT, "it ends in 14 days, at 2026-12-08T" },
	{ 7 * DAY_S + 1, EXPIRY_FORTNIGHT, "it ends in 7 days" },
	{ 7 * DAY_S, EXPIRY_WEEK, "it ends in 7 days" },
	{ DAY_S + 1, EXPIRY_WEEK, "it ends in 1 days" },
	{ DAY_S, EXPIRY_DAY, "it ends in 24 h" },
	{ 1, EXPIRY_DAY, "it ends in 0 h" },
	{ 0, EXPIRY_OVER, "it ended at 2026-11-24T" },
	{ -DAY_S, EXPIRY_OVER, "it ended at 2026-11-23T" },
};

START_TEST(test_expiry_has_its_stages)
{
	char text[120];
	struct wall ends = { now.ns + cases[_i].left_s * CLOCK_NS_PER_S };
	ck_assert_int_eq(expiry_stage(ends, now), cases[_i].stage);
	expiry_text("it", ends, now, text, sizeof text);
	ck_assert_msg(strncmp(text, cases[_i].says, strlen(cases[_i].says)) == 0, "%s", text);
	ck_assert_int_eq(text[0] == '\0', cases[_i].stage == EXPIRY_FAR);
	ck_assert_int_eq(expiry_stage((struct wall){ 0 }, now), EXPIRY_FAR);
}
END_TEST

/* Looked at once a minute for a month: each stage begins once. */
START_TEST(test_expiry_warns_four_times)
{
	struct wall ends = { now.ns + 20 * DAY_S * CLOCK_NS_PER_S };
	enum expiry_stage was = EXPIRY_FAR;
	int told = 0;
	for (int64_t s = 0; s < 30 * DAY_S; s += 60) {
		enum expiry_stage is = expiry_stage(ends, (struct wall){ now.ns + s * CLOCK_NS_PER_S });
		ck_assert_int_ge(is, was);
		told += is > was;
		was = is;
	}
	ck_assert_int_eq(told, 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("expiry");
	TCase *tests = tcase_create("expiry");
	tcase_add_loop_test(tests, test_expiry_has_its_stages, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tests, test_expiry_warns_four_times);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
