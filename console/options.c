/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the command line of catchment by the one command table: no command is named here. Options
 * that stand for all come before the command, and are taken after it too, because that is where
 * people add them. An unknown word is told with the nearest known one. getopt_long does the
 * splitting; it keeps its place in globals of libc, which are reset at each use, so that tests may
 * parse many lines.
 *
 * Called by main once; by nobody else but tests.
 */
#include "console/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/schema.h"
#include "core/text.h"

#define LONG_BASE 1000 /* getopt's value of option i is LONG_BASE + i */

/* getopt's tables for one command: its own options and those for all. */
struct tables {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[3 * OPTIONS_MAX + 4];
};

static void
make_tables(struct tables *t, enum command command, const char *start)
{
	size_t n_rows, n = 0;
	const struct command_option *rows = command_options(&n_rows);
	memset(t, 0, sizeof *t);
	char *s = stpcpy(t->shorts, start);
	for (size_t i = 0; i < n_rows && i < OPTIONS_MAX; i++) {
		if (rows[i].command != command && rows[i].command != COMMAND_NONE)
			continue;
		t->longs[n++] = (struct option){ rows[i].name,
			rows[i].value ? required_argument : no_argument, NULL, LONG_BASE + (int)i };
		if (rows[i].letter) {
			*s++ = rows[i].letter;
			if (rows[i].value)
				*s++ = ':';
		}
	}
	*s = '\0';
}

/* The row of a short option for a command. */
static int
find_letter(enum command command, int letter)
{
	size_t n_rows;
	const struct command_option *rows = command_options(&n_rows);
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].letter == letter &&
			(rows[i].command == command || rows[i].command == COMMAND_NONE))
			return (int)i;
	return -1;
}

static int
refuse_option(const struct tables *t, enum command command, const char *word, struct err *err)
{
	char given[64];
	const char *names[OPTIONS_MAX];
	size_t n = 0;
	if (strncmp(word, "--", 2) != 0 || strlen(word) < 3)
		return err_set(err, ERR_USAGE,
			"unknown option -%c; `catchment %s%s--help` lists them",
			optopt ? optopt : '?',
			command == COMMAND_NONE ? "" : command_get(command)->name,
			command == COMMAND_NONE ? "" : " ");
	slice_copy((struct slice){ word + 2, strcspn(word + 2, "=") }, given, sizeof given);
	for (; t->longs[n].name; n++)
		names[n] = t->longs[n].name;
	const char *near = schema_nearest(given, names, n);
	if (near && strcmp(near, given) == 0)
		return err_set(err, ERR_USAGE, "the option --%s takes no value", given);
	if (near)
		return err_set(
			err, ERR_USAGE, "unknown option --%s; did you mean --%s?", given, near);
	return err_set(err, ERR_USAGE, "unknown option --%s; `catchment %s%s--help` lists them",
		given, command == COMMAND_NONE ? "" : command_get(command)->name,
		command == COMMAND_NONE ? "" : " ");
}

