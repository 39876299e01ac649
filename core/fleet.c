/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet and the plain questions one asks of it: who is it, how old is that, how many PoPs announce this prefix.
 * Nothing here judges (backend/verdict.c) or writes facts (backend/state.c); both halves use it.
 */
#include "core/fleet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/announced.h"

struct verdict_row {
	const char *word;
	char letter;
	const char *text;
};

static const struct verdict_row verdicts[VERDICT_COUNT] = {
#define VERDICT(code, word, letter, text) [VERDICT_##code] = { word, letter, text },
#include "core/verdict.def"
#undef VERDICT
};

static const char *const announced_words[] = { "unknown", "announced", "withdrawn", "prefer-away" };

const char *
verdict_name(enum verdict v)
{
	return verdicts[v].word;
}

char
verdict_letter(enum verdict v)
{
	return verdicts[v].letter;
}

const char *
verdict_text(enum verdict v)
{
	return verdicts[v].text;
}

enum verdict
verdict_parse(const char *word)
{
	for (int i = 0; i < VERDICT_COUNT; i++)
		if (strcmp(verdicts[i].word, word) == 0)
			return (enum verdict)i;
	return VERDICT_UNKNOWN;
}

const char *
announced_name(enum announced a)
{
	return announced_words[a];
}

enum announced
announced_parse(const char *word)
{
	for (int i = ANNOUNCED_UNKNOWN; i <= ANNOUNCED_PREFER_AWAY; i++)
		if (strcmp(announced_words[i], word) == 0)
			return (enum announced)i;
	return ANNOUNCED_UNKNOWN;
}

const char *
hold_kind_name(enum hold_kind k)
{
	static const char *const names[HOLD_KIND_COUNT] = { "maintenance", "incident", "health", "drill", "automation" };
	return names[k];
}

int
hold_kind_parse(const char *word, enum hold_kind *out)
{
	for (int i = 0; i < HOLD_KIND_COUNT; i++) {
		if (strcmp(hold_kind_name((enum hold_kind)i), word) != 0)
			continue;
		*out = (enum hold_kind)i;
		return 0;
	}
	return -1;
}

const char *
drain_phase_name(enum drain_phase p)
{
	static const char *const names[DRAIN_PHASE_COUNT] = { "none", "draining", "drained", "unconfirmed", "undraining" };
	return names[p];
}

const char *
plane_name(enum plane_name p)
{
	static const char *const names[PLANE_COUNT] = { "session", "wire", "service" };
	return names[p];
}

void
reasons_add(struct reasons *r, const char *format, ...)
{
	if (r->n == REASONS_MAX)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(r->text[r->n++], REASON_TEXT, format, args);
	va_end(args);
}

struct fleet *
fleet_new(void)
{
	struct fleet *f = xcalloc(1, sizeof *f);
	f->arena = arena_new();
	f->limits = (struct limits)LIMITS_DEFAULT;
	return f;
}

void
fleet_free(struct fleet *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_nodes; i++)
		report_free(f->nodes[i].facts);
	for (size_t i = 0; i < f->n_pops; i++)
		free(f->pops[i].holds);
	arena_free(f->arena);
	free(f);
}

void
fleet_set_holds(struct fleet *f, size_t pop, const struct hold *holds, size_t n, enum announced intent,
	enum drain_phase phase)
{
	struct pop *p = &f->pops[pop];
	struct hold *copy = n ? xcalloc(n, sizeof *copy) : NULL;
	if (n)
		memcpy(copy, holds, n * sizeof *copy);
	free(p->holds);
	p->holds = copy;
	p->n_holds = n;
	p->intent = intent;
	p->phase = phase;
}

static void
link_node(struct fleet *f, struct node *n)
{
	n->fleet = f;
	n->prefixes = f->plain_prefixes;
	n->n_prefixes = f->n_prefixes;
	if (!n->facts)
		n->facts = report_new();
	n->verdict = VERDICT_UNKNOWN;
	n->qps = NAN;
	if (n->pop != FLEET_NO_POP)
		f->pops[n->pop].n_nodes++;
}

