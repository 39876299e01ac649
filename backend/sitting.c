/* SPDX-License-Identifier: Apache-2.0
 *
 * Rights to act lapse: 15 minutes after the last key, or 8 hours after the start (`limits.act_idle`, `act_life`). What
 * lapses is a sitting: one dashboard in front of which somebody sits. It is begun once, when a dashboard is started; its
 * keys and acts keep it alive, and it never comes back, because whoever walks up to a forgotten screen can press a key too.
 * Starting a dashboard is what proves somebody anew: it takes the shell, the certificate's key or the token. The screen goes
 * on and shows, and it is here and not in the console that an act of a lapsed sitting is refused.
 *
 * Who names no sitting is judged by each request: a command is typed when it is run, and its plan dies after two minutes. Nor
 * do programs sit: their tokens end by `expires`.
 *
 * Nothing is written down. A backend that was started again knows no sittings, and a dashboard then begins another if by its
 * own clocks it would not have lapsed. The table is bounded; the one of which nothing was heard for longest makes room.
 */
#include "backend/sitting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"

#define SITTINGS_MAX   1024
#define OF_ACCOUNT_MAX 32 /* so that one account drives out no other's */

struct sitting {
	char id[SITTING_ID_SIZE];
	char account[65];
	enum auth_method method;
	struct mono began, active;
};

struct sittings {
	size_t n;
	struct sitting all[SITTINGS_MAX];
};

struct sittings *
sittings_new(void)
{
	return xcalloc(1, sizeof(struct sittings));
}

void
sittings_free(struct sittings *s)
{
	free(s);
}

static bool
is_of(const struct sitting *s, const struct account *who)
{
	return s->method == who->method && strcmp(s->account, who->name) == 0;
}

/* A place for one more: a new one while there are some, else that of the longest silence, first within the account. */
static struct sitting *
make_room(struct sittings *s, const struct account *who)
{
	struct sitting *own = NULL, *any = NULL;
	size_t n_own = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct sitting *one = &s->all[i];
		if (!any || mono_before(one->active, any->active))
			any = one;
		if (!is_of(one, who))
			continue;
		n_own++;
		if (!own || mono_before(one->active, own->active))
			own = one;
	}
	if (n_own >= OF_ACCOUNT_MAX)
		return own;
	return s->n < SITTINGS_MAX ? &s->all[s->n++] : any;
}

void
sitting_begin(struct sittings *s, const struct account *who, struct mono now, char id[SITTING_ID_SIZE])
{
	struct sitting *one = make_room(s, who);
	*one = (struct sitting){ .method = who->method, .began = now, .active = now };
	snprintf(one->account, sizeof one->account, "%s", who->name);
	digest_random_hex(one->id, SITTING_ID_SIZE - 1);
	snprintf(id, SITTING_ID_SIZE, "%s", one->id);
}

enum sitting_state
sitting_look(struct sittings *s, const char *id, const struct account *who, const struct sitting_times *times, struct mono now,
	bool is_active, int64_t *left_ms)
{
	struct sitting *one = NULL;
	*left_ms = 0;
	for (size_t i = 0; i < s->n && !one; i++)
		if (is_of(&s->all[i], who) && digest_equal(s->all[i].id, id))
			one = &s->all[i];
	if (!one)
		return SITTING_NONE;
	if (mono_ms_since(now, one->began) >= times->life_ms)
		return SITTING_OVER;
	if (mono_ms_since(now, one->active) >= times->idle_ms)
		return SITTING_IDLE;
	if (is_active)
		one->active = now;
	int64_t idle = times->idle_ms - mono_ms_since(now, one->active), life = times->life_ms - mono_ms_since(now, one->began);
	*left_ms = idle < life ? idle : life;
	return SITTING_GOOD;
}

/* As it is written in fleet.yaml: "15m", "8h". */
static void
span_text(int64_t seconds, char *out, size_t size)
{
	if (seconds % 3600 == 0)
		snprintf(out, size, "%" PRId64 "h", seconds / 3600);
	else if (seconds % 60 == 0)
		snprintf(out, size, "%" PRId64 "m", seconds / 60);
	else
		snprintf(out, size, "%" PRId64 "s", seconds);
}

void
sitting_text(enum sitting_state state, const struct sitting_times *times, char *out, size_t size)
{
	char span[32];
	out[0] = '\0';
	span_text((state == SITTING_IDLE ? times->idle_ms : times->life_ms) / 1000, span, sizeof span);
	switch (state) {
	case SITTING_GOOD:
		break;
	case SITTING_IDLE:
		snprintf(out, size, "Rights to act lapsed after %s without a key: start catchment again to act.", span);
		break;
	case SITTING_OVER:
		snprintf(out, size, "Rights to act lapsed %s after the start: start catchment again to act.", span);
		break;
	case SITTING_NONE:
		snprintf(out, size, "This sitting is not known here: start catchment again to act.");
		break;
	}
}
