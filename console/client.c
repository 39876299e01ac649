/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of the dashboard. A state machine of six: FETCHING the snapshot, then the EVENTS so
 * far, then the operations (OPS), then who it is taken for (WHO), then FOLLOWING the stream; WAITING between two attempts. Each connection starts with a
 * snapshot, so what is on the screen never rests on what was missed; what does not fit the snapshot
 * (a node unknown, a resync) leads back to FETCHING.
 *
 * The backend is AWAY when a call failed, the stream broke, or nothing was heard for a second and a
 * question to /healthz then got no answer within 1.4 s: also a backend that is stopped or swapped
 * out is found out within three seconds. While it is away the last picture stays, and the screen
 * says that it is not current.
 *
 * Who may act sits: the client begins a sitting once, names it in every request, and tells the backend of keys, at most
 * once in a quarter of the time after which it would lapse. When it has lapsed, it has for good, also over reconnections;
 * a backend that was started anew and knows it no longer gives another if a key was pressed lately.
 *
 * Sparklines begin with the rings of the first snapshot and go on as the client's own: a sample
 * every five seconds of what is known then, and nothing where it is not.
 */
#include "console/client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "console/offer.h"
#include "console/sparks.h"
#include "console/place.h"
#include "console/sse.h"
#include "core/text.h"

#define SNAPSHOT_BYTES_MAX (256u << 20)
#define FETCH_MS           10000
#define STREAM_START_MS    5000
#define STREAM_QUIET_MS                                                                            \
	40000 /* heartbeats come every 15 s; a dead peer is found by /healthz long before */
#define WATCH_MS       500
#define SILENCE_MS     1000
#define PING_MS        1400
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS   5000
#define REFETCH_MS     1000 /* a stream that never fits its snapshot must not become a busy loop */
#define EVENTS_MAX     2000
#define OPS_MAX        256 /* the newest; more are on the command line */
#define SEND_MS        15000
#define HERE_MS        60000 /* at most so often it is told that keys are pressed */
#define LAPSE_LATE_MS  300

enum client_state { CLIENT_WAITING, CLIENT_FETCHING, CLIENT_EVENTS, CLIENT_OPS, CLIENT_WHO, CLIENT_FOLLOWING };

struct client {
	struct client_conf conf;
	char url[HTTP_URL_MAX]; /* of the request being made */
	struct loop *loop;
	struct http *http;
	enum client_state state;
	struct http_call *call; /* of the present state; NULL in WAITING */
	struct http_call *ping, *refresh, *act;
	struct buf act_body; /* of the request under way */
	unsigned act_number;
	struct loop_timer *retry, *watch, *sample;
	int64_t retry_ms;
	struct sse sse;
	bool must_refetch; /* seen inside a callback of the stream */
	struct mono last_fetch;
	struct fleet *fleet;
	struct spark *pop_sparks, *node_sparks;
	struct event *events;
	size_t n_events;
	struct operation *ops; /* newest last */
	size_t n_ops, cap_ops;
	char why_not[200]; /* see struct ui */
	bool is_approver;
	char sitting[64], sitting_header[96]; /* "": none */
	const char *headers[1];
	bool may_more;     /* than look: a sitting is worth to begin */
	bool has_lapsed;   /* for good */
	int64_t idle_ms;   /* a sitting lapses so long after the last key */
	struct mono last_key, last_here;
	struct http_call *sit; /* tells or asks about the sitting, beside the states above */
	struct loop_timer *here, *lapse;
	bool is_here_due;
	struct link link;
};

static void start_fetch(struct client *c);

static void
say_changed(struct client *c)
{
	if (c->conf.changed)
		c->conf.changed(c->conf.arg);
}

static void
hear(struct client *c)
{
	c->link.heard = loop_now(c->loop);
}

