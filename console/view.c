/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of views, and what list views have in common. A list view's file says what its columns
 * are and what stands in a cell; moving, filtering, sorting and marking is done once, here.
 */
#include "console/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/pager.h"
#include "core/text.h"

#define DETAIL_FROM 8 /* rows of a list */

static const struct view_ops *const views[] = {
#define VIEW(symbol) &view_##symbol,
#include "console/views.def"
#undef VIEW
};

#define N_VIEWS (sizeof views / sizeof *views)

size_t
view_find_prefix(const struct fleet *f, const struct view_target *t)
{
	struct prefix wanted;
	if (t->kind != TARGET_PREFIX || prefix_parse(slice_of(t->name), &wanted, NULL) == -1)
		return SIZE_MAX;
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (prefix_equal(&f->prefixes[i].prefix, &wanted))
			return i;
	return SIZE_MAX;
}

const struct session_fact *
view_find_session(const struct fleet *f, const struct view_target *t, const struct node **node)
{
	size_t i = t->kind == TARGET_SESSION ? fleet_find_node(f, t->name) : SIZE_MAX;
	if (i == SIZE_MAX)
		return NULL;
	*node = &f->nodes[i];
	for (size_t k = 0; k < (*node)->facts->n_sessions; k++) {
		const struct session_fact *s = &(*node)->facts->sessions[k];
		if ((s->name && strcmp(s->name, t->peer) == 0) || (s->peer && strcmp(s->peer, t->peer) == 0))
			return s;
	}
	return NULL;
}

static bool
find_named_session(const struct fleet *f, const char *name, struct view_target *out)
{
	const struct node *node;
	const char *slash = strchr(name, '/');
	if (!slash)
		return false;
	out->kind = TARGET_SESSION;
	slice_copy((struct slice){ name, (size_t)(slash - name) }, out->name, sizeof out->name);
	snprintf(out->peer, sizeof out->peer, "%s", slash + 1);
	return view_find_session(f, out, &node) != NULL;
}

bool
view_find_target(const struct fleet *f, const char *name, struct view_target *out)
{
	*out = (struct view_target){ .kind = TARGET_NONE };
	if (find_named_session(f, name, out))
		return true;
	*out = (struct view_target){ .kind = TARGET_PREFIX };
	snprintf(out->name, sizeof out->name, "%s", name);
	if (view_find_prefix(f, out) != SIZE_MAX)
		return true;
	out->kind = fleet_find_pop(f, name) != SIZE_MAX       ? TARGET_POP
	            : fleet_find_node(f, name) != SIZE_MAX    ? TARGET_NODE
	            : fleet_find_service(f, name) != SIZE_MAX ? TARGET_SERVICE
	                                                      : TARGET_NONE;
	return out->kind != TARGET_NONE;
}

const struct view_ops *
view_get(size_t i)
{
	return i < N_VIEWS ? views[i] : NULL;
}

const struct view_ops *
view_find(const char *name)
{
	for (size_t i = 0; i < N_VIEWS; i++)
		if (strcmp(views[i]->name, name) == 0)
			return views[i];
	return NULL;
}

const struct view_ops *
view_find_key(char key)
{
	for (size_t i = 0; key && i < N_VIEWS; i++)
		if (views[i]->key == key)
			return views[i];
	return NULL;
}

/* The rows of a list at this moment, as the table asks for them. */
struct source {
	struct view_at at;
	struct table_source table;
};

static struct view_row
row_at(const struct source *s, size_t i)
{
	return s->at.list->rows[i];
}

static void
source_cell(const void *arg, size_t row, int column, struct table_cell *out)
{
	const struct source *s = arg;
	s->at.list->ops->cell(&s->at, row_at(s, row), column, out);
}

static void
source_id(const void *arg, size_t row, char out[TABLE_ID_MAX])
{
	const struct source *s = arg;
	s->at.list->ops->id(&s->at, row_at(s, row), out);
}

static bool
source_is_fault(const void *arg, size_t row)
{
	const struct source *s = arg;
	return s->at.list->ops->is_fault(&s->at, row_at(s, row));
}

