/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PROMPT_H
#define CONSOLE_PROMPT_H

#include "console/canvas.h"
#include "console/keys.h"

/*
 * One line being typed, for `:` and `/`: edited by graphemes, with history and completion. It never
 * acts; it says what the key made of it.
 */

#define PROMPT_TEXT_MAX    256 /* bytes with the terminator */
#define PROMPT_HISTORY_MAX 50

struct prompt_history {
	size_t n;
	char lines[PROMPT_HISTORY_MAX][PROMPT_TEXT_MAX]; /* oldest first */
};

struct prompt {
	bool is_open;
	char sign; /* ':' or '/' */
	char text[PROMPT_TEXT_MAX];
	size_t len, at;                 /* bytes; at is the cursor, always between graphemes */
	struct prompt_history *history; /* borrowed */
	size_t back;                    /* how far back in history; 0: the line being typed */
	char typed[PROMPT_TEXT_MAX];    /* the line before history was looked at */
	int completed;                  /* which completion stands there now; -1: none */
	char stem[PROMPT_TEXT_MAX];     /* what was there before completing */
};

enum prompt_result { PROMPT_NOTHING, PROMPT_CHANGED, PROMPT_DONE, PROMPT_CANCELLED };

/* Writes the i-th completion of a text to out; false past the last. */
typedef bool prompt_complete_fn(
	const void *arg, const char *text, size_t i, char out[PROMPT_TEXT_MAX]);

void prompt_open(struct prompt *p, char sign, const char *text, struct prompt_history *history);
/* DONE and CANCELLED close it; its text stays readable. Pasted keys only ever insert. */
enum prompt_result prompt_key(
	struct prompt *p, const struct key *k, prompt_complete_fn *complete, const void *arg);
void prompt_history_add(struct prompt_history *h, const char *line);
/* Draws it into a row and says in which column the cursor is. */
int prompt_draw(const struct prompt *p, struct canvas *c, int x, int y, int cols);

#endif
