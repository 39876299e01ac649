/* SPDX-License-Identifier: Apache-2.0
 *
 * How facts about Adj-RIB-Outs are read, in the one place: a route that carries GRACEFUL_SHUTDOWN or prepends our own AS
 * is less attractive, any other is plain; a session that is not Established says nothing, whatever was reported of it.
 * Two questions are put to them. The verdict asks what the world may see of a prefix (the most attractive copy counts);
 * a change asks whether it is done, which needs every session to say so. What was not reported is unknown to both.
 */
#include "core/announced.h"

#include <string.h>

static bool
is_up(const struct session_fact *s)
{
	return s->state == FSM_ESTABLISHED;
}

static const struct session_fact *
find_session(const struct report *r, const char *name)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->sessions[i].name, name) == 0)
			return &r->sessions[i];
	return NULL;
}

static enum announced
state_of_route(const struct route_fact *f)
{
	return f->is_gshut == TRI_YES || f->prepends > 0 ? ANNOUNCED_PREFER_AWAY : ANNOUNCED_YES;
}

/* What one Adj-RIB-Out says of a prefix; of several paths (add-path) the most attractive. */
static enum announced
state_in_export(const struct export_fact *e, const struct prefix *prefix)
{
	enum announced found = ANNOUNCED_WITHDRAWN;
	if (!e->is_known)
		return ANNOUNCED_UNKNOWN;
	for (size_t i = 0; i < e->n_routes; i++)
		if (prefix_equal(&e->routes[i].prefix, prefix) && found != ANNOUNCED_YES)
			found = state_of_route(&e->routes[i]);
	return found;
}

/* An Established session whose Adj-RIB-Out was not reported at all leaves a hole: withdrawn cannot be said then. */
static bool
exports_are_complete(const struct report *r)
{
	for (size_t i = 0; i < r->n_sessions; i++) {
		const struct session_fact *s = &r->sessions[i];
		bool is_reported = !is_up(s);
		for (size_t j = 0; j < r->n_exports && !is_reported; j++)
			is_reported = strcmp(r->exports[j].session, s->name) == 0;
		if (!is_reported)
			return false;
	}
	return true;
}

enum announced
report_announced(const struct report *r, const struct prefix *prefix)
{
	bool is_unknown = false, is_away = false;
	for (size_t i = 0; i < r->n_exports; i++) {
		const struct export_fact *e = &r->exports[i];
		const struct session_fact *s = (uint8_t)e->family == prefix->family ? find_session(r, e->session) : NULL;
		if (!s || !is_up(s))
			continue;
		enum announced a = state_in_export(e, prefix);
		if (a == ANNOUNCED_YES)
			return ANNOUNCED_YES;
		is_unknown = is_unknown || !e->is_known;
		is_away = is_away || a == ANNOUNCED_PREFER_AWAY;
	}
	if (is_unknown)
		return ANNOUNCED_UNKNOWN;
	if (is_away)
		return ANNOUNCED_PREFER_AWAY;
	return exports_are_complete(r) ? ANNOUNCED_WITHDRAWN : ANNOUNCED_UNKNOWN;
}

static bool
carries(const struct session_fact *s, uint8_t family)
{
	unsigned bit = family == FAMILY_V6 ? FAMILY_BIT_V6 : FAMILY_BIT_V4;
	return !s->families || (s->families & bit);
}

/* What a session says of a prefix; UNKNOWN when its Adj-RIB-Out was not reported. A session whose families are not known
 * carries those that were reported. */
static enum announced
state_in_session(const struct report *r, const struct session_fact *s, const struct prefix *prefix, bool *carries_it)
{
	bool is_other = false;
	*carries_it = carries(s, prefix->family);
	for (size_t i = 0; i < r->n_exports; i++) {
		if (strcmp(r->exports[i].session, s->name) != 0)
			continue;
		if ((uint8_t)r->exports[i].family == prefix->family)
			return state_in_export(&r->exports[i], prefix);
		is_other = true;
	}
	*carries_it = *carries_it && (s->families || !is_other);
	return ANNOUNCED_UNKNOWN;
}

enum announced
report_session_says(const struct report *r, const struct session_fact *s, const struct prefix *prefix, bool *carries_it)
{
	enum announced a = state_in_session(r, s, prefix, carries_it);
	return is_up(s) ? a : ANNOUNCED_UNKNOWN;
}

bool
report_settles(const struct report *r, const struct prefix *prefix, enum announced goal)
{
	const unsigned needed = REPORT_SESSIONS | REPORT_EXPORTS;
	size_t have = 0;
	if ((r->sections & needed) != needed)
		return false;
	for (size_t i = 0; i < r->n_sessions; i++) {
		bool carries_it;
		if (!is_up(&r->sessions[i]))
			continue;
		enum announced a = state_in_session(r, &r->sessions[i], prefix, &carries_it);
		if (carries_it && a != goal && a != ANNOUNCED_WITHDRAWN)
			return false;
		have += carries_it && a == goal;
	}
	return have > 0 || goal == ANNOUNCED_WITHDRAWN;
}

bool
report_is_everywhere(const struct report *r, const struct prefix *prefix)
{
	for (size_t i = 0; i < r->n_sessions; i++) {
		bool carries_it;
		if (is_up(&r->sessions[i]) && state_in_session(r, &r->sessions[i], prefix, &carries_it) != ANNOUNCED_YES && carries_it)
			return false;
	}
	return report_settles(r, prefix, ANNOUNCED_YES);
}

bool
report_has_session(const struct report *r, enum family family)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		if (is_up(&r->sessions[i]) && carries(&r->sessions[i], (uint8_t)family))
			return true;
	return false;
}
