/* SPDX-License-Identifier: Apache-2.0
 *
 * The command table: that its rows are whole, that PRODUCT.md's commands are in it, and what
 * follows from a row (help, completion, manual). Then the command line: tables of lines and what
 * they mean or why they are refused.
 */
#include <unistd.h>

#include "console/keymap.h"
#include "console/options.h"
#include "core/command.h"
#include "tests/unit/suite.h"

START_TEST(test_rows_are_whole)
{
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++) {
		const struct command_row *row = command_get((enum command)c);
		ck_assert_msg(row->name && row->help && row->usage && *row->help, "row %d", c);
		ck_assert_int_eq(command_find(row->name), c);
		ck_assert_int_le(row->least_args, row->most_args);
		ck_assert_msg((row->least_args > 0) == (*row->usage && *row->usage != '['),
			"%s: usage and arguments disagree", row->name);
		/* what changes something is upper case or punctuation (PRODUCT.md section 5) */
		if (row->role != COMMAND_OBSERVER && *row->key)
			ck_assert_msg(*row->key < 'a' || *row->key > 'z', "%s: key %s", row->name,
				row->key);
		for (int d = COMMAND_NONE + 1; d < c; d++)
			ck_assert_msg(!*row->key || strcmp(row->key,
							    command_get((enum command)d)->key) != 0,
				"key %s twice", row->key);
	}
	size_t n;
	const struct command_option *o = command_options(&n);
	ck_assert_uint_le(n, OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (o[i].command == o[j].command || o[j].command == COMMAND_NONE)
				ck_assert_msg(strcmp(o[i].name, o[j].name) != 0 &&
						      (!o[i].letter || o[i].letter != o[j].letter),
					"option --%s twice", o[i].name);
}
END_TEST

/* The dashboard takes its keys from this table and from console/actions.def. */
START_TEST(test_no_key_does_two_things)
{
	char seen[ACTION_COUNT * 4][16];
	size_t n = 0;
	for (int a = 1; a < ACTION_COUNT; a++) {
		struct slice rest = slice_of(action_get((enum action)a)->keys), word;
		while (slice_next_word(&rest, &word)) {
			slice_copy(word, seen[n], sizeof seen[n]);
			for (size_t i = 0; i < n; i++)
				ck_assert_msg(strcmp(seen[i], seen[n]) != 0, "%s is bound twice",
					seen[n]);
			n++;
		}
	}
	ck_assert_uint_ge(n, 40);
}
END_TEST

START_TEST(test_every_command_of_the_contract_is_there)
{
	static const char *const names[] = { "get", "describe", "why", "probe", "drain", "undrain",
		"rotate", "drill", "hold", "op", "snapshot", "replay", "audit", "report", "check",
		"reload", "import", "plugin", "token", "themes", "completion", "version" };
	ck_assert_uint_eq(sizeof names / sizeof names[0], COMMAND_COUNT - 1);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		ck_assert_msg(command_find(names[i]) != COMMAND_NONE, "%s", names[i]);
	ck_assert_int_eq(command_find("dreain"), COMMAND_NONE);
	ck_assert_str_eq(command_nearest("dreain"), "drain");
	ck_assert_str_eq(
		command_nearest("drainxy"), "drain"); /* longer than the name it begins with */
	ck_assert_ptr_null(command_nearest("xylophone"));
}
END_TEST

START_TEST(test_choices_are_cut_from_the_usage)
{
	char word[20];
	ck_assert(command_choice("list|add|release [POP]", 0, word, sizeof word) &&
		  strcmp(word, "list") == 0);
	ck_assert(command_choice("list|add|release [POP]", 2, word, sizeof word) &&
		  strcmp(word, "release") == 0);
	ck_assert(!command_choice("list|add|release [POP]", 3, word, sizeof word));
	ck_assert(command_choice("[map|pops]", 1, word, sizeof word) && strcmp(word, "pops") == 0);
	ck_assert(!command_choice("[map|pops]", 2, word, sizeof word));
	ck_assert(!command_choice("POP|NODE", 0, word, sizeof word));
	ck_assert(!command_choice("", 0, word, sizeof word));
}
END_TEST