/* A request for a path; its URL stands in the client until it is started, which copies it. */
static struct http_request
request(struct client *c, const char *path, int64_t deadline_ms)
{
	if (place_url(c->conf.place, path, c->url, sizeof c->url, NULL) == -1)
		c->url[0] = '\0'; /* told by http_start like any URL that is none */
	struct http_request r = {
		.url = c->url,
		.accept = "application/json",
		.body_max = SNAPSHOT_BYTES_MAX,
		.deadline = mono_add_ms(loop_now(c->loop), deadline_ms),
	};
	if (c->sitting[0]) {
		r.headers = c->headers;
		r.n_headers = 1;
	}
	place_fill(c->conf.place, &r);
	return r;
}

static int64_t
with_jitter(int64_t ms)
{
	uint16_t r = 0;
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
		r = 0;
	return ms +
	       ms * (r % 256) /
	               1024; /* up to a quarter more: many consoles must not come back as one */
}

static void
cancel(struct http_call **call)
{
	if (*call)
		http_cancel(*call);
	*call = NULL;
}

/* In the banner's few columns the code's words say enough where the sentence only adds the socket's
 * path. */
static const char *
short_reason(const struct err *err)
{
	switch (err->code) {
	case ERR_CONN_REFUSED:
	case ERR_CONN_LOST:
	case ERR_NO_ROUTE:
	case ERR_TIMEOUT:
		return err_code_text(err->code);
	default:
		return err->text;
	}
}

/* The link is lost: say why, keep the picture, try again in a while. */
static void
lose(struct client *c, const char *why)
{
	int64_t wait = with_jitter(c->retry_ms);
	cancel(&c->call);
	cancel(&c->ping);
	sse_restart(&c->sse);
	c->state = CLIENT_WAITING;
	c->link.state = LINK_AWAY;
	text_sanitise_to(slice_of(why), c->link.problem, sizeof c->link.problem);
	c->link.retry = mono_add_ms(loop_now(c->loop), wait);
	loop_timer_set(c->retry, wait, 0);
	c->retry_ms = c->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : c->retry_ms * 2;
	say_changed(c);
}

static void
keep_sparks(struct client *c, const struct fleet *fresh)
{
	struct spark *pops = xcalloc(fresh->n_pops + 1, sizeof *pops);
	struct spark *nodes = xcalloc(fresh->n_nodes + 1, sizeof *nodes);
	for (size_t i = 0; i < fresh->n_pops; i++) {
		size_t old = fleet_find_pop(c->fleet, fresh->pops[i].name);
		if (old != SIZE_MAX)
			pops[i] = c->pop_sparks[old];
	}
	for (size_t i = 0; i < fresh->n_nodes; i++) {
		size_t old = fleet_find_node(c->fleet, fresh->nodes[i].name);
		if (old != SIZE_MAX)
			nodes[i] = c->node_sparks[old];
	}
	free(c->pop_sparks);
	free(c->node_sparks);
	c->pop_sparks = pops;
	c->node_sparks = nodes;
}

static void
add_sample(struct spark *s, double value)
{
	if (s->n == SPARK_SAMPLES) {
		memmove(s->samples, s->samples + 1, (SPARK_SAMPLES - 1) * sizeof *s->samples);
		s->n--;
	}
	s->samples[s->n++] = value;
}

static void
on_sample(void *arg)
{
	struct client *c = arg;
	struct mono now = loop_now(c->loop);
	bool is_live = c->link.state == LINK_LIVE;
	for (size_t i = 0; i < c->fleet->n_pops; i++) {
		const struct pop *p = &c->fleet->pops[i];
		add_sample(&c->pop_sparks[i],
			is_live && !pop_is_stale(c->fleet, p, now) ? p->qps : NAN);
	}
	for (size_t i = 0; i < c->fleet->n_nodes; i++) {
		const struct node *n = &c->fleet->nodes[i];
		add_sample(&c->node_sparks[i], is_live && !node_is_stale(n, now) ? n->qps : NAN);
	}
	say_changed(c);
}

