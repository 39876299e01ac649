/* SPDX-License-Identifier: Apache-2.0
 *
 * The past as the same screens show it. The backend's history keeps, of each PoP, the worst verdict
 * and the query rate of every minute (two days long) and hour, and the events; it keeps no sessions,
 * no wire, no nodes and no holds, and a reason only with an event. So the fleet that is there now
 * gives the PoPs and where they stand, and everything said of them is taken away before history is
 * laid over it: what it does not know is unknown, and nothing of today can be taken for then.
 *
 * A PoP that history knows counts as fresh, because the picture is of that instant and not of now;
 * one that it does not know is unknown and was never seen. PoPs that have left the fleet file since
 * are not shown. Pure: documents in, fleet out. Called by console/cli_snapshot.c and
 * console/replay.c.
 */
#include "console/past.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_S    60
#define POINT_OLD_S 180 /* as far back as the backend looks for a minute; an older point stands for an hour */

int
past_parse_time(const char *option, const char *text, struct wall now, struct wall *out, struct err *err)
{
	int64_t ago_s;
	if (duration_parse(text, &ago_s) == 0)
		*out = (struct wall){ now.ns - ago_s * CLOCK_NS_PER_S };
	else if (wall_parse(text, out) == -1)
		return err_set(err, ERR_USAGE,
			"%s %.40s: a time such as 2026-11-23T03:12:41Z is wanted, or how long ago, such as 15m", option, text);
	if (out->ns > now.ns)
		return err_set(err, ERR_USAGE, "%s %.40s: that time is yet to come", option, text);
	return 0;
}

int
past_check_view(const char *view, struct err *err)
{
	static const char *const kept[] = { "map", "pops", "timeline", "help" };
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (strcmp(view, kept[i]) == 0)
			return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"history fills map, pops and timeline only; of %.20s it keeps nothing", view);
}

static void
forget_node(struct node *n)
{
	report_free(n->facts);
	n->facts = report_new();
	for (int i = 0; i < PLANE_COUNT; i++)
		n->planes[i] = (struct plane){ .is_good = TRI_UNKNOWN };
	n->verdict = VERDICT_UNKNOWN;
	n->reasons = (struct reasons){ 0 };
	n->qps = n->capacity_qps = NAN;
	n->skew_s = 0;
	n->seen = n->changed = (struct mono){ 0 };
	n->is_restored = false;
	n->error[0] = '\0';
	n->error_code = ERR_OK;
}

static void
forget_pop(struct fleet *f, size_t pop)
{
	struct pop *p = &f->pops[pop];
	fleet_set_holds(f, pop, NULL, 0, ANNOUNCED_UNKNOWN, DRAIN_NONE);
	for (size_t i = 0; i < f->n_prefixes; i++)
		p->announced[i] = ANNOUNCED_UNKNOWN;
	p->verdict = VERDICT_UNKNOWN;
	p->reasons = (struct reasons){ 0 };
	p->qps = p->capacity_qps = NAN;
	p->sessions_up = p->sessions_total = 0;
	p->seen = (struct mono){ 0 };
}

void
past_forget(struct fleet *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		forget_node(&f->nodes[i]);
	for (size_t i = 0; i < f->n_pops; i++)
		forget_pop(f, i);
}

void
past_remember(struct fleet *f, size_t pop, const struct past_point *point, struct mono now)
{
	struct pop *p = &f->pops[pop];
	forget_pop(f, pop);
	if (point) {
		p->verdict = point->verdict;
		p->qps = point->qps;
		p->seen = now;
	}
	/* a PoP is as fresh as its nodes are; of these themselves nothing is known */
	for (size_t i = 0; i < p->n_nodes; i++)
		f->nodes[p->nodes[i]].seen = p->seen;
}

static bool
read_point(const struct json *o, struct past_point *out)
{
	double qps = json_double(json_get(o, "qps_avg"), NAN);
	out->qps = qps >= 0 ? qps : NAN;
	out->verdict = verdict_parse(json_text(json_get(o, "verdict"), ""));
	return wall_parse(json_text(json_get(o, "at"), ""), &out->at) == 0;
}

