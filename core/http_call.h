/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HTTP_CALL_H
#define CORE_HTTP_CALL_H

#include "core/http.h"

/* What a call is to those who hold one: either of the two clients behind http.h begins its own struct with this. */
struct http_call {
	/* Ends the call without a word to its owner. */
	void (*cancel)(struct http_call *c);
};

#endif