static int
take_snapshot(struct client *c, struct slice body, struct err *err)
{
	struct json_doc *doc = json_parse(body, err);
	struct fleet *fresh = doc ? wire_read_fleet(json_root(doc), loop_now(c->loop), err) : NULL;
	if (fresh) {
		keep_sparks(c, fresh);
		sparks_read(json_root(doc), fresh, c->pop_sparks, c->node_sparks);
	}
	json_doc_free(doc);
	if (!fresh)
		return -1;
	fleet_free(c->fleet);
	c->fleet = fresh;
	return 0;
}

static void
add_event(struct client *c, const struct event *e)
{
	if (c->n_events > 0 && e->id <= c->events[c->n_events - 1].id)
		return;
	if (c->n_events == EVENTS_MAX) {
		memmove(c->events, c->events + 1, (EVENTS_MAX - 1) * sizeof *c->events);
		c->n_events--;
	}
	c->events[c->n_events++] = *e;
}

static int
take_events(struct client *c, struct slice body, struct err *err)
{
	struct json_doc *doc = json_parse(body, err);
	const struct json *list = doc ? json_root(doc) : NULL;
	if (!doc)
		return -1;
	size_t n = json_length(list);
	c->n_events = 0;
	for (size_t i = n > EVENTS_MAX ? n - EVENTS_MAX : 0; i < n; i++) {
		struct event e;
		if (wire_read_event(json_at(list, i), &e, NULL) == 0)
			add_event(c, &e);
	}
	json_doc_free(doc);
	return 0;
}

static void
take_change(struct client *c, struct slice data)
{
	struct err err = ERR_INIT;
	size_t node;
	struct json_doc *doc = json_parse(data, &err);
	if (!doc || wire_apply(c->fleet, json_root(doc), loop_now(c->loop), &node, &err) == -1)
		c->must_refetch = true;
	json_doc_free(doc);
}

static void
take_event(struct client *c, struct slice data)
{
	struct event e;
	struct json_doc *doc = json_parse(data, NULL);
	if (doc && wire_read_event(json_root(doc), &e, NULL) == 0)
		add_event(c, &e);
	json_doc_free(doc);
}

static void
forget_ops(struct client *c)
{
	for (size_t i = 0; i < c->n_ops; i++)
		operation_done(&c->ops[i]);
	c->n_ops = 0;
}

/* Takes an operation over: in its place, or as the newest. The oldest that is over makes room. */
static void
put_op(struct client *c, struct operation *op)
{
	size_t i = 0;
	while (i < c->n_ops && strcmp(c->ops[i].id, op->id) != 0)
		i++;
	if (i < c->n_ops) {
		operation_done(&c->ops[i]);
		c->ops[i] = *op;
		return;
	}
	if (c->n_ops == OPS_MAX) {
		size_t out = 0;
		while (out + 1 < c->n_ops && !op_state_is_final(c->ops[out].state))
			out++;
		operation_done(&c->ops[out]);
		memmove(&c->ops[out], &c->ops[out + 1], (c->n_ops - out - 1) * sizeof *c->ops);
		c->n_ops--;
	}
	c->ops = xgrow(c->ops, &c->cap_ops, c->n_ops + 1, sizeof *c->ops);
	c->ops[c->n_ops++] = *op;
}

static void
take_op(struct client *c, const struct json *object)
{
	struct operation op = { 0 };
	if (offer_read_operation(object, &op, NULL) == 0)
		put_op(c, &op);
	else
		operation_done(&op);
}

static void
take_ops(struct client *c, struct slice body)
{
	struct json_doc *doc = json_parse(body, NULL);
	const struct json *list = doc ? json_root(doc) : NULL;
	forget_ops(c);
	for (size_t i = 0; i < json_length(list); i++)
		take_op(c, json_at(list, i));
	json_doc_free(doc);
}

