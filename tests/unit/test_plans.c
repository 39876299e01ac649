/* SPDX-License-Identifier: Apache-2.0
 *
 * Every case under tests/plans: facts made of recorded replies, a goal, and the steps that the node's driver plans, its
 * words where it refuses, what it says once the goal is reached. A new case needs a file, no code. Beside the
 * comparison every plan is held to what all plans promise: each step has a way back that is not the way there, its words
 * are none that a shell or a line would break, and it is not settled before it was done.
 */
#include <dirent.h>
#include <string.h>

#include "core/announced.h"
#include "core/conf.h"
#include "core/text.h"
#include "plugins/drivers.h"
#include "suite.h"

#define FILE_MAX  (1u << 20)
#define PARTS_MAX 8

struct plan_case {
	char node[512], prefixes[256], goal[32], before[64], after[64];
};

static void
read_text(const char *relative, struct buf *out)
{
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(out, source_path(relative), &err) == 0, "%s", err.text);
}

static void
read_case(const char *relative, struct plan_case *c)
{
	struct buf text = BUF_INIT(FILE_MAX);
	memset(c, 0, sizeof *c);
	read_text(relative, &text);
	struct slice rest = buf_slice(&text), line, word;
	while (slice_next_line(&rest, &line)) {
		if (!slice_next_word(&line, &word) || word.data[0] == '#')
			continue;
		struct slice value = slice_trim(line);
		if (slice_equal(word, "node"))
			slice_copy(value, c->node, sizeof c->node);
		else if (slice_equal(word, "prefixes"))
			slice_copy(value, c->prefixes, sizeof c->prefixes);
		else if (slice_equal(word, "goal"))
			slice_copy(value, c->goal, sizeof c->goal);
		else if (slice_equal(word, "before"))
			slice_copy(value, c->before, sizeof c->before);
		else if (slice_equal(word, "after"))
			slice_copy(value, c->after, sizeof c->after);
		else
			ck_abort_msg("%s: unknown word %.*s", relative, (int)word.len, word.data);
	}
	ck_assert_msg(c->node[0] && c->prefixes[0] && c->goal[0] && c->before[0], "%s: something is missing", relative);
	buf_done(&text);
}

/* ---- facts from recorded replies ---- */

struct gathered {
	const struct probe *probe;
	size_t n;
	struct reply_part parts[PARTS_MAX];
	struct buf texts[PARTS_MAX];
	char tags[PARTS_MAX][128];
};

static void
give(struct gathered *g, const char *state, struct report *facts)
{
	struct report *fresh = report_new();
	struct reply reply = { .n_parts = g->n, .parts = g->parts };
	struct err err = ERR_INIT;
	if (g->n > 0 && g->parts[0].out.data[0] == '{' && strcmp(g->probe->name, "node") == 0) {
		reply.http_status = 200;
		reply.content_type = "application/json";
	}
	if (g->n > 0) {
		ck_assert_msg(g->probe->read(&reply, fresh, &err) == 0, "%s of %s: %s", g->probe->name, state, err.text);
		report_merge(facts, fresh);
	}
	for (size_t i = 0; i < g->n; i++)
		buf_done(&g->texts[i]);
	g->n = 0;
	report_free(fresh);
}

static void
gather(struct gathered *g, const char *path, struct slice tag)
{
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT(FILE_MAX);
	if (buf_read_file(&text, source_path(path), &err) == -1)
		return; /* the state lacks it */
	ck_assert_uint_lt(g->n, PARTS_MAX);
	slice_copy(tag, g->tags[g->n], sizeof g->tags[g->n]);
	g->texts[g->n] = text;
	g->parts[g->n] = (struct reply_part){ .tag = g->tags[g->n], .out = buf_slice(&g->texts[g->n]), .status = 0 };
	g->n++;
}

static void
read_facts(const struct driver *d, const char *state, struct report *facts)
{
	struct buf table = BUF_INIT(FILE_MAX);
	struct gathered g = { 0 };
	read_text("tests/plans/replies.txt", &table);
	struct slice rest = buf_slice(&table), line, driver, probe, file;
	while (slice_next_line(&rest, &line)) {
		char name[32], path[300];
		if (!slice_next_word(&line, &driver) || !slice_equal(driver, d->name) || !slice_next_word(&line, &probe) ||
			!slice_next_word(&line, &file))
			continue;
		slice_copy(probe, name, sizeof name);
		const struct probe *p = driver_find_probe(d, name);
		ck_assert_msg(p != NULL, "%s has no probe %s", d->name, name);
		if (g.probe && g.probe != p)
			give(&g, state, facts);
		g.probe = p;
		snprintf(path, sizeof path, "tests/fixtures/%s/%s--%.*s", d->name, state, (int)file.len, file.data);
		gather(&g, path, slice_trim(line));
	}
	if (g.probe)
		give(&g, state, facts);
	ck_assert_msg(facts->sections != 0 || strcmp(state, "none") == 0, "%s: no replies for the state %s", d->name, state);
	buf_done(&table);
}

