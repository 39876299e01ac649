/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_REPLAY_H
#define CONSOLE_REPLAY_H

#include "console/past.h"

/* A stretch of the past that the dashboard walks through instead of following a backend. */
struct replay;

#define REPLAY_BACK_S    7200  /* loaded before the time asked for; the first hour is for sparklines */
#define REPLAY_FORWARD_S 14400 /* and after it, but not beyond now */

/* Takes the fleet; copies the events (oldest first). `at` is where it stands, `now` is when it was loaded. */
struct replay *replay_new(struct fleet *f, const struct event *events, size_t n, struct wall at, struct wall now);
void replay_free(struct replay *r);
/* The stretch to ask history for. */
void replay_span(const struct replay *r, struct wall *from, struct wall *to);
/* What history has of a PoP: the document of /v1/history?pop=&from=&to=. */
void replay_add(struct replay *r, size_t pop, const struct json *span);
/* How many PoPs are known where it stands. */
size_t replay_count_known(const struct replay *r);

/* Does what a key asks for, if it is the replay's business: true then, and `told` (of size) has a sentence or is "". */
bool replay_command(struct replay *r, enum action action, char *told, size_t size);
/* Once a second: a minute goes by while it plays. True if something moved. */
bool replay_tick(struct replay *r);
/* Fills what is to be seen into ui, whose `now` is set. Valid until the next call. */
void replay_fill(struct replay *r, struct ui *ui);

#endif
