/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"

/*
 * Strict JSON (RFC 8259) for hostile input: depth 16 at most, no duplicate keys, no NaN or Infinity, no NUL inside
 * strings, valid UTF-8, nothing after the document. Values are borrowed from the document. Getters are typed, ranged
 * and presence-checked: they say which key was wrong, what it was and what is allowed.
 */

#define JSON_DEPTH_MAX 16

struct json; /* a value; opaque; null is a NULL pointer */
struct json_doc;

struct json_doc *json_parse(struct slice text, struct err *err);
/* Reads a sequence of documents ("{}\n{}\n"), as a daemon prints when asked several things: cuts the next one off the
 * front of `rest`. NULL with ERR_OK in err when only blanks are left; NULL with a code when it is broken. */
struct json_doc *json_parse_next(struct slice *rest, struct err *err);
void json_doc_free(struct json_doc *doc);
const struct json *json_root(const struct json_doc *doc);

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_kind json_kind(const struct json *v);
const char *json_kind_name(enum json_kind kind);

/* Member of an object, or NULL when absent (or v is no object, or NULL). */
const struct json *json_get(const struct json *v, const char *key);
size_t json_length(const struct json *v); /* of an array or object; 0 otherwise */
const struct json *json_at(const struct json *array, size_t i);
/* i-th member of an object in document order; returns its value and sets *key. Costs O(1) per step from an iterator. */
struct json_iter {
	const struct json *next;
};
struct json_iter json_iter_start(const struct json *object);
bool json_iter_next(struct json_iter *it, const char **key, const struct json **value);

/* Plain reads of a value: what it is not gives the default. */
struct slice json_slice(const struct json *v);             /* empty when no string */
const char *json_text(const struct json *v, const char *otherwise);
int64_t json_int(const struct json *v, int64_t otherwise); /* integers only */
double json_double(const struct json *v, double otherwise); /* numbers; never NAN from the document */
bool json_boolean(const struct json *v, bool otherwise);
/* Where a number that was read begins in the text that json_parse was given. */
size_t json_offset(const struct json *v);

/* Strict getters. "need": the key must be there; "want": absent or null leaves *out untouched and returns 0. */
int json_need_int(const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err);
int json_want_int(const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err);
int json_want_double(const struct json *o, const char *key, double min, double max, double *out, struct err *err);
int json_want_bool(const struct json *o, const char *key, bool *out, struct err *err);
int json_need_text(const struct json *o, const char *key, size_t max_len, struct slice *out, struct err *err);
int json_want_text(const struct json *o, const char *key, size_t max_len, struct slice *out, struct err *err);
int json_need_array(const struct json *o, const char *key, size_t max, const struct json **out, struct err *err);
int json_want_array(const struct json *o, const char *key, size_t max, const struct json **out, struct err *err);
int json_want_object(const struct json *o, const char *key, const struct json **out, struct err *err);

/* Streaming writer: commas and escapes are its business. Doubles that are NAN and ints that are "unknown" become null. */
struct json_writer {
	struct buf *out;
	unsigned depth;
	bool need_comma;
	bool after_key;
	bool pretty; /* two-space indentation */
};
#define JSON_WRITER(buffer) { .out = (buffer), .depth = 0, .need_comma = false, .after_key = false, .pretty = false }

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_add_text(struct json_writer *w, const char *text); /* NULL gives null */
void json_add_slice(struct json_writer *w, struct slice text);
void json_add_int(struct json_writer *w, int64_t value);
void json_add_known(struct json_writer *w, int64_t value); /* negative gives null */
void json_add_double(struct json_writer *w, double value, int decimals); /* NAN gives null */
void json_add_bool(struct json_writer *w, bool value);
void json_add_null(struct json_writer *w);
/* Inserts already encoded JSON. */
void json_add_raw(struct json_writer *w, struct slice encoded);
/* Copies a value that was read, whole. */
void json_add_value(struct json_writer *w, const struct json *v);
/* Shorthands: key and value. */
void json_put_text(struct json_writer *w, const char *key, const char *text);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_known(struct json_writer *w, const char *key, int64_t value);
void json_put_double(struct json_writer *w, const char *key, double value, int decimals);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
/* RFC 3339 in UTC, to the second or the millisecond; the instant 0 gives null. */
void json_put_time(struct json_writer *w, const char *key, struct wall t);
void json_put_time_ms(struct json_writer *w, const char *key, struct wall t);

#endif
