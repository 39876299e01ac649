/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON from outside: what is taken and what is refused, byte by byte. The table names documents; the rest builds what a
 * table cannot hold: deep nests, many members, every escape, numbers at their limits, and documents written out again.
 */
#include "core/json.h"

#include <math.h>

#include "core/text.h"
#include "suite.h"

static const struct {
	const char *text;
	const char *again; /* as written out again; NULL: refused */
} documents[] = {
	{ "{}", "{}" },
	{ " [ ] ", "[]" },
	{ "null", "null" },
	{ "[null,true,false]", "[null,true,false]" },
	{ "{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}", "{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "9223372036854775808", NULL },
	{ "-9223372036854775809", NULL },
	{ "99999999999999999999999", NULL },
	{ "1.5", "1.5" },
	{ "1.0", "1.0" },
	{ "1e3", "1e3" },
	{ "0.1", "0.1" },
	{ "-2.5E-3", "-2.5E-3" },
	{ "0.30000000000000004", "0.30000000000000004" },
	{ "1e308", "1e308" },
	{ "1e309", NULL },
	{ "-1e309", NULL },
	{ "01", NULL },
	{ "-", NULL },
	{ "1.", NULL },
	{ ".5", NULL },
	{ "1e", NULL },
	{ "+1", NULL },
	{ "0x10", NULL },
	{ "NaN", NULL },
	{ "Infinity", NULL },
	{ "-Infinity", NULL },
	{ "\"\"", "\"\"" },
	{ "\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\"" },
	{ "\"\\b\\f\\n\\r\\t\"", NULL }, /* compared below: how control bytes are written is the writer's business */
	{ "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "\"\xc3\xa9\"", "\"\xc3\xa9\"" },
	{ "\"\\u0000\"", NULL },
	{ "\"\\ud800\"", NULL },
	{ "\"\\ud800x\"", NULL },
	{ "\"\\ud800\\u0041\"", NULL },
	{ "\"\\ude00\"", NULL },
	{ "\"\\u12\"", NULL },
	{ "\"\\u12g4\"", NULL },
	{ "\"\\x41\"", NULL },
	{ "\"\\", NULL },
	{ "\"a", NULL },
	{ "\"\x1f\"", NULL },
	{ "\"\n\"", NULL },
	{ "\"\xff\"", NULL },
	{ "\"\xc0\xaf\"", NULL },
	{ "\"\xed\xa0\x80\"", NULL },
	{ "'a'", NULL },
	{ "{'a':1}", NULL },
	{ "{a:1}", NULL },
	{ "{\"a\" 1}", NULL },
	{ "{\"a\":}", NULL },
	{ "{\"a\":1,}", NULL },
	{ "{,}", NULL },
	{ "[1,]", NULL },
	{ "[,1]", NULL },
	{ "[1 2]", NULL },
	{ "[1", NULL },
	{ "[1}", NULL },
	{ "{\"a\":1]", NULL },
	{ "{\"a\":1,\"a\":2}", NULL },
	{ "{\"a\":1,\"\\u0061\":2}", NULL },
	{ "{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}" },
	{ "{\"\":1}", "{\"\":1}" },
	{ "{\"\":1,\"\":2}", NULL },
	{ "tru", NULL },
	{ "truex", NULL },
	{ "nul", NULL },
	{ "{} {}", NULL },
	{ "{}x", NULL },
	{ "", NULL },
	{ "  ", NULL },
	{ "// a\n{}", NULL },
	{ "\xef\xbb\xbf{}", NULL },
};

static struct json_doc *
parse(const char *text, struct err *err)
{
	/* a copy that ends where the document does: reading past it would be noticed */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	struct json_doc *doc = json_parse((struct slice){ copy, len }, err);
	free(copy);
	return doc;
}

START_TEST(test_documents)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT(4096);
	struct json_writer w = JSON_WRITER(&out);
	struct json_doc *doc = parse(documents[_i].text, &err);
	if (strstr(documents[_i].text, "\\b\\f")) {
		ck_assert_ptr_nonnull(doc);
		ck_assert_str_eq(json_text(json_root(doc), ""), "\b\f\n\r\t");
	} else if (!documents[_i].again) {
		ck_assert_msg(doc == NULL, "'%s' was taken", documents[_i].text);
		ck_assert_int_eq(err.code, ERR_BAD_REPLY);
		ck_assert_str_ne(err.text, "");
	} else {
		ck_assert_msg(doc != NULL, "'%s': %s", documents[_i].text, err.text);
		json_add_value(&w, json_root(doc));
		ck_assert_str_eq(buf_text(&out), documents[_i].again);
	}
	json_doc_free(doc);
	buf_done(&out);
}
END_TEST

