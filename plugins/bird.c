/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of the BIRD Internet Routing Daemon, through `birdc -r` (restricted: the daemon itself then refuses
 * anything but reading). Read from BIRD 2.0.12 of Debian 12:
 *
 *   protocols  show protocols all, show static, show status: sessions, and the static protocols that originate prefixes
 *   exports    show route all export NAME, one command a session: what is in its Adj-RIB-Out
 *   routes     show route all where net ~ [...], on witnesses: who still sees the service prefixes
 *   status     show status: version; beside it `date`, since BIRD prints local time without a zone
 *
 * BIRD has no machine format. Its replies are lines of fixed shape below a banner, so the reader is one loop over lines
 * with a small state. Times of protocols are a time of day while younger than 20 hours and a date afterwards: they become
 * seconds only beside the daemon's own current time. A route is shown after the export filter and before our own AS is
 * added, so prepending is what stands in as_path of a route that BIRD itself originates. The passwords of sessions are
 * shown nowhere (has_password stays unknown), and neither is BFD.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "plugins/bird.h"
#include "plugins/drivers.h"
#include "plugins/refusal.h"

#define TOOL            "birdc"
#define FULL_EXPORT_MAX 1000 /* sessions that advertise more are asked for service prefixes only */
#define NOT_THE_ANSWER  TOOL ": printed something that is not the answer to this question"
#define STATICS_MAX     64
#define ALL_TAG         "all"    /* the command was "show protocols all" */
#define STATIC_TAG      "static" /* "show static", or with a protocol's name "show static NAME" */
#define NAMED_MAX       16       /* static protocols that are asked for by name */
#define SECONDS_A_DAY   86400
#define TIME_OF_DAY_MAX (20 * 3600) /* older protocol times are printed as a date (timeformat iso short) */

static const struct refusal bird_words[] = {
	{ "Permission denied", ERR_DENIED, "the account may not open BIRD's control socket" },
	{ "Unable to connect to server control socket", ERR_NOT_RUNNING, "BIRD is not running" },
	{ "Connection closed", ERR_NOT_RUNNING, "BIRD closed the control connection" },
	{ "Access denied", ERR_DENIED, "the command is not allowed in restricted mode" },
	{ "unexpected CF_SYM_UNDEFINED", ERR_NOT_FOUND, "BIRD knows no protocol of this name" },
	{ "syntax error", ERR_UNSUPPORTED, "BIRD does not know the command" },
	{ "No such command", ERR_UNSUPPORTED, "BIRD does not know the command" },
	{ NULL, ERR_OK, NULL },
};

/* Wording of BIRD 2.0.12 for NOTIFICATION codes and subcodes (RFC 4271, 4486, 5492). */
struct notification_words {
	const char *text;
	int code, subcode;
};

static const struct notification_words notification_words[] = {
	{ "Invalid message header", 1, 0 },
	{ "Connection not synchronized", 1, 1 },
	{ "Bad message length", 1, 2 },
	{ "Bad message type", 1, 3 },
	{ "Invalid OPEN message", 2, 0 },
	{ "Unsupported version number", 2, 1 },
	{ "Bad peer AS", 2, 2 },
	{ "Bad BGP identifier", 2, 3 },
	{ "Unsupported optional parameter", 2, 4 },
	{ "Authentication failure", 2, 5 },
	{ "Unacceptable hold time", 2, 6 },
	{ "Required capability missing", 2, 7 },
	{ "No supported AFI/SAFI", 2, 8 },
	{ "Invalid UPDATE message", 3, 0 },
	{ "Malformed attribute list", 3, 1 },
	{ "Hold timer expired", 4, 0 },
	{ "Finite state machine error", 5, 0 },
	{ "Unexpected message in OpenSent state", 5, 1 },
	{ "Unexpected message in OpenConfirm state", 5, 2 },
	{ "Unexpected message in Established state", 5, 3 },
	{ "Cease", 6, 0 },
	{ "Maximum number of prefixes reached", 6, 1 },
	{ "Administrative shutdown", 6, 2 },
	{ "Peer de-configured", 6, 3 },
	{ "Administrative reset", 6, 4 },
	{ "Connection rejected", 6, 5 },
	{ "Other configuration change", 6, 6 },
	{ "Connection collision resolution", 6, 7 },
	{ "Out of Resources", 6, 8 },
};

/* What stands before the text of a last error tells who spoke. */
struct error_class {
	const char *prefix;
	enum direction direction;
};

static const struct error_class error_classes[] = {
	{ "Received: ", DIRECTION_RECEIVED },
	{ "BGP Error: ", DIRECTION_SENT },
	{ "Error: ", DIRECTION_LOCAL },
	{ "Socket: ", DIRECTION_LOCAL },
	{ "Automatic shutdown: ", DIRECTION_LOCAL },
};

/* ---- lines and words ---- */

static bool
is_blank(struct slice line)
{
	return slice_trim(line).len == 0;
}

/* Cuts `prefix` off the front; false if it is not there. */
static bool
slice_cut(struct slice *s, const char *prefix)
{
	if (!slice_starts(*s, prefix))
		return false;
	s->data += strlen(prefix);
	s->len -= strlen(prefix);
	return true;
}

/* "BIRD 2.0.12 ready." */
static bool
is_banner(struct slice line)
{
	return slice_starts(line, "BIRD ") && line.len > 12 && memcmp(line.data + line.len - 7, " ready.", 7) == 0;
}

/* Digits from the front of a slice as a number, cutting them off. */
static bool
cut_digits(struct slice *s, size_t digits, int64_t *out)
{
	if (s->len < digits)
		return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)s->data[i]))
			return false;
		*out = *out * 10 + (s->data[i] - '0');
	}
	s->data += digits;
	s->len -= digits;
	return true;
}

/* ---- BIRD's times: local to the node, without a zone; only differences are taken ---- */

