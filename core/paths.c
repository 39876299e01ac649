/* SPDX-License-Identifier: Apache-2.0
 *
 * Default paths, said once for backend and console, so that `catchment` finds `catchmentd` without an option.
 */
#include "core/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
env(const char *name)
{
	const char *value = getenv(name);
	return value && value[0] == '/' ? value : NULL;
}

void
paths_socket(char out[PATHS_MAX])
{
	if (env("CATCHMENT_SOCKET"))
		snprintf(out, PATHS_MAX, "%s", env("CATCHMENT_SOCKET"));
	else if (env("RUNTIME_DIRECTORY"))
		snprintf(out, PATHS_MAX, "%s/catchment.sock", env("RUNTIME_DIRECTORY"));
	else if (geteuid() == 0)
		snprintf(out, PATHS_MAX, "/run/catchment/catchment.sock");
	else if (env("XDG_RUNTIME_DIR"))
		snprintf(out, PATHS_MAX, "%s/catchment/catchment.sock", env("XDG_RUNTIME_DIR"));
	else
		snprintf(out, PATHS_MAX, "/tmp/catchment-%u/catchment.sock", (unsigned)geteuid());
}

void
paths_state(char out[PATHS_MAX])
{
	if (env("STATE_DIRECTORY"))
		snprintf(out, PATHS_MAX, "%s", env("STATE_DIRECTORY"));
	else if (geteuid() == 0)
		snprintf(out, PATHS_MAX, "/var/lib/catchment");
	else if (env("XDG_STATE_HOME"))
		snprintf(out, PATHS_MAX, "%s/catchment", env("XDG_STATE_HOME"));
	else
		snprintf(out, PATHS_MAX, "%s/.local/state/catchment", env("HOME") ? env("HOME") : "/tmp");
}

int
paths_make_folder(const char *path, unsigned mode, struct err *err)
{
	char part[PATHS_MAX];
	if (strlen(path) >= sizeof part)
		return err_set(err, ERR_USAGE, "the path is longer than %d bytes", PATHS_MAX - 1);
	for (const char *p = path + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
		if (mkdir(part, *p ? 0755 : mode) == -1 && errno != EEXIST)
			return err_set(err, ERR_FAILED, "%s: %s", part, strerror(errno));
		if (*p == '\0')
			return 0;
	}
}
