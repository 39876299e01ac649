/* SPDX-License-Identifier: Apache-2.0
 *
 * The API over its real socket: a backend in this process and raw clients on the same loop, so that nothing sleeps and
 * every byte sent is chosen by the test.
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/api.h"
#include "backend/routes.h"
#include "core/json.h"
#include "memory_disk.h"
#include "tiny_fleet.h"

/* --- the bench: a loop, a state, an API, clients --------------------------------------------------------------- */

struct bench {
	char dir[64], path[96];
	struct loop *loop;
	struct state *state;
	struct api *api;
	struct loop_timer *watchdog;
	bool is_late;
	int polls_asked, reloads;
	const char *reload_error; /* NULL: reloads succeed */
};

static void
on_poll_now(void *arg)
{
	((struct bench *)arg)->polls_asked++;
}

static int
on_reload(void *arg, struct err *err)
{
	struct bench *b = arg;
	b->reloads++;
	return b->reload_error ? err_set(err, ERR_USAGE, "%s", b->reload_error) : 0;
}

static void
on_watchdog(void *arg)
{
	((struct bench *)arg)->is_late = true;
}

/* Takes the fleet. conf may be NULL; its socket, state and callbacks are set here. */
static void
bench_open(struct bench *b, struct fleet *f, const struct api_conf *conf)
{
	struct err err = ERR_INIT;
	*b = (struct bench){ .dir = "/tmp/catchment-api-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	snprintf(b->path, sizeof b->path, "%s/api.sock", b->dir);
	b->loop = loop_new(&err);
	ck_assert_ptr_nonnull(b->loop);
	b->state = state_new(f);
	struct api_conf full = conf ? *conf : (struct api_conf){ 0 };
	full.socket_path = b->path;
	full.state = b->state;
	full.poll_now = on_poll_now;
	full.reload = on_reload;
	full.arg = b;
	b->api = api_new(b->loop, &full, &err);
	ck_assert_msg(b->api != NULL, "%s", err.text);
	b->watchdog = loop_timer_add(b->loop, 60000, 0, on_watchdog, b);
}

static void
bench_close(struct bench *b)
{
	api_free(b->api);
	state_free(b->state);
	loop_timer_del(b->watchdog);
	loop_turn(b->loop, false);
	loop_free(b->loop);
	ck_assert_int_eq(access(b->path, F_OK), -1);
	ck_assert_int_eq(rmdir(b->dir), 0);
}

struct client {
	struct bench *bench;
	int fd;
	struct loop_io *io;
	struct buf in;
	bool is_over; /* the other side closed */
};

static void
on_client(void *arg, unsigned events)
{
	struct client *c = arg;
	char bytes[16384];
	(void)events;
	ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0) {
		ck_assert_int_eq(buf_add(&c->in, bytes, (size_t)n), 0);
		return;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	c->is_over = true;
	loop_io_set(c->io, 0);
}

static void
client_open(struct client *c, struct bench *b)
{
	*c = (struct client){ .bench = b, .in = BUF_INIT(64u << 20) };
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(c->fd, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", b->path);
	/* The queue of the listening socket is short: let the API take who waits. */
	while (connect(c->fd, (struct sockaddr *)&address, sizeof address) == -1) {
		ck_assert_int_eq(errno, EAGAIN);
		loop_turn(b->loop, false);
	}
	c->io = loop_io_add(b->loop, c->fd, LOOP_READ, on_client, c);
}

static void
client_send(struct client *c, const void *data, size_t len)
{
	for (size_t done = 0; done < len && !c->is_over;) {
		ssize_t n = send(c->fd, (const char *)data + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			done += (size_t)n;
		else if (n == -1 && errno != EAGAIN)
			return;
		else
			loop_turn(c->bench->loop, true);
	}
}

static void
client_say(struct client *c, const char *text)
{
	client_send(c, text, strlen(text));
}

static void
client_close(struct client *c)
{
	loop_io_del(c->io);
	close(c->fd);
	buf_done(&c->in);
}

/* Turns the loop until the condition holds; a minute without it fails the test. */
#define WAIT_FOR(b, condition) \
	do { \
		while (!(condition)) { \
			ck_assert_msg(!(b)->is_late, "waited in vain for " #condition); \
			loop_turn((b)->loop, true); \
		} \
	} while (0)

static bool
has(const struct client *c, const char *text)
{
	return slice_contains(buf_slice(&c->in), text);
}

static int
status_of(const struct client *c)
{
	int status = 0;
	return sscanf(buf_text(&c->in), "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static const char *
body_of(const struct client *c)
{
	const char *end = strstr(buf_text(&c->in), "\r\n\r\n");
	return end ? end + 4 : "";
}

/* Sends bytes and reads until the other side closes. */
static void
ask_raw(struct bench *b, struct client *c, const char *bytes, size_t len)
{
	client_open(c, b);
	client_send(c, bytes, len);
	WAIT_FOR(b, c->is_over);
}

static int
ask(struct bench *b, struct client *c, const char *method, const char *target)
{
	char request[4096];
	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method, target);
	ask_raw(b, c, request, strlen(request));
	return status_of(c);
}

static int
ask_status(struct bench *b, const char *method, const char *target)
{
	struct client c;
	int status = ask(b, &c, method, target);
	client_close(&c);
	return status;
}

static struct json_doc *
ask_json(struct bench *b, const char *target)
{
	struct client c;
	struct err err = ERR_INIT;
	ck_assert_msg(ask(b, &c, "GET", target) == 200, "%s: %s", target, buf_text(&c.in));
	struct json_doc *doc = json_parse(slice_of(body_of(&c)), &err);
	ck_assert_msg(doc != NULL, "%s: %s", target, err.text);
	client_close(&c);
	return doc;
}

static void
check_problem(const struct client *c, int status, const char *code)
{
	struct err err = ERR_INIT;
	ck_assert_msg(status_of(c) == status, "%d: %s", status, buf_text(&c->in));
	ck_assert_msg(has(c, "Content-Type: application/problem+json"), "%s", buf_text(&c->in));
	struct json_doc *doc = json_parse(slice_of(body_of(c)), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	const struct json *o = json_root(doc);
	ck_assert_int_eq(json_int(json_get(o, "status"), 0), status);
	if (code)
		ck_assert_str_eq(json_text(json_get(o, "code"), ""), code);
	ck_assert_int_gt((int)strlen(json_text(json_get(o, "title"), "")), 0);
	ck_assert_int_gt((int)strlen(json_text(json_get(o, "detail"), "")), 0);
	ck_assert_int_gt((int)strlen(json_text(json_get(o, "type"), "")), 0);
	json_doc_free(doc);
}

static void
poll_node(struct bench *b, size_t node, int64_t queries)
{
	state_apply(b->state, node, "test/all", tiny_report(queries), clock_mono(), clock_wall());
}

/* --- routes --------------------------------------------------------------------------------------------------- */

/* A real value for each {name} of a pattern. */
static void
fill_pattern(const char *pattern, char *out, size_t size)
{
	static const char *const values[][2] = {
		{ "{pop}", "fra" }, { "{node}", "fra1" }, { "{prefix}", "192.0.2.0%2F24" }, { "{address}", "192.0.2.0" },
		{ "{length}", "24" }, { "{service}", "ns" }, { "{id}", "1" }, { "{name}", "x" },
	};
	size_t n = 0;
	for (const char *p = pattern; *p;) {
		const char *value = NULL;
		size_t len = strcspn(p, "}") + 1;
		for (size_t i = 0; *p == '{' && i < sizeof values / sizeof *values; i++) {
			if (strncmp(p, values[i][0], len) == 0)
				value = values[i][1];
		}
		ck_assert(*p != '{' || value);
		n += (size_t)snprintf(out + n, size - n, "%.*s", value ? (int)strlen(value) : 1, value ? value : p);
		p += value ? len : 1;
	}
	out[n] = '\0';
}

START_TEST(test_every_route_with_every_method)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW" };
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	poll_node(&b, 0, 100);
	uint64_t revision = state_fleet(b.state)->revision;
	size_t n;
	const struct route *table = routes_table(&n);
	for (size_t i = 0; i < n; i++) {
		char target[256];
		fill_pattern(table[i].pattern, target, sizeof target);
		for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
			bool is_get = strcmp(table[i].method, "GET") == 0;
			bool is_right = strcmp(methods[k], table[i].method) == 0 || (is_get && strcmp(methods[k], "HEAD") == 0);
			if (table[i].is_stream && strcmp(methods[k], "GET") == 0)
				continue;
			struct client c;
			int status = ask(&b, &c, methods[k], target);
			if (!is_right && strcmp(methods[k], "HEAD") == 0) {
				ck_assert_int_eq(status, 405);
				ck_assert_str_eq(body_of(&c), "");
			} else if (!is_right) {
				check_problem(&c, 405, "method_not_allowed");
				ck_assert_msg(has(&c, table[i].method), "Allow names %s", table[i].method);
			} else if (strcmp(methods[k], "HEAD") == 0) {
				ck_assert_str_eq(body_of(&c), "");
			} else if (status >= 400) {
				check_problem(&c, status, NULL);
			}
			ck_assert_msg(status != 0 && status != 500, "%s %s: %d", methods[k], target, status);
			client_close(&c);
		}
	}
	ck_assert_uint_eq(state_fleet(b.state)->revision, revision);
	bench_close(&b);
}
END_TEST

START_TEST(test_reads_answer)
{
	static const struct {
		const char *target;
		int status;
		const char *says;
	} rows[] = {
		{ "/v1/fleet", 200, "\"revision\":" },
		{ "/v1/fleet", 200, "\"sparks\":{\"pops\":{\"fra\":[" },
		{ "/v1/pops", 200, "\"pop\":\"fra\"" },
		{ "/v1/pops?verdict=unknown", 200, "[" },
		{ "/v1/pops?verdict=fine", 400, "\"usage\"" },
		{ "/v1/pops?colour=red", 400, "colour" },
		{ "/v1/pops?verdict=ok&verdict=ok", 400, "twice" },
		{ "/v1/pops/ams", 200, "\"name\":\"Amsterdam\"" },
		{ "/v1/pops/lhr", 404, "\"not_found\"" },
		{ "/v1/nodes", 200, "\"node\":\"ams1\"" },
		{ "/v1/nodes?pop=ams", 200, "\"node\":\"ams1\"" },
		{ "/v1/nodes?pop=lhr", 404, "lhr" },
		{ "/v1/nodes/fra1", 200, "\"facts\":" },
		{ "/v1/sessions", 200, "\"peer\":\"198.51.100.1\"" },
		{ "/v1/sessions/fra1", 200, "\"peer_asn\":64500" },
		{ "/v1/sessions/fra2", 200, "[]" },
		{ "/v1/prefixes", 200, "2001:db8:53::/48" },
		{ "/v1/prefixes/192.0.2.0/24", 200, "\"announced\":" },
		{ "/v1/prefixes/192.0.2.0%2f24", 200, "\"announced\":" },
		{ "/v1/prefixes/192.0.2.1%2f24", 400, "\"usage\"" },
		{ "/v1/prefixes/198.51.100.0/24", 404, "\"not_found\"" },
		{ "/v1/services/ns", 200, "\"min_pops\":2" },
		{ "/v1/secrets", 200, "[]" },
		{ "/v1/ops", 200, "[]" },
		{ "/v1/holds", 200, "[]" },
		{ "/v1/plugins", 200, "[]" },
		{ "/v1/audit", 200, "application/jsonl" },
		{ "/v1/audit?from=0", 400, "from" },
		{ "/v1/whoami", 200, "\"admin\"" },
		{ "/v1/plans/0123456789abcdef", 404, "\"not_found\"" },
		{ "/v1/events?limit=0", 400, "limit" },
		{ "/v1/events/999999", 404, "\"not_found\"" },
		{ "/v1/history?pop=fra", 501, "history" },
		{ "/healthz", 200, "alive" },
		{ "/readyz", 503, "1 of 3" },
		{ "/metrics", 200, "catchment_pop_verdict{pop=\"fra\"" },
		{ "/metrics?format=openmetrics", 200, "# EOF" },
		{ "/openapi.json", 200, "\"3.1.0\"" },
		{ "/v1/../etc/passwd", 404, "\"not_found\"" },
		{ "/v1/%2e%2e/pops", 404, "\"not_found\"" },
		{ "/v1/pops/%2e%2e", 404, "\"not_found\"" },
		{ "/v1/pops/fra%00", 404, "\"not_found\"" },
		{ "/v1/pops/%252e", 404, "\"not_found\"" },
		{ "/v1/pops/fra/", 404, "\"not_found\"" },
		{ "/v1//pops", 404, "\"not_found\"" },
		{ "//v1/pops", 404, "\"not_found\"" },
		{ "http://localhost/v1/pops", 404, "\"not_found\"" },
		{ "/", 404, "\"not_found\"" },
		{ "*", 404, "\"not_found\"" },
	};
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	poll_node(&b, 0, 100);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client c;
		int status = ask(&b, &c, "GET", rows[i].target);
		ck_assert_msg(status == rows[i].status && has(&c, rows[i].says), "%s: %s", rows[i].target, buf_text(&c.in));
		client_close(&c);
	}
	bench_close(&b);
}
END_TEST

START_TEST(test_acting_is_refused_and_says_why)
{
	static const char *const targets[] = {
		"/v1/plans", "/v1/plans/1/confirm", "/v1/ops/1/approve", "/v1/ops/1/cancel", "/v1/ops/1/accept",
		"/v1/ops/1/extend",
	};
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		char request[256];
		struct client c;
		snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n{\"verb\":\"drain\"}",
			targets[i]);
		ask_raw(&b, &c, request, strlen(request));
		check_problem(&c, 403, "not_permitted");
		ck_assert(has(&c, "operator"));
		client_close(&c);
	}
	bench_close(&b);
}
END_TEST

/* Who is refused stands in the audit log, however the request was refused; a flood of them does not. */
START_TEST(test_refused_requests_are_recorded_and_bounded)
{
	struct bench b;
	struct memory_disk disk = MEMORY_DISK_INIT;
	struct reasons notes = { 0 };
	struct err err = ERR_INIT;
	const struct ledger_disk port = memory_disk(&disk);
	struct ledger *ledger = ledger_open(&port, clock_wall(), &notes, &err);
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .ledger = ledger });
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/plans"), 403);
	ck_assert(slice_contains(buf_slice(&disk.bytes), "\"what\":\"refused\""));
	ck_assert(slice_contains(buf_slice(&disk.bytes), "/v1/plans: planning a change needs the role operator"));
	ck_assert(slice_contains(buf_slice(&disk.bytes), "\"method\":\"uid\""));
	struct chain_head head;
	ledger_head(ledger, &head);
	uint64_t seq = head.seq;
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(ask_status(&b, "POST", "/v1/ops/1/cancel"), 403);
	ledger_head(ledger, &head);
	ck_assert_uint_ge(head.seq, seq + 29);
	ck_assert_uint_le(head.seq, seq + 30);
	bench_close(&b);
	ledger_close(ledger);
	buf_done(&disk.bytes);
}
END_TEST

