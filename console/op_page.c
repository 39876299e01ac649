/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of an operation: where it stands in one word, one sentence and on the way from asked to done; then for each
 * PoP the four ways in which a drain is seen (wire, witness, rate, answer), the times the shift took, and every step of
 * every node with what the node said; the record at the end. "drained" is said only when it was measured; anything less is said to be less:
 * `unconfirmed` names the evidence that is missing. Unknown times are "-", never 0.
 */
#include "console/op_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define MARK_COL 14
#define TEXT_COL 24
#define REST_MAX 4096

/* A person may take as done what could not be measured, or not begun: that is no measurement. */
static bool
is_measured(const struct operation *op)
{
	for (size_t i = 0; i < op->n_targets; i++)
		if (op->state == OP_DONE && !op->targets[i].is_done)
			return false;
	for (size_t i = 0; i < op->n_targets; i++)
		for (int c = 0; c < OP_CHECK_COUNT; c++)
			if (op->targets[i].checks[c].applies && op->targets[i].checks[c].agrees != TRI_YES)
				return false;
	return true;
}

const char *
op_page_state(const struct operation *op)
{
	if (op->state == OP_DONE && !is_measured(op))
		return "accepted";
	if (op->state == OP_DONE)
		return op->verb == OP_DRAIN ? "drained" : "undrained";
	return op_state_name(op->state);
}

int
op_page_urgency(const struct operation *op)
{
	switch (op->state) {
	case OP_STUCK:
		return 0;
	case OP_UNKNOWN:
		return 1;
	case OP_UNCONFIRMED:
		return 2;
	case OP_WAITING:
		return 3;
	default:
		return op_state_is_final(op->state) ? OP_PAGE_OVER : op_state_is_open(op->state) ? 4 : 5;
	}
}

enum role
op_page_role(const struct operation *op)
{
	switch (op->state) {
	case OP_DONE:
		return !is_measured(op) ? ROLE_WARN : op->verb == OP_DRAIN ? ROLE_DRAINED : ROLE_OK;
	case OP_UNCONFIRMED:
	case OP_WAITING:
	case OP_UNDOING:
		return ROLE_WARN;
	case OP_STUCK:
	case OP_UNKNOWN:
		return ROLE_BAD;
	case OP_REFUSED:
	case OP_EXPIRED:
	case OP_CANCELLED:
	case OP_UNDONE:
		return ROLE_MUTED;
	default:
		return ROLE_DRAINING;
	}
}

void
op_page_targets(const struct operation *op, char *out, size_t size)
{
	size_t n = 0, shown = op->n_targets > 3 ? 2 : op->n_targets;
	out[0] = '\0';
	for (size_t i = 0; i < shown && n < size; i++) {
		int k = snprintf(out + n, size - n, "%s%s", i ? " " : "", op->targets[i].pop);
		n += k > 0 ? (size_t)k : 0;
	}
	if (shown < op->n_targets && n < size)
		snprintf(out + n, size - n, " +%zu", op->n_targets - shown);
}

void
op_page_undo_question(const struct operation *op, const char *about, char *out, size_t size)
{
	struct buf rest = BUF_INIT(REST_MAX);
	operation_tell_rest(op, 2, &rest);
	snprintf(out, size, "Undo the %s of %s%s?%s%s%s", op_verb_name(op->verb), op->targets[op->target].pop, about, rest.len ? " " : "",
		rest.len ? buf_text(&rest) : "", rest.len ? "." : "");
	buf_done(&rest);
}

static void
seconds_text(double s, char out[24])
{
	if (isnan(s))
		snprintf(out, 24, "-");
	else
		snprintf(out, 24, "%.*fs", fabs(s) < 10 ? 2 : 1, s);
}

