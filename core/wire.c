/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire: fleet to JSON and back. One encoder serves the API, the stream and `-o json`, so a script and the dashboard
 * read the same words; one decoder serves the console. Keys of PRODUCT.md section 6 stand first in each object. Ages are
 * seconds at the moment of encoding, because the two halves share no clock; unknown is null, never 0. The decoder trusts
 * nothing: sizes are bounded, names checked, text sanitised again.
 */
#include "core/wire.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define POPS_MAX  5000
#define NODES_MAX 20000
#define AGE_MAX_S 1e9

static const char *const tri_words[] = { "unknown", "no", "yes" };
static const char *const role_words[] = { "member", "vantage", "witness" };
static const char *const approval_words[] = { "never", "amber", "always" };

static int
index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (word && strcmp(words[i], word) == 0)
			return i;
	return 0;
}

static void
put_reasons(struct json_writer *w, const struct reasons *r)
{
	json_key(w, "reasons");
	json_begin_array(w);
	for (size_t i = 0; i < r->n; i++)
		json_add_text(w, r->text[i]);
	json_end_array(w);
}

static void
put_age(struct json_writer *w, const char *key, struct mono seen, struct mono now)
{
	json_put_double(w, key, mono_is_set(seen) ? mono_s_since(now, seen) : NAN, 1);
}

static void
put_prefix_key(struct json_writer *w, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format(p, text);
	json_key(w, text);
}

/* Response codes of the PoP's nodes, added up by name. */
static void
put_pop_rcodes(struct json_writer *w, const struct fleet *f, const struct pop *p)
{
	struct rcode_fact sums[64];
	size_t n = 0;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct dns_fact *d = &f->nodes[p->nodes[i]].facts->dns;
		for (size_t j = 0; j < d->n_rcodes; j++) {
			size_t k = 0;
			while (k < n && strcmp(sums[k].name, d->rcodes[j].name) != 0)
				k++;
			if (k == n && n < 64)
				sums[n++] = (struct rcode_fact){ d->rcodes[j].name, 0 };
			if (k < n)
				sums[k].count += d->rcodes[j].count;
		}
	}
	json_key(w, "rcodes");
	json_begin_object(w);
	for (size_t i = 0; i < n; i++)
		json_put_known(w, sums[i].name, sums[i].count);
	json_end_object(w);
}

void
wire_write_hold(struct json_writer *w, const struct hold *h)
{
	json_begin_object(w);
	json_put_text(w, "id", h->id);
	json_put_text(w, "pop", h->pop);
	json_put_text(w, "owner", h->owner);
	json_put_text(w, "kind", hold_kind_name(h->kind));
	json_put_text(w, "reason", h->reason);
	json_put_text(w, "ticket", h->ticket[0] ? h->ticket : NULL);
	json_put_time(w, "created", h->created);
	json_put_time(w, "expires", h->expires);
	json_put_bool(w, "auto_undrain", h->is_auto_undrain);
	json_put_text(w, "op", h->op[0] ? h->op : NULL);
	json_end_object(w);
}

void
wire_write_pop(struct json_writer *w, const struct fleet *f, const struct pop *p, struct mono now)
{
	json_begin_object(w);
	json_put_text(w, "pop", p->name);
	json_put_text(w, "name", p->title);
	json_put_text(w, "region", p->region);
	json_put_double(w, "lat", p->lat, 4);
	json_put_double(w, "lon", p->lon, 4);
	json_put_text(w, "verdict", verdict_name(p->verdict));
	put_reasons(w, &p->reasons);
	json_key(w, "announced");
	json_begin_object(w);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		put_prefix_key(w, &f->prefixes[i].prefix);
		json_add_text(w, announced_name(p->announced[i]));
	}
	json_end_object(w);
	json_key(w, "sessions");
	json_begin_object(w);
	json_put_int(w, "up", (int64_t)p->sessions_up);
	json_put_int(w, "total", (int64_t)p->sessions_total);
	json_end_object(w);
	json_put_double(w, "qps", p->qps, 1);
	json_put_double(w, "capacity_qps", p->capacity_qps, 0);
	put_pop_rcodes(w, f, p);
	put_age(w, "age_s", p->seen, now);
	json_key(w, "holds");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_holds; i++)
		wire_write_hold(w, &p->holds[i]);
	json_end_array(w);
	json_key(w, "nodes");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_nodes; i++)
		json_add_text(w, f->nodes[p->nodes[i]].name);
	json_end_array(w);
	json_put_bool(w, "stale", pop_is_stale(f, p, now));
	json_put_text(w, "intent", announced_name(p->intent));
	json_put_text(w, "phase", drain_phase_name(p->phase));
	json_end_object(w);
}

