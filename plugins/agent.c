/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver for nodes that speak our own JSON: one page, GET /v1/node, with all that we want to know of a node. For
 * fleets with daemons we have no driver for, for scripts behind a small web server, and for the simulated fleets of the
 * demonstration and the benchmark. docs/agent.md describes the page, docs/agent.schema.json defines it.
 *
 * The page is a report (core/report.h) with a version in front. Since another team writes it, it is read strictly: the
 * sections it says it has must be there, every known field must have its type, every word must be one of the listed; a
 * page with one mistake is refused whole, so that a half-right agent is noticed on its first day. Fields we do not know
 * are counted and left alone. Ranges, prefixes and list lengths are report_read_json's business.
 */
#include <string.h>

#include "core/text.h"
#include "plugins/drivers.h"
#include "plugins/json_body.h"
#include "plugins/verbs.h"

#define AGENT_VERSION 1
#define PAGE          "/v1/node"
#define GIVES \
	(REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS | REPORT_RIB | REPORT_DNS | REPORT_ZONES | REPORT_ANSWERS | \
		REPORT_VERSIONS | REPORT_HEALTH | REPORT_IDENTITY | REPORT_CAPACITY | REPORT_CLOCK)

static const char *const tri_words[] = { "yes", "no", "unknown", NULL };
static const char *const admin_words[] = { "up", "down", "unknown", NULL };
static const char *const family_words[] = { "ipv4", "ipv6", NULL };
static const char *const direction_words[] = { "none", "sent", "received", "local", NULL };

