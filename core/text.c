/* SPDX-License-Identifier: Apache-2.0
 *
 * Text: the one sanitiser that all remote bytes pass (SAFETY.md C9), widths and clipping by terminal columns, numbers as
 * people read them. Remote text is bytes until it went through text_sanitise; after that it holds no control character,
 * no direction override, nothing invisible, so that it cannot move the cursor, forge a line or hide itself.
 */
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <utf8proc.h>
#include <wchar.h>

size_t
text_decode(struct slice in, uint32_t *code_point)
{
	utf8proc_int32_t cp;
	if (in.len == 0)
		return 0;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)in.data, (utf8proc_ssize_t)(in.len > 4 ? 4 : in.len), &cp);
	if (n <= 0 || cp < 0)
		return 0;
	*code_point = (uint32_t)cp;
	return (size_t)n;
}

size_t
text_encode(uint32_t code_point, char *out)
{
	utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)code_point, (utf8proc_uint8_t *)out);
	return n > 0 ? (size_t)n : 0;
}

bool
text_is_utf8(struct slice in)
{
	while (in.len > 0) {
		uint32_t cp;
		size_t n = text_decode(in, &cp);
		if (n == 0)
			return false;
		in.data += n;
		in.len -= n;
	}
	return true;
}

static bool
is_combining(utf8proc_category_t category)
{
	return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME || category == UTF8PROC_CATEGORY_MC;
}

/* True for what may stand on a screen as it is; *marks counts combining marks in a row. */
static bool
is_printable(uint32_t cp, int *marks)
{
	if (cp < 0x7f) {
		*marks = 0;
		return cp >= 0x20;
	}
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)cp);
	if (is_combining(category))
		return ++*marks <= 2;
	*marks = 0;
	switch (category) {
	case UTF8PROC_CATEGORY_CN: /* unassigned */
	case UTF8PROC_CATEGORY_CC: /* C0, DEL, C1 */
	case UTF8PROC_CATEGORY_CF: /* bidi controls, zero-width, tags, soft hyphen */
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO: /* private use */
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return false;
	default:
		break;
	}
	/* blank although not of these categories: Hangul fillers, the empty braille pattern */
	return cp != 0x115f && cp != 0x1160 && cp != 0x3164 && cp != 0xffa0 && cp != 0x2800;
}

/* Bytes of printable ASCII at the front: most of what daemons print needs no look at each character. */
static size_t
plain_length(struct slice in)
{
	size_t n = 0;
	while (n < in.len && in.data[n] >= 0x20 && in.data[n] < 0x7f)
		n++;
	return n;
}

void
text_sanitise(struct slice in, struct buf *out)
{
	int marks = 0;
	size_t plain = plain_length(in);
	if (buf_add(out, in.data, plain) == -1)
		return;
	in.data += plain;
	in.len -= plain;
	while (in.len > 0) {
		uint32_t cp;
		size_t n = text_decode(in, &cp);
		int rc;
		if (n == 0) {
			rc = buf_printf(out, "\\x%02x", (unsigned char)in.data[0]);
			n = 1;
			marks = 0;
		} else if (is_printable(cp, &marks)) {
			/* a character goes in whole or not at all */
			rc = out->max - out->len < n ? -1 : buf_add(out, in.data, n);
		} else {
			rc = buf_printf(out, "\\u{%x}", (unsigned)cp);
		}
		if (rc == -1) {
			out->truncated = true;
			return;
		}
		in.data += n;
		in.len -= n;
	}
}

void
text_sanitise_to(struct slice in, char *out, size_t size)
{
	if (in.len < size && plain_length(in) == in.len) {
		slice_copy(in, out, size);
		return;
	}
	struct buf b = BUF_INIT(size - 1);
	text_sanitise(in, &b);
	slice_copy(buf_slice(&b), out, size);
	buf_done(&b);
}

