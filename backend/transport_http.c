/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP transport: asks a node's pages through core/http. It adds to that client what a poller needs: the URL of a
 * node, one request per node at a time with the rest waiting in order, and the deadline also for those that wait.
 *
 * A request's path is either a whole URL (the driver knows which of the node's URLs it means) or is appended to the
 * node's agent URL or, failing that, its driver's. A name in a URL is never looked up: it must be the node's own address
 * as written in fleet.yaml, which was resolved when that was loaded. Nothing of a node is kept but its name, and that
 * only while a request of it is under way; connections are kept by the client. Called by the poller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <uthash.h>

#include "backend/transport.h"
#include "core/http.h"

/* A lane of the client serves a few hundred nodes best; the largest fleet we promise has 10,000. */
#define LANES 32

struct http_transport;

struct item {
	STAILQ_ENTRY(item) link;
	struct http_transport *owner;
	struct line *line;
	struct http_call *call;   /* NULL while it waits */
	struct loop_timer *timer; /* while it waits, or to tell of an error soon */
	char *url;
	char address[46];
	struct mono deadline;
	struct err err;
	transport_done_fn *done;
	void *arg;
};

/* The requests of one node, the first of them under way. */
struct line {
	UT_hash_handle hh;
	char node[FLEET_NAME_MAX];
	STAILQ_HEAD(, item) items;
};

struct http_transport {
	struct transport base;
	struct loop *loop;
	struct http *http;
	struct transport_limits limits;
	struct line *lines; /* by node name */
	bool is_closing;
};

static void item_start(struct item *it, const struct http_url *split);

static struct line *
line_of(struct http_transport *t, const char *node)
{
	struct line *l;
	HASH_FIND_STR(t->lines, node, l);
	if (l)
		return l;
	l = xcalloc(1, sizeof *l);
	snprintf(l->node, sizeof l->node, "%s", node);
	STAILQ_INIT(&l->items);
	HASH_ADD_STR(t->lines, node, l);
	return l;
}

static void
item_free(struct item *it)
{
	loop_timer_del(it->timer);
	free(it->url);
	free(it);
}

/* Tells the outcome and lets the node's next request go ahead. */
static void
item_finish(struct item *it, const struct reply *reply, const struct err *err)
{
	struct http_transport *t = it->owner;
	struct line *l = it->line;
	bool was_first = STAILQ_FIRST(&l->items) == it;
	it->done(it->arg, reply, err); /* still in line: what is submitted from there waits behind it */
	STAILQ_REMOVE(&l->items, it, item, link);
	item_free(it);
	struct item *next = STAILQ_FIRST(&l->items);
	if (!next) {
		HASH_DEL(t->lines, l);
		free(l);
	} else if (was_first && !t->is_closing) {
		item_start(next, NULL);
	}
}

static void
item_done(void *arg, const struct http_reply *r, const struct err *err)
{
	struct item *it = arg;
	it->call = NULL;
	if (!r) {
		item_finish(it, NULL, err);
		return;
	}
	struct reply_part part = { .tag = "", .out = r->body, .err = { "", 0 }, .status = 0 };
	struct reply reply = {
		.n_parts = 1,
		.parts = &part,
		.http_status = r->status,
		.content_type = r->content_type,
	};
	item_finish(it, &reply, err);
}

/* A waiting request whose deadline passed, or one that was wrong from the start. */
static void
item_expired(void *arg)
{
	struct item *it = arg;
	struct err err = it->err;
	if (err.code == ERR_OK)
		err_set(&err, ERR_TIMEOUT, "an earlier request to %s took all the time", it->line->node);
	item_finish(it, NULL, &err);
}

static void
item_start(struct item *it, const struct http_url *split)
{
	if (it->err.code != ERR_OK)
		return; /* its timer tells */
	loop_timer_del(it->timer);
	it->timer = NULL;
	struct http_request r = {
		.url = it->url,
		.split = split,
		.address = it->address[0] ? it->address : NULL,
		.body_max = it->owner->limits.reply_max,
		.deadline = it->deadline,
	};
	it->call = http_start(it->owner->http, &r, item_done, it);
}

