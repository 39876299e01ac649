/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks and labels on the map: a table of what merges, and promises checked over random fleets of
 * 300 PoPs, crowded as real ones are. Overlaps are looked for here with a grid of its own, not
 * with the one the layout works on.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "console/map_layout.h"
#include "tests/unit/suite.h"

#define FLEET 300

static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16 & 0x7FFF;
}

struct fleet {
	struct map_pop pops[FLEET];
	char names[FLEET][16];
	size_t n;
};

/* Half of it anywhere an airport is, half in four crowded countries. */
static void
make_fleet(struct fleet *f, size_t n, unsigned *seed)
{
	f->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct geo_place *p;

		do {
			p = geo_get_place((next(seed) << 8 ^ next(seed)) % geo_count_places());
		} while (next(seed) % 2 && !strstr("US DE GB JP", p->country));
		snprintf(f->names[i], sizeof(f->names[i]), "%s%u", p->code, (unsigned)i);
		f->pops[i] = (struct map_pop){
			.name = f->names[i],
			.at = { p->lat, p->lon },
			.weight = next(seed) % 8 == 0 ? NAN : exp(next(seed) / 2500.0),
			.severity = next(seed) % 4 == 0 ? (int)(next(seed) % 9) : 8,
			.label_width = (int)(next(seed) % 12),
		};
	}
}

static struct geo_view
random_view(unsigned *seed)
{
	static const int sizes[][2] = { { 80, 20 }, { 160, 40 }, { 52, 18 }, { 40, 10 }, { 10, 3 },
		{ 1, 1 }, { 240, 60 } };
	const int *size = sizes[next(seed) % (sizeof(sizes) / sizeof(sizes[0]))];
	struct geo_point centre = { next(seed) % 100 - 40.0, next(seed) % 360 - 180.0 };

	return geo_view_make(centre, 1 << next(seed) % 5, 2 * size[0], 4 * size[1]);
}

static struct map_options
random_options(unsigned *seed)
{
	return (struct map_options){
		.mark_width = 1 + (int)(next(seed) % 3),
		.label_gap = (int)(next(seed) % 2),
		.full_size = NAN,
	};
}

static bool
outranks(const struct map_mark *a, const struct map_mark *b)
{
	return a->severity != b->severity ? a->severity < b->severity : a->size > b->size;
}

/* A second opinion: who covers each cell. Marks are -2 - k, labels k, nobody -1. */
static int *
paint(const struct map_layout *l)
{
	size_t cells = (size_t)l->cols * (size_t)l->rows;
	int *grid = malloc(cells * sizeof(*grid));

	ck_assert_ptr_nonnull(grid);
	for (size_t i = 0; i < cells; i++)
		grid[i] = -1;
	for (size_t k = 0; k < l->n_marks; k++) {
		const struct map_mark *m = &l->marks[k];

		ck_assert(m->x >= 0 && m->x + l->mark_width <= l->cols);
		ck_assert(m->y >= 0 && m->y < l->rows);
		for (int i = 0; i < l->mark_width; i++) {
			int *cell = &grid[m->y * l->cols + m->x + i];

			ck_assert_int_eq(*cell, -1);
			*cell = -2 - (int)k;
		}
	}
	for (size_t k = 0; k < l->n_marks; k++) {
		const struct map_mark *m = &l->marks[k];

		if (m->side == MAP_SIDE_NONE)
			continue;
		ck_assert(m->label_width > 0 && m->label_width <= MAP_LABEL_MAX);
		ck_assert(m->label_x >= 0 && m->label_x + m->label_width <= l->cols);
		ck_assert(m->label_y >= 0 && m->label_y < l->rows);
		for (int i = 0; i < m->label_width; i++) {
			int *cell = &grid[m->label_y * l->cols + m->label_x + i];

			ck_assert_msg(*cell == -1, "label of mark %zu lies on %d", k, *cell);
			*cell = (int)k;
		}
	}
	for (size_t k = 0; k < l->n_marks; k++) {
		const struct map_mark *m = &l->marks[k];
		int ends[] = { m->label_x - 1, m->label_x + m->label_width };

		for (int i = 0; i < 2 && m->side != MAP_SIDE_NONE; i++) {
			int owner = ends[i] < 0 || ends[i] >= l->cols
			                    ? -1
			                    : grid[m->label_y * l->cols + ends[i]];

			ck_assert_msg(owner == -1 || owner == -2 - (int)k,
				"label of mark %zu runs into %d", k, owner);
		}
	}
	return grid;
}