/* --- the command line --- */

#define WORDS_MAX 16

static int
parse(const char *line, struct options *o, struct err *err)
{
	static char copy[512], *argv[WORDS_MAX + 1];
	int argc = 0;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(o, argc, argv, err);
}

static const struct {
	const char *line;
	enum err_code code; /* ERR_OK: understood */
	enum command command;
	size_t n_args;
	const char *part; /* of the sentence */
} lines[] = {
	{ "catchment", ERR_OK, COMMAND_NONE, 0, NULL },
	{ "catchment --theme dark", ERR_OK, COMMAND_NONE, 0, NULL },
	{ "catchment get pops", ERR_OK, COMMAND_GET, 1, NULL },
	{ "catchment get pops fra -o json --watch", ERR_OK, COMMAND_GET, 2, NULL },
	{ "catchment get -o json pops fra", ERR_OK, COMMAND_GET, 2, NULL },
	{ "catchment get pops -- -x", ERR_OK, COMMAND_GET, 2, NULL },
	{ "catchment -b unix:/run/x get pops", ERR_OK, COMMAND_GET, 1, NULL },
	{ "catchment get pops --backend unix:/run/x", ERR_OK, COMMAND_GET, 1, NULL },
	{ "catchment get --help", ERR_OK, COMMAND_GET, 0, NULL },
	{ "catchment drain --help", ERR_OK, COMMAND_DRAIN, 0, NULL },
	{ "catchment --help", ERR_OK, COMMAND_NONE, 0, NULL },
	{ "catchment --version", ERR_OK, COMMAND_NONE, 0, NULL },
	{ "catchment check fleet.yaml", ERR_OK, COMMAND_CHECK, 1, NULL },
	{ "catchment import ansible -", ERR_OK, COMMAND_IMPORT, 2, NULL },
	{ "catchment snapshot", ERR_OK, COMMAND_SNAPSHOT, 0, NULL },
	{ "catchment gte pops", ERR_USAGE, COMMAND_NONE, 0, "did you mean \"get\"?" },
	{ "catchment xylophone", ERR_USAGE, COMMAND_NONE, 0, "`catchment --help` lists them" },
	{ "catchment --bakend x", ERR_USAGE, COMMAND_NONE, 0,
		"unknown option --bakend; did you mean --backend?" },
	{ "catchment -x", ERR_USAGE, COMMAND_NONE, 0, "unknown option -x" },
	{ "catchment --backend", ERR_USAGE, COMMAND_NONE, 0, "the option --backend needs a value" },
	{ "catchment -b", ERR_USAGE, COMMAND_NONE, 0, "the option -b needs a value" },
	{ "catchment --read-only=yes", ERR_USAGE, COMMAND_NONE, 0,
		"the option --read-only takes no value" },
	{ "catchment get pops --outptu json", ERR_USAGE, COMMAND_NONE, 0,
		"unknown option --outptu; did you mean --output?" },
	{ "catchment get pops --zzzzzz", ERR_USAGE, COMMAND_NONE, 0,
		"`catchment get --help` lists them" },
	{ "catchment get pops -o jsn", ERR_USAGE, COMMAND_NONE, 0,
		"the value of --output \"jsn\" is unknown; allowed: table, "
		"wide, json, jsonl, csv; did you mean \"json\"?" },
	{ "catchment get pop", ERR_USAGE, COMMAND_NONE, 0,
		"get \"pop\" is unknown; allowed: pops" },
	{ "catchment get", ERR_USAGE, COMMAND_NONE, 0,
		"`catchment get` needs more: catchment get pops|nodes" },
	{ "catchment get pops a b", ERR_USAGE, COMMAND_NONE, 0, "`catchment get` takes no \"b\"" },
	{ "catchment version now", ERR_USAGE, COMMAND_NONE, 0,
		"`catchment version` takes no \"now\": catchment version" },
	{ "catchment why", ERR_USAGE, COMMAND_NONE, 0, "catchment why POP|NODE" },
	{ "catchment rotate cookie --reason x", ERR_UNSUPPORTED, COMMAND_NONE, 0,
		"`catchment rotate` is not available in this version" },
	{ "catchment --read-only drain fra", ERR_PERMISSION, COMMAND_NONE, 0,
		"--read-only refuses" },
	{ "catchment reload --read-only", ERR_PERMISSION, COMMAND_NONE, 0, "--read-only refuses" },
	{ "catchment plugin list", ERR_UNSUPPORTED, COMMAND_NONE, 0, "not available" },
};

