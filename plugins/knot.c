/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of Knot DNS, through `knotc`. Read from Knot 3.2.6 of Debian 12:
 *
 *   stats   knotc stats: counters of mod-stats since the daemon's start
 *   zones   knotc zone-status: serials
 *   status  knotc status, knotc status version: that the daemon runs, and which
 *
 * Counters exist only with mod-stats configured as a global module; without it the reply holds the number of zones and
 * the rest is unknown. Counters at zero are not printed: any counter of the module proves that the module is there, and
 * then a missing one is 0. There is no uptime, so a restart shows as a falling counter. "Running" is what the control
 * socket says and no proof that queries are answered, so health stays unknown with that word as text. `knotc conf-read`
 * prints keys and is never asked; its output is refused unquoted.
 */
#include <string.h>

#include "core/text.h"
#include "plugins/drivers.h"
#include "plugins/refusal.h"

#define TOOL      "knotc"
#define COUNT_MAX INT64_MAX

static const struct refusal knot_words[] = {
	{ "operation not permitted", ERR_DENIED, "the account may not read Knot, it must be a member of the group knot" },
	{ "Permission denied", ERR_DENIED, "the account may not read Knot, it must be a member of the group knot" },
	{ "permission denied", ERR_DENIED, "the account may not read Knot, it must be a member of the group knot" },
	{ "failed to connect to socket", ERR_NOT_RUNNING, "Knot is not running" },
	{ "connection refused", ERR_NOT_RUNNING, "Knot is not running" },
	{ "invalid command", ERR_UNSUPPORTED, "this Knot does not know the command" },
	{ "invalid parameter", ERR_UNSUPPORTED, "this Knot does not know the command" },
	{ "(not exists)", ERR_UNSUPPORTED, "Knot has no such statistics" },
	{ "no such zone found", ERR_NOT_FOUND, "Knot has no such zone" },
	{ "connection timeout", ERR_TIMEOUT, "Knot's control socket does not answer" },
	{ NULL, ERR_OK, NULL },
};

static int
ask(const struct node *node, struct request *out, const char *tag, const char *command, const char *argument,
	struct err *err)
{
	const char *socket = node->conf ? node->conf->dns.socket : NULL;
	const char *argv[6] = { TOOL };
	size_t n = 1;
	if (socket) {
		argv[n++] = "-s";
		argv[n++] = socket;
	}
	argv[n++] = command;
	if (argument)
		argv[n++] = argument;
	if (request_add_argv(out, tag, argv, n) == -1)
		return err_set(err, ERR_TOO_LARGE, TOOL ": more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

static int
refuse(const struct reply_part *part, struct err *err)
{
	return refusal_explain(part, TOOL, knot_words, err);
}

static int
check_part(const struct reply_part *part, struct err *err)
{
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (part->out.len == 0 || slice_starts(part->out, "error:") || part->status > 0)
		return refuse(part, err);
	return refusal_check_whole(part->out, TOOL, err);
}

/* What begins wrongly is another answer, perhaps a refusal in words; what ends wrongly is a broken one. */
static bool
is_first_line(const struct reply_part *part, struct slice line)
{
	return line.data == part->out.data;
}

/* ---- stats ---- */

static int
stats_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, out, "stats", "stats", NULL, err);
}

/* "mod-stats.response-code[NXDOMAIN] = 3" into "mod-stats.response-code", "NXDOMAIN" and 3. Everything in the reply is a
 * counter of the server or of a module; a line that is none is refused. */
static int
split_counter(struct slice line, struct slice *name, struct slice *item, int64_t *count)
{
	const char *equals = memmem(line.data, line.len, " = ", 3);
	if (!equals || !(slice_starts(line, "server.") || slice_starts(line, "mod-") || slice_starts(line, "zone.")))
		return -1;
	struct slice value = { equals + 3, (size_t)(line.data + line.len - equals - 3) };
	*name = (struct slice){ line.data, (size_t)(equals - line.data) };
	*item = (struct slice){ "", 0 };
	const char *open = memchr(name->data, '[', name->len);
	if (open && name->data[name->len - 1] != ']')
		return -1;
	if (open) {
		*item = (struct slice){ open + 1, (size_t)(equals - open - 2) };
		name->len = (size_t)(open - name->data);
	}
	return text_parse_int(value, 0, COUNT_MAX, count);
}

static void
add_rcode(struct report *out, struct slice name, int64_t count)
{
	struct rcode_fact *f = report_add_rcode(out);
	const char *text = report_text(out, name);
	if (f) {
		f->name = text ? text : "";
		f->count = count;
	} else {
		out->extras++;
	}
}

