/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: what one probe of one node stated, in neutral words. A report lives in one arena and dies as one. Drivers fill
 * it through report_add_*, which start every fact as "unknown"; state.c merges reports into the facts of a node; wire.c
 * carries them to the console. Limits here bound what a hostile node can make us keep.
 */
#include "core/report.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/json.h"
#include "core/text.h"

#define EXPORTS_MAX  (2 * REPORT_SESSIONS_MAX)
#define SMALL_MAX    256
#define ASN_MAX      INT64_C(4294967295)
#define COUNT_MAX    INT64_MAX

int
prefix_parse(struct slice text, struct prefix *out, struct err *err)
{
	char copy[PREFIX_TEXT_MAX];
	int64_t len;
	if (text.len >= sizeof copy)
		return err_set(err, ERR_USAGE, "a prefix of %zu bytes, at most %zu", text.len, sizeof copy - 1);
	if (!text_is_clean(text)) /* else it would be quoted below as it is */
		return err_set(err, ERR_USAGE, "a prefix with characters that no address has");
	slice_copy(text, copy, sizeof copy);
	char *slash = strchr(copy, '/');
	if (!slash)
		return err_set(err, ERR_USAGE, "'%s' is no prefix: ADDRESS/LENGTH is wanted", copy);
	*slash = '\0';
	struct prefix p = { .family = strchr(copy, ':') ? FAMILY_V6 : FAMILY_V4 };
	int bits = p.family == FAMILY_V4 ? 32 : 128;
	if (inet_pton(p.family == FAMILY_V4 ? AF_INET : AF_INET6, copy, p.addr) != 1)
		return err_set(err, ERR_USAGE, "'%s' is no IPv%d address", copy, p.family);
	if (text_parse_int(slice_of(slash + 1), 0, bits, &len) == -1)
		return err_set(err, ERR_USAGE, "prefix length '%s' is outside 0..%d", slash + 1, bits);
	p.len = (uint8_t)len;
	for (int i = 0; i < bits; i++)
		if (i >= len && (p.addr[i / 8] & (0x80 >> (i % 8))))
			return err_set(err, ERR_USAGE, "'%s/%d' has host bits set", copy, (int)len);
	*out = p;
	return 0;
}

void
prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "?";
	inet_ntop(p->family == FAMILY_V6 ? AF_INET6 : AF_INET, p->addr, addr, sizeof addr);
	snprintf(out, PREFIX_TEXT_MAX, "%s/%d", addr, p->len);
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->len == b->len && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

bool
prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	if (outer->family != inner->family || inner->len < outer->len)
		return false;
	int whole = outer->len / 8, rest = outer->len % 8;
	if (memcmp(outer->addr, inner->addr, (size_t)whole) != 0)
		return false;
	if (rest == 0)
		return true;
	int mask = 0xff00 >> rest & 0xff;
	return (outer->addr[whole] & mask) == (inner->addr[whole] & mask);
}

struct report *
report_new(void)
{
	struct arena *a = arena_new();
	struct report *r = arena_alloc(a, sizeof *r);
	r->arena = a;
	r->dns = (struct dns_fact){ .queries = -1, .uptime_s = -1, .qps = NAN, .latency_s = NAN };
	r->capacity_qps = NAN;
	return r;
}

void
report_free(struct report *r)
{
	if (r)
		arena_free(r->arena);
}

const char *
report_text(struct report *r, struct slice remote)
{
	if (remote.len == 0)
		return NULL;
	char text[REPORT_STRINGS_MAX + 1];
	text_sanitise_to(remote, text, sizeof text);
	return arena_strdup(r->arena, text);
}

/* Room for one more item in an arena array; grows by doubling at powers of two. NULL at the limit. */
static void *
add_item(struct report *r, void *array, size_t n, size_t max, size_t item, void **grown)
{
	*grown = array;
	if (n >= max)
		return NULL;
	if ((n & (n - 1)) == 0) {
		size_t cap = n == 0 ? 1 : 2 * n;
		*grown = arena_alloc(r->arena, cap * item);
		if (n > 0)
			memcpy(*grown, array, n * item);
	}
	return (char *)*grown + n * item;
}

#define ADD(r, array, count, max) \
	({ \
		void *grown_; \
		void *new_ = add_item((r), (array), (count), (max), sizeof *(array), &grown_); \
		(array) = grown_; \
		if (new_) \
			(count)++; \
		(__typeof__(array))new_; \
	})

struct session_fact *
report_add_session(struct report *r)
{
	struct session_fact *s = ADD(r, r->sessions, r->n_sessions, REPORT_SESSIONS_MAX);
	if (!s)
		return NULL;
	s->name = s->peer = "";
	s->peer_asn = s->local_asn = s->since_s = s->received = s->accepted = s->advertised = -1;
	s->hold_s = -1;
	s->last_error = (struct last_error){ .code = -1, .subcode = -1, .age_s = -1 };
	return s;
}

struct export_fact *
report_add_export(struct report *r, const char *session, enum family family)
{
	struct export_fact *e = ADD(r, r->exports, r->n_exports, EXPORTS_MAX);
	if (!e)
		return NULL;
	e->session = arena_strdup(r->arena, session);
	e->family = family;
	return e;
}

