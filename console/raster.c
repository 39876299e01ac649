/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dots for the map: filled land, lines and arcs, as braille, blocks or ASCII.
 *
 * Land is filled by area, not by outline: at the size of a terminal an outline turns the Arctic
 * into noise, while dim filled land lets marks stand out. For every dot the share of land under it
 * is summed up exactly, edge by edge: each edge of a coastline adds, to the dots right of it, the
 * height it passes, upwards counted positive and downwards negative. A running sum along a row then
 * is one inside land and zero at sea. That needs rings with land always on the same side, which
 * tools/gen_geo.py guarantees, and no sorting. A dot is set where land is four tenths of it or
 * more: at a half, Italy, Japan and Britain are the first to go in an 80-column world.
 *
 * A view whose centre is not at longitude 0 shows the world cut elsewhere: every ring is therefore
 * offered at its place and a full turn to either side, and clamped to the one world on show.
 *
 * No terminal and no colour here: the map view draws cells from glyphs, tests compare them as text.
 */
#include "console/raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define LAND_SHARE 0.4F /* of a dot that is land, for the dot to be set */
#define ARC_PIECES 256

/* Running sums of land, one row of w + 2 for each row of dots, and the world's edges in dots. */
struct land {
	float *sums;
	int w, h;
	double left, right, top, bottom;
};

static double
clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static int
clamp_int(int n, int low, int high)
{
	return n < low ? low : n > high ? high : n;
}

void
raster_init(struct raster *r, int cols, int rows)
{
	r->cols = clamp_int(cols, 1, RASTER_COLS_MAX);
	r->rows = clamp_int(rows, 1, RASTER_ROWS_MAX);
	r->cells = xcalloc((size_t)r->cols * (size_t)r->rows, 1);
}

void
raster_done(struct raster *r)
{
	free(r->cells);
	*r = (struct raster){ 0 };
}

void
raster_clear(struct raster *r)
{
	memset(r->cells, 0, (size_t)r->cols * (size_t)r->rows);
}

void
raster_add(struct raster *r, const struct raster *other)
{
	if (r->cols != other->cols || r->rows != other->rows)
		return;
	for (size_t i = 0; i < (size_t)r->cols * (size_t)r->rows; i++)
		r->cells[i] |= other->cells[i];
}

/* Braille counts its dots down the left column, down the right one, then the row added later. */
static uint8_t
dot_bit(int x, int y)
{
	static const uint8_t bits[4][2] = {
		{ 0x01, 0x08 },
		{ 0x02, 0x10 },
		{ 0x04, 0x20 },
		{ 0x40, 0x80 },
	};

	return bits[y & 3][x & 1];
}

static uint8_t *
cell_of(const struct raster *r, int x, int y)
{
	if (x < 0 || y < 0 || x >= 2 * r->cols || y >= 4 * r->rows)
		return NULL;
	return &r->cells[(size_t)(y / 4) * (size_t)r->cols + (size_t)(x / 2)];
}

void
raster_set_dot(struct raster *r, int x, int y)
{
	uint8_t *cell = cell_of(r, x, y);

	if (cell)
		*cell |= dot_bit(x, y);
}

bool
raster_get_dot(const struct raster *r, int x, int y)
{
	const uint8_t *cell = cell_of(r, x, y);

	return cell && *cell & dot_bit(x, y);
}

/* An edge within one row of dots, from x0 to x1, passing `height` of the row (negative: upwards).
 */
static void
add_to_row(float *row, double x0, double x1, double height)
{
	double low = fmin(x0, x1), high = fmax(x0, x1);
	int first = (int)floor(low), last = (int)floor(high);

	for (int c = first; c <= last; c++) {
		double l = fmax(low, c), r = fmin(high, c + 1);
		double part = high > low ? height * (r - l) / (high - low) : height;
		double mean = (l + r) / 2 - c;

		row[c] += (float)(part * (1 - mean));
		row[c + 1] += (float)(part * mean);
	}
}

