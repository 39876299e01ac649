/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder of what a terminal sends. A small state machine over single bytes: UTF-8 text, C0
 * controls, ESC as Alt, CSI and SS3 sequences of every terminal family in use (xterm, VT220, rxvt,
 * the Linux console, tmux), SGR mouse reports (1006) and bracketed paste (2004). It is ours and not
 * ncurses' because tmux's terminfo hides SGR mouse reports, because getch would block for the
 * escape delay, and because a pure function can be tested and fuzzed.
 *
 * What is pasted comes out as keys with `is_pasted`, so that nothing pasted can ever act. Sequences
 * that are not known are dropped whole: half of one must never arrive as a letter that does
 * something. So is any sequence longer than 64 bytes, up to its end. Bytes that are no UTF-8 are
 * dropped.
 */
#include "console/keys.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

struct named_key {
	const char *name;
	uint32_t code;
};

/* The first name of a code is the one that is shown. */
static const struct named_key names[] = {
	{ "enter", KEYS_ENTER },
	{ "esc", KEYS_ESC },
	{ "space", KEYS_SPACE },
	{ "tab", KEYS_TAB },
	{ "backspace", KEYS_BACKSPACE },
	{ "up", KEYS_UP },
	{ "down", KEYS_DOWN },
	{ "left", KEYS_LEFT },
	{ "right", KEYS_RIGHT },
	{ "home", KEYS_HOME },
	{ "end", KEYS_END },
	{ "pgup", KEYS_PGUP },
	{ "pgdn", KEYS_PGDN },
	{ "insert", KEYS_INSERT },
	{ "delete", KEYS_DELETE },
	{ "backtab", KEYS_BACKTAB },
};

#define N_NAMES (sizeof names / sizeof *names)

bool
keys_equal(const struct key *a, const struct key *b)
{
	return a->code == b->code && a->mods == b->mods;
}

bool
keys_is_waiting(const struct key_decoder *d)
{
	return d->n > 0 && !d->is_pasting && !d->is_skipping;
}

static struct key
plain(uint32_t code, unsigned mods)
{
	return (struct key){ .code = code, .mods = mods };
}

/* One byte below 0x20, or DEL. */
static struct key
control(unsigned char byte)
{
	switch (byte) {
	case '\r':
	case '\t':
	case 0x1b:
	case 0x7f:
		return plain(byte, 0);
	case '\b':
		return plain(KEYS_BACKSPACE, 0);
	case 0:
		return plain(KEYS_SPACE, KEYS_CTRL);
	default:
		return plain(byte < 27 ? byte + 'a' - 1u : byte + '@' - 0u, KEYS_CTRL);
	}
}

static bool
is_final(unsigned char c)
{
	return c >= 0x40 && c <= 0x7e;
}

/* Numbers of a CSI sequence: "1;5" -> {1, 5}; returns how many. */
static int
read_numbers(const unsigned char *s, size_t n, int out[4])
{
	int count = 0, value = 0;
	bool has_digit = false;
	for (size_t i = 0; i <= n && count < 4; i++) {
		if (i < n && s[i] >= '0' && s[i] <= '9') {
			value = value > 9999 ? value : value * 10 + (s[i] - '0');
			has_digit = true;
		} else if (i == n || s[i] == ';') {
			if (has_digit || i < n)
				out[count++] = value;
			value = 0;
			has_digit = false;
		} else {
			return -1;
		}
	}
	return count;
}

/* xterm says 1 + shift 1 + alt 2 + ctrl 4. */
static unsigned
xterm_mods(int n)
{
	unsigned bits = n > 1 ? (unsigned)n - 1 : 0;
	return (bits & 1 ? KEYS_SHIFT : 0u) | (bits & 2 ? KEYS_ALT : 0u) |
	       (bits & 4 ? KEYS_CTRL : 0u);
}

/* The number of "CSI n ~", as the VT220 and the Linux console number them. */
static uint32_t
tilde_key(int n)
{
	static const uint8_t f[] = { 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24 };
	switch (n) {
	case 1:
	case 7:
		return KEYS_HOME;
	case 2:
		return KEYS_INSERT;
	case 3:
		return KEYS_DELETE;
	case 4:
	case 8:
		return KEYS_END;
	case 5:
		return KEYS_PGUP;
	case 6:
		return KEYS_PGDN;
	default:
		for (uint32_t i = 0; i < sizeof f; i++)
			if (f[i] == n)
				return KEYS_F1 + i;
		return KEYS_NONE;
	}
}

