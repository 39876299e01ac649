/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of BGP sessions (key 4): one row a peering, what is down first. The state is the
 * daemon's FSM word; only Established is up, and a session that its operator shut is told apart
 * from one that fell.
 */
#include <stdio.h>
#include <string.h>

#include "console/view.h"

enum column {
	COL_NODE,
	COL_PEER,
	COL_ASN,
	COL_STATE,
	COL_FOR,
	COL_ADVERTISED,
	COL_RECEIVED,
	COL_NAME,
	COL_FAMILY,
	COL_ADMIN,
	COL_BFD,
	COL_HOLD,
	COL_ERROR,
	COL_COUNT,
};

static const struct table_column columns[COL_COUNT] = {
	[COL_NODE] = { "NODE", 6, 0, 0 },
	[COL_PEER] = { "PEER", 15, 0, 0 },
	[COL_ASN] = { "AS", 6, 0, 4, .is_right = true },
	[COL_STATE] = { "STATE", 12, 0, 0 },
	[COL_FOR] = { "FOR", 6, 0, 2, .is_right = true },
	[COL_ADVERTISED] = { "SENT", 5, 0, 3, .is_right = true },
	[COL_RECEIVED] = { "RCVD", 5, 0, 5, .is_right = true },
	[COL_NAME] = { "NAME", 12, 0, 0, .is_wide = true },
	[COL_FAMILY] = { "FAM", 3, 0, 0, .is_wide = true },
	[COL_ADMIN] = { "ADMIN", 7, 0, 0, .is_wide = true },
	[COL_BFD] = { "BFD", 4, 0, 0, .is_wide = true },
	[COL_HOLD] = { "HOLD", 4, 0, 0, .is_right = true, .is_wide = true },
	[COL_ERROR] = { "LAST ERROR", 12, 1, 7 },
};

static const struct node *
node_at(const struct view_at *at, struct view_row row)
{
	return &at->ui->fleet->nodes[row.a];
}

static const struct session_fact *
session_at(const struct view_at *at, struct view_row row)
{
	return &node_at(at, row)->facts->sessions[row.b];
}

static bool
is_stale(const struct view_at *at, struct view_row row)
{
	return node_is_stale(node_at(at, row), at->ui->now);
}

static bool
is_fault(const struct view_at *at, struct view_row row)
{
	return session_at(at, row)->state != FSM_ESTABLISHED || is_stale(at, row);
}

static void
cell_state(const struct session_fact *s, struct table_cell *out)
{
	bool is_shut = s->admin_state == ADMIN_DOWN;
	const char *word =
		s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state);
	if (is_shut && s->state != FSM_ESTABLISHED)
		snprintf(out->text, sizeof out->text, "shut down");
	else
		snprintf(out->text, sizeof out->text, "%s", word);
	out->role = s->state == FSM_ESTABLISHED ? ROLE_MUTED
	            : is_shut                   ? ROLE_DRAINED
	            : s->state == FSM_UNKNOWN   ? ROLE_UNKNOWN
	                                        : ROLE_BAD;
	out->order = s->state == FSM_ESTABLISHED ? 3
	             : is_shut                   ? 2
	             : s->state == FSM_UNKNOWN   ? 1
	                                         : 0;
}

static void
cell_error(const struct session_fact *s, struct table_cell *out)
{
	const struct last_error *e = &s->last_error;
	char age[24] = "";
	if (!e->text && !e->message)
		return;
	if (e->age_s >= 0) {
		duration_format(e->age_s, age, sizeof age - 4);
		strcat(age, " ago ");
	}
	snprintf(out->text, sizeof out->text, "%s%s%s%s", age, e->text ? e->text : "",
		e->text && e->message ? ": " : "", e->message ? e->message : "");
	out->role = s->state == FSM_ESTABLISHED ? ROLE_MUTED : ROLE_TEXT;
}

static void
cell_known(struct table_cell *out, int64_t n)
{
	if (n < 0) {
		snprintf(out->text, sizeof out->text, "-");
		out->role = ROLE_MUTED;
		return;
	}
	view_cell_number(out, (double)n);
}

/* How long it is in its state: what was read, and the time since; in steps below a minute. */
static void
format_since(const struct view_at *at, struct view_row row, const struct session_fact *s,
	struct table_cell *out)
{
	struct mono seen = node_at(at, row)->planes[PLANE_SESSION].seen;
	int64_t since = s->since_s;
	if (since >= 0 && mono_is_set(seen))
		since += mono_ms_since(at->ui->now, seen) / 1000;
	if (since > 10 && since < 60)
		since -= since % 10;
	duration_format(since, out->text, sizeof out->text);
}