START_TEST(test_lines_mean_what_they_say)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct options o;
		struct err err = ERR_INIT;
		int rc = parse(lines[i].line, &o, &err);
		ck_assert_msg(err.code == lines[i].code && (rc == 0) == (err.code == ERR_OK),
			"%s: %s", lines[i].line, err.text);
		if (rc == 0) {
			ck_assert_msg(o.command == lines[i].command, "%s", lines[i].line);
			ck_assert_msg(o.n_args == lines[i].n_args, "%s: %zu arguments",
				lines[i].line, o.n_args);
		} else {
			ck_assert_msg(strstr(err.text, lines[i].part) != NULL, "%s: \"%s\"",
				lines[i].line, err.text);
		}
	}
}
END_TEST

START_TEST(test_values_of_options_are_kept)
{
	struct options o;
	ck_assert_int_eq(
		parse("catchment -r --theme=dark get --output=json -w -b unix:/x nodes fra", &o,
			NULL),
		0);
	ck_assert(o.is_read_only && !o.wants_help && options_want_json(&o));
	ck_assert_str_eq(o.theme, "dark");
	ck_assert_str_eq(o.wish.backend, "unix:/x");
	ck_assert_str_eq(o.args[0], "nodes");
	ck_assert_str_eq(o.args[1], "fra");
	ck_assert_str_eq(options_value(&o, "watch"), "");
	ck_assert_ptr_null(options_value(&o, "reason"));
	ck_assert_int_eq(parse("catchment snapshot map --size 80x24 --format svg", &o, NULL), 0);
	ck_assert_str_eq(options_value(&o, "size"), "80x24");
	ck_assert(!options_want_json(&o));
	char *broken[] = { (char[]){ "catchment" }, (char[]){ "--nope" }, (char[]){ "-o" },
		(char[]){ "json" }, NULL };
	ck_assert(options_line_wants_json(4, broken) && !options_line_wants_json(3, broken));
}
END_TEST

START_TEST(test_errors_are_a_sentence_or_a_problem)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT(4096);
	err_set(&err, ERR_USAGE, "unknown command \"%s\"", "a\x1b[31m");
	options_write_error(&err, false, &out);
	ck_assert_str_eq(buf_text(&out), "catchment: unknown command \"a\\u{1b}[31m\"\n");
	buf_clear(&out);
	options_write_error(&err, true, &out);
	ck_assert_str_eq(buf_text(&out),
		"{\"title\":\"usage or configuration error\",\"status\":400,\"code\":\"usage\","
		"\"detail\":\"unknown command \\\"a\\\\u{1b}[31m\\\"\",\"exit\":2}\n");
	buf_done(&out);
}
END_TEST

/* --- what is printed from the table --- */

START_TEST(test_help_names_every_command_and_option)
{
	struct buf out = BUF_INIT(1 << 20);
	size_t n;
	const struct command_option *o = command_options(&n);
	command_write_help(COMMAND_NONE, &out);
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		ck_assert_msg(strstr(buf_text(&out), command_get((enum command)c)->help) != NULL,
			"%s", command_get((enum command)c)->name);
	for (int c = COMMAND_NONE; c < COMMAND_COUNT; c++) {
		buf_clear(&out);
		command_write_help((enum command)c, &out);
		for (size_t i = 0; i < n; i++)
			if (o[i].command == (enum command)c)
				ck_assert_msg(strstr(buf_text(&out), o[i].name) != NULL, "--%s",
					o[i].name);
		bool says = strstr(buf_text(&out), "not available in this version") != NULL;
		if (c != COMMAND_NONE)
			ck_assert_int_eq(says, !command_get((enum command)c)->is_available);
	}
	buf_done(&out);
}
END_TEST