static int
ask_sitting(struct bench *b, struct client *c, const char *method, const char *target, const char *sitting)
{
	char request[512];
	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\nCatchment-Sitting: %s\r\n\r\n", method, target, sitting);
	ask_raw(b, c, request, strlen(request));
	return status_of(c);
}

/* The backend itself refuses what a sitting asks that has lapsed, and says so to who asks how it stands. */
START_TEST(test_rights_of_a_sitting_lapse)
{
	struct bench b;
	struct client c;
	struct err err = ERR_INIT;
	char id[64], target[128];
	struct fleet *f = tiny_fleet();
	f->limits.act_idle_s = 1;
	bench_open(&b, f, NULL);
	ck_assert_int_eq(ask(&b, &c, "POST", "/v1/sittings"), 201);
	struct json_doc *doc = json_parse(slice_of(body_of(&c)), &err);
	snprintf(id, sizeof id, "%s", json_text(json_get(json_root(doc), "sitting"), ""));
	ck_assert_uint_eq(strlen(id), 32);
	ck_assert_double_eq(json_double(json_get(json_root(doc), "lapses_s"), 0), 1);
	ck_assert(has(&c, "\"admin\":true"));
	json_doc_free(doc);
	client_close(&c);
	ck_assert_int_eq(ask_sitting(&b, &c, "POST", "/v1/reload", id), 200);
	client_close(&c);
	ck_assert_int_eq(ask_sitting(&b, &c, "POST", "/v1/reload", "0123456789abcdef0123456789abcdef"), 403);
	ck_assert(has(&c, "not known here"));
	client_close(&c);
	ck_assert_int_eq(b.reloads, 1);
	/* who said that it only looks is believed, whatever its account may */
	ck_assert_int_eq(ask_sitting(&b, &c, "POST", "/v1/reload", "read-only"), 403);
	ck_assert(has(&c, "only looks"));
	client_close(&c);
	ck_assert_int_eq(ask_sitting(&b, &c, "GET", "/v1/whoami", "read-only"), 200);
	ck_assert(has(&c, "\"admin\":false"));
	client_close(&c);
	ck_assert_int_eq(b.reloads, 1);
	/* until the backend says so itself; asking is no sign of life */
	for (bool has_lapsed = false; !has_lapsed;) {
		ck_assert(!b.is_late);
		loop_turn(b.loop, false);
		ck_assert_int_eq(ask_sitting(&b, &c, "GET", "/v1/whoami", id), 200);
		has_lapsed = has(&c, "\"lapsed\":\"Rights to act lapsed after 1s");
		ck_assert_int_eq(has(&c, "\"admin\":true"), !has_lapsed);
		client_close(&c);
	}
	ck_assert_int_eq(ask_sitting(&b, &c, "POST", "/v1/reload", id), 403);
	check_problem(&c, 403, "not_permitted");
	ck_assert(has(&c, "start catchment again"));
	client_close(&c);
	snprintf(target, sizeof target, "/v1/sittings/%s/here", id);
	ck_assert_int_eq(ask(&b, &c, "POST", target), 200);
	ck_assert(has(&c, "\"lapsed\":\"Rights"));
	client_close(&c);
	ck_assert_int_eq(b.reloads, 1);
	/* looking goes on, with it as without, and who names none is judged by the request */
	ck_assert_int_eq(ask_sitting(&b, &c, "GET", "/v1/pops", id), 200);
	client_close(&c);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/sittings/0123456789abcdef0123456789abcdef/here"), 404);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/reload"), 200);
	bench_close(&b);
}
END_TEST

