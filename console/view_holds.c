/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds (:holds): what forbids a PoP to announce: who, why, until when. A PoP is announced only when none remains. The lease
 * that runs out first stands first; one that has run out is said to be overdue.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/view.h"

enum column { COL_POP, COL_KIND, COL_OWNER, COL_SINCE, COL_LEFT, COL_END, COL_TICKET, COL_ID, COL_REASON, COL_COUNT };

static const struct table_column columns[COL_COUNT] = {
	[COL_POP] = { "POP", 6, 0, 0 },
	[COL_KIND] = { "KIND", 11, 0, 4 },
	[COL_OWNER] = { "OWNER", 9, 0, 0 },
	[COL_SINCE] = { "SINCE", 6, 0, 3, .is_right = true },
	[COL_LEFT] = { "LEFT", 8, 0, 0, .is_right = true },
	[COL_END] = { "THEN", 8, 0, 5 },
	[COL_TICKET] = { "TICKET", 9, 0, 2 },
	[COL_ID] = { "ID", 16, 0, 0, .is_wide = true },
	[COL_REASON] = { "REASON", 16, 1, 1, .is_unsorted = true },
};

#define WARN_S 900 /* SAFETY model B6: it warns a quarter of an hour before */

static const struct hold *
hold_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->fleet->pops[row.a].holds[row.b];
}

static double
left_s(const struct ui *ui, const struct hold *h)
{
	return h->expires.ns == 0 ? INFINITY : (double)(h->expires.ns - ui->wall.ns) / 1e9;
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return left_s(at->ui, hold_at(at, row)) < WARN_S;
}

static void
cell_left(const struct ui *ui, const struct hold *h, struct table_cell *out)
{
	double left = left_s(ui, h);
	out->order = left;
	if (isinf(left)) {
		snprintf(out->text, sizeof out->text, "no lease");
		out->role = ROLE_MUTED;
	} else if (left <= 0) {
		snprintf(out->text, sizeof out->text, "OVERDUE");
		out->role = ROLE_BAD;
	} else {
		duration_format((int64_t)left, out->text, sizeof out->text);
		out->role = left < WARN_S ? ROLE_WARN : ROLE_TEXT;
	}
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct hold *h = hold_at(at, row);
	switch ((enum column)column) {
	case COL_POP:
		snprintf(out->text, sizeof out->text, "%s", h->pop);
		out->role = ROLE_STRONG;
		break;
	case COL_KIND:
		snprintf(out->text, sizeof out->text, "%s", hold_kind_name(h->kind));
		break;
	case COL_OWNER:
		snprintf(out->text, sizeof out->text, "%s", h->owner);
		break;
	case COL_SINCE:
		duration_format((at->ui->wall.ns - h->created.ns) / CLOCK_NS_PER_S, out->text, sizeof out->text);
		out->order = -(double)h->created.ns;
		out->role = ROLE_MUTED;
		break;
	case COL_LEFT:
		cell_left(at->ui, h, out);
		break;
	case COL_END:
		snprintf(out->text, sizeof out->text, "%s", h->expires.ns == 0 ? "-" : h->is_auto_undrain ? "undrains" : "warns");
		out->role = ROLE_MUTED;
		break;
	case COL_TICKET:
		snprintf(out->text, sizeof out->text, "%s", h->ticket[0] ? h->ticket : "-");
		break;
	case COL_ID:
		snprintf(out->text, sizeof out->text, "%s", h->id);
		out->role = ROLE_MUTED;
		break;
	case COL_REASON:
		snprintf(out->text, sizeof out->text, "%s", h->reason);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%s", hold_at(at, row)->id);
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	(void)cols;
	for (size_t i = 0; i < ui->fleet->n_pops; i++)
		for (size_t k = 0; k < ui->fleet->pops[i].n_holds; k++)
			if (list->about.kind != TARGET_POP || strcmp(list->about.name, ui->fleet->pops[i].name) == 0)
				view_list_add(list, i, k);
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t row = table_row(&list->table);
	if (row >= list->n_rows || list->rows[row].a >= ui->fleet->n_pops)
		return t;
	const struct pop *p = &ui->fleet->pops[list->rows[row].a];
	if (list->rows[row].b < p->n_holds) {
		t.kind = TARGET_HOLD;
		snprintf(t.name, sizeof t.name, "%s", p->holds[list->rows[row].b].id);
	}
	return t;
}

const struct view_ops view_holds = {
	.name = "holds",
	.title = "what forbids a PoP to announce",
	.kind = VIEW_LIST,
	.inside = "op",
	.target = target,
	.columns = columns,
	.n_columns = COL_COUNT,
	.sort = COL_LEFT,
	.detail = COL_REASON,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
};