static bool
source_is_stale(const void *arg, size_t row)
{
	const struct source *s = arg;
	return s->at.list->ops->is_stale(&s->at, row_at(s, row));
}

static void
source_make(struct source *s, const struct view_list *list, const struct ui *ui)
{
	*s = (struct source){ .at = { list, ui } };
	s->table = (struct table_source){
		.n = list->n_rows,
		.arg = s,
		.cell = source_cell,
		.id = source_id,
		.is_fault = list->ops->is_fault ? source_is_fault : NULL,
		.is_stale = list->ops->is_stale ? source_is_stale : NULL,
	};
}

void
view_list_add(struct view_list *list, size_t a, size_t b)
{
	list->rows = xgrow(list->rows, &list->cap_rows, list->n_rows + 1, sizeof *list->rows);
	list->rows[list->n_rows++] = (struct view_row){ a, b };
}

static struct view_list *
list_open(const struct view_ops *ops, const struct view_target *about)
{
	struct view_list *list = xcalloc(1, sizeof *list);
	list->ops = ops;
	list->about = *about;
	memcpy(list->columns, ops->columns, (size_t)ops->n_columns * sizeof *ops->columns);
	table_init(&list->table, list->columns, ops->n_columns, ops->sort);
	return list;
}

static void
list_close(struct view_list *list)
{
	table_done(&list->table);
	free(list->rows);
	free(list);
}

/* The last line is the detail's, on screens that can spare it. */
static int
detail_rows(const struct view_list *list, int rows)
{
	return list->ops->detail > 0 && rows >= DETAIL_FROM ? 1 : 0;
}

static void
list_update(struct view_list *list, const struct ui *ui, int cols, int rows)
{
	struct source s;
	list->n_rows = 0;
	list->ops->collect(list, ui, cols);
	source_make(&s, list, ui);
	table_update(&list->table, &s.table, rows - detail_rows(list, rows));
}

static void
draw_nothing(const struct table *t, const struct ui *ui, struct canvas *c)
{
	char text[200];
	if (t->n_all > 0 && t->filter)
		snprintf(text, sizeof text, "None of %zu matches /%s", t->n_all, t->filter_text);
	else if (t->n_all > 0)
		snprintf(text, sizeof text, "No faults among %zu. z shows all.", t->n_all);
	else if (ui->link.state == LINK_STARTING)
		snprintf(text, sizeof text, "Waiting for the backend.");
	else
		snprintf(text, sizeof text, "Nothing to show.");
	canvas_text(c, 1, 2, c->cols - 2, ROLE_MUTED, text);
}

static void
draw_detail(const struct view_list *list, const struct source *s, struct canvas *c)
{
	size_t row = table_row(&list->table);
	if (row >= list->n_rows)
		return;
	struct table_cell who = { .role = ROLE_TEXT }, what = { .role = ROLE_TEXT };
	source_cell(s, row, 0, &who);
	source_cell(s, row, list->ops->detail, &what);
	if (what.text[0] == '\0')
		return;
	int x = 1 + canvas_text(c, 1, c->rows - 1, c->cols / 3, ROLE_STRONG, who.text);
	canvas_text(c, x + 1, c->rows - 1, c->cols - x - 2,
		what.role == ROLE_MUTED ? ROLE_MUTED : ROLE_TEXT, what.text);
}

static void
list_draw(const struct view_list *list, const struct ui *ui, struct canvas *c)
{
	struct source s;
	int below = detail_rows(list, c->rows);
	struct canvas rows = canvas_window(c, (struct rect){ 0, 0, c->cols, c->rows - below });
	source_make(&s, list, ui);
	table_draw(&list->table, &s.table, &rows);
	if (below > 0)
		draw_detail(list, &s, c);
	if (list->table.n_rows == 0)
		draw_nothing(&list->table, ui, c);
}

static bool
list_move(struct table *t, const struct table_source *s, enum action action)
{
	long page = t->page > 1 ? t->page - 1 : 1;
	switch (action) {
	case ACTION_DOWN:
		table_move(t, s, 1);
		return true;
	case ACTION_UP:
		table_move(t, s, -1);
		return true;
	case ACTION_PAGE_DOWN:
		table_move(t, s, page);
		return true;
	case ACTION_PAGE_UP:
		table_move(t, s, -page);
		return true;
	case ACTION_TOP:
		table_move_to(t, s, 0);
		return true;
	case ACTION_BOTTOM:
		table_move_to(t, s, t->n_rows ? t->n_rows - 1 : 0);
		return true;
	default:
		return false;
	}
}

