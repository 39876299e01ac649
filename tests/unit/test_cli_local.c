/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that need no backend, as a person or a script sees them: what is printed, and the exit
 * status.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "console/cli_local.h"
#include "core/driver.h"
#include "core/json.h"
#include "core/token.h"
#include "tests/unit/suite.h"

static const struct conf_names names = {
	.n = 5,
	.drivers = {
		{ "agent", DRIVER_AGENT, true },
		{ "bind", DRIVER_DNS, true },
		{ "bird", DRIVER_BGP, false },
		{ "frr", DRIVER_BGP, false },
		{ "knot", DRIVER_DNS, false },
	},
};

/* Runs "catchment WORD..."; returns the exit status. */
static int
run(const char *command, const char *first, const char *second, const char *third, struct buf *out,
	struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "catchment", (char *)(uintptr_t)command,
		(char *)(uintptr_t)first, (char *)(uintptr_t)second, (char *)(uintptr_t)third,
		NULL };
	int argc = 2 + (first != NULL) + (second != NULL) + (third != NULL);
	struct options o;
	err_clear(err);
	buf_clear(out);
	ck_assert_msg(options_parse(&o, argc, argv, err) == 0, "%s", err->text);
	ck_assert_int_eq(command_get(o.command)->place, COMMAND_LOCAL);
	return cli_local_run(&o, &names, out, err);
}

static const struct json *
parse(const struct buf *out, struct json_doc **doc)
{
	struct err err = ERR_INIT;
	*doc = json_parse(buf_slice(out), &err);
	ck_assert_msg(*doc != NULL, "%s in %s", err.text, buf_text(out));
	return json_root(*doc);
}

static char path[4096];

static const char *
file(const char *relative)
{
	snprintf(path, sizeof path, "%s", source_path(relative));
	return path;
}

START_TEST(test_check_of_a_good_file_is_0)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	ck_assert_int_eq(run("check", file("tests/conf/example.yaml"), NULL, NULL, &out, &err), 0);
	ck_assert(strstr(buf_text(&out),
			  "example.yaml: good: 1 service, 2 prefixes, 2 PoPs, 3 nodes\n") != NULL);
	ck_assert_int_eq(run("check", file("tests/conf/notes.yaml"), NULL, NULL, &out, &err), 0);
	ck_assert(strstr(buf_text(&out),
			  "notes.yaml: good: 1 service, 1 prefix, 3 PoPs, 6 nodes\n") != NULL);
	ck_assert(strstr(buf_text(&out), ":8:3: note: no place has the code") != NULL);
	ck_assert_int_eq(err.code, ERR_OK);
	buf_done(&out);
}
END_TEST

START_TEST(test_check_of_a_bad_file_is_2)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	struct json_doc *doc;
	ck_assert_int_eq(
		run("check", file("tests/conf/unknown-keys.yaml"), NULL, NULL, &out, &err), 2);
	ck_assert(strstr(buf_text(&out), "unknown-keys.yaml:2:1: unknown key \"enviroment\"") !=
		  NULL);
	ck_assert(strstr(buf_text(&out), "    enviroment: lab\n    ^\n") != NULL);
	ck_assert_int_eq(err.code, ERR_OK); /* the findings are the answer */

	ck_assert_int_eq(
		run("check", "-o", "json", file("tests/conf/unknown-keys.yaml"), &out, &err), 2);
	const struct json *root = parse(&out, &doc);
	ck_assert_int_eq(json_int(json_get(root, "mistakes"), -1),
		(int64_t)json_length(json_get(root, "findings")));
	ck_assert_int_eq(json_int(json_get(json_at(json_get(root, "findings"), 0), "line"), -1), 2);
	json_doc_free(doc);
	buf_done(&out);
}
END_TEST

START_TEST(test_check_of_no_file_is_an_error)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	ck_assert_int_eq(run("check", "/nonexistent/fleet.yaml", NULL, NULL, &out, &err), 2);
	ck_assert_str_eq(
		err.text, "/nonexistent/fleet.yaml cannot be opened: No such file or directory");
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
}
END_TEST

START_TEST(test_import_writes_a_file_or_says_why_not)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	ck_assert_int_eq(
		run("import", "hosts", file("tests/import/hosts--lines.in"), NULL, &out, &err), 0);
	ck_assert(strncmp(buf_text(&out),
			  "# A first fleet.yaml, written by `catchment import hosts ", 40) == 0);
	ck_assert_int_eq(
		run("import", "hosts", file("tests/import/hosts--empty.in"), NULL, &out, &err), 2);
	ck_assert_str_eq(err.text, "the inventory has no host that could be a node");
	ck_assert_uint_eq(out.len, 0);
	ck_assert_int_ne(run("import", "ansible", "/nonexistent", NULL, &out, &err), 0);
	ck_assert_int_ne(err.code, ERR_OK);
	buf_done(&out);
}
END_TEST

