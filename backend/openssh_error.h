/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_OPENSSH_ERROR_H
#define BACKEND_OPENSSH_ERROR_H

#include "core/buf.h"

/* What the system's ssh meant by what it printed on standard error: code and sentence. 0 if it is no message of ssh's own.
 * Pure. */
int openssh_explain(struct slice text, struct err *err);

#endif
