/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client against a server that means harm. Each row of the table is one thing a node may do to us; the client
 * must say what happened within the deadline, keep no more bytes than it was allowed, and go on with the next call.
 */
#include "core/http.h"

#include <sched.h>
#include <sys/wait.h>

#include "hostile.h"
#include "suite.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
#define OK      OK_HEAD "{\"a\": 1}"
#define ENDLESS SIZE_MAX

/* 64 KiB of zeros, deflated to a block that may be repeated for ever. */
static const char zeros[] =
	"\xec\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x6a\x00\x00\x00\xff\xff";
#define GZIP_HEAD "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"

struct outcome {
	size_t calls;
	enum err_code code;
	char text[ERR_TEXT_MAX];
	int status;
	struct buf body;
	char type[80];
	size_t pieces;
	struct http_call *call;
	bool cancel_at_first;
	bool submit_again;
	struct http *http;
};

static void
on_done(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct outcome *o = arg;
	o->calls++;
	o->code = err->code;
	ck_assert(!reply == (err->code != ERR_OK));
	snprintf(o->text, sizeof o->text, "%s", err->text);
	if (!reply)
		return;
	o->status = reply->status;
	snprintf(o->type, sizeof o->type, "%s", reply->content_type ? reply->content_type : "");
	buf_clear(&o->body);
	buf_add(&o->body, reply->body.data, reply->body.len);
}

static struct outcome
outcome_new(void)
{
	return (struct outcome){ .body = BUF_INIT(4u << 20) };
}

static void
wait_for(struct loop *l, const size_t *count, size_t wanted)
{
	while (*count < wanted)
		ck_assert(loop_turn(l, true));
}

static struct http_request
request_to(const struct hostile *s, struct loop *l, int64_t ms)
{
	static char url[80];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/node", s->port);
	(void)l;
	return (struct http_request){ .url = url, .accept = "application/json", .deadline = mono_add_ms(clock_mono(), ms) };
}

struct row {
	const char *name;
	struct hostile_script script;
	int64_t ms; /* deadline, 0: 10 s, never to be reached */
	enum err_code code;
	const char *says; /* in the sentence; for a good answer: the body */
};

