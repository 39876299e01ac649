/* SPDX-License-Identifier: Apache-2.0
 *
 * Refused requests belong into the audit log (SAFETY model C5), but whoever is refused must not be able to fill a disk, or to
 * bring the ledger to its largest size, at which nothing can be done any more. So each kind has a burst, of which one
 * comes back every few minutes: at most 722 records a day of known accounts and 290 of strangers, some 400 KB. What was
 * left out is counted, and the next record says how much it was. The kinds are apart, so that a flood from the network
 * does not hide what an account here tries.
 *
 * It keeps no clock and writes nothing: routes_act.c asks it before it notes a refusal in the ledger.
 */
#include "backend/refusals.h"

#include <stddef.h>

static const struct {
	unsigned burst;
	int64_t back_ms; /* for one of it to come back */
} limits[REFUSAL_KINDS] = {
	[REFUSAL_KNOWN] = { 30, 120000 },
	[REFUSAL_STRANGER] = { 10, 300000 },
};

static void
give_back(struct refusal_bucket *b, int64_t back_ms, struct mono now)
{
	int64_t n = b->spent > 0 ? mono_ms_since(now, b->since) / back_ms : 0;
	if (n >= b->spent) {
		b->spent = 0;
		return;
	}
	b->spent -= n > 0 ? (unsigned)n : 0;
	b->since = mono_add_ms(b->since, n > 0 ? n * back_ms : 0);
}

bool
refusals_take(struct refusals *r, enum refusal_kind kind, struct mono now, uint64_t *unrecorded)
{
	struct refusal_bucket *b = &r->buckets[kind];
	give_back(b, limits[kind].back_ms, now);
	if (b->spent >= limits[kind].burst) {
		b->unrecorded++;
		return false;
	}
	if (b->spent++ == 0)
		b->since = now;
	*unrecorded = b->unrecorded;
	b->unrecorded = 0;
	return true;
}
