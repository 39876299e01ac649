/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_ASK_H
#define CONSOLE_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/clock.h"
#include "core/err.h"

/*
 * A question to the person at the terminal of a plain command. What was typed before the question was drawn is thrown
 * away; a paste does not count, also not by a terminal that does not mark it; without an answer within the time, or at
 * the end of input, nobody answered (ERR_CONFIRM). One line, without its newline, cleaned of nothing: compare it.
 */
#define ASK_SECONDS 60
struct ask_at {
	int in, out;
	struct mono (*now)(void *arg); /* first called when the question stands there and the input is empty */
	void *arg;
};
int ask_person(const struct ask_at *at, const char *question, char *line, size_t size, struct err *err);

/* True when both ends are a terminal. */
bool ask_is_possible(int in, int out);

#endif