static uint32_t
letter_key(unsigned char c)
{
	switch (c) {
	case 'A':
		return KEYS_UP;
	case 'B':
		return KEYS_DOWN;
	case 'C':
		return KEYS_RIGHT;
	case 'D':
		return KEYS_LEFT;
	case 'F':
		return KEYS_END;
	case 'H':
		return KEYS_HOME;
	case 'M':
		return KEYS_ENTER; /* keypad */
	case 'P':
	case 'Q':
	case 'R':
	case 'S':
		return KEYS_F1 + (uint32_t)(c - 'P');
	case 'Z':
		return KEYS_BACKTAB;
	default:
		return KEYS_NONE;
	}
}

static size_t
read_mouse(const unsigned char *s, size_t n, unsigned char final, struct key *out)
{
	int v[4];
	if (read_numbers(s, n, v) != 3 || v[1] < 1 || v[2] < 1)
		return 0;
	*out = (struct key){ .code = KEYS_MOUSE, .button = v[0] & 3, .x = v[1] - 1, .y = v[2] - 1 };
	out->mods = (v[0] & 4 ? KEYS_SHIFT : 0u) | (v[0] & 8 ? KEYS_ALT : 0u) |
	            (v[0] & 16 ? KEYS_CTRL : 0u);
	if (v[0] & 64)
		out->mouse = v[0] & 1 ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP;
	else if (final == 'm')
		out->mouse = MOUSE_RELEASE;
	else
		out->mouse = v[0] & 32 ? MOUSE_DRAG : MOUSE_PRESS;
	return (v[0] & 64) && final == 'm' ? 0 : 1;
}

/* A complete "ESC [ ... final"; s points behind the bracket. */
static size_t
read_csi(struct key_decoder *d, const unsigned char *s, size_t n, unsigned char final,
	struct key *out)
{
	int v[4] = { 0 };
	if (n > 0 && s[0] == '<')
		return final == 'M' || final == 'm' ? read_mouse(s + 1, n - 1, final, out) : 0;
	int count = read_numbers(s, n, v);
	if (count < 0)
		return 0;
	if (final == '~' && v[0] == 200 && count == 1) {
		d->is_pasting = true;
		return 0;
	}
	uint32_t code = final == '~' ? tilde_key(v[0]) : letter_key(final);
	if (code == KEYS_NONE || (final == 'M' && count > 0))
		return 0;
	*out = plain(code, count >= 2 ? xterm_mods(v[1]) : 0);
	return 1;
}

/* What is pending starts with ESC; decides whether it is complete. */
static size_t
feed_escape(struct key_decoder *d, struct key out[2])
{
	unsigned char last = d->pending[d->n - 1];
	size_t made = 0;

	if (d->n == 1)
		return 0;
	if (d->pending[1] == '[' && d->n == 3 && d->pending[2] == '[')
		return 0; /* the Linux console's F1..F5: ESC [ [ A */
	if (d->pending[1] == '[' && d->n == 4 && d->pending[2] == '[') {
		if (last >= 'A' && last <= 'E')
			out[made++] = plain(KEYS_F1 + (uint32_t)(last - 'A'), 0);
	} else if (d->pending[1] == '[') {
		if (d->n == 2 || !is_final(last))
			return 0;
		made = read_csi(d, d->pending + 2, d->n - 3, last, out);
	} else if (d->pending[1] == 'O') {
		if (d->n == 2)
			return 0;
		uint32_t code = letter_key(last);
		if (code != KEYS_NONE)
			out[made++] = plain(code, 0);
	} else if (last == 0x1b) {
		out[made++] = plain(KEYS_ESC, 0); /* the first; the second goes on waiting */
		d->pending[0] = 0x1b;
		d->n = 1;
		return made;
	} else {
		out[made] = last < 0x20 || last == 0x7f ? control(last) : plain(last, 0);
		out[made].mods |= KEYS_ALT;
		made += last < 0x80;
	}
	d->n = 0;
	return made;
}

/* Text, a byte at a time. */
static size_t
feed_text(struct key_decoder *d, struct key out[2])
{
	uint32_t point;
	unsigned char first = d->pending[0];
	size_t need = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (d->n < need && first >= 0xc2)
		return 0;
	size_t len = text_decode((struct slice){ (const char *)d->pending, d->n }, &point);
	size_t n = d->n;
	d->n = 0;
	if (len != n)
		return 0;
	if (point < 0x20 || point == 0x7f)
		out[0] = control((unsigned char)point);
	else
		out[0] = plain(point, 0);
	return 1;
}

/* Inside a paste everything is text until ESC [ 2 0 1 ~; an escape sequence is dropped as far as
 * it looked like the end. */