START_TEST(test_truncation_at_every_byte)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u20acy\",{\"b\":null,\"c\":true}],\"d\":{\"e\":\"\\\"\"}}";
	for (size_t n = 0; n < sizeof text - 1; n++) {
		struct err err = ERR_INIT;
		char *copy = malloc(n ? n : 1);
		memcpy(copy, text, n);
		struct json_doc *doc = json_parse((struct slice){ copy, n }, &err);
		ck_assert_msg(doc == NULL, "the first %zu bytes were taken", n);
		free(copy);
	}
}
END_TEST

START_TEST(test_depth_is_limited)
{
	for (unsigned depth = 1; depth <= 40; depth++) {
		struct buf text = BUF_INIT(1000);
		struct err err = ERR_INIT;
		for (unsigned i = 0; i < depth; i++)
			buf_add_text(&text, i % 2 ? "{\"a\":" : "[");
		buf_add_text(&text, "1");
		for (unsigned i = depth; i > 0; i--)
			buf_add_text(&text, (i - 1) % 2 ? "}" : "]");
		struct json_doc *doc = json_parse(buf_slice(&text), &err);
		ck_assert_msg((doc != NULL) == (depth <= JSON_DEPTH_MAX), "depth %u: %s", depth, err.text);
		json_doc_free(doc);
		buf_done(&text);
	}
	struct buf bomb = BUF_INIT(200000);
	struct err err = ERR_INIT;
	for (int i = 0; i < 100000; i++)
		buf_add_char(&bomb, '[');
	ck_assert_ptr_null(json_parse(buf_slice(&bomb), &err));
	buf_done(&bomb);
}
END_TEST

/* Below and above the number of members from which duplicates are looked for by sorting. */
START_TEST(test_duplicates_among_many_members)
{
	for (size_t n = 1; n <= 80; n++)
		for (size_t twice = 0; twice <= n; twice += n) {
			struct buf text = BUF_INIT(1u << 16);
			struct err err = ERR_INIT;
			for (size_t i = 0; i < n; i++)
				buf_printf(&text, "%s\"key-%zu\":%zu", i ? "," : "{", i, i);
			if (twice)
				buf_printf(&text, ",\"key-%zu\":0", n / 2);
			buf_add_text(&text, "}");
			struct json_doc *doc = json_parse(buf_slice(&text), &err);
			ck_assert_msg((doc == NULL) == (twice > 0), "%zu members: %s", n, err.text);
			if (doc) {
				ck_assert_uint_eq(json_length(json_root(doc)), n);
				ck_assert_int_eq(json_int(json_get(json_root(doc), "key-0"), -1), 0);
				char last[32];
				snprintf(last, sizeof last, "key-%zu", n - 1);
				ck_assert_int_eq(json_int(json_get(json_root(doc), last), -1), (int64_t)n - 1);
				ck_assert_ptr_null(json_get(json_root(doc), "key-"));
			}
			json_doc_free(doc);
			buf_done(&text);
		}
}
END_TEST

START_TEST(test_members_come_in_order)
{
	struct err err = ERR_INIT;
	struct json_doc *doc = parse("{\"z\":1,\"a\":null,\"m\":[],\"\":2}", &err);
	static const char *const keys[] = { "z", "a", "m", "" };
	static const enum json_kind kinds[] = { JSON_INT, JSON_NULL, JSON_ARRAY, JSON_INT };
	struct json_iter it = json_iter_start(json_root(doc));
	const char *key;
	const struct json *value;
	for (size_t i = 0; i < 4; i++) {
		ck_assert(json_iter_next(&it, &key, &value));
		ck_assert_str_eq(key, keys[i]);
		ck_assert_int_eq(json_kind(value), kinds[i]);
	}
	ck_assert(!json_iter_next(&it, &key, &value));
	ck_assert_ptr_null(json_get(json_root(doc), "a")); /* null is as good as absent */
	ck_assert_int_eq(json_int(json_get(json_root(doc), ""), 0), 2);
	json_doc_free(doc);
	it = json_iter_start(NULL);
	ck_assert(!json_iter_next(&it, &key, &value));
}
END_TEST

