/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to agents, both ends together: what backend/act_body.c writes is given to the simulated agents, which were
 * written from docs/agent.md, and what they answer is read again. The page says what then is on the wire, the rate what is
 * true of it. The examples of the document are read too.
 */
#include "sim.h"

#include <math.h>

#include "backend/act_script.h"
#include "plugins/drivers.h"
#include "suite.h"

static struct sim *sim;
static struct mono now;
static struct plan *plan;

static void
set_up(void)
{
	static const struct sim_options o = { .pops = 24, .nodes_per_pop = 1, .day_s = 300, .seed = 1 };
	now = (struct mono){ 1000 * CLOCK_NS_PER_S };
	sim = sim_new(&o, now);
	plan = plan_new();
	plan->n_prefixes = 2;
	plan->prefixes = arena_alloc(plan->arena, 2 * sizeof *plan->prefixes);
	prefix_parse(slice_of("192.0.2.0/24"), &plan->prefixes[0].prefix, NULL);
	prefix_parse(slice_of("2001:db8:53::/48"), &plan->prefixes[1].prefix, NULL);
}

static void
tear_down(void)
{
	plan_free(plan);
	sim_free(sim);
}

static void
pass(int seconds)
{
	for (int i = 0; i < seconds; i++) {
		now = mono_add_ms(now, 1000);
		sim_tick(sim, now);
	}
}

static void
incident(const char *line)
{
	struct buf reply = BUF_INIT(65536);
	struct err err = ERR_INIT;
	ck_assert_msg(sim_command(sim, line, now, &reply, &err) == 0, "%s: %s", line, err.text);
	buf_done(&reply);
}

/* fra1 is told to bring `goal` about, and could go back to `was`. */
static bool was_lost;

static struct act_answer
order(enum act_order kind, uint64_t number, enum announced goal, enum announced was, unsigned confirm_s)
{
	struct step step = { .what = "x", .kind = STEP_HTTP, .apply.goal = goal, .undo.goal = was, .has_undo = true };
	const struct step *steps[] = { &step };
	const struct act_job job = { .order = kind, .fleet = "lab", .node = "fra1", .number = number, .confirm_s = confirm_s,
		.n_steps = 1, .steps = steps };
	struct buf body = BUF_INIT(65536), said = BUF_INIT(65536);
	struct json_writer w = JSON_WRITER(&body);
	struct act_answer a;
	struct err err = ERR_INIT;
	act_body_write(&job, plan, &w);
	ck_assert_msg(sim_take_order(sim, sim_find_node(sim, slice_of("fra1")), buf_slice(&body), now, &said, &was_lost, &err) == 0,
		"%s: %s", err.text, buf_text(&body));
	struct json_doc *doc = json_parse(buf_slice(&said), &err);
	ck_assert_msg(doc && act_body_read(json_root(doc), &a, &err) == 0, "%s: %s", err.text, buf_text(&said));
	json_doc_free(doc);
	buf_done(&body);
	buf_done(&said);
	return a;
}

static struct report *
read_page(const char *name)
{
	struct buf page = BUF_INIT(65536);
	struct err err = ERR_INIT;
	struct report *r = report_new();
	sim_write_page(sim, sim_find_node(sim, slice_of(name)), now, (struct wall){ 1 }, &page);
	struct reply_part part = { .tag = "", .out = buf_slice(&page), .err = { "", 0 } };
	struct reply reply = { .n_parts = 1, .parts = &part, .http_status = 200, .content_type = "application/json" };
	ck_assert_msg(driver_find("agent")->probes[0].read(&reply, r, &err) == 0, "%s", err.text);
	buf_done(&page);
	return r;
}

static bool
is_settled(enum announced goal)
{
	struct prefix prefixes[] = { plan->prefixes[0].prefix, plan->prefixes[1].prefix };
	struct target t = { goal, 2, prefixes };
	struct report *r = read_page("fra1");
	bool is = driver_find("agent")->verbs[0].settled(r, &t);
	report_free(r);
	return is;
}

