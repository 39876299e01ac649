/* SPDX-License-Identifier: Apache-2.0
 *
 * Drain and undrain on BIRD. Two ways, each tried on BIRD 2.0.12:
 *
 *   protocols  `birdc disable "NAME"` of each protocol that originates the service prefixes, `enable` to return: the
 *              static ones that the daemon itself names (report.origins), or those that `drain: {disable: …}` names.
 *              All sessions and only the families concerned follow at once. There is no way to be merely less attractive,
 *              and a restart of BIRD enables everything again.
 *   file       `drain: {file: …, constant: …}`: a file of its own that defines a constant which the export filter reads.
 *              It is written anew and BIRD configures; while the routes are going, under `configure timeout`, so that the
 *              daemon itself returns to the old configuration unless told to keep the new one. A return is not put under
 *              such a timer: timers may only push towards more routes.
 *
 * Plans follow what originates, not what is on the wire: a PoP with all sessions down is drained too, lest its routes come
 * back with a session. Which value the file holds is not shown by BIRD; it is concluded from the wire, and the node refuses
 * to write when the file holds neither that nor the new value (backend/act_script.h).
 *
 * Names stand as text patterns, in double quotes: birdc takes 'all', in single quotes, for its word all and disables
 * everything. A pattern of letters, digits and _ - . : matches nothing but that name.
 */
#include <ctype.h>
#include <stdlib.h>

#include "plugins/bird.h"
#include "plugins/verbs.h"

#define TOOL          "birdc"
#define CONFIRM_S     90 /* of `configure timeout`; longer than our own undo waits, which also restores the file */
#define PROTOCOLS_MAX 64
#define RESTART_NOTE  "BIRD: a restart of the daemon enables the protocols again and so undrains"

struct protocol {
	const char *name;
	const char *kind;     /* "static protocol", "protocol" */
	enum tri is_enabled;
	size_t n_prefixes;    /* of the target */
	struct prefix first;  /* of the target */
	bool is_only_way;     /* one of them is originated by no other that is enabled */
	struct verbs_list others;
};

struct ways {
	const struct node *node;
	const struct target *target;
	struct steps *steps;
	size_t n;
	struct protocol protocols[PROTOCOLS_MAX];
};

/* ---- commands ---- */

static bool
is_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_-.:", *p))
			return false;
	return *name && strlen(name) <= 64;
}

/* birdc [-s SOCKET] WORD [WORD [WORD]] */
static void
add_birdc(struct ways *w, struct step_action *a, const char *first, const char *second, const char *third)
{
	const char *socket = w->node->conf ? w->node->conf->bgp.socket : NULL;
	if (socket)
		step_add_command(w->steps, a, TOOL, "-s", socket, first, second, third, NULL);
	else
		step_add_command(w->steps, a, TOOL, first, second, third, NULL);
}

/* ---- which protocols ---- */

static struct protocol *
find_protocol(struct ways *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->protocols[i].name, name) == 0)
			return &w->protocols[i];
	return NULL;
}

static struct protocol *
add_protocol(struct ways *w, const char *name, const char *kind)
{
	struct protocol *p = find_protocol(w, name);
	if (!p && w->n < PROTOCOLS_MAX) {
		p = &w->protocols[w->n++];
		*p = (struct protocol){ .name = name, .kind = kind };
	}
	return p;
}

static bool
is_originated_elsewhere(const struct ways *w, const struct prefix *prefix, const char *by)
{
	const struct report *r = w->node->facts;
	for (size_t i = 0; i < r->n_origins; i++)
		if (r->origins[i].is_enabled && strcmp(r->origins[i].by, by) != 0 &&
			prefix_equal(&r->origins[i].prefix, prefix))
			return true;
	return false;
}

/* What the facts say of a protocol's prefixes and whether it is enabled. */
static void
read_origins(struct ways *w, struct protocol *p)
{
	const struct report *r = w->node->facts;
	for (size_t i = 0; i < r->n_origins; i++) {
		const struct origin_fact *o = &r->origins[i];
		if (!o->by || strcmp(o->by, p->name) != 0)
			continue;
		p->is_enabled = o->is_enabled ? TRI_YES : TRI_NO;
		if (!o->prefix.family)
			continue;
		if (!verbs_has_prefix(w->target, &o->prefix)) {
			verbs_list_add(&p->others, &o->prefix);
			continue;
		}
		if (p->n_prefixes++ == 0)
			p->first = o->prefix;
		p->is_only_way = p->is_only_way || !is_originated_elsewhere(w, &o->prefix, p->name);
	}
	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->sessions[i].name, p->name) == 0 && r->sessions[i].admin_state != ADMIN_UNKNOWN)
			p->is_enabled = r->sessions[i].admin_state == ADMIN_UP ? TRI_YES : TRI_NO;
}

