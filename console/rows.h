/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_ROWS_H
#define CONSOLE_ROWS_H

#include "console/filter.h"
#include "core/json.h"

/*
 * Printing of what the API lists: pure, JSON in, text out. One table of columns a kind serves table, wide and csv; json
 * and jsonl hand the backend's own objects through.
 */
enum rows_format { ROWS_TABLE, ROWS_WIDE, ROWS_JSON, ROWS_JSONL, ROWS_CSV };

/* "table" … "csv"; -1 for another word. */
int rows_parse_format(const char *word, enum rows_format *out);

/* Prints an array of objects of a kind ("pops", "nodes", …; another kind: one column a key). Only rows whose text matches
 * the filter (NULL: all). `head` asks for the line of titles. `colour` uses escape sequences for verdicts. */
struct rows_style {
	enum rows_format format;
	bool has_head, has_colour;
};
void rows_write(const char *kind, const struct json *array, const struct filter *filter, const struct rows_style *style,
	struct buf *out);

/* The text of one object's row, for comparing (--watch) and filtering; and who it is. */
void rows_write_text(const char *kind, const struct json *object, struct buf *out);
void rows_write_id(const char *kind, const struct json *object, struct buf *out);

#endif