static void
put_planes(struct json_writer *w, const struct node *n, struct mono now)
{
	json_key(w, "planes");
	json_begin_object(w);
	for (int i = 0; i < PLANE_COUNT; i++) {
		const struct plane *p = &n->planes[i];
		json_key(w, plane_name((enum plane_name)i));
		json_begin_object(w);
		json_put_text(w, "good", tri_words[p->is_good]);
		put_age(w, "age_s", p->seen, now);
		json_put_text(w, "error", p->error == ERR_OK ? NULL : err_code_name(p->error));
		json_put_text(w, "error_text", p->error == ERR_OK ? NULL : p->error_text);
		json_end_object(w);
	}
	json_end_object(w);
}

static void
put_driver_names(struct json_writer *w, const struct node *n)
{
	json_key(w, "drivers");
	json_begin_object(w);
	json_put_text(w, "bgp", n->bgp_driver[0] ? n->bgp_driver : NULL);
	json_put_text(w, "dns", n->dns_driver[0] ? n->dns_driver : NULL);
	json_end_object(w);
	json_key(w, "versions");
	json_begin_object(w);
	for (size_t i = 0; i < n->facts->n_versions; i++)
		json_put_text(w, n->facts->versions[i].what, n->facts->versions[i].version);
	json_end_object(w);
}

static void
write_node(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now, bool with_facts)
{
	json_begin_object(w);
	json_put_text(w, "node", n->name);
	json_put_text(w, "pop", n->pop == FLEET_NO_POP ? NULL : f->pops[n->pop].name);
	json_put_text(w, "verdict", verdict_name(n->verdict));
	put_reasons(w, &n->reasons);
	put_planes(w, n, now);
	put_driver_names(w, n);
	json_put_double(w, "qps", n->qps, 1);
	json_key(w, "rcodes");
	json_begin_object(w);
	for (size_t i = 0; i < n->facts->dns.n_rcodes; i++)
		json_put_known(w, n->facts->dns.rcodes[i].name, n->facts->dns.rcodes[i].count);
	json_end_object(w);
	json_put_text(w, "identity", n->facts->identity);
	put_age(w, "age_s", n->seen, now);
	json_put_text(w, "error", n->error[0] ? n->error : NULL);
	json_put_text(w, "error_code", n->error[0] ? err_code_name(n->error_code) : NULL);
	json_put_text(w, "role", role_words[n->role]);
	json_put_double(w, "capacity_qps", n->capacity_qps, 0);
	json_put_int(w, "poll_ms", n->poll_ms);
	json_put_bool(w, "stale", node_is_stale(n, now));
	json_put_bool(w, "restored", n->is_restored);
	if (with_facts) {
		json_key(w, "facts");
		report_write_json(n->facts, w);
	}
	json_end_object(w);
}

void
wire_write_node(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now)
{
	write_node(w, f, n, now, true);
}

void
wire_write_node_brief(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now)
{
	write_node(w, f, n, now, false);
}

static const char *
family_word(unsigned families)
{
	switch (families) {
	case FAMILY_BIT_V4:
		return "ipv4";
	case FAMILY_BIT_V6:
		return "ipv6";
	case FAMILY_BIT_V4 | FAMILY_BIT_V6:
		return "ipv4+ipv6";
	default:
		return NULL;
	}
}

static void
put_last_error(struct json_writer *w, const struct last_error *e)
{
	const char *words = e->code >= 0 ? notification_name(e->code, e->subcode) : NULL;
	words = words ? words : e->text;
	if (!words) {
		json_put_null(w, "last_error");
		return;
	}
	struct buf b = BUF_INIT(1024);
	if (e->direction == DIRECTION_RECEIVED || e->direction == DIRECTION_SENT)
		buf_printf(&b, "%s ", e->direction == DIRECTION_RECEIVED ? "received" : "sent");
	buf_add_text(&b, words);
	if (e->message)
		buf_printf(&b, ": \"%s\"", e->message);
	json_put_text(w, "last_error", buf_text(&b));
	buf_done(&b);
}

