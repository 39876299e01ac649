/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the map's marks and labels, with no terminal and no colour.
 *
 * An operator learns a map by heart, so nothing on it may move without a reason. Three rules keep
 * it still:
 *
 * 1. Which PoPs merge, and where their mark stands, depends on names, positions and the view, and
 *    on nothing that changes with the traffic. PoPs are taken by name; one that would touch the
 *    mark of an earlier one joins it, the nearest if several would do. A mark does not move as it
 *    grows, so PoPs do not chain into one blob across a continent.
 * 2. Labels are first given places as if all PoPs were equal, by name: right, left, above, below,
 *    the first that is free. A query rate or a verdict moves none of these.
 * 3. Only then do marks that got none ask again, worst severity first, then largest size class
 *    (not rate: a class changes rarely), then by name. Such a mark may push out labels of lower
 *    rank, which look for another side in their turn. So a change of one PoP moves only
 *    labels it displaces, and a mark is without a label only where all four sides are taken by
 *    marks, the edge, or labels of at least its rank.
 *
 * The caller draws; console/view_map.c is the one.
 */
#include "console/map_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define FREE (-1)

/* What works on one layout while it is made. */
struct work {
	struct map_layout *out;
	const struct map_pop *pops;
	int mark_width, label_gap;
	size_t *by_name; /* indices of PoPs */
	int *cells; /* of the pane: FREE, or whose label or (see own) whose mark stands there */
};

struct rect {
	int x, y, width; /* one row high */
};

static int
clamp_int(int n, int low, int high)
{
	return n < low ? low : n > high ? high : n;
}

/* Marks and labels share the grid: label k is k there, and mark k this, which is below FREE. */
static int
own(size_t mark)
{
	return -2 - (int)mark;
}

static int
compare_name(const void *a, const void *b, void *arg)
{
	const struct map_pop *pops = arg;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = strcmp(pops[i].name, pops[j].name);

	if (order != 0)
		return order;
	return (i > j) - (i < j);
}

/* Negative if a outranks b. */
static int
compare_marks(const struct map_mark *a, const struct map_mark *b)
{
	if (a->severity != b->severity)
		return a->severity < b->severity ? -1 : 1;
	return b->size - a->size;
}

static int
compare_mark_index(const void *a, const void *b, void *arg)
{
	const struct map_mark *marks = arg;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = compare_marks(&marks[i], &marks[j]);

	if (order != 0)
		return order;
	return (i > j) - (i < j); /* marks stand in the order of names */
}

static bool
touches(const struct work *w, const struct map_mark *m, int x, int y)
{
	return abs(m->x - x) <= w->mark_width && abs(m->y - y) <= 1;
}

/* The nearest mark that a mark at x, y would touch, or MAP_NO_MARK. */
static size_t
find_touching(const struct work *w, int x, int y)
{
	size_t best = MAP_NO_MARK;
	int best_distance = 0;

	for (size_t i = 0; i < w->out->n_marks; i++) {
		const struct map_mark *m = &w->out->marks[i];
		int dx = m->x - x, dy = m->y - y;
		int distance = dx * dx + 4 * dy * dy; /* a cell is twice as high as wide */

		if (touches(w, m, x, y) && (best == MAP_NO_MARK || distance < best_distance)) {
			best = i;
			best_distance = distance;
		}
	}
	return best;
}

static void
join(struct work *w, struct map_mark *m, size_t pop)
{
	const struct map_pop *p = &w->pops[pop];

	if (m->count == 0 || p->severity < m->severity) {
		m->severity = p->severity;
		m->lead = pop;
	}
	if (isfinite(p->weight))
		m->weight = isnan(m->weight) ? p->weight : m->weight + p->weight;
	else
		m->has_unknown = true;
	m->count++;
}

