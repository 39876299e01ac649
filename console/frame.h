/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_FRAME_H
#define CONSOLE_FRAME_H

#include "console/ui.h"
#include "console/view.h"

/* What stands around every view: header, announce counts, tabs, footer. Pure drawing. */

#define FRAME_ROWS_MIN 5
#define FRAME_COLS_MIN 20

struct frame {
	const struct view_ops *view;
	const struct view_target *about; /* of a view opened from another one */
	const char *status;
	const char *modal;  /* what a prompt that has the keyboard to itself does, or NULL */
	const char *modal_foot; /* its sentence for the footer */
	const char *notice; /* a sentence for the footer, or NULL: the keys */
};

/* Which rows the view gets of a screen of that size: the rest belongs to the frame. */
struct rect frame_inner(const struct ui *ui, int cols, int rows);
void frame_draw(const struct frame *f, const struct ui *ui, struct canvas *c);
/* The view that a click at (x,y) on the line of tabs means, or NULL. */
const struct view_ops *frame_tab(int x, int y, int cols, int rows);

#endif
