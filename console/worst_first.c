/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of the list beside the map. It is worst first at every moment, and still: a PoP that
 * changes does not push all others down a line. Sorted by name within a verdict, one PoP in 300
 * that turned bad rewrote every row below its new place, names, rates and sparklines: on a bad link
 * a fifth of the screen, and under the eyes of somebody who was just reading a row of it.
 *
 * So a PoP that gets worse changes places with the first of its old verdict, then with the first of
 * each better verdict it passes, and ends as the last of its new one; one that recovers goes the
 * other way and ends as the first. At most two rows move for each verdict passed. What it costs is
 * the order of names within a verdict: it holds when the list is sorted (shown again, resized, `g`
 * `G` `z`) and then gives way to the order in which things happened.
 *
 * Where many change together (the backend is away, a region is cut off) all is new to the reader
 * anyhow, and the list is sorted. Called by console/view_map.c.
 */
#include "console/worst_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/table.h"
#include "core/buf.h"

#define TOGETHER 16 /* more changes than these in one frame: all is sorted */

static int
compare_pops(const void *va, const void *vb, void *arg)
{
	const struct map_pop *pops = arg;
	const struct map_pop *a = &pops[*(const size_t *)va], *b = &pops[*(const size_t *)vb];
	if (a->severity != b->severity)
		return a->severity < b->severity ? -1 : 1;
	return text_compare_natural(a->name, b->name);
}

void
worst_first_sort(struct worst_first *w, const struct map_pop *pops, size_t n)
{
	w->order = xgrow(w->order, &w->cap_order, n + 1, sizeof *w->order);
	w->severity = xgrow(w->severity, &w->cap_severity, n + 1, sizeof *w->severity);
	w->names = xgrow(w->names, &w->cap_names, n + 1, sizeof *w->names);
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		w->order[i] = i;
		w->severity[i] = pops[i].severity;
		snprintf(w->names[i], sizeof w->names[i], "%s", pops[i].name);
	}
	qsort_r(w->order, n, sizeof *w->order, compare_pops, (void *)(uintptr_t)pops);
}

static bool
has_same_pops(const struct worst_first *w, const struct map_pop *pops, size_t n)
{
	if (w->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strncmp(w->names[i], pops[i].name, sizeof w->names[i] - 1) != 0)
			return false;
	return true;
}

static void
swap(struct worst_first *w, size_t a, size_t b)
{
	size_t kept = w->order[a];
	w->order[a] = w->order[b];
	w->order[b] = kept;
}

/* The PoP at a row is of severity `to` now: takes it among its like, through the edges of those it passes. */
static void
move(struct worst_first *w, size_t row, int to)
{
	size_t pop = w->order[row];
	int *own = &w->severity[pop];
	while (*own > to) { /* worse */
		size_t first = worst_first_count_before(w, *own);
		swap(w, row, first);
		row = first;
		/* past verdicts that nobody has */
		*own = first > 0 && w->severity[w->order[first - 1]] > to ? w->severity[w->order[first - 1]] : to;
	}
	while (*own < to) {
		size_t last = worst_first_count_before(w, *own + 1) - 1;
		swap(w, row, last);
		row = last;
		*own = last + 1 < w->n && w->severity[w->order[last + 1]] < to ? w->severity[w->order[last + 1]] : to;
	}
}

void
worst_first_update(struct worst_first *w, const struct map_pop *pops, size_t n)
{
	size_t changed = 0;
	if (!has_same_pops(w, pops, n)) {
		worst_first_sort(w, pops, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		changed += w->severity[i] != pops[i].severity;
	if (changed > TOGETHER) {
		worst_first_sort(w, pops, n);
		return;
	}
	/* a move carries other rows along: look again from the top after each */
	for (size_t row = 0; changed > 0 && row < n; row++) {
		size_t pop = w->order[row];
		if (w->severity[pop] == pops[pop].severity)
			continue;
		move(w, row, pops[pop].severity);
		changed--;
		row = SIZE_MAX;
	}
}

size_t
worst_first_count_before(const struct worst_first *w, int severity)
{
	size_t low = 0, high = w->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->severity[w->order[middle]] < severity)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
worst_first_done(struct worst_first *w)
{
	free(w->order);
	free(w->severity);
	free(w->names);
	*w = (struct worst_first)WORST_FIRST_INIT;
}
