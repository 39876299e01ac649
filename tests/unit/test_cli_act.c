/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line's acting half against a small backend that says what a row tells it to: every exit status of
 * PRODUCT.md section 6, lost replies, and what must be sent. The backend is a thread behind a unix socket; each request
 * takes the next row of the script, and a request that is not the one expected fails the test.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console/cli.h"
#include "core/chain.h"
#include "core/digest.h"
#include "tests/unit/samples.h"
#include "tests/unit/suite.h"

#define REQUESTS_MAX 32
#define OUT_MAX      (4u << 20)

struct said {
	const char *request; /* "POST /v1/plans" */
	int status;          /* 0: the request is taken, and nothing comes back */
	const char *body;    /* "plan NAME", "op NAME", "problem CODE TEXT", or the bytes themselves */
};

struct backend {
	char dir[64], path[96];
	int listener, stop[2];
	pthread_t thread;
	const struct said *replies; /* ends with a NULL request; its last row answers as often as it is asked */
	size_t n_requests;
	char heads[REQUESTS_MAX][120], bodies[REQUESTS_MAX][4096];
	char wrong[300];
};

/* --- the backend ------------------------------------------------------------------------------------------------ */

static void
write_body(const char *what, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	char code[40];
	if (strncmp(what, "plan ", 5) == 0) {
		sample_offer(what + 5, out);
	} else if (strncmp(what, "op ", 3) == 0) {
		struct operation op;
		sample_operation(what + 3, &op);
		operation_write_json(&op, false, &w);
		operation_done(&op);
	} else if (strncmp(what, "problem ", 8) == 0) {
		const char *blank = strchr(what + 8, ' ');
		slice_copy((struct slice){ what + 8, (size_t)(blank - what - 8) }, code, sizeof code);
		json_begin_object(&w);
		json_put_text(&w, "code", code);
		json_put_text(&w, "detail", blank + 1);
		json_end_object(&w);
	} else {
		buf_add_text(out, what);
	}
}

static size_t
content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");
	return at ? strtoul(at + 17, NULL, 10) : 0;
}

/* Reads one whole request into text. */
static void
read_request(int fd, struct buf *text)
{
	for (;;) {
		char bytes[4096];
		const char *end = strstr(buf_text(text), "\r\n\r\n");
		if (end && text->len >= (size_t)(end + 4 - text->data) + content_length(buf_text(text)))
			return;
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n <= 0)
			return;
		buf_add(text, bytes, (size_t)n);
	}
}