static void
take_op_event(struct client *c, struct slice data)
{
	struct json_doc *doc = json_parse(data, NULL);
	if (doc)
		take_op(c, json_root(doc));
	json_doc_free(doc);
}

static void
on_sse(void *arg, const char *event, struct slice data)
{
	struct client *c = arg;
	if (strcmp(event, "change") == 0 || strcmp(event, "seen") == 0)
		take_change(c, data);
	else if (strcmp(event, "event") == 0)
		take_event(c, data);
	else if (strcmp(event, "op") == 0)
		take_op_event(c, data);
	else if (strcmp(event, "resync") == 0)
		c->must_refetch = true;
	/* others belong to a later version */
}

static void
fetch_again(struct client *c)
{
	int64_t wait = REFETCH_MS - mono_ms_since(loop_now(c->loop), c->last_fetch);
	cancel(&c->call);
	c->state = CLIENT_WAITING;
	loop_timer_set(c->retry, wait > 0 ? wait : 0, 0);
}

static void
on_chunk(void *arg, struct slice bytes)
{
	struct client *c = arg;
	struct err err = ERR_INIT;
	hear(c);
	if (sse_feed(&c->sse, bytes, on_sse, c, &err) == -1) {
		lose(c, err.text);
		return;
	}
	if (c->must_refetch)
		fetch_again(c);
	say_changed(c);
}

static void
on_stream_end(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	c->call = NULL;
	lose(c, reply ? "the backend ended the stream" : short_reason(err));
}

static void
start_stream(struct client *c)
{
	char last[64];
	const char *headers[1] = { last };
	struct http_request r = request(c, "/v1/stream", STREAM_START_MS);
	snprintf(last, sizeof last, "Last-Event-ID: %llu", (unsigned long long)c->fleet->revision);
	r.accept = "text/event-stream";
	r.headers = headers;
	r.n_headers = 1;
	r.chunk = on_chunk;
	r.quiet_ms = STREAM_QUIET_MS;
	sse_restart(&c->sse);
	c->state = CLIENT_FOLLOWING;
	c->retry_ms = RETRY_FIRST_MS;
	c->link.state = LINK_LIVE;
	c->call = http_start(c->http, &r, on_stream_end, c);
	say_changed(c);
}

/* --- the sitting --- */

/* It is over, and this client begins no other. */
static void
take_lapse(struct client *c, const char *sentence)
{
	snprintf(c->why_not, sizeof c->why_not, "%s", sentence);
	c->is_approver = false;
	loop_timer_stop(c->here);
	loop_timer_stop(c->lapse);
	if (!c->has_lapsed && c->conf.told)
		c->conf.told(c->conf.arg, sentence);
	c->has_lapsed = true;
}

static void
begin_waiting(struct client *c, int64_t left_ms)
{
	c->idle_ms = left_ms > c->idle_ms ? left_ms : c->idle_ms;
	loop_timer_set(c->lapse, left_ms + LAPSE_LATE_MS, 0);
}

static void
take_sitting(struct client *c, const struct json *o)
{
	char lapsed[200];
	double left_s = json_double(json_get(o, "lapses_s"), NAN);
	text_sanitise_to(json_slice(json_get(o, "lapsed")), lapsed, sizeof lapsed);
	slice_copy(json_slice(json_get(o, "sitting")), c->sitting, sizeof c->sitting);
	if (strspn(c->sitting, "0123456789abcdef") != strlen(c->sitting))
		c->sitting[0] = '\0';
	snprintf(c->sitting_header, sizeof c->sitting_header, "Catchment-Sitting: %s", c->sitting);
	c->headers[0] = c->sitting_header;
	if (lapsed[0])
		take_lapse(c, lapsed);
	else if (left_s >= 0 && left_s < 8 * 86400)
		begin_waiting(c, (int64_t)(left_s * 1000));
}