static int64_t
aged(int64_t seconds, struct mono seen, struct mono now)
{
	return seconds < 0 || !mono_is_set(seen) ? seconds : seconds + mono_ms_since(now, seen) / 1000;
}

void
wire_write_node_sessions(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now)
{
	struct mono seen = n->planes[PLANE_SESSION].seen;
	for (size_t i = 0; i < n->facts->n_sessions; i++) {
		const struct session_fact *s = &n->facts->sessions[i];
		json_begin_object(w);
		json_put_text(w, "node", n->name);
		json_put_text(w, "pop", n->pop == FLEET_NO_POP ? NULL : f->pops[n->pop].name);
		json_put_text(w, "peer", s->peer);
		json_put_known(w, "peer_asn", s->peer_asn);
		json_put_known(w, "local_asn", s->local_asn);
		json_put_text(w, "family", family_word(s->families));
		json_put_text(w, "state", s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state));
		json_put_text(w, "admin_state", admin_state_name(s->admin_state));
		json_put_known(w, "since_s", aged(s->since_s, seen, now));
		json_put_known(w, "received", s->received);
		json_put_known(w, "advertised", s->advertised);
		put_last_error(w, &s->last_error);
		json_put_text(w, "name", s->name);
		json_put_text(w, "description", s->description);
		json_put_known(w, "last_error_age_s", aged(s->last_error.age_s, seen, now));
		json_put_known(w, "hold_s", s->hold_s);
		put_age(w, "age_s", seen, now);
		json_end_object(w);
	}
}

void
wire_write_prefix(struct json_writer *w, const struct fleet *f, size_t prefix, struct mono now)
{
	const struct service_prefix *sp = &f->prefixes[prefix];
	struct announce_count c = fleet_count_announced(f, prefix, now);
	char text[PREFIX_TEXT_MAX];
	prefix_format(&sp->prefix, text);
	json_begin_object(w);
	json_put_text(w, "prefix", text);
	json_put_text(w, "service", f->services[sp->service].name);
	json_put_text(w, "family", sp->prefix.family == FAMILY_V6 ? "ipv6" : "ipv4");
	json_put_int(w, "announced", (int64_t)c.announced);
	json_put_int(w, "prefer_away", (int64_t)c.prefer_away);
	json_put_int(w, "withdrawn", (int64_t)c.withdrawn);
	json_put_int(w, "unknown", (int64_t)c.unknown);
	json_put_int(w, "min_pops", f->services[sp->service].policy.min_pops);
	json_key(w, "pops");
	json_begin_object(w);
	for (size_t i = 0; i < f->n_pops; i++)
		json_put_text(w, f->pops[i].name, announced_name(f->pops[i].announced[prefix]));
	json_end_object(w);
	json_key(w, "witnesses");
	json_begin_object(w);
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		if (n->role != NODE_WITNESS || node_is_stale(n, now))
			continue;
		for (size_t j = 0; j < n->facts->n_rib; j++)
			if (prefix_equal(&n->facts->rib[j].prefix, &sp->prefix))
				json_put_int(w, n->name, (int64_t)n->facts->rib[j].paths);
	}
	json_end_object(w);
	json_end_object(w);
}

void
wire_write_service(struct json_writer *w, const struct fleet *f, const struct service *s, struct mono now)
{
	(void)now;
	size_t index = (size_t)(s - f->services);
	json_begin_object(w);
	json_put_text(w, "service", s->name);
	json_key(w, "prefixes");
	json_begin_array(w);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		char text[PREFIX_TEXT_MAX];
		if (f->prefixes[i].service != index)
			continue;
		prefix_format(&f->prefixes[i].prefix, text);
		json_add_text(w, text);
	}
	json_end_array(w);
	json_key(w, "policy");
	json_begin_object(w);
	json_put_int(w, "min_pops", s->policy.min_pops);
	json_put_int(w, "min_pops_per_region", s->policy.min_pops_per_region);
	json_put_int(w, "max_drained", s->policy.max_drained);
	json_put_int(w, "spare", s->policy.spare);
	json_put_int(w, "max_load_pct", s->policy.max_load_pct);
	json_put_int(w, "quorum_pct", s->policy.quorum_pct);
	json_put_known(w, "drill_days", s->policy.drill_days);
	json_put_text(w, "approval", approval_words[s->policy.approval]);
	json_end_object(w);
	json_key(w, "probes");
	json_begin_array(w);
	for (size_t i = 0; i < s->n_probes; i++) {
		json_begin_object(w);
		json_put_text(w, "address", s->probes[i].address);
		json_put_int(w, "port", s->probes[i].port);
		json_put_text(w, "name", s->probes[i].name);
		json_put_text(w, "type", s->probes[i].type);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

void
wire_write_event(struct json_writer *w, const struct event *e)
{
	char at[CLOCK_TEXT_MAX];
	wall_format_ms(e->at, at);
	json_begin_object(w);
	json_put_int(w, "id", (int64_t)e->id);
	json_put_text(w, "at", at);
	json_put_text(w, "kind", e->kind);
	json_put_text(w, "severity", verdict_name(e->severity));
	json_put_text(w, "pop", e->pop[0] ? e->pop : NULL);
	json_put_text(w, "node", e->node[0] ? e->node : NULL);
	json_put_text(w, "text", e->text);
	json_end_object(w);
}

void
wire_write_pops(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_pops; i++)
		wire_write_pop(w, f, &f->pops[i], now);
	json_end_array(w);
}

