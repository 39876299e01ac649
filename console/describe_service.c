/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages about what is announced rather than who announces it. A prefix: how many PoPs announce
 * it against what its policy wants, each PoP with what it says on the wire (those that do not
 * announce first), and what the other end sees. A service: its policy in words, the questions that
 * prove it, its prefixes, and what came back from outside.
 *
 * What a stale PoP said last counts as not known, as everywhere. Called by console/view_describe.c
 * and, for the lines that both need, console/view_why.c.
 */
#include "console/describe_service.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

enum announced
describe_announced(const struct ui *ui, const struct pop *pop, size_t prefix)
{
	return pop_is_stale(ui->fleet, pop, ui->now) ? ANNOUNCED_UNKNOWN : pop->announced[prefix];
}

static enum role
announced_role(enum announced a)
{
	return a == ANNOUNCED_YES ? ROLE_TEXT : a == ANNOUNCED_UNKNOWN ? ROLE_UNKNOWN : ROLE_WARN;
}

void
describe_count(struct pager *p, const struct ui *ui, size_t prefix)
{
	const struct fleet *f = ui->fleet;
	const struct policy *policy = &f->services[f->prefixes[prefix].service].policy;
	struct announce_count n = fleet_count_announced(f, prefix, ui->now);
	bool is_low = n.announced + n.prefer_away < (size_t)policy->min_pops;
	pager_printf(p, is_low ? ROLE_BAD : n.announced < f->n_pops ? ROLE_WARN : ROLE_TEXT,
		"announced by %zu of %zu PoPs", n.announced, f->n_pops);
	if (n.prefer_away)
		pager_printf(p, ROLE_WARN, ", by %zu to be avoided", n.prefer_away);
	if (n.withdrawn)
		pager_printf(p, ROLE_WARN, ", withdrawn by %zu", n.withdrawn);
	if (n.unknown)
		pager_printf(p, ROLE_UNKNOWN, ", not known of %zu", n.unknown);
	if (is_low)
		pager_printf(p, ROLE_BAD, ": under %d", policy->min_pops);
}

/* In how many of a PoP's Adj-RIB-Outs that could be read it stands. */
struct carried {
	size_t by, known;
};

static struct carried
count_carried(const struct ui *ui, const struct pop *pop, const struct prefix *prefix)
{
	struct carried c = { 0 };
	for (size_t i = 0; i < pop->n_nodes; i++) {
		const struct report *facts = ui->fleet->nodes[pop->nodes[i]].facts;
		for (size_t k = 0; k < facts->n_exports; k++) {
			const struct export_fact *e = &facts->exports[k];
			if (!e->is_known || e->family != prefix->family)
				continue;
			c.known++;
			for (size_t r = 0; r < e->n_routes; r++)
				c.by += prefix_equal(&e->routes[r].prefix, prefix);
		}
	}
	return c;
}

static void
put_pop(struct pager *p, const struct ui *ui, const struct pop *pop, size_t prefix)
{
	enum announced a = describe_announced(ui, pop, prefix);
	bool is_outdated = ui_pop_is_outdated(ui, pop);
	struct carried c = count_carried(ui, pop, &ui->fleet->prefixes[prefix].prefix);
	pager_label(p, pop->name);
	pager_text(p, announced_role(a), announced_name(a));
	pager_tab(p, 30);
	if (a != ANNOUNCED_UNKNOWN && c.known > 0)
		pager_printf(p, ROLE_MUTED, "to %zu of %zu", c.by, c.known);
	pager_tab(p, 42);
	pager_printf(p, ui_pop_role(ui, pop), "%s%s", is_outdated ? "stale " : "", verdict_name(pop->verdict));
	if ((a == ANNOUNCED_YES && pop->verdict == VERDICT_OK) || pop->reasons.n == 0)
		return;
	pager_tab(p, 56);
	pager_wrap(p, ROLE_TEXT, pop->reasons.text[0]);
}

