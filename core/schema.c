/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk that reads a file by tables. One function per type turns the text a person wrote into a
 * value or says no; one place words the refusal, so that every message names the key, what stood
 * there and what is allowed. Nothing stops the walk: a wrong value leaves its field untouched and
 * the reading goes on, because a person who sees five mistakes at once makes one edit instead of
 * five.
 *
 * What depends on more than one value (a name that must exist, a limit larger than the fleet) is
 * not here but in conf.c.
 */
#include "core/schema.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define QUOTED_MAX 80

/* One value being read. `why` is an extra sentence for the refusal. */
struct value {
	struct schema_walk *walk;
	const struct schema_key *key;
	const struct yaml *at;
	const char *text;
	char why[200];
};

static void *
field_of(void *object, size_t offset)
{
	return (char *)object + offset;
}

/* --- one reader a type: true if the text is such a value --- */

static bool
read_text(struct value *v, void *into)
{
	size_t len = strlen(v->text);
	if (len < (size_t)v->key->min || len > (size_t)v->key->max ||
		!text_is_clean(slice_of(v->text)))
		return false;
	*(const char **)into = v->text;
	return true;
}

static bool
read_name(struct value *v, void *into)
{
	if (!text_is_name(v->text))
		return false;
	*(const char **)into = v->text;
	return true;
}

/* What daemons call their protocols, constants and route-maps. */
static bool
read_symbol(struct value *v, void *into)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
	size_t len = strlen(v->text);
	if (len == 0 || len > 64 || strspn(v->text, allowed) != len)
		return false;
	*(const char **)into = v->text;
	return true;
}

static bool
read_int(struct value *v, void *into)
{
	return text_parse_int(
		       slice_of(v->text), (int64_t)v->key->min, (int64_t)v->key->max, into) == 0;
}

/* Decimal digits with a fraction; no exponent, no hex, no inf. */
static bool
parse_decimal(const char *text, bool may_be_negative, double *out, const char **end)
{
	const char *p = text + (may_be_negative && (*text == '-' || *text == '+'));
	size_t digits = strspn(p, "0123456789");
	if (digits == 0 || digits > 15)
		return false;
	p += digits;
	if (*p == '.') {
		size_t fraction = strspn(p + 1, "0123456789");
		if (fraction == 0 || fraction > 15)
			return false;
		p += 1 + fraction;
	}
	char copy[48];
	slice_copy((struct slice){ text, (size_t)(p - text) }, copy, sizeof copy);
	*out = strtod(copy, NULL);
	*end = p;
	return true;
}

static bool
read_number(struct value *v, void *into)
{
	double number;
	const char *end;
	if (!parse_decimal(v->text, false, &number, &end))
		return false;
	static const struct {
		char letter;
		double factor;
	} units[] = { { 'k', 1e3 }, { 'M', 1e6 }, { 'G', 1e9 } };
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (*end == units[i].letter) {
			number *= units[i].factor;
			end++;
			break;
		}
	if (*end || number < v->key->min || number > v->key->max)
		return false;
	*(double *)into = number;
	return true;
}

static bool
read_percent(struct value *v, void *into)
{
	size_t len = strlen(v->text);
	if (len < 2 || v->text[len - 1] != '%')
		return false;
	struct slice digits = { v->text, len - 1 };
	return text_parse_int(digits, (int64_t)v->key->min, (int64_t)v->key->max, into) == 0;
}

static bool
read_duration(struct value *v, void *into)
{
	size_t len = strlen(v->text);
	int64_t ms, seconds;
	if (len > 2 && strcmp(v->text + len - 2, "ms") == 0) {
		if (text_parse_int((struct slice){ v->text, len - 2 }, 0, INT32_MAX, &ms) == -1)
			return false;
	} else if (duration_parse(v->text, &seconds) == 0) {
		ms = seconds * 1000;
	} else {
		return false;
	}
	if ((double)ms < v->key->min || (double)ms > v->key->max)
		return false;
	*(int64_t *)into = ms;
	return true;
}

