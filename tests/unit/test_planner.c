/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans: every case of tests/gates is a small fleet, a request, and what an operator is then told: each gate's level and
 * sentence, what leaves and who receives, the steps. UPDATE=1 writes the expectations anew; their diff is to be read. Then
 * what is true of all plans: bytes that are read give the same bytes, a changed byte is refused or has another hash, and no
 * request ever becomes a plan for a PoP that it does not name.
 */
#include "suite.h"

#include <glob.h>
#include <math.h>
#include <string.h>

#include "core/text.h"
#include "plan_stage.h"

static struct json_doc *
load(const char *path)
{
	struct buf text = BUF_INIT(1 << 16);
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(&text, path, &err) == 0, "%s", err.text);
	struct json_doc *doc = json_parse(buf_slice(&text), &err);
	ck_assert_msg(doc != NULL, "%s: %s", path, err.text);
	buf_done(&text);
	return doc;
}

/* --- a plan as a page --------------------------------------------------------------------------------------------- */

static void
show_rate(struct buf *out, const char *before, double rate)
{
	char text[16];
	text_number(rate, text, sizeof text);
	buf_printf(out, "%s%s", before, text);
}

static void
show_load(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_prefixes; i++) {
		const struct plan_prefix *x = &p->prefixes[i];
		char text[PREFIX_TEXT_MAX];
		prefix_format(&x->prefix, text);
		buf_printf(out, "prefix %s of %s: %zu now, %zu after, min_pops %zu; in the region %zu after, min %zu\n", text, x->service,
			x->announced, x->after, x->min_pops, x->region_after, x->min_region);
	}
	show_rate(out, "moves ", p->qps_moved);
	if (isnan(p->share_moved))
		buf_add_text(out, ", share not known\n");
	else
		buf_printf(out, ", %.1f %% of the fleet\n", 100 * p->share_moved);
	for (size_t i = 0; i < p->n_receivers; i++) {
		buf_printf(out, "receiver %s:", p->receivers[i].pop);
		show_rate(out, " ", p->receivers[i].qps_before);
		show_rate(out, " -> ", p->receivers[i].qps_after);
		show_rate(out, " of ", p->receivers[i].capacity_qps);
		buf_add_text(out, "\n");
	}
}

static void
show_steps(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		const struct plan_step *s = &p->steps[i];
		buf_printf(out, "step %s phase %zu of %s: %s | undo", s->node, s->phase, p->targets[s->target], s->step.what);
		for (size_t k = 0; k < s->step.undo.n_commands; k++)
			for (size_t a = 0; a < s->step.undo.commands[k].n; a++)
				buf_printf(out, " %s", s->step.undo.commands[k].argv[a]);
		buf_add_text(out, "\n");
	}
}

static void
show(const struct plan *p, bool with_basis, struct buf *out)
{
	char typed[OP_TARGETS_MAX * FLEET_NAME_MAX];
	plan_typed_text(p, typed, sizeof typed);
	buf_printf(out, "%s by %s, typed \"%s\", hold %s, lease %llds: %s\n\n", op_verb_name(p->verb), p->by, typed,
		p->hold ? p->hold : "-", (long long)p->lease_s, gate_level_name(p->worst));
	for (size_t i = 0; i < p->n_gates; i++)
		buf_printf(out, "%-6s  %-15s  %s\n", gate_level_name(p->gates[i].level), gate_name(p->gates[i].gate), p->gates[i].text);
	buf_add_text(out, "\n");
	show_load(p, out);
	buf_printf(out, "next loss: %s\nundo: %s\n", p->next_loss ? p->next_loss : "-", p->undo_text);
	for (size_t i = 0; i < p->n_notes; i++)
		buf_printf(out, "note: %s\n", p->notes[i]);
	show_steps(p, out);
	for (size_t i = 0; i < p->n_basis && with_basis; i++)
		buf_printf(out, "basis: %s\n", p->basis[i]);
}

static void
expect(const char *path, const struct buf *got)
{
	char expected[4500];
	snprintf(expected, sizeof expected, "%.*s.expect", (int)(strlen(path) - 5), path);
	if (getenv("UPDATE")) {
		FILE *f = fopen(expected, "w");
		ck_assert_ptr_nonnull(f);
		fwrite(got->data, 1, got->len, f);
		fclose(f);
		return;
	}
	struct buf want = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(&want, expected, &err) == 0, "%s", err.text);
	bool is_same = strcmp(buf_text(&want), buf_text(got)) == 0;
	if (!is_same) /* longer than a message of Check may be */
		fprintf(stderr, "%s wants:\n%s\nbut there is:\n%s\n", expected, buf_text(&want), buf_text(got));
	ck_assert_msg(is_same, "%s differs", expected);
	buf_done(&want);
}

