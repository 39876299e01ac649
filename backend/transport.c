/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport that the poller uses: sends each request where its node wants it. HTTP requests go to the HTTP client,
 * commands by `ssh.via`: libssh2, the system's ssh, this machine, or recorded files. With `via: auto` libssh2 comes
 * first; when it has no algorithm in common with a node (ERR_KEX: AES-GCM or -etm only, an RSA key) the same request goes
 * to the system's ssh within the same deadline, and so do all later ones of that node until it is forgotten or its
 * address or keys change.
 */
#include "backend/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "backend/job.h"

#define CONTROL_DIR_MAX 64 /* as transport_openssh_new allows */

enum way { WAY_HTTP, WAY_SSH, WAY_OPENSSH, WAY_LOCAL, WAY_REPLAY, WAYS };

/* A node that libssh2 cannot talk to. */
struct memory {
	UT_hash_handle hh;
	struct endpoint *ep;
};

struct chooser {
	struct transport base;
	struct loop *loop;
	struct transport *ways[WAYS];
	struct memory *memories; /* by node name */
	struct attempt *attempts;
	char control_dir[CONTROL_DIR_MAX + 1];
	bool made_dir; /* in the folder for temporary files, so it is ours to remove */
	bool is_ending;
};

/* A request that goes to libssh2 and may yet go to the system's ssh. It keeps a copy of the node, because a reload may
 * have freed it when the answer comes. */
struct attempt {
	struct attempt *next, **back;
	struct chooser *chooser;
	struct job *job;
	struct endpoint *ep;
	struct node node;
	struct node_conf conf;
};

static struct memory *
find_memory(const struct chooser *c, const char *name)
{
	struct memory *m;
	HASH_FIND_STR(c->memories, name, m);
	return m;
}

static void
forget_memory(struct chooser *c, struct memory *m)
{
	if (!m)
		return;
	HASH_DEL(c->memories, m);
	endpoint_free(m->ep);
	free(m);
}

static bool
remembers(struct chooser *c, const struct endpoint *ep)
{
	struct memory *m = find_memory(c, ep->node);
	if (m && endpoint_equal(m->ep, ep))
		return true;
	forget_memory(c, m);
	return false;
}

static void
attempt_free(struct attempt *a)
{
	*a->back = a->next;
	if (a->next)
		a->next->back = a->back;
	job_free(a->job);
	endpoint_free(a->ep);
	free(a);
}

/* The endpoint as a node again, for the second way. */
static void
rebuild_node(struct attempt *a, const struct node *node)
{
	const struct endpoint *ep = a->ep;
	memcpy(a->node.name, node->name, sizeof a->node.name);
	a->node.conf = &a->conf;
	a->conf.address = ep->address;
	snprintf(a->conf.resolved, sizeof a->conf.resolved, "%s", ep->resolved);
	a->conf.ssh = (struct ssh_conf){ .user = ep->user, .port = ep->port, .observe_key = ep->key,
		.known_hosts = ep->known_hosts, .via = ep->via, .replay = ep->replay };
}

static void
finish(struct attempt *a, const struct reply *reply, const struct err *err)
{
	struct job *job = a->job;
	a->job = NULL;
	attempt_free(a);
	job_answer(job, reply, err);
}

static void
on_first(void *arg, const struct reply *reply, const struct err *err)
{
	struct attempt *a = arg;
	struct chooser *c = a->chooser;
	if (reply || err->code != ERR_KEX || c->is_ending) {
		finish(a, reply, reply ? NULL : err);
		return;
	}
	if (!remembers(c, a->ep)) {
		struct memory *m = xcalloc(1, sizeof *m);
		m->ep = endpoint_new(&a->node);
		HASH_ADD_KEYPTR(hh, c->memories, m->ep->node, strlen(m->ep->node), m);
	}
	struct transport *t = c->ways[WAY_OPENSSH];
	t->ops->submit(t, &a->node, &a->job->request, a->job->deadline, a->job->done, a->job->arg);
	attempt_free(a);
}