/* Whether keys that act would be refused, and why. Who is not told tries and is told then. */
static void
take_account(struct client *c, struct slice body)
{
	struct json_doc *doc = json_parse(body, NULL);
	const struct json *o = doc ? json_root(doc) : NULL, *may = json_get(o, "may");
	char why[200], name[80], roles[80];
	bool may_act = json_boolean(json_get(may, "act"), true), is_acting = json_boolean(json_get(o, "acting"), true);
	if (c->has_lapsed) {
		json_doc_free(doc);
		return;
	}
	c->why_not[0] = '\0';
	c->is_approver = json_boolean(json_get(may, "approve"), false) && is_acting;
	c->may_more = json_boolean(json_get(may, "act"), false) || json_boolean(json_get(may, "approve"), false) ||
		json_boolean(json_get(may, "admin"), false);
	text_sanitise_to(json_slice(json_get(o, "why_not")), why, sizeof why);
	text_sanitise_to(json_slice(json_get(o, "account")), name, sizeof name);
	text_sanitise_to(json_slice(json_get(o, "roles")), roles, sizeof roles);
	if (!is_acting)
		snprintf(c->why_not, sizeof c->why_not, "Nothing can be changed: %.150s", why[0] ? why : "the backend does not act");
	else if (!may_act)
		snprintf(c->why_not, sizeof c->why_not, "The account %.60s (%.60s) may not act on PoPs: an operator may.", name,
			roles[0] ? roles : "observer");
	if (c->conf.wants_to_act)
		take_sitting(c, o);
	json_doc_free(doc);
}

static void
on_sit(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	(void)err;
	c->sit = NULL;
	if (!reply)
		return; /* the link is looked after elsewhere */
	hear(c);
	if (reply->status == 200 || reply->status == 201) {
		bool is_first = !c->sitting[0];
		take_account(c, reply->body);
		if (is_first && c->sitting[0])
			c->last_here = loop_now(c->loop);
		say_changed(c);
	} else {
		/* another is begun with the next key; or with the next connection, where this backend gives none */
		c->may_more = c->may_more && c->sitting[0];
		c->sitting[0] = '\0';
	}
}

static void
ask_about_sitting(struct client *c, const char *method, const char *path)
{
	if (c->sit)
		return;
	struct http_request r = request(c, path, FETCH_MS);
	r.method = method;
	r.any_status = true;
	c->sit = http_start(c->http, &r, on_sit, c);
}

/* Begins one where none is known, unless this screen would have lapsed by its own clock. */
static void
begin_sitting(struct client *c)
{
	struct mono now = loop_now(c->loop);
	if (!c->conf.wants_to_act || !c->may_more || c->has_lapsed || c->sitting[0])
		return;
	if (c->idle_ms > 0 && mono_ms_since(now, c->last_key) >= c->idle_ms)
		take_lapse(c, "Rights to act lapsed: start catchment again to act.");
	else
		ask_about_sitting(c, "POST", "/v1/sittings");
}

static int64_t
here_gap(const struct client *c)
{
	return c->idle_ms / 4 < HERE_MS ? c->idle_ms / 4 : HERE_MS;
}

static void
on_here(void *arg)
{
	struct client *c = arg;
	char path[120];
	c->is_here_due = false;
	if (!c->sitting[0] || c->has_lapsed)
		return;
	c->last_here = loop_now(c->loop);
	snprintf(path, sizeof path, "/v1/sittings/%s/here", c->sitting);
	ask_about_sitting(c, "POST", path);
}

/* By what the backend said last, it has lapsed by now: let it say so. */
static void
on_lapse(void *arg)
{
	struct client *c = arg;
	if (c->sitting[0])
		ask_about_sitting(c, "GET", "/v1/whoami");
}

void
client_key(struct client *c)
{
	struct mono now = loop_now(c->loop);
	if (c->link.state == LINK_LIVE)
		begin_sitting(c);
	c->last_key = now;
	if (c->has_lapsed || c->link.state != LINK_LIVE || !c->sitting[0])
		return;
	int64_t wait = here_gap(c) - mono_ms_since(now, c->last_here);
	if (!c->is_here_due)
		loop_timer_set(c->here, wait > 0 ? wait : 0, 0);
	c->is_here_due = true;
}

