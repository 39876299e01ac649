/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of FRRouting's bgpd, through `vtysh -c`. Read from FRR 8.4.4 of Debian 12, always as JSON:
 *
 *   neighbors  show bgp neighbors json: sessions (a summary is read too, it says less)
 *   exports    show bgp ipv4|ipv6 unicast neighbors X advertised-routes json, many in one vtysh
 *   networks   show bgp ipv4|ipv6 unicast P json on members: what originates each service prefix; beside it the lines of
 *              the running configuration that a drain changes, chosen by vtysh on the node
 *   routes     the same on witnesses: who still sees the service prefixes
 *   version    show version
 *
 * A vtysh costs 28 ms on the node whatever it is asked, so questions share one and the answers come as documents one
 * after the other; the tag of the command lists what was asked, in order, and a reply with another number of documents is
 * refused. FRR keeps the reason of an old reset for ever: lastNotificationReason counts only while lastResetDueTo says
 * that a NOTIFICATION was the cause, and everything carries its age. The advertised routes show neither communities nor
 * our own AS; local preference 0 is what `bgp graceful-shutdown` leaves there, so that is gshut and its absence is unknown.
 * The running configuration holds passwords: vtysh passes on no line of it but those that begin with `router bgp`,
 * `network` and `bgp graceful-shutdown`, and a reply with any other line is refused unread.
 */
#include <ctype.h>
#include <stdio.h>

#include "core/json.h"
#include "core/text.h"
#include "plugins/drivers.h"
#include "plugins/frr.h"
#include "plugins/refusal.h"

#define TOOL       "vtysh"
#define BATCH_MAX  30   /* questions in one vtysh */
#define EXPORT_MAX 3000 /* sessions that advertise more would not fit into one reply, about 300 bytes a route */
#define PATHS_MAX  100000
#define CONFIG_TAG "config"
#define CONFIG_ASK "show running-config bgpd | include ^router bgp |^ bgp graceful-shutdown$|^ +network |^end$"

static const struct refusal frr_words[] = {
	{ "Permission denied", ERR_DENIED, "the account may not read FRR, it must be a member of the group frrvty" },
	{ "bgpd is not running", ERR_NOT_RUNNING, "bgpd is not running" },
	{ "failed to connect to any daemons", ERR_NOT_RUNNING, "no FRR daemon is running" },
	{ "No such neighbor", ERR_NOT_FOUND, "FRR knows no such neighbour" },
	{ "bgpNoSuchNeighbor", ERR_NOT_FOUND, "FRR knows no such neighbour" },
	{ "is not running", ERR_NOT_RUNNING, "the FRR daemon that was asked is not running" },
	{ "% Unknown command", ERR_UNSUPPORTED, "this FRR does not know the command" },
	{ "% Command incomplete", ERR_UNSUPPORTED, "this FRR does not know the command" },
	{ "% Ambiguous command", ERR_UNSUPPORTED, "this FRR does not know the command" },
	{ "BGP instance not found", ERR_NOT_FOUND, "no BGP is configured" },
	{ NULL, ERR_OK, NULL },
};

/* ---- asking ---- */

/* One vtysh under construction: arguments and, in the same order, the tag's words. */
struct batch {
	const struct node *node;
	struct request *out;
	size_t n; /* questions */
	struct buf tag;
	struct arena *arena;
	const char *argv[REQUEST_ARGV_MAX];
	size_t argc;
};

static void
batch_begin(struct batch *b, const struct node *node, struct request *out)
{
	const char *dir = node->conf ? node->conf->bgp.socket : NULL;
	*b = (struct batch){ .node = node, .out = out, .tag = BUF_INIT(4096), .arena = arena_new() };
	b->argv[b->argc++] = TOOL;
	if (dir) {
		b->argv[b->argc++] = "--vty_socket";
		b->argv[b->argc++] = dir;
	}
}

static int
batch_end(struct batch *b, struct err *err)
{
	int rc = b->n > 0 ? request_add_argv(b->out, buf_text(&b->tag), b->argv, b->argc) : 0;
	buf_done(&b->tag);
	arena_free(b->arena);
	if (rc == -1)
		return err_set(err, ERR_TOO_LARGE, TOOL ": more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

static int
batch_add(struct batch *b, const char *tag, const char *question, struct err *err)
{
	if (b->n == BATCH_MAX) {
		const struct node *node = b->node;
		struct request *out = b->out;
		if (batch_end(b, err) == -1)
			return -1;
		batch_begin(b, node, out);
	}
	buf_printf(&b->tag, "%s%s", b->n++ > 0 ? " " : "", tag);
	b->argv[b->argc++] = "-c";
	b->argv[b->argc++] = arena_strdup(b->arena, question);
	return 0;
}

static int
ask_one(const struct node *node, struct request *out, const char *question, struct err *err)
{
	struct batch b;
	batch_begin(&b, node, out);
	int rc = batch_add(&b, "", question, err);
	return batch_end(&b, err) == -1 ? -1 : rc;
}

/* A neighbour's name goes into a line of vtysh: addresses and interface names only. */
static bool
is_peer_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".:%_-@/", *p))
			return false;
	return *name && strlen(name) < 64;
}