/* ---- words about a plan ---- */

static void
print_action(const char *what, const struct step_action *a, struct buf *out)
{
	if (a->path) {
		buf_printf(out, "    %s: write %s: ", what, a->path);
		for (const char *p = a->text; *p; p++)
			buf_printf(out, *p == '\n' ? "\\n" : "%c", *p);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < a->n_commands; i++) {
		buf_printf(out, "    %s:", what);
		for (size_t j = 0; j < a->commands[i].n; j++) {
			buf_add_char(out, ' ');
			text_shell_quote(a->commands[i].argv[j], out);
		}
		buf_add_char(out, '\n');
	}
	if (a->goal != ANNOUNCED_UNKNOWN)
		buf_printf(out, "    %s: goal %s\n", what, announced_name(a->goal));
}

static void
print_steps(const struct steps *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct step *step = &s->list[i];
		buf_printf(out, "  %zu. %s\n", i + 1, step->what);
		print_action("apply", &step->apply, out);
		print_action("undo", &step->undo, out);
		print_action("keep", &step->keep, out);
		if (step->confirm_s)
			buf_printf(out, "    undone by the daemon after %u s unless kept\n", step->confirm_s);
		if (step->collateral)
			buf_printf(out, "    also %s\n", step->collateral);
	}
	if (s->note)
		buf_printf(out, "  note: %s\n", s->note);
}

static void
check_words(const struct step_action *a)
{
	for (size_t i = 0; i < a->n_commands; i++) {
		ck_assert_uint_gt(a->commands[i].n, 0);
		for (size_t j = 0; j < a->commands[i].n; j++) {
			ck_assert_uint_gt(strlen(a->commands[i].argv[j]), 0);
			ck_assert(text_is_clean(slice_of(a->commands[i].argv[j])));
		}
	}
}

static void
check_step(const struct step *s)
{
	struct buf there = BUF_INIT(FILE_MAX), back = BUF_INIT(FILE_MAX);
	ck_assert_uint_le(strlen(s->what), STEP_WHAT_MAX);
	ck_assert_msg(s->has_undo, "%s: has no undo", s->what);
	check_words(&s->apply);
	check_words(&s->undo);
	check_words(&s->keep);
	print_action("", &s->apply, &there);
	print_action("", &s->undo, &back);
	ck_assert_uint_gt(back.len, 0);
	ck_assert_msg(strcmp(buf_text(&there), buf_text(&back)) != 0, "%s: the way back is the way there", s->what);
	buf_done(&there);
	buf_done(&back);
}

/* ---- a case ---- */

static struct fleet *
make_fleet(const struct plan_case *c)
{
	static const char folder[] = "/etc/catchment";
	struct conf_names names;
	struct conf_report mistakes = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT(4096);
	struct slice rest = slice_of(c->prefixes), word;
	driver_list_names(&names);
	buf_add_text(&text, "fleet: x\nservices: {ns: {prefixes: [");
	for (size_t i = 0; slice_next_word(&rest, &word); i++)
		buf_printf(&text, "%s\"%.*s\"", i ? ", " : "", (int)word.len, word.data);
	buf_printf(&text, "]}}\npops:\n  fra:\n    nodes:\n      fra1: %s\n", c->node);
	struct fleet *f = conf_read(buf_slice(&text), "fleet.yaml", folder, &names, &mistakes, &err);
	ck_assert_msg(f != NULL, "%s: %s", c->node, err.text);
	conf_report_done(&mistakes);
	buf_done(&text);
	return f;
}

static void
plan_one(const struct driver *d, const struct node *node, const struct target *target, const char *state, bool is_after,
	struct buf *out)
{
	const struct verb *verb = &d->verbs[target->goal == ANNOUNCED_YES];
	struct steps *steps = xcalloc(1, sizeof *steps);
	struct err err = ERR_INIT;
	ck_assert_str_eq(verb->name, target->goal == ANNOUNCED_YES ? "undrain" : "drain");
	steps_init(steps);
	int rc = verb->plan(node, target, steps, &err);
	bool is_settled = verb->settled(node->facts, target);
	buf_printf(out, "%s: %s\n", state, is_settled ? "settled" : "not settled");
	if (rc == -1)
		buf_printf(out, "  refused (%s): %s\n", err_code_name(err.code), err.text);
	else
		print_steps(steps, out);
	for (size_t i = 0; rc == 0 && i < steps->n; i++)
		check_step(&steps->list[i]);
	if (is_after) {
		ck_assert_msg(is_settled, "%s is not settled", state);
		ck_assert_msg(rc == 0 && steps->n == 0, "%s: steps are left", state);
	}
	steps_done(steps);
	free(steps);
}

