/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport that the poller uses: chooses by the request's kind and the node's configuration which of the others
 * carries a request. It keeps nothing of its own but the list of those others.
 */
#include "backend/transport.h"

#include <stdlib.h>

struct chooser {
	struct transport base;
	struct transport *http, *ssh;
};

static struct transport *
choose(struct chooser *c, const struct request *request)
{
	return request->kind == REQUEST_HTTP ? c->http : c->ssh;
}

static void
chooser_submit(struct transport *t, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct transport *chosen = choose((struct chooser *)t, request);
	chosen->ops->submit(chosen, node, request, deadline, done, arg);
}

static void
chooser_forget(struct transport *t, const struct node *node)
{
	struct chooser *c = (struct chooser *)t;
	c->http->ops->forget(c->http, node);
	c->ssh->ops->forget(c->ssh, node);
}

static void
chooser_free(struct transport *t)
{
	struct chooser *c = (struct chooser *)t;
	if (c->http)
		c->http->ops->free(c->http);
	if (c->ssh)
		c->ssh->ops->free(c->ssh);
	free(c);
}

static const struct transport_ops chooser_ops = { "chooser", chooser_submit, chooser_forget, chooser_free };

struct transport *
transport_new(struct loop *l, const struct transport_limits *limits, const char *state_dir, struct err *err)
{
	(void)state_dir;
	struct chooser *c = xcalloc(1, sizeof *c);
	c->base.ops = &chooser_ops;
	c->http = transport_http_new(l, limits, err);
	c->ssh = c->http ? transport_ssh_new(l, limits, err) : NULL;
	if (c->ssh)
		return &c->base;
	chooser_free(&c->base);
	return NULL;
}