/* ---- reading: documents one after the other ---- */

/* Refuses what does not begin like JSON; an empty object is a reply like any other. */
static int
check_part(const struct reply_part *part, struct err *err)
{
	struct slice out = slice_trim(part->out);
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (out.len == 0 || out.data[0] != '{')
		return refusal_explain(part, TOOL, frr_words, err);
	if (part->status > 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": ended with status %d", part->status);
	return 0;
}

/* FRR prints texts of its neighbours (RFC 9003) and of its configuration as they came. Bytes that are no UTF-8 would make
 * the whole reply unreadable, so that one hostile neighbour could hide the others: they become question marks. */
static struct slice
repair_utf8(struct report *r, struct slice in)
{
	if (text_is_utf8(in))
		return in;
	char *copy = arena_strndup(r->arena, in.data, in.len);
	for (size_t i = 0; i < in.len;) {
		uint32_t code_point;
		size_t n = text_decode((struct slice){ copy + i, in.len - i }, &code_point);
		if (n == 0)
			copy[i] = '?';
		i += n ? n : 1;
	}
	return (struct slice){ copy, in.len };
}

static struct json_doc *
next_doc(struct slice *rest, struct err *err)
{
	struct json_doc *doc = json_parse_next(rest, err);
	if (!doc && err->code != ERR_OK) {
		err->code = ERR_BAD_REPLY;
		err_wrap(err, TOOL);
		return NULL;
	}
	if (doc && json_kind(json_root(doc)) != JSON_OBJECT) {
		err_set(err, ERR_BAD_REPLY, TOOL ": the reply is %s, where an object is wanted",
			json_kind_name(json_kind(json_root(doc))));
		json_doc_free(doc);
		return NULL;
	}
	return doc;
}

/* FRR says "warning" or bgpNoSuchNeighbor inside JSON, with status 0. */
static int
check_warning(const struct json *root, struct err *err)
{
	const struct json *warning = json_get(root, "warning");
	if (json_boolean(json_get(root, "bgpNoSuchNeighbor"), false) ||
		slice_contains(json_slice(warning), "No such neighbor"))
		return err_set(err, ERR_NOT_FOUND, TOOL ": FRR knows no such neighbour");
	if (warning)
		return err_set(err, ERR_BAD_REPLY, TOOL ": FRR answers with a warning instead of facts");
	return 0;
}

/* ---- neighbors ---- */

static struct session_fact *
find_session(struct report *r, const char *name)
{
	char clean[REPORT_STRINGS_MAX + 1];
	text_sanitise_to(slice_of(name), clean, sizeof clean);
	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->sessions[i].name, clean) == 0)
			return &r->sessions[i];
	struct session_fact *s = report_add_session(r);
	if (!s) {
		r->extras++;
		return NULL;
	}
	s->name = s->peer = arena_strdup(r->arena, clean);
	return s;
}

static const char *
get_text(struct report *r, const struct json *o, const char *key)
{
	return report_text(r, json_slice(json_get(o, key)));
}

static int64_t
get_count(const struct json *o, const char *key)
{
	int64_t n = json_int(json_get(o, key), -1);
	return n < 0 ? -1 : n;
}

static int64_t
get_seconds(const struct json *o, const char *key)
{
	int64_t ms = get_count(o, key);
	return ms == -1 ? -1 : ms / 1000;
}

static int64_t
get_asn(const struct json *o, const char *key)
{
	int64_t n = get_count(o, key);
	return n > UINT32_MAX ? -1 : n;
}

