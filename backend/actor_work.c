/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders on nodes. An order goes to all nodes of one PoP together and is answered when the last of them has answered or
 * its one deadline has passed.
 *
 * Before anything is changed (apply), every node is read anew over the act session, its steps are made again from those
 * facts, and they must be the plan's, word for word, on every node: else no node of the PoP is touched. So neither a
 * stale view of the backend nor a bent message from it can make a node do what nobody was shown. The node's own script
 * (act_script.c) then keeps the operation number and the undo that fires by itself.
 *
 * What became of an order at a node is one of three: done; not done, and nothing was changed by it (or the answer says
 * what was); or not known, because the order may have arrived and its answer did not. An error of the connection before
 * the command counts as not done; everything else without an answer is not known. Nothing is sent twice.
 *
 * Agents get the same orders as JSON (docs/agent.md). Everything that a node or agent says passes the sanitiser and the
 * redaction before it leaves this process. Called by actor_main.c.
 */
#include "backend/actor_work.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/actor_read.h"
#include "backend/planner.h"
#include "backend/transport.h"
#include "core/conf.h"
#include "core/text.h"

#define TOKEN_MAX    512
#define READ_MS      5000 /* of an apply's time: to read the nodes anew */
#define READ_BACK_MS 1000 /* of an apply's time: kept for reading back */
#define ACT_PATH     "/v1/act"
#define SAID_MAX     65536 /* bytes of an agent's answer */

/* A node as the actor holds it. */
struct hand {
	struct node *node;
	size_t pop; /* index into fleet.pops */
	struct node_conf conf; /* its own, with the act key as the key */
	bool is_agent;
	char *token;       /* locked memory, or NULL */
	struct err cannot; /* why it can take no orders: no key, no token */
};

struct work;

/* One node's part of an order. */
struct task {
	struct work *work;
	struct hand *hand;
	struct actor_node_result result;
	bool was_read; /* anew, and the steps are the plan's */
	struct buf url, body; /* of an order to an agent, until it is answered */
};

/* An order under way. */
struct work {
	LIST_ENTRY(work) link;
	struct crew *crew;
	struct actor_order order;
	size_t pop;
	struct mono deadline;
	bool is_overtaken; /* a newer order for the same PoP has come */
	size_t waiting;
	size_t n;
	struct task *tasks;
	struct loop_timer *timer; /* to begin, never from inside crew_order */
};

struct crew {
	struct crew_conf conf;
	size_t n;
	struct hand *hands;
	LIST_HEAD(, work) works;
	bool is_stopped;
};

/* Names of secrets; `blank` says that a blank alone may stand before the value, as in a daemon's configuration. */
static const struct {
	const char *name;
	bool blank;
} secret_words[] = { { "password", true }, { "passwd", true }, { "passphrase", true }, { "secret", true }, { "authorization", true },
	{ "bearer", true }, { "token", false }, { "api-key", false }, { "apikey", false }, { "key", false } };

/* --- text --- */

/* The end of what names a secret and leads to its value at `text`, or NULL when no secret begins here. */
static const char *
secret_at(const char *text)
{
	for (size_t i = 0; i < sizeof secret_words / sizeof secret_words[0]; i++) {
		size_t len = strlen(secret_words[i].name);
		if (strncasecmp(text, secret_words[i].name, len) != 0)
			continue;
		size_t between = strspn(text + len, " \t:='\"");
		size_t mark = strcspn(text + len, ":=");
		if (between > 0 && (secret_words[i].blank || mark < between))
			return text + len + between;
	}
	return NULL;
}

void
actor_redact(char *text)
{
	char *out = text;
	const char *p = text;
	while (*p) {
		const char *value = secret_at(p);
		size_t len = value ? strcspn(value, " \t'\";,") : 0;
		if (len == 0) {
			*out++ = *p++;
			continue;
		}
		memmove(out, p, (size_t)(value - p));
		out += value - p;
		*out++ = '*';
		p = value + len;
	}
	*out = '\0';
}

