/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ANNOUNCED_H
#define CORE_ANNOUNCED_H

#include "core/fleet.h"

/* What facts say of one prefix on the wire (Adj-RIB-Out of Established sessions); pure, ages are the caller's business. */

/* As a verdict counts it: YES when any session has it plainly, PREFER_AWAY when those that have it are all less
 * attractive, WITHDRAWN only when every Established session was reported and none has it. */
enum announced report_announced(const struct report *r, const struct prefix *prefix);
/* As a change must see it, by every Established session of the prefix's family. Withdrawn: each of them says so. Announced:
 * one has it, none has it less attractive, each was read; preferred away: the same the other way round. A session whose
 * policy never lets the prefix pass (a collector's, an iBGP session) holds nothing back: which of those without it should
 * have it, only who knows what was there before can say (backend/evidence.c). */
bool report_settles(const struct report *r, const struct prefix *prefix, enum announced goal);
/* Stricter: every Established session of the family has it, and plainly. */
bool report_is_everywhere(const struct report *r, const struct prefix *prefix);
/* What one session says of a prefix. UNKNOWN when it is not Established or its Adj-RIB-Out was not reported; *carries: does
 * it carry the prefix's family at all? */
enum announced report_session_says(const struct report *r, const struct session_fact *s, const struct prefix *prefix, bool *carries);
/* True when a session of that family is Established. */
bool report_has_session(const struct report *r, enum family family);

#endif
