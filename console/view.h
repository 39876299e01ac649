/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_VIEW_H
#define CONSOLE_VIEW_H

#include "console/table.h"
#include "console/ui.h"

/*
 * A view: draws a const fleet into a canvas and does nothing else. One file a view (view_*.c), one
 * row in views.def.
 */

enum target_kind {
	TARGET_NONE,
	TARGET_POP,
	TARGET_NODE,
	TARGET_SESSION,
	TARGET_PREFIX,
	TARGET_SERVICE,
	TARGET_EVENT,
	TARGET_OP,   /* by its id */
	TARGET_HOLD, /* by its id */
};

/* What the cursor is on, by name: indices may change under a view when the fleet is loaded anew. */
struct view_target {
	enum target_kind kind;
	char name[TABLE_ID_MAX]; /* PoP, node, prefix as text, service, number of the event */
	char peer[64];           /* session: its name at the node, or its peer's address */
};

struct view_ops;

#define VIEW_COLUMNS_MAX 80
#define VIEW_TITLE_MAX   64

/* One row of a list view: indices into the fleet or the events, as its collect() wrote them. */
struct view_row {
	size_t a, b;
};

/* The state of every list view. */
struct view_list {
	const struct view_ops *ops;
	struct table table;
	struct table_column columns[VIEW_COLUMNS_MAX]; /* copied from ops, adjusted by collect() */
	char titles[VIEW_COLUMNS_MAX][VIEW_TITLE_MAX]; /* for columns that the fleet names */
	struct view_target about;
	struct view_row *rows;
	size_t n_rows, cap_rows;
};

/* What a list view's callbacks are given. */
struct view_at {
	const struct view_list *list;
	const struct ui *ui;
};

enum view_kind {
	VIEW_LIST, /* its state is a struct view_list; view.c does all but cells and rows */
	VIEW_TEXT, /* its state is a struct pager; view.c does all but the lines */
	VIEW_OWN,
};

struct pager;

struct view_ops {
	const char *name;  /* what `:` opens it by */
	const char *title; /* what it shows, for help */
	char key;          /* '1', or 0: opened from others only */
	enum view_kind kind;
	const char *inside; /* the view that Enter opens about the target; NULL: none */
	/* What the cursor is on. NULL: what the view is about. */
	struct view_target (*target)(const void *view, const struct ui *ui);

	/* VIEW_LIST */
	const struct table_column *columns;
	int n_columns, sort;
	int detail; /* the column that the last line shows in full for the row under the cursor; 0:
	               none */
	/* Lists the rows with view_list_add; may set widths in list->columns for a screen of
	 * `cols`. */
	void (*collect)(struct view_list *list, const struct ui *ui, int cols);
	void (*cell)(
		const struct view_at *at, struct view_row row, int column, struct table_cell *out);
	void (*id)(const struct view_at *at, struct view_row row, char out[TABLE_ID_MAX]);
	bool (*is_fault)(const struct view_at *at, struct view_row row); /* NULL: none is */
	bool (*is_stale)(const struct view_at *at, struct view_row row); /* NULL: none is */

	/* VIEW_TEXT: writes its lines for a screen of `cols`. */
	void (*write)(struct pager *p, const struct ui *ui, const struct view_target *about, int cols);

	/* VIEW_OWN */
	void *(*open)(const struct ui *ui, const struct view_target *about);
	void (*update)(void *view, const struct ui *ui, int cols, int rows);
	void (*draw)(const void *view, const struct ui *ui, struct canvas *c);
	bool (*command)(void *view, const struct ui *ui, enum action action);
	bool (*click)(void *view, const struct ui *ui, const struct key *mouse);
	void (*status)(const void *view, const struct ui *ui, char *out, size_t size);
	void (*close)(void *view);
};

#define VIEW(symbol) extern const struct view_ops view_##symbol;
#include "console/views.def"
#undef VIEW

/* What a person means by a name: a PoP, a node, a service, a prefix, or NODE/SESSION; false if the fleet has none. */
bool view_find_target(const struct fleet *f, const char *name, struct view_target *out);
/* What a target is now: index of a prefix, or a session and its node; SIZE_MAX or NULL when it is gone. */
size_t view_find_prefix(const struct fleet *f, const struct view_target *t);
const struct session_fact *view_find_session(const struct fleet *f, const struct view_target *t, const struct node **node);

/* The i-th view, NULL past the last. */
const struct view_ops *view_get(size_t i);
const struct view_ops *view_find(const char *name);
const struct view_ops *view_find_key(char key);

/* The life of a view of any kind. */
void *view_open(const struct view_ops *ops, const struct ui *ui, const struct view_target *about);
void view_close(const struct view_ops *ops, void *view);
/* Brings its state up to date; before each draw and after each change of the fleet. */
void view_update(const struct view_ops *ops, void *view, const struct ui *ui, int cols, int rows);
void view_draw(const struct view_ops *ops, const void *view, const struct ui *ui, struct canvas *c);
/* Does what a key asks for; false when it is none of its business. */
bool view_command(const struct view_ops *ops, void *view, const struct ui *ui, enum action action);
/* A mouse event at a cell of its canvas; true if something was hit. */
bool view_click(
	const struct view_ops *ops, void *view, const struct ui *ui, const struct key *mouse);
struct view_target view_target(const struct view_ops *ops, const void *view, const struct ui *ui);
/* A few words about what is shown ("12 of 16 faults"), for the right end of the line of tabs. */
void view_status(
	const struct view_ops *ops, const void *view, const struct ui *ui, char *out, size_t size);
/* Ids of the rows marked by hand, at most max; returns how many there are. */
size_t view_marks(const struct view_ops *ops, const void *view, char out[][TABLE_ID_MAX], size_t max);
/* The filter of a list, or the search of a text. */
void view_set_filter(const struct view_ops *ops, void *view, const char *text);
const char *view_filter(const struct view_ops *ops, const void *view);
/* To the next match of a search; false when there is none, or nothing to search in. */
bool view_search(const struct view_ops *ops, void *view, const struct ui *ui,
	const struct filter *f, bool backwards);

void view_list_add(struct view_list *list, size_t a, size_t b);

/* A verdict as a cell: its word in its role, ordered worst first; stale ones are said to be so. */
void view_cell_verdict(struct table_cell *out, enum verdict v, bool is_stale);
void view_cell_number(struct table_cell *out, double value);
void view_cell_age(struct table_cell *out, double age_s, double poll_s);
/* Columns that the longest of n names needs, within low..high. */
int view_name_width(const struct ui *ui, bool nodes, int low, int high);

#endif
