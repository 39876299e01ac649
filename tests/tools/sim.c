/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated fleet of the demonstration and of the benchmark with thousands of nodes. What it models, and no more: a
 * pool of clients at every PoP's place with a demand that follows the sun; each pool served by the PoP that is nearest
 * among those announcing (a PoP that prefers away counts as 6,000 km farther); a PoP's load shared by its announcing
 * nodes; counters as the integral of what a node served. Incidents are commands that change a node's state.
 *
 * Loads are computed once a second, counters are extrapolated to the moment of asking: a rate made from two pages is
 * smooth. When one PoP changes only the pools that it gains or loses are looked at, so 4,000 PoPs are cheap.
 *
 * Called by agents.c; tested by tests/unit/test_sim.c. It is no measurement of anything real.
 */
#include "sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/geo.h"
#include "core/json.h"
#include "core/text.h"
#include "sim_act.h"

#define UPSTREAMS    2
#define SESSIONS     (2 * UPSTREAMS)
#define AWAY_KM      6000.0
#define LOCAL_ASN    64500
#define PREFIX_V4    "192.0.2.0/24"
#define PREFIX_V6    "2001:db8:53::/48"
#define RESTART_S    3 /* sessions come back so long after a restart */
#define PI           3.14159265358979323846

enum rcode { NOERROR, NXDOMAIN, SERVFAIL, REFUSED, N_RCODES };
static const char *const rcode_names[N_RCODES] = { "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED" };
static const double rcode_shares[N_RCODES] = { 0.925, 0.066, 0.001, 0.008 };

enum intent { ANNOUNCES, PREFERS_AWAY, WITHDRAWN };

struct session {
	bool is_up;
	struct mono since;
	bool has_error;
	struct mono error_at;
	int code, subcode;
	char message[64];
};

struct sim_node {
	char name[24];
	size_t pop;
	enum sim_manner manner;
	enum intent intent;
	bool is_dead;       /* the DNS daemon, not the node */
	double overload;    /* factor on the load that reaches it; 1 normally */
	double capacity;    /* queries a second */
	double load;        /* that reach it now, a second */
	double served[N_RCODES]; /* since the daemon's start, up to `counted` */
	struct mono counted, started;
	int64_t skew_s;
	struct session sessions[SESSIONS];
	struct sim_act act;
	enum intent wanted;     /* what the last order made, at wanted_at */
	bool is_wanting;
	struct mono wanted_at;
	int64_t act_delay_ms;   /* incidents of orders */
	bool loses_replies;
	bool lies;              /* says on its page that an order was carried out, and does not */
	enum intent said;       /* while it lies: what its page says */
};

struct sim_pop {
	char name[12];
	struct geo_point at;
	double peak;   /* demand of its own clients at the height of the day */
	double demand; /* now */
	double load;   /* of all pools it serves */
	size_t server; /* PoP that serves its clients, SIZE_MAX: none */
	enum intent intent; /* best of its nodes */
	size_t n_serving;   /* nodes that share the load */
};

struct sim {
	struct sim_options options;
	size_t n_pops, n_nodes;
	struct sim_pop *pops;
	struct sim_node *nodes; /* those of a PoP stand together */
	struct mono start, ticked;
};

/* Places where anycast operators have PoPs, in the order in which fleets tend to grow. */
static const char *const codes[] = {
	"fra", "iad", "sin", "lhr", "nrt", "gru", "syd", "jnb", "ams", "sjc", "bom", "ord", "hkg", "dxb", "mia", "waw", "cdg",
	"lax", "icn", "yyz", "arn", "scl", "dfw", "mad", "sea", "bog", "nbo", "mxp", "mex", "tpe", "vie", "eze", "ist", "akl",
	"del", "los", "cai", "hel", "kul", "lim", "bkk", "dub", "mel", "otp", "cgk", "tlv", "zrh", "mnl", "prg", "atl", "kix",
	"cpt", "den", "doh", "per", "maa", "lis", "yvr", "ath", "cmn", "hnl", "kef", "acc", "bne",
};

static uint32_t
hash_of(const char *text, uint32_t seed)
{
	uint32_t h = 2166136261u ^ seed * 2654435761u;
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	h ^= h >> 15;
	h *= 2246822519u;
	return h ^ h >> 13;
}