/* --- cases -------------------------------------------------------------------------------------------------------- */

static struct plan *
make(const struct plan_stage *s, const struct json *request, struct err *err)
{
	struct plan_request r;
	struct planner_input in;
	if (plan_request_read(request, s->fleet, &r, err) == -1)
		return NULL;
	plan_stage_fill(s, &r, &in);
	return planner_make(&in, err);
}

/* With $PLAN_CORPUS, a folder, every plan becomes a seed of tests/fuzz/fuzz_plan.c. */
static void
keep_for_fuzzer(const char *path, struct slice bytes)
{
	const char *folder = getenv("PLAN_CORPUS"), *name = strrchr(path, '/');
	char file[4500];
	if (!folder)
		return;
	snprintf(file, sizeof file, "%s/%s", folder, name ? name + 1 : path);
	FILE *f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fwrite(bytes.data, 1, bytes.len, f);
	fclose(f);
}

/* Whatever the case: bytes, read and written again, are the bytes; and a plan rests on what it rests on. */
static void
check_bytes(const struct plan *p, const char *path)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX), again = BUF_INIT(PLAN_BYTES_MAX);
	struct err err = ERR_INIT;
	struct reasons differ;
	plan_write(p, &bytes);
	keep_for_fuzzer(path, buf_slice(&bytes));
	struct plan *back = plan_read(buf_slice(&bytes), &err);
	ck_assert_msg(back != NULL, "%s: %s", path, err.text);
	plan_write(back, &again);
	ck_assert_str_eq(buf_text(&bytes), buf_text(&again));
	ck_assert_uint_eq(plan_compare_basis(p, back, &differ), 0);
	plan_free(back);
	buf_done(&bytes);
	buf_done(&again);
}

static void
run_case(const char *path)
{
	struct json_doc *doc = load(path);
	const struct json *c = json_root(doc);
	struct plan_stage s;
	struct err err = ERR_INIT;
	struct buf got = BUF_INIT(1 << 20);
	plan_stage_open(&s, c);
	struct plan *p = make(&s, json_get(c, "request"), &err);
	buf_printf(&got, "# %s\n", json_text(json_get(c, "what"), "?"));
	if (p) {
		show(p, json_boolean(json_get(c, "basis"), false), &got);
		check_bytes(p, path);
		/* a gate that refuses has a code, an exit status is made of it; nothing else has one */
		for (size_t i = 0; i < p->n_gates; i++)
			ck_assert_msg((p->gates[i].level == GATE_REFUSE) == (p->gates[i].code != ERR_OK), "%s", p->gates[i].text);
	} else {
		buf_printf(&got, "no plan, %s: %s\n", err_code_name(err.code), err.text);
	}
	expect(path, &got);
	plan_free(p);
	plan_stage_close(&s);
	buf_done(&got);
	json_doc_free(doc);
}

START_TEST(test_every_case_gets_its_plan)
{
	glob_t found;
	ck_assert_int_eq(glob(source_path("tests/gates/*.json"), 0, NULL, &found), 0);
	ck_assert_int_ge((int)found.gl_pathc, 25);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_case(found.gl_pathv[i]);
	globfree(&found);
}
END_TEST

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Its own small generator, so that a failing round can be had again. */
static uint32_t
roll(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static void
plan_of(const char *name, struct buf *bytes)
{
	char path[4500];
	snprintf(path, sizeof path, "%s", source_path(name));
	struct json_doc *doc = load(path);
	struct plan_stage s;
	struct err err = ERR_INIT;
	plan_stage_open(&s, json_root(doc));
	struct plan *p = make(&s, json_get(json_root(doc), "request"), &err);
	ck_assert_msg(p != NULL, "%s", err.text);
	plan_write(p, bytes);
	plan_free(p);
	plan_stage_close(&s);
	json_doc_free(doc);
}

START_TEST(test_flipped_bytes_are_refused_or_seen)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	char hash[65], other[65];
	size_t refused = 0;
	plan_of("tests/gates/drain-all-green.json", &bytes);
	plan_hash(buf_slice(&bytes), hash);
	for (size_t i = 0; i < bytes.len; i++) {
		char was = bytes.data[i];
		bytes.data[i] = (char)(was ^ (1 << (i % 8)));
		plan_hash(buf_slice(&bytes), other);
		ck_assert_str_ne(hash, other);
		struct plan *p = plan_read(buf_slice(&bytes), NULL);
		refused += p == NULL;
		plan_free(p);
		bytes.data[i] = was;
	}
	ck_assert_uint_gt(refused, bytes.len / 3);
	buf_done(&bytes);
}
END_TEST