/* Those that fleet.yaml names. BIRD shows neither state nor prefixes of most kinds: then the wire must tell. */
static int
take_named(struct ways *w, const struct drain_conf *drain, struct err *err)
{
	enum announced state = verbs_state(w->node->facts, w->target);
	for (size_t i = 0; i < drain->n_disable; i++) {
		struct protocol *p = add_protocol(w, drain->disable[i], "protocol");
		if (!p)
			return err_set(err, ERR_TOO_LARGE, "`drain: {disable: …}` of %s names more than %d protocols", w->node->name,
				PROTOCOLS_MAX);
		read_origins(w, p);
		p->is_only_way = true;
		if (p->is_enabled == TRI_UNKNOWN && state == ANNOUNCED_UNKNOWN)
			return err_set(err, ERR_STALE, "it is not known what %s has on the wire, and BIRD does not show whether "
				"protocol %s is enabled", w->node->name, p->name);
		if (p->is_enabled == TRI_UNKNOWN)
			p->is_enabled = state == ANNOUNCED_WITHDRAWN ? TRI_NO : TRI_YES;
	}
	return 0;
}

/* Everything that originates a prefix of the target, and it must be all of it. */
static int
take_static(struct ways *w, struct err *err)
{
	const struct report *r = w->node->facts;
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < r->n_origins; i++) {
		const struct origin_fact *o = &r->origins[i];
		if (!o->by || !o->prefix.family || !verbs_has_prefix(w->target, &o->prefix) || find_protocol(w, o->by))
			continue;
		struct protocol *p = add_protocol(w, o->by, "static protocol");
		if (!p)
			return err_set(err, ERR_TOO_LARGE, "more than %d protocols of %s originate the prefixes", PROTOCOLS_MAX,
				w->node->name);
		read_origins(w, p);
	}
	for (size_t i = 0; i < w->target->n_prefixes; i++) {
		const struct prefix *prefix = &w->target->prefixes[i];
		bool has_origin = false, is_hidden = false;
		for (size_t j = 0; j < r->n_origins; j++) {
			has_origin = has_origin || prefix_equal(&r->origins[j].prefix, prefix);
			is_hidden = is_hidden || !r->origins[j].prefix.family;
		}
		prefix_format(prefix, text);
		if (!has_origin && is_hidden)
			return err_set(err, ERR_STALE, "what a static protocol of %s holds is not known yet, so neither is what "
				"originates %s; try again after the next poll", w->node->name, text);
		if (!has_origin && report_announced(r, prefix) != ANNOUNCED_WITHDRAWN)
			return err_set(err, ERR_UNSUPPORTED, "no static protocol of %s originates %s; name what does as "
				"`drain: {disable: [PROTOCOL]}` of the node in fleet.yaml", w->node->name, text);
	}
	return 0;
}

static int
switch_protocol(struct ways *w, const struct protocol *p, bool enable, struct err *err)
{
	struct arena *a = w->steps->arena;
	if (!is_name(p->name))
		return err_set(err, ERR_UNSUPPORTED, "a protocol of %s that originates the prefixes has a name that birdc does not "
			"take", w->node->name);
	const char *holds = p->n_prefixes ? arena_printf(a, " (%s)", verbs_count_text(a, &p->first, p->n_prefixes)) : "";
	struct step *s = verbs_add_step(w->steps, STEP_EXEC,
		arena_printf(a, "%s %s %s%s", enable ? "enable" : "disable", p->kind, p->name, holds), err);
	if (!s)
		return -1;
	const char *quoted = arena_printf(a, "\"%s\"", p->name);
	add_birdc(w, &s->apply, enable ? "enable" : "disable", quoted, NULL);
	add_birdc(w, &s->undo, enable ? "disable" : "enable", quoted, NULL);
	s->collateral = enable ? NULL : verbs_list_text(a, &p->others);
	return 0;
}

static int
plan_protocols(struct ways *w, bool enable, struct err *err)
{
	const struct drain_conf *drain = w->node->conf ? w->node->conf->drain : NULL;
	int rc = drain && drain->n_disable > 0 ? take_named(w, drain, err) : take_static(w, err);
	for (size_t i = 0; rc == 0 && i < w->n; i++) {
		const struct protocol *p = &w->protocols[i];
		if (enable ? p->is_enabled == TRI_NO && p->is_only_way : p->is_enabled == TRI_YES)
			rc = switch_protocol(w, p, enable, err);
	}
	if (rc == 0 && w->steps->n > 0 && !enable)
		w->steps->note = RESTART_NOTE;
	return rc;
}

