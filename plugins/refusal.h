/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_REFUSAL_H
#define PLUGINS_REFUSAL_H

#include "core/driver.h"

/*
 * Why a command did not print what was asked for. Every SSH driver names the words its tool uses; the words of shells
 * (command not found) and the signs of an early end (status above 128) are common and known here.
 */
struct refusal {
	const char *needle;  /* occurs in the line; the first row that matches wins */
	enum err_code code;
	const char *meaning; /* "BIRD is not running" */
};

/* Fills err with the reason found in what `tool` printed; the caller has seen that it is not the expected format.
 * `table` ends with a NULL needle. Only lines that match are ever quoted, sanitised: other output may hold secrets.
 * Returns -1 always. */
int refusal_explain(const struct reply_part *part, const char *tool, const struct refusal *table, struct err *err);

/* 0 unless the command was killed (status above 128) or wrote more than it may; -1 with the reason. */
int refusal_check_status(const struct reply_part *part, const char *tool, struct err *err);

/* 0 if the text is not empty and ends with a whole line; -1 with ERR_BAD_REPLY otherwise. */
int refusal_check_whole(struct slice out, const char *tool, struct err *err);

#endif
