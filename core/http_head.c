/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the head and the chunks of an HTTP/1.1 answer (RFC 9112) for the plain client: bytes in, facts out, no I/O. It is
 * strict where leniency has hurt others: a line ends in CR LF and is never folded, a length is said once and in one way, a
 * name has no blank before its colon, a chunk has no extension and no trailer follows the last. A server that does any
 * of that is told apart from one that does not speak HTTP at all.
 *
 * Every byte is looked at once, however it is portioned. What is quoted is the caller's to sanitise. Called by
 * http_plain.c and its tests.
 */
#include <string.h>
#include <strings.h>

#include "core/http_plain.h"
#include "core/text.h"

enum { CHUNK_SIZE, CHUNK_SIZE_END, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF, CHUNK_END_CR, CHUNK_END_LF };

#define CHUNK_DIGITS_MAX 8

static ssize_t
no_http(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, "does not speak HTTP: %s", what);
}

/* What stands at the start of `in` may still become "HTTP/1.". */
static bool
may_be_http(struct slice in)
{
	static const char start[] = "HTTP/1.";
	size_t n = in.len < sizeof start - 1 ? in.len : sizeof start - 1;
	return n == 0 || memcmp(in.data, start, n) == 0;
}

/* "HTTP/1.1 200 OK" */
static int
read_status(struct slice line, struct http_head *out, struct err *err)
{
	const char *p = line.data;
	if (line.len < 12 || (p[7] != '0' && p[7] != '1') || p[8] != ' ' || (line.len > 12 && p[12] != ' '))
		return (int)no_http(err, "its first line is no status line");
	for (int i = 9; i < 12; i++)
		if (p[i] < '0' || p[i] > '9')
			return (int)no_http(err, "its status is no number");
	out->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	if (out->status < 100)
		return (int)no_http(err, "its status is below 100");
	out->may_keep = p[7] == '1';
	return 0;
}

static bool
is_word(struct slice value, const char *word)
{
	return value.len == strlen(word) && strncasecmp(value.data, word, value.len) == 0;
}

/* RFC 9110 5.6.2 */
static bool
is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];
		if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return name.len > 0;
}

struct head_state {
	size_t lengths, encodings, types;
};

static int
take_length(struct slice value, struct head_state *st, struct http_head *out, struct err *err)
{
	if (++st->lengths > 1)
		return err_set(err, ERR_PROTOCOL, "states the length of its answer %zu times", st->lengths);
	if (text_parse_int(value, 0, INT64_MAX, &out->length) == -1)
		return err_set(err, ERR_PROTOCOL, "does not speak HTTP: the length of its answer is no number");
	return 0;
}

static int
take_header(struct slice name, struct slice value, struct head_state *st, struct http_head *out, struct err *err)
{
	switch (name.len) {
	case 10:
		if (is_word(name, "Connection") && !is_word(value, "keep-alive"))
			out->may_keep = false;
		return 0;
	case 12:
		if (!is_word(name, "Content-Type"))
			return 0;
		if (++st->types > 1)
			return err_set(err, ERR_PROTOCOL, "states the type of its answer %zu times", st->types);
		out->type = value;
		return 0;
	case 14:
		return is_word(name, "Content-Length") ? take_length(value, st, out, err) : 0;
	case 16:
		if (is_word(name, "Content-Encoding") && !is_word(value, "identity"))
			return err_set(err, ERR_PROTOCOL, "sends a compressed body, which was not asked for");
		return 0;
	case 17:
		if (!is_word(name, "Transfer-Encoding"))
			return 0;
		if (++st->encodings > 1 || !is_word(value, "chunked"))
			return err_set(err, ERR_PROTOCOL, "sends a body that is encoded or compressed for the way, which was not "
				"asked for");
		out->is_chunked = true;
		return 0;
	default:
		return 0;
	}
}

static int
read_header(struct slice line, struct head_state *st, struct http_head *out, struct err *err)
{
	const char *colon = memchr(line.data, ':', line.len);
	struct slice name = { line.data, colon ? (size_t)(colon - line.data) : 0 };
	if (!is_name(name))
		return (int)no_http(err, "a header line has no name, or is folded");
	struct slice value = { colon + 1, line.len - name.len - 1 };
	if (memchr(value.data, '\0', value.len) || memchr(value.data, '\r', value.len))
		return (int)no_http(err, "a header line has a control character");
	return take_header(name, slice_trim(value), st, out, err);
}