static double
rate_of(const char *name)
{
	struct report *r = read_page(name);
	int64_t before = r->dns.queries;
	report_free(r);
	pass(1);
	r = read_page(name);
	double rate = (double)(r->dns.queries - before);
	report_free(r);
	return rate;
}

#define WANT(a, done, want_number, want_applied, want_state) \
	do { \
		struct act_answer got = (a); \
		ck_assert_msg(got.is_done == (done) && got.number == (want_number) && got.applied == (want_applied) && \
			got.state == (want_state), "done %d superseded %d number %d applied %d state %d: %s", got.is_done, \
			got.is_superseded, (int)got.number, (int)got.applied, (int)got.state, got.text); \
	} while (0)

START_TEST(test_traffic_leaves_and_comes_back)
{
	double before = rate_of("fra1");
	ck_assert(before > 0);
	WANT(order(ACT_CHECK, 0, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), true, 0, 0, ACT_NONE);
	ck_assert(is_settled(ANNOUNCED_YES));
	WANT(order(ACT_APPLY, 1, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 5), true, 1, 1, ACT_PENDING);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN));
	pass(1);
	ck_assert(rate_of("fra1") < 1);
	WANT(order(ACT_KEEP, 1, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), true, 1, 1, ACT_KEPT);
	pass(10);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN));
	WANT(order(ACT_APPLY, 2, ANNOUNCED_YES, ANNOUNCED_WITHDRAWN, 0), true, 2, 2, ACT_KEPT);
	pass(1);
	ck_assert(rate_of("fra1") > before / 2);
}
END_TEST

START_TEST(test_what_is_not_kept_is_undone)
{
	WANT(order(ACT_APPLY, 1, ANNOUNCED_PREFER_AWAY, ANNOUNCED_YES, 3), true, 1, 1, ACT_PENDING);
	ck_assert(is_settled(ANNOUNCED_PREFER_AWAY));
	pass(2);
	ck_assert(is_settled(ANNOUNCED_PREFER_AWAY));
	pass(2);
	ck_assert(is_settled(ANNOUNCED_YES));
	WANT(order(ACT_INSPECT, 2, 0, 0, 0), true, 2, 1, ACT_UNDONE);
	WANT(order(ACT_KEEP, 1, 0, 0, 0), false, 2, 1, ACT_UNDONE);
}
END_TEST

START_TEST(test_numbers_as_on_a_node)
{
	WANT(order(ACT_APPLY, 4, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 9), true, 4, 4, ACT_PENDING);
	WANT(order(ACT_APPLY, 4, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 9), true, 4, 4, ACT_PENDING);
	WANT(order(ACT_INSPECT, 5, 0, 0, 0), true, 5, 4, ACT_PENDING);
	WANT(order(ACT_KEEP, 4, 0, 0, 0), true, 5, 4, ACT_KEPT);
	WANT(order(ACT_UNDO, 6, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), true, 6, 4, ACT_UNDONE);
	WANT(order(ACT_UNDO, 6, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), true, 6, 4, ACT_UNDONE);
	ck_assert(is_settled(ANNOUNCED_YES));
	for (uint64_t late = 4; late <= 6; late++) {
		struct act_answer a = order(ACT_APPLY, late, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 9);
		ck_assert(a.is_superseded && !a.is_done && a.number == 6);
	}
	ck_assert(order(ACT_INSPECT, 5, 0, 0, 0).is_superseded);
	ck_assert(is_settled(ANNOUNCED_YES));
}
END_TEST

START_TEST(test_a_liar_is_told_by_its_traffic)
{
	incident("lie fra1");
	WANT(order(ACT_APPLY, 1, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), true, 1, 1, ACT_KEPT);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN));
	pass(1);
	ck_assert(rate_of("fra1") > 1);
	incident("act-right fra1");
	ck_assert(is_settled(ANNOUNCED_YES));
}
END_TEST

