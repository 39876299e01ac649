/* SPDX-License-Identifier: Apache-2.0
 *
 * From the few words of a case to a fleet with facts. Every node has two sessions, one a family, two static protocols that
 * originate the two service prefixes, a DNS daemon that counts queries and an answer of its own address; a case takes away
 * or changes what it is about. Nothing is set that the backend would conclude by itself.
 */
#include "plan_stage.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/verdict.h"

#define N_PREFIXES 2
#define NOW_S      100000
#define POPS_MAX   320

static const char *const prefix_texts[N_PREFIXES] = { "192.0.2.0/24", "2001:db8:53::/48" };
static const char *const family_names[N_PREFIXES] = { "v4", "v6" };

/* --- the driver --------------------------------------------------------------------------------------------------- */

static const char *
origin_of(const struct node *n, const struct prefix *prefix)
{
	for (size_t i = 0; i < n->facts->n_origins; i++)
		if (prefix_equal(&n->facts->origins[i].prefix, prefix))
			return n->facts->origins[i].by;
	return NULL;
}

static void
add_plain_step(struct steps *out, const char *verb, const char *back, const char *name, const char *prefix, const char *collateral)
{
	struct step *s = steps_add(out);
	s->what = arena_printf(out->arena, "%s %s (%s)", verb, name, prefix);
	s->kind = STEP_EXEC;
	step_add_command(out, &s->apply, "plainctl", verb, name, NULL);
	step_add_command(out, &s->undo, "plainctl", back, name, NULL);
	s->has_undo = true;
	s->collateral = collateral;
}

static int
change_plan(const struct node *node, const struct target *target, struct steps *out, struct err *err)
{
	bool is_back = target->goal == ANNOUNCED_YES;
	const char *verb = is_back ? "enable" : target->goal == ANNOUNCED_PREFER_AWAY ? "avoid" : "disable";
	const char *back = is_back ? "disable" : "enable";
	for (size_t i = 0; i < target->n_prefixes; i++) {
		char prefix[PREFIX_TEXT_MAX];
		const char *by = origin_of(node, &target->prefixes[i]);
		enum announced wire = node_announced(node, &target->prefixes[i], (struct mono){ NOW_S * CLOCK_NS_PER_S });
		prefix_format(&target->prefixes[i], prefix);
		if (wire == ANNOUNCED_UNKNOWN)
			return err_set(err, ERR_STALE, "whether it announces %s is not known", prefix);
		if (wire == target->goal || (!by && wire == ANNOUNCED_WITHDRAWN && !is_back))
			continue;
		if (!by)
			return err_set(err, ERR_UNSUPPORTED, "nothing in its configuration originates %s", prefix);
		add_plain_step(out, verb, back, by, prefix, strcmp(by, "shared4") == 0 ? "198.51.100.0/24 203.0.113.0/24" : NULL);
	}
	out->note = "plain forgets at a restart";
	return 0;
}

static bool
change_settled(const struct report *report, const struct target *target)
{
	return report->n_origins == 0 && target->n_prefixes > 0;
}

static const struct verb plain_verbs[] = {
	{ "drain", change_plan, change_settled },
	{ "undrain", change_plan, change_settled },
	{ .name = NULL },
};
static const struct driver plain = { .name = "plain", .title = "a daemon of the tests", .roles = DRIVER_BGP, .verbs = plain_verbs,
	.keeps_origins = true };
static const struct driver forgetful = { .name = "forgetful", .title = "one that forgets what it does not announce",
	.roles = DRIVER_BGP, .verbs = plain_verbs };
static const struct driver mute = { .name = "mute", .title = "a daemon that is only read", .roles = DRIVER_BGP };

const struct driver *
plan_stage_find(const char *name)
{
	if (strcmp(name, "plain") == 0)
		return &plain;
	if (strcmp(name, "forgetful") == 0)
		return &forgetful;
	return strcmp(name, "mute") == 0 ? &mute : NULL;
}

