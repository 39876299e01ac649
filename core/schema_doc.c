/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of a configuration file printed for others: a JSON Schema, by which editors complete
 * and underline while one types, and a reference for people in Markdown and in scdoc. Printed from
 * the very tables that the file is read by, so a key that is allowed is documented and one that is
 * documented is allowed. What depends on two values at once (an address where SSH is used) cannot
 * be said here; conf.c says it when the file is checked.
 */
#include "core/schema_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define TABLES_MAX   40
#define NAME_PATTERN "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"
#define SYMBOL_PATTERN "^[A-Za-z0-9_.:-]{1,64}$"

/* All tables below one, each once, in the order they are met. */
struct tables {
	const struct schema_table *items[TABLES_MAX];
	size_t n;
};

static void
collect(struct tables *all, const struct schema_table *t)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i] == t)
			return;
	if (all->n == TABLES_MAX)
		return;
	all->items[all->n++] = t;
	for (const struct schema_table *part = t; part; part = part->base)
		for (size_t i = 0; part->keys[i].key; i++)
			if (part->keys[i].table)
				collect(all, part->keys[i].table);
}

/* --- JSON Schema --- */

/* "access entry" as "access-entry". */
static const char *
anchor_of(const struct schema_table *t, char out[64])
{
	snprintf(out, 64, "%s", t->what);
	for (char *p = out; *p; p++)
		if (*p == ' ' || *p == '.')
			*p = '-';
		else if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return out;
}

static void
put_reference(struct json_writer *w, const char *key, const struct schema_table *t)
{
	char anchor[64], path[80];
	snprintf(path, sizeof path, "#/$defs/%s", anchor_of(t, anchor));
	json_key(w, key);
	json_begin_object(w);
	json_put_text(w, "$ref", path);
	json_end_object(w);
}

static void
put_string(struct json_writer *w, const char *pattern)
{
	json_put_text(w, "type", "string");
	if (pattern)
		json_put_text(w, "pattern", pattern);
}

static void
put_items(struct json_writer *w, const char *pattern, const char *format)
{
	json_key(w, "items");
	json_begin_object(w);
	put_string(w, pattern);
	if (format)
		json_put_text(w, "description", format);
	json_end_object(w);
}

static void
put_words(struct json_writer *w, const char *const *words)
{
	json_key(w, "enum");
	json_begin_array(w);
	for (size_t i = 0; words[i]; i++)
		json_add_text(w, words[i]);
	json_end_array(w);
}

static void
put_number_or_string(struct json_writer *w, const struct schema_key *key)
{
	json_key(w, "type");
	json_begin_array(w);
	json_add_text(w, "number");
	json_add_text(w, "string");
	json_end_array(w);
	json_put_double(w, "minimum", key->min, 0);
	json_put_double(w, "maximum", key->max, 0);
	json_put_text(w, "pattern", "^[0-9]+(\\.[0-9]+)?[kMG]?$");
}

static void
put_one_or_list(struct json_writer *w)
{
	json_key(w, "type");
	json_begin_array(w);
	json_add_text(w, "string");
	json_add_text(w, "array");
	json_end_array(w);
	put_items(w, NULL, NULL);
}

static void
put_position(struct json_writer *w)
{
	json_put_text(w, "type", "array");
	json_put_int(w, "minItems", 2);
	json_put_int(w, "maxItems", 2);
	json_key(w, "items");
	json_begin_object(w);
	json_put_text(w, "type", "number");
	json_end_object(w);
}

static void
put_map(struct json_writer *w, const struct schema_key *key)
{
	json_put_text(w, "type", "object");
	json_put_double(w, "maxProperties", key->max, 0);
	json_key(w, "propertyNames");
	json_begin_object(w);
	json_put_text(w, "pattern", NAME_PATTERN);
	json_end_object(w);
	put_reference(w, "additionalProperties", key->table);
}