/* Whether something of at least the rank of mark k, or the edge, keeps its label from x, y. */
static bool
is_blocked(const struct map_layout *l, const int *grid, size_t k, int x, int y)
{
	const struct map_mark *m = &l->marks[k];

	if (x < 0 || y < 0 || y >= l->rows || x + m->label_width > l->cols)
		return true;
	for (int i = x - 1; i <= x + m->label_width; i++) {
		int owner = i < 0 || i >= l->cols ? -1 : grid[y * l->cols + i];

		if (owner == -1 || owner == -2 - (int)k)
			continue;
		if (owner < 0 || !outranks(m, &l->marks[owner]))
			return true;
	}
	return false;
}

static void
check_unlabelled(const struct map_layout *l, const int *grid, int gap)
{
	for (size_t k = 0; k < l->n_marks; k++) {
		const struct map_mark *m = &l->marks[k];
		int centre = m->x + (l->mark_width - m->label_width) / 2;

		if (m->side != MAP_SIDE_NONE || m->label_width == 0)
			continue;
		if (centre > l->cols - m->label_width)
			centre = l->cols - m->label_width;
		if (centre < 0)
			centre = 0;
		ck_assert(is_blocked(l, grid, k, m->x + l->mark_width + gap, m->y));
		ck_assert(is_blocked(l, grid, k, m->x - gap - m->label_width, m->y));
		ck_assert(is_blocked(l, grid, k, centre, m->y - 1));
		ck_assert(is_blocked(l, grid, k, centre, m->y + 1));
	}
}

static void
check_members(const struct map_layout *l, const struct fleet *f)
{
	size_t shown = 0, hidden = 0;

	for (size_t k = 0; k < l->n_marks; k++) {
		const struct map_mark *m = &l->marks[k];
		int worst = INT32_MAX;
		size_t count = 0;
		double sum = NAN;

		for (size_t i = 0; i < f->n; i++) {
			if (l->mark_of[i] != k)
				continue;
			count++;
			worst = f->pops[i].severity < worst ? f->pops[i].severity : worst;
			if (!isnan(f->pops[i].weight))
				sum = isnan(sum) ? f->pops[i].weight : sum + f->pops[i].weight;
		}
		ck_assert_uint_eq(count, m->count);
		ck_assert_int_eq(worst, m->severity);
		ck_assert_int_eq(f->pops[m->lead].severity, worst);
		ck_assert_uint_eq(l->mark_of[m->lead], k);
		ck_assert(isnan(sum) ? isnan(m->weight) : fabs(sum - m->weight) <= 1e-6 * sum);
		shown += count;
	}
	for (size_t i = 0; i < f->n; i++)
		hidden += l->mark_of[i] == MAP_NO_MARK;
	ck_assert_uint_eq(hidden, l->n_hidden);
	ck_assert_uint_eq(shown + hidden, f->n);
}

START_TEST(test_nothing_overlaps_in_random_fleets)
{
	unsigned seed = (unsigned)_i + 1;
	struct fleet f;
	struct geo_view v = random_view(&seed);
	struct map_options o = random_options(&seed);
	struct map_layout l;
	int *grid;

	make_fleet(&f, _i % 10 == 0 ? next(&seed) % 20 : FLEET, &seed);
	map_layout_make(&l, f.pops, f.n, &v, &o);
	grid = paint(&l);
	check_members(&l, &f);
	check_unlabelled(&l, grid, o.label_gap);
	for (size_t a = 0; a < l.n_marks; a++) {
		for (size_t b = 0; b < a; b++)
			ck_assert(abs(l.marks[a].x - l.marks[b].x) > l.mark_width ||
				  abs(l.marks[a].y - l.marks[b].y) > 1);
	}
	for (int y = 0; y < l.rows; y++) {
		for (int x = 0; x < l.cols; x++) {
			int owner = grid[y * l.cols + x];
			size_t want = owner == -1 ? MAP_NO_MARK
			                          : (size_t)(owner < 0 ? -2 - owner : owner);

			ck_assert_uint_eq(map_layout_find(&l, x, y), want);
		}
	}
	free(grid);
	map_layout_done(&l);
}
END_TEST