START_TEST(test_cut_and_odd_bytes_are_refused)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	struct err err = ERR_INIT;
	plan_of("tests/gates/drain-all-green.json", &bytes);
	for (size_t i = 0; i < bytes.len; i += 7)
		ck_assert_ptr_null(plan_read((struct slice){ bytes.data, i }, &err));
	static const char *const odd[] = { "", "null", "[]", "{}", "{\"version\":1}", "{\"version\":2}", "\"plan\"" };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		ck_assert_ptr_null(plan_read(slice_of(odd[i]), &err));
	/* the same plan, spelt in another way */
	struct buf spaced = BUF_INIT(PLAN_BYTES_MAX);
	buf_add_text(&spaced, " ");
	buf_add(&spaced, bytes.data, bytes.len);
	ck_assert_ptr_null(plan_read(buf_slice(&spaced), &err));
	buf_done(&spaced);
	buf_done(&bytes);
}
END_TEST

/* 300 PoPs in six regions: the plan fits, is read back, and says the same. */
START_TEST(test_a_large_fleet_fits)
{
	struct buf text = BUF_INIT(1 << 20);
	static const char request[] = "{\"verb\": \"drain\", \"targets\": [\"p7\"], \"reason\": \"new kernel\"}";
	struct err err = ERR_INIT;
	buf_add_text(&text, "{\"pops\": {");
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "%s\"p%d\": \"r%d\"", i ? ", " : "", i, i % 6);
	buf_add_text(&text, "}}");
	struct json_doc *doc = json_parse(buf_slice(&text), &err), *ask = json_parse(slice_of(request), NULL);
	ck_assert_msg(doc != NULL, "%s", err.text);
	struct plan_stage s;
	plan_stage_open(&s, json_root(doc));
	struct plan *p = make(&s, json_root(ask), &err);
	ck_assert_msg(p != NULL, "%s", err.text);
	ck_assert_int_eq(p->worst, GATE_PASS);
	ck_assert_uint_eq(p->prefixes[0].after, 299);
	ck_assert_uint_eq(p->n_receivers, 49);
	check_bytes(p, "300 PoPs");
	plan_free(p);
	plan_stage_close(&s);
	json_doc_free(doc);
	json_doc_free(ask);
	buf_done(&text);
}
END_TEST

/* --- what a plan rests on ----------------------------------------------------------------------------------------- */

START_TEST(test_basis_names_what_changed)
{
	static const char *const was[] = { "gate capacity warn", "gate pace warn", "hold lon 77 bob", "session fra1 t1 Established" };
	static const char *const is[] = { "gate capacity refuse", "gate pace pass", "operation nyc 12 drain", "session fra1 t1 Active" };
	struct plan *a = plan_new(), *b = plan_new();
	struct reasons r;
	a->basis = (const char **)(uintptr_t)was;
	b->basis = (const char **)(uintptr_t)is;
	a->n_basis = b->n_basis = 4;
	ck_assert_uint_eq(plan_compare_basis(a, b, &r), 4); /* a gate that is milder now is none of them */
	ck_assert_str_eq(r.text[0], "gate capacity: was warn, is refuse");
	ck_assert_str_eq(r.text[1], "hold lon 77: was bob, is gone");
	ck_assert_str_eq(r.text[2], "operation nyc 12: is new, drain");
	ck_assert_str_eq(r.text[3], "session fra1 t1: was Established, is Active");
	ck_assert_uint_eq(plan_compare_basis(a, a, &r), 0);
	plan_free(a);
	plan_free(b);
}
END_TEST

