/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture of dots, two wide and four high in every character cell, and its glyphs.
 *
 * Drawing beyond the edges is allowed and leaves no trace. Coordinates are dots from the top left.
 */
#ifndef CONSOLE_RASTER_H
#define CONSOLE_RASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/geo.h"

#define RASTER_COLS_MAX 1024
#define RASTER_ROWS_MAX 512

struct raster {
	int cols, rows; /* cells; the picture is 2 * cols by 4 * rows dots */
	uint8_t *cells; /* owned; row by row, the eight dots as braille numbers its bits */
};

enum raster_charset {
	RASTER_BRAILLE,  /* U+2800..U+28FF, all eight dots */
	RASTER_QUADRANT, /* U+2580..U+259F, four blocks a cell */
	RASTER_HALF,     /* upper and lower half block: what the Linux console font has */
	RASTER_ASCII,    /* ' . : */
};

/* How a line is broken: `on` dots drawn, `off` dots left out (each 0..1000), over and over. Raising
 * `phase` by one moves the pattern one dot from the line's first end to its second: that is how
 * traffic flows. Solid if off is 0. */
struct raster_dash {
	unsigned on, off, phase;
};

/* An empty picture; sizes are brought into 1..RASTER_COLS_MAX and 1..RASTER_ROWS_MAX. */
void raster_init(struct raster *r, int cols, int rows);
void raster_done(struct raster *r);
void raster_clear(struct raster *r);
/* Adds the dots of another picture of the same size; of another size: nothing happens. */
void raster_add(struct raster *r, const struct raster *other);
void raster_set_dot(struct raster *r, int x, int y);
/* False beyond the edges. */
bool raster_get_dot(const struct raster *r, int x, int y);

/* Fills the land of a view (of the picture's own size in dots). At 160 by 45 cells 0.8 ms for a
 * world, 1.4 ms for a continent: keep the result for as long as geo_view_equal says so. */
void raster_draw_land(struct raster *r, const struct geo_view *v);
/* The great circle from one point to another, the short way round. */
void raster_draw_arc(struct raster *r, const struct geo_view *v, struct geo_point from,
	struct geo_point to, struct raster_dash dash);
/* A straight line; the dot at its end is included. */
void raster_draw_line(
	struct raster *r, double x0, double y0, double x1, double y1, struct raster_dash dash);

/* The character of a cell: a space where it is empty or beyond the edges. */
uint32_t raster_get_glyph(const struct raster *r, int col, int row, enum raster_charset charset);

#endif