static void
on_who(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	c->call = NULL;
	if (!reply) {
		lose(c, short_reason(err));
		return;
	}
	hear(c);
	take_account(c, reply->status == 200 ? reply->body : (struct slice){ "{}", 2 });
	start_stream(c);
	begin_sitting(c);
}

/* A backend that knows no operations is an older one, and no reason not to look. */
static void
on_ops(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	c->call = NULL;
	if (!reply) {
		lose(c, short_reason(err));
		return;
	}
	hear(c);
	take_ops(c, reply->status == 200 ? reply->body : (struct slice){ "[]", 2 });
	struct http_request r = request(c, "/v1/whoami", FETCH_MS);
	r.any_status = true;
	c->state = CLIENT_WHO;
	c->call = http_start(c->http, &r, on_who, c);
}

static void
on_events(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	struct err why = ERR_INIT;
	c->call = NULL;
	if (!reply || take_events(c, reply->body, &why) == -1) {
		lose(c, reply ? why.text : short_reason(err));
		return;
	}
	hear(c);
	struct http_request r = request(c, "/v1/ops", FETCH_MS);
	r.any_status = true;
	c->state = CLIENT_OPS;
	c->call = http_start(c->http, &r, on_ops, c);
}

static void
on_snapshot(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	struct err why = ERR_INIT;
	c->call = NULL;
	if (!reply || take_snapshot(c, reply->body, &why) == -1) {
		lose(c, reply ? why.text : short_reason(err));
		return;
	}
	hear(c);
	struct http_request r = request(c, "/v1/events", FETCH_MS);
	c->state = CLIENT_EVENTS;
	c->call = http_start(c->http, &r, on_events, c);
}

static void
start_fetch(struct client *c)
{
	struct http_request r = request(c, "/v1/fleet", FETCH_MS);
	c->must_refetch = false;
	c->last_fetch = loop_now(c->loop);
	c->state = CLIENT_FETCHING;
	c->call = http_start(c->http, &r, on_snapshot, c);
}

static void
on_retry(void *arg)
{
	struct client *c = arg;
	c->link.retry = (struct mono){ 0 };
	if (c->state == CLIENT_WAITING)
		start_fetch(c);
}

static void
on_ping(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	c->ping = NULL;
	if (reply)
		hear(c);
	else
		lose(c, short_reason(err));
}

/* A quiet stream may be a quiet fleet or a dead backend: ask. */
static void
on_watch(void *arg)
{
	struct client *c = arg;
	if (c->link.state != LINK_LIVE || c->ping ||
		mono_ms_since(loop_now(c->loop), c->link.heard) < SILENCE_MS)
		return;
	struct http_request r = request(c, "/healthz", PING_MS);
	c->ping = http_start(c->http, &r, on_ping, c);
}

