/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/*
 * The YAML that people write, as a tree in which every value knows its line and column. A strict
 * subset: one document, plain keys, no anchors, aliases, merge keys or tags; bounded in depth and
 * number. Values stay the text that was written: what `yes` or `012` means is for the reader to
 * say.
 */
#define YAML_DEPTH_MAX  24
#define YAML_VALUES_MAX 400000

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAPPING };

struct yaml {
	enum yaml_kind kind;
	bool is_quoted;   /* scalar in quotes or a block: the text is meant as text */
	int line, column; /* from 1; columns count characters */
	const char *text; /* scalar: without NUL inside; "" for nothing written */
	size_t len;
	size_t n;                  /* items or members */
	const struct yaml *key;    /* member of a mapping: its key, a scalar */
	struct yaml *first, *next; /* children; the next sibling */
};

/* Called for every fault, in the order of the text. */
typedef void yaml_fault_fn(void *arg, int line, int column, const char *text);

/* Reads a text into memory of `a`, which must outlive the tree. NULL when there was a fault that
 * ends the reading, or nothing to read; duplicate keys, tags and aliases are faults after which
 * reading goes on. */
struct yaml *yaml_parse(struct slice text, struct arena *a, yaml_fault_fn *fault, void *arg);
/* Member of a mapping, or NULL (also when `mapping` is NULL or none). */
const struct yaml *yaml_get(const struct yaml *mapping, const char *key);
/* Text of a scalar, or `otherwise`. */
const char *yaml_text(const struct yaml *v, const char *otherwise);

/* Appends text as a scalar that any YAML reader takes for that very string: plain where safe, else
 * in double quotes. */
void yaml_write_scalar(struct buf *out, const char *text);

#endif
