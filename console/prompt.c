/* SPDX-License-Identifier: Apache-2.0
 *
 * The line editor. The cursor moves by graphemes (utf8proc), so an accent never parts from its
 * letter; the line is cut at 255 bytes. What is pasted is inserted with its controls dropped and
 * never completes the line: Enter counts only when it was typed.
 */
#include "console/prompt.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "core/text.h"

void
prompt_open(struct prompt *p, char sign, const char *text, struct prompt_history *history)
{
	*p = (struct prompt){ .is_open = true, .sign = sign, .history = history, .completed = -1 };
	snprintf(p->text, sizeof p->text, "%s", text);
	p->len = p->at = strlen(p->text);
}

void
prompt_history_add(struct prompt_history *h, const char *line)
{
	if (line[0] == '\0' || (h->n > 0 && strcmp(h->lines[h->n - 1], line) == 0))
		return;
	if (h->n == PROMPT_HISTORY_MAX) {
		memmove(h->lines[0], h->lines[1], (PROMPT_HISTORY_MAX - 1) * sizeof h->lines[0]);
		h->n--;
	}
	snprintf(h->lines[h->n++], PROMPT_TEXT_MAX, "%s", line);
}

/* The end of the grapheme that starts at a byte. */
static size_t
grapheme_end(const struct prompt *p, size_t at)
{
	utf8proc_int32_t state = 0;
	uint32_t before, point;
	size_t n = text_decode((struct slice){ p->text + at, p->len - at }, &before);
	if (n == 0)
		return at < p->len ? at + 1 : p->len;
	for (at += n; at < p->len; at += n) {
		n = text_decode((struct slice){ p->text + at, p->len - at }, &point);
		if (n == 0 || utf8proc_grapheme_break_stateful(
				      (utf8proc_int32_t)before, (utf8proc_int32_t)point, &state))
			break;
		before = point;
	}
	return at;
}

static size_t
grapheme_start(const struct prompt *p, size_t end)
{
	size_t at = 0, last = 0;
	while (at < end) {
		last = at;
		at = grapheme_end(p, at);
	}
	return last;
}

static void
set_text(struct prompt *p, const char *text)
{
	char copy[PROMPT_TEXT_MAX];
	snprintf(copy, sizeof copy, "%s", text);
	memcpy(p->text, copy, sizeof copy);
	p->len = p->at = strlen(p->text);
}

static void
cut(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
}

static void
insert(struct prompt *p, uint32_t point)
{
	utf8proc_uint8_t bytes[4];
	size_t n = (size_t)utf8proc_encode_char((utf8proc_int32_t)point, bytes);
	char clean[16];
	text_sanitise_to((struct slice){ (const char *)bytes, n }, clean, sizeof clean);
	if (strlen(clean) != n || p->len + n >= PROMPT_TEXT_MAX)
		return; /* not printable, or full */
	memmove(p->text + p->at + n, p->text + p->at, p->len - p->at + 1);
	memcpy(p->text + p->at, bytes, n);
	p->at += n;
	p->len += n;
}

static size_t
word_start(const struct prompt *p)
{
	size_t at = p->at;
	while (at > 0 && p->text[at - 1] == ' ')
		at--;
	while (at > 0 && p->text[at - 1] != ' ')
		at--;
	return at;
}

static void
look_back(struct prompt *p, int step)
{
	size_t back = p->back + (size_t)step;
	if (!p->history || (step < 0 && p->back == 0) || back > p->history->n)
		return;
	if (p->back == 0)
		snprintf(p->typed, sizeof p->typed, "%s", p->text);
	p->back = back;
	set_text(p, back == 0 ? p->typed : p->history->lines[p->history->n - back]);
}

static void
complete_next(struct prompt *p, int step, prompt_complete_fn *complete, const void *arg)
{
	char text[PROMPT_TEXT_MAX];
	if (!complete)
		return;
	if (p->completed < 0)
		snprintf(p->stem, sizeof p->stem, "%s", p->text);
	int next = p->completed + step;
	if (next < -1)
		return;
	if (next == -1 || !complete(arg, p->stem, (size_t)next, text)) {
		set_text(p, p->stem);
		p->completed = -1;
		return;
	}
	set_text(p, text);
	p->completed = next;
}