static size_t
feed_paste(struct key_decoder *d, struct key out[2])
{
	static const unsigned char end[] = "\033[201~";
	if (d->pending[0] == 0x1b) {
		if (memcmp(d->pending, end, d->n) == 0) {
			if (d->n == sizeof end - 1) {
				d->n = 0;
				d->is_pasting = false;
			}
			return 0;
		}
		unsigned char last = d->pending[d->n - 1];
		d->n = 0;
		if (last == 0x1b)
			d->pending[d->n++] = last;
		return 0;
	}
	size_t made = feed_text(d, out);
	for (size_t i = 0; i < made; i++)
		out[i].is_pasted = true;
	return made;
}

size_t
keys_feed(struct key_decoder *d, unsigned char byte, struct key out[2])
{
	if (d->is_skipping) {
		d->is_skipping = !is_final(byte);
		return 0;
	}
	if (d->n == KEYS_PENDING_MAX) {
		d->n = 0;
		d->is_skipping = !is_final(byte);
		return 0;
	}
	if (d->n > 0 && d->pending[0] >= 0x80 && (byte & 0xc0) != 0x80)
		d->n = 0; /* a character broken off: drop it, start anew */
	d->pending[d->n++] = byte;
	if (d->is_pasting)
		return feed_paste(d, out);
	if (d->pending[0] == 0x1b)
		return feed_escape(d, out);
	return feed_text(d, out);
}

size_t
keys_flush(struct key_decoder *d, struct key out[2])
{
	size_t made = 0;
	if (!keys_is_waiting(d))
		return 0;
	if (d->pending[0] == 0x1b && d->n == 1)
		out[made++] = plain(KEYS_ESC, 0);
	else if (d->pending[0] == 0x1b && d->n == 2)
		out[made++] = plain(d->pending[1], KEYS_ALT);
	d->n = 0;
	return made;
}

static int
parse_function_key(struct slice name, uint32_t *code)
{
	int64_t n;
	if (name.len < 2 || name.data[0] != 'F' ||
		text_parse_int((struct slice){ name.data + 1, name.len - 1 }, 1, 12, &n) == -1)
		return -1;
	*code = KEYS_F1 + (uint32_t)n - 1;
	return 0;
}

int
keys_parse(struct slice name, struct key *out)
{
	uint32_t point;
	*out = (struct key){ 0 };
	if (name.len > 2 && slice_starts(name, "M-")) {
		out->mods |= KEYS_ALT;
		name.data += 2;
		name.len -= 2;
	}
	if (name.len == 2 && name.data[0] == '^') {
		*out = control((unsigned char)(name.data[1] & 0x1f));
		return 0;
	}
	for (size_t i = 0; i < N_NAMES; i++) {
		if (slice_equal(name, names[i].name)) {
			out->code = names[i].code;
			return 0;
		}
	}
	if (parse_function_key(name, &out->code) == 0)
		return 0;
	if (text_decode(name, &point) != name.len || name.len == 0 || point < 0x21)
		return -1;
	out->code = point;
	return 0;
}

static void
format_point(uint32_t p, char out[5])
{
	size_t n = 0;
	if (p < 0x80) {
		out[n++] = (char)p;
	} else if (p < 0x800) {
		out[n++] = (char)(0xc0 | p >> 6);
	} else if (p < 0x10000) {
		out[n++] = (char)(0xe0 | p >> 12);
		out[n++] = (char)(0x80 | (p >> 6 & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | p >> 18);
		out[n++] = (char)(0x80 | (p >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (p >> 6 & 0x3f));
	}
	if (p >= 0x80)
		out[n++] = (char)(0x80 | (p & 0x3f));
	out[n] = '\0';
}

void
keys_format(const struct key *k, char out[KEYS_NAME_MAX])
{
	const char *mods = k->mods & KEYS_ALT ? "M-" : "";
	char point[5];
	for (size_t i = 0; i < N_NAMES; i++) {
		if (names[i].code == k->code) {
			snprintf(out, KEYS_NAME_MAX, "%s%s%s", mods, k->mods & KEYS_CTRL ? "^" : "",
				names[i].name);
			return;
		}
	}
	if (k->code >= KEYS_F1 && k->code <= KEYS_F12) {
		snprintf(out, KEYS_NAME_MAX, "%sF%u", mods, (unsigned)(k->code - KEYS_F1 + 1));
		return;
	}
	if (k->code == KEYS_MOUSE || k->code >= 0x110000) {
		snprintf(out, KEYS_NAME_MAX, "mouse");
		return;
	}
	format_point(k->code, point);
	snprintf(out, KEYS_NAME_MAX, "%s%s%s", mods, k->mods & KEYS_CTRL ? "^" : "", point);
}