static double
fraction_of(uint32_t hash)
{
	return (double)(hash & 0xffffff) / 16777216.0;
}

/* Traffic */

/* 0.3 in the small hours, 1 at eight in the evening. */
static double
diurnal(double hour)
{
	return 0.3 + 0.7 * pow((1 + cos(2 * PI * (hour - 20) / 24)) / 2, 1.3);
}

static double
demand_of(const struct sim *s, const struct sim_pop *p, struct mono now)
{
	double t = mono_s_since(now, s->start);
	double turn = t / s->options.day_s + p->at.lon / 360 + 0.5;
	double hour = 24 * (turn - floor(turn));
	double slow = sin(t / 7 + fraction_of(hash_of(p->name, 7)) * 2 * PI);
	return p->peak * diurnal(hour) * (1 + 0.03 * slow);
}

static double
cost_of(const struct sim_pop *client, const struct sim_pop *server)
{
	return geo_distance_km(client->at, server->at) + (server->intent == PREFERS_AWAY ? AWAY_KM : 0);
}

static void
pool_choose(struct sim *s, struct sim_pop *client)
{
	double best = INFINITY;
	client->server = SIZE_MAX;
	for (size_t i = 0; i < s->n_pops; i++) {
		if (s->pops[i].intent == WITHDRAWN)
			continue;
		double cost = cost_of(client, &s->pops[i]);
		if (cost < best) {
			best = cost;
			client->server = i;
		}
	}
}

static bool
node_announces(const struct sim_node *n)
{
	if (n->intent == WITHDRAWN)
		return false;
	for (size_t i = 0; i < SESSIONS; i++)
		if (n->sessions[i].is_up)
			return true;
	return false;
}

/* After anything about a PoP's nodes changed: who serves whom. */
static void
pop_changed(struct sim *s, size_t pop)
{
	struct sim_pop *p = &s->pops[pop];
	enum intent before = p->intent;
	p->intent = WITHDRAWN;
	p->n_serving = 0;
	for (size_t i = pop * s->options.nodes_per_pop; i < (pop + 1) * s->options.nodes_per_pop; i++) {
		const struct sim_node *n = &s->nodes[i];
		if (!node_announces(n))
			continue;
		p->n_serving++;
		if (n->intent < p->intent)
			p->intent = n->intent;
	}
	if (p->intent == before)
		return;
	for (size_t i = 0; i < s->n_pops; i++) {
		struct sim_pop *client = &s->pops[i];
		if (client->server == pop || client->server == SIZE_MAX)
			pool_choose(s, client);
		else if (p->intent != WITHDRAWN && cost_of(client, p) < cost_of(client, &s->pops[client->server]))
			client->server = pop;
	}
}

/* Counters up to now at the present load. An overloaded server answers late, some with SERVFAIL, the rest not at all. */
static void
node_served(const struct sim_node *n, struct mono now, double out[N_RCODES])
{
	double s = mono_s_since(now, n->counted);
	double load = n->load * n->overload;
	double served = n->is_dead ? 0 : fmin(load, n->capacity);
	double failing = load > n->capacity ? 0.05 : 0;
	for (int i = 0; i < N_RCODES; i++) {
		double share = rcode_shares[i] * (1 - failing) + (i == SERVFAIL ? failing : 0);
		out[i] = n->served[i] + served * share * s;
	}
}

static void
node_count(struct sim_node *n, struct mono now)
{
	double served[N_RCODES];
	node_served(n, now, served);
	memcpy(n->served, served, sizeof served);
	n->counted = now;
}

static void
restart_ends(struct sim *s, struct sim_node *n, struct mono now)
{
	bool is_back = false;
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *session = &n->sessions[i];
		if (session->is_up || session->has_error || mono_s_since(now, session->since) < RESTART_S)
			continue;
		session->is_up = true;
		session->since = now;
		is_back = true;
	}
	if (is_back)
		pop_changed(s, n->pop);
}

/* Orders */

static void
node_set_intent(struct sim *s, struct sim_node *n, enum intent intent, struct mono now)
{
	n->said = intent;
	if (n->lies)
		return;
	node_count(n, now);
	n->intent = intent;
	pop_changed(s, n->pop);
}

