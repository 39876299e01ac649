/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_REFUSALS_H
#define BACKEND_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

/*
 * How many refused requests are recorded. Pure; the clock is given.
 */
enum refusal_kind {
	REFUSAL_KNOWN,    /* an account that is known asked for what it may not do */
	REFUSAL_STRANGER, /* a token or certificate that is not accepted */
	REFUSAL_KINDS,
};

struct refusals {
	struct refusal_bucket {
		unsigned spent;      /* of the burst */
		struct mono since;   /* when the first of them comes back */
		uint64_t unrecorded; /* since the last that was recorded */
	} buckets[REFUSAL_KINDS];
};

/* May this one be recorded? Then `unrecorded` gets how many were not since the last one that was. */
bool refusals_take(struct refusals *r, enum refusal_kind kind, struct mono now, uint64_t *unrecorded);

#endif
