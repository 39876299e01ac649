/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * Keys: from the bytes a terminal sends to key strokes, mouse events and pasted text, and from key
 * strokes to names
 * ("j", "^f", "pgdn", "F1") and back. Pure; knows nothing of ncurses.
 */

/* A Unicode code point, or one of these. */
enum key_code {
	KEYS_NONE = 0,
	KEYS_TAB = 0x09,
	KEYS_ENTER = 0x0d,
	KEYS_ESC = 0x1b,
	KEYS_SPACE = 0x20,
	KEYS_BACKSPACE = 0x7f,
	KEYS_UP = 0x110000,
	KEYS_DOWN,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_HOME,
	KEYS_END,
	KEYS_PGUP,
	KEYS_PGDN,
	KEYS_INSERT,
	KEYS_DELETE,
	KEYS_BACKTAB,
	KEYS_F1,
	KEYS_F12 = KEYS_F1 + 11,
	KEYS_MOUSE, /* see struct key.mouse */
};

enum key_mods { KEYS_CTRL = 1u << 0, KEYS_ALT = 1u << 1, KEYS_SHIFT = 1u << 2 };

enum mouse_event { MOUSE_PRESS, MOUSE_RELEASE, MOUSE_DRAG, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct key {
	uint32_t code;
	unsigned mods;  /* KEYS_CTRL with the lower-case letter as code */
	bool is_pasted; /* came inside a bracketed paste: never acts, only ever text */
	enum mouse_event mouse;
	int button; /* 0 left, 1 middle, 2 right */
	int x, y;   /* cells from the top left, from 0 */
};

#define KEYS_PENDING_MAX 64

/* Bytes on their way to a key. Start zeroed. */
struct key_decoder {
	unsigned char pending[KEYS_PENDING_MAX];
	size_t n;
	bool is_pasting;
	bool is_skipping; /* an escape sequence longer than any key's is being dropped */
};

/* Takes one byte; returns how many keys it completed (0..2), written to out. */
size_t keys_feed(struct key_decoder *d, unsigned char byte, struct key out[2]);
/* True while a lone ESC (or the start of a sequence) waits for more. After 25 ms of silence call
 * keys_flush. */
bool keys_is_waiting(const struct key_decoder *d);
size_t keys_flush(struct key_decoder *d, struct key out[2]);

/* "j", "G", "^f", "space", "pgdn", "F10", "M-x"; 0, or -1 when it names no key. */
int keys_parse(struct slice name, struct key *out);
#define KEYS_NAME_MAX 16
void keys_format(const struct key *k, char out[KEYS_NAME_MAX]);
bool keys_equal(const struct key *a, const struct key *b);

#endif
