/* SPDX-License-Identifier: Apache-2.0
 *
 * Describe (d): everything known about one PoP, node or session, on one page, every fact of a plane
 * with that plane's age; prefixes and services are in console/describe_service.c. What is not known is said to be unknown; nothing is left out because it is
 * fine.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/describe_service.h"
#include "console/pager.h"
#include "core/text.h"

static void
put_verdict(struct pager *p, enum verdict v, bool is_stale)
{
	pager_label(p, "verdict");
	pager_text(p, is_stale ? ROLE_STALE : role_of_verdict(v), verdict_name(v));
	pager_printf(p, ROLE_MUTED, "  %s",
		is_stale ? "as of its last poll: stale, may no longer be so" : verdict_text(v));
}

static void
put_reasons(struct pager *p, const struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++) {
		pager_label(p, i == 0 ? "because" : "");
		pager_wrap(p, ROLE_TEXT, r->text[i]);
	}
}

static void
put_age(struct pager *p, const char *label, double age_s)
{
	char text[24];
	pager_label(p, label);
	if (age_s < 0) {
		pager_text(p, ROLE_UNKNOWN, "never");
		return;
	}
	duration_format((int64_t)age_s, text, sizeof text);
	pager_printf(p, ROLE_TEXT, "%s ago", text);
}

static void
put_number(struct pager *p, const char *label, double value, const char *unit)
{
	char text[24];
	pager_label(p, label);
	if (isnan(value)) {
		pager_text(p, ROLE_UNKNOWN, "unknown");
		return;
	}
	text_number(value, text, sizeof text);
	pager_printf(p, ROLE_TEXT, "%s%s", text, unit);
}

static enum role
announced_role(enum announced a)
{
	return a == ANNOUNCED_YES ? ROLE_TEXT : a == ANNOUNCED_UNKNOWN ? ROLE_UNKNOWN : ROLE_WARN;
}

static void
put_pop_prefixes(struct pager *p, const struct ui *ui, const struct pop *pop)
{
	const struct fleet *f = ui->fleet;
	bool stale = pop_is_stale(f, pop, ui->now);
	char text[PREFIX_TEXT_MAX];
	pager_heading(p, "Service prefixes");
	for (size_t i = 0; i < f->n_prefixes; i++) {
		enum announced a = pop->announced[i];
		struct announce_count n = fleet_count_announced(f, i, ui->now);
		prefix_format(&f->prefixes[i].prefix, text);
		pager_label(p, f->services[f->prefixes[i].service].name);
		pager_text(p, ROLE_TEXT, text);
		pager_tab(p, 36);
		pager_printf(p, stale ? ROLE_STALE : announced_role(a), "%s%s",
			stale ? "stale: was " : "", announced_name(a));
		pager_tab(p, 54);
		pager_printf(p, ROLE_MUTED, "%zu of %zu PoPs", n.announced, f->n_pops);
	}
}

static void
put_pop_nodes(struct pager *p, const struct ui *ui, const struct pop *pop)
{
	char qps[24];
	pager_heading(p, "Nodes");
	for (size_t i = 0; i < pop->n_nodes; i++) {
		const struct node *n = &ui->fleet->nodes[pop->nodes[i]];
		bool stale = ui_node_is_outdated(ui, n);
		text_number(n->qps, qps, sizeof qps);
		pager_label(p, n->name);
		pager_printf(p, stale ? ROLE_STALE : role_of_verdict(n->verdict), "%s%s",
			stale ? "stale " : "", verdict_name(n->verdict));
		pager_tab(p, 32);
		pager_printf(p, ROLE_TEXT, "%s q/s", qps);
		pager_tab(p, 44);
		if (n->reasons.n > 0 && n->verdict != VERDICT_OK)
			pager_wrap(p, ROLE_MUTED, n->reasons.text[0]);
	}
}

/* What holds it, and what is wanted of it where that is not the usual. */
static void
put_holds(struct pager *p, const struct ui *ui, const struct pop *pop)
{
	char time[CLOCK_TEXT_MAX], text[300];
	for (size_t i = 0; i < pop->n_holds; i++) {
		const struct hold *h = &pop->holds[i];
		struct pop one = *pop;
		one.holds = &pop->holds[i];
		one.n_holds = 1;
		ui_hold_text(ui, &one, text, sizeof text);
		pager_label(p, i == 0 ? "held by" : "and by");
		pager_wrap(p, ROLE_STRONG, text);
		wall_format(h->created, time);
		pager_label(p, "");
		pager_printf(p, ROLE_MUTED, "%s, since %s, hold %s", hold_kind_name(h->kind), time, h->id);
		if (h->is_auto_undrain)
			pager_text(p, ROLE_MUTED, ", then undrains by itself");
	}
	if (pop->n_holds == 0 && pop->intent == ANNOUNCED_YES && pop->phase == DRAIN_NONE)
		return;
	pager_label(p, "wanted");
	pager_text(p, ROLE_TEXT, pop->intent == ANNOUNCED_UNKNOWN ? "an operation is under way" : announced_name(pop->intent));
	if (pop->phase != DRAIN_NONE)
		pager_printf(p, ROLE_MUTED, " (%s)", drain_phase_name(pop->phase));
}