/* --- topology ----------------------------------------------------------------------------------------------------- */

static const struct {
	const char *pop, *region;
} usual_pops[] = { { "ams", "eu" }, { "fra", "eu" }, { "lon", "eu" }, { "nyc", "na" }, { "sin", "as" } };

static int
number(const struct json *o, const char *key, int otherwise)
{
	return (int)json_int(json_get(o, key), otherwise);
}

static void
set_policy(struct policy *p, const struct json *o)
{
	*p = (struct policy){ .min_pops = number(o, "min_pops", 2), .min_pops_per_region = number(o, "min_pops_per_region", 0),
		.max_drained = number(o, "max_drained", 1), .spare = number(o, "spare", 1), .max_load_pct = number(o, "max_load", 80),
		.quorum_pct = number(o, "quorum", 90), .drill_days = number(o, "drill_days", -1), .approval = APPROVAL_AMBER };
}

static void
add_service(struct fleet *f, const struct json *c)
{
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	strcpy(f->services[0].name, "ns");
	set_policy(&f->services[0].policy, json_get(c, "policy"));
	f->services[0].n_probes = json_boolean(json_get(c, "probe"), true);
	f->services[0].probes = arena_alloc(f->arena, sizeof *f->services[0].probes);
	f->services[0].probes[0].name = "example.com";
	f->n_prefixes = N_PREFIXES;
	f->prefixes = arena_alloc(f->arena, N_PREFIXES * sizeof *f->prefixes);
	for (size_t i = 0; i < N_PREFIXES; i++)
		ck_assert_int_eq(prefix_parse(slice_of(prefix_texts[i]), &f->prefixes[i].prefix, NULL), 0);
}

static void
add_node(struct fleet *f, const char *name, size_t pop, const struct json *o)
{
	struct node *n = &f->nodes[f->n_nodes++];
	struct node_conf *conf = arena_alloc(f->arena, sizeof *conf);
	snprintf(n->name, sizeof n->name, "%s", name);
	snprintf(n->bgp_driver, sizeof n->bgp_driver, "%s", json_text(json_get(o, "driver"), "plain"));
	strcpy(n->dns_driver, "nsd");
	n->pop = pop;
	n->poll_ms = 2000;
	n->capacity_qps = json_double(json_get(o, "capacity"), NAN);
	snprintf(conf->resolved, sizeof conf->resolved, "%s", json_text(json_get(o, "address"), "10.0.0.1"));
	conf->ask_own = json_boolean(json_get(o, "asked"), true);
	n->conf = conf;
}

/* The nodes of a PoP: as many as "sizes" says, one else; "fra": fra1, fra2 ... */
static void
add_pop(struct fleet *f, const char *name, const char *region, const struct json *c)
{
	size_t pop = f->n_pops++, n = (size_t)number(json_get(c, "sizes"), name, 1);
	snprintf(f->pops[pop].name, FLEET_NAME_MAX, "%s", name);
	snprintf(f->pops[pop].region, FLEET_NAME_MAX, "%s", region);
	for (size_t i = 0; i < n; i++) {
		char node[FLEET_NAME_MAX];
		snprintf(node, sizeof node, "%.28s%zu", name, i + 1);
		add_node(f, node, pop, json_get(json_get(c, "nodes"), node));
	}
}

