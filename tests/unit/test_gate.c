/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates: what is true of them whatever the fleet looks like. The cases of an operator's day, with their sentences, are
 * data: tests/gates, walked by test_planner.c.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "core/gate.h"

static const struct mono now = { 1000 * CLOCK_NS_PER_S };

/* Three PoPs of one node each, of which nothing is known. */
static struct fleet *
make_fleet(void)
{
	static const char *const names[] = { "ams", "fra", "lon" };
	struct fleet *f = fleet_new();
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	f->services[0].policy = (struct policy){ .max_load_pct = 80, .max_drained = 1, .quorum_pct = 90, .min_pops = 1 };
	f->n_prefixes = 1;
	f->prefixes = arena_alloc(f->arena, sizeof *f->prefixes);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &f->prefixes[0].prefix, NULL), 0);
	f->n_pops = f->n_nodes = 3;
	f->pops = arena_alloc(f->arena, 3 * sizeof *f->pops);
	f->nodes = arena_alloc(f->arena, 3 * sizeof *f->nodes);
	for (size_t i = 0; i < 3; i++) {
		strcpy(f->pops[i].name, names[i]);
		snprintf(f->nodes[i].name, FLEET_NAME_MAX, "%s1", names[i]);
		strcpy(f->nodes[i].bgp_driver, "bird");
		f->nodes[i].pop = i;
		f->nodes[i].poll_ms = 2000;
		f->nodes[i].capacity_qps = NAN;
	}
	fleet_link(f);
	return f;
}

static const struct gate_scope anybody = { .who = "alice", .may_act = true };

START_TEST(test_words_and_back)
{
	for (int g = 0; g < GATE_COUNT; g++) {
		enum gate back;
		ck_assert_int_eq(gate_parse(gate_name((enum gate)g), &back), 0);
		ck_assert_int_eq(back, g);
		ck_assert_uint_gt(strlen(gate_text((enum gate)g)), 10);
		ck_assert(gate_judges((enum gate)g, OP_DRAIN) || gate_judges((enum gate)g, OP_UNDRAIN));
	}
	for (int l = GATE_PASS; l <= GATE_REFUSE; l++) {
		enum gate_level back;
		ck_assert_int_eq(gate_level_parse(gate_level_name((enum gate_level)l), &back), 0);
		ck_assert_int_eq(back, l);
	}
	enum gate gate;
	enum gate_level level;
	ck_assert_int_eq(gate_parse("all", &gate), -1);
	ck_assert_int_eq(gate_level_parse("PASS", &level), -1);
}
END_TEST

/* A fleet of which nothing is known refuses everything, and no list of targets passes that is empty, doubled or wild. */
START_TEST(test_unknown_and_odd_targets_refuse)
{
	struct fleet *f = make_fleet();
	static const size_t lists[][3] = { { 0 }, { 0, 1, 2 }, { 1, 1 }, { 3 }, { SIZE_MAX }, { 0 } };
	static const size_t lengths[] = { 0, 3, 2, 1, 1, 1 };
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		for (int verb = OP_DRAIN; verb <= OP_UNDRAIN; verb++) {
			const struct gate_input in = { .fleet = f, .verb = (enum op_verb)verb, .n_targets = lengths[i], .targets = lists[i],
				.scope = &anybody, .is_planning = true, .now = now };
			struct gate_result out[GATE_COUNT];
			enum gate_level worst;
			size_t n = gate_judge(&in, out, &worst);
			ck_assert_int_eq(worst, GATE_REFUSE);
			ck_assert_int_eq(out[0].gate, GATE_SCOPE);
			ck_assert_int_eq(out[1].gate, GATE_TARGET);
			bool is_list = i == 1 || i == 5;
			ck_assert_msg(is_list == (n > 2), "list %zu gave %zu gates", i, n);
			for (size_t k = 0; k < n; k++) {
				ck_assert_uint_gt(strlen(out[k].text), 5);
				ck_assert(out[k].level != GATE_REFUSE || out[k].code != ERR_OK);
			}
		}
	fleet_free(f);
}
END_TEST

START_TEST(test_nobody_may_act_without_scope)
{
	struct fleet *f = make_fleet();
	const size_t target = 0;
	const struct gate_scope outside = { .who = "bob", .may_act = false, .why_not = "bob may act on lon only, not on ams" };
	const struct gate_scope *const scopes[] = { NULL, &outside };
	for (size_t i = 0; i < 2; i++) {
		const struct gate_input in = { .fleet = f, .n_targets = 1, .targets = &target, .scope = scopes[i], .now = now };
		struct gate_result out[GATE_COUNT];
		enum gate_level worst;
		ck_assert_uint_gt(gate_judge(&in, out, &worst), 2);
		ck_assert_int_eq(out[0].level, GATE_REFUSE);
		ck_assert_int_eq(out[0].code, ERR_PERMISSION);
	}
	fleet_free(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("gate");
	TCase *t = tcase_create("gate");
	tcase_add_test(t, test_words_and_back);
	tcase_add_test(t, test_unknown_and_odd_targets_refuse);
	tcase_add_test(t, test_nobody_may_act_without_scope);
	suite_add_tcase(s, t);
	return suite_run(s);
}
