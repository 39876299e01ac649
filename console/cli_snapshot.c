/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands `snapshot` and `replay`. A snapshot: one fetch of the fleet and of the newest events, one view drawn, written as text, ANSI or SVG.
 * With --at the fleet gives only the PoPs; what is said of them comes from the backend's history (console/past.c), a
 * question for the instant and one a PoP for the hour before it. A replay is the same for a stretch of hours, loaded before
 * the dashboard opens on it.
 */
#include "console/cli_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/fetch.h"
#include "console/past.h"
#include "console/snapshot.h"
#include "console/sparks.h"
#include "core/wire.h"

#define EVENTS_MAX 2000 /* all that a backend keeps at hand */
#define EVENTS_LIMIT "2000"
#define USUAL_SIZE "120x40"
#define USUAL_REPLAY "1h"
#define HOUR_NS    (3600 * CLOCK_NS_PER_S)

/* `at` stays zero when it is to be a picture of now. */
static int
read_request(const struct options *o, struct snapshot *s, struct wall *at, struct err *err)
{
	const char *size = options_value(o, "size"), *format = options_value(o, "format"), *time = options_value(o, "at");
	*s = (struct snapshot){ .view = o->n_args > 0 ? o->args[0] : "map", .name = o->n_args > 1 ? o->args[1] : NULL };
	*at = (struct wall){ 0 };
	if (time && (past_parse_time("--at", time, clock_wall(), at, err) == -1 || past_check_view(s->view, err) == -1))
		return -1;
	if (snapshot_parse_size(size ? size : USUAL_SIZE, &s->cols, &s->rows, err) == -1)
		return -1;
	return snapshot_parse_format(format ? format : "text", &s->format, err);
}

static int
get_json(const struct options *o, const char *path, struct json_doc **doc, struct err *err)
{
	struct buf text = BUF_INIT(FETCH_BODY_MAX);
	int rc = fetch(o->place, "GET", path, &text, err);
	*doc = rc == 0 ? json_parse(buf_slice(&text), err) : NULL;
	buf_done(&text);
	return *doc ? 0 : -1;
}

static struct event *
read_events(const struct json *list, size_t *n)
{
	size_t all = json_length(list);
	struct event *events = xcalloc(EVENTS_MAX, sizeof *events);
	*n = 0;
	for (size_t i = all > EVENTS_MAX ? all - EVENTS_MAX : 0; i < all; i++)
		if (wire_read_event(json_at(list, i), &events[*n], NULL) == 0)
			(*n)++;
	return events;
}

static int
get_span(const struct options *o, const char *pop, struct wall from, struct wall to, struct json_doc **span, struct err *err)
{
	char from_text[CLOCK_TEXT_MAX], to_text[CLOCK_TEXT_MAX], path[200];
	wall_format(from, from_text);
	wall_format(to, to_text);
	snprintf(path, sizeof path, "/v1/history?pop=%s&from=%s&to=%s", pop, from_text, to_text);
	return get_json(o, path, span, err);
}

/* The hour before the instant, for each PoP. */
static int
read_past_sparks(const struct options *o, const struct fleet *f, struct wall at, struct spark *sparks, struct err *err)
{
	const struct wall from = { at.ns - HOUR_NS };
	struct past_point points[SPARK_SAMPLES + 2];
	for (size_t i = 0; i < f->n_pops; i++) {
		struct json_doc *span;
		if (get_span(o, f->pops[i].name, from, at, &span, err) == -1)
			return -1;
		size_t n = past_read_points(json_root(span), points, sizeof points / sizeof *points);
		past_make_spark(points, n, at, &sparks[i]);
		json_doc_free(span);
	}
	return 0;
}

static int
lay_past(const struct options *o, const char *view, struct fleet *f, struct ui *ui, struct spark *sparks, struct err *err)
{
	char at[CLOCK_TEXT_MAX], path[100];
	struct json_doc *instant;
	bool is_timeline = strcmp(view, "timeline") == 0;
	wall_format(ui->past, at);
	snprintf(path, sizeof path, "/v1/history?at=%s", at);
	if (get_json(o, path, &instant, err) == -1)
		return -1;
	size_t known = past_apply(f, json_root(instant), ui->past, ui->now, &ui->is_past_hourly);
	json_doc_free(instant);
	size_t n_events = past_count_events(ui->events, ui->n_events, ui->past);
	if (is_timeline && n_events == 0)
		return err_set(err, ERR_NOT_FOUND, "the events of %s are no longer kept, or there were none yet", at);
	if (!is_timeline && known == 0)
		return err_set(err, ERR_NOT_FOUND, "history has nothing of %s: minutes are kept for two days, hours for good", at);
	past_apply_events(f, ui->events, n_events, ui->past);
	ui->n_events = n_events;
	ui->wall = ui->past;
	return read_past_sparks(o, f, ui->past, sparks, err);
}