/* Rates and ages are no part of it; a session is. */
START_TEST(test_basis_ignores_rates_and_sees_sessions)
{
	static const struct {
		const char *change;
		size_t differences;
	} rows[] = {
		{ "{\"qps\": 310, \"age_s\": 2}", 0 },
		{ "{\"nodes\": {\"fra1\": {\"session\": \"Active\"}}}", 1 },
		{ "{\"nodes\": {\"nyc1\": {\"wire\": \"withdrawn\"}}}", 1 },
		{ "{\"ops\": [{\"pop\": \"nyc\"}]}", 1 },
	};
	static const char request[] = "{\"verb\": \"drain\", \"targets\": [\"fra\"], \"reason\": \"new kernel\"}";
	struct json_doc *ask = json_parse(slice_of(request), NULL), *none = json_parse(slice_of("{}"), NULL);
	struct plan_stage s;
	plan_stage_open(&s, json_root(none));
	struct plan *first = make(&s, json_root(ask), NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_doc *change = json_parse(slice_of(rows[i].change), NULL);
		struct plan_stage then;
		struct reasons r;
		plan_stage_open(&then, json_root(change));
		struct plan *p = make(&then, json_root(ask), NULL);
		size_t n = plan_compare_basis(first, p, &r);
		ck_assert_msg(rows[i].differences == 0 ? n == 0 : n >= 1, "row %zu: %zu, %s", i, n, n ? r.text[0] : "");
		plan_free(p);
		plan_stage_close(&then);
		json_doc_free(change);
	}
	plan_free(first);
	plan_stage_close(&s);
	json_doc_free(ask);
	json_doc_free(none);
}
END_TEST

/* --- requests ----------------------------------------------------------------------------------------------------- */

START_TEST(test_requests_are_read_with_distrust)
{
	static const struct {
		const char *body, *says;
	} rows[] = {
		{ "[]", "is an array" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"force\":true}", "unknown key `force`" },
		{ "{\"verb\":\"drop\",\"targets\":[\"fra\"],\"reason\":\"x\"}", "`verb` is \"drop\"" },
		{ "{\"verb\":\"drain\",\"reason\":\"x\"}", "`targets` is missing" },
		{ "{\"verb\":\"drain\",\"targets\":[],\"reason\":\"x\"}", "`targets` is empty" },
		{ "{\"verb\":\"drain\",\"targets\":\"fra\",\"reason\":\"x\"}", "`targets` is missing or no list" },
		{ "{\"verb\":\"drain\",\"targets\":[\"*\"],\"reason\":\"x\"}", "no name of a PoP" },
		{ "{\"verb\":\"drain\",\"targets\":[\"all\"],\"reason\":\"x\"}", "there is no PoP \"all\"" },
		{ "{\"verb\":\"drain\",\"targets\":[\"frr\"],\"reason\":\"x\"}", "did you mean fra?" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\",\"fra\"],\"reason\":\"x\"}", "names fra twice" },
		{ "{\"verb\":\"drain\",\"targets\":[null],\"reason\":\"x\"}", "no name but " },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"]}", "`reason` is missing" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"  \"}", "`reason` is missing" },
		{ "{\"verb\":\"undrain\",\"targets\":[\"fra\"]}", "`reason` is missing" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"8d\"}", "`lease` is \"8d\"" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"4h \"}", "`lease` is \"4h \"" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"-1h\"}", "`lease`" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"1e3s\"}", "`lease`" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":3600}", "lease" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"30s\"}", "`lease` is \"30s\"" },
		{ "{\"verb\":\"undrain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"lease\":\"4h\"}", "belongs to a drain" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"hold\":\"a1\"}", "belongs to an undrain" },
		{ "{\"verb\":\"undrain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"hold\":\"../x\"}", "the id of a hold" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"kind\":\"fun\"}", "`kind` is \"fun\"" },
		{ "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\"x\",\"mode\":\"softly\"}", "`mode` is \"softly\"" },
	};
	struct json_doc *none = json_parse(slice_of("{}"), NULL);
	struct plan_stage s;
	plan_stage_open(&s, json_root(none));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_doc *doc = json_parse(slice_of(rows[i].body), NULL);
		struct plan_request r;
		struct err err = ERR_INIT;
		ck_assert_ptr_nonnull(doc);
		ck_assert_msg(plan_request_read(json_root(doc), s.fleet, &r, &err) == -1, "%s", rows[i].body);
		ck_assert_msg(strstr(err.text, rows[i].says), "%s: %s", rows[i].body, err.text);
		ck_assert_int_eq(err.code, ERR_USAGE);
		json_doc_free(doc);
	}
	plan_stage_close(&s);
	json_doc_free(none);
}
END_TEST