static void
answer(struct backend *b, int fd, const struct said *r)
{
	struct buf body = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);
	write_body(r->body, &body);
	bool is_lines = strncmp(r->request, "GET /v1/audit", 13) == 0;
	buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", r->status,
		r->status >= 400 ? "application/problem+json" : is_lines ? "application/jsonl" : "application/json", body.len);
	buf_add(&out, body.data, body.len);
	for (size_t done = 0; done < out.len;) {
		ssize_t n = send(fd, out.data + done, out.len - done, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	(void)b;
	buf_done(&body);
	buf_done(&out);
}

static void
serve(struct backend *b, int fd)
{
	struct buf text = BUF_INIT(1u << 20);
	read_request(fd, &text);
	const struct said *r = b->replies;
	const char *end = strstr(buf_text(&text), "\r\n\r\n"), *line = strchr(buf_text(&text), '\r');
	if (end && line && b->n_requests < REQUESTS_MAX) {
		char *head = b->heads[b->n_requests];
		slice_copy((struct slice){ text.data, (size_t)(line - text.data) }, head, sizeof b->heads[0]);
		*strstr(head, " HTTP/1.1") = '\0';
		snprintf(b->bodies[b->n_requests], sizeof b->bodies[0], "%s", end + 4);
		for (size_t i = 0; i < b->n_requests && r[1].request; i++)
			r++;
		if (strcmp(head, r->request) != 0 && !b->wrong[0])
			snprintf(b->wrong, sizeof b->wrong, "request %zu was %s and should be %s", b->n_requests, head, r->request);
		b->n_requests++;
		if (r->status > 0)
			answer(b, fd, r);
	}
	buf_done(&text);
}

static void *
run(void *arg)
{
	struct backend *b = arg;
	for (;;) {
		struct pollfd p[2] = { { .fd = b->listener, .events = POLLIN }, { .fd = b->stop[0], .events = POLLIN } };
		if (poll(p, 2, -1) == -1 && errno == EINTR)
			continue;
		if (p[1].revents)
			return NULL;
		int fd = accept(b->listener, NULL, NULL);
		if (fd >= 0) {
			serve(b, fd);
			close(fd);
		}
	}
}

static void
backend_open(struct backend *b, const struct said *replies)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	*b = (struct backend){ .dir = "/tmp/catchment-cli-XXXXXX", .replies = replies };
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	snprintf(b->path, sizeof b->path, "%s/api.sock", b->dir);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", b->path);
	b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(b->listener, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(listen(b->listener, 8), 0);
	ck_assert_int_eq(pipe(b->stop), 0);
	ck_assert_int_eq(pthread_create(&b->thread, NULL, run, b), 0);
}

static void
backend_close(struct backend *b)
{
	ck_assert_int_eq(write(b->stop[1], "x", 1), 1);
	pthread_join(b->thread, NULL);
	close(b->listener);
	close(b->stop[0]);
	close(b->stop[1]);
	unlink(b->path);
	rmdir(b->dir);
	ck_assert_msg(!b->wrong[0], "%s", b->wrong);
}

/* --- the person ------------------------------------------------------------------------------------------------- */

struct person {
	struct buf out, notes;
	const char *answers; /* one line an answer; NULL: there is no person */
	size_t n_asked;
};

static bool
on_emit(void *arg, struct slice text)
{
	buf_add(&((struct person *)arg)->out, text.data, text.len);
	return true;
}

static void
on_note(void *arg, const char *line)
{
	buf_printf(&((struct person *)arg)->notes, "%s\n", line);
}

static int
on_ask(void *arg, const char *question, char *line, size_t size, struct err *err)
{
	struct person *p = arg;
	struct slice rest = slice_of(p->answers), next = { "", 0 };
	buf_printf(&p->notes, "%s\n", question);
	for (size_t i = 0; i <= p->n_asked; i++)
		if (!slice_next_line(&rest, &next))
			return err_set(err, ERR_CONFIRM, "nobody answered");
	p->n_asked++;
	slice_copy(next, line, size);
	return 0;
}

/* Runs a command line against a backend; returns its exit status as main would. */
static int
run_line(struct backend *b, const char *line, struct person *p, struct err *err)
{
	char copy[600], backend[128], *argv[40] = { (char[]){ "catchment" }, (char[]){ "--backend" }, backend };
	int argc = 3;
	struct options o;
	struct cli cli = { .emit = on_emit, .note = on_note, .ask = p->answers ? on_ask : NULL, .arg = p, .pause_ms = 1 };
	snprintf(backend, sizeof backend, "unix:%s", b->path);
	snprintf(copy, sizeof copy, "%s", line);
	for (char *rest = copy, *word; (word = strsep(&rest, " "));)
		argv[argc++] = word;
	if (options_parse(&o, argc, argv, err) == -1)
		return err_code_exit(err->code);
	struct place place;
	ck_assert_int_eq(place_open(&place, &o.wish, err), 0);
	o.place = &place;
	int status = cli_run(&o, &cli, err);
	place_done(&place);
	return err->code == ERR_OK ? status : err_code_exit(err->code);
}

/* --- cases ------------------------------------------------------------------------------------------------------ */

#define PLANS    "POST /v1/plans"
#define PLAN     "GET /v1/plans/" SAMPLE_ID
#define CONFIRM  "POST /v1/plans/" SAMPLE_ID "/confirm"
#define THE_OP   "GET /v1/ops/" SAMPLE_ID
#define OP_VERB  "POST /v1/ops/" SAMPLE_ID "/"
#define YES      " --yes --reason work"
#define BAD_HEAD "0000000000000000000000000000000000000000000000000000000000000001"
#define HOLDS                                                                                                                  \
	"[{\"id\":\"aa00bb11cc22dd33\",\"pop\":\"fra\",\"owner\":\"alice\",\"kind\":\"maintenance\",\"reason\":\"OS upgrade\",\"ticket\":null," \
	"\"created\":\"2026-11-23T03:11:41Z\",\"expires\":\"2026-11-23T07:11:41Z\",\"auto_undrain\":false,\"op\":\"" SAMPLE_ID "\"}]"

static const struct {
	const char *line, *answers;
	struct said replies[8];
	int status;
	const char *says; /* on stdout, in a note or in the error */
	size_t n_requests;
} cases[] = {
	/* 0 done */
	{ "drain fra --reason work --wait", "fra\n",
		{ { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" }, { THE_OP, 200, "op measuring" }, { THE_OP, 200, "op drained" } }, 0,
		"drained, and measured to be so", 4 },
	{ "drain fra" YES " --wait", NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" }, { THE_OP, 200, "op drained" } }, 0,
		"off the wire after 0.41s; first answer elsewhere after 1.28s", 3 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" } }, 0, "catchment op wait " SAMPLE_ID, 2 },
	{ "drain fra --dry-run --reason x", NULL, { { PLANS, 201, "plan pass" } }, 0, "14 pass", 1 },
	{ "drain fra --plan " SAMPLE_ID, NULL, { { PLAN, 200, "plan pass" }, { CONFIRM, 202, "op applying" } }, 0, "op wait", 2 },
	{ "drain fra", "OS upgrade\nfra\n", { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" } }, 0, "Reason", 2 },
	{ "undrain fra", "yes\n", { { PLANS, 201, "plan undrain" }, { CONFIRM, 202, "op applying" } }, 0, "announce again", 2 },
	{ "op show " SAMPLE_ID, NULL, { { THE_OP, 200, "op unconfirmed" } }, 0, "home is still answered by fra2", 1 },
	{ "op cancel " SAMPLE_ID " --yes --wait", NULL,
		{ { THE_OP, 200, "op measuring" }, { OP_VERB "cancel", 202, "op undoing" }, { THE_OP, 200, "op undone" } }, 0, "undone", 3 },
	{ "hold list", NULL, { { "GET /v1/holds", 200, HOLDS } }, 0, "aa00bb11cc22dd33", 1 },
	{ "hold extend fra --lease 2h --yes", NULL, { { "GET /v1/holds", 200, HOLDS }, { OP_VERB "extend", 200, "op drained" } }, 0,
		"now lasts 2h00", 2 },
	{ "hold release aa00bb11cc22dd33" YES, NULL,
		{ { "GET /v1/holds", 200, HOLDS }, { PLANS, 201, "plan undrain" }, { CONFIRM, 202, "op applying" } }, 0, "op wait", 3 },
	/* 1 failed */
	{ "op wait " SAMPLE_ID, NULL, { { THE_OP, 200, "op undone" } }, 1, "as they were before", 1 },
	/* 6, because the first of two PoPs stays drained */
	{ "op wait " SAMPLE_ID, NULL, { { THE_OP, 200, "op partly" } }, 6, "ams: undone; its nodes are as they were before", 1 },
	{ "op wait " SAMPLE_ID, NULL, { { THE_OP, 200, "op partly" } }, 6, "`catchment undrain fra --hold aa00bb11cc22dd33`", 1 },
	{ "op wait " SAMPLE_ID, NULL, { { THE_OP, 200, "op half" } }, 0, "ams was not begun", 1 },
	/* 2 usage */
	{ "drain fra fra" YES, NULL, { { PLANS, 500, "{}" } }, 2, "named twice", 0 },
	{ "drain FRA" YES, NULL, { { PLANS, 500, "{}" } }, 2, "no name of a PoP", 0 },
	{ "drain fra --lease 9d" YES, NULL, { { PLANS, 500, "{}" } }, 2, "1m to 7d", 0 },
	{ "op show nope", NULL, { { PLANS, 500, "{}" } }, 2, "16 hexadecimal digits", 0 },
	{ "undrain ams --plan " SAMPLE_ID, NULL, { { PLAN, 200, "plan undrain" } }, 2, "plan " SAMPLE_ID " is another one: undrain fra", 1 },
	{ "drain nix" YES, NULL, { { PLANS, 400, "problem usage there is no PoP \"nix\"" } }, 2, "there is no PoP", 1 },
	/* 4 refused by a gate */
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan floor" } }, 4, "announce count: 192.0.2.0/24 would be announced from 1 PoP", 1 },
	{ "drain fra --reason x --dry-run", "", { { PLANS, 201, "plan floor" } }, 4, "1 REFUSE", 1 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan cannot" } }, 4, "the act key was refused", 1 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op refused" } }, 4, "ams was last polled 74s ago", 2 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 409, "problem refused the floor" } }, 4, "the floor", 2 },
	/* of several, the data that are too old are told first: they are why others refuse */
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan refuse" } }, 4, "fresh data: ams was last polled 74s ago", 1 },
	{ "drain fra --reason x --dry-run", "", { { PLANS, 201, "plan refuse" } }, 4, "2 REFUSE", 1 },
	/* 5 confirmation or approval needed */
	{ "drain fra", NULL, { { PLANS, 500, "{}" } }, 5, "--yes and --reason TEXT, or --plan ID", 0 },
	{ "drain fra --yes", NULL, { { PLANS, 500, "{}" } }, 5, "--reason", 0 },
	{ "drain fra --reason work", "no\n", { { PLANS, 201, "plan pass" } }, 5, "nothing was changed", 1 },
	{ "drain fra --reason work", "\n", { { PLANS, 201, "plan pass" } }, 5, "nothing was changed", 1 },
	{ "drain fra --reason work", "", { { PLANS, 201, "plan pass" } }, 5, "nobody answered", 1 },
	{ "drain fra --reason work", "FRA\n", { { PLANS, 201, "plan pass" } }, 5, "nothing was changed", 1 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan warn" }, { CONFIRM, 202, "op waiting" } }, 5, "catchment op approve " SAMPLE_ID, 2 },
	{ "op cancel " SAMPLE_ID, NULL, { { THE_OP, 200, "op measuring" } }, 5, "--yes", 1 },
	{ "op cancel " SAMPLE_ID, "n\n", { { THE_OP, 200, "op measuring" } }, 5, "nothing was changed", 1 },
	/* 6 partly done */
	{ "drain fra" YES " --wait", NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" }, { THE_OP, 200, "op unconfirmed" } }, 6,
		"UNCONFIRMED", 3 },
	{ "op wait " SAMPLE_ID, NULL, { { THE_OP, 200, "op stuck" } }, 6, "STUCK", 1 },
	/* 7 data too old */
	{ "drain fra" YES, NULL, { { PLANS, 503, "problem data_too_old the fleet was not polled for 5m" } }, 7, "not polled for 5m", 1 },
	/* 8 conflict */
	{ "drain fra" YES, NULL, { { PLANS, 201, "plan pass" }, { CONFIRM, 409, "problem conflict session fra1 up_1: was Established, is Active" } },
		8, "was Established", 2 },
	{ "op approve " SAMPLE_ID " --yes", NULL, { { PLAN, 200, "plan pass" } }, 8, "does not wait for an approval", 1 },
	{ "op cancel " SAMPLE_ID " --yes", NULL, { { THE_OP, 200, "op drained" } }, 8, "is over already: drained", 1 },
	/* 9 not permitted */
	{ "drain fra" YES, NULL, { { PLANS, 403, "problem not_permitted bob is an observer" } }, 9, "observer", 1 },
	{ "--read-only op cancel " SAMPLE_ID, NULL, { { PLANS, 500, "{}" } }, 9, "--read-only refuses", 0 },
	{ "--read-only hold release fra", NULL, { { PLANS, 500, "{}" } }, 9, "--read-only refuses", 0 },
	{ "--read-only drain fra", NULL, { { PLANS, 500, "{}" } }, 9, "--read-only refuses", 0 },
	/* an approval */
	{ "op approve " SAMPLE_ID, "fra\n", { { PLAN, 200, "plan waiting" }, { OP_VERB "approve", 202, "op applying" } }, 0, "1 warn", 2 },
	/* a backend that lies */
	{ "drain ams" YES, NULL, { { PLANS, 201, "plan pass" } }, 1, "something else than was asked for", 1 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "{}" } }, 1, "", 1 },
	{ "drain fra" YES, NULL, { { PLANS, 201, "not json" } }, 1, "", 1 },
};

static void
check_says(const struct person *p, const struct err *err, const char *says)
{
	ck_assert_msg(strstr(buf_text(&p->out), says) || strstr(buf_text(&p->notes), says) || strstr(err->text, says),
		"nobody says \"%s\":\n%s\n%s\n%s", says, buf_text(&p->out), buf_text(&p->notes), err->text);
}

START_TEST(test_cli_act_ends_with_the_right_status)
{
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX), .answers = cases[_i].answers };
	struct err err = ERR_INIT;
	backend_open(&b, cases[_i].replies);
	int status = run_line(&b, cases[_i].line, &p, &err);
	backend_close(&b);
	ck_assert_msg(status == cases[_i].status, "%s: status %d, should be %d\n%s\n%s\n%s", cases[_i].line, status, cases[_i].status,
		buf_text(&p.out), buf_text(&p.notes), err.text);
	check_says(&p, &err, cases[_i].says);
	ck_assert_msg(b.n_requests == cases[_i].n_requests, "%s: %zu requests", cases[_i].line, b.n_requests);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* 3: nobody serves there. */