void
wire_write_nodes(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_nodes; i++)
		write_node(w, f, &f->nodes[i], now, false);
	json_end_array(w);
}

void
wire_write_sessions(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_nodes; i++)
		wire_write_node_sessions(w, f, &f->nodes[i], now);
	json_end_array(w);
}

void
wire_write_prefixes(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_prefixes; i++)
		wire_write_prefix(w, f, i, now);
	json_end_array(w);
}

void
wire_write_services(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_services; i++)
		wire_write_service(w, f, &f->services[i], now);
	json_end_array(w);
}

void
wire_write_fleet(struct json_writer *w, const struct fleet *f, struct mono now)
{
	json_begin_object(w);
	json_put_int(w, "version", WIRE_VERSION);
	json_put_text(w, "fleet", f->name);
	json_put_text(w, "environment", f->environment);
	json_put_int(w, "revision", (int64_t)f->revision);
	json_key(w, "services");
	wire_write_services(w, f, now);
	json_key(w, "prefixes");
	wire_write_prefixes(w, f, now);
	json_key(w, "pops");
	wire_write_pops(w, f, now);
	json_key(w, "nodes");
	json_begin_array(w);
	for (size_t i = 0; i < f->n_nodes; i++)
		write_node(w, f, &f->nodes[i], now, true);
	json_end_array(w);
	json_end_object(w);
}

void
wire_write_change(struct json_writer *w, const struct fleet *f, size_t node, struct mono now)
{
	const struct node *n = &f->nodes[node];
	json_begin_object(w);
	json_put_int(w, "revision", (int64_t)f->revision);
	json_key(w, "node");
	write_node(w, f, n, now, true);
	json_key(w, "pop");
	if (n->pop == FLEET_NO_POP)
		json_add_null(w);
	else
		wire_write_pop(w, f, &f->pops[n->pop], now);
	json_end_object(w);
}

void
wire_write_seen(struct json_writer *w, const struct fleet *f, const size_t *nodes, size_t count, struct mono now)
{
	json_begin_object(w);
	json_put_int(w, "revision", (int64_t)f->revision);
	json_key(w, "seen");
	json_begin_object(w);
	for (size_t i = 0; i < count; i++) {
		const struct node *n = &f->nodes[nodes[i]];
		json_key(w, n->name);
		json_begin_array(w);
		for (int p = 0; p < PLANE_COUNT; p++) {
			struct mono seen = n->planes[p].seen;
			json_add_double(w, mono_is_set(seen) ? mono_s_since(now, seen) : NAN, 1);
		}
		json_end_array(w);
	}
	json_end_object(w);
	json_end_object(w);
}

/* -- reading -- */

static struct mono
instant(double age_s, struct mono now)
{
	if (isnan(age_s))
		return (struct mono){ 0 };
	int64_t ns = now.ns - (int64_t)(age_s * 1e9);
	return (struct mono){ ns != 0 ? ns : 1 };
}

static int
read_age(const struct json *o, const char *key, struct mono now, struct mono *out, struct err *err)
{
	double age = NAN;
	if (json_want_double(o, key, 0, AGE_MAX_S, &age, err) == -1)
		return -1;
	*out = instant(age, now);
	return 0;
}

static int
read_name(const struct json *o, const char *key, char out[FLEET_NAME_MAX], struct err *err)
{
	struct slice s;
	if (json_need_text(o, key, FLEET_NAME_MAX - 1, &s, err) == -1)
		return -1;
	slice_copy(s, out, FLEET_NAME_MAX);
	if (!text_is_name(out))
		return err_set(err, ERR_BAD_REPLY, "%s: no name: [a-z0-9-]{1,32} is wanted", key);
	return 0;
}

