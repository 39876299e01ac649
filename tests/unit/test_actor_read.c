/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor's readings of one node: how many rounds they take and that what an earlier reading found decides only what is
 * asked, never what is believed. BIRD is recorded pages behind a transport of the test's own.
 */
#include "backend/actor_read.h"

#include <math.h>
#include <string.h>

#include "core/buf.h"
#include "plugins/drivers.h"
#include "suite.h"

#define COMMANDS_MAX 12

/* A node that answers in the next turn of the loop with the pages of a recorded state. */
struct router {
	struct transport base;
	struct loop *loop;
	const char *state; /* "announced" */
	bool is_broken;    /* its daemon does not run */
	size_t requests, commands;
};

struct flight {
	struct router *router;
	size_t n;
	struct buf pages[COMMANDS_MAX];
	char *tags[COMMANDS_MAX];
	struct loop_timer *timer;
	transport_done_fn *done;
	void *arg;
};

static struct loop *loop;
static struct router router;
static struct node node;
static const struct prefix prefix = { .family = 4, .len = 24, .addr = { 192, 0, 2, 0 } };
static bool is_over;
static struct err result;

static void
answer(void *arg)
{
	struct flight *f = arg;
	struct reply_part parts[COMMANDS_MAX] = { 0 };
	const struct reply reply = { .n_parts = f->n, .parts = parts };
	const struct err err = ERR_INIT;
	for (size_t i = 0; i < f->n; i++)
		parts[i] = (struct reply_part){ .tag = f->tags[i], .out = buf_slice(&f->pages[i]), .err = { "", 0 },
			.status = f->router->is_broken };
	f->done(f->arg, &reply, &err);
	loop_timer_del(f->timer);
	for (size_t i = 0; i < f->n; i++) {
		buf_done(&f->pages[i]);
		free(f->tags[i]);
	}
	free(f);
}

/* "show route all export x" of the state announced is plan-announced--show-route-all-export-x.txt. */
static void
load_page(const struct router *r, const char *query, struct buf *page)
{
	char name[256];
	struct err err = ERR_INIT;
	snprintf(name, sizeof name, "tests/fixtures/bird/plan-%s--%s.txt", r->state, query);
	for (char *p = strstr(name, "--"); *p; p++)
		if (*p == ' ')
			*p = '-';
	*page = (struct buf)BUF_INIT(1u << 16);
	if (r->is_broken)
		buf_add_text(page, "");
	else if (buf_read_file(page, source_path(name), &err) == -1) /* as BIRD says it of a protocol that it does not have */
		buf_add_text(page, "BIRD 2.0.12 ready.\nsyntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN\n");
}

static void
router_submit(struct transport *base, const struct node *n, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct router *r = (struct router *)base;
	struct flight *f = xcalloc(1, sizeof *f);
	(void)n;
	(void)deadline;
	ck_assert_uint_le(request->n_commands, COMMANDS_MAX);
	f->router = r;
	f->done = done;
	f->arg = arg;
	f->n = request->n_commands;
	for (size_t i = 0; i < f->n; i++) {
		const char *query = NULL;
		for (const char *const *word = request->commands[i].argv; *word; word++)
			query = *word;
		load_page(r, query, &f->pages[i]);
		f->tags[i] = xstrdup(request->commands[i].tag);
	}
	r->requests++;
	r->commands += f->n;
	f->timer = loop_timer_add(r->loop, 0, 0, answer, f);
}

static const struct transport_ops router_ops = { .name = "router", .submit = router_submit };

static void
on_read(void *arg, const struct err *err)
{
	(void)arg;
	ck_assert(!is_over);
	is_over = true;
	result = *err;
}

/* Reads the node; returns how many requests that took. */
static size_t
read_node(const char *state)
{
	router.state = state;
	router.requests = router.commands = 0;
	is_over = false;
	actor_read(loop, &router.base, driver_find, &node, mono_add_ms(clock_mono(), 5000), on_read, NULL);
	ck_assert_uint_eq(router.requests, 0); /* never from inside the call */
	while (!is_over)
		ck_assert(loop_turn(loop, true) || is_over);
	return router.requests;
}

