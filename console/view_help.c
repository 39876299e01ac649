/* SPDX-License-Identifier: Apache-2.0
 *
 * Help (? and F1): the keys as they are really bound, the views, the verdicts and what they mean,
 * the themes. Nothing in it is written down twice: it all comes from the tables that the rest of
 * the program runs on.
 */
#include <stdio.h>

#include "console/map_layout.h"
#include "console/pager.h"
#include "console/theme.h"

#define KEYS_COLUMN 16
#define STALE_MARK  0x25cb

static void
write_keys(struct pager *p, const struct ui *ui, enum action_group group, const char *title)
{
	char keys[64];
	pager_heading(p, title);
	for (int a = 1; a < ACTION_COUNT; a++) {
		const struct action_row *row = action_get((enum action)a);
		if (action_group((enum action)a) != group)
			continue;
		keymap_format_all(ui->keys, (enum action)a, keys, sizeof keys);
		if (!keys[0] && !row->keys[0])
			continue; /* a command of the shell only */
		pager_text(p, ROLE_KEY, keys[0] ? keys : "(none)");
		pager_tab(p, KEYS_COLUMN);
		pager_wrap(p, ROLE_TEXT, row->help);
		pager_newline(p);
	}
}

static void
write_views(struct pager *p)
{
	const struct view_ops *ops;
	pager_heading(p, "Views (:NAME opens any of them)");
	for (size_t i = 0; (ops = view_get(i)); i++) {
		if (!ops->key)
			continue;
		pager_printf(p, ROLE_KEY, "%c", ops->key);
		pager_tab(p, 4);
		pager_text(p, ROLE_TEXT, ops->name);
		pager_tab(p, KEYS_COLUMN);
		pager_text(p, ROLE_MUTED, ops->title);
		pager_newline(p);
	}
}

static void
write_verdicts(struct pager *p)
{
	pager_heading(p, "Verdicts, most severe first");
	for (int v = 0; v < VERDICT_COUNT; v++) {
		pager_printf(p, role_of_verdict((enum verdict)v), "%c  %s",
			verdict_letter((enum verdict)v), verdict_name((enum verdict)v));
		pager_tab(p, KEYS_COLUMN);
		pager_text(p, ROLE_TEXT, verdict_text((enum verdict)v));
		pager_newline(p);
	}
	pager_text(p, ROLE_STALE, "   stale");
	pager_tab(p, KEYS_COLUMN);
	pager_wrap(p, ROLE_TEXT,
		"dim, with its age: older than three polls. What it says may no longer be so.");
	pager_newline(p);
}

static void
put_mark(struct pager *p, enum role role, uint32_t glyph, const char *name, const char *what)
{
	const struct cell cell = { .points = { glyph }, .width = 1 };
	struct buf text = BUF_INIT(16);
	cell_write_text(&cell, &text);
	pager_printf(p, role, "%s  %s", buf_text(&text), name);
	pager_tab(p, KEYS_COLUMN);
	pager_wrap(p, ROLE_TEXT, what);
	pager_newline(p);
	buf_done(&text);
}

static void
write_marks(struct pager *p)
{
	static const char *const sizes[MAP_SIZES] = {
		"fewer than a hundredth of the queries of the largest mark, or not known",
		"a hundredth of them or more",
		"a tenth or more",
		"a third or more, and the largest mark itself",
	};
	pager_heading(p, "Marks on the map");
	for (int i = 0; i < MAP_SIZES; i++)
		put_mark(p, ROLE_TEXT, map_size_glyph(i), "", sizes[i]);
	put_mark(p, ROLE_STALE, STALE_MARK, "stale", "its newest facts are older than three polls");
	put_mark(p, ROLE_DRAINING, 0x2193, "", "so many queries a second less than before the PoP was drained");
	put_mark(p, ROLE_STRONG, 0x2191, "", "so many more since a drain began elsewhere, or the PoP came back");
	put_mark(p, ROLE_TEXT, '+', "", "behind a name: so many more PoPs stand at this place; the worst is named");
}

static void
write_themes(struct pager *p, const struct ui *ui)
{
	const char *name;
	pager_heading(p, "Themes (:theme NAME)");
	for (size_t i = 0; (name = theme_builtin_name(i)); i++) {
		bool is_used = ui->theme && strcmp(ui->theme, name) == 0;
		pager_text(p, is_used ? ROLE_STRONG : ROLE_TEXT, name);
		pager_text(p, ROLE_MUTED, is_used ? " (on show)  " : "  ");
	}
	pager_newline(p);
}

static void
write(struct pager *p, const struct ui *ui, const struct view_target *about, int cols)
{
	(void)about;
	(void)cols;
	write_views(p);
	write_keys(p, ui, ACTION_MOVE, "Moving");
	write_keys(p, ui, ACTION_LIST, "Lists");
	write_keys(p, ui, ACTION_LOOK, "Looking closer");
	write_keys(p, ui, ACTION_MAP, "The map");
	write_keys(p, ui, ACTION_OTHER, "Other");
	if (ui->is_read_only)
		pager_heading(p, "Read-only: keys that act are off");
	else
		write_keys(p, ui, ACTION_ACT, "Acting: a plan is shown first, and confirmed by typing the PoP's name");
	write_keys(p, ui, ACTION_LATER, "With a later version");
	write_verdicts(p);
	write_marks(p);
	write_themes(p, ui);
}

const struct view_ops view_help = {
	.name = "help",
	.title = "keys, views, verdicts",
	.kind = VIEW_TEXT,
	.write = write,
};
