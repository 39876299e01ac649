/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of vantages: asks every service address from there with `dig`, or `kdig` where that is what the machine has.
 * Read from dig 9.18.49 and kdig 3.2.6 of Debian 12:
 *
 *   services  one SOA question with NSID a service address (or what its `probe` says)
 *
 * A vantage is the only one who knows which PoP its part of the world reaches: the identity in the answer. Silence is an
 * answer too (the service does not answer there), but a vantage that cannot ask, for want of a route, says nothing of
 * the service: unknown, with the reason. Exit statuses differ (dig 9, kdig 1), so the words decide. Both tools take
 * `+retry=0`; dig alone has `+tries`. The choice between them is made there by a constant script whose arguments are
 * passed on as they are, because a driver may not ask twice. The tag of each command is "VANTAGE SERVICE ADDRESS".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "plugins/drivers.h"
#include "plugins/refusal.h"

#define TOOL   "dig"
#define SCRIPT "if command -v dig >/dev/null 2>&1; then exec dig \"$@\"; fi; exec kdig \"$@\""

static const struct refusal no_words[] = { { NULL, ERR_OK, NULL } };

/* What is said instead of an answer; the first that occurs counts. */
static const struct {
	const char *needle;
	enum tri is_answered;
	const char *error;
} silences[] = {
	{ "network unreachable", TRI_UNKNOWN, "the vantage has no route to it" },
	{ "host unreachable", TRI_UNKNOWN, "the vantage cannot reach it" },
	{ "address not available", TRI_UNKNOWN, "the vantage has no address of that family" },
	{ "can't send query", TRI_UNKNOWN, "the vantage has no route to it" },
	{ "UDP setup with", TRI_UNKNOWN, "the vantage cannot send to it" },
	{ "connection refused", TRI_NO, "nothing listens at that port" },
	{ "timed out", TRI_NO, "no answer within 1 s" },
	/* kdig says this for a closed port as well */
	{ "response timeout", TRI_NO, "no answer within 1 s" },
};

static int
services_ask(const struct node *node, struct request *out, struct err *err)
{
	const struct fleet *f = node->fleet;
	for (size_t i = 0; f && i < f->n_services; i++)
		for (size_t j = 0; j < f->services[i].n_probes; j++) {
			const struct service_probe *p = &f->services[i].probes[j];
			if (p->address[0] == '\0' || out->n_commands == REQUEST_COMMANDS_MAX)
				continue;
			const char *tag = arena_printf(out->arena, "%s %s %s", node->name, f->services[i].name, p->address);
			const char *at = arena_printf(out->arena, "@%s", p->address);
			const char *port = arena_printf(out->arena, "%u", p->port ? p->port : 53);
			if (request_add_command(out, tag, "sh", "-c", SCRIPT, "dig", "+nsid", "+norecurse", "+time=1",
					"+retry=0", at, "-p", port, p->name, p->type, NULL) == -1)
				return err_set(err, ERR_TOO_LARGE, "more than %d questions", REQUEST_COMMANDS_MAX);
		}
	return 0;
}

/* The word after `label` in a line, up to a blank, comma or semicolon. */
static struct slice
word_after(struct slice line, const char *label)
{
	const char *at = memmem(line.data, line.len, label, strlen(label));
	if (!at)
		return (struct slice){ NULL, 0 };
	struct slice word = { at + strlen(label), 0 };
	size_t room = (size_t)(line.data + line.len - word.data);
	while (word.len < room && !strchr(" ,;\t", word.data[word.len]) && word.data[word.len] != '\0')
		word.len++;
	return word;
}

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* "; NSID: 66 72 61 31 ("fra1")" or ";; NSID: 66726131 "fra1"": the octets count, what the tool makes of them does not. */
static void
read_nsid(struct slice line, struct report *out, struct answer_fact *a)
{
	const char *at = memmem(line.data, line.len, "NSID:", 5);
	char octets[REPORT_STRINGS_MAX];
	size_t n = 0;
	int high = -1;
	for (const char *p = at + 5; p < line.data + line.len && n < sizeof octets; p++) {
		int v = hex_value(*p);
		if (v == -1 && *p != ' ')
			break;
		if (v == -1)
			continue;
		if (high == -1) {
			high = v;
			continue;
		}
		octets[n++] = (char)(high << 4 | v);
		high = -1;
	}
	a->identity = report_text(out, (struct slice){ octets, n });
}

