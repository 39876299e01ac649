/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_SCHEMA_DOC_H
#define CORE_SCHEMA_DOC_H

#include "core/schema.h"

struct json_writer;

/* The tables of a configuration file, told to editors and to people. Each prints the table and all
 * below it. */

/* JSON Schema (draft 2020-12). */
void schema_doc_write_json(
	const struct schema_table *t, const char *id, const char *title, struct json_writer *w);
/* One Markdown table a schema table, with links between them. */
void schema_doc_write_markdown(const struct schema_table *t, struct buf *out);
/* The same for a manual page, in scdoc's language. */
void schema_doc_write_scdoc(const struct schema_table *t, struct buf *out);

#endif