static void
put_pops(struct pager *p, const struct ui *ui, size_t prefix)
{
	static const enum announced order[] = { ANNOUNCED_WITHDRAWN, ANNOUNCED_UNKNOWN, ANNOUNCED_PREFER_AWAY,
		ANNOUNCED_YES };
	pager_heading(p, "PoPs, and to how many of their sessions");
	for (size_t o = 0; o < sizeof order / sizeof *order; o++)
		for (size_t i = 0; i < ui->fleet->n_pops; i++)
			if (describe_announced(ui, &ui->fleet->pops[i], prefix) == order[o])
				put_pop(p, ui, &ui->fleet->pops[i], prefix);
}

static const struct rib_fact *
find_rib(const struct node *witness, const struct prefix *prefix)
{
	for (size_t i = 0; i < witness->facts->n_rib; i++)
		if (prefix_equal(&witness->facts->rib[i].prefix, prefix))
			return &witness->facts->rib[i];
	return NULL;
}

void
describe_witnesses(struct pager *p, const struct ui *ui, const struct prefix *prefix)
{
	for (size_t i = 0; i < ui->fleet->n_nodes; i++) {
		const struct node *n = &ui->fleet->nodes[i];
		if (n->role != NODE_WITNESS)
			continue;
		const struct rib_fact *rib = find_rib(n, prefix);
		pager_label(p, n->name);
		if (ui_node_is_outdated(ui, n) || node_is_stale(n, ui->now) || !(n->facts->sections & REPORT_RIB)) {
			pager_text(p, ROLE_UNKNOWN, "what it has is not known");
			continue;
		}
		size_t paths = rib ? rib->paths : 0;
		pager_printf(p, paths ? ROLE_TEXT : ROLE_WARN, "has %zu %s", paths, paths == 1 ? "path" : "paths");
		if (rib && rib->peers) {
			pager_text(p, ROLE_MUTED, " from ");
			pager_wrap(p, ROLE_MUTED, rib->peers);
		}
	}
}

static bool
has_witness(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].role == NODE_WITNESS)
			return true;
	return false;
}

void
describe_prefix(struct pager *p, const struct ui *ui, size_t prefix)
{
	const struct fleet *f = ui->fleet;
	const struct service_prefix *sp = &f->prefixes[prefix];
	char text[PREFIX_TEXT_MAX];
	prefix_format(&sp->prefix, text);
	pager_text(p, ROLE_STRONG, text);
	pager_printf(p, ROLE_TEXT, "  of service %s", f->services[sp->service].name);
	pager_printf(p, ROLE_MUTED, "  IPv%d", sp->prefix.family);
	pager_newline(p);
	describe_count(p, ui, prefix);
	pager_newline(p);
	pager_printf(p, ROLE_MUTED, "the policy wants at least %d", f->services[sp->service].policy.min_pops);
	pager_newline(p);
	put_pops(p, ui, prefix);
	if (has_witness(f)) {
		pager_heading(p, "Seen from the other end");
		describe_witnesses(p, ui, &sp->prefix);
	}
}

static void
put_policy(struct pager *p, const struct policy *policy)
{
	static const char *const approval[] = { "never", "when a gate warns", "always" };
	pager_heading(p, "Policy");
	pager_label(p, "announced by");
	pager_printf(p, ROLE_TEXT, "at least %d PoPs", policy->min_pops);
	if (policy->min_pops_per_region > 0)
		pager_printf(p, ROLE_TEXT, ", at least %d in each region", policy->min_pops_per_region);
	pager_label(p, "spare");
	pager_printf(p, ROLE_TEXT, "%d more may fail after a change", policy->spare);
	pager_label(p, "drained");
	pager_printf(p, ROLE_TEXT, "at most %d at once", policy->max_drained);
	pager_label(p, "load");
	pager_printf(p, ROLE_TEXT, "at most %d%% of capacity", policy->max_load_pct);
	pager_label(p, "quorum");
	pager_printf(p, ROLE_TEXT, "%d%% of PoPs must be visible", policy->quorum_pct);
	pager_label(p, "drill");
	if (policy->drill_days >= 0)
		pager_printf(p, ROLE_TEXT, "a good one within %d days", policy->drill_days);
	else
		pager_text(p, ROLE_MUTED, "none asked for");
	pager_label(p, "second person");
	pager_text(p, ROLE_TEXT, approval[policy->approval]);
}

