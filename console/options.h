/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "console/place.h"
#include "core/command.h"
#include "core/err.h"

/*
 * What was asked for on the command line of catchment, by the table of core/commands.def: options,
 * a command, its options and arguments. All strings are borrowed from argv.
 */
#define OPTIONS_MAX 128 /* rows of options in the command table */

struct options {
	enum command command; /* COMMAND_NONE: the dashboard */
	bool wants_help, wants_version;
	bool is_read_only;
	struct place_wish wish; /* where the backend is, as given; file names may come from the environment */
	const struct place *place; /* made of it by main for what asks the backend; NULL until then */
	const char *theme;   /* or NULL */
	size_t n_args;
	char **args;
	const char *values[OPTIONS_MAX]; /* by row of command_options: NULL not given, "" given
	                                    without a value */
};

/* Reads argv (which it may reorder). 0, or -1 with a sentence that names what was wrong and what is
 * near (ERR_USAGE); a changing command under --read-only is ERR_PERMISSION, one that is not built
 * yet ERR_UNSUPPORTED. With --help or
 * --version given, nothing else is checked. */
int options_parse(struct options *o, int argc, char **argv, struct err *err);
/* Value of an option of the command: NULL when it was not given, "" when it takes none. */
const char *options_value(const struct options *o, const char *name);
/* True if -o json was asked for. */
bool options_want_json(const struct options *o);
/* The same for a line that could not be parsed: looks for -o json anywhere in it. */
bool options_line_wants_json(int argc, char *const *argv);
/* How a failure is told (PRODUCT.md section 6): one sentence, or problem+json (RFC 9457); for
 * stderr. */
void options_write_error(const struct err *err, bool as_json, struct buf *out);

#endif
