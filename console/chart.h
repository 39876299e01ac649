/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CHART_H
#define CONSOLE_CHART_H

#include "console/canvas.h"

/* Small pictures of numbers, one row high. */

/* The newest samples, one a column, newest at the right, from zero to the largest of them. NAN
 * leaves a gap. */
void chart_spark(
	struct canvas *c, int x, int y, int cols, enum role role, const double *samples, size_t n);
/* A bar that fills `share` (0..1, clipped) of the columns; NAN draws nothing. The rest is a faint
 * line. */
void chart_bar(struct canvas *c, int x, int y, int cols, enum role role, double share);

#endif
