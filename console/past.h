/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PAST_H
#define CONSOLE_PAST_H

#include "console/ui.h"
#include "core/json.h"

/* The fleet as the backend's history knows it at one instant: what `snapshot --at` and `replay` draw. */

/* What history has of a PoP for the minute (or hour) that begins at `at`. */
struct past_point {
	struct wall at;
	double qps; /* mean; NAN unknown */
	enum verdict verdict; /* the worst */
};

/* "2026-11-23T03:12:41Z", or so long before now: "15m". 0, or -1 with what is allowed; a time to come is refused.
 * `option` is what the sentence calls it. */
int past_parse_time(const char *option, const char *text, struct wall now, struct wall *out, struct err *err);
/* History keeps PoPs and events: 0 for views made of these, -1 with the sentence for others. */
int past_check_view(const char *view, struct err *err);
/* Turns a fleet read now into that of the instant: `instant` is the document of /v1/history?at=. Everything that
 * history does not keep becomes unknown. Returns how many PoPs were known then; *is_hourly tells that the minutes of
 * some are no longer kept and the hour around the instant stands for it. */
size_t past_apply(struct fleet *f, const struct json *instant, struct wall at, struct mono now, bool *is_hourly);
/* The same in two steps: nothing is known of anything; then a PoP is what a point has of it, known at `now`, or
 * unknown again (NULL). */
void past_forget(struct fleet *f);
void past_remember(struct fleet *f, size_t pop, const struct past_point *point, struct mono now);
/* The points of /v1/history?pop=&from=&to=, oldest first; at most max, of more the first. Returns how many. */
size_t past_read_points(const struct json *span, struct past_point *out, size_t max);
/* The newest point not later than `at` and not so old that it says nothing of then; NULL when there is none. */
const struct past_point *past_find_point(const struct past_point *points, size_t n, struct wall at);
/* The hour before `at`, a sample a minute; NAN where nothing is kept. */
void past_make_spark(const struct past_point *points, size_t n, struct wall at, struct spark *out);
/* Events, oldest first and none later than the instant, tell to the second what the minute's worst verdict cannot: the
 * verdict of each known PoP, since when, and why. */
void past_apply_events(struct fleet *f, const struct event *events, size_t n, struct wall at);
/* How many of the events, oldest first, had happened by then. */
size_t past_count_events(const struct event *events, size_t n, struct wall at);

#endif
