/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ROUTES_H
#define BACKEND_ROUTES_H

#include "backend/api.h"
#include "backend/auth.h"
#include "backend/metrics.h"
#include "backend/refusals.h"
#include "backend/request.h"
#include "backend/sitting.h"

/*
 * The one table of what the API answers: routing, roles, /openapi.json and the tests walk it. Handlers turn the state
 * into bytes; they know no sockets. What needs a held connection (the stream) is marked and done by api.c.
 */

struct api_call {
	const struct api_conf *conf;
	const struct request_params *params;
	const struct request_query *query;
	const struct account *who; /* who is asking; scope is checked against the rules of the fleet as it is now */
	struct slice body;
	const char *accept; /* the media types that the caller takes, or NULL */
	struct mono now;
	struct wall wall;
	struct mono *last_poll;        /* when poll_now was last asked for */
	struct refusals *refusals;     /* how many were recorded lately; NULL: none are */
	const struct metrics *metrics; /* figures of the API itself */
	const struct auth_memory *memory; /* when grants were used; or NULL */
	struct sittings *sittings;
	const char *sitting;           /* the header Catchment-Sitting, or NULL */
};

#define API_REPLY_MAX (256u << 20)
struct api_reply {
	int status;
	const char *type; /* media type */
	struct buf body;
};
#define API_REPLY_INIT { .status = 200, .type = "application/json", .body = BUF_INIT(API_REPLY_MAX) }

/* Fills the reply; -1 with the reason, which then becomes problem+json. */
typedef int api_handler(const struct api_call *call, struct api_reply *reply, struct err *err);

struct route {
	const char *method, *pattern;
	enum auth_may may;   /* what its caller must be allowed to do */
	bool is_stream;      /* held open by api.c; no handler */
	bool is_shared;      /* the same bytes for all askers: may be kept for a moment */
	const char *summary;
	const char *schema;  /* name in openapi.c; "[]" behind it for an array; NULL: not JSON */
	const char *const *query; /* allowed query keys, NULL-terminated, or NULL */
	api_handler *handler;
};
const struct route *routes_table(size_t *n);

/* The route of a request; sets params. NULL: err says not found, or method not allowed with `allow` filled. */
const struct route *routes_find(const char *method, const char *path, struct request_params *params, char *allow,
	size_t allow_size, struct err *err);
/* Role check, query and handler. */
int routes_call(const struct route *r, struct slice query, struct api_call *call, struct api_reply *reply,
	struct err *err);

/* Writes an error as RFC 9457 problem+json and sets status and type. */
void api_reply_problem(struct api_reply *reply, const struct err *err);

#endif
