/* SPDX-License-Identifier: Apache-2.0
 *
 * The list that most views are made of. A table holds no facts: it keeps what the operator chose
 * (order, filter, cursor, marks) and asks its source for everything else each time, so a row can
 * never show what is no longer so.
 *
 * The cursor and the marks hold on to who a row is, not to where it stands: when a fault jumps to
 * the top of the list, the row being looked at stays under the cursor, and what was marked stays
 * marked though it is filtered away. When the row under the cursor is gone, the cursor keeps its
 * place.
 *
 * Columns give way by rank when the screen is narrow. Never the other way round: a number is not
 * cut, its column goes.
 */
#include "console/table.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/chart.h"
#include "core/text.h"

#define GAP          2 /* cells between columns */
#define COLUMNS_MAX  64
#define MARKS_MAX    1024
#define ROW_TEXT_MAX 2048

int
text_compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t na, nb;
			while (*a == '0')
				a++;
			while (*b == '0')
				b++;
			na = strspn(a, "0123456789");
			nb = strspn(b, "0123456789");
			int order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
			if (order != 0)
				return order;
			a += na;
			b += nb;
			continue;
		}
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		a++;
		b++;
	}
	return *a ? 1 : *b ? -1 : 0;
}

void
table_init(struct table *t, const struct table_column *columns, int n_columns, int sort)
{
	*t = (struct table){ .columns = columns, .n_columns = n_columns, .sort = sort, .page = 1 };
}

void
table_done(struct table *t)
{
	filter_free(t->filter);
	free(t->rows);
	free(t->marks);
	*t = (struct table){ 0 };
}

static struct table_cell
ask(const struct table_source *s, size_t row, int column)
{
	struct table_cell cell = { .role = ROLE_TEXT, .order = NAN };
	s->cell(s->arg, row, column, &cell);
	return cell;
}

static bool
is_shown(const struct table *t, int column)
{
	return t->is_wide || !t->columns[column].is_wide;
}

/* All that a row says, for filters. */
static void
row_text(const struct table *t, const struct table_source *s, size_t row, char out[ROW_TEXT_MAX])
{
	size_t n = 0;
	out[0] = '\0';
	for (int i = 0; i < t->n_columns && n < ROW_TEXT_MAX - 1; i++) {
		struct table_cell cell = ask(s, row, i);
		int added = snprintf(out + n, ROW_TEXT_MAX - n, "%s%s", n ? " " : "", cell.text);
		n += added < 0 ? 0 : (size_t)added;
	}
}

struct ordered {
	size_t row;
	double order;
	char text[32]; /* enough of it to sort by */
	char id[TABLE_ID_MAX];
};

static int
compare_values(const struct ordered *a, const struct ordered *b)
{
	if (!isnan(a->order) || !isnan(b->order)) {
		if (isnan(a->order))
			return 2; /* what is not known comes last, whatever the direction */
		if (isnan(b->order))
			return -2;
		return a->order < b->order ? -1 : a->order > b->order ? 1 : 0;
	}
	return text_compare_natural(a->text, b->text);
}

static int
compare(const void *va, const void *vb, void *arg)
{
	const struct ordered *a = va, *b = vb;
	bool is_down = *(const bool *)arg;
	int order = compare_values(a, b);
	if (order == 0)
		return text_compare_natural(a->id, b->id);
	return is_down && (order == 1 || order == -1) ? -order : order;
}

static void
sort_rows(struct table *t, const struct table_source *s)
{
	if (t->sort < 0 || t->n_rows < 2)
		return;
	bool is_down = t->columns[t->sort].worst_first != t->is_turned;
	struct ordered *all = xcalloc(t->n_rows, sizeof *all);
	for (size_t i = 0; i < t->n_rows; i++) {
		struct table_cell cell = ask(s, t->rows[i], t->sort);
		all[i].row = t->rows[i];
		all[i].order = cell.order;
		snprintf(all[i].text, sizeof all[i].text, "%s", cell.text);
		s->id(s->arg, t->rows[i], all[i].id);
	}
	qsort_r(all, t->n_rows, sizeof *all, compare, &is_down);
	for (size_t i = 0; i < t->n_rows; i++)
		t->rows[i] = all[i].row;
	free(all);
}

static void
collect_rows(struct table *t, const struct table_source *s)
{
	char text[ROW_TEXT_MAX];
	t->n_all = s->n;
	t->n_rows = 0;
	t->rows = xgrow(t->rows, &t->cap_rows, s->n ? s->n : 1, sizeof *t->rows);
	for (size_t i = 0; i < s->n; i++) {
		if (t->faults_only && s->is_fault && !s->is_fault(s->arg, i))
			continue;
		if (t->filter) {
			row_text(t, s, i, text);
			if (!filter_match(t->filter, text))
				continue;
		}
		t->rows[t->n_rows++] = i;
	}
}