static void
put_time(struct pager *p, const char *label, struct wall at, struct wall now)
{
	char text[CLOCK_TEXT_MAX], ago[24];
	if (at.ns == 0)
		return;
	wall_format(at, text);
	duration_format((now.ns - at.ns) / CLOCK_NS_PER_S, ago, sizeof ago);
	pager_label(p, label);
	pager_text(p, ROLE_TEXT, text);
	if (now.ns > at.ns)
		pager_printf(p, ROLE_MUTED, "  %s ago", ago);
}

/* What is so of the other PoPs, where it is over or waits for a person; an undone one's own text says it. */
static void
write_rest(const struct operation *op, struct buf *out)
{
	if (op->state == OP_DONE || op->state == OP_UNCONFIRMED || op->state == OP_STUCK || op->state == OP_UNDOING)
		operation_tell_rest(op, OP_TARGETS_MAX, out);
}

/* While it is measured, what does not agree yet is no alarm. */
static bool
is_settling(const struct operation *op)
{
	return !op_state_is_final(op->state) && op->state != OP_UNCONFIRMED && op->state != OP_STUCK;
}

static const char *
agrees_word(const struct operation *op, const struct op_evidence *e)
{
	if (!e->applies)
		return "nobody";
	if (e->agrees == TRI_YES)
		return "yes";
	return is_settling(op) ? "not yet" : e->agrees == TRI_NO ? "NO" : "unknown";
}

static enum role
agrees_role(const struct operation *op, const struct op_evidence *e)
{
	if (!e->applies)
		return ROLE_MUTED;
	if (e->agrees == TRI_YES)
		return ROLE_OK;
	return is_settling(op) ? ROLE_DRAINING : e->agrees == TRI_NO ? ROLE_BAD : ROLE_UNKNOWN;
}

static void
put_evidence(struct pager *p, const struct operation *op, const struct op_target *t)
{
	for (int c = 0; c < OP_CHECK_COUNT; c++) {
		const struct op_evidence *e = &t->checks[c];
		if (!e->applies && e->text[0] == '\0')
			continue;
		pager_label(p, op_check_name((enum op_check)c));
		pager_text(p, agrees_role(op, e), agrees_word(op, e));
		pager_tab(p, TEXT_COL);
		pager_wrap(p, e->applies ? ROLE_TEXT : ROLE_MUTED, e->text);
	}
}

static void
put_shift(struct pager *p, const struct operation *op, const struct op_target *t)
{
	char control[24], first[24], last[24];
	bool is_drain = op->verb == OP_DRAIN;
	seconds_text(t->control_s, control);
	seconds_text(t->first_elsewhere_s, first);
	seconds_text(t->last_here_s, last);
	pager_label(p, "shift");
	pager_printf(p, ROLE_STRONG, "%s", control);
	pager_text(p, ROLE_MUTED, is_drain ? " off the wire, " : " on the wire, ");
	pager_printf(p, ROLE_STRONG, "%s", first);
	pager_text(p, ROLE_MUTED, is_drain ? " first answer elsewhere" : " first answer here");
	pager_label(p, "");
	pager_printf(p, ROLE_STRONG, "%s", last);
	pager_text(p, ROLE_MUTED, is_drain ? " last answer here, " : " last answer elsewhere, ");
	if (t->lost_probes < 0)
		pager_text(p, ROLE_UNKNOWN, "lost probes not known");
	else
		pager_printf(p, t->lost_probes ? ROLE_WARN : ROLE_TEXT, "%lld lost probes", (long long)t->lost_probes);
}

static enum role
step_role(enum step_state s)
{
	switch (s) {
	case STEP_APPLIED:
	case STEP_KEPT:
		return ROLE_OK;
	case STEP_FAILED:
		return ROLE_BAD;
	case STEP_UNKNOWN:
		return ROLE_UNKNOWN;
	case STEP_SENT:
		return ROLE_DRAINING;
	default:
		return ROLE_MUTED;
	}
}