static bool
same_place(const struct map_mark *a, const struct map_mark *b)
{
	return a->x == b->x && a->y == b->y && a->side == b->side &&
	       (a->side == MAP_SIDE_NONE || (a->label_x == b->label_x && a->label_y == b->label_y));
}

START_TEST(test_order_of_input_does_not_matter)
{
	unsigned seed = 77;
	struct fleet f;
	struct map_pop reversed[FLEET];
	struct geo_view v = geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, 160, 80);
	struct map_options o = { .mark_width = 2, .label_gap = 1, .full_size = NAN };
	struct map_layout a, b;

	make_fleet(&f, FLEET, &seed);
	for (size_t i = 0; i < FLEET; i++)
		reversed[i] = f.pops[FLEET - 1 - i];
	map_layout_make(&a, f.pops, FLEET, &v, &o);
	map_layout_make(&b, reversed, FLEET, &v, &o);
	ck_assert_uint_eq(a.n_marks, b.n_marks);
	for (size_t k = 0; k < a.n_marks; k++) {
		ck_assert(same_place(&a.marks[k], &b.marks[k]));
		ck_assert_uint_eq(a.marks[k].lead, FLEET - 1 - b.marks[k].lead);
	}
	map_layout_done(&a);
	map_layout_done(&b);
}
END_TEST

START_TEST(test_traffic_moves_nothing)
{
	unsigned seed = 5;
	struct fleet f;
	struct geo_view v = geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, 160, 80);
	struct map_options o = { .mark_width = 1, .full_size = 1e6 };
	struct map_layout before, after;

	make_fleet(&f, FLEET, &seed);
	for (size_t i = 0; i < FLEET; i++)
		f.pops[i].weight = 40000 + i;
	map_layout_make(&before, f.pops, FLEET, &v, &o);
	for (size_t i = 0; i < FLEET; i++)
		f.pops[i].weight += next(&seed) % 100;
	map_layout_make(&after, f.pops, FLEET, &v, &o);
	ck_assert_uint_eq(before.n_marks, after.n_marks);
	for (size_t k = 0; k < before.n_marks; k++) {
		ck_assert_int_eq(before.marks[k].size, after.marks[k].size);
		ck_assert(same_place(&before.marks[k], &after.marks[k]));
		ck_assert_uint_eq(before.marks[k].lead, after.marks[k].lead);
	}
	map_layout_done(&before);
	map_layout_done(&after);
}
END_TEST

/* One PoP gets worse: no mark moves, and of the other labels only those it had to displace. */
START_TEST(test_one_bad_pop_disturbs_few_labels)
{
	unsigned seed = (unsigned)_i * 31 + 3;
	struct fleet f;
	struct geo_view v = geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, 160, 80);
	struct map_options o = { .mark_width = 1, .full_size = NAN };
	struct map_layout before, after;
	int moved = 0;

	make_fleet(&f, 60, &seed);
	for (size_t i = 0; i < f.n; i++) {
		f.pops[i].severity = 8;
		f.pops[i].label_width = 3;
	}
	map_layout_make(&before, f.pops, f.n, &v, &o);
	size_t bad = next(&seed) % f.n;

	f.pops[bad].severity = 0;
	map_layout_make(&after, f.pops, f.n, &v, &o);
	ck_assert_uint_eq(before.n_marks, after.n_marks);
	for (size_t k = 0; k < before.n_marks; k++) {
		ck_assert_int_eq(before.marks[k].x, after.marks[k].x);
		ck_assert_int_eq(before.marks[k].y, after.marks[k].y);
		ck_assert_uint_eq(before.mark_of[before.marks[k].lead], k);
		moved += k != after.mark_of[bad] && !same_place(&before.marks[k], &after.marks[k]);
	}
	/* a label of three cells and two margins can lie on two of its like, which may move on once
	 */
	ck_assert_int_le(moved, 4);
	if (before.mark_of[bad] != MAP_NO_MARK &&
		before.marks[before.mark_of[bad]].side != MAP_SIDE_NONE)
		ck_assert_int_eq(moved, 0);
	map_layout_done(&before);
	map_layout_done(&after);
}
END_TEST

