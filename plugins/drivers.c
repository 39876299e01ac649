/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of drivers, built from the one list drivers.def. The backend looks drivers up by the name that stands in
 * fleet.yaml; tests walk them all.
 */
#include "plugins/drivers.h"

#include <string.h>

#define DRIVER(name) extern const struct driver driver_##name;
#include "plugins/drivers.def"
#undef DRIVER

static const struct driver *const drivers[] = {
#define DRIVER(name) &driver_##name,
#include "plugins/drivers.def"
#undef DRIVER
	NULL,
};

const struct driver *
driver_at(size_t i)
{
	return i < sizeof drivers / sizeof drivers[0] ? drivers[i] : NULL;
}

const struct driver *
driver_find(const char *name)
{
	for (size_t i = 0; drivers[i]; i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	return NULL;
}

const struct probe *
driver_find_probe(const struct driver *d, const char *name)
{
	for (const struct probe *p = d->probes; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

void
driver_list_names(struct conf_names *out)
{
	out->n = 0;
	for (size_t i = 0; drivers[i] && out->n < CONF_DRIVERS_MAX; i++)
		out->drivers[out->n++] = (struct conf_driver){
			.name = drivers[i]->name,
			.roles = drivers[i]->roles,
			.needs_url = drivers[i]->needs_url,
			.takes_url = drivers[i]->takes_url,
		};
}
