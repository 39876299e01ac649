/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `snapshot`: one fetch of the fleet and of the newest events, one view drawn, written as text, ANSI or SVG.
 * With --at the fleet gives only the PoPs; what is said of them comes from the backend's history (console/past.c), a
 * question for the instant and one a PoP for the hour before it.
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
#define HOUR_NS    (3600 * CLOCK_NS_PER_S)

/* `at` stays zero when it is to be a picture of now. */
static int
read_request(const struct options *o, struct snapshot *s, struct wall *at, struct err *err)
{
	const char *size = options_value(o, "size"), *format = options_value(o, "format"), *time = options_value(o, "at");
	*s = (struct snapshot){ .view = o->n_args > 0 ? o->args[0] : "map", .name = o->n_args > 1 ? o->args[1] : NULL };
	*at = (struct wall){ 0 };
	if (time && (past_parse_time(time, clock_wall(), at, err) == -1 || past_check_view(s->view, err) == -1))
		return -1;
	if (snapshot_parse_size(size ? size : USUAL_SIZE, &s->cols, &s->rows, err) == -1)
		return -1;
	return snapshot_parse_format(format ? format : "text", &s->format, err);
}

static int
get_json(const struct options *o, const char *path, struct json_doc **doc, struct err *err)
{
	struct buf text = BUF_INIT(FETCH_BODY_MAX);
	int rc = fetch(o->backend, "GET", path, &text, err);
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

/* The hour before the instant, for each PoP. */
static int
read_past_sparks(const struct options *o, const struct fleet *f, struct wall at, struct spark *sparks, struct err *err)
{
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX], path[200];
	wall_format((struct wall){ at.ns - HOUR_NS }, from);
	wall_format(at, to);
	for (size_t i = 0; i < f->n_pops; i++) {
		struct json_doc *span;
		snprintf(path, sizeof path, "/v1/history?pop=%s&from=%s&to=%s", f->pops[i].name, from, to);
		if (get_json(o, path, &span, err) == -1)
			return -1;
		past_read_spark(json_root(span), at, &sparks[i]);
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