static void
node_want(struct sim *s, struct sim_node *n, enum announced goal, struct mono now)
{
	if (goal == ANNOUNCED_UNKNOWN)
		return;
	enum intent intent = goal == ANNOUNCED_YES ? ANNOUNCES : goal == ANNOUNCED_WITHDRAWN ? WITHDRAWN : PREFERS_AWAY;
	if (n->act_delay_ms == 0) {
		node_set_intent(s, n, intent, now);
		n->is_wanting = false;
		return;
	}
	n->wanted = intent;
	n->is_wanting = true;
	n->wanted_at = mono_add_ms(now, n->act_delay_ms);
}

/* What was ordered some time ago, or undoes by itself now. */
static void
orders_pass(struct sim *s, struct sim_node *n, struct mono now)
{
	node_want(s, n, sim_act_tick(&n->act, now), now);
	if (!n->is_wanting || mono_ms_since(now, n->wanted_at) < 0)
		return;
	n->is_wanting = false;
	node_set_intent(s, n, n->wanted, now);
}

int
sim_take_order(struct sim *s, size_t node, struct slice body, struct mono now, struct buf *answer, bool *is_lost,
	struct err *err)
{
	struct sim_node *n = &s->nodes[node];
	enum announced goal = ANNOUNCED_UNKNOWN;
	struct json_doc *doc = json_parse(body, err);
	if (!doc)
		return -1;
	orders_pass(s, n, now);
	int rc = sim_act_take(&n->act, json_root(doc), n->name, now, &goal, answer, err);
	json_doc_free(doc);
	if (rc == -1)
		return -1;
	node_want(s, n, goal, now);
	*is_lost = n->loses_replies;
	return 0;
}

void
sim_tick(struct sim *s, struct mono now)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		node_count(&s->nodes[i], now);
		restart_ends(s, &s->nodes[i], now);
		orders_pass(s, &s->nodes[i], now);
	}
	for (size_t i = 0; i < s->n_pops; i++) {
		s->pops[i].demand = demand_of(s, &s->pops[i], now);
		s->pops[i].load = 0;
	}
	for (size_t i = 0; i < s->n_pops; i++)
		if (s->pops[i].server != SIZE_MAX)
			s->pops[s->pops[i].server].load += s->pops[i].demand;
	for (size_t i = 0; i < s->n_nodes; i++) {
		struct sim_node *n = &s->nodes[i];
		const struct sim_pop *p = &s->pops[n->pop];
		n->load = node_announces(n) && p->n_serving > 0 ? p->load / (double)p->n_serving : 0;
	}
	s->ticked = now;
}

/* Building */

static bool
has_pop(const struct sim *s, const char *code)
{
	for (size_t i = 0; i < s->n_pops; i++)
		if (strcasecmp(s->pops[i].name, code) == 0)
			return true;
	return false;
}

static void
add_pop(struct sim *s, const struct geo_place *place)
{
	struct sim_pop *p = &s->pops[s->n_pops++];
	for (size_t i = 0; i < 3; i++)
		p->name[i] = (char)(place->code[i] | 0x20);
	p->at = (struct geo_point){ place->lat, place->lon };
	/* The early places are the large ones: 12k to 190k queries a second at the peak. */
	double rank = 1 / (1 + (double)s->n_pops / 12);
	p->peak = (12e3 + 110e3 * rank) * (0.7 + 0.9 * fraction_of(hash_of(p->name, s->options.seed)));
	p->server = s->n_pops - 1;
	p->intent = ANNOUNCES;
}

static void
add_pops(struct sim *s)
{
	size_t wanted = s->options.pops;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0] && s->n_pops < wanted; i++) {
		const struct geo_place *place = geo_find_place(codes[i]);
		if (place)
			add_pop(s, place);
	}
	/* The rest anywhere: a stride that is prime to the number of places spreads over the alphabet, hence the world. */
	size_t n = geo_count_places();
	for (size_t i = 0; i < n && s->n_pops < wanted; i++) {
		const struct geo_place *place = geo_get_place(i * 1009 % n);
		if (place->code[0] >= 'A' && place->code[0] <= 'Z' && !has_pop(s, place->code))
			add_pop(s, place);
	}
}

