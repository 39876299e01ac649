/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of BIND 9, through its statistics channel. Read from named 9.18.49 of Debian 12:
 *
 *   server  /json/v1/server: counters since the start, version, the daemon's clock (2.7 kB; /json/v1 is far larger)
 *   zones   /json/v1/zones: serials
 *
 * The channel has no password, so most fleets bind it to 127.0.0.1. With a `url` in fleet.yaml it is asked over HTTP;
 * without one, curl is run on the node over SSH for http://127.0.0.1:8053. Both give the same page.
 *
 * Counters at zero are left out by BIND in some groups and printed in others: we leave them out everywhere. Queries are
 * opcodes.QUERY, which a NOTIFY does not raise (nsstats.Requestv4 counts both). There is no health in these pages: a
 * daemon that serves them runs, whether it answers is asked from outside. `rndc` is never used: it needs a key.
 */
#include <string.h>

#include "core/clock.h"
#include "plugins/drivers.h"
#include "plugins/json_body.h"

#define LOCAL_URL "http://127.0.0.1:8053"
#define COUNT_MAX INT64_MAX

static int
ask(const struct node *node, const char *page, struct request *out, struct err *err)
{
	const char *url = node->conf ? node->conf->dns.url : NULL;
	if (url) {
		request_set_path(out, arena_printf(out->arena, "%s%s", url, page));
		return 0;
	}
	const char *local = arena_printf(out->arena, LOCAL_URL "%s", page);
	/* -f: a status from 400 on is an error with its number on standard error; -g: no globbing of the URL */
	if (request_add_command(out, "", "curl", "-gsSf", "--noproxy", "*", "-m", "2", "--max-filesize", "1048576", local,
			NULL) == -1)
		return err_set(err, ERR_TOO_LARGE, "more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

/* The page's head, the same on all of them; sets when it was made. */
static int
check_page(const struct json *page, struct wall *now, struct err *err)
{
	static const struct json_field fields[] = {
		{ "json-stats-version", JSON_STRING, true, NULL },
		{ "boot-time", JSON_STRING, true, NULL },
		{ "current-time", JSON_STRING, true, NULL },
		{ NULL, JSON_NULL, false, NULL },
	};
	size_t extras = 0;
	if (json_body_check(page, fields, &extras, err) == -1)
		return -1;
	const struct json *version = json_get(page, "json-stats-version");
	if (!slice_starts(json_slice(version), "1."))
		return err_set(err, ERR_UNSUPPORTED, "json-stats-version: '%.16s', only 1.x is read here", json_text(version, ""));
	if (wall_parse(json_text(json_get(page, "current-time"), ""), now) == -1)
		return err_set(err, ERR_BAD_REPLY, "current-time: is no time");
	return 0;
}

static const struct json *
open_page(const struct reply *reply, struct json_doc **doc, struct wall *now, struct err *err)
{
	*doc = json_body_open(reply, err);
	if (!*doc)
		return NULL;
	const struct json *page = json_root(*doc);
	return check_page(page, now, err) == 0 ? page : NULL;
}

/* ---- server ---- */

static int
server_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, "/json/v1/server", out, err);
}

static int
read_rcodes(const struct json *rcodes, struct report *out, struct err *err)
{
	struct json_iter it = json_iter_start(rcodes);
	const char *name;
	const struct json *count;
	while (json_iter_next(&it, &name, &count)) {
		int64_t n = json_int(count, -1);
		if (json_kind(count) != JSON_INT || n < 0)
			return err_set(err, ERR_BAD_REPLY, "rcodes: a count is no number from 0 on");
		if (n == 0)
			continue;
		struct rcode_fact *c = report_add_rcode(out);
		if (!c)
			return err_set(err, ERR_TOO_LARGE, "rcodes: more than fit");
		const char *clean = report_text(out, slice_of(name));
		c->name = clean ? clean : "";
		c->count = n;
	}
	return 0;
}

static int
read_server(const struct json *page, struct wall now, struct report *out, struct err *err)
{
	static const struct json_field fields[] = {
		{ "version", JSON_STRING, true, NULL },
		{ "opcodes", JSON_OBJECT, true, NULL },
		{ "rcodes", JSON_OBJECT, true, NULL },
		{ NULL, JSON_NULL, false, NULL },
	};
	size_t extras = 0;
	struct wall boot;
	if (json_body_check(page, fields, &extras, err) == -1)
		return -1;
	/* Left out when no query came yet? Printed with 0 by 9.18; a page without it is not this page. */
	if (json_need_int(json_get(page, "opcodes"), "QUERY", 0, COUNT_MAX, &out->dns.queries, err) == -1)
		return err_wrap(err, "opcodes");
	if (read_rcodes(json_get(page, "rcodes"), out, err) == -1)
		return -1;
	if (wall_parse(json_text(json_get(page, "boot-time"), ""), &boot) == -1)
		return err_set(err, ERR_BAD_REPLY, "boot-time: is no time");
	/* A clock that was set back since the start makes the difference meaningless: unknown, not negative. */
	if (now.ns >= boot.ns)
		out->dns.uptime_s = (now.ns - boot.ns) / CLOCK_NS_PER_S;
	out->clock_s = now.ns / CLOCK_NS_PER_S;
	report_add_version(out, "bind", json_slice(json_get(page, "version")));
	out->sections = REPORT_DNS | REPORT_VERSIONS | REPORT_CLOCK;
	return 0;
}

