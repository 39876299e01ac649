/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where on the map each PoP's mark stands, which marks are one, and where names fit.
 *
 * Measured in character cells from the top left of the pane; a view of 160 by 80 dots is a pane of
 * 80 by 20 cells. The same input always gives the same layout.
 */
#ifndef CONSOLE_MAP_LAYOUT_H
#define CONSOLE_MAP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/geo.h"

#define MAP_LABEL_MAX 24 /* cells a label may take, with its "+N" */
#define MAP_SIZES     4
#define MAP_NO_MARK   ((size_t)-1)

/* What the caller knows of a PoP. */
struct map_pop {
	const char *name;    /* unique; decides ties and who leads a merged mark's place */
	struct geo_point at; /* what is no number or beyond the map is not shown, but counted */
	double weight;       /* queries a second, or NAN when unknown */
	int severity;        /* lower is worse, as in the list of verdicts */
	int label_width;     /* cells the label takes; 0 for a PoP without one */
};

struct map_options {
	int mark_width;   /* cells a mark takes, 1..4: glyph, verdict letter, count */
	int label_gap;    /* cells between a mark and a label beside it, 0..2 */
	double full_size; /* weight drawn as the largest mark; NAN: the largest weight there is */
	bool no_labels;
};

enum map_side {
	MAP_SIDE_NONE, /* no label: nothing to say, or no place to say it */
	MAP_SIDE_RIGHT,
	MAP_SIDE_LEFT,
	MAP_SIDE_ABOVE,
	MAP_SIDE_BELOW,
};

/* One mark: a PoP, or several that would touch. */
struct map_mark {
	int x, y;         /* leftmost cell; the mark ends at x + mark_width - 1, inside the pane */
	size_t lead;      /* index of the PoP to name: worst severity, then by name */
	size_t count;     /* PoPs in it, 1 or more */
	int severity;     /* worst of them */
	double weight;    /* sum of the known weights, NAN if none is known */
	bool has_unknown; /* some weight is not known, so the sum is a lower bound */
	int size;         /* 0..MAP_SIZES-1; unknown is 0 */
	enum map_side side;   /* where the label stands */
	int label_x, label_y; /* its leftmost cell, if there is one */
	int label_width; /* cells: the lead's label, then "+N" if count is above 1; clip to this */
};

struct map_layout {
	int cols, rows;         /* cells of the pane */
	int mark_width;         /* cells, as asked for */
	struct map_mark *marks; /* owned; in the order of their first member's name */
	size_t n_marks;
	size_t n_pops;
	size_t *mark_of; /* owned; for each PoP its mark, or MAP_NO_MARK */
	size_t n_hidden; /* PoPs outside the view */
};

/* Lays out n PoPs; layout is written anew, and freed with map_layout_done. pops is only read. */
void map_layout_make(struct map_layout *layout, const struct map_pop *pops, size_t n,
	const struct geo_view *view, const struct map_options *options);
void map_layout_done(struct map_layout *layout);
/* What a mark of a size is drawn as: each larger one covers more of its cell. */
uint32_t map_size_glyph(int size);
/* The mark whose cells or label cover a cell (a mouse click), or MAP_NO_MARK. */
size_t map_layout_find(const struct map_layout *layout, int x, int y);

#endif
