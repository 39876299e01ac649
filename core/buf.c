/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes: slices that borrow, buffers that grow to a ceiling and no further, arenas that die as one. Every byte count
 * that comes from outside meets its limit here; out of memory aborts, bad input never does.
 */
#include "core/buf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *
xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *
xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		abort();
	return q;
}

char *
xstrndup(const char *text, size_t len)
{
	char *p = xmalloc(len + 1);
	memcpy(p, text, len);
	p[len] = '\0';
	return p;
}

char *
xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

void *
xgrow(void *array, size_t *cap, size_t need, size_t item)
{
	if (need <= *cap)
		return array;
	size_t want = *cap ? *cap : 4;
	while (want < need)
		want *= 2;
	if (want > SIZE_MAX / item)
		abort();
	*cap = want;
	return xrealloc(array, want * item);
}

bool
slice_equal(struct slice a, const char *text)
{
	return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

bool
slice_starts(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && memcmp(s.data, prefix, n) == 0;
}

bool
slice_contains(struct slice s, const char *needle)
{
	return s.len > 0 && memmem(s.data, s.len, needle, strlen(needle)) != NULL;
}

bool
slice_next_line(struct slice *rest, struct slice *line)
{
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->data, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->data) : rest->len;
	size_t used = end ? len + 1 : len;
	*line = (struct slice){ rest->data, len };
	if (len > 0 && line->data[len - 1] == '\r')
		line->len--;
	rest->data += used;
	rest->len -= used;
	return true;
}

bool
slice_next_word(struct slice *rest, struct slice *word)
{
	while (rest->len > 0 && isspace((unsigned char)rest->data[0])) {
		rest->data++;
		rest->len--;
	}
	if (rest->len == 0)
		return false;
	word->data = rest->data;
	word->len = 0;
	while (rest->len > 0 && !isspace((unsigned char)rest->data[0])) {
		rest->data++;
		rest->len--;
		word->len++;
	}
	return true;
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && isspace((unsigned char)s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && isspace((unsigned char)s.data[s.len - 1]))
		s.len--;
	return s;
}

void
slice_copy(struct slice s, char *out, size_t size)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;
	if (n > 0)
		memcpy(out, s.data, n);
	out[n] = '\0';
}

void
buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->truncated = false;
	if (b->data)
		b->data[0] = '\0';
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	size_t room = b->max - b->len;
	size_t n = len < room ? len : room;
	if (n > 0) {
		b->data = xgrow(b->data, &b->size, b->len + n + 1, 1);
		memcpy(b->data + b->len, data, n);
		b->len += n;
		b->data[b->len] = '\0';
	}
	if (n == len)
		return 0;
	b->truncated = true;
	return -1;
}

int
buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int
buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *format, va_list args)
{
	char stack[512];
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(stack, sizeof stack, format, args);
	if (n < 0) {
		va_end(again);
		return -1;
	}
	int rc;
	if ((size_t)n < sizeof stack) {
		rc = buf_add(b, stack, (size_t)n);
	} else {
		char *heap = xmalloc((size_t)n + 1);
		vsnprintf(heap, (size_t)n + 1, format, again);
		rc = buf_add(b, heap, (size_t)n);
		free(heap);
	}
	va_end(again);
	return rc;
}

int
buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int rc = buf_vprintf(b, format, args);
	va_end(args);
	return rc;
}

void
buf_drop_front(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + len, b->len - len);
		b->len -= len;
	}
	if (b->data)
		b->data[b->len] = '\0';
}

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ buf_text(b), b->len };
}

const char *
buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *
buf_take(struct buf *b)
{
	char *p = b->data ? b->data : xstrdup("");
	b->data = NULL;
	b->len = b->size = 0;
	return p;
}

int
buf_read_file(struct buf *b, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
	int rc = 0;
	for (;;) {
		char chunk[16384];
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			rc = err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
		if (n <= 0)
			break;
		if (buf_add(b, chunk, (size_t)n) == -1) {
			rc = err_set(err, ERR_TOO_LARGE, "%s: larger than %zu bytes", path, b->max);
			break;
		}
	}
	close(fd);
	return rc;
}

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(16) char data[];
};

/* With its head the first block is one that malloc keeps at hand (1,032 bytes at most in glibc): requests have an arena
 * each, and a larger one is cut from the heap and merged back at each poll. */
#define ARENA_FIRST (1024 - sizeof(struct arena_block))

struct arena {
	struct arena_block *head;
	size_t used;
};

struct arena *
arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	struct arena_block *next;
	for (struct arena_block *b = a->head; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	struct arena_block *b = a->head;
	if (!b || b->size - b->used < size) {
		size_t want = b ? 2 * b->size : ARENA_FIRST;
		if (want > 65536)
			want = 65536;
		if (want < size)
			want = size;
		b = xmalloc(sizeof *b + want);
		b->next = a->head;
		b->size = want;
		b->used = 0;
		a->head = b;
	}
	void *p = b->data + b->used;
	b->used += size;
	a->used += size;
	return memset(p, 0, size);
}

char *
arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *p = arena_alloc(a, len + 1);
	memcpy(p, text, len);
	return p;
}

char *
arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *
arena_printf(struct arena *a, const char *format, ...)
{
	struct buf b = BUF_INIT(65536);
	va_list args;
	va_start(args, format);
	buf_vprintf(&b, format, args);
	va_end(args);
	char *p = arena_strndup(a, buf_text(&b), b.len);
	buf_done(&b);
	return p;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