/* "Established", "Idle (Admin)", "Idle (PfxCt)": the word before the blank is the state. */
static void
read_state(struct report *r, struct session_fact *s, const struct json *state)
{
	struct slice text = json_slice(state), word;
	if (!slice_next_word(&text, &word))
		return;
	s->state = fsm_state_parse(word);
	if (s->state == FSM_OTHER)
		s->state_word = report_text(r, word);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0602": two bytes in hexadecimal */
static void
read_code(struct last_error *e, struct slice text)
{
	int digit[4];
	if (text.len != 4)
		return;
	for (int i = 0; i < 4; i++) {
		digit[i] = hex_digit(text.data[i]);
		if (digit[i] == -1)
			return;
	}
	e->code = digit[0] * 16 + digit[1];
	e->subcode = digit[2] * 16 + digit[3];
}

static void
read_last_error(struct report *r, struct session_fact *s, const struct json *o)
{
	struct last_error *e = &s->last_error;
	struct slice cause = json_slice(json_get(o, "lastResetDueTo"));
	bool was_never_down = s->state == FSM_ESTABLISHED && get_count(o, "connectionsDropped") == 0;
	if (cause.len == 0 || was_never_down)
		return;
	e->age_s = get_seconds(o, "lastResetTimerMsecs");
	e->direction = DIRECTION_LOCAL;
	e->text = report_text(r, cause);
	if (!slice_starts(cause, "BGP Notification"))
		return;
	e->direction = slice_equal(cause, "BGP Notification received") ? DIRECTION_RECEIVED : DIRECTION_SENT;
	read_code(e, json_slice(json_get(o, "lastErrorCodeSubcode")));
	const char *reason = get_text(r, o, "lastNotificationReason");
	if (reason)
		e->text = reason;
	/* only these two may carry a text (RFC 9003); with any other the text is an older one's */
	if (e->code == 6 && (e->subcode == 2 || e->subcode == 4))
		e->message = get_text(r, o, "lastShutdownDescription");
}

/* FRR counts prefixes after the inbound policy, and calls that number PfxRcd in its own summary. */
static void
read_families(struct report *r, struct session_fact *s, const struct json *families)
{
	struct json_iter it = json_iter_start(families);
	const char *name;
	const struct json *f;
	bool is_up = s->state == FSM_ESTABLISHED;
	int64_t accepted = 0, sent = 0;
	while (json_iter_next(&it, &name, &f)) {
		unsigned bit = strcmp(name, "ipv4Unicast") == 0 ? FAMILY_BIT_V4 : strcmp(name, "ipv6Unicast") == 0 ? FAMILY_BIT_V6 : 0;
		int64_t a = get_count(f, "acceptedPrefixCounter"), n = get_count(f, "sentPrefixCounter");
		if (!bit) {
			r->extras++;
			continue;
		}
		s->families |= bit;
		if (!is_up && n == -1)
			n = 0;
		accepted = accepted == -1 || a == -1 ? -1 : accepted + a;
		sent = sent == -1 || n == -1 ? -1 : sent + n;
	}
	if (s->families) {
		s->accepted = s->received = accepted;
		s->advertised = sent;
	}
}

/* "peerBfdInfo":{"status":"Up"}; without BFD the object is not there */
static enum tri
read_bfd(const struct json *o)
{
	struct slice status = json_slice(json_get(json_get(o, "peerBfdInfo"), "status"));
	return slice_equal(status, "Up") ? TRI_YES : slice_equal(status, "Down") ? TRI_NO : TRI_UNKNOWN;
}

static void
read_neighbor(struct report *r, const char *name, const struct json *o)
{
	struct session_fact *s = find_session(r, name);
	if (!s)
		return;
	read_state(r, s, json_get(o, "bgpState"));
	s->admin_state = json_boolean(json_get(o, "adminShutDown"), false) ? ADMIN_DOWN : ADMIN_UP;
	s->description = get_text(r, o, "nbrDesc");
	s->peer_asn = get_asn(o, "remoteAs");
	s->local_asn = get_asn(o, "localAs");
	s->has_password = get_count(o, "authenticationEnabled") == 1 ? TRI_YES : TRI_NO;
	s->bfd_up = read_bfd(o);
	if (s->state == FSM_ESTABLISHED) {
		int64_t hold = get_seconds(o, "bgpTimerHoldTimeMsecs");
		s->hold_s = hold >= 0 && hold <= UINT16_MAX ? (int)hold : -1;
		s->since_s = get_seconds(o, "bgpTimerUpMsec");
	} else if (get_count(o, "connectionsDropped") > 0) {
		s->since_s = get_seconds(o, "lastResetTimerMsecs");
	}
	read_families(r, s, json_get(o, "addressFamilyInfo"));
	read_last_error(r, s, o);
}

/* One address family of a summary: {"routerId":…,"as":64500,"peers":{"10.1.23.1":{…}}} */
static void
read_summary(struct report *r, unsigned family, const struct json *o)
{
	struct json_iter it = json_iter_start(json_get(o, "peers"));
	const char *name;
	const struct json *peer;
	while (json_iter_next(&it, &name, &peer)) {
		struct session_fact *s = find_session(r, name);
		if (!s)
			return;
		int64_t received = get_count(peer, "pfxRcd"), sent = get_count(peer, "pfxSnt");
		read_state(r, s, json_get(peer, "state"));
		s->admin_state = slice_equal(json_slice(json_get(peer, "peerState")), "Admin") ? ADMIN_DOWN : ADMIN_UP;
		s->description = get_text(r, peer, "desc");
		s->peer_asn = get_asn(peer, "remoteAs");
		s->local_asn = get_asn(peer, "localAs");
		s->since_s = get_seconds(peer, "peerUptimeMsec");
		s->accepted = s->received = received == -1 ? -1 : received + (s->families ? s->received : 0);
		s->advertised = sent == -1 ? -1 : sent + (s->families ? s->advertised : 0);
		s->families |= family;
	}
}

static int
read_neighbors_doc(struct report *r, const struct json *root, struct err *err)
{
	struct json_iter it = json_iter_start(root);
	const char *key;
	const struct json *v;
	size_t read = 0;
	if (check_warning(root, err) == -1)
		return -1;
	if (json_get(root, "peers")) {
		read_summary(r, 0, root);
		return 0;
	}
	while (json_iter_next(&it, &key, &v)) {
		if (json_get(v, "bgpState"))
			read_neighbor(r, key, v);
		else if (json_get(v, "peers") && strcmp(key, "ipv4Unicast") == 0)
			read_summary(r, FAMILY_BIT_V4, v);
		else if (json_get(v, "peers") && strcmp(key, "ipv6Unicast") == 0)
			read_summary(r, FAMILY_BIT_V6, v);
		else
			continue;
		read++;
	}
	if (read == 0 && json_length(root) > 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": this JSON lists no neighbours");
	r->extras += json_length(root) - read;
	return 0;
}

static int
neighbors_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask_one(node, out, "show bgp neighbors json", err);
}