static void
add_pops(struct fleet *f, const struct json *c)
{
	const struct json *own = json_get(c, "pops"), *region;
	struct json_iter it = json_iter_start(own);
	const char *name;
	f->pops = arena_alloc(f->arena, POPS_MAX * sizeof *f->pops);
	f->nodes = arena_alloc(f->arena, (size_t)4 * POPS_MAX * sizeof *f->nodes);
	while (json_iter_next(&it, &name, &region))
		add_pop(f, name, json_text(region, ""), c);
	for (size_t i = 0; !own && i < sizeof usual_pops / sizeof *usual_pops; i++)
		add_pop(f, usual_pops[i].pop, usual_pops[i].region, c);
	struct node *local = &f->nodes[f->n_nodes++];
	strcpy(local->name, "local");
	local->role = NODE_VANTAGE;
	local->pop = FLEET_NO_POP;
	local->poll_ms = 2000;
	local->capacity_qps = NAN;
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

/* What a node says of a prefix: one word for both, or a word each. */
static enum announced
wire_word(const struct json *o, size_t family)
{
	const struct json *wire = json_get(o, "wire");
	if (json_kind(wire) == JSON_OBJECT)
		return announced_parse(json_text(json_get(wire, family_names[family]), "announced"));
	return announced_parse(json_text(wire, "announced"));
}

static void
add_family(const struct fleet *f, struct node *n, size_t i, const struct json *o)
{
	struct report *r = n->facts;
	enum announced wire = wire_word(o, i);
	const char *origin = json_text(json_get(o, "origin"), "anycast"), *state = json_text(json_get(o, "session"), "Established");
	struct session_fact *s = report_add_session(r);
	s->name = arena_printf(r->arena, "t1_%s", family_names[i]);
	s->peer = "10.1.0.1";
	s->families = i == 0 ? FAMILY_BIT_V4 : FAMILY_BIT_V6;
	s->state = fsm_state_parse(slice_of(state));
	s->admin_state = ADMIN_UP;
	struct export_fact *e = report_add_export(r, s->name, i == 0 ? FAMILY_V4 : FAMILY_V6);
	e->is_known = wire != ANNOUNCED_UNKNOWN;
	if (wire == ANNOUNCED_YES || wire == ANNOUNCED_PREFER_AWAY) {
		struct route_fact *route = report_add_route(r, e);
		route->prefix = f->prefixes[i].prefix;
		route->is_gshut = wire == ANNOUNCED_PREFER_AWAY ? TRI_YES : TRI_NO;
	}
	if (strcmp(json_text(json_get(o, "only"), family_names[i]), family_names[i]) != 0)
		return;
	struct origin_fact *from = report_add_origin(r);
	from->prefix = f->prefixes[i].prefix;
	from->by = arena_printf(r->arena, "%s%s", origin, i == 0 ? "4" : "6");
	from->is_enabled = wire != ANNOUNCED_WITHDRAWN;
}

static void
add_service_facts(struct node *n, const struct json *o)
{
	struct report *r = n->facts;
	enum tri inside = strcmp(json_text(json_get(o, "inside"), "yes"), "yes") == 0 ? TRI_YES : TRI_NO;
	r->is_healthy = inside;
	r->dns.queries = 1;
	n->qps = json_double(json_get(o, "qps"), NAN);
	struct zone_fact *zone = report_add_zone(r);
	int64_t serial = json_int(json_get(o, "serial"), 2026112304);
	/* as Knot writes it, and as NSD tells of a zone whose primary it is */
	zone->name = report_text(r, slice_of(json_text(json_get(o, "zone"), "example.com")));
	zone->serial = json_boolean(json_get(o, "lists_serial"), true) ? serial : -1;
	r->sections |= REPORT_DNS | REPORT_ZONES | REPORT_HEALTH;
	if (!n->conf->ask_own)
		return;
	const char *outside = json_text(json_get(o, "outside"), "yes");
	struct answer_fact *a = report_add_answer(r);
	a->vantage = "local";
	a->target = "10.0.0.1";
	a->is_answered = strcmp(outside, "yes") == 0 ? TRI_YES : strcmp(outside, "no") == 0 ? TRI_NO : TRI_UNKNOWN;
	a->rcode = a->is_answered == TRI_YES ? "NOERROR" : NULL;
	a->serial = a->is_answered == TRI_YES ? serial : -1;
	struct wall until;
	const char *signature = json_text(json_get(o, "signed_until"), NULL);
	if (signature && wall_parse(signature, &until) == 0)
		a->signed_until = until.ns / CLOCK_NS_PER_S;
	r->sections |= REPORT_ANSWERS;
}

static void
set_ages(const struct plan_stage *s, struct node *n, double age_s)
{
	for (int p = 0; p < PLANE_COUNT; p++)
		n->planes[p].seen = age_s < 0 ? (struct mono){ 0 } : mono_add_ms(s->now, (int64_t)(-age_s * 1000));
	n->seen = n->planes[0].seen;
	if (age_s > 6 || age_s < 0)
		snprintf(n->error, sizeof n->error, "connection timed out");
}

static void
add_facts(const struct plan_stage *s, struct node *n, const struct json *c)
{
	const struct fleet *f = s->fleet;
	const struct json *o = json_get(json_get(c, "nodes"), n->name);
	n->facts->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS;
	for (size_t i = 0; i < N_PREFIXES; i++)
		add_family(f, n, i, o);
	add_service_facts(n, o);
	/* the usual load, unless the case says otherwise */
	if (!json_get(o, "qps"))
		n->qps = json_double(json_get(c, "qps"), 300);
	if (!json_get(o, "capacity"))
		n->capacity_qps = json_double(json_get(c, "capacity"), 1000);
	if (n->qps < 0)
		n->qps = NAN;
	if (n->capacity_qps < 0)
		n->capacity_qps = NAN;
	set_ages(s, n, json_double(json_get(o, "age_s"), json_double(json_get(c, "age_s"), 1)));
	n->is_restored = json_boolean(json_get(o, "restored"), false);
}

static void
add_vantage_facts(const struct plan_stage *s, struct node *n, const struct json *c)
{
	struct answer_fact *a = report_add_answer(n->facts);
	a->vantage = "local";
	a->target = "192.0.2.53";
	a->service = "ns";
	a->is_answered = json_boolean(json_get(c, "vantage"), true) ? TRI_YES : TRI_NO;
	n->facts->sections = REPORT_ANSWERS;
	set_ages(s, n, json_double(json_get(c, "age_s"), 1));
}

static void
judge_all(const struct plan_stage *s)
{
	struct fleet *f = s->fleet;
	for (size_t i = 0; i < f->n_nodes; i++) {
		struct node *n = &f->nodes[i];
		enum announced announced[N_PREFIXES];
		struct node_judgement j;
		verdict_node(f, n, s->now, announced, &j);
		n->verdict = j.verdict;
		for (int p = 0; p < PLANE_COUNT; p++)
			n->planes[p].is_good = j.planes[p];
	}
	for (size_t i = 0; i < f->n_pops; i++) {
		struct pop_judgement j;
		fleet_refresh_pop_seen(f, i);
		verdict_pop(f, &f->pops[i], s->now, f->pops[i].announced, &j);
		f->pops[i].verdict = j.verdict;
		f->pops[i].qps = j.qps;
	}
}

/* --- who acts ----------------------------------------------------------------------------------------------------- */

static void
add_holds(struct fleet *f, const struct json *c)
{
	const struct json *list = json_get(c, "holds");
	for (size_t pop = 0; pop < f->n_pops; pop++) {
		struct hold holds[8];
		size_t n = 0;
		for (size_t i = 0; i < json_length(list); i++) {
			const struct json *o = json_at(list, i);
			if (strcmp(json_text(json_get(o, "pop"), ""), f->pops[pop].name) != 0)
				continue;
			struct hold *h = &holds[n++];
			*h = (struct hold){ .kind = HOLD_MAINTENANCE };
			snprintf(h->id, sizeof h->id, "%s", json_text(json_get(o, "id"), "a1"));
			snprintf(h->op, sizeof h->op, "%s", json_text(json_get(o, "op"), "0123456789abcdef"));
			snprintf(h->owner, sizeof h->owner, "%s", json_text(json_get(o, "owner"), "bob"));
			snprintf(h->pop, sizeof h->pop, "%s", f->pops[pop].name);
			snprintf(h->reason, sizeof h->reason, "%s", json_text(json_get(o, "reason"), "new line cards"));
		}
		if (n > 0)
			fleet_set_holds(f, pop, holds, n, ANNOUNCED_WITHDRAWN, DRAIN_PROVEN);
	}
}

static void
read_ops(struct plan_stage *s, const struct json *c)
{
	const struct json *list = json_get(c, "ops");
	for (size_t i = 0; i < json_length(list) && i < 32; i++) {
		const struct json *o = json_at(list, i);
		struct gate_op *op = &s->ops[s->n_ops++];
		*op = (struct gate_op){ .id = json_text(json_get(o, "id"), "feedfacefeedface"), .pop = json_text(json_get(o, "pop"), "?"),
			.is_open = json_boolean(json_get(o, "open"), true), .age_s = json_double(json_get(o, "age_s"), 20) };
		ck_assert_int_eq(op_verb_parse(json_text(json_get(o, "verb"), "drain"), &op->verb), 0);
	}
}

void
plan_stage_open(struct plan_stage *s, const struct json *c)
{
	*s = (struct plan_stage){ .fleet = fleet_new(), .now = { NOW_S * CLOCK_NS_PER_S }, .is_planning = true };
	struct fleet *f = s->fleet;
	ck_assert_int_eq(wall_parse("2026-11-23T12:00:00Z", &s->wall), 0);
	snprintf(f->name, sizeof f->name, "example-dns");
	snprintf(f->environment, sizeof f->environment, "lab");
	add_service(f, c);
	add_pops(f, c);
	fleet_link(f);
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].role == NODE_MEMBER)
			add_facts(s, &f->nodes[i], c);
		else
			add_vantage_facts(s, &f->nodes[i], c);
	add_holds(f, c);
	judge_all(s);
	s->peaks = xcalloc(f->n_pops, sizeof *s->peaks);
	s->drills = xcalloc(f->n_pops, sizeof *s->drills);
	for (size_t i = 0; i < f->n_pops; i++)
		s->drills[i] = json_double(json_get(json_get(c, "drills"), f->pops[i].name), NAN) * 86400;
	for (size_t i = 0; i < f->n_pops; i++)
		s->peaks[i] = json_double(json_get(json_get(c, "peaks"), f->pops[i].name), NAN);
	read_ops(s, c);
	snprintf(s->by, sizeof s->by, "%s", json_text(json_get(c, "by"), "alice"));
	s->scope = (struct gate_scope){ .who = s->by, .may_act = !json_get(c, "why_not"), .why_not = json_text(json_get(c, "why_not"), "") };
	const char *actor = json_text(json_get(c, "actor"), "connecting");
	s->actor = strcmp(actor, "connecting") == 0 ? TRI_UNKNOWN : strcmp(actor, "ready") == 0 ? TRI_YES : TRI_NO;
	s->is_planning = json_boolean(json_get(c, "planning"), true);
	s->own_op = json_text(json_get(c, "own_op"), NULL);
}

void
plan_stage_close(struct plan_stage *s)
{
	fleet_free(s->fleet);
	free(s->peaks);
	free(s->drills);
}

void
plan_stage_fill(const struct plan_stage *s, const struct plan_request *r, struct planner_input *out)
{
	*out = (struct planner_input){ .fleet = s->fleet, .request = r, .find = plan_stage_find, .scope = &s->scope, .n_ops = s->n_ops,
		.ops = s->ops, .peak_qps = s->peaks, .drill_age_s = s->drills, .id = s->own_op ? s->own_op : "00c0ffee00c0ffee", .by = s->by, .own_op = s->own_op,
		.actor = s->actor, .actor_text = s->actor == TRI_NO ? "fra1 refused the act key" : NULL, .is_planning = s->is_planning,
		.now = s->now, .wall = s->wall };
}
