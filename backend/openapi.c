/* SPDX-License-Identifier: Apache-2.0
 *
 * /openapi.json, made from the route table of routes.c so that it cannot name a route that is not there. What the
 * objects look like is one flat table here: schema, key, JSON type, words; the keys are those of PRODUCT.md section 6,
 * objects may carry more. A pattern's {names} are its path parameters, a route's query keys its query parameters.
 * Called by routes.c; a test checks that every schema a route names is described and every key is really sent.
 */
#include "backend/openapi.h"

#include <stdio.h>
#include <string.h>

struct field {
	const char *schema, *key;
	const char *type; /* of JSON; "x|null" may be null; "@Name" another schema; "@Name[]" an array of them */
	const char *words;
};

static const struct field fields[] = {
	{ "Problem", "type", "string", "urn:catchment:problem:CODE" },
	{ "Problem", "title", "string", "what the code means" },
	{ "Problem", "status", "integer", "the HTTP status" },
	{ "Problem", "detail", "string", "one sentence about this case" },
	{ "Problem", "code", "string", "stable name of the error" },
	{ "Problem", "exit", "integer", "exit status that the command line gives for it" },
	{ "Fleet", "version", "integer", "of this format" },
	{ "Fleet", "fleet", "string", "name of the fleet" },
	{ "Fleet", "environment", "string", "as in fleet.yaml" },
	{ "Fleet", "revision", "integer", "give it as from= to the stream" },
	{ "Fleet", "services", "@Service[]", "services with their policies" },
	{ "Fleet", "prefixes", "@Prefix[]", "service prefixes with announce counts" },
	{ "Fleet", "pops", "@Pop[]", "PoPs" },
	{ "Fleet", "nodes", "@Node[]", "nodes with their newest facts" },
	{ "Fleet", "sparks", "object", "query-rate samples, oldest first: {pops: {NAME: [..]}, nodes: {NAME: [..]}}" },
	{ "Pop", "pop", "string", "its name" },
	{ "Pop", "name", "string", "its city" },
	{ "Pop", "region", "string", "as in fleet.yaml" },
	{ "Pop", "lat", "number|null", "degrees north" },
	{ "Pop", "lon", "number|null", "degrees east" },
	{ "Pop", "verdict", "string", "blackhole, silent, drift, unreachable, degraded, draining, drained, unknown or ok" },
	{ "Pop", "reasons", "array", "sentences, most important first" },
	{ "Pop", "announced", "object", "prefix: announced, withdrawn, prefer-away or unknown" },
	{ "Pop", "sessions", "object", "up and total" },
	{ "Pop", "qps", "number|null", "queries a second" },
	{ "Pop", "capacity_qps", "number|null", "queries a second that it can bear" },
	{ "Pop", "rcodes", "object", "answers by RCODE" },
	{ "Pop", "age_s", "number|null", "age of the oldest of its nodes' newest facts" },
	{ "Pop", "holds", "@Hold[]", "what forbids it to announce" },
	{ "Pop", "nodes", "array", "names of its nodes" },
	{ "Node", "node", "string", "its name" },
	{ "Node", "pop", "string|null", "its PoP; null for vantages and witnesses" },
	{ "Node", "verdict", "string", "one of the verdicts" },
	{ "Node", "reasons", "array", "sentences, most important first" },
	{ "Node", "planes", "object", "session, wire and service" },
	{ "Node", "drivers", "object", "bgp and dns" },
	{ "Node", "versions", "object", "of its daemons" },
	{ "Node", "qps", "number|null", "queries a second" },
	{ "Node", "rcodes", "object", "answers by RCODE since the daemon's start" },
	{ "Node", "identity", "string|null", "NSID or id.server" },
	{ "Node", "age_s", "number|null", "age of its newest fact" },
	{ "Node", "error", "string|null", "the newest failure" },
	{ "Session", "node", "string", "its node" },
	{ "Session", "pop", "string|null", "its PoP" },
	{ "Session", "peer", "string|null", "address of the peer" },
	{ "Session", "peer_asn", "integer|null", "AS of the peer" },
	{ "Session", "local_asn", "integer|null", "our AS" },
	{ "Session", "family", "string|null", "address families" },
	{ "Session", "state", "string", "of RFC 4271; only Established is up" },
	{ "Session", "admin_state", "string", "up, down or unknown" },
	{ "Session", "since_s", "integer|null", "seconds in this state" },
	{ "Session", "received", "integer|null", "prefixes received" },
	{ "Session", "advertised", "integer|null", "prefixes advertised" },
	{ "Session", "last_error", "object|null", "why it last went down" },
	{ "Prefix", "prefix", "string", "the service prefix" },
	{ "Prefix", "service", "string", "its service" },
	{ "Prefix", "family", "string", "ipv4 or ipv6" },
	{ "Prefix", "announced", "integer", "PoPs that announce it" },
	{ "Prefix", "prefer_away", "integer", "PoPs that announce it as less attractive" },
	{ "Prefix", "withdrawn", "integer", "PoPs that do not announce it" },
	{ "Prefix", "unknown", "integer", "PoPs of which it is not known" },
	{ "Prefix", "pops", "object", "PoP: announced, withdrawn, prefer-away or unknown" },
	{ "Service", "service", "string", "its name" },
	{ "Service", "prefixes", "array", "its prefixes" },
	{ "Service", "policy", "object", "limits that a change must respect" },
	{ "Service", "probes", "array", "questions asked from outside" },
	{ "Event", "id", "integer", "rises by one" },
	{ "Event", "at", "string", "RFC 3339 UTC" },
	{ "Event", "kind", "string", "verdict, session, wire, restart, config, probe or backend" },
	{ "Event", "severity", "string", "a verdict" },
	{ "Event", "pop", "string|null", "its PoP; null for the whole fleet" },
	{ "Event", "node", "string|null", "its node" },
	{ "Event", "text", "string", "one sentence" },
	{ "Point", "at", "string|null", "begin of the step; null when nothing is kept" },
	{ "Point", "qps_min", "number|null", "least rate in the step" },
	{ "Point", "qps_avg", "number|null", "mean rate in the step" },
	{ "Point", "qps_max", "number|null", "highest rate in the step" },
	{ "Point", "verdict", "string", "the worst in the step" },
	{ "History", "pop", "string", "of a span" },
	{ "History", "from", "string", "of a span" },
	{ "History", "to", "string", "of a span" },
	{ "History", "points", "@Point[]", "of a span: steps of 60 s, or 3600 s for more than two days" },
	{ "History", "at", "string", "of an instant" },
	{ "History", "pops", "@Point[]", "of an instant: the last point of each PoP, with its name as pop" },
	{ "Nothing", "id", "string", "of things that this version does not make: the list is always empty" },
	{ "Operation", "id", "string", "of the plan and of the operation" },
	{ "Operation", "verb", "string", "drain or undrain" },
	{ "Operation", "targets", "array", "names of PoPs" },
	{ "Operation", "state", "string", "see docs/operations.md" },
	{ "Operation", "plan_hash", "string", "SHA-256 of the plan's bytes" },
	{ "Operation", "by", "string", "account that planned it" },
	{ "Operation", "reason", "string", "as given" },
	{ "Operation", "ticket", "string|null", "as given" },
	{ "Operation", "lease_s", "integer|null", "of its hold" },
	{ "Operation", "started", "string|null", "when its intent was written" },
	{ "Operation", "ended", "string|null", "when it became final" },
	{ "Operation", "tries", "integer", "undoing or reading its nodes that came to nothing, in a row" },
	{ "Operation", "next_try", "string|null", "when they are asked again; null: they are being asked, or need not be" },
	{ "Operation", "steps", "array", "node, what, state and evidence of each" },
	{ "Operation", "shift", "object", "control_s, first_elsewhere_s, last_here_s, lost_probes" },
	{ "Operation", "text", "string", "one sentence about the present state" },
	{ "Operation", "progress", "array", "number, hold, evidence and shift of each PoP" },
	{ "Plan", "op", "@Operation", "the operation that it is or will be" },
	{ "Plan", "bytes", "string", "canonical bytes: what a prompt draws and the hash is over" },
	{ "Plan", "hash", "string", "SHA-256 of the bytes" },
	{ "Plan", "typed", "string", "what must be typed to confirm" },
	{ "Plan", "expires_s", "number", "seconds left to confirm" },
	{ "Plan", "actor", "object", "state: connecting, ready or refused; and a sentence" },
	{ "Hold", "id", "string", "of the hold" },
	{ "Hold", "pop", "string", "that it keeps from announcing" },
	{ "Hold", "owner", "string", "account" },
	{ "Hold", "kind", "string", "maintenance, incident, health, drill or automation" },
	{ "Hold", "reason", "string", "as given" },
	{ "Hold", "ticket", "string|null", "as given" },
	{ "Hold", "created", "string", "when" },
	{ "Hold", "expires", "string|null", "end of its lease" },
	{ "Hold", "auto_undrain", "boolean", "undrain by itself at the end of the lease" },
	{ "Hold", "op", "string|null", "the operation that added it" },
	{ "Whoami", "account", "string", "name" },
	{ "Whoami", "roles", "string", "its roles" },
	{ "Whoami", "method", "string", "uid, token or certificate" },
	{ "Whoami", "may", "object", "plan, act, approve, admin: true or false" },
	{ "Whoami", "acting", "boolean", "false: the ledger takes no records" },
	{ "Whoami", "why_not", "string|null", "a sentence" },
	{ "Whoami", "sitting", "string|null", "the sitting that the request named, or that was begun" },
	{ "Whoami", "lapses_s", "number|null", "seconds until its rights to act lapse if no key is pressed" },
	{ "Whoami", "lapsed", "string|null", "a sentence: they have lapsed, and how to get them back" },
	{ "Grant", "name", "string", "of the user or token" },
	{ "Grant", "known_by", "string", "uid, or the first digits of the SHA-256 of its token or certificate" },
	{ "Grant", "role", "string", "observer, operator, approver or admin" },
	{ "Grant", "pops", "array", "where; all when empty" },
	{ "Grant", "person", "string|null", "who stands behind it, where the name does not say" },
	{ "Grant", "expires", "string|null", "from when on it is void" },
	{ "Grant", "last_used", "string|null", "since the start of the backend; null: not since then" },
	{ "Asked", "asked", "boolean", "false when the last such request was less than a second ago" },
	{ "Reloaded", "reloaded", "boolean", "true" },
	{ "Reloaded", "revision", "integer", "of the fleet now" },
	{ "Status", "status", "string", "alive or ready" },
	{ "Status", "version", "string", "of the backend" },
	{ "OpenApi", "openapi", "string", "version of OpenAPI" },
	{ "OpenApi", "info", "object", "title and version" },
	{ "OpenApi", "paths", "object", "the routes" },
};
#define N_FIELDS (sizeof fields / sizeof *fields)

