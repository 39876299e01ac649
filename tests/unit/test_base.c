/* SPDX-License-Identifier: Apache-2.0
 *
 * The ground everything stands on: clocks, buffers, text, JSON, reports.
 */
#include "suite.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/fleet.h"
#include "core/json.h"
#include "core/text.h"

START_TEST(test_duration_reads_and_refuses)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} rows[] = {
		{ "45s", 45 }, { "15m", 900 }, { "4h", 14400 }, { "1h30m", 5400 }, { "7d", 604800 }, { "", -1 }, { "4", -1 },
		{ "-4h", -1 }, { "4h ", -1 }, { "1e3s", -1 }, { "99999999999999999999s", -1 }, { "9223372036854775807d", -1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t s = -1;
		int rc = duration_parse(rows[i].text, &s);
		ck_assert_msg(rc == (rows[i].seconds < 0 ? -1 : 0), "%s", rows[i].text);
		if (rc == 0)
			ck_assert_int_eq(s, rows[i].seconds);
	}
}
END_TEST

START_TEST(test_wall_round_trip)
{
	struct wall t;
	char out[CLOCK_TEXT_MAX];
	ck_assert_int_eq(wall_parse("2026-11-23T11:35:03.250+02:00", &t), 0);
	wall_format_ms(t, out);
	ck_assert_str_eq(out, "2026-11-23T09:35:03.250Z");
	ck_assert_int_eq(wall_parse("9026-11-23T11:35:03Z", &t), -1);
	ck_assert_int_eq(wall_parse("1926-11-23T11:35:03Z", &t), -1);
	ck_assert_int_eq(wall_parse("2026-11-23 11:35", &t), -1);
	ck_assert_int_eq(wall_parse("2026-11-23T11:35:03", &t), -1);
}
END_TEST

START_TEST(test_buf_keeps_its_ceiling)
{
	struct buf b = BUF_INIT(5);
	ck_assert_int_eq(buf_add_text(&b, "abc"), 0);
	ck_assert_int_eq(buf_add_text(&b, "defg"), -1);
	ck_assert(b.truncated);
	ck_assert_str_eq(buf_text(&b), "abcde");
	buf_drop_front(&b, 2);
	ck_assert_str_eq(buf_text(&b), "cde");
	buf_done(&b);
}
END_TEST

START_TEST(test_sanitiser_leaves_nothing_that_moves_a_terminal)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "\033]52;c;AAAA\a", "\\u{1b}]52;c;AAAA\\u{7}" },
		{ "a\rb\tc", "a\\u{d}b\\u{9}c" },
		{ "\xc2\x9b"
		  "31m",
			"\\u{9b}31m" },
		{ "a\xe2\x80\xae"
		  "b",
			"a\\u{202e}b" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "zu\xcc\x88rich", "zu\xcc\x88rich" },
		{ "\xf3\xa0\x81\x81", "\\u{e0041}" },
		{ "\x7f", "\\u{7f}" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char out[200];
		text_sanitise_to(slice_of(rows[i].in), out, sizeof out);
		ck_assert_str_eq(out, rows[i].out);
		ck_assert(text_is_clean(slice_of(out)));
	}
}
END_TEST

START_TEST(test_sanitiser_caps_combining_marks)
{
	struct buf in = BUF_INIT(1000), out = BUF_INIT(4000);
	buf_add_char(&in, 'a');
	for (int i = 0; i < 64; i++)
		buf_add_text(&in, "\xcc\x81");
	text_sanitise(buf_slice(&in), &out);
	ck_assert_int_eq(strncmp(buf_text(&out), "a\xcc\x81\xcc\x81\\u{301}", 12), 0);
	ck_assert(text_is_clean(buf_slice(&out)));
	buf_done(&in);
	buf_done(&out);
}
END_TEST