struct route_fact *
report_add_route(struct report *r, struct export_fact *e)
{
	struct route_fact *route = ADD(r, e->routes, e->n_routes, REPORT_ROUTES_MAX);
	if (route)
		route->prepends = -1;
	return route;
}

struct origin_fact *
report_add_origin(struct report *r)
{
	struct origin_fact *o = ADD(r, r->origins, r->n_origins, SMALL_MAX);
	if (o)
		o->by = "";
	return o;
}

struct rib_fact *
report_add_rib(struct report *r)
{
	return ADD(r, r->rib, r->n_rib, SMALL_MAX);
}

struct rcode_fact *
report_add_rcode(struct report *r)
{
	struct rcode_fact *c = ADD(r, r->dns.rcodes, r->dns.n_rcodes, 64);
	if (c)
		c->name = "";
	return c;
}

struct zone_fact *
report_add_zone(struct report *r)
{
	struct zone_fact *z = ADD(r, r->dns.zones, r->dns.n_zones, SMALL_MAX);
	if (z) {
		z->name = "";
		z->serial = -1;
	}
	return z;
}

struct answer_fact *
report_add_answer(struct report *r)
{
	struct answer_fact *a = ADD(r, r->answers, r->n_answers, SMALL_MAX);
	if (a) {
		a->vantage = a->target = "";
		a->rtt_us = a->serial = a->signed_until = -1;
	}
	return a;
}

struct version_fact *
report_add_version(struct report *r, const char *what, struct slice version)
{
	struct version_fact *v = ADD(r, r->versions, r->n_versions, 16);
	if (v) {
		v->what = arena_strdup(r->arena, what);
		v->version = report_text(r, version);
	}
	return v;
}

static const char *
copy_text(struct report *into, const char *text)
{
	return text ? arena_strdup(into->arena, text) : NULL;
}

static void
merge_sessions(struct report *into, const struct report *from)
{
	into->n_sessions = 0;
	into->sessions = NULL;
	for (size_t i = 0; i < from->n_sessions; i++) {
		struct session_fact *s = report_add_session(into);
		if (!s)
			break;
		*s = from->sessions[i];
		s->name = copy_text(into, s->name);
		s->peer = copy_text(into, s->peer);
		s->description = copy_text(into, s->description);
		s->state_word = copy_text(into, s->state_word);
		s->last_error.text = copy_text(into, s->last_error.text);
		s->last_error.message = copy_text(into, s->last_error.message);
	}
}

static void
merge_exports(struct report *into, const struct report *from)
{
	into->n_exports = 0;
	into->exports = NULL;
	for (size_t i = 0; i < from->n_exports; i++) {
		const struct export_fact *old = &from->exports[i];
		struct export_fact *e = report_add_export(into, old->session, old->family);
		if (!e)
			break;
		e->is_known = old->is_known;
		e->n_routes = old->n_routes;
		e->routes = arena_alloc(into->arena, old->n_routes * sizeof *e->routes + 1);
		for (size_t j = 0; j < old->n_routes; j++) {
			e->routes[j] = old->routes[j];
			e->routes[j].communities = copy_text(into, old->routes[j].communities);
		}
	}
}

static void
merge_rib(struct report *into, const struct report *from)
{
	into->n_rib = 0;
	into->rib = NULL;
	for (size_t i = 0; i < from->n_rib; i++) {
		struct rib_fact *b = report_add_rib(into);
		if (!b)
			break;
		*b = from->rib[i];
		b->peers = copy_text(into, b->peers);
		b->best = copy_text(into, b->best);
	}
}

static void
merge_origins(struct report *into, const struct report *from)
{
	into->n_origins = 0;
	into->origins = NULL;
	for (size_t i = 0; i < from->n_origins; i++) {
		struct origin_fact *o = report_add_origin(into);
		if (!o)
			break;
		*o = from->origins[i];
		o->by = copy_text(into, o->by);
	}
}

static void
merge_zones(struct report *into, const struct report *from)
{
	into->dns.n_zones = 0;
	into->dns.zones = NULL;
	for (size_t i = 0; i < from->dns.n_zones; i++) {
		struct zone_fact *z = report_add_zone(into);
		if (!z)
			break;
		*z = from->dns.zones[i];
		z->name = copy_text(into, z->name);
		z->state = copy_text(into, z->state);
	}
}

static void
merge_dns(struct report *into, const struct report *from)
{
	struct dns_fact *d = &into->dns;
	d->queries = from->dns.queries;
	d->uptime_s = from->dns.uptime_s;
	d->qps = from->dns.qps;
	d->latency_s = from->dns.latency_s;
	d->n_rcodes = 0;
	d->rcodes = NULL;
	for (size_t i = 0; i < from->dns.n_rcodes; i++) {
		struct rcode_fact *c = report_add_rcode(into);
		if (!c)
			break;
		c->name = copy_text(into, from->dns.rcodes[i].name);
		c->count = from->dns.rcodes[i].count;
	}
}

static void
merge_answers(struct report *into, const struct report *from)
{
	into->n_answers = 0;
	into->answers = NULL;
	for (size_t i = 0; i < from->n_answers; i++) {
		struct answer_fact *a = report_add_answer(into);
		if (!a)
			break;
		*a = from->answers[i];
		a->vantage = copy_text(into, a->vantage);
		a->target = copy_text(into, a->target);
		a->service = copy_text(into, a->service);
		a->rcode = copy_text(into, a->rcode);
		a->identity = copy_text(into, a->identity);
		a->error = copy_text(into, a->error);
	}
}