static void
put_reference(struct json_writer *w, struct slice name)
{
	char path[96];
	snprintf(path, sizeof path, "#/components/schemas/%.*s", (int)name.len, name.data);
	json_put_text(w, "$ref", path);
}

/* "Pop" or "Pop[]" */
static void
write_reference(struct json_writer *w, const char *schema)
{
	size_t len = strcspn(schema, "[");
	bool is_array = schema[len] == '[';
	json_begin_object(w);
	if (is_array) {
		json_put_text(w, "type", "array");
		json_key(w, "items");
		json_begin_object(w);
	}
	put_reference(w, (struct slice){ schema, len });
	if (is_array)
		json_end_object(w);
	json_end_object(w);
}

static void
write_field(struct json_writer *w, const struct field *f)
{
	json_key(w, f->key);
	if (f->type[0] == '@') {
		write_reference(w, f->type + 1);
		return;
	}
	size_t len = strcspn(f->type, "|");
	json_begin_object(w);
	json_key(w, "type");
	if (f->type[len] == '|')
		json_begin_array(w);
	json_add_slice(w, (struct slice){ f->type, len });
	if (f->type[len] == '|') {
		json_add_text(w, f->type + len + 1);
		json_end_array(w);
	}
	json_put_text(w, "description", f->words);
	json_end_object(w);
}