/* The shell itself reads what was written: bash is always there; zsh and fish where they are. */
static void
check_shell(const char *shell, const char *command)
{
	struct buf out = BUF_INIT(1 << 20);
	ck_assert_int_eq(command_write_completion(shell, &out, NULL), 0);
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		ck_assert_ptr_nonnull(strstr(buf_text(&out), command_get((enum command)c)->name));
	FILE *p = popen(command, "w");
	ck_assert_ptr_nonnull(p);
	fwrite(out.data, 1, out.len, p);
	ck_assert_msg(pclose(p) == 0, "%s cannot read its completion", shell);
	buf_done(&out);
}

START_TEST(test_completion_is_read_by_its_shell)
{
	check_shell("bash", "bash -n");
	check_shell("zsh",
		"if command -v zsh >/dev/null; then zsh -n /dev/stdin; else cat >/dev/null; fi");
	check_shell("fish",
		"if command -v fish >/dev/null; then fish -n /dev/stdin; else cat >/dev/null; fi");
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT(100);
	ck_assert_int_eq(command_write_completion("tcsh", &out, &err), -1);
	ck_assert_str_eq(err.text, "there is no completion for \"tcsh\"; allowed: bash, zsh, fish");
}
END_TEST

/* What bash offers for a line whose last word is being typed. */
static const struct {
	const char *words, *offers;
} completions[] = {
	{ "catchment wh", "why" },
	{ "catchment get no", "nodes" },
	{ "catchment get --outp", "--output" },
	{ "catchment get -o js", "json jsonl" },
	{ "catchment --read-only get pre", "prefixes" },
	{ "catchment --backend unix:/x completion f", "fish" },
	{ "catchment import pro", "prometheus" },
	{ "catchment --the", "--theme" },
};

START_TEST(test_bash_offers_what_the_table_has)
{
	struct buf rules = BUF_INIT(1 << 20), script = BUF_INIT(1 << 20);
	ck_assert_int_eq(command_write_completion("bash", &rules, NULL), 0);
	char path[] = "/tmp/test_command.XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	buf_add_text(&script, buf_text(&rules));
	for (size_t i = 0; i < sizeof completions / sizeof completions[0]; i++)
		buf_printf(&script,
			"COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _catchment\n"
			"[ \"${COMPREPLY[*]}\" = '%s' ] || { echo \"%s: ${COMPREPLY[*]}\"; exit 1; "
			"}\n",
			completions[i].words, completions[i].offers, completions[i].words);
	ck_assert_int_eq(write(fd, script.data, script.len), (ssize_t)script.len);
	close(fd);
	char command[100];
	snprintf(command, sizeof command, "bash %s", path);
	ck_assert_int_eq(system(command), 0);
	unlink(path);
	buf_done(&rules);
	buf_done(&script);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("command");
	TCase *t = tcase_create("command");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_rows_are_whole);
	tcase_add_test(t, test_no_key_does_two_things);
	tcase_add_test(t, test_every_command_of_the_contract_is_there);
	tcase_add_test(t, test_choices_are_cut_from_the_usage);
	tcase_add_test(t, test_lines_mean_what_they_say);
	tcase_add_test(t, test_values_of_options_are_kept);
	tcase_add_test(t, test_errors_are_a_sentence_or_a_problem);
	tcase_add_test(t, test_help_names_every_command_and_option);
	tcase_add_test(t, test_completion_is_read_by_its_shell);
	tcase_add_test(t, test_bash_offers_what_the_table_has);
	suite_add_tcase(s, t);
	return suite_run(s);
}