static int
neighbors_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice rest = repair_utf8(out, reply->parts[i].out);
		struct json_doc *doc;
		struct err why = ERR_INIT;
		if (check_part(&reply->parts[i], err) == -1)
			return -1;
		while ((doc = next_doc(&rest, &why)) != NULL) {
			int rc = read_neighbors_doc(out, json_root(doc), err);
			json_doc_free(doc);
			if (rc == -1)
				return -1;
		}
		if (why.code != ERR_OK) {
			*err = why;
			return -1;
		}
	}
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	/* without sessions nothing is announced, and there is nothing that exports could ask for */
	out->sections |= REPORT_SESSIONS | (out->n_sessions == 0 ? REPORT_EXPORTS : 0);
	return 0;
}

/* ---- exports: the tag is a list of "PEER/4" and "PEER/6" ---- */

static int
ask_exports_of(struct batch *b, const struct session_fact *s, struct err *err)
{
	unsigned families = s->families ? s->families : FAMILY_BIT_V4 | FAMILY_BIT_V6;
	for (int family = 4; family <= 6; family += 2) {
		char question[160], tag[80];
		if (!(families & (family == 4 ? FAMILY_BIT_V4 : FAMILY_BIT_V6)))
			continue;
		snprintf(question, sizeof question, "show bgp ipv%d unicast neighbors %s advertised-routes json", family, s->name);
		snprintf(tag, sizeof tag, "%s/%d", s->name, family);
		if (batch_add(b, tag, question, err) == -1)
			return -1;
	}
	return 0;
}

static int
exports_ask(const struct node *node, struct request *out, struct err *err)
{
	struct batch b;
	if (node->role == NODE_WITNESS || !node->facts)
		return 0;
	batch_begin(&b, node, out);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < node->facts->n_sessions; i++) {
		const struct session_fact *s = &node->facts->sessions[i];
		if (is_peer_name(s->name) && s->advertised <= EXPORT_MAX)
			rc = ask_exports_of(&b, s, err);
	}
	return batch_end(&b, err) == -1 ? -1 : rc;
}

/* Times that our own AS stands at the front of the path; the one that every neighbour sees is not there yet. */
static int
count_prepends(const char *path, int64_t own)
{
	struct slice rest = slice_of(path), word;
	int n = 0;
	int64_t asn;
	while (n < 255 && slice_next_word(&rest, &word) && text_parse_int(word, 0, UINT32_MAX, &asn) == 0 && asn == own)
		n++;
	return n;
}

