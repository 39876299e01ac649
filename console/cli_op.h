/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLI_OP_H
#define CONSOLE_CLI_OP_H

#include "console/cli.h"
#include "core/operation.h"

/* `catchment op list|show|wait|cancel|accept|approve`, and following an operation for those that start one. */
int cli_op_run(const struct options *o, const struct cli *cli, struct err *err);

enum cli_until {
	CLI_UNTIL_BEGUN,    /* the gates were judged again, and it was refused, waits, or is under way */
	CLI_UNTIL_MEASURED, /* it ended, or a person must decide */
};
/* Follows an operation, telling each change unless -o json was asked for; `op` holds what is known so far and then what
 * it came to. Prints how it ended, and returns the exit status. ^C ends the following, not the operation. */
int cli_op_follow(const struct options *o, const struct cli *cli, enum cli_until until, struct operation *op, struct err *err);

/* POST /v1/ops/ID/VERB with a body; the operation that comes back. */
int cli_op_post(const struct options *o, const char *id, const char *verb, struct slice body, struct operation *op, struct err *err);
int cli_op_get(const struct options *o, const char *id, struct operation *op, struct err *err);
/* True for 16 hexadecimal digits; else -1 with a sentence. */
int cli_op_check_id(const char *id, struct err *err);

/* Asks "yes?" where a person is; 0 when it may be done: the person typed it, or --yes was given. */
int cli_op_agree(const struct options *o, const struct cli *cli, const char *question, const char *typed, struct err *err);

#endif