static int
stats_line(struct report *out, struct slice line, struct err *err)
{
	struct slice name, item;
	int64_t count;
	if (split_counter(line, &name, &item, &count) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": a line of the statistics is not a counter");
	if (slice_equal(name, "mod-stats.response-code"))
		add_rcode(out, item, count);
	else if (slice_equal(name, "mod-stats.server-operation") && slice_equal(item, "query"))
		out->dns.queries = count;
	return 0;
}

static int
stats_read(const struct reply *reply, struct report *out, struct err *err)
{
	bool has_module = false, has_server = false;
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, line;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while (slice_next_line(&rest, &line)) {
			has_module = has_module || slice_starts(line, "mod-stats.");
			has_server = has_server || slice_starts(line, "server.");
			if (stats_line(out, line, err) == -1)
				return is_first_line(&reply->parts[i], line) ? refuse(&reply->parts[i], err) : -1;
		}
	}
	if (!has_module && !has_server)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the reply holds no counters");
	/* a part of the counters ("knotc stats mod-stats.response-code") proves nothing about the others */
	if (has_module && has_server && out->dns.queries == -1)
		out->dns.queries = 0;
	out->sections |= REPORT_DNS;
	return 0;
}

/* ---- zones ---- */

static int
zones_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, out, "zones", "zone-status", NULL, err);
}

/* "[anycast.example.] role: slave | serial: 2024010101 | refresh: +48m49s | expiration: +6D23h48m49s" */
static int
zone_line(struct report *out, struct slice line, struct err *err)
{
	const char *close = memmem(line.data, line.len, "] role: ", 8);
	const char *serial = memmem(line.data, line.len, "| serial: ", 10);
	if (line.data[0] != '[' || !close || !serial || serial < close)
		return err_set(err, ERR_BAD_REPLY, TOOL ": a line of the zone status is not a zone");
	struct slice name = { line.data + 1, (size_t)(close - line.data - 1) };
	struct slice role = { close + 8, (size_t)(serial - close - 8) };
	struct slice rest = { serial + 10, (size_t)(line.data + line.len - serial - 10) }, number;
	struct zone_fact *z = report_add_zone(out);
	if (!z) {
		out->extras++;
		return 0;
	}
	const char *text = report_text(out, name);
	z->name = text ? text : "";
	z->state = report_text(out, slice_trim(role));
	/* "-" and "none" stand for a zone that is not loaded */
	if (slice_next_word(&rest, &number) && !slice_equal(number, "-") && !slice_equal(number, "none") &&
		text_parse_int(number, 0, UINT32_MAX, &z->serial) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the serial of a zone is not a number");
	return 0;
}

static int
zones_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, line;
		/* a server without zones prints nothing, with status 0 */
		if (rest.len == 0 && reply->parts[i].status == 0 && reply->parts[i].err.len == 0)
			continue;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while (slice_next_line(&rest, &line))
			if (line.len > 0 && !slice_equal(line, "OK") && zone_line(out, line, err) == -1)
				return is_first_line(&reply->parts[i], line) ? refuse(&reply->parts[i], err) : -1;
	}
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	out->sections |= REPORT_ZONES;
	return 0;
}

/* ---- status ---- */

static int
status_ask(const struct node *node, struct request *out, struct err *err)
{
	if (ask(node, out, "status", "status", NULL, err) == -1)
		return -1;
	return ask(node, out, "version", "status", "version", err);
}

static int
status_line(struct report *out, struct slice line, struct err *err)
{
	struct slice rest = line, word;
	if (slice_equal(line, "Running")) {
		out->health_text = report_text(out, line);
		out->sections |= REPORT_HEALTH;
	} else if (slice_starts(line, "Version: ") && slice_next_word(&rest, &word) && slice_next_word(&rest, &word)) {
		report_add_version(out, "knot", word);
		out->sections |= REPORT_VERSIONS;
	} else {
		return err_set(err, ERR_BAD_REPLY, TOOL ": printed something that is not the answer to this question");
	}
	return 0;
}

static int
status_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, line;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while (slice_next_line(&rest, &line))
			if (status_line(out, line, err) == -1)
				return is_first_line(&reply->parts[i], line) ? refuse(&reply->parts[i], err) : -1;
	}
	if (out->sections == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	return 0;
}

static const struct probe probes[] = {
	{ "stats", PACE_FAST, REPORT_DNS, stats_ask, stats_read },
	{ "zones", PACE_NORMAL, REPORT_ZONES, zones_ask, zones_read },
	{ "status", PACE_SLOW, REPORT_VERSIONS | REPORT_HEALTH, status_ask, status_read },
	{ NULL },
};

const struct driver driver_knot = {
	.name = "knot",
	.title = "Knot DNS",
	.roles = DRIVER_DNS,
	.probes = probes,
};
