/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PAST_H
#define CONSOLE_PAST_H

#include "console/ui.h"
#include "core/json.h"

/* The fleet as the backend's history knows it at one instant: what `snapshot --at` draws. */

/* "2026-11-23T03:12:41Z", or so long before now: "15m". 0, or -1 with what is allowed; a time to come is refused. */
int past_parse_time(const char *text, struct wall now, struct wall *out, struct err *err);
/* History keeps PoPs and events: 0 for views made of these, -1 with the sentence for others. */
int past_check_view(const char *view, struct err *err);
/* Turns a fleet read now into that of the instant: `instant` is the document of /v1/history?at=. Everything that
 * history does not keep becomes unknown. Returns how many PoPs were known then; *is_hourly tells that the minutes of
 * some are no longer kept and the hour around the instant stands for it. */
size_t past_apply(struct fleet *f, const struct json *instant, struct wall at, struct mono now, bool *is_hourly);
/* The hour before `at`, a sample a minute, from /v1/history?pop=&from=&to=; NAN where nothing is kept. */
void past_read_spark(const struct json *span, struct wall at, struct spark *out);
/* Events, oldest first and none later than the instant, tell to the second what the minute's worst verdict cannot: the
 * verdict of each known PoP, since when, and why. */
void past_apply_events(struct fleet *f, const struct event *events, size_t n, struct wall at);
/* How many of the events, oldest first, had happened by then. */
size_t past_count_events(const struct event *events, size_t n, struct wall at);

#endif
