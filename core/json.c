/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out. json-c builds the tree, but its strict mode is not strict (SAFETY.md finding 5): it takes NaN, single
 * quotes, duplicate keys, raw control bytes and clamps numbers that overflow. So a document is first scanned against the
 * grammar of RFC 8259 with our limits; the scan also finds where the document ends, which lets us read the several
 * documents that vtysh prints one after the other. Duplicates are found by counting: json-c keeps the last of two
 * members, so the tree then has fewer than the scan saw. The only file that includes json-c.
 */
#include "core/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

struct json_doc {
	struct json_object *root;
};

struct scan {
	const char *p, *end, *start;
	unsigned depth;
	size_t members;
	struct err *err;
};

static int scan_value(struct scan *s);

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
scan_unicode_escape(struct scan *s)
{
	uint32_t high, low;
	if (scan_hex4(s, &high) == -1)
		return -1;
	if (high == 0)
		return scan_fail(s, "NUL inside a string");
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
		return scan_fail(s, "lone surrogate");
	s->p += 2;
	if (scan_hex4(s, &low) == -1)
		return -1;
	return low >= 0xdc00 && low <= 0xdfff ? 0 : scan_fail(s, "lone surrogate");
}

static int
scan_escape(struct scan *s)
{
	if (s->p == s->end)
		return scan_fail(s, "truncated escape");
	char c = *s->p++;
	if (c == 'u')
		return scan_unicode_escape(s);
	if (!strchr("\"\\/bfnrt", c) || c == '\0')
		return scan_fail(s, "unknown escape");
	return 0;
}

static int
scan_string(struct scan *s)
{
	s->p++;
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p;
		if (c == '"') {
			s->p++;
			return 0;
		}
		if (c == '\\') {
			s->p++;
			if (scan_escape(s) == -1)
				return -1;
			continue;
		}
		if (c < 0x20)
			return scan_fail(s, "control byte inside a string");
		if (c < 0x80) {
			s->p++;
			continue;
		}
		uint32_t code_point;
		size_t n = text_decode((struct slice){ s->p, (size_t)(s->end - s->p) }, &code_point);
		if (n == 0)
			return scan_fail(s, "invalid UTF-8");
		s->p += n;
	}
	return scan_fail(s, "truncated string");
}

