/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts: every file of tests/verdicts is a node's facts, their ages and errors, and what must be concluded. A new case
 * is a new file. The fleet is one PoP `fra` with one node `fra1`, a vantage `home` and a witness `rr`.
 */
#include "suite.h"

#include <glob.h>
#include <math.h>
#include <string.h>

#include "backend/verdict.h"
#include "core/json.h"

static const struct mono now = { 1000 * CLOCK_NS_PER_S };

static void
name(char *out, const char *text)
{
	snprintf(out, FLEET_NAME_MAX, "%s", text);
}

static struct fleet *
make_fleet(void)
{
	struct fleet *f = fleet_new();
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	name(f->services[0].name, "ns");
	f->n_prefixes = 2;
	f->prefixes = arena_alloc(f->arena, 2 * sizeof *f->prefixes);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &f->prefixes[0].prefix, NULL), 0);
	ck_assert_int_eq(prefix_parse(slice_of("2001:db8:53::/48"), &f->prefixes[1].prefix, NULL), 0);
	f->n_pops = 1;
	f->pops = arena_alloc(f->arena, sizeof *f->pops);
	name(f->pops[0].name, "fra");
	f->n_nodes = 3;
	f->nodes = arena_alloc(f->arena, 3 * sizeof *f->nodes);
	name(f->nodes[0].name, "fra1");
	strcpy(f->nodes[0].bgp_driver, "bird");
	strcpy(f->nodes[0].dns_driver, "knot");
	name(f->nodes[1].name, "home");
	f->nodes[1].role = NODE_VANTAGE;
	f->nodes[1].pop = FLEET_NO_POP;
	name(f->nodes[2].name, "rr");
	f->nodes[2].role = NODE_WITNESS;
	f->nodes[2].pop = FLEET_NO_POP;
	fleet_link(f);
	return f;
}

static void
take_facts(struct node *n, const struct json *report, const char *path)
{
	struct err err = ERR_INIT;
	if (json_kind(report) == JSON_NULL)
		return;
	ck_assert_msg(report_read_json(report, n->facts, &err) == 0, "%s: %s", path, err.text);
}

static void
set_ages(struct node *n, const struct json *c)
{
	n->poll_ms = json_int(json_get(c, "poll_ms"), 2000);
	for (int p = 0; p < PLANE_COUNT; p++) {
		const char *key = plane_name((enum plane_name)p);
		double age = json_double(json_get(json_get(c, "ages"), key), NAN);
		if (isnan(age))
			continue;
		n->planes[p].seen = mono_add_ms(now, (int64_t)(-age * 1000));
		if (mono_before(n->seen, n->planes[p].seen))
			n->seen = n->planes[p].seen;
		const struct json *error = json_get(json_get(c, "errors"), key);
		if (json_length(error) != 2)
			continue;
		n->planes[p].error = err_code_parse(json_text(json_at(error, 0), ""));
		snprintf(n->planes[p].error_text, sizeof n->planes[p].error_text, "%s", json_text(json_at(error, 1), ""));
	}
	snprintf(n->error, sizeof n->error, "%s", json_text(json_get(c, "error"), ""));
	n->is_restored = json_boolean(json_get(c, "restored"), false);
}

static void
expect_reasons(const struct json *expected, const struct json *unwanted, const struct reasons *r, const char *path)
{
	for (size_t i = 0; i < json_length(expected); i++) {
		const char *wanted = json_text(json_at(expected, i), "");
		bool is_there = false;
		for (size_t k = 0; k < r->n; k++)
			is_there = is_there || strstr(r->text[k], wanted);
		ck_assert_msg(is_there, "%s: no reason says '%s'; the first is '%s'", path, wanted, r->n ? r->text[0] : "");
	}
	for (size_t i = 0; i < json_length(unwanted); i++)
		for (size_t k = 0; k < r->n; k++)
			ck_assert_msg(!strstr(r->text[k], json_text(json_at(unwanted, i), "?")), "%s: %s", path, r->text[k]);
	if (json_kind(expected) == JSON_ARRAY && json_length(expected) == 0)
		ck_assert_msg(r->n == 0, "%s: a reason nobody wants: %s", path, r->text[0]);
}