static void
write_pop(struct pager *p, const struct ui *ui, const struct pop *pop)
{
	char load[16];
	pager_text(p, ROLE_STRONG, pop->name);
	pager_printf(p, ROLE_TEXT, "  %s", pop->title);
	if (pop->region[0])
		pager_printf(p, ROLE_MUTED, "  region %s", pop->region);
	pager_newline(p);
	put_verdict(p, pop->verdict, ui_pop_is_outdated(ui, pop));
	put_reasons(p, &pop->reasons);
	put_holds(p, ui, pop);
	put_age(p, "oldest fact", pop_age_s(pop, ui->now));
	pager_label(p, "BGP sessions");
	pager_printf(p, pop->sessions_up < pop->sessions_total ? ROLE_WARN : ROLE_TEXT,
		"%zu of %zu established", pop->sessions_up, pop->sessions_total);
	put_number(p, "queries", pop->qps, " a second");
	put_number(p, "capacity", pop->capacity_qps, " a second");
	ui_load(pop->qps, pop->capacity_qps, load, sizeof load);
	pager_label(p, "load");
	pager_text(p, ROLE_TEXT, load);
	pager_label(p, "position");
	if (isnan(pop->lat) || isnan(pop->lon))
		pager_text(p, ROLE_UNKNOWN, "unknown: not on the map");
	else
		pager_printf(p, ROLE_TEXT, "%.2f %.2f", pop->lat, pop->lon);
	put_pop_prefixes(p, ui, pop);
	put_pop_nodes(p, ui, pop);
}

static void
put_planes(struct pager *p, const struct ui *ui, const struct node *n)
{
	static const char *const what[] = { "BGP sessions", "what is announced",
		"whether it answers" };
	pager_heading(p, "Three planes");
	for (int i = 0; i < PLANE_COUNT; i++) {
		const struct plane *plane = &n->planes[i];
		char age[24] = "never seen";
		if (mono_is_set(plane->seen)) {
			duration_format(
				(int64_t)mono_s_since(ui->now, plane->seen), age, sizeof age);
			strncat(age, " old", sizeof age - strlen(age) - 1);
		}
		pager_label(p, plane_name((enum plane_name)i));
		pager_text(p,
			plane->is_good == TRI_NO    ? ROLE_BAD
			: plane->is_good == TRI_YES ? ROLE_TEXT
						    : ROLE_UNKNOWN,
			plane->is_good == TRI_NO    ? "NO"
			: plane->is_good == TRI_YES ? "ok"
						    : "?");
		pager_tab(p, 18);
		pager_printf(p, ROLE_MUTED, "%s, %s  ", what[i], age);
		if (plane->error != ERR_OK)
			pager_wrap(p, ROLE_WARN, plane->error_text);
	}
}

