/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_SNAPSHOT_H
#define CONSOLE_CLI_SNAPSHOT_H

#include "console/options.h"
#include "console/replay.h"
#include "core/buf.h"

/* `catchment snapshot`: asks the backend for the fleet and appends a picture of one view. 0, or -1 with the reason. */
int cli_snapshot_run(const struct options *o, struct buf *out, struct err *err);
/* `catchment replay [TIME]`: loads the stretch around it, for the dashboard. NULL with the reason. */
struct replay *cli_replay_load(const struct options *o, struct err *err);

#endif