#define GZIP(header) \
	{ .head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" header "\r\n\r\n" GZIP_HEAD, \
	  .head_len = sizeof("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" header "\r\n\r\n" GZIP_HEAD) - 1, \
	  .piece = zeros, .piece_len = sizeof zeros - 1, .times = ENDLESS, .end = HOSTILE_CLOSE }
#define ANSWER(bytes) { .head = (bytes), .end = HOSTILE_KEEP }
#define HEAD_200      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static const struct row rows[] = {
	{ "whole answer", ANSWER(OK), 0, ERR_OK, "{\"a\": 1}" },
	{ "type with parameters", ANSWER("HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\n"
		"Content-Length: 2\r\n\r\n{}"), 0, ERR_OK, "{}" },
	{ "chunks", ANSWER(HEAD_200 "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\n\r\n"), 0, ERR_OK,
		"{\"a\": 1}" },
	{ "HTTP/1.0 until close", { .head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
		.end = HOSTILE_CLOSE }, 0, ERR_OK, "{}" },
	{ "redirect", ANSWER("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), 0,
		ERR_PROTOCOL, "redirects: status 302" },
	{ "401", ANSWER("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno"), 0, ERR_CREDENTIAL, "status 401" },
	{ "403", ANSWER("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), 0, ERR_CREDENTIAL, "status 403" },
	{ "404", ANSWER("HTTP/1.1 404 No such URL\r\nContent-Length: 0\r\n\r\n"), 0, ERR_NOT_FOUND, "404" },
	{ "500", ANSWER("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), 0, ERR_BAD_REPLY, "status 500" },
	{ "204", ANSWER("HTTP/1.1 204 Nothing\r\n\r\n"), 0, ERR_BAD_REPLY, "status 204" },
	{ "503", ANSWER("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), 0, ERR_THROTTLED, "status 503" },
	{ "404 without end", { .head = "HTTP/1.1 404 No\r\n\r\n", .piece = "no such page ", .times = ENDLESS }, 0,
		ERR_NOT_FOUND, "404" },
	{ "wrong type", ANSWER("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}"), 0, ERR_PROTOCOL,
		"text/html" },
	{ "almost the right type", ANSWER("HTTP/1.1 200 OK\r\nContent-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}"),
		0, ERR_PROTOCOL, "application/json was expected" },
	{ "no type", ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 0, ERR_PROTOCOL, "no type" },
	{ "escape sequence in the type", ANSWER("HTTP/1.1 200 OK\r\nContent-Type: \033]52;c;x\a\r\nContent-Length: 2\r\n\r\n{}"),
		0, ERR_PROTOCOL, "application/json was expected" },
	{ "gzip nobody asked for", GZIP("Content-Encoding: gzip"), 0, ERR_PROTOCOL, "compressed" },
	{ "gzip bomb as transfer encoding", GZIP("Transfer-Encoding: gzip"), 0, ERR_PROTOCOL, "compressed" },
	{ "endless chunks", { .head = HEAD_200 "Transfer-Encoding: chunked\r\n\r\n", .piece = "10\r\n0123456789abcdef\r\n",
		.times = ENDLESS }, 0, ERR_TOO_LARGE, "larger than 65536 bytes" },
	{ "endless body", { .head = HEAD_200 "\r\n", .piece = "0123456789abcdef", .times = ENDLESS }, 0, ERR_TOO_LARGE,
		"larger than 65536 bytes" },
	{ "declared too large", ANSWER(HEAD_200 "Content-Length: 65537\r\n\r\n"), 0, ERR_TOO_LARGE, "larger than 65536 bytes" },
	{ "header line of 1 MiB", { .head = "HTTP/1.1 200 OK\r\nX: ", .piece = "0123456789abcdef", .times = 65536,
		.end = HOSTILE_CLOSE }, 0, ERR_TOO_LARGE, "header" },
	{ "headers without end", { .head = "HTTP/1.1 200 OK\r\n", .piece = "X: 0123456789abcdef\r\n", .times = ENDLESS }, 0,
		ERR_TOO_LARGE, "header" },
	{ "continue without end", { .piece = "HTTP/1.1 100 Continue\r\n\r\n", .times = ENDLESS }, 0, ERR_TOO_LARGE, "header" },
	{ "one byte at a time", { .head = HEAD_200 "Content-Length: 8\r\n\r\n", .piece = "1", .times = 8, .every_ms = 60 }, 150,
		ERR_TIMEOUT, "did not finish its answer within 0.1 s" },
	{ "header one byte at a time", { .piece = "H", .times = ENDLESS, .every_ms = 20 }, 150, ERR_PROTOCOL, "HTTP" },
	{ "never answers", { .head = "" }, 120, ERR_TIMEOUT, "took the connection and did not answer within 0.1 s" },
	{ "closes in the body", { .head = HEAD_200 "Content-Length: 8\r\n\r\n{\"a", .end = HOSTILE_CLOSE }, 0, ERR_CONN_LOST,
		"in the middle of the answer, after 3 bytes" },
	{ "resets in the body", { .head = HEAD_200 "Content-Length: 8\r\n\r\n{\"a", .end = HOSTILE_RESET }, 0, ERR_CONN_LOST,
		"ended the connection" },
	{ "closes between chunks", { .head = HEAD_200 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", .end = HOSTILE_CLOSE },
		0, ERR_CONN_LOST, "ended the connection" },
	{ "closes unasked", { .at_once = true, .end = HOSTILE_CLOSE }, 0, ERR_CONN_LOST, "without a whole answer" },
	{ "closes without a word", { .end = HOSTILE_CLOSE }, 0, ERR_CONN_LOST, "without a whole answer" },
	{ "broken chunk", ANSWER(HEAD_200 "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), 0, ERR_PROTOCOL, "HTTP" },
	{ "an SSH server", { .head = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", .end = HOSTILE_HOLD, .at_once = true }, 0,
		ERR_PROTOCOL, "does not speak HTTP" },
	{ "HTTP/0.9", { .head = "<html>hello</html>", .end = HOSTILE_CLOSE }, 0, ERR_PROTOCOL, "does not speak HTTP" },
	{ "two lengths", ANSWER(HEAD_200 "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), 0, ERR_PROTOCOL, "2 times" },
	{ "length that is none", ANSWER(HEAD_200 "Content-Length: -5\r\n\r\n{}"), 0, ERR_PROTOCOL, NULL },
};

/* A header of its own makes a request curl's, else the plain client asks: both keep the promises of http.h. */
static const char *const curls[] = { "X-Asked-By: curl" };

START_TEST(test_every_answer_is_judged)
{
	const struct row *row = &rows[_i / 2];
	bool is_curls = _i % 2;
	struct err err = ERR_INIT;
	struct loop *l = loop_new(&err);
	struct http *h = http_new(l, NULL, &err);
	ck_assert_ptr_nonnull(h);
	struct hostile s;
	hostile_open(&s, l, NULL, &row->script);
	struct outcome o = outcome_new();
	struct http_request r = request_to(&s, l, row->ms ? row->ms : 10000);
	r.body_max = 65536;
	r.headers = curls;
	r.n_headers = is_curls;
	struct mono start = clock_mono();
	http_start(h, &r, on_done, &o);
	ck_assert_uint_eq(o.calls, 0); /* never from inside */
	wait_for(l, &o.calls, 1);
	double took = mono_s_since(clock_mono(), start);
	ck_assert_msg(o.code == row->code, "%s, %s: %s (%s), expected %s", row->name, is_curls ? "curl" : "plain", err_code_name(o.code), o.text,
		err_code_name(row->code));
	if (row->says)
		ck_assert_msg(strstr(row->code == ERR_OK ? buf_text(&o.body) : o.text, row->says) != NULL,
			"%s: '%s' does not say '%s'", row->name, o.text, row->says);
	if (row->code == ERR_OK)
		ck_assert_int_eq(o.status, 200);
	ck_assert_msg(took < 9, "%s took %.1f s", row->name, took);
	for (const char *p = o.text; *p; p++)
		ck_assert_msg((unsigned char)*p >= ' ', "%s: control character in '%s'", row->name, o.text);
	ck_assert_uint_eq(http_calls(h), 0);
	http_free(h);
	ck_assert_uint_eq(o.calls, 1);
	hostile_close(&s);
	loop_free(l);
	buf_done(&o.body);
}
END_TEST

struct fixture {
	struct loop *loop;
	struct http *http;
	struct hostile server;
	struct outcome out;
};

static struct fixture f;

static void
set_up(void)
{
	static const struct hostile_script script = { .head = OK, .end = HOSTILE_KEEP };
	struct err err = ERR_INIT;
	f.loop = loop_new(&err);
	f.http = http_new(f.loop, &(const struct http_options){ .lanes = 4 }, &err);
	ck_assert_ptr_nonnull(f.http);
	hostile_open(&f.server, f.loop, NULL, &script);
	f.out = outcome_new();
	f.out.http = f.http;
}

static void
tear_down(void)
{
	http_free(f.http);
	hostile_close(&f.server);
	loop_free(f.loop);
	buf_done(&f.out.body);
}

static void
ask(const struct http_request *r)
{
	size_t before = f.out.calls;
	f.out.call = http_start(f.http, r, on_done, &f.out);
	wait_for(f.loop, &f.out.calls, before + 1);
}

START_TEST(test_answer_cut_at_any_byte_is_none)
{
	struct http_request r = request_to(&f.server, f.loop, 10000);
	for (size_t n = 1; n < sizeof OK - 1; n++) {
		const struct hostile_script cut = { .head = OK, .head_len = n, .end = n % 2 ? HOSTILE_CLOSE : HOSTILE_RESET };
		f.server.script = &cut;
		ask(&r);
		ck_assert_msg(f.out.code == ERR_CONN_LOST || f.out.code == ERR_PROTOCOL || f.out.code == ERR_BAD_REPLY,
			"after %zu bytes: %s (%s)", n, err_code_name(f.out.code), f.out.text);
	}
}
END_TEST

START_TEST(test_connection_is_kept)
{
	struct http_request r = request_to(&f.server, f.loop, 10000);
	for (int i = 0; i < 5; i++) {
		ask(&r);
		ck_assert_int_eq(f.out.code, ERR_OK);
	}
	ck_assert_uint_eq(f.server.accepted, 1);
}
END_TEST

static void
set_true(void *arg)
{
	*(size_t *)arg = 1;
}

START_TEST(test_server_that_hangs_up_while_idle_costs_nothing)
{
	struct http_request r = request_to(&f.server, f.loop, 10000);
	ask(&r);
	while (f.server.conns)
		hostile_conn_close(f.server.conns, false);
	/* The idle socket is readable for ever now; the loop must not spin on it. */
	size_t is_over = 0, turns = 0;
	struct loop_timer *t = loop_timer_add(f.loop, 100, 0, set_true, &is_over);
	while (!is_over) {
		loop_turn(f.loop, true);
		turns++;
	}
	loop_timer_del(t);
	ck_assert_uint_lt(turns, 20);
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_uint_eq(f.server.accepted, 2);
}
END_TEST

START_TEST(test_request_gives_nothing_away)
{
	static const struct hostile_script cookie = {
		.head = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		.end = HOSTILE_KEEP,
	};
	f.server.script = &cookie;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	static const char *const header[] = { "Authorization: Bearer secret" };
	struct http_request r = request_to(&f.server, f.loop, 10000);
	r.headers = header;
	r.n_headers = 1;
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert(slice_contains(buf_slice(&f.server.asked), "Authorization: Bearer secret\r\n"));
	ck_assert(slice_contains(buf_slice(&f.server.asked), "Accept: application/json\r\n"));
	buf_clear(&f.server.asked);
	r.n_headers = 0;
	ask(&r);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	ck_assert_int_eq(f.out.code, ERR_OK);
	static const char *const never[] = { "Accept-Encoding", "Cookie", "Authorization", "Proxy", "Expect", "Referer" };
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		ck_assert_msg(!slice_contains(buf_slice(&f.server.asked), never[i]), "%s was sent", never[i]);
}
END_TEST

START_TEST(test_post_and_problem)
{
	static const struct hostile_script problem = {
		.head = "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: 15\r\n\r\n"
			"{\"code\":\"busy\"}",
		.end = HOSTILE_KEEP,
	};
	f.server.script = &problem;
	struct http_request r = request_to(&f.server, f.loop, 10000);
	r.method = "POST";
	r.body = slice_of("{\"verb\":\"drain\"}");
	r.any_status = true;
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_int_eq(f.out.status, 409);
	ck_assert_str_eq(f.out.type, "application/problem+json");
	ck_assert_str_eq(buf_text(&f.out.body), "{\"code\":\"busy\"}");
	ck_assert(slice_starts(buf_slice(&f.server.asked), "POST /v1/node HTTP/1.1\r\n"));
	ck_assert(slice_contains(buf_slice(&f.server.asked), "\r\n\r\n{\"verb\":\"drain\"}"));
	/* the same handle serves a plain GET afterwards */
	buf_clear(&f.server.asked);
	struct http_request get = request_to(&f.server, f.loop, 10000);
	ask(&get);
	ck_assert_int_eq(f.out.code, ERR_BAD_REPLY);
	ck_assert(slice_starts(buf_slice(&f.server.asked), "GET /v1/node HTTP/1.1\r\n"));
	ck_assert(!slice_contains(buf_slice(&f.server.asked), "Content-Type"));
}
END_TEST

START_TEST(test_name_is_never_looked_up)
{
	struct http_request r = request_to(&f.server, f.loop, 10000);
	char url[80];
	snprintf(url, sizeof url, "http://fra1.example:%u/v1/node", f.server.port);
	r.url = url;
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_NO_ROUTE);
	ck_assert_ptr_nonnull(strstr(f.out.text, "fra1.example was not resolved"));
	r.address = "127.0.0.1";
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert(slice_contains(buf_slice(&f.server.asked), "Host: fra1.example:"));
	r.address = "localhost";
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_USAGE);
}
END_TEST

START_TEST(test_refused_connection)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	bind(fd, (struct sockaddr *)&in, sizeof in); /* bound, so ours alone, and not listening */
	getsockname(fd, (struct sockaddr *)&in, &len);
	char url[80];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
	struct http_request r = { .url = url, .deadline = mono_add_ms(clock_mono(), 10000) };
	ask(&r);
	close(fd);
	ck_assert_int_eq(f.out.code, ERR_CONN_REFUSED);
}
END_TEST

START_TEST(test_connection_that_nobody_takes)
{
	/* A full queue of a listener drops further connection attempts without a word. */
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	bind(fd, (struct sockaddr *)&in, sizeof in);
	getsockname(fd, (struct sockaddr *)&in, &len);
	listen(fd, 0);
	int fill[3];
	for (int i = 0; i < 3; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&in, sizeof in);
	}
	char url[80];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
	struct http_request r = { .url = url, .deadline = mono_add_ms(clock_mono(), 120) };
	ask(&r);
	for (int i = 0; i < 3; i++)
		close(fill[i]);
	close(fd);
	ck_assert_int_eq(f.out.code, ERR_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(f.out.text, "no connection to 127.0.0.1:"));
}
END_TEST

/* In a network namespace of its own, where even loopback is down: nothing has a route. */
static int
no_route_child(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1 && unshare(CLONE_NEWNET) == -1)
		return 77;
	struct err err = ERR_INIT;
	struct loop *l = loop_new(&err);
	struct http *h = http_new(l, NULL, &err);
	struct outcome o = outcome_new();
	struct http_request r = { .url = "http://127.0.0.1:9/", .deadline = mono_add_ms(clock_mono(), 10000) };
	http_start(h, &r, on_done, &o);
	while (o.calls == 0 && loop_turn(l, true))
		;
	http_free(h);
	loop_free(l);
	return o.code == ERR_NO_ROUTE ? 0 : 1;
}

START_TEST(test_no_route)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(no_route_child());
	int status;
	waitpid(pid, &status, 0);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("SKIP test_no_route: network namespaces are not allowed here\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(test_unix_socket)
{
	char dir[] = "/tmp/test-http-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/api", dir);
	struct http_request r = {
		.url = "http://catchmentd/v1/fleet",
		.unix_path = path,
		.accept = "application/json",
		.deadline = mono_add_ms(clock_mono(), 10000),
	};
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_CONN_REFUSED);
	ck_assert_ptr_nonnull(strstr(f.out.text, path));
	static const struct hostile_script script = { .head = OK, .end = HOSTILE_KEEP };
	struct hostile s;
	hostile_open(&s, f.loop, path, &script);
	ask(&r);
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_uint_eq(s.accepted, 1);
	/* the handle goes back to TCP */
	struct http_request tcp = request_to(&f.server, f.loop, 10000);
	ask(&tcp);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_uint_eq(f.server.accepted, 1);
	hostile_close(&s);
	unlink(path);
	rmdir(dir);
}
END_TEST

static void
on_piece(void *arg, struct slice bytes)
{
	struct outcome *o = arg;
	o->pieces++;
	buf_add(&o->body, bytes.data, bytes.len);
	if (o->cancel_at_first)
		http_cancel(o->call);
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

static struct http_request
stream_request(int64_t quiet_ms)
{
	struct http_request r = request_to(&f.server, f.loop, 2000);
	r.accept = "text/event-stream";
	r.chunk = on_piece;
	r.quiet_ms = quiet_ms;
	return r;
}

START_TEST(test_stream_hands_out_pieces_until_it_ends)
{
	static const struct hostile_script script = {
		.head = STREAM_HEAD, .piece = "data: 1\n\n", .times = 6, .every_ms = 20, .end = HOSTILE_CLOSE };
	f.server.script = &script;
	struct http_request r = stream_request(1000);
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_uint_ge(f.out.pieces, 3);
}
END_TEST

START_TEST(test_stream_outlives_its_deadline_but_not_its_heartbeat)
{
	static const struct hostile_script script = {
		.head = STREAM_HEAD, .piece = ": hb\n\n", .times = 8, .every_ms = 40, .end = HOSTILE_HOLD };
	f.server.script = &script;
	struct http_request r = stream_request(150);
	r.deadline = mono_add_ms(clock_mono(), 200);
	struct mono start = clock_mono();
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(f.out.text, "heartbeat is overdue"));
	ck_assert_uint_ge(f.out.pieces, 6);
	ck_assert_int_ge(mono_ms_since(clock_mono(), start), 300);
}
END_TEST

START_TEST(test_stream_of_another_type_is_refused)
{
	struct http_request r = stream_request(1000);
	ask(&r);
	ck_assert_int_eq(f.out.code, ERR_PROTOCOL);
	ck_assert_uint_eq(f.out.pieces, 0);
}
END_TEST

START_TEST(test_stream_flood_is_bounded)
{
	static const struct hostile_script script = { .head = STREAM_HEAD, .piece = "data: 0123456789\n", .times = ENDLESS };
	f.server.script = &script;
	struct http_request r = stream_request(1000);
	f.out.cancel_at_first = true;
	f.out.call = http_start(f.http, &r, on_done, &f.out);
	wait_for(f.loop, &f.out.pieces, 1);
	ck_assert_uint_le(f.out.body.len, HTTP_BODY_MAX);
	ck_assert_uint_eq(http_calls(f.http), 0);
	for (int i = 0; i < 20; i++)
		loop_turn(f.loop, false);
	ck_assert_uint_eq(f.out.calls, 0); /* a cancelled call says nothing more */
}
END_TEST

START_TEST(test_cancel_closes_the_connection)
{
	static const struct hostile_script script = { .head = "" };
	f.server.script = &script;
	struct http_request r = request_to(&f.server, f.loop, 10000);
	struct http_call *c = http_start(f.http, &r, on_done, &f.out);
	wait_for(f.loop, &f.server.answered, 1);
	http_cancel(c);
	while (f.server.open > 0)
		ck_assert(loop_turn(f.loop, true));
	ck_assert_uint_eq(f.out.calls, 0);
}
END_TEST

static void
on_done_again(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct outcome *o = arg;
	on_done(arg, reply, err);
	struct http_request r = request_to(&f.server, f.loop, 10000);
	if (o->submit_again)
		http_start(o->http, &r, on_done_again, o);
}

START_TEST(test_free_ends_calls_under_way)
{
	static const struct hostile_script script = { .head = "" };
	f.server.script = &script;
	struct http_request r = request_to(&f.server, f.loop, 10000);
	f.out.submit_again = true;
	for (int i = 0; i < 3; i++)
		http_start(f.http, &r, on_done_again, &f.out);
	wait_for(f.loop, &f.server.answered, 3);
	http_free(f.http);
	f.http = NULL;
	ck_assert_uint_eq(f.out.calls, 3);
	ck_assert_int_eq(f.out.code, ERR_CONN_LOST);
}
END_TEST

START_TEST(test_next_call_starts_from_the_last)
{
	f.out.submit_again = true;
	struct http_request r = request_to(&f.server, f.loop, 10000);
	http_start(f.http, &r, on_done_again, &f.out);
	wait_for(f.loop, &f.out.calls, 50);
	f.out.submit_again = false;
	wait_for(f.loop, &f.out.calls, 51);
	ck_assert_int_eq(f.out.code, ERR_OK);
	ck_assert_uint_eq(f.server.accepted, 1);
}
END_TEST

static const struct {
	const char *url, *host;
	uint16_t port;
	bool is_tls, is_literal;
} urls[] = {
	{ "http://10.0.0.1/x", "10.0.0.1", 80, false, true },
	{ "https://[2001:db8::1]:8443/x", "2001:db8::1", 8443, true, true },
	{ "http://[::1]", "::1", 80, false, true },
	{ "http://fra1.example:8053?x", "fra1.example", 8053, false, false },
	{ "http://127.1/", "127.1", 80, false, false }, /* no literal of ours, so never tried as one */
	{ "http://2130706433/", "2130706433", 80, false, false },
	{ "ftp://10.0.0.1/", NULL, 0, false, false },
	{ "file:///etc/passwd", NULL, 0, false, false },
	{ "http://user:pass@10.0.0.1/", NULL, 0, false, false },
	{ "http://10.0.0.1:0/", NULL, 0, false, false },
	{ "http://10.0.0.1:65536/", NULL, 0, false, false },
	{ "http://10.0.0.1:/", NULL, 0, false, false },
	{ "http://10.0.0.1:80x/", NULL, 0, false, false },
	{ "http://[::1/", NULL, 0, false, false },
	{ "http://[::1]x/", NULL, 0, false, false },
	{ "http://[fra1]/", NULL, 0, false, false },
	{ "http:///x", NULL, 0, false, false },
	{ "http://a b/", NULL, 0, false, false },
	{ "http://10.0.0.1/\r\nX: y", NULL, 0, false, false },
	{ "http://10.0.0.1\\@evil/", NULL, 0, false, false },
	{ "http://10.0.0.1/#x", NULL, 0, false, false },
	{ "", NULL, 0, false, false },
};

START_TEST(test_url)
{
	struct http_url u;
	struct err err = ERR_INIT;
	int rc = http_url_split(urls[_i].url, &u, &err);
	if (!urls[_i].host) {
		ck_assert_msg(rc == -1, "%s was taken", urls[_i].url);
		ck_assert_int_eq(err.code, ERR_USAGE);
		struct http_request r = { .url = urls[_i].url, .deadline = mono_add_ms(clock_mono(), 10000) };
		ask(&r);
		ck_assert_int_eq(f.out.code, ERR_USAGE);
		return;
	}
	ck_assert_msg(rc == 0, "%s: %s", urls[_i].url, err.text);
	ck_assert_str_eq(u.host, urls[_i].host);
	ck_assert_uint_eq(u.port, urls[_i].port);
	ck_assert(u.is_tls == urls[_i].is_tls && u.is_literal == urls[_i].is_literal);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *table = tcase_create("answers");
	tcase_set_timeout(table, 30);
	tcase_add_loop_test(table, test_every_answer_is_judged, 0, 2 * sizeof rows / sizeof rows[0]);
	suite_add_tcase(suite, table);
	TCase *rest = tcase_create("client");
	tcase_set_timeout(rest, 30);
	tcase_add_checked_fixture(rest, set_up, tear_down);
	tcase_add_test(rest, test_answer_cut_at_any_byte_is_none);
	tcase_add_test(rest, test_connection_is_kept);
	tcase_add_test(rest, test_server_that_hangs_up_while_idle_costs_nothing);
	tcase_add_test(rest, test_request_gives_nothing_away);
	tcase_add_test(rest, test_post_and_problem);
	tcase_add_test(rest, test_name_is_never_looked_up);
	tcase_add_test(rest, test_refused_connection);
	tcase_add_test(rest, test_connection_that_nobody_takes);
	tcase_add_test(rest, test_no_route);
	tcase_add_test(rest, test_unix_socket);
	tcase_add_test(rest, test_stream_hands_out_pieces_until_it_ends);
	tcase_add_test(rest, test_stream_outlives_its_deadline_but_not_its_heartbeat);
	tcase_add_test(rest, test_stream_of_another_type_is_refused);
	tcase_add_test(rest, test_stream_flood_is_bounded);
	tcase_add_test(rest, test_cancel_closes_the_connection);
	tcase_add_test(rest, test_free_ends_calls_under_way);
	tcase_add_test(rest, test_next_call_starts_from_the_last);
	tcase_add_loop_test(rest, test_url, 0, sizeof urls / sizeof urls[0]);
	suite_add_tcase(suite, rest);
	return suite_run(suite);
}