static void
submit_auto(struct chooser *c, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct endpoint *ep = endpoint_new(node);
	if (remembers(c, ep)) {
		endpoint_free(ep);
		c->ways[WAY_OPENSSH]->ops->submit(c->ways[WAY_OPENSSH], node, request, deadline, done, arg);
		return;
	}
	struct attempt *a = xcalloc(1, sizeof *a);
	a->chooser = c;
	a->ep = ep;
	a->job = job_new(request, deadline, done, arg);
	a->next = c->attempts;
	a->back = &c->attempts;
	if (a->next)
		a->next->back = &a->next;
	c->attempts = a;
	rebuild_node(a, node);
	c->ways[WAY_SSH]->ops->submit(c->ways[WAY_SSH], node, request, deadline, on_first, a);
}

static void
chooser_submit(struct transport *t, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	static const enum way ways[] = {
		[SSH_VIA_AUTO] = WAY_SSH,
		[SSH_VIA_LIBSSH2] = WAY_SSH,
		[SSH_VIA_OPENSSH] = WAY_OPENSSH,
		[SSH_VIA_LOCAL] = WAY_LOCAL,
		[SSH_VIA_REPLAY] = WAY_REPLAY,
	};
	struct chooser *c = (struct chooser *)t;
	enum ssh_via via = node->conf->ssh.via;
	if (via == SSH_VIA_AUTO && request->kind != REQUEST_HTTP) {
		submit_auto(c, node, request, deadline, done, arg);
		return;
	}
	enum way way = request->kind == REQUEST_HTTP && via != SSH_VIA_REPLAY ? WAY_HTTP : ways[via];
	c->ways[way]->ops->submit(c->ways[way], node, request, deadline, done, arg);
}

static void
chooser_forget(struct transport *t, const struct node *node)
{
	struct chooser *c = (struct chooser *)t;
	forget_memory(c, find_memory(c, node->name));
	for (size_t i = 0; i < WAYS; i++)
		c->ways[i]->ops->forget(c->ways[i], node);
}

static void
chooser_free(struct transport *t)
{
	struct chooser *c = (struct chooser *)t;
	struct memory *m, *next;
	c->is_ending = true;
	for (size_t i = 0; i < WAYS; i++)
		if (c->ways[i])
			c->ways[i]->ops->free(c->ways[i]);
	HASH_ITER(hh, c->memories, m, next)
		forget_memory(c, m);
	if (c->made_dir)
		rmdir(c->control_dir);
	free(c);
}

static const struct transport_ops chooser_ops = {
	.name = "auto",
	.submit = chooser_submit,
	.forget = chooser_forget,
	.free = chooser_free,
};

/* Control sockets need a short path: under the state folder if that is short enough, else in a temporary folder. */
static int
choose_control_dir(struct chooser *c, const char *state_dir, struct err *err)
{
	int n = snprintf(c->control_dir, sizeof c->control_dir, "%s/ssh", state_dir);
	if (n > 0 && (size_t)n < sizeof c->control_dir)
		return 0;
	snprintf(c->control_dir, sizeof c->control_dir, "/tmp/catchment-XXXXXX");
	if (!mkdtemp(c->control_dir))
		return err_set(err, ERR_FAILED, "%s: %s", c->control_dir, strerror(errno));
	c->made_dir = true;
	return 0;
}

struct transport *
transport_new(struct loop *l, const struct transport_limits *limits, const char *state_dir, struct err *err)
{
	struct chooser *c = xcalloc(1, sizeof *c);
	c->base.ops = &chooser_ops;
	c->loop = l;
	if (choose_control_dir(c, state_dir, err) == -1) {
		free(c);
		return NULL;
	}
	c->ways[WAY_HTTP] = transport_http_new(l, limits, err);
	c->ways[WAY_SSH] = transport_ssh_new(l, limits, err);
	c->ways[WAY_OPENSSH] = transport_openssh_new(l, limits, c->control_dir, err);
	c->ways[WAY_LOCAL] = transport_local_new(l, limits, err);
	c->ways[WAY_REPLAY] = transport_replay_new(l, limits, err);
	for (size_t i = 0; i < WAYS; i++) {
		if (c->ways[i])
			continue;
		chooser_free(&c->base);
		return NULL;
	}
	return &c->base;
}
