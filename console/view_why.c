/* SPDX-License-Identifier: Apache-2.0
 *
 * Why (e): the evidence for a verdict, in plain sentences, from the conclusion down to what was
 * measured, when, and what could not be. For a PoP it goes on with the nodes that led to it; for a
 * prefix with each PoP that does not announce it or should not, for a service with its prefixes and with what it
 * answered, for a session with its node.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/describe_service.h"
#include "console/pager.h"
#include "core/text.h"

static void
age_words(struct mono seen, struct mono now, char *out, size_t size)
{
	char text[24];
	if (!mono_is_set(seen)) {
		snprintf(out, size, "never");
		return;
	}
	duration_format((int64_t)mono_s_since(now, seen), text, sizeof text);
	snprintf(out, size, "%s ago", text);
}

static void
put_conclusion(
	struct pager *p, const char *name, enum verdict v, bool is_stale, const struct reasons *r)
{
	pager_text(p, ROLE_STRONG, name);
	pager_text(p, ROLE_TEXT, is_stale ? " was " : " is ");
	pager_text(p, is_stale ? ROLE_STALE : role_of_verdict(v), verdict_name(v));
	pager_printf(p, ROLE_MUTED, ": %s", verdict_text(v));
	if (is_stale) {
		pager_newline(p);
		pager_wrap(p, ROLE_WARN,
			"Its facts are older than three polls: this was so, and may no longer be.");
	}
	for (size_t i = 0; i < r->n; i++) {
		pager_newline(p);
		pager_printf(p, ROLE_FAINT, "%s ", i + 1 < r->n ? "├" : "└");
		pager_wrap(p, ROLE_TEXT, r->text[i]);
	}
	pager_newline(p);
}

static void
put_plane(struct pager *p, const struct ui *ui, const struct node *n, enum plane_name which)
{
	static const char *const good[] = {
		"the BGP sessions are as they should be",
		"what it announces is as it should be",
		"it answers",
	};
	static const char *const bad[] = {
		"the BGP sessions are not as they should be",
		"what it announces is not as it should be",
		"it does not answer",
	};
	static const char *const unknown[] = {
		"nothing is known of its BGP sessions",
		"nothing is known of what it announces",
		"it is not known whether it answers",
	};
	const struct plane *plane = &n->planes[which];
	char age[32];
	age_words(plane->seen, ui->now, age, sizeof age);
	pager_label(p, plane_name(which));
	pager_text(p,
		plane->is_good == TRI_NO    ? ROLE_BAD
		: plane->is_good == TRI_YES ? ROLE_TEXT
					    : ROLE_UNKNOWN,
		plane->is_good == TRI_NO    ? bad[which]
		: plane->is_good == TRI_YES ? good[which]
					    : unknown[which]);
	pager_printf(p, ROLE_MUTED, " (read %s)", age);
	if (plane->error != ERR_OK) {
		pager_label(p, "");
		pager_printf(p, ROLE_MUTED, "the newest attempt failed: ");
		pager_wrap(p, ROLE_WARN,
			plane->error_text[0] ? plane->error_text : err_code_text(plane->error));
	}
}

static void
put_sessions(struct pager *p, const struct node *n)
{
	size_t up = 0;
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		up += n->facts->sessions[i].state == FSM_ESTABLISHED;
	if (!(n->facts->sections & REPORT_SESSIONS))
		return;
	pager_label(p, "");
	pager_printf(p, ROLE_TEXT, "%zu of %zu sessions are Established", up, n->facts->n_sessions);
	for (size_t i = 0; i < n->facts->n_sessions; i++) {
		const struct session_fact *s = &n->facts->sessions[i];
		if (s->state == FSM_ESTABLISHED)
			continue;
		pager_label(p, "");
		pager_printf(p, ROLE_TEXT, "%s is %s", s->name ? s->name : "a session",
			s->state == FSM_OTHER && s->state_word ? s->state_word
							       : fsm_state_name(s->state));
		if (s->admin_state == ADMIN_DOWN)
			pager_text(p, ROLE_TEXT, ", shut down by its operator");
		if (s->last_error.text) {
			pager_text(p, ROLE_TEXT, "; it last said: ");
			pager_wrap(p, ROLE_TEXT, s->last_error.text);
		}
	}
}

/* To how many sessions a prefix goes out now. */
static void
put_wire(struct pager *p, const struct ui *ui, const struct node *n)
{
	if (!(n->facts->sections & REPORT_EXPORTS))
		return;
	for (size_t i = 0; i < ui->fleet->n_prefixes; i++) {
		const struct prefix *want = &ui->fleet->prefixes[i].prefix;
		size_t carries = 0, known = 0;
		char text[PREFIX_TEXT_MAX];
		for (size_t k = 0; k < n->facts->n_exports; k++) {
			const struct export_fact *e = &n->facts->exports[k];
			if (!e->is_known || e->family != want->family)
				continue;
			known++;
			for (size_t r = 0; r < e->n_routes; r++)
				carries += prefix_equal(&e->routes[r].prefix, want);
		}
		prefix_format(want, text);
		pager_label(p, "");
		pager_printf(p, ROLE_TEXT, "%s is in %zu of %zu Adj-RIB-Outs that could be read",
			text, carries, known);
	}
}