START_TEST(test_sanitiser_every_short_string)
{
	char in[2], out[64];
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			in[0] = (char)a;
			in[1] = (char)b;
			text_sanitise_to((struct slice){ in, 2 }, out, sizeof out);
			for (const char *p = out; *p; p++)
				ck_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
			ck_assert(text_is_utf8(slice_of(out)));
		}
	}
}
END_TEST

START_TEST(test_clip_counts_cells)
{
	char out[32];
	ck_assert_int_eq(text_clip("abcdef", 4, "~", out, sizeof out), 4);
	ck_assert_str_eq(out, "abc~");
	ck_assert_int_eq(text_clip("\xe6\x9d\xb1\xe4\xba\xac", 3, NULL, out, sizeof out), 2);
	ck_assert_int_eq(text_width("\xe6\x9d\xb1\xe4\xba\xac"), 4);
}
END_TEST

START_TEST(test_numbers_are_short)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = { { 0, "0" }, { 999, "999" }, { 999.6, "1.0k" }, { 12345, "12.3k" }, { 123456, "123k" }, { 2.5e6, "2.5M" },
		{ -1, "-" } };
	char out[16];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		text_number(rows[i].value, out, sizeof out);
		ck_assert_str_eq(out, rows[i].text);
	}
	text_number(NAN, out, sizeof out);
	ck_assert_str_eq(out, "-");
}
END_TEST

START_TEST(test_json_refuses_what_is_not_strict)
{
	static const char *const bad[] = {
		"", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "NaN", "[Infinity]", "-", "01", "1.", "1e", "{\"a\":1,\"a\":2}",
		"{\"b\":{\"a\":1,\"\\u0061\":2}}", "\"a\\u0000b\"", "\"\x01\"", "\"\xff\"", "\"\\ud800\"", "1 2", "1e999",
		"99999999999999999999", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "truE", "\"abc", "{\"a\" 1}", "\"\\x\"",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err err = ERR_INIT;
		struct json_doc *doc = json_parse(slice_of(bad[i]), &err);
		ck_assert_msg(doc == NULL, "taken: %s", bad[i]);
		ck_assert_msg(err.code == ERR_BAD_REPLY && err.text[0], "%s", bad[i]);
	}
	struct buf bomb = BUF_INIT(200000);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&bomb, '[');
	ck_assert_ptr_null(json_parse(buf_slice(&bomb), NULL));
	buf_done(&bomb);
}
END_TEST

START_TEST(test_json_reads_documents_in_a_row)
{
	struct slice rest = slice_of("{\"a\":1}\n[2]\n  3 \n");
	int n = 0;
	struct err err = ERR_INIT;
	for (struct json_doc *doc; (doc = json_parse_next(&rest, &err)); n++)
		json_doc_free(doc);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(err.code, ERR_OK);
}
END_TEST

/* Each text is a document that comes out as it went in. */
START_TEST(test_json_values_survive)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "null", "null" },
		{ " [ ] ", "[]" },
		{ "{}", "{}" },
		{ "[0,-1,123456789012345678,9223372036854775807,-9223372036854775808]",
			"[0,-1,123456789012345678,9223372036854775807,-9223372036854775808]" },
		{ "[1.50,1e3,-0.25E-2]", "[1.50,1e3,-0.25E-2]" },
		{ "[true,false,null,[[]],{\"a\":{}}]", "[true,false,null,[[]],{\"a\":{}}]" },
		{ "{\"z\":1,\"a\":[{\"k\":\"v\"},2],\"\":null}", "{\"z\":1,\"a\":[{\"k\":\"v\"},2],\"\":null}" },
		{ "\"\\u0041\\\\\\/\\\"\\n\"", "\"A\\\\/\\\"\\n\"" },
		{ "[\"\\u00e9\\u20ac\\ud83d\\ude00\",\"\xc3\xa9 a\"]", "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"\xc3\xa9 a\"]" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = ERR_INIT;
		struct buf out = BUF_INIT(4096);
		struct json_writer w = JSON_WRITER(&out);
		struct json_doc *doc = json_parse(slice_of(rows[i].in), &err);
		ck_assert_msg(doc != NULL, "%s: %s", rows[i].in, err.text);
		json_add_value(&w, json_root(doc));
		ck_assert_str_eq(buf_text(&out), rows[i].out);
		json_doc_free(doc);
		buf_done(&out);
	}
}
END_TEST