static void
read_clean(const struct json *o, const char *key, char *out, size_t size)
{
	text_sanitise_to(json_slice(json_get(o, key)), out, size);
}

static void
read_reasons(const struct json *o, struct reasons *r)
{
	const struct json *list = json_get(o, "reasons");
	r->n = 0;
	for (size_t i = 0; i < json_length(list) && r->n < REASONS_MAX; i++)
		text_sanitise_to(json_slice(json_at(list, i)), r->text[r->n++], REASON_TEXT);
}

static int
read_pop_topology(struct pop *p, const struct json *o, struct err *err)
{
	if (read_name(o, "pop", p->name, err) == -1)
		return -1;
	read_clean(o, "name", p->title, sizeof p->title);
	read_clean(o, "region", p->region, sizeof p->region);
	p->lat = p->lon = NAN;
	if (json_want_double(o, "lat", -90, 90, &p->lat, err) == -1)
		return -1;
	return json_want_double(o, "lon", -180, 180, &p->lon, err);
}

#define HOLDS_MAX 64 /* of one PoP */

static int
read_wall(const struct json *o, const char *key, struct wall *out, struct err *err)
{
	const char *text = json_text(json_get(o, key), "");
	*out = (struct wall){ 0 };
	if (text[0] && wall_parse(text, out) == -1)
		return err_set(err, ERR_BAD_REPLY, "%s: is no time", key);
	return 0;
}

int
wire_read_hold(const struct json *o, struct hold *h, struct err *err)
{
	memset(h, 0, sizeof *h);
	if (json_kind(o) != JSON_OBJECT)
		return err_set(err, ERR_BAD_REPLY, "a hold is an object");
	read_clean(o, "id", h->id, sizeof h->id);
	read_clean(o, "owner", h->owner, sizeof h->owner);
	read_clean(o, "reason", h->reason, sizeof h->reason);
	read_clean(o, "ticket", h->ticket, sizeof h->ticket);
	read_clean(o, "op", h->op, sizeof h->op);
	if (hold_kind_parse(json_text(json_get(o, "kind"), ""), &h->kind) == -1)
		return err_set(err, ERR_BAD_REPLY, "kind: is no kind of hold");
	if (read_name(o, "pop", h->pop, err) == -1 || read_wall(o, "created", &h->created, err) == -1 ||
		read_wall(o, "expires", &h->expires, err) == -1)
		return -1;
	return json_want_bool(o, "auto_undrain", &h->is_auto_undrain, err);
}

static enum drain_phase
parse_phase(const char *word)
{
	for (int i = 0; i < DRAIN_PHASE_COUNT; i++)
		if (strcmp(drain_phase_name((enum drain_phase)i), word) == 0)
			return (enum drain_phase)i;
	return DRAIN_NONE;
}

static int
read_holds(struct fleet *f, struct pop *p, const struct json *o, struct err *err)
{
	struct hold holds[HOLDS_MAX];
	const struct json *list = NULL;
	if (json_want_array(o, "holds", HOLDS_MAX, &list, err) == -1)
		return -1;
	size_t n = json_length(list);
	for (size_t i = 0; i < n; i++)
		if (wire_read_hold(json_at(list, i), &holds[i], err) == -1)
			return err_wrap(err, "holds[%zu]", i);
	fleet_set_holds(f, (size_t)(p - f->pops), holds, n, announced_parse(json_text(json_get(o, "intent"), "announced")),
		parse_phase(json_text(json_get(o, "phase"), "none")));
	return 0;
}

