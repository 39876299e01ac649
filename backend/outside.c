/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks what from here: one asker a node that serves DNS (its own address, so that a dead daemon shows although its
 * route attracts the clients), and one for the vantage "local" (every service address: who answers, from here). Each has
 * a timer at a random point of its interval. A question that gets no answer is a fact, not a failure; only what we
 * could not send at all is.
 *
 * One silence is no fact: that of a node from which nothing else came either since it fell silent. Its own address is
 * mostly the one its other probes use, so a lost management path looks the same, and calling a healthy node a blackhole
 * is worse than to say that it is out of sight. A refusal ("nothing listens there") did come from the node and counts.
 */
#include "backend/outside.h"

#include <sodium.h>
#include <stdlib.h>

#include "backend/dnsprobe.h"

#define ASKS_MAX     16   /* service addresses asked from "local" */
#define TIMEOUT_MAX  1500 /* ms; an authoritative server that needs longer does not serve */
#define IN_FLIGHT    4096
#define PROBE_ID     "outside/dns"

struct outside;

struct question {
	struct asker *asker;
	const struct service_probe *probe;
	const char *service; /* NULL: the node's own address */
	char address[46];
	uint16_t port;
	struct dnsprobe_answer answer;
};

struct asker {
	struct outside *outside;
	size_t node;
	struct loop_timer *timer;
	size_t n, waiting;
	struct mono asked;        /* when the questions under way were sent */
	struct mono silent_since; /* when the first question of a row without answers was sent; zero: the last was answered */
	struct mono reported;     /* when we last gave the state a report */
	struct question *asks; /* room for ASKS_MAX from "local", for one elsewhere */
};

struct outside {
	struct loop *loop;
	struct state *state;
	struct dnsprobe *probe;
	size_t n;
	struct asker *askers;
};

static const struct node *
node_of(const struct asker *a)
{
	return &state_fleet(a->outside->state)->nodes[a->node];
}

static bool
is_later(struct mono seen, struct mono than)
{
	return mono_is_set(seen) && !mono_before(seen, than);
}

/* Did any other probe hear from the node since it fell silent? Our own reports feed the service plane too. */
static bool
is_heard_otherwise(const struct asker *a)
{
	const struct node *n = node_of(a);
	const struct mono service = n->planes[PLANE_SERVICE].seen;
	bool is_ours = !mono_before(service, a->reported) && !mono_before(a->reported, service);
	return is_later(n->planes[PLANE_SESSION].seen, a->silent_since) || is_later(n->planes[PLANE_WIRE].seen, a->silent_since) ||
		(!is_ours && is_later(service, a->silent_since));
}

/* True when the node's own address kept silent and that may be the path's doing: then it is a failure, no fact. */
static bool
fail_if_out_of_sight(struct asker *a)
{
	const struct node *n = node_of(a);
	const struct dnsprobe_answer *answer = &a->asks[0].answer;
	struct err why = ERR_INIT;
	if (a->n != 1 || a->asks[0].service)
		return false;
	if (answer->is_answered || answer->error == ERR_CONN_REFUSED) {
		a->silent_since = (struct mono){ 0 };
		return false;
	}
	if (!mono_is_set(a->silent_since))
		a->silent_since = a->asked;
	bool is_asked_otherwise = n->bgp_driver[0] || n->dns_driver[0];
	if (!is_asked_otherwise || is_heard_otherwise(a))
		return false;
	err_set(&why, answer->error, "DNS at %s: %s, and nothing else was heard from the node since", a->asks[0].address, answer->text);
	state_fail(a->outside->state, a->node, PROBE_ID, REPORT_ANSWERS, &why, loop_now(a->outside->loop), clock_wall());
	return true;
}

static void
report_answers(struct asker *a)
{
	if (fail_if_out_of_sight(a))
		return;
	struct state *s = a->outside->state;
	struct report *r = report_new();
	r->sections = REPORT_ANSWERS;
	for (size_t i = 0; i < a->n; i++) {
		const struct dnsprobe_answer *from = &a->asks[i].answer;
		struct answer_fact *to = report_add_answer(r);
		to->vantage = "local";
		to->target = arena_strdup(r->arena, a->asks[i].address);
		to->service = a->asks[i].service ? arena_strdup(r->arena, a->asks[i].service) : NULL;
		bool could_ask = from->is_answered || from->error == ERR_TIMEOUT || from->error == ERR_CONN_REFUSED;
		to->is_answered = from->is_answered ? TRI_YES : could_ask ? TRI_NO : TRI_UNKNOWN;
		to->rcode = from->rcode[0] ? arena_strdup(r->arena, from->rcode) : NULL;
		to->rtt_us = from->rtt_us;
		to->serial = from->serial;
		to->signed_until = from->signed_until;
		to->identity = from->identity[0] ? arena_strdup(r->arena, from->identity) : NULL;
		to->error = from->text[0] ? arena_strdup(r->arena, from->text) : NULL;
	}
	/* the node's own name for itself, learned from its own address */
	if (a->n == 1 && !a->asks[0].service && a->asks[0].answer.identity[0]) {
		r->sections |= REPORT_IDENTITY;
		r->identity = arena_strdup(r->arena, a->asks[0].answer.identity);
	}
	a->reported = loop_now(a->outside->loop);
	state_apply(s, a->node, PROBE_ID, r, a->reported, clock_wall());
}