static void
remember_cursor(struct table *t, const struct table_source *s)
{
	t->cursor_id[0] = '\0';
	if (t->cursor < t->n_rows)
		s->id(s->arg, t->rows[t->cursor], t->cursor_id);
}

static void
follow_cursor(struct table *t, const struct table_source *s)
{
	char id[TABLE_ID_MAX];
	if (t->cursor_id[0] == '\0' || t->n_rows == 0)
		return;
	for (size_t i = 0; i < t->n_rows; i++) {
		s->id(s->arg, t->rows[i], id);
		if (strcmp(id, t->cursor_id) == 0) {
			t->cursor = i;
			return;
		}
	}
}

static void
keep_in_sight(struct table *t)
{
	size_t page = t->page > 0 ? (size_t)t->page : 1;
	if (t->n_rows == 0) {
		t->cursor = t->top = 0;
		return;
	}
	if (t->cursor >= t->n_rows)
		t->cursor = t->n_rows - 1;
	if (t->cursor < t->top)
		t->top = t->cursor;
	if (t->cursor >= t->top + page)
		t->top = t->cursor - page + 1;
	if (t->top + page > t->n_rows)
		t->top = t->n_rows > page ? t->n_rows - page : 0;
}

void
table_update(struct table *t, const struct table_source *s, int height)
{
	t->page = height - 1;
	collect_rows(t, s);
	sort_rows(t, s);
	/* a cursor never moved stays at the top, where the worst arrive */
	if (t->cursor > 0)
		follow_cursor(t, s);
	keep_in_sight(t);
	remember_cursor(t, s);
}

void
table_set_filter(struct table *t, const char *text)
{
	filter_free(t->filter);
	snprintf(t->filter_text, sizeof t->filter_text, "%s", text);
	t->filter = filter_new(t->filter_text);
}

void
table_move_to(struct table *t, const struct table_source *s, size_t index)
{
	t->cursor = index;
	keep_in_sight(t);
	remember_cursor(t, s);
}

void
table_move(struct table *t, const struct table_source *s, long by)
{
	if (by < 0 && t->cursor < (size_t)-by)
		table_move_to(t, s, 0);
	else
		table_move_to(t, s, t->cursor + (size_t)by);
}

bool
table_search(struct table *t, const struct table_source *s, const struct filter *f, bool backwards)
{
	char text[ROW_TEXT_MAX];
	for (size_t step = 1; step <= t->n_rows; step++) {
		size_t i = (t->cursor + (backwards ? t->n_rows - step : step)) % t->n_rows;
		row_text(t, s, t->rows[i], text);
		if (filter_match(f, text)) {
			table_move_to(t, s, i);
			return true;
		}
	}
	return false;
}

void
table_sort_next(struct table *t)
{
	for (int step = 0; step <= t->n_columns; step++) {
		t->sort = t->sort + 1 >= t->n_columns ? 0 : t->sort + 1;
		if (!t->columns[t->sort].is_unsorted && is_shown(t, t->sort))
			break;
	}
	t->is_turned = false;
}

static size_t
find_mark(const struct table *t, const char *id)
{
	for (size_t i = 0; i < t->n_marks; i++)
		if (strcmp(t->marks[i], id) == 0)
			return i;
	return SIZE_MAX;
}

bool
table_is_marked(const struct table *t, const char *id)
{
	return t->n_marks > 0 && find_mark(t, id) != SIZE_MAX;
}

void
table_mark(struct table *t)
{
	size_t i = find_mark(t, t->cursor_id);
	if (t->cursor_id[0] == '\0')
		return;
	if (i != SIZE_MAX) {
		memmove(t->marks[i], t->marks[--t->n_marks], TABLE_ID_MAX);
		return;
	}
	if (t->n_marks == MARKS_MAX)
		return;
	t->marks = xgrow(t->marks, &t->cap_marks, t->n_marks + 1, sizeof *t->marks);
	memcpy(t->marks[t->n_marks++], t->cursor_id, TABLE_ID_MAX);
}

size_t
table_row(const struct table *t)
{
	return t->cursor < t->n_rows ? t->rows[t->cursor] : SIZE_MAX;
}

bool
table_click(struct table *t, const struct table_source *s, int y)
{
	if (y < 1 || t->top + (size_t)y - 1 >= t->n_rows)
		return false;
	table_move_to(t, s, t->top + (size_t)y - 1);
	return true;
}

