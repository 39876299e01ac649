/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_FILTER_H
#define CONSOLE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What `/` understands: "text" is a regular expression (lower case alone: case does not matter),
 * "!text" turns it round, "-f text" matches letters in order, with anything between. What is no
 * valid expression is looked for as it stands, so that half-typed ones are useful too.
 */
struct filter;

#define FILTER_TEXT_MAX 128

/* NULL for an empty text. */
struct filter *filter_new(const char *text);
void filter_free(struct filter *f);
/* True if a row with this text stays. A NULL filter keeps all. */
bool filter_match(const struct filter *f, const char *text);
/* Where in the text it matched first; false if it did not, or if the filter is inverse or fuzzy. */
bool filter_find(const struct filter *f, const char *text, size_t *start, size_t *end);
/* The text was no valid expression, or the expression was too costly. */
bool filter_is_literal(const struct filter *f);

#endif