/* "example.com.	3600	IN	SOA	ns.example.com. host.example.com. 2026112301 3600 600 86400 300" */
static void
read_record(struct slice line, struct answer_fact *a)
{
	struct slice word, words[7];
	size_t n = 0;
	while (n < 7 && slice_next_word(&line, &word))
		words[n++] = word;
	int64_t serial;
	if (n == 7 && slice_equal(words[3], "SOA") && text_parse_int(words[6], 0, UINT32_MAX, &serial) == 0)
		a->serial = serial;
}

/* ";; Query time: 12 msec" (dig), ";; From 127.0.0.1@53(UDP) in 0.4 ms" (kdig); -1 when it is neither. */
static int64_t
read_time(struct slice line)
{
	double factor = 1000;
	struct slice word = word_after(line, "Query time: ");
	if (word.len > 0 && slice_contains(line, " usec"))
		factor = 1;
	if (word.len == 0)
		word = word_after(line, ") in ");
	char text[24], *end;
	slice_copy(word, text, sizeof text);
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= 0 && value < 3.6e6))
		return -1;
	return (int64_t)(value * factor + 0.5);
}

static int
read_answer(struct slice text, struct report *out, struct answer_fact *a, struct err *err)
{
	struct slice line;
	bool in_answer = false, is_whole = false;
	while (slice_next_line(&text, &line)) {
		bool is_remark = slice_starts(line, ";");
		if (slice_contains(line, "->>HEADER<<-")) {
			struct slice rcode = word_after(line, "status: ");
			a->rcode = report_text(out, rcode);
		} else if (is_remark && slice_contains(line, " NSID:")) {
			read_nsid(line, out, a);
		} else if (is_remark && slice_contains(line, " SECTION:")) {
			in_answer = slice_contains(line, "ANSWER SECTION:");
		} else if (in_answer && !is_remark) {
			read_record(line, a);
		} else if (slice_starts(line, ";; Query time: ") || slice_starts(line, ";; From ")) {
			a->rtt_us = read_time(line);
			is_whole = slice_starts(line, ";; From ");
		}
		/* dig's last line; what comes before may be all there is of a reply that was cut */
		is_whole = is_whole || slice_starts(line, ";; MSG SIZE  rcvd: ");
	}
	if (!a->rcode || !is_whole || a->rtt_us < 0)
		return err_set(err, ERR_BAD_REPLY, "%s: the answer is not whole", TOOL);
	a->is_answered = TRI_YES;
	return 0;
}

static bool
read_silence(const struct reply_part *part, struct answer_fact *a)
{
	for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
		if (!slice_contains(part->out, silences[i].needle) && !slice_contains(part->err, silences[i].needle))
			continue;
		a->is_answered = silences[i].is_answered;
		a->error = silences[i].error;
		return true;
	}
	return false;
}

static int
read_part(const struct reply_part *part, struct report *out, struct err *err)
{
	struct slice tag = slice_of(part->tag), vantage, service, address;
	if (!slice_next_word(&tag, &vantage) || !slice_next_word(&tag, &service) || !slice_next_word(&tag, &address))
		vantage = service = address = (struct slice){ "", 0 };
	struct answer_fact *a = report_add_answer(out);
	if (!a)
		return err_set(err, ERR_TOO_LARGE, "%s: more answers than fit", TOOL);
	const char *name = report_text(out, vantage), *target = report_text(out, address);
	a->vantage = name ? name : "";
	a->target = target ? target : "";
	a->service = report_text(out, service);
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (slice_contains(part->out, "->>HEADER<<-")) {
		if (refusal_check_whole(part->out, TOOL, err) == -1)
			return -1;
		return read_answer(part->out, out, a, err);
	}
	return read_silence(part, a) ? 0 : refusal_explain(part, TOOL, no_words, err);
}

static int
services_read(const struct reply *reply, struct report *out, struct err *err)
{
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, "%s: no reply at all", TOOL);
	for (size_t i = 0; i < reply->n_parts; i++)
		if (read_part(&reply->parts[i], out, err) == -1)
			return -1;
	out->sections = REPORT_ANSWERS;
	return 0;
}

static const struct probe probes[] = {
	{ .name = "services", .pace = PACE_NORMAL, .gives = REPORT_ANSWERS, .ask = services_ask, .read = services_read },
	{ .name = NULL },
};

const struct driver driver_dig = {
	.name = "dig",
	.title = "Vantage: dig or kdig",
	.roles = DRIVER_VANTAGE,
	.needs_url = false,
	.probes = probes,
	.verbs = NULL,
};
