/* SPDX-License-Identifier: Apache-2.0
 *
 * The command table and what is printed from it. A command is one row in commands.def; its help,
 * its completion in three shells and its paragraph in the manual follow from the row, so that none
 * of them can be forgotten or disagree. Rows whose acting half is not built yet are there with
 * their names and keys and say so when they are given: a script learns it from a sentence and an
 * exit status, not from silence.
 *
 * Used by console/options.c to parse, by console/cli_local.c to print, by tests/unit/test_command.c
 * to write docs/.
 */
#include "core/command.h"

#include <stdio.h>
#include <string.h>

#include "core/schema.h"
#include "core/text.h"

#define SINCE_NOW   true
#define SINCE_LATER false

static const struct command_row rows[COMMAND_COUNT] = {
	[COMMAND_NONE] = { .name = "catchment",
		.key = "",
		.place = COMMAND_REMOTE,
		.is_available = true,
		.usage = "",
		.help = "Look at an anycast fleet: a dashboard, and the same as commands" },
#define CMD(code, name_, key_, place_, role_, since, least, most, usage_, help_)                   \
	[COMMAND_##code] = { .name = name_,                                                        \
		.key = key_,                                                                       \
		.place = COMMAND_##place_,                                                         \
		.role = COMMAND_##role_,                                                           \
		.is_available = SINCE_##since,                                                     \
		.least_args = least,                                                               \
		.most_args = most,                                                                 \
		.usage = usage_,                                                                   \
		.help = help_ },
#include "core/commands.def"
};

static const struct command_option options[] = {
#define OPT(code, name, letter, value, help) { COMMAND_##code, name, letter, value, help },
#include "core/commands.def"
};

static const struct command_example examples[] = {
#define EXAMPLE(code, line, help) { COMMAND_##code, line, help },
#include "core/commands.def"
};

#define N_OPTIONS  (sizeof options / sizeof options[0])
#define N_EXAMPLES (sizeof examples / sizeof examples[0])

const struct command_row *
command_get(enum command c)
{
	return &rows[c];
}

enum command
command_find(const char *name)
{
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		if (strcmp(rows[c].name, name) == 0)
			return (enum command)c;
	return COMMAND_NONE;
}

const char *
command_nearest(const char *word)
{
	const char *names[COMMAND_COUNT];
	size_t n = 0;
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		names[n++] = rows[c].name;
	return schema_nearest(word, names, n);
}

const struct command_option *
command_options(size_t *n)
{
	*n = N_OPTIONS;
	return options;
}

const struct command_example *
command_examples(size_t *n)
{
	*n = N_EXAMPLES;
	return examples;
}

bool
command_choice(const char *usage, size_t i, char *out, size_t size)
{
	if (*usage == '[')
		usage++;
	size_t len = strcspn(usage, " ]");
	struct slice words = { usage, len };
	if (len == 0 || (*usage >= 'A' && *usage <= 'Z'))
		return false;
	for (;; i--) {
		const char *bar = memchr(words.data, '|', words.len);
		struct slice word = { words.data, bar ? (size_t)(bar - words.data) : words.len };
		if (i == 0) {
			slice_copy(word, out, size);
			return true;
		}
		if (!bar)
			return false;
		words.len -= word.len + 1;
		words.data += word.len + 1;
	}
}

int
command_check_available(enum command c, struct err *err)
{
	if (rows[c].is_available)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"`catchment %s` is not available in this version (%s), which looks and changes "
		"nothing",
		rows[c].name, CATCHMENT_VERSION);
}

/* --- help --- */

#define HELP_LEFT  24
#define HELP_WIDTH 80

/* Words up to the width, further lines indented. */
static void
write_wrapped(const char *text, size_t indent, struct buf *out)
{
	struct slice rest = slice_of(text), word;
	size_t column = indent;
	while (slice_next_word(&rest, &word)) {
		if (column > indent && column + 1 + word.len > HELP_WIDTH) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		buf_printf(out, "%s%.*s", column > indent ? " " : "", (int)word.len, word.data);
		column += word.len + (column > indent);
	}
	buf_add_char(out, '\n');
}

static void
write_option(const struct command_option *o, struct buf *out)
{
	char left[80], letter[8] = "    ";
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
		o->value ? o->value : "");
	buf_printf(out,
		strlen(left) <= HELP_LEFT ? "  %-24s  " : "  %s\n                            ",
		left);
	write_wrapped(o->help, HELP_LEFT + 4, out);
}

static bool
has_options(enum command c)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == c)
			return true;
	return false;
}

static void
write_options(enum command c, struct buf *out)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == c)
			write_option(&options[i], out);
}

static void
write_examples(enum command c, struct buf *out)
{
	bool is_first = true;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		if (examples[i].command != c)
			continue;
		buf_add_text(out, is_first ? "\nExamples:\n" : "");
		is_first = false;
		buf_printf(out, "  %s\n      %s\n", examples[i].line, examples[i].help);
	}
}

