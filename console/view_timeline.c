/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline (key 0): what happened, newest first. Times are UTC, as in every record.
 */
#include <stdio.h>
#include <string.h>

#include "console/view.h"

enum column { COL_TIME, COL_POP, COL_NODE, COL_KIND, COL_TEXT, COL_COUNT };

static const struct table_column columns[COL_COUNT] = {
	[COL_TIME] = { "TIME", 8, 0, 0, .worst_first = true },
	[COL_POP] = { "POP", 5, 0, 3 },
	[COL_NODE] = { "NODE", 8, 0, 4 },
	[COL_KIND] = { "KIND", 8, 0, 2 },
	[COL_TEXT] = { "WHAT", 20, 1, 0, .is_unsorted = true },
};

static const struct event *
event_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->events[row.a];
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return event_at(at, row)->severity < VERDICT_DRAINING;
}

/* "11:35:03", with the day in front when it was another one. */
static void
cell_time(const struct ui *ui, const struct event *e, struct table_cell *out)
{
	char text[CLOCK_TEXT_MAX], today[CLOCK_TEXT_MAX];
	wall_format(e->at, text);
	wall_format(ui->wall, today);
	if (strncmp(text, today, 10) == 0)
		snprintf(out->text, sizeof out->text, "%.8s", text + 11);
	else
		snprintf(out->text, sizeof out->text, "%.5s %.5s", text + 5, text + 11);
	out->order = (double)e->id;
	out->role = ROLE_MUTED;
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct event *e = event_at(at, row);
	switch ((enum column)column) {
	case COL_TIME:
		cell_time(at->ui, e, out);
		break;
	case COL_POP:
		snprintf(out->text, sizeof out->text, "%s", e->pop);
		out->role = ROLE_STRONG;
		break;
	case COL_NODE:
		snprintf(out->text, sizeof out->text, "%s", e->node);
		break;
	case COL_KIND:
		snprintf(out->text, sizeof out->text, "%s", e->kind);
		/* a return to health and plain news stay quiet */
		out->role = e->severity == VERDICT_OK || e->severity == VERDICT_UNKNOWN
		                    ? ROLE_MUTED
		                    : role_of_verdict(e->severity);
		break;
	case COL_TEXT:
		snprintf(out->text, sizeof out->text, "%s", e->text);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%llu", (unsigned long long)event_at(at, row)->id);
}

static bool
is_wanted(const struct view_target *about, const struct event *e)
{
	if (about->kind == TARGET_POP)
		return strcmp(e->pop, about->name) == 0;
	if (about->kind == TARGET_NODE)
		return strcmp(e->node, about->name) == 0;
	return true;
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	char today[CLOCK_TEXT_MAX], day[CLOCK_TEXT_MAX];
	wall_format(ui->wall, today);
	list->columns[COL_TIME].width = 8;
	list->columns[COL_POP].width = view_name_width(ui, false, 4, cols < 100 ? 8 : 20);
	list->columns[COL_NODE].width = view_name_width(ui, true, 6, cols < 100 ? 10 : 24);
	for (size_t i = 0; i < ui->n_events; i++) {
		if (!is_wanted(&list->about, &ui->events[i]))
			continue;
		wall_format(ui->events[i].at, day);
		if (strncmp(day, today, 10) != 0)
			list->columns[COL_TIME].width = 11;
		view_list_add(list, i, 0);
	}
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t i = table_row(&list->table);
	if (i >= list->n_rows || list->rows[i].a >= ui->n_events)
		return t;
	const struct event *e = &ui->events[list->rows[i].a];
	if (e->node[0] && fleet_find_node(ui->fleet, e->node) != SIZE_MAX) {
		t.kind = TARGET_NODE;
		snprintf(t.name, sizeof t.name, "%s", e->node);
	} else if (e->pop[0] && fleet_find_pop(ui->fleet, e->pop) != SIZE_MAX) {
		t.kind = TARGET_POP;
		snprintf(t.name, sizeof t.name, "%s", e->pop);
	}
	return t;
}

const struct view_ops view_timeline = {
	.name = "timeline",
	.title = "what happened, newest first",
	.key = '0',
	.kind = VIEW_LIST,
	.inside = "describe",
	.target = target,
	.columns = columns,
	.n_columns = COL_COUNT,
	.sort = COL_TIME,
	.detail = COL_TEXT,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
};