static void
open_all(void)
{
	struct err err = ERR_INIT;
	loop = loop_new(&err);
	router = (struct router){ .base = { &router_ops }, .loop = loop };
	node = (struct node){ .name = "fra1", .bgp_driver = "bird", .prefixes = &prefix, .n_prefixes = 1, .capacity_qps = NAN,
		.facts = report_new() };
}

static void
close_all(void)
{
	report_free(node.facts);
	loop_free(loop);
}

/* How many sessions the service prefix is announced in, of those whose exports are known. */
static size_t
count_exported(void)
{
	size_t n = 0;
	for (size_t i = 0; i < node.facts->n_exports; i++)
		for (size_t k = 0; node.facts->exports[i].is_known && k < node.facts->exports[i].n_routes; k++)
			n += prefix_equal(&node.facts->exports[i].routes[k].prefix, &prefix);
	return n;
}

START_TEST(test_actor_read_asks_by_what_was_found)
{
	open_all();
	ck_assert_uint_eq(read_node("announced"), 2); /* exports need the names of the sessions */
	ck_assert_int_eq(result.code, ERR_OK);
	size_t n = count_exported(), commands = router.commands;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_eq(read_node("announced"), 1);
	ck_assert_int_eq(result.code, ERR_OK);
	ck_assert_uint_eq(count_exported(), n);
	ck_assert_uint_eq(router.commands, commands); /* as much is asked, at once */
	close_all();
}
END_TEST

/* Old facts say what to ask and nothing else: all that is believed is the new answer. */
START_TEST(test_actor_read_believes_only_the_new)
{
	open_all();
	(void)read_node("announced");
	size_t n_sessions = node.facts->n_sessions;
	ck_assert_uint_gt(count_exported(), 0);
	(void)read_node("filtered");
	ck_assert_int_eq(result.code, ERR_OK);
	ck_assert_uint_eq(count_exported(), 0);
	ck_assert_uint_eq(node.facts->n_sessions, n_sessions);
	/* static protocols that went down are asked after by name, which takes one more round */
	ck_assert_uint_eq(read_node("withdrawn"), 2);
	ck_assert_int_eq(result.code, ERR_OK);
	bool has_disabled = false;
	for (size_t i = 0; i < node.facts->n_origins; i++)
		has_disabled = has_disabled || !node.facts->origins[i].is_enabled;
	ck_assert(has_disabled);
	ck_assert_uint_eq(read_node("withdrawn"), 1);
	ck_assert_int_eq(result.code, ERR_OK);
	ck_assert_uint_eq(count_exported(), 0);
	close_all();
}
END_TEST

/* The sessions that were known are gone: what is asked by them fails, and is asked again by those that are there. */
START_TEST(test_actor_read_sessions_that_left)
{
	open_all();
	(void)read_node("announced");
	size_t n = count_exported();
	for (size_t i = 0; i < node.facts->n_sessions; i++)
		node.facts->sessions[i].name = "transit9";
	ck_assert_uint_eq(read_node("announced"), 2);
	ck_assert_msg(result.code == ERR_OK, "%s", result.text);
	ck_assert_uint_eq(count_exported(), n);
	close_all();
}
END_TEST

START_TEST(test_actor_read_error_is_no_reading)
{
	open_all();
	(void)read_node("announced");
	router.is_broken = true;
	(void)read_node("announced");
	ck_assert_int_ne(result.code, ERR_OK);
	ck_assert(strstr(result.text, "reading protocols of bird") != NULL);
	strcpy(node.bgp_driver, "");
	ck_assert_uint_eq(read_node("announced"), 0);
	ck_assert_int_eq(result.code, ERR_UNSUPPORTED);
	close_all();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("actor_read");
	TCase *t = tcase_create("rounds");
	tcase_add_test(t, test_actor_read_asks_by_what_was_found);
	tcase_add_test(t, test_actor_read_believes_only_the_new);
	tcase_add_test(t, test_actor_read_sessions_that_left);
	tcase_add_test(t, test_actor_read_error_is_no_reading);
	suite_add_tcase(s, t);
	return suite_run(s);
}