static void
write_commands(struct buf *out, bool is_available)
{
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		if (rows[c].is_available == is_available)
			buf_printf(out, "  %-12s  %-3s  %s\n", rows[c].name, rows[c].key,
				rows[c].help);
}

static void
write_overview(struct buf *out)
{
	buf_add_text(out,
		"catchment shows an anycast fleet: a dashboard, and the same as commands.\n\n"
		"Usage: catchment [OPTION...] [COMMAND [ARGUMENT...]]\n"
		"Without a command it opens the dashboard.\n\n"
		"Options:\n");
	write_options(COMMAND_NONE, out);
	buf_add_text(out, "\nCommands, and their keys in the dashboard:\n");
	write_commands(out, true);
	buf_add_text(out, "\nNot available in this version:\n");
	write_commands(out, false);
	write_examples(COMMAND_NONE, out);
	buf_add_text(out, "\n`catchment COMMAND --help` says more.\n"
			  "Exit status: 0 done, 1 failed, 2 usage or configuration, 3 backend not\n"
			  "reachable, 4 refused by a gate, 5 confirmation needed, 6 partly done,\n"
			  "7 data too old, 8 conflict, 9 not permitted.\n");
}

void
command_write_help(enum command c, struct buf *out)
{
	const struct command_row *row = &rows[c];
	struct err err = ERR_INIT;
	if (c == COMMAND_NONE) {
		write_overview(out);
		return;
	}
	buf_printf(out, "%s.\n\nUsage: catchment %s%s%s%s\n", row->help, row->name,
		has_options(c) ? " [OPTION...]" : "", *row->usage ? " " : "", row->usage);
	if (command_check_available(c, &err) == -1)
		buf_printf(out, "\n%s.\n", err.text);
	if (*row->key)
		buf_printf(out, "\nIn the dashboard: %s\n", row->key);
	if (has_options(c)) {
		buf_add_text(out, "\nOptions:\n");
		write_options(c, out);
	}
	write_examples(c, out);
}

/* --- manual page --- */

/* Escapes what scdoc takes for markup. */
static void
write_plain(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_~[<>#", *text) && *text)
			buf_add_char(out, '\\');
		if (*text != '`')
			buf_add_char(out, *text);
	}
}

static void
write_scdoc_option(const struct command_option *o, struct buf *out)
{
	buf_add_char(out, '*');
	if (o->letter)
		buf_printf(out, "-%c*, *", o->letter);
	buf_printf(out, "--%s*", o->name);
	if (o->value) {
		buf_add_text(out, " ");
		write_plain(out, o->value);
	}
	buf_add_text(out, "\n\t");
	write_plain(out, o->help);
	buf_add_text(out, ".\n\n");
}

static void
write_scdoc_command(enum command c, struct buf *out)
{
	const struct command_row *row = &rows[c];
	buf_printf(out, "## %s", row->name);
	if (*row->usage) {
		buf_add_char(out, ' ');
		write_plain(out, row->usage);
	}
	buf_add_text(out, "\n\n");
	write_plain(out, row->help);
	buf_add_char(out, '.');
	if (*row->key) {
		buf_add_text(out, " In the dashboard: *");
		write_plain(out, row->key);
		buf_add_text(out, "*.");
	}
	if (!row->is_available)
		buf_add_text(out, " Not available in this version.");
	buf_add_text(out, "\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == c)
			write_scdoc_option(&options[i], out);
	for (size_t i = 0; i < N_EXAMPLES; i++)
		if (examples[i].command == c) {
			buf_add_text(out, "\t");
			write_plain(out, examples[i].line);
			buf_add_text(out, "\n\n");
		}
}

void
command_write_scdoc(struct buf *out)
{
	buf_add_text(out, "# OPTIONS\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == COMMAND_NONE)
			write_scdoc_option(&options[i], out);
	buf_add_text(out, "# COMMANDS\n\n");
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		write_scdoc_command((enum command)c, out);
}

void
command_write_exits(struct buf *out)
{
	bool is_told[10] = { false };
	buf_add_text(out, "# EXIT STATUS\n\n");
	for (int code = 0; code < ERR_CODE_COUNT; code++) {
		int status = err_code_exit((enum err_code)code);
		if (status < 0 || status > 9 || is_told[status])
			continue;
		is_told[status] = true;
		buf_printf(out, "*%d*\n\t%s\n\n", status, err_code_text((enum err_code)code));
	}
}

/* --- completion --- */

/* What an argument of that usage stands for, where the backend can list it. */
static const char *
kind_of(const char *usage)
{
	static const struct {
		const char *usage, *kind;
	} kinds[] = { { "POP", "pops" }, { "SERVICE", "services" } };
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strncmp(usage, kinds[i].usage, strlen(kinds[i].usage)) == 0)
			return kinds[i].kind;
	return NULL;
}

static void
write_choices(const char *usage, const char *between, struct buf *out)
{
	char word[40];
	for (size_t i = 0; command_choice(usage, i, word, sizeof word); i++)
		buf_printf(out, "%s%s", i ? between : "", word);
}

static bool
has_choices(const char *usage)
{
	char word[40];
	return usage && command_choice(usage, 0, word, sizeof word);
}

/* The shell text that lists the names of a kind; quiet without a backend. */
#define LIST_NAMES "catchment get %s -o csv 2>/dev/null | tail -n +2 | cut -d, -f1"

static void
write_bash_options(struct buf *out)
{
	for (int c = COMMAND_NONE; c < COMMAND_COUNT; c++) {
		buf_printf(out, "\t%s) options=\"", c == COMMAND_NONE ? "''" : rows[c].name);
		for (size_t i = 0; i < N_OPTIONS; i++)
			if (options[i].command == (enum command)c)
				buf_printf(out, "--%s ", options[i].name);
		buf_add_text(out, c == COMMAND_NONE ? "\" ;;\n" : "--help\" ;;\n");
	}
}

static void
write_bash_values(struct buf *out)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct command_option *o = &options[i];
		if (!o->value)
			continue;
		buf_printf(out, "\t%s:--%s",
			o->command == COMMAND_NONE ? "*" : rows[o->command].name, o->name);
		if (o->letter)
			buf_printf(out, "|%s:-%c",
				o->command == COMMAND_NONE ? "*" : rows[o->command].name,
				o->letter);
		buf_add_text(out, ") values=\"");
		if (has_choices(o->value))
			write_choices(o->value, " ", out);
		buf_add_text(out, "\"; has_value=1 ;;\n");
	}
}