static void
put_steps(struct pager *p, const struct operation *op, size_t target)
{
	for (size_t i = 0; i < op->n_steps; i++) {
		const struct op_step *s = &op->steps[i];
		if (s->target != target)
			continue;
		pager_label(p, s->node);
		pager_text(p, step_role(s->state), step_state_name(s->state));
		pager_tab(p, TEXT_COL);
		pager_wrap(p, ROLE_TEXT, s->what);
		if (s->evidence[0]) {
			pager_label(p, "");
			pager_tab(p, TEXT_COL);
			pager_wrap(p, ROLE_MUTED, s->evidence);
		}
	}
}

static void
put_target(struct pager *p, const struct operation *op, size_t i)
{
	const struct op_target *t = &op->targets[i];
	char title[80];
	bool is_turn = !op_state_is_final(op->state) && op->target == i;
	snprintf(title, sizeof title, "%s%s", t->pop,
		t->is_done && is_measured(op) ? op->verb == OP_DRAIN ? ": drained, measured" : ": announced, measured"
		: !is_turn && op->target < i  ? ": not begun"
		                              : "");
	pager_heading(p, title);
	put_evidence(p, op, t);
	if (op->started.ns != 0)
		put_shift(p, op, t);
	put_steps(p, op, i);
}

/* The way an operation goes, with the place where it is; those that left it say where they stand by their state. */
static void
put_way(struct pager *p, const struct operation *op)
{
	static const enum op_state way[] = { OP_WAITING, OP_CONFIRMED, OP_APPLYING, OP_SETTLING, OP_KEEPING, OP_MEASURING, OP_DONE };
	size_t at = SIZE_MAX;
	enum op_state state = op->state == OP_ARMED ? OP_APPLYING : op->state;
	for (size_t i = 0; i < sizeof way / sizeof *way; i++)
		if (way[i] == state)
			at = i;
	if (at == SIZE_MAX)
		return;
	pager_label(p, "way");
	for (size_t i = op->state == OP_WAITING ? 0 : 1; i < sizeof way / sizeof *way; i++) {
		const char *word = way[i] != OP_DONE ? op_state_name(way[i]) : op->verb == OP_DRAIN ? "drained" : "undrained";
		if (i == 1 && op->state == OP_WAITING)
			continue; /* it is confirmed already, and will be again */
		if (i == at && op->state != OP_DONE)
			pager_printf(p, ROLE_STRONG, "[%s]", word);
		else
			pager_text(p, i <= at ? ROLE_OK : ROLE_FAINT, word);
		if (i + 1 < sizeof way / sizeof *way)
			pager_text(p, ROLE_FAINT, i < at ? " > " : " . ");
	}
}

/* Nodes that do not answer are asked again by themselves: when, and for which time. */
static void
put_next_try(struct pager *p, const struct operation *op, struct wall now)
{
	char text[CLOCK_TEXT_MAX], left[24];
	if (op->next_try.ns == 0 || op_state_is_final(op->state))
		return;
	wall_format(op->next_try, text);
	duration_format(op->next_try.ns > now.ns ? (op->next_try.ns - now.ns) / CLOCK_NS_PER_S : 0, left, sizeof left);
	pager_label(p, "next try");
	pager_text(p, ROLE_TEXT, text);
	pager_printf(p, ROLE_MUTED, "  in %s, try %u", left, op->tries + 2);
}

/* Which PoP and which phase, where there are several. */
static void
put_part(struct pager *p, const struct operation *op)
{
	size_t phases = op_phases(op->verb, op->mode);
	if (!op_state_is_open(op->state) || (op->n_targets < 2 && phases < 2))
		return;
	pager_label(p, "part");
	if (op->n_targets > 1)
		pager_printf(p, ROLE_TEXT, "%s, PoP %zu of %zu", op->targets[op->target].pop, op->target + 1, op->n_targets);
	if (phases > 1)
		pager_printf(p, ROLE_TEXT, "%s%s, phase %zu of %zu", op->n_targets > 1 ? "; " : "",
			announced_name(op_phase_goal(op->verb, op->mode, op->phase)), op->phase + 1, phases);
}