START_TEST(test_refresh_and_reload)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/refresh"), 202);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/refresh"), 202);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/probe/ns"), 202);
	ck_assert_int_eq(b.polls_asked, 1); /* the others came within the same second */
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/probe/none"), 404);
	ck_assert_int_eq(ask_status(&b, "POST", "/v1/reload"), 200);
	b.reload_error = "fleet.yaml:3:1: no";
	struct client c;
	ck_assert_int_eq(ask(&b, &c, "POST", "/v1/reload"), 400);
	ck_assert(has(&c, "fleet.yaml:3:1: no"));
	client_close(&c);
	const char *with_body = "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
	ask_raw(&b, &c, with_body, strlen(with_body));
	check_problem(&c, 400, "usage");
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_openapi_has_every_route_and_every_schema)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	struct json_doc *doc = ask_json(&b, "/openapi.json");
	const struct json *root = json_root(doc), *paths = json_get(root, "paths");
	const struct json *schemas = json_get(json_get(root, "components"), "schemas");
	size_t n;
	const struct route *table = routes_table(&n);
	for (size_t i = 0; i < n; i++) {
		char method[8], schema[32];
		snprintf(method, sizeof method, "%s", strcmp(table[i].method, "GET") == 0 ? "get" : "post");
		const struct json *operation = json_get(json_get(paths, table[i].pattern), method);
		ck_assert_msg(operation != NULL, "%s %s", table[i].method, table[i].pattern);
		ck_assert_ptr_nonnull(json_get(operation, "responses"));
		size_t params = 0;
		for (const char *p = table[i].pattern; *p; p++)
			params += *p == '{';
		for (size_t k = 0; table[i].query && table[i].query[k]; k++)
			params++;
		ck_assert_uint_eq(json_length(json_get(operation, "parameters")), params);
		if (!table[i].schema)
			continue;
		snprintf(schema, sizeof schema, "%.*s", (int)strcspn(table[i].schema, "["), table[i].schema);
		ck_assert_msg(json_get(schemas, schema) != NULL, "%s", schema);
	}
	json_doc_free(doc);
	bench_close(&b);
}
END_TEST

