/* SPDX-License-Identifier: Apache-2.0
 *
 * What in docs/ is printed from tables agrees with them: the JSON Schema, the reference of
 * fleet.yaml, the life of operations and the manual pages. UPDATE=1 writes them anew. Prose around the printed parts stays;
 * a part lies between a line that ends in "begin" (with the mark of the comment) and one that says
 * "end".
 */
#include "core/command.h"
#include "core/conf.h"
#include "core/json.h"
#include "core/operation.h"
#include "tests/unit/suite.h"

#define DOC_MAX (1u << 20)

static void
read_doc(const char *relative, struct buf *out)
{
	struct err err = ERR_INIT;
	if (buf_read_file(out, source_path(relative), &err) == -1 && !getenv("UPDATE"))
		ck_abort_msg("%s", err.text);
}

static void
check_doc(const char *relative, const struct buf *want)
{
	struct buf have = BUF_INIT(DOC_MAX);
	read_doc(relative, &have);
	bool is_same = strcmp(buf_text(&have), buf_text(want)) == 0;
	if (!is_same && getenv("UPDATE")) {
		FILE *f = fopen(source_path(relative), "w");
		ck_assert_ptr_nonnull(f);
		fwrite(want->data, 1, want->len, f);
		fclose(f);
		is_same = true;
	}
	buf_done(&have);
	ck_assert_msg(is_same,
		"%s does not say what the tables say; UPDATE=1 meson test -C build docs", relative);
}

/* Puts `part` between the two marks of a document. */
static void
check_part(const char *relative, const char *begin, const char *end, const struct buf *part)
{
	struct buf have = BUF_INIT(DOC_MAX), want = BUF_INIT(DOC_MAX);
	read_doc(relative, &have);
	const char *from = strstr(buf_text(&have), begin);
	ck_assert_msg(from != NULL, "%s has no mark \"%s\"", relative, begin);
	from += strlen(begin);
	const char *to = strstr(from, end);
	ck_assert_msg(to != NULL, "%s has no mark \"%s\"", relative, end);
	buf_add(&want, have.data, (size_t)(from - have.data));
	buf_add(&want, part->data, part->len);
	buf_add_text(&want, to);
	check_doc(relative, &want);
	buf_done(&have);
	buf_done(&want);
}

START_TEST(test_schema_for_editors_agrees)
{
	struct buf out = BUF_INIT(DOC_MAX);
	struct json_writer w = JSON_WRITER(&out);
	w.pretty = true;
	conf_write_schema(&w);
	buf_add_char(&out, '\n');
	struct err err = ERR_INIT;
	struct json_doc *doc = json_parse(buf_slice(&out), &err);
	ck_assert_msg(doc != NULL, "%s", err.text);
	json_doc_free(doc);
	check_doc("docs/fleet.schema.json", &out);
	buf_done(&out);
}
END_TEST

START_TEST(test_reference_agrees)
{
	struct buf out = BUF_INIT(DOC_MAX);
	buf_add_text(&out, "\n");
	conf_write_reference(&out);
	check_part("docs/fleet.md", "begin -->\n", "<!-- end -->", &out);
	buf_done(&out);
}
END_TEST

START_TEST(test_manual_of_the_file_agrees)
{
	struct buf out = BUF_INIT(DOC_MAX);
	buf_add_text(&out, "\n");
	conf_write_manual(&out);
	check_part("docs/fleet.yaml.5.scd", ": begin\n", "; end\n", &out);
	buf_done(&out);
}
END_TEST

START_TEST(test_manual_of_catchment_agrees)
{
	struct buf out = BUF_INIT(DOC_MAX);
	buf_add_text(&out, "\n");
	command_write_scdoc(&out);
	command_write_exits(&out);
	check_part("docs/catchment.1.scd", ": begin\n", "; end\n", &out);
	buf_done(&out);
}
END_TEST

static void
write_states(struct buf *out)
{
	static const bool is_final[] = {
#define OP_STATE(code, word, final, text) final,
#include "core/operation.def"
	};
	buf_add_text(out, "\n| state | ends | what it means |\n|---|---|---|\n");
	for (int s = 0; s < OP_STATE_COUNT; s++)
		buf_printf(out, "| %s | %s | %s |\n", op_state_name((enum op_state)s), is_final[s] ? "yes" : "",
			op_state_text((enum op_state)s));
}

