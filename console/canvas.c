/* SPDX-License-Identifier: Apache-2.0
 *
 * The grid that every view draws into, and nothing but the grid: cells with one grapheme, a role
 * (what the text means) and a ground (what it lies on). Because a canvas is plain memory, the same
 * drawing ends up on a terminal (console/term.c), in a file (console/snapshot.c) and in the tests,
 * and two canvases can be compared cell by cell.
 *
 * A wide character takes two cells: the left one carries it with width 2, the right one is empty
 * with width 0. Whoever overwrites one half blanks the other, so that a terminal is never asked to
 * draw half a character. Up to three combining marks are kept with their base; more are dropped
 * (the sanitiser escapes such runs anyway).
 *
 * Every state has a word or a glyph, so a canvas reduced to its text is still complete: screens are
 * compared as text. The fall-backs for terminals without braille, eighth blocks or lines are here
 * too, as one table, so that no view has to know what the terminal can show.
 */
#include "console/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "core/text.h"

#define ELLIPSIS 0x2026u
#define TEXT_MAX 2048

static const struct {
	const char *name, *where;
} roles[ROLE_COUNT] = {
#define ROLE(code, name, where) { name, where },
#include "console/roles.def"
#undef ROLE
};

const char *
role_name(enum role r)
{
	return roles[r].name;
}

const char *
role_where(enum role r)
{
	return roles[r].where;
}

enum role
role_parse(const char *name)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (strcmp(roles[i].name, name) == 0)
			return (enum role)i;
	return ROLE_COUNT;
}

enum role
role_of_verdict(enum verdict v)
{
	switch (v) {
	case VERDICT_BLACKHOLE:
	case VERDICT_SILENT:
	case VERDICT_UNREACHABLE:
		return ROLE_BAD;
	case VERDICT_DRIFT:
	case VERDICT_DEGRADED:
		return ROLE_WARN;
	case VERDICT_DRAINING:
		return ROLE_DRAINING;
	case VERDICT_DRAINED:
		return ROLE_DRAINED;
	case VERDICT_OK:
		return ROLE_OK;
	case VERDICT_UNKNOWN:
	case VERDICT_COUNT:
		break;
	}
	return ROLE_UNKNOWN;
}

static int
clamp(int n, int low, int high)
{
	return n < low ? low : n > high ? high : n;
}

static struct cell
blank(void)
{
	return (struct cell){
		.points = { ' ' }, .width = 1, .role = ROLE_TEXT, .ground = ROLE_NONE
	};
}

void
canvas_init(struct canvas *c, int cols, int rows)
{
	*c = (struct canvas){ .cols = clamp(cols, 1, CANVAS_MAX),
		.rows = clamp(rows, 1, CANVAS_MAX) };
	c->stride = c->cols;
	c->cells = xcalloc((size_t)c->cols * (size_t)c->rows, sizeof *c->cells);
	canvas_clear(c);
}

void
canvas_done(struct canvas *c)
{
	if (!c->is_window)
		free(c->cells);
	*c = (struct canvas){ 0 };
}

void
canvas_clear(struct canvas *c)
{
	for (int y = 0; y < c->rows; y++)
		for (int x = 0; x < c->cols; x++)
			c->cells[y * c->stride + x] = blank();
}

static struct rect
clip(const struct canvas *c, struct rect r)
{
	int x0 = clamp(r.x, 0, c->cols), y0 = clamp(r.y, 0, c->rows);
	int x1 = clamp(r.x + r.w, x0, c->cols), y1 = clamp(r.y + r.h, y0, c->rows);
	return (struct rect){ x0, y0, x1 - x0, y1 - y0 };
}

struct canvas
canvas_window(const struct canvas *c, struct rect r)
{
	struct rect in = clip(c, r);
	return (struct canvas){
		.cells = c->cells + in.y * c->stride + in.x,
		.cols = in.w,
		.rows = in.h,
		.stride = c->stride,
		.is_window = true,
	};
}