/* ---- the file ---- */

static int64_t
value_of(const struct drain_conf *d, enum announced state)
{
	return state == ANNOUNCED_YES ? d->announce : state == ANNOUNCED_PREFER_AWAY ? d->prefer_away : d->withdraw;
}

static const char *
file_text(struct arena *a, const struct drain_conf *d, enum announced state)
{
	return arena_printf(a, "define %s = %lld;\n", d->constant, (long long)value_of(d, state));
}

/* The state that the file is in, by the wire. Without a session nothing shows: it is taken for the other end of the way,
 * which the node confirms before it writes. */
static enum announced
file_state(const struct ways *w)
{
	const struct report *r = w->node->facts;
	enum announced otherwise = w->target->goal == ANNOUNCED_YES ? ANNOUNCED_WITHDRAWN : ANNOUNCED_YES;
	if (!report_has_session(r, FAMILY_V4) && !report_has_session(r, FAMILY_V6))
		return otherwise;
	return verbs_state(r, w->target);
}

static int
plan_file(struct ways *w, const struct drain_conf *d, struct err *err)
{
	struct arena *a = w->steps->arena;
	enum announced goal = w->target->goal, was = file_state(w);
	bool is_return = goal == ANNOUNCED_YES || (goal == ANNOUNCED_PREFER_AWAY && was == ANNOUNCED_WITHDRAWN);
	if (was == ANNOUNCED_UNKNOWN)
		return err_set(err, ERR_STALE, "it is not known what %s has on the wire, so neither is what %s is there",
			w->node->name, d->constant);
	if (was == goal)
		return 0;
	/* a drain goes back to announced, also from halfway: the same step whether or not it was preferred away before */
	enum announced back = is_return ? was : ANNOUNCED_YES;
	if (value_of(d, back) < 0)
		return err_set(err, ERR_UNSUPPORTED, "%s is less attractive now, but `drain: {prefer_away: N}` of the node does not "
			"say which value of %s that is", w->node->name, d->constant);
	const char *text = file_text(a, d, goal);
	struct step *s = verbs_add_step(w->steps, STEP_FILE,
		arena_printf(a, "%s = %lld in %s, and configure", d->constant, (long long)value_of(d, goal), d->file), err);
	if (!s)
		return -1;
	s->apply.path = s->undo.path = arena_strdup(a, d->file);
	s->apply.text = text;
	s->undo.text = file_text(a, d, back);
	add_birdc(w, &s->apply, "configure", "check", NULL);
	if (is_return) {
		add_birdc(w, &s->apply, "configure", NULL, NULL);
	} else {
		s->confirm_s = CONFIRM_S;
		add_birdc(w, &s->apply, "configure", "timeout", arena_printf(a, "%d", CONFIRM_S));
		add_birdc(w, &s->keep, "configure", "confirm", NULL);
	}
	add_birdc(w, &s->undo, "configure", NULL, NULL);
	return 0;
}

/* ---- the verbs ---- */

static int
bird_plan(const struct node *node, const struct target *target, struct steps *out, struct err *err)
{
	struct ways *w = xcalloc(1, sizeof *w);
	const struct drain_conf *drain = node->conf ? node->conf->drain : NULL;
	bool has_file = drain && drain->file;
	int rc = verbs_check_facts(node, REPORT_ORIGINS, err);

	w->node = node;
	w->target = target;
	w->steps = out;
	if (rc == 0 && target->goal == ANNOUNCED_PREFER_AWAY && (!has_file || drain->prefer_away < 0))
		rc = err_set(err, ERR_UNSUPPORTED, "BIRD on %s knows no less attractive routes: add `drain: {file: /etc/bird/drain.conf, "
			"constant: DRAIN, prefer_away: 1, withdraw: 3}` to the node in fleet.yaml and have the export filter read it",
			node->name);
	else if (rc == 0 && has_file)
		rc = plan_file(w, drain, err);
	/* protocols that someone disabled keep the routes away whatever the file says */
	if (rc == 0 && (target->goal == ANNOUNCED_YES || !has_file))
		rc = plan_protocols(w, target->goal == ANNOUNCED_YES, err);
	free(w);
	return rc;
}

const struct verb bird_verbs[] = {
	{ "drain", bird_plan, verbs_settled },
	{ "undrain", bird_plan, verbs_settled },
	{ NULL },
};
