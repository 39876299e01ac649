/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time since some start, never stepped; for ages, deadlines and rates. Zero means "never". */
struct mono {
	int64_t ns;
};

/* Time since 1970-01-01 UTC, may be stepped; for records and people only. */
struct wall {
	int64_t ns;
};

/* The machine's clocks. CLOCK_BOOTTIME, so that a suspended laptop knows that its data grew old. */
struct mono clock_mono(void);
struct wall clock_wall(void);

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S  INT64_C(1000000000)

static inline bool
mono_is_set(struct mono t)
{
	return t.ns != 0;
}

/* Milliseconds from `then` to `now`; negative if `then` lies ahead. */
static inline int64_t
mono_ms_since(struct mono now, struct mono then)
{
	return (now.ns - then.ns) / CLOCK_NS_PER_MS;
}

/* Seconds from `then` to `now`, with fraction. */
static inline double
mono_s_since(struct mono now, struct mono then)
{
	return (double)(now.ns - then.ns) / 1e9;
}

static inline struct mono
mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){ t.ns + ms * CLOCK_NS_PER_MS };
}

static inline bool
mono_before(struct mono a, struct mono b)
{
	return a.ns < b.ns;
}

#define CLOCK_TEXT_MAX 40

/* RFC 3339 UTC with seconds ("2026-11-23T11:35:03Z"), or with milliseconds. `out` holds CLOCK_TEXT_MAX bytes. */
void wall_format(struct wall t, char out[CLOCK_TEXT_MAX]);
void wall_format_ms(struct wall t, char out[CLOCK_TEXT_MAX]);

/* Reads RFC 3339 with Z or an offset, years 1970 to 2200; 0, or -1 if it is none. */
int wall_parse(const char *text, struct wall *out);

/* A duration as operators write it: "45s", "15m", "4h", "7d", "1h30m"; to whole seconds. -1 if it is none, is
 * negative or exceeds 10 years. */
int duration_parse(const char *text, int64_t *seconds);

/* Shortest useful form of a number of seconds: "3s", "12m", "4h05", "3d04h"; "-" when negative (unknown). */
void duration_format(int64_t seconds, char *out, size_t size);

#endif
