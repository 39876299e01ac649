/* SPDX-License-Identifier: Apache-2.0
 *
 * Sparklines and bars from the eighth blocks of Unicode; canvas_translate turns them into what
 * lesser terminals have. A sparkline starts at zero, so that a steady rate is a steady full line
 * and a loss is seen as a fall; a gap means that nothing was known, which is not the same as a rate
 * of zero (the lowest block).
 */
#include "console/chart.h"

#include <math.h>

#define BLOCK_LOWEST 0x2581u
#define BLOCK_FULL   0x2588u
#define STEPS        6 /* to the seventh block: rows below one another must not touch */

static double
largest(const double *samples, size_t n)
{
	double max = 0;
	for (size_t i = 0; i < n; i++)
		if (samples[i] > max)
			max = samples[i];
	return max;
}

void
chart_spark(
	struct canvas *c, int x, int y, int cols, enum role role, const double *samples, size_t n)
{
	size_t shown = cols > 0 && n > (size_t)cols ? (size_t)cols : n;
	const double *first = samples + (n - shown);
	double max = largest(first, shown);
	for (size_t i = 0; cols > 0 && i < shown; i++) {
		int at = x + cols - (int)shown + (int)i;
		if (isnan(first[i]))
			continue;
		double share = max > 0 ? first[i] / max : 0;
		int step = (int)lround(share * STEPS);
		canvas_put(c, at, y, role,
			BLOCK_LOWEST + (uint32_t)(step < 0   ? 0
						  : step > 7 ? 7
							     : step));
	}
}

void
chart_bar(struct canvas *c, int x, int y, int cols, enum role role, double share)
{
	static const uint32_t ends[] = { 0, 0x258c }; /* nothing, left half */
	if (isnan(share))
		return;
	int halves = (int)lround(fmin(fmax(share, 0), 1) * 2 * cols);
	for (int i = 0; i < cols; i++) {
		if (2 * i + 1 < halves)
			canvas_put(c, x + i, y, role, BLOCK_FULL);
		else if (2 * i < halves)
			canvas_put(c, x + i, y, role, ends[1]);
		else
			canvas_put(c, x + i, y, ROLE_FAINT, 0x00b7);
	}
}