struct stamp {
	bool has_date, has_time;
	int64_t day;    /* days since 1970 */
	int64_t second; /* of the day */
};

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static int64_t
day_of(int64_t year, int64_t month, int64_t day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t leap_days = y / 4 - y / 100 + y / 400;
	return (year - 1970) * 365 + leap_days - (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] + day - 1;
}

/* "2026-11-23" */
static bool
parse_date(struct slice word, struct stamp *t)
{
	int64_t year, month, day;
	if (word.len != 10 || !cut_digits(&word, 4, &year) || !slice_cut(&word, "-") || !cut_digits(&word, 2, &month) ||
		!slice_cut(&word, "-") || !cut_digits(&word, 2, &day))
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	t->has_date = true;
	t->day = day_of(year, month, day);
	return true;
}

/* "11:35:03.971" or "11:35:03" */
static bool
parse_time(struct slice word, struct stamp *t)
{
	int64_t hour, minute, second;
	if (!cut_digits(&word, 2, &hour) || !slice_cut(&word, ":") || !cut_digits(&word, 2, &minute) ||
		!slice_cut(&word, ":") || !cut_digits(&word, 2, &second))
		return false;
	if ((word.len > 0 && word.data[0] != '.') || hour > 23 || minute > 59 || second > 60)
		return false;
	t->has_time = true;
	t->second = hour * 3600 + minute * 60 + second;
	return true;
}

/* Cuts a time off the front of a line: a time of day, a date, or both. */
static struct stamp
cut_stamp(struct slice *line)
{
	struct stamp t = { 0 };
	struct slice word, ahead;
	if (!slice_next_word(line, &word) || parse_time(word, &t) || !parse_date(word, &t))
		return t;
	ahead = *line;
	if (slice_next_word(&ahead, &word) && parse_time(word, &t))
		*line = ahead;
	return t;
}

/* Seconds from a protocol's time to now, -1 unknown. A bare date is older than 20 hours and no younger than its end. */
static int64_t
seconds_since(const struct stamp *then, const struct stamp *now)
{
	if (!now->has_date || !now->has_time || (!then->has_date && !then->has_time))
		return -1;
	if (!then->has_date)
		return (now->second - then->second + SECONDS_A_DAY) % SECONDS_A_DAY;
	int64_t age = (now->day - then->day) * SECONDS_A_DAY + now->second - then->second;
	if (then->has_time)
		return age < 0 ? -1 : age;
	age -= SECONDS_A_DAY;
	return age < TIME_OF_DAY_MAX ? TIME_OF_DAY_MAX : age;
}

/* ---- show protocols [all], show static, show status ---- */

enum area {
	AREA_NONE,      /* below a banner */
	AREA_STATUS,    /* show status */
	AREA_PROTOCOLS, /* below the header of the table of protocols */
	AREA_STATIC,    /* show static */
};

struct static_protocol {
	struct slice name;
	bool is_enabled;
	bool is_listed; /* by show static without a name, which leaves out those that are down */
	unsigned families;
};

/* A line of show static: of the protocol that was named, or of the k-th that is listed. */
struct static_route {
	struct slice name; /* empty: none was named */
	size_t block;
	struct prefix prefix;
};

/* What one pass over a reply gathers. */
struct protocols {
	struct report *report;
	enum area area;
	struct slice version;
	bool is_status_whole;   /* its last line was seen */
	struct stamp now;
	bool has_table;
	bool has_details;       /* "all": stanzas end with an empty line */
	bool is_stanza_open;
	struct session_fact *session; /* of the stanza, if it is BGP */
	struct static_protocol *origin; /* of the stanza, if it is Static */
	unsigned channel;       /* FAMILY_BIT_* of the channel in the stanza; 0 none or another table type */
	struct beside {         /* beside report->sessions */
		struct stamp since;
		bool is_retrying;   /* the last error is one of connecting, which is tried again and again */
	} *beside;
	size_t beside_size;
	size_t n_statics;
	struct static_protocol statics[STATICS_MAX];
	struct slice asked;     /* protocol that show static was asked for by name */
	size_t n_blocks;        /* empty lines in show static without a name: one between two protocols */
	bool has_blocks;
	size_t n_routes;
	struct static_route routes[STATICS_MAX];
};

static enum fsm_state
parse_state(struct slice word, struct report *r, const char **unknown)
{
	*unknown = NULL;
	if (word.len == 0)
		return FSM_UNKNOWN;
	if (slice_equal(word, "Down"))
		return FSM_IDLE;
	if (slice_equal(word, "Passive"))
		return FSM_ACTIVE;
	enum fsm_state s = fsm_state_parse(word);
	if (s == FSM_OTHER)
		*unknown = report_text(r, word);
	return s;
}

/* "Received: Administrative shutdown" */
static void
read_last_error(struct report *r, struct session_fact *s, struct slice text)
{
	struct last_error *e = &s->last_error;
	text = slice_trim(text);
	e->direction = DIRECTION_LOCAL;
	for (size_t i = 0; i < sizeof error_classes / sizeof error_classes[0]; i++)
		if (slice_cut(&text, error_classes[i].prefix)) {
			e->direction = error_classes[i].direction;
			break;
		}
	e->text = report_text(r, text);
	e->code = e->subcode = -1;
	if (e->direction == DIRECTION_LOCAL)
		return;
	for (size_t i = 0; i < sizeof notification_words / sizeof notification_words[0]; i++)
		if (slice_equal(text, notification_words[i].text)) {
			e->code = notification_words[i].code;
			e->subcode = notification_words[i].subcode;
		}
}

static bool
is_known_session(const struct report *r, struct slice name)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		if (slice_equal(name, r->sessions[i].name))
			return true;
	return false;
}

static void
remember(struct protocols *p, const struct stamp *since, struct slice error)
{
	p->beside = xgrow(p->beside, &p->beside_size, p->report->n_sessions, sizeof *p->beside);
	p->beside[p->report->n_sessions - 1] = (struct beside){
		.since = *since,
		.is_retrying = slice_starts(slice_trim(error), "Socket: "),
	};
}

