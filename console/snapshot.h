/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_SNAPSHOT_H
#define CONSOLE_SNAPSHOT_H

#include "console/theme.h"
#include "console/ui.h"

/* A view of the dashboard as a file: text, text with colours, or a picture. No terminal is
 * involved. */

enum snapshot_format { SNAPSHOT_TEXT, SNAPSHOT_ANSI, SNAPSHOT_SVG };

struct snapshot {
	const char *view; /* "map" */
	const char *name; /* what describe, why and raw are about, as view_find_target reads it; or NULL */
	int cols, rows;
	enum snapshot_format format;
};

#define SNAPSHOT_MAX (64u << 20)

/* "text", "ansi", "svg"; "120x40". 0, or -1 with what is allowed. */
int snapshot_parse_format(const char *word, enum snapshot_format *out, struct err *err);
int snapshot_parse_size(const char *text, int *cols, int *rows, struct err *err);
/* Draws a view of ui and appends it; -1 when there is no such view, PoP or node. */
int snapshot_write(const struct snapshot *s, const struct ui *ui, const struct theme *theme,
	struct buf *out, struct err *err);
/* The same for a canvas drawn before. */
void snapshot_write_canvas(const struct canvas *c, enum snapshot_format format,
	const struct theme *theme, struct buf *out);

#endif
