/* SPDX-License-Identifier: Apache-2.0
 *
 * Two kinds of time that cannot be mixed up: struct mono for ages and deadlines, struct wall for records. Everything
 * that decides takes `now` as a parameter; only shells (main loops) call clock_mono and clock_wall.
 */
#include "core/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct mono
clock_mono(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mono){ ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec };
}

struct wall
clock_wall(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct wall){ ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec };
}

static void
format_seconds(struct wall t, char *out, size_t size)
{
	time_t s = (time_t)(t.ns / CLOCK_NS_PER_S);
	struct tm tm;
	gmtime_r(&s, &tm);
	if (strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		out[0] = '\0';
}

void
wall_format(struct wall t, char out[CLOCK_TEXT_MAX])
{
	format_seconds(t, out, CLOCK_TEXT_MAX - 1);
	strcat(out, "Z");
}

void
wall_format_ms(struct wall t, char out[CLOCK_TEXT_MAX])
{
	char base[CLOCK_TEXT_MAX - 8];
	format_seconds(t, base, sizeof base);
	snprintf(out, CLOCK_TEXT_MAX, "%s.%03dZ", base, (int)(t.ns / CLOCK_NS_PER_MS % 1000));
}

static int
parse_offset(const char *p, int64_t *offset_s)
{
	if ((*p == 'Z' || *p == 'z') && p[1] == '\0') {
		*offset_s = 0;
		return 0;
	}
	int h, m, n = 0;
	if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 || n != 5 || p[6] != '\0')
		return -1;
	if (h > 23 || m > 59)
		return -1;
	*offset_s = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return 0;
}

int
wall_parse(const char *text, struct wall *out)
{
	struct tm tm = { 0 };
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!p)
		return -1;
	int64_t ns = 0;
	if (*p == '.') {
		int64_t unit = CLOCK_NS_PER_S / 10;
		for (p++; isdigit((unsigned char)*p); p++, unit /= 10)
			ns += (*p - '0') * unit;
	}
	int64_t offset_s;
	if (parse_offset(p, &offset_s) == -1)
		return -1;
	/* Nanoseconds since 1970 end in 2262; strptime takes years up to 9999. */
	if (tm.tm_year + 1900 < 1970 || tm.tm_year + 1900 > 2200)
		return -1;
	out->ns = ((int64_t)timegm(&tm) - offset_s) * CLOCK_NS_PER_S + ns;
	return 0;
}

static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int
duration_parse(const char *text, int64_t *seconds)
{
	const int64_t limit = INT64_C(3660) * 86400;
	int64_t total = 0;
	const char *p = text;
	if (*p == '\0')
		return -1;
	while (*p != '\0') {
		int64_t n = 0;
		if (!isdigit((unsigned char)*p))
			return -1;
		for (; isdigit((unsigned char)*p); p++) {
			n = n * 10 + (*p - '0');
			if (n > limit)
				return -1;
		}
		int64_t unit = unit_seconds(*p);
		if (unit == 0)
			return -1;
		p++;
		total += n * unit;
		if (total > limit)
			return -1;
	}
	*seconds = total;
	return 0;
}

void
duration_format(int64_t seconds, char *out, size_t size)
{
	if (seconds < 0)
		snprintf(out, size, "-");
	else if (seconds < 60)
		snprintf(out, size, "%ds", (int)seconds);
	else if (seconds < 3600)
		snprintf(out, size, "%dm%02d", (int)(seconds / 60), (int)(seconds % 60));
	else if (seconds < 86400)
		snprintf(out, size, "%dh%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60));
	else
		snprintf(out, size, "%dd%02dh", (int)(seconds / 86400 % 100000), (int)(seconds / 3600 % 24));
}
