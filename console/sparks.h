/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_SPARKS_H
#define CONSOLE_SPARKS_H

#include "console/ui.h"
#include "core/json.h"

/*
 * The rings of query rates that the backend sends with a snapshot, turned into the console's own step, so that a console
 * opened in the middle of an incident shows how it began. `snapshot` is the document of /v1/fleet, `f` the fleet that was
 * read from it; only rings that are still empty are filled. What is missing or malformed stays empty.
 */
void sparks_read(const struct json *snapshot, const struct fleet *f, struct spark *pops, struct spark *nodes);

#endif