static int
server_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct json_doc *doc = NULL;
	struct wall now;
	const struct json *page = open_page(reply, &doc, &now, err);
	int rc = page ? read_server(page, now, out, err) : -1;
	json_doc_free(doc);
	return rc == 0 ? 0 : err_wrap(err, "BIND");
}

/* ---- zones ---- */

static int
zones_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, "/json/v1/zones", out, err);
}

/* {"name":"anycast.example","class":"IN","serial":2024010101,"type":"secondary","loaded":…,"expires":…} */
static int
read_zone(const struct json *zone, struct wall now, struct report *out, struct err *err)
{
	static const struct json_field fields[] = {
		{ "name", JSON_STRING, true, NULL },
		{ "class", JSON_STRING, true, NULL },
		{ "serial", JSON_INT, true, NULL },
		{ "type", JSON_STRING, false, NULL },
		{ "expires", JSON_STRING, false, NULL },
		{ NULL, JSON_NULL, false, NULL },
	};
	size_t extras = 0;
	if (json_kind(zone) != JSON_OBJECT)
		return err_set(err, ERR_BAD_REPLY, "is no object");
	if (json_body_check(zone, fields, &extras, err) == -1)
		return -1;
	if (strcmp(json_text(json_get(zone, "class"), ""), "IN") != 0 ||
		strcmp(json_text(json_get(zone, "type"), ""), "builtin") == 0)
		return 0;
	int64_t serial;
	if (json_need_int(zone, "serial", 0, UINT32_MAX, &serial, err) == -1)
		return -1;
	struct zone_fact *z = report_add_zone(out);
	if (!z) {
		out->extras++;
		return 0;
	}
	const char *name = report_text(out, json_slice(json_get(zone, "name")));
	struct wall expires;
	z->name = name ? name : ".";
	z->serial = serial;
	if (wall_parse(json_text(json_get(zone, "expires"), ""), &expires) == 0 && expires.ns <= now.ns)
		z->state = "expired";
	return 0;
}

static int
read_view(const char *name, const struct json *view, struct wall now, struct report *out, struct err *err)
{
	const struct json *zones = NULL;
	if (json_kind(view) != JSON_OBJECT)
		return err_set(err, ERR_BAD_REPLY, "views: a view is no object");
	if (json_need_array(view, "zones", 1000000, &zones, err) == -1)
		return err_wrap(err, "views");
	if (strcmp(name, "_bind") == 0)
		return 0;
	for (size_t i = 0; i < json_length(zones); i++)
		if (read_zone(json_at(zones, i), now, out, err) == -1)
			return err_wrap(err, "zones[%zu]", i);
	return 0;
}

static int
zones_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct json_doc *doc = NULL;
	struct wall now;
	const struct json *page = open_page(reply, &doc, &now, err), *views = NULL;
	int rc = page ? json_want_object(page, "views", &views, err) : -1;
	if (rc == 0 && !views)
		rc = err_set(err, ERR_BAD_REPLY, "views: is missing, this is not the page of zones");
	struct json_iter it = json_iter_start(views);
	const char *name;
	const struct json *view;
	while (rc == 0 && json_iter_next(&it, &name, &view))
		rc = read_view(name, view, now, out, err);
	out->sections = REPORT_ZONES;
	json_doc_free(doc);
	return rc == 0 ? 0 : err_wrap(err, "BIND");
}

static const struct probe probes[] = {
	{ .name = "server", .pace = PACE_FAST, .gives = REPORT_DNS | REPORT_VERSIONS | REPORT_CLOCK, .ask = server_ask,
	  .read = server_read },
	{ .name = "zones", .pace = PACE_SLOW, .gives = REPORT_ZONES, .ask = zones_ask, .read = zones_read },
	{ .name = NULL },
};

const struct driver driver_bind = {
	.name = "bind",
	.title = "BIND 9",
	.roles = DRIVER_DNS,
	.takes_url = true,
	.probes = probes,
	.verbs = NULL,
};
