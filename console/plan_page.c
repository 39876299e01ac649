/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of a plan. An operator at 03:00 reads the first screen of it and no more, so its order is the order of what
 * can go wrong: what is done and for how long; every gate that refuses or warns, in full sentences; how many PoPs go on
 * announcing each prefix; where the traffic goes and how full the receivers get; how it is taken back. Below it, for who
 * scrolls: each step with its exact commands and their undo (nodes with the same step share a line), every gate, notes,
 * the basis and the whole hash.
 *
 * Every text in a plan was written by somebody else: drivers, remote daemons, the person who asked. All of it goes
 * through the sanitiser here. Unknown numbers are said to be unknown.
 */
#include "console/plan_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define INDENT     2
#define GATE_COL   11
#define TEXT_COL   27
#define BASIS_SHOW 60
#define RECEIVERS_SHOWN 4
#define PREFIXES_SHOWN 4 /* of those that keep enough PoPs */

void
plan_page_title(const struct plan *plan, char *out, size_t size)
{
	size_t n = 0;
	int k = snprintf(out, size, "%s", op_verb_name(plan->verb));
	for (size_t i = 0; i < plan->n_targets && k > 0 && n + (size_t)k < size; i++) {
		n += (size_t)k;
		k = snprintf(out + n, size - n, "%s%s", i ? ", then " : " ", plan->targets[i]);
	}
}

void
plan_page_count(const struct plan *plan, size_t counts[3])
{
	counts[GATE_PASS] = counts[GATE_WARN] = counts[GATE_REFUSE] = 0;
	for (size_t i = 0; i < plan->n_gates; i++)
		counts[plan->gates[i].level]++;
}

static enum role
level_role(enum gate_level l)
{
	return l == GATE_REFUSE ? ROLE_BAD : l == GATE_WARN ? ROLE_WARN : ROLE_OK;
}

static void
put_gate(struct pager *p, const struct gate_result *g)
{
	pager_tab(p, INDENT);
	pager_text(p, level_role(g->level), gate_level_name(g->level));
	pager_tab(p, GATE_COL);
	pager_text(p, ROLE_STRONG, gate_name(g->gate));
	pager_tab(p, TEXT_COL);
	pager_foreign_wrap(p, ROLE_TEXT, g->text[0] ? g->text : gate_text(g->gate));
	pager_newline(p);
}

/* What speaks against it, worst first; what passes is counted. */
static void
put_objections(struct pager *p, const struct plan *plan)
{
	size_t n[3];
	plan_page_count(plan, n);
	pager_label(p, "gates");
	if (n[GATE_REFUSE] > 0)
		pager_printf(p, ROLE_BAD, "%zu REFUSE, ", n[GATE_REFUSE]);
	pager_printf(p, n[GATE_WARN] ? ROLE_WARN : ROLE_TEXT, "%zu warn", n[GATE_WARN]);
	pager_printf(p, ROLE_TEXT, ", %zu pass", n[GATE_PASS]);
	if (n[GATE_REFUSE] + n[GATE_WARN] > 0)
		pager_newline(p);
	for (int level = GATE_REFUSE; level > GATE_PASS; level--)
		for (size_t i = 0; i < plan->n_gates; i++)
			if ((int)plan->gates[i].level == level)
				put_gate(p, &plan->gates[i]);
}

static void
put_lease(struct pager *p, const struct plan *plan)
{
	char lease[32];
	pager_label(p, "lease");
	if (plan->lease_s <= 0) {
		pager_text(p, ROLE_TEXT, "none: it stays drained until a person undrains it");
		return;
	}
	duration_format(plan->lease_s, lease, sizeof lease);
	pager_printf(p, ROLE_STRONG, "%s", lease);
	pager_wrap(p, ROLE_TEXT,
		plan->is_auto_undrain ? ", then it undrains by itself if the gates for that pass"
				      : ", then it warns; it does not undrain by itself");
}

static void
put_request(struct pager *p, const struct plan *plan)
{
	pager_label(p, "why");
	pager_foreign_wrap(p, ROLE_TEXT, plan->reason && plan->reason[0] ? plan->reason : "(no reason given)");
	if (plan->ticket && plan->ticket[0]) {
		pager_text(p, ROLE_TEXT, "  ");
		pager_foreign(p, ROLE_STRONG, plan->ticket);
	}
	pager_label(p, "asked by");
	pager_foreign(p, ROLE_TEXT, plan->by ? plan->by : "?");
	if (plan->verb == OP_DRAIN && plan->kind && plan->kind[0]) {
		pager_text(p, ROLE_MUTED, " as ");
		pager_foreign(p, ROLE_TEXT, plan->kind);
	}
	pager_text(p, ROLE_MUTED, " on ");
	pager_foreign(p, ROLE_TEXT, plan->fleet);
	if (plan->environment[0]) {
		pager_text(p, ROLE_MUTED, ", environment ");
		pager_foreign(p, ROLE_STRONG, plan->environment);
	}
	if (plan->verb == OP_DRAIN) {
		put_lease(p, plan);
	} else if (plan->hold && plan->hold[0]) {
		pager_label(p, "releases");
		pager_text(p, ROLE_TEXT, "hold ");
		pager_foreign(p, ROLE_TEXT, plan->hold);
	}
}