/* Which columns are there, where they start and how wide they are. */
struct layout {
	int n;
	int column[COLUMNS_MAX], x[COLUMNS_MAX], width[COLUMNS_MAX];
};

static int
total_width(const struct table *t, const struct layout *l)
{
	int sum = 1;
	for (int i = 0; i < l->n; i++)
		sum += t->columns[l->column[i]].width + (i ? GAP : 0);
	return sum;
}

static bool
drop_one(const struct table *t, struct layout *l)
{
	int worst = -1;
	for (int i = 0; i < l->n; i++)
		if (t->columns[l->column[i]].drop > 0 &&
			(worst < 0 ||
				t->columns[l->column[i]].drop >= t->columns[l->column[worst]].drop))
			worst = i;
	if (worst < 0)
		return false;
	memmove(&l->column[worst], &l->column[worst + 1],
		(size_t)(l->n - worst - 1) * sizeof *l->column);
	l->n--;
	return true;
}

static void
spread(const struct table *t, struct layout *l, int spare)
{
	int shares = 0;
	for (int i = 0; i < l->n; i++)
		shares += t->columns[l->column[i]].grow;
	int x = 1;
	for (int i = 0; i < l->n; i++) {
		const struct table_column *column = &t->columns[l->column[i]];
		l->x[i] = x;
		l->width[i] =
			column->width + (shares && spare > 0 ? spare * column->grow / shares : 0);
		x += l->width[i] + GAP;
	}
}

static struct layout
lay_out(const struct table *t, int cols)
{
	struct layout l = { 0 };
	for (int i = 0; i < t->n_columns && l.n < COLUMNS_MAX; i++)
		if (is_shown(t, i) && (i == 0 || i > t->shift))
			l.column[l.n++] = i;
	while (total_width(t, &l) > cols && drop_one(t, &l))
		;
	spread(t, &l, cols - total_width(t, &l));
	return l;
}

static void
draw_head(const struct table *t, const struct layout *l, struct canvas *c)
{
	for (int i = 0; i < l->n; i++) {
		const struct table_column *column = &t->columns[l->column[i]];
		bool is_sort = l->column[i] == t->sort;
		bool is_down = column->worst_first != t->is_turned;
		char title[64];
		snprintf(title, sizeof title, "%s%s", column->title,
			!is_sort  ? ""
			: is_down ? "▼"
				  : "▲");
		enum role role = is_sort ? ROLE_STRONG : ROLE_MUTED;
		if (column->is_right)
			canvas_text_right(c, l->x[i], 0, l->width[i], role, title);
		else
			canvas_text(
				c, l->x[i], 0, l->width[i] + (is_sort ? GAP - 1 : 0), role, title);
	}
}

static void
draw_cell(const struct table *t, const struct layout *l, int i, const struct table_cell *cell,
	struct canvas *c, int y)
{
	if (cell->spark)
		chart_spark(c, l->x[i], y, l->width[i], cell->role, cell->spark, cell->n_spark);
	else if (t->columns[l->column[i]].is_right)
		canvas_text_right(c, l->x[i], y, l->width[i], cell->role, cell->text);
	else
		canvas_text(c, l->x[i], y, l->width[i], cell->role, cell->text);
}

static void
draw_row(const struct table *t, const struct table_source *s, const struct layout *l, size_t index,
	struct canvas *c, int y)
{
	char id[TABLE_ID_MAX];
	size_t row = t->rows[index];
	struct rect whole = { 0, y, c->cols, 1 };
	s->id(s->arg, row, id);
	if (table_is_marked(t, id)) {
		canvas_ground(c, whole, ROLE_MARKED);
		canvas_put(c, 0, y, ROLE_STRONG, '*');
	}
	if (index == t->cursor)
		canvas_ground(c, whole, ROLE_SELECTED);
	for (int i = 0; i < l->n; i++) {
		struct table_cell cell = ask(s, row, l->column[i]);
		draw_cell(t, l, i, &cell, c, y);
	}
	if (s->is_stale && s->is_stale(s->arg, row))
		canvas_dim(c, whole);
}

void
table_draw(const struct table *t, const struct table_source *s, struct canvas *c)
{
	struct layout l = lay_out(t, c->cols);
	draw_head(t, &l, c);
	for (int y = 1; y < c->rows && t->top + (size_t)y - 1 < t->n_rows; y++) {
		size_t index = t->top + (size_t)y - 1;
		if (t->rows[index] < s->n)
			draw_row(t, s, &l, index, c, y);
	}
}
