/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters and searches; the only file that knows PCRE2. An expression typed at 03:00 must not hang
 * the dashboard: matching stops at a limit of steps and depth and then counts as no match, and an
 * expression that does not compile is searched for literally instead of being complained about
 * while it is still being typed.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "console/filter.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"

#define MATCH_STEPS_MAX 20000
#define MATCH_DEPTH_MAX 500
#define SUBJECT_MAX     4096

struct filter {
	bool is_inverse, is_fuzzy, is_literal;
	bool ignore_case;
	char text[FILTER_TEXT_MAX];
	pcre2_code *code; /* NULL when fuzzy or literal */
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static bool
has_upper(const char *text)
{
	for (; *text; text++)
		if (isupper((unsigned char)*text))
			return true;
	return false;
}

static void
compile(struct filter *f)
{
	int error;
	PCRE2_SIZE offset;
	uint32_t options = PCRE2_UTF | (f->ignore_case ? PCRE2_CASELESS : 0);
	f->code = pcre2_compile(
		(PCRE2_SPTR)f->text, PCRE2_ZERO_TERMINATED, options, &error, &offset, NULL);
	if (!f->code) {
		f->is_literal = true;
		return;
	}
	f->data = pcre2_match_data_create_from_pattern(f->code, NULL);
	f->context = pcre2_match_context_create(NULL);
	if (!f->data || !f->context)
		abort();
	pcre2_set_match_limit(f->context, MATCH_STEPS_MAX);
	pcre2_set_depth_limit(f->context, MATCH_DEPTH_MAX);
}

struct filter *
filter_new(const char *text)
{
	bool is_inverse = text[0] == '!';
	text += is_inverse;
	bool is_fuzzy = strncmp(text, "-f", 2) == 0 && (text[2] == ' ' || text[2] == '\0');
	text += is_fuzzy ? 2 + strspn(text + 2, " ") : 0;
	if (text[0] == '\0')
		return NULL;
	struct filter *f = xcalloc(1, sizeof *f);
	f->is_inverse = is_inverse;
	f->is_fuzzy = is_fuzzy;
	f->ignore_case = !has_upper(text);
	snprintf(f->text, sizeof f->text, "%s", text);
	if (!is_fuzzy)
		compile(f);
	return f;
}

void
filter_free(struct filter *f)
{
	if (!f)
		return;
	pcre2_match_context_free(f->context);
	pcre2_match_data_free(f->data);
	pcre2_code_free(f->code);
	free(f);
}

static bool
match_fuzzy(const struct filter *f, const char *text)
{
	for (const char *want = f->text; *want; want++) {
		if (*want == ' ')
			continue;
		while (*text && (f->ignore_case ? tolower((unsigned char)*text) : *text) != *want)
			text++;
		if (*text++ == '\0')
			return false;
	}
	return true;
}

/* Finds the expression, or the text as it stands. */
static bool
find(const struct filter *f, const char *text, size_t *start, size_t *end)
{
	if (f->is_literal) {
		const char *at = f->ignore_case ? strcasestr(text, f->text) : strstr(text, f->text);
		if (!at)
			return false;
		*start = (size_t)(at - text);
		*end = *start + strlen(f->text);
		return true;
	}
	size_t len = strnlen(text, SUBJECT_MAX);
	int n = pcre2_match(f->code, (PCRE2_SPTR)text, len, 0, 0, f->data, f->context);
	if (n <= 0)
		return false;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(f->data);
	*start = at[0];
	*end = at[1] > at[0] ? at[1] : at[0];
	return true;
}

bool
filter_match(const struct filter *f, const char *text)
{
	size_t start, end;
	if (!f)
		return true;
	bool is_match = f->is_fuzzy ? match_fuzzy(f, text) : find(f, text, &start, &end);
	return is_match != f->is_inverse;
}

bool
filter_find(const struct filter *f, const char *text, size_t *start, size_t *end)
{
	return f && !f->is_inverse && !f->is_fuzzy && find(f, text, start, end);
}

bool
filter_is_literal(const struct filter *f)
{
	return f && f->is_literal;
}
