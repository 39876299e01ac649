/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_SHIFT_H
#define CONSOLE_SHIFT_H

#include "console/ui.h"

/*
 * Traffic on its way: while PoPs are drained or come back, and for a while after, by how much each PoP's rate has changed
 * since then. Pure.
 */
#define SHIFT_AFTER_S 120 /* so long an operation that is over is still shown on the map */

enum shift_kind { SHIFT_NONE, SHIFT_LEAVES, SHIFT_RETURNS, SHIFT_ARRIVES };
struct shift {
	enum shift_kind kind;
	double change; /* queries a second since the operation began; NAN unknown */
};
/* Judges one PoP. Others than those worked on count when their rate grew by a twentieth of what is moved or more, and by
 * a hundredth of their own; a rate that is stale or was not known then says nothing. */
struct shift shift_of(const struct ui *ui, size_t pop);
/* "↓198k", "↑12k"; "" for NONE and for what is not known. */
void shift_format(const struct shift *s, char *out, size_t size);

#endif