static int
read_route(struct report *r, struct export_fact *e, const char *key, const struct json *o, int64_t own, struct err *err)
{
	struct prefix prefix;
	if (prefix_parse(slice_of(key), &prefix, NULL) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": an advertised route is not for a prefix");
	if (prefix.family != e->family)
		return err_set(err, ERR_BAD_REPLY, TOOL ": an advertised route is of the other address family");
	struct route_fact *f = report_add_route(r, e);
	if (!f) {
		r->extras++;
		return 0;
	}
	const char *path = json_text(json_get(o, "path"), NULL);
	f->prefix = prefix;
	f->is_gshut = json_int(json_get(o, "locPrf"), -1) == 0 ? TRI_YES : TRI_UNKNOWN;
	f->prepends = path && own >= 0 ? count_prepends(path, own) : -1;
	return 0;
}

/* {"localAS":64500,"advertisedRoutes":{"192.0.2.0/24":{…}},"totalPrefixCounter":1}; without localAS when there are none */
static int
read_export(struct report *r, const char *session, int family, const struct json *root, struct err *err)
{
	const struct json *routes = NULL;
	if (check_warning(root, err) == -1)
		return -1;
	if (json_want_object(root, "advertisedRoutes", &routes, err) == -1)
		return err_wrap(err, TOOL);
	if (!routes)
		return err_set(err, ERR_BAD_REPLY, TOOL ": this JSON lists no advertised routes");
	struct json_iter it = json_iter_start(routes);
	const char *key;
	const struct json *route;
	struct export_fact *e = NULL;
	while (json_iter_next(&it, &key, &route)) {
		if (!family)
			family = strchr(key, ':') ? FAMILY_V6 : FAMILY_V4;
		e = e ? e : report_add_export(r, session, family);
		if (!e)
			return 0;
		if (read_route(r, e, key, route, get_asn(root, "localAS"), err) == -1)
			return -1;
	}
	e = e || !family ? e : report_add_export(r, session, family);
	if (e)
		e->is_known = true;
	return 0;
}

/* Cuts "PEER/4" off the tag; an empty tag asks for whatever comes. */
static bool
next_export(struct slice *tag, struct report *r, const char **session, int *family)
{
	struct slice word;
	*session = "";
	*family = 0;
	if (!slice_next_word(tag, &word))
		return false;
	if (word.len > 2 && word.data[word.len - 2] == '/') {
		*family = word.data[word.len - 1] == '6' ? FAMILY_V6 : FAMILY_V4;
		word.len -= 2;
	}
	*session = report_text(r, word);
	return true;
}

static int
read_exports_part(const struct reply_part *part, struct report *out, struct err *err)
{
	struct slice rest = repair_utf8(out, part->out), tag = slice_of(part->tag);
	bool has_tag = tag.len > 0;
	struct json_doc *doc;
	struct err why = ERR_INIT;
	const char *session;
	int family;
	if (check_part(part, err) == -1)
		return -1;
	while ((doc = next_doc(&rest, &why)) != NULL) {
		bool is_asked = next_export(&tag, out, &session, &family) || !has_tag;
		int rc = is_asked ? read_export(out, session, family, json_root(doc), err) :
				    err_set(err, ERR_BAD_REPLY, TOOL ": more replies than questions");
		json_doc_free(doc);
		/* a neighbour that left the configuration since the last poll says nothing about the others */
		if (rc == -1 && (err->code != ERR_NOT_FOUND || !has_tag))
			return -1;
		if (rc == -1)
			report_add_export(out, session, family ? family : FAMILY_V4); /* not known */
	}
	if (why.code != ERR_OK) {
		*err = why;
		return -1;
	}
	if (next_export(&tag, out, &session, &family))
		return err_set(err, ERR_BAD_REPLY, TOOL ": fewer replies than questions");
	return 0;
}

static int
exports_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++)
		if (read_exports_part(&reply->parts[i], out, err) == -1)
			return -1;
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	err_clear(err);
	out->sections |= REPORT_EXPORTS;
	return 0;
}

/* ---- networks and routes: one prefix a document, {} when it is not in the table; the tag lists the prefixes ---- */

static int
ask_prefixes(const struct node *node, struct request *out, struct err *err)
{
	struct batch b;
	int rc = 0;
	batch_begin(&b, node, out);
	for (size_t i = 0; rc == 0 && i < node->n_prefixes; i++) {
		char prefix[PREFIX_TEXT_MAX], question[120];
		prefix_format(&node->prefixes[i], prefix);
		snprintf(question, sizeof question, "show bgp ipv%d unicast %s json", node->prefixes[i].family, prefix);
		rc = batch_add(&b, prefix, question, err);
	}
	return batch_end(&b, err) == -1 ? -1 : rc;
}