/* The row of a BGP protocol; `rest` is what follows the time: FSM state and last error, or nothing when down. */
static int
read_session_row(struct protocols *p, struct slice name, struct slice state, const struct stamp *since,
	struct slice rest, struct err *err)
{
	struct report *r = p->report;
	if (is_known_session(r, name))
		return err_set(err, ERR_BAD_REPLY, TOOL ": the same protocol is listed twice");
	struct session_fact *s = report_add_session(r);
	if (!s) {
		r->extras++;
		return 0;
	}
	struct slice word = { NULL, 0 };
	s->name = report_text(r, name);
	p->session = s;
	slice_next_word(&rest, &word);
	remember(p, since, rest);
	s->state = parse_state(word, r, &s->state_word);
	if (slice_equal(state, "down")) {
		s->admin_state = ADMIN_DOWN;
		if (word.len == 0)
			s->state = FSM_IDLE;
	} else if (slice_equal(state, "up") || slice_equal(state, "start")) {
		s->admin_state = ADMIN_UP;
	}
	if (!is_blank(rest))
		read_last_error(r, s, rest);
	return 0;
}

/* "transit1_v4 BGP        ---        start  11:37:23.827  Active        Received: Peer de-configured" */
static int
read_row(struct protocols *p, struct slice line, struct err *err)
{
	struct slice rest = line, name, proto, table, state;
	p->session = NULL;
	p->origin = NULL;
	p->channel = 0;
	p->is_stanza_open = true;
	if (!slice_next_word(&rest, &name) || !slice_next_word(&rest, &proto) || !slice_next_word(&rest, &table) ||
		!slice_next_word(&rest, &state))
		return err_set(err, ERR_BAD_REPLY, TOOL ": a row of the table of protocols has too few columns");
	if (!slice_equal(state, "up") && !slice_equal(state, "start") && !slice_equal(state, "down") &&
		!slice_equal(state, "stop") && !slice_equal(state, "flush"))
		return err_set(err, ERR_BAD_REPLY, TOOL ": a protocol is in a state that BIRD does not have");
	struct stamp since = cut_stamp(&rest);
	if (slice_equal(proto, "BGP"))
		return read_session_row(p, name, state, &since, rest, err);
	if (slice_equal(proto, "Static") && p->n_statics < STATICS_MAX) {
		p->origin = &p->statics[p->n_statics++];
		*p->origin = (struct static_protocol){
			.name = name,
			.is_enabled = slice_equal(state, "up"),
			.is_listed = !slice_equal(state, "down") && !slice_equal(state, "flush"),
		};
	}
	return 0;
}

/* "1 imported, 0 filtered, 1 exported, 1 preferred": rejected routes are kept, and counted, only with "keep filtered";
 * otherwise what was received is what was imported. */
static void
read_route_counts(struct session_fact *s, struct slice text)
{
	struct slice number, word;
	int64_t imported = 0, filtered = 0, exported = 0, n;
	while (slice_next_word(&text, &number) && slice_next_word(&text, &word)) {
		if (word.data[word.len - 1] == ',')
			word.len--;
		if (text_parse_int(number, 0, INT32_MAX, &n) == -1)
			return;
		if (slice_equal(word, "imported"))
			imported = n;
		else if (slice_equal(word, "filtered"))
			filtered = n;
		else if (slice_equal(word, "exported"))
			exported = n;
	}
	s->accepted = (s->accepted < 0 ? 0 : s->accepted) + imported;
	s->received = (s->received < 0 ? 0 : s->received) + imported + filtered;
	s->advertised = (s->advertised < 0 ? 0 : s->advertised) + exported;
}

static void
read_asn(struct slice text, int64_t *out)
{
	if (text_parse_int(slice_trim(text), 0, UINT32_MAX, out) == -1)
		*out = -1;
}

/* "6.291/9": what is left of the hold timer, and its negotiated length */
static void
read_hold_timer(struct session_fact *s, struct slice text)
{
	text = slice_trim(text);
	const char *slash = memchr(text.data, '/', text.len);
	int64_t n;
	if (!slash)
		return;
	struct slice after = { slash + 1, (size_t)(text.data + text.len - slash - 1) };
	if (text_parse_int(after, 0, UINT16_MAX, &n) == 0)
		s->hold_s = (int)n;
}

/* Lines of the BGP part of a stanza, indented by 2 or 4. */
static void
read_bgp_line(struct protocols *p, struct slice line)
{
	struct session_fact *s = p->session;
	struct report *r = p->report;
	if (slice_cut(&line, "  Description:")) {
		s->description = report_text(r, slice_trim(line));
	} else if (slice_cut(&line, "  Message:")) {
		s->last_error.message = report_text(r, slice_trim(line));
		if (s->last_error.direction == DIRECTION_NONE)
			s->last_error.direction = DIRECTION_LOCAL;
	} else if (slice_cut(&line, "  BGP state:")) {
		s->state = parse_state(slice_trim(line), r, &s->state_word);
	} else if (slice_cut(&line, "    Neighbor address:") || slice_cut(&line, "    Neighbor range:")) {
		const char *peer = report_text(r, slice_trim(line));
		s->peer = peer ? peer : "";
	} else if (slice_cut(&line, "    Neighbor AS:")) {
		read_asn(line, &s->peer_asn);
	} else if (slice_cut(&line, "    Local AS:")) {
		read_asn(line, &s->local_asn);
	} else if (slice_cut(&line, "    Neighbor graceful restart active")) {
		if (!s->last_error.text) {
			s->last_error.text = report_text(r, slice_of("Neighbor graceful restart active"));
			s->last_error.direction = DIRECTION_LOCAL;
		}
	} else if (slice_cut(&line, "    Hold timer:")) {
		read_hold_timer(s, line);
	} else if (slice_cut(&line, "    Last error:")) {
		read_last_error(r, s, line);
	}
}

