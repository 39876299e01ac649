/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages read again. A fleet of a thousand nodes sends five hundred pages a second, and what is new in each is a handful
 * of counters and ages. Reading one strictly (grammar, duplicate keys, types, words, ranges, report) takes 140,000
 * instructions; comparing it with the last one that was read so takes 3,000.
 *
 * What makes it as strict as reading: a number has a place only if it was an integer or a plain decimal fraction in a
 * page that passed, and the new one must have such a form, no sign, no exponent, no leading zero, and lie in the same
 * range; every other byte must be the same byte. So the new page has the old one's grammar, keys, types and words. What
 * is anything else (a string, a list that grew, null where a number stood, a number of 19 digits) is left to the parser,
 * which finds the right words for it.
 *
 * Called by the poller, which keeps a page for each probe that has one. Pure; knows no node.
 */
#include "core/page.h"

#include <stdlib.h>

#define DIGITS_MAX 18 /* fits int64_t */
#define REAL_MAX   30
#define EXACT_MAX  15 /* decimal digits that every double holds (DBL_DIG) */

struct page {
	size_t len, n;
	char *text, *type; /* in one block with the places */
	struct report_place places[];
};

static int
by_place(const void *a, const void *b)
{
	const struct report_place *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

static size_t
digits(const char *p, const char *end)
{
	const char *from = p;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - from);
}

/* Length of the number at p, 0 if it is not of the plain form. What follows it is not looked at. */
static size_t
read_integer(const char *p, const char *end, int64_t *out)
{
	size_t n = digits(p, end);
	int64_t value = 0;
	if (n == 0 || n > DIGITS_MAX || (n > 1 && *p == '0'))
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (p[i] - '0');
	*out = value;
	return n;
}

/* Length of the plain decimal at p, 0 if it is none; *rest: digits after the point. */
static size_t
real_length(const char *p, const char *end, size_t *rest)
{
	size_t n = digits(p, end);
	*rest = 0;
	if (n == 0 || (n > 1 && *p == '0'))
		return 0;
	if (p + n < end && p[n] == '.') {
		*rest = digits(p + n + 1, end);
		if (*rest == 0)
			return 0;
		n += 1 + *rest;
	}
	return n <= REAL_MAX ? n : 0;
}

static size_t
read_real(const char *p, const char *end, double *out)
{
	size_t rest, n = real_length(p, end, &rest);
	if (n == 0)
		return 0;
	if (n <= EXACT_MAX) {
		/* both are whole numbers that a double holds, so that their quotient is the nearest one, as strtod's is */
		double value = 0, divisor = 1;
		for (size_t i = 0; i < n; i++)
			if (p[i] != '.')
				value = value * 10 + (p[i] - '0');
		for (size_t i = 0; i < rest; i++)
			divisor *= 10;
		*out = value / divisor;
		return n;
	}
	char text[REAL_MAX + 1];
	memcpy(text, p, n);
	text[n] = '\0';
	*out = strtod(text, NULL);
	return n;
}

static size_t
read_number(const struct report_place *place, const char *p, const char *end, union report_number *out)
{
	if (!place->is_real) {
		size_t n = read_integer(p, end, &out->integer);
		return n > 0 && out->integer <= place->max ? n : 0;
	}
	size_t n = read_real(p, end, &out->real);
	return n > 0 && out->real <= (double)place->max ? n : 0;
}

/* The page states at this place what the report holds there: so that a place noted in another text can never pass. */
static bool
is_place(const struct report_place *place, struct slice text, const struct report *r)
{
	union report_number value;
	const void *held = report_number_at(r, place);
	if (!held || place->at >= text.len)
		return false;
	const char *p = text.data + place->at, *end = text.data + text.len;
	size_t n = read_number(place, p, end, &value);
	bool goes_on = n > 0 && p + n < end && (p[n] == '.' || (p[n] | 32) == 'e'); /* 0.0e5 is more than a 0.0 */
	return n > 0 && !goes_on && memcmp(held, &value, sizeof value) == 0;
}

struct page *
page_new(struct slice text, const char *type, const struct report *r, struct report_places *places)
{
	if (places->n == 0 || places->n > PAGE_NUMBERS_MAX || text.len > PAGE_BYTES_MAX || !type)
		return NULL;
	qsort(places->places, places->n, sizeof *places->places, by_place);
	size_t type_len = strlen(type), list = places->n * sizeof *places->places;
	struct page *p = xmalloc(sizeof *p + list + text.len + type_len + 1);
	p->n = 0;
	for (size_t i = 0; i < places->n; i++)
		if (is_place(&places->places[i], text, r))
			p->places[p->n++] = places->places[i];
	p->len = text.len;
	p->text = (char *)p + sizeof *p + list;
	p->type = p->text + text.len;
	memcpy(p->text, text.data, text.len);
	memcpy(p->type, type, type_len + 1);
	return p;
}

void
page_free(struct page *p)
{
	free(p);
}

bool
page_again(const struct page *p, struct slice text, const char *type, union report_number values[PAGE_NUMBERS_MAX])
{
	const char *was = p->text, *was_end = p->text + p->len, *now = text.data, *end = text.data + text.len;
	if (!type || strcmp(type, p->type) != 0)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		size_t was_rest, same = (size_t)(p->text + p->places[i].at - was);
		if ((size_t)(end - now) < same || memcmp(was, now, same) != 0)
			return false;
		was += same;
		now += same;
		size_t n = read_number(&p->places[i], now, end, &values[i]);
		if (n == 0)
			return false;
		now += n;
		was += p->places[i].is_real ? real_length(was, was_end, &was_rest) : digits(was, was_end);
	}
	size_t rest = (size_t)(was_end - was);
	return (size_t)(end - now) == rest && memcmp(was, now, rest) == 0;
}

const struct report_place *
page_places(const struct page *p, size_t *n)
{
	*n = p->n;
	return p->places;
}
