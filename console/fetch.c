/* SPDX-License-Identifier: Apache-2.0
 *
 * A blocking request for commands: a loop and a client for one call. What can be wrong with the way there is told in a
 * sentence a person can act upon, because "connection refused" at 03:00 is none.
 */
#include "console/fetch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/place.h"
#include "core/http.h"
#include "core/json.h"
#include "core/text.h"

#define DEADLINE_MS 10000

struct waiting {
	bool is_done, keeps_problems, is_lost, is_answered;
	struct buf *out;
	struct err *err;
	int rc;
};

/* The backend said no: its own words, and its code. */
static int
read_problem(const struct http_reply *reply, struct err *err)
{
	struct json_doc *doc = json_parse(reply->body, NULL);
	const struct json *o = doc ? json_root(doc) : NULL;
	char text[ERR_TEXT_MAX];
	const char *code = json_text(json_get(o, "code"), NULL);
	const char *detail = json_text(json_get(o, "detail"), json_text(json_get(o, "title"), NULL));
	if (detail)
		text_sanitise_to(slice_of(detail), text, sizeof text);
	else
		snprintf(text, sizeof text, "the backend answered with status %d", reply->status);
	err_set(err, code ? err_code_parse(code) : ERR_FAILED, "%s", text);
	json_doc_free(doc);
	return -1;
}

static void
on_done(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct waiting *w = arg;
	w->is_done = true;
	w->is_answered = reply != NULL;
	if (!reply) {
		*w->err = *err;
		w->is_lost = err->code != ERR_CONN_REFUSED && err->code != ERR_NO_ROUTE;
		w->rc = -1;
	} else if (reply->status < 200 || reply->status > 299) {
		w->rc = read_problem(reply, w->err);
		if (w->keeps_problems)
			buf_add(w->out, reply->body.data, reply->body.len);
	} else if (buf_add(w->out, reply->body.data, reply->body.len) == -1) {
		w->rc = err_set(w->err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", w->out->max);
	}
}

/* What is known of a socket that does not answer. */
static int
explain_socket(const char *path, const char *why, struct err *err)
{
	if (access(path, F_OK) == -1)
		return err_set(err, ERR_BACKEND,
			"no backend at unix:%s: nothing is there; start catchmentd --config FILE, or name its socket with "
			"--backend unix:PATH",
			path);
	if (access(path, W_OK) == -1)
		return err_set(err, ERR_BACKEND, "no backend at unix:%s: this account may not open the socket", path);
	return err_set(err, ERR_BACKEND, "no backend at unix:%s: %s", path, why);
}

static int
explain(const struct place *place, struct err *err)
{
	char why[ERR_TEXT_MAX];
	snprintf(why, sizeof why, "%.300s", err->text);
	switch (err->code) {
	case ERR_CONN_REFUSED:
	case ERR_NO_ROUTE:
	case ERR_CONN_LOST:
	case ERR_TIMEOUT:
	case ERR_PROTOCOL:
	case ERR_FAILED:
	case ERR_HOST_KEY:
		if (place->socket_path[0])
			return explain_socket(place->socket_path, why, err);
		return err_set(err, ERR_BACKEND, "no backend at %s: %s", place->where, why);
	default:
		return -1;
	}
}

static int
ask(const struct fetch_call *call, struct waiting *w)
{
	char url[HTTP_URL_MAX];
	if (place_url(call->place, call->path, url, sizeof url, w->err) == -1)
		return -1;
	struct loop *loop = loop_new(w->err);
	if (!loop)
		return -1;
	struct http *client = http_new(loop, &call->place->options, w->err);
	if (!client) {
		loop_free(loop);
		return -1;
	}
	struct http_request r = {
		.method = call->method,
		.url = url,
		.body = call->body,
		.body_max = FETCH_BODY_MAX,
		.any_status = true,
		.deadline = mono_add_ms(clock_mono(), call->deadline_ms > 0 ? call->deadline_ms : DEADLINE_MS),
	};
	place_fill(call->place, &r);
	http_start(client, &r, on_done, w);
	while (!w->is_done && loop_turn(loop, true))
		;
	http_free(client);
	loop_free(loop);
	return w->rc == 0 ? 0 : w->is_answered ? -1 : explain(call->place, w->err);
}

int
fetch(const struct place *place, const char *method, const char *path, struct buf *out, struct err *err)
{
	const struct fetch_call call = { .place = place, .method = method, .path = path };
	struct waiting w = { .out = out, .err = err };
	return ask(&call, &w);
}

int
fetch_send(const struct fetch_call *call, struct buf *out, bool *lost, struct err *err)
{
	struct waiting w = { .out = out, .err = err, .keeps_problems = true };
	int rc = ask(call, &w);
	if (lost)
		*lost = w.is_lost;
	return rc;
}
