/* SPDX-License-Identifier: Apache-2.0
 *
 * Scrolling text with roles. Lines are kept as runs of (role, text), so that the same lines can be
 * searched as plain text and drawn in colour. The writer is called for every update, which keeps
 * ages and figures current while one reads; lines are cheap and there are few.
 */
#include "console/pager.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define LABEL_COLUMN 14
#define LINE_MAX     4096
#define MARGIN       1

struct run {
	enum role role;
	size_t start, len; /* in the text of all lines */
};

struct line {
	size_t first_run, n_runs;
	int width; /* columns written so far */
};

struct pager {
	struct view_target about;
	struct buf text;
	struct run *runs;
	size_t n_runs, cap_runs;
	struct line *lines;
	size_t n_lines, cap_lines;
	int cols, rows;
	size_t top;
	int shift;    /* columns scrolled away at the left */
	size_t found; /* line of the last match, SIZE_MAX: none */
};

struct pager *
pager_new(const struct view_target *about)
{
	struct pager *p = xcalloc(1, sizeof *p);
	p->about = *about;
	p->text = (struct buf)BUF_INIT(8u << 20);
	p->found = SIZE_MAX;
	return p;
}

void
pager_free(struct pager *p)
{
	buf_done(&p->text);
	free(p->runs);
	free(p->lines);
	free(p);
}

const struct view_target *
pager_about(const struct pager *p)
{
	return &p->about;
}

static struct line *
last_line(struct pager *p)
{
	return &p->lines[p->n_lines - 1];
}

static void
start_line(struct pager *p)
{
	if (p->n_lines == PAGER_LINES_MAX)
		return;
	p->lines = xgrow(p->lines, &p->cap_lines, p->n_lines + 1, sizeof *p->lines);
	p->lines[p->n_lines++] = (struct line){ .first_run = p->n_runs };
}

void
pager_begin(struct pager *p, int cols, int rows)
{
	p->cols = cols;
	p->rows = rows;
	p->n_lines = p->n_runs = 0;
	buf_clear(&p->text);
	start_line(p);
}

static void
add(struct pager *p, enum role role, struct slice text, int width)
{
	size_t start = p->text.len;
	if (p->n_lines == PAGER_LINES_MAX || buf_add(&p->text, text.data, text.len) == -1)
		return;
	buf_add_char(&p->text, '\0');
	p->runs = xgrow(p->runs, &p->cap_runs, p->n_runs + 1, sizeof *p->runs);
	p->runs[p->n_runs++] = (struct run){ role, start, text.len };
	last_line(p)->n_runs++;
	last_line(p)->width += width;
}

void
pager_text(struct pager *p, enum role role, const char *text)
{
	add(p, role, slice_of(text), text_width(text));
}

void
pager_printf(struct pager *p, enum role role, const char *format, ...)
{
	char text[LINE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pager_text(p, role, text);
}

void
pager_tab(struct pager *p, int column)
{
	static const char blanks[] =
		"                                                                                ";
	int missing = column - last_line(p)->width;
	missing = missing < 1 ? 1 : missing > 80 ? 80 : missing;
	add(p, ROLE_TEXT, (struct slice){ blanks, (size_t)missing }, missing);
}

void
pager_newline(struct pager *p)
{
	start_line(p);
}

void
pager_wrap(struct pager *p, enum role role, const char *text)
{
	int left = last_line(p)->width;
	int room = p->cols - 2 * MARGIN;
	struct slice rest = slice_of(text), word;
	bool is_first = true;
	while (slice_next_word(&rest, &word)) {
		char copy[LINE_MAX];
		slice_copy(word, copy, sizeof copy);
		int width = text_width(copy);
		if (!is_first && last_line(p)->width + 1 + width > room) {
			pager_newline(p);
			if (left > 0)
				pager_tab(p, left);
			is_first = true;
		}
		if (!is_first)
			add(p, role, slice_of(" "), 1);
		add(p, role, slice_of(copy), width);
		is_first = false;
	}
}

void
pager_foreign(struct pager *p, enum role role, const char *text)
{
	char clean[LINE_MAX];
	text_sanitise_to(slice_of(text), clean, sizeof clean);
	pager_text(p, role, clean);
}

void
pager_foreign_wrap(struct pager *p, enum role role, const char *text)
{
	char clean[LINE_MAX];
	text_sanitise_to(slice_of(text), clean, sizeof clean);
	pager_wrap(p, role, clean);
}

void
pager_heading(struct pager *p, const char *text)
{
	if (p->n_lines > 1 || last_line(p)->n_runs > 0) {
		if (last_line(p)->n_runs > 0)
			pager_newline(p);
		pager_newline(p);
	}
	pager_text(p, ROLE_STRONG, text);
	pager_newline(p);
}

void
pager_label(struct pager *p, const char *label)
{
	if (last_line(p)->n_runs > 0)
		pager_newline(p);
	pager_text(p, ROLE_MUTED, label);
	pager_tab(p, LABEL_COLUMN);
}

static size_t
last_top(const struct pager *p)
{
	size_t rows = p->rows > 0 ? (size_t)p->rows : 1;
	return p->n_lines > rows ? p->n_lines - rows : 0;
}

void
pager_end(struct pager *p)
{
	while (p->n_lines > 1 && last_line(p)->n_runs == 0)
		p->n_lines--;
	if (p->top > last_top(p))
		p->top = last_top(p);
}

void
pager_write(const struct pager *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_lines; i++) {
		size_t start = out->len, end = start;
		const struct line *line = &p->lines[i];
		for (size_t k = 0; k < line->n_runs; k++)
			buf_add_text(out, p->text.data + p->runs[line->first_run + k].start);
		for (size_t k = start; k < out->len; k++)
			if (out->data[k] != ' ')
				end = k + 1;
		if (end < out->len) {
			out->len = end;
			out->data[end] = '\0';
		}
		buf_add_char(out, '\n');
	}
}