/* Also when its value is null. */
static bool
has_key(const struct json *object, const char *wanted)
{
	struct json_iter it = json_iter_start(object);
	const char *key;
	const struct json *value;
	while (json_iter_next(&it, &key, &value)) {
		if (strcmp(key, wanted) == 0)
			return true;
	}
	return false;
}

/* Every key that /openapi.json promises for an object is in the object that is sent. */
static void
check_keys(struct bench *b, const struct json *schemas, const char *schema, const char *target, bool is_array)
{
	struct json_doc *doc = ask_json(b, target);
	const struct json *object = is_array ? json_at(json_root(doc), 0) : json_root(doc);
	ck_assert_ptr_nonnull(object);
	struct json_iter it = json_iter_start(json_get(json_get(schemas, schema), "properties"));
	const char *key;
	const struct json *value;
	size_t n = 0;
	while (json_iter_next(&it, &key, &value)) {
		ck_assert_msg(has_key(object, key), "%s has no %s", target, key);
		n++;
	}
	ck_assert_uint_gt(n, 1);
	json_doc_free(doc);
}

START_TEST(test_objects_have_the_keys_promised)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	poll_node(&b, 0, 100);
	struct json_doc *doc = ask_json(&b, "/openapi.json");
	const struct json *schemas = json_get(json_get(json_root(doc), "components"), "schemas");
	check_keys(&b, schemas, "Fleet", "/v1/fleet", false);
	check_keys(&b, schemas, "Pop", "/v1/pops", true);
	check_keys(&b, schemas, "Node", "/v1/nodes", true);
	check_keys(&b, schemas, "Session", "/v1/sessions/fra1", true);
	check_keys(&b, schemas, "Prefix", "/v1/prefixes", true);
	check_keys(&b, schemas, "Service", "/v1/services", true);
	check_keys(&b, schemas, "Event", "/v1/events", true);
	json_doc_free(doc);
	bench_close(&b);
}
END_TEST

/* --- streams -------------------------------------------------------------------------------------------------- */

static void
open_stream(struct bench *b, struct client *c, const char *target, const char *header)
{
	char request[512];
	client_open(c, b);
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, header);
	client_say(c, request);
	WAIT_FOR(b, has(c, "retry: "));
}

static size_t
count_text(const struct client *c, const char *text)
{
	size_t n = 0;
	for (const char *p = strstr(buf_text(&c->in), text); p; p = strstr(p + 1, text))
		n++;
	return n;
}