/* Versions add up: the BGP and the DNS driver each state their own. */
static void
merge_versions(struct report *into, const struct report *from)
{
	for (size_t i = 0; i < from->n_versions; i++) {
		const struct version_fact *v = &from->versions[i];
		size_t j = 0;
		while (j < into->n_versions && strcmp(into->versions[j].what, v->what) != 0)
			j++;
		if (j < into->n_versions)
			into->versions[j].version = copy_text(into, v->version);
		else
			report_add_version(into, v->what, slice_of(v->version ? v->version : ""));
	}
}

void
report_merge(struct report *into, const struct report *from)
{
	unsigned has = from->sections;
	into->sections |= has;
	if (has & REPORT_SESSIONS)
		merge_sessions(into, from);
	if (has & REPORT_EXPORTS)
		merge_exports(into, from);
	if (has & REPORT_ORIGINS)
		merge_origins(into, from);
	if (has & REPORT_RIB)
		merge_rib(into, from);
	if (has & REPORT_DNS)
		merge_dns(into, from);
	if (has & REPORT_ZONES)
		merge_zones(into, from);
	if (has & REPORT_ANSWERS)
		merge_answers(into, from);
	if (has & REPORT_VERSIONS)
		merge_versions(into, from);
	if (has & REPORT_HEALTH) {
		into->is_healthy = from->is_healthy;
		into->health_text = copy_text(into, from->health_text);
	}
	if (has & REPORT_IDENTITY)
		into->identity = copy_text(into, from->identity);
	if (has & REPORT_CAPACITY)
		into->capacity_qps = from->capacity_qps;
	if (has & REPORT_CLOCK)
		into->clock_s = from->clock_s;
	into->extras = from->extras;
}

/* FNV-1a, 64 bits */
static void
mix(uint64_t *h, const void *data, size_t len)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++)
		*h = (*h ^ p[i]) * UINT64_C(1099511628211);
}

static void
mix_text(uint64_t *h, const char *text)
{
	if (text)
		mix(h, text, strlen(text));
	mix(h, "", 1);
}

static void
mix_int(uint64_t *h, int64_t n)
{
	mix(h, &n, sizeof n);
}

static void
mix_sessions(uint64_t *h, const struct report *r)
{
	for (size_t i = 0; i < r->n_sessions; i++) {
		const struct session_fact *s = &r->sessions[i];
		mix_text(h, s->name);
		mix_text(h, s->peer);
		mix_text(h, s->state_word);
		mix_int(h, s->state * 16 + (int)s->admin_state);
		mix_int(h, s->received);
		mix_int(h, s->advertised);
		mix_int(h, s->last_error.code * 256 + s->last_error.subcode);
		mix_text(h, s->last_error.text);
		mix_text(h, s->last_error.message);
	}
}

static void
mix_exports(uint64_t *h, const struct report *r)
{
	for (size_t i = 0; i < r->n_exports; i++) {
		const struct export_fact *e = &r->exports[i];
		mix_text(h, e->session);
		mix_int(h, e->is_known * 16 + (int)e->family);
		for (size_t j = 0; j < e->n_routes; j++) {
			mix(h, &e->routes[j].prefix, sizeof e->routes[j].prefix);
			mix_text(h, e->routes[j].communities);
			mix_int(h, e->routes[j].is_gshut * 256 + e->routes[j].prepends);
		}
	}
	for (size_t i = 0; i < r->n_origins; i++) {
		mix_text(h, r->origins[i].by);
		mix_int(h, r->origins[i].is_enabled);
	}
	for (size_t i = 0; i < r->n_rib; i++) {
		mix(h, &r->rib[i].prefix, sizeof r->rib[i].prefix);
		mix_int(h, (int64_t)r->rib[i].paths);
		mix_text(h, r->rib[i].peers);
		mix_text(h, r->rib[i].best);
	}
}

uint64_t
report_fingerprint(const struct report *r)
{
	uint64_t h = UINT64_C(14695981039346656037);
	mix_int(&h, r->sections);
	mix_sessions(&h, r);
	mix_exports(&h, r);
	for (size_t i = 0; i < r->n_answers; i++) {
		const struct answer_fact *a = &r->answers[i];
		mix_text(&h, a->vantage);
		mix_text(&h, a->target);
		mix_int(&h, a->is_answered);
		mix_text(&h, a->rcode);
		mix_text(&h, a->identity);
		mix_int(&h, a->serial);
		mix_int(&h, a->signed_until);
	}
	for (size_t i = 0; i < r->dns.n_zones; i++) {
		mix_text(&h, r->dns.zones[i].name);
		mix_int(&h, r->dns.zones[i].serial);
		mix_text(&h, r->dns.zones[i].state);
	}
	for (size_t i = 0; i < r->n_versions; i++)
		mix_text(&h, r->versions[i].version);
	mix_int(&h, r->is_healthy);
	mix_text(&h, r->health_text);
	mix_text(&h, r->identity);
	return h;
}