static void
place_pops(struct work *w, const struct geo_view *view)
{
	struct map_layout *out = w->out;

	for (size_t i = 0; i < out->n_pops; i++) {
		size_t pop = w->by_name[i];
		double dot_x, dot_y;

		out->mark_of[pop] = MAP_NO_MARK;
		if (!geo_project(view, w->pops[pop].at, &dot_x, &dot_y)) {
			out->n_hidden++;
			continue;
		}
		int x = clamp_int((int)(dot_x / 2), 0, out->cols - w->mark_width);
		int y = clamp_int((int)(dot_y / 4), 0, out->rows - 1);
		size_t mark = find_touching(w, x, y);

		if (mark == MAP_NO_MARK) {
			mark = out->n_marks++;
			out->marks[mark] = (struct map_mark){ .x = x, .y = y, .weight = NAN };
		}
		join(w, &out->marks[mark], pop);
		out->mark_of[pop] = mark;
	}
}

/* Classes fall by three, ten and a hundred below the full size. */
static int
size_of(double weight, double full)
{
	if (isnan(weight) || !(full > 0))
		return 0;
	double share = weight / full;

	return share >= 1.0 / 3 ? 3 : share >= 0.1 ? 2 : share >= 0.01 ? 1 : 0;
}

static void
size_marks(struct work *w, double full)
{
	if (isnan(full)) {
		for (size_t i = 0; i < w->out->n_marks; i++)
			full = fmax(full, w->out->marks[i].weight);
	}
	for (size_t i = 0; i < w->out->n_marks; i++)
		w->out->marks[i].size = size_of(w->out->marks[i].weight, full);
}