/* "  Channel ipv4" and the lines below it. A channel that is down carries nothing. */
static void
read_channel_line(struct protocols *p, struct slice line)
{
	unsigned *families = p->session ? &p->session->families : &p->origin->families;
	if (slice_cut(&line, "  Channel ")) {
		line = slice_trim(line);
		p->channel = slice_equal(line, "ipv4") ? FAMILY_BIT_V4 : slice_equal(line, "ipv6") ? FAMILY_BIT_V6 : 0;
		*families |= p->channel;
	} else if (p->session && p->channel && slice_cut(&line, "    State:")) {
		if (slice_equal(slice_trim(line), "DOWN"))
			read_route_counts(p->session, slice_of("0 imported"));
	} else if (p->session && p->channel && slice_cut(&line, "    Routes:")) {
		read_route_counts(p->session, line);
	}
}

static int
read_protocols_line(struct protocols *p, struct slice line, struct err *err)
{
	if (is_blank(line)) {
		p->has_details = true;
		p->is_stanza_open = false;
		return 0;
	}
	if (line.data[0] != ' ')
		return read_row(p, line, err);
	if (!p->is_stanza_open)
		return err_set(err, ERR_BAD_REPLY, TOOL ": details of no protocol");
	p->has_details = true;
	if (!p->session && !p->origin)
		return 0;
	if (p->channel || slice_starts(line, "  Channel "))
		read_channel_line(p, line);
	else if (p->session)
		read_bgp_line(p, line);
	return 0;
}

/* "192.0.2.0/24\tblackhole", "\tdev eth0", an empty line between protocols */
static int
read_static_line(struct protocols *p, struct slice line, struct err *err)
{
	struct slice word;
	struct prefix prefix;
	if (is_blank(line)) {
		p->n_blocks += p->asked.len == 0;
		return 0;
	}
	if (line.data[0] == '\t' && (p->n_routes > 0 || p->report->extras > 0))
		return 0;
	if (!slice_next_word(&line, &word) || prefix_parse(word, &prefix, NULL) == -1)
		return err_set(err, ERR_BAD_REPLY, NOT_THE_ANSWER);
	p->has_blocks = p->has_blocks || p->asked.len == 0;
	if (p->n_routes == STATICS_MAX) {
		p->report->extras++;
		return 0;
	}
	p->routes[p->n_routes++] = (struct static_route){ .name = p->asked, .block = p->n_blocks, .prefix = prefix };
	return 0;
}

/* Lines of show status, BIRD 2.0.12: "Current server time is 2026-11-23 11:37:07.439" */
static void
read_status_line(struct protocols *p, struct slice line)
{
	if (slice_cut(&line, "Current server time is ")) {
		p->now = cut_stamp(&line);
	} else if (slice_equal(line, "Daemon is up and running") || slice_equal(line, "Shutdown in progress") ||
		slice_equal(line, "Reconfiguration in progress")) {
		p->is_status_whole = true;
	} else if (slice_cut(&line, "BIRD ")) {
		p->version = line;
	}
}

/* A table in "all" form must end with the empty line of its last stanza: that is how a cut reply shows. */
static int
end_area(struct protocols *p, struct err *err)
{
	enum area area = p->area;
	p->area = AREA_NONE;
	if (area == AREA_PROTOCOLS && p->has_details && p->is_stanza_open)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the table of protocols ends in the middle of a protocol");
	if (area == AREA_STATUS && !p->is_status_whole)
		return err_set(err, ERR_BAD_REPLY, TOOL ": the status ends before its last line");
	return 0;
}

static int
read_line(struct protocols *p, struct slice line, struct err *err)
{
	if (is_banner(line))
		return end_area(p, err);
	if (p->area == AREA_NONE) {
		if (slice_equal(line, "Access restricted"))
			return 0;
		if (slice_starts(line, "BIRD ") && line.len > 5 && isdigit((unsigned char)line.data[5])) {
			p->area = AREA_STATUS;
		} else if (slice_starts(line, "Name ") && slice_contains(line, " Proto ") && slice_contains(line, " Since ")) {
			if (p->has_table)
				return err_set(err, ERR_BAD_REPLY, TOOL ": two tables of protocols");
			p->area = AREA_PROTOCOLS;
			p->has_table = true;
			return 0;
		} else {
			p->area = AREA_STATIC;
		}
	}
	switch (p->area) {
	case AREA_STATUS:
		read_status_line(p, line);
		return 0;
	case AREA_PROTOCOLS:
		return read_protocols_line(p, line, err);
	case AREA_STATIC:
		return read_static_line(p, line, err);
	case AREA_NONE:
		break;
	}
	return 0;
}

/* Refuses what is not a whole reply of birdc. Some answers come with status 1 though they are facts: the caller names the
 * one it takes. */
static int
check_part(const struct reply_part *part, struct err *err)
{
	struct slice rest = part->out, line;
	if (refusal_check_status(part, TOOL, err) == -1)
		return -1;
	if (!slice_next_line(&rest, &line) || !is_banner(line))
		return refusal_explain(part, TOOL, bird_words, err);
	if (refusal_check_whole(part->out, TOOL, err) == -1)
		return -1;
	while (slice_next_line(&rest, &line) && slice_equal(line, "Access restricted"))
		continue;
	for (const struct refusal *w = bird_words; w->needle; w++)
		if (slice_starts(line, w->needle) || (w->code == ERR_NOT_FOUND && slice_starts(line, "syntax error") &&
			slice_contains(line, w->needle)))
			return refusal_explain(part, TOOL, bird_words, err);
	return 0;
}

static int
refuse_status(const struct reply_part *part, struct err *err)
{
	return err_set(err, ERR_BAD_REPLY, TOOL ": ended with status %d", part->status);
}

static int
scan_part(struct protocols *p, const struct reply_part *part, struct err *err)
{
	struct slice rest = part->out, line;
	if (check_part(part, err) == -1)
		return -1;
	if (part->status > 0)
		return refuse_status(part, err);
	p->area = AREA_NONE;
	p->has_details = slice_equal(slice_of(part->tag), ALL_TAG);
	while (slice_next_line(&rest, &line))
		if (read_line(p, line, err) == -1)
			return -1;
	return end_area(p, err);
}