/* The sentence of a node's result, made safe. */
static void __attribute__((format(printf, 2, 3)))
say(struct task *t, const char *format, ...)
{
	char raw[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	const char *token = t->hand->token;
	for (char *at; token && (at = strstr(raw, token)) != NULL;)
		memset(at, '*', strlen(token));
	actor_redact(raw);
	text_sanitise_to(slice_of(raw), t->result.answer.text, sizeof t->result.answer.text);
}

/* --- results --- */

static void
set_failed(struct task *t, const struct err *err)
{
	t->result.code = err->code;
	say(t, "%s", err->text);
}

/* The connection was refused or could not be made: no command was ever sent. */
static bool
was_never_sent(enum err_code code)
{
	switch (code) {
	case ERR_CONN_REFUSED:
	case ERR_NO_ROUTE:
	case ERR_HOST_KEY:
	case ERR_KEX:
	case ERR_CREDENTIAL:
	case ERR_THROTTLED:
	case ERR_USAGE:
	case ERR_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

static void
set_lost(struct task *t, const struct err *err)
{
	set_failed(t, err);
	t->result.is_unknown = t->work->order.order != ACT_CHECK && !was_never_sent(err->code);
}

static void
set_answer(struct task *t, const struct act_answer *answer)
{
	t->result.answer = *answer;
	t->result.code = answer->is_done ? ERR_OK : answer->is_superseded ? ERR_CONFLICT : ERR_FAILED;
	if (answer->is_superseded)
		say(t, "%s has seen the newer operation number %llu and refuses %llu", t->hand->node->name,
			(unsigned long long)answer->number, (unsigned long long)t->work->order.number);
	else
		say(t, "%s", answer->text);
}

static void
work_free(struct work *w)
{
	LIST_REMOVE(w, link);
	loop_timer_del(w->timer);
	for (size_t i = 0; i < w->n; i++) {
		buf_done(&w->tasks[i].url);
		buf_done(&w->tasks[i].body);
	}
	free(w->tasks);
	free(w);
}

static void
write_sentence(const struct work *w, const struct actor_node_result *first_bad, size_t n_bad, char *out, size_t size)
{
	static const char *const done[ACT_ORDER_COUNT] = { "could be changed now", "took the steps", "keep them", "are as before",
		"were read" };
	if (w->n == 0)
		snprintf(out, size, "the PoP %s of the plan is not in the fleet file", w->order.pop);
	else if (n_bad == 0)
		snprintf(out, size, "%zu of %zu nodes %s", w->n, w->n, done[w->order.order]);
	else
		snprintf(out, size, "%s: %s (%zu of %zu nodes)", first_bad->node, first_bad->answer.text, n_bad, w->n);
}

static void
finish(struct work *w)
{
	struct crew *c = w->crew;
	struct actor_node_result *results = xcalloc(w->n + 1, sizeof *results);
	const struct actor_node_result *first_bad = NULL;
	size_t n_bad = 0;
	char text[300];
	for (size_t i = 0; i < w->n; i++) {
		results[i] = w->tasks[i].result;
		if (results[i].code == ERR_OK)
			continue;
		n_bad++;
		if (!first_bad)
			first_bad = &results[i];
	}
	write_sentence(w, first_bad, n_bad, text, sizeof text);
	const struct actor_order order = w->order;
	const struct actor_event e = { .kind = actor_event_of(order.order), .pop = order.pop, .number = order.number,
		.is_ok = n_bad == 0 && w->n > 0, .n_nodes = w->n, .nodes = results, .text = text };
	work_free(w);
	if (!c->is_stopped)
		c->conf.told(c->conf.arg, order.id, &e);
	free(results);
}

/* --- steps --- */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
same_action(const struct step_action *a, const struct step_action *b)
{
	if (a->n_commands != b->n_commands || a->goal != b->goal || !same_text(a->path, b->path) || !same_text(a->text, b->text))
		return false;
	for (size_t i = 0; i < a->n_commands; i++) {
		if (a->commands[i].n != b->commands[i].n)
			return false;
		for (size_t k = 0; k < a->commands[i].n; k++)
			if (!same_text(a->commands[i].argv[k], b->commands[i].argv[k]))
				return false;
	}
	return true;
}

static bool
same_step(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && a->has_undo == b->has_undo && a->confirm_s == b->confirm_s && same_text(a->what, b->what) &&
		same_text(a->collateral, b->collateral) && same_action(&a->apply, &b->apply) && same_action(&a->undo, &b->undo) &&
		same_action(&a->keep, &b->keep);
}

/* The plan's steps for a node up to a phase; the phase alone, or with those before it (an undo goes all the way back). */
static size_t
list_steps(const struct plan *p, const char *node, size_t first, size_t last, const struct step **out, size_t max)
{
	size_t n = 0;
	for (size_t phase = first; phase <= last; phase++)
		for (size_t i = 0; i < p->n_steps && n < max; i++)
			if (p->steps[i].phase == phase && strcmp(p->steps[i].node, node) == 0)
				out[n++] = &p->steps[i].step;
	return n;
}

/* Are the steps that the node's facts ask for now the plan's? */
static int
compare_steps(const struct work *w, const struct node *node, struct err *err)
{
	const struct plan *p = w->crew->conf.plan;
	const struct step *planned[STEPS_MAX];
	struct steps now;
	int rc = -1;
	size_t n = list_steps(p, node->name, w->order.phase, w->order.phase, planned, STEPS_MAX);
	steps_init(&now);
	if (planner_node_steps(node, w->crew->conf.find, p->verb, op_phase_goal(p->verb, p->mode, w->order.phase), &now, err) == -1)
		goto out;
	if (now.n != n) {
		err_set(err, ERR_CONFLICT, "the node has changed since the plan: it would now take %zu steps in place of %zu", now.n, n);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (same_step(&now.list[i], planned[i]))
			continue;
		if (same_text(now.list[i].what, planned[i]->what))
			err_set(err, ERR_CONFLICT, "the node has changed since the plan: \"%.100s\" is done or undone otherwise now",
				planned[i]->what);
		else
			err_set(err, ERR_CONFLICT, "the node has changed since the plan: \"%.60s\" would now be \"%.60s\"",
				planned[i]->what, now.list[i].what);
		goto out;
	}
	rc = 0;
out:
	steps_done(&now);
	return rc;
}

/* --- acting --- */

static void task_answered(struct task *t);

static struct act_job
job_of(const struct task *t, const struct step **steps, size_t max)
{
	const struct work *w = t->work;
	const struct plan *p = w->crew->conf.plan;
	size_t first = w->order.order == ACT_UNDO || w->order.order == ACT_CHECK ? 0 : w->order.phase;
	size_t last = w->order.order == ACT_CHECK ? op_phases(p->verb, p->mode) - 1 : w->order.phase;
	return (struct act_job){
		.order = w->order.order,
		.fleet = p->fleet,
		.node = t->hand->node->name,
		.number = w->order.number,
		.confirm_s = w->order.confirm_s,
		.n_steps = list_steps(p, t->hand->node->name, first, last, steps, max),
		.steps = steps,
	};
}

static void
on_script_done(void *arg, const struct reply *reply, const struct err *err)
{
	struct task *t = arg;
	struct act_answer answer;
	struct err why = ERR_INIT;
	if (!reply) {
		set_lost(t, err);
	} else if (act_script_read(reply->parts[0].out, &answer, &why) == -1) {
		err_wrap(&why, "%s", t->hand->node->name);
		set_lost(t, &why);
	} else {
		set_answer(t, &answer);
	}
	task_answered(t);
}

static int
send_script(struct task *t, struct err *err)
{
	const struct step *steps[2 * STEPS_MAX];
	const struct act_job job = job_of(t, steps, 2 * STEPS_MAX);
	struct crew *c = t->work->crew;
	struct buf script = BUF_INIT(1u << 16);
	struct request r;
	int rc = -1;
	request_init(&r);
	if (act_script_write(&job, &script, err) == -1)
		goto out;
	request_add_command(&r, "act", "/bin/sh", "-c", buf_text(&script), NULL);
	struct mono deadline = t->work->deadline;
	if (t->work->order.order == ACT_APPLY)
		deadline = mono_add_ms(deadline, -READ_BACK_MS);
	c->conf.transport->ops->submit(c->conf.transport, t->hand->node, &r, deadline, on_script_done, t);
	rc = 0;
out:
	request_done(&r);
	buf_done(&script);
	return rc;
}

/* An agent's answer: the object is the same for a refusal, whatever its status. */
static int
read_page(const struct task *t, const struct http_reply *reply, struct act_answer *answer, struct err *err)
{
	const char *name = t->hand->node->name;
	if (reply->status == 401 || reply->status == 403)
		return err_set(err, ERR_CREDENTIAL, "the agent of %s refused the token (HTTP status %d)", name, reply->status);
	if (reply->status == 404 || reply->status == 405 || reply->status == 501)
		return err_set(err, ERR_UNSUPPORTED, "the agent of %s takes no orders (HTTP status %d for " ACT_PATH ")", name,
			reply->status);
	struct json_doc *doc = json_parse(reply->body, err);
	if (!doc && reply->status != 200) {
		char said[100];
		text_sanitise_to(slice_trim(reply->body), said, sizeof said);
		return err_set(err, ERR_BAD_REPLY, "the agent of %s answered with HTTP status %d: %s", name, reply->status, said);
	}
	int rc = doc ? act_body_read(json_root(doc), answer, err) : -1;
	json_doc_free(doc);
	if (rc == -1)
		return err_wrap(err, "the agent of %s (HTTP status %d)", name, reply->status);
	return 0;
}

static void
on_page_done(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct task *t = arg;
	struct act_answer answer;
	struct err why = ERR_INIT;
	if (!reply)
		set_lost(t, err);
	else if (read_page(t, reply, &answer, &why) == -1)
		set_lost(t, &why);
	else
		set_answer(t, &answer);
	buf_done(&t->body);
	buf_done(&t->url);
	task_answered(t);
}

static int
send_page(struct task *t, struct err *err)
{
	const struct step *steps[2 * STEPS_MAX];
	const struct act_job job = job_of(t, steps, 2 * STEPS_MAX);
	const struct hand *h = t->hand;
	struct crew *c = t->work->crew;
	char bearer[TOKEN_MAX + 32];
	struct http_url url;
	t->url = (struct buf)BUF_INIT(HTTP_URL_MAX);
	t->body = (struct buf)BUF_INIT(1u << 20);
	buf_printf(&t->url, "%s" ACT_PATH, h->conf.agent_url);
	if (http_url_split(buf_text(&t->url), &url, err) == -1)
		return -1;
	if (!url.is_literal && !h->conf.resolved[0])
		return err_set(err, ERR_NO_ROUTE, "the name %s was not resolved to an address", url.host);
	struct json_writer w = JSON_WRITER(&t->body);
	act_body_write(&job, c->conf.plan, &w);
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", h->token);
	const char *const headers[] = { bearer };
	const struct http_request r = {
		.method = "POST",
		.url = buf_text(&t->url),
		.address = url.is_literal ? NULL : h->conf.resolved,
		.headers = headers,
		.n_headers = 1,
		.body = buf_slice(&t->body),
		.body_max = SAID_MAX,
		.any_status = true,
		.is_once = true,
		.deadline = t->work->deadline,
	};
	http_start(c->conf.http, &r, on_page_done, t);
	sodium_memzero(bearer, sizeof bearer);
	return 0;
}

/* Sends the order to every node that can take it. */
static void
act(struct work *w)
{
	w->waiting = w->n + 1; /* held by one until all are sent */
	for (size_t i = 0; i < w->n; i++) {
		struct task *t = &w->tasks[i];
		struct err err = t->hand->cannot;
		int rc = -1;
		if (err.code == ERR_OK)
			rc = t->hand->is_agent ? send_page(t, &err) : send_script(t, &err);
		if (rc == 0)
			continue;
		set_failed(t, &err);
		w->waiting--;
	}
	if (--w->waiting == 0)
		finish(w);
}

/* --- reading before, and back --- */

static void
read_one(struct task *t, actor_read_fn *done, struct mono deadline)
{
	const struct crew_conf *conf = &t->work->crew->conf;
	actor_read(conf->loop, conf->transport, conf->find, t->hand->node, deadline, done, t);
}

static void
on_read_back(void *arg, const struct err *err)
{
	struct task *t = arg;
	struct work *w = t->work;
	const struct plan *p = w->crew->conf.plan;
	char said[sizeof t->result.answer.text];
	snprintf(said, sizeof said, "%s", t->result.answer.text);
	const char *seen = err->code != ERR_OK ? "could not be read back yet" :
		planner_node_settled(t->hand->node, w->crew->conf.find, p->verb, op_phase_goal(p->verb, p->mode, w->order.phase)) ?
		"read back: its wire is as planned" : "read back: its wire is not as planned yet";
	say(t, "%s%s%s", said, said[0] ? "; " : "", seen);
	if (--w->waiting == 0)
		finish(w);
}

/* The node's own wire right after: what the person sees as evidence. Whether it has settled the engine judges. */
static void
read_back(struct work *w)
{
	w->waiting = 1;
	for (size_t i = 0; i < w->n; i++) {
		if (w->tasks[i].result.code != ERR_OK)
			continue;
		w->waiting++;
		read_one(&w->tasks[i], on_read_back, w->deadline);
	}
	if (--w->waiting == 0)
		finish(w);
}

static void
on_check_read(void *arg, const struct err *err)
{
	struct task *t = arg;
	if (err->code != ERR_OK)
		set_failed(t, err);
	if (--t->work->waiting == 0)
		finish(t->work);
}

static void
task_answered(struct task *t)
{
	struct work *w = t->work;
	if (w->order.order == ACT_CHECK && t->result.code == ERR_OK && !w->crew->is_stopped) {
		/* what it finds lets the reading before a change ask everything at once */
		read_one(t, on_check_read, w->deadline);
		return;
	}
	if (--w->waiting > 0)
		return;
	if (w->order.order == ACT_APPLY && !w->crew->is_stopped)
		read_back(w);
	else
		finish(w);
}

/* Every node was read: all of them as planned, or none is touched. */
static void
judge_reading(struct work *w)
{
	size_t n_bad = 0;
	struct err err = ERR_INIT;
	for (size_t i = 0; i < w->n; i++)
		n_bad += !w->tasks[i].was_read;
	if (n_bad == 0 && !w->is_overtaken && !w->crew->is_stopped) {
		act(w);
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		if (!w->tasks[i].was_read)
			continue;
		err_set(&err, ERR_CONFLICT, w->is_overtaken ? "not changed: a newer order for %s came first" :
			"not changed: another node of %s is not as planned", w->order.pop);
		set_failed(&w->tasks[i], &err);
	}
	finish(w);
}

static void
on_read(void *arg, const struct err *err)
{
	struct task *t = arg;
	struct work *w = t->work;
	struct err why = *err;
	if (why.code == ERR_OK && compare_steps(w, t->hand->node, &why) == 0)
		t->was_read = true;
	else
		set_failed(t, &why);
	if (--w->waiting == 0)
		judge_reading(w);
}

static void
read_all(struct work *w)
{
	w->waiting = w->n + 1;
	for (size_t i = 0; i < w->n; i++) {
		struct task *t = &w->tasks[i];
		if (t->hand->cannot.code == ERR_OK) {
			read_one(t, on_read, mono_add_ms(loop_now(w->crew->conf.loop), READ_MS));
			continue;
		}
		set_failed(t, &t->hand->cannot);
		w->waiting--;
	}
	if (--w->waiting == 0)
		judge_reading(w);
}

/* --- orders --- */

static void
begin(void *arg)
{
	struct work *w = arg;
	if (w->n == 0 || w->crew->is_stopped)
		finish(w);
	else if (w->order.order == ACT_APPLY)
		read_all(w);
	else
		act(w);
}

void
crew_order(struct crew *c, const struct actor_order *order)
{
	struct work *w = xcalloc(1, sizeof *w), *other;
	w->crew = c;
	w->order = *order;
	w->order.plan = (struct slice){ NULL, 0 };
	w->deadline = mono_add_ms(clock_mono(), actor_order_ms(order->order));
	w->pop = order->order == ACT_CHECK ? SIZE_MAX : fleet_find_pop(c->conf.fleet, order->pop);
	w->tasks = xcalloc(c->n + 1, sizeof *w->tasks);
	for (size_t i = 0; i < c->n; i++) {
		if (order->order != ACT_CHECK && c->hands[i].pop != w->pop)
			continue;
		struct task *t = &w->tasks[w->n++];
		t->work = w;
		t->hand = &c->hands[i];
		t->result.node = t->hand->node->name;
	}
	LIST_FOREACH(other, &c->works, link)
		if (order->order != ACT_CHECK && other->pop == w->pop)
			other->is_overtaken = true;
	LIST_INSERT_HEAD(&c->works, w, link);
	w->timer = loop_timer_add(c->conf.loop, 0, 0, begin, w);
}

/* --- the crew --- */

static int
read_token(int fd, const char *path, char out[TOKEN_MAX + 1], struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_CREDENTIAL, "the token file %s is not a regular file", path);
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 077) != 0)
		return err_set(err, ERR_CREDENTIAL, "the token file %s must be ours alone (mode 0600); it has mode %04o", path,
			(unsigned)(st.st_mode & 07777));
	ssize_t n = read(fd, out, TOKEN_MAX + 1);
	if (n < 0)
		return err_set(err, ERR_CREDENTIAL, "the token file %s: %s", path, strerror(errno));
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r' || out[n - 1] == ' '))
		n--;
	if (n == 0 || n > TOKEN_MAX)
		return err_set(err, ERR_CREDENTIAL, "the token file %s holds no token, or more than %d bytes", path, TOKEN_MAX);
	out[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (out[i] <= ' ' || out[i] > '~')
			return err_set(err, ERR_CREDENTIAL, "the token file %s must hold one line of printable characters", path);
	return 0;
}

static int
load_token(struct hand *h, struct err *err)
{
	const char *path = h->conf.act_token;
	if (!path)
		return err_set(err, ERR_CREDENTIAL, "%s has no act_token in the fleet file: its agent takes no orders", h->node->name);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return err_set(err, ERR_CREDENTIAL, "the token file %s: %s", path, strerror(errno));
	h->token = sodium_malloc(TOKEN_MAX + 1);
	if (!h->token)
		abort();
	int rc = read_token(fd, path, h->token, err);
	close(fd);
	if (rc == 0)
		return 0;
	sodium_free(h->token); /* half a token is none */
	h->token = NULL;
	return -1;
}

/* Nothing is changed by recorded replies, and nobody without a key of his own to act with may try the one to look with. */
static int
check_key(const struct hand *h, struct err *err)
{
	const struct ssh_conf *ssh = &h->conf.ssh;
	if (ssh->via == SSH_VIA_REPLAY)
		return err_set(err, ERR_UNSUPPORTED, "%s is read from recordings (via: replay): nothing can be changed there",
			h->node->name);
	if (ssh->via != SSH_VIA_LOCAL && !ssh->act_key)
		return err_set(err, ERR_CREDENTIAL, "%s has no act_key in the fleet file: nothing can be changed there", h->node->name);
	return 0;
}

static void
take_hand(struct crew *c, size_t pop, struct node *node)
{
	struct hand *h = &c->hands[c->n++];
	const struct driver *d = node->bgp_driver[0] ? c->conf.find(node->bgp_driver) : NULL;
	h->node = node;
	h->pop = pop;
	h->conf = *node->conf;
	h->conf.ssh.observe_key = h->conf.ssh.act_key;
	h->is_agent = d && (d->roles & DRIVER_AGENT) != 0;
	node->conf = &h->conf;
	if (h->is_agent)
		(void)load_token(h, &h->cannot);
	else
		(void)check_key(h, &h->cannot);
}

static size_t
count_hands(const struct fleet *f, const struct plan *p, struct err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_targets; i++) {
		size_t pop = fleet_find_pop(f, p->targets[i]);
		if (pop == SIZE_MAX) {
			err_set(err, ERR_CONFLICT, "the plan names the PoP %s, which is not in the fleet file any more", p->targets[i]);
			return 0;
		}
		n += f->pops[pop].n_nodes;
	}
	return n;
}