static bool
read_bool(struct value *v, void *into)
{
	bool is_true = strcmp(v->text, "true") == 0;
	if (!is_true && strcmp(v->text, "false") != 0)
		return false;
	*(int64_t *)into = is_true;
	return true;
}

static bool
read_word(struct value *v, void *into)
{
	size_t n = 0;
	for (; v->key->words[n]; n++)
		if (strcmp(v->text, v->key->words[n]) == 0) {
			*(int64_t *)into = (int64_t)n;
			return true;
		}
	const char *near = schema_nearest(v->text, v->key->words, n);
	if (near)
		snprintf(v->why, sizeof v->why, "; did you mean \"%s\"?", near);
	return false;
}

static bool
read_time(struct value *v, void *into)
{
	char text[CLOCK_TEXT_MAX];
	if (strlen(v->text) == 10) {
		snprintf(text, sizeof text, "%sT00:00:00Z", v->text);
		return wall_parse(text, into) == 0;
	}
	return wall_parse(v->text, into) == 0;
}

static bool
is_address(const char *text)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool
read_address(struct value *v, void *into)
{
	if (!is_address(v->text))
		return false;
	*(const char **)into = v->text;
	return true;
}

/* Letters, digits, dashes and underscores in labels of 1 to 63; `may_be_root` lets "." and a last
 * dot pass. */
static bool
is_domain(const char *text, bool may_be_root)
{
	size_t len = strlen(text), label = 0;
	if (may_be_root && strcmp(text, ".") == 0)
		return true;
	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '.') {
			if (label == 0 || (i + 1 == len && !may_be_root))
				return false;
			label = 0;
			continue;
		}
		bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		               (c >= '0' && c <= '9') || c == '_' || (c == '-' && label > 0);
		if (!is_good || ++label > 63)
			return false;
	}
	return true;
}

/* A name whose last label is a number is a mistyped address (RFC 3696 section 2). */
bool
schema_is_host(const char *text)
{
	if (is_address(text))
		return true;
	const char *dot = strrchr(text, '.');
	const char *last = dot ? dot + 1 : text;
	return is_domain(text, false) && last[strspn(last, "0123456789")] != '\0';
}

static bool
read_host(struct value *v, void *into)
{
	if (!schema_is_host(v->text))
		return false;
	*(const char **)into = v->text;
	return true;
}

static bool
read_domain(struct value *v, void *into)
{
	if (!is_domain(v->text, true))
		return false;
	*(const char **)into = v->text;
	return true;
}

static bool
is_port(const char *text, size_t len)
{
	int64_t port;
	return text_parse_int((struct slice){ text, len }, 1, 65535, &port) == 0;
}

/* Host and port of a URL up to its path; NULL if they are none. `{address}` stands for the node's
 * address. */
static const char *
skip_authority(const char *p)
{
	char host[256];
	const char *end;
	if (*p == '[') {
		end = strchr(++p, ']');
		if (!end || end - p >= (ptrdiff_t)sizeof host)
			return NULL;
		slice_copy((struct slice){ p, (size_t)(end - p) }, host, sizeof host);
		unsigned char bytes[16];
		if (inet_pton(AF_INET6, host, bytes) != 1)
			return NULL;
		end++;
	} else {
		end = p + strcspn(p, ":/");
		if (end == p || end - p >= (ptrdiff_t)sizeof host)
			return NULL;
		slice_copy((struct slice){ p, (size_t)(end - p) }, host, sizeof host);
		if (strcmp(host, "{address}") != 0 && !schema_is_host(host))
			return NULL;
	}
	if (*end == ':') {
		size_t digits = strcspn(end + 1, "/");
		if (!is_port(end + 1, digits))
			return NULL;
		end += 1 + digits;
	}
	return *end == '\0' || *end == '/' ? end : NULL;
}

