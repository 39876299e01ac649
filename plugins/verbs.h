/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_VERBS_H
#define PLUGINS_VERBS_H

#include "core/announced.h"
#include "core/driver.h"

/* What the drain and undrain of all drivers share. */

/* Is it a prefix of the target? */
bool verbs_has_prefix(const struct target *t, const struct prefix *p);
/* The target's prefixes together, the most attractive counts; UNKNOWN when any is. */
enum announced verbs_state(const struct report *r, const struct target *t);
/* verb.settled of every driver: report_settles for all prefixes of the target. */
bool verbs_settled(const struct report *r, const struct target *t);
/* "192.0.2.0/24" or "192.0.2.0/24 and 3 more"; of `many` prefixes the first. Borrowed from the arena. */
const char *verbs_count_text(struct arena *a, const struct prefix *first, size_t many);
/* Appends a step with its sentence, which is clipped to STEP_WHAT_MAX. NULL with the reason when there are too many. */
struct step *verbs_add_step(struct steps *s, enum step_kind kind, const char *what, struct err *err);
/* 0 when sessions, exports and the sections in `more` are known; -1 with a sentence. */
int verbs_check_facts(const struct node *node, unsigned more, struct err *err);

/* A list of prefixes under construction, each once, for step.collateral. */
#define VERBS_LIST_MAX 64
struct verbs_list {
	size_t n;
	struct prefix prefixes[VERBS_LIST_MAX];
};
void verbs_list_add(struct verbs_list *l, const struct prefix *p);
/* "198.51.100.0/24 203.0.113.0/24"; NULL when there are none. */
const char *verbs_list_text(struct arena *a, const struct verbs_list *l);

#endif