/* Small objects are compared pairwise, large ones are sorted: both find each member and each double. */
START_TEST(test_json_objects_of_any_size)
{
	for (size_t n = 1; n < 200; n += 7) {
		struct err err = ERR_INIT;
		struct buf text = BUF_INIT(65536);
		for (size_t i = 0; i < n; i++)
			buf_printf(&text, "%c\"k%zu\":%zu", i ? ',' : '{', i * 211 % n, i);
		buf_add_char(&text, '}');
		struct json_doc *doc = json_parse(buf_slice(&text), &err);
		ck_assert_msg(doc != NULL, "%s", err.text);
		ck_assert_uint_eq(json_length(json_root(doc)), n);
		for (size_t i = 0; i < n; i++) {
			char key[24];
			snprintf(key, sizeof key, "k%zu", i * 211 % n);
			ck_assert_int_eq(json_int(json_get(json_root(doc), key), -1), (int64_t)i);
		}
		ck_assert_ptr_null(json_get(json_root(doc), "k"));
		ck_assert_ptr_null(json_get(json_root(doc), "k1000"));
		json_doc_free(doc);
		text.data[text.len - 1] = ',';
		buf_printf(&text, "\"k%zu\":0}", n / 2);
		ck_assert_ptr_null(json_parse(buf_slice(&text), &err));
		ck_assert_msg(strstr(err.text, "twice") != NULL, "%s", err.text);
		buf_done(&text);
	}
}
END_TEST

START_TEST(test_json_getters_are_typed_and_ranged)
{
	struct err err = ERR_INIT;
	struct json_doc *doc = json_parse(slice_of("{\"n\":5,\"s\":\"12abc\",\"f\":1.5,\"z\":null,\"neg\":-1}"), &err);
	ck_assert_ptr_nonnull(doc);
	const struct json *o = json_root(doc);
	int64_t n = 7;
	ck_assert_int_eq(json_need_int(o, "n", 0, 10, &n, &err), 0);
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(json_need_int(o, "s", 0, 10, &n, &err), -1);
	ck_assert_int_eq(json_need_int(o, "f", 0, 10, &n, &err), -1);
	ck_assert_int_eq(json_need_int(o, "z", 0, 10, &n, &err), -1);
	ck_assert_int_eq(json_need_int(o, "gone", 0, 10, &n, &err), -1);
	ck_assert_int_eq(json_want_int(o, "gone", 0, 10, &n, &err), 0);
	ck_assert_int_eq(json_want_int(o, "neg", 0, 10, &n, &err), -1);
	ck_assert_str_eq(err.text, "neg: -1 is outside 0..10");
	json_doc_free(doc);
}
END_TEST

START_TEST(test_json_writer_shapes)
{
	struct buf b = BUF_INIT(1000);
	struct json_writer w = JSON_WRITER(&b);
	json_begin_object(&w);
	json_put_int(&w, "a", 1);
	json_key(&w, "b");
	json_begin_array(&w);
	json_add_text(&w, "x\"\n\x1b");
	json_add_known(&w, -1);
	json_begin_object(&w);
	json_end_object(&w);
	json_end_array(&w);
	json_put_double(&w, "c", NAN, 1);
	json_put_bool(&w, "d", true);
	json_end_object(&w);
	ck_assert_str_eq(buf_text(&b), "{\"a\":1,\"b\":[\"x\\\"\\n\\u001b\",null,{}],\"c\":null,\"d\":true}");
	buf_done(&b);
}
END_TEST