struct cell *
canvas_cell(const struct canvas *c, int x, int y)
{
	if (x < 0 || y < 0 || x >= c->cols || y >= c->rows)
		return NULL;
	return &c->cells[y * c->stride + x];
}

bool
cell_equal(const struct cell *a, const struct cell *b)
{
	return memcmp(a->points, b->points, sizeof a->points) == 0 && a->width == b->width &&
	       a->role == b->role && a->ground == b->ground && a->attrs == b->attrs;
}

static void
wipe(struct cell *cell)
{
	struct cell b = blank();
	b.ground = cell->ground;
	*cell = b;
}

/* Puts a grapheme's first code point into place; false when it does not fit. */
static bool
place(struct canvas *c, int x, int y, enum role role, uint32_t point, int width)
{
	struct cell *cell = canvas_cell(c, x, y);
	struct cell *right = width == 2 ? canvas_cell(c, x + 1, y) : NULL;
	if (!cell || (width == 2 && !right))
		return false;
	if (cell->width == 0 && x > 0)
		wipe(cell - 1);
	struct cell *last = right ? right : cell;
	if (last->width == 2 && canvas_cell(c, right ? x + 2 : x + 1, y))
		wipe(last + 1);
	*cell = (struct cell){ .points = { point },
		.width = (uint8_t)width,
		.role = (uint8_t)role,
		.ground = cell->ground };
	if (right)
		*right =
			(struct cell){ .width = 0, .role = (uint8_t)role, .ground = right->ground };
	return true;
}

void
canvas_put(struct canvas *c, int x, int y, enum role role, uint32_t point)
{
	place(c, x, y, role, point, 1);
}

static void
add_mark(struct canvas *c, int x, int y, uint32_t point)
{
	struct cell *cell = canvas_cell(c, x, y);
	if (!cell)
		return;
	for (int i = 1; i < CELL_POINTS; i++) {
		if (cell->points[i] == 0) {
			cell->points[i] = point;
			return;
		}
	}
}

/* Columns of a code point; what wcwidth does not know counts as one and is shown as '?'. */
static int
point_width(uint32_t *point)
{
	int width = wcwidth((wchar_t)*point);
	if (width >= 0)
		return width;
	*point = '?';
	return 1;
}

int
canvas_text(struct canvas *c, int x, int y, int cols, enum role role, const char *text)
{
	struct slice rest = slice_of(text);
	bool is_cut = text_width(text) > cols;
	int room = is_cut ? cols - 1 : cols;
	int used = 0, last = -1;

	if (cols <= 0)
		return 0;
	while (rest.len > 0) {
		uint32_t point;
		size_t n = text_decode(rest, &point);
		if (n == 0) {
			point = '?';
			n = 1;
		}
		rest.data += n;
		rest.len -= n;
		int width = point_width(&point);
		if (used + width > room)
			break;
		if (width == 0) {
			if (last >= 0)
				add_mark(c, x + last, y, point);
			continue;
		}
		last = place(c, x + used, y, role, point, width) ? used : -1;
		used += width;
	}
	if (is_cut)
		place(c, x + used++, y, role, ELLIPSIS, 1);
	return used;
}

void
canvas_text_right(struct canvas *c, int x, int y, int cols, enum role role, const char *text)
{
	int width = text_width(text);
	int shift = width < cols ? cols - width : 0;
	canvas_text(c, x + shift, y, cols - shift, role, text);
}

int
canvas_printf(struct canvas *c, int x, int y, enum role role, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return canvas_text(c, x, y, CANVAS_MAX, role, text);
}

void
canvas_ground(struct canvas *c, struct rect r, enum role ground)
{
	struct rect in = clip(c, r);
	for (int y = in.y; y < in.y + in.h; y++)
		for (int x = in.x; x < in.x + in.w; x++)
			c->cells[y * c->stride + x].ground = (uint8_t)ground;
}