static size_t
layout_of(struct map_layout *l, const struct map_pop *pops, size_t n)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, 160, 80);
	struct map_options o = { .mark_width = 1, .full_size = 1000 };

	map_layout_make(l, pops, n, &v, &o);
	return l->n_marks;
}

START_TEST(test_close_pops_merge_to_a_count)
{
	/* a cell is 4.5 degrees wide: a b touch, c lies two cells on, d is far, e nowhere */
	struct map_pop pops[] = {
		{ "b", { 1, 5 }, 100, 8, 1 },
		{ "a", { 1, 1 }, 50, 3, 1 },
		{ "c", { 1, 10 }, NAN, 8, 1 },
		{ "d", { 40, -100 }, 900, 8, 1 },
		{ "e", { NAN, 0 }, 1, 0, 1 },
		{ "f", { -80, 0 }, 1, 0, 1 },
	};
	struct map_layout l;

	ck_assert_uint_eq(layout_of(&l, pops, 6), 3);
	ck_assert_uint_eq(l.n_hidden, 2);
	ck_assert_uint_eq(l.mark_of[0], l.mark_of[1]);
	ck_assert_uint_eq(l.mark_of[4], MAP_NO_MARK);

	const struct map_mark *ab = &l.marks[l.mark_of[0]], *c = &l.marks[l.mark_of[2]];

	ck_assert_uint_eq(ab->count, 2);
	ck_assert_uint_eq(ab->lead, 1);
	ck_assert_int_eq(ab->severity, 3);
	ck_assert_double_eq(ab->weight, 150);
	ck_assert(!ab->has_unknown);
	ck_assert_int_eq(ab->label_width, 3); /* "a+1" */
	ck_assert_uint_eq(c->count, 1); /* b touches it, but the mark of b is where a stands */
	ck_assert(isnan(c->weight) && c->has_unknown);
	ck_assert_int_eq(c->size, 0);
	map_layout_done(&l);
}
END_TEST

START_TEST(test_size_classes)
{
	static const struct {
		double weight;
		int size;
	} rows[] = { { 1000, 3 }, { 5000, 3 }, { 334, 3 }, { 333, 2 }, { 100, 2 }, { 99, 1 },
		{ 10, 1 }, { 9, 0 }, { 0, 0 }, { NAN, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct map_pop pop = { "a", { 0, 0 }, rows[i].weight, 0, 1 };
		struct map_layout l;

		ck_assert_uint_eq(layout_of(&l, &pop, 1), 1);
		ck_assert_msg(l.marks[0].size == rows[i].size, "%.0f is of size %d", rows[i].weight,
			l.marks[0].size);
		map_layout_done(&l);
	}
}
END_TEST

/* The first side that is free, in that order. */
START_TEST(test_labels_take_right_left_above_below)
{
	struct map_pop pops[] = {
		{ "east", { 0, 179 }, 1, 8, 5 }, /* no room to the right */
		{ "mid", { 0, 0 }, 1, 8, 5 },
		{ "near", { 0, 10 }, 1, 8, 5 },   /* right, so that mid has to take its left */
		{ "long", { 40, 0 }, 1, 8, 200 }, /* cut to the most a label may take */
		{ "none", { -40, 0 }, 1, 8, 0 },
	};
	struct map_layout l;

	ck_assert_uint_eq(layout_of(&l, pops, 5), 5);
	ck_assert_int_eq(l.marks[l.mark_of[0]].side, MAP_SIDE_LEFT);
	ck_assert_int_eq(l.marks[l.mark_of[2]].side, MAP_SIDE_RIGHT);
	ck_assert_int_eq(l.marks[l.mark_of[1]].side, MAP_SIDE_LEFT);
	ck_assert_int_eq(l.marks[l.mark_of[3]].label_width, MAP_LABEL_MAX);
	ck_assert_int_eq(l.marks[l.mark_of[4]].side, MAP_SIDE_NONE);
	map_layout_done(&l);
}
END_TEST

START_TEST(test_labels_without_room_beside_go_above_or_below)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, 12, 20);
	struct map_options o = { .mark_width = 1, .full_size = NAN };
	struct map_pop pop = { "middle", { 0, 0 }, 1, 8, 5 };
	struct map_layout l;

	map_layout_make(&l, &pop, 1, &v, &o);
	ck_assert_int_eq(l.marks[0].side, MAP_SIDE_ABOVE);
	ck_assert_int_eq(l.marks[0].label_y, l.marks[0].y - 1);
	map_layout_done(&l);
	v = geo_view_make((struct geo_point){ 0, 0 }, 2, 12, 8);
	pop.at.lat = geo_miller_inverse(v.mid_y + 0.2);
	map_layout_make(&l, &pop, 1, &v, &o);
	ck_assert_int_eq(l.marks[0].y, 0);
	ck_assert_int_eq(l.marks[0].side, MAP_SIDE_BELOW);
	ck_assert_int_eq(l.marks[0].label_y, 1);
	map_layout_done(&l);
}
END_TEST