static void
put_session(struct pager *p, const struct session_fact *s)
{
	char since[24];
	duration_format(s->since_s, since, sizeof since);
	pager_label(p, s->name ? s->name : "?");
	pager_text(p,
		s->state == FSM_ESTABLISHED    ? ROLE_TEXT
		: s->admin_state == ADMIN_DOWN ? ROLE_DRAINED
					       : ROLE_BAD,
		s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state));
	pager_printf(p, ROLE_MUTED, " %s", since);
	if (s->admin_state == ADMIN_DOWN)
		pager_text(p, ROLE_DRAINED, "  shut down by its operator");
	if (s->peer)
		pager_printf(p, ROLE_TEXT, "  %s", s->peer);
	if (s->peer_asn >= 0)
		pager_printf(p, ROLE_TEXT, " AS%lld", (long long)s->peer_asn);
	if (s->advertised >= 0)
		pager_printf(p, ROLE_MUTED, "  sent %lld", (long long)s->advertised);
	if (s->received >= 0)
		pager_printf(p, ROLE_MUTED, " got %lld", (long long)s->received);
}

static void
put_last_error(struct pager *p, const struct last_error *e)
{
	char age[24];
	const char *name = e->code >= 0 ? notification_name(e->code, e->subcode) : NULL;
	if (!e->text && !name && !e->message)
		return;
	pager_label(p, "  last error");
	if (e->age_s >= 0) {
		duration_format(e->age_s, age, sizeof age);
		pager_printf(p, ROLE_MUTED, "%s ago ", age);
	}
	if (e->direction == DIRECTION_RECEIVED || e->direction == DIRECTION_SENT)
		pager_text(
			p, ROLE_MUTED, e->direction == DIRECTION_RECEIVED ? "received " : "sent ");
	if (name || e->text)
		pager_wrap(p, ROLE_TEXT, name ? name : e->text);
	if (e->message) {
		pager_label(p, "  their words");
		pager_wrap(p, ROLE_TEXT, e->message);
	}
}

static void
put_sessions(struct pager *p, const struct node *n)
{
	pager_heading(p, "BGP sessions");
	for (size_t i = 0; i < n->facts->n_sessions; i++) {
		put_session(p, &n->facts->sessions[i]);
		put_last_error(p, &n->facts->sessions[i].last_error);
	}
	if (n->facts->n_sessions == 0)
		pager_text(p, ROLE_UNKNOWN,
			n->facts->sections & REPORT_SESSIONS ? "none configured" : "unknown");
}

static void
put_export(struct pager *p, const struct export_fact *e)
{
	char text[PREFIX_TEXT_MAX];
	char label[64];
	snprintf(label, sizeof label, "%.50s v%d", e->session, (int)e->family);
	if (!e->is_known || e->n_routes == 0) {
		pager_label(p, label);
		pager_text(p, e->is_known ? ROLE_TEXT : ROLE_UNKNOWN,
			e->is_known ? "nothing" : "could not be read");
		return;
	}
	for (size_t i = 0; i < e->n_routes && i < 12; i++) {
		const struct route_fact *r = &e->routes[i];
		prefix_format(&r->prefix, text);
		pager_label(p, i == 0 ? label : "");
		pager_text(p, ROLE_TEXT, text);
		if (r->is_gshut == TRI_YES)
			pager_text(p, ROLE_WARN, "  graceful shutdown");
		if (r->prepends > 0)
			pager_printf(p, ROLE_WARN, "  prepended %d times", r->prepends);
		if (r->communities)
			pager_printf(p, ROLE_MUTED, "  %s", r->communities);
	}
	if (e->n_routes > 12)
		pager_printf(p, ROLE_MUTED, "  and %zu more", e->n_routes - 12);
}