static void
add_nodes(struct sim *s, struct mono now)
{
	for (size_t i = 0; i < s->n_pops; i++) {
		struct sim_pop *p = &s->pops[i];
		double share = p->peak / (double)s->options.nodes_per_pop;
		p->n_serving = s->options.nodes_per_pop;
		for (size_t j = 0; j < s->options.nodes_per_pop; j++) {
			struct sim_node *n = &s->nodes[s->n_nodes++];
			snprintf(n->name, sizeof n->name, "%s%zu", p->name, j + 1);
			n->pop = i;
			n->overload = 1;
			n->capacity = ceil(share * 2.2 / 10000) * 10000;
			n->counted = now;
			/* It has been running for up to a week, at half its peak. */
			double age = 3600 + 600000 * fraction_of(hash_of(n->name, 3));
			n->started = mono_add_ms(now, -(int64_t)(age * 1000));
			for (int k = 0; k < N_RCODES; k++)
				n->served[k] = floor(share * 0.5 * age * rcode_shares[k]);
			for (size_t k = 0; k < SESSIONS; k++) {
				n->sessions[k].is_up = true;
				n->sessions[k].since = mono_add_ms(n->started, (int64_t)k * 700);
			}
		}
	}
}

struct sim *
sim_new(const struct sim_options *o, struct mono now)
{
	struct sim *s = xcalloc(1, sizeof *s);
	s->options = *o;
	s->pops = xcalloc(o->pops, sizeof *s->pops);
	s->nodes = xcalloc(o->pops * o->nodes_per_pop, sizeof *s->nodes);
	s->start = now;
	add_pops(s);
	add_nodes(s, now);
	sim_tick(s, now);
	return s;
}

void
sim_free(struct sim *s)
{
	if (!s)
		return;
	free(s->pops);
	free(s->nodes);
	free(s);
}

size_t
sim_count(const struct sim *s)
{
	return s->n_nodes;
}

const char *
sim_node_name(const struct sim *s, size_t node)
{
	return s->nodes[node].name;
}

enum sim_manner
sim_node_manner(const struct sim *s, size_t node)
{
	return s->nodes[node].manner;
}

size_t
sim_find_node(const struct sim *s, struct slice name)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		if (slice_equal(name, s->nodes[i].name))
			return i;
	return SIZE_MAX;
}

/* The page */

static void
session_name(size_t i, char out[24])
{
	snprintf(out, 24, "transit%zu_v%d", i / 2 + 1, i % 2 ? 6 : 4);
}

static int64_t
seconds_since(struct mono now, struct mono then)
{
	int64_t s = mono_ms_since(now, then) / 1000;
	return s < 0 ? 0 : s;
}

/* What the page says of the wire. */
static enum intent
shown_intent(const struct sim_node *n)
{
	return n->lies ? n->said : n->intent;
}

static void
write_session(struct json_writer *w, const struct sim_node *n, size_t i, struct mono now)
{
	const struct session *s = &n->sessions[i];
	char name[24], peer[64], description[24];
	session_name(i, name);
	snprintf(peer, sizeof peer, i % 2 ? "fd00:1:%zx:%zx::1" : "10.%zu.%zu.1", n->pop % 250, i / 2 + 1);
	snprintf(description, sizeof description, "Transit %zu", i / 2 + 1);
	json_begin_object(w);
	json_put_text(w, "name", name);
	json_put_text(w, "peer", peer);
	json_put_text(w, "description", description);
	json_put_int(w, "peer_asn", 64512 + (int64_t)(i / 2));
	json_put_int(w, "local_asn", LOCAL_ASN);
	json_key(w, "families");
	json_begin_array(w);
	json_add_text(w, i % 2 ? "ipv6" : "ipv4");
	json_end_array(w);
	json_put_text(w, "state", s->is_up ? "Established" : "Active");
	json_put_text(w, "admin_state", "up");
	json_put_int(w, "since_s", seconds_since(now, s->since));
	json_put_known(w, "received", s->is_up ? 2 : -1);
	json_put_known(w, "accepted", s->is_up ? 2 : -1);
	json_put_known(w, "advertised", s->is_up ? shown_intent(n) != WITHDRAWN : -1);
	json_put_known(w, "hold_s", s->is_up ? 9 : -1);
	json_put_text(w, "bfd_up", "unknown");
	json_put_text(w, "has_password", "no");
	json_key(w, "last_error");
	if (s->has_error) {
		json_begin_object(w);
		json_put_text(w, "text", s->code == 4 ? "Hold Timer Expired" : "Cease/Administrative Shutdown");
		json_put_int(w, "code", s->code);
		json_put_known(w, "subcode", s->subcode);
		json_put_text(w, "message", s->message[0] ? s->message : NULL);
		json_put_text(w, "direction", s->code == 4 ? "local" : "received");
		json_put_int(w, "age_s", seconds_since(now, s->error_at));
		json_end_object(w);
	} else {
		json_add_null(w);
	}
	json_end_object(w);
}

