/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_THEME_H
#define CONSOLE_THEME_H

#include "console/canvas.h"
#include "core/buf.h"
#include "core/err.h"

/*
 * How meanings look. A theme file is lines of "ROLE: LOOK" (a plain YAML map), with `title:` and
 * `inherit: NAME`:
 *
 *     bad: 196/red bold
 *     selected: default on 237/blue
 *
 * LOOK is [COLOUR] [on COLOUR] and any of bold, dim, underline, reverse. COLOUR is `default`,
 * 0..255 of the xterm palette, #rrggbb, or one of the eight names or grey; "196/red" gives a second
 * one for terminals with 8 or 16 colours.
 */

#define COLOUR_DEFAULT (-1)
#define COLOUR_UNSET   (-2)
#define COLOUR_RGB     0x1000000 /* set in colours given as #rrggbb */

enum look_attr {
	LOOK_BOLD = 1u << 0,
	LOOK_DIM = 1u << 1,
	LOOK_UNDERLINE = 1u << 2,
	LOOK_REVERSE = 1u << 3
};

struct colour {
	int rich; /* COLOUR_*, 0..255, or COLOUR_RGB | rrggbb */
	int poor; /* COLOUR_* or 0..15 */
};

struct look {
	struct colour fg, bg;
	unsigned attrs; /* LOOK_* */
};

struct theme {
	char name[32], title[64];
	int paper, ink; /* for pictures, where no terminal says what "default" is: COLOUR_RGB |
	                   rrggbb or 0..255 */
	struct look looks[ROLE_COUNT];
};

/* Reads a theme's text over what `t` holds already. Unknown names and malformed looks are each
 * reported through `mistake` with their line and then skipped; returns how many there were.
 * `inherit` is written to parent (may be ""). */
typedef void theme_mistake_fn(void *arg, int line, const char *sentence);
int theme_parse(
	struct theme *t, struct slice text, char parent[32], theme_mistake_fn *mistake, void *arg);

/* Loads a theme by name with all it inherits: from $XDG_CONFIG_HOME/catchment/themes, else of those
 * built in. Mistakes in a file are warnings, counted in *n_mistakes (may be NULL), the first of
 * them in err->text while the call succeeds. */
int theme_load(struct theme *t, const char *name, size_t *n_mistakes, struct err *err);
/* The names of the themes built in, in order, NULL past the last. */
const char *theme_builtin_name(size_t i);
/* The text of one, or an empty slice. */
struct slice theme_builtin_text(const char *name);

/* How one cell looks: role, ground and attributes put together. A ground that names a text colour
 * sets it for all that lies on it; a role with a ground of its own keeps both. */
struct look theme_look(
	const struct theme *t, enum role role, enum role ground, unsigned cell_attrs);

/* The colour of an xterm palette entry (or of COLOUR_RGB) as 0xrrggbb. */
uint32_t colour_rgb(int rich);
/* The nearest of the 256, or of the first 16. */
int colour_to_256(int rich);
int colour_to_16(int rich);

#endif
