/* SPDX-License-Identifier: Apache-2.0
 *
 * `catchment replay`: the dashboard on a stretch of history. All minutes of the stretch are loaded
 * before it opens (console/cli_snapshot.c), so that walking through it asks nobody anything and a
 * step is as quick as a key. What a screen of the past shows and what it leaves unknown is decided
 * in console/past.c.
 *
 * It only stands somewhere between two ends; the fleet is filled anew for each frame, because facts
 * that are shown as of then must not grow old while somebody looks at them. Nothing here can act:
 * the app opens a replay read-only, and the keys that ask nodes are told so. Pure, driven by
 * console/app.c.
 */
#include "console/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define SPARKS_S   3600
#define MINUTE_S   60
#define STEP_LONG  (10 * MINUTE_S)
#define POINTS_MAX ((REPLAY_BACK_S + REPLAY_FORWARD_S) / MINUTE_S + 2)

struct points {
	struct past_point *points;
	size_t n;
};

struct replay {
	struct fleet *fleet;
	struct points *pops; /* by index */
	struct spark *pop_sparks, *node_sparks;
	struct event *events;
	size_t n_events;
	struct wall first, at, last; /* where it may stand, where it stands */
	bool is_playing;
};

struct replay *
replay_new(struct fleet *f, const struct event *events, size_t n, struct wall at, struct wall now)
{
	struct replay *r = xcalloc(1, sizeof *r);
	r->fleet = f;
	past_forget(f);
	r->pops = xcalloc(f->n_pops + 1, sizeof *r->pops);
	r->pop_sparks = xcalloc(f->n_pops + 1, sizeof *r->pop_sparks);
	r->node_sparks = xcalloc(f->n_nodes + 1, sizeof *r->node_sparks);
	r->events = xcalloc(n + 1, sizeof *r->events);
	r->n_events = n;
	if (n > 0)
		memcpy(r->events, events, n * sizeof *events);
	r->at = at;
	r->first.ns = at.ns - (REPLAY_BACK_S - SPARKS_S) * CLOCK_NS_PER_S;
	r->last.ns = at.ns + REPLAY_FORWARD_S * CLOCK_NS_PER_S;
	if (r->last.ns > now.ns)
		r->last = now;
	return r;
}

void
replay_free(struct replay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->fleet->n_pops; i++)
		free(r->pops[i].points);
	free(r->pops);
	free(r->pop_sparks);
	free(r->node_sparks);
	free(r->events);
	fleet_free(r->fleet);
	free(r);
}

void
replay_span(const struct replay *r, struct wall *from, struct wall *to)
{
	from->ns = r->first.ns - SPARKS_S * CLOCK_NS_PER_S;
	*to = r->last;
}

void
replay_add(struct replay *r, size_t pop, const struct json *span)
{
	struct points *p = &r->pops[pop];
	free(p->points);
	p->points = xcalloc(POINTS_MAX, sizeof *p->points);
	p->n = past_read_points(span, p->points, POINTS_MAX);
}

static const struct past_point *
find(const struct replay *r, size_t pop)
{
	return past_find_point(r->pops[pop].points, r->pops[pop].n, r->at);
}

size_t
replay_count_known(const struct replay *r)
{
	size_t known = 0;
	for (size_t i = 0; i < r->fleet->n_pops; i++)
		known += find(r, i) != NULL;
	return known;
}

/* False at the ends of the stretch. */
static bool
step(struct replay *r, int64_t seconds)
{
	struct wall to = { r->at.ns + seconds * CLOCK_NS_PER_S };
	if (to.ns < r->first.ns)
		to = r->first;
	if (to.ns > r->last.ns)
		to = r->last;
	bool has_moved = to.ns != r->at.ns;
	r->at = to;
	return has_moved;
}

bool
replay_command(struct replay *r, enum action action, char *told, size_t size)
{
	int64_t seconds = action == ACTION_EARLIER        ? -MINUTE_S
	                  : action == ACTION_LATER_ON     ? MINUTE_S
	                  : action == ACTION_MUCH_EARLIER ? -STEP_LONG
	                  : action == ACTION_MUCH_LATER   ? STEP_LONG
	                                                  : 0;
	told[0] = '\0';
	if (action == ACTION_PLAY) {
		r->is_playing = !r->is_playing;
		snprintf(told, size, r->is_playing ? "A minute goes by in a second." : "It stands still.");
		return true;
	}
	if (action == ACTION_PROBE || action == ACTION_REFRESH) {
		snprintf(told, size, "This is the past: nothing can be asked.");
		return true;
	}
	if (seconds == 0)
		return false;
	r->is_playing = false;
	if (!step(r, seconds))
		snprintf(told, size, seconds < 0 ? "What was loaded begins here; catchment replay TIME goes further back."
						 : "What was loaded ends here.");
	return true;
}

bool
replay_tick(struct replay *r)
{
	if (!r->is_playing)
		return false;
	r->is_playing = step(r, MINUTE_S);
	return true;
}

void
replay_fill(struct replay *r, struct ui *ui)
{
	for (size_t i = 0; i < r->fleet->n_pops; i++) {
		past_remember(r->fleet, i, find(r, i), ui->now);
		past_make_spark(r->pops[i].points, r->pops[i].n, r->at, &r->pop_sparks[i]);
	}
	ui->fleet = r->fleet;
	ui->events = r->events;
	ui->n_events = past_count_events(r->events, r->n_events, r->at);
	past_apply_events(r->fleet, r->events, ui->n_events, r->at);
	ui->pop_sparks = r->pop_sparks;
	ui->node_sparks = r->node_sparks;
	ui->wall = ui->past = r->at;
	ui->is_past_hourly = false;
	ui->link = (struct link){ .state = LINK_LIVE, .heard = ui->now };
}