static void
put_record(struct pager *p, const struct operation *op, struct wall now)
{
	char text[24];
	pager_heading(p, "Record");
	put_time(p, "asked", op->created, now);
	put_time(p, "started", op->started, now);
	put_time(p, "ended", op->ended, now);
	if (op->verb == OP_DRAIN) {
		duration_format(op->lease_s, text, sizeof text);
		pager_label(p, "lease");
		if (op->lease_s > 0)
			pager_printf(p, ROLE_TEXT, "%s, then it %s", text, op->is_auto_undrain ? "undrains if the gates pass" : "warns");
		else
			pager_text(p, ROLE_TEXT, "none");
		pager_label(p, "mode");
		pager_printf(p, ROLE_TEXT, "%s%s%s", op_mode_name(op->mode), op->kind[0] ? ", as " : "", op->kind);
	}
	pager_label(p, "operation");
	pager_text(p, ROLE_TEXT, op->id);
	if (op->hash[0])
		pager_printf(p, ROLE_MUTED, "  plan %.8s", op->hash);
	for (size_t i = 0; i < op->n_targets; i++) {
		const struct op_target *t = &op->targets[i];
		text_number(t->qps_before, text, sizeof text);
		pager_label(p, t->pop);
		pager_printf(p, ROLE_TEXT, "%s q/s before", text);
		if (t->hold[0])
			pager_printf(p, ROLE_MUTED, ", hold %s", t->hold);
		if (t->number > 0)
			pager_printf(p, ROLE_MUTED, ", number %llu", (unsigned long long)t->number);
	}
}

static void
put_who(struct pager *p, const struct operation *op)
{
	pager_label(p, "by");
	pager_text(p, ROLE_TEXT, op->by);
	if (op->approver[0])
		pager_printf(p, ROLE_TEXT, ", approved by %s", op->approver);
	else if (op->needs_approval)
		pager_text(p, ROLE_WARN, ", not approved by another person yet");
	pager_text(p, ROLE_TEXT, ": ");
	pager_wrap(p, ROLE_TEXT, op->reason[0] ? op->reason : "(no reason given)");
	if (op->ticket[0])
		pager_printf(p, ROLE_STRONG, "  %s", op->ticket);
}

void
op_page_write(struct pager *p, const struct operation *op, enum op_page_for whom, struct wall now)
{
	char targets[300];
	struct buf choices = BUF_INIT(600), rest = BUF_INIT(REST_MAX);
	op_page_targets(op, targets, sizeof targets);
	pager_printf(p, ROLE_STRONG, "%s %s  ", op_verb_name(op->verb), targets);
	pager_text(p, op_page_role(op), op_page_state(op));
	put_who(p, op);
	pager_label(p, "now");
	if (op->text[0])
		pager_wrap(p, op->code == ERR_OK ? ROLE_TEXT : ROLE_WARN, op->text);
	else
		pager_wrap(p, ROLE_TEXT,
			op->state == OP_DONE && !is_measured(op) ? "a person took it as done; not all evidence agrees"
								 : op_state_text(op->state));
	put_next_try(p, op, now);
	put_way(p, op);
	put_part(p, op);
	write_rest(op, &rest);
	if (rest.len > 0) {
		pager_label(p, "besides");
		pager_wrap(p, ROLE_TEXT, buf_text(&rest));
	}
	buf_done(&rest);
	op_page_write_choices(op, whom, &choices);
	if (choices.len > 0) {
		pager_label(p, "you may");
		pager_wrap(p, ROLE_STRONG, buf_text(&choices));
	}
	buf_done(&choices);
	for (size_t i = 0; i < op->n_targets; i++)
		put_target(p, op, i);
	put_record(p, op, now);
}