START_TEST(test_other_incidents)
{
	incident("lose-replies fra1");
	order(ACT_APPLY, 1, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0);
	ck_assert(was_lost);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN)); /* carried out all the same */
	incident("act-right fra1");
	incident("act-late fra1 4");
	WANT(order(ACT_APPLY, 2, ANNOUNCED_YES, ANNOUNCED_WITHDRAWN, 0), true, 2, 2, ACT_KEPT);
	ck_assert(!was_lost);
	pass(3);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN));
	pass(2);
	ck_assert(is_settled(ANNOUNCED_YES));
	incident("act-right fra1");
	incident("undo-fails fra1");
	WANT(order(ACT_APPLY, 3, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 2), true, 3, 3, ACT_PENDING);
	pass(3);
	WANT(order(ACT_INSPECT, 4, 0, 0, 0), true, 4, 3, ACT_FAILED);
	ck_assert(is_settled(ANNOUNCED_WITHDRAWN));
	WANT(order(ACT_UNDO, 5, ANNOUNCED_WITHDRAWN, ANNOUNCED_YES, 0), false, 5, 3, ACT_FAILED);
	incident("forget fra1");
	pass(4);
	ck_assert(is_settled(ANNOUNCED_YES));
	WANT(order(ACT_INSPECT, 6, 0, 0, 0), true, 6, 0, ACT_NONE);
}
END_TEST

START_TEST(test_what_is_no_order_is_refused)
{
	static const char *const bodies[] = { "", "{}", "[]", "null", "{\"act\":1}",
		"{\"act\":2,\"order\":\"apply\",\"node\":\"fra1\",\"number\":1,\"confirm_s\":0,\"prefixes\":[]}",
		"{\"act\":1,\"order\":\"reboot\",\"node\":\"fra1\",\"number\":1,\"confirm_s\":0,\"prefixes\":[]}",
		"{\"act\":1,\"order\":\"apply\",\"node\":\"ams1\",\"number\":1,\"confirm_s\":0,\"prefixes\":[]}",
		"{\"act\":1,\"order\":\"apply\",\"node\":\"fra1\",\"number\":-1,\"confirm_s\":0,\"prefixes\":[]}",
		"{\"act\":1,\"order\":\"apply\",\"node\":\"fra1\",\"number\":1,\"confirm_s\":0,\"prefixes\":[\"x\"]}",
		"{\"act\":1,\"order\":\"apply\",\"node\":\"fra1\",\"number\":1,\"confirm_s\":0,\"prefixes\":[],\"goal\":\"gone\"}" };
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		struct buf said = BUF_INIT(4096);
		struct err err = ERR_INIT;
		bool is_lost;
		ck_assert_msg(sim_take_order(sim, sim_find_node(sim, slice_of("fra1")), slice_of(bodies[i]), now, &said, &is_lost,
			&err) == -1, "taken: %s", bodies[i]);
		ck_assert_str_ne(err.text, "");
		buf_done(&said);
	}
	ck_assert(is_settled(ANNOUNCED_YES));
}
END_TEST

/* ---- the backend's end alone ---- */

static const struct {
	const char *text;
	bool is_good;
} answers[] = {
	{ "{\"act\":1,\"result\":\"done\",\"number\":5,\"applied\":5,\"state\":\"pending\",\"text\":\"x\"}", true },
	{ "{\"act\":1,\"result\":\"superseded\",\"number\":9223372036854775807,\"applied\":0,\"state\":\"none\",\"more\":[]}", true },
	{ "{\"act\":1,\"result\":\"failed\",\"number\":5,\"applied\":5,\"state\":\"failed\",\"text\":null}", true },
	{ "{}", false }, { "{\"act\":1}", false },
	{ "{\"act\":2,\"result\":\"done\",\"number\":5,\"applied\":5,\"state\":\"pending\"}", false },
	{ "{\"act\":1,\"result\":\"ok\",\"number\":5,\"applied\":5,\"state\":\"pending\"}", false },
	{ "{\"act\":1,\"result\":\"done\",\"number\":\"5\",\"applied\":5,\"state\":\"pending\"}", false },
	{ "{\"act\":1,\"result\":\"done\",\"number\":-5,\"applied\":5,\"state\":\"pending\"}", false },
	{ "{\"act\":1,\"result\":\"done\",\"number\":5,\"applied\":5,\"state\":\"drained\"}", false },
	{ "{\"act\":1,\"result\":\"done\",\"number\":5,\"applied\":5,\"state\":null}", false },
	{ "{\"act\":1,\"result\":\"done\",\"number\":5,\"applied\":5,\"state\":\"kept\",\"text\":7}", false },
};