static size_t
scan_digits(struct scan *s)
{
	const char *from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

static int
scan_number(struct scan *s)
{
	const char *from = s->p;
	bool is_integer = true;
	if (*s->p == '-')
		s->p++;
	const char *first = s->p;
	size_t n = scan_digits(s);
	if (n == 0 || (n > 1 && *first == '0'))
		return scan_fail(s, "bad number");
	if (s->p < s->end && *s->p == '.') {
		is_integer = false;
		s->p++;
		if (scan_digits(s) == 0)
			return scan_fail(s, "bad number");
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		is_integer = false;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (scan_digits(s) == 0)
			return scan_fail(s, "bad number");
	}
	char text[400];
	if ((size_t)(s->p - from) >= sizeof text)
		return scan_fail(s, "number too long");
	slice_copy((struct slice){ from, (size_t)(s->p - from) }, text, sizeof text);
	errno = 0;
	if (is_integer)
		(void)strtoll(text, NULL, 10);
	if (errno == ERANGE || !isfinite(strtod(text, NULL)))
		return scan_fail(s, "number out of range");
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
scan_member(struct scan *s)
{
	scan_blanks(s);
	if (s->p == s->end || *s->p != '"')
		return scan_fail(s, "a key was expected");
	if (scan_string(s) == -1)
		return -1;
	scan_blanks(s);
	if (s->p == s->end || *s->p != ':')
		return scan_fail(s, "':' was expected");
	s->p++;
	s->members++;
	return scan_value(s);
}

/* The inside of an object or array, after its opening bracket. */
static int
scan_list(struct scan *s, char close)
{
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
		if ((close == '}' ? scan_member(s) : scan_value(s)) == -1)
			return -1;
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
	return 0;
}

static int
scan_value(struct scan *s)
{
	scan_blanks(s);
	if (s->p == s->end)
		return scan_fail(s, "truncated");
	switch (*s->p) {
	case '{':
		return scan_list(s, '}');
	case '[':
		return scan_list(s, ']');
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

static size_t
count_members(struct json_object *o)
{
	size_t n = 0;
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value) {
			(void)key;
			n += 1 + count_members(value);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	}
	return n;
}

static struct json_doc *
build(const struct scan *s, const char *from, struct err *err)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX + 4);
	struct json_object *root = json_tokener_parse_ex(tok, from, (int)(s->p - from));
	enum json_tokener_error why = json_tokener_get_error(tok);
	/* a bare number could go on: json-c then waits for more */
	if (!root && why == json_tokener_continue)
		root = json_tokener_parse_ex(tok, "\n", 1);
	why = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (why != json_tokener_success) {
		json_object_put(root);
		err_set(err, ERR_BAD_REPLY, "JSON: %s", json_tokener_error_desc(why));
		return NULL;
	}
	if (count_members(root) != s->members) {
		json_object_put(root);
		err_set(err, ERR_BAD_REPLY, "JSON: a key occurs twice in one object");
		return NULL;
	}
	struct json_doc *doc = xcalloc(1, sizeof *doc);
	doc->root = root;
	return doc;
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
	const char *from = s.p;
	if (scan_value(&s) == -1)
		return NULL;
	struct json_doc *doc = build(&s, from, err);
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
	if (!doc)
		return;
	json_object_put(doc->root);
	free(doc);
}

const struct json *
json_root(const struct json_doc *doc)
{
	return (const struct json *)doc->root;
}

static struct json_object *
object_of(const struct json *v)
{
	return (struct json_object *)(uintptr_t)v;
}

enum json_kind
json_kind(const struct json *v)
{
	switch (json_object_get_type(object_of(v))) {
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_DOUBLE;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	case json_type_null:
		break;
	}
	return JSON_NULL;
}

const char *
json_kind_name(enum json_kind kind)
{
	static const char *const names[] = { "null", "a boolean", "an integer", "a number", "a string", "an array", "an object" };
	return names[kind];
}

const struct json *
json_get(const struct json *v, const char *key)
{
	struct json_object *member = NULL;
	if (json_kind(v) != JSON_OBJECT || !json_object_object_get_ex(object_of(v), key, &member))
		return NULL;
	return (const struct json *)member;
}

size_t
json_length(const struct json *v)
{
	switch (json_kind(v)) {
	case JSON_ARRAY:
		return json_object_array_length(object_of(v));
	case JSON_OBJECT:
		return (size_t)json_object_object_length(object_of(v));
	default:
		return 0;
	}
}

const struct json *
json_at(const struct json *array, size_t i)
{
	if (json_kind(array) != JSON_ARRAY)
		return NULL;
	return (const struct json *)json_object_array_get_idx(object_of(array), i);
}

struct json_iter
json_iter_start(const struct json *object)
{
	if (json_kind(object) != JSON_OBJECT)
		return (struct json_iter){ NULL };
	return (struct json_iter){ json_object_get_object(object_of(object))->head };
}

bool
json_iter_next(struct json_iter *it, const char **key, const struct json **value)
{
	struct lh_entry *e = it->entry;
	if (!e)
		return false;
	*key = lh_entry_k(e);
	*value = lh_entry_v(e);
	it->entry = e->next;
	return true;
}

struct slice
json_slice(const struct json *v)
{
	if (json_kind(v) != JSON_STRING)
		return (struct slice){ "", 0 };
	return (struct slice){ json_object_get_string(object_of(v)), (size_t)json_object_get_string_len(object_of(v)) };
}

const char *
json_text(const struct json *v, const char *otherwise)
{
	return json_kind(v) == JSON_STRING ? json_object_get_string(object_of(v)) : otherwise;
}

int64_t
json_int(const struct json *v, int64_t otherwise)
{
	return json_kind(v) == JSON_INT ? json_object_get_int64(object_of(v)) : otherwise;
}

double
json_double(const struct json *v, double otherwise)
{
	enum json_kind kind = json_kind(v);
	return kind == JSON_INT || kind == JSON_DOUBLE ? json_object_get_double(object_of(v)) : otherwise;
}

bool
json_boolean(const struct json *v, bool otherwise)
{
	return json_kind(v) == JSON_BOOL ? json_object_get_boolean(object_of(v)) : otherwise;
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

void
json_add_value(struct json_writer *w, const struct json *v)
{
	const char *text = json_object_to_json_string_ext(object_of(v), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	json_add_raw(w, slice_of(text));
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