static bool
slice_same(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Which static protocol a route belongs to, n_statics if none: the one that was named, else the k-th that is listed. */
static size_t
owner_of(const struct protocols *p, const struct static_route *route)
{
	size_t k = 0;
	for (size_t i = 0; i < p->n_statics; i++) {
		if (route->name.len > 0 && slice_same(route->name, p->statics[i].name))
			return i;
		if (route->name.len == 0 && p->statics[i].is_listed && k++ == route->block)
			return i;
	}
	return p->n_statics;
}

/* True if the blocks of show static can be those of the protocols in the table: as many, and of their families. */
static bool
blocks_fit(const struct protocols *p)
{
	size_t listed = 0;
	for (size_t i = 0; i < p->n_statics; i++)
		listed += p->statics[i].is_listed;
	for (size_t i = 0; i < p->n_routes; i++) {
		size_t owner = owner_of(p, &p->routes[i]);
		unsigned bit = p->routes[i].prefix.family == FAMILY_V6 ? FAMILY_BIT_V6 : FAMILY_BIT_V4;
		if (owner == p->n_statics || (p->statics[owner].families && !(p->statics[owner].families & bit)))
			return false;
	}
	return !p->has_blocks || p->n_blocks + 1 == listed;
}

static void
add_origin(struct report *r, const struct static_protocol *s, const struct prefix *prefix)
{
	struct origin_fact *o = report_add_origin(r);
	if (o)
		*o = (struct origin_fact){ .prefix = *prefix, .by = report_text(r, s->name), .is_enabled = s->is_enabled };
	else
		r->extras++;
}

/* A static protocol whose prefixes are not known is stated without one: exports and the next poll will tell. */
static void
state_origins(struct protocols *p)
{
	struct report *r = p->report;
	const struct prefix none = { 0 };
	size_t n_routes = blocks_fit(p) ? p->n_routes : 0;
	r->sections |= REPORT_ORIGINS;
	for (size_t i = 0; i < p->n_statics; i++) {
		bool has_route = false;
		for (size_t j = 0; j < n_routes; j++) {
			if (owner_of(p, &p->routes[j]) != i)
				continue;
			add_origin(r, &p->statics[i], &p->routes[j].prefix);
			has_route = true;
		}
		if (!has_route)
			add_origin(r, &p->statics[i], &none);
	}
}

/* BIRD keeps a message while newer errors come (seen: "Socket: Connection refused" beside the text of an old shutdown).
 * It belongs to a shutdown or reset (RFC 9003), or, with no error beside it, to our own disable. */
static void
drop_stale_message(struct last_error *e)
{
	bool is_admin = e->direction == DIRECTION_RECEIVED && e->code == 6 && (e->subcode == 2 || e->subcode == 4);
	if (e->text && !is_admin)
		e->message = NULL;
}

/* An error puts the protocol into its present state, so it is as old as that; but a failing connect changes nothing. */
static void
state_ages(struct protocols *p)
{
	for (size_t i = 0; i < p->report->n_sessions; i++) {
		struct session_fact *s = &p->report->sessions[i];
		s->since_s = seconds_since(&p->beside[i].since, &p->now);
		drop_stale_message(&s->last_error);
		if (s->admin_state == ADMIN_DOWN && s->last_error.message && !s->last_error.text)
			s->last_error.text = report_text(p->report, slice_of("disabled"));
		bool has_error = s->last_error.text || s->last_error.message;
		if (s->state != FSM_ESTABLISHED && has_error && !p->beside[i].is_retrying)
			s->last_error.age_s = s->since_s;
	}
}

/* birdc -r [-s SOCKET] QUERY; one argument is as good as many, birdc joins them. */
static int
add_query(const struct node *node, struct request *out, const char *tag, const char *query, struct err *err)
{
	const char *socket = node->conf ? node->conf->bgp.socket : NULL;
	int rc = socket ? request_add_command(out, tag, TOOL, "-r", "-s", socket, query, NULL) :
			  request_add_command(out, tag, TOOL, "-r", query, NULL);
	if (rc == -1)
		return err_set(err, ERR_TOO_LARGE, TOOL ": more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

/* Protocol names may be quoted symbols; birdc wants the quotes when the name is not a plain word. False when the name
 * cannot be one of BIRD's. */
static bool
quote_name(const char *name, char *out, size_t size)
{
	bool is_plain = true;
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_-.:", *p))
			return false;
		is_plain = is_plain && (isalnum((unsigned char)*p) || *p == '_');
	}
	int n = snprintf(out, size, is_plain ? "%s" : "'%s'", name);
	return *name && n > 0 && (size_t)n < size;
}

/* Names of static protocols that the last poll saw disabled: only by name does BIRD show what they hold. */
static int
ask_disabled(const struct node *node, struct request *out, struct err *err)
{
	const struct report *facts = node->facts;
	for (size_t i = 0, n = 0; facts && i < facts->n_origins && n < NAMED_MAX; i++) {
		const char *by = facts->origins[i].by;
		bool is_new = !facts->origins[i].is_enabled;
		char name[REPORT_STRINGS_MAX + 3], query[sizeof name + 16], tag[sizeof name + 16];
		for (size_t j = 0; is_new && j < i; j++)
			is_new = strcmp(facts->origins[j].by, by) != 0;
		if (!is_new || !quote_name(by, name, sizeof name))
			continue;
		snprintf(query, sizeof query, "show static %s", name);
		snprintf(tag, sizeof tag, STATIC_TAG " %s", by);
		if (add_query(node, out, tag, query, err) == -1)
			return -1;
		n++;
	}
	return 0;
}

static int
protocols_ask(const struct node *node, struct request *out, struct err *err)
{
	if (add_query(node, out, ALL_TAG, "show protocols all", err) == -1 ||
		add_query(node, out, STATIC_TAG, "show static", err) == -1 || ask_disabled(node, out, err) == -1)
		return -1;
	return add_query(node, out, "status", "show status", err);
}

static int
protocols_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct protocols *p = xcalloc(1, sizeof *p);
	int rc = -1;

	p->report = out;
	for (size_t i = 0; i < reply->n_parts; i++) {
		const struct reply_part *part = &reply->parts[i];
		struct slice tag = slice_of(part->tag), word;
		bool is_static = slice_next_word(&tag, &word) && slice_equal(word, STATIC_TAG);
		/* a router without static protocols, or whose configuration has just lost one, has no answer here */
		if (is_static && (check_part(part, NULL) == -1 || part->status > 0))
			continue;
		p->asked = is_static ? slice_trim(tag) : (struct slice){ "", 0 };
		if (scan_part(p, part, err) == -1)
			goto out;
	}
	if (!p->has_table) {
		err_set(err, ERR_BAD_REPLY, TOOL ": no table of protocols");
		goto out;
	}
	/* without sessions nothing is announced, and there is nothing that exports could ask for */
	out->sections |= REPORT_SESSIONS | (out->n_sessions == 0 ? REPORT_EXPORTS : 0);
	state_origins(p);
	state_ages(p);
	rc = 0;
out:
	free(p->beside);
	free(p);
	return rc;
}

/* ---- show status ---- */

static int
status_ask(const struct node *node, struct request *out, struct err *err)
{
	if (add_query(node, out, "status", "show status", err) == -1)
		return -1;
	if (request_add_command(out, "clock", "date", "-u", "+%s", NULL) == -1)
		return err_set(err, ERR_TOO_LARGE, TOOL ": more than %d commands in one request", REQUEST_COMMANDS_MAX);
	return 0;
}

/* Seconds since 1970 of the node; an account that may not run `date` leaves its clock unknown. */
static void
read_clock(const struct reply_part *part, struct report *out)
{
	int64_t now;
	if (text_parse_int(slice_trim(part->out), 1, INT64_C(1) << 40, &now) == -1)
		return;
	out->clock_s = now;
	out->sections |= REPORT_CLOCK;
}

static int
status_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct protocols *p = xcalloc(1, sizeof *p);
	int rc = -1;

	p->report = out;
	for (size_t i = 0; i < reply->n_parts; i++) {
		const struct reply_part *part = &reply->parts[i];
		if (slice_equal(slice_of(part->tag), "clock"))
			read_clock(part, out);
		else if (scan_part(p, part, err) == -1)
			goto out;
	}
	if (!p->is_status_whole || p->version.len == 0) {
		err_set(err, ERR_BAD_REPLY, NOT_THE_ANSWER);
		goto out;
	}
	out->sections |= REPORT_VERSIONS;
	report_add_version(out, "bird", p->version);
	rc = 0;
out:
	free(p->beside);
	free(p);
	return rc;
}

