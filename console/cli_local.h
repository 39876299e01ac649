/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_LOCAL_H
#define CONSOLE_CLI_LOCAL_H

#include "console/options.h"
#include "core/conf.h"

/* Commands that need no backend. Appends what belongs on stdout to `out` and returns the exit
 * status; when err has a code it belongs on stderr. `names` are the drivers that a fleet file may
 * name. */
int cli_local_run(
	const struct options *o, const struct conf_names *names, struct buf *out, struct err *err);
/* Most that such a command prints. */
#define CLI_LOCAL_OUTPUT_MAX (64u << 20)

#endif
