/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_IMPORT_H
#define CORE_IMPORT_H

#include "core/buf.h"
#include "core/conf.h"

/* A first fleet.yaml from an inventory that a team already has. */

#define IMPORT_FILE_MAX  (32u << 20) /* bytes read */
#define IMPORT_HOSTS_MAX CONF_NODES_MAX

/* The i-th kind that can be read ("ansible"), NULL past the last. */
const char *import_kind(size_t i);

/*
 * Reads an inventory of that kind and appends fleet.yaml to `out`. What nobody can know is marked
 * FILL_IN; what was guessed and what was left out stands in comments. `source` names the inventory
 * in the first comment. -1 when the text is not of that kind or has no hosts.
 */
int import_write(const char *kind, struct slice text, const char *source,
	const struct conf_names *names, struct buf *out, struct err *err);

#endif