static void
write_export(struct json_writer *w, const struct sim_node *n, size_t i)
{
	char name[24];
	if (!n->sessions[i].is_up)
		return;
	session_name(i, name);
	json_begin_object(w);
	json_put_text(w, "session", name);
	json_put_text(w, "family", i % 2 ? "ipv6" : "ipv4");
	json_put_bool(w, "known", true);
	json_key(w, "routes");
	json_begin_array(w);
	enum intent intent = shown_intent(n);
	if (intent != WITHDRAWN) {
		json_begin_object(w);
		json_put_text(w, "prefix", i % 2 ? PREFIX_V6 : PREFIX_V4);
		json_put_text(w, "gshut", intent == PREFERS_AWAY ? "yes" : "no");
		json_put_int(w, "prepends", 0);
		json_put_text(w, "communities", intent == PREFERS_AWAY ? "65535:0 64500:1" : "64500:1");
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void
write_dns(struct json_writer *w, const struct sim_node *n, struct mono now)
{
	double served[N_RCODES], sum = 0;
	node_served(n, now, served);
	for (int i = 0; i < N_RCODES; i++)
		sum += floor(served[i]);
	double used = n->load * n->overload / n->capacity;
	json_begin_object(w);
	json_put_int(w, "queries", (int64_t)sum);
	json_put_int(w, "uptime_s", seconds_since(now, n->started));
	json_put_null(w, "qps");
	json_put_double(w, "latency_s", used > 1 ? 0.08 : 0.00012 + 0.0002 * used * used, 6);
	json_key(w, "rcodes");
	json_begin_object(w);
	for (int i = 0; i < N_RCODES; i++)
		json_put_int(w, rcode_names[i], (int64_t)served[i]);
	json_end_object(w);
	json_end_object(w);
}

static void
write_sections(struct json_writer *w, bool has_dns)
{
	static const char *const names[] = {
		"sessions", "exports", "versions", "health", "identity", "capacity", "clock", "dns", "zones" };
	json_key(w, "sections");
	json_begin_array(w);
	for (size_t i = 0; i < (has_dns ? 9 : 7); i++)
		json_add_text(w, names[i]);
	json_end_array(w);
}

static void
write_service(struct json_writer *w, const struct sim_node *n, struct mono now)
{
	if (!n->is_dead) {
		json_key(w, "dns");
		write_dns(w, n, now);
		json_key(w, "zones");
		json_begin_array(w);
		json_begin_object(w);
		json_put_text(w, "name", "example.com");
		json_put_int(w, "serial", 2026112301);
		json_put_null(w, "state");
		json_end_object(w);
		json_end_array(w);
	}
	bool is_full = n->load * n->overload > n->capacity;
	json_put_text(w, "healthy", n->is_dead ? "no" : "yes");
	json_put_text(w, "health_text", n->is_dead ? "127.0.0.1:53 does not answer" :
		is_full ? "answers, but drops queries: more arrive than it can take" : "answered its own SOA");
}

void
sim_write_page(const struct sim *s, size_t node, struct mono now, struct wall wall, struct buf *out)
{
	const struct sim_node *n = &s->nodes[node];
	struct json_writer w = JSON_WRITER(out);
	json_begin_object(&w);
	json_put_int(&w, "agent", 1);
	json_put_text(&w, "node", n->name);
	write_sections(&w, !n->is_dead);
	json_key(&w, "sessions");
	json_begin_array(&w);
	for (size_t i = 0; i < SESSIONS; i++)
		write_session(&w, n, i, now);
	json_end_array(&w);
	json_key(&w, "exports");
	json_begin_array(&w);
	for (size_t i = 0; i < SESSIONS; i++)
		write_export(&w, n, i);
	json_end_array(&w);
	write_service(&w, n, now);
	json_key(&w, "versions");
	json_begin_object(&w);
	json_put_text(&w, "simulated", CATCHMENT_VERSION);
	json_end_object(&w);
	char identity[64];
	snprintf(identity, sizeof identity, "%s.dns.example.net", n->name);
	json_put_text(&w, "identity", identity);
	json_put_double(&w, "capacity_qps", n->capacity, 0);
	json_put_int(&w, "clock_s", wall.ns / CLOCK_NS_PER_S + n->skew_s);
	json_end_object(&w);
}

void
sim_write_fleet(const struct sim *s, void (*url)(void *arg, size_t node, struct buf *out), void *arg, int64_t poll_ms,
	const char *act_token, struct buf *out)
{
	buf_printf(out, "# Simulated by tests/tools/agents: %zu PoPs, %zu nodes.\n", s->n_pops, s->n_nodes);
	buf_add_text(out, "fleet: simulated\nenvironment: demo\nservices:\n  ns:\n");
	buf_printf(out, "    prefixes: [%s, \"%s\"]\n", PREFIX_V4, PREFIX_V6);
	buf_add_text(out, "    policy: {min_pops: 3, min_pops_per_region: 1, spare: 1}\n");
	buf_printf(out, "defaults:\n  poll: %llds\n", (long long)poll_ms / 1000);
	if (act_token)
		buf_printf(out, "  act_token: %s\n", act_token);
	buf_add_text(out, "pops:\n");
	for (size_t i = 0; i < s->n_pops; i++) {
		buf_printf(out, "  %s:\n    nodes:\n", s->pops[i].name);
		for (size_t j = i * s->options.nodes_per_pop; j < (i + 1) * s->options.nodes_per_pop; j++) {
			buf_printf(out, "      %s: {agent: \"", s->nodes[j].name);
			url(arg, j, out);
			buf_printf(out, "\", capacity_qps: %.0f}\n", s->nodes[j].capacity);
		}
	}
}

/* Commands */

struct command_args {
	struct slice rest; /* after the target */
	struct mono now;
};

static void
session_set(struct session *s, bool is_up, const struct command_args *a, struct slice message)
{
	if (s->is_up == is_up)
		return;
	s->is_up = is_up;
	s->since = a->now;
	if (is_up)
		return;
	s->has_error = true;
	s->error_at = a->now;
	s->code = message.len > 0 ? 6 : 4;
	s->subcode = message.len > 0 ? 2 : -1;
	slice_copy(message, s->message, sizeof s->message);
}

/* The sessions that a name means: one, "transit1" for both families, or all when there is none. */
static int
sessions_set(struct sim_node *n, bool is_up, const struct command_args *a, struct err *err)
{
	struct slice rest = a->rest, word = { "", 0 };
	bool has_name = slice_next_word(&rest, &word);
	size_t found = 0;
	for (size_t i = 0; i < SESSIONS; i++) {
		char name[24];
		session_name(i, name);
		if (has_name && !slice_equal(word, "all") && (word.len > strlen(name) || strncmp(name, word.data, word.len) != 0))
			continue;
		session_set(&n->sessions[i], is_up, a, slice_trim(rest));
		found++;
	}
	if (found == 0)
		return err_set(err, ERR_USAGE, "%s has no session %.*s", n->name, (int)word.len, word.data);
	return 0;
}

static int
session_down(struct sim_node *n, const struct command_args *a, struct err *err)
{
	return sessions_set(n, false, a, err);
}

static int
session_up(struct sim_node *n, const struct command_args *a, struct err *err)
{
	return sessions_set(n, true, a, err);
}

static int
daemon_dies(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->is_dead = true;
	return 0;
}

static int
daemon_starts(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)err;
	memset(n->served, 0, sizeof n->served);
	n->started = n->counted = a->now;
	n->is_dead = false;
	return 0;
}

static int
restarts(struct sim_node *n, const struct command_args *a, struct err *err)
{
	for (size_t i = 0; i < SESSIONS; i++)
		n->sessions[i] = (struct session){ .since = a->now };
	return daemon_starts(n, a, err);
}

static int
withdraws(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->intent = WITHDRAWN;
	return 0;
}

static int
prefers_away(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->intent = PREFERS_AWAY;
	return 0;
}

static int
announces(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->intent = ANNOUNCES;
	return 0;
}

static int
overloads(struct sim_node *n, const struct command_args *a, struct err *err)
{
	struct slice rest = a->rest, word;
	int64_t factor = 5;
	if (slice_next_word(&rest, &word) && text_parse_int(word, 1, 100, &factor) == -1)
		return err_set(err, ERR_USAGE, "'%.*s' is no factor from 1 to 100", (int)word.len, word.data);
	n->overload = (double)factor;
	return 0;
}

static int
skews(struct sim_node *n, const struct command_args *a, struct err *err)
{
	struct slice rest = a->rest, word;
	int64_t s = 0;
	if (!slice_next_word(&rest, &word) || text_parse_int(word, 0, 86400 * 365, &s) == -1)
		return err_set(err, ERR_USAGE, "skew NODE SECONDS: seconds from 0 to a year are wanted");
	n->skew_s = s;
	return 0;
}

static int
freezes(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->manner = SIM_FREEZES;
	return 0;
}

static int
drips(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->manner = SIM_DRIPS;
	return 0;
}

static int
refuses(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->manner = SIM_REFUSES;
	return 0;
}

static int
babbles(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->manner = SIM_BABBLES;
	return 0;
}

static int
answers(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->manner = SIM_ANSWERS;
	return 0;
}

static int
lies(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->lies = true;
	n->said = n->intent;
	return 0;
}

static int
loses_replies(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->loses_replies = true;
	return 0;
}

static int
acts_late(struct sim_node *n, const struct command_args *a, struct err *err)
{
	struct slice rest = a->rest, word;
	int64_t s = 0;
	if (!slice_next_word(&rest, &word) || text_parse_int(word, 0, 3600, &s) == -1)
		return err_set(err, ERR_USAGE, "act-late NODE SECONDS: seconds from 0 to 3600 are wanted");
	n->act_delay_ms = s * 1000;
	return 0;
}

static int
undo_fails(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->act.undo_fails = true;
	return 0;
}

static int
forgets(struct sim_node *n, const struct command_args *a, struct err *err)
{
	n->act = (struct sim_act){ .undo_fails = n->act.undo_fails };
	n->is_wanting = false;
	n->intent = n->said = ANNOUNCES;
	return restarts(n, a, err);
}

static int
acts_right(struct sim_node *n, const struct command_args *a, struct err *err)
{
	(void)a;
	(void)err;
	n->lies = n->loses_replies = n->act.undo_fails = false;
	n->act_delay_ms = 0;
	return 0;
}

static int
becomes_normal(struct sim_node *n, const struct command_args *a, struct err *err)
{
	const struct command_args all = { .rest = { "", 0 }, .now = a->now };
	n->manner = SIM_ANSWERS;
	n->intent = ANNOUNCES;
	n->overload = 1;
	n->skew_s = 0;
	n->is_wanting = false;
	acts_right(n, a, err);
	if (n->is_dead)
		daemon_starts(n, a, err);
	return session_up(n, &all, err);
}

static const struct {
	const char *name;
	int (*act)(struct sim_node *n, const struct command_args *a, struct err *err);
} commands[] = {
	{ "session-down", session_down }, { "session-up", session_up }, { "dead", daemon_dies }, { "alive", daemon_starts },
	{ "restart", restarts }, { "withdraw", withdraws }, { "prefer-away", prefers_away }, { "announce", announces },
	{ "overload", overloads }, { "skew", skews }, { "freeze", freezes }, { "drip", drips }, { "refuse", refuses },
	{ "babble", babbles }, { "answer", answers }, { "lie", lies }, { "lose-replies", loses_replies },
	{ "act-late", acts_late }, { "undo-fails", undo_fails }, { "forget", forgets }, { "act-right", acts_right },
	{ "normal", becomes_normal },
};

const char *
sim_help(void)
{
	return "TARGET is a node, a PoP (all its nodes) or 'all'.\n"
	       "  session-down TARGET [SESSION [TEXT]]  a session drops: 'transit1_v4', 'transit1' for both families, or all;\n"
	       "                                        with TEXT the peer shut it (RFC 9003), without the hold timer ran out\n"
	       "  session-up TARGET [SESSION]\n"
	       "  dead TARGET          the DNS daemon dies, the routes stay\n"
	       "  alive TARGET         it starts again, counters from 0\n"
	       "  restart TARGET       the node restarts: sessions drop for 3 s, counters from 0\n"
	       "  withdraw TARGET      the prefixes leave the wire, sessions stay\n"
	       "  prefer-away TARGET   announced with GRACEFUL_SHUTDOWN\n"
	       "  announce TARGET      ends withdraw and prefer-away\n"
	       "  overload TARGET [FACTOR]  so many times the traffic (5)\n"
	       "  skew TARGET SECONDS  its clock is ahead\n"
	       "  freeze TARGET        takes connections and never answers\n"
	       "  drip TARGET          answers one byte at a time\n"
	       "  refuse TARGET        nothing listens there\n"
	       "  babble TARGET        answers with what is no JSON\n"
	       "  answer TARGET        ends freeze, drip, refuse and babble\n"
	       "  lie TARGET           says that orders were carried out, and its wire stays as it is\n"
	       "  lose-replies TARGET  carries orders out, the answer never arrives\n"
	       "  act-late TARGET SECONDS  says done at once, the wire follows so much later\n"
	       "  undo-fails TARGET    cannot take back what it did, by order or by itself\n"
	       "  forget TARGET        restarts, announces, and knows no operation number any more\n"
	       "  act-right TARGET     ends lie, lose-replies, act-late and undo-fails\n"
	       "  normal TARGET        ends everything\n"
	       "  list                 every node with its state\n";
}

static void
list(const struct sim *s, struct buf *reply)
{
	static const char *const manners[] = { "answers", "freezes", "drips", "refuses", "babbles" };
	static const char *const intents[] = { "announces", "prefers-away", "withdrawn" };
	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct sim_node *n = &s->nodes[i];
		size_t up = 0;
		for (size_t j = 0; j < SESSIONS; j++)
			up += n->sessions[j].is_up;
		buf_printf(reply, "%s %s %s %s sessions %zu/%d qps %.0f capacity %.0f order %llu %s\n", n->name,
			manners[n->manner], intents[n->intent], n->is_dead ? "dead" : "alive", up, SESSIONS, n->load * n->overload,
			n->capacity, (unsigned long long)n->act.applied, sim_act_state_name(n->act.state));
	}
}