static void
write_schemas(struct json_writer *w)
{
	json_begin_object(w);
	for (size_t i = 0; i < N_FIELDS;) {
		const char *schema = fields[i].schema;
		json_key(w, schema);
		json_begin_object(w);
		json_put_text(w, "type", "object");
		json_key(w, "properties");
		json_begin_object(w);
		for (; i < N_FIELDS && strcmp(fields[i].schema, schema) == 0; i++)
			write_field(w, &fields[i]);
		json_end_object(w);
		json_end_object(w);
	}
	json_end_object(w);
}

static void
write_parameter(struct json_writer *w, const char *where, struct slice name)
{
	json_begin_object(w);
	json_key(w, "name");
	json_add_slice(w, name);
	json_put_text(w, "in", where);
	json_put_bool(w, "required", strcmp(where, "path") == 0);
	json_key(w, "schema");
	json_begin_object(w);
	json_put_text(w, "type", "string");
	json_end_object(w);
	json_end_object(w);
}

static void
write_parameters(struct json_writer *w, const struct route *r)
{
	json_key(w, "parameters");
	json_begin_array(w);
	for (const char *p = strchr(r->pattern, '{'); p; p = strchr(p + 1, '{'))
		write_parameter(w, "path", (struct slice){ p + 1, strcspn(p + 1, "}") });
	for (size_t i = 0; r->query && r->query[i]; i++)
		write_parameter(w, "query", slice_of(r->query[i]));
	json_end_array(w);
}

