/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HTTP_PLAIN_H
#define CORE_HTTP_PLAIN_H

#include <sys/types.h>

#include "core/http.h"

/*
 * The plain client behind http.h: GET of a page over http:// from a literal address, on a kept connection. It promises
 * what http.h promises, and refuses more than curl does: a header line that is folded or does not end in CR LF, a body
 * whose length is said twice or in two ways, an encoding other than chunks, extensions and trailers of chunks.
 */
struct http_plain;

struct http_plain *http_plain_new(struct loop *l);
/* Calls under way end with ERR_CONN_LOST before it returns. */
void http_plain_free(struct http_plain *p);
/* NULL if the plain client cannot do this request: nothing was begun then. */
struct http_call *http_plain_start(struct http_plain *p, const struct http_request *r, const struct http_url *url,
	http_done_fn *done, void *arg);
size_t http_plain_calls(const struct http_plain *p);

/* The head of an answer, without I/O: what the client and its fuzzing tests read it with. */
struct http_head {
	int status;
	bool is_chunked, may_keep; /* may_keep: the connection may serve another request */
	int64_t length;            /* of the body, -1: until chunks or the connection end */
	struct slice type;         /* Content-Type, points into the head; data NULL: none */
};

#define HTTP_HEAD_MAX 32768

/* Bytes of the head at the start of `in`, its empty line included; 0 if it is not whole yet but could become one; -1 with
 * what is wrong, to be put behind the server's name ("sends a compressed body …"). `*seen` is 0 at first and belongs to
 * this function: bytes looked at before are not looked at again. */
ssize_t http_head_read(struct slice in, size_t *seen, struct http_head *out, struct err *err);

/* The chunks of a body, fed in any portions. Zeroed at first. */
struct http_chunks {
	int state;
	unsigned digits;
	size_t left; /* of the present chunk */
};

/* Takes chunks off the front of `in` and appends what they carry to `body`. 1 when the last one was read, 0 when more must
 * come, -1 with what is wrong: ERR_TOO_LARGE when `body` is full. */
int http_chunks_read(struct http_chunks *c, struct slice *in, struct buf *body, struct err *err);

#endif