static bool
is_target(const struct sim *s, const struct sim_node *n, struct slice target)
{
	return slice_equal(target, n->name) || slice_equal(target, s->pops[n->pop].name) || slice_equal(target, "all");
}

int
sim_command(struct sim *s, const char *line, struct mono now, struct buf *reply, struct err *err)
{
	struct slice rest = slice_of(line), verb, target;
	if (!slice_next_word(&rest, &verb) || verb.data[0] == '#')
		return 0;
	if (slice_equal(verb, "list")) {
		list(s, reply);
		return 0;
	}
	size_t c = 0, n_commands = sizeof commands / sizeof commands[0];
	while (c < n_commands && !slice_equal(verb, commands[c].name))
		c++;
	if (c == n_commands)
		return err_set(err, ERR_USAGE, "there is no command '%.*s'", (int)verb.len, verb.data);
	if (!slice_next_word(&rest, &target))
		return err_set(err, ERR_USAGE, "%s needs a target", commands[c].name);
	struct command_args args = { .rest = slice_trim(rest), .now = now };
	size_t found = 0;
	for (size_t i = 0; i < s->n_nodes; i++) {
		struct sim_node *n = &s->nodes[i];
		if (!is_target(s, n, target))
			continue;
		node_count(n, now);
		if (commands[c].act(n, &args, err) == -1)
			return -1;
		pop_changed(s, n->pop);
		found++;
	}
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no node or PoP '%.*s'", (int)target.len, target.data);
	sim_tick(s, now);
	buf_printf(reply, "%s: %zu node%s\n", commands[c].name, found, found == 1 ? "" : "s");
	return 0;
}
