/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a plan: what is read must be written as the very same bytes, compare as itself, and never crash. A good
 * start is a plan that test_planner writes to $PLAN_CORPUS.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = { (const char *)data, size };
	struct buf again = BUF_INIT(PLAN_BYTES_MAX);
	struct reasons differ;
	struct plan *p = plan_read(bytes, NULL);
	if (!p)
		return 0;
	plan_write(p, &again);
	if (again.len != size || memcmp(again.data, data, size) != 0 || plan_compare_basis(p, p, &differ) != 0)
		abort();
	buf_done(&again);
	plan_free(p);
	return 0;
}