static void
put_type(struct json_writer *w, const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_TEXT:
		put_string(w, NULL);
		json_put_double(w, "minLength", key->min, 0);
		json_put_double(w, "maxLength", key->max, 0);
		break;
	case SCHEMA_NAME:
		put_string(w, NAME_PATTERN);
		break;
	case SCHEMA_INT:
		json_put_text(w, "type", "integer");
		json_put_double(w, "minimum", key->min, 0);
		json_put_double(w, "maximum", key->max, 0);
		break;
	case SCHEMA_NUMBER:
		put_number_or_string(w, key);
		break;
	case SCHEMA_PERCENT:
		put_string(w, "^(100|[1-9]?[0-9])%$");
		break;
	case SCHEMA_DURATION:
		put_string(w, "^([0-9]+ms|([0-9]+[smhdw])+)$");
		break;
	case SCHEMA_BOOL:
		json_put_text(w, "type", "boolean");
		break;
	case SCHEMA_WORD:
		put_words(w, key->words);
		break;
	case SCHEMA_URL:
		put_string(w, "^https?://[^ ?#@]+$");
		break;
	case SCHEMA_HASH:
		put_string(w, "^sha256:[0-9a-fA-F]{64}$");
		break;
	case SCHEMA_ADDRESSES:
	case SCHEMA_PREFIXES:
		put_one_or_list(w);
		break;
	case SCHEMA_POSITION:
		put_position(w);
		break;
	case SCHEMA_NAMES:
		json_put_text(w, "type", "array");
		put_items(w, NAME_PATTERN, NULL);
		break;
	case SCHEMA_MAP:
		put_map(w, key);
		break;
	case SCHEMA_LIST:
		json_put_text(w, "type", "array");
		put_reference(w, "items", key->table);
		break;
	case SCHEMA_SYMBOL:
		put_string(w, SYMBOL_PATTERN);
		break;
	case SCHEMA_SYMBOLS:
		put_one_or_list(w);
		break;
	default:
		put_string(w, NULL);
		break;
	}
}

static void
put_key(struct json_writer *w, const struct schema_key *key)
{
	if (key->type == SCHEMA_OBJECT) {
		put_reference(w, key->key, key->table);
		return;
	}
	json_key(w, key->key);
	json_begin_object(w);
	json_put_text(w, "description", key->help);
	put_type(w, key);
	if (key->otherwise && key->type == SCHEMA_INT)
		json_put_int(w, "default", strtol(key->otherwise, NULL, 10));
	else if (key->otherwise)
		json_put_text(w, "default", key->otherwise);
	json_end_object(w);
}

static void
put_required(struct json_writer *w, const struct schema_table *t)
{
	bool has_any = false;
	for (size_t i = 0; t->keys[i].key; i++)
		has_any |= t->keys[i].is_required;
	if (!has_any)
		return;
	json_key(w, "required");
	json_begin_array(w);
	for (size_t i = 0; t->keys[i].key; i++)
		if (t->keys[i].is_required)
			json_add_text(w, t->keys[i].key);
	json_end_array(w);
}

static void
put_object(struct json_writer *w, const struct schema_table *t)
{
	json_put_text(w, "type", "object");
	json_put_bool(w, "additionalProperties", false);
	put_required(w, t);
	json_key(w, "properties");
	json_begin_object(w);
	for (const struct schema_table *part = t; part; part = part->base)
		for (size_t i = 0; part->keys[i].key; i++)
			put_key(w, &part->keys[i]);
	json_end_object(w);
}

static void
put_definition(struct json_writer *w, const struct schema_table *t)
{
	char anchor[64];
	json_key(w, anchor_of(t, anchor));
	json_begin_object(w);
	if (t->short_key) {
		json_key(w, "anyOf");
		json_begin_array(w);
		json_begin_object(w);
		json_put_text(w, "type", "string");
		json_end_object(w);
		json_begin_object(w);
		put_object(w, t);
		json_end_object(w);
		json_end_array(w);
	} else {
		put_object(w, t);
	}
	json_end_object(w);
}