static bool
list_command(struct view_list *list, const struct ui *ui, enum action action)
{
	struct table *t = &list->table;
	struct source s;
	source_make(&s, list, ui);
	switch (action) {
	case ACTION_LEFT:
		t->shift -= t->shift > 0;
		return true;
	case ACTION_RIGHT:
		t->shift += t->shift < t->n_columns - 2;
		return true;
	case ACTION_SORT:
		table_sort_next(t);
		return true;
	case ACTION_REVERSE:
		t->is_turned = !t->is_turned;
		return true;
	case ACTION_WIDE:
		t->is_wide = !t->is_wide;
		return true;
	case ACTION_FAULTS:
		t->faults_only = !t->faults_only;
		return true;
	case ACTION_MARK:
		table_mark(t);
		table_move(t, &s.table, 1);
		return true;
	default:
		return list_move(t, &s.table, action);
	}
}

static bool
list_click(struct view_list *list, const struct ui *ui, const struct key *mouse)
{
	struct source s;
	source_make(&s, list, ui);
	if (mouse->mouse == MOUSE_WHEEL_DOWN || mouse->mouse == MOUSE_WHEEL_UP) {
		table_move(&list->table, &s.table, mouse->mouse == MOUSE_WHEEL_DOWN ? 3 : -3);
		return true;
	}
	return mouse->mouse == MOUSE_PRESS && table_click(&list->table, &s.table, mouse->y);
}

static void
list_status(const struct table *t, char *out, size_t size)
{
	char filter[FILTER_TEXT_MAX + 4] = "", marks[24] = "";
	if (t->filter)
		snprintf(filter, sizeof filter, " /%s", t->filter_text);
	if (t->n_marks > 0)
		snprintf(marks, sizeof marks, " %zu marked", t->n_marks);
	if (t->n_rows == t->n_all)
		snprintf(out, size, "%zu%s%s", t->n_all, t->is_wide ? " wide" : "", marks);
	else
		snprintf(out, size, "%zu of %zu%s%s%s%s", t->n_rows, t->n_all,
			t->faults_only ? " faults" : "", filter, t->is_wide ? " wide" : "", marks);
}

void *
view_open(const struct view_ops *ops, const struct ui *ui, const struct view_target *about)
{
	switch (ops->kind) {
	case VIEW_LIST:
		return list_open(ops, about);
	case VIEW_TEXT:
		return pager_new(about);
	case VIEW_OWN:
		break;
	}
	return ops->open(ui, about);
}

void
view_close(const struct view_ops *ops, void *view)
{
	switch (ops->kind) {
	case VIEW_LIST:
		list_close(view);
		return;
	case VIEW_TEXT:
		pager_free(view);
		return;
	case VIEW_OWN:
		ops->close(view);
		return;
	}
}

void
view_update(const struct view_ops *ops, void *view, const struct ui *ui, int cols, int rows)
{
	switch (ops->kind) {
	case VIEW_LIST:
		list_update(view, ui, cols, rows);
		return;
	case VIEW_TEXT:
		pager_begin(view, cols, rows);
		ops->write(view, ui, pager_about(view), cols);
		pager_end(view);
		return;
	case VIEW_OWN:
		ops->update(view, ui, cols, rows);
		return;
	}
}

void
view_draw(const struct view_ops *ops, const void *view, const struct ui *ui, struct canvas *c)
{
	switch (ops->kind) {
	case VIEW_LIST:
		list_draw(view, ui, c);
		return;
	case VIEW_TEXT:
		pager_draw(view, c);
		return;
	case VIEW_OWN:
		ops->draw(view, ui, c);
		return;
	}
}

bool
view_command(const struct view_ops *ops, void *view, const struct ui *ui, enum action action)
{
	switch (ops->kind) {
	case VIEW_LIST:
		return list_command(view, ui, action);
	case VIEW_TEXT:
		return pager_command(view, action);
	case VIEW_OWN:
		break;
	}
	return ops->command(view, ui, action);
}

