/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of nodes (key 3): one row a host, with its three planes side by side. About a PoP it
 * lists that PoP's nodes only. Vantages and witnesses are no part of the fleet's service and are
 * not listed.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/view.h"

enum column {
	COL_NODE,
	COL_POP,
	COL_VERDICT,
	COL_SESSION,
	COL_WIRE,
	COL_SERVICE,
	COL_QPS,
	COL_SPARK,
	COL_AGE,
	COL_BGP,
	COL_DNS,
	COL_IDENTITY,
	COL_LOAD,
	COL_REASON,
	COL_COUNT,
};

static const struct table_column columns[COL_COUNT] = {
	[COL_NODE] = { "NODE", 6, 0, 0 },
	[COL_POP] = { "POP", 4, 0, 5 },
	[COL_VERDICT] = { "VERDICT", 12, 0, 0 },
	[COL_SESSION] = { "BGP", 3, 0, 3 },
	[COL_WIRE] = { "WIRE", 4, 0, 3 },
	[COL_SERVICE] = { "DNS", 3, 0, 3 },
	[COL_QPS] = { "Q/S", 5, 0, 1, .is_right = true, .worst_first = true },
	[COL_SPARK] = { "", 10, 0, 9, .is_unsorted = true },
	[COL_AGE] = { "AGE", 5, 0, 2, .is_right = true, .worst_first = true },
	[COL_BGP] = { "DAEMON", 8, 0, 0, .is_wide = true },
	[COL_DNS] = { "SERVER", 8, 0, 0, .is_wide = true },
	[COL_IDENTITY] = { "IDENTITY", 12, 1, 0, .is_wide = true },
	[COL_LOAD] = { "LOAD", 5, 0, 0, .is_right = true, .is_wide = true, .worst_first = true },
	[COL_REASON] = { "WHY", 16, 3, 7 },
};

static const struct node *
node_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->fleet->nodes[row.a];
}

static bool
is_stale(const struct view_at *at, struct view_row row)
{
	return ui_node_is_outdated(at->ui, node_at(at, row));
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return node_at(at, row)->verdict != VERDICT_OK || is_stale(at, row);
}

static void
cell_plane(const struct node *n, enum plane_name which, struct table_cell *out)
{
	static const char *const words[] = {
		[TRI_UNKNOWN] = "?", [TRI_NO] = "NO", [TRI_YES] = "ok"
	};
	static const enum role looks[] = {
		[TRI_UNKNOWN] = ROLE_UNKNOWN, [TRI_NO] = ROLE_BAD, [TRI_YES] = ROLE_MUTED
	};
	enum tri t = n->planes[which].is_good;
	snprintf(out->text, sizeof out->text, "%s", words[t]);
	out->role = looks[t];
	out->order = t == TRI_NO ? 0 : t == TRI_UNKNOWN ? 1 : 2;
}

static void
cell_reason(const struct node *n, struct table_cell *out)
{
	const char *text =
		n->verdict != VERDICT_OK && n->reasons.n > 0 ? n->reasons.text[0] : n->error;
	snprintf(out->text, sizeof out->text, "%s", text);
}

static void
cell_spark(const struct ui *ui, size_t node, struct table_cell *out)
{
	if (ui->node_sparks) {
		out->spark = ui->node_sparks[node].samples;
		out->n_spark = ui->node_sparks[node].n;
	}
	out->role = ROLE_RATE;
}

static void
cell_load(const struct node *n, struct table_cell *out)
{
	ui_load(n->qps, n->capacity_qps, out->text, sizeof out->text);
	out->order = ui_load_share(n->qps, n->capacity_qps);
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct ui *ui = at->ui;
	const struct node *n = node_at(at, row);
	switch ((enum column)column) {
	case COL_NODE:
		snprintf(out->text, sizeof out->text, "%s", n->name);
		out->role = n->verdict == VERDICT_OK ? ROLE_TEXT : ROLE_STRONG;
		break;
	case COL_POP:
		if (n->pop < ui->fleet->n_pops)
			snprintf(out->text, sizeof out->text, "%s", ui->fleet->pops[n->pop].name);
		break;
	case COL_VERDICT:
		view_cell_verdict(out, n->verdict, is_stale(at, row));
		break;
	case COL_SESSION:
		cell_plane(n, PLANE_SESSION, out);
		break;
	case COL_WIRE:
		cell_plane(n, PLANE_WIRE, out);
		break;
	case COL_SERVICE:
		cell_plane(n, PLANE_SERVICE, out);
		break;
	case COL_QPS:
		view_cell_number(out, n->qps);
		break;
	case COL_SPARK:
		cell_spark(ui, row.a, out);
		break;
	case COL_AGE:
		view_cell_age(out, node_age_s(n, ui->now), (double)n->poll_ms / 1000);
		break;
	case COL_BGP:
		snprintf(out->text, sizeof out->text, "%s", n->bgp_driver);
		out->role = ROLE_MUTED;
		break;
	case COL_DNS:
		snprintf(out->text, sizeof out->text, "%s", n->dns_driver);
		out->role = ROLE_MUTED;
		break;
	case COL_IDENTITY:
		snprintf(out->text, sizeof out->text, "%s",
			n->facts->identity ? n->facts->identity : "");
		break;
	case COL_LOAD:
		cell_load(n, out);
		break;
	case COL_REASON:
		cell_reason(n, out);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	snprintf(out, TABLE_ID_MAX, "%s", node_at(at, row)->name);
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	const struct fleet *f = ui->fleet;
	bool is_about_pop = list->about.kind == TARGET_POP;
	list->columns[COL_NODE].width = view_name_width(ui, true, 6, cols < 100 ? 12 : 24);
	list->columns[COL_POP].width = view_name_width(ui, false, 4, cols < 100 ? 8 : 20);
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		if (n->role != NODE_MEMBER)
			continue;
		if (is_about_pop && (n->pop >= f->n_pops ||
					    strcmp(f->pops[n->pop].name, list->about.name) != 0))
			continue;
		view_list_add(list, i, 0);
	}
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t row = table_row(&list->table);
	if (row < list->n_rows && list->rows[row].a < ui->fleet->n_nodes) {
		t.kind = TARGET_NODE;
		snprintf(t.name, sizeof t.name, "%s", ui->fleet->nodes[list->rows[row].a].name);
	}
	return t;
}

const struct view_ops view_nodes = {
	.name = "nodes",
	.title = "nodes and their three planes",
	.key = '3',
	.kind = VIEW_LIST,
	.inside = "describe",
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
