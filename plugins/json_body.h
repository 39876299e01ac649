/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_JSON_BODY_H
#define PLUGINS_JSON_BODY_H

#include "core/driver.h"
#include "core/json.h"

/* The JSON object a page consists of, whether it came over HTTP or as the output of curl on the node. NULL with the
 * reason: not JSON by its type, a refusal in curl's words, broken. The caller frees the document. */
struct json_doc *json_body_open(const struct reply *reply, struct err *err);

/* One member of an object that a program of another team writes. */
struct json_field {
	const char *key;         /* NULL ends the table */
	enum json_kind kind;     /* JSON_DOUBLE takes integers too */
	bool is_needed;          /* must be there and not null */
	const char *const *words; /* strings: the only ones allowed, ends with NULL; or NULL */
};

/* Checks the members of an object against a table; unknown ones are counted in *extras and otherwise ignored. -1 with
 * the key, what it is and what is allowed. */
int json_body_check(const struct json *object, const struct json_field *fields, size_t *extras, struct err *err);

#endif
