/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP transport: one request a node at a time, deadlines for those that wait too, names that are never looked up,
 * and an end that answers everybody once. The client below it has its own suite (test_http.c).
 */
#include "backend/transport.h"

#include "hostile.h"
#include "suite.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct outcome {
	size_t calls;
	enum err_code code;
	char text[ERR_TEXT_MAX];
	int http_status;
	char body[64], type[64];
	size_t order; /* which of all outcomes it was */
};

static struct loop *loop;
static struct transport *t;
static struct hostile server;
static struct node_conf conf;
static struct node node;
static char url[64];
static size_t n_done;

static void
set_up(void)
{
	static const struct hostile_script script = { .head = OK, .end = HOSTILE_KEEP };
	static const struct transport_limits limits = { .reply_max = 4096, .stderr_max = 4096, .handshakes_max = 4 };
	struct err err = ERR_INIT;
	n_done = 0;
	loop = loop_new(&err);
	t = transport_http_new(loop, &limits, &err);
	ck_assert_ptr_nonnull(t);
	hostile_open(&server, loop, NULL, &script);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", server.port);
	conf = (struct node_conf){ .agent_url = url };
	node = (struct node){ .name = "fra1", .conf = &conf };
}

static void
tear_down(void)
{
	if (t)
		t->ops->free(t);
	hostile_close(&server);
	loop_free(loop);
}

static void
on_done(void *arg, const struct reply *reply, const struct err *err)
{
	struct outcome *o = arg;
	o->calls++;
	o->order = n_done++;
	o->code = err->code;
	snprintf(o->text, sizeof o->text, "%s", err->text);
	ck_assert(!reply == (err->code != ERR_OK));
	if (!reply)
		return;
	ck_assert_uint_eq(reply->n_parts, 1);
	o->http_status = reply->http_status;
	slice_copy(reply->parts[0].out, o->body, sizeof o->body);
	snprintf(o->type, sizeof o->type, "%s", reply->content_type);
}

static void
submit(const struct node *n, const char *path, int64_t ms, struct outcome *o)
{
	struct request r;
	request_init(&r);
	if (path)
		request_set_path(&r, path);
	memset(o, 0, sizeof *o);
	t->ops->submit(t, n, &r, mono_add_ms(clock_mono(), ms), on_done, o);
	request_done(&r); /* it was copied */
	ck_assert_uint_eq(o->calls, 0);
}

static void
wait_for(const struct outcome *o)
{
	while (o->calls == 0) {
		bool is_armed = loop_turn(loop, true);
		ck_assert(is_armed || o->calls > 0);
	}
	ck_assert_uint_eq(o->calls, 1);
}

