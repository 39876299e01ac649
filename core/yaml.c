/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML for configuration and for inventories that others wrote: the only file that knows libfyaml.
 * It drives the event parser and builds a small tree of its own, because the library's documents
 * cost hundreds of bytes a value, resolve aliases (a few lines can then stand for gigabytes) and
 * stop at the first duplicate key, while a person wants to hear of all mistakes at once. Every
 * value keeps its line and column.
 *
 * What a fleet file has no use for is refused here in one place: aliases and anchors, tags, keys
 * that are not words, a second document. Bytes that are not UTF-8, NULs and direction overrides
 * (text that reads otherwise than it is written) are refused before the parser sees them, comments
 * included.
 *
 * Called by conf.c and import.c. Nothing here knows what a key means.
 */
#include "core/yaml.h"

#include <libfyaml.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

struct builder {
	struct arena *arena;
	yaml_fault_fn *fault;
	void *arg;
	struct yaml *root;
	struct yaml *stack[YAML_DEPTH_MAX];
	struct yaml *last[YAML_DEPTH_MAX];      /* newest child at each depth */
	const struct yaml *key[YAML_DEPTH_MAX]; /* key that waits for its value */
	size_t depth, values;
	int documents;
	bool is_over; /* a fault ended the reading */
};

static void
say(struct builder *b, const struct fy_mark *mark, const char *text)
{
	b->fault(b->arg, mark ? mark->line + 1 : 1, mark ? mark->column + 1 : 1, text);
}

static void
say_and_stop(struct builder *b, const struct fy_mark *mark, const char *text)
{
	say(b, mark, text);
	b->is_over = true;
}

/* A new value, hung below the open collection; NULL when a limit is reached or it cannot stand
 * here. */
static struct yaml *
add_value(struct builder *b, enum yaml_kind kind, const struct fy_mark *mark)
{
	if (++b->values > YAML_VALUES_MAX) {
		say_and_stop(b, mark, "more values than the 400000 that are read from one file");
		return NULL;
	}
	struct yaml *v = arena_alloc(b->arena, sizeof *v);
	v->kind = kind;
	v->line = mark ? mark->line + 1 : 1;
	v->column = mark ? mark->column + 1 : 1;
	v->text = "";
	if (b->depth == 0) {
		if (b->documents == 1)
			b->root = v;
		return v;
	}
	size_t top = b->depth - 1;
	struct yaml *parent = b->stack[top];
	if (parent->kind == YAML_MAPPING && !b->key[top]) {
		if (kind != YAML_SCALAR) {
			say_and_stop(
				b, mark, "a key must be a single word, not a list or a mapping");
			return NULL;
		}
		b->key[top] = v;
		return v;
	}
	v->key = b->key[top];
	b->key[top] = NULL;
	if (b->last[top])
		b->last[top]->next = v;
	else
		parent->first = v;
	b->last[top] = v;
	parent->n++;
	return v;
}

static void
open_collection(struct builder *b, enum yaml_kind kind, const struct fy_mark *mark)
{
	if (b->depth == YAML_DEPTH_MAX) {
		say_and_stop(b, mark, "nested deeper than the 24 levels that are read");
		return;
	}
	struct yaml *v = add_value(b, kind, mark);
	if (!v)
		return;
	b->stack[b->depth] = v;
	b->last[b->depth] = NULL;
	b->key[b->depth] = NULL;
	b->depth++;
}

static void
take_place(struct yaml *v, const struct yaml *from)
{
	if (!from)
		return;
	v->line = from->line;
	v->column = from->column;
}

static void
add_scalar(struct builder *b, struct fy_event *event, const struct fy_mark *mark)
{
	struct fy_token *token = event->scalar.value;
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;
	struct yaml *v = add_value(b, YAML_SCALAR, mark);
	if (!v)
		return;
	if (!text || len == 0) /* nothing stands there: its key does */
		take_place(v, v->key);
	if (!text)
		return;
	if (memchr(text, 0, len)) {
		say(b, mark, "a text holds the character NUL, which is not allowed");
		len = strnlen(text, len);
	}
	v->text = arena_strndup(b->arena, text, len);
	v->len = len;
	enum fy_scalar_style style = fy_token_scalar_style(token);
	bool has_quotes = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
	v->is_quoted = has_quotes || style == FYSS_LITERAL || style == FYSS_FOLDED;
	if (has_quotes && len > 0) { /* the library's mark stands behind the quote */
		v->column = mark->column;
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const struct yaml *x = *(const struct yaml *const *)a;
	const struct yaml *y = *(const struct yaml *const *)b;
	int order = strcmp(x->key->text, y->key->text);
	if (order != 0)
		return order;
	return x->key->line != y->key->line ? x->key->line - y->key->line
	                                    : x->key->column - y->key->column;
}

/* Sorted once, so that ten thousand nodes cost no more than their sorting. */
static void
check_duplicates(struct builder *b, const struct yaml *mapping)
{
	if (mapping->n < 2)
		return;
	const struct yaml **members = xmalloc(mapping->n * sizeof *members);
	size_t n = 0;
	for (const struct yaml *v = mapping->first; v; v = v->next)
		members[n++] = v;
	qsort(members, n, sizeof *members, compare_keys);
	size_t origin = 0;
	for (size_t i = 1; i < n; i++) {
		if (strcmp(members[origin]->key->text, members[i]->key->text) != 0) {
			origin = i;
			continue;
		}
		char word[64], text[160];
		text_sanitise_to(slice_of(members[i]->key->text), word, sizeof word);
		snprintf(text, sizeof text, "\"%s\" is given twice; it stands in line %d already",
			word, members[origin]->key->line);
		b->fault(b->arg, members[i]->key->line, members[i]->key->column, text);
	}
	free(members);
}

static void
close_collection(struct builder *b)
{
	if (b->depth == 0)
		return;
	b->depth--;
	if (b->stack[b->depth]->kind == YAML_MAPPING)
		check_duplicates(b, b->stack[b->depth]);
}

/* The library's mark stands behind the & or *. */
static void
say_alias(struct builder *b, const struct fy_mark *mark)
{
	struct fy_mark sign = mark ? *mark : (struct fy_mark){ .column = 1 };
	sign.column -= sign.column > 0;
	say(b, &sign,
		"anchors and aliases (&word, *word) are not used here; what many share stands "
	        "under `defaults`");
}

static void
check_extras(struct builder *b, struct fy_event *event)
{
	struct fy_token *tag = fy_event_get_tag_token(event),
			*anchor = fy_event_get_anchor_token(event);
	if (tag)
		say(b, fy_token_start_mark(tag),
			"tags (!word) are not used here; write the plain value");
	if (anchor)
		say_alias(b, fy_token_start_mark(anchor));
}

static void
take_event(struct builder *b, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (++b->documents == 2)
			say_and_stop(b, mark, "a second document begins here; one file holds one");
		break;
	case FYET_ALIAS:
		say_alias(b, mark);
		add_value(b, YAML_SCALAR, mark);
		break;
	case FYET_SCALAR:
		check_extras(b, event);
		add_scalar(b, event, mark);
		break;
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		check_extras(b, event);
		open_collection(
			b, event->type == FYET_MAPPING_START ? YAML_MAPPING : YAML_LIST, mark);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		close_collection(b);
		break;
	default:
		break;
	}
}

