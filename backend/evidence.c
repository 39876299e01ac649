/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence after a change. Four witnesses that fail apart:
 *
 *   wire     the node's daemon says what is in its Adj-RIB-Out; a drain wants its sessions still up
 *   witness  routers that have a session with the node say whether they have its route
 *   rate     the node's own query counter
 *   answer   vantages ask the service address and read who answered (NSID, RFC 5001)
 *
 * One that was never there (no witness peers with the node, no probe is declared) does not apply, and its sentence says
 * so. One that is there and silent is unknown, and unknown is never proof. What was heard after the change and more than
 * three polls ago is unknown again: the last to agree must not find the others long gone.
 */
#include "backend/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/sight.h"
#include "core/announced.h"
#include "core/text.h"

#define RATE_SHARE 0.05
#define RATE_FLOOR 5.0

double
evidence_rate_limit(double qps_before)
{
	double share = isnan(qps_before) ? 0 : qps_before * RATE_SHARE;
	return share > RATE_FLOOR ? share : RATE_FLOOR;
}

static void say(struct op_evidence *e, enum tri agrees, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
say(struct op_evidence *e, enum tri agrees, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	e->agrees = agrees;
	e->applies = true;
}

bool
evidence_is_newer(const struct node *n, enum plane_name plane, struct mono since)
{
	return !n->is_restored && mono_before(since, n->planes[plane].seen);
}

/* Heard since, and lately. */
static bool
is_current(const struct evidence_input *in, const struct node *n, enum plane_name plane)
{
	return evidence_is_newer(n, plane, in->since) && node_plane_is_fresh(n, plane, in->now);
}

static const char *
goal_words(enum announced goal)
{
	return goal == ANNOUNCED_YES ? "announced" : goal == ANNOUNCED_WITHDRAWN ? "withdrawn" : "announced to be avoided";
}

static size_t
sessions_up(const struct node *n)
{
	size_t up = 0;
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		up += n->facts->sessions[i].state == FSM_ESTABLISHED;
	return up;
}

/* --- sessions after an undrain ---------------------------------------------------------------------------------- */

void
evidence_baseline_add(struct evidence_baseline *b, const struct fleet *f, size_t pop, const struct plan *drain)
{
	const struct pop *p = &f->pops[pop];
	size_t cap = b->n;
	for (size_t i = 0; i < drain->n_basis; i++) {
		struct evidence_carrier c = { 0 };
		char prefix[PREFIX_TEXT_MAX], word[32];
		if (sscanf(drain->basis[i], PLANNER_CARRIES " %32s %49s %127s %31s", c.node, prefix, c.session, word) != 4 ||
			prefix_parse(slice_of(prefix), &c.prefix, NULL) == -1)
			continue;
		for (size_t k = 0; k < p->n_nodes; k++)
			if (strcmp(f->nodes[p->nodes[k]].name, c.node) == 0) {
				b->carriers = xgrow(b->carriers, &cap, b->n + 1, sizeof *b->carriers);
				b->carriers[b->n++] = c;
				break;
			}
	}
}

void
evidence_baseline_done(struct evidence_baseline *b)
{
	free(b->carriers);
	*b = (struct evidence_baseline){ 0 };
}

/* Did it carry the prefix before the drain? */
static bool
was_carried(const struct evidence_baseline *b, const struct node *n, const struct session_fact *s, const struct prefix *prefix)
{
	for (size_t i = 0; b && i < b->n; i++)
		if (strcmp(b->carriers[i].node, n->name) == 0 && strcmp(b->carriers[i].session, s->name) == 0 &&
			prefix_equal(&b->carriers[i].prefix, prefix))
			return true;
	return false;
}

/* Established sessions without a prefix: those that carried it before it was drained must have it again, the others are
 * named and hold nothing back. */
struct lacking {
	size_t n_must, n_other;
	char must[120], other[80];
};

static void
add_lacking(const struct node *n, const struct session_fact *s, char *names, size_t size, size_t *count)
{
	char text[80];
	size_t len = strlen(names);
	snprintf(text, sizeof text, "%.32s %.40s", n->name, s->name);
	if (strstr(names, text))
		return;
	(*count)++;
	if (len + strlen(text) + 3 < size)
		snprintf(names + len, size - len, "%s%s", len ? ", " : "", text);
}

static void
find_lacking(const struct evidence_input *in, const struct node *n, struct lacking *l)
{
	for (size_t k = 0; k < n->n_prefixes; k++) {
		if (!planner_is_concerned(n, in->find, &n->prefixes[k]))
			continue;
		for (size_t i = 0; i < n->facts->n_sessions; i++) {
			const struct session_fact *s = &n->facts->sessions[i];
			bool carries;
			enum announced a = report_session_says(n->facts, s, &n->prefixes[k], &carries);
			if (s->state != FSM_ESTABLISHED || !carries || a == ANNOUNCED_YES)
				continue;
			if (was_carried(in->baseline, n, s, &n->prefixes[k]))
				add_lacking(n, s, l->must, sizeof l->must, &l->n_must);
			else
				add_lacking(n, s, l->other, sizeof l->other, &l->n_other);
		}
	}
}

static void
say_announced(const struct evidence_input *in, size_t asked, const struct lacking *l, struct op_evidence *e)
{
	bool is_known = in->baseline && in->baseline->n > 0;
	if (l->n_must > 0)
		say(e, TRI_NO, "%s %s not all the prefixes that %s carried before the drain", l->must, l->n_must == 1 ? "has" : "have",
			l->n_must == 1 ? "it" : "they");
	else if (l->n_other > 0)
		say(e, TRI_YES, "announced by the word of %zu node%s; not to %s, which %s", asked, asked == 1 ? "" : "s", l->other,
			is_known ? l->n_other == 1 ? "was not sent it before either" : "were not sent it before either"
				 : "nobody recorded to have had it before");
	else
		say(e, TRI_YES, "announced by the word of %zu node%s, to every session that is up", asked, asked == 1 ? "" : "s");
}

static void
read_wire(const struct evidence_input *in, struct op_evidence *e)
{
	const struct pop *p = &in->fleet->pops[in->pop];
	struct lacking lacking = { 0 };
	size_t asked = 0;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		if (!n->bgp_driver[0])
			continue;
		asked++;
		if (!is_current(in, n, PLANE_WIRE) || !is_current(in, n, PLANE_SESSION)) {
			say(e, TRI_UNKNOWN, "the wire of %s was not read since, or not lately", n->name);
			return;
		}
		if (!planner_node_settled(n, in->find, in->verb, in->goal)) {
			say(e, TRI_NO, "%s does not say that its prefixes are %s", n->name, goal_words(in->goal));
			return;
		}
		if (in->goal != ANNOUNCED_YES && n->facts->n_sessions > 0 && sessions_up(n) == 0) {
			say(e, TRI_NO, "no session of %s is up: its silence proves nothing", n->name);
			return;
		}
		if (in->goal == ANNOUNCED_YES)
			find_lacking(in, n, &lacking);
	}
	if (asked == 0)
		say(e, TRI_UNKNOWN, "no node of %s speaks BGP", p->name);
	else if (in->goal == ANNOUNCED_YES)
		say_announced(in, asked, &lacking, e);
	else
		say(e, TRI_YES, "%s by the word of %zu node%s, sessions up", goal_words(in->goal), asked, asked == 1 ? "" : "s");
}