static const char *
how(const struct plan *plan)
{
	if (plan->verb == OP_UNDRAIN)
		return "announce again";
	return plan->mode == OP_PREFER_AWAY ? "prefer-away, then withdraw" : "withdraw, the sessions stay up";
}

static bool
is_low(const struct plan *plan, const struct plan_prefix *x)
{
	return plan->verb == OP_DRAIN && (x->after < x->min_pops || x->after == 0 || x->region_after < x->min_region);
}

static void
put_prefix(struct pager *p, const struct plan *plan, const struct plan_prefix *x, const char *label)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format(&x->prefix, text);
	pager_label(p, label);
	pager_text(p, ROLE_TEXT, text);
	pager_tab(p, 34);
	pager_printf(p, is_low(plan, x) ? ROLE_BAD : ROLE_STRONG, "%zu -> %zu %s", x->announced, x->after,
		x->after == 1 ? "PoP" : "PoPs");
	if (plan->verb == OP_UNDRAIN)
		return;
	pager_printf(p, ROLE_MUTED, ", %zu needed", x->min_pops);
	if (x->min_region > 0)
		pager_printf(p, x->region_after < x->min_region ? ROLE_BAD : ROLE_MUTED, "; region %zu, %zu needed",
			x->region_after, x->min_region);
}

/* Prefixes that would be announced from too few PoPs first; then a few others, all of them further below. */
static void
put_left(struct pager *p, const struct plan *plan)
{
	size_t shown = 0;
	for (int low = 1; low >= 0; low--)
		for (size_t i = 0; i < plan->n_prefixes; i++)
			if (is_low(plan, &plan->prefixes[i]) == (low == 1) && (low == 1 || shown < PREFIXES_SHOWN))
				put_prefix(p, plan, &plan->prefixes[i], shown++ ? "" : "announced by");
	if (shown < plan->n_prefixes) {
		pager_label(p, "");
		pager_printf(p, ROLE_MUTED, "and %zu more prefixes, all with enough PoPs", plan->n_prefixes - shown);
	}
	if (plan->n_prefixes == 0) {
		pager_label(p, "announced by");
		pager_text(p, ROLE_UNKNOWN, "no service prefix is touched");
	}
}

/* How full a receiver would be; NAN unknown. */
static double
load_after(const struct plan_receiver *r)
{
	return isnan(r->qps_after) || isnan(r->capacity_qps) || r->capacity_qps <= 0 ? NAN : r->qps_after / r->capacity_qps;
}

static void
put_receiver(struct pager *p, const struct plan_receiver *r, const char *label)
{
	char before[24], after[24];
	double share = load_after(r);
	text_number(r->qps_before, before, sizeof before);
	text_number(r->qps_after, after, sizeof after);
	pager_label(p, label);
	pager_foreign(p, ROLE_TEXT, r->pop);
	pager_tab(p, 34);
	pager_printf(p, ROLE_TEXT, "%s -> %s q/s", before, after);
	pager_tab(p, 54);
	if (isnan(share))
		pager_text(p, ROLE_UNKNOWN, "capacity unknown");
	else
		pager_printf(p, share >= 1 ? ROLE_BAD : share >= 0.8 ? ROLE_WARN : ROLE_TEXT, "%.0f%% of its capacity",
			fmin(share * 100, 9999));
}

/* Is a fuller than b? What is not known might be full. */
static bool
is_fuller(const struct plan_receiver *a, const struct plan_receiver *b)
{
	double x = load_after(a), y = load_after(b);
	return isnan(x) ? !isnan(y) : x > y;
}

/* The fullest first, a few of them; the others stand below. */
static void
put_receivers(struct pager *p, const struct plan *plan)
{
	const struct plan_receiver *before = NULL;
	for (size_t shown = 0; shown < plan->n_receivers && shown < RECEIVERS_SHOWN; shown++) {
		const struct plan_receiver *next = NULL;
		for (size_t i = 0; i < plan->n_receivers; i++) {
			const struct plan_receiver *r = &plan->receivers[i];
			bool is_shown = before && (is_fuller(r, before) || (!is_fuller(before, r) && r <= before));
			if (!is_shown && (!next || is_fuller(r, next)))
				next = r;
		}
		if (!next)
			break;
		put_receiver(p, next, shown > 0 ? "" : plan->verb == OP_DRAIN ? "goes to" : "at");
		before = next;
	}
	if (plan->n_receivers > RECEIVERS_SHOWN) {
		pager_label(p, "");
		pager_printf(p, ROLE_MUTED, "and %zu more, less full than these", plan->n_receivers - RECEIVERS_SHOWN);
	}
}

