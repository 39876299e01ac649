/* SPDX-License-Identifier: Apache-2.0
 *
 * The list beside the map: worst first at every moment, few rows moved, by name again when it is
 * shown anew. Small cases are written down row by row; promises are checked over a long random
 * night of 300 PoPs.
 */
#include <string.h>

#include "console/worst_first.h"
#include "console/table.h"
#include "tests/unit/suite.h"

#define FLEET 300

struct list {
	struct worst_first w;
	struct map_pop pops[FLEET];
	char names[FLEET][8];
	size_t n;
};

static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16 & 0x7FFF;
}

static void
make(struct list *l, size_t n)
{
	*l = (struct list){ .w = WORST_FIRST_INIT, .n = n };
	for (size_t i = 0; i < n; i++) {
		snprintf(l->names[i], sizeof l->names[i], "p%zu", (i * 7 + 3) % n);
		l->pops[i] = (struct map_pop){ .name = l->names[i], .severity = VERDICT_OK };
	}
}

/* "Bp1 op0 op2": letters of verdicts and names, as the rows stand. */
static const char *
rows(const struct list *l, char out[256])
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < l->w.n; i++) {
		const struct map_pop *p = &l->pops[l->w.order[i]];
		used += (size_t)snprintf(out + used, 256 - used, "%s%c%s", i ? " " : "",
			verdict_letter((enum verdict)p->severity), p->name);
	}
	return out;
}

static void
set(struct list *l, const char *name, enum verdict v)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->names[i], name) == 0)
			l->pops[i].severity = (int)v;
}

START_TEST(test_small_moves)
{
	static const struct {
		const char *name;
		enum verdict to;
		const char *rows;
	} steps[] = {
		/* the first of the healthy and the one that fell change places */
		{ "p4", VERDICT_DEGRADED, "Dp4 op1 op2 op3 op0 op5" },
		{ "p2", VERDICT_DEGRADED, "Dp4 Dp2 op1 op3 op0 op5" },
		/* worse still: past the degraded, one row each */
		{ "p5", VERDICT_BLACKHOLE, "Bp5 Dp2 Dp4 op3 op0 op1" },
		{ "p2", VERDICT_SILENT, "Bp5 Sp2 Dp4 op3 op0 op1" },
		/* recovered: the first of the healthy, where it is seen */
		{ "p5", VERDICT_OK, "Sp2 Dp4 op5 op3 op0 op1" },
		{ "p4", VERDICT_BLACKHOLE, "Bp4 Sp2 op5 op3 op0 op1" },
		{ "p4", VERDICT_UNKNOWN, "Sp2 ?p4 op5 op3 op0 op1" },
	};
	struct list l;
	char text[256];
	make(&l, 6);
	worst_first_update(&l.w, l.pops, l.n);
	ck_assert_str_eq(rows(&l, text), "op0 op1 op2 op3 op4 op5");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		set(&l, steps[i].name, steps[i].to);
		worst_first_update(&l.w, l.pops, l.n);
		ck_assert_msg(strcmp(rows(&l, text), steps[i].rows) == 0, "step %zu: %s, wanted %s", i, text,
			steps[i].rows);
	}
	ck_assert_uint_eq(worst_first_count_before(&l.w, VERDICT_OK), 2);
	ck_assert_uint_eq(worst_first_count_before(&l.w, VERDICT_BLACKHOLE), 0);
	worst_first_sort(&l.w, l.pops, l.n);
	ck_assert_str_eq(rows(&l, text), "Sp2 ?p4 op0 op1 op3 op5");
	worst_first_done(&l.w);
}
END_TEST

static void
check_order(const struct list *l)
{
	bool seen[FLEET] = { false };
	ck_assert_uint_eq(l->w.n, l->n);
	for (size_t i = 0; i < l->n; i++) {
		size_t pop = l->w.order[i];
		if (pop >= l->n || seen[pop])
			ck_abort_msg("row %zu: PoP %zu is there twice", i, pop);
		seen[pop] = true;
		bool is_behind = i == 0 || l->pops[l->w.order[i - 1]].severity <= l->pops[pop].severity;
		if (!is_behind || l->w.severity[pop] != l->pops[pop].severity)
			ck_abort_msg("row %zu: %s stands wrong", i, l->pops[pop].name);
	}
}

START_TEST(test_always_worst_first_and_few_rows_move)
{
	static const int weights[] = { VERDICT_OK, VERDICT_OK, VERDICT_OK, VERDICT_DEGRADED, VERDICT_BLACKHOLE,
		VERDICT_SILENT, VERDICT_UNREACHABLE, VERDICT_DRIFT, VERDICT_UNKNOWN, VERDICT_OK, VERDICT_OK };
	struct list l;
	unsigned seed = 11;
	make(&l, FLEET);
	worst_first_update(&l.w, l.pops, l.n);
	for (int step = 0; step < 2000; step++) {
		size_t before[FLEET], moved = 0, n_changes = 1 + next(&seed) % 3;
		memcpy(before, l.w.order, sizeof before);
		for (size_t k = 0; k < n_changes; k++)
			l.pops[next(&seed) % FLEET].severity = weights[next(&seed) % (sizeof weights / sizeof *weights)];
		worst_first_update(&l.w, l.pops, l.n);
		check_order(&l);
		for (size_t i = 0; i < FLEET; i++)
			moved += before[i] != l.w.order[i];
		ck_assert_msg(moved <= n_changes * 2 * VERDICT_COUNT, "step %d: %zu rows moved for %zu changes", step,
			moved, n_changes);
	}
	worst_first_done(&l.w);
}
END_TEST

static void
check_sorted(const struct list *l)
{
	check_order(l);
	for (size_t i = 1; i < l->n; i++) {
		const struct map_pop *a = &l->pops[l->w.order[i - 1]], *b = &l->pops[l->w.order[i]];
		if (a->severity == b->severity)
			ck_assert_int_lt(text_compare_natural(a->name, b->name), 0);
	}
}

START_TEST(test_sorts_when_all_is_new)
{
	struct list l;
	make(&l, FLEET);
	worst_first_update(&l.w, l.pops, l.n);
	/* many together: the backend went away */
	for (size_t i = 0; i < FLEET; i += 2)
		l.pops[i].severity = VERDICT_UNREACHABLE;
	worst_first_update(&l.w, l.pops, l.n);
	check_sorted(&l);
	/* other PoPs under the same indices */
	l.pops[3].severity = VERDICT_DRIFT;
	snprintf(l.names[5], sizeof l.names[5], "aaa");
	worst_first_update(&l.w, l.pops, l.n);
	check_sorted(&l);
	/* fewer, none, and some again */
	l.n = 17;
	worst_first_update(&l.w, l.pops, l.n);
	check_sorted(&l);
	l.n = 0;
	worst_first_update(&l.w, l.pops, l.n);
	check_sorted(&l);
	ck_assert_uint_eq(worst_first_count_before(&l.w, VERDICT_OK), 0);
	l.n = 2;
	worst_first_update(&l.w, l.pops, l.n);
	check_sorted(&l);
	worst_first_done(&l.w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("worst_first");
	TCase *tc = tcase_create("order");
	tcase_add_test(tc, test_small_moves);
	tcase_add_test(tc, test_always_worst_first_and_few_rows_move);
	tcase_add_test(tc, test_sorts_when_all_is_new);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
