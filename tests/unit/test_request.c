/* SPDX-License-Identifier: Apache-2.0
 *
 * The door: which heads of requests may come in, byte by byte, and how paths and queries are read.
 */
#include "suite.h"

#include <string.h>

#include "backend/request.h"

static const char good[] = "GET /v1/pops?verdict=ok HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nX-Empty:\r\n\r\n";

START_TEST(test_a_good_head_is_good_only_when_whole)
{
	for (size_t i = 0; i < sizeof good - 1; i++) {
		struct request_line line;
		struct err err = ERR_INIT;
		enum request_head got = request_judge((struct slice){ good, i }, REQUEST_UNIX, &line, &err);
		ck_assert_msg(got == REQUEST_MORE, "%zu bytes: %s", i, err.text);
	}
	struct request_line line;
	ck_assert_int_eq(request_judge(slice_of(good), REQUEST_UNIX, &line, NULL), REQUEST_GOOD);
	ck_assert(slice_equal(line.method, "GET"));
	ck_assert(slice_equal(line.path, "/v1/pops"));
	ck_assert(slice_equal(line.query, "verdict=ok"));
}
END_TEST

/* Any one byte replaced by any other: never a crash, and what is called good is still our Host and one request line. */
START_TEST(test_one_changed_byte)
{
	char bytes[sizeof good];
	for (size_t i = 0; i < sizeof good - 1; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(bytes, good, sizeof good);
			bytes[i] = (char)c;
			struct request_line line;
			if (request_judge((struct slice){ bytes, sizeof good - 1 }, REQUEST_UNIX, &line, NULL) != REQUEST_GOOD)
				continue;
			ck_assert(line.method.len >= 1 && line.path.len >= 1);
			for (size_t k = 0; k < line.path.len; k++)
				ck_assert(line.path.data[k] > 0x20 && line.path.data[k] < 0x7f);
		}
	}
}
END_TEST

