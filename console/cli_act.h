/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_ACT_H
#define CONSOLE_CLI_ACT_H

#include "console/cli.h"

/* `catchment drain`, `undrain`, `hold`: a plan is asked for, shown, confirmed and followed. */
int cli_act_run(const struct options *o, const struct cli *cli, struct err *err);
/* `catchment op approve ID`: shows the plan that another person confirmed, and approves those bytes. */
int cli_act_approve(const struct options *o, const struct cli *cli, const char *id, struct err *err);

#endif