/* That a word is one of "a|b|c", where the table says so. */
static int
check_choice(const char *usage, const char *word, const char *what, struct err *err)
{
	char allowed[16][40];
	const char *words[16];
	size_t n = 0;
	while (n < 16 && command_choice(usage, n, allowed[n], sizeof allowed[n])) {
		if (strcmp(allowed[n], word) == 0)
			return 0;
		words[n] = allowed[n];
		n++;
	}
	if (n == 0)
		return 0;
	struct buf list = BUF_INIT(300);
	for (size_t i = 0; i < n; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
	const char *near = schema_nearest(word, words, n);
	err_set(err, ERR_USAGE, "%s \"%.60s\" is unknown; allowed: %s%s%s%s", what, word,
		buf_text(&list), near ? "; did you mean \"" : "", near ? near : "",
		near ? "\"?" : "");
	buf_done(&list);
	return -1;
}

static int
take_option(struct options *o, int row, const char *value, struct err *err)
{
	size_t n_rows;
	const struct command_option *option = &command_options(&n_rows)[row];
	o->values[row] = value ? value : "";
	if (option->value) {
		char what[80];
		snprintf(what, sizeof what, "the value of --%s", option->name);
		return check_choice(option->value, value, what, err);
	}
	return 0;
}

/* Reads options up to the first other word (`start` "+:") or all of them (":"), which moves
 * arguments to the end. */
static int
read_options(struct options *o, int argc, char **argv, const char *start, struct err *err)
{
	struct tables t;
	make_tables(&t, o->command, start);
	optind = 0; /* glibc: begin anew */
	opterr = 0;
	for (;;) {
		int before = optind > 0 ? optind : 1;
		int c = getopt_long(argc, argv, t.shorts, t.longs, NULL);
		if (c == -1)
			return 0;
		const char *word = argv[optind > before ? optind - 1 : before];
		if (c == ':')
			return err_set(
				err, ERR_USAGE, "the option %.60s needs a value", argv[optind - 1]);
		if (c == '?')
			return refuse_option(&t, o->command, word, err);
		int row = c >= LONG_BASE ? c - LONG_BASE : find_letter(o->command, c);
		if (take_option(o, row, optarg, err) == -1)
			return -1;
	}
}

static int
find_command(struct options *o, const char *word, struct err *err)
{
	o->command = command_find(word);
	if (o->command != COMMAND_NONE)
		return 0;
	const char *near = command_nearest(word);
	if (near)
		return err_set(err, ERR_USAGE, "unknown command \"%.60s\"; did you mean \"%s\"?",
			word, near);
	return err_set(
		err, ERR_USAGE, "unknown command \"%.60s\"; `catchment --help` lists them", word);
}

static int
check_args(const struct options *o, struct err *err)
{
	const struct command_row *row = command_get(o->command);
	if (o->n_args < (size_t)row->least_args)
		return err_set(err, ERR_USAGE, "`catchment %s` needs more: catchment %s %s",
			row->name, row->name, row->usage);
	if (o->n_args > (size_t)row->most_args)
		return err_set(err, ERR_USAGE,
			"`catchment %s` takes no \"%.60s\": catchment %s%s%s", row->name,
			o->args[row->most_args], row->name, *row->usage ? " " : "", row->usage);
	if (o->n_args > 0)
		return check_choice(row->usage, o->args[0], row->name, err);
	return 0;
}

static int
check_command(const struct options *o, struct err *err)
{
	const struct command_row *row = command_get(o->command);
	if (o->is_read_only && row->role != COMMAND_OBSERVER)
		return err_set(err, ERR_PERMISSION,
			"`catchment %s` changes things, which --read-only refuses", row->name);
	if (command_check_available(o->command, err) == -1)
		return -1;
	return check_args(o, err);
}

static void
take_globals(struct options *o)
{
	o->wish = (struct place_wish){
		.backend = options_value(o, "backend"),
		.token_file = options_value(o, "token-file"),
		.ca = options_value(o, "ca"),
		.cert = options_value(o, "cert"),
		.is_read_only = options_value(o, "read-only") != NULL,
		.key = options_value(o, "key"),
	};
	o->theme = options_value(o, "theme");
	o->is_read_only = options_value(o, "read-only") != NULL;
	o->wants_help = options_value(o, "help") != NULL;
	o->wants_version = options_value(o, "version") != NULL;
}

int
options_parse(struct options *o, int argc, char **argv, struct err *err)
{
	*o = (struct options){ .command = COMMAND_NONE };
	if (read_options(o, argc, argv, "+:", err) == -1)
		return -1;
	int at = optind;
	take_globals(o);
	if (at == argc)
		return 0;
	if (find_command(o, argv[at], err) == -1)
		return o->wants_help || o->wants_version ? (o->command = COMMAND_NONE, 0) : -1;
	/* the command's name stands for a program's in what follows */
	if (read_options(o, argc - at, argv + at, ":", err) == -1)
		return -1;
	take_globals(o);
	o->args = argv + at + optind;
	o->n_args = (size_t)(argc - at - optind);
	if (o->wants_help || o->wants_version)
		return 0;
	return check_command(o, err);
}

const char *
options_value(const struct options *o, const char *name)
{
	size_t n_rows;
	const struct command_option *rows = command_options(&n_rows);
	for (size_t i = 0; i < n_rows && i < OPTIONS_MAX; i++)
		if ((rows[i].command == o->command || rows[i].command == COMMAND_NONE) &&
			strcmp(rows[i].name, name) == 0)
			return o->values[i];
	return NULL;
}

bool
options_want_json(const struct options *o)
{
	const char *output = options_value(o, "output");
	return output && strcmp(output, "json") == 0;
}

bool
options_line_wants_json(int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-ojson") == 0 || strcmp(argv[i], "--output=json") == 0)
			return true;
		bool is_output = strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0;
		if (is_output && i + 1 < argc && strcmp(argv[i + 1], "json") == 0)
			return true;
	}
	return false;
}

void
options_write_error(const struct err *err, bool as_json, struct buf *out)
{
	char clean[ERR_TEXT_MAX * 2];
	text_sanitise_to(slice_of(err->text), clean, sizeof clean);
	if (!as_json) {
		buf_printf(out, "catchment: %s\n", clean);
		return;
	}
	struct json_writer w = JSON_WRITER(out);
	json_begin_object(&w);
	json_put_text(&w, "title", err_code_text(err->code));
	json_put_int(&w, "status", err_code_http(err->code));
	json_put_text(&w, "code", err_code_name(err->code));
	json_put_text(&w, "detail", clean);
	json_put_int(&w, "exit", err_code_exit(err->code));
	json_end_object(&w);
	buf_add_char(out, '\n');
}