static bool
read_url(struct value *v, void *into)
{
	const char *p = v->text;
	if (strncmp(p, "http://", 7) == 0)
		p += 7;
	else if (strncmp(p, "https://", 8) == 0)
		p += 8;
	else
		return false;
	size_t len = strlen(v->text);
	p = skip_authority(p);
	if (!p || len > 1024)
		return false;
	for (; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("?#@\\\"<>{}|^`", *p))
			return false;
	while (v->text[len - 1] == '/')
		len--;
	*(const char **)into = arena_strndup(v->walk->arena, v->text, len);
	return true;
}

static bool
read_path(struct value *v, void *into)
{
	size_t len = strlen(v->text);
	if (len == 0 || len > 1024 || !text_is_clean(slice_of(v->text)))
		return false;
	if (v->text[0] == '~') {
		snprintf(v->why, sizeof v->why, "; \"~\" is not expanded: write the whole path");
		return false;
	}
	*(const char **)into =
		v->text[0] == '/' ? v->text
				  : arena_printf(v->walk->arena, "%s/%s", v->walk->folder, v->text);
	return true;
}

static bool
read_hash(struct value *v, void *into)
{
	if (strncmp(v->text, "sha256:", 7) != 0 || strlen(v->text) != 71 ||
		strspn(v->text + 7, "0123456789abcdefABCDEF") != 64)
		return false;
	*(const char **)into = v->text;
	return true;
}

typedef bool reader_fn(struct value *v, void *into);

static reader_fn *const readers[] = {
	[SCHEMA_TEXT] = read_text,
	[SCHEMA_NAME] = read_name,
	[SCHEMA_INT] = read_int,
	[SCHEMA_NUMBER] = read_number,
	[SCHEMA_PERCENT] = read_percent,
	[SCHEMA_DURATION] = read_duration,
	[SCHEMA_BOOL] = read_bool,
	[SCHEMA_WORD] = read_word,
	[SCHEMA_TIME] = read_time,
	[SCHEMA_HOST] = read_host,
	[SCHEMA_ADDRESS] = read_address,
	[SCHEMA_URL] = read_url,
	[SCHEMA_PATH] = read_path,
	[SCHEMA_DOMAIN] = read_domain,
	[SCHEMA_HASH] = read_hash,
	[SCHEMA_SYMBOL] = read_symbol,
	[SCHEMA_SYMBOLS] = NULL, /* the last type: gives the array its length */
};

/* --- refusing --- */

static const char *
kind_text(const struct yaml *at)
{
	return at->kind == YAML_LIST ? "a list" : at->kind == YAML_MAPPING ? "a mapping" : "a word";
}

/* A list of words as it would be written; what is deeper is only hinted at. */
static void
write_list(const struct yaml *list, struct buf *out)
{
	buf_add_char(out, '[');
	for (const struct yaml *item = list->first; item; item = item->next) {
		char quoted[QUOTED_MAX];
		text_sanitise_to(slice_of(item->kind == YAML_SCALAR ? item->text : "..."), quoted,
			sizeof quoted);
		buf_printf(out, "%s%s", item == list->first ? "" : ", ", quoted);
	}
	buf_add_char(out, ']');
}

static void
refuse(struct value *v)
{
	struct buf allowed = BUF_INIT(300);
	schema_describe(v->key, &allowed);
	if (v->at->kind == YAML_LIST) {
		struct buf list = BUF_INIT(QUOTED_MAX / 2);
		write_list(v->at, &list);
		schema_mistake(v->walk, v->at, "`%s` is %s%s; allowed: %s%s", v->key->key,
			buf_text(&list), list.truncated ? "..." : "", buf_text(&allowed), v->why);
		buf_done(&list);
	} else if (v->at->kind != YAML_SCALAR) {
		schema_mistake(v->walk, v->at, "`%s` is %s; allowed: %s%s", v->key->key,
			kind_text(v->at), buf_text(&allowed), v->why);
	} else if (v->at->len == 0 && !v->at->is_quoted) {
		schema_mistake(v->walk, v->at, "`%s` has no value; allowed: %s%s", v->key->key,
			buf_text(&allowed), v->why);
	} else {
		char quoted[QUOTED_MAX];
		text_clip(v->at->text, QUOTED_MAX / 2, "…", quoted, sizeof quoted);
		schema_mistake(v->walk, v->at, "`%s` is \"%s\"; allowed: %s%s", v->key->key, quoted,
			buf_text(&allowed), v->why);
	}
	buf_done(&allowed);
}

