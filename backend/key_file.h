/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_KEY_FILE_H
#define BACKEND_KEY_FILE_H

#include "core/buf.h"

/* Looks at a private key before it is used, since libssh2 says the same number for most mistakes. */
#define KEY_FILE_MAX 65536

/* 0 when the file looks usable for libssh2; ERR_CREDENTIAL (missing, unreadable, passphrase) or ERR_KEX (a type that
 * libssh2 1.10 cannot sign with, but the system's ssh can) with the reason. */
int key_file_check(const char *path, struct err *err);
/* The same from its content. */
int key_file_judge(struct slice text, const char *path, struct err *err);

#endif