static int
read_pop_facts(struct fleet *f, struct pop *p, const struct json *o, struct mono now, struct err *err)
{
	const struct json *announced = NULL, *sessions = NULL;
	int64_t up = 0, total = 0;
	if (json_want_object(o, "announced", &announced, err) == -1 || json_want_object(o, "sessions", &sessions, err) == -1)
		return -1;
	for (size_t i = 0; i < f->n_prefixes; i++) {
		char text[PREFIX_TEXT_MAX];
		prefix_format(&f->prefixes[i].prefix, text);
		p->announced[i] = announced_parse(json_text(json_get(announced, text), "unknown"));
	}
	if (json_want_int(sessions, "up", 0, 1000000, &up, err) == -1 ||
		json_want_int(sessions, "total", 0, 1000000, &total, err) == -1)
		return -1;
	p->sessions_up = (size_t)up;
	p->sessions_total = (size_t)total;
	p->verdict = verdict_parse(json_text(json_get(o, "verdict"), "unknown"));
	read_reasons(o, &p->reasons);
	p->qps = p->capacity_qps = NAN;
	if (json_want_double(o, "qps", 0, 1e12, &p->qps, err) == -1 ||
		json_want_double(o, "capacity_qps", 0, 1e12, &p->capacity_qps, err) == -1 || read_holds(f, p, o, err) == -1)
		return -1;
	return read_age(o, "age_s", now, &p->seen, err);
}