static void
run_state(const struct plan_case *c, const char *state, bool is_after, struct buf *out)
{
	struct fleet *f = make_fleet(c);
	struct node *node = &f->nodes[0];
	const struct driver *d = driver_find(node->bgp_driver);
	struct target target = { announced_parse(c->goal), node->n_prefixes, node->prefixes };
	ck_assert(d && d->verbs);
	ck_assert_int_ne(target.goal, ANNOUNCED_UNKNOWN);
	read_facts(d, state, node->facts);
	plan_one(d, node, &target, state, is_after, out);
	fleet_free(f);
}

static void
check_expectation(const char *relative, const struct buf *got)
{
	struct buf want = BUF_INIT(FILE_MAX);
	if (getenv("UPDATE")) {
		FILE *file = fopen(source_path(relative), "w");
		ck_assert_ptr_nonnull(file);
		fwrite(got->data, 1, got->len, file);
		fclose(file);
		return;
	}
	read_text(relative, &want);
	if (strcmp(buf_text(&want), buf_text(got)) != 0)
		fprintf(stderr, "%s wants:\n%s\nbut there is:\n%s\n", relative, buf_text(&want), buf_text(got));
	ck_assert_msg(strcmp(buf_text(&want), buf_text(got)) == 0, "%s differs", relative);
	buf_done(&want);
}

START_TEST(test_every_case_plans_as_expected)
{
	struct dirent **entries;
	int n = scandir(source_path("tests/plans"), &entries, NULL, alphasort), n_cases = 0;
	for (int i = 0; i < n; i++) {
		char relative[400];
		const char *dot = strrchr(entries[i]->d_name, '.');
		if (dot && strcmp(dot, ".case") == 0) {
			struct plan_case c;
			struct buf got = BUF_INIT(FILE_MAX);
			snprintf(relative, sizeof relative, "tests/plans/%s", entries[i]->d_name);
			read_case(relative, &c);
			run_state(&c, c.before, false, &got);
			if (c.after[0])
				run_state(&c, c.after, true, &got);
			strcpy(strrchr(relative, '.'), ".expect");
			check_expectation(relative, &got);
			buf_done(&got);
			n_cases++;
		}
		free(entries[i]);
	}
	free(entries);
	ck_assert_int_gt(n_cases, 30);
}
END_TEST

/* The second phase of a drain is planned before the first, and compared with what is planned after it. */
START_TEST(test_a_withdrawal_is_the_same_from_halfway)
{
	static const char file_node[] = "{address: 10.0.0.1, bgp: bird, drain: {file: /etc/x, constant: D, prefer_away: 1, withdraw: 3}}";
	static const struct {
		const char *node, *states[2];
	} nodes[] = {
		{ file_node, { "plan-announced", "plan-prefer-away" } },
		{ "{address: 10.0.0.1, bgp: frr}", { "plan-announced", "plan-prefer-away" } },
		{ "{agent: \"http://10.0.0.1:9101\", act_token: t}", { "serving", "prefer-away" } },
	};
	for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
		struct buf planned[2] = { BUF_INIT(FILE_MAX), BUF_INIT(FILE_MAX) };
		for (size_t k = 0; k < 2; k++) {
			struct plan_case c = { .prefixes = "192.0.2.0/24 2001:db8:53::/48", .goal = "withdrawn" };
			struct slice rest, line;
			struct buf text = BUF_INIT(FILE_MAX);
			snprintf(c.node, sizeof c.node, "%s", nodes[i].node);
			run_state(&c, nodes[i].states[k], false, &text);
			rest = buf_slice(&text);
			ck_assert(slice_next_line(&rest, &line)); /* names the state */
			buf_add(&planned[k], rest.data, rest.len);
			buf_done(&text);
		}
		ck_assert_uint_gt(planned[0].len, 0);
		ck_assert_str_eq(buf_text(&planned[0]), buf_text(&planned[1]));
		buf_done(&planned[0]);
		buf_done(&planned[1]);
	}
}
END_TEST

