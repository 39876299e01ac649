/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs one Check suite; returns main's status. Prints Check's summary line. */
static inline int
suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Path of a file in the source tree, under $SOURCE_ROOT (set by meson) or the current folder. Static buffer. */
static inline const char *
source_path(const char *relative)
{
	static char path[4096];
	const char *root = getenv("SOURCE_ROOT");
	snprintf(path, sizeof path, "%s/%s", root ? root : ".", relative);
	return path;
}

#endif
