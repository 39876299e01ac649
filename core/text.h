/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * The sanitiser (SAFETY.md C9): makes remote bytes safe for a terminal, a log and a screen. Strict UTF-8; what is not
 * becomes \xNN; C0, DEL, C1, bidi controls, zero-width, separators, tags, private use and unassigned code points become
 * \u{HEX}; more than two combining marks in a row are escaped. The result is plain UTF-8 without any control character.
 * Appends to `out`; stops at its ceiling.
 */
void text_sanitise(struct slice in, struct buf *out);
/* Same into a fixed array, clipped at a character boundary, always terminated. */
void text_sanitise_to(struct slice in, char *out, size_t size);
/* True if the sanitiser would leave it as it is. */
bool text_is_clean(struct slice in);

/* Decodes one strict UTF-8 code point; returns its length in bytes (1..4), or 0 when the bytes are not valid. */
size_t text_decode(struct slice in, uint32_t *code_point);
bool text_is_utf8(struct slice in);
/* Encodes a code point that is no surrogate into at most 4 bytes; returns how many. */
size_t text_encode(uint32_t code_point, char *out);

/* Columns that clean text takes on a terminal (wcwidth; never negative). */
int text_width(const char *text);
/* Copies as many whole characters as fit into `cells` columns and `size` bytes; returns the columns used. If text had
 * to be cut and cells >= 1, the last column is `ellipsis` (UTF-8, one column, may be NULL for none). */
int text_clip(const char *text, int cells, const char *ellipsis, char *out, size_t size);

/* "12", "3.4k", "1.2M", "5.6G"; "-" for NAN or negative. At most 6 columns. */
void text_number(double value, char *out, size_t size);
/* Names of PoPs, nodes, services, secrets: [a-z0-9-]{1,32}, not starting or ending with a dash. */
bool text_is_name(const char *text);
/* One shell word for sh: 'it'\''s'; appended. */
void text_shell_quote(const char *text, struct buf *out);
/* Strict decimal: digits only, no sign, no leading zeros beyond "0", within [min,max]. 0, or -1. */
int text_parse_int(struct slice in, int64_t min, int64_t max, int64_t *out);
/* Columns of Levenshtein distance, capped at 32 bytes each; for "did you mean". */
int text_distance(const char *a, const char *b);

#endif