static void
write_events(struct buf *out)
{
	static const char *const texts[] = {
#define OP_EVENT(code, word, text) text,
#include "core/operation.def"
	};
	static const char *const effects[] = {
#define OP_EFFECT(code, text) text,
#include "core/operation.def"
	};
	buf_add_text(out, "\n| event | what happened |\n|---|---|\n");
	for (int e = 0; e < OP_EVENT_COUNT; e++)
		buf_printf(out, "| %s | %s |\n", op_event_name((enum op_event)e), texts[e]);
	buf_add_text(out, "\n| effect | what the engine does |\n|---|---|\n");
	for (int f = 0; f < OP_EFFECT_COUNT; f++)
		buf_printf(out, "| %s | %s |\n", op_effect_name((enum op_effect)f), effects[f]);
}

START_TEST(test_life_of_operations_agrees)
{
	struct buf out = BUF_INIT(DOC_MAX);
	struct op_outcome o;
	write_states(&out);
	write_events(&out);
	buf_add_text(&out, "\n| in state | event | next | effects, in this order |\n|---|---|---|---|\n");
	for (int s = 0; s < OP_STATE_COUNT; s++) {
		for (int e = 0; e < OP_EVENT_COUNT; e++) {
			if (operation_step((enum op_state)s, (enum op_event)e, &o) == -1)
				continue;
			buf_printf(&out, "| %s | %s | %s |", op_state_name((enum op_state)s), op_event_name((enum op_event)e),
				op_state_name(o.next));
			for (size_t i = 0; i < o.n; i++)
				buf_printf(&out, "%s%s", i ? ", " : " ", op_effect_name(o.effects[i]));
			buf_add_text(&out, " |\n");
		}
	}
	buf_add_char(&out, '\n');
	check_part("docs/operations.md", "begin -->\n", "<!-- end -->", &out);
	buf_done(&out);
}
END_TEST

/* scdoc reads what was written, where it is installed (it is in the list of `run test`). */
START_TEST(test_manual_pages_are_read_by_scdoc)
{
	static const char *const pages[] = { "docs/catchment.1.scd", "docs/catchmentd.8.scd",
		"docs/fleet.yaml.5.scd" };
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		char command[4300];
		snprintf(command, sizeof command,
			"! command -v scdoc >/dev/null || scdoc < '%s' >/dev/null",
			source_path(pages[i]));
		ck_assert_msg(system(command) == 0, "%s", pages[i]);
	}
}
END_TEST

/* The example that people copy first. */
START_TEST(test_example_of_the_reference_is_good)
{
	static const struct conf_names names = { .n = 5,
		.drivers = { { "bird", ~0u, false }, { "frr", ~0u, false }, { "knot", ~0u, false },
			{ "bind", ~0u, true }, { "agent", ~0u, true } } };
	struct buf doc = BUF_INIT(DOC_MAX);
	struct conf_report report = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	read_doc("docs/fleet.md", &doc);
	const char *from = strstr(buf_text(&doc), "```yaml\n") + 8, *to = strstr(from, "```");
	struct fleet *f = conf_read((struct slice){ from, (size_t)(to - from) }, "fleet.yaml", "/",
		&names, &report, &err);
	ck_assert_msg(f != NULL, "%s", report.n ? report.findings[0].text : err.text);
	ck_assert_uint_eq(report.n_notes, 0);
	fleet_free(f);
	conf_report_done(&report);
	buf_done(&doc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("docs");
	TCase *t = tcase_create("docs");
	tcase_add_test(t, test_schema_for_editors_agrees);
	tcase_add_test(t, test_reference_agrees);
	tcase_add_test(t, test_manual_of_the_file_agrees);
	tcase_add_test(t, test_manual_of_catchment_agrees);
	tcase_add_test(t, test_life_of_operations_agrees);
	tcase_add_test(t, test_manual_pages_are_read_by_scdoc);
	tcase_add_test(t, test_example_of_the_reference_is_good);
	suite_add_tcase(s, t);
	return suite_run(s);
}
