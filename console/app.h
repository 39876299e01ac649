/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_APP_H
#define CONSOLE_APP_H

#include <stdbool.h>

#include "core/err.h"

struct place;
struct replay;

/* The dashboard: runs until the operator leaves it. */

struct app_conf {
	const struct place *place; /* where the backend is; NULL for a replay */
	const char *theme; /* or NULL: by environment and terminal */
	const char *view;  /* or NULL: the map */
	bool is_read_only;
	struct replay *replay; /* shown instead of what the backend says now; NULL: none. Stays the caller's. */
};

/* Needs a terminal on standard input and output. 0, or -1 with the reason. */
int app_run(const struct app_conf *conf, struct err *err);

#endif
