/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the load goes. The model is crude on purpose: catchments follow routing policy of networks that nobody asks, and
 * what has gone wrong before is load that all went to the next site (SAFETY.md A12). So the whole of it goes to the
 * region first, and numbers that are not known stay unknown instead of becoming zero.
 *
 * PoPs that do not count, because they are held or being drained or sick, may still have load: it is on its way to the
 * others too, and is spread in the same manner before the targets'.
 *
 * A PoP that is announced and dead states no rate; its clients still come back somewhere. It is then taken at its full
 * declared capacity, which is the most that it can have carried.
 *
 * Called by core/gate.c and backend/planner.c.
 */
#include "core/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double
add_known(double sum, double value)
{
	if (isnan(value))
		return sum;
	return isnan(sum) ? value : sum + value;
}

static const struct node *
node_of(const struct gate_input *in, const struct pop *p, size_t i)
{
	return &in->fleet->nodes[p->nodes[i]];
}

/* Of the nodes that answer, or of all. */
static double
sum_capacity(const struct gate_input *in, size_t pop, bool with_dead)
{
	const struct pop *p = &in->fleet->pops[pop];
	double sum = NAN;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (with_dead || gate_node_answers(in, node_of(in, p, i)))
			sum = add_known(sum, node_of(in, p, i)->capacity_qps);
	return sum;
}

double
load_capacity(const struct gate_input *in, size_t pop)
{
	return sum_capacity(in, pop, false);
}

double
load_rate(const struct gate_input *in, size_t pop, bool with_peak)
{
	const struct pop *p = &in->fleet->pops[pop];
	double sum = NAN;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (node_plane_is_fresh(node_of(in, p, i), PLANE_SERVICE, in->now))
			sum = add_known(sum, node_of(in, p, i)->qps);
	double peak = with_peak && in->peak_qps ? in->peak_qps[pop] : NAN;
	return fmax(sum, peak); /* the other one when one is NAN */
}

static bool
is_target(const struct gate_input *in, size_t pop)
{
	for (size_t i = 0; i < in->n_targets; i++)
		if (in->targets[i] == pop)
			return true;
	return false;
}

static bool
touches_any(const struct gate_input *in)
{
	for (size_t k = 0; k < in->fleet->n_prefixes; k++)
		if (gate_prefix_is_touched(in, k))
			return true;
	return false;
}

/* Counts for any prefix that a target may announce; for any at all when they announce none. */
static bool
counts(const struct gate_input *in, size_t pop)
{
	bool is_any = !touches_any(in);
	for (size_t k = 0; k < in->fleet->n_prefixes; k++)
		if ((is_any || gate_prefix_is_touched(in, k)) && gate_pop_counts(in, pop, k))
			return true;
	return false;
}

/* Every node announces and is known not to answer. */
static bool
is_dead(const struct gate_input *in, size_t pop)
{
	const struct pop *p = &in->fleet->pops[pop];
	for (size_t i = 0; i < p->n_nodes; i++)
		if (node_of(in, p, i)->verdict != VERDICT_BLACKHOLE)
			return false;
	return p->n_nodes > 0;
}

static bool
any_declares(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].role == NODE_MEMBER && !isnan(f->nodes[i].capacity_qps))
			return true;
	return false;
}

static void
collect(const struct gate_input *in, bool with_peak, struct load *l)
{
	const struct fleet *f = in->fleet;
	for (size_t i = 0; i < f->n_pops; i++) {
		double rate = load_rate(in, i, with_peak);
		l->fleet = add_known(l->fleet, rate);
		if (is_target(in, i) || !counts(in, i))
			continue;
		if (isnan(rate) && l->unknown == SIZE_MAX)
			l->unknown = i;
		struct load_share *s = &l->shares[l->n++];
		*s = (struct load_share){ .pop = i, .before = rate, .after = rate, .capacity = load_capacity(in, i) };
		if (isnan(s->capacity))
			continue;
		l->capacity += s->capacity;
		if (l->largest == SIZE_MAX || s->capacity > l->shares[l->largest].capacity)
			l->largest = l->n - 1;
	}
}

static bool
is_in_region(const struct gate_input *in, const struct load_share *s, const char *region)
{
	return !region || strcmp(in->fleet->pops[s->pop].region, region) == 0;
}

/* Spreads a load over the shares of a region (NULL: all). False when there is nobody. */
static bool
spread(const struct gate_input *in, struct load *l, const char *region, double load)
{
	double capacity = 0;
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (!is_in_region(in, &l->shares[i], region))
			continue;
		n++;
		capacity += isnan(l->shares[i].capacity) ? 0 : l->shares[i].capacity;
	}
	for (size_t i = 0; i < l->n; i++) {
		struct load_share *s = &l->shares[i];
		if (!is_in_region(in, s, region) || (capacity > 0 && isnan(s->capacity)))
			continue;
		s->is_receiver = true;
		s->after += capacity > 0 ? load * s->capacity / capacity : load / (double)n;
	}
	return n > 0;
}

/* A PoP's load goes to its region, or to the fleet. */
static void
leave(const struct gate_input *in, struct load *l, size_t pop, double load)
{
	const char *region = in->fleet->pops[pop].region;
	if (!region[0] || !spread(in, l, region, load))
		spread(in, l, NULL, load);
}

/* What others' drains and failures still leave on PoPs that do not count. */
static void
spread_others(const struct gate_input *in, struct load *l)
{
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		double rate = load_rate(in, i, false);
		if (!is_target(in, i) && rate > 0 && !counts(in, i))
			leave(in, l, i, rate);
	}
	for (size_t i = 0; i < l->n; i++)
		l->shares[i].is_receiver = false;
}

void
load_read(const struct gate_input *in, bool with_peak, struct load *out)
{
	*out = (struct load){ .is_declared = any_declares(in->fleet), .fleet = NAN, .largest = SIZE_MAX, .unknown = SIZE_MAX };
	out->shares = xcalloc(in->fleet->n_pops + 1, sizeof *out->shares);
	collect(in, with_peak, out);
	spread_others(in, out);
	for (size_t i = 0; i < in->n_targets; i++) {
		double rate = load_rate(in, in->targets[i], with_peak);
		if (isnan(rate) && is_dead(in, in->targets[i])) {
			rate = sum_capacity(in, in->targets[i], true);
			out->is_assumed = true;
		}
		out->moved += rate; /* one that is not known makes the sum unknown */
		leave(in, out, in->targets[i], rate);
	}
	for (size_t i = 0; i < out->n; i++)
		out->total += out->shares[i].after;
}

void
load_done(struct load *l)
{
	free(l->shares);
	l->shares = NULL;
	l->n = 0;
}

double
load_expect(const struct gate_input *in, size_t pop, bool with_peak)
{
	const struct fleet *f = in->fleet;
	double own = load_capacity(in, pop), rest[2] = { 0, 0 }, capacity[2] = { 0, 0 };
	for (size_t i = 0; i < f->n_pops; i++) {
		if (is_target(in, i) || !counts(in, i))
			continue;
		bool is_near = f->pops[pop].region[0] && strcmp(f->pops[i].region, f->pops[pop].region) == 0;
		rest[1] += load_rate(in, i, with_peak);
		capacity[1] += load_capacity(in, i);
		rest[0] += is_near ? load_rate(in, i, with_peak) : 0;
		capacity[0] += is_near ? load_capacity(in, i) : 0;
	}
	size_t which = capacity[0] == 0; /* alone in its region: the fleet's */
	double share = rest[which] * own / (capacity[which] + own);
	double peak = with_peak && in->peak_qps ? in->peak_qps[pop] : NAN;
	return fmax(share, peak);
}