static int
digits(size_t n)
{
	int d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

static int
label_width_of(const struct work *w, const struct map_mark *m)
{
	int width = w->pops[m->lead].label_width;

	if (width <= 0)
		return 0;
	if (m->count > 1)
		width = clamp_int(width, 0, MAP_LABEL_MAX) + 1 + digits(m->count - 1);
	return clamp_int(width, 0, MAP_LABEL_MAX);
}

/* Where a label would stand on one side of its mark; may be outside the pane. */
static struct rect
side_rect(const struct work *w, const struct map_mark *m, enum map_side side)
{
	int width = m->label_width, centre = m->x + (w->mark_width - width) / 2;

	switch (side) {
	case MAP_SIDE_RIGHT:
		return (struct rect){ m->x + w->mark_width + w->label_gap, m->y, width };
	case MAP_SIDE_LEFT:
		return (struct rect){ m->x - w->label_gap - width, m->y, width };
	case MAP_SIDE_ABOVE:
		return (struct rect){ clamp_int(centre, 0, w->out->cols - width), m->y - 1, width };
	case MAP_SIDE_BELOW:
		return (struct rect){ clamp_int(centre, 0, w->out->cols - width), m->y + 1, width };
	case MAP_SIDE_NONE:
		break;
	}
	return (struct rect){ -1, -1, 0 };
}

static bool
is_inside(const struct work *w, struct rect r)
{
	return r.width > 0 && r.x >= 0 && r.y >= 0 && r.x + r.width <= w->out->cols &&
	       r.y < w->out->rows;
}

static int *
cells_at(const struct work *w, int x, int y)
{
	return w->cells + (size_t)y * (size_t)w->out->cols + (size_t)x;
}

static void
fill(struct work *w, struct rect r, int with)
{
	int *cell = cells_at(w, r.x, r.y);

	for (int i = 0; i < r.width; i++)
		cell[i] = with;
}

/* Whether the label of mark `self` may stand in r: free of marks, and of labels it does not
 * outrank; of all labels if it claims nothing. It keeps a cell off its neighbours in the row, or
 * two names would read as one, and a name as that of the wrong mark. */
static bool
may_stand(const struct work *w, struct rect r, size_t self, bool claims)
{
	const struct map_mark *marks = w->out->marks;

	if (!is_inside(w, r))
		return false;
	for (int x = r.x - 1; x <= r.x + r.width; x++) {
		if (x < 0 || x >= w->out->cols)
			continue;
		int owner = *cells_at(w, x, r.y);

		if (owner == FREE || owner == own(self))
			continue;
		if (owner < 0 || !claims || compare_marks(&marks[self], &marks[owner]) >= 0)
			return false;
	}
	return true;
}

static void
remove_label(struct work *w, struct map_mark *m)
{
	fill(w, (struct rect){ m->label_x, m->label_y, m->label_width }, FREE);
	m->side = MAP_SIDE_NONE;
}

static void
put_label(struct work *w, size_t mark, enum map_side side, struct rect r)
{
	struct map_mark *m = &w->out->marks[mark];

	for (int x = r.x - 1; x <= r.x + r.width; x++) {
		if (x < 0 || x >= w->out->cols)
			continue;
		int owner = *cells_at(w, x, r.y);

		if (owner >= 0)
			remove_label(w, &w->out->marks[owner]);
	}
	fill(w, r, (int)mark);
	m->side = side;
	m->label_x = r.x;
	m->label_y = r.y;
}

static bool
try_sides(struct work *w, size_t mark, bool claims)
{
	const struct map_mark *m = &w->out->marks[mark];

	for (int side = MAP_SIDE_RIGHT; side <= MAP_SIDE_BELOW; side++) {
		struct rect r = side_rect(w, m, (enum map_side)side);

		if (may_stand(w, r, mark, claims)) {
			put_label(w, mark, (enum map_side)side, r);
			return true;
		}
	}
	return false;
}

static void
place_labels(struct work *w)
{
	struct map_layout *out = w->out;
	size_t *by_rank = xcalloc(out->n_marks + 1, sizeof(*by_rank));

	for (size_t i = 0; i < out->n_marks; i++) {
		struct map_mark *m = &out->marks[i];

		fill(w, (struct rect){ m->x, m->y, w->mark_width }, own(i));
		m->label_width = label_width_of(w, m);
		by_rank[i] = i;
	}
	for (size_t i = 0; i < out->n_marks; i++)
		try_sides(w, i, false);
	qsort_r(by_rank, out->n_marks, sizeof(*by_rank), compare_mark_index, out->marks);
	for (size_t i = 0; i < out->n_marks; i++) {
		size_t mark = by_rank[i];

		if (out->marks[mark].side == MAP_SIDE_NONE && !try_sides(w, mark, false))
			try_sides(w, mark, true);
	}
	free(by_rank);
}

void
map_layout_make(struct map_layout *layout, const struct map_pop *pops, size_t n,
	const struct geo_view *view, const struct map_options *options)
{
	struct work w = { .out = layout, .pops = pops };

	*layout = (struct map_layout){
		.cols = clamp_int(view->width / 2, 1, GEO_DOTS_MAX),
		.rows = clamp_int(view->height / 4, 1, GEO_DOTS_MAX),
		.n_pops = n,
		.marks = xcalloc(n + 1, sizeof(*layout->marks)),
		.mark_of = xcalloc(n + 1, sizeof(*layout->mark_of)),
	};
	w.mark_width = clamp_int(clamp_int(options->mark_width, 1, 4), 1, layout->cols);
	w.label_gap = clamp_int(options->label_gap, 0, 2);
	layout->mark_width = w.mark_width;
	w.by_name = xcalloc(n + 1, sizeof(*w.by_name));
	for (size_t i = 0; i < n; i++)
		w.by_name[i] = i;
	qsort_r(w.by_name, n, sizeof(*w.by_name), compare_name, (void *)(uintptr_t)pops);
	place_pops(&w, view);
	size_marks(&w, options->full_size);
	if (!options->no_labels) {
		size_t cells = (size_t)layout->cols * (size_t)layout->rows;

		w.cells = xcalloc(cells, sizeof(*w.cells));
		for (size_t i = 0; i < cells; i++)
			w.cells[i] = FREE;
		place_labels(&w);
	}
	free(w.cells);
	free(w.by_name);
}

void
map_layout_done(struct map_layout *layout)
{
	free(layout->marks);
	free(layout->mark_of);
	*layout = (struct map_layout){ 0 };
}

uint32_t
map_size_glyph(int size)
{
	static const uint32_t glyphs[MAP_SIZES] = { 0x00b7, 0x2022, 0x25cf, 0x25a0 };

	return glyphs[clamp_int(size, 0, MAP_SIZES - 1)];
}

size_t
map_layout_find(const struct map_layout *layout, int x, int y)
{
	for (size_t i = 0; i < layout->n_marks; i++) {
		const struct map_mark *m = &layout->marks[i];

		if (m->y == y && x >= m->x && x < m->x + layout->mark_width)
			return i;
		if (m->side != MAP_SIDE_NONE && m->label_y == y && x >= m->label_x &&
			x < m->label_x + m->label_width)
			return i;
	}
	return MAP_NO_MARK;
}