START_TEST(test_answers_are_read_strictly)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		struct act_answer a;
		struct err err = ERR_INIT;
		struct json_doc *doc = json_parse(slice_of(answers[i].text), &err);
		ck_assert_msg(doc != NULL, "%s", err.text);
		ck_assert_msg((act_body_read(json_root(doc), &a, &err) == 0) == answers[i].is_good, "%s", answers[i].text);
		json_doc_free(doc);
	}
}
END_TEST

/* The second and third ```json blocks of docs/agent.md: an order and its answer. */
START_TEST(test_the_examples_of_the_document)
{
	struct buf text = BUF_INIT(1u << 20), said = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct slice blocks[3] = { 0 };
	bool is_lost;
	ck_assert_msg(buf_read_file(&text, source_path("docs/agent.md"), &err) == 0, "%s", err.text);
	const char *p = buf_text(&text);
	for (int i = 0; i < 3; i++) {
		p = strstr(p, "```json\n");
		ck_assert_ptr_nonnull(p);
		p += 8;
		const char *end = strstr(p, "\n```");
		ck_assert_ptr_nonnull(end);
		blocks[i] = (struct slice){ p, (size_t)(end - p) };
		p = end + 4;
	}
	ck_assert_msg(sim_take_order(sim, sim_find_node(sim, slice_of("fra1")), blocks[1], now, &said, &is_lost, &err) == 0, "%s",
		err.text);
	struct json_doc *ours = json_parse(buf_slice(&said), &err), *theirs = json_parse(blocks[2], &err);
	struct act_answer a, b;
	ck_assert(ours && theirs && act_body_read(json_root(ours), &a, &err) == 0 && act_body_read(json_root(theirs), &b, &err) == 0);
	ck_assert(a.is_done == b.is_done && a.number == b.number && a.applied == b.applied && a.state == b.state);
	/* what we write has the members that the document shows, and no other */
	struct json_doc *shown = json_parse(blocks[1], &err);
	struct step step = { .kind = STEP_HTTP, .apply.goal = ANNOUNCED_WITHDRAWN, .undo.goal = ANNOUNCED_YES };
	const struct step *steps[] = { &step };
	const struct act_job job = { .order = ACT_APPLY, .fleet = "example-dns", .node = "fra1", .number = 1, .n_steps = 1, .steps = steps };
	struct buf body = BUF_INIT(65536);
	struct json_writer w = JSON_WRITER(&body);
	act_body_write(&job, plan, &w);
	struct json_doc *written = json_parse(buf_slice(&body), &err);
	struct json_iter it = json_iter_start(json_root(written));
	const char *key;
	const struct json *v;
	ck_assert_uint_eq(json_length(json_root(written)), json_length(json_root(shown)));
	while (json_iter_next(&it, &key, &v))
		ck_assert_msg(json_kind(json_get(json_root(shown), key)) == json_kind(v), "%s", key);
	json_doc_free(ours);
	json_doc_free(theirs);
	json_doc_free(shown);
	json_doc_free(written);
	buf_done(&body);
	buf_done(&said);
	buf_done(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent_act");
	TCase *c = tcase_create("orders");
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_traffic_leaves_and_comes_back);
	tcase_add_test(c, test_what_is_not_kept_is_undone);
	tcase_add_test(c, test_numbers_as_on_a_node);
	tcase_add_test(c, test_a_liar_is_told_by_its_traffic);
	tcase_add_test(c, test_other_incidents);
	tcase_add_test(c, test_what_is_no_order_is_refused);
	tcase_add_test(c, test_answers_are_read_strictly);
	tcase_add_test(c, test_the_examples_of_the_document);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