START_TEST(test_cli_act_without_a_backend)
{
	struct backend b = { .path = "/nonexistent/api.sock" };
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct err err = ERR_INIT;
	ck_assert_int_eq(run_line(&b, "drain fra" YES, &p, &err), 3);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* What a confirmation says, and that a reply which is lost is asked for again with the same key, and only then. */
START_TEST(test_cli_act_asks_again_with_the_same_key)
{
	static const struct said replies[] = { { PLANS, 201, "plan pass" }, { CONFIRM, 0, "" }, { CONFIRM, 0, "" },
		{ CONFIRM, 202, "op applying" }, { 0 } };
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct err err = ERR_INIT;
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	struct plan *plan = sample_plan("pass");
	char hash[DIGEST_HEX_SIZE], want[200];
	plan_write(plan, &bytes);
	digest_hex(buf_slice(&bytes), hash);
	backend_open(&b, replies);
	int status = run_line(&b, "drain fra" YES, &p, &err);
	backend_close(&b);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(b.n_requests, 4);
	snprintf(want, sizeof want, "{\"hash\":\"%s\",\"typed\":\"fra\",\"key\":\"", hash);
	ck_assert_msg(strncmp(b.bodies[1], want, strlen(want)) == 0, "%s", b.bodies[1]);
	ck_assert_str_eq(b.bodies[1], b.bodies[2]);
	ck_assert_str_eq(b.bodies[1], b.bodies[3]);
	check_says(&p, &err, "asking again with the same key");
	buf_done(&p.out);
	buf_done(&p.notes);
	buf_done(&bytes);
	plan_free(plan);
}
END_TEST

/* Two confirmations never share a key. */
START_TEST(test_cli_act_keys_are_random)
{
	static const struct said replies[] = { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" }, { 0 } };
	char bodies[2][4096];
	for (int i = 0; i < 2; i++) {
		struct backend b;
		struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
		struct err err = ERR_INIT;
		backend_open(&b, replies);
		ck_assert_int_eq(run_line(&b, "drain fra" YES, &p, &err), 0);
		backend_close(&b);
		snprintf(bodies[i], sizeof bodies[i], "%s", b.bodies[1]);
		buf_done(&p.out);
		buf_done(&p.notes);
	}
	ck_assert_str_ne(bodies[0], bodies[1]);
}
END_TEST

/* The answer never comes: it is not known, which is said, and is no success. */
START_TEST(test_cli_act_says_when_it_does_not_know)
{
	static const struct said replies[] = { { PLANS, 201, "plan pass" }, { CONFIRM, 0, "" }, { 0 } };
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct err err = ERR_INIT;
	backend_open(&b, replies);
	int status = run_line(&b, "drain fra" YES, &p, &err);
	backend_close(&b);
	ck_assert_int_eq(status, 3);
	check_says(&p, &err, "it is not known whether it took the confirmation");
	check_says(&p, &err, "catchment op show " SAMPLE_ID);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* ^C while it is followed ends the following, and says that the operation goes on. */
START_TEST(test_cli_act_interrupt_leaves_the_operation)
{
	static const struct said replies[] = { { THE_OP, 200, "op measuring" }, { 0 } };
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct err err = ERR_INIT;
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, &before), 0); /* as in a terminal, between two keys */
	backend_open(&b, replies);
	ck_assert_int_eq(kill(getpid(), SIGINT), 0);
	int status = run_line(&b, "op wait " SAMPLE_ID, &p, &err);
	backend_close(&b);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	ck_assert_int_eq(status, 130);
	check_says(&p, &err, "The drain of fra (operation " SAMPLE_ID ", measuring) goes on in the backend, without this terminal.");
	check_says(&p, &err, "See it: catchment op show " SAMPLE_ID "   Follow it: catchment op wait " SAMPLE_ID
		"   Call it off: catchment op cancel " SAMPLE_ID);
	for (size_t i = 0; i < b.n_requests; i++)
		ck_assert_str_eq(b.heads[i], THE_OP);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* -o json is one document and nothing else, whatever comes of it. */
static const struct {
	const char *line;
	struct said replies[6];
} documents[] = {
	{ "drain fra" YES " --wait -o json",
		{ { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op applying" }, { THE_OP, 200, "op measuring" }, { THE_OP, 200, "op drained" } } },
	{ "drain fra" YES " -o json", { { PLANS, 201, "plan refuse" } } },
	{ "drain fra" YES " -o json", { { PLANS, 201, "plan pass" }, { CONFIRM, 202, "op refused" } } },
	{ "drain fra --plan " SAMPLE_ID " -o json", { { PLAN, 200, "plan pass" }, { CONFIRM, 202, "op applying" } } },
	{ "drain fra --dry-run" YES " -o json", { { PLANS, 201, "plan pass" } } },
	{ "op show " SAMPLE_ID " -o json", { { THE_OP, 200, "op stuck" } } },
	{ "op list -o json", { { "GET /v1/ops", 200, "[]" } } },
	{ "get ops -o json", { { "GET /v1/ops", 200, "[]" } } },
	{ "hold list -o json", { { "GET /v1/holds", 200, HOLDS } } },
};

START_TEST(test_cli_act_json_is_one_document)
{
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX), .answers = "fra\n" };
	struct err err = ERR_INIT, bad = ERR_INIT;
	backend_open(&b, documents[_i].replies);
	run_line(&b, documents[_i].line, &p, &err);
	backend_close(&b);
	struct json_doc *doc = json_parse(buf_slice(&p.out), &bad);
	ck_assert_msg(doc != NULL, "%s: %s\n%s", documents[_i].line, bad.text, buf_text(&p.out));
	ck_assert_uint_eq(p.n_asked, 0);
	json_doc_free(doc);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* --- audit ------------------------------------------------------------------------------------------------------ */

/* All of it anew, as somebody does who may write the file: another text, and every hash right. */
static void
rewrite_log(struct buf *out)
{
	struct chain_head head = CHAIN_HEAD_INIT, next;
	for (size_t i = 0; i < 3; i++) {
		chain_write(&head, (struct wall){ INT64_C(1790000000) * CLOCK_NS_PER_S },
			slice_of("\"kind\":\"note\",\"by\":{\"account\":\"nobody\"},\"text\":\"nothing was done\""), out, &next);
		head = next;
	}
}

static void
make_log(struct buf *out)
{
	static const char *const bodies[] = {
		"\"kind\":\"note\",\"by\":{\"account\":\"alice\"},\"what\":\"start\",\"text\":\"started\"",
		"\"kind\":\"operation\",\"by\":{\"account\":\"alice\"},\"event\":\"gates hold\",\"operation\":{\"id\":\"" SAMPLE_ID
		"\",\"verb\":\"drain\",\"targets\":[\"fra\"],\"state\":\"armed\",\"text\":\"the intent is written\"}",
		"\"kind\":\"hold\",\"by\":{\"account\":\"alice\"},\"hold\":{\"pop\":\"fra\",\"reason\":\"OS upgrade\"}",
	};
	struct chain_head head = CHAIN_HEAD_INIT, next;
	for (size_t i = 0; i < 3; i++) {
		chain_write(&head, (struct wall){ INT64_C(1790000000) * CLOCK_NS_PER_S }, slice_of(bodies[i]), out, &next);
		head = next;
	}
}

static const struct {
	const char *line;
	int change; /* byte of the log to change, -1: none */
	int status;
	const char *says;
} audits[] = {
	{ "audit verify", -1, 0, "3 records, every hash is right" },
	{ "audit verify", 100, 1, "record 1 is bad" },
	{ "audit verify", 600, 1, "record 2 is bad" },
	{ "audit verify --head 3:" BAD_HEAD, -1, 1, "was written anew" },
	{ "audit verify --head 9:" BAD_HEAD, -1, 1, "is missing: the log ends at 3, it was cut" },
	{ "audit verify --head 9", -1, 2, "SEQ:HASH" },
	{ "audit list", -1, 0, "gates hold" },
	{ "audit list -o json", -1, 0, "\"seq\":3" },
	{ "audit export", -1, 0, "\"seq\":3" },
	{ "audit list --from x", -1, 2, "a number" },
	{ "audit list FILE", -1, 2, "takes no" },
};

START_TEST(test_cli_audit)
{
	struct backend b;
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct err err = ERR_INIT;
	struct buf log = BUF_INIT(1u << 16);
	make_log(&log);
	if (audits[_i].change >= 0)
		log.data[audits[_i].change] ^= 1;
	struct said replies[2] = { { "GET /v1/audit?from=1&limit=1000", 200, buf_text(&log) }, { 0 } };
	backend_open(&b, replies);
	int status = run_line(&b, audits[_i].line, &p, &err);
	ck_assert_msg(status == audits[_i].status, "%s: %d\n%s%s", audits[_i].line, status, buf_text(&p.out), err.text);
	check_says(&p, &err, audits[_i].says);
	if (strcmp(audits[_i].line, "audit export") == 0)
		ck_assert_str_eq(buf_text(&p.out), buf_text(&log));
	backend_close(&b);
	buf_done(&log);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* What the system's log was told, as a journal shows it. */
static void
write_journal(int fd, struct slice log)
{
	struct chain_verdict v;
	struct slice rest = log, line;
	char text[400];
	for (size_t len = 0; slice_next_line(&rest, &line);) {
		len = (size_t)(line.data + line.len + 1 - log.data);
		chain_verify((struct slice){ log.data, len }, NULL, NULL, &v);
		snprintf(text, sizeof text, "Nov 24 11:35:03 noc catchmentd[77]: audit head %llu:%s at 2026-11-24T11:35:03Z\n"
			"Nov 24 11:35:04 noc catchmentd[77]: audit head of something else\n", (unsigned long long)v.head.seq, v.head.hash);
		ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	}
}

enum tampering { LOG_AS_IT_WAS, LOG_CUT, LOG_WRITTEN_ANEW, LOG_LONGER };

static const struct {
	enum tampering what;
	int status;
	const char *says;
} heads[] = {
	{ LOG_AS_IT_WAS, 0, "every hash is right; 3 heads noted elsewhere stand in it" },
	{ LOG_LONGER, 0, "every hash is right; 3 heads noted elsewhere stand in it" },
	{ LOG_CUT, 1, "record 3, which the witness saw, is missing: the log ends at 2, it was cut" },
	{ LOG_WRITTEN_ANEW, 1, "record 1 is not the one the witness saw: the log was written anew" },
};

/* Whoever may write the file can make the chain right again, and cannot make it what was told elsewhere. */
START_TEST(test_cli_audit_verify_believes_the_journal)
{
	struct backend b = { .path = "/nonexistent/api.sock" };
	struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
	struct buf log = BUF_INIT(1u << 16), found = BUF_INIT(1u << 16);
	struct err err = ERR_INIT;
	char path[] = "/tmp/catchment-audit-XXXXXX", journal[] = "/tmp/catchment-journal-XXXXXX", line[160];
	int fd = mkstemp(path), journal_fd = mkstemp(journal);
	ck_assert(fd >= 0 && journal_fd >= 0);
	make_log(&log);
	write_journal(journal_fd, buf_slice(&log));
	if (heads[_i].what == LOG_WRITTEN_ANEW)
		rewrite_log(&found);
	else
		buf_add(&found, log.data, log.len);
	if (heads[_i].what == LOG_CUT)
		found.len = (size_t)((const char *)memrchr(log.data, '\n', log.len - 1) - log.data) + 1;
	if (heads[_i].what == LOG_LONGER) {
		struct chain_verdict v;
		struct chain_head next;
		chain_verify(buf_slice(&log), NULL, NULL, &v);
		chain_write(&v.head, v.head.at, slice_of("\"kind\":\"note\""), &found, &next);
	}
	ck_assert_int_eq(write(fd, found.data, found.len), (ssize_t)found.len);
	snprintf(line, sizeof line, "audit verify %s --heads %s", path, journal);
	int status = run_line(&b, line, &p, &err);
	ck_assert_msg(status == heads[_i].status, "%d\n%s%s", status, buf_text(&p.out), err.text);
	check_says(&p, &err, heads[_i].says);
	snprintf(line, sizeof line, "audit verify %s --heads %s", path, path); /* no journal at all */
	ck_assert_int_eq(run_line(&b, line, &p, &err), 2);
	close(fd);
	close(journal_fd);
	unlink(path);
	unlink(journal);
	buf_done(&found);
	buf_done(&log);
	buf_done(&p.out);
	buf_done(&p.notes);
}
END_TEST

/* Every single byte of a log on disk, changed: found without a backend, and the record is named. */
START_TEST(test_cli_audit_verify_finds_every_byte)
{
	struct backend b = { .path = "/nonexistent/api.sock" };
	struct buf log = BUF_INIT(1u << 16);
	char path[] = "/tmp/catchment-audit-XXXXXX", line[80];
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	make_log(&log);
	snprintf(line, sizeof line, "audit verify %s", path);
	for (size_t i = 0; i <= log.len; i++) {
		struct person p = { .out = BUF_INIT(OUT_MAX), .notes = BUF_INIT(OUT_MAX) };
		struct err err = ERR_INIT;
		if (i < log.len)
			log.data[i] ^= 1;
		ck_assert_int_eq(pwrite(fd, log.data, log.len, 0), (ssize_t)log.len);
		int status = run_line(&b, line, &p, &err);
		ck_assert_msg(status == (i < log.len), "byte %zu: %d %s", i, status, err.text);
		if (i < log.len) {
			check_says(&p, &err, "record ");
			log.data[i] ^= 1;
		}
		buf_done(&p.out);
		buf_done(&p.notes);
	}
	close(fd);
	unlink(path);
	buf_done(&log);
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("cli_act");
	TCase *tc = tcase_create("cli_act");
	tcase_add_loop_test(tc, test_cli_act_ends_with_the_right_status, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, test_cli_act_without_a_backend);
	tcase_add_test(tc, test_cli_act_asks_again_with_the_same_key);
	tcase_add_test(tc, test_cli_act_keys_are_random);
	tcase_add_test(tc, test_cli_act_says_when_it_does_not_know);
	tcase_add_test(tc, test_cli_act_interrupt_leaves_the_operation);
	tcase_add_loop_test(tc, test_cli_act_json_is_one_document, 0, sizeof documents / sizeof *documents);
	tcase_add_loop_test(tc, test_cli_audit, 0, sizeof audits / sizeof *audits);
	tcase_add_loop_test(tc, test_cli_audit_verify_believes_the_journal, 0, sizeof heads / sizeof *heads);
	tcase_add_test(tc, test_cli_audit_verify_finds_every_byte);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