/* The tag of the second command is "config" and the prefixes again. */
static int
networks_ask(const struct node *node, struct request *out, struct err *err)
{
	struct batch b;
	if (node->role == NODE_WITNESS || node->n_prefixes == 0)
		return 0;
	if (ask_prefixes(node, out, err) == -1)
		return -1;
	batch_begin(&b, node, out);
	int rc = batch_add(&b, CONFIG_TAG, CONFIG_ASK, err);
	for (size_t i = 0; i < node->n_prefixes; i++) {
		char prefix[PREFIX_TEXT_MAX];
		prefix_format(&node->prefixes[i], prefix);
		buf_printf(&b.tag, " %s", prefix);
	}
	return batch_end(&b, err) == -1 ? -1 : rc;
}

static int
routes_ask(const struct node *node, struct request *out, struct err *err)
{
	return node->role == NODE_WITNESS ? ask_prefixes(node, out, err) : 0;
}

/* What a path of the table is: as `show bgp PREFIX json` spells it, or as the whole table does. */
struct path {
	bool is_valid;
	bool is_best;
	const char *origin; /* "network", "aggregate", "redistribute"; NULL: from a peer */
	struct slice peer;
};

static struct path
read_path(const struct json *o)
{
	struct path p = { .is_valid = json_boolean(json_get(o, "valid"), false) };
	const struct json *peer = json_get(o, "peer"), *best = json_get(o, "bestpath");
	p.is_best = json_boolean(json_kind(best) == JSON_OBJECT ? json_get(best, "overall") : best, false);
	p.peer = json_slice(peer ? json_get(peer, "peerId") : json_get(o, "peerId"));
	if (json_boolean(json_get(o, "aggregated"), false))
		p.origin = "aggregate";
	else if (json_boolean(json_get(o, "sourced"), false))
		p.origin = json_boolean(json_get(o, "local"), false) ? "network" : "redistribute";
	/* "weight":32768,"peerId":"(unspec)": the table does not tell a network statement from redistribution */
	else if (!peer && slice_equal(p.peer, "(unspec)"))
		p.origin = "local";
	return p;
}

typedef void path_fn(struct report *r, const struct prefix *prefix, const struct json *paths);

static void
add_origin(struct report *r, const struct prefix *prefix, const struct json *paths)
{
	for (size_t i = 0; i < json_length(paths); i++) {
		struct path p = read_path(json_at(paths, i));
		struct origin_fact *o = p.origin ? report_add_origin(r) : NULL;
		if (o)
			*o = (struct origin_fact){ .prefix = *prefix, .by = p.origin, .is_enabled = true };
	}
}

static void
add_rib(struct report *r, const struct prefix *prefix, const struct json *paths)
{
	struct buf peers = BUF_INIT(REPORT_STRINGS_MAX);
	struct rib_fact *f = report_add_rib(r);
	if (!f) {
		r->extras++;
		return;
	}
	f->prefix = *prefix;
	for (size_t i = 0; i < json_length(paths) && f->paths < PATHS_MAX; i++) {
		struct path p = read_path(json_at(paths, i));
		if (!p.is_valid)
			continue;
		f->paths++;
		if (peers.len > 0)
			buf_add_char(&peers, ' ');
		if (p.origin)
			buf_add_text(&peers, p.origin);
		else
			buf_add(&peers, p.peer.data, p.peer.len);
		if (p.is_best)
			f->best = report_text(r, p.origin ? slice_of(p.origin) : p.peer);
	}
	f->peers = report_text(r, buf_slice(&peers));
	buf_done(&peers);
}

/* {"routes":{"192.0.2.0/24":[{…}]}}: a whole table, which we do not ask for but can read */
static int
read_table(struct report *r, const struct json *routes, path_fn *add, struct err *err)
{
	struct json_iter it = json_iter_start(routes);
	const char *key;
	const struct json *paths;
	struct prefix prefix;
	while (json_iter_next(&it, &key, &paths)) {
		if (prefix_parse(slice_of(key), &prefix, NULL) == -1 || json_kind(paths) != JSON_ARRAY)
			return err_set(err, ERR_BAD_REPLY, TOOL ": a route of the table is not for a prefix");
		add(r, &prefix, paths);
	}
	return 0;
}