/* --- values with parts --- */

/* Calls `each` for the one word or for every word of a list. */
static size_t
count_words(const struct yaml *at)
{
	return at->kind == YAML_SCALAR ? 1 : at->n;
}

static const struct yaml *
first_word(const struct yaml *at)
{
	return at->kind == YAML_SCALAR ? at : at->first;
}

static bool
read_texts(struct value *v, reader_fn *reader, void *into)
{
	struct schema_list *list = into;
	if (v->at->kind == YAML_MAPPING || (v->at->kind == YAML_SCALAR && v->at->len == 0))
		return false;
	struct schema_text *items =
		arena_alloc(v->walk->arena, (count_words(v->at) + 1) * sizeof *items);
	size_t n = 0;
	for (const struct yaml *item = first_word(v->at); item;
		item = item == v->at ? NULL : item->next) {
		struct value one = *v;
		one.at = item;
		one.text = item->text;
		if (item->kind != YAML_SCALAR || !reader(&one, &items[n].text)) {
			refuse(&one);
			continue;
		}
		items[n++].at = item;
	}
	list->items = items;
	list->n = n;
	return true;
}

static bool
read_prefixes(struct value *v, void *into)
{
	struct schema_list *list = into;
	if (v->at->kind == YAML_MAPPING || (v->at->kind == YAML_SCALAR && v->at->len == 0))
		return false;
	if (v->at->kind == YAML_LIST && v->at->n == 0)
		return false;
	struct schema_prefix *items =
		arena_alloc(v->walk->arena, count_words(v->at) * sizeof *items);
	size_t n = 0;
	for (const struct yaml *item = first_word(v->at); item;
		item = item == v->at ? NULL : item->next) {
		struct err err = ERR_INIT;
		struct value one = *v;
		one.at = item;
		if (item->kind != YAML_SCALAR || item->len == 0) {
			refuse(&one);
		} else if (prefix_parse(slice_of(item->text), &items[n].prefix, &err) == -1) {
			schema_mistake(v->walk, item, "%s", err.text);
		} else {
			items[n++].at = item;
		}
	}
	list->items = items;
	list->n = n;
	return true;
}

static bool
read_position(struct value *v, void *into)
{
	static const double limits[2] = { 90, 180 };
	double pair[2];
	const struct yaml *item = v->at->first;
	if (v->at->kind != YAML_LIST || v->at->n != 2)
		return false;
	for (size_t i = 0; i < 2; i++, item = item->next) {
		const char *end;
		if (item->kind != YAML_SCALAR || !parse_decimal(item->text, true, &pair[i], &end) ||
			*end || fabs(pair[i]) > limits[i])
			return false;
	}
	memcpy(into, pair, sizeof pair);
	return true;
}

