/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of operations (key 6): what is being done and what was, by whom and why. What needs a person comes first (stuck,
 * unconfirmed, waiting for an approval), then what is under way, then what is over, the newest above. Enter follows one;
 * X, A and E act on the one under the cursor.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/op_page.h"
#include "console/view.h"
#include "core/text.h"

enum column {
	COL_STATE,
	COL_VERB,
	COL_POPS,
	COL_BY,
	COL_AGE,
	COL_LEASE,
	COL_SHIFT,
	COL_APPROVER,
	COL_TICKET,
	COL_ID,
	COL_WHAT,
	COL_COUNT
};

static const struct table_column columns[COL_COUNT] = {
	[COL_STATE] = { "STATE", 11, 0, 0 },
	[COL_VERB] = { "VERB", 7, 0, 0 },
	[COL_POPS] = { "POPS", 10, 1, 0 },
	[COL_BY] = { "BY", 8, 0, 2 },
	[COL_AGE] = { "SINCE", 6, 0, 3, .is_right = true },
	[COL_LEASE] = { "LEASE", 6, 0, 5, .is_right = true },
	[COL_SHIFT] = { "MOVED", 6, 0, 4, .is_right = true, .worst_first = true },
	[COL_APPROVER] = { "APPROVER", 9, 0, 0, .is_wide = true },
	[COL_TICKET] = { "TICKET", 10, 0, 0, .is_wide = true },
	[COL_ID] = { "ID", 16, 0, 0, .is_wide = true },
	[COL_WHAT] = { "REASON, AND WHAT CAME OF IT", 20, 3, 1, .is_unsorted = true },
};

static const struct operation *
op_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->ops[row.a];
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return op_page_urgency(op_at(at, row)) < OP_PAGE_OVER;
}

/* When its present state began, as far as the record says. */
static struct wall
since(const struct operation *op)
{
	return op->ended.ns ? op->ended : op->started.ns ? op->started : op->created;
}

/* The slowest PoP's time until the outside answered from elsewhere. */
static double
shift_s(const struct operation *op)
{
	double worst = NAN;
	for (size_t i = 0; i < op->n_targets; i++)
		worst = fmax(worst, op->targets[i].first_elsewhere_s);
	return worst;
}

static void
cell_shift(const struct operation *op, struct table_cell *out)
{
	double s = shift_s(op);
	if (isnan(s))
		snprintf(out->text, sizeof out->text, "-");
	else
		snprintf(out->text, sizeof out->text, "%.1fs", s);
	out->order = s;
	out->role = isnan(s) ? ROLE_MUTED : ROLE_TEXT;
}

static void
cell_what(const struct operation *op, struct table_cell *out)
{
	bool has_text = op->text[0] && op->state != OP_DONE;
	snprintf(out->text, sizeof out->text, "%s%s%s", has_text ? op->text : op->reason, has_text && op->reason[0] ? " | " : "",
		has_text ? op->reason : "");
	out->role = has_text ? ROLE_TEXT : ROLE_MUTED;
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct operation *op = op_at(at, row);
	struct wall from = since(op);
	switch ((enum column)column) {
	case COL_STATE:
		snprintf(out->text, sizeof out->text, "%s", op_page_state(op));
		out->role = op_page_role(op);
		out->order = op_page_urgency(op) * 1e6 + (double)(at->ui->n_ops - row.a);
		break;
	case COL_VERB:
		snprintf(out->text, sizeof out->text, "%s", op_verb_name(op->verb));
		break;
	case COL_POPS:
		op_page_targets(op, out->text, sizeof out->text);
		out->role = ROLE_STRONG;
		break;
	case COL_BY:
		snprintf(out->text, sizeof out->text, "%s", op->by);
		break;
	case COL_AGE:
		duration_format((at->ui->wall.ns - from.ns) / CLOCK_NS_PER_S, out->text, sizeof out->text);
		out->order = -(double)from.ns;
		out->role = ROLE_MUTED;
		break;
	case COL_LEASE:
		duration_format(op->lease_s > 0 ? op->lease_s : -1, out->text, sizeof out->text);
		out->order = (double)op->lease_s;
		out->role = ROLE_MUTED;
		break;
	case COL_SHIFT:
		cell_shift(op, out);
		break;
	case COL_APPROVER:
		snprintf(out->text, sizeof out->text, "%s", op->approver[0] ? op->approver : "-");
		break;
	case COL_TICKET:
		snprintf(out->text, sizeof out->text, "%s", op->ticket);
		break;
	case COL_ID:
		snprintf(out->text, sizeof out->text, "%s", op->id);
		out->role = ROLE_MUTED;
		break;
	case COL_WHAT:
		cell_what(op, out);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%s", op_at(at, row)->id);
}

/* Plans that were shown and never confirmed are nobody's news. */
static bool
is_news(const struct operation *op)
{
	return op->state != OP_DRAFT && op->state != OP_CHECKED && !(op->state == OP_EXPIRED && op->started.ns == 0 && !op->key[0]);
}

static bool
is_wanted(const struct view_target *about, const struct operation *op)
{
	if (about->kind != TARGET_POP)
		return true;
	for (size_t i = 0; i < op->n_targets; i++)
		if (strcmp(op->targets[i].pop, about->name) == 0)
			return true;
	return false;
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	(void)cols;
	for (size_t i = ui->n_ops; i-- > 0;)
		if (is_news(&ui->ops[i]) && is_wanted(&list->about, &ui->ops[i]))
			view_list_add(list, i, 0);
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t row = table_row(&list->table);
	if (row < list->n_rows && list->rows[row].a < ui->n_ops) {
		t.kind = TARGET_OP;
		snprintf(t.name, sizeof t.name, "%s", ui->ops[list->rows[row].a].id);
	}
	return t;
}

const struct view_ops view_ops = {
	.name = "ops",
	.title = "operations: what is being done, and what was",
	.key = '6',
	.kind = VIEW_LIST,
	.inside = "op",
	.target = target,
	.columns = columns,
	.n_columns = COL_COUNT,
	.sort = COL_STATE,
	.detail = COL_WHAT,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
};
