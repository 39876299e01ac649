/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out, by our own hands: the strict modes of libraries are not strict (SAFETY.md finding 5 for json-c: NaN,
 * single quotes, duplicate keys, raw control bytes, numbers clamped), so the whole grammar of RFC 8259 with our limits
 * had to be checked here before a library built its tree. Building the tree in the same pass is fewer lines than the
 * double bookkeeping was, and a sixth of its cost, which was the larger half of a poll.
 *
 * A document is one arena. Values of a list lie side by side; a scan that finds the end of a list moves its values from
 * a stack into the arena. Strings are decoded into pools cut from the arena and end with a NUL. Large objects get a
 * sorted index: it finds duplicate keys and makes look-ups cheap; small ones are compared pairwise. The scan also finds
 * where a document ends, which lets us read the several documents that vtysh prints one after the other.
 */
#include "core/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

#define POOL_MAX    4096 /* bytes of strings taken from the arena at a time */
#define STACK_START 64
#define INDEX_FROM  24   /* members from which an object is worth a sorted index */

struct json {
	const char *key; /* of a member; ends with a NUL */
	union {
		int64_t integer;
		double real;
		bool truth;
		const char *text;
		const struct json *items;
	} as;
	union {
		const char *number;         /* a JSON_DOUBLE as it was written */
		const struct json **sorted; /* of a large object; NULL: look through the items */
	} more;
	uint32_t key_len;
	uint32_t n; /* bytes of a string, items of a list, offset of a number */
	uint8_t kind;
	bool is_last; /* of its list */
};

struct json_doc {
	struct arena *arena;
	struct json root;
};

struct scan {
	const char *p, *end, *start;
	unsigned depth;
	struct arena *arena;
	char *pool;
	size_t pool_left;
	struct json *stack; /* values of the lists that are still open */
	size_t stack_n, stack_cap;
	struct err *err;
};

static int scan_value(struct scan *s, struct json *out);

static int
scan_fail(struct scan *s, const char *what)
{
	return err_set(s->err, ERR_BAD_REPLY, "JSON: %s at byte %zu", what, (size_t)(s->p - s->start));
}

static void
scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Room for `len` bytes of text. */
static char *
pool_take(struct scan *s, size_t len)
{
	if (len > s->pool_left) {
		size_t left = (size_t)(s->end - s->p) + len;
		s->pool_left = left < POOL_MAX ? left : len > POOL_MAX ? len : POOL_MAX;
		s->pool = arena_alloc(s->arena, s->pool_left);
	}
	char *p = s->pool;
	s->pool += len;
	s->pool_left -= len;
	return p;
}