START_TEST(test_stream_tells_a_change_once)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	struct client c;
	open_stream(&b, &c, "/v1/stream", "");
	ck_assert(has(&c, "Content-Type: text/event-stream"));
	ck_assert_uint_eq(api_streams(b.api), 1);
	for (int64_t i = 0; i < 10; i++)
		poll_node(&b, 2, 1000 * i * i); /* well within 50 ms */
	WAIT_FOR(&b, has(&c, "event: change\n"));
	WAIT_FOR(&b, has(&c, "\"node\":\"ams1\""));
	ck_assert_uint_eq(count_text(&c, "event: change\n"), 1);
	ck_assert(has(&c, "event: event\n"));
	/* What has no news but its age comes as seen, within about a second. */
	state_fail(b.state, 0, "test/x", REPORT_DNS, &(struct err){ .code = ERR_TIMEOUT, .text = "slow" }, clock_mono(),
		clock_wall());
	state_fail(b.state, 0, "test/x", REPORT_DNS, &(struct err){ .code = ERR_TIMEOUT, .text = "slow" }, clock_mono(),
		clock_wall());
	WAIT_FOR(&b, has(&c, "event: seen\n") || count_text(&c, "event: change\n") >= 2);
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_stream_resumes_from_an_id)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	poll_node(&b, 0, 100);
	uint64_t first = state_fleet(b.state)->revision;
	poll_node(&b, 2, 100);
	char header[64], target[64];
	struct client c;
	snprintf(header, sizeof header, "Last-Event-ID: %llu\r\n", (unsigned long long)first);
	open_stream(&b, &c, "/v1/stream", header);
	WAIT_FOR(&b, has(&c, "event: seen\n"));
	ck_assert(has(&c, "\"node\":\"ams1\""));
	ck_assert(!has(&c, "\"node\":\"fra1\""));
	ck_assert(!has(&c, "resync"));
	client_close(&c);
	snprintf(target, sizeof target, "/v1/stream?from=%llu", (unsigned long long)first);
	open_stream(&b, &c, target, "");
	WAIT_FOR(&b, has(&c, "event: seen\n"));
	ck_assert(has(&c, "\"node\":\"ams1\""));
	client_close(&c);
	static const char *const strange[] = { "from=999999999", "from=9223372036854775807" };
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
		snprintf(target, sizeof target, "/v1/stream?%s", strange[i]);
		open_stream(&b, &c, target, "");
		WAIT_FOR(&b, has(&c, "event: resync\n"));
		client_close(&c);
	}
	open_stream(&b, &c, "/v1/stream", "Last-Event-ID: rubbish\r\n");
	WAIT_FOR(&b, has(&c, "event: resync\n"));
	client_close(&c);
	ck_assert_int_eq(ask_status(&b, "GET", "/v1/stream?from=-1"), 400);
	ck_assert_int_eq(ask_status(&b, "GET", "/v1/stream?from=1e3"), 400);
	ck_assert_int_eq(ask_status(&b, "GET", "/v1/stream?since=1"), 400);
	bench_close(&b);
}
END_TEST

START_TEST(test_a_reader_that_died_is_freed_within_two_heartbeats)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .heartbeat_ms = 50 });
	struct client alive, dead;
	open_stream(&b, &alive, "/v1/stream", "");
	open_stream(&b, &dead, "/v1/stream", "");
	ck_assert_uint_eq(api_streams(b.api), 2);
	size_t beats = count_text(&alive, ": hb\n");
	client_close(&dead);
	WAIT_FOR(&b, api_streams(b.api) == 1);
	ck_assert_uint_le(count_text(&alive, ": hb\n"), beats + 2);
	WAIT_FOR(&b, count_text(&alive, ": hb\n") > beats + 2);
	ck_assert_uint_eq(api_streams(b.api), 1);
	client_close(&alive);
	bench_close(&b);
}
END_TEST

START_TEST(test_stop_with_a_thousand_suspended_streams)
{
	enum { STREAMS = 1000 };
	struct rlimit files;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_max < 2 * STREAMS + 100) {
		printf("SKIP: only %llu descriptors allowed\n", (unsigned long long)files.rlim_max);
		return;
	}
	files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	struct client *clients = xcalloc(STREAMS, sizeof *clients);
	for (size_t i = 0; i < STREAMS; i++)
		open_stream(&b, &clients[i], "/v1/stream", "");
	ck_assert_uint_eq(api_streams(b.api), STREAMS);
	poll_node(&b, 0, 100);
	for (size_t i = 0; i < STREAMS; i++)
		WAIT_FOR(&b, has(&clients[i], "\"node\":\"fra1\""));
	api_free(b.api);
	b.api = NULL;
	for (size_t i = 0; i < STREAMS; i++) {
		WAIT_FOR(&b, clients[i].is_over);
		/* ended by the last chunk, not cut */
		ck_assert(clients[i].in.len > 5 && memcmp(clients[i].in.data + clients[i].in.len - 5, "0\r\n\r\n", 5) == 0);
		client_close(&clients[i]);
	}
	free(clients);
	bench_close(&b);
}
END_TEST

/* --- hostile clients ------------------------------------------------------------------------------------------- */

