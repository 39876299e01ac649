/* SPDX-License-Identifier: Apache-2.0
 *
 * What drain and undrain have in common whatever the daemon: a target is judged by what is on the wire (core/announced),
 * steps have a sentence that fits a screen, and the facts that a plan rests on must be there before one is made. The
 * verbs of bird, frr and agent are built of it; nothing here knows any of them.
 */
#include "plugins/verbs.h"

#include "core/text.h"

bool
verbs_has_prefix(const struct target *t, const struct prefix *p)
{
	for (size_t i = 0; i < t->n_prefixes; i++)
		if (prefix_equal(&t->prefixes[i], p))
			return true;
	return false;
}

enum announced
verbs_state(const struct report *r, const struct target *t)
{
	enum announced sum = ANNOUNCED_WITHDRAWN;
	bool is_unknown = t->n_prefixes == 0;
	for (size_t i = 0; i < t->n_prefixes; i++) {
		enum announced a = report_announced(r, &t->prefixes[i]);
		is_unknown = is_unknown || a == ANNOUNCED_UNKNOWN;
		if (a == ANNOUNCED_YES || (a == ANNOUNCED_PREFER_AWAY && sum == ANNOUNCED_WITHDRAWN))
			sum = a;
	}
	return is_unknown ? ANNOUNCED_UNKNOWN : sum;
}

bool
verbs_settled(const struct report *r, const struct target *t)
{
	for (size_t i = 0; i < t->n_prefixes; i++)
		if (!report_settles(r, &t->prefixes[i], t->goal))
			return false;
	return t->n_prefixes > 0;
}

const char *
verbs_count_text(struct arena *a, const struct prefix *first, size_t many)
{
	char text[PREFIX_TEXT_MAX];
	prefix_format(first, text);
	return many > 1 ? arena_printf(a, "%s and %zu more", text, many - 1) : arena_strdup(a, text);
}

struct step *
verbs_add_step(struct steps *s, enum step_kind kind, const char *what, struct err *err)
{
	char clean[STEP_WHAT_MAX + 1];
	struct step *step = steps_add(s);
	if (!step) {
		err_set(err, ERR_TOO_LARGE, "more than %d steps would be needed on one node", STEPS_MAX);
		return NULL;
	}
	text_sanitise_to(slice_of(what), clean, sizeof clean);
	step->what = arena_strdup(s->arena, clean);
	step->kind = kind;
	step->has_undo = true;
	return step;
}

int
verbs_check_facts(const struct node *node, unsigned more, struct err *err)
{
	const unsigned needed = REPORT_SESSIONS | REPORT_EXPORTS | more;
	unsigned missing = needed & ~node->facts->sections;
	if (missing == 0)
		return 0;
	return err_set(err, ERR_STALE, "it is not known %s of %s, so that nothing can be planned there",
		missing & REPORT_SESSIONS ? "which sessions there are" :
		missing & REPORT_EXPORTS ? "what is on the wire" : "what originates the prefixes", node->name);
}

void
verbs_list_add(struct verbs_list *l, const struct prefix *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (prefix_equal(&l->prefixes[i], p))
			return;
	if (l->n < VERBS_LIST_MAX)
		l->prefixes[l->n++] = *p;
}

const char *
verbs_list_text(struct arena *a, const struct verbs_list *l)
{
	struct buf out = BUF_INIT(VERBS_LIST_MAX * PREFIX_TEXT_MAX);
	for (size_t i = 0; i < l->n; i++) {
		char text[PREFIX_TEXT_MAX];
		prefix_format(&l->prefixes[i], text);
		buf_printf(&out, "%s%s", i ? " " : "", text);
	}
	const char *list = l->n ? arena_strdup(a, buf_text(&out)) : NULL;
	buf_done(&out);
	return list;
}