static bool
read_map(struct value *v, void *into)
{
	const struct schema_table *t = v->key->table;
	struct schema_list *list = into;
	if (v->at->kind == YAML_LIST || (v->at->kind == YAML_SCALAR && v->at->len > 0))
		return false;
	if (v->at->n > (size_t)v->key->max) {
		schema_mistake(v->walk, v->at, "`%s` has %zu entries; at most %.0f are allowed",
			v->key->key, v->at->n, v->key->max);
		return true;
	}
	char *items = arena_alloc(v->walk->arena, (v->at->n + 1) * t->size);
	list->n = 0; /* a key given twice is read twice */
	for (const struct yaml *member = v->at->first; member; member = member->next) {
		const char *name = member->key->text;
		struct schema_mark *mark =
			(struct schema_mark *)(void *)(items + list->n * t->size);
		if (!text_is_name(name)) {
			char quoted[QUOTED_MAX];
			text_sanitise_to(slice_of(name), quoted, sizeof quoted);
			schema_mistake(v->walk, member->key,
				"the %s name \"%s\" is not allowed; a name is 1 to 32 of a-z, "
				"0-9 and dashes, with no dash at either end",
				t->what, quoted);
		}
		mark->name = name;
		schema_read(v->walk, t, member, mark);
		list->n++;
	}
	list->items = items;
	return true;
}

static bool
read_list(struct value *v, void *into)
{
	const struct schema_table *t = v->key->table;
	struct schema_list *list = into;
	if (v->at->kind != YAML_LIST)
		return false;
	if (v->at->n > (size_t)v->key->max) {
		schema_mistake(v->walk, v->at, "`%s` has %zu entries; at most %.0f are allowed",
			v->key->key, v->at->n, v->key->max);
		return true;
	}
	char *items = arena_alloc(v->walk->arena, (v->at->n + 1) * t->size);
	list->n = 0; /* a key given twice is read twice */
	for (const struct yaml *item = v->at->first; item; item = item->next)
		schema_read(v->walk, t, item, items + list->n++ * t->size);
	list->items = items;
	return true;
}

static bool
read_value(struct value *v, void *into)
{
	switch (v->key->type) {
	case SCHEMA_ADDRESSES:
		return read_texts(v, read_address, into);
	case SCHEMA_NAMES:
		return read_texts(v, read_name, into);
	case SCHEMA_PREFIXES:
		return read_prefixes(v, into);
	case SCHEMA_POSITION:
		return read_position(v, into);
	case SCHEMA_OBJECT:
		schema_read(v->walk, v->key->table, v->at, into);
		return true;
	case SCHEMA_MAP:
		return read_map(v, into);
	case SCHEMA_LIST:
		return read_list(v, into);
	case SCHEMA_SYMBOLS:
		return read_texts(v, read_symbol, into);
	default:
		return v->at->kind == YAML_SCALAR && (v->at->len > 0 || v->at->is_quoted) &&
		       readers[v->key->type](v, into);
	}
}

/* --- tables --- */

/* The row of a key in a table or its base; moves `object` to the struct that the row belongs to. */
static const struct schema_key *
find_key(const struct schema_table *t, const char *word, void **object, size_t *index)
{
	for (size_t i = 0; t->keys[i].key; i++)
		if (strcmp(t->keys[i].key, word) == 0) {
			*index = i;
			return &t->keys[i];
		}
	if (!t->base)
		return NULL;
	if (*object)
		*object = field_of(*object, t->base_offset);
	return find_key(t->base, word, object, index);
}

static void
read_member(struct schema_walk *w, const struct schema_table *t, const char *word,
	const struct yaml *at, void *object)
{
	size_t index = 0;
	const struct schema_key *key = find_key(t, word, &object, &index);
	struct value v = { .walk = w, .key = key, .at = at, .text = at->text };
	((struct schema_mark *)object)->given |= UINT64_C(1) << index;
	if (!read_value(&v, field_of(object, key->offset)))
		refuse(&v);
}

static size_t
list_keys(const struct schema_table *t, const char **words, size_t max)
{
	size_t n = 0;
	for (; t; t = t->base)
		for (size_t i = 0; t->keys[i].key && n < max; i++)
			words[n++] = t->keys[i].key;
	return n;
}

static void
give(const struct schema_table *t, void *object, const char *word)
{
	size_t index;
	if (find_key(t, word, &object, &index))
		((struct schema_mark *)object)->given |= UINT64_C(1) << index;
}