static bool
is_direction_control(uint32_t c)
{
	return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
	       c == 0x200F || c == 0x061C;
}

/* The library takes bytes on trust; look at every character first. */
static bool
check_characters(struct slice text, yaml_fault_fn *fault, void *arg)
{
	int line = 1, column = 1;
	bool is_good = true;
	while (text.len > 0) {
		uint32_t c = 0;
		size_t n = text_decode(text, &c);
		if (n == 0 || c == 0) {
			fault(arg, line, column,
				n == 0 ? "a byte that is not UTF-8" : "the character NUL");
			return false;
		}
		if (is_direction_control(c)) {
			fault(arg, line, column,
				"an invisible character that turns the direction of writing "
			        "around");
			is_good = false;
		} else if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			fault(arg, line, column, "a control character");
			is_good = false;
		}
		column = c == '\n' ? 1 : column + 1;
		line += c == '\n';
		text.data += n;
		text.len -= n;
	}
	return is_good;
}

static void
tell_parser_errors(struct fy_diag *diag, struct builder *b)
{
	void *prev = NULL;
	struct fy_diag_error *e;
	while ((e = fy_diag_errors_iterate(diag, &prev))) {
		char text[200], clean[240];
		snprintf(text, sizeof text, "not YAML: %s", e->msg ? e->msg : "cannot be read");
		text_sanitise_to(slice_of(text), clean, sizeof clean);
		b->fault(b->arg, e->line > 0 ? e->line : 1, e->column > 0 ? e->column : 1, clean);
	}
}

struct yaml *
yaml_parse(struct slice text, struct arena *a, yaml_fault_fn *fault, void *arg)
{
	if (!check_characters(text, fault, arg))
		return NULL;
	struct fy_diag_cfg diag_cfg;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&diag_cfg);
	if (!diag)
		abort();
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag };
	struct fy_parser *parser = fy_parser_create(&cfg);
	struct builder b = { .arena = a, .fault = fault, .arg = arg };
	if (!parser || fy_parser_set_string(parser, text.data, text.len) == -1)
		abort(); /* out of memory is all that can go wrong */

	struct fy_event *event;
	while (!b.is_over && (event = fy_parser_parse(parser))) {
		take_event(&b, event);
		fy_parser_event_free(parser, event);
	}
	if (!b.is_over && fy_parser_get_stream_error(parser)) {
		tell_parser_errors(diag, &b);
		b.is_over = true;
	}
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return b.is_over ? NULL : b.root;
}

const struct yaml *
yaml_get(const struct yaml *mapping, const char *key)
{
	if (!mapping || mapping->kind != YAML_MAPPING)
		return NULL;
	for (const struct yaml *v = mapping->first; v; v = v->next)
		if (strcmp(v->key->text, key) == 0)
			return v;
	return NULL;
}

const char *
yaml_text(const struct yaml *v, const char *otherwise)
{
	return v && v->kind == YAML_SCALAR ? v->text : otherwise;
}

/* Words that some reader would take for something else than a string. */
static bool
is_special_word(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "null", "y",
		"n", "~", NULL };
	for (size_t i = 0; words[i]; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool
is_plain(const char *text)
{
	if (!*text || is_special_word(text))
		return false;
	for (const char *p = text; *p; p++) {
		bool is_alnum = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		                (*p >= '0' && *p <= '9');
		if (!is_alnum && (p == text ? *p != '/' && *p != '_' : !strchr("-_./@+", *p)))
			return false;
	}
	/* 10.0.0.1 is text; 1.5, 1e5, 0x1f and 2027-01-01 are not */
	bool is_digit = *text >= '0' && *text <= '9';
	return !is_digit || strchr(text, '.') != strrchr(text, '.');
}

void
yaml_write_scalar(struct buf *out, const char *text)
{
	if (is_plain(text)) {
		buf_add_text(out, text);
		return;
	}
	buf_add_char(out, '"');
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}