static void
draw_line(const struct pager *p, const struct line *line, struct canvas *c, int y)
{
	int x = MARGIN - p->shift;
	for (size_t i = 0; i < line->n_runs; i++) {
		const struct run *run = &p->runs[line->first_run + i];
		x += canvas_text(c, x, y, CANVAS_MAX, run->role, p->text.data + run->start);
	}
	if (x > c->cols)
		canvas_put(c, c->cols - 1, y, ROLE_FAINT, '>');
}

void
pager_draw(const struct pager *p, struct canvas *c)
{
	for (int y = 0; y < c->rows && p->top + (size_t)y < p->n_lines; y++) {
		size_t i = p->top + (size_t)y;
		draw_line(p, &p->lines[i], c, y);
		if (i == p->found)
			canvas_ground(c, (struct rect){ 0, y, c->cols, 1 }, ROLE_MATCH);
	}
}

void
pager_scroll(struct pager *p, long by)
{
	if (by < 0)
		p->top = p->top < (size_t)-by ? 0 : p->top - (size_t)-by;
	else
		p->top += (size_t)by;
	if (p->top > last_top(p))
		p->top = last_top(p);
}

bool
pager_command(struct pager *p, enum action action)
{
	long page = p->rows > 1 ? p->rows - 1 : 1;
	switch (action) {
	case ACTION_DOWN:
		pager_scroll(p, 1);
		return true;
	case ACTION_UP:
		pager_scroll(p, -1);
		return true;
	case ACTION_PAGE_DOWN:
	case ACTION_MARK: /* space, as in a pager */
		pager_scroll(p, page);
		return true;
	case ACTION_PAGE_UP:
		pager_scroll(p, -page);
		return true;
	case ACTION_TOP:
		p->top = 0;
		return true;
	case ACTION_BOTTOM:
		p->top = last_top(p);
		return true;
	case ACTION_LEFT:
		p->shift = p->shift > 8 ? p->shift - 8 : 0;
		return true;
	case ACTION_RIGHT:
		p->shift += p->shift < LINE_MAX ? 8 : 0;
		return true;
	default:
		return false;
	}
}

static void
line_text(const struct pager *p, const struct line *line, char out[LINE_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < line->n_runs; i++) {
		const struct run *run = &p->runs[line->first_run + i];
		size_t take = run->len < LINE_MAX - 1 - n ? run->len : LINE_MAX - 1 - n;
		memcpy(out + n, p->text.data + run->start, take);
		n += take;
	}
	out[n] = '\0';
}

bool
pager_search(struct pager *p, const struct filter *f, bool backwards)
{
	char text[LINE_MAX];
	size_t from = p->found < p->n_lines ? p->found : p->top;
	bool is_first = p->found >= p->n_lines;
	for (size_t step = is_first ? 0 : 1; step <= p->n_lines; step++) {
		size_t i = (from + (backwards ? 2 * p->n_lines - step : step)) % p->n_lines;
		line_text(p, &p->lines[i], text);
		if (!filter_match(f, text))
			continue;
		p->found = i;
		if (i < p->top || i >= p->top + (size_t)p->rows)
			p->top = i > 2 ? i - 2 : 0;
		if (p->top > last_top(p))
			p->top = last_top(p);
		return true;
	}
	return false;
}

void
pager_status(const struct pager *p, char *out, size_t size)
{
	size_t last = p->top + (size_t)(p->rows > 0 ? p->rows : 0);
	if (p->n_lines <= (size_t)(p->rows > 0 ? p->rows : 0))
		out[0] = '\0';
	else
		snprintf(out, size, "%zu-%zu of %zu", p->top + 1,
			last < p->n_lines ? last : p->n_lines, p->n_lines);
}