static void
put_answers(struct pager *p, const struct node *n)
{
	for (size_t i = 0; i < n->facts->n_answers; i++) {
		const struct answer_fact *a = &n->facts->answers[i];
		pager_label(p, "");
		if (a->is_answered == TRI_YES)
			pager_printf(p, ROLE_TEXT, "asked from %s, %s answered %s",
				a->vantage ? a->vantage : "?", a->target ? a->target : "?",
				a->rcode ? a->rcode : "");
		else
			pager_printf(p, ROLE_TEXT, "asked from %s, %s %s%s%s",
				a->vantage ? a->vantage : "?", a->target ? a->target : "?",
				a->is_answered == TRI_NO ? "did not answer" : "could not be asked",
				a->error ? ": " : "", a->error ? a->error : "");
	}
	if (n->facts->health_text) {
		pager_label(p, "");
		pager_text(p, ROLE_TEXT, "its own health check says: ");
		pager_wrap(p, ROLE_TEXT, n->facts->health_text);
	}
}

static void
put_node(struct pager *p, const struct ui *ui, const struct node *n)
{
	put_conclusion(p, n->name, n->verdict, ui_node_is_outdated(ui, n), &n->reasons);
	if (n->error[0]) {
		pager_label(p, "poll");
		pager_wrap(p, ROLE_WARN, n->error);
	}
	put_plane(p, ui, n, PLANE_SESSION);
	put_sessions(p, n);
	put_plane(p, ui, n, PLANE_WIRE);
	put_wire(p, ui, n);
	put_plane(p, ui, n, PLANE_SERVICE);
	put_answers(p, n);
	pager_newline(p);
}

static void
put_pop(struct pager *p, const struct ui *ui, const struct pop *pop)
{
	put_conclusion(
		p, pop->name, pop->verdict, ui_pop_is_outdated(ui, pop), &pop->reasons);
	for (size_t i = 0; i < pop->n_nodes; i++) {
		pager_newline(p);
		put_node(p, ui, &ui->fleet->nodes[pop->nodes[i]]);
	}
}

/* What a session is, and since when, and what it said when it fell; then the node it belongs to. */
static void
put_one_session(struct pager *p, const struct ui *ui, const struct node *n, const struct session_fact *s)
{
	const struct plane *plane = &n->planes[PLANE_SESSION];
	bool is_stale = node_is_stale(n, ui->now);
	char age[32], since[24];
	age_words(plane->seen, ui->now, age, sizeof age);
	duration_format(s->since_s, since, sizeof since);
	pager_printf(p, ROLE_STRONG, "%s at %s", s->name ? s->name : s->peer ? s->peer : "?", n->name);
	pager_text(p, ROLE_TEXT, is_stale ? " was " : " is ");
	pager_text(p,
		is_stale                         ? ROLE_STALE
		: s->state == FSM_ESTABLISHED    ? ROLE_TEXT
		: s->admin_state == ADMIN_DOWN   ? ROLE_DRAINED
						 : ROLE_BAD,
		s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state));
	if (s->since_s >= 0)
		pager_printf(p, ROLE_MUTED, ", for %s when it was read %s", since, age);
	else
		pager_printf(p, ROLE_MUTED, ", read %s", age);
	pager_newline(p);
	if (s->admin_state == ADMIN_DOWN)
		pager_wrap(p, ROLE_DRAINED, "Its operator shut it down.");
	else if (s->state != FSM_ESTABLISHED && s->last_error.text) {
		pager_text(p, ROLE_TEXT, "It last said: ");
		pager_wrap(p, ROLE_TEXT, s->last_error.text);
	} else if (s->state != FSM_ESTABLISHED)
		pager_wrap(p, ROLE_UNKNOWN, "The daemon does not say why.");
	if (s->last_error.message) {
		pager_newline(p);
		pager_text(p, ROLE_TEXT,
			s->state == FSM_ESTABLISHED ? "When it last fell, in their words: " : "In their words: ");
		pager_wrap(p, ROLE_TEXT, s->last_error.message);
	}
	pager_newline(p);
	pager_newline(p);
	put_node(p, ui, n);
}

