/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HTTP_JUDGE_H
#define CORE_HTTP_JUDGE_H

#include "core/http.h"

/* What both HTTP clients say of an answer, so that an operator reads one sentence for one cause. `where` is the host and
 * port as written in the URL. All but http_judge_where set err and return -1, or return 0 where that is said. */

#define HTTP_WHERE_MAX 300

/* "10.0.0.12:8053", "[2001:db8::1]:80" */
void http_judge_where(const struct http_url *url, char out[HTTP_WHERE_MAX]);
/* A status that is not 200. */
int http_judge_status(const char *where, int status, struct err *err);
/* 0 if `type` (or NULL: none was sent) is the wanted one, with parameters or not; `wanted` NULL takes any. */
int http_judge_type(const char *where, const char *type, const char *wanted, struct err *err);
/* No connection, for the reason in `cause` (errno, 0 unknown: then `words`). */
int http_judge_connect(const char *where, int cause, const char *words, struct err *err);
/* The connection ended before the answer did; `got` bytes of the body had come. */
int http_judge_lost(const char *where, size_t got, struct err *err);
/* More of a body than `max` bytes. */
int http_judge_large(const char *where, size_t max, struct err *err);
/* The deadline passed; `got` is NULL before the answer's header was whole. */
int http_judge_late(const char *where, bool is_connected, const size_t *got, int64_t allowed_ms, struct err *err);

#endif