struct witness_count {
	size_t peers, unread, wrong;
	char names[120]; /* of those that still have it, or have it not yet */
	char deaf[120];  /* of those that prefer it still, though it asks to be avoided and they have other paths */
};

static void
add_name(const char *name, char *names, size_t size)
{
	size_t len = strlen(names);
	if (!strstr(names, name))
		snprintf(names + len, size - len, "%s%s", len ? ", " : "", name);
}

static void
count_witness(const struct evidence_input *in, const struct node *witness, const struct node *n, struct witness_count *c)
{
	if (!sight_witness_peers(in->fleet, witness, n))
		return;
	c->peers++;
	if (!is_current(in, witness, PLANE_WIRE)) {
		c->unread++;
		return;
	}
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		const struct prefix *prefix = &in->fleet->prefixes[k].prefix;
		bool has = sight_witness_has(in->fleet, witness, n, prefix);
		if (in->goal == ANNOUNCED_YES && !planner_is_concerned(n, in->find, prefix))
			continue;
		if (in->goal == ANNOUNCED_PREFER_AWAY && sight_witness_prefers(in->fleet, witness, n, prefix))
			add_name(witness->name, c->deaf, sizeof c->deaf);
		if (has == (in->goal != ANNOUNCED_WITHDRAWN))
			continue;
		c->wrong++;
		add_name(witness->name, c->names, sizeof c->names);
	}
}

