/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of PoPs (key 2): one row a location, worst first, with what makes it so. Enter shows its
 * nodes.
 */
#include <math.h>
#include <stdio.h>

#include "console/view.h"
#include "core/text.h"

enum column {
	COL_POP,
	COL_VERDICT,
	COL_PREFIXES,
	COL_SESSIONS,
	COL_QPS,
	COL_SPARK,
	COL_LOAD,
	COL_AGE,
	COL_CITY,
	COL_REGION,
	COL_NODES,
	COL_CAPACITY,
	COL_REASON,
	COL_COUNT
};

static const struct table_column columns[COL_COUNT] = {
	[COL_POP] = { "POP", 4, 0, 0 },
	[COL_VERDICT] = { "VERDICT", 12, 0, 0 },
	[COL_PREFIXES] = { "ANN", 5, 0, 4, .is_right = true },
	[COL_SESSIONS] = { "BGP", 5, 0, 3, .is_right = true },
	[COL_QPS] = { "Q/S", 5, 0, 1, .is_right = true, .worst_first = true },
	[COL_SPARK] = { "", 10, 0, 9, .is_unsorted = true },
	[COL_LOAD] = { "LOAD", 5, 0, 6, .is_right = true, .worst_first = true },
	[COL_AGE] = { "AGE", 5, 0, 2, .is_right = true, .worst_first = true },
	[COL_CITY] = { "CITY", 14, 1, 0, .is_wide = true },
	[COL_REGION] = { "REGION", 8, 0, 0, .is_wide = true },
	[COL_NODES] = { "NODES", 5, 0, 0, .is_right = true, .is_wide = true },
	[COL_CAPACITY] = { "CAP", 5, 0, 0, .is_right = true, .is_wide = true, .worst_first = true },
	[COL_REASON] = { "WHY", 16, 3, 7 },
};

static const struct pop *
pop_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->fleet->pops[row.a];
}

static bool
is_stale(const struct view_at *at, struct view_row row)
{
	return ui_pop_is_outdated(at->ui, pop_at(at, row));
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return pop_at(at, row)->verdict != VERDICT_OK || is_stale(at, row);
}

static void
cell_prefixes(const struct fleet *f, const struct pop *p, bool stale, struct table_cell *out)
{
	size_t announced = 0, unknown = 0;
	for (size_t i = 0; i < f->n_prefixes; i++) {
		announced += p->announced[i] == ANNOUNCED_YES ||
		             p->announced[i] == ANNOUNCED_PREFER_AWAY;
		unknown += p->announced[i] == ANNOUNCED_UNKNOWN;
	}
	if (f->n_prefixes > 0 && (stale || unknown == f->n_prefixes))
		snprintf(out->text, sizeof out->text, "?/%zu", f->n_prefixes);
	else
		snprintf(out->text, sizeof out->text, "%zu/%zu", announced, f->n_prefixes);
	out->order = (double)announced;
	out->role = stale || unknown ? ROLE_UNKNOWN : announced < f->n_prefixes ? ROLE_WARN : ROLE_MUTED;
}

static void
cell_sessions(const struct ui *ui, const struct pop *p, bool stale, struct table_cell *out)
{
	if (ui->past.ns != 0) {
		snprintf(out->text, sizeof out->text, "?");
		out->role = ROLE_UNKNOWN;
		return;
	}
	if (stale)
		snprintf(out->text, sizeof out->text, "?/%zu", p->sessions_total);
	else
		snprintf(out->text, sizeof out->text, "%zu/%zu", p->sessions_up, p->sessions_total);
	out->order = p->sessions_total ? (double)p->sessions_up / (double)p->sessions_total : -1;
	out->role = p->sessions_up < p->sessions_total ? ROLE_WARN : ROLE_MUTED;
}

static void
cell_load(const struct pop *p, struct table_cell *out)
{
	double share = ui_load_share(p->qps, p->capacity_qps);
	ui_load(p->qps, p->capacity_qps, out->text, sizeof out->text);
	out->order = share;
	out->role = isnan(share)   ? ROLE_MUTED
	            : share >= 1   ? ROLE_BAD
	            : share >= 0.8 ? ROLE_WARN
	                           : ROLE_TEXT;
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct ui *ui = at->ui;
	const struct pop *p = pop_at(at, row);
	bool stale = pop_is_stale(ui->fleet, p, ui->now);
	switch ((enum column)column) {
	case COL_POP:
		snprintf(out->text, sizeof out->text, "%s", p->name);
		out->role = p->verdict == VERDICT_OK ? ROLE_TEXT : ROLE_STRONG;
		break;
	case COL_VERDICT:
		view_cell_verdict(out, p->verdict, is_stale(at, row));
		break;
	case COL_PREFIXES:
		cell_prefixes(ui->fleet, p, stale, out);
		break;
	case COL_SESSIONS:
		cell_sessions(ui, p, stale, out);
		break;
	case COL_QPS:
		view_cell_number(out, p->qps);
		break;
	case COL_SPARK:
		if (ui->pop_sparks) {
			out->spark = ui->pop_sparks[row.a].samples;
			out->n_spark = ui->pop_sparks[row.a].n;
		}
		out->role = ROLE_RATE;
		break;
	case COL_LOAD:
		cell_load(p, out);
		break;
	case COL_AGE:
		if (ui->past.ns == 0)
			view_cell_age(out, pop_age_s(p, ui->now), ui_pop_poll_s(ui->fleet, p));
		break;
	case COL_CITY:
		snprintf(out->text, sizeof out->text, "%s", p->title);
		break;
	case COL_REGION:
		snprintf(out->text, sizeof out->text, "%s", p->region);
		out->role = ROLE_MUTED;
		break;
	case COL_NODES:
		snprintf(out->text, sizeof out->text, "%zu", p->n_nodes);
		out->order = (double)p->n_nodes;
		break;
	case COL_CAPACITY:
		view_cell_number(out, p->capacity_qps);
		break;
	case COL_REASON:
		if (p->n_holds > 0 && p->verdict >= VERDICT_DRAINING)
			ui_hold_text(ui, p, out->text, sizeof out->text);
		else if (p->verdict != VERDICT_OK && p->reasons.n > 0)
			snprintf(out->text, sizeof out->text, "%s", p->reasons.text[0]);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%s", pop_at(at, row)->name);
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	list->columns[COL_POP].width = view_name_width(ui, false, 4, cols < 100 ? 10 : 20);
	for (size_t i = 0; i < ui->fleet->n_pops; i++)
		view_list_add(list, i, 0);
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t row = table_row(&list->table);
	if (row < list->n_rows && list->rows[row].a < ui->fleet->n_pops) {
		t.kind = TARGET_POP;
		snprintf(t.name, sizeof t.name, "%s", ui->fleet->pops[list->rows[row].a].name);
	}
	return t;
}

const struct view_ops view_pops = {
	.name = "pops",
	.title = "PoPs, worst first",
	.key = '2',
	.kind = VIEW_LIST,
	.inside = "nodes",
	.target = target,
	.columns = columns,
	.n_columns = COL_COUNT,
	.sort = COL_VERDICT,
	.detail = COL_REASON,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
	.is_stale = is_stale,
};
