/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_TABLE_H
#define CONSOLE_TABLE_H

#include "console/canvas.h"
#include "console/filter.h"

/*
 * A list that scrolls: columns that give way on narrow screens, sort, filter, faults only, marks, a
 * cursor that stays on its row by identity when rows move. Rows are asked for one by one and only
 * those on the screen are drawn, so ten thousand of them cost what twenty do.
 */

#define TABLE_TEXT_MAX 256
#define TABLE_ID_MAX   128

struct table_cell {
	char text[TABLE_TEXT_MAX]; /* clean UTF-8 */
	enum role role;
	double order;        /* sorts by this; NAN (the default): by text */
	const double *spark; /* draws a sparkline instead of text */
	size_t n_spark;
};

struct table_column {
	const char *title; /* what operators call it; "" for none */
	int width;         /* columns at least */
	int grow;          /* share of what is left over; 0: none */
	int drop;          /* 0: always there; the highest goes first when the screen is narrow */
	bool is_right;     /* numbers */
	bool is_wide;      /* only with `w` */
	bool is_unsorted;  /* `s` skips it */
	bool worst_first;  /* sorts from high to low until turned */
};

/* What the rows are. Everything is asked for with a row's own number, 0..n-1. */
struct table_source {
	size_t n;
	const void *arg;
	/* Fills a cell that was set to { "", ROLE_TEXT, NAN }. */
	void (*cell)(const void *arg, size_t row, int column, struct table_cell *out);
	/* Who the row is, whatever its place; unique. */
	void (*id)(const void *arg, size_t row, char out[TABLE_ID_MAX]);
	bool (*is_fault)(const void *arg, size_t row); /* NULL: none is */
	bool (*is_stale)(const void *arg, size_t row); /* drawn dim; NULL: none is */
};

struct table {
	const struct table_column *columns;
	int n_columns;
	int sort;       /* column, -1: the source's own order */
	bool is_turned; /* against the column's natural direction */
	bool is_wide, faults_only;
	struct filter *filter;
	char filter_text[FILTER_TEXT_MAX];
	size_t *rows; /* source rows that are shown, in order */
	size_t n_rows, cap_rows;
	size_t n_all;       /* rows before filters */
	size_t cursor, top; /* index into rows */
	char cursor_id[TABLE_ID_MAX];
	int shift; /* columns (not cells) scrolled away at the left, behind the first */
	int page;  /* rows on the screen at the last update */
	char (*marks)[TABLE_ID_MAX];
	size_t n_marks, cap_marks;
};

/* Columns are borrowed and must outlive the table. */
void table_init(struct table *t, const struct table_column *columns, int n_columns, int sort);
void table_done(struct table *t);

/* Asks the source which rows there are now and puts cursor and scroll where they belong. `height`
 * counts the head. */
void table_update(struct table *t, const struct table_source *s, int height);
void table_draw(const struct table *t, const struct table_source *s, struct canvas *c);

void table_set_filter(struct table *t, const char *text);
/* Moves the cursor by rows; ends at the ends. */
void table_move(struct table *t, const struct table_source *s, long by);
void table_move_to(struct table *t, const struct table_source *s, size_t index);
/* To the next (or previous) row that a filter matches; false if there is none. */
bool table_search(
	struct table *t, const struct table_source *s, const struct filter *f, bool backwards);
void table_sort_next(struct table *t);
void table_mark(struct table *t);
bool table_is_marked(const struct table *t, const char *id);
/* The source row under the cursor, or SIZE_MAX. */
size_t table_row(const struct table *t);
/* The cursor follows a click on row y of the canvas drawn last; false when there is no row. */
bool table_click(struct table *t, const struct table_source *s, int y);

/* "fra2" comes before "fra10". */
int text_compare_natural(const char *a, const char *b);

#endif
