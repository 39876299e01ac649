/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of Server-Sent Events (WHATWG HTML 9.2). Lines end in LF or CRLF (a lone CR, which the
 * standard allows, is what our backend never sends). Comments are heartbeats and mean nothing but
 * that somebody is there. Fields that are not known are ignored, as the standard asks for.
 */
#include "console/sse.h"

#include <stdio.h>
#include <string.h>

void
sse_init(struct sse *s)
{
	*s = (struct sse){ .line = BUF_INIT(SSE_EVENT_MAX), .data = BUF_INIT(SSE_EVENT_MAX) };
}

void
sse_done(struct sse *s)
{
	buf_done(&s->line);
	buf_done(&s->data);
}

static void
next_event(struct sse *s)
{
	buf_clear(&s->data);
	s->event[0] = '\0';
	s->has_data = false;
}

void
sse_restart(struct sse *s)
{
	buf_clear(&s->line);
	next_event(s);
}

/* "name: value": the value without the one blank that may lead it. */
static bool
read_field(struct slice line, const char *name, struct slice *value)
{
	size_t n = strlen(name);
	if (line.len < n || memcmp(line.data, name, n) != 0 ||
		(line.len > n && line.data[n] != ':'))
		return false;
	*value = line.len > n ? (struct slice){ line.data + n + 1, line.len - n - 1 }
	                      : (struct slice){ "", 0 };
	if (value->len > 0 && value->data[0] == ' ') {
		value->data++;
		value->len--;
	}
	return true;
}

static int
take_line(struct sse *s, sse_fn *fn, void *arg, struct err *err)
{
	struct slice line = buf_slice(&s->line), value;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0) {
		if (s->has_data)
			fn(arg, s->event[0] ? s->event : "message", buf_slice(&s->data));
		next_event(s);
		return 0;
	}
	if (read_field(line, "data", &value)) {
		if ((s->has_data && buf_add_char(&s->data, '\n') == -1) ||
			buf_add(&s->data, value.data, value.len) == -1)
			return err_set(err, ERR_TOO_LARGE,
				"an event of the stream is larger than %u bytes", SSE_EVENT_MAX);
		s->has_data = true;
	} else if (read_field(line, "event", &value)) {
		slice_copy(value, s->event, sizeof s->event);
	} else if (read_field(line, "id", &value) && value.len < SSE_ID_MAX &&
		   !memchr(value.data, '\0', value.len)) {
		slice_copy(value, s->id, sizeof s->id);
	}
	return 0;
}

int
sse_feed(struct sse *s, struct slice bytes, sse_fn *fn, void *arg, struct err *err)
{
	while (bytes.len > 0) {
		const char *end = memchr(bytes.data, '\n', bytes.len);
		size_t n = end ? (size_t)(end - bytes.data) : bytes.len;
		if (buf_add(&s->line, bytes.data, n) == -1)
			return err_set(err, ERR_TOO_LARGE,
				"a line of the stream is larger than %u bytes", SSE_EVENT_MAX);
		if (!end)
			return 0;
		if (take_line(s, fn, arg, err) == -1)
			return -1;
		buf_clear(&s->line);
		bytes.data += n + 1;
		bytes.len -= n + 1;
	}
	return 0;
}
