/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_FRR_H
#define PLUGINS_FRR_H

#include "core/driver.h"

/*
 * What the reading and the changing half of the FRR driver agree upon: origin_fact.by. Facts of no prefix come from the
 * running configuration; without FRR_ROUTER it was not read.
 */
#define FRR_NETWORK "network"                /* then what follows the prefix: "network route-map X" */
#define FRR_ROUTER  "router bgp "            /* then the AS number of the default instance */
#define FRR_GSHUT   "bgp graceful-shutdown"

extern const struct verb frr_verbs[];

#endif
