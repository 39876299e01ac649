/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_DESCRIBE_SERVICE_H
#define CONSOLE_DESCRIBE_SERVICE_H

#include "console/pager.h"

/* The pages of a service prefix and of a service, for view_describe.c, and what view_why.c shares with them. */
void describe_prefix(struct pager *p, const struct ui *ui, size_t prefix);
void describe_service(struct pager *p, const struct ui *ui, size_t service);

/* What a PoP says of a prefix now: unknown when its facts are old. */
enum announced describe_announced(const struct ui *ui, const struct pop *pop, size_t prefix);
/* "announced by 14 of 16 PoPs, withdrawn by 1, not known of 1", with the policy's least number when it is under it. */
void describe_count(struct pager *p, const struct ui *ui, size_t prefix);
/* What witnesses have of a prefix, a line each; nothing when there is no witness. */
void describe_witnesses(struct pager *p, const struct ui *ui, const struct prefix *prefix);
/* What each vantage was answered when it asked a service, a line each. */
void describe_outside(struct pager *p, const struct ui *ui, const struct service *s);

#endif
