/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_EXPIRY_H
#define BACKEND_EXPIRY_H

#include "core/clock.h"

/*
 * When to say that something is about to end: a certificate, a list of revocations, a grant of `access`. Pure.
 */
enum expiry_stage { EXPIRY_FAR, EXPIRY_FORTNIGHT, EXPIRY_WEEK, EXPIRY_DAY, EXPIRY_OVER };

/* Zero `ends`: never. */
enum expiry_stage expiry_stage(struct wall ends, struct wall now);
/* One sentence; "" for EXPIRY_FAR. */
void expiry_text(const char *what, struct wall ends, struct wall now, char *out, size_t size);

#endif
