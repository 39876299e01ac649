/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_DNSPROBE_H
#define BACKEND_DNSPROBE_H

#include "core/loop.h"

/*
 * The question from outside: one DNS query over UDP with EDNS, DO set, and the NSID option (RFC 5001), asked from the backend
 * itself, and what came back. Not a resolver: no retries over TCP, no following, no cache. A name server that answers
 * anything at all answers; silence, refusal by ICMP and nonsense are told apart.
 */
struct dnsprobe;

struct dnsprobe_question {
	const char *address; /* literal */
	uint16_t port;
	const char *name;    /* "example.com" */
	const char *type;    /* "SOA" */
};

struct dnsprobe_answer {
	bool is_answered;
	char rcode[16];     /* "NOERROR"; "" when not answered */
	char identity[128]; /* NSID, sanitised; "" when none was given */
	int64_t rtt_us;     /* -1 unknown */
	int64_t serial;     /* of a SOA in the answer, -1 none */
	int64_t signed_until; /* end of the last of its signatures (RFC 4034), in seconds since 1970; -1: none came with it */
	enum err_code error; /* ERR_OK, ERR_TIMEOUT, ERR_CONN_REFUSED, ERR_NO_ROUTE, ERR_USAGE … */
	char text[160];     /* why not, in a sentence; "" when answered */
};

/* Called once per question, from the loop; never from inside dnsprobe_ask. */
typedef void dnsprobe_done_fn(void *arg, const struct dnsprobe_answer *answer);

/* At most `limit` questions are under way; more are answered ERR_BUSY. */
struct dnsprobe *dnsprobe_new(struct loop *l, size_t limit);
/* Questions under way are dropped without a call. NULL is allowed. */
void dnsprobe_free(struct dnsprobe *d);
/* Asks; sends once more at half the time to the deadline. All strings are copied. */
void dnsprobe_ask(struct dnsprobe *d, const struct dnsprobe_question *q, int64_t timeout_ms, dnsprobe_done_fn *done, void *arg);
/* Drops all questions under way without a call. */
void dnsprobe_forget(struct dnsprobe *d);

#endif