/* In a pane of one row only one of the two names fits: that of the worse, then of the larger. */
START_TEST(test_the_worse_then_the_larger_gets_the_label)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 4, 28, 4);
	struct map_options o = { .mark_width = 1, .full_size = 1000 };
	struct map_pop pops[] = {
		{ "a", { 0, -60 }, 1, 8, 5 },
		{ "b", { 0, 60 }, 1, 8, 5 },
	};
	struct map_layout l;

	for (int worse = 0; worse < 3; worse++) {
		size_t winner = worse == 0 ? 0 : 1;

		pops[1].severity = worse == 1 ? 2 : 8;
		pops[1].weight = worse == 2 ? 900 : 1;
		map_layout_make(&l, pops, 2, &v, &o);
		ck_assert_uint_eq(l.n_marks, 2);
		ck_assert_int_ne(l.marks[winner].side, MAP_SIDE_NONE);
		ck_assert_int_eq(l.marks[1 - winner].side, MAP_SIDE_NONE);
		map_layout_done(&l);
	}
}
END_TEST

START_TEST(test_no_pops_and_no_labels)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, 160, 80);
	struct map_options o = { .mark_width = 99, .full_size = NAN, .no_labels = true };
	struct map_pop pop = { "a", { 0, 0 }, NAN, 0, 3 };
	struct map_layout l;

	map_layout_make(&l, NULL, 0, &v, &o);
	ck_assert_uint_eq(l.n_marks, 0);
	ck_assert_uint_eq(map_layout_find(&l, 0, 0), MAP_NO_MARK);
	map_layout_done(&l);
	map_layout_make(&l, &pop, 1, &v, &o);
	ck_assert_int_eq(l.marks[0].side, MAP_SIDE_NONE);
	ck_assert_int_eq(l.mark_width, 4);
	map_layout_done(&l);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("map_layout");
	TCase *t = tcase_create("map_layout");

	tcase_add_loop_test(t, test_nothing_overlaps_in_random_fleets, 0, 120);
	tcase_add_test(t, test_order_of_input_does_not_matter);
	tcase_add_test(t, test_traffic_moves_nothing);
	tcase_add_loop_test(t, test_one_bad_pop_disturbs_few_labels, 0, 100);
	tcase_add_test(t, test_close_pops_merge_to_a_count);
	tcase_add_test(t, test_size_classes);
	tcase_add_test(t, test_labels_take_right_left_above_below);
	tcase_add_test(t, test_labels_without_room_beside_go_above_or_below);
	tcase_add_test(t, test_the_worse_then_the_larger_gets_the_label);
	tcase_add_test(t, test_no_pops_and_no_labels);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
