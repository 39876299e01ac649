/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_AUDIT_H
#define CONSOLE_CLI_AUDIT_H

#include "console/cli.h"

/* `catchment audit list|verify|export [FILE]`: the chained record of every change. */
int cli_audit_run(const struct options *o, const struct cli *cli, struct err *err);

#endif