static void
read_witnesses(const struct evidence_input *in, struct op_evidence *e)
{
	const struct pop *p = &in->fleet->pops[in->pop];
	struct witness_count c = { 0 };
	for (size_t i = 0; i < in->fleet->n_nodes; i++) {
		const struct node *witness = &in->fleet->nodes[i];
		for (size_t j = 0; witness->role == NODE_WITNESS && j < p->n_nodes; j++)
			count_witness(in, witness, &in->fleet->nodes[p->nodes[j]], &c);
	}
	if (c.peers == 0) {
		snprintf(e->text, sizeof e->text, "no witness has a session with a node of %s", p->name);
		return;
	}
	if (c.wrong > 0)
		say(e, TRI_NO, in->goal == ANNOUNCED_WITHDRAWN ? "%s still has a route from %s" : "%s has no route from %s yet", c.names,
			p->name);
	else if (c.unread > 0)
		say(e, TRI_UNKNOWN, "%zu of %zu witness sessions were not read since, or not lately", c.unread, c.peers);
	else if (c.deaf[0])
		/* whether that matters the query rate decides */
		say(e, TRI_YES, "%s still prefer%s %s, though other paths are there: GRACEFUL_SHUTDOWN is ignored", c.deaf,
			strchr(c.deaf, ',') ? "" : "s", p->name);
	else
		say(e, TRI_YES, in->goal == ANNOUNCED_WITHDRAWN ? "no witness has a route from %s" : "every witness has its route from %s",
			p->name);
}

static void
read_rate(const struct evidence_input *in, struct op_evidence *e)
{
	const struct pop *p = &in->fleet->pops[in->pop];
	double limit = evidence_rate_limit(in->qps_before), qps = 0;
	size_t stopped = 0;
	char now_text[24], limit_text[24];
	if (in->goal == ANNOUNCED_YES) {
		snprintf(e->text, sizeof e->text, "the rate may stay low for long after an undrain");
		return;
	}
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		if (!n->dns_driver[0])
			continue;
		if (n->planes[PLANE_SERVICE].error == ERR_NOT_RUNNING) {
			stopped++; /* and so answers nobody */
			continue;
		}
		/* the first sample after the change still counts queries from before it */
		struct mono settled = mono_add_ms(in->since, n->poll_ms);
		if (!evidence_is_newer(n, PLANE_SERVICE, settled) || !is_current(in, n, PLANE_SERVICE) || isnan(n->qps)) {
			say(e, TRI_UNKNOWN, "the query rate of %s is not known since, or not lately", n->name);
			return;
		}
		qps += n->qps;
	}
	if (stopped == p->n_nodes) {
		say(e, TRI_YES, "no DNS daemon of %s runs: nobody is answered there", p->name);
		return;
	}
	text_number(qps, now_text, sizeof now_text);
	text_number(limit, limit_text, sizeof limit_text);
	say(e, qps < limit ? TRI_YES : TRI_NO, "%s queries/s, %s are the limit", now_text, limit_text);
}

static bool
is_of_pop(const struct fleet *f, size_t pop, const char *identity)
{
	const struct pop *p = &f->pops[pop];
	for (size_t i = 0; i < p->n_nodes; i++)
		if (sight_names_node(identity, f, &f->nodes[p->nodes[i]]))
			return true;
	return false;
}

/* After a drain nobody may be answered from here, and somebody must be answered from elsewhere. */
static void
read_answers_away(const struct evidence_input *in, struct op_evidence *e)
{
	size_t asked = 0, elsewhere = 0;
	for (size_t i = 0; i < in->fleet->n_nodes; i++) {
		const struct node *v = &in->fleet->nodes[i];
		if (v->role != NODE_VANTAGE)
			continue;
		for (size_t j = 0; j < v->facts->n_answers; j++) {
			const struct answer_fact *a = &v->facts->answers[j];
			if (!a->service)
				continue;
			asked++;
			if (!is_current(in, v, PLANE_SERVICE) || a->is_answered != TRI_YES || !a->identity)
				continue;
			if (is_of_pop(in->fleet, in->pop, a->identity)) {
				say(e, TRI_NO, "%s is still answered by %s", v->name, a->identity);
				return;
			}
			elsewhere++;
		}
	}
	if (asked == 0)
		snprintf(e->text, sizeof e->text, "no service has a probe that vantages could ask");
	else if (elsewhere == 0)
		say(e, TRI_UNKNOWN, "no vantage was answered with an identity since, or not lately");
	else
		say(e, TRI_YES, "%zu vantage answer%s, all from elsewhere", elsewhere, elsewhere == 1 ? "" : "s");
}

