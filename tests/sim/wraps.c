/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls inside the backend that the simulator listens to. The linker puts these functions in the place of the backend's
 * own (--wrap in tests/meson.build), which stay reachable as __real_…: so the oracles see what the gates were given and
 * said, and a flaw can leave out one rule of the backend's own code without a line of it being touched.
 *
 * The functions that are wrapped know of no world, hence the one variable of this file.
 */
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "backend/evidence.h"

static struct world *world;

void
wraps_set(struct world *w)
{
	world = w;
}

/* --- what the gates are told ------------------------------------------------------------------------------------ */

size_t __real_gate_judge(const struct gate_input *in, struct gate_result *out, enum gate_level *worst);
size_t __wrap_gate_judge(const struct gate_input *in, struct gate_result *out, enum gate_level *worst);

/* The clock as it was when the node that was silent longest was heard. */
static struct mono
heard_last(const struct fleet *f)
{
	struct mono last = { 0 };
	for (size_t i = 0; i < f->n_nodes; i++)
		if (!mono_is_set(last) || (mono_is_set(f->nodes[i].seen) && mono_before(f->nodes[i].seen, last)))
			last = f->nodes[i].seen;
	return last;
}

static void
forget_refusals(struct gate_result *out, size_t n, enum gate_level *worst, unsigned gates)
{
	*worst = GATE_PASS;
	for (size_t i = 0; i < n; i++) {
		if (gates & 1u << out[i].gate)
			out[i].level = GATE_PASS;
		*worst = out[i].level > *worst ? out[i].level : *worst;
	}
}

size_t
__wrap_gate_judge(const struct gate_input *in, struct gate_result *out, enum gate_level *worst)
{
	struct gate_input given = *in;
	struct fleet fleet = *in->fleet;
	struct service services[SERVICES_MAX];
	given.fleet = &fleet;
	fleet.services = services;
	memcpy(services, in->fleet->services, fleet.n_services * sizeof *services);
	if (world->flaw == FLAW_ONE_PREFIX)
		fleet.n_prefixes = 1;
	if (world->flaw == FLAW_NO_AGE)
		given.now = heard_last(&fleet);
	for (size_t i = 0; i < fleet.n_services; i++) {
		if (world->flaw == FLAW_NO_REGION)
			services[i].policy.min_pops_per_region = 0;
		if (world->flaw == FLAW_NO_BUDGET)
			services[i].policy.max_drained = POPS_MAX;
	}
	size_t n = __real_gate_judge(&given, out, worst);
	if (world->flaw == FLAW_SICK_RETURNS && in->verb == OP_UNDRAIN)
		forget_refusals(out, n, worst, 1u << GATE_HEALTH | 1u << GATE_ZONE);
	oracle_gates(world, in, out, n);
	return n;
}

/* --- what counts as evidence ------------------------------------------------------------------------------------ */

void __real_evidence_read(const struct evidence_input *in, struct op_evidence out[OP_CHECK_COUNT]);
void __wrap_evidence_read(const struct evidence_input *in, struct op_evidence out[OP_CHECK_COUNT]);

void
__wrap_evidence_read(const struct evidence_input *in, struct op_evidence out[OP_CHECK_COUNT])
{
	__real_evidence_read(in, out);
	for (int c = 0; c < OP_CHECK_COUNT && world->flaw == FLAW_ONE_SOURCE; c++)
		out[c].applies = out[c].applies && c == OP_CHECK_WIRE;
}

/* --- what is recorded ------------------------------------------------------------------------------------------- */

int __real_ledger_put_both(struct ledger *l, const struct operation *op, const char *event, const struct hold *h, bool hold_is_over,
	const struct ledger_actor *by, struct wall now, struct err *err);
int __wrap_ledger_put_both(struct ledger *l, const struct operation *op, const char *event, const struct hold *h, bool hold_is_over,
	const struct ledger_actor *by, struct wall now, struct err *err);

int
__wrap_ledger_put_both(struct ledger *l, const struct operation *op, const char *event, const struct hold *h, bool hold_is_over,
	const struct ledger_actor *by, struct wall now, struct err *err)
{
	struct hold given;
	if (!h || world->flaw != FLAW_LEASE_UNASKED)
		return __real_ledger_put_both(l, op, event, h, hold_is_over, by, now, err);
	given = *h;
	given.is_auto_undrain = true;
	return __real_ledger_put_both(l, op, event, &given, hold_is_over, by, now, err);
}
