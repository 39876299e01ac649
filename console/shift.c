/* SPDX-License-Identifier: Apache-2.0
 *
 * Traffic leaving and arriving. Nobody tells where clients went: what is known is how much each PoP gets now and how much
 * it got before, from the samples that sparklines are made of (one every five seconds). So this says "arrives" of PoPs
 * that grew while another one was emptied, and leaves it to the reader to know that the day goes on too; growth that is
 * small beside what moved is not mentioned.
 *
 * Called by the map and by the list of PoPs for each frame.
 */
#include "console/shift.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define SHARE_OF_MOVED 0.05
#define SHARE_OF_OWN   0.01

/* Is it on its way, or was it just now? */
static bool
is_recent(const struct ui *ui, const struct operation *op)
{
	if (op->started.ns == 0 || op->state == OP_CHECKED)
		return false;
	return op_state_is_open(op->state) ||
	       (op->ended.ns != 0 && (ui->wall.ns - op->ended.ns) / CLOCK_NS_PER_S < SHIFT_AFTER_S);
}

static const struct op_target *
target_of(const struct operation *op, const char *pop)
{
	for (size_t i = 0; i < op->n_targets; i++)
		if (strcmp(op->targets[i].pop, pop) == 0)
			return &op->targets[i];
	return NULL;
}

/* The rate so many seconds ago, by the samples; NAN when they do not reach so far. */
static double
rate_before(const struct ui *ui, size_t pop, double seconds)
{
	const struct spark *s = ui->pop_sparks ? &ui->pop_sparks[pop] : NULL;
	size_t steps = (size_t)(seconds * 1000 / SPARK_STEP_MS) + 1;
	return s && steps <= s->n ? s->samples[s->n - steps] : NAN;
}

static struct shift
shift_of_target(const struct operation *op, const struct op_target *t, double now)
{
	bool is_back = op->verb == OP_UNDRAIN || op->state == OP_UNDOING || op->state == OP_UNDONE;
	double before = op->verb == OP_UNDRAIN && isnan(t->qps_before) ? 0 : t->qps_before;
	return (struct shift){ is_back ? SHIFT_RETURNS : SHIFT_LEAVES, now - before };
}

struct shift
shift_of(const struct ui *ui, size_t pop)
{
	const struct pop *p = &ui->fleet->pops[pop];
	double now = pop_is_stale(ui->fleet, p, ui->now) ? NAN : p->qps, moved = 0, longest = 0;
	for (size_t i = ui->n_ops; i-- > 0;) {
		const struct operation *op = &ui->ops[i];
		if (!is_recent(ui, op))
			continue;
		const struct op_target *t = target_of(op, p->name);
		if (t)
			return shift_of_target(op, t, now);
		for (size_t k = 0; k < op->n_targets && op->verb == OP_DRAIN; k++)
			moved += isnan(op->targets[k].qps_before) ? 0 : op->targets[k].qps_before;
		if (op->verb == OP_DRAIN)
			longest = fmax(longest, (double)(ui->wall.ns - op->started.ns) / 1e9);
	}
	double before = rate_before(ui, pop, longest), grown = now - before;
	if (moved > 0 && grown >= moved * SHARE_OF_MOVED && grown >= before * SHARE_OF_OWN)
		return (struct shift){ SHIFT_ARRIVES, grown };
	return (struct shift){ SHIFT_NONE, NAN };
}

void
shift_format(const struct shift *s, char *out, size_t size)
{
	char number[24];
	out[0] = '\0';
	if (s->kind == SHIFT_NONE || isnan(s->change))
		return;
	text_number(fabs(s->change), number, sizeof number);
	snprintf(out, size, "%s%s", s->change < 0 ? "↓" : "↑", number);
}