START_TEST(test_hostile_requests_are_answered_and_closed)
{
	static const struct {
		const char *bytes;
		int status;
	} rows[] = {
		{ "GET /v1/pops HTTP/1.1\nHost: localhost\n\n", 400 },
		{ "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n 2\r\n\r\n", 400 },
		{ "GET /v1/pops HTTP/1.1\r\n\r\n", 400 },
		{ "GET /v1/pops HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403 },
		{ "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n", 403 },
		{ "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400 },
		{ "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400 },
		{ "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", 413 },
		{ "\x16\x03\x01\x02", 400 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
		/* the second request of a connection is never looked at */
		{ "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/fleet HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
		{ "GET /healthz HTTP/1.0\r\n\r\n", 200 },
	};
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client c;
		ask_raw(&b, &c, rows[i].bytes, strlen(rows[i].bytes));
		ck_assert_msg(status_of(&c) == rows[i].status, "%s: %s", rows[i].bytes, buf_text(&c.in));
		ck_assert(has(&c, "Connection: close"));
		ck_assert(!has(&c, "\"revision\""));
		if (rows[i].status >= 400)
			check_problem(&c, rows[i].status, NULL);
		client_close(&c);
	}
	ck_assert_uint_eq(api_connections(b.api), 0);
	bench_close(&b);
}
END_TEST

START_TEST(test_a_hundred_thousand_headers)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	struct buf request = BUF_INIT(4 << 20);
	(void)buf_add_text(&request, "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\n");
	for (int i = 0; i < 100000; i++)
		(void)buf_printf(&request, "X-%d: y\r\n", i);
	(void)buf_add_text(&request, "\r\n");
	struct client c;
	ask_raw(&b, &c, request.data, request.len);
	check_problem(&c, 413, "too_large");
	client_close(&c);
	buf_done(&request);
	bench_close(&b);
}
END_TEST

struct dribble {
	struct client *client;
	struct loop_timer *timer;
	const char *bytes;
	size_t sent;
};

static void
on_dribble(void *arg)
{
	struct dribble *d = arg;
	if (d->bytes[d->sent] != '\0' && send(d->client->fd, d->bytes + d->sent, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		d->sent++;
}

/* One byte every 10 ms never pushes the deadline back: of head and body alike. */
START_TEST(test_slow_loris_meets_the_deadline)
{
	static const char *const firsts[] = {
		"", "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n",
	};
	static const char slow[] = "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct bench b;
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .head_ms = 150, .body_ms = 150 });
	for (size_t i = 0; i < 2; i++) {
		struct client c;
		client_open(&c, &b);
		client_say(&c, firsts[i]);
		struct mono begun = loop_now(b.loop);
		struct dribble d = { .client = &c, .bytes = slow };
		d.timer = loop_timer_add(b.loop, 10, 10, on_dribble, &d);
		WAIT_FOR(&b, c.is_over);
		loop_timer_del(d.timer);
		ck_assert_uint_gt(d.sent, 3);
		ck_assert_int_ge(mono_ms_since(loop_now(b.loop), begun), 100);
		ck_assert_uint_eq(c.in.len, 0);
		ck_assert_uint_eq(api_connections(b.api), 0);
		client_close(&c);
	}
	bench_close(&b);
}
END_TEST

START_TEST(test_a_head_in_too_many_pieces)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	struct client c;
	client_open(&c, &b);
	client_say(&c, "GET /");
	for (int i = 0; i < 200 && !c.is_over; i++) {
		(void)!send(c.fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		loop_turn(b.loop, true);
	}
	WAIT_FOR(&b, c.is_over);
	check_problem(&c, 400, "usage");
	client_close(&c);
	/* in a few pieces it is taken */
	client_open(&c, &b);
	static const char *const pieces[] = { "GET /hea", "lthz HTTP/1.1\r", "\nHost: loc", "alhost\r\n\r", "\n" };
	for (size_t i = 0; i < 5; i++) {
		client_say(&c, pieces[i]);
		loop_turn(b.loop, false);
		loop_turn(b.loop, false);
	}
	WAIT_FOR(&b, c.is_over);
	ck_assert_int_eq(status_of(&c), 200);
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_who_does_not_take_the_answer_is_cut)
{
	struct bench b;
	bench_open(&b, tiny_fleet_wide(1000), &(struct api_conf){ .reply_ms = 150 });
	struct client c;
	client_open(&c, &b);
	loop_io_set(c.io, 0);
	client_say(&c, "GET /v1/fleet HTTP/1.1\r\nHost: localhost\r\n\r\n");
	WAIT_FOR(&b, api_connections(b.api) == 1);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_clients_that_leave_are_forgotten)
{
	static const char *const begun[] = {
		"", "GET /v1/p", "POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
		"GET /v1/fleet HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};
	struct bench b;
	bench_open(&b, tiny_fleet_wide(1000), NULL);
	for (size_t i = 0; i < sizeof begun / sizeof *begun; i++) {
		struct client c;
		client_open(&c, &b);
		WAIT_FOR(&b, api_connections(b.api) == 1);
		client_say(&c, begun[i]);
		loop_turn(b.loop, false);
		client_close(&c);
		WAIT_FOR(&b, api_connections(b.api) == 0);
	}
	ck_assert_int_eq(ask_status(&b, "GET", "/healthz"), 200);
	bench_close(&b);
}
END_TEST

/* Chunks taken apart: what a client of the stream sees. */
static void
dechunk(const struct client *c, struct buf *out)
{
	struct slice rest = slice_of(body_of(c));
	struct slice line;
	while (slice_next_line(&rest, &line) && line.len > 0) {
		size_t len = strtoul(line.data, NULL, 16);
		if (len == 0 || len + 2 > rest.len)
			return;
		(void)buf_add(out, rest.data, len);
		rest = (struct slice){ rest.data + len + 2, rest.len - len - 2 };
	}
}

START_TEST(test_a_reader_that_stops_gets_one_resync)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .coalesce_ms = 1 });
	struct client slow, quick;
	open_stream(&b, &slow, "/v1/stream", "");
	open_stream(&b, &quick, "/v1/stream", "");
	loop_io_set(slow.io, 0);
	for (int round = 0; round < 6; round++) {
		char last[32];
		for (int i = 0; i < 1500; i++)
			state_tell(b.state, "backend", VERDICT_OK, clock_wall(), "round %d number %d.", round, i);
		snprintf(last, sizeof last, "round %d number 1499.", round);
		WAIT_FOR(&b, has(&quick, last));
	}
	loop_io_set(slow.io, LOOP_READ);
	WAIT_FOR(&b, has(&slow, "event: resync\n"));
	state_tell(b.state, "backend", VERDICT_OK, clock_wall(), "the end");
	WAIT_FOR(&b, has(&slow, "the end"));
	WAIT_FOR(&b, has(&quick, "the end"));
	ck_assert_uint_eq(count_text(&slow, "event: resync\n"), 1);
	ck_assert_uint_eq(count_text(&quick, "event: resync\n"), 0);
	struct buf text = BUF_INIT(64 << 20);
	dechunk(&slow, &text);
	struct slice rest = buf_slice(&text), line;
	while (slice_next_line(&rest, &line)) {
		if (!slice_starts(line, "data: "))
			continue;
		struct json_doc *doc = json_parse((struct slice){ line.data + 6, line.len - 6 }, NULL);
		ck_assert_msg(doc != NULL, "%.*s", (int)line.len, line.data);
		json_doc_free(doc);
	}
	buf_done(&text);
	client_close(&slow);
	client_close(&quick);
	bench_close(&b);
}
END_TEST

START_TEST(test_a_stuck_reader_is_given_up)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .coalesce_ms = 1, .heartbeat_ms = 100 });
	struct client c;
	open_stream(&b, &c, "/v1/stream", "");
	loop_io_set(c.io, 0);
	for (int i = 0; i < 1900; i++)
		state_tell(b.state, "backend", VERDICT_OK, clock_wall(), "%0200d", i);
	WAIT_FOR(&b, api_streams(b.api) == 0);
	ck_assert_uint_eq(api_connections(b.api), 0);
	client_close(&c);
	bench_close(&b);
}
END_TEST