static void
refuse_key(struct schema_walk *w, const struct schema_table *t, struct schema_mark *mark,
	const struct yaml *key)
{
	const char *words[64];
	size_t n = list_keys(t, words, 64);
	char quoted[QUOTED_MAX], where[QUOTED_MAX + 40] = "";
	text_sanitise_to(slice_of(key->text), quoted, sizeof quoted);
	if (mark->name)
		snprintf(where, sizeof where, "%s %.32s", t->what, mark->name);
	else
		snprintf(where, sizeof where, "`%s`", t->what);
	const char *near = schema_nearest(key->text, words, n);
	if (near) {
		give(t, mark, near); /* it is meant, so do not miss it too */
		schema_mistake(w, key, "unknown key \"%s\" in %s; did you mean \"%s\"?", quoted,
			where, near);
		return;
	}
	struct buf allowed = BUF_INIT(400);
	for (size_t i = 0; i < n; i++)
		buf_printf(&allowed, "%s%s", i ? ", " : "", words[i]);
	schema_mistake(
		w, key, "unknown key \"%s\" in %s; allowed: %s", quoted, where, buf_text(&allowed));
	buf_done(&allowed);
}

static void
check_required(struct schema_walk *w, const struct schema_table *t, const struct schema_mark *mark,
	const struct yaml *at)
{
	for (size_t i = 0; t->keys[i].key; i++) {
		if (!t->keys[i].is_required || mark->given & UINT64_C(1) << i)
			continue;
		const struct yaml *place = at->key ? at->key : at;
		schema_mistake(w, place, "%s%s%.32s lacks `%s`: %s", t->what, mark->name ? " " : "",
			mark->name ? mark->name : "", t->keys[i].key, t->keys[i].help);
	}
}

void
schema_read(struct schema_walk *w, const struct schema_table *t, const struct yaml *v, void *into)
{
	struct schema_mark *mark = into;
	size_t index;
	mark->at = v;
	if (v->kind == YAML_SCALAR && v->len > 0 && t->short_key) {
		read_member(w, t, t->short_key, v, into);
		return;
	}
	if (v->kind == YAML_LIST || (v->kind == YAML_SCALAR && v->len > 0)) {
		struct buf keys = BUF_INIT(400);
		const char *words[64];
		size_t n = list_keys(t, words, 64);
		for (size_t i = 0; i < n; i++)
			buf_printf(&keys, "%s%s", i ? ", " : "", words[i]);
		schema_mistake(w, v, "%s is %s; allowed: a mapping with the keys %s", t->what,
			kind_text(v), buf_text(&keys));
		buf_done(&keys);
		return;
	}
	for (const struct yaml *member = v->first; member; member = member->next) {
		void *object = NULL;
		if (find_key(t, member->key->text, &object, &index))
			read_member(w, t, member->key->text, member, into);
		else
			refuse_key(w, t, mark, member->key);
	}
	check_required(w, t, mark, v);
}

static void
fill_list(struct schema_walk *w, const struct schema_table *t, struct schema_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		schema_fill(w, t, (char *)list->items + i * t->size);
}

void
schema_fill(struct schema_walk *w, const struct schema_table *t, void *object)
{
	const struct schema_mark *mark = object;
	for (size_t i = 0; t->keys[i].key; i++) {
		const struct schema_key *key = &t->keys[i];
		void *into = field_of(object, key->offset);
		if (key->type == SCHEMA_OBJECT) {
			schema_fill(w, key->table, into);
		} else if (key->type == SCHEMA_MAP || key->type == SCHEMA_LIST) {
			fill_list(w, key->table, into);
		} else if (key->otherwise && !(mark->given & UINT64_C(1) << i)) {
			struct yaml plain = { .kind = YAML_SCALAR,
				.text = key->otherwise,
				.len = strlen(key->otherwise) };
			struct value v = {
				.walk = w, .key = key, .at = &plain, .text = key->otherwise
			};
			if (!read_value(&v, into))
				abort(); /* a table that refuses its own default; the tests fill
				            every table */
		}
	}
	if (t->base)
		schema_fill(w, t->base, field_of(object, t->base_offset));
}

