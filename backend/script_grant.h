/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_SCRIPT_GRANT_H
#define BACKEND_SCRIPT_GRANT_H

#include "backend/auth.h"
#include "core/plan.h"

/*
 * What a token may confirm by itself. Pure.
 */
#define SCRIPT_LEASE_MAX_S (4 * 3600)

struct script_case {
	const struct conf_rules *rules;
	bool no_scripts;           /* limits.scripts: false */
	const struct account *who; /* a token; for all others everything is allowed here */
	const struct plan *plan;
	const struct hold *holds;  /* of the fleet, as they are now */
	size_t n_holds;
};
/* 0, or -1 with the sentence why a person has to approve. */
int script_check(const struct script_case *c, struct err *err);

#endif
