/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs requests on this very machine: the same script as over SSH, given to /bin/sh as our child. For a backend that
 * lives on a node, for the local vantage and for demonstrations; it needs no key and no login.
 */
#include "backend/children.h"

static int
command(const char *dir, const struct endpoint *ep, const struct batch *b, int64_t left_ms, struct arena *a, const char **argv,
	struct err *err)
{
	(void)dir;
	(void)ep;
	(void)left_ms;
	(void)err;
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = arena_strdup(a, batch_script(b));
	argv[3] = NULL;
	return 0;
}

static const struct child_kind kind = { .name = "local", .command = command };

struct transport *
transport_local_new(struct loop *l, const struct transport_limits *limits, struct err *err)
{
	(void)err;
	return children_new(l, limits, &kind, NULL);
}