static void
put_exports(struct pager *p, const struct node *n)
{
	char text[PREFIX_TEXT_MAX];
	pager_heading(p, "On the wire (Adj-RIB-Out)");
	for (size_t i = 0; i < n->facts->n_exports; i++)
		put_export(p, &n->facts->exports[i]);
	if (n->facts->n_exports == 0)
		pager_text(p, ROLE_UNKNOWN,
			n->facts->sections & REPORT_EXPORTS ? "nothing to anyone" : "unknown");
	for (size_t i = 0; i < n->facts->n_origins; i++) {
		const struct origin_fact *o = &n->facts->origins[i];
		prefix_format(&o->prefix, text);
		pager_label(p, i == 0 ? "originated" : "");
		/* of no prefix: a protocol whose prefixes are not known, or what concerns all */
		pager_printf(p, o->is_enabled ? ROLE_TEXT : ROLE_WARN, "%s%s%s%s",
			o->prefix.family ? text : "", o->prefix.family ? " by " : "",
			o->by ? o->by : "?", o->is_enabled ? "" : ", disabled");
	}
}

static void
put_answers(struct pager *p, const struct node *n)
{
	pager_heading(p, "Answers, asked from outside");
	for (size_t i = 0; i < n->facts->n_answers; i++) {
		const struct answer_fact *a = &n->facts->answers[i];
		pager_label(p, a->vantage ? a->vantage : "?");
		pager_printf(p, ROLE_TEXT, "%s  ", a->target ? a->target : "?");
		if (a->is_answered == TRI_YES) {
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
		} else {
			pager_text(p, a->is_answered == TRI_NO ? ROLE_BAD : ROLE_UNKNOWN,
				a->is_answered == TRI_NO ? "no answer  " : "could not ask  ");
			pager_wrap(p, ROLE_MUTED, a->error ? a->error : "");
		}
	}
	if (n->facts->n_answers == 0)
		pager_text(p, ROLE_UNKNOWN, "unknown");
}

static void
put_rcodes(struct pager *p, const struct dns_fact *dns)
{
	int64_t total = 0;
	for (size_t i = 0; i < dns->n_rcodes; i++)
		total += dns->rcodes[i].count > 0 ? dns->rcodes[i].count : 0;
	if (total == 0)
		return;
	pager_label(p, "answers");
	for (size_t i = 0; i < dns->n_rcodes; i++)
		if (dns->rcodes[i].count > 0)
			pager_printf(p, ROLE_TEXT, "%s %.1f%%  ", dns->rcodes[i].name,
				100.0 * (double)dns->rcodes[i].count / (double)total);
}

static void
put_service(struct pager *p, const struct node *n)
{
	const struct dns_fact *dns = &n->facts->dns;
	char uptime[24];
	pager_heading(p, "DNS service");
	put_number(p, "queries", n->qps, " a second");
	put_number(p, "capacity", n->capacity_qps, " a second");
	put_rcodes(p, dns);
	duration_format(dns->uptime_s, uptime, sizeof uptime);
	pager_label(p, "daemon up for");
	pager_text(p, dns->uptime_s < 0 ? ROLE_UNKNOWN : ROLE_TEXT,
		dns->uptime_s < 0 ? "unknown" : uptime);
	if (n->facts->identity) {
		pager_label(p, "identity");
		pager_text(p, ROLE_TEXT, n->facts->identity);
	}
	if (n->facts->is_healthy != TRI_UNKNOWN) {
		pager_label(p, "own health");
		pager_text(p, n->facts->is_healthy == TRI_NO ? ROLE_BAD : ROLE_TEXT,
			n->facts->is_healthy == TRI_NO ? "NO  " : "ok  ");
		pager_wrap(p, ROLE_MUTED, n->facts->health_text ? n->facts->health_text : "");
	}
	for (size_t i = 0; i < dns->n_zones; i++) {
		pager_label(p, i == 0 ? "zones" : "");
		pager_printf(p, ROLE_TEXT, "%s", dns->zones[i].name);
		if (dns->zones[i].serial >= 0)
			pager_printf(
				p, ROLE_MUTED, "  serial %lld", (long long)dns->zones[i].serial);
		if (dns->zones[i].state)
			pager_printf(p, ROLE_MUTED, "  %s", dns->zones[i].state);
	}
}

