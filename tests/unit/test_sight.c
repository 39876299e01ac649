/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is meant when a router speaks of a node: a fleet of one PoP with one node, and a witness with a table of paths.
 */
#include <string.h>

#include "backend/sight.h"
#include "suite.h"

static struct fleet *fleet;
static struct node *node, *witness;

static void
set_up(void)
{
	fleet = fleet_new();
	fleet->pops = arena_alloc(fleet->arena, sizeof *fleet->pops);
	fleet->nodes = arena_alloc(fleet->arena, 2 * sizeof *fleet->nodes);
	fleet->n_pops = 1;
	fleet->n_nodes = 2;
	node = &fleet->nodes[0];
	witness = &fleet->nodes[1];
	strcpy(fleet->pops[0].name, "ams");
	strcpy(node->name, "ams1");
	strcpy(witness->name, "t1");
	witness->pop = FLEET_NO_POP;
	witness->role = NODE_WITNESS;
	fleet_link(fleet);
}

static void
tear_down(void)
{
	fleet_free(fleet);
}

static const struct prefix ns = { .family = 4, .len = 24, .addr = { 192, 0, 2 } }, other = { .family = 4, .len = 24, .addr = { 10 } };

static const struct {
	const char *session, *description; /* the witness's session with the node */
	size_t paths;
	const char *peers, *best;
	bool has, prefers;
} rows[] = {
	{ "ams1_v4", NULL, 2, "ams1_v4 fra1_v4", "ams1_v4", true, true },
	{ "ams1_v4", NULL, 2, "ams1_v4 fra1_v4", "fra1_v4", true, false },
	{ "10.1.1.2", "ams1", 3, "10.1.3.2 10.1.10.2 10.1.1.2", "10.1.1.2", true, true },
	{ "10.1.1.2", "ams1", 3, "10.1.3.2 10.1.10.2 10.1.1.2", "10.1.3.2", true, false },
	/* it has no other: that is no preference */
	{ "ams1_v4", NULL, 1, "ams1_v4", "ams1_v4", true, false },
	{ "ams1_v4", NULL, 2, "ams1_v4 fra1_v4", NULL, true, false },
	{ "ams1_v4", NULL, 1, "fra1_v4", "fra1_v4", false, false },
	{ "10.1.1.2", "somebody", 2, "10.1.1.2 10.1.3.2", "10.1.1.2", false, false },
};

START_TEST(test_sight_of_a_witness)
{
	struct session_fact *s = report_add_session(witness->facts);
	s->name = report_text(witness->facts, slice_of(rows[_i].session));
	s->description = rows[_i].description;
	struct rib_fact *r = report_add_rib(witness->facts);
	*r = (struct rib_fact){ .prefix = ns, .paths = rows[_i].paths, .peers = rows[_i].peers, .best = rows[_i].best };
	ck_assert(sight_witness_has(fleet, witness, node, &ns) == rows[_i].has);
	ck_assert(sight_witness_prefers(fleet, witness, node, &ns) == rows[_i].prefers);
	ck_assert(!sight_witness_has(fleet, witness, node, &other));
	ck_assert(!sight_witness_prefers(fleet, witness, node, &other));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sight");
	TCase *t = tcase_create("sight");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, test_sight_of_a_witness, 0, (int)(sizeof rows / sizeof rows[0]));
	suite_add_tcase(s, t);
	return suite_run(s);
}
