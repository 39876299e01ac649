/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONF_REPORT_H
#define CORE_CONF_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct json_writer;

/*
 * What was found wrong with a file that a person wrote: every mistake of one reading, each with its
 * place, its source line and a caret. Notes are what is allowed but most likely not meant.
 */
enum finding_kind { FINDING_MISTAKE, FINDING_NOTE };

struct finding {
	enum finding_kind kind;
	int line, column; /* from 1; 0: the file as a whole */
	char *text;       /* sentence, sanitised */
	char *source;     /* the line, sanitised, clipped around the column; NULL if none */
	int caret;        /* column of the caret below `source`, from 0 */
};

#define CONF_FINDINGS_MAX 1000

/* What was found wrong with a file, sorted by place. */
struct conf_report {
	char *path; /* as given */
	size_t n, cap;
	struct finding *findings;
	size_t n_mistakes, n_notes; /* counted on beyond CONF_FINDINGS_MAX */
	struct slice text;          /* of the file; only while it is read */
	size_t *lines, n_lines;     /* where each line begins; only while it is read */
};
#define CONF_REPORT_INIT                                                                           \
	{                                                                                          \
		.path = NULL                                                                       \
	}

void conf_report_done(struct conf_report *r);
/* Begins a file; forgets an earlier one. `text` is borrowed until conf_report_end. */
void conf_report_begin(struct conf_report *r, const char *path, struct slice text);
/* Sorts and lets go of the text. */
void conf_report_end(struct conf_report *r);
/* Adds a sentence at a place (NULL: the file as a whole). */
void conf_report_add(struct conf_report *r, enum finding_kind kind, int line, int column,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* "FILE:LINE:COL: sentence", the source line and a caret, for each; then how many. */
void conf_report_write(const struct conf_report *r, struct buf *out);
/* {file, mistakes, notes, findings[{kind, line, column, text}]} */
void conf_report_write_json(const struct conf_report *r, struct json_writer *w);

#endif
