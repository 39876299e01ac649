/* SPDX-License-Identifier: Apache-2.0
 *
 * The real actor, as a child of this program, on nodes with agents: a small server on the test's own loop that shows the
 * recorded pages of tests/fixtures/agent and takes orders as docs/agent.md has it, with a token. It can lie in the ways
 * that matter: lose an answer, answer nonsense, refuse the token, know no orders.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/actor_wire.h"
#include "backend/planner.h"
#include "core/conf.h"
#include "plugins/drivers.h"
#include "suite.h"

#define OP      "00a1b2c3d4e5f607"
#define TOKEN   "lab-0123456789abcdef"
#define MANY    50
#define BODY    65536
#define IN_MAX  65536

enum manner { HONEST, LOSES_ANSWER, BABBLES, REFUSES, IGNORANT, BREAKS };

struct agent {
	uint64_t number, applied;
	enum act_state state;
	enum announced is, back;
	enum manner manner;
	size_t orders, bad_tokens;
	struct loop_timer *undo;
};

struct client {
	struct client *next;
	int fd;
	struct loop_io *io;
	struct buf in;
};

static struct loop *loop;
static char folder[64], config[128];
static int listener;
static uint16_t listen_port;
static struct loop_io *listen_io;
static struct client *clients;
static struct agent agents[MANY];
static size_t n_agents;
static struct actors *actors;
static struct actor_port port;
static struct buf plan;

static struct {
	enum actor_event_kind kind;
	bool is_ok;
	size_t n;
	char text[300];
	struct actor_node_result nodes[MANY];
} seen[16];
static size_t n_seen;

static void
on_event(void *arg, const char *op, const struct actor_event *e)
{
	(void)arg;
	ck_assert_str_eq(op, OP);
	ck_assert_uint_lt(n_seen, 16);
	seen[n_seen].kind = e->kind;
	seen[n_seen].is_ok = e->is_ok;
	seen[n_seen].n = e->n_nodes;
	snprintf(seen[n_seen].text, sizeof seen[n_seen].text, "%s", e->text);
	for (size_t i = 0; i < e->n_nodes && i < MANY; i++)
		seen[n_seen].nodes[i] = e->nodes[i];
	n_seen++;
}

/* --- the agents --- */

static void
client_close(struct client *c)
{
	struct client **at = &clients;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	loop_io_del(c->io);
	close(c->fd);
	buf_done(&c->in);
	free(c);
}

