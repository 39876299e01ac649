/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a real backend on the same loop, and against one that stops answering. Waits
 * for states, never for time; where the promise is about time (a frozen backend within three
 * seconds), the clock is read at both ends.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/api.h"
#include "console/client.h"
#include "console/place.h"
#include "console/sse.h"
#include "certs.h"
#include "core/conf.h"
#include "core/token.h"
#include "suite.h"
#include "tiny_fleet.h"

struct bench {
	char dir[64], path[96];
	struct loop *loop;
	struct state *state;
	struct api *api;
	struct place place;
	struct client *client;
	struct loop_timer *watchdog;
	bool is_late;
	size_t changes;
	int polls_asked;
	char told[300];
	bool wants_to_act;
};

static void
on_watchdog(void *arg)
{
	((struct bench *)arg)->is_late = true;
}

static void
on_poll_now(void *arg)
{
	((struct bench *)arg)->polls_asked++;
}

static void
on_changed(void *arg)
{
	((struct bench *)arg)->changes++;
}

static void
on_told(void *arg, const char *sentence)
{
	struct bench *b = arg;
	snprintf(b->told, sizeof b->told, "%s", sentence);
}

static void
start_api(struct bench *b)
{
	struct err err = ERR_INIT;
	struct api_conf conf = {
		.socket_path = b->path, .state = b->state, .poll_now = on_poll_now, .arg = b
	};
	b->api = api_new(b->loop, &conf, &err);
	ck_assert_msg(b->api != NULL, "%s", err.text);
}

