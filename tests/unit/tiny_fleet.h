/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TINY_FLEET_H
#define TESTS_UNIT_TINY_FLEET_H

#include <check.h>
#include <math.h>
#include <stdio.h>

#include "backend/state.h"

/*
 * The smallest fleet that has everything: one service with two prefixes, PoPs fra and ams, nodes fra1, fra2 and ams1.
 * tiny_fleet_wide makes as many nodes as asked for, n0 .. nN, in PoPs p0 .. pM of 4 each.
 */

static inline void
tiny_services(struct fleet *f)
{
	static const char *const prefixes[] = { "192.0.2.0/24", "2001:db8:53::/48" };
	snprintf(f->name, sizeof f->name, "tiny");
	snprintf(f->environment, sizeof f->environment, "test");
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	snprintf(f->services[0].name, sizeof f->services[0].name, "ns");
	f->services[0].policy = (struct policy){ .min_pops = 2, .max_drained = 1, .spare = 1, .max_load_pct = 80,
		.quorum_pct = 90, .drill_days = -1, .approval = APPROVAL_AMBER };
	f->n_prefixes = 2;
	f->prefixes = arena_alloc(f->arena, 2 * sizeof *f->prefixes);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(prefix_parse(slice_of(prefixes[i]), &f->prefixes[i].prefix, NULL), 0);
}

static inline void
tiny_node(struct fleet *f, size_t i, const char *name, size_t pop)
{
	struct node *n = &f->nodes[i];
	struct node_conf *conf = arena_alloc(f->arena, sizeof *conf);
	conf->address = "127.0.0.1";
	snprintf(conf->resolved, sizeof conf->resolved, "127.0.0.1");
	n->conf = conf;
	snprintf(n->name, sizeof n->name, "%s", name);
	snprintf(n->bgp_driver, sizeof n->bgp_driver, "bird");
	snprintf(n->dns_driver, sizeof n->dns_driver, "knot");
	n->pop = pop;
	n->poll_ms = 2000;
	n->capacity_qps = NAN;
}

static inline void
tiny_pop(struct fleet *f, size_t i, const char *name, const char *title, double lat, double lon)
{
	struct pop *p = &f->pops[i];
	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(p->title, sizeof p->title, "%s", title);
	snprintf(p->region, sizeof p->region, "eu");
	p->lat = lat;
	p->lon = lon;
}

static inline struct fleet *
tiny_fleet(void)
{
	struct fleet *f = fleet_new();
	tiny_services(f);
	f->n_pops = 2;
	f->pops = arena_alloc(f->arena, 2 * sizeof *f->pops);
	tiny_pop(f, 0, "fra", "Frankfurt", 50.03, 8.57);
	tiny_pop(f, 1, "ams", "Amsterdam", 52.31, 4.76);
	f->n_nodes = 3;
	f->nodes = arena_alloc(f->arena, 3 * sizeof *f->nodes);
	tiny_node(f, 0, "fra1", 0);
	tiny_node(f, 1, "fra2", 0);
	tiny_node(f, 2, "ams1", 1);
	fleet_link(f);
	return f;
}

static inline struct fleet *
tiny_fleet_wide(size_t nodes)
{
	struct fleet *f = fleet_new();
	tiny_services(f);
	f->n_pops = (nodes + 3) / 4;
	f->pops = arena_alloc(f->arena, f->n_pops * sizeof *f->pops);
	f->n_nodes = nodes;
	f->nodes = arena_alloc(f->arena, nodes * sizeof *f->nodes);
	for (size_t i = 0; i < f->n_pops; i++) {
		char name[16];
		snprintf(name, sizeof name, "p%zu", i);
		tiny_pop(f, i, name, name, (double)(i % 120) - 60, (double)(i % 360) - 180);
	}
	for (size_t i = 0; i < nodes; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%zu", i);
		tiny_node(f, i, name, i / 4);
	}
	fleet_link(f);
	return f;
}

/* A report of a well node that has counted so many queries. */
static inline struct report *
tiny_report(int64_t queries)
{
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS;
	struct session_fact *s = report_add_session(r);
	s->name = report_text(r, slice_of("up1"));
	s->peer = report_text(r, slice_of("198.51.100.1"));
	s->peer_asn = 64500;
	s->local_asn = 64510;
	s->families = FAMILY_BIT_V4;
	s->state = FSM_ESTABLISHED;
	s->admin_state = ADMIN_UP;
	struct export_fact *e = report_add_export(r, "up1", FAMILY_V4);
	e->is_known = true;
	struct route_fact *route = report_add_route(r, e);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &route->prefix, NULL), 0);
	r->dns.queries = queries;
	r->dns.uptime_s = 1000 + queries;
	return r;
}

#endif