int
cli_snapshot_run(const struct options *o, struct buf *out, struct err *err)
{
	struct snapshot request;
	struct theme theme;
	struct keymap keys;
	struct json_doc *fleet_doc = NULL, *events_doc = NULL;
	struct fleet *fleet = NULL;
	struct event *events = NULL;
	struct spark *pop_sparks = NULL, *node_sparks = NULL;
	struct ui ui = { .now = clock_mono(), .wall = clock_wall(), .keys = &keys, .is_read_only = o->is_read_only };
	int rc = -1;

	if (read_request(o, &request, &ui.past, err) == -1 ||
		theme_load(&theme, o->theme ? o->theme : "dark", NULL, err) == -1)
		goto out;
	if (get_json(o, "/v1/fleet", &fleet_doc, err) == -1 ||
		get_json(o, "/v1/events?limit=" EVENTS_LIMIT, &events_doc, err) == -1)
		goto out;
	ui.now = clock_mono();
	fleet = wire_read_fleet(json_root(fleet_doc), ui.now, err);
	if (!fleet)
		goto out;
	events = read_events(json_root(events_doc), &ui.n_events);
	keymap_init(&keys);
	pop_sparks = xcalloc(fleet->n_pops, sizeof *pop_sparks);
	node_sparks = xcalloc(fleet->n_nodes, sizeof *node_sparks);
	ui.pop_sparks = pop_sparks;
	ui.node_sparks = node_sparks;
	ui.fleet = fleet;
	ui.events = events;
	ui.theme = theme.name;
	ui.link = (struct link){ .state = LINK_LIVE, .heard = ui.now };
	if (ui.past.ns == 0)
		sparks_read(json_root(fleet_doc), fleet, pop_sparks, node_sparks);
	else if (lay_past(o, request.view, fleet, &ui, pop_sparks, err) == -1)
		goto out;
	rc = snapshot_write(&request, &ui, &theme, out, err);
out:
	free(pop_sparks);
	free(node_sparks);
	free(events);
	fleet_free(fleet);
	json_doc_free(fleet_doc);
	json_doc_free(events_doc);
	return rc;
}

/* History keeps minutes for two days; hours are no steps to walk in. */
static int
read_when(const struct options *o, struct wall now, struct wall *at, struct err *err)
{
	const char *text = o->n_args > 0 ? o->args[0] : USUAL_REPLAY;
	if (past_parse_time("replay", text, now, at, err) == -1)
		return -1;
	if (now.ns - at->ns > 48 * HOUR_NS)
		return err_set(err, ERR_USAGE,
			"replay %.40s: minutes are kept for two days; `catchment snapshot --at` draws an hour of before", text);
	return 0;
}

static int
add_spans(const struct options *o, const struct fleet *f, struct replay *r, struct err *err)
{
	struct wall from, to;
	replay_span(r, &from, &to);
	for (size_t i = 0; i < f->n_pops; i++) {
		struct json_doc *span;
		if (get_span(o, f->pops[i].name, from, to, &span, err) == -1)
			return -1;
		replay_add(r, i, json_root(span));
		json_doc_free(span);
	}
	if (replay_count_known(r) == 0)
		return err_set(err, ERR_NOT_FOUND, "history has nothing of that time");
	return 0;
}

struct replay *
cli_replay_load(const struct options *o, struct err *err)
{
	struct json_doc *fleet_doc = NULL, *events_doc = NULL;
	struct replay *r = NULL;
	struct wall at, now = clock_wall();
	if (read_when(o, now, &at, err) == -1 || get_json(o, "/v1/fleet", &fleet_doc, err) == -1 ||
		get_json(o, "/v1/events?limit=" EVENTS_LIMIT, &events_doc, err) == -1)
		goto out;
	struct fleet *f = wire_read_fleet(json_root(fleet_doc), clock_mono(), err);
	if (!f)
		goto out;
	size_t n_events;
	struct event *events = read_events(json_root(events_doc), &n_events);
	r = replay_new(f, events, n_events, at, now);
	free(events);
	if (add_spans(o, f, r, err) == -1) {
		replay_free(r);
		r = NULL;
	}
out:
	json_doc_free(fleet_doc);
	json_doc_free(events_doc);
	return r;
}
