/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of the dashboard without a terminal: for `catchment snapshot`, for reports and for the
 * README.
 *
 * SVG files stand on their own and look the same in every viewer: braille dots, blocks, marks and
 * lines are drawn as shapes, because fonts disagree about them or lack them; text is set in
 * whatever monospace font there is, each run stretched to its place on the grid. All dots of one
 * colour are one path of round-capped strokes without length.
 */
#include "console/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/screen.h"
#include "core/text.h"

#define CELL_W 9
#define CELL_H 18
#define MARGIN 12

int
snapshot_parse_format(const char *word, enum snapshot_format *out, struct err *err)
{
	static const char *const words[] = { "text", "ansi", "svg" };
	for (int i = 0; i < 3; i++) {
		if (strcmp(word, words[i]) == 0) {
			*out = (enum snapshot_format)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "--format %.20s: allowed are text, ansi and svg", word);
}

int
snapshot_parse_size(const char *text, int *cols, int *rows, struct err *err)
{
	const char *x = strchr(text, 'x');
	int64_t w, h;
	if (!x ||
		text_parse_int((struct slice){ text, (size_t)(x - text) }, 1, CANVAS_MAX, &w) ==
			-1 ||
		text_parse_int(slice_of(x + 1), 1, CANVAS_MAX, &h) == -1)
		return err_set(err, ERR_USAGE, "--size %.20s: COLSxROWS is wanted, each 1 to %d",
			text, CANVAS_MAX);
	*cols = (int)w;
	*rows = (int)h;
	return 0;
}

/* Colours as they come out, reverse and bright taken into account. */
struct paint {
	int fg, bg; /* COLOUR_DEFAULT, 0..255 or COLOUR_RGB | rrggbb */
	bool is_bold, is_dim, is_underlined;
};

static struct paint
paint_of(const struct theme *t, const struct cell *cell)
{
	struct look look =
		theme_look(t, (enum role)cell->role, (enum role)cell->ground, cell->attrs);
	struct paint p = {
		.fg = look.fg.rich,
		.bg = look.bg.rich,
		.is_bold = look.attrs & LOOK_BOLD,
		.is_dim = look.attrs & LOOK_DIM,
		.is_underlined = look.attrs & LOOK_UNDERLINE,
	};
	if (look.attrs & LOOK_REVERSE) {
		p.fg = look.bg.rich < 0 ? t->paper : look.bg.rich;
		p.bg = look.fg.rich < 0 ? t->ink : look.fg.rich;
	}
	return p;
}

static bool
same_paint(const struct paint *a, const struct paint *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->is_bold == b->is_bold &&
	       a->is_dim == b->is_dim && a->is_underlined == b->is_underlined;
}

static void
write_sgr_colour(int colour, int base, struct buf *out)
{
	uint32_t rgb = colour_rgb(colour);
	if (colour >= COLOUR_RGB)
		buf_printf(out, ";%d;2;%u;%u;%u", base + 8, rgb >> 16, rgb >> 8 & 0xff, rgb & 0xff);
	else if (colour >= 0)
		buf_printf(out, ";%d;5;%d", base + 8, colour);
}

static void
write_ansi(const struct canvas *c, const struct theme *t, struct buf *out)
{
	struct paint plain = { .fg = COLOUR_DEFAULT, .bg = COLOUR_DEFAULT };
	for (int y = 0; y < c->rows; y++) {
		struct paint now = plain;
		for (int x = 0; x < c->cols; x++) {
			const struct cell *cell = canvas_cell(c, x, y);
			struct paint p = paint_of(t, cell);
			if (!same_paint(&p, &now)) {
				buf_printf(out, "\033[0%s%s%s", p.is_bold ? ";1" : "",
					p.is_dim ? ";2" : "", p.is_underlined ? ";4" : "");
				write_sgr_colour(p.fg, 30, out);
				write_sgr_colour(p.bg, 40, out);
				buf_add_char(out, 'm');
				now = p;
			}
			cell_write_text(cell, out);
		}
		buf_add_text(out, "\033[0m\n");
	}
}

static uint32_t
ink_of(const struct theme *t, const struct paint *p)
{
	return colour_rgb(p->fg < 0 ? t->ink : p->fg);
}

static void
write_escaped(const struct cell *cell, struct buf *out)
{
	uint32_t p = cell->points[0];
	if (p == '<')
		buf_add_text(out, "&lt;");
	else if (p == '&')
		buf_add_text(out, "&amp;");
	else
		cell_write_text(cell, out);
}

/* Grounds, a rectangle for each run. */
static void
write_grounds(const struct canvas *c, const struct theme *t, struct buf *out)
{
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0, end; x < c->cols; x = end) {
			struct paint p = paint_of(t, canvas_cell(c, x, y));
			for (end = x + 1; end < c->cols; end++) {
				struct paint q = paint_of(t, canvas_cell(c, end, y));
				if (q.bg != p.bg)
					break;
			}
			if (p.bg >= 0)
				buf_printf(out,
					"<rect x='%d' y='%d' width='%d' height='%d' "
				        "fill='#%06x'/>\n",
					MARGIN + x * CELL_W, MARGIN + y * CELL_H,
					(end - x) * CELL_W, CELL_H, colour_rgb(p.bg));
		}
	}
}