/* ---- show route all ---- */

/* A route under construction: attributes follow its first line. */
struct route {
	bool is_open;
	bool is_skipped;   /* of a kind of table that we do not count: VPN, flow, ROA */
	struct prefix prefix;
	struct slice from; /* protocol that brought it */
	bool is_best;      /* "*" behind the bracket: the one in use */
	bool has_type;     /* "Type:" was seen: all attributes are shown */
	bool is_own;       /* BIRD itself originates it */
	bool is_gshut;
	int path_run;      /* same AS at the front of as_path */
	struct buf communities;
};

typedef void route_done_fn(void *arg, const struct route *route);

/* Leading run of one AS number: "64500 64500 65101" is 2. */
static int
count_run(struct slice path)
{
	struct slice first, word;
	int n = 1;
	if (!slice_next_word(&path, &first))
		return 0;
	while (n < 255 && slice_next_word(&path, &word) && word.len == first.len &&
		memcmp(word.data, first.data, word.len) == 0)
		n++;
	return n;
}

/* "(65535,0) (64500, 1, 2)" becomes "65535:0 64500:1:2" */
static void
add_communities(struct route *route, struct slice list)
{
	bool is_inside = false;
	for (size_t i = 0; i < list.len; i++) {
		char c = list.data[i];
		if (c == '(') {
			is_inside = true;
			if (route->communities.len > 0)
				buf_add_char(&route->communities, ' ');
		} else if (c == ')') {
			is_inside = false;
		} else if (is_inside && c != ' ') {
			buf_add_char(&route->communities, c == ',' ? ':' : c);
		}
	}
}

static void
read_attribute(struct route *route, struct slice line)
{
	if (slice_cut(&line, "\tType: ")) {
		route->has_type = true;
		route->is_own = !slice_starts(line, "BGP");
	} else if (slice_cut(&line, "\tBGP.as_path:")) {
		route->path_run = count_run(line);
	} else if (slice_cut(&line, "\tBGP.community:")) {
		route->is_gshut = slice_contains(line, "(65535,0)") || slice_contains(line, "(65535, 0)");
		add_communities(route, line);
	} else if (slice_cut(&line, "\tBGP.ext_community:") || slice_cut(&line, "\tBGP.large_community:")) {
		add_communities(route, line);
	}
}

static void
end_route(struct route *route, route_done_fn *done, void *arg)
{
	if (route->is_open && !route->is_skipped)
		done(arg, route);
	route->is_open = false;
}