bool
schema_given(const struct schema_table *t, const void *object, const char *key)
{
	void *at = (void *)(uintptr_t)object;
	size_t index;
	if (!find_key(t, key, &at, &index))
		return false;
	return ((const struct schema_mark *)at)->given & UINT64_C(1) << index;
}

static size_t
size_of(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_INT:
	case SCHEMA_PERCENT:
	case SCHEMA_DURATION:
	case SCHEMA_BOOL:
	case SCHEMA_WORD:
		return sizeof(int64_t);
	case SCHEMA_NUMBER:
		return sizeof(double);
	case SCHEMA_TIME:
		return sizeof(struct wall);
	case SCHEMA_POSITION:
		return 2 * sizeof(double);
	case SCHEMA_ADDRESSES:
	case SCHEMA_PREFIXES:
	case SCHEMA_NAMES:
	case SCHEMA_SYMBOLS:
	case SCHEMA_MAP:
	case SCHEMA_LIST:
		return sizeof(struct schema_list);
	case SCHEMA_OBJECT:
		return key->table->size;
	default:
		return sizeof(void *);
	}
}

/* Two objects are not mixed when the word that decides what they are differs: a bind's URL means
 * nothing to a knot. */
static bool
is_mixable(const struct schema_table *t, const void *child, const void *parent)
{
	if (!t->short_key || !schema_given(t, child, t->short_key) ||
		!schema_given(t, parent, t->short_key))
		return true;
	void *object = NULL;
	size_t index;
	const struct schema_key *key = find_key(t, t->short_key, &object, &index);
	if (!key || size_of(key) != sizeof(char *))
		return true;
	const char *const *a = (const void *)((const char *)child + key->offset);
	const char *const *b = (const void *)((const char *)parent + key->offset);
	return *a && *b && strcmp(*a, *b) == 0;
}

void
schema_inherit(const struct schema_table *t, void *child, const void *parent)
{
	struct schema_mark *mine = child;
	const struct schema_mark *theirs = parent;
	for (size_t i = 0; t->keys[i].key; i++) {
		const struct schema_key *key = &t->keys[i];
		uint64_t bit = UINT64_C(1) << i;
		void *into = field_of(child, key->offset);
		const void *from = (const char *)parent + key->offset;
		if (!(theirs->given & bit))
			continue;
		if (!(mine->given & bit)) {
			memcpy(into, from, size_of(key));
			mine->given |= bit;
		} else if (key->type == SCHEMA_OBJECT && is_mixable(key->table, into, from)) {
			schema_inherit(key->table, into, from);
		}
	}
	if (t->base)
		schema_inherit(t->base, field_of(child, t->base_offset),
			(const char *)parent + t->base_offset);
}

const struct yaml *
schema_at(const void *object, const char *key)
{
	const struct schema_mark *mark = object;
	const struct yaml *v = yaml_get(mark->at, key);
	if (v)
		return v;
	return mark->at && mark->at->key && mark->at->kind != YAML_SCALAR ? mark->at->key
	                                                                  : mark->at;
}

/* Two neighbouring letters changed places: the commonest slip of a fast typist. */
static bool
is_swapped(const char *a, const char *b)
{
	size_t i = 0;
	while (a[i] && a[i] == b[i])
		i++;
	return a[i] && a[i + 1] && b[i] && a[i] == b[i + 1] && a[i + 1] == b[i] &&
	       strcmp(a + i + 2, b + i + 2) == 0;
}

const char *
schema_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	int least =
		strlen(word) <= 3 ? 2 : 3; /* one letter off in a short word, two in a longer one */
	for (size_t i = 0; i < n; i++) {
		int distance = is_swapped(word, words[i]) ? 1 : text_distance(word, words[i]);
		if (distance < least) {
			least = distance;
			best = words[i];
		}
	}
	return best;
}