/* What is drawn as a shape instead of being left to a font. */
static bool
is_shape(uint32_t p)
{
	return (p > 0x2800 && p <= 0x28ff) || (p >= 0x2581 && p <= 0x2588) || p == 0x258c ||
	       p == 0x2500 || p == 0x2502 || p == 0x00b7 || p == 0x2022 || p == 0x25cf ||
	       p == 0x25cb || p == 0x25a0 || p == 0x25b2 || p == 0x25bc || p == 0x251c || p == 0x2514;
}

static void
write_braille(uint32_t p, double x, double y, struct buf *out)
{
	static const uint8_t bits[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 },
		{ 0x40, 0x80 } };
	for (int row = 0; row < 4; row++)
		for (int col = 0; col < 2; col++)
			if (p & bits[row][col])
				buf_printf(out, "M%g %gh0", x + 2.25 + 4.5 * col,
					y + 2.25 + 4.5 * row);
}

static void
write_circle(double x, double y, double r, bool is_hollow, uint32_t ink, struct buf *out)
{
	buf_printf(out,
		is_hollow ? "<circle cx='%g' cy='%g' r='%g' fill='none' stroke-width='1.3' "
	                    "stroke='#%06x'/>\n"
			  : "<circle cx='%g' cy='%g' r='%g' fill='#%06x'/>\n",
		x + CELL_W / 2.0, y + CELL_H / 2.0, r, ink);
}

static void
write_shape(uint32_t p, double x, double y, uint32_t ink, struct buf *out)
{
	double mid_x = x + CELL_W / 2.0, mid_y = y + CELL_H / 2.0;
	if (p >= 0x2581 && p <= 0x2588) {
		double h = CELL_H * (double)(p - 0x2580) / 8;
		buf_printf(out, "<rect x='%g' y='%g' width='%g' height='%g' fill='#%06x'/>\n",
			x + 0.5, y + CELL_H - h, CELL_W - 1.0, h, ink);
	} else if (p == 0x258c) {
		buf_printf(out, "<rect x='%g' y='%g' width='%g' height='%d' fill='#%06x'/>\n", x, y,
			CELL_W / 2.0, CELL_H, ink);
	} else if (p == 0x25a0) {
		buf_printf(out, "<rect x='%g' y='%g' width='8.4' height='8.4' fill='#%06x'/>\n", mid_x - 4.2,
			mid_y - 4.2, ink);
	} else if (p == 0x25b2 || p == 0x25bc) {
		double tip = p == 0x25b2 ? -3.5 : 3.5;
		buf_printf(out, "<path d='M%g %gl-4 %gh8z' fill='#%06x'/>\n", mid_x, mid_y + tip,
			-2 * tip, ink);
	} else if (p == 0x00b7 || p == 0x2022 || p == 0x25cf) {
		write_circle(x, y, p == 0x00b7 ? 1.4 : p == 0x2022 ? 2.6 : 4.3, false, ink, out);
	} else if (p == 0x25cb) {
		write_circle(x, y, 3.6, true, ink, out);
	} else {
		buf_printf(out, "<path d='M%g %g%s' stroke='#%06x' fill='none'/>\n",
			p == 0x2500 ? x : mid_x, p == 0x2500 ? mid_y : y,
			p == 0x2500   ? "h9"
			: p == 0x2502 ? "v18"
			: p == 0x251c ? "v18m0 -9h4.5"
				      : "v9h4.5",
			ink);
	}
}

static void
write_dots(const struct canvas *c, const struct theme *t, struct buf *out)
{
	/* one path a colour: colours are few */
	uint32_t done[64];
	size_t n_done = 0;
	for (;;) {
		bool has_ink = false;
		uint32_t ink = 0;
		for (int y = 0; y < c->rows; y++) {
			for (int x = 0; x < c->cols; x++) {
				const struct cell *cell = canvas_cell(c, x, y);
				uint32_t p = cell->points[0];
				if (p <= 0x2800 || p > 0x28ff)
					continue;
				struct paint paint = paint_of(t, cell);
				uint32_t own = ink_of(t, &paint);
				bool is_old = false;
				for (size_t i = 0; i < n_done; i++)
					is_old = is_old || done[i] == own;
				if (is_old || (has_ink && own != ink))
					continue;
				if (!has_ink)
					buf_printf(out,
						"<path fill='none' stroke-width='2.7' "
					        "stroke-linecap='round' stroke='#%06x' d='",
						own);
				has_ink = true;
				ink = own;
				write_braille(p, MARGIN + x * CELL_W, MARGIN + y * CELL_H, out);
			}
		}
		if (!has_ink)
			return;
		buf_add_text(out, "'/>\n");
		if (n_done == sizeof done / sizeof *done)
			return;
		done[n_done++] = ink;
	}
}

