/* SPDX-License-Identifier: Apache-2.0
 *
 * Warnings before something ends (SAFETY section A, 25: an expired certificate nobody had looked at): two weeks, one week and a
 * day before, and when it is over. Whoever asks remembers which stage was told and speaks when a later one is reached, so
 * each is told once; a new certificate begins anew. Called by api.c once a minute, and at the start and after a reload.
 */
#include "backend/expiry.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_NS (86400 * CLOCK_NS_PER_S)

enum expiry_stage
expiry_stage(struct wall ends, struct wall now)
{
	int64_t left = ends.ns - now.ns;
	if (ends.ns == 0 || left > 14 * DAY_NS)
		return EXPIRY_FAR;
	if (left <= 0)
		return EXPIRY_OVER;
	return left <= DAY_NS ? EXPIRY_DAY : left <= 7 * DAY_NS ? EXPIRY_WEEK : EXPIRY_FORTNIGHT;
}

void
expiry_text(const char *what, struct wall ends, struct wall now, char *out, size_t size)
{
	char at[CLOCK_TEXT_MAX];
	int64_t left_s = (ends.ns - now.ns) / CLOCK_NS_PER_S;
	wall_format(ends, at);
	out[0] = '\0';
	switch (expiry_stage(ends, now)) {
	case EXPIRY_FAR:
		break;
	case EXPIRY_FORTNIGHT:
	case EXPIRY_WEEK:
		snprintf(out, size, "%s ends in %" PRId64 " days, at %s", what, left_s / 86400, at);
		break;
	case EXPIRY_DAY:
		snprintf(out, size, "%s ends in %" PRId64 " h, at %s", what, left_s / 3600, at);
		break;
	case EXPIRY_OVER:
		snprintf(out, size, "%s ended at %s", what, at);
		break;
	}
}