static void
add_edge(struct land *land, double x0, double y0, double x1, double y1)
{
	double sign = 1;

	if (y0 == y1)
		return;
	if (y0 > y1) {
		double x = x0, y = y0;

		x0 = x1, y0 = y1;
		x1 = x, y1 = y;
		sign = -1;
	}
	double top = fmax(y0, land->top), bottom = fmin(y1, land->bottom);

	for (int y = (int)floor(top); y < bottom; y++) {
		double from = fmax(top, y), to = fmin(bottom, y + 1);
		double xa = x0 + (x1 - x0) * (from - y0) / (y1 - y0);
		double xb = x0 + (x1 - x0) * (to - y0) / (y1 - y0);

		add_to_row(land->sums + (size_t)y * (size_t)(land->w + 2),
			clamp(xa, land->left, land->right), clamp(xb, land->left, land->right),
			sign * (to - from));
	}
}

static double
unit_to_y(const struct geo_view *v, int lat)
{
	double y = geo_miller((double)lat / GEO_LAND_UNIT);

	return v->height / 2.0 - (y - v->mid_y) * v->scale_y;
}

static double
unit_to_x(const struct geo_view *v, int lon, int turn)
{
	double d = (double)lon / GEO_LAND_UNIT + 360.0 * turn - v->lon;

	return v->width / 2.0 + d * (M_PI / 180) * v->scale_x;
}

static void
add_ring(struct land *land, const struct geo_view *v, const struct geo_ring *ring, int turn)
{
	double x0 = unit_to_x(v, ring->xy[2 * ring->n - 2], turn);
	double y0 = unit_to_y(v, ring->xy[2 * ring->n - 1]);

	for (size_t i = 0; i < ring->n; i++) {
		double x1 = unit_to_x(v, ring->xy[2 * i], turn);
		double y1 = unit_to_y(v, ring->xy[2 * i + 1]);

		add_edge(land, x0, y0, x1, y1);
		x0 = x1;
		y0 = y1;
	}
}

static void
add_rings(struct land *land, const struct geo_view *v)
{
	enum geo_detail detail = geo_view_detail(v);

	for (size_t i = 0; i < geo_count_rings(detail); i++) {
		struct geo_ring ring = geo_get_ring(detail, i);

		if (unit_to_y(v, ring.north) >= land->bottom ||
			unit_to_y(v, ring.south) <= land->top)
			continue;
		for (int turn = -1; turn <= 1; turn++) {
			if (unit_to_x(v, ring.west, turn) < land->right &&
				unit_to_x(v, ring.east, turn) > land->left)
				add_ring(land, v, &ring, turn);
		}
	}
}

void
raster_draw_land(struct raster *r, const struct geo_view *v)
{
	double half = M_PI * v->scale_x;
	int w = 2 * r->cols, h = 4 * r->rows;
	struct land land = {
		.sums = xcalloc((size_t)(w + 2) * (size_t)h, sizeof(float)),
		.w = w,
		.h = h,
		.left = fmax(0, v->width / 2.0 - half),
		.right = fmin(w, v->width / 2.0 + half),
		.top = fmax(0, unit_to_y(v, (int)(GEO_LAT_TOP * GEO_LAND_UNIT))),
		.bottom = fmin(h, unit_to_y(v, (int)(GEO_LAT_BOTTOM * GEO_LAND_UNIT))),
	};

	add_rings(&land, v);
	for (int y = 0; y < h; y++) {
		const float *row = land.sums + (size_t)y * (size_t)(w + 2);
		float sum = 0;

		for (int x = 0; x < w; x++) {
			sum += row[x];
			if (fabsf(sum) >= LAND_SHARE)
				raster_set_dot(r, x, y);
		}
	}
	free(land.sums);
}

/* Whether a dot is drawn that lies so many dots from the start of its line. */
static bool
is_on(struct raster_dash dash, double along)
{
	unsigned period = dash.on + dash.off;

	if (dash.off == 0)
		return true;
	return ((unsigned)along + period - dash.phase % period) % period < dash.on;
}

/* Draws all but the last dot; returns how far along the line it ends, so that dashes run on over
 * corners. */