static int
scan_hex4(struct scan *s, uint32_t *out)
{
	if (s->end - s->p < 4)
		return scan_fail(s, "truncated \\u escape");
	uint32_t v = 0;
	for (int i = 0; i < 4; i++, s->p++) {
		char c = *s->p;
		if (c >= '0' && c <= '9')
			v = v * 16 + (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (uint32_t)((c | 32) - 'a' + 10);
		else
			return scan_fail(s, "bad \\u escape");
	}
	*out = v;
	return 0;
}

static int
scan_unicode_escape(struct scan *s, uint32_t *out)
{
	uint32_t high, low;
	if (scan_hex4(s, &high) == -1)
		return -1;
	if (high == 0)
		return scan_fail(s, "NUL inside a string");
	*out = high;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
		return scan_fail(s, "lone surrogate");
	s->p += 2;
	if (scan_hex4(s, &low) == -1)
		return -1;
	if (low < 0xdc00 || low > 0xdfff)
		return scan_fail(s, "lone surrogate");
	*out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* After the backslash; the character is appended at *to. */
static int
scan_escape(struct scan *s, char **to)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	if (s->p == s->end)
		return scan_fail(s, "truncated escape");
	char c = *s->p++;
	if (c == 'u') {
		uint32_t cp = 0;
		if (scan_unicode_escape(s, &cp) == -1)
			return -1;
		*to += text_encode(cp, *to);
		return 0;
	}
	const char *at = c ? strchr(letters, c) : NULL;
	if (!at)
		return scan_fail(s, "unknown escape");
	*(*to)++ = means[at - letters];
	return 0;
}

/* Bytes that stand for themselves in a string: ASCII without control characters, quote and backslash. */
#define ALL(from, to) [from... to] = true
static const bool is_plain[256] = { ALL(0x20, 0x21), ALL(0x23, 0x5b), ALL(0x5d, 0x7f) };

/* The plain start of a string, which mostly is all of it. */
static const char *
end_of_plain(const char *p, const char *end)
{
	while (p < end && is_plain[(unsigned char)*p])
		p++;
	return p;
}

/* The rest of a string that is not plain, into room for as many bytes as are left up to its closing quote. */
static int
scan_rest_of_string(struct scan *s, char **to)
{
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p;
		if (c == '"')
			return 0;
		if (c == '\\') {
			s->p++;
			if (scan_escape(s, to) == -1)
				return -1;
			continue;
		}
		if (c < 0x20)
			return scan_fail(s, "control byte inside a string");
		size_t n = 1;
		if (c >= 0x80) {
			uint32_t cp;
			n = text_decode((struct slice){ s->p, (size_t)(s->end - s->p) }, &cp);
			if (n == 0)
				return scan_fail(s, "invalid UTF-8");
		}
		memcpy(*to, s->p, n);
		*to += n;
		s->p += n;
	}
	return scan_fail(s, "truncated string");
}

/* Where the string ends at the latest; an escaped quote does not end it. Its characters are judged later. */
static const char *
closing_quote(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return p;
}

static int
scan_string(struct scan *s, const char **text, uint32_t *len)
{
	const char *from = ++s->p;
	s->p = end_of_plain(from, s->end);
	size_t plain = (size_t)(s->p - from);
	/* no escape is shorter than what it stands for */
	size_t room = s->p < s->end && *s->p == '"' ? plain : (size_t)(closing_quote(s->p, s->end) - from);
	char *copy = pool_take(s, room + 1), *to = copy + plain;
	memcpy(copy, from, plain);
	if (room > plain && scan_rest_of_string(s, &to) == -1)
		return -1;
	if (s->p == s->end)
		return scan_fail(s, "truncated string");
	*to = '\0';
	s->p++;
	*text = copy;
	*len = (uint32_t)(to - copy);
	return 0;
}

