/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `snapshot`: one fetch of the fleet and of the newest events, one view drawn, written as text, ANSI or SVG.
 */
#include "console/cli_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/fetch.h"
#include "console/snapshot.h"
#include "console/sparks.h"
#include "core/wire.h"

#define EVENTS_MAX 500
#define USUAL_SIZE "120x40"

static int
read_request(const struct options *o, struct snapshot *s, struct err *err)
{
	const char *size = options_value(o, "size"), *format = options_value(o, "format");
	*s = (struct snapshot){ .view = o->n_args > 0 ? o->args[0] : "map", .name = o->n_args > 1 ? o->args[1] : NULL };
	if (options_value(o, "at"))
		return err_set(err, ERR_UNSUPPORTED, "--at comes with a later version: a snapshot shows what is so now");
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

	if (read_request(o, &request, err) == -1 || theme_load(&theme, o->theme ? o->theme : "dark", NULL, err) == -1)
		goto out;
	if (get_json(o, "/v1/fleet", &fleet_doc, err) == -1 || get_json(o, "/v1/events", &events_doc, err) == -1)
		goto out;
	ui.now = clock_mono();
	fleet = wire_read_fleet(json_root(fleet_doc), ui.now, err);
	if (!fleet)
		goto out;
	events = read_events(json_root(events_doc), &ui.n_events);
	keymap_init(&keys);
	pop_sparks = xcalloc(fleet->n_pops, sizeof *pop_sparks);
	node_sparks = xcalloc(fleet->n_nodes, sizeof *node_sparks);
	sparks_read(json_root(fleet_doc), fleet, pop_sparks, node_sparks);
	ui.pop_sparks = pop_sparks;
	ui.node_sparks = node_sparks;
	ui.fleet = fleet;
	ui.events = events;
	ui.theme = theme.name;
	ui.link = (struct link){ .state = LINK_LIVE, .heard = ui.now };
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
