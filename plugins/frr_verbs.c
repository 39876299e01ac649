/* SPDX-License-Identifier: Apache-2.0
 *
 * Drain and undrain on FRR, tried on 8.4.4: `no network P` in its address family withdraws a prefix from all neighbours
 * at once, `bgp graceful-shutdown` makes everything that the instance announces less attractive (there is no such thing
 * for one prefix or, in 8.4, one neighbour). Both live in the running configuration only: a restart of bgpd undrains.
 *
 * A withdrawn FRR shows no trace of what it withdrew. What an undrain puts back are the prefixes of the target that have
 * no `network` statement, or of `drain: {networks: …}` where a node does not originate all of them; behind each stands
 * what `drain: {route_map: X}` says. Hence a statement that carries anything else is not removed: its words could not be
 * put back. The lines that matter are read with the networks probe (plugins/frr.c).
 *
 * From less attractive to withdrawn the graceful shutdown stays on; the undrain puts the networks back first, then ends it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plugins/frr.h"
#include "plugins/verbs.h"

#define TOOL         "vtysh"
#define RESTART_NOTE "FRR: the change lives in the running configuration only, a restart of bgpd undrains"

struct instance {
	const struct node *node;
	const struct target *target;
	struct steps *steps;
	const char *router; /* "router bgp 64500" */
	bool is_gshut;
};

/* ---- facts ---- */

static const char *
route_map_of(const struct instance *in)
{
	const struct drain_conf *drain = in->node->conf ? in->node->conf->drain : NULL;
	return drain ? drain->route_map : NULL;
}

/* Does this node originate the prefix when it is not drained? */
static bool
is_ours(const struct instance *in, const struct prefix *prefix)
{
	const struct drain_conf *drain = in->node->conf ? in->node->conf->drain : NULL;
	if (!drain || drain->n_networks == 0)
		return true;
	for (size_t i = 0; i < drain->n_networks; i++)
		if (prefix_equal(&drain->networks[i], prefix))
			return true;
	return false;
}

static int
read_instance(struct instance *in, struct err *err)
{
	const struct report *r = in->node->facts;
	size_t n = 0;
	for (size_t i = 0; i < r->n_origins; i++) {
		const char *by = r->origins[i].by;
		if (r->origins[i].prefix.family || !by)
			continue;
		if (strncmp(by, FRR_ROUTER, strlen(FRR_ROUTER)) == 0) {
			in->router = by;
			n++;
		}
		in->is_gshut = in->is_gshut || strcmp(by, FRR_GSHUT) == 0;
	}
	if (n == 1)
		return 0;
	if (n > 1)
		return err_set(err, ERR_UNSUPPORTED, "FRR on %s has %zu BGP instances in the default VRF; which one to change is not "
			"known", in->node->name, n);
	return err_set(err, ERR_UNSUPPORTED, "the running configuration of FRR on %s could not be read, so its AS number and network "
		"statements are not known; needed: FRR 7 or newer and an account that may use vtysh", in->node->name);
}

/* The `network` statement of a prefix, or what else originates it; NULL if nothing does. */
static const struct origin_fact *
find_origin(const struct report *r, const struct prefix *prefix, bool network)
{
	for (size_t i = 0; i < r->n_origins; i++) {
		const struct origin_fact *o = &r->origins[i];
		bool is_network = o->by && strncmp(o->by, FRR_NETWORK, strlen(FRR_NETWORK)) == 0;
		if (prefix_equal(&o->prefix, prefix) && is_network == network)
			return o;
	}
	return NULL;
}

static const char *
statement_of(const struct instance *in, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format(prefix, text);
	if (!route_map_of(in))
		return arena_printf(in->steps->arena, "network %s", text);
	return arena_printf(in->steps->arena, "network %s route-map %s", text, route_map_of(in));
}

/* Only what an undrain would put back in the same words may be taken away. */
static int
check_statement(const struct instance *in, const struct prefix *prefix, const struct origin_fact *o, struct err *err)
{
	const char *words = o->by + strlen(FRR_NETWORK), *map = route_map_of(in);
	const char *wanted = map ? arena_printf(in->steps->arena, " route-map %s", map) : "";
	char text[PREFIX_TEXT_MAX];
	prefix_format(prefix, text);
	if (!is_ours(in, prefix))
		return err_set(err, ERR_UNSUPPORTED, "%s originates %s, which `drain: {networks: …}` of the node does not name: an undrain "
			"would not put it back", in->node->name, text);
	if (strcmp(words, wanted) == 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "%s has `network %s%s` and an undrain would put back `network %s%s`; correct "
		"`drain: {route_map: …}` of the node in fleet.yaml", in->node->name, text, words, text, wanted);
}

/* ---- steps ---- */