START_TEST(test_heads_that_may_not_come_in)
{
	static const struct {
		const char *head;
		enum err_code code; /* ERR_OK: good */
		const char *says;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ERR_OK, "" },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", ERR_OK, "" },
		{ "GET / HTTP/1.1\r\nhOST: LocalHost \r\n\r\n", ERR_OK, "" },
		{ "GET / HTTP/1.0\r\n\r\n", ERR_OK, "" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 65536\r\n\r\n", ERR_OK, "" },
		{ "GET / HTTP/1.1\r\n\r\n", ERR_USAGE, "Host" },
		{ "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", ERR_PERMISSION, "localhost" },
		{ "GET / HTTP/1.1\r\nHost: localhost.evil\r\n\r\n", ERR_PERMISSION, "localhost" },
		{ "GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n", ERR_PERMISSION, "localhost" },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", ERR_USAGE, "twice" },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", ERR_PERMISSION, "web pages" },
		{ "GET / HTTP/1.1\nHost: localhost\n\n", ERR_USAGE, "LF alone" },
		{ "GET / HTTP/1.1\r\nHost: localhost\n\r\n", ERR_USAGE, "LF alone" },
		{ "GET / HTTP/1.1\r\nHost: local\rhost\r\n\r\n", ERR_USAGE, "carriage return" },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", ERR_USAGE, "folded" },
		{ "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", ERR_USAGE, "folded" },
		{ "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", ERR_USAGE, "NAME: VALUE" },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", ERR_USAGE, "NAME: VALUE" },
		{ "GET / HTTP/1.1\r\n: x\r\n\r\n", ERR_USAGE, "NAME: VALUE" },
		{ "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", ERR_USAGE, "control character" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_USAGE,
			"Transfer-Encoding" },
		{ "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_USAGE, "Transfer-Encoding" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", ERR_USAGE, "twice" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 65537\r\n\r\n", ERR_TOO_LARGE, "65536" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 99999999999999999999\r\n\r\n", ERR_USAGE, "decimal" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: -1\r\n\r\n", ERR_USAGE, "decimal" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: +1\r\n\r\n", ERR_USAGE, "decimal" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 0x1\r\n\r\n", ERR_USAGE, "decimal" },
		{ "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1, 1\r\n\r\n", ERR_USAGE, "decimal" },
		{ "GET / HTTP/1.1\r\nHost:\r\nUpgrade: h2c\r\n\r\n", ERR_USAGE, "upgrade" },
		{ "GET / HTTP/2.0\r\nHost:\r\n\r\n", ERR_USAGE, "HTTP/1.1" },
		{ "GET / HTTP/1.1 \r\nHost:\r\n\r\n", ERR_USAGE, "HTTP/1.1" },
		{ "GET  / HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "HTTP/1.1" },
		{ "GET ?a=b HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "no path" },
		{ "GET  HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "no target" },
		{ "GET /a b HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "HTTP/1.1" },
		{ "get / HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "capital" },
		{ " / HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "1 to 16" },
		{ "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "1 to 16" },
		{ "GET /\xc3\xa9 HTTP/1.1\r\nHost:\r\n\r\n", ERR_USAGE, "ASCII" },
		{ "GET /\r\n\r\n", ERR_USAGE, "METHOD TARGET" },
		{ "\r\n\r\n", ERR_USAGE, "METHOD TARGET" },
		{ "\x16\x03\x01\x02", ERR_USAGE, "control character" }, /* TLS */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct request_line line;
		struct err err = ERR_INIT;
		enum request_head got = request_judge(slice_of(rows[i].head), REQUEST_UNIX, &line, &err);
		ck_assert_msg(got == (rows[i].code == ERR_OK ? REQUEST_GOOD : REQUEST_BAD) && err.code == rows[i].code &&
				strstr(err.text, rows[i].says),
			"%s: %d, %s", rows[i].head, got, err.text);
	}
}
END_TEST

START_TEST(test_ceilings_of_a_head)
{
	struct request_line line;
	struct err err = ERR_INIT;
	struct buf head = BUF_INIT(1 << 20);
	/* a hundred header lines are taken, one more is not */
	(void)buf_add_text(&head, "GET / HTTP/1.1\r\nHost:\r\n");
	for (int i = 1; i < REQUEST_LINES_MAX; i++)
		(void)buf_printf(&head, "X%d: y\r\n", i);
	size_t full = head.len;
	(void)buf_add_text(&head, "\r\n");
	ck_assert_int_eq(request_judge(buf_slice(&head), REQUEST_UNIX, &line, &err), REQUEST_GOOD);
	head.len = full;
	(void)buf_add_text(&head, "More: 1\r\n\r\n");
	ck_assert_int_eq(request_judge(buf_slice(&head), REQUEST_UNIX, &line, &err), REQUEST_BAD);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	/* 8192 bytes without an end */
	buf_clear(&head);
	(void)buf_add_text(&head, "GET / HTTP/1.1\r\nHost:\r\nX: ");
	while (head.len < REQUEST_HEAD_MAX - 1)
		(void)buf_add_char(&head, 'x');
	ck_assert_int_eq(request_judge(buf_slice(&head), REQUEST_UNIX, &line, &err), REQUEST_MORE);
	(void)buf_add_char(&head, 'x');
	ck_assert_int_eq(request_judge(buf_slice(&head), REQUEST_UNIX, &line, &err), REQUEST_BAD);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	/* a long target */
	buf_clear(&head);
	(void)buf_add_text(&head, "GET /");
	for (int i = 0; i < REQUEST_TARGET_MAX; i++)
		(void)buf_add_char(&head, 'a');
	(void)buf_add_text(&head, " HTTP/1.1\r\nHost:\r\n\r\n");
	ck_assert_int_eq(request_judge(buf_slice(&head), REQUEST_UNIX, &line, &err), REQUEST_BAD);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	buf_done(&head);
}
END_TEST

START_TEST(test_paths_match_by_segment)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
		const char *first, *second;
	} rows[] = {
		{ "/v1/pops", "/v1/pops", true, NULL, NULL },
		{ "/v1/pops", "/v1/pops/", false, NULL, NULL },
		{ "/v1/pops", "/v1/popsx", false, NULL, NULL },
		{ "/v1/pops", "/v1", false, NULL, NULL },
		{ "/v1/pops", "v1/pops", false, NULL, NULL },
		{ "/v1/pops", "", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/fra", true, "fra", NULL },
		{ "/v1/pops/{pop}", "/v1/pops/", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/fra/x", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/f%72a", true, "fra", NULL },
		{ "/v1/pops/{pop}", "/v1/p%6fps/fra", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/a%2fb", true, "a/b", NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%252e", true, "%2e", NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%2e%2e", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/..", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%00", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%0a", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%ff", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%f", false, NULL, NULL },
		{ "/v1/pops/{pop}", "/v1/pops/%zz", false, NULL, NULL },
		{ "/v1/prefixes/{a}/{l}", "/v1/prefixes/192.0.2.0/24", true, "192.0.2.0", "24" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct request_params params;
		ck_assert_msg(request_match(rows[i].pattern, rows[i].path, &params) == rows[i].matches, "%s %s", rows[i].pattern,
			rows[i].path);
		if (rows[i].first)
			ck_assert_str_eq(params.value[0], rows[i].first);
		if (rows[i].second)
			ck_assert_str_eq(params.value[1], rows[i].second);
	}
}
END_TEST

START_TEST(test_queries)
{
	static const char *const allowed[] = { "pop", "at", NULL };
	struct request_query q;
	struct err err = ERR_INIT;
	ck_assert_int_eq(request_read_query(slice_of("at=2026-11-23T11:35:03%2B02:00&pop="), allowed, &q, &err), 0);
	ck_assert_str_eq(request_value(&q, "at"), "2026-11-23T11:35:03+02:00");
	ck_assert_str_eq(request_value(&q, "pop"), "");
	ck_assert_int_eq(request_read_query(slice_of(""), NULL, &q, &err), 0);
	ck_assert_ptr_null(request_value(&q, "pop"));
	static const char *const bad[] = {
		"pop", "pop=a&pop=b", "x=1", "pop=%00", "pop=%", "&", "pop=a&&at=b", "=1", "p%6fp%00=1", "pop=%ff",
		("pop=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err_clear(&err);
		ck_assert_msg(request_read_query(slice_of(bad[i]), allowed, &q, &err) == -1, "%s", bad[i]);
		ck_assert_int_eq(err.code, ERR_USAGE);
	}
}
END_TEST

static Suite *
request_suite(void)
{
	Suite *suite = suite_create("request");
	TCase *tcase = tcase_create("request");
	tcase_add_test(tcase, test_a_good_head_is_good_only_when_whole);
	tcase_add_test(tcase, test_one_changed_byte);
	tcase_add_test(tcase, test_heads_that_may_not_come_in);
	tcase_add_test(tcase, test_ceilings_of_a_head);
	tcase_add_test(tcase, test_paths_match_by_segment);
	tcase_add_test(tcase, test_queries);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return suite_run(request_suite());
}