static void
format_ms(double ms, struct buf *out)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "d", 86400e3 }, { "h", 3600e3 }, { "m", 60e3 }, { "s", 1e3 }, { "ms", 1 } };
	size_t i = 0;
	while (fmod(ms, units[i].ms) != 0)
		i++;
	buf_printf(out, "%.0f%s", ms / units[i].ms, units[i].unit);
}

static void
describe_duration(const struct schema_key *key, struct buf *out)
{
	buf_add_text(out, "a duration from ");
	format_ms(key->min, out);
	buf_add_text(out, " to ");
	format_ms(key->max, out);
	buf_add_text(out, ", such as 2s, 15m or 4h");
}

void
schema_describe(const struct schema_key *key, struct buf *out)
{
	switch (key->type) {
	case SCHEMA_TEXT:
		buf_printf(out, "text of %.0f to %.0f bytes without control characters", key->min,
			key->max);
		break;
	case SCHEMA_NAME:
		buf_add_text(out,
			"a name of 1 to 32 of a-z, 0-9 and dashes, with no dash at either end");
		break;
	case SCHEMA_INT:
		buf_printf(out, "a whole number from %.0f to %.0f", key->min, key->max);
		break;
	case SCHEMA_NUMBER:
		buf_printf(out, "a number from %.0f to %.0f, which may end in k, M or G", key->min,
			key->max);
		break;
	case SCHEMA_PERCENT:
		buf_printf(out, "a percentage from %.0f%% to %.0f%%", key->min, key->max);
		break;
	case SCHEMA_DURATION:
		describe_duration(key, out);
		break;
	case SCHEMA_BOOL:
		buf_add_text(out, "true or false");
		break;
	case SCHEMA_WORD:
		for (size_t i = 0; key->words[i]; i++)
			buf_printf(out, "%s%s", i ? ", " : "", key->words[i]);
		break;
	case SCHEMA_TIME:
		buf_add_text(out, "a day (2027-01-01) or an RFC 3339 time");
		break;
	case SCHEMA_HOST:
		buf_add_text(out, "an IP address or a DNS name");
		break;
	case SCHEMA_ADDRESS:
		buf_add_text(out, "an IP address");
		break;
	case SCHEMA_ADDRESSES:
		buf_add_text(out, "an IP address or a list of them");
		break;
	case SCHEMA_URL:
		buf_add_text(out, "a URL http://HOST[:PORT][/PATH] or https://..., without user, "
		                  "query or fragment");
		break;
	case SCHEMA_PATH:
		buf_add_text(out, "a path, relative to this file");
		break;
	case SCHEMA_DOMAIN:
		buf_add_text(out, "a DNS name");
		break;
	case SCHEMA_HASH:
		buf_add_text(out, "sha256: and 64 hexadecimal digits");
		break;
	case SCHEMA_POSITION:
		buf_add_text(out, "[latitude, longitude] in degrees, -90 to 90 and -180 to 180");
		break;
	case SCHEMA_PREFIXES:
		buf_add_text(out, "a list of prefixes such as [192.0.2.0/24, 2001:db8:53::/48]");
		break;
	case SCHEMA_NAMES:
		buf_add_text(out, "a list of names");
		break;
	case SCHEMA_OBJECT:
		buf_printf(out, "%sa mapping (see %s)", key->table->short_key ? "a word or " : "",
			key->table->what);
		break;
	case SCHEMA_MAP:
		buf_printf(out, "a mapping from names to %s settings", key->table->what);
		break;
	case SCHEMA_LIST:
		buf_printf(out, "a list of %s mappings", key->table->what);
		break;
	case SCHEMA_SYMBOL:
		buf_add_text(out, "a word of 1 to 64 of letters, digits and _ . : -");
		break;
	case SCHEMA_SYMBOLS:
		buf_add_text(out, "a word of letters, digits and _ . : - or a list of them");
		break;
	}
}