static size_t
scan_digits(struct scan *s)
{
	const char *from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

/* Whole number or not; *s->p stands behind it then. */
static int
scan_number_form(struct scan *s, bool *is_integer)
{
	*is_integer = true;
	if (*s->p == '-')
		s->p++;
	const char *first = s->p;
	size_t n = scan_digits(s);
	if (n == 0 || (n > 1 && *first == '0'))
		return scan_fail(s, "bad number");
	if (s->p < s->end && *s->p == '.') {
		*is_integer = false;
		s->p++;
		if (scan_digits(s) == 0)
			return scan_fail(s, "bad number");
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		*is_integer = false;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (scan_digits(s) == 0)
			return scan_fail(s, "bad number");
	}
	return 0;
}

/* 18 digits always fit; strtoll judges what is longer. */
static int64_t
short_integer(const char *from, size_t len)
{
	bool is_negative = *from == '-';
	int64_t n = 0;
	for (size_t i = is_negative; i < len; i++)
		n = n * 10 + (from[i] - '0');
	return is_negative ? -n : n;
}

static int
scan_number(struct scan *s, struct json *out)
{
	const char *from = s->p;
	bool is_integer;
	if (scan_number_form(s, &is_integer) == -1)
		return -1;
	size_t len = (size_t)(s->p - from);
	out->n = (uint32_t)(from - s->start);
	if (is_integer && len <= 18) {
		out->kind = JSON_INT;
		out->as.integer = short_integer(from, len);
		return 0;
	}
	char text[400];
	if (len >= sizeof text)
		return scan_fail(s, "number too long");
	slice_copy((struct slice){ from, len }, text, sizeof text);
	errno = 0;
	if (is_integer) {
		out->kind = JSON_INT;
		out->as.integer = strtoll(text, NULL, 10);
		return errno == ERANGE ? scan_fail(s, "number out of range") : 0;
	}
	out->kind = JSON_DOUBLE;
	out->as.real = strtod(text, NULL);
	if (!isfinite(out->as.real))
		return scan_fail(s, "number out of range");
	out->more.number = memcpy(pool_take(s, len + 1), text, len + 1);
	return 0;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return scan_fail(s, "unexpected character");
	s->p += n;
	return 0;
}

static int
scan_member(struct scan *s, struct json *out)
{
	scan_blanks(s);
	if (s->p == s->end || *s->p != '"')
		return scan_fail(s, "a key was expected");
	if (scan_string(s, &out->key, &out->key_len) == -1)
		return -1;
	scan_blanks(s);
	if (s->p == s->end || *s->p != ':')
		return scan_fail(s, "':' was expected");
	s->p++;
	return scan_value(s, out);
}

static int
compare_keys(const struct json *a, const char *key, uint32_t len)
{
	if (a->key_len != len)
		return a->key_len < len ? -1 : 1;
	return memcmp(a->key, key, len);
}

static int
by_key(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
	return compare_keys(x, y->key, y->key_len);
}

static bool
sort_keys(struct scan *s, struct json *object)
{
	const struct json **sorted = arena_alloc(s->arena, object->n * sizeof(struct json *));
	for (uint32_t i = 0; i < object->n; i++)
		sorted[i] = &object->as.items[i];
	qsort(sorted, object->n, sizeof(struct json *), by_key);
	object->more.sorted = sorted;
	for (uint32_t i = 1; i < object->n; i++)
		if (compare_keys(sorted[i - 1], sorted[i]->key, sorted[i]->key_len) == 0)
			return false;
	return true;
}

/* One of 64 by what tells the keys of an object apart most cheaply. */
static uint64_t
mark_of(const struct json *item)
{
	uint32_t len = item->key_len;
	unsigned ends = len ? (unsigned char)item->key[0] * 5u + (unsigned char)item->key[len - 1] * 3u : 0;
	return UINT64_C(1) << ((ends + len * 7u) & 63);
}

/* Keys of different marks differ, so that few pairs are left to be compared. */
static bool
keys_differ(struct scan *s, struct json *object)
{
	if (object->n >= INDEX_FROM)
		return sort_keys(s, object);
	const struct json *items = object->as.items;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < object->n; i++) {
		uint64_t mark = mark_of(&items[i]);
		for (uint32_t j = 0; j < i && seen & mark; j++)
			if (compare_keys(&items[i], items[j].key, items[j].key_len) == 0)
				return false;
		seen |= mark;
	}
	return true;
}

/* Moves the values above `from` off the stack and into the list. */
static void
take_items(struct scan *s, struct json *list, size_t from)
{
	size_t n = s->stack_n - from;
	struct json *items = arena_alloc(s->arena, n * sizeof *items);
	memcpy(items, s->stack + from, n * sizeof *items);
	items[n - 1].is_last = true;
	list->as.items = items;
	list->n = (uint32_t)n;
	s->stack_n = from;
}

