/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of service prefixes (key 5): a matrix with a row for each PoP and a column for each
 * prefix; h and l scroll the columns. The first row counts, for each prefix, the PoPs that announce
 * it of all there are: the number that must not fall below the policy's; on it `d` and `e` are about
 * the prefix in the leftmost column, on the others about the PoP. What a stale PoP last
 * announced is not known now and is shown as "?".
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/view.h"

#define COL_POP      0
#define COL_VERDICT  1
#define FIRST_PREFIX 2
#define PREFIXES_MAX (VIEW_COLUMNS_MAX - FIRST_PREFIX)
#define TOTAL_ROW    SIZE_MAX

static const struct table_column columns[FIRST_PREFIX] = {
	[COL_POP] = { "POP", 5, 0, 0 },
	[COL_VERDICT] = { "VERDICT", 12, 0, 9 },
};

static bool
is_total(struct view_row row)
{
	return row.a == TOTAL_ROW;
}

static bool
is_stale(const struct view_at *at, struct view_row row)
{
	return !is_total(row) &&
	       pop_is_stale(at->ui->fleet, &at->ui->fleet->pops[row.a], at->ui->now);
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	const struct fleet *f = at->ui->fleet;
	if (is_total(row) || is_stale(at, row))
		return true;
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (f->pops[row.a].announced[i] != ANNOUNCED_YES)
			return true;
	return false;
}

static void
cell_total(const struct ui *ui, size_t prefix, struct table_cell *out)
{
	const struct fleet *f = ui->fleet;
	struct announce_count n = fleet_count_announced(f, prefix, ui->now);
	const struct policy *policy = &f->services[f->prefixes[prefix].service].policy;
	char away[24] = "", unknown[24] = "";
	if (n.prefer_away)
		snprintf(away, sizeof away, " %zu away", n.prefer_away);
	if (n.unknown)
		snprintf(unknown, sizeof unknown, " %zu ?", n.unknown);
	snprintf(out->text, sizeof out->text, "%zu/%zu%s%s", n.announced, f->n_pops, away, unknown);
	out->role = (int)n.announced < policy->min_pops ? ROLE_BAD
	            : n.announced < f->n_pops           ? ROLE_WARN
	                                                : ROLE_STRONG;
}

static void
cell_prefix(const struct ui *ui, size_t pop, size_t prefix, bool stale, struct table_cell *out)
{
	static const char *const words[] = {
		[ANNOUNCED_UNKNOWN] = "?",
		[ANNOUNCED_YES] = "announced",
		[ANNOUNCED_WITHDRAWN] = "withdrawn",
		[ANNOUNCED_PREFER_AWAY] = "prefer-away",
	};
	enum announced a = stale ? ANNOUNCED_UNKNOWN : ui->fleet->pops[pop].announced[prefix];
	snprintf(out->text, sizeof out->text, "%s", words[a]);
	out->role = a == ANNOUNCED_YES       ? ROLE_MUTED
	            : a == ANNOUNCED_UNKNOWN ? ROLE_UNKNOWN
	                                     : ROLE_WARN;
	out->order = a == ANNOUNCED_WITHDRAWN     ? 0
	             : a == ANNOUNCED_UNKNOWN     ? 1
	             : a == ANNOUNCED_PREFER_AWAY ? 2
	                                          : 3;
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct ui *ui = at->ui;
	size_t prefix = (size_t)column - FIRST_PREFIX;
	if (column >= FIRST_PREFIX && prefix < ui->fleet->n_prefixes) {
		if (is_total(row))
			cell_total(ui, prefix, out);
		else
			cell_prefix(ui, row.a, prefix, is_stale(at, row), out);
	} else if (column == COL_POP) {
		snprintf(out->text, sizeof out->text, "%s",
			is_total(row) ? "all" : ui->fleet->pops[row.a].name);
		out->role = ROLE_STRONG;
	} else if (column == COL_VERDICT && !is_total(row)) {
		const struct pop *p = &ui->fleet->pops[row.a];
		view_cell_verdict(out, p->verdict, ui_pop_is_outdated(ui, p));
	}
	if (is_total(row))
		out->order = -1; /* stays at the top */
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%s", is_total(row) ? "" : at->ui->fleet->pops[row.a].name);
}

static void
name_column(struct view_list *list, const struct fleet *f, size_t prefix)
{
	char *title = list->titles[FIRST_PREFIX + prefix];
	prefix_format(&f->prefixes[prefix].prefix, title);
	int width = (int)strlen(title);
	list->columns[FIRST_PREFIX + prefix] = (struct table_column){
		.title = title, .width = width > 14 ? width : 14, .drop = 0
	};
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	const struct fleet *f = ui->fleet;
	size_t n = f->n_prefixes < PREFIXES_MAX ? f->n_prefixes : PREFIXES_MAX;
	list->columns[COL_POP].width = view_name_width(ui, false, 5, cols < 100 ? 10 : 20);
	list->table.n_columns = FIRST_PREFIX + (int)n;
	if (list->table.sort >= list->table.n_columns)
		list->table.sort = COL_VERDICT;
	for (size_t i = 0; i < n; i++)
		name_column(list, f, i);
	if (f->n_pops == 0)
		return;
	view_list_add(list, TOTAL_ROW, 0);
	for (size_t i = 0; i < f->n_pops; i++)
		view_list_add(list, i, 0);
}

/* The first row stands for the prefix in the leftmost column that is seen. */
static struct view_target
target_prefix(const struct view_list *list, const struct fleet *f)
{
	struct view_target t = { .kind = TARGET_NONE };
	size_t shift = list->table.shift > 1 ? (size_t)list->table.shift - 1 : 0;
	if (shift < f->n_prefixes) {
		t.kind = TARGET_PREFIX;
		prefix_format(&f->prefixes[shift].prefix, t.name);
	}
	return t;
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t i = table_row(&list->table);
	if (i < list->n_rows && is_total(list->rows[i]))
		return target_prefix(list, ui->fleet);
	if (i < list->n_rows && list->rows[i].a < ui->fleet->n_pops) {
		t.kind = TARGET_POP;
		snprintf(t.name, sizeof t.name, "%s", ui->fleet->pops[list->rows[i].a].name);
	}
	return t;
}

const struct view_ops view_prefixes = {
	.name = "prefixes",
	.title = "who announces which service prefix",
	.key = '5',
	.kind = VIEW_LIST,
	.inside = "describe",
	.target = target,
	.columns = columns,
	.n_columns = FIRST_PREFIX,
	.sort = COL_VERDICT,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
	.is_stale = is_stale,
};
