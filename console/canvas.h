/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CANVAS_H
#define CONSOLE_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/fleet.h"

/*
 * A grid of character cells that views draw into. It knows meanings, not colours; nothing here
 * touches a terminal. Drawing beyond the edges is allowed and leaves no trace. Text is UTF-8 that
 * was sanitised before (core/text.h); columns are counted by wcwidth, so the process needs a UTF-8
 * LC_CTYPE.
 */

enum role {
#define ROLE(code, name, where) ROLE_##code,
#include "console/roles.def"
#undef ROLE
	ROLE_COUNT
};

const char *role_name(enum role r);
const char *role_where(enum role r);
/* ROLE_COUNT for an unknown name. */
enum role role_parse(const char *name);
enum role role_of_verdict(enum verdict v);

#define CELL_POINTS 4    /* code points of one grapheme: a base and up to three marks */
#define CANVAS_MAX  1024 /* columns and rows */

enum cell_attr { CELL_DIM = 1u << 0, CELL_UNDERLINE = 1u << 1 };

struct cell {
	uint32_t points[CELL_POINTS]; /* zero-terminated if shorter; all zero in the right half of a
	                                 wide one */
	uint8_t width;                /* 1 or 2; 0 in the right half of a wide one */
	uint8_t role, ground;         /* enum role */
	uint8_t attrs;
};

struct canvas {
	struct cell *cells; /* owned unless this is a window */
	int cols, rows;
	int stride; /* cells from one row to the next */
	bool is_window;
};

struct rect {
	int x, y, w, h;
};

/* A blank canvas; sizes are brought into 1..CANVAS_MAX. */
void canvas_init(struct canvas *c, int cols, int rows);
void canvas_done(struct canvas *c);
void canvas_clear(struct canvas *c);
/* A part of a canvas that is drawn into like a canvas of its own; clipped to what there is, perhaps
 * to nothing. */
struct canvas canvas_window(const struct canvas *c, struct rect r);

/* The cell at a place, or NULL beyond the edges. */
struct cell *canvas_cell(const struct canvas *c, int x, int y);
bool cell_equal(const struct cell *a, const struct cell *b);

/* One code point of width 1; keeps the ground. */
void canvas_put(struct canvas *c, int x, int y, enum role role, uint32_t point);
/* Text from (x,y) in at most `cols` columns, cut with an ellipsis; returns the columns used. Keeps
 * the ground. */
int canvas_text(struct canvas *c, int x, int y, int cols, enum role role, const char *text);
/* Same, set against the right end of the `cols` columns. */
void canvas_text_right(struct canvas *c, int x, int y, int cols, enum role role, const char *text);
/* Formatted, unclipped but by the canvas; returns the columns used. */
int canvas_printf(struct canvas *c, int x, int y, enum role role, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Lays a ground under what is there. */
void canvas_ground(struct canvas *c, struct rect r, enum role ground);
/* Blanks an area (spaces of role TEXT) and lays a ground. */
void canvas_fill(struct canvas *c, struct rect r, enum role ground);
/* Marks what is there as not current: the theme shows it as stale, whatever its role. */
void canvas_dim(struct canvas *c, struct rect r);
void canvas_underline(struct canvas *c, struct rect r);
void canvas_rule(struct canvas *c, int x, int y, int cols, enum role role);
/* A frame with a title in its upper edge (NULL: none). */
void canvas_box(struct canvas *c, struct rect r, enum role role, const char *title);

/* The text of the canvas: rows without trailing blanks, each ended by a newline; for tests and
 * snapshots. */
void canvas_write_text(const struct canvas *c, struct buf *out);
/* Appends a cell's code points as UTF-8 (a space when it is empty). */
void cell_write_text(const struct cell *cell, struct buf *out);

/* What the place where a canvas ends up can show. */
enum charset {
	CHARSET_UNICODE, /* braille, eighth blocks, lines, arrows */
	CHARSET_CONSOLE, /* the Linux console's font: lines and half blocks, no braille */
	CHARSET_ASCII,
};
/* The nearest thing to a code point that the charset has; itself if it has it. Width is kept at 1.
 */
uint32_t charset_point(enum charset charset, uint32_t point);
/* Replaces whatever the charset does not have, for good. Wide characters become '?' and a blank. */
void canvas_translate(struct canvas *c, enum charset charset);

#endif