/* vtysh [--vty_socket DIR] -c "configure terminal" -c "router bgp 64500" [-c "address-family ipv4 unicast"] -c LINE */
static void
add_vtysh(const struct instance *in, struct step_action *a, const char *family, const char *line)
{
	const char *dir = in->node->conf ? in->node->conf->bgp.socket : NULL;
	const char *argv[16];
	size_t n = 0;
	argv[n++] = TOOL;
	if (dir) {
		argv[n++] = "--vty_socket";
		argv[n++] = dir;
	}
	argv[n++] = "-c";
	argv[n++] = "configure terminal";
	argv[n++] = "-c";
	argv[n++] = in->router;
	if (family) {
		argv[n++] = "-c";
		argv[n++] = family;
	}
	argv[n++] = "-c";
	argv[n++] = line;
	while (n < sizeof argv / sizeof argv[0])
		argv[n++] = NULL;
	step_add_command(in->steps, a, argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7], argv[8], argv[9],
		argv[10], argv[11], argv[12], NULL);
}

static int
change_network(const struct instance *in, const struct prefix *prefix, bool add, struct err *err)
{
	struct arena *a = in->steps->arena;
	const char *family = prefix->family == FAMILY_V6 ? "address-family ipv6 unicast" : "address-family ipv4 unicast";
	char text[PREFIX_TEXT_MAX];
	prefix_format(prefix, text);
	const char *line = statement_of(in, prefix), *no_line = arena_printf(a, "no network %s", text);
	struct step *s = verbs_add_step(in->steps, STEP_EXEC, arena_printf(a, "%s in %s", add ? line : no_line, in->router), err);
	if (!s)
		return -1;
	add_vtysh(in, &s->apply, family, add ? line : no_line);
	add_vtysh(in, &s->undo, family, add ? no_line : line);
	return 0;
}

/* Everything else that is on the wire becomes less attractive too. */
static const char *
other_routes(const struct instance *in)
{
	const struct report *r = in->node->facts;
	struct verbs_list *others = xcalloc(1, sizeof *others);
	for (size_t i = 0; i < r->n_exports; i++)
		for (size_t j = 0; j < r->exports[i].n_routes; j++)
			if (!verbs_has_prefix(in->target, &r->exports[i].routes[j].prefix))
				verbs_list_add(others, &r->exports[i].routes[j].prefix);
	const char *list = verbs_list_text(in->steps->arena, others);
	free(others);
	return list;
}

static int
change_gshut(const struct instance *in, bool begin, struct err *err)
{
	struct step *s = verbs_add_step(in->steps, STEP_EXEC, arena_printf(in->steps->arena, "%s" FRR_GSHUT " in %s, for all its neighbours",
		begin ? "" : "no ", in->router), err);
	if (!s)
		return -1;
	add_vtysh(in, &s->apply, NULL, begin ? FRR_GSHUT : "no " FRR_GSHUT);
	add_vtysh(in, &s->undo, NULL, begin ? "no " FRR_GSHUT : FRR_GSHUT);
	s->collateral = begin ? other_routes(in) : NULL;
	return 0;
}

static int
withdraw_prefix(const struct instance *in, const struct prefix *prefix, struct err *err)
{
	const struct report *r = in->node->facts;
	const struct origin_fact *network = find_origin(r, prefix, true), *other = find_origin(r, prefix, false);
	char text[PREFIX_TEXT_MAX];
	prefix_format(prefix, text);
	if (other)
		return err_set(err, ERR_UNSUPPORTED, "FRR on %s originates %s by %s, which a drain cannot take back; a `network` statement "
			"can be", in->node->name, text, other->by);
	if (network)
		return check_statement(in, prefix, network, err) == -1 ? -1 : change_network(in, prefix, false, err);
	if (report_announced(r, prefix) != ANNOUNCED_WITHDRAWN)
		return err_set(err, ERR_UNSUPPORTED, "FRR on %s announces %s without a `network` statement, so a drain does not know how to "
			"take it back", in->node->name, text);
	return 0;
}

static int
frr_plan(const struct node *node, const struct target *target, struct steps *out, struct err *err)
{
	struct instance in = { .node = node, .target = target, .steps = out };
	int rc = verbs_check_facts(node, REPORT_ORIGINS, err);
	if (rc == 0)
		rc = read_instance(&in, err);
	if (rc == 0 && target->goal == ANNOUNCED_PREFER_AWAY && !in.is_gshut)
		rc = change_gshut(&in, true, err);
	for (size_t i = 0; rc == 0 && i < target->n_prefixes; i++) {
		const struct prefix *prefix = &target->prefixes[i];
		if (target->goal == ANNOUNCED_WITHDRAWN)
			rc = withdraw_prefix(&in, prefix, err);
		else if (!find_origin(node->facts, prefix, true) && !find_origin(node->facts, prefix, false) && is_ours(&in, prefix))
			rc = change_network(&in, prefix, true, err);
	}
	if (rc == 0 && target->goal == ANNOUNCED_YES && in.is_gshut)
		rc = change_gshut(&in, false, err);
	if (rc == 0 && out->n > 0 && target->goal != ANNOUNCED_YES)
		out->note = RESTART_NOTE;
	return rc;
}

const struct verb frr_verbs[] = {
	{ "drain", frr_plan, verbs_settled },
	{ "undrain", frr_plan, verbs_settled },
	{ NULL },
};