struct client *
client_new(struct loop *l, const struct client_conf *conf, struct err *err)
{
	struct client *c = xcalloc(1, sizeof *c);
	c->conf = *conf;
	c->loop = l;
	c->http = http_new(l, &conf->place->options, err);
	if (!c->http) {
		free(c);
		return NULL;
	}
	snprintf(c->link.where, sizeof c->link.where, "%.120s", conf->place->where);
	c->fleet = fleet_new();
	fleet_link(c->fleet);
	c->pop_sparks = xcalloc(1, sizeof *c->pop_sparks);
	c->node_sparks = xcalloc(1, sizeof *c->node_sparks);
	c->events = xcalloc(EVENTS_MAX, sizeof *c->events);
	c->retry_ms = RETRY_FIRST_MS;
	c->act_body = (struct buf)BUF_INIT(1u << 16);
	sse_init(&c->sse);
	c->retry = loop_timer_add(l, 0, 0, on_retry, c);
	c->watch = loop_timer_add(l, WATCH_MS, WATCH_MS, on_watch, c);
	c->here = loop_timer_add(l, 0, 0, on_here, c);
	c->lapse = loop_timer_add(l, 0, 0, on_lapse, c);
	c->last_key = loop_now(l);
	loop_timer_stop(c->here);
	loop_timer_stop(c->lapse);
	c->sample = loop_timer_add(l, SPARK_STEP_MS, SPARK_STEP_MS, on_sample, c);
	return c;
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	cancel(&c->call);
	cancel(&c->ping);
	cancel(&c->refresh);
	cancel(&c->act);
	cancel(&c->sit);
	loop_timer_del(c->here);
	loop_timer_del(c->lapse);
	buf_done(&c->act_body);
	forget_ops(c);
	free(c->ops);
	loop_timer_del(c->retry);
	loop_timer_del(c->watch);
	loop_timer_del(c->sample);
	http_free(c->http);
	sse_done(&c->sse);
	fleet_free(c->fleet);
	free(c->pop_sparks);
	free(c->node_sparks);
	free(c->events);
	free(c);
}

void
client_fill(const struct client *c, struct ui *ui)
{
	ui->fleet = c->fleet;
	ui->pop_sparks = c->pop_sparks;
	ui->node_sparks = c->node_sparks;
	ui->events = c->events;
	ui->n_events = c->n_events;
	ui->ops = c->ops;
	ui->n_ops = c->n_ops;
	snprintf(ui->why_not, sizeof ui->why_not, "%s", c->why_not);
	ui->is_approver = c->is_approver;
	ui->has_lapsed = c->has_lapsed;
	ui->link = c->link;
}

static void
on_refreshed(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	char text[300];
	c->refresh = NULL;
	if (!reply)
		snprintf(text, sizeof text, "Not asked: %.250s.", err->text);
	else if (reply->status == 429)
		snprintf(text, sizeof text, "They were asked less than a second ago.");
	else if (reply->status < 200 || reply->status > 299)
		snprintf(text, sizeof text, "Not asked: the backend answered with status %d.",
			reply->status);
	else
		snprintf(text, sizeof text, "All nodes are being asked now.");
	if (c->conf.told)
		c->conf.told(c->conf.arg, text);
}

void
client_refresh(struct client *c)
{
	if (c->refresh)
		return;
	struct http_request r = request(c, "/v1/refresh", FETCH_MS);
	r.method = "POST";
	r.any_status = true;
	c->refresh = http_start(c->http, &r, on_refreshed, c);
}

static void
on_act(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct client *c = arg;
	c->act = NULL;
	if (reply)
		hear(c);
	if (reply && reply->status == 403 && c->sitting[0])
		ask_about_sitting(c, "GET", "/v1/whoami"); /* it may have lapsed, by a clock that is right */
	if (c->conf.answered)
		c->conf.answered(c->conf.arg, c->act_number, reply ? reply->status : 0,
			reply ? reply->body : (struct slice){ "", 0 }, reply ? NULL : short_reason(err));
}

void
client_send(struct client *c, unsigned number, const char *method, const char *path, struct slice body)
{
	cancel(&c->act);
	buf_clear(&c->act_body);
	buf_add(&c->act_body, body.data, body.len);
	struct http_request r = request(c, path, SEND_MS);
	r.method = method;
	r.any_status = true;
	r.body = buf_slice(&c->act_body);
	c->act_number = number;
	c->act = http_start(c->http, &r, on_act, c);
}

void
client_refetch(struct client *c)
{
	/* under way already, or tried again anyway: at once then */
	if (c->state == CLIENT_FETCHING || c->state == CLIENT_EVENTS || c->state == CLIENT_OPS ||
		c->state == CLIENT_WHO)
		return;
	cancel(&c->call);
	loop_timer_stop(c->retry);
	start_fetch(c);
}