START_TEST(test_page_comes_back)
{
	struct outcome o;
	submit(&node, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_msg(o.code == ERR_OK, "%s", o.text);
	ck_assert_int_eq(o.http_status, 200);
	ck_assert_str_eq(o.body, "{}");
	ck_assert_str_eq(o.type, "application/json");
	ck_assert(slice_starts(buf_slice(&server.asked), "GET /v1/node HTTP/1.1\r\n"));
}
END_TEST

START_TEST(test_whole_url_goes_where_it_says)
{
	static const struct hostile_script other_script = {
		.head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{1:2}", .end = HOSTILE_KEEP };
	struct hostile other;
	struct outcome o;
	char whole[80];
	hostile_open(&other, loop, NULL, &other_script);
	snprintf(whole, sizeof whole, "http://127.0.0.1:%u/json/v1/server", other.port);
	submit(&node, whole, 10000, &o);
	wait_for(&o);
	ck_assert_str_eq(o.body, "{1:2}");
	ck_assert_uint_eq(server.accepted, 0);
	hostile_close(&other);
}
END_TEST

START_TEST(test_one_request_a_node_in_order)
{
	struct outcome o[4], other;
	struct node_conf conf2 = conf;
	struct node node2 = { .name = "fra2", .conf = &conf2 };
	for (size_t i = 0; i < 4; i++)
		submit(&node, "/v1/node", 10000, &o[i]);
	submit(&node2, "/v1/node", 10000, &other);
	for (size_t i = 0; i < 4; i++) {
		wait_for(&o[i]);
		ck_assert_int_eq(o[i].code, ERR_OK);
		if (i > 0)
			ck_assert_uint_gt(o[i].order, o[i - 1].order);
	}
	wait_for(&other);
	ck_assert_uint_lt(other.order, o[3].order); /* another node does not wait for this one's */
	ck_assert_uint_le(server.accepted, 2);      /* kept connections: never two at once to one node */
}
END_TEST

START_TEST(test_deadline_holds_while_waiting)
{
	static const struct hostile_script silent = { .head = "" };
	struct outcome first, second, third;
	server.script = &silent;
	submit(&node, "/v1/node", 300, &first);
	submit(&node, "/v1/node", 60, &second);
	submit(&node, "/v1/node", 10000, &third);
	wait_for(&second);
	ck_assert_int_eq(second.code, ERR_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(second.text, "earlier request to fra1"));
	ck_assert_uint_eq(first.calls, 0);
	wait_for(&first);
	ck_assert_int_eq(first.code, ERR_TIMEOUT);
	static const struct hostile_script good = { .head = OK, .end = HOSTILE_KEEP };
	server.script = &good;
	wait_for(&third);
	ck_assert_int_eq(third.code, ERR_OK);
}
END_TEST

START_TEST(test_what_cannot_be_asked_is_told)
{
	struct outcome o;
	struct node_conf none = { .address = "10.0.0.1" };
	struct node bare = { .name = "bare", .conf = &none };
	submit(&bare, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(o.text, "bare has no URL"));
	submit(&node, NULL, 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_UNSUPPORTED);
	submit(&node, "http://10.0.0.1@evil/", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_USAGE);
}
END_TEST

START_TEST(test_names_come_resolved_or_not_at_all)
{
	char named[64];
	struct outcome o;
	snprintf(named, sizeof named, "http://fra1.example:%u", server.port);
	conf.agent_url = named;
	conf.address = "fra1.example";
	submit(&node, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_NO_ROUTE);
	ck_assert_ptr_nonnull(strstr(o.text, "fra1.example was not resolved"));
	snprintf(conf.resolved, sizeof conf.resolved, "127.0.0.1");
	submit(&node, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_OK);
	/* the address of another name is not this name's */
	conf.address = "other.example";
	submit(&node, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_NO_ROUTE);
}
END_TEST

START_TEST(test_reply_is_bounded)
{
	static const struct hostile_script flood = {
		.head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", .piece = "xxxxxxxx", .times = SIZE_MAX };
	struct outcome o;
	server.script = &flood;
	submit(&node, "/v1/node", 10000, &o);
	wait_for(&o);
	ck_assert_int_eq(o.code, ERR_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(o.text, "4096"));
}
END_TEST

START_TEST(test_free_answers_everybody_once)
{
	static const struct hostile_script silent = { .head = "" };
	struct outcome o[5];
	struct node node2 = { .name = "fra2", .conf = &conf };
	server.script = &silent;
	for (size_t i = 0; i < 5; i++)
		submit(i % 2 ? &node : &node2, "/v1/node", 10000, &o[i]);
	while (server.answered < 2)
		ck_assert(loop_turn(loop, true));
	t->ops->free(t);
	t = NULL;
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(o[i].calls, 1);
		ck_assert_int_eq(o[i].code, ERR_CONN_LOST);
	}
}
END_TEST

/* Submits the next from inside the last, as the poller does. */
struct chain {
	size_t left, good;
};

static void
on_link(void *arg, const struct reply *reply, const struct err *err)
{
	struct chain *c = arg;
	(void)err;
	c->good += reply != NULL;
	if (--c->left == 0)
		return;
	struct request r;
	request_init(&r);
	request_set_path(&r, "/v1/node");
	t->ops->submit(t, &node, &r, mono_add_ms(clock_mono(), 10000), on_link, c);
	request_done(&r);
}

START_TEST(test_submit_from_inside_done)
{
	struct chain c = { .left = 20 };
	struct request r;
	request_init(&r);
	request_set_path(&r, "/v1/node");
	t->ops->submit(t, &node, &r, mono_add_ms(clock_mono(), 10000), on_link, &c);
	request_done(&r);
	while (c.left > 0)
		ck_assert(loop_turn(loop, true) || c.left == 0);
	ck_assert_uint_eq(c.good, 20);
	ck_assert_uint_eq(server.accepted, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("transport_http");
	TCase *c = tcase_create("requests");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_page_comes_back);
	tcase_add_test(c, test_whole_url_goes_where_it_says);
	tcase_add_test(c, test_one_request_a_node_in_order);
	tcase_add_test(c, test_deadline_holds_while_waiting);
	tcase_add_test(c, test_what_cannot_be_asked_is_told);
	tcase_add_test(c, test_names_come_resolved_or_not_at_all);
	tcase_add_test(c, test_reply_is_bounded);
	tcase_add_test(c, test_free_answers_everybody_once);
	tcase_add_test(c, test_submit_from_inside_done);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
