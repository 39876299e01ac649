/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include "console/ui.h"
#include "console/view.h"

/*
 * The whole screen without a terminal and without a network: header, tabs, the view on show,
 * footer, prompt, and what a key does to them. The app feeds it keys and draws it; the snapshot and
 * the tests do the same without an app.
 */
struct screen;

/* What a key may ask of whoever owns the screen. Any member may be NULL. */
struct screen_wishes {
	void (*quit)(void *arg);
	void (*refresh)(void *arg); /* ask the nodes now */
	void (*refetch)(void *arg); /* fetch the snapshot again, draw all anew */
	int (*set_theme)(void *arg, const char *name, struct err *err);
	void (*copy)(void *arg, const char *text);
	void *arg;
	/* In a replay: does what a key asks for and tells a sentence or ""; false when the key is not its business. */
	bool (*walk)(void *arg, enum action action, char *told, size_t size);
	/* Ask the backend for a change (act.h); what comes back is given to screen_answer with the same number. */
	void (*send)(void *arg, unsigned number, const char *method, const char *path, struct slice body);
};

struct screen *screen_new(const struct screen_wishes *wishes);
void screen_free(struct screen *s);

/* Opens a view by name; 0, or -1 when there is none of that name. */
int screen_open(
	struct screen *s, const struct ui *ui, const char *view, const struct view_target *about);
void screen_key(struct screen *s, const struct ui *ui, const struct key *k);
/* What came of a request: the HTTP status and body, or 0 and why nothing came. */
void screen_answer(
	struct screen *s, const struct ui *ui, unsigned number, int status, struct slice body, const char *why);
/* Brings all up to date for a size; then draw. */
void screen_update(struct screen *s, const struct ui *ui, int cols, int rows);
/* Draws; the cursor's place is written when a prompt is open, else *cursor_x is -1. */
void screen_draw(const struct screen *s, const struct ui *ui, struct canvas *c, int *cursor_x,
	int *cursor_y);
/* One sentence at the foot, for five seconds. */
void screen_tell(struct screen *s, const struct ui *ui, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
const char *screen_view(const struct screen *s);

#endif