/* "192.0.2.0/24         blackhole [anycast4 11:34:59.988] * (200)"; another path of the same prefix begins with blanks. */
static int
begin_route(struct route *route, struct slice line, struct err *err)
{
	struct slice rest = line, word;
	bool is_same = line.data[0] == ' ';
	const char *bracket = memchr(line.data, '[', line.len);
	if (!bracket || !memchr(bracket, ']', line.len - (size_t)(bracket - line.data)))
		return err_set(err, ERR_BAD_REPLY, NOT_THE_ANSWER);
	bool was_skipped = route->is_skipped;
	struct prefix prefix = route->prefix;
	buf_clear(&route->communities);
	*route = (struct route){ .is_open = true, .communities = route->communities };
	if (is_same && !prefix.family && !was_skipped)
		return err_set(err, ERR_BAD_REPLY, TOOL ": a path of no prefix");
	if (is_same) {
		route->prefix = prefix;
		route->is_skipped = was_skipped;
	} else if (!slice_next_word(&rest, &word) || prefix_parse(word, &route->prefix, NULL) == -1) {
		route->is_skipped = true;
	}
	struct slice inside = { bracket + 1, (size_t)(line.data + line.len - bracket - 1) };
	if (!slice_next_word(&inside, &route->from))
		return err_set(err, ERR_BAD_REPLY, TOOL ": a route from nowhere");
	if (route->from.data[route->from.len - 1] == ']')
		route->from.len--;
	const char *end = memchr(bracket, ']', line.len - (size_t)(bracket - line.data));
	route->is_best = slice_starts((struct slice){ end, (size_t)(line.data + line.len - end) }, "] *");
	return 0;
}

/* Walks the routes of one reply; `done` is called for each when its last attribute was read. */
static int
scan_routes(const struct reply_part *part, route_done_fn *done, void *arg, struct report *out, struct err *err)
{
	struct route route = { .communities = BUF_INIT(REPORT_STRINGS_MAX) };
	struct slice rest = part->out, line;
	bool is_status_told = part->status <= 0; /* status 1 stands beside these two answers, which are facts */
	int rc = -1;

	if (check_part(part, err) == -1)
		return -1;
	while (slice_next_line(&rest, &line)) {
		if (is_banner(line) || is_blank(line) || slice_equal(line, "Access restricted") ||
			slice_starts(line, "Table "))
			end_route(&route, done, arg);
		else if (slice_equal(line, "No valid tables") || slice_equal(line, "Network not found"))
			is_status_told = true;
		else if (line.data[0] == '\t' && route.is_open)
			read_attribute(&route, line);
		else {
			end_route(&route, done, arg);
			if (begin_route(&route, line, err) == -1)
				goto out;
			out->extras += route.is_skipped;
		}
	}
	end_route(&route, done, arg);
	rc = is_status_told ? 0 : refuse_status(part, err);
out:
	buf_done(&route.communities);
	return rc;
}

/* ---- exports: tags are "NAME", or "NAME 4", "NAME 6", "NAME 46" with the families that the session carries ---- */

struct exports {
	struct report *report;
	const char *session;
};

static unsigned
parse_tag(struct slice tag, struct slice *name)
{
	struct slice families;
	if (!slice_next_word(&tag, name))
		*name = (struct slice){ "", 0 };
	if (!slice_next_word(&tag, &families))
		return FAMILY_BIT_V4 | FAMILY_BIT_V6;
	return (slice_contains(families, "4") ? FAMILY_BIT_V4 : 0) | (slice_contains(families, "6") ? FAMILY_BIT_V6 : 0);
}

/* Paths of one prefix stand together: only the last route can be of the same one. */
static struct route_fact *
find_route(const struct export_fact *e, const struct prefix *prefix)
{
	struct route_fact *last = e->n_routes > 0 ? &e->routes[e->n_routes - 1] : NULL;
	return last && prefix_equal(&last->prefix, prefix) ? last : NULL;
}

/* The array of exports may have moved since the last route: look the fact up each time. */
static struct export_fact *
find_export(struct report *r, const char *session, enum family family)
{
	for (size_t i = r->n_exports; i-- > 0;)
		if (r->exports[i].family == family && strcmp(r->exports[i].session, session) == 0)
			return &r->exports[i];
	struct export_fact *e = report_add_export(r, session, family);
	if (e)
		e->is_known = true;
	return e;
}

/* With several paths of one prefix (add-path), the least deterred one counts. */
static void
export_route(void *arg, const struct route *route)
{
	struct exports *x = arg;
	struct export_fact *e = find_export(x->report, x->session, route->prefix.family);
	struct route_fact *f = e ? find_route(e, &route->prefix) : NULL;
	bool is_new = !f;
	if (is_new)
		f = e ? report_add_route(x->report, e) : NULL;
	if (!f) {
		x->report->extras++;
		return;
	}
	f->prefix = route->prefix;
	enum tri is_gshut = !route->has_type ? TRI_UNKNOWN : route->is_gshut ? TRI_YES : TRI_NO;
	if (!is_new && f->is_gshut != TRI_YES)
		return;
	f->is_gshut = is_gshut;
	f->prepends = route->has_type && route->is_own ? route->path_run : -1;
	f->communities = report_text(x->report, buf_slice(&route->communities));
}

/* " where net ~ [ P, P ]" of one family, which is as much as a prefix set may hold; 0 prefixes gives nothing. */
static size_t
add_filter(const struct node *node, int family, struct buf *out)
{
	size_t n = 0;
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < node->n_prefixes; i++) {
		if (node->prefixes[i].family != family)
			continue;
		prefix_format(&node->prefixes[i], text);
		buf_printf(out, "%s%s", n++ == 0 ? " where net ~ [ " : ", ", text);
	}
	if (n > 0)
		buf_add_text(out, " ]");
	return n;
}

static int
ask_export(const struct node *node, const struct session_fact *s, struct request *out, struct err *err)
{
	char name[REPORT_STRINGS_MAX + 3];
	struct buf query = BUF_INIT(16384), tag = BUF_INIT(512);
	int rc = 0;

	if (!quote_name(s->name, name, sizeof name))
		return 0;
	unsigned families = s->families ? s->families : FAMILY_BIT_V4 | FAMILY_BIT_V6;
	if (s->advertised <= FULL_EXPORT_MAX) {
		buf_printf(&query, "show route all export %s", name);
		buf_printf(&tag, "%s %s%s", s->name, families & FAMILY_BIT_V4 ? "4" : "", families & FAMILY_BIT_V6 ? "6" : "");
		rc = add_query(node, out, buf_text(&tag), buf_text(&query), err);
	}
	for (int family = 4; s->advertised > FULL_EXPORT_MAX && rc == 0 && family <= 6; family += 2) {
		buf_clear(&query);
		buf_clear(&tag);
		buf_printf(&query, "show route all export %s", name);
		buf_printf(&tag, "%s %d", s->name, family);
		if ((families & (family == 4 ? FAMILY_BIT_V4 : FAMILY_BIT_V6)) && add_filter(node, family, &query) > 0)
			rc = add_query(node, out, buf_text(&tag), buf_text(&query), err);
	}
	buf_done(&query);
	buf_done(&tag);
	return rc;
}