/* After an undrain every node must answer when it is asked itself. */
static void
read_answers_here(const struct evidence_input *in, struct op_evidence *e)
{
	const struct pop *p = &in->fleet->pops[in->pop];
	size_t asked = 0;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		for (size_t j = 0; j < n->facts->n_answers; j++) {
			const struct answer_fact *a = &n->facts->answers[j];
			if (a->service)
				continue;
			asked++;
			if (!is_current(in, n, PLANE_SERVICE) || a->is_answered == TRI_UNKNOWN) {
				say(e, TRI_UNKNOWN, "%s was not asked since, or not lately", n->name);
				return;
			}
			if (a->is_answered == TRI_NO) {
				say(e, TRI_NO, "%s does not answer at %s", n->name, a->target);
				return;
			}
		}
	}
	if (asked == 0)
		snprintf(e->text, sizeof e->text, "no node of %s is asked at its own address", p->name);
	else
		say(e, TRI_YES, "%zu node%s answer%s at its own address", asked, asked == 1 ? "" : "s", asked == 1 ? "s" : "");
}

void
evidence_read(const struct evidence_input *in, struct op_evidence out[OP_CHECK_COUNT])
{
	memset(out, 0, OP_CHECK_COUNT * sizeof *out);
	if (in->is_release_only) {
		for (int c = 0; c < OP_CHECK_COUNT; c++)
			snprintf(out[c].text, sizeof out[c].text, "another hold remains: nothing changes");
		return;
	}
	read_wire(in, &out[OP_CHECK_WIRE]);
	read_witnesses(in, &out[OP_CHECK_WITNESS]);
	read_rate(in, &out[OP_CHECK_RATE]);
	if (in->goal == ANNOUNCED_YES)
		read_answers_here(in, &out[OP_CHECK_ANSWER]);
	else if (in->goal == ANNOUNCED_WITHDRAWN)
		read_answers_away(in, &out[OP_CHECK_ANSWER]);
	else
		snprintf(out[OP_CHECK_ANSWER].text, sizeof out[OP_CHECK_ANSWER].text, "clients may still be answered here in this phase");
}

bool
evidence_is_whole(const struct op_evidence checks[OP_CHECK_COUNT], const char **missing)
{
	for (int c = 0; c < OP_CHECK_COUNT; c++) {
		if (!checks[c].applies || checks[c].agrees == TRI_YES)
			continue;
		*missing = checks[c].text;
		return false;
	}
	*missing = "";
	return true;
}

/* --- shift times ------------------------------------------------------------------------------------------------ */

void
evidence_watch_start(struct evidence_watch *w, const struct fleet *f, size_t pop, enum op_verb verb)
{
	memset(w, 0, sizeof *w);
	(void)verb;
	for (size_t i = 0; i < f->n_nodes && w->n < EVIDENCE_VANTAGES; i++) {
		const struct node *v = &f->nodes[i];
		bool was_here = false;
		if (v->role != NODE_VANTAGE)
			continue;
		for (size_t j = 0; j < v->facts->n_answers; j++)
			was_here = was_here || (v->facts->answers[j].service && is_of_pop(f, pop, v->facts->answers[j].identity));
		w->vantages[w->n].node = i;
		w->vantages[w->n].was_here = was_here;
		w->vantages[w->n].heard = v->planes[PLANE_SERVICE].seen;
		w->n++;
	}
}

static void
count_answer(const struct evidence_input *in, const struct answer_fact *a, bool was_here, double at_s, struct op_target *t)
{
	if (a->is_answered == TRI_NO)
		t->lost_probes++;
	if (a->is_answered != TRI_YES || !a->identity)
		return;
	bool is_here = is_of_pop(in->fleet, in->pop, a->identity);
	bool is_new_side = is_here == (in->verb == OP_UNDRAIN);
	/* a vantage that was never served here says nothing about leaving */
	if (in->verb == OP_DRAIN && !was_here)
		return;
	if (is_new_side && isnan(t->first_elsewhere_s))
		t->first_elsewhere_s = at_s;
	if (!is_new_side)
		t->last_here_s = at_s;
}

void
evidence_watch_turn(struct evidence_watch *w, const struct evidence_input *in, struct op_target *t)
{
	if (t->lost_probes < 0)
		t->lost_probes = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (w->vantages[i].node >= in->fleet->n_nodes)
			continue;
		const struct node *v = &in->fleet->nodes[w->vantages[i].node];
		struct mono seen = v->planes[PLANE_SERVICE].seen;
		if (v->role != NODE_VANTAGE || !mono_before(w->vantages[i].heard, seen) || !mono_before(in->since, seen))
			continue;
		w->vantages[i].heard = seen;
		for (size_t j = 0; j < v->facts->n_answers; j++)
			if (v->facts->answers[j].service)
				count_answer(in, &v->facts->answers[j], w->vantages[i].was_here, mono_s_since(seen, in->since), t);
	}
}
