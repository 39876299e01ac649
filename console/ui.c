/* SPDX-License-Identifier: Apache-2.0
 *
 * The few judgements that all views share, so that they agree: when an age is worth showing, which
 * role a PoP's name has, what the totals are. A stale PoP counts under no verdict: what was
 * concluded from old facts is not what is.
 */
#include "console/ui.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define AGE_QUIET_POLLS 1.5

/* Ages step, so that old facts do not make a busy line: by 5 s below ten, 10 s below a minute, 30 s
 * below ten, then by minutes. */
static int64_t
step_age(double age_s)
{
	int64_t s = (int64_t)age_s;
	if (s < 10)
		return s - s % 5;
	if (s < 60)
		return s - s % 10;
	return s < 600 ? s - s % 30 : s - s % 60;
}

void
ui_age(double age_s, double poll_s, char *out, size_t size)
{
	if (age_s < 0) {
		snprintf(out, size, "never");
		return;
	}
	if (age_s <= AGE_QUIET_POLLS * poll_s) {
		out[0] = '\0';
		return;
	}
	int64_t s = step_age(age_s);
	if (s == 0)
		snprintf(out, size, "<5s");
	else
		duration_format(s, out, size);
}

double
ui_pop_poll_s(const struct fleet *f, const struct pop *p)
{
	int64_t longest = 0;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (f->nodes[p->nodes[i]].poll_ms > longest)
			longest = f->nodes[p->nodes[i]].poll_ms;
	return (double)longest / 1000;
}

/* The backend goes on judging what it cannot see; only that we hear it makes the judgement current. */
static bool
is_outdated(const struct ui *ui, bool is_stale, enum verdict v)
{
	bool is_about_absence = v == VERDICT_UNREACHABLE || v == VERDICT_SILENT || v == VERDICT_UNKNOWN;
	return is_stale && !(is_about_absence && ui->link.state == LINK_LIVE);
}

bool
ui_pop_is_outdated(const struct ui *ui, const struct pop *p)
{
	return is_outdated(ui, pop_is_stale(ui->fleet, p, ui->now), p->verdict);
}

bool
ui_node_is_outdated(const struct ui *ui, const struct node *n)
{
	return is_outdated(ui, node_is_stale(n, ui->now), n->verdict);
}

enum role
ui_pop_role(const struct ui *ui, const struct pop *p)
{
	return ui_pop_is_outdated(ui, p) ? ROLE_STALE : role_of_verdict(p->verdict);
}

double
ui_load_share(double qps, double capacity)
{
	return isnan(qps) || isnan(capacity) || capacity <= 0 ? NAN : qps / capacity;
}

void
ui_load(double qps, double capacity, char *out, size_t size)
{
	double share = ui_load_share(qps, capacity);
	if (isnan(share))
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%.0f%%", fmin(share * 100, 9999));
}

static void
lease_left(const struct ui *ui, const struct hold *h, char *out, size_t size)
{
	char left[24];
	int64_t s = (h->expires.ns - ui->wall.ns) / CLOCK_NS_PER_S;
	out[0] = '\0';
	if (h->expires.ns == 0)
		return;
	duration_format(s > 60 ? s - s % 60 : s > 0 ? s : 0, left, sizeof left);
	if (s <= 0)
		snprintf(out, size, ", lease OVERDUE");
	else
		snprintf(out, size, ", %s left", left);
}

void
ui_hold_text(const struct ui *ui, const struct pop *p, char *out, size_t size)
{
	char left[48], more[32] = "";
	out[0] = '\0';
	if (p->n_holds == 0)
		return;
	const struct hold *h = &p->holds[0];
	lease_left(ui, h, left, sizeof left);
	if (p->n_holds > 1)
		snprintf(more, sizeof more, ", and %zu more", p->n_holds - 1);
	snprintf(out, size, "%s: %s%s%s%s%s", h->owner, h->reason, h->ticket[0] ? " " : "", h->ticket, left, more);
}

const struct operation *
ui_find_op(const struct ui *ui, const char *id)
{
	for (size_t i = ui->n_ops; id[0] && i-- > 0;)
		if (strcmp(ui->ops[i].id, id) == 0)
			return &ui->ops[i];
	return NULL;
}

const struct hold *
ui_find_hold(const struct ui *ui, const char *id)
{
	for (size_t i = 0; id[0] && i < ui->fleet->n_pops; i++)
		for (size_t k = 0; k < ui->fleet->pops[i].n_holds; k++)
			if (strcmp(ui->fleet->pops[i].holds[k].id, id) == 0)
				return &ui->fleet->pops[i].holds[k];
	return NULL;
}

struct ui_totals
ui_count(const struct ui *ui)
{
	struct ui_totals t = { .qps = NAN };
	for (size_t i = 0; i < ui->fleet->n_pops; i++) {
		const struct pop *p = &ui->fleet->pops[i];
		if (ui_pop_is_outdated(ui, p)) {
			t.outdated++;
			continue;
		}
		t.by_verdict[p->verdict]++;
		if (pop_is_stale(ui->fleet, p, ui->now))
			continue;
		t.known += p->verdict != VERDICT_UNKNOWN;
		if (!isnan(p->qps))
			t.qps = isnan(t.qps) ? p->qps : t.qps + p->qps;
	}
	return t;
}