bool
text_is_clean(struct slice in)
{
	int marks = 0;
	while (in.len > 0) {
		uint32_t cp;
		size_t n = text_decode(in, &cp);
		if (n == 0 || !is_printable(cp, &marks))
			return false;
		in.data += n;
		in.len -= n;
	}
	return true;
}

static int
cells_of(uint32_t cp)
{
	int w = wcwidth((wchar_t)cp);
	if (w >= 0)
		return w;
	/* not in this locale: C knows only ASCII */
	return utf8proc_charwidth((utf8proc_int32_t)cp);
}

int
text_width(const char *text)
{
	struct slice in = slice_of(text);
	int width = 0;
	while (in.len > 0) {
		uint32_t cp = 0;
		size_t n = text_decode(in, &cp);
		width += n ? cells_of(cp) : 1;
		n = n ? n : 1;
		in.data += n;
		in.len -= n;
	}
	return width;
}

/* Bytes of whole characters that fit into `cells` columns and `size` bytes; *used says how many columns. */
static size_t
fit(struct slice in, int cells, size_t size, int *used)
{
	size_t bytes = 0;
	*used = 0;
	while (bytes < in.len) {
		uint32_t cp = 0;
		size_t n = text_decode((struct slice){ in.data + bytes, in.len - bytes }, &cp);
		int w = n ? cells_of(cp) : 1;
		n = n ? n : 1;
		if (*used + w > cells || bytes + n > size)
			break;
		*used += w;
		bytes += n;
	}
	return bytes;
}

int
text_clip(const char *text, int cells, const char *ellipsis, char *out, size_t size)
{
	struct slice in = slice_of(text);
	int used;
	size_t bytes = fit(in, cells, size - 1, &used);
	if (bytes == in.len || !ellipsis || cells < 1 || strlen(ellipsis) + 1 > size) {
		slice_copy((struct slice){ in.data, bytes }, out, size);
		return used;
	}
	bytes = fit(in, cells - 1, size - 1 - strlen(ellipsis), &used);
	memcpy(out, in.data, bytes);
	strcpy(out + bytes, ellipsis);
	return used + 1;
}

void
text_number(double value, char *out, size_t size)
{
	static const char units[] = " kMGTP";
	if (isnan(value) || value < 0) {
		snprintf(out, size, "-");
		return;
	}
	size_t u = 0;
	while (value >= 999.5 && u + 2 < sizeof units) {
		value /= 1000;
		u++;
	}
	if (u == 0)
		snprintf(out, size, "%.0f", value);
	else
		snprintf(out, size, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[u]);
}

bool
text_is_name(const char *text)
{
	size_t n = strlen(text);
	if (n < 1 || n > 32 || text[0] == '-' || text[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '0' && text[i] <= '9') && text[i] != '-')
			return false;
	return true;
}

void
text_shell_quote(const char *text, struct buf *out)
{
	buf_add_char(out, '\'');
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			buf_add_text(out, "'\\''");
		else
			buf_add_char(out, *p);
	}
	buf_add_char(out, '\'');
}

int
text_parse_int(struct slice in, int64_t min, int64_t max, int64_t *out)
{
	int64_t n = 0;
	if (in.len == 0 || (in.len > 1 && in.data[0] == '0'))
		return -1;
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] < '0' || in.data[i] > '9')
			return -1;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, in.data[i] - '0', &n))
			return -1;
	}
	if (n < min || n > max)
		return -1;
	*out = n;
	return 0;
}

int
text_distance(const char *a, const char *b)
{
	int row[33];
	int la = (int)strnlen(a, 32), lb = (int)strnlen(b, 32);
	for (int j = 0; j <= lb; j++)
		row[j] = j;
	for (int i = 1; i <= la; i++) {
		int diagonal = row[0];
		row[0] = i;
		for (int j = 1; j <= lb; j++) {
			int change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = change < least ? change : least;
		}
	}
	return row[lb];
}