static int
read_prefix_doc(struct report *r, const struct json *root, const struct prefix *asked, path_fn *add, struct err *err)
{
	const struct json *paths = NULL, *routes = NULL;
	struct prefix prefix = *asked;
	if (check_warning(root, err) == -1)
		return -1;
	if (json_want_object(root, "routes", &routes, err) == -1 ||
		json_want_array(root, "paths", PATHS_MAX, &paths, err) == -1)
		return err_wrap(err, TOOL);
	if (routes)
		return read_table(r, routes, add, err);
	if (!paths && json_length(root) > 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": this JSON lists no paths");
	if (paths && prefix_parse(json_slice(json_get(root, "prefix")), &prefix, NULL) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the paths are of no prefix");
	if (paths && asked->family && !prefix_equal(&prefix, asked))
		return err_set(err, ERR_BAD_REPLY, TOOL ": the paths are of another prefix than was asked for");
	if (prefix.family)
		add(r, &prefix, paths);
	return 0;
}

static int
read_prefixes_part(const struct reply_part *part, struct report *out, path_fn *add, struct err *err)
{
	struct slice rest = repair_utf8(out, part->out), tag = slice_of(part->tag), word;
	bool has_tag = tag.len > 0;
	struct json_doc *doc;
	struct err why = ERR_INIT;
	if (check_part(part, err) == -1)
		return -1;
	while ((doc = next_doc(&rest, &why)) != NULL) {
		struct prefix asked = { 0 };
		int rc = 0;
		if (has_tag && (!slice_next_word(&tag, &word) || prefix_parse(word, &asked, NULL) == -1))
			rc = err_set(err, ERR_BAD_REPLY, TOOL ": more replies than questions");
		if (rc == 0)
			rc = read_prefix_doc(out, json_root(doc), &asked, add, err);
		json_doc_free(doc);
		if (rc == -1)
			return -1;
	}
	if (why.code != ERR_OK) {
		*err = why;
		return -1;
	}
	if (slice_next_word(&tag, &word))
		return err_set(err, ERR_BAD_REPLY, TOOL ": fewer replies than questions");
	return 0;
}

static int
read_prefixes(const struct reply *reply, struct report *out, path_fn *add, unsigned section, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++)
		if (read_prefixes_part(&reply->parts[i], out, add, err) == -1)
			return -1;
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	out->sections |= section;
	return 0;
}

/* ---- the running configuration: stated as origins, those of no prefix say what the whole instance does ---- */

struct config {
	struct report *report;
	struct slice asked; /* prefixes */
	bool is_default;    /* below `router bgp` of the default VRF */
	bool is_whole;      /* `end` was seen */
};

static bool
is_asked(struct slice asked, const struct prefix *prefix)
{
	struct slice word;
	struct prefix p;
	while (slice_next_word(&asked, &word))
		if (prefix_parse(word, &p, NULL) == 0 && prefix_equal(&p, prefix))
			return true;
	return false;
}

static void
add_config_origin(struct report *r, const struct prefix *prefix, const char *by, bool is_enabled)
{
	struct origin_fact *o = report_add_origin(r);
	if (o)
		*o = (struct origin_fact){ .prefix = *prefix, .by = by, .is_enabled = is_enabled };
	else
		r->extras++;
}

/* "  network 192.0.2.0/24 route-map ANYCAST". What the table has of it gets the words behind the prefix; what it has not
 * (no route covers it, or it was drained a moment ago) is stated all the same. */
static int
read_network(struct config *c, struct slice rest, struct err *err)
{
	struct slice word;
	struct prefix prefix;
	if (!slice_next_word(&rest, &word) || prefix_parse(word, &prefix, NULL) == -1)
		return err_set(err, ERR_BAD_REPLY, TOOL ": a network statement is for no prefix");
	if (!c->is_default || !is_asked(c->asked, &prefix))
		return 0;
	rest = slice_trim(rest);
	const char *by = rest.len == 0 ? FRR_NETWORK :
		report_text(c->report, slice_of(arena_printf(c->report->arena, FRR_NETWORK " %.*s", (int)rest.len, rest.data)));
	for (size_t i = 0; i < c->report->n_origins; i++) {
		struct origin_fact *o = &c->report->origins[i];
		if (prefix_equal(&o->prefix, &prefix) && strcmp(o->by, FRR_NETWORK) == 0) {
			o->by = by;
			return 0;
		}
	}
	add_config_origin(c->report, &prefix, by, true);
	return 0;
}

