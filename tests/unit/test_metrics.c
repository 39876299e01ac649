/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of /metrics as text: numbers as a reader of the format takes them, labels escaped, nothing for what is not known.
 */
#include "backend/metrics.h"

#include <math.h>

#include "suite.h"

static const struct {
	double value;
	const char *text;
} values[] = {
	{ 0, "0" }, { -0.0, "0" }, { 1, "1" }, { -1, "-1" }, { 1760000000, "1760000000" }, { 14452634310, "14452634310" },
	{ 999999999999999, "999999999999999" }, { 1e15, "1e+15" }, { 0.5, "0.5" }, { -0.5, "-0.5" }, { 2.25, "2.25" },
	{ 0.001, "0.001" }, { 0.000128, "0.000128" }, { 1e-9, "1e-09" }, { 0.999999, "0.999999" }, { 0.9999996, "1" },
	{ 41.9999999, "42" }, { 12.000001, "12.000001" }, { 1.1, "1.1" }, { 999999999.5, "999999999.5" },
	{ 1234567890.5, "1.23456789e+09" }, { INFINITY, "+Inf" }, { -INFINITY, "-Inf" },
};

START_TEST(test_value)
{
	struct buf out = BUF_INIT(4096);
	char wanted[80];
	metrics_sample(&out, "x", values[_i].value, NULL);
	snprintf(wanted, sizeof wanted, "x %s\n", values[_i].text);
	ck_assert_str_eq(buf_text(&out), wanted);
	buf_done(&out);
}
END_TEST

/* Reading back what was written is within a millionth, for many numbers of all sizes. */
START_TEST(test_values_survive)
{
	uint64_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		double value = (double)(seed >> 20) / pow(10, (double)(seed % 16));
		struct buf out = BUF_INIT(4096);
		metrics_sample(&out, "x", value, NULL);
		double back = strtod(buf_text(&out) + 2, NULL);
		ck_assert_msg(fabs(back - value) <= fmax(6e-7, value * 1e-8), "%.17g became %s", value, buf_text(&out));
		buf_done(&out);
	}
}
END_TEST

START_TEST(test_labels)
{
	struct buf out = BUF_INIT(4096);
	metrics_sample(&out, "x", 1, "a", "fra1", "b", "a\"b\\c\nd", "c", "", NULL);
	ck_assert_str_eq(buf_text(&out), "x{a=\"fra1\",b=\"a\\\"b\\\\c d\",c=\"\"} 1\n");
	buf_clear(&out);
	metrics_sample(&out, "x", NAN, "a", "fra1", NULL);
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *c = tcase_create("samples");
	tcase_add_loop_test(c, test_value, 0, sizeof values / sizeof values[0]);
	tcase_add_test(c, test_values_survive);
	tcase_add_test(c, test_labels);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
