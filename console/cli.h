/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_H
#define CONSOLE_CLI_H

#include "console/options.h"
#include "core/buf.h"

/*
 * The commands that ask the backend and print: get, describe, why, probe, snapshot, reload. Output goes to `emit` in
 * pieces (once, or again and again with --watch); it returns false when nobody reads on. `is_terminal` says that it ends
 * on one that takes colours. Returns the exit status; err has a code when the command failed.
 */
struct cli {
	bool (*emit)(void *arg, struct slice text);
	void *arg;
	bool is_terminal;
	int columns; /* of the terminal, 0: none */
};
int cli_run(const struct options *o, const struct cli *cli, struct err *err);

#endif