/* Names come from a daemon that may be hostile: none may become a word of its own. */
START_TEST(test_hostile_names_are_refused)
{
	static const char *const names[] = { "x\"; down", "a b", "", "'all'", "-s", "a\nb", "*", "$(reboot)" };
	struct plan_case c = { .node = "{address: 10.0.0.11, bgp: bird}", .prefixes = "192.0.2.0/24", .goal = "withdrawn" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct fleet *f = make_fleet(&c);
		struct node *node = &f->nodes[0];
		struct target target = { ANNOUNCED_WITHDRAWN, node->n_prefixes, node->prefixes };
		struct steps *steps = xcalloc(1, sizeof *steps);
		struct err err = ERR_INIT;
		struct origin_fact *o = report_add_origin(node->facts);
		*o = (struct origin_fact){ .prefix = node->prefixes[0], .by = names[i], .is_enabled = true };
		node->facts->sections |= REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS;
		steps_init(steps);
		int rc = driver_find("bird")->verbs[0].plan(node, &target, steps, &err);
		if (strcmp(names[i], "-s") == 0) /* a name like any other: it stands in quotes */
			ck_assert_str_eq(steps->list[0].apply.commands[0].argv[2], "\"-s\"");
		else
			ck_assert_msg(rc == -1, "%s: is taken", names[i]);
		steps_done(steps);
		free(steps);
		fleet_free(f);
	}
}
END_TEST

/* One session of two that still has it, or one family of two, is not withdrawn. A session that never had it (a collector's)
 * holds an announcement back no more: which ones must have it the evidence knows (test_evidence). */
START_TEST(test_settled_needs_every_session)
{
	struct prefix p4, p6;
	prefix_parse(slice_of("192.0.2.0/24"), &p4, NULL);
	prefix_parse(slice_of("2001:db8:53::/48"), &p6, NULL);
	struct prefix both[] = { p4, p6 };
	struct report *r = report_new();
	bool (*settled)(const struct report *, const struct target *) = driver_find("frr")->verbs[0].settled;
	for (int i = 0; i < 3; i++) {
		struct session_fact *s = report_add_session(r);
		s->name = i == 0 ? "a" : i == 1 ? "b" : "down";
		s->state = i == 2 ? FSM_ACTIVE : FSM_ESTABLISHED;
		s->families = FAMILY_BIT_V4 | FAMILY_BIT_V6;
	}
	struct target gone = { ANNOUNCED_WITHDRAWN, 2, both }, there = { ANNOUNCED_YES, 1, both };
	ck_assert(!settled(r, &gone)); /* nothing is stated */
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS;
	ck_assert(!settled(r, &gone)); /* no Adj-RIB-Out was reported */
	report_add_export(r, "a", FAMILY_V4)->is_known = true;
	report_add_export(r, "a", FAMILY_V6)->is_known = true;
	report_add_export(r, "b", FAMILY_V4)->is_known = true;
	ck_assert(!settled(r, &gone)); /* b's IPv6 */
	report_add_export(r, "b", FAMILY_V6)->is_known = true;
	ck_assert(settled(r, &gone));
	ck_assert(!settled(r, &there));
	report_add_route(r, &r->exports[0])->prefix = p4;
	ck_assert(!settled(r, &gone));
	ck_assert(settled(r, &there)); /* toward a; b may be a collector */
	ck_assert(!report_is_everywhere(r, &p4));
	struct route_fact *f = report_add_route(r, &r->exports[2]);
	f->prefix = p4;
	ck_assert(settled(r, &there) && report_is_everywhere(r, &p4));
	f->is_gshut = TRI_YES;
	ck_assert(!settled(r, &there));
	r->exports[2].is_known = false;
	ck_assert(!settled(r, &there)); /* b was not read */
	r->exports[2].is_known = true;
	r->exports[3].is_known = false;
	ck_assert(!settled(r, &gone));
	report_free(r);
}
END_TEST

START_TEST(test_no_session_is_withdrawn_and_not_announced)
{
	struct prefix p4;
	prefix_parse(slice_of("192.0.2.0/24"), &p4, NULL);
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS;
	for (size_t i = 0; driver_at(i); i++) {
		const struct driver *d = driver_at(i);
		for (int goal = ANNOUNCED_YES; d->verbs && goal <= ANNOUNCED_PREFER_AWAY; goal++) {
			struct target t = { (enum announced)goal, 1, &p4 };
			ck_assert_int_eq(d->verbs[0].settled(r, &t), goal == ANNOUNCED_WITHDRAWN);
			t.n_prefixes = 0;
			ck_assert(!d->verbs[0].settled(r, &t));
		}
	}
	report_free(r);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plans");
	TCase *t = tcase_create("plans");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_every_case_plans_as_expected);
	tcase_add_test(t, test_a_withdrawal_is_the_same_from_halfway);
	tcase_add_test(t, test_hostile_names_are_refused);
	tcase_add_test(t, test_settled_needs_every_session);
	tcase_add_test(t, test_no_session_is_withdrawn_and_not_announced);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
