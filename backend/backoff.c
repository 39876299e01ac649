/* SPDX-License-Identifier: Apache-2.0
 *
 * Back-off with full jitter: after n failures in a row the next try comes at a random moment within 1 s doubled n times,
 * 60 s at most, so that a fleet that failed together does not come back together. Two cases are slower: a node that
 * refused our key three times (each refusal costs the source address with OpenSSH 9.8 and later, and would lock people
 * out who share it) and a node that says it refuses new connections.
 */
#include "backend/backoff.h"

#include <string.h>

#include "core/buf.h"

static int64_t
ceiling_ms(const struct backoff *b)
{
	int64_t ms = 1000;
	for (unsigned i = 0; i < b->failures && ms < BACKOFF_CAP_MS; i++)
		ms *= 2;
	return ms < BACKOFF_CAP_MS ? ms : BACKOFF_CAP_MS;
}

void
backoff_failed(struct backoff *b, const struct err *why, struct mono now, uint32_t random)
{
	b->failures++;
	b->refusals = why->code == ERR_CREDENTIAL ? b->refusals + 1 : 0;
	b->last = *why;
	int64_t least = 0, span = ceiling_ms(b);
	if (b->refusals >= BACKOFF_REFUSALS)
		least = span = BACKOFF_SLOW_MS;
	else if (why->code == ERR_THROTTLED)
		least = BACKOFF_THROTTLE_MS;
	b->next = mono_add_ms(now, least + (int64_t)((uint64_t)random * (uint64_t)span >> 32));
}

void
backoff_succeeded(struct backoff *b)
{
	memset(b, 0, sizeof *b);
}

bool
backoff_may_try(const struct backoff *b, struct mono now, struct err *err)
{
	if (!mono_is_set(b->next) || !mono_before(now, b->next))
		return true;
	int64_t ms = mono_ms_since(b->next, now);
	err_set(err, b->last.code, "%s; next try in %lld s", b->last.text, (long long)(ms + 999) / 1000);
	return false;
}
