/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"

/*
 * The command table (core/commands.def): what may be asked for, by whom, with which options. Option
 * parsing, --help, completion, manual pages and the dashboard's help are made from it and know no
 * command by themselves.
 */
enum command {
	COMMAND_NONE, /* catchment itself: opens the dashboard */
#define CMD(code, name, key, place, role, since, least, most, usage, help) COMMAND_##code,
#include "core/commands.def"
	COMMAND_COUNT
};

enum command_place { COMMAND_LOCAL, COMMAND_REMOTE };
enum command_role { COMMAND_OBSERVER, COMMAND_OPERATOR, COMMAND_APPROVER, COMMAND_ADMIN };

struct command_row {
	const char *name, *key; /* key: "" = none */
	enum command_place place;
	enum command_role role; /* the least that may give it */
	bool is_available;      /* in this version */
	int least_args, most_args;
	const char *usage; /* of the arguments */
	const char *help;  /* what it does */
};

struct command_option {
	enum command command; /* COMMAND_NONE: before the command, or with any */
	const char *name;
	char letter;       /* 0: none */
	const char *value; /* NULL: takes none; "a|b|c" when it is one of these words */
	const char *help;
};

struct command_example {
	enum command command;
	const char *line, *help;
};

const struct command_row *command_get(enum command c);
/* COMMAND_NONE when no command has that name. */
enum command command_find(const char *name);
/* The name nearest to a mistyped one, or NULL. */
const char *command_nearest(const char *word);
/* All options and examples, each in the order of the table. */
const struct command_option *command_options(size_t *n);
const struct command_example *command_examples(size_t *n);

/* The i-th of the words that the first argument or an option's value must be one of ("pops|nodes"):
 * copied to out; false past the last, and when it may be anything. */
bool command_choice(const char *usage, size_t i, char *out, size_t size);

/* 0 if this version has the command, else -1 with a sentence that says so (ERR_UNSUPPORTED). */
int command_check_available(enum command c, struct err *err);

/* What --help prints: for COMMAND_NONE all commands, else one command. */
void command_write_help(enum command c, struct buf *out);
/* Completion rules for "bash", "zsh" or "fish"; -1 for another shell. */
int command_write_completion(const char *shell, struct buf *out, struct err *err);
/* Sections for the manual page of catchment, in scdoc's language. */
void command_write_scdoc(struct buf *out);
/* The table of exit statuses (PRODUCT.md section 6), as scdoc. */
void command_write_exits(struct buf *out);

#endif
