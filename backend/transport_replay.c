/* SPDX-License-Identifier: Apache-2.0
 *
 * A node made of files: `ssh: {via: replay, replay: FOLDER}`. Each command is answered by the file that its words name
 * (`birdc show protocols all` by birdc-show-protocols-all.txt), a page over HTTP by the file its path names; what is not
 * there is "command not found" or 404. The files are read at each request, so a demonstration changes a node by changing
 * a file. Answers come from the loop in the next turn, in order.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/job.h"
#include "core/text.h"

#define NAME_MAX_LEN 200

struct waiting {
	struct waiting *next;
	struct job *job;
	struct endpoint *ep;
};

struct replay {
	struct transport base;
	struct loop *loop;
	struct transport_limits limits;
	struct loop_timer *timer;
	struct waiting *head, **tail;
};

static void
add_words(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p++) {
		bool is_plain = isalnum((unsigned char)*p) || *p == '.' || *p == '_';
		bool is_double = out->len == 0 || out->data[out->len - 1] == '-';
		if (is_plain)
			buf_add_char(out, *p);
		else if (!is_double)
			buf_add_char(out, '-');
	}
}

static void
trim_dash(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == '-')
		out->data[--out->len] = '\0';
}

void
transport_replay_name(const char *const *argv, struct buf *out)
{
	const char *slash = strrchr(argv[0], '/');
	add_words(slash ? slash + 1 : argv[0], out);
	for (size_t i = 1; argv[i]; i++) {
		add_words("-", out);
		add_words(argv[i], out);
	}
	trim_dash(out);
}

/* 0, -1 when there is no such file (text empty), or when it cannot be read or is too large (text says so). */
static int
read_file(const struct endpoint *ep, const char *name, const char *ending, struct buf *text, struct err *err)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s%s", ep->replay ? ep->replay : ".", name, ending);
	if (access(path, F_OK) == -1)
		return err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
	return buf_read_file(text, path, err);
}

static struct slice
keep(struct arena *a, const struct buf *b)
{
	return (struct slice){ arena_strndup(a, buf_text(b), b->len), b->len };
}

static int
read_status(const struct endpoint *ep, const char *name)
{
	struct buf text = BUF_INIT(16);
	int64_t n = 0;
	if (read_file(ep, name, ".status", &text, NULL) == 0 && text_parse_int(slice_trim(buf_slice(&text)), 0, 255, &n) == -1)
		n = -1;
	buf_done(&text);
	return (int)n;
}

static int
answer_command(const struct replay *r, const struct endpoint *ep, const struct request_command *c, struct arena *a,
	struct reply_part *part, struct err *err)
{
	struct buf name = BUF_INIT(NAME_MAX_LEN), out = BUF_INIT(r->limits.reply_max), errors = BUF_INIT(r->limits.stderr_max);
	int rc = 0;
	transport_replay_name(c->argv, &name);
	part->tag = c->tag;
	part->status = read_status(ep, buf_text(&name));
	if (read_file(ep, buf_text(&name), ".stderr", &errors, err) == -1 && err->code != ERR_NOT_FOUND)
		rc = -1;
	if (rc == 0 && read_file(ep, buf_text(&name), ".txt", &out, err) == -1) {
		if (err->code != ERR_NOT_FOUND) {
			rc = -1;
		} else if (errors.len == 0) {
			part->status = 127;
			buf_printf(&errors, "%s: command not found (no file %s.txt)\n", c->argv[0], buf_text(&name));
		}
	}
	part->out = keep(a, &out);
	part->err = keep(a, &errors);
	buf_done(&name);
	buf_done(&out);
	buf_done(&errors);
	return rc;
}

