/* SPDX-License-Identifier: Apache-2.0
 *
 * What a token may confirm by itself: the narrow grant as it is written down, and each thing that is one step wider.
 */
#include "backend/script_grant.h"
#include "suite.h"

#include <string.h>

#define HASH "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static const char *const named[] = { "fra", "ams" };
static const struct conf_access rows[] = {
	{ .token = "ci", .uid = -1, .hash = HASH, .role = CONF_OPERATOR, .pops = named, .n_pops = 2 },
	{ .token = "wide", .uid = -1, .hash = HASH, .role = CONF_OPERATOR },
	{ .token = "looks", .uid = -1, .hash = HASH, .role = CONF_OBSERVER, .pops = named, .n_pops = 2 },
	{ .user = "ci", .uid = 1000, .role = CONF_OPERATOR },
};
static const struct conf_rules rules = { .access = rows, .n_access = 4 };

static const struct {
	const char *title, *who;
	enum auth_method method;
	enum op_verb verb;
	const char *targets[2];
	int64_t lease_s;
	enum gate_level gate;
	const char *holds; /* "OWNER POP", or NULL */
	bool no_scripts;
	const char *says;  /* NULL: it may */
} cases[] = {
	{ "the narrow grant", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 14400, GATE_PASS, NULL, false, NULL },
	{ "and its end", "ci", AUTH_TOKEN, OP_UNDRAIN, { "fra" }, 0, GATE_PASS, "ci fra", false, NULL },
	{ "a second time the same PoP", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, "ci fra", false, NULL },
	{ "others hold what they like", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, "alice ams", false, NULL },
	{ "a row without PoPs", "wide", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, NULL, false, "no row of the token wide names fra" },
	{ "a PoP that is not named", "ci", AUTH_TOKEN, OP_DRAIN, { "nyc" }, 60, GATE_PASS, NULL, false, "names nyc" },
	{ "named for looking only", "looks", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, NULL, false, "names fra" },
	{ "an amber gate", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_WARN, NULL, false, "capacity: it is tight" },
	{ "an amber gate at the end", "ci", AUTH_TOKEN, OP_UNDRAIN, { "fra" }, 0, GATE_WARN, NULL, false, "not every gate is green" },
	{ "a gate that refuses", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_REFUSE, NULL, false, "not every gate is green" },
	{ "two PoPs", "ci", AUTH_TOKEN, OP_DRAIN, { "fra", "ams" }, 60, GATE_PASS, NULL, false, "these are 2" },
	{ "a second PoP", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, "ci ams", false, "ci holds ams already" },
	{ "a long lease", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 14401, GATE_PASS, NULL, false, "4 hours at most" },
	{ "no lease", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 0, GATE_PASS, NULL, false, "4 hours at most" },
	{ "switched off", "ci", AUTH_TOKEN, OP_DRAIN, { "fra" }, 60, GATE_PASS, NULL, true, "limits.scripts is false" },
	{ "switched off, the end too", "ci", AUTH_TOKEN, OP_UNDRAIN, { "fra" }, 0, GATE_PASS, NULL, true, "limits.scripts is false" },
	{ "a person of the same name", "ci", AUTH_UID, OP_DRAIN, { "fra", "nyc" }, 0, GATE_WARN, "ci ams", true, NULL },
	{ "a person by certificate", "ci", AUTH_CERT, OP_DRAIN, { "nyc" }, 0, GATE_WARN, NULL, true, NULL },
	{ "the backend itself", "ci", AUTH_NOBODY, OP_UNDRAIN, { "nyc" }, 0, GATE_WARN, NULL, true, NULL },
};

START_TEST(test_script_may_what_is_narrow)
{
	struct plan *p = plan_new();
	struct account who = { .method = cases[_i].method, .roles = 1u << CONF_OPERATOR };
	struct hold hold = { .id = "h" };
	struct gate_result gates[2] = { { .gate = GATE_SCOPE, .level = GATE_PASS }, { .gate = GATE_CAPACITY, .level = cases[_i].gate } };
	struct err err = ERR_INIT;
	snprintf(who.name, sizeof who.name, "%s", cases[_i].who);
	snprintf(gates[1].text, sizeof gates[1].text, "it is tight");
	p->verb = cases[_i].verb;
	for (; p->n_targets < 2 && cases[_i].targets[p->n_targets]; p->n_targets++)
		p->targets[p->n_targets] = cases[_i].targets[p->n_targets];
	p->lease_s = cases[_i].lease_s;
	p->gates = gates;
	p->n_gates = 2;
	if (cases[_i].holds)
		ck_assert_int_eq(sscanf(cases[_i].holds, "%31s %31s", hold.owner, hold.pop), 2);
	const struct script_case c = { &rules, cases[_i].no_scripts, &who, p, &hold, cases[_i].holds ? 1 : 0 };
	int rc = script_check(&c, &err);
	ck_assert_msg((rc == 0) == !cases[_i].says, "%s: %s", cases[_i].title, err.text);
	if (cases[_i].says) {
		ck_assert_msg(strstr(err.text, "a person has to approve: ") && strstr(err.text, cases[_i].says), "%s: %s", cases[_i].title,
			err.text);
		ck_assert_int_eq(err.code, ERR_CONFIRM);
	}
	p->gates = NULL;
	p->n_gates = 0;
	plan_free(p);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("script_grant");
	TCase *tests = tcase_create("script_grant");
	tcase_add_loop_test(tests, test_script_may_what_is_narrow, 0, sizeof cases / sizeof *cases);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
