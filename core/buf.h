/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"

/* Borrowed bytes; not terminated. */
struct slice {
	const char *data;
	size_t len;
};

/* Growable bytes with a hard ceiling; always followed by a NUL that is not counted, so data serves as a string. */
struct buf {
	char *data;
	size_t len;
	size_t size;
	size_t max;     /* bytes of content at most */
	bool truncated; /* something did not fit and was dropped */
};

#define BUF_INIT(ceiling) { .data = NULL, .len = 0, .size = 0, .max = (ceiling), .truncated = false }

static inline struct slice
slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

bool slice_equal(struct slice a, const char *text);
bool slice_starts(struct slice s, const char *prefix);
/* True if `needle` occurs in `s`. */
bool slice_contains(struct slice s, const char *needle);
/* Cuts the next line (without its \n and a preceding \r) off the front of `rest`; false when nothing is left. */
bool slice_next_line(struct slice *rest, struct slice *line);
/* Cuts the next word (run of non-blanks) off the front of `rest`; false when only blanks are left. */
bool slice_next_word(struct slice *rest, struct slice *word);
struct slice slice_trim(struct slice s);
/* Copies at most size-1 bytes and terminates. */
void slice_copy(struct slice s, char *out, size_t size);

void buf_done(struct buf *b);
void buf_clear(struct buf *b);
/* Appends; returns 0, or -1 when the ceiling was reached (what fits is kept and `truncated` is set). */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_text(struct buf *b, const char *text);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list args);
/* Removes `len` bytes from the front. */
void buf_drop_front(struct buf *b, size_t len);
struct slice buf_slice(const struct buf *b);
/* Content as a string; "" when empty. Valid until the next change. */
const char *buf_text(const struct buf *b);
/* Hands the bytes over to the caller, who frees them; the buffer is empty afterwards. */
char *buf_take(struct buf *b);
/* Appends a whole file; fails with the path and the limit when it is larger than the ceiling. */
int buf_read_file(struct buf *b, const char *path, struct err *err);

/* Allocation that aborts when memory is out (STYLE.md). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
/* Grows an array to hold at least `need` items (doubling); returns the new array, updates *cap. */
void *xgrow(void *array, size_t *cap, size_t need, size_t item);

/* Memory that dies together: a report, a decoded node. Blocks are zeroed, aligned to 16. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);

#endif