void
canvas_fill(struct canvas *c, struct rect r, enum role ground)
{
	struct rect in = clip(c, r);
	for (int y = in.y; y < in.y + in.h; y++)
		for (int x = in.x; x < in.x + in.w; x++)
			place(c, x, y, ROLE_TEXT, ' ', 1);
	canvas_ground(c, r, ground);
}

static void
add_attr(struct canvas *c, struct rect r, unsigned attr)
{
	struct rect in = clip(c, r);
	for (int y = in.y; y < in.y + in.h; y++)
		for (int x = in.x; x < in.x + in.w; x++)
			c->cells[y * c->stride + x].attrs |= (uint8_t)attr;
}

void
canvas_dim(struct canvas *c, struct rect r)
{
	add_attr(c, r, CELL_DIM);
}

void
canvas_underline(struct canvas *c, struct rect r)
{
	add_attr(c, r, CELL_UNDERLINE);
}

void
canvas_rule(struct canvas *c, int x, int y, int cols, enum role role)
{
	for (int i = 0; i < cols; i++)
		canvas_put(c, x + i, y, role, 0x2500);
}

void
canvas_box(struct canvas *c, struct rect r, enum role role, const char *title)
{
	int right = r.x + r.w - 1, bottom = r.y + r.h - 1;
	if (r.w < 2 || r.h < 2)
		return;
	canvas_rule(c, r.x + 1, r.y, r.w - 2, role);
	canvas_rule(c, r.x + 1, bottom, r.w - 2, role);
	for (int y = r.y + 1; y < bottom; y++) {
		canvas_put(c, r.x, y, role, 0x2502);
		canvas_put(c, right, y, role, 0x2502);
	}
	canvas_put(c, r.x, r.y, role, 0x250c);
	canvas_put(c, right, r.y, role, 0x2510);
	canvas_put(c, r.x, bottom, role, 0x2514);
	canvas_put(c, right, bottom, role, 0x2518);
	if (title && r.w > 6) {
		int used = canvas_text(c, r.x + 3, r.y, r.w - 6, ROLE_STRONG, title);
		canvas_put(c, r.x + 2, r.y, role, ' ');
		canvas_put(c, r.x + 3 + used, r.y, role, ' ');
	}
}

