/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_OPENAPI_H
#define BACKEND_OPENAPI_H

#include "backend/routes.h"
#include "core/json.h"

/* Writes the OpenAPI 3.1 document of a route table. Every schema named by a route must be described here (tested). */
void openapi_write(const struct route *routes, size_t n, struct json_writer *w);

#endif