static int
read_planes(struct node *n, const struct json *o, struct mono now, struct err *err)
{
	const struct json *planes = json_get(o, "planes");
	for (int i = 0; i < PLANE_COUNT; i++) {
		struct plane *p = &n->planes[i];
		const struct json *v = json_get(planes, plane_name((enum plane_name)i));
		p->is_good = (enum tri)index_of(json_text(json_get(v, "good"), NULL), tri_words, 3);
		const char *error = json_text(json_get(v, "error"), NULL);
		p->error = error ? err_code_parse(error) : ERR_OK;
		read_clean(v, "error_text", p->error_text, sizeof p->error_text);
		if (read_age(v, "age_s", now, &p->seen, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_node_facts(struct node *n, const struct json *o, struct mono now, struct err *err)
{
	struct report *facts = report_new();
	const struct json *report = json_get(o, "facts");
	if (json_kind(report) == JSON_OBJECT && report_read_json(report, facts, err) == -1) {
		report_free(facts);
		return -1;
	}
	report_free(n->facts);
	n->facts = facts;
	n->verdict = verdict_parse(json_text(json_get(o, "verdict"), "unknown"));
	read_reasons(o, &n->reasons);
	read_clean(o, "error", n->error, sizeof n->error);
	n->error_code = err_code_parse(json_text(json_get(o, "error_code"), "done"));
	n->is_restored = json_boolean(json_get(o, "restored"), false);
	n->qps = n->capacity_qps = NAN;
	const struct json *drivers = json_get(o, "drivers");
	read_clean(drivers, "bgp", n->bgp_driver, sizeof n->bgp_driver);
	read_clean(drivers, "dns", n->dns_driver, sizeof n->dns_driver);
	n->poll_ms = 2000;
	if (json_want_double(o, "qps", 0, 1e12, &n->qps, err) == -1 ||
		json_want_double(o, "capacity_qps", 0, 1e12, &n->capacity_qps, err) == -1 ||
		json_want_int(o, "poll_ms", 1, INT64_C(86400000), &n->poll_ms, err) == -1 ||
		read_age(o, "age_s", now, &n->seen, err) == -1)
		return -1;
	n->changed = now;
	return read_planes(n, o, now, err);
}

static int
read_node_topology(const struct fleet *f, struct node *n, const struct json *o, struct err *err)
{
	if (read_name(o, "node", n->name, err) == -1)
		return -1;
	n->role = (enum node_role)index_of(json_text(json_get(o, "role"), NULL), role_words, 3);
	const char *pop = json_text(json_get(o, "pop"), NULL);
	n->pop = pop ? fleet_find_pop(f, pop) : FLEET_NO_POP;
	if (pop && n->pop == SIZE_MAX)
		return err_set(err, ERR_BAD_REPLY, "node %s: its PoP is not in the snapshot", n->name);
	if ((n->role == NODE_MEMBER) != (n->pop != FLEET_NO_POP))
		return err_set(err, ERR_BAD_REPLY, "node %s: role and PoP do not fit", n->name);
	return 0;
}

static int
read_policy(const struct json *o, struct policy *p, struct err *err)
{
	int64_t v[7] = { 2, 0, 1, 1, 80, 90, -1 };
	static const char *const keys[7] = { "min_pops", "min_pops_per_region", "max_drained", "spare", "max_load_pct",
		"quorum_pct", "drill_days" };
	for (int i = 0; i < 7; i++)
		if (json_want_int(o, keys[i], 0, 100000, &v[i], err) == -1)
			return -1;
	*p = (struct policy){ .min_pops = (int)v[0],
		.min_pops_per_region = (int)v[1],
		.max_drained = (int)v[2],
		.spare = (int)v[3],
		.max_load_pct = (int)v[4],
		.quorum_pct = (int)v[5],
		.drill_days = (int)v[6],
		.approval = (enum approval)index_of(json_text(json_get(o, "approval"), NULL), approval_words, 3) };
	return 0;
}

static int
read_service(struct fleet *f, struct service *s, const struct json *o, struct err *err)
{
	const struct json *probes = NULL;
	if (read_name(o, "service", s->name, err) == -1 || read_policy(json_get(o, "policy"), &s->policy, err) == -1 ||
		json_want_array(o, "probes", 64, &probes, err) == -1)
		return -1;
	s->n_probes = json_length(probes);
	s->probes = arena_alloc(f->arena, s->n_probes * sizeof *s->probes + 1);
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct json *v = json_at(probes, i);
		int64_t port = 53;
		char text[256];
		if (json_want_int(v, "port", 1, 65535, &port, err) == -1)
			return -1;
		s->probes[i].port = (uint16_t)port;
		read_clean(v, "address", s->probes[i].address, sizeof s->probes[i].address);
		read_clean(v, "name", text, sizeof text);
		s->probes[i].name = arena_strdup(f->arena, text);
		read_clean(v, "type", text, sizeof text);
		s->probes[i].type = arena_strdup(f->arena, text);
	}
	return 0;
}

static int
read_services(struct fleet *f, const struct json *o, struct err *err)
{
	const struct json *services, *prefixes;
	if (json_need_array(o, "services", 1000, &services, err) == -1 ||
		json_need_array(o, "prefixes", 4000, &prefixes, err) == -1)
		return -1;
	f->n_services = json_length(services);
	f->services = arena_alloc(f->arena, f->n_services * sizeof *f->services + 1);
	for (size_t i = 0; i < f->n_services; i++)
		if (read_service(f, &f->services[i], json_at(services, i), err) == -1)
			return err_wrap(err, "services[%zu]", i);
	f->n_prefixes = json_length(prefixes);
	f->prefixes = arena_alloc(f->arena, f->n_prefixes * sizeof *f->prefixes + 1);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		const struct json *v = json_at(prefixes, i);
		struct slice text;
		if (json_need_text(v, "prefix", PREFIX_TEXT_MAX, &text, err) == -1 ||
			prefix_parse(text, &f->prefixes[i].prefix, err) == -1)
			return err_wrap(err, "prefixes[%zu]", i);
		f->prefixes[i].service = fleet_find_service(f, json_text(json_get(v, "service"), ""));
		if (f->prefixes[i].service == SIZE_MAX)
			return err_set(err, ERR_BAD_REPLY, "prefixes[%zu]: its service is not in the snapshot", i);
	}
	return 0;
}

static int
read_topology(struct fleet *f, const struct json *pops, const struct json *nodes, struct err *err)
{
	f->n_pops = json_length(pops);
	f->pops = arena_alloc(f->arena, f->n_pops * sizeof *f->pops + 1);
	for (size_t i = 0; i < f->n_pops; i++)
		if (read_pop_topology(&f->pops[i], json_at(pops, i), err) == -1)
			return err_wrap(err, "pops[%zu]", i);
	size_t n = json_length(nodes);
	f->nodes = arena_alloc(f->arena, n * sizeof *f->nodes + 1);
	for (size_t i = 0; i < n; i++)
		if (read_node_topology(f, &f->nodes[i], json_at(nodes, i), err) == -1)
			return err_wrap(err, "nodes[%zu]", i);
	f->n_nodes = n;
	fleet_link(f);
	return 0;
}

static int
read_facts(struct fleet *f, const struct json *pops, const struct json *nodes, struct mono now, struct err *err)
{
	for (size_t i = 0; i < f->n_pops; i++)
		if (read_pop_facts(f, &f->pops[i], json_at(pops, i), now, err) == -1)
			return err_wrap(err, "pop %s", f->pops[i].name);
	for (size_t i = 0; i < f->n_nodes; i++)
		if (read_node_facts(&f->nodes[i], json_at(nodes, i), now, err) == -1)
			return err_wrap(err, "node %s", f->nodes[i].name);
	return 0;
}

struct fleet *
wire_read_fleet(const struct json *o, struct mono now, struct err *err)
{
	struct fleet *f = fleet_new();
	int64_t version, revision;
	const struct json *pops, *nodes;
	if (json_need_int(o, "version", 0, INT64_MAX, &version, err) == -1)
		goto fail;
	if (version != WIRE_VERSION) {
		err_set(err, ERR_BAD_REPLY, "the backend speaks version %lld, this console version %d", (long long)version,
			WIRE_VERSION);
		goto fail;
	}
	if (json_need_int(o, "revision", 0, INT64_MAX, &revision, err) == -1 ||
		json_need_array(o, "pops", POPS_MAX, &pops, err) == -1 || json_need_array(o, "nodes", NODES_MAX, &nodes, err) == -1)
		goto fail;
	f->revision = (uint64_t)revision;
	f->seen = now;
	read_clean(o, "fleet", f->name, sizeof f->name);
	read_clean(o, "environment", f->environment, sizeof f->environment);
	if (read_services(f, o, err) == -1 || read_topology(f, pops, nodes, err) == -1 ||
		read_facts(f, pops, nodes, now, err) == -1)
		goto fail;
	return f;
fail:
	err_wrap(err, "snapshot");
	fleet_free(f);
	return NULL;
}

static int
apply_seen(struct fleet *f, const struct json *seen, struct mono now, struct err *err)
{
	struct json_iter it = json_iter_start(seen);
	const char *name;
	const struct json *ages;
	while (json_iter_next(&it, &name, &ages)) {
		size_t i = fleet_find_node(f, name);
		if (i == SIZE_MAX)
			return err_set(err, ERR_BAD_REPLY, "seen: node not in the snapshot");
		struct node *n = &f->nodes[i];
		for (int p = 0; p < PLANE_COUNT; p++) {
			double age = json_double(json_at(ages, (size_t)p), NAN);
			if (isnan(age) || age < 0 || age > AGE_MAX_S)
				continue;
			n->planes[p].seen = instant(age, now);
			if (mono_before(n->seen, n->planes[p].seen)) {
				n->seen = n->planes[p].seen;
				n->is_restored = false;
			}
		}
		if (n->pop != FLEET_NO_POP)
			fleet_refresh_pop_seen(f, n->pop);
	}
	return 0;
}

int
wire_apply(struct fleet *f, const struct json *message, struct mono now, size_t *node, struct err *err)
{
	int64_t revision;
	*node = SIZE_MAX;
	if (json_need_int(message, "revision", 0, INT64_MAX, &revision, err) == -1)
		return -1;
	const struct json *seen = json_get(message, "seen");
	if (seen) {
		if (apply_seen(f, seen, now, err) == -1)
			return -1;
		f->revision = (uint64_t)revision;
		f->seen = now;
		return 0;
	}
	const struct json *o = json_get(message, "node"), *pop = json_get(message, "pop");
	size_t i = fleet_find_node(f, json_text(json_get(o, "node"), ""));
	if (i == SIZE_MAX)
		return err_set(err, ERR_BAD_REPLY, "change: node not in the snapshot");
	if (read_node_facts(&f->nodes[i], o, now, err) == -1)
		return err_wrap(err, "change of node %s", f->nodes[i].name);
	size_t pi = f->nodes[i].pop;
	if (pi != FLEET_NO_POP) {
		if (strcmp(json_text(json_get(pop, "pop"), ""), f->pops[pi].name) != 0)
			return err_set(err, ERR_BAD_REPLY, "change of node %s: not with its PoP", f->nodes[i].name);
		if (read_pop_facts(f, &f->pops[pi], pop, now, err) == -1)
			return err_wrap(err, "change of PoP %s", f->pops[pi].name);
	}
	f->revision = (uint64_t)revision;
	f->seen = now;
	*node = i;
	return 0;
}

int
wire_read_event(const struct json *o, struct event *e, struct err *err)
{
	int64_t id;
	memset(e, 0, sizeof *e);
	if (json_need_int(o, "id", 0, INT64_MAX, &id, err) == -1)
		return -1;
	e->id = (uint64_t)id;
	if (wall_parse(json_text(json_get(o, "at"), ""), &e->at) == -1)
		return err_set(err, ERR_BAD_REPLY, "event %lld: no time", (long long)id);
	read_clean(o, "kind", e->kind, sizeof e->kind);
	e->severity = verdict_parse(json_text(json_get(o, "severity"), "unknown"));
	read_clean(o, "pop", e->pop, sizeof e->pop);
	read_clean(o, "node", e->node, sizeof e->node);
	read_clean(o, "text", e->text, sizeof e->text);
	return 0;
}
