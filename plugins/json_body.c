/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages in JSON: what the drivers share that read HTTP. Opening one says why it is none in words that fit (a login page
 * by its type, "not running" by what curl printed on the node), and a table of fields makes a report of another team's
 * program strict: a wrong type or an unknown word is refused with its key, a field of a later version is only counted.
 *
 * Called by the `read` functions of agent and bind; pure.
 */
#include "plugins/json_body.h"

#include <strings.h>

#include "core/text.h"
#include "plugins/refusal.h"

#define TOOL "curl"

/* curl 7.88.1 of Debian 12 and the pages of named 9.18, first line of either stream. */
static const struct refusal curl_words[] = {
	{ "curl: (7)", ERR_NOT_RUNNING, "nothing listens there, the daemon is not running" },
	{ "curl: (28)", ERR_TIMEOUT, "the page did not come in time" },
	{ "curl: (22) The requested URL returned error: 403", ERR_DENIED, "the daemon refuses this node" },
	{ "curl: (22) The requested URL returned error: 404", ERR_UNSUPPORTED, "the daemon does not have this page" },
	{ "curl: (22)", ERR_BAD_REPLY, "the daemon does not give the page" },
	{ "curl: (52)", ERR_CONN_LOST, "the daemon hung up without an answer" },
	{ "curl: (", ERR_BAD_REPLY, "the page could not be fetched" },
	{ "failed: not found", ERR_NOT_FOUND, "the daemon does not have this zone" },
	{ "failed: unknown command", ERR_UNSUPPORTED, "the daemon does not know the command" },
	{ "404 No such URL", ERR_UNSUPPORTED, "the daemon does not have this page" },
	{ "connection refused", ERR_NOT_RUNNING, "the daemon is not running" },
	{ "permission denied", ERR_DENIED, "the account may not read the daemon" },
	{ NULL, ERR_OK, NULL },
};

struct json_doc *
json_body_open(const struct reply *reply, struct err *err)
{
	if (reply->n_parts != 1) {
		err_set(err, ERR_BAD_REPLY, "a page of %zu parts, 1 is wanted", reply->n_parts);
		return NULL;
	}
	const struct reply_part *part = &reply->parts[0];
	static const char wanted[] = "application/json";
	if (reply->content_type && strncasecmp(reply->content_type, wanted, sizeof wanted - 1) != 0) {
		char clean[80];
		text_sanitise_to(slice_of(reply->content_type), clean, sizeof clean);
		err_set(err, ERR_PROTOCOL, "the page is of type %s, %s is wanted", clean, wanted);
		return NULL;
	}
	/* Without a type it was captured on the node, where curl's words may stand in its place. */
	if (!reply->content_type && !slice_starts(slice_trim(part->out), "{")) {
		refusal_explain(part, TOOL, curl_words, err);
		return NULL;
	}
	struct json_doc *doc = json_parse(part->out, err);
	if (!doc)
		return NULL;
	if (json_kind(json_root(doc)) == JSON_OBJECT)
		return doc;
	err_set(err, ERR_BAD_REPLY, "the page is %s, an object is wanted", json_kind_name(json_kind(json_root(doc))));
	json_doc_free(doc);
	return NULL;
}

static bool
kind_fits(enum json_kind is, enum json_kind wanted)
{
	return is == wanted || (is == JSON_INT && wanted == JSON_DOUBLE);
}

static int
check_words(const struct json_field *f, const struct json *value, struct err *err)
{
	const char *text = json_text(value, "");
	for (size_t i = 0; f->words[i]; i++)
		if (strcmp(f->words[i], text) == 0)
			return 0;
	char clean[64];
	text_sanitise_to(json_slice(value), clean, sizeof clean);
	return err_set(err, ERR_BAD_REPLY, "%s: '%s' is none of the words allowed there", f->key, clean);
}

static int
check_value(const struct json_field *f, const struct json *value, struct err *err)
{
	enum json_kind is = json_kind(value);
	if (is == JSON_NULL && !f->is_needed)
		return 0;
	if (!kind_fits(is, f->kind))
		return err_set(err, ERR_BAD_REPLY, "%s: is %s, %s is wanted", f->key, json_kind_name(is), json_kind_name(f->kind));
	return f->words ? check_words(f, value, err) : 0;
}

int
json_body_check(const struct json *object, const struct json_field *fields, size_t *extras, struct err *err)
{
	size_t n = 0, at = 0;
	while (fields[n].key)
		n++;
	uint64_t seen = 0;
	struct json_iter it = json_iter_start(object);
	const char *key;
	const struct json *value;
	while (json_iter_next(&it, &key, &value)) {
		/* Members mostly come in the order of the table: the search goes on where the last one was found. */
		size_t tries = 0;
		while (tries < n && (fields[at].key[0] != key[0] || strcmp(fields[at].key, key) != 0)) {
			at = (at + 1) % n;
			tries++;
		}
		if (tries == n) {
			(*extras)++;
			continue;
		}
		if (check_value(&fields[at], value, err) == -1)
			return -1;
		seen |= UINT64_C(1) << at;
		at = (at + 1) % n;
	}
	for (size_t i = 0; i < n; i++)
		if (fields[i].is_needed && !(seen & UINT64_C(1) << i))
			return err_set(err, ERR_BAD_REPLY, "%s: is missing", fields[i].key);
	return 0;
}