/* -- lines -- */

static void
write_clock(struct wall now, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];
	wall_format(now, text);
	buf_printf(out, "%.8s  ", text + 11);
}

static void
write_state(const struct operation *was, const struct operation *is, struct wall now, struct buf *out)
{
	if (was && was->state == is->state && strcmp(was->text, is->text) == 0 && was->target == is->target && was->phase == is->phase)
		return;
	write_clock(now, out);
	buf_printf(out, "%-12s %s", op_page_state(is), is->text[0] ? is->text : op_state_text(is->state));
	if (is->n_targets > 1 && op_state_is_open(is->state))
		buf_printf(out, " (%s, %zu of %zu)", is->targets[is->target].pop, is->target + 1, is->n_targets);
	if (op_phases(is->verb, is->mode) > 1 && op_state_is_open(is->state))
		buf_printf(out, " (%s)", announced_name(op_phase_goal(is->verb, is->mode, is->phase)));
	buf_add_char(out, '\n');
}

static void
write_step(const struct operation *was, const struct operation *is, size_t i, struct wall now, struct buf *out)
{
	const struct op_step *s = &is->steps[i];
	bool is_known = was && i < was->n_steps;
	if (is_known ? was->steps[i].state == s->state : s->state == STEP_PENDING)
		return;
	write_clock(now, out);
	buf_printf(out, "  %-10s %s: %s", step_state_name(s->state), s->node, s->what);
	if (s->evidence[0])
		buf_printf(out, " [%s]", s->evidence);
	buf_add_char(out, '\n');
}

static void
write_evidence(const struct operation *was, const struct operation *is, size_t i, struct wall now, struct buf *out)
{
	for (int c = 0; c < OP_CHECK_COUNT; c++) {
		const struct op_evidence *e = &is->targets[i].checks[c];
		const struct op_evidence *old = was && i < was->n_targets ? &was->targets[i].checks[c] : NULL;
		bool is_new = old ? old->agrees != e->agrees || old->applies != e->applies : e->agrees != TRI_UNKNOWN;
		if (!is_new || !e->applies)
			continue;
		write_clock(now, out);
		buf_printf(out, "  %-10s %s %s: %s\n", op_check_name((enum op_check)c), is->targets[i].pop, agrees_word(is, e), e->text);
	}
}

static void
write_next_try(const struct operation *was, const struct operation *is, struct wall now, struct buf *out)
{
	char left[24];
	if (is->next_try.ns <= now.ns || (was && was->next_try.ns == is->next_try.ns))
		return;
	duration_format((is->next_try.ns - now.ns) / CLOCK_NS_PER_S, left, sizeof left);
	write_clock(now, out);
	buf_printf(out, "  no answer; the nodes of %s are asked again in %s\n", is->targets[is->target].pop, left);
}

void
op_page_write_changes(const struct operation *was, const struct operation *is, struct wall now, struct buf *out)
{
	write_state(was, is, now, out);
	write_next_try(was, is, now, out);
	for (size_t i = 0; i < is->n_steps; i++)
		write_step(was, is, i, now, out);
	for (size_t i = 0; i < is->n_targets; i++)
		write_evidence(was, is, i, now, out);
}

static void
write_shift(const struct operation *op, const struct op_target *t, struct buf *out)
{
	char control[24], first[24], last[24];
	seconds_text(t->control_s, control);
	seconds_text(t->first_elsewhere_s, first);
	seconds_text(t->last_here_s, last);
	buf_printf(out, "  %s: %s after %s; first answer %s after %s; last answer %s after %s; lost probes: ", t->pop,
		op->verb == OP_DRAIN ? "off the wire" : "on the wire", control, op->verb == OP_DRAIN ? "elsewhere" : "from here", first,
		op->verb == OP_DRAIN ? "from here" : "elsewhere", last);
	if (t->lost_probes < 0)
		buf_add_text(out, "not known\n");
	else
		buf_printf(out, "%lld\n", (long long)t->lost_probes);
}