void
fleet_link(struct fleet *f)
{
	f->plain_prefixes = arena_alloc(f->arena, f->n_prefixes * sizeof *f->plain_prefixes + 1);
	for (size_t i = 0; i < f->n_prefixes; i++)
		f->plain_prefixes[i] = f->prefixes[i].prefix;
	for (size_t i = 0; i < f->n_pops; i++)
		f->pops[i].n_nodes = 0;
	for (size_t i = 0; i < f->n_nodes; i++)
		link_node(f, &f->nodes[i]);
	for (size_t i = 0; i < f->n_pops; i++) {
		struct pop *p = &f->pops[i];
		p->nodes = arena_alloc(f->arena, p->n_nodes * sizeof *p->nodes + 1);
		p->announced = arena_alloc(f->arena, f->n_prefixes * sizeof *p->announced + 1);
		p->n_nodes = 0;
		p->intent = ANNOUNCED_YES;
		p->verdict = VERDICT_UNKNOWN;
		p->qps = NAN;
		p->capacity_qps = NAN;
	}
	for (size_t i = 0; i < f->n_nodes; i++) {
		if (f->nodes[i].pop == FLEET_NO_POP)
			continue;
		struct pop *p = &f->pops[f->nodes[i].pop];
		p->nodes[p->n_nodes++] = i;
	}
}

size_t
fleet_find_pop(const struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->n_pops; i++)
		if (strcmp(f->pops[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

size_t
fleet_find_node(const struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (strcmp(f->nodes[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

size_t
fleet_find_service(const struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->n_services; i++)
		if (strcmp(f->services[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

double
node_age_s(const struct node *n, struct mono now)
{
	return mono_is_set(n->seen) ? mono_s_since(now, n->seen) : -1;
}

double
pop_age_s(const struct pop *p, struct mono now)
{
	return mono_is_set(p->seen) ? mono_s_since(now, p->seen) : -1;
}

bool
node_is_stale(const struct node *n, struct mono now)
{
	if (n->is_restored || !mono_is_set(n->seen))
		return true;
	return mono_ms_since(now, n->seen) > 3 * n->poll_ms;
}

bool
pop_is_stale(const struct fleet *f, const struct pop *p, struct mono now)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (!node_is_stale(&f->nodes[p->nodes[i]], now))
			return false;
	return true;
}

bool
node_plane_is_fresh(const struct node *n, enum plane_name plane, struct mono now)
{
	struct mono seen = n->planes[plane].seen;
	return !n->is_restored && mono_is_set(seen) && mono_ms_since(now, seen) <= 3 * n->poll_ms;
}

enum announced
node_announced(const struct node *n, const struct prefix *prefix, struct mono now)
{
	bool is_known = n->bgp_driver[0] && node_plane_is_fresh(n, PLANE_WIRE, now) && node_plane_is_fresh(n, PLANE_SESSION, now);
	return is_known ? report_announced(n->facts, prefix) : ANNOUNCED_UNKNOWN;
}

void
fleet_refresh_pop_seen(struct fleet *f, size_t pop)
{
	struct pop *p = &f->pops[pop];
	p->seen = (struct mono){ 0 };
	for (size_t i = 0; i < p->n_nodes; i++) {
		struct mono seen = f->nodes[p->nodes[i]].seen;
		if (i == 0 || mono_before(seen, p->seen))
			p->seen = seen; /* a node never seen is the oldest of all: zero */
	}
}

struct announce_count
fleet_count_announced(const struct fleet *f, size_t prefix, struct mono now)
{
	struct announce_count c = { 0 };
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		enum announced a = pop_is_stale(f, p, now) ? ANNOUNCED_UNKNOWN : p->announced[prefix];
		switch (a) {
		case ANNOUNCED_YES:
			c.announced++;
			break;
		case ANNOUNCED_PREFER_AWAY:
			c.prefer_away++;
			break;
		case ANNOUNCED_WITHDRAWN:
			c.withdrawn++;
			break;
		case ANNOUNCED_UNKNOWN:
			c.unknown++;
			break;
		}
	}
	return c;
}
