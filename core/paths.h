/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_PATHS_H
#define CORE_PATHS_H

#include "core/err.h"

#define PATHS_MAX 4096

/*
 * Where the two halves meet and keep their things, by the XDG base directories for people and by systemd's variables for
 * services. Each writes a path of at most PATHS_MAX bytes and touches nothing on disk.
 */

/* The backend's socket: $CATCHMENT_SOCKET, $RUNTIME_DIRECTORY/catchment.sock, /run/catchment/catchment.sock for root,
 * $XDG_RUNTIME_DIR/catchment/catchment.sock, or /tmp/catchment-UID/catchment.sock. */
void paths_socket(char out[PATHS_MAX]);
/* The backend's state: $STATE_DIRECTORY, /var/lib/catchment for root, $XDG_STATE_HOME/catchment or
 * ~/.local/state/catchment. */
void paths_state(char out[PATHS_MAX]);
/* Makes a folder with its parents (mode for the last one, 0755 for the others). 0, or -1 with the path and the reason. */
int paths_make_folder(const char *path, unsigned mode, struct err *err);

#endif