static void
put_exception(struct pager *p, const struct ui *ui, const struct pop *pop, enum announced a)
{
	pager_newline(p);
	pager_text(p, ROLE_STRONG, pop->name);
	pager_text(p, a == ANNOUNCED_UNKNOWN ? ROLE_UNKNOWN : ROLE_WARN,
		a == ANNOUNCED_YES           ? " announces it"
		: a == ANNOUNCED_WITHDRAWN   ? " does not announce it"
		: a == ANNOUNCED_PREFER_AWAY ? " announces it to be avoided"
					     : ": whether it announces it is not known");
	pager_text(p, ROLE_MUTED, ui_pop_is_outdated(ui, pop) ? "; it was " : "; it is ");
	pager_text(p, ui_pop_role(ui, pop), verdict_name(pop->verdict));
	for (size_t i = 0; i < pop->reasons.n; i++) {
		pager_newline(p);
		pager_printf(p, ROLE_FAINT, "%s ", i + 1 < pop->reasons.n ? "├" : "└");
		pager_wrap(p, ROLE_TEXT, pop->reasons.text[i]);
	}
}

static void
put_prefix(struct pager *p, const struct ui *ui, size_t prefix)
{
	const struct fleet *f = ui->fleet;
	char text[PREFIX_TEXT_MAX];
	prefix_format(&f->prefixes[prefix].prefix, text);
	pager_printf(p, ROLE_STRONG, "%s ", text);
	pager_text(p, ROLE_TEXT, "is ");
	describe_count(p, ui, prefix);
	for (size_t i = 0; i < f->n_pops; i++) {
		enum announced a = describe_announced(ui, &f->pops[i], prefix);
		if (a != ANNOUNCED_YES || f->pops[i].verdict < VERDICT_UNREACHABLE)
			put_exception(p, ui, &f->pops[i], a);
	}
	describe_witnesses(p, ui, &f->prefixes[prefix].prefix);
	pager_newline(p);
}

static void
put_service(struct pager *p, const struct ui *ui, size_t service)
{
	const struct fleet *f = ui->fleet;
	for (size_t i = 0; i < f->n_prefixes; i++) {
		if (f->prefixes[i].service != service)
			continue;
		put_prefix(p, ui, i);
		pager_newline(p);
	}
	pager_text(p, ROLE_STRONG, "Asked from outside:");
	describe_outside(p, ui, &f->services[service]);
}

static void
write(struct pager *p, const struct ui *ui, const struct view_target *about, int cols)
{
	size_t i;
	(void)cols;
	const struct node *n;
	const struct session_fact *s = view_find_session(ui->fleet, about, &n);
	if (s)
		put_one_session(p, ui, n, s);
	else if ((i = view_find_prefix(ui->fleet, about)) != SIZE_MAX)
		put_prefix(p, ui, i);
	else if (about->kind == TARGET_SERVICE && (i = fleet_find_service(ui->fleet, about->name)) != SIZE_MAX)
		put_service(p, ui, i);
	else if (about->kind == TARGET_POP && (i = fleet_find_pop(ui->fleet, about->name)) != SIZE_MAX)
		put_pop(p, ui, &ui->fleet->pops[i]);
	else if ((about->kind == TARGET_NODE || about->kind == TARGET_SESSION) &&
		 (i = fleet_find_node(ui->fleet, about->name)) != SIZE_MAX)
		put_node(p, ui, &ui->fleet->nodes[i]);
	else
		pager_text(p, ROLE_MUTED, "The fleet has no such thing now.");
}

const struct view_ops view_why = {
	.name = "why",
	.title = "the evidence for a verdict",
	.kind = VIEW_TEXT,
	.write = write,
};
