/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of NSD, through `nsd-control`. Read from NSD 4.6.1 of Debian 12:
 *
 *   stats_noreset  counters since the daemon's start, and its uptime
 *   zonestatus     serials and states
 *   status         version
 *
 * `nsd-control stats` clears the counters and is never asked. If somebody else runs it they fall back to 0 while the
 * uptime goes on; the reader states what it sees. NOTIFYs count as queries. A zone's "state: ok" is no proof of health:
 * NSD said it while answering SERVFAIL (LAB finding), so health is left to the outside probe. `print_tsig` prints keys and
 * is never asked; its output is refused unquoted.
 *
 * nsd-control takes the address and the keys of its control channel from the server's configuration file. Its -s takes
 * an address only and always speaks TLS, so a control socket in the file system is reached by naming the configuration:
 * `socket` of a node is either a path, passed as -c, or ADDRESS[@PORT], passed as -s.
 */
#include <string.h>

#include "core/text.h"
#include "plugins/drivers.h"
#include "plugins/refusal.h"

#define TOOL           "nsd-control"
#define UPTIME_MAX     (INT64_C(1) << 40)
#define NOT_THE_ANSWER TOOL ": printed something that is not the answer to this question"

static const struct refusal nsd_words[] = {
	{ "Permission denied", ERR_DENIED, "the account may not read NSD's configuration or keys" },
	{ "Error setting up SSL_CTX", ERR_DENIED, "the account cannot read the control certificate" },
	{ "SSL handshake failed", ERR_CREDENTIAL, "NSD refused the control certificate" },
	{ "certificate verify failed", ERR_CREDENTIAL, "NSD refused the control certificate" },
	{ "Connection refused", ERR_NOT_RUNNING, "NSD is not running" },
	{ "nsd is stopped", ERR_NOT_RUNNING, "NSD is not running" },
	{ "No such file or directory", ERR_NOT_RUNNING, "NSD is not running" },
	{ "could not read config file", ERR_DENIED, "the account may not read NSD's configuration" },
	{ "error unknown command", ERR_UNSUPPORTED, "this NSD does not know the command" },
	{ "not configured", ERR_NOT_FOUND, "NSD has no such zone" },
	{ NULL, ERR_OK, NULL },
};

static int
ask(const struct node *node, struct request *out, const char *command, struct err *err)
{
	const char *socket = node->conf ? node->conf->dns.socket : NULL;
	const char *argv[4] = { TOOL };
	size_t n = 1;
	if (socket) {
		argv[n++] = socket[0] == '/' ? "-c" : "-s";
		argv[n++] = socket;
	}
	argv[n++] = command;
	if (request_add_argv(out, command, argv, n) == -1)
		return err_set(err, ERR_TOO_LARGE, TOOL ": more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

static int
refuse(const struct reply_part *part, struct err *err)
{
	return refusal_explain(part, TOOL, nsd_words, err);
}

static int
check_part(const struct reply_part *part, struct err *err)
{
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (part->out.len == 0 || part->status > 0 || slice_starts(part->out, "error") ||
		slice_starts(part->out, "nsd is stopped"))
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
	return ask(node, out, "stats_noreset", err);
}

/* Whole part of a decimal number such as "671.350473". */
static int
parse_seconds(struct slice text, int64_t *out)
{
	const char *dot = memchr(text.data, '.', text.len);
	struct slice whole = { text.data, dot ? (size_t)(dot - text.data) : text.len };
	for (const char *p = dot ? dot + 1 : text.data + text.len; p < text.data + text.len; p++)
		if (*p < '0' || *p > '9')
			return -1;
	return text_parse_int(whole, 0, UPTIME_MAX, out);
}

/* Refuses a value that is no number: every line of the reply is NAME=NUMBER. */
static int
stats_line(struct report *out, struct slice line, struct err *err)
{
	const char *equals = memchr(line.data, '=', line.len);
	if (!equals || memchr(line.data, ' ', line.len))
		return err_set(err, ERR_BAD_REPLY, TOOL ": a line of the statistics is not a counter");
	struct slice name = { line.data, (size_t)(equals - line.data) };
	struct slice value = { equals + 1, (size_t)(line.data + line.len - equals - 1) };
	int64_t count, seconds;
	if (parse_seconds(value, &seconds) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": a value of the statistics is not a number");
	if (slice_equal(name, "num.queries") || slice_starts(name, "num.rcode.")) {
		if (text_parse_int(value, 0, INT64_MAX, &count) == -1)
			return err_set(err, ERR_BAD_REPLY, TOOL ": a counter of the statistics is not a whole number");
		if (slice_equal(name, "num.queries")) {
			out->dns.queries = count;
			return 0;
		}
		name.data += strlen("num.rcode.");
		name.len -= strlen("num.rcode.");
		struct rcode_fact *f = report_add_rcode(out);
		const char *text = report_text(out, name);
		if (f)
			*f = (struct rcode_fact){ .name = text ? text : "", .count = count };
		else
			out->extras++;
	} else if (slice_equal(name, "time.boot")) {
		out->dns.uptime_s = seconds;
	}
	return 0;
}

/* The lines about zones come last; without them the reply was cut. */
static int
stats_read(const struct reply *reply, struct report *out, struct err *err)
{
	bool has_end = false;
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, line;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while (slice_next_line(&rest, &line)) {
			if (stats_line(out, line, err) == -1)
				return is_first_line(&reply->parts[i], line) ? refuse(&reply->parts[i], err) : -1;
			has_end = has_end || slice_starts(line, "zone.");
		}
	}
	if (out->dns.queries == -1 || out->dns.uptime_s == -1 || !has_end)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the statistics are not complete");
	out->sections |= REPORT_DNS;
	return 0;
}

/* ---- zones ---- */

static int
zones_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, out, "zonestatus", err);
}