/* The URL of a request, and in parts; -1 when the node has none. */
static int
item_url(struct item *it, const struct node *node, const struct request *request, struct http_url *url)
{
	const struct node_conf *conf = node->conf;
	const char *base = conf ? conf->agent_url ? conf->agent_url : conf->dns.url ? conf->dns.url : conf->bgp.url : NULL;
	const char *path = request->path;
	if (request->kind != REQUEST_HTTP || !path)
		return err_set(&it->err, ERR_UNSUPPORTED, "node %s: not a question for HTTP", node->name);
	if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0) {
		it->url = xstrdup(path);
	} else if (base) {
		struct buf whole = BUF_INIT(HTTP_URL_MAX);
		buf_add_text(&whole, base);
		buf_add_text(&whole, path);
		it->url = buf_take(&whole);
	} else {
		return err_set(&it->err, ERR_USAGE, "node %s has no URL to ask %s of", node->name, path);
	}
	if (http_url_split(it->url, url, &it->err) == -1)
		return -1;
	if (url->is_literal)
		return 0;
	/* A node known by its URL alone has that host as its address. */
	bool is_own = conf && (!conf->address || !conf->address[0] || strcasecmp(conf->address, url->host) == 0);
	if (!is_own || !conf->resolved[0])
		return err_set(&it->err, ERR_NO_ROUTE, "node %s: the name %s was not resolved to an address", node->name,
			url->host);
	snprintf(it->address, sizeof it->address, "%s", conf->resolved);
	return 0;
}

static void
http_submit(struct transport *base, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct http_transport *t = (struct http_transport *)base;
	if (t->is_closing)
		return;
	struct item *it = xcalloc(1, sizeof *it);
	it->owner = t;
	it->done = done;
	it->arg = arg;
	it->deadline = deadline;
	it->line = line_of(t, node->name);
	bool is_first = STAILQ_EMPTY(&it->line->items);
	STAILQ_INSERT_TAIL(&it->line->items, it, link);
	struct http_url url;
	if (item_url(it, node, request, &url) == -1)
		it->timer = loop_timer_add(t->loop, 0, 0, item_expired, it);
	else if (is_first)
		item_start(it, &url);
	else
		it->timer = loop_timer_add(t->loop, mono_ms_since(deadline, loop_now(t->loop)), 0, item_expired, it);
}

static void
http_forget(struct transport *base, const struct node *node)
{
	/* Connections belong to addresses, not to nodes; one that is not used closes by itself. */
	(void)base;
	(void)node;
}

static void
http_transport_free(struct transport *base)
{
	struct http_transport *t = (struct http_transport *)base;
	struct err err = ERR_INIT;
	t->is_closing = true;
	err_set(&err, ERR_CONN_LOST, "the transport is being closed");
	while (t->lines) {
		struct item *it = STAILQ_FIRST(&t->lines->items);
		if (it->call)
			http_cancel(it->call);
		item_finish(it, NULL, &err);
	}
	http_free(t->http);
	free(t);
}

static const struct transport_ops http_ops = {
	.name = "http",
	.submit = http_submit,
	.forget = http_forget,
	.free = http_transport_free,
};

struct transport *
transport_http_new(struct loop *l, const struct transport_limits *limits, struct err *err)
{
	static const struct transport_limits defaults = TRANSPORT_LIMITS_DEFAULT;
	const struct http_options options = { .lanes = LANES };
	struct http *http = http_new(l, &options, err);
	if (!http)
		return NULL;
	struct http_transport *t = xcalloc(1, sizeof *t);
	t->base.ops = &http_ops;
	t->loop = l;
	t->http = http;
	t->limits = limits ? *limits : defaults;
	return &t->base;
}