/* --- who may ---------------------------------------------------------------------------------------------------- */

static void
open_as(struct bench *b, struct client *c, uid_t uid)
{
	ck_assert_int_eq(setegid(65534), 0);
	ck_assert_int_eq(seteuid(uid), 0);
	client_open(c, b);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
}

START_TEST(test_peer_credentials_decide)
{
	if (geteuid() != 0) {
		printf("SKIP: only root can be several users\n");
		return;
	}
	struct bench b;
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .connections_max = 16 });
	ck_assert_int_eq(chown(b.dir, 0, 65534), 0);
	ck_assert_int_eq(chmod(b.dir, 0750), 0);
	ck_assert_int_eq(chown(b.path, 0, 65534), 0);
	struct client c;
	open_as(&b, &c, 65534);
	client_say(&c, "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\n\r\n");
	WAIT_FOR(&b, c.is_over);
	ck_assert_int_eq(status_of(&c), 200);
	client_close(&c);
	open_as(&b, &c, 65534);
	client_say(&c, "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\n\r\n");
	WAIT_FOR(&b, c.is_over);
	check_problem(&c, 403, "not_permitted");
	ck_assert(has(&c, "admin"));
	client_close(&c);

	/* the whole table as an observer: what is above the role is refused, and nothing is changed by anything */
	uint64_t revision = state_fleet(b.state)->revision;
	size_t n;
	const struct route *table = routes_table(&n);
	for (size_t i = 0; i < n; i++) {
		char target[256], request[512];
		fill_pattern(table[i].pattern, target, sizeof target);
		if (table[i].is_stream)
			continue;
		open_as(&b, &c, 65534);
		snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", table[i].method, target);
		client_say(&c, request);
		WAIT_FOR(&b, c.is_over);
		if (table[i].may != AUTH_SEE)
			check_problem(&c, 403, "not_permitted");
		client_close(&c);
	}
	ck_assert_uint_eq(state_fleet(b.state)->revision, revision);
	ck_assert_int_eq(b.reloads, 0);

	/* 16 slots: one account may hold 12, observers 15 together, the last is for others */
	struct client held[16];
	for (size_t i = 0; i < 12; i++)
		open_as(&b, &held[i], 65534);
	WAIT_FOR(&b, api_connections(b.api) == 12);
	open_as(&b, &c, 65534);
	WAIT_FOR(&b, c.is_over);
	check_problem(&c, 429, "busy");
	ck_assert(has(&c, "one account"));
	client_close(&c);
	for (size_t i = 12; i < 15; i++)
		open_as(&b, &held[i], 65533);
	WAIT_FOR(&b, api_connections(b.api) == 15);
	open_as(&b, &c, 65533);
	WAIT_FOR(&b, c.is_over);
	check_problem(&c, 429, "busy");
	ck_assert(has(&c, "observers"));
	client_close(&c);
	ck_assert_int_eq(ask_status(&b, "GET", "/v1/pops"), 200);
	for (size_t i = 0; i < 15; i++)
		client_close(&held[i]);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	bench_close(&b);
}
END_TEST

static void
try_open(struct bench *b, const char *path, const char *says)
{
	struct err err = ERR_INIT;
	struct api_conf conf = { .socket_path = path, .state = b->state };
	struct api *a = api_new(b->loop, &conf, &err);
	ck_assert_ptr_null(a);
	ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
}