static void
run_case(const char *path)
{
	struct buf text = BUF_INIT(1 << 16);
	struct err err = ERR_INIT;
	ck_assert_int_eq(buf_read_file(&text, path, &err), 0);
	struct json_doc *doc = json_parse(buf_slice(&text), &err);
	ck_assert_msg(doc != NULL, "%s: %s", path, err.text);
	const struct json *c = json_root(doc), *expect = json_get(c, "expect");
	struct fleet *f = make_fleet();
	take_facts(&f->nodes[0], json_get(c, "facts"), path);
	take_facts(&f->nodes[1], json_get(c, "vantage"), path);
	take_facts(&f->nodes[2], json_get(c, "witness"), path);
	set_ages(&f->nodes[0], c);
	for (int i = 1; i < 3; i++) {
		f->nodes[i].poll_ms = 2000;
		f->nodes[i].seen = mono_add_ms(now, -1000);
		for (int p = 0; p < PLANE_COUNT; p++)
			f->nodes[i].planes[p].seen = f->nodes[i].seen;
	}
	struct node_judgement j;
	enum announced announced[2];
	verdict_node(f, &f->nodes[0], now, announced, &j);
	ck_assert_msg(strcmp(verdict_name(j.verdict), json_text(json_get(expect, "verdict"), "")) == 0, "%s: %s (%s)", path,
		verdict_name(j.verdict), j.reasons.n ? j.reasons.text[0] : "no reason");
	for (size_t i = 0; i < 2; i++) {
		char prefix[PREFIX_TEXT_MAX];
		prefix_format(&f->prefixes[i].prefix, prefix);
		const char *wanted = json_text(json_get(json_get(expect, "announced"), prefix), announced_name(announced[i]));
		ck_assert_msg(strcmp(wanted, announced_name(announced[i])) == 0, "%s: %s is %s", path, prefix,
			announced_name(announced[i]));
	}
	for (int p = 0; p < PLANE_COUNT; p++) {
		const char *wanted =
			json_text(json_get(json_get(expect, "planes"), plane_name((enum plane_name)p)), tri_name(j.planes[p]));
		ck_assert_msg(strcmp(wanted, tri_name(j.planes[p])) == 0, "%s: plane %s is %s", path,
			plane_name((enum plane_name)p), tri_name(j.planes[p]));
	}
	expect_reasons(json_get(expect, "reasons"), json_get(expect, "reasons_not"), &j.reasons, path);
	/* whatever the case: only an ok node may be counted on, and a verdict that is not ok has a reason */
	ck_assert_msg(j.verdict == VERDICT_OK || j.reasons.n > 0, "%s: no reason", path);
	fleet_free(f);
	json_doc_free(doc);
	buf_done(&text);
}

START_TEST(test_every_case_gets_its_verdict)
{
	glob_t found;
	ck_assert_int_eq(glob(source_path("tests/verdicts/*.json"), 0, NULL, &found), 0);
	ck_assert_int_ge((int)found.gl_pathc, 20);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_case(found.gl_pathv[i]);
	globfree(&found);
}
END_TEST

/* Severity is the order of verdict.def; a PoP is what its worst node is, but for a part of it out of sight. */
START_TEST(test_pop_combines_its_nodes)
{
	static const struct {
		enum verdict a, b, pop;
	} rows[] = {
		{ VERDICT_OK, VERDICT_OK, VERDICT_OK },
		{ VERDICT_OK, VERDICT_BLACKHOLE, VERDICT_BLACKHOLE },
		{ VERDICT_OK, VERDICT_UNREACHABLE, VERDICT_DEGRADED },
		{ VERDICT_UNREACHABLE, VERDICT_UNREACHABLE, VERDICT_UNREACHABLE },
		{ VERDICT_OK, VERDICT_UNKNOWN, VERDICT_UNKNOWN },
		{ VERDICT_DRIFT, VERDICT_UNREACHABLE, VERDICT_DRIFT },
		{ VERDICT_SILENT, VERDICT_OK, VERDICT_SILENT },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fleet *f = make_fleet();
		f->nodes[1].role = NODE_MEMBER;
		f->nodes[1].pop = 0;
		fleet_link(f);
		f->nodes[0].verdict = rows[i].a;
		f->nodes[1].verdict = rows[i].b;
		struct pop_judgement j;
		verdict_pop(f, &f->pops[0], now, f->pops[0].announced, &j);
		ck_assert_msg(j.verdict == rows[i].pop, "row %zu: %s", i, verdict_name(j.verdict));
		fleet_free(f);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("verdict");
	tcase_add_test(t, test_every_case_gets_its_verdict);
	tcase_add_test(t, test_pop_combines_its_nodes);
	suite_add_tcase(s, t);
	return suite_run(s);
}
