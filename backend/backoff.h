/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_BACKOFF_H
#define BACKEND_BACKOFF_H

#include "core/clock.h"
#include "core/err.h"

/* When to try a node again after a failed connection. Pure: the time and a random number are passed in. */
struct backoff {
	unsigned failures, refusals; /* in a row; refusals of our credential among them */
	struct mono next;            /* not before */
	struct err last;
};
#define BACKOFF_CAP_MS      60000
#define BACKOFF_REFUSALS    3      /* tries with a refused credential before trying slowly */
#define BACKOFF_SLOW_MS     300000
#define BACKOFF_THROTTLE_MS 15000  /* OpenSSH 9.8's shortest penalty */

void backoff_failed(struct backoff *b, const struct err *why, struct mono now, uint32_t random);
void backoff_succeeded(struct backoff *b);
/* True when a try is allowed; else `err` gets the last failure and when the next try is. */
bool backoff_may_try(const struct backoff *b, struct mono now, struct err *err);

#endif
