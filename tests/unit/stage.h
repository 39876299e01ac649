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
	struct operation ops[16];
	/* the last request of the acting prompt */
	unsigned number;
	size_t n_sent;
	char method[8], path[96];
	char body[8192];
};

void stage_open(struct stage *s, const char *fleet_file, int cols, int rows);
void stage_close(struct stage *s);
/* Loads another fleet, as after a reload. */
void stage_load(struct stage *s, const char *fleet_file);
/* Plays a script: key names, or one of "text: …", "size: 40x10", "wait: SECONDS", "away: …",
 * "before: POP QPS" gives a PoP ("all": each, its rate of now) a past without change. "live", "view: NAME", "click: X Y", "fleet: NAME" on a line of its own; '#' starts a comment. For the
 * acting prompt: "plan: SAMPLE" answers the last request with that offer (samples.h), "op: SAMPLE" with that operation,
 * "problem: CODE SENTENCE" with a refusal, "lost: WHY" with nothing; "told: SAMPLE" lets the stream tell an operation,
 * "read-only", "may-not: WHY", "slow: KEYS" types keys a second apart, "paste: TEXT". */
void stage_play(struct stage *s, const char *script);
void stage_key(struct stage *s, const char *name);
/* Draws into s->canvas. */
void stage_draw(struct stage *s);

#endif
