/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_STAGE_H
#define TESTS_UNIT_STAGE_H

#include "console/screen.h"

/*
 * A screen played without terminal, network or clock: a fleet from a file, keys from a script, a
 * fixed time. Used by the screen tests and by those of the terminal.
 */
struct stage {
	struct ui ui;
	struct fleet *fleet;
	struct event events[64];
	struct spark *pop_sparks, *node_sparks;
	struct keymap keys;
	struct screen *screen;
	struct canvas canvas;
	int cols, rows;
	int cursor_x, cursor_y;
	char wished[4096]; /* what was wished for, a word a wish */
	bool has_quit;
};

void stage_open(struct stage *s, const char *fleet_file, int cols, int rows);
void stage_close(struct stage *s);
/* Loads another fleet, as after a reload. */
void stage_load(struct stage *s, const char *fleet_file);
/* Plays a script: key names, or one of "text: …", "size: 40x10", "wait: SECONDS", "away: …",
 * "live", "view: NAME", "click: X Y", "fleet: NAME" on a line of its own; '#' starts a comment. */
void stage_play(struct stage *s, const char *script);
void stage_key(struct stage *s, const char *name);
/* Draws into s->canvas. */
void stage_draw(struct stage *s);

#endif
