/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PAGER_H
#define CONSOLE_PAGER_H

#include "console/view.h"

/*
 * Text that scrolls: what describe, why, raw JSON and help are made of. It is written anew whenever
 * something changes, between pager_begin and pager_end; where the reader stands is kept.
 */
struct pager;

#define PAGER_LINES_MAX 20000

struct pager *pager_new(const struct view_target *about);
void pager_free(struct pager *p);
const struct view_target *pager_about(const struct pager *p);

void pager_begin(struct pager *p, int cols, int rows);
/* Adds text of one role to the line being written; text is clean. */
void pager_text(struct pager *p, enum role role, const char *text);
void pager_printf(struct pager *p, enum role role, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Fills the line with blanks up to a column (at least one blank). */
void pager_tab(struct pager *p, int column);
/* Ends the line; what follows starts at the left. */
void pager_newline(struct pager *p);
/* A sentence, broken at words to what is left of the width; further lines start in the same column.
 */
void pager_wrap(struct pager *p, enum role role, const char *text);
/* The same for text that nobody has cleaned yet: it goes through the sanitiser first. */
void pager_foreign(struct pager *p, enum role role, const char *text);
void pager_foreign_wrap(struct pager *p, enum role role, const char *text);
void pager_heading(struct pager *p, const char *text);
/* A label and, in the same line, what pager_text and pager_wrap then add. */
void pager_label(struct pager *p, const char *label);
void pager_end(struct pager *p);

/* All lines as plain text, without blanks at their ends: what commands print. */
void pager_write(const struct pager *p, struct buf *out);
void pager_draw(const struct pager *p, struct canvas *c);
bool pager_command(struct pager *p, enum action action);
void pager_scroll(struct pager *p, long by);
bool pager_search(struct pager *p, const struct filter *f, bool backwards);
void pager_status(const struct pager *p, char *out, size_t size);

#endif