struct crew *
crew_new(const struct crew_conf *conf, struct err *err)
{
	struct fleet *f = conf->fleet;
	const struct plan *p = conf->plan;
	if (strcmp(f->name, p->fleet) != 0 || strcmp(f->environment, p->environment) != 0) {
		err_set(err, ERR_CONFLICT, "the plan was made for the fleet %s (%s), the fleet file is of %s (%s)", p->fleet,
			p->environment, f->name, f->environment);
		return NULL;
	}
	size_t n = count_hands(f, p, err);
	if (n == 0)
		return NULL;
	struct crew *c = xcalloc(1, sizeof *c);
	c->conf = *conf;
	LIST_INIT(&c->works);
	c->hands = xcalloc(n, sizeof *c->hands);
	for (size_t i = 0; i < p->n_targets; i++) {
		size_t pop = fleet_find_pop(f, p->targets[i]);
		for (size_t k = 0; k < f->pops[pop].n_nodes; k++)
			take_hand(c, pop, &f->nodes[f->pops[pop].nodes[k]]);
	}
	return c;
}

void
crew_resolve(struct crew *c, int64_t ms)
{
	/* a fleet of these nodes alone, so that no other name is asked for */
	struct fleet some = *c->conf.fleet;
	some.nodes = xcalloc(c->n, sizeof *some.nodes);
	some.n_nodes = c->n;
	for (size_t i = 0; i < c->n; i++)
		some.nodes[i] = *c->hands[i].node;
	conf_resolve(&some, ms, NULL);
	free(some.nodes);
}

void
crew_stop(struct crew *c)
{
	if (c)
		c->is_stopped = true;
}

void
crew_free(struct crew *c)
{
	struct work *w;
	if (!c)
		return;
	while ((w = LIST_FIRST(&c->works)) != NULL)
		work_free(w);
	for (size_t i = 0; i < c->n; i++)
		if (c->hands[i].token)
			sodium_free(c->hands[i].token); /* wipes it */
	free(c->hands);
	free(c);
}