static void
put_answer(struct pager *p, const struct node *n, const struct answer_fact *a)
{
	pager_label(p, n->name);
	pager_printf(p, ROLE_TEXT, "%s  ", a->target ? a->target : "?");
	if (a->is_answered != TRI_YES) {
		pager_text(p, a->is_answered == TRI_NO ? ROLE_BAD : ROLE_UNKNOWN,
			a->is_answered == TRI_NO ? "no answer  " : "could not ask  ");
		pager_wrap(p, ROLE_MUTED, a->error ? a->error : "");
		return;
	}
	pager_text(p, ROLE_TEXT, a->rcode ? a->rcode : "answered");
	if (a->rtt_us >= 0)
		pager_printf(p, ROLE_MUTED, "  %.1f ms", (double)a->rtt_us / 1000);
	if (a->identity)
		pager_printf(p, ROLE_MUTED, "  by %s", a->identity);
	if (a->serial >= 0)
		pager_printf(p, ROLE_MUTED, "  serial %lld", (long long)a->serial);
	if (a->signed_until >= 0) {
		char until[CLOCK_TEXT_MAX];
		wall_format((struct wall){ a->signed_until * CLOCK_NS_PER_S }, until);
		pager_printf(p, ROLE_MUTED, "  signed until %s", until);
	}
}

void
describe_outside(struct pager *p, const struct ui *ui, const struct service *s)
{
	size_t written = 0;
	for (size_t i = 0; i < ui->fleet->n_nodes; i++) {
		const struct node *n = &ui->fleet->nodes[i];
		if (n->role != NODE_VANTAGE)
			continue;
		written++;
		if (node_is_stale(n, ui->now)) {
			pager_label(p, n->name);
			pager_text(p, ROLE_UNKNOWN, "what it is answered is not known");
			continue;
		}
		for (size_t k = 0; k < n->facts->n_answers; k++)
			if (n->facts->answers[k].service && strcmp(n->facts->answers[k].service, s->name) == 0)
				put_answer(p, n, &n->facts->answers[k]);
	}
	if (written == 0) {
		pager_label(p, "");
		pager_text(p, ROLE_UNKNOWN, "no vantage asks");
	}
}

static void
put_questions(struct pager *p, const struct service *s)
{
	pager_heading(p, "What is asked");
	for (size_t i = 0; i < s->n_probes; i++) {
		pager_label(p, s->probes[i].address);
		pager_printf(p, ROLE_TEXT, "%s %s, port %u", s->probes[i].name ? s->probes[i].name : "?",
			s->probes[i].type ? s->probes[i].type : "?", s->probes[i].port);
	}
	if (s->n_probes == 0)
		pager_text(p, ROLE_UNKNOWN, "nothing: whether it answers as a service is not proven");
}

void
describe_service(struct pager *p, const struct ui *ui, size_t service)
{
	const struct fleet *f = ui->fleet;
	const struct service *s = &f->services[service];
	char text[PREFIX_TEXT_MAX];
	pager_text(p, ROLE_STRONG, s->name);
	pager_text(p, ROLE_MUTED, "  service");
	pager_heading(p, "Prefixes");
	for (size_t i = 0; i < f->n_prefixes; i++) {
		if (f->prefixes[i].service != service)
			continue;
		prefix_format(&f->prefixes[i].prefix, text);
		pager_label(p, text);
		pager_tab(p, 20);
		describe_count(p, ui, i);
	}
	pager_heading(p, "Answers, asked from outside");
	describe_outside(p, ui, s);
	put_questions(p, s);
	put_policy(p, &s->policy);
}
