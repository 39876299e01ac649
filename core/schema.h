/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/conf_report.h"
#include "core/report.h"
#include "core/yaml.h"

/*
 * Tables that say what a configuration file may hold, and the one walk that reads a file by them. A
 * table is a list of keys: name, type, range, words, default, where the value goes, one line of
 * help. The same tables give the messages, the JSON Schema for editors and the reference for
 * people.
 */
enum schema_type {
	SCHEMA_TEXT,      /* const char *; clean text of min..max bytes */
	SCHEMA_NAME,      /* const char *; [a-z0-9-]{1,32} */
	SCHEMA_INT,       /* int64_t in min..max */
	SCHEMA_NUMBER,    /* double in min..max, may end in k, M, G */
	SCHEMA_PERCENT,   /* int64_t 0..100, written "80%" */
	SCHEMA_DURATION,  /* int64_t ms, min..max in ms, written "2s", "15m", "500ms" */
	SCHEMA_BOOL,      /* int64_t 0 or 1 */
	SCHEMA_WORD,      /* int64_t index into words */
	SCHEMA_TIME,      /* struct wall: a day or an RFC 3339 time */
	SCHEMA_HOST,      /* const char *: literal address or DNS name */
	SCHEMA_ADDRESS,   /* const char *: literal address */
	SCHEMA_ADDRESSES, /* struct schema_list of struct schema_text: one literal address or a list
	                   */
	SCHEMA_URL,       /* const char *: http://HOST[:PORT][/PATH], no trailing slash */
	SCHEMA_PATH,      /* const char *: absolute; what is written is relative to the file */
	SCHEMA_DOMAIN,    /* const char *: DNS owner name */
	SCHEMA_HASH,      /* const char *: sha256: and 64 hex digits */
	SCHEMA_POSITION,  /* double[2]: latitude, longitude */
	SCHEMA_PREFIXES,  /* struct schema_list of struct schema_prefix */
	SCHEMA_NAMES,     /* struct schema_list of struct schema_text: a list of names */
	SCHEMA_OBJECT,    /* a struct of `table` in place */
	SCHEMA_MAP,       /* struct schema_list of structs of `table`, each under a name */
	SCHEMA_LIST,      /* struct schema_list of structs of `table` */
	SCHEMA_SYMBOL,    /* const char *; 1 to 64 of letters, digits and _ . : - */
	SCHEMA_SYMBOLS,   /* struct schema_list of struct schema_text: one symbol or a list */
};

struct schema_table;

struct schema_key {
	const char *key;
	enum schema_type type;
	size_t offset; /* in the table's struct */
	double min, max;
	const char *const *words; /* SCHEMA_WORD: NULL-terminated */
	const struct schema_table *table;
	const char *otherwise; /* default, as it would be written; NULL none */
	bool is_required;
	const char *help; /* one line */
};

struct schema_table {
	const char *what;                /* "service": names it in messages */
	size_t size;                     /* of its struct, which begins with struct schema_mark */
	const struct schema_key *keys;   /* ends with a NULL key; at most 64 */
	const char *short_key;           /* a plain word stands for this key; NULL: none */
	const struct schema_table *base; /* further keys that may stand here, or NULL */
	size_t base_offset;              /* where the base's struct lies in this one */
};

/* First member of every struct that a table fills. */
struct schema_mark {
	uint64_t given;        /* bit i: key i stood in the file */
	const struct yaml *at; /* the mapping or word; NULL if it did not stand in the file */
	const char *name;      /* the key above it, in a map; else NULL */
};

struct schema_list {
	size_t n;
	void *items;
};

/* for over the items of a list. */
#define SCHEMA_EACH(type, item, list)                                                              \
	for (type *item = (list)->items; item && item < (type *)(list)->items + (list)->n; item++)

struct schema_text {
	const char *text;
	const struct yaml *at;
};

struct schema_prefix {
	struct prefix prefix;
	const struct yaml *at;
};

struct schema_walk {
	struct arena *arena; /* owns what is read */
	struct conf_report *report;
	const char *folder; /* absolute; paths are relative to it */
};

/* Reads a mapping into the zeroed struct of a table, telling every mistake; defaults are not filled
 * in. */
void schema_read(
	struct schema_walk *w, const struct schema_table *t, const struct yaml *v, void *into);
/* Fills in what was not given and has a default; also in objects and lists below. */
void schema_fill(struct schema_walk *w, const struct schema_table *t, void *object);
/* True if the key stood in the file for this object. */
bool schema_given(const struct schema_table *t, const void *object, const char *key);
/* Takes over from `parent` what `child` does not state; objects that both state are merged. */
void schema_inherit(const struct schema_table *t, void *child, const void *parent);
/* Where the value of a key stands in the file: for messages. NULL if it does not. */
const struct yaml *schema_at(const void *object, const char *key);

/* Mistake or note at a value. */
#define schema_mistake(w, v, ...)                                                                  \
	conf_report_add((w)->report, FINDING_MISTAKE, (v) ? (v)->line : 0, (v) ? (v)->column : 0,  \
		__VA_ARGS__)
#define schema_note(w, v, ...)                                                                     \
	conf_report_add((w)->report, FINDING_NOTE, (v) ? (v)->line : 0, (v) ? (v)->column : 0,     \
		__VA_ARGS__)

/* True for a literal address or a DNS name. */
bool schema_is_host(const char *text);
/* The nearest of n words, for "did you mean"; NULL when none is near. */
const char *schema_nearest(const char *word, const char *const *words, size_t n);

/* What a key allows, in words: "a whole number from 1 to 65535". */
void schema_describe(const struct schema_key *key, struct buf *out);

#endif