START_TEST(test_themes_are_listed)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	struct json_doc *doc;
	static const char *const wanted[] = { "dark", "light", "high-contrast", "colour-blind",
		"mono", "production" };
	ck_assert_int_eq(run("themes", NULL, NULL, NULL, &out, &err), 0);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		ck_assert_msg(strstr(buf_text(&out), wanted[i]) != NULL, "%s", wanted[i]);
	ck_assert_int_eq(run("themes", "-o", "json", NULL, &out, &err), 0);
	const struct json *root = parse(&out, &doc);
	ck_assert_uint_ge(json_length(root), sizeof wanted / sizeof wanted[0]);
	ck_assert(json_slice(json_get(json_at(root, 0), "title")).len > 0);
	json_doc_free(doc);
	buf_done(&out);
}
END_TEST

START_TEST(test_version_and_completion)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	struct json_doc *doc;
	ck_assert_int_eq(run("version", NULL, NULL, NULL, &out, &err), 0);
	ck_assert_str_eq(buf_text(&out), "catchment " CATCHMENT_VERSION "\n");
	ck_assert_int_eq(run("version", "-o", "json", NULL, &out, &err), 0);
	ck_assert_str_eq(json_text(json_get(parse(&out, &doc), "version"), ""), CATCHMENT_VERSION);
	json_doc_free(doc);
	ck_assert_int_eq(run("completion", "fish", NULL, NULL, &out, &err), 0);
	ck_assert(out.len > 1000);
	buf_done(&out);
}
END_TEST

/* What is printed is what fleet.yaml takes: the line is put into a file and read back. */
START_TEST(test_token_makes_a_line_that_a_fleet_file_takes)
{
	static const char *const options[][2] = { { NULL, NULL }, { "--role=operator", "--pops=fra" },
		{ "--role=admin", "--expires=2150-01-01" } };
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX), text = BUF_INIT(1u << 16);
	struct err err = ERR_INIT;
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(run("token", "ci-drain", options[i][0], options[i][1], &out, &err), 0);
		char token[64] = "", hash[TOKEN_HASH_SIZE];
		slice_copy((struct slice){ out.data, strcspn(out.data, "\n") }, token, sizeof token);
		ck_assert(token_is_ours(token));
		token_hash(token, hash);
		const char *line = strstr(buf_text(&out), "- {token: ci-drain");
		ck_assert_ptr_nonnull(line);
		ck_assert_ptr_nonnull(strstr(line, hash));
		ck_assert_ptr_null(strstr(line, token));
		buf_clear(&text);
		buf_printf(&text,
			"fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
			"pops: {fra: {nodes: {fra1: {address: 10.0.0.1, bgp: bird}}}}\naccess:\n  %.*s\n",
			(int)strcspn(line, "\n"), line);
		struct fleet *f = conf_read(buf_slice(&text), "x.yaml", "/", &names, NULL, &err);
		ck_assert_msg(f != NULL, "%s: %s", buf_text(&text), err.text);
		const struct conf_access *row = &f->rules->access[0];
		ck_assert_str_eq(row->hash, hash);
		ck_assert_int_eq(row->role, i == 0 ? CONF_OBSERVER : i == 1 ? CONF_OPERATOR : CONF_ADMIN);
		ck_assert_uint_eq(row->n_pops, i == 1);
		ck_assert_int_gt(row->expires.ns, 0);
		fleet_free(f);
	}
	buf_done(&out);
	buf_done(&text);
}
END_TEST

static const struct {
	const char *name, *option, *says;
} bad_tokens[] = {
	{ "ci", "--pops=fra,ams", NULL },
	{ "CI", NULL, "1 to 32" },
	{ "ci_drain", NULL, "1 to 32" },
	{ "ci", "--pops=fra,,ams", "joined by commas" },
	{ "ci", "--pops=../x", "joined by commas" },
	{ "ci", "--expires=tomorrow", "allowed is a day" },
	{ "ci", "--expires=2001-01-01", "past" },
};

START_TEST(test_token_refuses_what_no_file_would_take)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct err err = ERR_INIT;
	int status = run("token", bad_tokens[_i].name, bad_tokens[_i].option, NULL, &out, &err);
	ck_assert_int_eq(status, bad_tokens[_i].says ? 2 : 0);
	if (bad_tokens[_i].says) {
		ck_assert_msg(strstr(err.text, bad_tokens[_i].says) != NULL, "%s", err.text);
		ck_assert_uint_eq(out.len, 0);
	}
	buf_done(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cli_local");
	TCase *t = tcase_create("cli_local");
	tcase_add_test(t, test_check_of_a_good_file_is_0);
	tcase_add_test(t, test_check_of_a_bad_file_is_2);
	tcase_add_test(t, test_check_of_no_file_is_an_error);
	tcase_add_test(t, test_import_writes_a_file_or_says_why_not);
	tcase_add_test(t, test_themes_are_listed);
	tcase_add_test(t, test_version_and_completion);
	tcase_add_test(t, test_token_makes_a_line_that_a_fleet_file_takes);
	tcase_add_loop_test(t, test_token_refuses_what_no_file_would_take, 0, sizeof bad_tokens / sizeof *bad_tokens);
	suite_add_tcase(s, t);
	return suite_run(s);
}
