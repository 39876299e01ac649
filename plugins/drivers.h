/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_DRIVERS_H
#define PLUGINS_DRIVERS_H

#include "core/conf.h"
#include "core/driver.h"

/* The built-in driver of that name, or NULL. */
const struct driver *driver_find(const char *name);
/* The i-th built-in driver, NULL past the end. */
const struct driver *driver_at(size_t i);
/* The probe of that name, or NULL. */
const struct probe *driver_find_probe(const struct driver *d, const char *name);
/* The names that fleet.yaml may use, for conf_load. */
void driver_list_names(struct conf_names *out);

#endif