static bool
is_text(const struct cell *cell)
{
	return cell->width > 0 && cell->points[0] != ' ' && !is_shape(cell->points[0]);
}

/* One run of text in one paint, stretched to its cells; returns where it ends. */
static int
write_run(const struct canvas *c, const struct theme *t, int x, int y, struct buf *out)
{
	struct paint p = paint_of(t, canvas_cell(c, x, y));
	int end = x, cells = 0;
	while (end < c->cols) {
		const struct cell *cell = canvas_cell(c, end, y);
		struct paint q = paint_of(t, cell);
		if (!is_text(cell) || !same_paint(&p, &q) || (cell->width == 2 && cells > 0))
			break;
		cells += cell->width;
		end += cell->width;
		if (cell->width == 2)
			break;
	}
	buf_printf(out, "<text x='%d' y='%d' textLength='%d' fill='#%06x'%s%s>",
		MARGIN + x * CELL_W, MARGIN + y * CELL_H + 13, cells * CELL_W, ink_of(t, &p),
		p.is_bold ? " class='b'" : "",
		p.is_underlined ? " text-decoration='underline'" : "");
	for (int i = x; i < end; i++)
		if (canvas_cell(c, i, y)->width > 0)
			write_escaped(canvas_cell(c, i, y), out);
	buf_add_text(out, "</text>\n");
	return end;
}

static void
write_cells(const struct canvas *c, const struct theme *t, struct buf *out)
{
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols;) {
			const struct cell *cell = canvas_cell(c, x, y);
			uint32_t p = cell->points[0];
			if (is_text(cell)) {
				x = write_run(c, t, x, y, out);
				continue;
			}
			if (is_shape(p) && (p < 0x2800 || p > 0x28ff)) {
				struct paint paint = paint_of(t, cell);
				write_shape(p, MARGIN + x * CELL_W, MARGIN + y * CELL_H,
					ink_of(t, &paint), out);
			}
			x++;
		}
	}
}

static void
write_svg(const struct canvas *c, const struct theme *t, struct buf *out)
{
	int w = c->cols * CELL_W + 2 * MARGIN, h = c->rows * CELL_H + 2 * MARGIN;
	buf_printf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d "
	        "%d'>\n"
		"<style>text{font:15px 'DejaVu Sans Mono','Noto Sans "
	        "Mono',Menlo,Consolas,monospace;white-space:pre}"
		".b{font-weight:bold}</style>\n"
		"<rect width='%d' height='%d' rx='6' fill='#%06x'/>\n",
		w, h, w, h, w, h, colour_rgb(t->paper));
	write_grounds(c, t, out);
	write_dots(c, t, out);
	write_cells(c, t, out);
	buf_add_text(out, "</svg>\n");
}

void
snapshot_write_canvas(const struct canvas *c, enum snapshot_format format,
	const struct theme *theme, struct buf *out)
{
	switch (format) {
	case SNAPSHOT_TEXT:
		canvas_write_text(c, out);
		return;
	case SNAPSHOT_ANSI:
		write_ansi(c, theme, out);
		return;
	case SNAPSHOT_SVG:
		write_svg(c, theme, out);
		return;
	}
}

static int
find_about(const struct snapshot *s, const struct ui *ui, struct view_target *about, struct err *err)
{
	*about = (struct view_target){ .kind = TARGET_NONE };
	if (!s->name || view_find_target(ui->fleet, s->name, about))
		return 0;
	return err_set(err, ERR_NOT_FOUND, "there is no PoP, node, session, service or prefix \"%.60s\"", s->name);
}

int
snapshot_write(const struct snapshot *s, const struct ui *ui, const struct theme *theme,
	struct buf *out, struct err *err)
{
	static const struct screen_wishes none = { 0 };
	struct view_target about;
	struct canvas canvas;
	int cursor_x, cursor_y;

	if (!view_find(s->view))
		return err_set(err, ERR_USAGE,
			"there is no view \"%.40s\": map, pops, nodes, sessions, prefixes, "
		        "timeline, describe, why, raw, help",
			s->view);
	if (find_about(s, ui, &about, err) == -1)
		return -1;
	struct screen *screen = screen_new(&none);
	canvas_init(&canvas, s->cols, s->rows);
	screen_open(screen, ui, s->view, &about);
	screen_update(screen, ui, canvas.cols, canvas.rows);
	screen_draw(screen, ui, &canvas, &cursor_x, &cursor_y);
	snapshot_write_canvas(&canvas, s->format, theme, out);
	canvas_done(&canvas);
	screen_free(screen);
	return 0;
}
