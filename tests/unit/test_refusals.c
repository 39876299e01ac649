/* SPDX-License-Identifier: Apache-2.0
 *
 * How many refused requests are recorded: a burst whole, a flood of a week within a known number of records, and nothing
 * lost from the count.
 */
#include "backend/refusals.h"
#include "suite.h"

static const struct mono start = { INT64_C(1000000000000) };

static const struct {
	enum refusal_kind kind;
	uint64_t burst, a_week; /* records at most */
} kinds[] = {
	{ REFUSAL_KNOWN, 30, 30 + 7 * 720 },
	{ REFUSAL_STRANGER, 10, 10 + 7 * 288 },
};

START_TEST(test_refusals_of_a_week_are_bounded_and_counted)
{
	struct refusals r = { 0 };
	struct mono t = start;
	uint64_t taken = 0, missed = 0, more = 0, n = 0, at_first = 0;
	for (int64_t ms = 0; ms < 7 * INT64_C(86400000); ms += 200, n++) {
		if (refusals_take(&r, kinds[_i].kind, mono_add_ms(start, ms), &more)) {
			taken++;
			missed += more;
		}
		if (ms < 1000 * 60)
			at_first = taken;
	}
	ck_assert_uint_eq(at_first, kinds[_i].burst);
	ck_assert_uint_le(taken, kinds[_i].a_week);
	ck_assert_uint_ge(taken, kinds[_i].a_week - 2);
	/* quiet for a day: the burst is there again, and what was missed is told once */
	t = mono_add_ms(start, 8 * INT64_C(86400000));
	for (uint64_t i = 0; i < kinds[_i].burst; i++) {
		ck_assert(refusals_take(&r, kinds[_i].kind, t, &more));
		missed += more;
		ck_assert(i == 0 || more == 0);
	}
	ck_assert(!refusals_take(&r, kinds[_i].kind, t, &more));
	ck_assert_uint_eq(taken + missed, n);
}
END_TEST

START_TEST(test_refusals_of_strangers_hide_none_of_accounts)
{
	struct refusals r = { 0 };
	uint64_t more = 0;
	for (int i = 0; i < 1000; i++)
		(void)refusals_take(&r, REFUSAL_STRANGER, start, &more);
	ck_assert(!refusals_take(&r, REFUSAL_STRANGER, start, &more));
	ck_assert(refusals_take(&r, REFUSAL_KNOWN, start, &more));
	ck_assert_uint_eq(more, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("refusals");
	TCase *tests = tcase_create("refusals");
	tcase_add_loop_test(tests, test_refusals_of_a_week_are_bounded_and_counted, 0, sizeof kinds / sizeof *kinds);
	tcase_add_test(tests, test_refusals_of_strangers_hide_none_of_accounts);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
