/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_H
#define CONSOLE_CLI_H

#include <signal.h>

#include "console/options.h"
#include "core/buf.h"

/*
 * The commands that ask the backend and print: get, describe, why, probe, snapshot, reload, and those that act (cli_act.h,
 * cli_op.h, cli_audit.h). Output goes to `emit` in pieces; it returns false when nobody reads on. `is_terminal` says that
 * it ends on one that takes colours. Returns the exit status; err has a code when the command failed.
 */
struct cli {
	bool (*emit)(void *arg, struct slice text);
	/* A line for the person beside the output (stderr). NULL: nobody. */
	void (*note)(void *arg, const char *line);
	/* Shows a question and reads one line that was typed after it was shown, and not pasted. 0; -1 when nobody answered in
	 * time. NULL: there is no person, or not both ends are a terminal. */
	int (*ask)(void *arg, const char *question, char *line, size_t size, struct err *err);
	void *arg;
	bool is_terminal;
	int columns; /* of the terminal, 0: none */
	int pause_ms; /* between two looks at the backend, 0: what suits a person */
};
int cli_run(const struct options *o, const struct cli *cli, struct err *err);

/* For the files that act: an answer as JSON; a line beside the output; a wait that ends early, with true, on ^C. */
struct json_doc;
struct json_doc *cli_fetch_json(const struct options *o, const char *path, struct err *err);
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cli_emit(const struct cli *cli, const struct buf *text);
bool cli_pause(const struct cli *cli, int ms);
/* From here on ^C and TERM wait for cli_pause; `before` is for sigprocmask to put back. */
void cli_hold_signals(sigset_t *before);

#endif
