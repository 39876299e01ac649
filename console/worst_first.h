/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_WORST_FIRST_H
#define CONSOLE_WORST_FIRST_H

#include <stddef.h>

#include "console/map_layout.h"
#include "core/fleet.h"

/* The order of a list of PoPs that stays worst first and moves as few rows as it can. */
struct worst_first {
	size_t *order; /* owned; indices of PoPs, worst first */
	size_t n;
	int *severity;                /* owned; by index, what the order was made from */
	char (*names)[FLEET_NAME_MAX]; /* owned; by index, to see that the fleet is another one */
	size_t cap_order, cap_severity, cap_names;
};

#define WORST_FIRST_INIT { 0 }

/* Worst first and then by name, whatever moves: for a list that is shown anew. Severities are verdicts. */
void worst_first_sort(struct worst_first *w, const struct map_pop *pops, size_t n);
/* Worst first with the fewest rows moved; sorts when the PoPs are others than before or many changed together. */
void worst_first_update(struct worst_first *w, const struct map_pop *pops, size_t n);
/* How many PoPs come before those of a severity. */
size_t worst_first_count_before(const struct worst_first *w, int severity);
void worst_first_done(struct worst_first *w);

#endif