size_t
past_apply(struct fleet *f, const struct json *instant, struct wall at, struct mono now, bool *is_hourly)
{
	const struct json *pops = json_get(instant, "pops");
	size_t known = 0;
	*is_hourly = false;
	past_forget(f);
	for (size_t i = 0; i < json_length(pops); i++) {
		struct past_point point;
		size_t pop = fleet_find_pop(f, json_text(json_get(json_at(pops, i), "pop"), ""));
		if (pop == SIZE_MAX || !read_point(json_at(pops, i), &point))
			continue;
		past_remember(f, pop, &point, now);
		*is_hourly = *is_hourly || at.ns - point.at.ns > POINT_OLD_S * CLOCK_NS_PER_S;
		known++;
	}
	return known;
}

size_t
past_read_points(const struct json *span, struct past_point *out, size_t max)
{
	const struct json *points = json_get(span, "points");
	size_t n = 0;
	for (size_t i = 0; i < json_length(points) && n < max; i++)
		if (read_point(json_at(points, i), &out[n]) && (n == 0 || out[n].at.ns > out[n - 1].at.ns))
			n++;
	return n;
}

const struct past_point *
past_find_point(const struct past_point *points, size_t n, struct wall at)
{
	while (n > 0 && points[n - 1].at.ns > at.ns)
		n--;
	bool is_of_then = n > 0 && at.ns - points[n - 1].at.ns <= POINT_OLD_S * CLOCK_NS_PER_S;
	return is_of_then ? &points[n - 1] : NULL;
}

void
past_make_spark(const struct past_point *points, size_t n, struct wall at, struct spark *out)
{
	out->n = SPARK_SAMPLES;
	for (size_t i = 0; i < SPARK_SAMPLES; i++)
		out->samples[i] = NAN;
	for (size_t i = 0; i < n; i++) {
		int64_t back = (at.ns - points[i].at.ns) / (MINUTE_S * CLOCK_NS_PER_S);
		if (points[i].at.ns <= at.ns && back < SPARK_SAMPLES)
			out->samples[SPARK_SAMPLES - 1 - back] = points[i].qps;
	}
}

/* "fra: blackhole, was ok: announces 192.0.2.0/24 and does not answer": what stands behind the second colon. */
static const char *
reason_in(const char *text)
{
	const char *was = strstr(text, ", was ");
	const char *colon = was ? strstr(was, ": ") : NULL;
	return colon ? colon + 2 : NULL;
}

static void
apply_event(struct pop *p, const struct event *e, struct wall at)
{
	char since[CLOCK_TEXT_MAX], day[CLOCK_TEXT_MAX];
	const char *reason = reason_in(e->text);
	p->verdict = e->severity;
	if (p->verdict == VERDICT_OK)
		return;
	wall_format(e->at, since);
	wall_format(at, day);
	bool is_same_day = strncmp(since, day, 10) == 0;
	reasons_add(&p->reasons, "since %s%s%s", is_same_day ? since + 11 : since, reason ? ": " : "", reason ? reason : "");
}

void
past_apply_events(struct fleet *f, const struct event *events, size_t n, struct wall at)
{
	for (size_t i = 0; i < f->n_pops; i++) {
		struct pop *p = &f->pops[i];
		for (size_t k = n; k > 0 && mono_is_set(p->seen); k--) {
			const struct event *e = &events[k - 1];
			if (strcmp(e->kind, "verdict") != 0 || strcmp(e->pop, p->name) != 0)
				continue;
			/* worse than the worst of its minute: what made it better is not among the events */
			if (e->severity >= p->verdict)
				apply_event(p, e, at);
			break;
		}
	}
}

size_t
past_count_events(const struct event *events, size_t n, struct wall at)
{
	while (n > 0 && events[n - 1].at.ns > at.ns)
		n--;
	return n;
}