START_TEST(test_prefix_parse)
{
	struct prefix p, q;
	char text[PREFIX_TEXT_MAX];
	ck_assert_int_eq(prefix_parse(slice_of("2001:db8:53::/48"), &p, NULL), 0);
	prefix_format(&p, text);
	ck_assert_str_eq(text, "2001:db8:53::/48");
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.1/24"), &p, NULL), -1);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/33"), &p, NULL), -1);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0"), &p, NULL), -1);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &p, NULL), 0);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.128/25"), &q, NULL), 0);
	ck_assert(prefix_covers(&p, &q));
	ck_assert(!prefix_covers(&q, &p));
}
END_TEST

START_TEST(test_report_survives_json)
{
	struct report *r = report_new(), *back = report_new();
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS | REPORT_ANSWERS;
	struct session_fact *s = report_add_session(r);
	s->name = report_text(r, slice_of("transit\033[1_v4"));
	s->state = FSM_OTHER;
	s->state_word = "Frobnicating";
	s->last_error.text = "Cease";
	s->last_error.code = 6;
	struct export_fact *e = report_add_export(r, "t", FAMILY_V6);
	e->is_known = true;
	struct route_fact *route = report_add_route(r, e);
	ck_assert_int_eq(prefix_parse(slice_of("2001:db8::/32"), &route->prefix, NULL), 0);
	struct rcode_fact *c = report_add_rcode(r);
	c->name = "NOERROR";
	c->count = 42;
	report_add_answer(r)->is_answered = TRI_NO;
	struct buf one = BUF_INIT(1 << 16), two = BUF_INIT(1 << 16);
	struct json_writer w1 = JSON_WRITER(&one), w2 = JSON_WRITER(&two);
	report_write_json(r, &w1);
	struct err err = ERR_INIT;
	struct json_doc *doc = json_parse(buf_slice(&one), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	ck_assert_msg(report_read_json(json_root(doc), back, &err) == 0, "%s", err.text);
	report_write_json(back, &w2);
	ck_assert_str_eq(buf_text(&one), buf_text(&two));
	json_doc_free(doc);
	buf_done(&one);
	buf_done(&two);
	report_free(r);
	report_free(back);
}
END_TEST

START_TEST(test_report_limits_hold)
{
	struct report *r = report_new();
	for (int i = 0; i < REPORT_SESSIONS_MAX; i++)
		ck_assert_ptr_nonnull(report_add_session(r));
	ck_assert_ptr_null(report_add_session(r));
	ck_assert_int_eq(r->n_sessions, REPORT_SESSIONS_MAX);
	report_free(r);
}
END_TEST

START_TEST(test_error_names_are_unique)
{
	for (int i = 0; i < ERR_CODE_COUNT; i++)
		ck_assert_int_eq(err_code_parse(err_code_name((enum err_code)i)), i);
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	tcase_add_test(t, test_duration_reads_and_refuses);
	tcase_add_test(t, test_wall_round_trip);
	tcase_add_test(t, test_buf_keeps_its_ceiling);
	tcase_add_test(t, test_sanitiser_leaves_nothing_that_moves_a_terminal);
	tcase_add_test(t, test_sanitiser_caps_combining_marks);
	tcase_add_test(t, test_sanitiser_every_short_string);
	tcase_add_test(t, test_clip_counts_cells);
	tcase_add_test(t, test_numbers_are_short);
	tcase_add_test(t, test_json_refuses_what_is_not_strict);
	tcase_add_test(t, test_json_reads_documents_in_a_row);
	tcase_add_test(t, test_json_values_survive);
	tcase_add_test(t, test_json_objects_of_any_size);
	tcase_add_test(t, test_json_getters_are_typed_and_ranged);
	tcase_add_test(t, test_json_writer_shapes);
	tcase_add_test(t, test_prefix_parse);
	tcase_add_test(t, test_report_survives_json);
	tcase_add_test(t, test_report_limits_hold);
	tcase_add_test(t, test_error_names_are_unique);
	suite_add_tcase(s, t);
	return suite_run(s);
}