static void
put_traffic(struct pager *p, const struct plan *plan)
{
	char moved[24];
	text_number(plan->qps_moved, moved, sizeof moved);
	pager_label(p, plan->verb == OP_DRAIN ? "leaves" : "comes back");
	if (isnan(plan->qps_moved))
		pager_text(p, ROLE_UNKNOWN, "an unknown number of queries");
	else
		pager_printf(p, ROLE_STRONG, "%s q/s", moved);
	if (!isnan(plan->share_moved))
		pager_printf(p, ROLE_TEXT, ", %.0f%% of the fleet's", plan->share_moved * 100);
	put_receivers(p, plan);
	if (plan->next_loss && plan->next_loss[0]) {
		pager_label(p, "and then");
		pager_foreign_wrap(p, ROLE_TEXT, plan->next_loss);
	}
	if (plan->undo_text && plan->undo_text[0]) {
		pager_label(p, "taken back");
		pager_foreign_wrap(p, ROLE_TEXT, plan->undo_text);
	}
	for (size_t i = 0; i < plan->n_notes; i++) {
		pager_label(p, i == 0 ? "note" : "");
		pager_foreign_wrap(p, ROLE_WARN, plan->notes[i]);
	}
}

/* What an action runs, as one would type it: "birdc disable anycast4; birdc configure". */
static void
action_text(const struct step_action *a, enum step_kind kind, struct buf *out)
{
	if (kind == STEP_FILE) {
		buf_printf(out, "write %s: %s", a->path ? a->path : "?", a->text ? a->text : "");
		return;
	}
	if (kind == STEP_HTTP) {
		buf_printf(out, "the agent makes it %s", announced_name(a->goal));
		return;
	}
	for (size_t i = 0; i < a->n_commands; i++) {
		buf_add_text(out, i ? "; " : "");
		for (size_t k = 0; k < a->commands[i].n; k++) {
			const char *word = a->commands[i].argv[k];
			buf_add_text(out, k ? " " : "");
			if (word[0] && strcspn(word, " '\"\\$;&|<>()*?[]#~`\t\n") == strlen(word))
				buf_add_text(out, word);
			else
				text_shell_quote(word, out);
		}
	}
}

static void
put_action(struct pager *p, const char *label, const struct step_action *a, enum step_kind kind)
{
	struct buf text = BUF_INIT(3000);
	action_text(a, kind, &text);
	if (text.len > 0) {
		pager_tab(p, 4);
		pager_text(p, ROLE_MUTED, label);
		pager_tab(p, 10);
		pager_foreign_wrap(p, ROLE_MUTED, buf_text(&text));
		pager_newline(p);
	}
	buf_done(&text);
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool
same_action(const struct step_action *a, const struct step_action *b)
{
	if (a->n_commands != b->n_commands || a->goal != b->goal || !same_text(a->path, b->path) || !same_text(a->text, b->text))
		return false;
	for (size_t i = 0; i < a->n_commands; i++) {
		if (a->commands[i].n != b->commands[i].n)
			return false;
		for (size_t k = 0; k < a->commands[i].n; k++)
			if (strcmp(a->commands[i].argv[k], b->commands[i].argv[k]) != 0)
				return false;
	}
	return true;
}

static bool
same_step(const struct plan_step *a, const struct plan_step *b)
{
	return a->target == b->target && a->phase == b->phase && a->step.kind == b->step.kind &&
	       a->step.has_undo == b->step.has_undo && same_text(a->step.what, b->step.what) &&
	       same_action(&a->step.apply, &b->step.apply) && same_action(&a->step.undo, &b->step.undo);
}

/* Was the same step already shown, together with an earlier node's? */
static bool
is_shown(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_step(&plan->steps[k], &plan->steps[i]))
			return true;
	return false;
}

static void
put_step_nodes(struct pager *p, const struct plan *plan, size_t first)
{
	struct buf names = BUF_INIT(4000);
	size_t n = 0;
	for (size_t k = first; k < plan->n_steps; k++)
		if (k == first || same_step(&plan->steps[first], &plan->steps[k]))
			buf_printf(&names, "%s%s", n++ ? " " : "", plan->steps[k].node);
	pager_tab(p, INDENT);
	if (n > 8)
		pager_printf(p, ROLE_STRONG, "%zu nodes: ", n);
	pager_foreign_wrap(p, ROLE_STRONG, buf_text(&names));
	buf_done(&names);
}