static void
write_content(struct json_writer *w, const char *type, const char *schema)
{
	json_key(w, "content");
	json_begin_object(w);
	json_key(w, type);
	json_begin_object(w);
	if (schema) {
		json_key(w, "schema");
		write_reference(w, schema);
	}
	json_end_object(w);
	json_end_object(w);
}

static void
write_responses(struct json_writer *w, const struct route *r)
{
	json_key(w, "responses");
	json_begin_object(w);
	json_key(w, r->schema && strcmp(r->schema, "Asked") == 0 ? "202" : "200");
	json_begin_object(w);
	json_put_text(w, "description", r->summary);
	if (r->is_stream)
		write_content(w, "text/event-stream", NULL);
	else if (r->schema)
		write_content(w, "application/json", r->schema);
	else
		write_content(w, "text/plain", NULL);
	json_end_object(w);
	json_key(w, "default");
	json_begin_object(w);
	json_put_text(w, "description", "an error (RFC 9457)");
	write_content(w, "application/problem+json", "Problem");
	json_end_object(w);
	json_end_object(w);
}

/* "GET" + "/v1/pops/{pop}" -> "get_v1_pops_pop" */
static void
put_operation_id(struct json_writer *w, const struct route *r)
{
	char id[96];
	size_t n = 0;
	for (const char *p = r->method; *p && n + 1 < sizeof id; p++)
		id[n++] = (char)(*p | 0x20);
	for (const char *p = r->pattern; *p && n + 1 < sizeof id; p++) {
		if (*p != '{' && *p != '}')
			id[n++] = *p == '/' || *p == '.' ? '_' : *p;
	}
	id[n] = '\0';
	json_put_text(w, "operationId", id);
}

static void
write_operation(struct json_writer *w, const struct route *r)
{
	char method[8];
	snprintf(method, sizeof method, "%s", r->method);
	for (char *p = method; *p; p++)
		*p = (char)(*p | 0x20);
	json_key(w, method);
	json_begin_object(w);
	put_operation_id(w, r);
	json_put_text(w, "summary", r->summary);
	char roles[64];
	auth_may_text(r->may, roles, sizeof roles);
	json_put_text(w, "x-role", roles);
	write_parameters(w, r);
	write_responses(w, r);
	json_end_object(w);
}

static void
write_paths(const struct route *routes, size_t n, struct json_writer *w)
{
	json_begin_object(w);
	for (size_t i = 0; i < n; i++) {
		size_t first = 0;
		while (strcmp(routes[first].pattern, routes[i].pattern) != 0)
			first++;
		if (first < i)
			continue;
		json_key(w, routes[i].pattern);
		json_begin_object(w);
		for (size_t k = i; k < n; k++) {
			if (strcmp(routes[k].pattern, routes[i].pattern) == 0)
				write_operation(w, &routes[k]);
		}
		json_end_object(w);
	}
	json_end_object(w);
}

void
openapi_write(const struct route *routes, size_t n, struct json_writer *w)
{
	json_begin_object(w);
	json_put_text(w, "openapi", "3.1.0");
	json_key(w, "info");
	json_begin_object(w);
	json_put_text(w, "title", "Catchment");
	json_put_text(w, "version", CATCHMENT_VERSION);
	json_put_text(w, "summary", "The state of an anycast fleet. This version shows and does not act.");
	json_end_object(w);
	json_key(w, "paths");
	write_paths(routes, n, w);
	json_key(w, "components");
	json_begin_object(w);
	json_key(w, "schemas");
	write_schemas(w);
	json_end_object(w);
	json_end_object(w);
}