static void
put_versions(struct pager *p, const struct node *n)
{
	for (size_t i = 0; i < n->facts->n_versions; i++) {
		pager_label(p, i == 0 ? "versions" : "");
		pager_printf(p, ROLE_TEXT, "%s %s", n->facts->versions[i].what,
			n->facts->versions[i].version ? n->facts->versions[i].version : "?");
	}
}

static void
write_node(struct pager *p, const struct ui *ui, const struct node *n)
{
	pager_text(p, ROLE_STRONG, n->name);
	if (n->pop < ui->fleet->n_pops)
		pager_printf(p, ROLE_TEXT, "  in %s, %s", ui->fleet->pops[n->pop].name,
			ui->fleet->pops[n->pop].title);
	pager_printf(p, ROLE_MUTED, "  %s%s%s", n->bgp_driver,
		n->bgp_driver[0] && n->dns_driver[0] ? " + " : "", n->dns_driver);
	pager_newline(p);
	put_verdict(p, n->verdict, ui_node_is_outdated(ui, n));
	put_reasons(p, &n->reasons);
	put_age(p, "newest fact", node_age_s(n, ui->now));
	if (n->is_restored) {
		pager_label(p, "");
		pager_text(p, ROLE_WARN, "these facts are from before the backend was restarted");
	}
	if (n->error[0]) {
		pager_label(p, "last failure");
		pager_wrap(p, ROLE_WARN, n->error);
	}
	put_planes(p, ui, n);
	put_sessions(p, n);
	put_exports(p, n);
	put_answers(p, n);
	put_service(p, n);
	put_versions(p, n);
}

static void
put_word(struct pager *p, const char *label, enum role role, const char *word)
{
	pager_label(p, label);
	pager_text(p, word ? role : ROLE_UNKNOWN, word ? word : "unknown");
}

static void
put_known(struct pager *p, const char *label, int64_t n)
{
	pager_label(p, label);
	if (n < 0)
		pager_text(p, ROLE_UNKNOWN, "unknown");
	else
		pager_printf(p, ROLE_TEXT, "%lld", (long long)n);
}

static void
put_session_peer(struct pager *p, const struct session_fact *s)
{
	static const char *const families[] = { NULL, "IPv4", "IPv6", "IPv4 and IPv6" };
	put_word(p, "peer", ROLE_TEXT, s->peer);
	put_known(p, "peer's AS", s->peer_asn);
	put_known(p, "our AS", s->local_asn);
	if (s->description)
		put_word(p, "described as", ROLE_TEXT, s->description);
	put_word(p, "families", ROLE_TEXT, families[s->families & (FAMILY_BIT_V4 | FAMILY_BIT_V6)]);
	put_number(p, "hold time", s->hold_s < 0 ? NAN : s->hold_s, " s");
	put_word(p, "BFD", s->bfd_up == TRI_NO ? ROLE_BAD : ROLE_TEXT,
		s->bfd_up == TRI_UNKNOWN ? "not in use, or not known" : s->bfd_up == TRI_YES ? "up" : "DOWN");
	put_word(p, "MD5 password", ROLE_TEXT,
		s->has_password == TRI_UNKNOWN ? NULL : s->has_password == TRI_YES ? "set" : "not set");
}