/* The end of the head, its empty line included; 0: not there yet; -1: a line that does not end as it must. */
static ssize_t
find_end(struct slice in, size_t *seen)
{
	const char *p;
	while (*seen < in.len && (p = memchr(in.data + *seen, '\n', in.len - *seen))) {
		size_t at = (size_t)(p - in.data);
		if (at == 0 || p[-1] != '\r')
			return -1;
		*seen = at + 1;
		if (at == 1 || (at >= 3 && p[-2] == '\n'))
			return (ssize_t)at + 1;
	}
	*seen = in.len;
	return 0;
}

ssize_t
http_head_read(struct slice in, size_t *seen, struct http_head *out, struct err *err)
{
	if (!may_be_http(in))
		return no_http(err, "its first line is no status line");
	ssize_t end = find_end(in, seen);
	if (end == -1)
		return no_http(err, "a header line does not end in CR LF");
	if (end == 0 && in.len >= HTTP_HEAD_MAX)
		return err_set(err, ERR_TOO_LARGE, "sends a header of more than %d bytes", HTTP_HEAD_MAX);
	if (end == 0)
		return 0;
	struct head_state st = { 0 };
	*out = (struct http_head){ .length = -1 };
	bool is_first = true;
	for (const char *p = in.data; p < in.data + end - 2;) {
		const char *eol = memchr(p, '\n', (size_t)(in.data + end - p));
		struct slice line = { p, (size_t)(eol - 1 - p) };
		if ((is_first ? read_status(line, out, err) : read_header(line, &st, out, err)) == -1)
			return -1;
		is_first = false;
		p = eol + 1;
	}
	if (is_first)
		return no_http(err, "its first line is no status line");
	if (out->is_chunked && st.lengths > 0)
		return err_set(err, ERR_PROTOCOL, "states the length of its answer in two ways");
	if (out->status < 200 || out->status == 204 || out->status == 304) {
		out->length = 0;
		out->is_chunked = false;
	}
	return end;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* One byte between the data of chunks. 1 behind the last chunk, 0 to go on, -1 if it may not stand there. */
static int
chunk_step(struct http_chunks *c, char byte)
{
	int digit;
	switch (c->state) {
	case CHUNK_SIZE:
		digit = hex_value(byte);
		if (digit >= 0 && c->digits < CHUNK_DIGITS_MAX) {
			c->left = c->left * 16 + (size_t)digit;
			c->digits++;
			return 0;
		}
		if (byte != '\r' || c->digits == 0)
			return -1;
		c->state = CHUNK_SIZE_END;
		return 0;
	case CHUNK_SIZE_END:
		c->state = c->left > 0 ? CHUNK_DATA : CHUNK_END_CR;
		c->digits = 0;
		return byte == '\n' ? 0 : -1;
	case CHUNK_DATA_CR:
		c->state = CHUNK_DATA_LF;
		return byte == '\r' ? 0 : -1;
	case CHUNK_DATA_LF:
		c->state = CHUNK_SIZE;
		return byte == '\n' ? 0 : -1;
	case CHUNK_END_CR:
		c->state = CHUNK_END_LF;
		return byte == '\r' ? 0 : -1;
	default:
		return byte == '\n' ? 1 : -1;
	}
}

int
http_chunks_read(struct http_chunks *c, struct slice *in, struct buf *body, struct err *err)
{
	while (in->len > 0) {
		if (c->state == CHUNK_DATA) {
			size_t n = in->len < c->left ? in->len : c->left;
			if (buf_add(body, in->data, n) == -1)
				return err_set(err, ERR_TOO_LARGE, "sends an answer larger than %zu bytes", body->max);
			in->data += n;
			in->len -= n;
			c->left -= n;
			if (c->left == 0)
				c->state = CHUNK_DATA_CR;
			continue;
		}
		int rc = chunk_step(c, *in->data);
		if (rc == -1)
			return err_set(err, ERR_PROTOCOL, "does not speak HTTP: a chunk of its answer is broken");
		in->data++;
		in->len--;
		if (rc == 1)
			return 1;
	}
	return 0;
}