static const struct json_field page_fields[] = {
	{ "agent", JSON_INT, true, NULL },
	{ "node", JSON_STRING, false, NULL },
	{ "sections", JSON_ARRAY, true, NULL },
	{ "sessions", JSON_ARRAY, false, NULL },
	{ "exports", JSON_ARRAY, false, NULL },
	{ "origins", JSON_ARRAY, false, NULL },
	{ "rib", JSON_ARRAY, false, NULL },
	{ "dns", JSON_OBJECT, false, NULL },
	{ "zones", JSON_ARRAY, false, NULL },
	{ "answers", JSON_ARRAY, false, NULL },
	{ "versions", JSON_OBJECT, false, NULL },
	{ "healthy", JSON_STRING, false, tri_words },
	{ "health_text", JSON_STRING, false, NULL },
	{ "identity", JSON_STRING, false, NULL },
	{ "capacity_qps", JSON_DOUBLE, false, NULL },
	{ "clock_s", JSON_INT, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field session_fields[] = {
	{ "name", JSON_STRING, true, NULL },
	{ "peer", JSON_STRING, true, NULL },
	{ "description", JSON_STRING, false, NULL },
	{ "peer_asn", JSON_INT, false, NULL },
	{ "local_asn", JSON_INT, false, NULL },
	{ "families", JSON_ARRAY, false, NULL },
	{ "state", JSON_STRING, true, NULL },
	{ "admin_state", JSON_STRING, false, admin_words },
	{ "since_s", JSON_INT, false, NULL },
	{ "received", JSON_INT, false, NULL },
	{ "accepted", JSON_INT, false, NULL },
	{ "advertised", JSON_INT, false, NULL },
	{ "hold_s", JSON_INT, false, NULL },
	{ "bfd_up", JSON_STRING, false, tri_words },
	{ "has_password", JSON_STRING, false, tri_words },
	{ "last_error", JSON_OBJECT, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field last_error_fields[] = {
	{ "text", JSON_STRING, false, NULL },
	{ "code", JSON_INT, false, NULL },
	{ "subcode", JSON_INT, false, NULL },
	{ "message", JSON_STRING, false, NULL },
	{ "direction", JSON_STRING, false, direction_words },
	{ "age_s", JSON_INT, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field export_fields[] = {
	{ "session", JSON_STRING, true, NULL },
	{ "family", JSON_STRING, true, family_words },
	{ "known", JSON_BOOL, true, NULL },
	{ "routes", JSON_ARRAY, true, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field route_fields[] = {
	{ "prefix", JSON_STRING, true, NULL },
	{ "gshut", JSON_STRING, false, tri_words },
	{ "prepends", JSON_INT, false, NULL },
	{ "communities", JSON_STRING, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field origin_fields[] = {
	{ "prefix", JSON_STRING, false, NULL },
	{ "by", JSON_STRING, true, NULL },
	{ "enabled", JSON_BOOL, true, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field rib_fields[] = {
	{ "prefix", JSON_STRING, true, NULL },
	{ "paths", JSON_INT, true, NULL },
	{ "peers", JSON_STRING, false, NULL },
	{ "best", JSON_STRING, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field dns_fields[] = {
	{ "queries", JSON_INT, false, NULL },
	{ "uptime_s", JSON_INT, false, NULL },
	{ "qps", JSON_DOUBLE, false, NULL },
	{ "latency_s", JSON_DOUBLE, false, NULL },
	{ "rcodes", JSON_OBJECT, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field zone_fields[] = {
	{ "name", JSON_STRING, true, NULL },
	{ "serial", JSON_INT, false, NULL },
	{ "state", JSON_STRING, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

static const struct json_field answer_fields[] = {
	{ "vantage", JSON_STRING, true, NULL },
	{ "target", JSON_STRING, true, NULL },
	{ "service", JSON_STRING, false, NULL },
	{ "answered", JSON_STRING, true, tri_words },
	{ "rcode", JSON_STRING, false, NULL },
	{ "rtt_us", JSON_INT, false, NULL },
	{ "identity", JSON_STRING, false, NULL },
	{ "serial", JSON_INT, false, NULL },
	{ "error", JSON_STRING, false, NULL },
	{ NULL, JSON_NULL, false, NULL },
};

/* What must stand in the page when a section is stated. */
static const struct {
	const char *section, *key;
	const struct json_field *items; /* of each item of a list, or of the object; NULL: any */
} sections[] = {
	{ "sessions", "sessions", session_fields },
	{ "exports", "exports", export_fields },
	{ "origins", "origins", origin_fields },
	{ "rib", "rib", rib_fields },
	{ "dns", "dns", dns_fields },
	{ "zones", "zones", zone_fields },
	{ "answers", "answers", answer_fields },
	{ "versions", "versions", NULL },
	{ "health", "healthy", NULL },
	{ "identity", "identity", NULL },
	{ "capacity", "capacity_qps", NULL },
	{ "clock", "clock_s", NULL },
};

#define N_SECTIONS (sizeof sections / sizeof sections[0])

static int check_list(const struct json *list, const char *key, const struct json_field *fields, size_t *extras,
	struct err *err);

/* What hangs below an item that is itself a list or an object. */
static int
check_below(const struct json *item, const struct json_field *fields, size_t *extras, struct err *err)
{
	if (fields == export_fields)
		return check_list(json_get(item, "routes"), "routes", route_fields, extras, err);
	if (fields != session_fields)
		return 0;
	if (json_slice(json_get(item, "name")).len == 0)
		return err_set(err, ERR_BAD_REPLY, "name: is empty");
	const struct json *families = json_get(item, "families");
	for (size_t i = 0; i < json_length(families); i++) {
		const char *word = json_text(json_at(families, i), "");
		if (strcmp(word, "ipv4") != 0 && strcmp(word, "ipv6") != 0)
			return err_set(err, ERR_BAD_REPLY, "families: only 'ipv4' and 'ipv6' are allowed");
	}
	const struct json *last = json_get(item, "last_error");
	if (json_kind(last) != JSON_OBJECT)
		return 0;
	if (json_body_check(last, last_error_fields, extras, err) == -1)
		return err_wrap(err, "last_error");
	return 0;
}

static int
check_list(const struct json *list, const char *key, const struct json_field *fields, size_t *extras, struct err *err)
{
	for (size_t i = 0; i < json_length(list); i++) {
		const struct json *item = json_at(list, i);
		if (json_kind(item) != JSON_OBJECT)
			return err_set(err, ERR_BAD_REPLY, "%s[%zu]: is %s, an object is wanted", key, i,
				json_kind_name(json_kind(item)));
		if (json_body_check(item, fields, extras, err) == -1 || check_below(item, fields, extras, err) == -1)
			return err_wrap(err, "%s[%zu]", key, i);
	}
	return 0;
}

static int
check_versions(const struct json *versions, struct err *err)
{
	struct json_iter it = json_iter_start(versions);
	const char *what;
	const struct json *version;
	while (json_iter_next(&it, &what, &version))
		if (json_kind(version) != JSON_STRING)
			return err_set(err, ERR_BAD_REPLY, "versions: each version must be a string");
	return 0;
}

static int
check_section(const struct json *page, const char *name, size_t *extras, struct err *err)
{
	size_t i = 0;
	while (i < N_SECTIONS && strcmp(sections[i].section, name) != 0)
		i++;
	if (i == N_SECTIONS) {
		(*extras)++;
		return 0;
	}
	const struct json *value = json_get(page, sections[i].key);
	bool may_be_null = strcmp(name, "identity") == 0 || strcmp(name, "capacity") == 0;
	if (!value && !may_be_null)
		return err_set(err, ERR_BAD_REPLY, "%s: is missing, although 'sections' states '%s'", sections[i].key, name);
	if (json_kind(value) == JSON_NULL && !may_be_null)
		return err_set(err, ERR_BAD_REPLY, "%s: is null, although 'sections' states '%s'", sections[i].key, name);
	if (!sections[i].items)
		return strcmp(name, "versions") == 0 ? check_versions(value, err) : 0;
	if (json_kind(value) == JSON_ARRAY)
		return check_list(value, sections[i].key, sections[i].items, extras, err);
	if (json_body_check(value, sections[i].items, extras, err) == -1)
		return err_wrap(err, "%s", sections[i].key);
	return 0;
}

static int
check_page(const struct json *page, size_t *extras, struct err *err)
{
	int64_t version;
	if (json_need_int(page, "agent", 0, INT32_MAX, &version, err) == -1)
		return -1;
	if (version != AGENT_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "the agent speaks version %lld of its page, version %d is read here",
			(long long)version, AGENT_VERSION);
	if (json_body_check(page, page_fields, extras, err) == -1)
		return -1;
	const struct json *stated = json_get(page, "sections");
	for (size_t i = 0; i < json_length(stated); i++) {
		const struct json *name = json_at(stated, i);
		if (json_kind(name) != JSON_STRING)
			return err_set(err, ERR_BAD_REPLY, "sections[%zu]: is %s, a string is wanted", i,
				json_kind_name(json_kind(name)));
		if (check_section(page, json_text(name, ""), extras, err) == -1)
			return -1;
	}
	return 0;
}

static int
node_ask(const struct node *node, struct request *out, struct err *err)
{
	const char *url = node->conf ? node->conf->agent_url : NULL;
	if (!url)
		return err_set(err, ERR_USAGE, "node %s has no agent URL", node->name);
	/* asked in every poll of every agent: by hand, a printf is 1,500 instructions */
	size_t len = strlen(url);
	char *path = arena_alloc(out->arena, len + sizeof PAGE);
	memcpy(path, url, len);
	memcpy(path + len, PAGE, sizeof PAGE);
	request_set_path(out, path);
	return 0;
}

static int
node_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct json_doc *doc = json_body_open(reply, err);
	if (!doc)
		return err_wrap(err, "agent");
	size_t extras = 0;
	const struct json *page = json_root(doc);
	int rc = check_page(page, &extras, err);
	if (rc == 0)
		rc = report_read_json(page, out, err);
	if (rc == 0 && out->sections == 0)
		rc = err_set(err, ERR_BAD_REPLY, "sections: states nothing that is known here");
	out->extras = extras;
	json_doc_free(doc);
	return rc == 0 ? 0 : err_wrap(err, "agent");
}

/* ---- drain and undrain: the agent does it, POST /v1/act of docs/agent.md ---- */

/* What it would announce is not seen while no session is Established: then it is taken for the other end of the way. */
static enum announced
agent_state(const struct node *node, const struct target *t)
{
	if (report_has_session(node->facts, FAMILY_V4) || report_has_session(node->facts, FAMILY_V6))
		return verbs_state(node->facts, t);
	return t->goal == ANNOUNCED_YES ? ANNOUNCED_WITHDRAWN : ANNOUNCED_YES;
}

static bool
is_everywhere(const struct report *r, const struct target *t)
{
	for (size_t i = 0; i < t->n_prefixes; i++)
		if (!report_is_everywhere(r, &t->prefixes[i]))
			return false;
	return true;
}

static int
agent_plan(const struct node *node, const struct target *target, struct steps *out, struct err *err)
{
	static const char *const asks[] = {
		[ANNOUNCED_YES] = "announce", [ANNOUNCED_WITHDRAWN] = "withdraw", [ANNOUNCED_PREFER_AWAY] = "prefer-away",
	};
	if (verbs_check_facts(node, 0, err) == -1)
		return -1;
	if (node->conf && node->conf->agent_url && !node->conf->act_token)
		return err_set(err, ERR_UNSUPPORTED, "the agent of %s takes no orders without a token: give `act_token: FILE` in fleet.yaml",
			node->name);
	if (target->n_prefixes == 0)
		return 0;
	enum announced was = agent_state(node, target);
	if (was == ANNOUNCED_UNKNOWN)
		return err_set(err, ERR_STALE, "the agent of %s does not say what is on the wire of an Established session", node->name);
	/* not was == goal: one prefix or session of several may be behind */
	if (was == target->goal && (target->goal != ANNOUNCED_YES || is_everywhere(node->facts, target)))
		return 0;
	struct step *s = verbs_add_step(out, STEP_HTTP, arena_printf(out->arena, "ask the agent to %s %s", asks[target->goal],
		verbs_count_text(out->arena, &target->prefixes[0], target->n_prefixes)), err);
	if (!s)
		return -1;
	s->apply.goal = target->goal;
	/* a withdrawal goes back to announced, also from halfway: driver.h */
	s->undo.goal = target->goal == ANNOUNCED_WITHDRAWN ? ANNOUNCED_YES : was;
	return 0;
}

static const struct verb verbs[] = {
	{ "drain", agent_plan, verbs_settled },
	{ "undrain", agent_plan, verbs_settled },
	{ NULL },
};

static const struct probe probes[] = {
	{ .name = "node", .pace = PACE_FAST, .gives = GIVES, .ask = node_ask, .read = node_read },
	{ .name = NULL },
};

const struct driver driver_agent = {
	.name = "agent",
	.title = "Agent: our JSON over HTTP",
	.roles = DRIVER_AGENT,
	.needs_url = true,
	.probes = probes,
	.verbs = verbs,
};
