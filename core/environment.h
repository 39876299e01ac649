/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENVIRONMENT_H
#define CORE_ENVIRONMENT_H

/* Takes out of the environment what may not steer a tool that people use during an outage: proxies, key logs, libraries to
 * load first, agents (SAFETY.md D98). Called first thing by both mains; children inherit the rest. */
void environment_clean(void);

#endif