/* "2024010101 since 2026-11-23T11:35:00" in quotes, or none */
static int
read_serial(struct slice text, struct zone_fact *z)
{
	struct slice word;
	if (!slice_next_word(&text, &word))
		return -1;
	if (slice_equal(word, "none"))
		return 0;
	if (word.data[0] != '"')
		return -1;
	word.data++;
	word.len--;
	return text_parse_int(word, 0, UINT32_MAX, &z->serial);
}

/* "zone:\tanycast.example", then tab-indented "state: ok", "served-serial: ..." */
static int
zone_line(struct report *out, struct zone_fact **zone, struct slice line, struct err *err)
{
	static const char zone_start[] = "zone:\t", state_start[] = "\tstate: ", serial_start[] = "\tserved-serial: ";
	struct slice rest = line;
	if (slice_starts(line, zone_start)) {
		rest.data += strlen(zone_start);
		rest.len -= strlen(zone_start);
		const char *name = report_text(out, slice_trim(rest));
		*zone = report_add_zone(out);
		if (!*zone)
			out->extras++;
		else
			(*zone)->name = name ? name : "";
		return 0;
	}
	if (line.data[0] != '\t')
		return err_set(err, ERR_BAD_REPLY, NOT_THE_ANSWER);
	if (!*zone)
		return out->extras > 0 ? 0 : err_set(err, ERR_BAD_REPLY, TOOL ": details of no zone");
	if (slice_starts(line, state_start)) {
		rest.data += strlen(state_start);
		rest.len -= strlen(state_start);
		(*zone)->state = report_text(out, slice_trim(rest));
	} else if (slice_starts(line, serial_start)) {
		rest.data += strlen(serial_start);
		rest.len -= strlen(serial_start);
		if (read_serial(rest, *zone) == -1)
			return err_set(err, ERR_BAD_REPLY, TOOL ": the serial of a zone is not a number");
	}
	return 0;
}

static int
zones_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct zone_fact *zone = NULL;
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, line;
		/* a server without zones prints nothing, with status 0 */
		if (rest.len == 0 && reply->parts[i].status == 0 && reply->parts[i].err.len == 0)
			continue;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while (slice_next_line(&rest, &line))
			if (line.len > 0 && !slice_equal(line, "ok") && zone_line(out, &zone, line, err) == -1)
				return is_first_line(&reply->parts[i], line) ? refuse(&reply->parts[i], err) : -1;
	}
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	if (zone && !zone->state)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the last zone has no state");
	out->sections |= REPORT_ZONES;
	return 0;
}

/* ---- status ---- */

static int
status_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask(node, out, "status", err);
}

/* "version: 4.6.1", then "verbosity: 1", "ratelimit: 200" */
static int
status_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = reply->parts[i].out, word;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		if (!slice_next_word(&rest, &word) || !slice_equal(word, "version:") || !slice_next_word(&rest, &word))
			return refuse(&reply->parts[i], err);
		report_add_version(out, "nsd", word);
	}
	if (out->n_versions == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	out->sections |= REPORT_VERSIONS;
	return 0;
}

static const struct probe probes[] = {
	{ "stats_noreset", PACE_FAST, REPORT_DNS, stats_ask, stats_read },
	{ "zonestatus", PACE_NORMAL, REPORT_ZONES, zones_ask, zones_read },
	{ "status", PACE_SLOW, REPORT_VERSIONS, status_ask, status_read },
	{ NULL },
};

const struct driver driver_nsd = {
	.name = "nsd",
	.title = "NLnet Labs NSD",
	.roles = DRIVER_DNS,
	.probes = probes,
};