void *
report_number_at(const struct report *r, const struct report_place *place)
{
	char *base = NULL;
	switch ((enum report_list)place->list) {
	case REPORT_LIST_SELF:
		base = (char *)(uintptr_t)r;
		break;
	case REPORT_LIST_SESSIONS:
		base = place->item < r->n_sessions ? (char *)&r->sessions[place->item] : NULL;
		break;
	case REPORT_LIST_RCODES:
		base = place->item < r->dns.n_rcodes ? (char *)&r->dns.rcodes[place->item] : NULL;
		break;
	case REPORT_LIST_ZONES:
		base = place->item < r->dns.n_zones ? (char *)&r->dns.zones[place->item] : NULL;
		break;
	case REPORT_LIST_ANSWERS:
		base = place->item < r->n_answers ? (char *)&r->answers[place->item] : NULL;
		break;
	}
	return base ? base + place->offset : NULL;
}

bool
report_put_numbers(struct report *r, const struct report_place *places, size_t n, const union report_number *values)
{
	bool is_news = false;
	for (size_t i = 0; i < n; i++) {
		void *to = report_number_at(r, &places[i]);
		if (!to)
			continue;
		if (!places[i].is_quiet && *(int64_t *)to != values[i].integer)
			is_news = true;
		memcpy(to, &values[i], sizeof values[i]);
	}
	return is_news;
}

static const char *const fsm_names[] = {
	"unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "other",
};
static const char *const admin_names[] = { "unknown", "up", "down" };
static const char *const tri_names[] = { "unknown", "no", "yes" };
static const char *const direction_names[] = { "none", "sent", "received", "local" };
static const char *const section_names[] = {
	"sessions", "exports", "origins", "rib", "dns", "zones", "answers", "versions", "health", "identity", "capacity", "clock",
};

const char *
fsm_state_name(enum fsm_state s)
{
	return fsm_names[s];
}

enum fsm_state
fsm_state_parse(struct slice word)
{
	char text[24];
	slice_copy(word, text, sizeof text);
	for (int i = FSM_IDLE; i <= FSM_ESTABLISHED; i++)
		if (strcasecmp(fsm_names[i], text) == 0)
			return (enum fsm_state)i;
	return FSM_OTHER;
}

const char *
admin_state_name(enum admin_state s)
{
	return admin_names[s];
}

const char *
tri_name(enum tri t)
{
	return tri_names[t];
}

struct notification_row {
	int code, subcode;
	const char *name;
};

static const struct notification_row notifications[] = {
	{ 1, 1, "Message Header Error/Connection Not Synchronized" },
	{ 1, 2, "Message Header Error/Bad Message Length" },
	{ 1, 3, "Message Header Error/Bad Message Type" },
	{ 1, -1, "Message Header Error" },
	{ 2, 1, "OPEN Message Error/Unsupported Version Number" },
	{ 2, 2, "OPEN Message Error/Bad Peer AS" },
	{ 2, 3, "OPEN Message Error/Bad BGP Identifier" },
	{ 2, 4, "OPEN Message Error/Unsupported Optional Parameter" },
	{ 2, 6, "OPEN Message Error/Unacceptable Hold Time" },
	{ 2, 7, "OPEN Message Error/Unsupported Capability" },
	{ 2, 11, "OPEN Message Error/Role Mismatch" },
	{ 2, -1, "OPEN Message Error" },
	{ 3, -1, "UPDATE Message Error" },
	{ 4, -1, "Hold Timer Expired" },
	{ 5, -1, "Finite State Machine Error" },
	{ 6, 1, "Cease/Maximum Number of Prefixes Reached" },
	{ 6, 2, "Cease/Administrative Shutdown" },
	{ 6, 3, "Cease/Peer De-configured" },
	{ 6, 4, "Cease/Administrative Reset" },
	{ 6, 5, "Cease/Connection Rejected" },
	{ 6, 6, "Cease/Other Configuration Change" },
	{ 6, 7, "Cease/Connection Collision Resolution" },
	{ 6, 8, "Cease/Out of Resources" },
	{ 6, 9, "Cease/Hard Reset" },
	{ 6, 10, "Cease/BFD Down" },
	{ 6, -1, "Cease" },
	{ 7, -1, "ROUTE-REFRESH Message Error" },
};

const char *
notification_name(int code, int subcode)
{
	const char *name = NULL;
	for (size_t i = 0; i < sizeof notifications / sizeof notifications[0]; i++) {
		const struct notification_row *n = &notifications[i];
		if (n->code == code && n->subcode == subcode)
			return n->name;
		if (n->code == code && n->subcode == -1)
			name = n->name;
	}
	return name;
}

static void
write_session(struct json_writer *w, const struct session_fact *s)
{
	json_begin_object(w);
	json_put_text(w, "name", s->name);
	json_put_text(w, "peer", s->peer);
	json_put_text(w, "description", s->description);
	json_put_known(w, "peer_asn", s->peer_asn);
	json_put_known(w, "local_asn", s->local_asn);
	json_key(w, "families");
	json_begin_array(w);
	if (s->families & FAMILY_BIT_V4)
		json_add_text(w, "ipv4");
	if (s->families & FAMILY_BIT_V6)
		json_add_text(w, "ipv6");
	json_end_array(w);
	json_put_text(w, "state", s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state));
	json_put_text(w, "admin_state", admin_state_name(s->admin_state));
	json_put_known(w, "since_s", s->since_s);
	json_put_known(w, "received", s->received);
	json_put_known(w, "accepted", s->accepted);
	json_put_known(w, "advertised", s->advertised);
	json_put_known(w, "hold_s", s->hold_s);
	json_put_text(w, "bfd_up", tri_name(s->bfd_up));
	json_put_text(w, "has_password", tri_name(s->has_password));
	json_key(w, "last_error");
	if (!s->last_error.text && !s->last_error.message && s->last_error.code < 0) {
		json_add_null(w);
	} else {
		json_begin_object(w);
		json_put_text(w, "text", s->last_error.text);
		json_put_known(w, "code", s->last_error.code);
		json_put_known(w, "subcode", s->last_error.subcode);
		json_put_text(w, "message", s->last_error.message);
		json_put_text(w, "direction", direction_names[s->last_error.direction]);
		json_put_known(w, "age_s", s->last_error.age_s);
		json_end_object(w);
	}
	json_end_object(w);
}