static void
on_answer(void *arg, const struct dnsprobe_answer *answer)
{
	struct question *q = arg;
	q->answer = *answer;
	if (--q->asker->waiting == 0)
		report_answers(q->asker);
}

static void
on_due(void *arg)
{
	struct asker *a = arg;
	int64_t poll_ms = node_of(a)->poll_ms;
	loop_timer_set(a->timer, poll_ms, 0);
	if (a->waiting > 0)
		return;
	a->waiting = a->n;
	a->asked = loop_now(a->outside->loop);
	for (size_t i = 0; i < a->n; i++) {
		const struct dnsprobe_question q = {
			.address = a->asks[i].address,
			.port = a->asks[i].port,
			.name = a->asks[i].probe->name,
			.type = a->asks[i].probe->type,
		};
		dnsprobe_ask(a->outside->probe, &q, poll_ms < TIMEOUT_MAX ? poll_ms : TIMEOUT_MAX, on_answer, &a->asks[i]);
	}
}

static void
add_ask(struct asker *a, const struct service_probe *p, const char *service, const char *address, uint16_t port)
{
	if (a->n == ASKS_MAX || address[0] == '\0')
		return;
	size_t i = a->n++;
	a->asks[i].asker = a;
	a->asks[i].probe = p;
	a->asks[i].service = service;
	a->asks[i].port = port;
	strcpy(a->asks[i].address, address);
}

/* The question put to a node's own address: that of the first service that has one. */
static const struct service_probe *
any_question(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_services; i++)
		if (f->services[i].n_probes > 0)
			return &f->services[i].probes[0];
	return NULL;
}

static void
add_asker(struct outside *o, const struct fleet *f, size_t node)
{
	const struct node *n = &f->nodes[node];
	struct asker *a = &o->askers[o->n];
	bool is_local = n->role == NODE_VANTAGE && strcmp(n->name, "local") == 0;
	*a = (struct asker){ .outside = o, .node = node, .asks = xcalloc(is_local ? ASKS_MAX : 1, sizeof *a->asks) };
	if (is_local) {
		for (size_t i = 0; i < f->n_services; i++)
			for (size_t k = 0; k < f->services[i].n_probes; k++)
				add_ask(a, &f->services[i].probes[k], f->services[i].name, f->services[i].probes[k].address,
					f->services[i].probes[k].port);
	} else if (n->role == NODE_MEMBER && n->conf && n->conf->ask_own && any_question(f)) {
		const char *address = n->conf->dns_address[0] ? n->conf->dns_address : n->conf->resolved;
		add_ask(a, any_question(f), NULL, address, n->conf->dns_port);
	}
	if (a->n == 0) {
		free(a->asks);
		return;
	}
	o->n++;
	a->timer = loop_timer_add(o->loop, (int64_t)randombytes_uniform((uint32_t)n->poll_ms), 0, on_due, a);
}

static void
add_askers(struct outside *o)
{
	const struct fleet *f = state_fleet(o->state);
	o->askers = xcalloc(f->n_nodes, sizeof *o->askers);
	o->n = 0;
	for (size_t i = 0; i < f->n_nodes; i++)
		add_asker(o, f, i);
}

static void
drop_askers(struct outside *o)
{
	dnsprobe_forget(o->probe);
	for (size_t i = 0; i < o->n; i++) {
		loop_timer_del(o->askers[i].timer);
		free(o->askers[i].asks);
	}
	free(o->askers);
}

struct outside *
outside_new(struct loop *l, struct state *s)
{
	struct outside *o = xcalloc(1, sizeof *o);
	o->loop = l;
	o->state = s;
	o->probe = dnsprobe_new(l, IN_FLIGHT);
	add_askers(o);
	return o;
}

void
outside_free(struct outside *o)
{
	if (!o)
		return;
	drop_askers(o);
	dnsprobe_free(o->probe);
	free(o);
}

void
outside_reload(struct outside *o)
{
	drop_askers(o);
	add_askers(o);
}

void
outside_now(struct outside *o)
{
	for (size_t i = 0; i < o->n; i++)
		loop_timer_set(o->askers[i].timer, (int64_t)randombytes_uniform(500), 0);
}

void
outside_ask(struct outside *o, const size_t *nodes, size_t n)
{
	for (size_t i = 0; i < o->n; i++)
		for (size_t k = 0; k < n; k++)
			if (o->askers[i].node == nodes[k] && o->askers[i].waiting == 0)
				loop_timer_set(o->askers[i].timer, 0, 0);
}
