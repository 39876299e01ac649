/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire after an undrain: the sessions that carried a prefix when the drain was planned must have it again, one that
 * never did (a route collector's) holds nothing back, and the sentence names those without it.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "backend/evidence.h"
#include "plugins/drivers.h"

#define V4 "192.0.2.0/24"
#define V6 "2001:db8:53::/48"

struct stage {
	struct fleet *fleet;
	struct prefix prefixes[2];
	struct mono now;
};

static void
stage_open(struct stage *s)
{
	struct fleet *f = s->fleet = fleet_new();
	s->now = (struct mono){ INT64_C(1000) * CLOCK_NS_PER_S };
	ck_assert_int_eq(prefix_parse(slice_of(V4), &s->prefixes[0], NULL), 0);
	ck_assert_int_eq(prefix_parse(slice_of(V6), &s->prefixes[1], NULL), 0);
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	f->n_prefixes = 2;
	f->prefixes = arena_alloc(f->arena, 2 * sizeof *f->prefixes);
	f->prefixes[0].prefix = s->prefixes[0];
	f->prefixes[1].prefix = s->prefixes[1];
	f->n_pops = 1;
	f->pops = arena_alloc(f->arena, sizeof *f->pops);
	strcpy(f->pops[0].name, "fra");
	f->n_nodes = 1;
	f->nodes = arena_alloc(f->arena, sizeof *f->nodes);
	f->nodes[0].conf = arena_alloc(f->arena, sizeof *f->nodes[0].conf);
	strcpy(f->nodes[0].name, "fra1");
	strcpy(f->nodes[0].bgp_driver, "bird");
	f->nodes[0].poll_ms = 2000;
	fleet_link(f);
}

/* Three sessions of the node: two transits and a collector. `has`: which of them carries V4; `v6`: and V6. */
static void
set_facts(struct stage *s, const char *has, const char *v6)
{
	static const char *const names[] = { "t1", "t2", "rc" };
	struct node *n = &s->fleet->nodes[0];
	struct report *r = report_new();
	r->sections = REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS;
	for (size_t i = 0; i < 3; i++) {
		struct session_fact *session = report_add_session(r);
		session->name = session->peer = names[i];
		session->families = FAMILY_BIT_V4 | FAMILY_BIT_V6;
		session->state = strchr(has, '!') && i == 1 ? FSM_ACTIVE : FSM_ESTABLISHED;
		for (int k = 0; k < 2; k++) {
			struct export_fact *e = report_add_export(r, names[i], k ? FAMILY_V6 : FAMILY_V4);
			e->is_known = true;
			if (strstr(k ? v6 : has, names[i]))
				report_add_route(r, e)->prefix = s->prefixes[k];
		}
	}
	for (int k = 0; k < 2; k++) {
		struct origin_fact *o = report_add_origin(r);
		*o = (struct origin_fact){ .prefix = s->prefixes[k], .by = k ? "anycast6" : "anycast4", .is_enabled = true };
	}
	report_free(n->facts);
	n->facts = r;
	n->planes[PLANE_WIRE].seen = n->planes[PLANE_SESSION].seen = s->now;
}

static void
stage_close(struct stage *s)
{
	report_free(s->fleet->nodes[0].facts);
	s->fleet->nodes[0].facts = NULL;
	fleet_free(s->fleet);
}

static const char both[] = "carries fra1 " V4 " t1 announced|carries fra1 " V4 " t2 announced|carries fra1 " V6 " t1 announced";

/* What a drain's plan recorded, one line after each |. */
static void
read_baseline(const struct stage *s, const char *lines, struct evidence_baseline *b)
{
	struct plan *p = plan_new();
	const char *list[16];
	char *copy = arena_strdup(p->arena, lines), *rest = NULL;
	for (char *line = strtok_r(copy, "|", &rest); line; line = strtok_r(NULL, "|", &rest))
		list[p->n_basis++] = line;
	p->basis = list;
	evidence_baseline_add(b, s->fleet, 0, p);
	p->basis = NULL;
	p->n_basis = 0;
	plan_free(p);
}

static const struct evidence_case {
	const char *has, *v6, *baseline;
	enum tri agrees;
	const char *text;
} cases[] = {
	{ "t1 t2 rc", "t1 t2 rc", both, TRI_YES, "announced by the word of 1 node, to every session that is up" },
	/* the collector, and t2 in IPv6, never had it */
	{ "t1 t2", "t1", both, TRI_YES, "not to fra1 rc, fra1 t2, which were not sent it before either" },
	{ "t1 t2", "t1 t2", both, TRI_YES, "not to fra1 rc, which was not sent it before either" },
	{ "t1", "t1", both, TRI_NO, "fra1 t2 has not all the prefixes that it carried before the drain" },
	{ "t2", "t2", both, TRI_NO, "fra1 t1 has not all" },
	{ "rc", "rc", both, TRI_NO, "fra1 t1, fra1 t2 have not all the prefixes that they carried" },
	/* a session that is down is not waited for */
	{ "t1!", "t1", both, TRI_YES, "not to fra1 rc, which was not" },
	/* nobody wrote down what was: one session of each family must have it */
	{ "t1", "t1", "", TRI_YES, "not to fra1 t2, fra1 rc, which nobody recorded to have had it before" },
	{ "t1", "", "", TRI_NO, "does not say that its prefixes are announced" },
	{ "", "", "", TRI_NO, "does not say that its prefixes are announced" },
	{ "", "", both, TRI_NO, "does not say that its prefixes are announced" },
	/* lines of other nodes, and such that are none */
	{ "t1", "t1", "carries fra9 " V4 " t2 announced|carries fra1 nonsense t2 announced|carries|session fra1 t2 Established", TRI_YES,
		"nobody recorded" },
};

START_TEST(test_evidence_wants_back_what_was_there)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct evidence_case *c = &cases[i];
		struct stage s;
		struct evidence_baseline b = { 0 };
		struct op_evidence out[OP_CHECK_COUNT];
		stage_open(&s);
		set_facts(&s, c->has, c->v6);
		read_baseline(&s, c->baseline, &b);
		const struct evidence_input in = { .fleet = s.fleet, .verb = OP_UNDRAIN, .goal = ANNOUNCED_YES, .baseline = &b,
			.since = { INT64_C(999) * CLOCK_NS_PER_S }, .qps_before = NAN, .find = driver_find, .now = s.now };
		evidence_read(&in, out);
		const struct op_evidence *wire = &out[OP_CHECK_WIRE];
		ck_assert_msg(wire->applies && wire->agrees == c->agrees && strstr(wire->text, c->text), "case %zu: %d \"%s\", wanted %d \"%s\"",
			i, wire->agrees, wire->text, c->agrees, c->text);
		evidence_baseline_done(&b);
		stage_close(&s);
	}
}
END_TEST

/* Withdrawn is withdrawn everywhere, whoever had it before. */
START_TEST(test_evidence_of_a_drain_asks_every_session)
{
	struct stage s;
	struct op_evidence out[OP_CHECK_COUNT];
	stage_open(&s);
	const struct evidence_input in = { .fleet = s.fleet, .verb = OP_DRAIN, .goal = ANNOUNCED_WITHDRAWN,
		.since = { INT64_C(999) * CLOCK_NS_PER_S }, .qps_before = NAN, .find = driver_find, .now = s.now };
	set_facts(&s, "rc", "");
	evidence_read(&in, out);
	ck_assert_int_eq(out[OP_CHECK_WIRE].agrees, TRI_NO);
	set_facts(&s, "", "");
	evidence_read(&in, out);
	ck_assert_int_eq(out[OP_CHECK_WIRE].agrees, TRI_YES);
	stage_close(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("evidence");
	TCase *t = tcase_create("evidence");
	tcase_add_test(t, test_evidence_wants_back_what_was_there);
	tcase_add_test(t, test_evidence_of_a_drain_asks_every_session);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
