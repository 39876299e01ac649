/* SPDX-License-Identifier: Apache-2.0
 *
 * A script may confirm its own plan only under a narrow grant (SAFETY model C1): the row of its token names the PoPs, every
 * gate is green, it holds one PoP at a time, and it asks for four hours at most. What is wider is not refused: it waits for
 * a person, as a plan does that policy wants a second one for. `limits.scripts: false` makes all of them wait, in one
 * place, for the whole fleet.
 *
 * Nothing is waived here: gates refuse a script's plan as they refuse a person's. Called by the engine when a token plans, and
 * again when it confirms, because a hold may have come in between.
 */
#include "backend/script_grant.h"

#include <inttypes.h>
#include <string.h>

/* Does a row of the token name this PoP? One without `pops` means all, which is too much for a script. */
static bool
is_named(const struct conf_rules *rules, const struct account *who, const char *pop)
{
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		if (!row->token || strcmp(row->token, who->name) != 0 || row->role != CONF_OPERATOR)
			continue;
		for (size_t k = 0; k < row->n_pops; k++)
			if (strcmp(row->pops[k], pop) == 0)
				return true;
	}
	return false;
}

static bool
is_target(const struct plan *p, const char *pop)
{
	for (size_t i = 0; i < p->n_targets; i++)
		if (strcmp(p->targets[i], pop) == 0)
			return true;
	return false;
}

static const struct gate_result *
first_warning(const struct plan *p)
{
	for (size_t i = 0; i < p->n_gates; i++)
		if (p->gates[i].level != GATE_PASS)
			return &p->gates[i];
	return NULL;
}

static int
check_drain(const struct script_case *c, struct err *err)
{
	const struct plan *p = c->plan;
	if (p->n_targets > 1)
		return err_set(err, ERR_CONFIRM, "a person has to approve: a token drains one PoP at a time, these are %zu", p->n_targets);
	for (size_t i = 0; i < c->n_holds; i++)
		if (strcmp(c->holds[i].owner, c->who->name) == 0 && !is_target(p, c->holds[i].pop))
			return err_set(err, ERR_CONFIRM, "a person has to approve: a token drains one PoP at a time, and %s holds %s already",
				c->who->name, c->holds[i].pop);
	if (p->lease_s <= 0 || p->lease_s > SCRIPT_LEASE_MAX_S)
		return err_set(err, ERR_CONFIRM, "a person has to approve: a token drains for 4 hours at most, this lease has %" PRId64
			" min", p->lease_s / 60);
	return 0;
}

int
script_check(const struct script_case *c, struct err *err)
{
	const struct plan *p = c->plan;
	if (c->who->method != AUTH_TOKEN)
		return 0;
	if (c->no_scripts)
		return err_set(err, ERR_CONFIRM, "a person has to approve: limits.scripts is false");
	for (size_t i = 0; i < p->n_targets; i++)
		if (!is_named(c->rules, c->who, p->targets[i]))
			return err_set(err, ERR_CONFIRM, "a person has to approve: no row of the token %s names %s in its `pops`",
				c->who->name, p->targets[i]);
	const struct gate_result *g = first_warning(p);
	if (g)
		return err_set(err, ERR_CONFIRM, "a person has to approve: not every gate is green: %s: %.150s", gate_name(g->gate), g->text);
	return p->verb == OP_DRAIN ? check_drain(c, err) : 0;
}