bool
view_click(const struct view_ops *ops, void *view, const struct ui *ui, const struct key *mouse)
{
	switch (ops->kind) {
	case VIEW_LIST:
		return list_click(view, ui, mouse);
	case VIEW_TEXT:
		if (mouse->mouse == MOUSE_WHEEL_DOWN || mouse->mouse == MOUSE_WHEEL_UP)
			pager_scroll(view, mouse->mouse == MOUSE_WHEEL_DOWN ? 3 : -3);
		return true;
	case VIEW_OWN:
		break;
	}
	return ops->click(view, ui, mouse);
}

struct view_target
view_target(const struct view_ops *ops, const void *view, const struct ui *ui)
{
	if (ops->target)
		return ops->target(view, ui);
	if (ops->kind == VIEW_TEXT)
		return *pager_about(view);
	return (struct view_target){ .kind = TARGET_NONE };
}

void
view_status(
	const struct view_ops *ops, const void *view, const struct ui *ui, char *out, size_t size)
{
	out[0] = '\0';
	switch (ops->kind) {
	case VIEW_LIST:
		list_status(&((const struct view_list *)view)->table, out, size);
		return;
	case VIEW_TEXT:
		pager_status(view, out, size);
		return;
	case VIEW_OWN:
		ops->status(view, ui, out, size);
		return;
	}
}

size_t
view_marks(const struct view_ops *ops, const void *view, char out[][TABLE_ID_MAX], size_t max)
{
	const struct view_list *list = view;
	if (ops->kind != VIEW_LIST)
		return 0;
	for (size_t i = 0; i < list->table.n_marks && i < max; i++)
		snprintf(out[i], TABLE_ID_MAX, "%s", list->table.marks[i]);
	return list->table.n_marks;
}

void
view_set_filter(const struct view_ops *ops, void *view, const char *text)
{
	if (ops->kind == VIEW_LIST)
		table_set_filter(&((struct view_list *)view)->table, text);
}

const char *
view_filter(const struct view_ops *ops, const void *view)
{
	return ops->kind == VIEW_LIST ? ((const struct view_list *)view)->table.filter_text : "";
}

bool
view_search(const struct view_ops *ops, void *view, const struct ui *ui, const struct filter *f,
	bool backwards)
{
	if (ops->kind == VIEW_LIST) {
		struct view_list *list = view;
		struct source s;
		source_make(&s, list, ui);
		return table_search(&list->table, &s.table, f, backwards);
	}
	return ops->kind == VIEW_TEXT && pager_search(view, f, backwards);
}

void
view_cell_verdict(struct table_cell *out, enum verdict v, bool is_stale)
{
	snprintf(out->text, sizeof out->text, "%s%s", is_stale ? "~" : "", verdict_name(v));
	/* what is as it should be stays quiet */
	out->role = is_stale ? ROLE_STALE : v == VERDICT_OK ? ROLE_MUTED : role_of_verdict(v);
	/* the last known verdict still says how urgent it is, but a stale "ok" is worth no more
	 * than unknown */
	out->order = is_stale && v == VERDICT_OK ? VERDICT_UNKNOWN : (double)v;
}

void
view_cell_number(struct table_cell *out, double value)
{
	text_number(value, out->text, sizeof out->text);
	out->order = value;
	if (isnan(value))
		out->role = ROLE_MUTED;
}

void
view_cell_age(struct table_cell *out, double age_s, double poll_s)
{
	ui_age(age_s, poll_s, out->text, sizeof out->text);
	out->role = ROLE_WARN;
	out->order = age_s < 0 ? INFINITY : age_s;
}

int
view_name_width(const struct ui *ui, bool nodes, int low, int high)
{
	int width = low;
	size_t n = nodes ? ui->fleet->n_nodes : ui->fleet->n_pops;
	for (size_t i = 0; i < n; i++) {
		int w = text_width(nodes ? ui->fleet->nodes[i].name : ui->fleet->pops[i].name);
		if (w > width)
			width = w;
	}
	return width > high ? high : width;
}