static void
cell_family(unsigned families, struct table_cell *out)
{
	static const char *const words[] = { "?", "4", "6", "4+6" };
	snprintf(out->text, sizeof out->text, "%s", words[families & 3]);
}

static void
cell(const struct view_at *at, struct view_row row, int column, struct table_cell *out)
{
	const struct session_fact *s = session_at(at, row);
	switch ((enum column)column) {
	case COL_NODE:
		snprintf(out->text, sizeof out->text, "%s", node_at(at, row)->name);
		out->role = s->state == FSM_ESTABLISHED ? ROLE_TEXT : ROLE_STRONG;
		break;
	case COL_PEER:
		snprintf(out->text, sizeof out->text, "%s",
			s->peer   ? s->peer
			: s->name ? s->name
				  : "?");
		break;
	case COL_ASN:
		if (s->peer_asn >= 0)
			snprintf(out->text, sizeof out->text, "%lld", (long long)s->peer_asn);
		out->order = (double)s->peer_asn;
		break;
	case COL_STATE:
		cell_state(s, out);
		break;
	case COL_FOR:
		format_since(at, row, s, out);
		out->order = (double)s->since_s;
		out->role = ROLE_MUTED;
		break;
	case COL_ADVERTISED:
		cell_known(out, s->advertised);
		break;
	case COL_RECEIVED:
		cell_known(out, s->received);
		break;
	case COL_NAME:
		snprintf(out->text, sizeof out->text, "%s",
			s->description ? s->description
			: s->name      ? s->name
				       : "");
		break;
	case COL_FAMILY:
		cell_family(s->families, out);
		break;
	case COL_ADMIN:
		snprintf(out->text, sizeof out->text, "%s", admin_state_name(s->admin_state));
		break;
	case COL_BFD:
		snprintf(out->text, sizeof out->text, "%s",
			s->bfd_up == TRI_UNKNOWN ? ""
			: s->bfd_up == TRI_YES   ? "up"
						 : "DOWN");
		out->role = s->bfd_up == TRI_NO ? ROLE_BAD : ROLE_MUTED;
		break;
	case COL_HOLD:
		cell_known(out, s->hold_s);
		break;
	case COL_ERROR:
		cell_error(s, out);
		break;
	case COL_COUNT:
		break;
	}
}

static void
id(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX])
{
	const struct session_fact *s = session_at(at, row);
	snprintf(out, TABLE_ID_MAX, "%s|%s|%zu", node_at(at, row)->name, s->name ? s->name : "",
		row.b);
}

static bool
is_wanted(const struct view_target *about, const struct fleet *f, const struct node *n)
{
	if (about->kind == TARGET_POP)
		return n->pop < f->n_pops && strcmp(f->pops[n->pop].name, about->name) == 0;
	if (about->kind == TARGET_NODE)
		return strcmp(n->name, about->name) == 0;
	return true;
}

static void
collect(struct view_list *list, const struct ui *ui, int cols)
{
	list->columns[COL_NODE].width = view_name_width(ui, true, 6, cols < 100 ? 10 : 24);
	list->columns[COL_PEER].width = cols < 100 ? 15 : 26;
	for (size_t i = 0; i < ui->fleet->n_nodes; i++) {
		const struct node *n = &ui->fleet->nodes[i];
		if (n->role != NODE_MEMBER || !is_wanted(&list->about, ui->fleet, n))
			continue;
		for (size_t k = 0; k < n->facts->n_sessions; k++)
			view_list_add(list, i, k);
	}
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct view_list *list = view;
	struct view_target t = { .kind = TARGET_NONE };
	size_t i = table_row(&list->table);
	if (i >= list->n_rows || list->rows[i].a >= ui->fleet->n_nodes)
		return t;
	const struct node *n = &ui->fleet->nodes[list->rows[i].a];
	if (list->rows[i].b >= n->facts->n_sessions)
		return t;
	t.kind = TARGET_SESSION;
	snprintf(t.name, sizeof t.name, "%s", n->name);
	const struct session_fact *s = &n->facts->sessions[list->rows[i].b];
	snprintf(t.peer, sizeof t.peer, "%s", s->name ? s->name : s->peer ? s->peer : "");
	return t;
}

const struct view_ops view_sessions = {
	.name = "sessions",
	.title = "BGP sessions, what is down first",
	.key = '4',
	.kind = VIEW_LIST,
	.inside = "describe",
	.target = target,
	.columns = columns,
	.n_columns = COL_COUNT,
	.sort = COL_STATE,
	.detail = COL_ERROR,
	.collect = collect,
	.cell = cell,
	.id = id,
	.is_fault = is_fault,
	.is_stale = is_stale,
};