START_TEST(test_where_a_socket_may_stand)
{
	struct bench b;
	char path[200], long_path[200];
	bench_open(&b, tiny_fleet(), NULL);
	struct stat st;
	ck_assert_int_eq(stat(b.path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	try_open(&b, b.path, "another backend answers");
	ck_assert_int_eq(access(b.path, F_OK), 0);
	snprintf(path, sizeof path, "%s/file", b.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	try_open(&b, path, "is no socket");
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof path, "%s/none/sock", b.dir);
	try_open(&b, path, "No such file");
	snprintf(long_path, sizeof long_path, "%s/%0120d", b.dir, 1);
	try_open(&b, long_path, "1 to 107 bytes");
	snprintf(path, sizeof path, "%s/other", b.dir);
	ck_assert_int_eq(chmod(b.dir, 0755), 0);
	try_open(&b, path, "0750 or less");
	ck_assert_int_eq(chmod(b.dir, 0770), 0);
	try_open(&b, path, "0750 or less");
	ck_assert_int_eq(chmod(b.dir, 0700), 0);
	/* a socket that a killed backend left behind: bound, and nobody listens */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	struct err err = ERR_INIT;
	struct api *a = api_new(b.loop, &(struct api_conf){ .socket_path = path, .state = b.state }, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	api_free(a);
	ck_assert_int_eq(access(path, F_OK), -1);
	bench_close(&b);
}
END_TEST

/* --- history ---------------------------------------------------------------------------------------------------- */

START_TEST(test_history_over_a_span_and_at_an_instant)
{
	static const struct {
		const char *target;
		int status;
		const char *says;
	} rows[] = {
		{ "/v1/history?pop=fra&from=2023-11-15T11:00:00Z&to=2023-11-15T13:00:00Z", 200,
			"\"points\":[{\"at\":\"2023-11-15T12:00:00Z\",\"qps_min\":5.0,\"qps_avg\":6.0,\"qps_max\":7.0,\"verdict\":\"degraded\"}" },
		{ "/v1/history?pop=fra&from=2023-11-01T11:00:00Z&to=2023-11-15T13:00:00Z", 200, "\"qps_max\":9.0" },
		{ "/v1/history?pop=ams&from=2023-11-15T11:00:00Z&to=2023-11-15T13:00:00Z", 200, "\"points\":[]" },
		{ "/v1/history?at=2023-11-15T12:02:30Z", 200,
			"\"pops\":[{\"pop\":\"fra\",\"at\":\"2023-11-15T12:01:00Z\",\"qps_min\":9.0" },
		{ "/v1/history?at=2023-11-15T12:40:00Z&pop=fra", 200, "\"at\":\"2023-11-15T12:00:00Z\",\"qps_min\":5.0" },
		{ "/v1/history?at=2023-11-15T14:00:00Z", 200, "{\"pop\":\"fra\",\"at\":null}" },
		{ "/v1/history?at=yesterday", 400, "2026-11-23T11:35:03Z" },
		{ "/v1/history", 400, "pop=NAME" },
		{ "/v1/history?pop=lhr", 404, "lhr" },
		{ "/v1/history?pop=fra&from=2023-11-15T13:00:00Z&to=2023-11-15T11:00:00Z", 400, "from lies before to" },
		{ "/v1/history?pop=fra&from=1971-11-15T13:00:00Z&to=2023-11-15T11:00:00Z", 400, "400 days" },
	};
	struct bench b;
	char dir[] = "/tmp/catchment-api-store-XXXXXX", file[64];
	struct err err = ERR_INIT;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	struct store *store = store_open(dir, &err);
	ck_assert_msg(store != NULL, "%s", err.text);
	static const int64_t noon_s = 1700049600;
	static const double rates[] = { 5, 7, 9 };
	for (int64_t i = 0; i < 3; i++) {
		struct wall at = { (noon_s + 30 * i) * CLOCK_NS_PER_S };
		store_add_sample(store, "fra", "", rates[i], i == 1 ? VERDICT_DEGRADED : VERDICT_OK, at);
		ck_assert_int_eq(store_commit(store, at, &err), 0);
	}
	bench_open(&b, tiny_fleet(), &(struct api_conf){ .store = store });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client c;
		int status = ask(&b, &c, "GET", rows[i].target);
		ck_assert_msg(status == rows[i].status && has(&c, rows[i].says), "%s: %s", rows[i].target, buf_text(&c.in));
		client_close(&c);
	}
	bench_close(&b);
	store_close(store);
	snprintf(file, sizeof file, "%s/history.db", dir);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* --- metrics ---------------------------------------------------------------------------------------------------- */

START_TEST(test_metrics_pass_promtool)
{
	struct bench b;
	bench_open(&b, tiny_fleet(), NULL);
	poll_node(&b, 0, 100);
	poll_node(&b, 2, 100);
	struct client c;
	ck_assert_int_eq(ask(&b, &c, "GET", "/metrics"), 200);
	ck_assert(has(&c, "Content-Type: text/plain; version=0.0.4"));
	ck_assert(has(&c, "catchment_pop_sessions_established{pop=\"ams\"} 1\n"));
	ck_assert(has(&c, "catchment_node_queries_total{pop=\"fra\",node=\"fra1\"} 100\n"));
	ck_assert(has(&c, "catchment_prefix_pops{prefix=\"192.0.2.0/24\",family=\"ipv4\",state=\"announced\"}"));
	ck_assert(!has(&c, "catchment_node_queries_total{pop=\"fra\",node=\"fra2\"}")); /* not known, so not there */
	if (system("command -v promtool >/dev/null") == 0) {
		FILE *tool = popen("promtool check metrics", "w");
		ck_assert_ptr_nonnull(tool);
		ck_assert_int_eq(fputs(body_of(&c), tool) < 0, 0);
		ck_assert_int_eq(pclose(tool), 0);
	} else {
		printf("SKIP: promtool is not installed\n");
	}
	client_close(&c);
	static const char open_metrics[] =
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n";
	ask_raw(&b, &c, open_metrics, sizeof open_metrics - 1);
	ck_assert(has(&c, "Content-Type: application/openmetrics-text"));
	ck_assert(has(&c, "# TYPE catchment_api_requests counter\n"));
	ck_assert(has(&c, "catchment_api_requests_total{result=\"2xx\"} 1\n"));
	ck_assert_str_eq(buf_text(&c.in) + c.in.len - 6, "# EOF\n");
	client_close(&c);
	bench_close(&b);
}
END_TEST

static Suite *
api_suite(void)
{
	Suite *suite = suite_create("api");
	TCase *tcase = tcase_create("api");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_every_route_with_every_method);
	tcase_add_test(tcase, test_reads_answer);
	tcase_add_test(tcase, test_acting_is_refused_and_says_why);
	tcase_add_test(tcase, test_rights_of_a_sitting_lapse);
	tcase_add_test(tcase, test_refused_requests_are_recorded_and_bounded);
	tcase_add_test(tcase, test_refresh_and_reload);
	tcase_add_test(tcase, test_openapi_has_every_route_and_every_schema);
	tcase_add_test(tcase, test_objects_have_the_keys_promised);
	tcase_add_test(tcase, test_stream_tells_a_change_once);
	tcase_add_test(tcase, test_stream_resumes_from_an_id);
	tcase_add_test(tcase, test_a_reader_that_died_is_freed_within_two_heartbeats);
	tcase_add_test(tcase, test_stop_with_a_thousand_suspended_streams);
	tcase_add_test(tcase, test_hostile_requests_are_answered_and_closed);
	tcase_add_test(tcase, test_a_hundred_thousand_headers);
	tcase_add_test(tcase, test_slow_loris_meets_the_deadline);
	tcase_add_test(tcase, test_a_head_in_too_many_pieces);
	tcase_add_test(tcase, test_who_does_not_take_the_answer_is_cut);
	tcase_add_test(tcase, test_clients_that_leave_are_forgotten);
	tcase_add_test(tcase, test_a_reader_that_stops_gets_one_resync);
	tcase_add_test(tcase, test_a_stuck_reader_is_given_up);
	tcase_add_test(tcase, test_peer_credentials_decide);
	tcase_add_test(tcase, test_where_a_socket_may_stand);
	tcase_add_test(tcase, test_history_over_a_span_and_at_an_instant);
	tcase_add_test(tcase, test_metrics_pass_promtool);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_DFL); /* nobody may rely on it being ignored */
	return suite_run(api_suite());
}
