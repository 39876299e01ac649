/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a command did not print what was asked for: the part that all SSH drivers share. A daemon's tool says the same
 * thing in many words and its exit status is no verdict (some exit 0 on an error, a shell says 127 for a command that is
 * not there), so reasons are found by words, first on standard error, then among the first lines of standard output,
 * since captures kept in files often hold both. A reply of unknown shape is never quoted: it may hold a secret.
 *
 * Called by the `read` functions of bird, frr, knot, nsd and by nobody else; pure.
 */
#include "plugins/refusal.h"

#include <stdint.h>

#include "core/text.h"

#define QUOTE_MAX      160
#define OUT_LINES_MAX  4 /* lines of standard output in which a refusal is looked for */
#define STATUS_KILLED  128
#define STATUS_NO_TOOL 127
#define STATUS_STOPPED 124 /* the transport's word for a command that took too long */
#define STATUS_NO_EXEC 126

static const struct refusal shell_words[] = {
	{ "command not found", ERR_NOT_INSTALLED, "the command is not installed or not in the path" },
	{ ": not found", ERR_NOT_INSTALLED, "the command is not installed or not in the path" },
	{ "Killed", ERR_KILLED, "the command was killed" },
	{ NULL, ERR_OK, NULL },
};

static const struct refusal *
match(struct slice line, const struct refusal *table)
{
	for (const struct refusal *r = table; r->needle; r++)
		if (slice_contains(line, r->needle))
			return r;
	return NULL;
}

static int
refuse(const struct refusal *r, struct slice line, const char *tool, struct err *err)
{
	char quote[QUOTE_MAX];
	text_sanitise_to(slice_trim(line), quote, sizeof quote);
	return err_set(err, r->code, "%s: %s (%s)", tool, r->meaning, quote);
}

/* Rows are tried in the order of the table over all lines, so that "Permission denied" in the first line wins over
 * "failed to connect" in the second only if the table says so. */
static bool
find(struct slice text, size_t lines_max, const char *tool, const struct refusal *table, struct err *err)
{
	for (const struct refusal *r = table; r->needle; r++) {
		const struct refusal one[] = { *r, { NULL, ERR_OK, NULL } };
		struct slice rest = text, line;
		for (size_t i = 0; i < lines_max && slice_next_line(&rest, &line); i++) {
			if (!match(line, one))
				continue;
			refuse(r, line, tool, err);
			return true;
		}
	}
	return false;
}

int
refusal_explain(const struct reply_part *part, const char *tool, const struct refusal *table, struct err *err)
{
	if (refusal_check_status(part, tool, err) == -1)
		return -1;
	if (part->status == STATUS_NO_TOOL)
		return err_set(err, ERR_NOT_INSTALLED, "%s: the command is not installed or not in the path", tool);
	if (part->status == STATUS_NO_EXEC)
		return err_set(err, ERR_DENIED, "%s: the account may not run the command", tool);
	if (find(part->err, SIZE_MAX, tool, table, err) || find(part->err, SIZE_MAX, tool, shell_words, err))
		return -1;
	if (find(part->out, OUT_LINES_MAX, tool, table, err) ||
		find(part->out, OUT_LINES_MAX, tool, shell_words, err))
		return -1;
	if (slice_trim(part->out).len == 0)
		return err_set(err, ERR_BAD_REPLY, "%s: printed nothing", tool);
	return err_set(err, ERR_BAD_REPLY, "%s: printed something that is not the answer to this question", tool);
}

int
refusal_check_status(const struct reply_part *part, const char *tool, struct err *err)
{
	if (part->status == STATUS_STOPPED)
		return err_set(err, ERR_TIMEOUT, "%s: did not answer within its time on the node and was stopped", tool);
	if (part->status > STATUS_KILLED)
		return err_set(err, ERR_KILLED, "%s: ended by signal %d", tool, part->status - STATUS_KILLED);
	return 0;
}

int
refusal_check_whole(struct slice out, const char *tool, struct err *err)
{
	if (out.len == 0)
		return err_set(err, ERR_BAD_REPLY, "%s: printed nothing", tool);
	if (out.data[out.len - 1] != '\n')
		return err_set(err, ERR_BAD_REPLY, "%s: the reply ends in the middle of a line", tool);
	return 0;
}