static void
bench_open(struct bench *b)
{
	struct err err = ERR_INIT;
	*b = (struct bench){ .dir = "/tmp/catchment-client-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	snprintf(b->path, sizeof b->path, "%s/api.sock", b->dir);
	b->loop = loop_new(&err);
	ck_assert_ptr_nonnull(b->loop);
	b->state = state_new(tiny_fleet());
	b->watchdog = loop_timer_add(b->loop, 30000, 0, on_watchdog, b);
}

static void
start_client(struct bench *b)
{
	struct err err = ERR_INIT;
	char backend[128];
	snprintf(backend, sizeof backend, "unix:%s", b->path);
	ck_assert_int_eq(place_open(&b->place, &(struct place_wish){ .backend = backend }, &err), 0);
	struct client_conf conf = {
		.place = &b->place, .wants_to_act = b->wants_to_act, .changed = on_changed, .told = on_told, .arg = b
	};
	b->client = client_new(b->loop, &conf, &err);
	ck_assert_msg(b->client != NULL, "%s", err.text);
}

static void
bench_close(struct bench *b)
{
	client_free(b->client);
	api_free(b->api);
	state_free(b->state);
	loop_timer_del(b->watchdog);
	loop_turn(b->loop, false);
	loop_free(b->loop);
	unlink(b->path);
	ck_assert_int_eq(rmdir(b->dir), 0);
}

static struct ui
look(const struct bench *b)
{
	struct ui ui = { 0 };
	client_fill(b->client, &ui);
	return ui;
}

/* Turns the loop until a thing is so. */
#define UNTIL(bench, condition)                                                                    \
	do {                                                                                       \
		while (!(condition) && !(bench)->is_late)                                          \
			loop_turn((bench)->loop, true);                                            \
		ck_assert_msg(condition, "it never came to " #condition);                          \
	} while (0)

static bool
is_following(const struct bench *b)
{
	return look(b).link.state == LINK_LIVE && look(b).fleet->n_nodes > 0;
}

static void
apply(struct bench *b, size_t node, double qps)
{
	struct report *r = report_new();
	r->sections = REPORT_DNS;
	r->dns.qps = qps;
	state_apply(b->state, node, "test/dns", r, loop_now(b->loop), clock_wall());
}

static double
qps_of(const struct bench *b, size_t node)
{
	return look(b).fleet->nodes[node].facts->dns.qps;
}

START_TEST(test_client_follows_a_backend)
{
	struct bench b;
	bench_open(&b);
	start_api(&b);
	start_client(&b);
	ck_assert_int_eq(look(&b).link.state, LINK_STARTING);
	ck_assert_uint_eq(look(&b).fleet->n_pops, 0);
	UNTIL(&b, is_following(&b));
	ck_assert_uint_eq(look(&b).fleet->n_nodes, state_fleet(b.state)->n_nodes);
	apply(&b, 0, 1234);
	UNTIL(&b, qps_of(&b, 0) == 1234);
	state_tell(b.state, "backend", VERDICT_OK, clock_wall(), "something happened");
	UNTIL(&b, look(&b).n_events > 0 && strcmp(look(&b).events[look(&b).n_events - 1].text,
						   "something happened") == 0);
	bench_close(&b);
}
END_TEST

START_TEST(test_client_reconnects_for_ever)
{
	struct bench b;
	bench_open(&b);
	start_client(&b); /* before there is a backend */
	UNTIL(&b, look(&b).link.state == LINK_AWAY);
	ck_assert_str_ne(look(&b).link.problem, "");
	start_api(&b);
	UNTIL(&b, is_following(&b));
	for (int round = 0; round < 3; round++) {
		api_free(b.api);
		b.api = NULL;
		UNTIL(&b, look(&b).link.state == LINK_AWAY);
		/* the picture stays, and is said to be old by the link */
		ck_assert_uint_eq(look(&b).fleet->n_nodes, state_fleet(b.state)->n_nodes);
		apply(&b, 1, 100 + round);
		start_api(&b);
		UNTIL(&b, look(&b).link.state == LINK_LIVE);
		UNTIL(&b, qps_of(&b, 1) == 100 + round);
	}
	bench_close(&b);
}
END_TEST

static void
set_idle(struct bench *b, int64_t idle_s)
{
	struct fleet *f = tiny_fleet();
	f->limits.act_idle_s = idle_s;
	state_reload(b->state, f, clock_mono(), clock_wall());
}

/* Keys keep the rights alive, silence ends them; then no key, and no new connection, brings them back. */
START_TEST(test_client_rights_lapse_for_good)
{
	struct bench b;
	bench_open(&b);
	b.wants_to_act = true;
	set_idle(&b, 1);
	start_api(&b);
	start_client(&b);
	UNTIL(&b, is_following(&b));
	/* longer than it may be idle, with keys in between */
	struct mono until = mono_add_ms(clock_mono(), 1600);
	while (mono_before(clock_mono(), until)) {
		client_key(b.client);
		loop_turn(b.loop, true);
	}
	ck_assert_str_eq(b.told, "");
	ck_assert(!look(&b).has_lapsed);
	UNTIL(&b, look(&b).has_lapsed);
	ck_assert_str_eq(b.told, "Rights to act lapsed after 1s without a key: start catchment again to act.");
	ck_assert_str_eq(look(&b).why_not, b.told);
	ck_assert(!look(&b).is_approver);
	for (int i = 0; i < 100; i++)
		client_key(b.client);
	/* the screen stays */
	apply(&b, 0, 4321);
	UNTIL(&b, qps_of(&b, 0) == 4321);
	api_free(b.api);
	b.api = NULL;
	UNTIL(&b, look(&b).link.state == LINK_AWAY);
	start_api(&b);
	UNTIL(&b, is_following(&b));
	client_key(b.client);
	ck_assert(look(&b).has_lapsed);
	ck_assert_str_eq(look(&b).why_not, b.told);
	bench_close(&b);
}
END_TEST

/* A backend that was started again does not take away the rights of who presses keys. */
START_TEST(test_client_sits_down_again_after_a_restart)
{
	struct bench b;
	bench_open(&b);
	b.wants_to_act = true;
	set_idle(&b, 600);
	start_api(&b);
	start_client(&b);
	for (int round = 0; round < 2; round++) {
		UNTIL(&b, is_following(&b));
		for (int i = 0; i < 200; i++) {
			client_key(b.client);
			loop_turn(b.loop, false);
		}
		ck_assert(!look(&b).has_lapsed);
		api_free(b.api);
		b.api = NULL;
		UNTIL(&b, look(&b).link.state == LINK_AWAY);
		start_api(&b);
	}
	ck_assert_str_eq(b.told, "");
	bench_close(&b);
}
END_TEST

START_TEST(test_client_takes_a_new_topology)
{
	struct bench b;
	bench_open(&b);
	start_api(&b);
	start_client(&b);
	UNTIL(&b, is_following(&b));
	state_reload(b.state, tiny_fleet_wide(9), loop_now(b.loop), clock_wall());
	UNTIL(&b, look(&b).fleet->n_nodes == state_fleet(b.state)->n_nodes);
	bench_close(&b);
}
END_TEST

START_TEST(test_client_asks_for_polls)
{
	struct bench b;
	bench_open(&b);
	start_api(&b);
	start_client(&b);
	UNTIL(&b, is_following(&b));
	client_refresh(b.client);
	UNTIL(&b, b.told[0]);
	ck_assert_int_eq(b.polls_asked, 1);
	ck_assert_str_eq(b.told, "All nodes are being asked now.");
	bench_close(&b);
}
END_TEST

/* -- over TLS -- */

static void
write_token(const char *path, const char *token)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fchmod(fileno(f), 0600), 0);
	ck_assert_int_gt(fprintf(f, "%s\n", token), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* A backend elsewhere: found by address, its certificate verified, known by a token, and told when that is taken away. */
START_TEST(test_client_follows_over_tls_with_a_token)
{
	static const struct cert_wish server = { "server", NULL, CERT_SERVER, -60, 86400, NULL, "127.0.0.1" };
	static const char *const addresses[] = { "127.0.0.1:0" };
	struct bench b;
	struct err err = ERR_INIT;
	char cert[160], key[160], token_file[160], token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE], backend[64];
	bench_open(&b);
	certs_make(b.dir, &server);
	snprintf(cert, sizeof cert, "%s/server.pem", b.dir);
	snprintf(key, sizeof key, "%s/server.key", b.dir);
	snprintf(token_file, sizeof token_file, "%s/token", b.dir);
	token_make(token, hash);
	write_token(token_file, token);
	const struct conf_access row = { .token = "noc", .uid = -1, .hash = hash, .role = CONF_OPERATOR };
	const struct conf_rules rules = { .tls = { .cert = cert, .key = key }, .access = &row, .n_access = 1 };
	const struct conf_rules none = { .tls = rules.tls };
	struct fleet *f = tiny_fleet(), *without = tiny_fleet();
	f->rules = &rules;
	without->rules = &none;
	state_reload(b.state, f, loop_now(b.loop), clock_wall());
	const struct api_conf conf = { .socket_path = b.path, .tcp = addresses, .n_tcp = 1, .state = b.state, .recheck_ms = 20 };
	b.api = api_new(b.loop, &conf, &err);
	ck_assert_msg(b.api != NULL, "%s", err.text);
	snprintf(backend, sizeof backend, "https://127.0.0.1:%u", api_port(b.api, 0));
	const struct place_wish wish = { .backend = backend, .ca = cert, .token_file = token_file };
	ck_assert_msg(place_open(&b.place, &wish, &err) == 0, "%s", err.text);
	const struct client_conf client = { .place = &b.place, .changed = on_changed, .told = on_told, .arg = &b };
	b.client = client_new(b.loop, &client, &err);
	UNTIL(&b, is_following(&b));
	ck_assert_str_eq(look(&b).link.where, backend);
	apply(&b, 0, 4321);
	UNTIL(&b, qps_of(&b, 0) == 4321);
	state_reload(b.state, without, loop_now(b.loop), clock_wall());
	UNTIL(&b, look(&b).link.state == LINK_AWAY);
	ck_assert_str_ne(look(&b).link.problem, "");
	unlink(cert);
	unlink(key);
	unlink(token_file);
	bench_close(&b);
}
END_TEST

/* -- a backend that answers for a while and then no more -- */

struct frozen {
	struct bench *bench;
	int listener;
	struct loop_io *io;
	int fds[16];
	struct loop_io *ios[16];
	size_t n;
	bool is_frozen;
	struct buf snapshot;
};

static void
answer(struct frozen *f, int fd)
{
	char request[4096];
	struct buf out = BUF_INIT(1u << 20);
	ssize_t n = recv(fd, request, sizeof request - 1, MSG_DONTWAIT);
	if (n <= 0 || f->is_frozen)
		return;
	request[n] = '\0';
	if (strstr(request, "GET /v1/stream"))
		buf_add_text(&out,
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n");
	else
		buf_printf(&out,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
			"%zu\r\nConnection: close\r\n\r\n%s",
			strstr(request, "GET /v1/fleet") ? f->snapshot.len : 2,
			strstr(request, "GET /v1/fleet") ? buf_text(&f->snapshot) : "[]");
	ck_assert_int_eq(send(fd, buf_text(&out), out.len, MSG_NOSIGNAL), (ssize_t)out.len);
	buf_done(&out);
}

static void
on_frozen_io(void *arg, unsigned events)
{
	struct frozen *f = arg;
	(void)events;
	for (size_t i = 0; i < f->n; i++)
		answer(f, f->fds[i]);
}

static void
on_frozen_connect(void *arg, unsigned events)
{
	struct frozen *f = arg;
	(void)events;
	int fd = accept(f->listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(f->n, 16);
	f->ios[f->n] = loop_io_add(f->bench->loop, fd, LOOP_READ, on_frozen_io, f);
	f->fds[f->n++] = fd;
}

static void
frozen_open(struct frozen *f, struct bench *b)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct fleet *fleet = tiny_fleet();
	*f = (struct frozen){ .bench = b, .snapshot = BUF_INIT(1u << 20) };
	struct json_writer w = JSON_WRITER(&f->snapshot);
	wire_write_fleet(&w, fleet, clock_mono());
	fleet_free(fleet);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", b->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(f->listener, 16), 0);
	f->io = loop_io_add(b->loop, f->listener, LOOP_READ, on_frozen_connect, f);
}

static void
frozen_close(struct frozen *f)
{
	loop_io_del(f->io);
	close(f->listener);
	for (size_t i = 0; i < f->n; i++) {
		loop_io_del(f->ios[i]);
		close(f->fds[i]);
	}
	buf_done(&f->snapshot);
}

START_TEST(test_client_finds_a_frozen_backend_within_three_seconds)
{
	struct bench b;
	struct frozen f;
	bench_open(&b);
	frozen_open(&f, &b);
	start_client(&b);
	UNTIL(&b, is_following(&b));
	f.is_frozen = true;
	struct mono start = clock_mono();
	UNTIL(&b, look(&b).link.state == LINK_AWAY);
	int64_t took = mono_ms_since(clock_mono(), start);
	ck_assert_msg(took <= 3000, "it took %lld ms", (long long)took);
	client_free(b.client);
	b.client = NULL;
	frozen_close(&f);
	bench_close(&b);
}
END_TEST

/* Also while a snapshot is being fetched. */
START_TEST(test_client_finds_a_backend_frozen_in_a_fetch)
{
	struct bench b;
	struct frozen f;
	bench_open(&b);
	frozen_open(&f, &b);
	start_client(&b);
	UNTIL(&b, is_following(&b));
	f.is_frozen = true;
	client_refetch(b.client);
	struct mono start = clock_mono();
	UNTIL(&b, look(&b).link.state == LINK_AWAY);
	ck_assert_int_le(mono_ms_since(clock_mono(), start), 3000);
	client_free(b.client);
	b.client = NULL;
	frozen_close(&f);
	bench_close(&b);
}
END_TEST

/* -- the reader of events -- */

struct heard {
	char text[4096];
};

static void
on_heard(void *arg, const char *event, struct slice data)
{
	struct heard *h = arg;
	size_t n = strlen(h->text);
	snprintf(h->text + n, sizeof h->text - n, "[%s|%.*s]", event, (int)data.len, data.data);
}

static const char sse_text[] =
	": heartbeat\n\nid: 7\nevent: change\ndata: {\"a\":1}\n\ndata:two\r\ndata: lines\r\n\r\n"
	"event: nothing\n\nretry: 5\nunknown: x\nid: 8\nevent:seen\ndata\n\n";

START_TEST(test_sse_reads_whole_and_in_pieces)
{
	for (size_t piece = 1; piece <= sizeof sse_text - 1; piece++) {
		struct sse s;
		struct heard h = { "" };
		sse_init(&s);
		for (size_t at = 0; at < sizeof sse_text - 1; at += piece) {
			size_t n =
				sizeof sse_text - 1 - at < piece ? sizeof sse_text - 1 - at : piece;
			ck_assert_int_eq(sse_feed(&s, (struct slice){ sse_text + at, n }, on_heard,
						 &h, NULL),
				0);
		}
		ck_assert_str_eq(h.text, "[change|{\"a\":1}][message|two\nlines][seen|]");
		ck_assert_str_eq(s.id, "8");
		sse_done(&s);
	}
}
END_TEST

START_TEST(test_sse_bounds_an_event)
{
	struct sse s;
	struct err err = ERR_INIT;
	struct heard h = { "" };
	static char big[1 << 20];
	int rc = 0;
	memset(big, 'x', sizeof big);
	sse_init(&s);
	ck_assert_int_eq(sse_feed(&s, slice_of("data: "), on_heard, &h, &err), 0);
	for (size_t i = 0; i < SSE_EVENT_MAX / sizeof big + 1 && rc == 0; i++)
		rc = sse_feed(&s, (struct slice){ big, sizeof big }, on_heard, &h, &err);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	sse_done(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("client");
	TCase *tc = tcase_create("client");
	tcase_add_test(tc, test_client_follows_a_backend);
	tcase_add_test(tc, test_client_reconnects_for_ever);
	tcase_add_test(tc, test_client_rights_lapse_for_good);
	tcase_add_test(tc, test_client_sits_down_again_after_a_restart);
	tcase_add_test(tc, test_client_takes_a_new_topology);
	tcase_add_test(tc, test_client_asks_for_polls);
	tcase_add_test(tc, test_client_follows_over_tls_with_a_token);
	tcase_add_test(tc, test_client_finds_a_frozen_backend_within_three_seconds);
	tcase_add_test(tc, test_client_finds_a_backend_frozen_in_a_fetch);
	tcase_add_test(tc, test_sse_reads_whole_and_in_pieces);
	tcase_add_test(tc, test_sse_bounds_an_event);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