static int
read_config_line(struct config *c, struct slice line, struct err *err)
{
	static const char router[] = "router bgp ";
	const struct prefix none = { 0 };
	struct slice rest = line, word, asn, more;
	int64_t number;
	if (c->is_whole)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the configuration goes on after its end");
	if (slice_equal(line, "end")) {
		c->is_whole = true;
	} else if (slice_starts(line, router)) {
		rest = (struct slice){ line.data + sizeof router - 1, line.len - (sizeof router - 1) };
		if (!slice_next_word(&rest, &asn) || text_parse_int(asn, 1, UINT32_MAX, &number) == -1)
			return err_set(err, ERR_BAD_REPLY, TOOL ": the configuration has a router without an AS number");
		c->is_default = !slice_next_word(&rest, &more); /* else `vrf X` or `view X` */
		if (c->is_default)
			add_config_origin(c->report, &none,
				arena_printf(c->report->arena, FRR_ROUTER "%lld", (long long)number), true);
	} else if (slice_equal(line, " " FRR_GSHUT)) {
		if (c->is_default)
			add_config_origin(c->report, &none, FRR_GSHUT, true);
	} else if (line.len > 0 && line.data[0] == ' ' && slice_next_word(&rest, &word) && slice_equal(word, "network")) {
		return read_network(c, rest, err);
	} else {
		return err_set(err, ERR_BAD_REPLY, TOOL ": a line of the configuration that was not asked for");
	}
	return 0;
}

static int
read_config_part(const struct reply_part *part, struct slice asked, struct report *out, struct err *err)
{
	struct config c = { .report = out, .asked = asked };
	struct slice rest = part->out, line;
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (rest.len == 0 || part->status > 0 || rest.data[0] == '%')
		return refusal_explain(part, TOOL, frr_words, err);
	if (refusal_check_whole(part->out, TOOL, err) == -1)
		return -1;
	while (slice_next_line(&rest, &line))
		if (read_config_line(&c, line, err) == -1)
			return -1;
	return c.is_whole ? 0 : err_set(err, ERR_BAD_REPLY, TOOL ": the configuration ends before its last line");
}

static bool
is_config(const struct reply_part *part, struct slice *asked)
{
	struct slice tag = slice_of(part->tag), word;
	bool is = slice_next_word(&tag, &word) && slice_equal(word, CONFIG_TAG);
	*asked = tag;
	return is;
}

static int
networks_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct slice asked;
	size_t n_config = 0;
	for (size_t i = 0; i < reply->n_parts; i++) {
		bool is = is_config(&reply->parts[i], &asked);
		n_config += is;
		if (!is && read_prefixes_part(&reply->parts[i], out, add_origin, err) == -1)
			return -1;
	}
	if (reply->n_parts == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	for (size_t i = 0; n_config > 0 && i < reply->n_parts; i++) {
		size_t n = out->n_origins;
		struct err why = ERR_INIT;
		if (!is_config(&reply->parts[i], &asked) || read_config_part(&reply->parts[i], asked, out, &why) == 0)
			continue;
		/* FRR before 7 does not choose lines: what originates is known without it, how to change it is not */
		if (reply->n_parts == 1 || why.code != ERR_UNSUPPORTED) {
			*err = why;
			return -1;
		}
		out->n_origins = n;
	}
	out->sections |= REPORT_ORIGINS;
	return 0;
}

static int
routes_read(const struct reply *reply, struct report *out, struct err *err)
{
	return read_prefixes(reply, out, add_rib, REPORT_RIB, err);
}

/* ---- version ---- */

static int
version_ask(const struct node *node, struct request *out, struct err *err)
{
	return ask_one(node, out, "show version", err);
}

/* "FRRouting 8.4.4 (fra1) on Linux(6.18.44)." */
static int
version_read(const struct reply *reply, struct report *out, struct err *err)
{
	for (size_t i = 0; i < reply->n_parts; i++) {
		const struct reply_part *part = &reply->parts[i];
		struct slice rest = part->out, word;
		if (refusal_check_status(part, TOOL, err) == -1)
			return -1;
		if (!slice_starts(rest, "FRRouting ") || !slice_next_word(&rest, &word) || !slice_next_word(&rest, &word))
			return refusal_explain(part, TOOL, frr_words, err);
		if (refusal_check_whole(part->out, TOOL, err) == -1)
			return -1;
		report_add_version(out, "frr", word);
	}
	if (out->n_versions == 0)
		return err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
	out->sections |= REPORT_VERSIONS;
	return 0;
}

static const struct probe probes[] = {
	{ "neighbors", PACE_FAST, REPORT_SESSIONS | REPORT_EXPORTS, neighbors_ask, neighbors_read },
	{ "exports", PACE_FAST, REPORT_EXPORTS, exports_ask, exports_read },
	{ "networks", PACE_NORMAL, REPORT_ORIGINS, networks_ask, networks_read },
	{ "routes", PACE_FAST, REPORT_RIB, routes_ask, routes_read },
	{ "version", PACE_SLOW, REPORT_VERSIONS, version_ask, version_read },
	{ NULL },
};

const struct driver driver_frr = {
	.name = "frr",
	.title = "FRRouting bgpd",
	.roles = DRIVER_BGP,
	.probes = probes,
	.verbs = frr_verbs,
};