START_TEST(test_wrong_kinds_give_the_default)
{
	struct err err = ERR_INIT;
	struct json_doc *doc = parse("[1,\"x\",1.5,true,{},[2]]", &err);
	const struct json *a = json_root(doc);
	ck_assert_uint_eq(json_length(a), 6);
	ck_assert_ptr_null(json_at(a, 6));
	ck_assert_ptr_null(json_at(json_at(a, 4), 0));
	ck_assert_ptr_null(json_get(a, "x"));
	ck_assert_int_eq(json_int(json_at(a, 1), -7), -7);
	ck_assert_int_eq(json_int(json_at(a, 2), -7), -7);
	ck_assert(json_double(json_at(a, 0), -7) == 1);
	ck_assert(json_double(json_at(a, 3), -7) == -7);
	ck_assert(json_boolean(json_at(a, 0), true));
	ck_assert_str_eq(json_text(json_at(a, 0), "none"), "none");
	ck_assert_uint_eq(json_slice(json_at(a, 0)).len, 0);
	ck_assert_uint_eq(json_length(json_at(a, 1)), 0);
	ck_assert_int_eq(json_int(json_at(json_at(a, 5), 0), 0), 2);
	json_doc_free(doc);
}
END_TEST

START_TEST(test_sequence_of_documents)
{
	struct slice rest = slice_of("{\"a\":1}\n[2]\n\n\"x\" ");
	struct err err = ERR_INIT;
	static const enum json_kind kinds[] = { JSON_OBJECT, JSON_ARRAY, JSON_STRING };
	for (size_t i = 0; i < 3; i++) {
		struct json_doc *doc = json_parse_next(&rest, &err);
		ck_assert_msg(doc != NULL, "%s", err.text);
		ck_assert_int_eq(json_kind(json_root(doc)), kinds[i]);
		json_doc_free(doc);
	}
	ck_assert_ptr_null(json_parse_next(&rest, &err));
	ck_assert_int_eq(err.code, ERR_OK);
	rest = slice_of("{} {");
	json_doc_free(json_parse_next(&rest, &err));
	ck_assert_ptr_null(json_parse_next(&rest, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REPLY);
}
END_TEST

/* Long lists make the stack of open values grow in the middle of others. */
START_TEST(test_long_lists)
{
	struct buf text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	buf_add_text(&text, "[");
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "%s[%d,{\"k\":\"v%d\"},[]]", i ? "," : "", i, i);
	buf_add_text(&text, "]");
	struct json_doc *doc = json_parse(buf_slice(&text), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	for (size_t i = 0; i < 3000; i++) {
		const struct json *item = json_at(json_root(doc), i);
		char wanted[16];
		snprintf(wanted, sizeof wanted, "v%zu", i);
		ck_assert_int_eq(json_int(json_at(item, 0), -1), (int64_t)i);
		ck_assert_str_eq(json_text(json_get(json_at(item, 1), "k"), ""), wanted);
		ck_assert_int_eq(json_kind(json_at(item, 2)), JSON_ARRAY);
	}
	json_doc_free(doc);
	buf_done(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("json");
	TCase *c = tcase_create("reading");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_documents, 0, sizeof documents / sizeof documents[0]);
	tcase_add_test(c, test_truncation_at_every_byte);
	tcase_add_test(c, test_depth_is_limited);
	tcase_add_test(c, test_duplicates_among_many_members);
	tcase_add_test(c, test_members_come_in_order);
	tcase_add_test(c, test_wrong_kinds_give_the_default);
	tcase_add_test(c, test_sequence_of_documents);
	tcase_add_test(c, test_long_lists);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