static void
put_session_state(struct pager *p, const struct ui *ui, const struct node *n, const struct session_fact *s)
{
	const struct plane *plane = &n->planes[PLANE_SESSION];
	char since[24];
	pager_label(p, "state");
	pager_text(p,
		node_is_stale(n, ui->now)      ? ROLE_STALE
		: s->state == FSM_ESTABLISHED  ? ROLE_TEXT
		: s->admin_state == ADMIN_DOWN ? ROLE_DRAINED
					       : ROLE_BAD,
		s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state));
	if (s->since_s >= 0) {
		int64_t age = mono_is_set(plane->seen) ? (int64_t)mono_s_since(ui->now, plane->seen) : 0;
		duration_format(s->since_s + age, since, sizeof since);
		pager_printf(p, ROLE_MUTED, "  for %s", since);
	}
	if (node_is_stale(n, ui->now))
		pager_text(p, ROLE_MUTED, "  stale: may no longer be so");
	put_word(p, "its operator", s->admin_state == ADMIN_DOWN ? ROLE_DRAINED : ROLE_TEXT,
		s->admin_state == ADMIN_DOWN ? "shut it down" : s->admin_state == ADMIN_UP ? "wants it up" : NULL);
	put_age(p, "read", mono_is_set(plane->seen) ? mono_s_since(ui->now, plane->seen) : -1);
	if (plane->error != ERR_OK) {
		pager_label(p, "last failure");
		pager_wrap(p, ROLE_WARN, plane->error_text);
	}
	put_last_error(p, &s->last_error);
}

static void
write_session(struct pager *p, const struct ui *ui, const struct node *n, const struct session_fact *s)
{
	size_t written = 0;
	pager_text(p, ROLE_STRONG, s->name ? s->name : s->peer ? s->peer : "?");
	pager_printf(p, ROLE_TEXT, "  session of %s", n->name);
	if (n->pop < ui->fleet->n_pops)
		pager_printf(p, ROLE_MUTED, "  in %s, %s", ui->fleet->pops[n->pop].name, ui->fleet->pops[n->pop].title);
	pager_newline(p);
	put_session_state(p, ui, n, s);
	pager_heading(p, "Peering");
	put_session_peer(p, s);
	pager_heading(p, "Routes");
	put_known(p, "sent", s->advertised);
	put_known(p, "received", s->received);
	put_known(p, "accepted", s->accepted);
	pager_heading(p, "On the wire to it (Adj-RIB-Out)");
	for (size_t i = 0; i < n->facts->n_exports; i++) {
		const struct export_fact *e = &n->facts->exports[i];
		if (!e->session || !s->name || strcmp(e->session, s->name) != 0)
			continue;
		put_export(p, e);
		written++;
	}
	if (written == 0)
		pager_text(p, ROLE_UNKNOWN, "unknown");
}

static void
write(struct pager *p, const struct ui *ui, const struct view_target *about, int cols)
{
	size_t i;
	(void)cols;
	const struct node *n;
	const struct session_fact *s = view_find_session(ui->fleet, about, &n);
	if (s)
		write_session(p, ui, n, s);
	else if ((i = view_find_prefix(ui->fleet, about)) != SIZE_MAX)
		describe_prefix(p, ui, i);
	else if (about->kind == TARGET_SERVICE && (i = fleet_find_service(ui->fleet, about->name)) != SIZE_MAX)
		describe_service(p, ui, i);
	else if (about->kind == TARGET_POP && (i = fleet_find_pop(ui->fleet, about->name)) != SIZE_MAX)
		write_pop(p, ui, &ui->fleet->pops[i]);
	else if ((about->kind == TARGET_NODE || about->kind == TARGET_SESSION) &&
		 (i = fleet_find_node(ui->fleet, about->name)) != SIZE_MAX)
		write_node(p, ui, &ui->fleet->nodes[i]);
	else
		pager_text(p, ROLE_MUTED, "The fleet has no such thing now.");
}

const struct view_ops view_describe = {
	.name = "describe",
	.title = "everything known about one thing",
	.kind = VIEW_TEXT,
	.write = write,
};
