/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ANNOUNCED_H
#define CORE_ANNOUNCED_H

#include "core/fleet.h"

/* What facts say of one prefix on the wire (Adj-RIB-Out of Established sessions); pure, ages are the caller's business. */

/* As a verdict counts it: YES when any session has it plainly, PREFER_AWAY when those that have it are all less
 * attractive, WITHDRAWN only when every Established session was reported and none has it. */
enum announced report_announced(const struct report *r, const struct prefix *prefix);
/* As a change must see it: the goal holds in every Established session of the prefix's family, and each of them says
 * so. Without such a session a prefix is withdrawn, and neither announced nor preferred away. */
bool report_settles(const struct report *r, const struct prefix *prefix, enum announced goal);
/* True when a session of that family is Established. */
bool report_has_session(const struct report *r, enum family family);

#endif