static int
answer_page(const struct replay *r, const struct endpoint *ep, const char *path, struct arena *a, struct reply *reply,
	struct reply_part *part, struct err *err)
{
	struct buf name = BUF_INIT(NAME_MAX_LEN), body = BUF_INIT(r->limits.reply_max);
	add_words(path, &name);
	trim_dash(&name);
	*reply = (struct reply){ .n_parts = 1, .parts = part, .http_status = 200, .content_type = "application/json" };
	int rc = read_file(ep, buf_text(&name), ".json", &body, err);
	if (rc == -1 && err->code == ERR_NOT_FOUND) {
		reply->content_type = "text/plain";
		rc = read_file(ep, buf_text(&name), ".txt", &body, err);
	}
	if (rc == -1 && err->code == ERR_NOT_FOUND) {
		reply->http_status = 404;
		rc = 0;
	}
	*part = (struct reply_part){ .tag = "", .out = keep(a, &body), .err = { "", 0 }, .status = 0 };
	buf_done(&name);
	buf_done(&body);
	return rc;
}

static void
answer(const struct replay *r, struct waiting *w)
{
	struct reply_part parts[REQUEST_COMMANDS_MAX];
	struct reply reply = { .n_parts = w->job->request.n_commands, .parts = parts };
	struct err err = ERR_INIT;
	struct arena *a = arena_new();
	int rc = 0;
	if (!mono_before(loop_now(r->loop), w->job->deadline))
		rc = err_set(&err, ERR_TIMEOUT, "replay %s: no answer within the deadline", w->ep->node);
	else if (w->job->request.kind == REQUEST_HTTP)
		rc = answer_page(r, w->ep, w->job->request.path ? w->job->request.path : "", a, &reply, parts, &err);
	else
		for (size_t i = 0; i < w->job->request.n_commands && rc == 0; i++)
			rc = answer_command(r, w->ep, &w->job->request.commands[i], a, &parts[i], &err);
	if (rc == 0)
		err_clear(&err);
	job_answer(w->job, rc == 0 ? &reply : NULL, &err);
	arena_free(a);
	endpoint_free(w->ep);
	free(w);
}

static struct waiting *
take(struct replay *r)
{
	struct waiting *w = r->head;
	if (!w)
		return NULL;
	r->head = w->next;
	if (!r->head)
		r->tail = &r->head;
	return w;
}

static void
on_timer(void *arg)
{
	struct replay *r = arg;
	struct waiting *w, **end = r->tail;
	/* what is submitted from inside an answer waits for the next turn */
	while (r->head && (w = take(r)) != NULL) {
		bool is_last = &w->next == end;
		answer(r, w);
		if (is_last)
			break;
	}
	if (r->head)
		loop_timer_set(r->timer, 0, 0);
}

static void
replay_submit(struct transport *t, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct replay *r = (struct replay *)t;
	struct waiting *w = xcalloc(1, sizeof *w);
	w->job = job_new(request, deadline, done, arg);
	w->ep = endpoint_new(node);
	*r->tail = w;
	r->tail = &w->next;
	loop_timer_set(r->timer, 0, 0);
}

static void
replay_forget(struct transport *t, const struct node *node)
{
	(void)t;
	(void)node;
}

static void
replay_free(struct transport *t)
{
	struct replay *r = (struct replay *)t;
	struct waiting *w;
	const struct err err = { ERR_CONN_LOST, "the transport was closed" };
	loop_timer_stop(r->timer);
	while ((w = take(r)) != NULL) {
		job_answer(w->job, NULL, &err);
		endpoint_free(w->ep);
		free(w);
	}
	loop_timer_del(r->timer);
	free(r);
}

static const struct transport_ops replay_ops = {
	.name = "replay",
	.submit = replay_submit,
	.forget = replay_forget,
	.free = replay_free,
};

struct transport *
transport_replay_new(struct loop *l, const struct transport_limits *limits, struct err *err)
{
	struct replay *r = xcalloc(1, sizeof *r);
	(void)err;
	r->base.ops = &replay_ops;
	r->loop = l;
	r->limits = *limits;
	r->tail = &r->head;
	r->timer = loop_timer_add(l, 0, 0, on_timer, r);
	loop_timer_stop(r->timer);
	return &r->base;
}