/* Sessions that are up come first; past the limit of commands the rest stays unknown. */
static int
exports_ask(const struct node *node, struct request *out, struct err *err)
{
	(void)err;
	if (node->role == NODE_WITNESS || !node->facts)
		return 0;
	for (int want_up = 1; want_up >= 0; want_up--)
		for (size_t i = 0; i < node->facts->n_sessions; i++) {
			const struct session_fact *s = &node->facts->sessions[i];
			bool is_up = s->state == FSM_ESTABLISHED;
			if (is_up == (want_up == 1) && ask_export(node, s, out, NULL) == -1)
				return 0;
		}
	return 0;
}

static int
exports_read(const struct reply *reply, struct report *out, struct err *err)
{
	size_t known = 0;
	struct err why = ERR_INIT;
	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice name;
		unsigned families = parse_tag(slice_of(reply->parts[i].tag), &name);
		const char *session = report_text(out, name);
		struct exports x = { .report = out, .session = session ? session : "" };
		bool is_known = scan_routes(&reply->parts[i], export_route, &x, out, &why) == 0;
		/* a session that left the configuration since the last poll says nothing about the others */
		if (!is_known && why.code != ERR_NOT_FOUND) {
			*err = why;
			return -1;
		}
		known += is_known;
		for (int family = 4; family <= 6; family += 2) {
			struct export_fact *e =
				families & (family == 4 ? FAMILY_BIT_V4 : FAMILY_BIT_V6) ? find_export(out, x.session, family) : NULL;
			if (e)
				e->is_known = is_known;
		}
	}
	if (known == 0)
		return err_set(err, why.code ? why.code : ERR_BAD_REPLY, "%s", why.code ? why.text : TOOL ": no reply");
	out->sections |= REPORT_EXPORTS;
	return 0;
}

/* ---- routes: the tag holds the prefixes that were asked for, so that a missing one is known to be missing ---- */

struct rib {
	struct report *report;
	struct buf peers; /* of the prefix that is being read; blank-separated */
};

static struct rib_fact *
find_rib(struct report *r, const struct prefix *prefix)
{
	for (size_t i = 0; i < r->n_rib; i++)
		if (prefix_equal(&r->rib[i].prefix, prefix))
			return &r->rib[i];
	struct rib_fact *f = report_add_rib(r);
	if (f)
		f->prefix = *prefix;
	else
		r->extras++;
	return f;
}

static void
rib_route(void *arg, const struct route *route)
{
	struct rib *b = arg;
	struct rib_fact *f = find_rib(b->report, &route->prefix);
	if (!f)
		return;
	f->paths++;
	const char *from = report_text(b->report, route->from);
	if (route->is_best)
		f->best = from;
	if (!f->peers)
		f->peers = from;
	if (f->paths == 1 || strlen(f->peers) > REPORT_STRINGS_MAX - 16)
		return;
	buf_clear(&b->peers);
	buf_printf(&b->peers, "%s %s", f->peers, from ? from : "");
	f->peers = report_text(b->report, buf_slice(&b->peers));
}

static int
routes_ask(const struct node *node, struct request *out, struct err *err)
{
	if (node->role != NODE_WITNESS)
		return 0;
	for (int family = 4; family <= 6; family += 2) {
		struct buf query = BUF_INIT(16384), tag = BUF_INIT(16384);
		int rc = 0;
		buf_add_text(&query, "show route all");
		for (size_t i = 0; i < node->n_prefixes; i++) {
			char text[PREFIX_TEXT_MAX];
			prefix_format(&node->prefixes[i], text);
			if (node->prefixes[i].family == family)
				buf_printf(&tag, "%s%s", tag.len ? " " : "", text);
		}
		if (add_filter(node, family, &query) > 0)
			rc = add_query(node, out, buf_text(&tag), buf_text(&query), err);
		buf_done(&query);
		buf_done(&tag);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
routes_read(const struct reply *reply, struct report *out, struct err *err)
{
	struct rib b = { .report = out, .peers = BUF_INIT(2 * REPORT_STRINGS_MAX) };
	int rc = -1;

	for (size_t i = 0; i < reply->n_parts; i++) {
		struct slice tag = slice_of(reply->parts[i].tag), word;
		struct prefix prefix;
		while (slice_next_word(&tag, &word))
			if (prefix_parse(word, &prefix, NULL) == 0)
				find_rib(out, &prefix);
		if (scan_routes(&reply->parts[i], rib_route, &b, out, err) == -1)
			goto out;
	}
	if (reply->n_parts == 0) {
		err_set(err, ERR_BAD_REPLY, TOOL ": no reply");
		goto out;
	}
	out->sections |= REPORT_RIB;
	rc = 0;
out:
	buf_done(&b.peers);
	return rc;
}

static const struct probe probes[] = {
	{ "protocols", PACE_FAST, REPORT_SESSIONS | REPORT_ORIGINS | REPORT_EXPORTS, protocols_ask, protocols_read },
	{ "exports", PACE_FAST, REPORT_EXPORTS, exports_ask, exports_read },
	{ "routes", PACE_FAST, REPORT_RIB, routes_ask, routes_read },
	{ "status", PACE_SLOW, REPORT_VERSIONS | REPORT_CLOCK, status_ask, status_read },
	{ NULL },
};

const struct driver driver_bird = {
	.name = "bird",
	.title = "BIRD Internet Routing Daemon",
	.roles = DRIVER_BGP,
	.probes = probes,
	.verbs = bird_verbs,
	.keeps_origins = true,
};