static void
put_step(struct pager *p, const struct plan *plan, size_t i)
{
	const struct step *s = &plan->steps[i].step;
	put_step_nodes(p, plan, i);
	pager_text(p, ROLE_TEXT, ": ");
	pager_foreign_wrap(p, ROLE_TEXT, s->what ? s->what : "?");
	pager_newline(p);
	put_action(p, "do", &s->apply, s->kind);
	if (s->has_undo) {
		put_action(p, "undo", &s->undo, s->kind);
	} else {
		pager_tab(p, 4);
		pager_text(p, ROLE_WARN, "there is no undo for this step");
		pager_newline(p);
	}
	if (s->confirm_s > 0) {
		pager_tab(p, 10);
		pager_printf(p, ROLE_MUTED, "undone by the node itself after %us unless it is kept", s->confirm_s);
		pager_newline(p);
	}
	if (s->collateral && s->collateral[0]) {
		pager_tab(p, 4);
		pager_text(p, ROLE_WARN, "also takes away ");
		pager_foreign_wrap(p, ROLE_WARN, s->collateral);
		pager_newline(p);
	}
}

static void
put_steps(struct pager *p, const struct plan *plan)
{
	size_t phases = op_phases(plan->verb, plan->mode);
	pager_heading(p, "Steps, with their undo");
	for (size_t t = 0; t < plan->n_targets; t++) {
		for (size_t phase = 0; phase < phases; phase++) {
			bool has_title = plan->n_targets > 1 || phases > 1;
			if (has_title) {
				pager_printf(p, ROLE_MUTED, "%zu. ", t * phases + phase + 1);
				pager_foreign(p, ROLE_TEXT, plan->targets[t]);
				pager_printf(p, ROLE_MUTED, " %s", announced_name(op_phase_goal(plan->verb, plan->mode, phase)));
				pager_newline(p);
			}
			for (size_t i = 0; i < plan->n_steps; i++)
				if (plan->steps[i].target == t && plan->steps[i].phase == phase && !is_shown(plan, i))
					put_step(p, plan, i);
		}
	}
	if (plan->n_steps == 0)
		pager_text(p, ROLE_MUTED, "nothing is to be done on any node");
}

static void
put_rest(struct pager *p, const struct plan *plan)
{
	if (plan->n_receivers > RECEIVERS_SHOWN) {
		pager_heading(p, "All that receive");
		for (size_t i = 0; i < plan->n_receivers; i++)
			put_receiver(p, &plan->receivers[i], "");
	}
	if (plan->n_prefixes > PREFIXES_SHOWN) {
		pager_heading(p, "All prefixes, and the PoPs that announce them");
		for (size_t i = 0; i < plan->n_prefixes; i++)
			put_prefix(p, plan, &plan->prefixes[i], plan->prefixes[i].service);
	}
	pager_heading(p, "All gates");
	for (size_t i = 0; i < plan->n_gates; i++)
		put_gate(p, &plan->gates[i]);
}

static void
put_basis(struct pager *p, const struct plan *plan)
{
	pager_heading(p, "It rests on");
	for (size_t i = 0; i < plan->n_basis && i < BASIS_SHOW; i++) {
		pager_tab(p, INDENT);
		pager_foreign(p, ROLE_MUTED, plan->basis[i]);
		pager_newline(p);
	}
	if (plan->n_basis > BASIS_SHOW) {
		pager_printf(p, ROLE_MUTED, "  and %zu more facts", plan->n_basis - BASIS_SHOW);
		pager_newline(p);
	}
	pager_text(p, ROLE_MUTED, "When any of these changes, the plan is void.");
}

static void
put_summary(struct pager *p, const struct plan *plan)
{
	char title[700];
	plan_page_title(plan, title, sizeof title);
	pager_foreign(p, ROLE_STRONG, title);
	pager_printf(p, ROLE_TEXT, ": %s", how(plan));
	put_request(p, plan);
	put_objections(p, plan);
	put_left(p, plan);
	put_traffic(p, plan);
}

void
plan_page_write(struct pager *p, const struct plan *plan, const char *hash)
{
	put_summary(p, plan);
	put_steps(p, plan);
	put_rest(p, plan);
	if (plan->n_basis > 0)
		put_basis(p, plan);
	pager_heading(p, "SHA-256 of the plan's bytes");
	pager_text(p, ROLE_MUTED, hash);
}

void
plan_page_write_scroll(struct pager *p, const struct plan *plan, const char *hash)
{
	put_steps(p, plan);
	put_rest(p, plan);
	pager_newline(p);
	pager_newline(p);
	put_summary(p, plan);
	pager_label(p, "rests on");
	pager_printf(p, ROLE_TEXT, "%zu facts; when any of them changes, the plan is void", plan->n_basis);
	pager_label(p, "SHA-256");
	pager_text(p, ROLE_TEXT, hash);
}
