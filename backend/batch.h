/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_BATCH_H
#define BACKEND_BATCH_H

#include "backend/transport.h"

/*
 * A request of several commands as one shell script, and the way back from its two streams to one part a command.
 * Pure: bytes in, bytes out. Used by every transport that runs commands.
 */
struct batch;

#define BATCH_NONCE_LEN  32    /* hexadecimal digits */
#define BATCH_SCRIPT_MAX 28000 /* one SSH exec request must fit into one packet */

/* Builds the script. `request` must outlive the batch. `nonce` is BATCH_NONCE_LEN random hexadecimal digits, unused
 * before; `timeout_ms` is the time left for the whole request. NULL with the reason in err. */
struct batch *batch_new(const struct request *request, const struct transport_limits *limits, const char *nonce, int64_t timeout_ms,
	struct err *err);
void batch_free(struct batch *b);

/* The script itself, for `/bin/sh -c`. */
const char *batch_script(const struct batch *b);
/* The same as one line for a login shell of unknown kind: exec /bin/sh -c '...'. */
const char *batch_login_line(const struct batch *b);

/* What arrived on the streams. More than the limits is counted and dropped. */
void batch_feed_out(struct batch *b, const char *data, size_t len);
void batch_feed_err(struct batch *b, const char *data, size_t len);
/* True once reading on is of no use: both final trailers were seen, or standard output passed its ceiling. */
bool batch_is_over(const struct batch *b);

/* True when the script has started, whatever came then. */
bool batch_has_begun(const struct batch *b);
/* All of standard error so far, for those who must find out why it never began. */
struct slice batch_stderr(const struct batch *b);

enum batch_end_kind {
	BATCH_END_EXIT,   /* streams closed in order; `status` if known, else -1 */
	BATCH_END_SIGNAL, /* a signal ended it; `signal_name` says which */
	BATCH_END_LOST,   /* the connection went away */
};
struct batch_end {
	enum batch_end_kind kind;
	int status;
	const char *signal_name; /* "KILL" */
};
/* Judges what was fed. 0 with a whole reply (borrowed from the batch), or -1: a reply without all of its trailers is a
 * failure whatever the exit status says. A command that was killed or stopped has status 128 + signal or 124 and no
 * output; if all were, the request has failed. `end` is not looked at when batch_is_over. */
int batch_finish(struct batch *b, const struct batch_end *end, struct reply *reply, struct err *err);

#endif