static enum prompt_result
control_key(struct prompt *p, uint32_t code)
{
	switch (code) {
	case 'u':
		cut(p, 0, p->at);
		return PROMPT_CHANGED;
	case 'k':
		cut(p, p->at, p->len);
		return PROMPT_CHANGED;
	case 'w':
		cut(p, word_start(p), p->at);
		return PROMPT_CHANGED;
	case 'e':
		p->at = p->len;
		return PROMPT_NOTHING;
	case 'p':
		look_back(p, 1);
		return PROMPT_CHANGED;
	case 'n':
		look_back(p, -1);
		return PROMPT_CHANGED;
	case 'g':
		p->is_open = false;
		return PROMPT_CANCELLED;
	default:
		return PROMPT_NOTHING;
	}
}

static enum prompt_result
special_key(struct prompt *p, uint32_t code)
{
	switch (code) {
	case KEYS_LEFT:
		p->at = grapheme_start(p, p->at);
		return PROMPT_NOTHING;
	case KEYS_RIGHT:
		p->at = grapheme_end(p, p->at);
		return PROMPT_NOTHING;
	case KEYS_HOME:
		p->at = 0;
		return PROMPT_NOTHING;
	case KEYS_END:
		p->at = p->len;
		return PROMPT_NOTHING;
	case KEYS_UP:
		look_back(p, 1);
		return PROMPT_CHANGED;
	case KEYS_DOWN:
		look_back(p, -1);
		return PROMPT_CHANGED;
	case KEYS_DELETE:
		cut(p, p->at, grapheme_end(p, p->at));
		return PROMPT_CHANGED;
	case KEYS_BACKSPACE:
		if (p->len == 0) {
			p->is_open = false;
			return PROMPT_CANCELLED;
		}
		cut(p, grapheme_start(p, p->at), p->at);
		return PROMPT_CHANGED;
	default:
		return PROMPT_NOTHING;
	}
}

enum prompt_result
prompt_key(struct prompt *p, const struct key *k, prompt_complete_fn *complete, const void *arg)
{
	bool is_plain = !(k->mods & (KEYS_CTRL | KEYS_ALT)) && k->code >= 0x20 &&
	                k->code < 0x110000 && k->code != 0x7f;
	if (is_plain || k->is_pasted) {
		p->completed = -1;
		if (is_plain)
			insert(p, k->code);
		return PROMPT_CHANGED;
	}
	if (k->code == KEYS_TAB || k->code == KEYS_BACKTAB) {
		complete_next(p, k->code == KEYS_TAB ? 1 : -1, complete, arg);
		return PROMPT_CHANGED;
	}
	p->completed = -1;
	if (k->code == KEYS_ENTER || (k->code == 'j' && k->mods == KEYS_CTRL)) {
		p->is_open = false;
		return PROMPT_DONE;
	}
	if (k->code == KEYS_ESC) {
		p->is_open = false;
		return PROMPT_CANCELLED;
	}
	if (k->mods & KEYS_CTRL)
		return control_key(p, k->code);
	return special_key(p, k->code);
}

int
prompt_draw(const struct prompt *p, struct canvas *c, int x, int y, int cols)
{
	char before[PROMPT_TEXT_MAX];
	slice_copy((struct slice){ p->text, p->at }, before, sizeof before);
	int cursor = text_width(before);
	int shift = cursor > cols - 3 ? cursor - (cols - 3) : 0;
	struct canvas line = canvas_window(c, (struct rect){ x + 1, y, cols - 1, 1 });
	canvas_put(c, x, y, ROLE_KEY, (uint32_t)p->sign);
	canvas_text(&line, -shift, 0, CANVAS_MAX, ROLE_PROMPT, p->text);
	return x + 1 + cursor - shift;
}
