/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_TERM_H
#define CONSOLE_TERM_H

#include "console/canvas.h"
#include "console/theme.h"
#include "core/err.h"

/*
 * The terminal: takes whole canvases and writes only the cells that differ from what it wrote
 * before. Output only; bytes typed are read by the caller from the same descriptor and decoded by
 * console/keys.h.
 */
struct term;

enum term_colours { TERM_COLOURS_AUTO, TERM_COLOURS_NEVER };

struct term_conf {
	const char *type; /* a terminfo name, or NULL: $TERM */
	int in, out;      /* stay the caller's */
	enum term_colours colours;
	const enum charset *charset; /* NULL: found out from locale and terminal */
	bool want_mouse;
};

/* Takes over the terminal. Of one process only one may be alive at a time: the handlers of fatal
 * signals restore it. */
struct term *term_new(const struct term_conf *conf, const struct theme *theme, struct err *err);
/* Gives the terminal back as it was. NULL allowed. */
void term_free(struct term *t);

/* Columns and rows now, within 1..CANVAS_MAX; asks the terminal, else $COLUMNS x $LINES, else
 * 80x24. */
void term_size(struct term *t, int *cols, int *rows);
/* How many colours it shows: 1 (none), 8, 16, 88, 256, or 1<<24. */
int term_colours(const struct term *t);
enum charset term_charset(const struct term *t);
/* The theme is copied; everything is drawn anew with the next canvas. */
void term_set_theme(struct term *t, const struct theme *theme);
/* Shows a canvas of any size; what does not fit is not shown. A cursor at (x,y), or none if x < 0.
 */
void term_draw(struct term *t, const struct canvas *c, int cursor_x, int cursor_y);
/* Forgets what is on the screen, so that the next canvas is written whole. */
void term_forget(struct term *t);
/* Puts text into the terminal's clipboard (OSC 52), where it has one. */
void term_copy(struct term *t, const char *text);
/* Gives the terminal back for a while (^Z), and takes it again. */
void term_suspend(struct term *t);
void term_resume(struct term *t);

#endif
