/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_REQUEST_H
#define BACKEND_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"

/*
 * The door of the HTTP API: the head of a request as raw bytes, judged before the HTTP library sees it, and the reading
 * of paths and queries. Pure; every byte is hostile.
 */

#define REQUEST_HEAD_MAX   8192  /* request line and headers */
#define REQUEST_LINES_MAX  100   /* header lines */
#define REQUEST_TARGET_MAX 2048
#define REQUEST_BODY_MAX   65536
#define REQUEST_TOKEN_MAX  256

enum request_head {
	REQUEST_MORE, /* fine so far, the empty line has not come yet */
	REQUEST_GOOD, /* the library may have it */
	REQUEST_BAD,  /* err says why; answer and close */
};
/* The unix socket knows its callers by uid: a Host is localhost, and a token has no business there. Over TLS the caller
 * of the judge compares the Host with the certificate and asks who holds the token. */
enum request_door { REQUEST_UNIX, REQUEST_TLS };
struct request_line {
	struct slice method, path, query; /* as sent, borrowed from the bytes judged */
	struct slice host, token;         /* token: behind "Authorization: Bearer"; empty when there is none */
};
/* Judges what has arrived of one request; *line is set when it is good. */
enum request_head request_judge(struct slice bytes, enum request_door door, struct request_line *line, struct err *err);

/* Decodes %XX once; -1 for a broken escape, a control character, invalid UTF-8, or what does not fit. */
int request_decode(struct slice in, char *out, size_t size);

#define REQUEST_PARAMS_MAX 2
#define REQUEST_PARAM_SIZE 128
struct request_params {
	size_t n;
	char value[REQUEST_PARAMS_MAX][REQUEST_PARAM_SIZE]; /* decoded */
};
/* True if the path matches a pattern such as "/v1/pops/{pop}": segment by segment, split before decoding, so that an
 * escaped slash never makes a segment. An empty, "." or ".." segment matches nothing. */
bool request_match(const char *pattern, const char *path, struct request_params *params);

#define REQUEST_QUERY_MAX  8
#define REQUEST_VALUE_SIZE 128
struct request_query {
	size_t n;
	const char *key[REQUEST_QUERY_MAX]; /* borrowed from `allowed` */
	char value[REQUEST_QUERY_MAX][REQUEST_VALUE_SIZE];
};
/* Reads "pop=fra&verdict=ok"; a key that is not allowed, or stands twice, is an error. `allowed` is a NULL-terminated
 * list of at most REQUEST_QUERY_MAX keys, or NULL for none. A plus sign is a plus sign. */
int request_read_query(struct slice text, const char *const *allowed, struct request_query *q, struct err *err);
/* The value of a key, or NULL. */
const char *request_value(const struct request_query *q, const char *key);

#endif