/* The inside of an object or array, from its opening bracket on. */
static int
scan_list(struct scan *s, struct json *out, char close)
{
	size_t from = s->stack_n;
	out->kind = close == '}' ? JSON_OBJECT : JSON_ARRAY;
	if (++s->depth > JSON_DEPTH_MAX)
		return scan_fail(s, "nested deeper than 16");
	s->p++;
	scan_blanks(s);
	if (s->p < s->end && *s->p == close) {
		s->p++;
		s->depth--;
		return 0;
	}
	for (;;) {
		struct json item = { 0 };
		if ((close == '}' ? scan_member(s, &item) : scan_value(s, &item)) == -1)
			return -1;
		if (s->stack_n == s->stack_cap)
			s->stack = xgrow(s->stack, &s->stack_cap, s->stack_n + STACK_START, sizeof *s->stack);
		s->stack[s->stack_n++] = item;
		scan_blanks(s);
		if (s->p == s->end)
			return scan_fail(s, "truncated");
		char c = *s->p;
		if (c != ',' && c != close)
			return scan_fail(s, "',' or a closing bracket was expected");
		s->p++;
		if (c == close)
			break;
	}
	s->depth--;
	take_items(s, out, from);
	if (close == '}' && !keys_differ(s, out))
		return err_set(s->err, ERR_BAD_REPLY, "JSON: a key occurs twice in one object");
	return 0;
}

static int
scan_value(struct scan *s, struct json *out)
{
	scan_blanks(s);
	if (s->p == s->end)
		return scan_fail(s, "truncated");
	switch (*s->p) {
	case '{':
		return scan_list(s, out, '}');
	case '[':
		return scan_list(s, out, ']');
	case '"':
		out->kind = JSON_STRING;
		return scan_string(s, &out->as.text, &out->n);
	case 't':
		out->kind = JSON_BOOL;
		out->as.truth = true;
		return scan_word(s, "true");
	case 'f':
		out->kind = JSON_BOOL;
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s, out);
	}
}

struct json_doc *
json_parse_next(struct slice *rest, struct err *err)
{
	struct err dropped = ERR_INIT;
	if (!err)
		err = &dropped;
	struct scan s = { .p = rest->data, .end = rest->data + rest->len, .start = rest->data, .err = err };
	err_clear(err);
	scan_blanks(&s);
	if (s.p == s.end) {
		rest->len = 0;
		return NULL;
	}
	if (rest->len > INT32_MAX) {
		err_set(err, ERR_TOO_LARGE, "JSON: %zu bytes, at most %d", rest->len, INT32_MAX);
		return NULL;
	}
	s.arena = arena_new();
	struct json_doc *doc = arena_alloc(s.arena, sizeof *doc);
	doc->arena = s.arena;
	int rc = scan_value(&s, &doc->root);
	free(s.stack);
	if (rc == -1) {
		arena_free(s.arena);
		return NULL;
	}
	rest->len = (size_t)(s.end - s.p);
	rest->data = s.p;
	return doc;
}

struct json_doc *
json_parse(struct slice text, struct err *err)
{
	struct slice rest = text;
	struct json_doc *doc = json_parse_next(&rest, err);
	if (!doc) {
		if (!err || err->code == ERR_OK)
			err_set(err, ERR_BAD_REPLY, "JSON: the document is empty");
		return NULL;
	}
	if (slice_trim(rest).len > 0) {
		json_doc_free(doc);
		err_set(err, ERR_BAD_REPLY, "JSON: something follows the document at byte %zu", (size_t)(rest.data - text.data));
		return NULL;
	}
	return doc;
}

void
json_doc_free(struct json_doc *doc)
{
	if (doc)
		arena_free(doc->arena);
}

/* Outside, null is no value at all: NULL. */
static const struct json *
shown(const struct json *v)
{
	return v->kind == JSON_NULL ? NULL : v;
}

const struct json *
json_root(const struct json_doc *doc)
{
	return doc ? shown(&doc->root) : NULL;
}

enum json_kind
json_kind(const struct json *v)
{
	return v ? (enum json_kind)v->kind : JSON_NULL;
}

const char *
json_kind_name(enum json_kind kind)
{
	static const char *const names[] = { "null", "a boolean", "an integer", "a number", "a string", "an array", "an object" };
	return names[kind];
}

