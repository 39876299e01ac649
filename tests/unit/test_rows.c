/* SPDX-License-Identifier: Apache-2.0
 *
 * How `catchment get` prints: every format from the same objects, unknown never as 0, remote text never raw.
 */
#include "suite.h"

#include <string.h>

#include "console/rows.h"

static const char pops[] =
	"[{\"pop\":\"fra\",\"name\":\"Frankfurt\",\"region\":\"eu\",\"verdict\":\"ok\",\"reasons\":[],"
	"\"announced\":{\"192.0.2.0/24\":\"announced\",\"2001:db8::/32\":\"announced\"},\"sessions\":{\"up\":2,\"total\":2},"
	"\"qps\":12345.6,\"capacity_qps\":null,\"age_s\":1.2,\"nodes\":[\"fra1\",\"fra2\"]},"
	"{\"pop\":\"sin\",\"name\":\"=cmd()\",\"region\":\"as\",\"verdict\":\"blackhole\",\"reasons\":[\"says \\u001b[31m, and \\\"more\\\"\"],"
	"\"announced\":{\"192.0.2.0/24\":\"announced\",\"2001:db8::/32\":\"withdrawn\"},\"sessions\":{\"up\":1,\"total\":2},"
	"\"qps\":null,\"capacity_qps\":null,\"age_s\":null,\"nodes\":[\"sin1\"]}]";

static void
expect(enum rows_format format, const char *filter_text, const char *wanted)
{
	struct json_doc *doc = json_parse(slice_of(pops), NULL);
	struct filter *filter = filter_text ? filter_new(filter_text) : NULL;
	struct buf out = BUF_INIT(1 << 16);
	const struct rows_style style = { format, true, false };
	rows_write("pops", json_root(doc), filter, &style, &out);
	ck_assert_str_eq(buf_text(&out), wanted);
	ck_assert_ptr_null(strchr(buf_text(&out), '\033'));
	buf_done(&out);
	filter_free(filter);
	json_doc_free(doc);
}

START_TEST(test_table_is_aligned_and_unknown_is_a_dash)
{
	expect(ROWS_TABLE, NULL,
		"POP  REGION  VERDICT    ANNOUNCED      SESSIONS    QPS  AGE  REASON\n"
		"fra  eu      ok         2/2                 2/2  12.3k   1s  -\n"
		"sin  as      blackhole  1/2 withdrawn       1/2      -    -  says \\u{1b}[31m, and \"more\"\n");
}
END_TEST

START_TEST(test_filter_keeps_rows_and_inverts)
{
	expect(ROWS_TABLE, "blackhole",
		"POP  REGION  VERDICT    ANNOUNCED      SESSIONS  QPS  AGE  REASON\n"
		"sin  as      blackhole  1/2 withdrawn       1/2    -    -  says \\u{1b}[31m, and \"more\"\n");
	expect(ROWS_TABLE, "!blackhole",
		"POP  REGION  VERDICT  ANNOUNCED  SESSIONS    QPS  AGE  REASON\n"
		"fra  eu      ok       2/2             2/2  12.3k   1s  -\n");
	expect(ROWS_JSON, "nothing-has-this", "[]\n");
}
END_TEST

START_TEST(test_csv_quotes_and_defuses)
{
	expect(ROWS_CSV, "sin",
		"pop,name,region,verdict,announced,sessions,qps,capacity_qps,age_s,nodes,reasons\r\n"
		"sin,\"'=cmd()\",as,blackhole,1/2 withdrawn,1/2,,,,sin1,\"says \\u{1b}[31m, and \"\"more\"\"\"\r\n");
}
END_TEST

START_TEST(test_json_hands_objects_through)
{
	struct json_doc *doc = json_parse(slice_of(pops), NULL), *back;
	struct buf out = BUF_INIT(1 << 16);
	const struct rows_style style = { ROWS_JSON, true, false };
	rows_write("pops", json_root(doc), NULL, &style, &out);
	back = json_parse(buf_slice(&out), NULL);
	ck_assert_ptr_nonnull(back);
	ck_assert_uint_eq(json_length(json_root(back)), 2);
	ck_assert_int_eq(json_kind(json_get(json_at(json_root(back), 1), "qps")), JSON_NULL);
	buf_clear(&out);
	const struct rows_style lines = { ROWS_JSONL, true, false };
	rows_write("pops", json_root(doc), NULL, &lines, &out);
	struct slice rest = buf_slice(&out), line;
	size_t n = 0;
	while (slice_next_line(&rest, &line)) {
		struct json_doc *one = json_parse(line, NULL);
		ck_assert_ptr_nonnull(one);
		json_doc_free(one);
		n++;
	}
	ck_assert_uint_eq(n, 2);
	buf_done(&out);
	json_doc_free(back);
	json_doc_free(doc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rows");
	TCase *t = tcase_create("rows");
	tcase_add_test(t, test_table_is_aligned_and_unknown_is_a_dash);
	tcase_add_test(t, test_filter_keeps_rows_and_inverts);
	tcase_add_test(t, test_csv_quotes_and_defuses);
	tcase_add_test(t, test_json_hands_objects_through);
	suite_add_tcase(s, t);
	return suite_run(s);
}