static void
put_prefix(struct json_writer *w, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format(p, text);
	json_put_text(w, "prefix", text);
}

static void
write_export(struct json_writer *w, const struct export_fact *e)
{
	json_begin_object(w);
	json_put_text(w, "session", e->session);
	json_put_text(w, "family", e->family == FAMILY_V6 ? "ipv6" : "ipv4");
	json_put_bool(w, "known", e->is_known);
	json_key(w, "routes");
	json_begin_array(w);
	for (size_t i = 0; i < e->n_routes; i++) {
		const struct route_fact *r = &e->routes[i];
		json_begin_object(w);
		put_prefix(w, &r->prefix);
		json_put_text(w, "gshut", tri_name(r->is_gshut));
		json_put_known(w, "prepends", r->prepends);
		json_put_text(w, "communities", r->communities);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void
write_dns(struct json_writer *w, const struct report *r)
{
	json_key(w, "dns");
	json_begin_object(w);
	json_put_known(w, "queries", r->dns.queries);
	json_put_known(w, "uptime_s", r->dns.uptime_s);
	json_put_double(w, "qps", r->dns.qps, 1);
	json_put_double(w, "latency_s", r->dns.latency_s, 6);
	json_key(w, "rcodes");
	json_begin_object(w);
	for (size_t i = 0; i < r->dns.n_rcodes; i++)
		json_put_known(w, r->dns.rcodes[i].name, r->dns.rcodes[i].count);
	json_end_object(w);
	json_end_object(w);
}

static void
write_zones(struct json_writer *w, const struct report *r)
{
	json_key(w, "zones");
	json_begin_array(w);
	for (size_t i = 0; i < r->dns.n_zones; i++) {
		json_begin_object(w);
		json_put_text(w, "name", r->dns.zones[i].name);
		json_put_known(w, "serial", r->dns.zones[i].serial);
		json_put_text(w, "state", r->dns.zones[i].state);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
write_answer(struct json_writer *w, const struct answer_fact *a)
{
	json_begin_object(w);
	json_put_text(w, "vantage", a->vantage);
	json_put_text(w, "target", a->target);
	json_put_text(w, "service", a->service);
	json_put_text(w, "answered", tri_name(a->is_answered));
	json_put_text(w, "rcode", a->rcode);
	json_put_known(w, "rtt_us", a->rtt_us);
	json_put_text(w, "identity", a->identity);
	json_put_known(w, "serial", a->serial);
	json_put_known(w, "signed_until", a->signed_until);
	json_put_text(w, "error", a->error);
	json_end_object(w);
}

static void
write_rib(struct json_writer *w, const struct report *r)
{
	json_key(w, "rib");
	json_begin_array(w);
	for (size_t i = 0; i < r->n_rib; i++) {
		json_begin_object(w);
		put_prefix(w, &r->rib[i].prefix);
		json_put_int(w, "paths", (int64_t)r->rib[i].paths);
		json_put_text(w, "peers", r->rib[i].peers);
		json_put_text(w, "best", r->rib[i].best);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
write_origins(struct json_writer *w, const struct report *r)
{
	json_key(w, "origins");
	json_begin_array(w);
	for (size_t i = 0; i < r->n_origins; i++) {
		json_begin_object(w);
		if (r->origins[i].prefix.family)
			put_prefix(w, &r->origins[i].prefix);
		else
			json_put_null(w, "prefix");
		json_put_text(w, "by", r->origins[i].by);
		json_put_bool(w, "enabled", r->origins[i].is_enabled);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
write_lists(const struct report *r, struct json_writer *w)
{
	if (r->sections & REPORT_SESSIONS) {
		json_key(w, "sessions");
		json_begin_array(w);
		for (size_t i = 0; i < r->n_sessions; i++)
			write_session(w, &r->sessions[i]);
		json_end_array(w);
	}
	if (r->sections & REPORT_EXPORTS) {
		json_key(w, "exports");
		json_begin_array(w);
		for (size_t i = 0; i < r->n_exports; i++)
			write_export(w, &r->exports[i]);
		json_end_array(w);
	}
	if (r->sections & REPORT_ORIGINS)
		write_origins(w, r);
	if (r->sections & REPORT_RIB)
		write_rib(w, r);
}

void
report_write_json(const struct report *r, struct json_writer *w)
{
	json_begin_object(w);
	json_key(w, "sections");
	json_begin_array(w);
	for (size_t i = 0; i < sizeof section_names / sizeof section_names[0]; i++)
		if (r->sections & 1u << i)
			json_add_text(w, section_names[i]);
	json_end_array(w);
	write_lists(r, w);
	if (r->sections & REPORT_DNS)
		write_dns(w, r);
	if (r->sections & REPORT_ZONES)
		write_zones(w, r);
	if (r->sections & REPORT_ANSWERS) {
		json_key(w, "answers");
		json_begin_array(w);
		for (size_t i = 0; i < r->n_answers; i++)
			write_answer(w, &r->answers[i]);
		json_end_array(w);
	}
	if (r->sections & REPORT_VERSIONS) {
		json_key(w, "versions");
		json_begin_object(w);
		for (size_t i = 0; i < r->n_versions; i++)
			json_put_text(w, r->versions[i].what, r->versions[i].version);
		json_end_object(w);
	}
	if (r->sections & REPORT_HEALTH) {
		json_put_text(w, "healthy", tri_name(r->is_healthy));
		json_put_text(w, "health_text", r->health_text);
	}
	if (r->sections & REPORT_IDENTITY)
		json_put_text(w, "identity", r->identity);
	if (r->sections & REPORT_CAPACITY)
		json_put_double(w, "capacity_qps", r->capacity_qps, 0);
	if (r->sections & REPORT_CLOCK)
		json_put_int(w, "clock_s", r->clock_s);
	if (r->extras)
		json_put_int(w, "extras", (int64_t)r->extras);
	json_end_object(w);
}

/* Index of a word in a list, or 0 (unknown). */
static int
word_index(const struct json *v, const char *const *words, int n)
{
	const char *text = json_text(v, "");
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return 0;
}

static const char *
get_text(struct report *r, const struct json *o, const char *key)
{
	const struct json *v = json_get(o, key);
	return json_kind(v) == JSON_STRING ? report_text(r, json_slice(v)) : NULL;
}

static const char *
get_name(struct report *r, const struct json *o, const char *key)
{
	const char *text = get_text(r, o, key);
	return text ? text : "";
}

/* Notes where a number of `item` (the i-th of a list) stands in the page. */
static void
note_place(struct report *r, const struct json *v, struct report_place place, const void *base, const void *out)
{
	enum json_kind kind = json_kind(v);
	struct report_places *all = r->places;
	if (!all || (kind != JSON_INT && !(kind == JSON_DOUBLE && place.is_real)))
		return;
	place.at = (uint32_t)json_offset(v);
	place.offset = (uint16_t)((const char *)out - (const char *)base);
	all->places = xgrow(all->places, &all->cap, all->n + 1, sizeof *all->places);
	all->places[all->n++] = place;
}

/* An item whose numbers are being read. */
struct item {
	const struct json *o;
	const void *base;
	enum report_list list;
	size_t i;
};

enum quiet { TOLD, QUIET };

/* A number that may differ with each page. Quiet if no change of it is a change to an operator. */
static int
want_count(struct report *r, const struct item *item, const char *key, int64_t max, enum quiet quiet, int64_t *out,
	struct err *err)
{
	if (json_want_int(item->o, key, 0, max, out, err) == -1)
		return -1;
	const struct report_place place = {
		.item = (uint16_t)item->i, .list = (uint8_t)item->list, .is_quiet = quiet == QUIET, .max = max };
	if (r->places)
		note_place(r, json_get(item->o, key), place, item->base, out);
	return 0;
}

static int
want_rate(struct report *r, const struct item *item, const char *key, int64_t max, double *out, struct err *err)
{
	if (json_want_double(item->o, key, 0, (double)max, out, err) == -1)
		return -1;
	const struct report_place place = {
		.item = (uint16_t)item->i, .list = (uint8_t)item->list, .is_quiet = true, .is_real = true, .max = max };
	if (r->places)
		note_place(r, json_get(item->o, key), place, item->base, out);
	return 0;
}

static int
read_last_error(struct report *r, const struct json *o, struct session_fact *s, struct err *err)
{
	const struct item item = { o, s, REPORT_LIST_SESSIONS, r->n_sessions - 1 };
	struct last_error *e = &s->last_error;
	int64_t code = -1, subcode = -1;
	if (json_want_int(o, "code", 0, 255, &code, err) == -1 || json_want_int(o, "subcode", 0, 255, &subcode, err) == -1 ||
		want_count(r, &item, "age_s", COUNT_MAX, QUIET, &e->age_s, err) == -1)
		return -1;
	e->text = get_text(r, o, "text");
	e->message = get_text(r, o, "message");
	e->code = (int)code;
	e->subcode = (int)subcode;
	e->direction = (enum direction)word_index(json_get(o, "direction"), direction_names, 4);
	return 0;
}

static unsigned
read_families(const struct json *list)
{
	unsigned families = 0;
	for (size_t i = 0; i < json_length(list); i++)
		families |= strcmp(json_text(json_at(list, i), ""), "ipv6") == 0 ? FAMILY_BIT_V6 : FAMILY_BIT_V4;
	return families;
}

static int
read_session(struct report *r, const struct json *o, struct err *err)
{
	struct session_fact *s = report_add_session(r);
	if (!s)
		return err_set(err, ERR_TOO_LARGE, "more than %d sessions", REPORT_SESSIONS_MAX);
	const struct item item = { o, s, REPORT_LIST_SESSIONS, r->n_sessions - 1 };
	int64_t hold = -1;
	s->name = get_name(r, o, "name");
	s->peer = get_name(r, o, "peer");
	s->description = get_text(r, o, "description");
	s->families = read_families(json_get(o, "families"));
	const struct json *state = json_get(o, "state");
	s->state = strcmp(json_text(state, "unknown"), "unknown") == 0 ? FSM_UNKNOWN : fsm_state_parse(json_slice(state));
	if (s->state == FSM_OTHER)
		s->state_word = get_text(r, o, "state");
	s->admin_state = (enum admin_state)word_index(json_get(o, "admin_state"), admin_names, 3);
	s->bfd_up = (enum tri)word_index(json_get(o, "bfd_up"), tri_names, 3);
	s->has_password = (enum tri)word_index(json_get(o, "has_password"), tri_names, 3);
	const struct json *last = NULL;
	if (json_want_int(o, "peer_asn", 0, ASN_MAX, &s->peer_asn, err) == -1 ||
		json_want_int(o, "local_asn", 0, ASN_MAX, &s->local_asn, err) == -1 ||
		want_count(r, &item, "since_s", COUNT_MAX, QUIET, &s->since_s, err) == -1 ||
		want_count(r, &item, "received", COUNT_MAX, TOLD, &s->received, err) == -1 ||
		want_count(r, &item, "accepted", COUNT_MAX, QUIET, &s->accepted, err) == -1 ||
		want_count(r, &item, "advertised", COUNT_MAX, TOLD, &s->advertised, err) == -1 ||
		json_want_int(o, "hold_s", 0, 65535, &hold, err) == -1 ||
		json_want_object(o, "last_error", &last, err) == -1)
		return -1;
	s->hold_s = (int)hold;
	return last ? read_last_error(r, last, s, err) : 0;
}

static int
read_prefix(const struct json *o, struct prefix *out, struct err *err)
{
	struct slice text;
	if (json_need_text(o, "prefix", PREFIX_TEXT_MAX, &text, err) == -1)
		return -1;
	return prefix_parse(text, out, err);
}

static int
read_export(struct report *r, const struct json *o, struct err *err)
{
	const char *family = json_text(json_get(o, "family"), "ipv4");
	struct export_fact *e =
		report_add_export(r, get_name(r, o, "session"), strcmp(family, "ipv6") == 0 ? FAMILY_V6 : FAMILY_V4);
	if (!e)
		return err_set(err, ERR_TOO_LARGE, "more than %d exports", EXPORTS_MAX);
	const struct json *routes = NULL;
	if (json_want_bool(o, "known", &e->is_known, err) == -1 ||
		json_want_array(o, "routes", REPORT_ROUTES_MAX, &routes, err) == -1)
		return -1;
	for (size_t i = 0; i < json_length(routes); i++) {
		const struct json *item = json_at(routes, i);
		struct route_fact *route = report_add_route(r, e);
		int64_t prepends = -1;
		if (read_prefix(item, &route->prefix, err) == -1 ||
			json_want_int(item, "prepends", 0, 255, &prepends, err) == -1)
			return -1;
		route->prepends = (int)prepends;
		route->is_gshut = (enum tri)word_index(json_get(item, "gshut"), tri_names, 3);
		route->communities = get_text(r, item, "communities");
	}
	return 0;
}

static int
read_rib(struct report *r, const struct json *o, struct err *err)
{
	struct rib_fact *b = report_add_rib(r);
	int64_t paths = 0;
	if (!b)
		return err_set(err, ERR_TOO_LARGE, "more than %d prefixes", SMALL_MAX);
	if (read_prefix(o, &b->prefix, err) == -1 || json_want_int(o, "paths", 0, 100000, &paths, err) == -1)
		return -1;
	b->paths = (size_t)paths;
	b->peers = get_text(r, o, "peers");
	b->best = get_text(r, o, "best");
	return 0;
}

static int
read_origin(struct report *r, const struct json *o, struct err *err)
{
	struct origin_fact *f = report_add_origin(r);
	if (!f)
		return err_set(err, ERR_TOO_LARGE, "more than %d origins", SMALL_MAX);
	f->by = get_name(r, o, "by");
	if (json_kind(json_get(o, "prefix")) != JSON_NULL && read_prefix(o, &f->prefix, err) == -1)
		return -1;
	return json_want_bool(o, "enabled", &f->is_enabled, err);
}

static int
read_zone(struct report *r, const struct json *o, struct err *err)
{
	struct zone_fact *z = report_add_zone(r);
	if (!z)
		return err_set(err, ERR_TOO_LARGE, "more than %d zones", SMALL_MAX);
	z->name = get_name(r, o, "name");
	z->state = get_text(r, o, "state");
	const struct item item = { o, z, REPORT_LIST_ZONES, r->dns.n_zones - 1 };
	return want_count(r, &item, "serial", ASN_MAX, TOLD, &z->serial, err);
}

static int
read_answer(struct report *r, const struct json *o, struct err *err)
{
	struct answer_fact *a = report_add_answer(r);
	if (!a)
		return err_set(err, ERR_TOO_LARGE, "more than %d answers", SMALL_MAX);
	a->vantage = get_name(r, o, "vantage");
	a->target = get_name(r, o, "target");
	a->service = get_text(r, o, "service");
	a->is_answered = (enum tri)word_index(json_get(o, "answered"), tri_names, 3);
	a->rcode = get_text(r, o, "rcode");
	a->identity = get_text(r, o, "identity");
	a->error = get_text(r, o, "error");
	const struct item item = { o, a, REPORT_LIST_ANSWERS, r->n_answers - 1 };
	if (want_count(r, &item, "rtt_us", INT64_C(3600000000), QUIET, &a->rtt_us, err) == -1)
		return -1;
	if (want_count(r, &item, "serial", ASN_MAX, TOLD, &a->serial, err) == -1)
		return -1;
	return want_count(r, &item, "signed_until", ASN_MAX, TOLD, &a->signed_until, err);
}

static int
read_dns(struct report *r, const struct json *o, struct err *err)
{
	struct dns_fact *d = &r->dns;
	const struct json *rcodes = NULL, *count;
	const char *name;
	const struct item item = { o, r, REPORT_LIST_SELF, 0 };
	if (want_count(r, &item, "queries", COUNT_MAX, QUIET, &d->queries, err) == -1 ||
		want_count(r, &item, "uptime_s", COUNT_MAX, QUIET, &d->uptime_s, err) == -1 ||
		want_rate(r, &item, "qps", INT64_C(1000000000000), &d->qps, err) == -1 ||
		want_rate(r, &item, "latency_s", 3600, &d->latency_s, err) == -1 ||
		json_want_object(o, "rcodes", &rcodes, err) == -1)
		return -1;
	struct json_iter it = json_iter_start(rcodes);
	while (json_iter_next(&it, &name, &count)) {
		int64_t n = json_int(count, -1);
		if (n < 0)
			return err_set(err, ERR_BAD_REPLY, "rcodes: a count that is no number from 0 on");
		struct rcode_fact *c = report_add_rcode(r);
		if (!c)
			return err_set(err, ERR_TOO_LARGE, "more than 64 rcodes");
		c->name = report_text(r, slice_of(name));
		c->name = c->name ? c->name : "";
		c->count = n;
		const struct report_place place = { .item = (uint16_t)(r->dns.n_rcodes - 1), .list = REPORT_LIST_RCODES,
			.is_quiet = true, .max = COUNT_MAX };
		note_place(r, count, place, c, &c->count);
	}
	return 0;
}

static int
read_list(struct report *r, const struct json *o, const char *key, size_t max,
	int (*read_one)(struct report *, const struct json *, struct err *), struct err *err)
{
	const struct json *list = NULL;
	if (json_want_array(o, key, max, &list, err) == -1)
		return -1;
	for (size_t i = 0; i < json_length(list); i++) {
		if (json_kind(json_at(list, i)) != JSON_OBJECT)
			return err_set(err, ERR_BAD_REPLY, "%s[%zu]: no object", key, i);
		if (read_one(r, json_at(list, i), err) == -1)
			return err_wrap(err, "%s[%zu]", key, i);
	}
	return 0;
}

static unsigned
read_sections(const struct json *list)
{
	unsigned sections = 0;
	for (size_t i = 0; i < json_length(list); i++)
		for (size_t j = 0; j < sizeof section_names / sizeof section_names[0]; j++)
			if (strcmp(section_names[j], json_text(json_at(list, i), "")) == 0)
				sections |= 1u << j;
	return sections;
}

static void
read_versions(struct report *r, const struct json *o)
{
	struct json_iter it = json_iter_start(json_get(o, "versions"));
	const char *what;
	const struct json *version;
	while (json_iter_next(&it, &what, &version)) {
		const char *clean = report_text(r, slice_of(what));
		report_add_version(r, clean ? clean : "", json_slice(version));
	}
}

int
report_read_json(const struct json *o, struct report *r, struct err *err)
{
	const struct json *sections = NULL, *dns = NULL;
	if (json_kind(o) != JSON_OBJECT)
		return err_set(err, ERR_BAD_REPLY, "a report is %s, where an object is wanted", json_kind_name(json_kind(o)));
	if (json_need_array(o, "sections", 64, &sections, err) == -1)
		return -1;
	r->sections = read_sections(sections);
	if (read_list(r, o, "sessions", REPORT_SESSIONS_MAX, read_session, err) == -1 ||
		read_list(r, o, "exports", EXPORTS_MAX, read_export, err) == -1 ||
		read_list(r, o, "origins", SMALL_MAX, read_origin, err) == -1 ||
		read_list(r, o, "rib", SMALL_MAX, read_rib, err) == -1 ||
		read_list(r, o, "zones", SMALL_MAX, read_zone, err) == -1 ||
		read_list(r, o, "answers", SMALL_MAX, read_answer, err) == -1 ||
		json_want_object(o, "dns", &dns, err) == -1)
		return -1;
	if (dns && read_dns(r, dns, err) == -1)
		return err_wrap(err, "dns");
	read_versions(r, o);
	r->is_healthy = (enum tri)word_index(json_get(o, "healthy"), tri_names, 3);
	r->health_text = get_text(r, o, "health_text");
	r->identity = get_text(r, o, "identity");
	if (json_want_double(o, "capacity_qps", 0, 1e12, &r->capacity_qps, err) == -1)
		return -1;
	const struct item item = { o, r, REPORT_LIST_SELF, 0 };
	return want_count(r, &item, "clock_s", INT64_C(1) << 40, QUIET, &r->clock_s, err);
}