void
schema_doc_write_json(
	const struct schema_table *t, const char *id, const char *title, struct json_writer *w)
{
	struct tables all = { .n = 0 };
	collect(&all, t);
	json_begin_object(w);
	json_put_text(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_text(w, "$id", id);
	json_put_text(w, "title", title);
	put_object(w, t);
	json_key(w, "$defs");
	json_begin_object(w);
	for (size_t i = 1; i < all.n; i++)
		put_definition(w, all.items[i]);
	json_end_object(w);
	json_end_object(w);
}

/* --- for people --- */

/* What Markdown or scdoc takes for markup, and the bars of a table. */
static void
write_escaped(struct buf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

static void
write_allowed(const struct schema_key *key, const char *special, struct buf *out)
{
	struct buf text = BUF_INIT(1000);
	char anchor[64];
	schema_describe(key, &text);
	if (key->table && special[0] == '|')
		buf_printf(out, "[%s](#%s): ", key->table->what, anchor_of(key->table, anchor));
	if (key->type == SCHEMA_OBJECT)
		buf_add_text(out, key->table->short_key ? "a word or a mapping" : "a mapping");
	else
		write_escaped(out, buf_text(&text), special);
	buf_done(&text);
}

static void
write_markdown_key(const struct schema_key *key, struct buf *out)
{
	buf_printf(out, "| `%s`%s | ", key->key, key->is_required ? " (needed)" : "");
	write_escaped(out, key->help, "|<");
	buf_add_text(out, " | ");
	write_allowed(key, "|<", out);
	if (key->otherwise)
		buf_printf(out, " | `%s` |\n", key->otherwise);
	else
		buf_add_text(out, " | |\n");
}

void
schema_doc_write_markdown(const struct schema_table *t, struct buf *out)
{
	struct tables all = { .n = 0 };
	collect(&all, t);
	for (size_t i = 0; i < all.n; i++) {
		const struct schema_table *table = all.items[i];
		buf_printf(out, "## %s\n\n", table->what);
		if (table->short_key)
			buf_printf(out, "A plain word stands for `%s`.\n\n", table->short_key);
		buf_add_text(out, "| key | meaning | allowed | default |\n|---|---|---|---|\n");
		for (const struct schema_table *part = table; part; part = part->base)
			for (size_t k = 0; part->keys[k].key; k++)
				write_markdown_key(&part->keys[k], out);
		buf_add_char(out, '\n');
	}
}

#define SCDOC_SPECIAL "\\*_~[<>#`"

static void
write_scdoc_key(const struct schema_key *key, struct buf *out)
{
	buf_printf(out, "*%s*%s\n\t", key->key, key->is_required ? " (needed)" : "");
	write_escaped(out, key->help, SCDOC_SPECIAL);
	buf_add_text(out, ".++\nAllowed: ");
	write_allowed(key, SCDOC_SPECIAL, out);
	buf_add_char(out, '.');
	if (key->otherwise) {
		buf_add_text(out, " Default: ");
		write_escaped(out, key->otherwise, SCDOC_SPECIAL);
		buf_add_char(out, '.');
	}
	buf_add_text(out, "\n\n");
}

void
schema_doc_write_scdoc(const struct schema_table *t, struct buf *out)
{
	struct tables all = { .n = 0 };
	collect(&all, t);
	for (size_t i = 0; i < all.n; i++) {
		const struct schema_table *table = all.items[i];
		buf_printf(out, "## %s\n\n", table->what);
		if (table->short_key)
			buf_printf(out, "A plain word stands for *%s*.\n\n", table->short_key);
		for (const struct schema_table *part = table; part; part = part->base)
			for (size_t k = 0; part->keys[k].key; k++)
				write_scdoc_key(&part->keys[k], out);
	}
}