START_TEST(test_texts_of_requests_are_safe)
{
	static const char body[] = "{\"verb\":\"drain\",\"targets\":[\"fra\"],\"reason\":\" new\\u001b[2J \\u202ekernel \","
		"\"ticket\":\"CHG-7\\n\",\"kind\":\"incident\",\"mode\":\"prefer-away\",\"lease\":\"1h30m\",\"auto_undrain\":true}";
	struct json_doc *none = json_parse(slice_of("{}"), NULL), *doc = json_parse(slice_of(body), NULL);
	struct plan_stage s;
	struct plan_request r;
	struct err err = ERR_INIT;
	plan_stage_open(&s, json_root(none));
	ck_assert_msg(plan_request_read(json_root(doc), s.fleet, &r, &err) == 0, "%s", err.text);
	ck_assert(text_is_clean(slice_of(r.reason)) && text_is_clean(slice_of(r.ticket)));
	ck_assert_ptr_nonnull(strstr(r.reason, "kernel"));
	ck_assert_str_eq(r.ticket, "CHG-7");
	ck_assert_int_eq(r.lease_s, 5400);
	ck_assert(r.is_auto_undrain);
	ck_assert_int_eq(r.kind, HOLD_INCIDENT);
	ck_assert_int_eq(r.mode, OP_PREFER_AWAY);
	plan_stage_close(&s);
	json_doc_free(none);
	json_doc_free(doc);
}
END_TEST

/* 100,000 selectors made of names, near names, patterns and nothing: what comes out is a list of existing PoPs that were
 * each written out, or nothing at all. */
START_TEST(test_no_selector_widens)
{
	static const char *const words[] = { "fra", "ams", "lon", "nyc", "sin", "", "*", "all", "fra*", "FRA", " fra", "eu", "fra,ams", "-",
		"--all", "fr", "f?a", "%", ".", "fra1", "[a-z]*", "\\u0000", "fra\\u0000ams", "xxx" };
	const size_t n_words = sizeof words / sizeof *words;
	struct json_doc *none = json_parse(slice_of("{}"), NULL);
	struct plan_stage s;
	uint64_t seed = 7;
	size_t taken = 0;
	plan_stage_open(&s, json_root(none));
	for (int round = 0; round < 100000; round++) {
		struct buf body = BUF_INIT(4096);
		size_t n = roll(&seed) % 5;
		bool mostly_good = roll(&seed) % 2;
		buf_add_text(&body, "{\"verb\":\"drain\",\"reason\":\"x\",\"targets\":[");
		for (size_t i = 0; i < n; i++)
			buf_printf(&body, "%s\"%s\"", i ? "," : "", words[roll(&seed) % (mostly_good ? 5 : n_words)]);
		buf_add_text(&body, "]}");
		struct json_doc *doc = json_parse(buf_slice(&body), NULL);
		struct plan_request r;
		if (doc && plan_request_read(json_root(doc), s.fleet, &r, NULL) == 0) {
			taken++;
			ck_assert_uint_ge(r.n_targets, 1);
			ck_assert_uint_eq(r.n_targets, n);
			for (size_t i = 0; i < r.n_targets; i++) {
				char quoted[FLEET_NAME_MAX + 2];
				snprintf(quoted, sizeof quoted, "\"%s\"", r.targets[i]);
				ck_assert_uint_ne(fleet_find_pop(s.fleet, r.targets[i]), SIZE_MAX);
				ck_assert_ptr_nonnull(strstr(buf_text(&body), quoted));
			}
		}
		json_doc_free(doc);
		buf_done(&body);
	}
	ck_assert_uint_gt(taken, 10000);
	ck_assert_uint_lt(taken, 60000);
	plan_stage_close(&s);
	json_doc_free(none);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("planner");
	TCase *t = tcase_create("planner");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_every_case_gets_its_plan);
	tcase_add_test(t, test_flipped_bytes_are_refused_or_seen);
	tcase_add_test(t, test_cut_and_odd_bytes_are_refused);
	tcase_add_test(t, test_a_large_fleet_fits);
	tcase_add_test(t, test_basis_names_what_changed);
	tcase_add_test(t, test_basis_ignores_rates_and_sees_sessions);
	tcase_add_test(t, test_requests_are_read_with_distrust);
	tcase_add_test(t, test_texts_of_requests_are_safe);
	tcase_add_test(t, test_no_selector_widens);
	suite_add_tcase(s, t);
	return suite_run(s);
}
