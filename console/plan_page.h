/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_PLAN_PAGE_H
#define CONSOLE_PLAN_PAGE_H

#include "console/pager.h"
#include "core/plan.h"

/*
 * A plan as a page: what a person reads before confirming, in the dashboard's prompt and on the command line. Drawn from
 * the plan's own bytes and from nothing else; what speaks against it stands first. `hash` is shown whole at the end.
 */
void plan_page_write(struct pager *p, const struct plan *plan, const char *hash);
/* The same for a terminal that scrolls: details first, so that what matters stands last, above the question. */
void plan_page_write_scroll(struct pager *p, const struct plan *plan, const char *hash);

/* "drain fra, then ams" */
void plan_page_title(const struct plan *plan, char *out, size_t size);
/* How many gates pass, warn, refuse. */
void plan_page_count(const struct plan *plan, size_t counts[3]);

#endif