static void
write_bash_arguments(struct buf *out)
{
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++) {
		const char *kind = kind_of(rows[c].usage);
		if (has_choices(rows[c].usage)) {
			buf_printf(out, "\t%s) words=\"", rows[c].name);
			write_choices(rows[c].usage, " ", out);
			buf_add_text(out, "\" ;;\n");
		} else if (kind) {
			buf_printf(
				out, "\t%s) words=\"$(" LIST_NAMES ")\" ;;\n", rows[c].name, kind);
		}
	}
}

static void
write_bash(struct buf *out)
{
	buf_add_text(out, "# bash completion for catchment; source <(catchment completion bash)\n"
			  "_catchment()\n{\n"
			  "\tlocal current=${COMP_WORDS[COMP_CWORD]} "
	                  "previous=${COMP_WORDS[COMP_CWORD-1]} command='' count=0\n"
			  "\tlocal options='' values='' words='' has_value='' i\n"
			  "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			  "\t\tcase ${COMP_WORDS[i]} in\n"
			  "\t\t--backend|-b|--theme) ((i++)) ;;\n"
			  "\t\t-*) ;;\n"
			  "\t\t*) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; else "
	                  "((count++)); fi ;;\n"
			  "\t\tesac\n"
			  "\tdone\n"
			  "\tcase $command:$previous in\n");
	write_bash_values(out);
	buf_add_text(out, "\tesac\n"
			  "\tif [ -n \"$has_value\" ]; then\n"
			  "\t\tmapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$current\")\n"
			  "\t\treturn\n"
			  "\tfi\n"
			  "\tcase $command in\n");
	write_bash_options(out);
	buf_add_text(out, "\tesac\n"
			  "\tif [[ $current == -* ]]; then\n"
			  "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
			  "\t\treturn\n"
			  "\tfi\n"
			  "\tif [ -z \"$command\" ]; then\n"
			  "\t\twords=\"");
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		buf_printf(out, "%s ", rows[c].name);
	buf_add_text(out, "\"\n"
			  "\telif ((count == 0)); then\n"
			  "\tcase $command in\n");
	write_bash_arguments(out);
	buf_add_text(out, "\tesac\n"
			  "\tfi\n"
			  "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
			  "}\n"
			  "complete -o default -F _catchment catchment\n");
}

/* Text inside single quotes of zsh's _arguments: no quote, colon or bracket. */
static void
write_zsh_text(struct buf *out, const char *text)
{
	for (; *text; text++)
		if (strchr("'\"`", *text) == NULL)
			buf_printf(out, "%s%c", strchr(":[]\\", *text) ? "\\" : "", *text);
}

static void
write_zsh_option(struct buf *out, const struct command_option *o)
{
	buf_printf(out, " \\\n\t\t\t'--%s[", o->name);
	write_zsh_text(out, o->help);
	buf_add_char(out, ']');
	if (o->value) {
		buf_add_text(out, ":value:");
		if (has_choices(o->value)) {
			buf_add_char(out, '(');
			write_choices(o->value, " ", out);
			buf_add_char(out, ')');
		}
	}
	buf_add_char(out, '\'');
}

