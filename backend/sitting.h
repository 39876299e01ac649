/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_SITTING_H
#define BACKEND_SITTING_H

#include "backend/auth.h"

/*
 * Sittings: somebody at one dashboard, whose rights to act lapse (SAFETY model C4). In memory only; the clock is given.
 */
#define SITTING_ID_SIZE 33
#define SITTING_READ_ONLY "read-only" /* stands in the place of an id: whoever asks wants to look and nothing else */

struct sittings;
struct sitting_times {
	int64_t idle_ms, life_ms;
};
enum sitting_state {
	SITTING_NONE,   /* there is no such one of this account: never, or so long ago that it was forgotten */
	SITTING_GOOD,
	SITTING_IDLE,   /* lapsed: nothing was done for too long */
	SITTING_OVER,   /* lapsed: it began too long ago */
};

struct sittings *sittings_new(void);
void sittings_free(struct sittings *s);
/* Begins one for this account. */
void sitting_begin(struct sittings *s, const struct account *who, struct mono now, char id[SITTING_ID_SIZE]);
/* How it stands. With is_active something was done just now, which a good one goes on for and a lapsed one does not come back
 * by. left_ms: until it lapses if nothing is done; 0 when it is not good. */
enum sitting_state sitting_look(struct sittings *s, const char *id, const struct account *who, const struct sitting_times *times,
	struct mono now, bool is_active, int64_t *left_ms);
/* One sentence for what is not good, which says how to get the rights back; "" for SITTING_GOOD. */
void sitting_text(enum sitting_state state, const struct sitting_times *times, char *out, size_t size);

#endif
