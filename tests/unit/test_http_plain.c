/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain HTTP client: what its reader of heads and chunks takes and refuses, that no portioning of the bytes changes a
 * result, and what becomes of its connections. What both clients promise is held by test_http.c.
 */
#include "core/http_plain.h"

#include "core/http.h"
#include "hostile.h"
#include "suite.h"

#define HEAD  "HTTP/1.1 200 OK\r\n"
#define JSON  "Content-Type: application/json\r\n"

static const struct {
	const char *name, *head;
	int status; /* 0: refused */
	int64_t length;
	bool is_chunked, may_keep;
	const char *type; /* or what a refusal says */
} heads[] = {
	{ "whole", HEAD JSON "Content-Length: 8\r\n\r\n", 200, 8, false, true, "application/json" },
	{ "names in any case", HEAD "cONTENT-lENGTH:8\r\ncontent-TYPE:text/plain\r\n\r\n", 200, 8, false, true, "text/plain" },
	{ "blanks about a value", HEAD "Content-Length: \t 8 \t\r\n\r\n", 200, 8, false, true, NULL },
	{ "no reason", "HTTP/1.1 200\r\n\r\n", 200, -1, false, true, NULL },
	{ "no length", HEAD "\r\n", 200, -1, false, true, NULL },
	{ "chunks", HEAD "Transfer-Encoding: Chunked\r\n\r\n", 200, -1, true, true, NULL },
	{ "close", HEAD "Connection: close\r\nContent-Length: 0\r\n\r\n", 200, 0, false, false, NULL },
	{ "keep-alive", HEAD "Connection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 200, 0, false, true, NULL },
	{ "odd connection", HEAD "Connection: keep-alive, close\r\n\r\n", 200, -1, false, false, NULL },
	{ "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, 1, false, false, NULL },
	{ "no content", "HTTP/1.1 204 None\r\n\r\n", 204, 0, false, true, NULL },
	{ "not modified has no body", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 304, 0, false, true, NULL },
	{ "continue", "HTTP/1.1 100 Continue\r\n\r\n", 100, 0, false, true, NULL },
	{ "identity", HEAD "Content-Encoding: identity\r\n\r\n", 200, -1, false, true, NULL },
	{ "two lengths", HEAD "Content-Length: 8\r\nContent-Length: 8\r\n\r\n", 0, 0, false, false, "2 times" },
	{ "length and chunks", HEAD "Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0, false, false, "two ways" },
	{ "chunks twice", HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0, false, false, "encoded" },
	{ "gzip, chunked", HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 0, false, false, "compressed" },
	{ "gzip", HEAD "Content-Encoding: gzip\r\n\r\n", 0, 0, false, false, "compressed" },
	{ "two types", HEAD JSON JSON "\r\n", 0, 0, false, false, "2 times" },
	{ "signed length", HEAD "Content-Length: +8\r\n\r\n", 0, 0, false, false, "no number" },
	{ "list of lengths", HEAD "Content-Length: 8, 8\r\n\r\n", 0, 0, false, false, "no number" },
	{ "hexadecimal length", HEAD "Content-Length: 0x8\r\n\r\n", 0, 0, false, false, "no number" },
	{ "octal length", HEAD "Content-Length: 08\r\n\r\n", 0, 0, false, false, "no number" },
	{ "length beyond all", HEAD "Content-Length: 99999999999999999999\r\n\r\n", 0, 0, false, false, "no number" },
	{ "no length at all", HEAD "Content-Length:\r\n\r\n", 0, 0, false, false, "no number" },
	{ "blank before the colon", HEAD "Content-Length : 8\r\n\r\n", 0, 0, false, false, "no name" },
	{ "folded", HEAD "X: a\r\n b\r\n\r\n", 0, 0, false, false, "folded" },
	{ "no name", HEAD ": a\r\n\r\n", 0, 0, false, false, "no name" },
	{ "no colon", HEAD "Content-Length\r\n\r\n", 0, 0, false, false, "no name" },
	{ "bare LF", HEAD "Content-Length: 8\n\r\n", 0, 0, false, false, "CR LF" },
	{ "bare LF throughout", "HTTP/1.1 200 OK\n\n", 0, 0, false, false, "CR LF" },
	{ "bare CR", HEAD "X: a\rContent-Length: 8\r\n\r\n", 0, 0, false, false, "control character" },
	{ "HTTP/2", "HTTP/2 200\r\n\r\n", 0, 0, false, false, "no status line" },
	{ "HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", 0, 0, false, false, "no status line" },
	{ "status of two digits", "HTTP/1.1 20 OK\r\n\r\n", 0, 0, false, false, "does not speak HTTP" },
	{ "status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", 0, 0, false, false, "no status line" },
	{ "status in letters", "HTTP/1.1 2x0 OK\r\n\r\n", 0, 0, false, false, "no number" },
	{ "status below 100", "HTTP/1.1 099 OK\r\n\r\n", 0, 0, false, false, "below 100" },
	{ "lower case", "http/1.1 200 OK\r\n\r\n", 0, 0, false, false, "no status line" },
	{ "empty line first", "\r\n" HEAD "\r\n", 0, 0, false, false, "no status line" },
};

/* Reads a head as it arrives in pieces of `step` bytes, with the body's first bytes behind it. */
static ssize_t
read_in_pieces(const char *text, size_t step, struct http_head *out, struct err *err)
{
	size_t len = strlen(text), seen = 0;
	for (size_t n = step < len ? step : len;; n = n + step < len ? n + step : len) {
		ssize_t rc = http_head_read((struct slice){ text, n }, &seen, out, err);
		if (rc != 0 || n == len)
			return rc;
	}
}

START_TEST(test_head)
{
	for (size_t step = 1; step <= strlen(heads[_i].head); step++) {
		struct http_head h = { 0 };
		struct err err = ERR_INIT;
		ssize_t n = read_in_pieces(heads[_i].head, step, &h, &err);
		if (heads[_i].status == 0) {
			ck_assert_msg(n == -1, "%s: taken", heads[_i].name);
			ck_assert_int_eq(err.code, ERR_PROTOCOL);
			ck_assert_msg(strstr(err.text, heads[_i].type) != NULL, "%s: '%s'", heads[_i].name, err.text);
			continue;
		}
		ck_assert_msg(n == (ssize_t)strlen(heads[_i].head), "%s: %s", heads[_i].name, err.text);
		ck_assert_int_eq(h.status, heads[_i].status);
		ck_assert_int_eq(h.length, heads[_i].length);
		ck_assert(h.is_chunked == heads[_i].is_chunked && h.may_keep == heads[_i].may_keep);
		ck_assert(!h.type.data == !heads[_i].type);
		if (h.type.data)
			ck_assert(slice_equal(h.type, heads[_i].type));
	}
}
END_TEST

START_TEST(test_head_is_bounded)
{
	struct buf text = BUF_INIT(4u * HTTP_HEAD_MAX);
	struct http_head h;
	struct err err = ERR_INIT;
	size_t seen = 0;
	buf_add_text(&text, HEAD);
	while (text.len < HTTP_HEAD_MAX)
		buf_add_text(&text, "X: 0123456789\r\n");
	ck_assert_int_eq(http_head_read(buf_slice(&text), &seen, &h, &err), -1);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	buf_done(&text);
}
END_TEST

/* Whatever one byte of a head becomes, portions change nothing, and nothing is read beyond the end. */
START_TEST(test_any_byte_of_a_head)
{
	static const char head[] = HEAD JSON "Content-Length: 12\r\nConnection: close\r\n\r\n";
	static const char bytes[] = { '\0', '\t', '\n', '\r', ' ', ':', '0', '9', 'A', (char)0x7f, (char)0x80, (char)0xff };
	for (size_t at = 0; at < sizeof head - 1; at++) {
		char *copy = xmalloc(sizeof head - 1);
		memcpy(copy, head, sizeof head - 1);
		for (size_t b = 0; b < sizeof bytes; b++) {
			copy[at] = bytes[b];
			struct http_head whole, pieces;
			struct err e1 = ERR_INIT, e2 = ERR_INIT;
			size_t seen = 0;
			ssize_t n1 = http_head_read((struct slice){ copy, sizeof head - 1 }, &seen, &whole, &e1), n2 = 0;
			seen = 0;
			for (size_t n = 1; n <= sizeof head - 1 && n2 == 0; n++)
				n2 = http_head_read((struct slice){ copy, n }, &seen, &pieces, &e2);
			ck_assert_int_eq(n1, n2);
			ck_assert_int_eq(e1.code, e2.code);
			if (n1 > 0)
				ck_assert(whole.status == pieces.status && whole.length == pieces.length &&
					whole.may_keep == pieces.may_keep);
		}
		free(copy);
	}
}
END_TEST

static const struct {
	const char *name, *bytes, *body; /* body NULL: refused */
	int rc;
} chunks[] = {
	{ "two", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", 1 },
	{ "upper and lower case", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a", 1 },
	{ "leading zeros", "0003\r\nabc\r\n000\r\n\r\n", "abc", 1 },
	{ "unfinished", "3\r\nabc\r\n", "abc", 0 },
	{ "unfinished chunk", "3\r\nab", "ab", 0 },
	{ "no last line", "3\r\nabc\r\n0\r\n", "abc", 0 },
	{ "no size", "\r\nabc\r\n", NULL, -1 },
	{ "no number", "zz\r\nabc\r\n", NULL, -1 },
	{ "negative", "-3\r\nabc\r\n", NULL, -1 },
	{ "blank", "3 \r\nabc\r\n", NULL, -1 },
	{ "nine digits", "000000003\r\nabc\r\n", NULL, -1 },
	{ "extension", "3;a=b\r\nabc\r\n", NULL, -1 },
	{ "bare LF", "3\nabc\r\n", NULL, -1 },
	{ "longer than said", "3\r\nabcd\r\n", NULL, -1 },
	{ "shorter than said", "3\r\nab\r\n2\r\n", NULL, -1 },
	{ "trailer", "0\r\nX: y\r\n\r\n", NULL, -1 },
	{ "too much", "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n", NULL, -1 },
};

START_TEST(test_chunks)
{
	for (size_t step = 1; step <= strlen(chunks[_i].bytes); step++) {
		struct http_chunks c = { 0 };
		struct buf body = BUF_INIT(40);
		struct err err = ERR_INIT;
		size_t len = strlen(chunks[_i].bytes);
		int rc = 0;
		for (size_t at = 0; at < len && rc == 0; at += step) {
			struct slice in = { chunks[_i].bytes + at, step < len - at ? step : len - at };
			rc = http_chunks_read(&c, &in, &body, &err);
			ck_assert(rc != 0 || in.len == 0);
		}
		ck_assert_msg(rc == chunks[_i].rc, "%s: %d in steps of %zu", chunks[_i].name, rc, step);
		if (chunks[_i].body)
			ck_assert_str_eq(buf_text(&body), chunks[_i].body);
		else
			ck_assert(err.code == ERR_PROTOCOL || (body.truncated && err.code == ERR_TOO_LARGE));
		buf_done(&body);
	}
}
END_TEST

START_TEST(test_what_follows_the_last_chunk_is_left)
{
	struct http_chunks c = { 0 };
	struct buf body = BUF_INIT(40);
	struct err err = ERR_INIT;
	struct slice in = slice_of("1\r\na\r\n0\r\n\r\nHTTP/1.1");
	ck_assert_int_eq(http_chunks_read(&c, &in, &body, &err), 1);
	ck_assert(slice_equal(in, "HTTP/1.1"));
	buf_done(&body);
}
END_TEST

/* Connections */

#define OK HEAD JSON "Content-Length: 2\r\n\r\n{}"

struct outcome {
	size_t calls, good;
	char text[ERR_TEXT_MAX];
};

static struct loop *loop;
static struct http *http;
static struct hostile server;
static struct outcome out;

static void
set_up(void)
{
	static const struct hostile_script script = { .head = OK, .end = HOSTILE_KEEP };
	struct err err = ERR_INIT;
	out = (struct outcome){ 0 };
	loop = loop_new(&err);
	http = http_new(loop, NULL, &err);
	hostile_open(&server, loop, NULL, &script);
}

static void
tear_down(void)
{
	http_free(http);
	hostile_close(&server);
	loop_free(loop);
}

static void
on_done(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct outcome *o = arg;
	o->calls++;
	o->good += reply != NULL && slice_equal(reply->body, "{}");
	snprintf(o->text, sizeof o->text, "%s", err->text);
}

static struct http_call *
start(const char *host)
{
	char url[80];
	snprintf(url, sizeof url, "http://%s:%u/v1/node?a=b", host, server.port);
	struct http_request r = { .url = url, .address = "127.0.0.1", .deadline = mono_add_ms(clock_mono(), 10000) };
	return http_start(http, &r, on_done, &out);
}

static void
ask(void)
{
	size_t before = out.calls;
	start("127.0.0.1");
	while (out.calls == before)
		ck_assert(loop_turn(loop, true));
}

START_TEST(test_request_is_what_it_should_be)
{
	char wanted[200];
	ask();
	snprintf(wanted, sizeof wanted, "GET /v1/node?a=b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n\r\n", server.port);
	ck_assert_str_eq(buf_text(&server.asked), wanted);
}
END_TEST

START_TEST(test_names_share_the_connections_of_an_address)
{
	for (int i = 0; i < 3; i++) {
		ask();
		size_t before = out.calls;
		start("fra1.example");
		while (out.calls == before)
			loop_turn(loop, true);
	}
	ck_assert_uint_eq(out.good, 6);
	ck_assert_uint_eq(server.accepted, 1);
	ck_assert(slice_contains(buf_slice(&server.asked), "Host: fra1.example:"));
}
END_TEST

START_TEST(test_calls_at_once_have_connections_of_their_own)
{
	for (int i = 0; i < 5; i++)
		start("127.0.0.1");
	while (out.calls < 5)
		loop_turn(loop, true);
	ck_assert_uint_eq(out.good, 5);
	ck_assert_uint_eq(server.accepted, 5);
	ask();
	ck_assert_uint_eq(server.accepted, 5);
}
END_TEST

/* The server hangs up and in the same turn, before that is noticed, the next question is sent. */
START_TEST(test_dead_connection_is_replaced_once)
{
	ask();
	while (server.conns)
		hostile_conn_close(server.conns, true);
	ask();
	ck_assert_uint_eq(out.good, 2);
	ck_assert_uint_eq(server.accepted, 2);
	static const struct hostile_script rude = { .head = "", .end = HOSTILE_CLOSE };
	server.script = &rude;
	ask(); /* hangs up on the kept connection, and on the next: that is an answer */
	ck_assert_uint_eq(out.good, 2);
	ck_assert_uint_eq(server.accepted, 3);
	ck_assert_ptr_nonnull(strstr(out.text, "without a whole answer"));
}
END_TEST

static const struct hostile_script not_kept[] = {
	{ .head = HEAD JSON "Connection: close\r\nContent-Length: 2\r\n\r\n{}", .end = HOSTILE_KEEP },
	{ .head = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", .end = HOSTILE_KEEP },
	{ .head = OK "x", .end = HOSTILE_KEEP }, /* a byte too many: whose answer does it begin? */
	{ .head = HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nx", .end = HOSTILE_KEEP },
};

START_TEST(test_connection_is_not_kept)
{
	server.script = &not_kept[_i];
	ask();
	ask();
	ck_assert_uint_eq(out.good, 2);
	ck_assert_uint_eq(server.accepted, 2);
}
END_TEST

/* An answer nobody asked for must not become the answer to the next question. */
START_TEST(test_word_in_between_ends_the_connection)
{
	ask();
	static const char fake[] = HEAD JSON "Content-Length: 4\r\n\r\nfake";
	ck_assert_int_eq(send(server.conns->fd, fake, sizeof fake - 1, MSG_NOSIGNAL), sizeof fake - 1);
	while (server.open > 0)
		loop_turn(loop, true);
	ask();
	ck_assert_uint_eq(out.good, 2);
	ck_assert_uint_eq(server.accepted, 2);
}
END_TEST

START_TEST(test_refusal_keeps_the_connection)
{
	static const struct hostile_script no = { .head = "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nno!", .end = HOSTILE_KEEP };
	static const struct hostile_script dribbled = { .head = "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		.piece = "1\r\nx\r\n0\r\n\r\n", .times = 1, .every_ms = 1, .end = HOSTILE_KEEP };
	server.script = &no;
	ask();
	ck_assert_ptr_nonnull(strstr(out.text, "404"));
	server.script = &dribbled;
	ask();
	ck_assert_ptr_nonnull(strstr(out.text, "503"));
	ck_assert_uint_eq(server.accepted, 1);
}
END_TEST

START_TEST(test_body_in_pieces)
{
	static const struct hostile_script pieces = { .head = "HTTP/1.1 100 Continue\r\n\r\n" HEAD "Content-Length: 2\r\n\r\n",
		.piece = "{}", .times = 1, .every_ms = 1, .end = HOSTILE_KEEP };
	server.script = &pieces;
	ask();
	while (server.answered < 1) /* its timer still runs */
		loop_turn(loop, true);
	ask();
	ck_assert_uint_eq(out.good, 2);
	ck_assert_uint_eq(server.accepted, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http_plain");
	TCase *reading = tcase_create("reading");
	tcase_set_timeout(reading, 60);
	tcase_add_loop_test(reading, test_head, 0, sizeof heads / sizeof heads[0]);
	tcase_add_test(reading, test_head_is_bounded);
	tcase_add_test(reading, test_any_byte_of_a_head);
	tcase_add_loop_test(reading, test_chunks, 0, sizeof chunks / sizeof chunks[0]);
	tcase_add_test(reading, test_what_follows_the_last_chunk_is_left);
	suite_add_tcase(suite, reading);
	TCase *c = tcase_create("connections");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_request_is_what_it_should_be);
	tcase_add_test(c, test_names_share_the_connections_of_an_address);
	tcase_add_test(c, test_calls_at_once_have_connections_of_their_own);
	tcase_add_test(c, test_dead_connection_is_replaced_once);
	tcase_add_loop_test(c, test_connection_is_not_kept, 0, sizeof not_kept / sizeof not_kept[0]);
	tcase_add_test(c, test_word_in_between_ends_the_connection);
	tcase_add_test(c, test_refusal_keeps_the_connection);
	tcase_add_test(c, test_body_in_pieces);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
