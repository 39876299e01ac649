/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes at the door of the API: judged, and when taken, matched against every route and read as a query. What was
 * taken must judge the same when it comes in two pieces, or the library would see another request than the door did.
 */
#include <stdint.h>
#include <stdlib.h>

#include "backend/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
route(const struct request_line *line)
{
	struct request_params params;
	struct request_query query;
	char allow[64];
	char *method = xstrndup(line->method.data, line->method.len);
	char *path = xstrndup(line->path.data, line->path.len);
	const struct route *r = routes_find(method, path, &params, allow, sizeof allow, NULL);
	if (r)
		(void)request_read_query(line->query, r->query, &query, NULL);
	free(method);
	free(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_line line;
	struct slice bytes = { (const char *)data, size < REQUEST_HEAD_MAX ? size : REQUEST_HEAD_MAX };
	enum request_head whole = request_judge(bytes, REQUEST_UNIX, &line, NULL);
	if (whole == REQUEST_GOOD)
		route(&line);
	enum request_head half = request_judge((struct slice){ bytes.data, bytes.len / 2 }, REQUEST_UNIX, &line, NULL);
	/* What was wrong or whole at half the way stays so. */
	if (half != REQUEST_MORE && half != whole)
		abort();
	return 0;
}
