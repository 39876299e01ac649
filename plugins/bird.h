/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_BIRD_H
#define PLUGINS_BIRD_H

#include "core/driver.h"

/* The changing half of the BIRD driver. */
extern const struct verb bird_verbs[];

#endif