static void
write_point(uint32_t p, struct buf *out)
{
	if (p < 0x80) {
		buf_add_char(out, (char)p);
	} else if (p < 0x800) {
		buf_add_char(out, (char)(0xc0 | p >> 6));
		buf_add_char(out, (char)(0x80 | (p & 0x3f)));
	} else if (p < 0x10000) {
		buf_add_char(out, (char)(0xe0 | p >> 12));
		buf_add_char(out, (char)(0x80 | (p >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (p & 0x3f)));
	} else {
		buf_add_char(out, (char)(0xf0 | p >> 18));
		buf_add_char(out, (char)(0x80 | (p >> 12 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (p >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (p & 0x3f)));
	}
}

void
cell_write_text(const struct cell *cell, struct buf *out)
{
	if (cell->width == 0)
		return;
	for (int i = 0; i < CELL_POINTS && (i == 0 || cell->points[i]); i++)
		write_point(cell->points[i] ? cell->points[i] : ' ', out);
}

static bool
is_blank(const struct cell *cell)
{
	return cell->width == 1 && cell->points[0] == ' ' && cell->points[1] == 0;
}

void
canvas_write_text(const struct canvas *c, struct buf *out)
{
	for (int y = 0; y < c->rows; y++) {
		int end = c->cols;
		while (end > 0 && is_blank(&c->cells[y * c->stride + end - 1]))
			end--;
		for (int x = 0; x < end; x++)
			cell_write_text(&c->cells[y * c->stride + x], out);
		buf_add_char(out, '\n');
	}
}

/* Our own glyphs and what stands for them: in the Linux console's font (0: it has the glyph), and
 * in ASCII. */
static const struct {
	uint16_t point, console;
	char ascii;
} fallbacks[] = {
	{ 0x00b7, 0, '.' }, /* middle dot: separators, small marks */
	{ 0x2022, 0, 'o' }, /* bullet */
	{ 0x2013, '-', '-' },
	{ 0x2014, '-', '-' },
	{ 0x2026, '~', '~' }, /* ellipsis */
	{ 0x2190, 0, '<' },
	{ 0x2191, 0, '^' },
	{ 0x2192, 0, '>' },
	{ 0x2193, 0, 'v' },
	{ 0x2500, 0, '-' },
	{ 0x2502, 0, '|' },
	{ 0x250c, 0, '+' },
	{ 0x2510, 0, '+' },
	{ 0x2514, 0, '+' },
	{ 0x2518, 0, '+' },
	{ 0x251c, 0, '+' },
	{ 0x2524, 0, '+' },
	{ 0x252c, 0, '+' },
	{ 0x2534, 0, '+' },
	{ 0x253c, 0, '+' },
	{ 0x2580, 0, '\'' },
	{ 0x2581, '_', '_' },
	{ 0x2582, '_', '.' },
	{ 0x2583, 0x2584, '-' },
	{ 0x2584, 0, '-' },
	{ 0x2585, 0x2584, '=' },
	{ 0x2586, 0x2588, '+' },
	{ 0x2587, 0x2588, '*' },
	{ 0x2588, 0, '#' },
	{ 0x258c, 0, '#' },
	{ 0x2590, 0, '#' },
	{ 0x2591, 0, '.' },
	{ 0x25a0, 0, '#' }, /* the largest mark */
	{ 0x25b2, 0, '^' },
	{ 0x25b6, 0x25ba, '>' },
	{ 0x25bc, 0, 'v' },
	{ 0x25c6, 0, '*' },
	{ 0x25cb, 0, 'o' },
	{ 0x25cf, 0, '@' },
	{ 0x25e6, 0x2022, 'o' },
	{ 0x2713, 'v', 'v' },
};

static unsigned
braille_halves(uint32_t point)
{
	unsigned bits = point & 0xff;
	return (__builtin_popcount(bits & 0x1b) >= 2 ? 1u : 0u) |
	       (__builtin_popcount(bits & 0xe4) >= 2 ? 2u : 0u);
}

static bool
is_console_letter(uint32_t point)
{
	return point < 0x17f; /* Latin-1 and Latin Extended-A: what its usual fonts hold */
}

uint32_t
charset_point(enum charset charset, uint32_t point)
{
	static const uint16_t half_glyphs[4] = { ' ', 0x2580, 0x2584, 0x2588 };
	static const char ascii_glyphs[4] = { '.', '\'', '.', ':' };

	if (charset == CHARSET_UNICODE || point < 0x80)
		return point;
	if (point >= 0x2800 && point <= 0x28ff) {
		if (point == 0x2800)
			return ' ';
		unsigned half = braille_halves(point);
		return charset == CHARSET_ASCII ? (uint32_t)ascii_glyphs[half] : half_glyphs[half];
	}
	for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks; i++) {
		if (fallbacks[i].point != point)
			continue;
		if (charset == CHARSET_ASCII)
			return (uint32_t)fallbacks[i].ascii;
		return fallbacks[i].console ? fallbacks[i].console : point;
	}
	if (charset == CHARSET_CONSOLE && is_console_letter(point))
		return point;
	return '?';
}

void
canvas_translate(struct canvas *c, enum charset charset)
{
	if (charset == CHARSET_UNICODE)
		return;
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols; x++) {
			struct cell *cell = &c->cells[y * c->stride + x];
			uint32_t point =
				cell->width == 0 ? ' ' : charset_point(charset, cell->points[0]);
			memset(cell->points, 0, sizeof cell->points);
			cell->points[0] = point;
			cell->width = 1;
		}
	}
}