static void
write_zsh_command(struct buf *out, enum command c)
{
	const char *kind = kind_of(rows[c].usage);
	buf_printf(out, "\t\t%s)\n\t\t\t_arguments '--help[help on this command]'", rows[c].name);
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == c)
			write_zsh_option(out, &options[i]);
	if (has_choices(rows[c].usage)) {
		buf_add_text(out, " \\\n\t\t\t'1:argument:(");
		write_choices(rows[c].usage, " ", out);
		buf_add_text(out, ")'");
	} else if (kind) {
		buf_printf(out, " \\\n\t\t\t\"*:name:($(" LIST_NAMES "))\"", kind);
	}
	if (strstr(rows[c].usage, "FILE"))
		buf_add_text(out, " \\\n\t\t\t'*:file:_files'");
	buf_add_text(out, " ;;\n");
}

static void
write_zsh(struct buf *out)
{
	buf_add_text(out, "#compdef catchment\n"
			  "# zsh completion for catchment; catchment completion zsh > "
	                  "\"${fpath[1]}/_catchment\"\n"
			  "_catchment()\n{\n"
			  "\tlocal context state line\n"
			  "\ttypeset -A opt_args\n"
			  "\tlocal -a commands\n"
			  "\tcommands=(\n");
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++) {
		buf_printf(out, "\t\t'%s:", rows[c].name);
		write_zsh_text(out, rows[c].help);
		buf_add_text(out, "'\n");
	}
	buf_add_text(out, "\t)\n\t_arguments -C");
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].command == COMMAND_NONE)
			write_zsh_option(out, &options[i]);
	buf_add_text(out, " \\\n\t\t\t'1:command:->command' '*::argument:->argument'\n"
			  "\tcase $state in\n"
			  "\tcommand) _describe command commands ;;\n"
			  "\targument)\n"
			  "\t\tcase $line[1] in\n");
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		write_zsh_command(out, (enum command)c);
	buf_add_text(out, "\t\tesac ;;\n\tesac\n}\n"
			  "if [ \"$funcstack[1]\" = _catchment ]; then _catchment \"$@\"; else "
	                  "compdef _catchment catchment; fi\n");
}

/* Text inside single quotes of fish. */
static void
write_fish_text(struct buf *out, const char *text)
{
	for (; *text; text++)
		if (*text != '`')
			buf_printf(out, "%s%c", strchr("'\\", *text) ? "\\" : "", *text);
}

static void
write_fish_option(struct buf *out, const struct command_option *o)
{
	buf_add_text(out, "complete -c catchment");
	if (o->command != COMMAND_NONE)
		buf_printf(out, " -n '__fish_seen_subcommand_from %s'", rows[o->command].name);
	buf_printf(out, " -l %s", o->name);
	if (o->letter)
		buf_printf(out, " -s %c", o->letter);
	if (o->value)
		buf_add_text(out, " -x");
	if (has_choices(o->value)) {
		buf_add_text(out, " -a '");
		write_choices(o->value, " ", out);
		buf_add_char(out, '\'');
	}
	buf_add_text(out, " -d '");
	write_fish_text(out, o->help);
	buf_add_text(out, "'\n");
}

static void
write_fish(struct buf *out)
{
	buf_add_text(out, "# fish completion for catchment; catchment completion fish | source\n");
	for (int c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++) {
		buf_printf(out, "complete -c catchment -n __fish_use_subcommand -f -a %s -d '",
			rows[c].name);
		write_fish_text(out, rows[c].help);
		buf_add_text(out, "'\n");
		const char *kind = kind_of(rows[c].usage);
		if (!has_choices(rows[c].usage) && !kind)
			continue;
		buf_printf(out, "complete -c catchment -n '__fish_seen_subcommand_from %s' %s-a '",
			rows[c].name, strstr(rows[c].usage, "FILE") ? "" : "-f ");
		if (kind)
			buf_printf(out, "(" LIST_NAMES ")", kind);
		else
			write_choices(rows[c].usage, " ", out);
		buf_add_text(out, "'\n");
	}
	for (size_t i = 0; i < N_OPTIONS; i++)
		write_fish_option(out, &options[i]);
}

int
command_write_completion(const char *shell, struct buf *out, struct err *err)
{
	static const struct {
		const char *shell;
		void (*write)(struct buf *out);
	} shells[] = { { "bash", write_bash }, { "zsh", write_zsh }, { "fish", write_fish } };
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
		if (strcmp(shells[i].shell, shell) == 0) {
			shells[i].write(out);
			return 0;
		}
	return err_set(err, ERR_USAGE,
		"there is no completion for \"%.40s\"; allowed: bash, zsh, fish", shell);
}