static double
draw_piece(struct raster *r, double x0, double y0, double x1, double y1, struct raster_dash dash,
	double along)
{
	double w = 2 * r->cols, h = 4 * r->rows;
	double length = fmin(fmax(fabs(x1 - x0), fabs(y1 - y0)), 1e6);
	int n = (int)ceil(length);

	if ((x0 < 0 && x1 < 0) || (y0 < 0 && y1 < 0) || (x0 >= w && x1 >= w) ||
		(y0 >= h && y1 >= h))
		return along + length;
	for (int i = 0; i < n; i++) {
		/* multiplied first: exact where both ends are whole dots */
		double x = floor(x0 + (x1 - x0) * i / n), y = floor(y0 + (y1 - y0) * i / n);

		if (x >= 0 && y >= 0 && x < w && y < h && is_on(dash, along + length * i / n))
			raster_set_dot(r, (int)x, (int)y);
	}
	return along + length;
}

void
raster_draw_line(
	struct raster *r, double x0, double y0, double x1, double y1, struct raster_dash dash)
{
	if (!isfinite(x0) || !isfinite(y0) || !isfinite(x1) || !isfinite(y1))
		return;
	double along = draw_piece(r, x0, y0, x1, y1, dash, 0);

	if (is_on(dash, along) && x1 >= 0 && y1 >= 0 && x1 < 2 * r->cols && y1 < 4 * r->rows)
		raster_set_dot(r, (int)x1, (int)y1);
}

void
raster_draw_arc(struct raster *r, const struct geo_view *v, struct geo_point from,
	struct geo_point to, struct raster_dash dash)
{
	double x0 = 0, y0 = 0, along = 0;

	if (!isfinite(from.lat) || !isfinite(from.lon) || !isfinite(to.lat) || !isfinite(to.lon))
		return;
	for (int i = 0; i <= ARC_PIECES; i++) {
		double x, y;

		geo_project(v, geo_between(from, to, (double)i / ARC_PIECES), &x, &y);
		/* over the seam of the world the line goes on at the other side */
		if (i > 0 && fabs(x - x0) < M_PI * v->scale_x)
			along = draw_piece(r, x0, y0, x, y, dash, along);
		x0 = x;
		y0 = y;
	}
}

static int
count_dots(uint8_t cell, uint8_t mask)
{
	return __builtin_popcount(cell & mask);
}

static uint32_t
quadrant(uint8_t cell)
{
	/* by bits: upper left 1, upper right 2, lower left 4, lower right 8 */
	static const uint16_t glyphs[16] = {
		' ',
		0x2598,
		0x259D,
		0x2580,
		0x2596,
		0x258C,
		0x259E,
		0x259B,
		0x2597,
		0x259A,
		0x2590,
		0x259C,
		0x2584,
		0x2599,
		0x259F,
		0x2588,
	};
	static const uint8_t masks[4] = { 0x03, 0x18, 0x44, 0xA0 };
	unsigned bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		if (cell & masks[i])
			bits |= 1U << i;
	}
	return glyphs[bits];
}

/* One of four: empty, upper, lower, both. A half counts from two of its four dots on. */
static unsigned
halves(uint8_t cell)
{
	return (count_dots(cell, 0x1B) >= 2 ? 1 : 0) | (count_dots(cell, 0xE4) >= 2 ? 2 : 0);
}

uint32_t
raster_get_glyph(const struct raster *r, int col, int row, enum raster_charset charset)
{
	static const uint16_t half_glyphs[4] = { ' ', 0x2580, 0x2584, 0x2588 };
	static const char ascii_glyphs[4] = { '.', '\'', '.', ':' };
	const uint8_t *cell = cell_of(r, 2 * col, 4 * row);

	if (!cell || *cell == 0)
		return ' ';
	switch (charset) {
	case RASTER_QUADRANT:
		return quadrant(*cell);
	case RASTER_HALF:
		return half_glyphs[halves(*cell)];
	case RASTER_ASCII:
		return (uint32_t)ascii_glyphs[halves(*cell)];
	case RASTER_BRAILLE:
		break;
	}
	return 0x2800U + *cell;
}