static void
reply(struct client *c, int status, struct slice body)
{
	struct buf out = BUF_INIT(1u << 18);
	buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, body.len);
	buf_add(&out, body.data, body.len);
	ck_assert_int_eq(send(c->fd, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
	buf_done(&out);
}

static const char *
page_name(const struct agent *a)
{
	return a->is == ANNOUNCED_WITHDRAWN ? "withdrawn" : a->is == ANNOUNCED_PREFER_AWAY ? "prefer-away" : "serving";
}

static void
show_page(struct client *c, const struct agent *a)
{
	struct buf text = BUF_INIT(1u << 17);
	struct err err = ERR_INIT;
	char name[128];
	snprintf(name, sizeof name, "tests/fixtures/agent/%s--v1-node.json", page_name(a));
	ck_assert_msg(buf_read_file(&text, source_path(name), &err) == 0, "%s", err.text);
	reply(c, 200, buf_slice(&text));
	buf_done(&text);
}

static void
undo_by_itself(void *arg)
{
	struct agent *a = arg;
	if (a->state != ACT_PENDING)
		return;
	a->is = a->back;
	a->state = ACT_UNDONE;
}

static enum announced
goal_of(const struct json *body, const char *key)
{
	const char *word = json_text(json_get(body, key), "");
	for (enum announced g = ANNOUNCED_YES; g <= ANNOUNCED_PREFER_AWAY; g++)
		if (strcmp(word, announced_name(g)) == 0)
			return g;
	return ANNOUNCED_UNKNOWN;
}

/* "done", "superseded" or "failed". */
static const char *
carry_out(struct agent *a, const char *order, const struct json *body)
{
	uint64_t number = (uint64_t)json_int(json_get(body, "number"), 0);
	int64_t confirm_s = json_int(json_get(body, "confirm_s"), 0);
	if (strcmp(order, "check") == 0)
		return "done";
	if (strcmp(order, "keep") == 0) {
		if (number != a->applied || a->state != ACT_PENDING)
			return "failed";
		a->state = ACT_KEPT;
		return "done";
	}
	if (number <= a->number)
		return "superseded";
	a->number = number;
	if (strcmp(order, "apply") == 0) {
		a->applied = number;
		a->back = goal_of(body, "undo_goal");
		a->is = goal_of(body, "goal");
		a->state = confirm_s > 0 ? ACT_PENDING : ACT_KEPT;
		loop_timer_set(a->undo, confirm_s * 1000, 0);
	} else if (strcmp(order, "undo") == 0) {
		a->is = goal_of(body, "undo_goal");
		a->state = ACT_UNDONE;
	}
	return "done";
}

static void
take_order(struct client *c, struct agent *a, struct slice head, struct slice text)
{
	static const char *const states[] = { "none", "pending", "kept", "undone", "failed" };
	struct buf out = BUF_INIT(BODY);
	struct json_writer w = JSON_WRITER(&out);
	struct err err = ERR_INIT;
	if (a->manner == IGNORANT) {
		reply(c, 404, slice_of("{}"));
		return;
	}
	if (a->manner == REFUSES || !slice_contains(head, "\r\nAuthorization: Bearer " TOKEN "\r\n")) {
		a->bad_tokens++;
		reply(c, 401, slice_of("{\"error\":\"Bearer " TOKEN " is not mine\"}"));
		return;
	}
	struct json_doc *doc = json_parse(text, &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	const char *order = json_text(json_get(json_root(doc), "order"), "");
	a->orders++;
	const char *result = carry_out(a, order, json_root(doc));
	json_begin_object(&w);
	json_put_int(&w, "act", 1);
	json_put_text(&w, "result", result);
	json_put_int(&w, "number", (int64_t)a->number);
	json_put_int(&w, "applied", (int64_t)a->applied);
	json_put_text(&w, "state", states[a->state]);
	json_put_text(&w, "text", "did it, token=" TOKEN "\033[2J");
	json_end_object(&w);
	bool is_apply = strcmp(order, "apply") == 0;
	json_doc_free(doc);
	if (is_apply && a->manner == LOSES_ANSWER)
		shutdown(c->fd, SHUT_RDWR);
	else if (is_apply && a->manner == BABBLES)
		reply(c, 200, slice_of("all is well"));
	else if (is_apply && a->manner == BREAKS)
		reply(c, 500, slice_of("oops"));
	else
		reply(c, strcmp(result, "superseded") == 0 ? 409 : 200, buf_slice(&out));
	buf_done(&out);
}

static size_t
content_length(struct slice head)
{
	const char *at = memmem(head.data, head.len, "Content-Length: ", 16);
	return at ? (size_t)atoi(at + 16) : 0;
}

static bool
serve(struct client *c)
{
	const char *end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
	if (!end)
		return false;
	struct slice head = { c->in.data, (size_t)(end - c->in.data) + 4 };
	size_t len = content_length(head);
	if (c->in.len < head.len + len)
		return false;
	struct slice line, method, path, rest = head;
	slice_next_line(&rest, &line);
	slice_next_word(&line, &method);
	slice_next_word(&line, &path);
	size_t i = (size_t)atoi(path.data + 2); /* "/n7/v1/act" */
	ck_assert_uint_lt(i, n_agents);
	if (slice_equal(method, "POST") && slice_contains(path, "/v1/act"))
		take_order(c, &agents[i], head, (struct slice){ c->in.data + head.len, len });
	else
		show_page(c, &agents[i]);
	buf_drop_front(&c->in, head.len + len);
	return true;
}

static void
on_client(void *arg, unsigned events)
{
	struct client *c = arg;
	char chunk[16384];
	(void)events;
	ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
	if (n <= 0 && errno != EAGAIN) {
		client_close(c);
		return;
	}
	if (n == 0) {
		client_close(c);
		return;
	}
	if (n > 0)
		buf_add(&c->in, chunk, (size_t)n);
	while (serve(c))
		;
}

static void
on_accept(void *arg, unsigned events)
{
	(void)arg;
	(void)events;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	struct client *c = xcalloc(1, sizeof *c);
	c->fd = fd;
	c->in = (struct buf)BUF_INIT(IN_MAX);
	c->next = clients;
	clients = c;
	c->io = loop_io_add(loop, fd, LOOP_READ, on_client, c);
}

static void
open_agents(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert(bind(listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(listener, 128) == 0 &&
		getsockname(listener, (struct sockaddr *)&a, &len) == 0);
	listen_port = ntohs(a.sin_port);
	listen_io = loop_io_add(loop, listener, LOOP_READ, on_accept, NULL);
}

/* --- fleet and plan --- */

static void
write_file(const char *name, const char *text, unsigned mode)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void
write_fleet(size_t n, const char *settings)
{
	struct buf b = BUF_INIT(1u << 17);
	n_agents = n;
	buf_printf(&b, "fleet: test\nenvironment: unit\nservices:\n  ns: {prefixes: [192.0.2.0/24, \"2001:db8:53::/48\"]}\n"
		"defaults: {%s}\npops:\n  fra:\n    nodes:\n", settings);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "      n%zu: {agent: \"http://127.0.0.1:%u/n%zu\"}\n", i, listen_port, i);
	write_file("fleet.yaml", buf_text(&b), 0644);
	buf_done(&b);
	snprintf(config, sizeof config, "%s/fleet.yaml", folder);
}

static void
read_page(struct node *n, const char *name)
{
	char path[128];
	struct buf text = BUF_INIT(1u << 17);
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "tests/fixtures/agent/%s--v1-node.json", name);
	ck_assert_msg(buf_read_file(&text, source_path(path), &err) == 0, "%s", err.text);
	struct reply_part part = { .tag = "", .out = buf_slice(&text) };
	struct reply page = { .n_parts = 1, .parts = &part, .http_status = 200, .content_type = "application/json" };
	struct report *facts = report_new();
	ck_assert_msg(driver_find("agent")->probes[0].read(&page, facts, &err) == 0, "%s", err.text);
	report_free(n->facts);
	n->facts = facts;
	buf_done(&text);
}

static void
make_plan(enum op_verb verb, enum op_mode mode, const char *page)
{
	struct conf_names known;
	struct err err = ERR_INIT;
	driver_list_names(&known);
	struct fleet *f = conf_load(config, &known, NULL, &err);
	ck_assert_msg(f != NULL, "%s", err.text);
	for (size_t i = 0; i < f->pops[0].n_nodes; i++)
		read_page(&f->nodes[f->pops[0].nodes[i]], page);
	struct gate_scope scope = { .who = "alice", .may_act = true };
	struct plan_request request = { .verb = verb, .mode = mode, .n_targets = 1, .reason = "a test", .kind = HOLD_MAINTENANCE };
	snprintf(request.targets[0], sizeof request.targets[0], "fra");
	const struct planner_input in = { .fleet = f, .request = &request, .find = driver_find, .scope = &scope, .id = OP,
		.by = "alice", .actor = TRI_UNKNOWN, .is_planning = true, .now = clock_mono(), .wall = clock_wall() };
	struct plan *p = planner_make(&in, &err);
	ck_assert_msg(p != NULL, "%s", err.text);
	buf_clear(&plan);
	plan_write(p, &plan);
	plan_free(p);
	fleet_free(f);
}

/* --- turning --- */

static void
on_guard(void *arg)
{
	*(bool *)arg = true;
}

static void
await_events(size_t n)
{
	bool is_over = false;
	struct loop_timer *guard = loop_timer_add(loop, 20000, 0, on_guard, &is_over);
	while (n_seen < n && !is_over)
		loop_turn(loop, true);
	loop_timer_del(guard);
	ck_assert_uint_eq(n_seen, n);
}

static void
start(void)
{
	struct err err = ERR_INIT;
	ck_assert_msg(port.start(port.arg, OP, buf_slice(&plan), &err) == 0, "%s", err.text);
	await_events(n_seen + 1);
	ck_assert_int_eq(seen[n_seen - 1].kind, ACTOR_CHECKED);
}

static size_t
order(enum act_order o, size_t phase, uint64_t number, unsigned confirm_s)
{
	port.order(port.arg, OP, o, "fra", phase, number, confirm_s);
	await_events(n_seen + 1);
	return n_seen - 1;
}

static void
set_up(void)
{
	struct err err = ERR_INIT;
	snprintf(folder, sizeof folder, "/tmp/catchment-agents-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	loop = loop_new(&err);
	n_seen = 0;
	open_agents();
	for (size_t i = 0; i < MANY; i++) {
		agents[i] = (struct agent){ .is = ANNOUNCED_YES };
		agents[i].undo = loop_timer_add(loop, 0, 0, undo_by_itself, &agents[i]);
		loop_timer_stop(agents[i].undo);
	}
	write_file("token", TOKEN "\n", 0600);
	write_fleet(3, "act_token: token");
	plan = (struct buf)BUF_INIT(PLAN_BYTES_MAX);
	actors = actors_new(loop, config, folder, on_event, NULL, &port);
}

static void
tear_down(void)
{
	static const char *const files[] = { "token", "fleet.yaml", "." };
	char path[128];
	port.end(port.arg, OP);
	actors_free(actors);
	while (clients)
		client_close(clients);
	loop_io_del(listen_io);
	close(listener);
	for (size_t i = 0; i < MANY; i++)
		loop_timer_del(agents[i].undo);
	loop_turn(loop, false);
	loop_free(loop);
	int status;
	while (waitpid(-1, &status, 0) > 0)
		ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "an actor ended with status %d", WEXITSTATUS(status));
	buf_done(&plan);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		if (i < 2)
			unlink(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(test_actor_agents_whole_way)
{
	make_plan(OP_DRAIN, OP_PREFER_AWAY, "serving");
	start();
	ck_assert_msg(seen[0].is_ok, "%s", seen[0].text);
	static const enum announced goals[] = { ANNOUNCED_PREFER_AWAY, ANNOUNCED_WITHDRAWN };
	for (size_t phase = 0; phase < 2; phase++) {
		size_t e = order(ACT_APPLY, phase, 1 + phase, 45);
		ck_assert_msg(seen[e].is_ok, "phase %zu: %s", phase, seen[e].text);
		ck_assert_int_eq(agents[2].is, goals[phase]);
		ck_assert_msg(strstr(seen[e].nodes[0].answer.text, "its wire is as planned") != NULL, "%s", seen[e].nodes[0].answer.text);
		ck_assert_ptr_null(strstr(seen[e].nodes[0].answer.text, TOKEN));
		ck_assert_ptr_null(strchr(seen[e].nodes[0].answer.text, '\033'));
		e = order(ACT_KEEP, phase, 1 + phase, 0);
		ck_assert_msg(seen[e].is_ok, "%s", seen[e].text);
	}
	size_t e = order(ACT_INSPECT, 1, 5, 0);
	ck_assert(seen[e].is_ok);
	ck_assert_uint_eq(seen[e].nodes[0].answer.applied, 2);
	ck_assert_int_eq(seen[e].nodes[0].answer.state, ACT_KEPT);
	e = order(ACT_APPLY, 1, 4, 45);
	ck_assert(!seen[e].is_ok && !seen[e].nodes[0].is_unknown);
	e = order(ACT_UNDO, 1, 6, 0);
	ck_assert_msg(seen[e].is_ok, "%s", seen[e].text);
	ck_assert_int_eq(agents[0].is, ANNOUNCED_YES);
}
END_TEST

/* An older number, asked with steps that are still the plan's. */
START_TEST(test_actor_agents_number_that_was_overtaken)
{
	make_plan(OP_DRAIN, OP_WITHDRAW, "serving");
	start();
	agents[1].number = 12;
	size_t e = order(ACT_APPLY, 0, 3, 45);
	ck_assert(!seen[e].is_ok);
	ck_assert_int_eq(seen[e].nodes[1].code, ERR_CONFLICT);
	ck_assert_uint_eq(seen[e].nodes[1].answer.number, 12);
	ck_assert(seen[e].nodes[1].answer.is_superseded && !seen[e].nodes[1].is_unknown);
	ck_assert_int_eq(agents[1].is, ANNOUNCED_YES);
}
END_TEST

static const struct {
	enum manner manner;
	enum err_code code;
	bool is_unknown;
	bool did_it;
} bad[] = {
	{ LOSES_ANSWER, ERR_CONN_LOST, true, true },
	{ BABBLES, ERR_BAD_REPLY, true, true },
	{ BREAKS, ERR_BAD_REPLY, true, true },
	{ REFUSES, ERR_CREDENTIAL, false, false },
	{ IGNORANT, ERR_UNSUPPORTED, false, false },
};

/* What an agent does with an order and what it says of it: only what cannot have been done is told as not done, nothing
 * is sent a second time, and inspect finds the truth. */
START_TEST(test_actor_agents_bad_answers)
{
	make_plan(OP_DRAIN, OP_WITHDRAW, "serving");
	start();
	agents[1].manner = bad[_i].manner;
	size_t before = agents[1].orders;
	size_t e = order(ACT_APPLY, 0, 3, 45);
	ck_assert(!seen[e].is_ok);
	ck_assert_msg(seen[e].nodes[1].code == bad[_i].code || (bad[_i].code == ERR_BAD_REPLY && bad[_i].is_unknown),
		"code %s: %s", err_code_name(seen[e].nodes[1].code), seen[e].nodes[1].answer.text);
	ck_assert(seen[e].nodes[1].is_unknown == bad[_i].is_unknown);
	if (bad[_i].manner == BREAKS)
		ck_assert_msg(strstr(seen[e].nodes[1].answer.text, "answered with HTTP status 500: oops") != NULL, "%s",
			seen[e].nodes[1].answer.text);
	ck_assert(!seen[e].nodes[0].is_unknown && seen[e].nodes[0].code == ERR_OK);
	ck_assert_uint_eq(agents[1].orders - before, bad[_i].did_it ? 1 : 0);
	ck_assert_int_eq(agents[1].is, bad[_i].did_it ? ANNOUNCED_WITHDRAWN : ANNOUNCED_YES);
	agents[1].manner = HONEST;
	e = order(ACT_INSPECT, 0, 4, 0);
	ck_assert_msg(seen[e].is_ok, "%s", seen[e].text);
	ck_assert_int_eq(seen[e].nodes[1].answer.state, bad[_i].did_it ? ACT_PENDING : ACT_NONE);
}
END_TEST

static const struct {
	const char *settings, *text;
	unsigned mode;
	const char *says;
} tokens[] = {
	{ "poll: 2s", TOKEN, 0600, "no act_token" },
	{ "act_token: token", TOKEN, 0640, "mode 0640" },
	{ "act_token: token", "", 0600, "holds no token" },
	{ "act_token: token", "two\nlines\n", 0600, "one line" },
	{ "act_token: token", "another-token\n", 0600, "refused the token" },
	{ "act_token: nowhere", TOKEN, 0600, "nowhere" },
};

START_TEST(test_actor_agents_bad_token)
{
	make_plan(OP_DRAIN, OP_WITHDRAW, "serving");
	write_fleet(3, tokens[_i].settings);
	write_file("token", tokens[_i].text, tokens[_i].mode);
	start();
	ck_assert(!seen[0].is_ok);
	ck_assert_msg(strstr(seen[0].text, tokens[_i].says) != NULL, "%s", seen[0].text);
	ck_assert_ptr_null(strstr(seen[0].text, "another-token"));
	size_t e = order(ACT_APPLY, 0, 1, 45);
	ck_assert(!seen[e].is_ok && !seen[e].nodes[0].is_unknown);
	ck_assert_int_eq(agents[0].is, ANNOUNCED_YES);
}
END_TEST

START_TEST(test_actor_agents_steps_differ)
{
	make_plan(OP_DRAIN, OP_WITHDRAW, "serving");
	start();
	agents[2].is = ANNOUNCED_WITHDRAWN;
	size_t e = order(ACT_APPLY, 0, 3, 45);
	ck_assert(!seen[e].is_ok);
	ck_assert_int_eq(seen[e].nodes[2].code, ERR_CONFLICT);
	ck_assert_msg(strstr(seen[e].nodes[2].answer.text, "has changed since the plan") != NULL, "%s", seen[e].nodes[2].answer.text);
	ck_assert_int_eq(agents[0].is, ANNOUNCED_YES);
	ck_assert_uint_eq(agents[0].number, 0);
}
END_TEST

/* Fifty at once: one order, all of them together. */
START_TEST(test_actor_agents_fifty)
{
	write_fleet(MANY, "act_token: token");
	make_plan(OP_DRAIN, OP_WITHDRAW, "serving");
	start();
	ck_assert_msg(seen[0].is_ok, "%s", seen[0].text);
	ck_assert_uint_eq(seen[0].n, MANY);
	size_t e = order(ACT_APPLY, 0, 1, 45);
	ck_assert_msg(seen[e].is_ok, "%s", seen[e].text);
	e = order(ACT_KEEP, 0, 1, 0);
	ck_assert_msg(seen[e].is_ok, "%s", seen[e].text);
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_int_eq(agents[i].is, ANNOUNCED_WITHDRAWN);
		ck_assert_int_eq(agents[i].state, ACT_KEPT);
		ck_assert_uint_eq(agents[i].orders, 3);
	}
}
END_TEST

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "--actor") == 0)
		return actor_main(argv[3], argv[5]);
	Suite *s = suite_create("actor_agents");
	TCase *t = tcase_create("actor_agents");
	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
#define LOOP_TEST(test, rows) tcase_add_loop_test(t, test, 0, (int)(sizeof(rows) / sizeof((rows)[0])))
	tcase_add_test(t, test_actor_agents_whole_way);
	tcase_add_test(t, test_actor_agents_number_that_was_overtaken);
	LOOP_TEST(test_actor_agents_bad_answers, bad);
	LOOP_TEST(test_actor_agents_bad_token, tokens);
	tcase_add_test(t, test_actor_agents_steps_differ);
	tcase_add_test(t, test_actor_agents_fifty);
	suite_add_tcase(s, t);
	return suite_run(s);
}