static void
write_missing(const struct op_target *t, struct buf *out)
{
	for (int c = 0; c < OP_CHECK_COUNT; c++) {
		const struct op_evidence *e = &t->checks[c];
		if (e->applies && e->agrees != TRI_YES)
			buf_printf(out, "  %s: %s %s: %s\n", t->pop, op_check_name((enum op_check)c),
				e->agrees == TRI_NO ? "disagrees" : "is not known", e->text[0] ? e->text : "no word yet");
	}
}

void
op_page_write_end(const struct operation *op, struct buf *out)
{
	char targets[300];
	struct buf rest = BUF_INIT(REST_MAX);
	bool is_drain = op->verb == OP_DRAIN, is_all = op->n_targets < 2 || (op->state == OP_DONE && is_measured(op));
	op_page_targets(op, targets, sizeof targets);
	if (!is_all)
		snprintf(targets, sizeof targets, "%s", op->targets[op->target].pop);
	switch (op->state) {
	case OP_DONE:
		if (!is_measured(op))
			buf_printf(out, "%s: accepted as %s by a person; not everything that was measured agrees\n", targets,
				is_drain ? "drained" : "announced");
		else
			buf_printf(out, "%s: %s\n", targets, is_drain ? "drained, and measured to be so" : "announced again, and measured to be so");
		break;
	case OP_UNCONFIRMED:
		buf_printf(out, "%s: UNCONFIRMED. %s, but not everything that was measured agrees.\n", targets,
			is_drain ? "The withdrawal is kept" : "The announcement is kept");
		break;
	case OP_STUCK:
		buf_printf(out, "%s: STUCK. It could not be undone; a person is needed.\n", targets);
		break;
	case OP_UNDONE:
		buf_printf(out, "%s: undone; its nodes are as they were before\n", targets);
		break;
	default:
		buf_printf(out, "%s: %s: %s\n", targets, op_page_state(op), op_state_text(op->state));
		break;
	}
	if (op->text[0] && op->state != OP_DONE)
		buf_printf(out, "  %s\n", op->text);
	write_rest(op, &rest);
	if (rest.len > 0)
		buf_printf(out, "  %s\n", buf_text(&rest));
	buf_done(&rest);
	for (size_t i = 0; i < op->n_targets; i++) {
		if (op->started.ns != 0)
			write_shift(op, &op->targets[i], out);
		if (op->state == OP_UNCONFIRMED)
			write_missing(&op->targets[i], out);
	}
	op_page_write_choices(op, OP_PAGE_SHELL, out);
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_add_char(out, '\n');
}

void
op_page_write_choices(const struct operation *op, enum op_page_for whom, struct buf *out)
{
	const char *id = op->id, *word = op->verb == OP_DRAIN ? "drained" : "undrained";
	bool is_shell = whom == OP_PAGE_SHELL;
	switch (op->state) {
	case OP_UNCONFIRMED:
		if (is_shell)
			buf_printf(out, "catchment op accept %s takes it as %s; catchment op cancel %s undoes it", id, word, id);
		else
			buf_printf(out, "A takes it as %s, X undoes it", word);
		buf_printf(out, "; it becomes %s by itself when the evidence arrives", word);
		break;
	case OP_STUCK:
		if (is_shell)
			buf_printf(out, "catchment op cancel %s tries to undo it again; catchment op accept %s when the nodes were put right "
					"by hand", id, id);
		else
			buf_add_text(out, "X tries to undo it again; A when the nodes were put right by hand");
		break;
	case OP_WAITING:
		if (is_shell)
			buf_printf(out, "another person approves it: catchment op approve %s, or A on the dashboard", id);
		else
			buf_add_text(out, "another person approves it with A; X calls it off");
		break;
	default:
		break;
	}
}