static const struct json *
find_sorted(const struct json *v, const char *key, uint32_t len)
{
	uint32_t from = 0, to = v->n;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		const struct json *item = v->more.sorted[middle];
		int c = compare_keys(item, key, len);
		if (c == 0)
			return shown(item);
		if (c < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

const struct json *
json_get(const struct json *v, const char *key)
{
	if (json_kind(v) != JSON_OBJECT)
		return NULL;
	uint32_t len = (uint32_t)strlen(key);
	if (v->more.sorted)
		return find_sorted(v, key, len);
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json *item = &v->as.items[i];
		if (item->key_len == len && memcmp(item->key, key, len) == 0)
			return shown(item);
	}
	return NULL;
}

size_t
json_length(const struct json *v)
{
	enum json_kind kind = json_kind(v);
	return kind == JSON_ARRAY || kind == JSON_OBJECT ? v->n : 0;
}

const struct json *
json_at(const struct json *array, size_t i)
{
	if (json_kind(array) != JSON_ARRAY || i >= array->n)
		return NULL;
	return shown(&array->as.items[i]);
}

struct json_iter
json_iter_start(const struct json *object)
{
	return (struct json_iter){ json_kind(object) == JSON_OBJECT && object->n > 0 ? object->as.items : NULL };
}

bool
json_iter_next(struct json_iter *it, const char **key, const struct json **value)
{
	const struct json *item = it->next;
	if (!item)
		return false;
	*key = item->key;
	*value = shown(item);
	it->next = item->is_last ? NULL : item + 1;
	return true;
}

struct slice
json_slice(const struct json *v)
{
	return json_kind(v) == JSON_STRING ? (struct slice){ v->as.text, v->n } : (struct slice){ "", 0 };
}

const char *
json_text(const struct json *v, const char *otherwise)
{
	return json_kind(v) == JSON_STRING ? v->as.text : otherwise;
}

int64_t
json_int(const struct json *v, int64_t otherwise)
{
	return json_kind(v) == JSON_INT ? v->as.integer : otherwise;
}

size_t
json_offset(const struct json *v)
{
	return json_kind(v) == JSON_INT || json_kind(v) == JSON_DOUBLE ? v->n : 0;
}

double
json_double(const struct json *v, double otherwise)
{
	if (json_kind(v) == JSON_INT)
		return (double)v->as.integer;
	return json_kind(v) == JSON_DOUBLE ? v->as.real : otherwise;
}

bool
json_boolean(const struct json *v, bool otherwise)
{
	return json_kind(v) == JSON_BOOL ? v->as.truth : otherwise;
}

static int
wrong_kind(const struct json *v, const char *key, const char *wanted, struct err *err)
{
	return err_set(err, ERR_BAD_REPLY, "%s: %s, where %s is wanted", key, json_kind_name(json_kind(v)), wanted);
}

static int
absent(const char *key, struct err *err)
{
	return err_set(err, ERR_BAD_REPLY, "%s: missing", key);
}

int
json_want_int(const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const struct json *v = json_get(o, key);
	if (json_kind(v) == JSON_NULL)
		return 0;
	if (json_kind(v) != JSON_INT)
		return wrong_kind(v, key, "an integer", err);
	int64_t n = json_int(v, 0);
	if (n < min || n > max)
		return err_set(err, ERR_BAD_REPLY, "%s: %lld is outside %lld..%lld", key, (long long)n, (long long)min, (long long)max);
	*out = n;
	return 0;
}

int
json_need_int(const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	if (json_kind(json_get(o, key)) == JSON_NULL)
		return absent(key, err);
	return json_want_int(o, key, min, max, out, err);
}

int
json_want_double(const struct json *o, const char *key, double min, double max, double *out, struct err *err)
{
	const struct json *v = json_get(o, key);
	enum json_kind kind = json_kind(v);
	if (kind == JSON_NULL)
		return 0;
	if (kind != JSON_INT && kind != JSON_DOUBLE)
		return wrong_kind(v, key, "a number", err);
	double d = json_double(v, 0);
	if (!(d >= min && d <= max))
		return err_set(err, ERR_BAD_REPLY, "%s: %g is outside %g..%g", key, d, min, max);
	*out = d;
	return 0;
}

int
json_want_bool(const struct json *o, const char *key, bool *out, struct err *err)
{
	const struct json *v = json_get(o, key);
	if (json_kind(v) == JSON_NULL)
		return 0;
	if (json_kind(v) != JSON_BOOL)
		return wrong_kind(v, key, "true or false", err);
	*out = json_boolean(v, false);
	return 0;
}

int
json_want_text(const struct json *o, const char *key, size_t max_len, struct slice *out, struct err *err)
{
	const struct json *v = json_get(o, key);
	if (json_kind(v) == JSON_NULL)
		return 0;
	if (json_kind(v) != JSON_STRING)
		return wrong_kind(v, key, "a string", err);
	struct slice s = json_slice(v);
	if (s.len > max_len)
		return err_set(err, ERR_BAD_REPLY, "%s: %zu bytes, at most %zu", key, s.len, max_len);
	*out = s;
	return 0;
}

int
json_need_text(const struct json *o, const char *key, size_t max_len, struct slice *out, struct err *err)
{
	if (json_kind(json_get(o, key)) == JSON_NULL)
		return absent(key, err);
	return json_want_text(o, key, max_len, out, err);
}

int
json_want_array(const struct json *o, const char *key, size_t max, const struct json **out, struct err *err)
{
	const struct json *v = json_get(o, key);
	if (json_kind(v) == JSON_NULL)
		return 0;
	if (json_kind(v) != JSON_ARRAY)
		return wrong_kind(v, key, "an array", err);
	if (json_length(v) > max)
		return err_set(err, ERR_BAD_REPLY, "%s: %zu items, at most %zu", key, json_length(v), max);
	*out = v;
	return 0;
}

int
json_need_array(const struct json *o, const char *key, size_t max, const struct json **out, struct err *err)
{
	if (json_kind(json_get(o, key)) == JSON_NULL)
		return absent(key, err);
	return json_want_array(o, key, max, out, err);
}

int
json_want_object(const struct json *o, const char *key, const struct json **out, struct err *err)
{
	const struct json *v = json_get(o, key);
	if (json_kind(v) == JSON_NULL)
		return 0;
	if (json_kind(v) != JSON_OBJECT)
		return wrong_kind(v, key, "an object", err);
	*out = v;
	return 0;
}

static void
newline(struct json_writer *w)
{
	if (!w->pretty)
		return;
	buf_add_char(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_add(w->out, "  ", 2);
}

/* Before a key or an item of an array: a comma if something stands before it on this level. */
static void
separate(struct json_writer *w)
{
	if (w->need_comma)
		buf_add_char(w->out, ',');
	if (w->depth > 0)
		newline(w);
	w->need_comma = true;
}

/* Before a value: after its key nothing more is to be written. */
static void
value(struct json_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		w->need_comma = true;
		return;
	}
	separate(w);
}

static void
begin(struct json_writer *w, char c)
{
	value(w);
	buf_add_char(w->out, c);
	w->depth++;
	w->need_comma = false;
}

static void
end(struct json_writer *w, char c)
{
	bool is_empty = !w->need_comma;
	w->depth--;
	if (!is_empty)
		newline(w);
	buf_add_char(w->out, c);
	w->need_comma = true;
}

void
json_begin_object(struct json_writer *w)
{
	begin(w, '{');
}

void
json_end_object(struct json_writer *w)
{
	end(w, '}');
}

void
json_begin_array(struct json_writer *w)
{
	begin(w, '[');
}

void
json_end_array(struct json_writer *w)
{
	end(w, ']');
}

static void
quote(struct buf *out, struct slice text)
{
	buf_add_char(out, '"');
	size_t from = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_add(out, text.data + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_add_text(out, "\\n");
		else if (c == '\t')
			buf_add_text(out, "\\t");
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_add(out, text.data + from, text.len - from);
	buf_add_char(out, '"');
}

void
json_key(struct json_writer *w, const char *key)
{
	separate(w);
	quote(w->out, slice_of(key));
	buf_add_text(w->out, w->pretty ? ": " : ":");
	w->after_key = true;
}

void
json_add_slice(struct json_writer *w, struct slice text)
{
	value(w);
	quote(w->out, text);
}

void
json_add_text(struct json_writer *w, const char *text)
{
	if (!text) {
		json_add_null(w);
		return;
	}
	json_add_slice(w, slice_of(text));
}

void
json_add_int(struct json_writer *w, int64_t n)
{
	value(w);
	buf_printf(w->out, "%lld", (long long)n);
}

void
json_add_known(struct json_writer *w, int64_t n)
{
	if (n < 0)
		json_add_null(w);
	else
		json_add_int(w, n);
}

void
json_add_double(struct json_writer *w, double d, int decimals)
{
	if (!isfinite(d)) {
		json_add_null(w);
		return;
	}
	value(w);
	buf_printf(w->out, "%.*f", decimals, d);
}

void
json_add_bool(struct json_writer *w, bool b)
{
	value(w);
	buf_add_text(w->out, b ? "true" : "false");
}

void
json_add_null(struct json_writer *w)
{
	value(w);
	buf_add_text(w->out, "null");
}

void
json_add_raw(struct json_writer *w, struct slice encoded)
{
	value(w);
	buf_add(w->out, encoded.data, encoded.len);
}

static void
add_object(struct json_writer *w, const struct json *v)
{
	struct json_iter it = json_iter_start(v);
	const char *key;
	const struct json *item;
	json_begin_object(w);
	while (json_iter_next(&it, &key, &item)) {
		json_key(w, key);
		json_add_value(w, item);
	}
	json_end_object(w);
}

void
json_add_value(struct json_writer *w, const struct json *v)
{
	switch (json_kind(v)) {
	case JSON_NULL:
		json_add_null(w);
		return;
	case JSON_BOOL:
		json_add_bool(w, v->as.truth);
		return;
	case JSON_INT:
		json_add_int(w, v->as.integer);
		return;
	case JSON_DOUBLE:
		json_add_raw(w, slice_of(v->more.number));
		return;
	case JSON_STRING:
		json_add_slice(w, json_slice(v));
		return;
	case JSON_ARRAY:
		json_begin_array(w);
		for (size_t i = 0; i < json_length(v); i++)
			json_add_value(w, json_at(v, i));
		json_end_array(w);
		return;
	case JSON_OBJECT:
		add_object(w, v);
		return;
	}
}

void
json_put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_add_text(w, text);
}

void
json_put_int(struct json_writer *w, const char *key, int64_t n)
{
	json_key(w, key);
	json_add_int(w, n);
}

void
json_put_known(struct json_writer *w, const char *key, int64_t n)
{
	json_key(w, key);
	json_add_known(w, n);
}

void
json_put_double(struct json_writer *w, const char *key, double d, int decimals)
{
	json_key(w, key);
	json_add_double(w, d, decimals);
}

void
json_put_bool(struct json_writer *w, const char *key, bool b)
{
	json_key(w, key);
	json_add_bool(w, b);
}

void
json_put_null(struct json_writer *w, const char *key)
{
	json_key(w, key);
	json_add_null(w);
}

void
json_put_time(struct json_writer *w, const char *key, struct wall t)
{
	char text[CLOCK_TEXT_MAX];
	wall_format(t, text);
	json_put_text(w, key, t.ns != 0 ? text : NULL);
}

void
json_put_time_ms(struct json_writer *w, const char *key, struct wall t)
{
	char text[CLOCK_TEXT_MAX];
	wall_format_ms(t, text);
	json_put_text(w, key, t.ns != 0 ? text : NULL);
}
