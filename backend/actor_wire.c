/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines between backend and actor (actor_wire.h), to text and back:
 *
 *	> {"id":1,"order":"check","op":"00a1…","plan":"{…}"}
 *	< {"id":1,"event":"checked","pop":"","number":0,"ok":true,"text":"…","nodes":[{"node":"fra1","code":"done",…}]}
 *	> {"id":2,"order":"apply","plan":"<its SHA-256>","pop":"fra","phase":0,"number":7,"confirm_s":45}
 *	< {"id":2,"event":"applied","pop":"fra","number":7,"ok":true,…}
 *
 * The backend reads what the actor says as it reads a node: the actor has parsed bytes of foreign hosts, and may have
 * been taken over by them. So every member is typed, ranged and bounded, and an event is accepted by actor_port.c only
 * for an order that was given. Used by actor_port.c and actor_main.c. Here also stands the name of the one folder that
 * both may have to remove.
 */
#include "backend/actor_wire.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "core/text.h"

#define NODES_MAX    10000 /* as many as a fleet file may name */
#define SENTENCE_MAX 400

struct words {
	const char *order, *event;
	int64_t ms; /* below the engine's own deadline (engine.h), so that an answer comes before it gives up */
};
static const struct words words[ACT_ORDER_COUNT] = {
	[ACT_CHECK] = { "check", "checked", 8000 },
	[ACT_APPLY] = { "apply", "applied", 13000 },
	[ACT_KEEP] = { "keep", "kept", 8500 },
	[ACT_UNDO] = { "undo", "undone", 18000 },
	[ACT_INSPECT] = { "inspect", "inspected", 18000 },
};
static const enum actor_event_kind events[ACT_ORDER_COUNT] = {
	[ACT_CHECK] = ACTOR_CHECKED,
	[ACT_APPLY] = ACTOR_APPLIED,
	[ACT_KEEP] = ACTOR_KEPT,
	[ACT_UNDO] = ACTOR_UNDONE,
	[ACT_INSPECT] = ACTOR_INSPECTED,
};
static const char *const states[] = {
	[ACT_NONE] = "none",
	[ACT_PENDING] = "pending",
	[ACT_KEPT] = "kept",
	[ACT_UNDONE] = "undone",
	[ACT_FAILED] = "failed",
};
#define STATES (sizeof states / sizeof states[0])

enum actor_event_kind
actor_event_of(enum act_order order)
{
	return events[order];
}

const char *
actor_order_name(enum act_order order)
{
	return words[order].order;
}

int64_t
actor_order_ms(enum act_order order)
{
	return words[order].ms;
}

static int
end_line(struct json_writer *w, struct err *err)
{
	json_end_object(w);
	buf_add_char(w->out, '\n');
	if (w->out->truncated)
		return err_set(err, ERR_TOO_LARGE, "a message to or from the actor is longer than %u bytes", ACTOR_LINE_MAX);
	return 0;
}

int
actor_order_write(const struct actor_order *o, struct buf *out, struct err *err)
{
	struct json_writer w = JSON_WRITER(out);
	json_begin_object(&w);
	json_put_int(&w, "id", (int64_t)o->id);
	json_put_text(&w, "order", words[o->order].order);
	if (o->order == ACT_CHECK) {
		json_put_text(&w, "op", o->op);
		json_key(&w, "plan");
		json_add_slice(&w, o->plan);
	} else {
		json_put_text(&w, "plan", o->hash);
		json_put_text(&w, "pop", o->pop);
		json_put_int(&w, "phase", (int64_t)o->phase);
		json_put_int(&w, "number", (int64_t)o->number);
		json_put_int(&w, "confirm_s", o->confirm_s);
	}
	return end_line(&w, err);
}

static int
need_name(const struct json *o, const char *key, char *out, size_t size, struct err *err)
{
	struct slice text;
	if (json_need_text(o, key, size - 1, &text, err) == -1)
		return -1;
	slice_copy(text, out, size);
	return 0;
}

static int
read_order_body(const struct json *o, struct actor_order *out, struct err *err)
{
	int64_t phase, number, confirm_s;
	if (out->order == ACT_CHECK)
		return need_name(o, "op", out->op, sizeof out->op, err) == -1 ||
			json_need_text(o, "plan", PLAN_BYTES_MAX, &out->plan, err) == -1 ? -1 : 0;
	if (need_name(o, "plan", out->hash, sizeof out->hash, err) == -1 ||
		need_name(o, "pop", out->pop, sizeof out->pop, err) == -1 || json_need_int(o, "phase", 0, 7, &phase, err) == -1 ||
		json_need_int(o, "number", 1, INT64_MAX, &number, err) == -1 ||
		json_need_int(o, "confirm_s", 0, 3600, &confirm_s, err) == -1)
		return -1;
	out->phase = (size_t)phase;
	out->number = (uint64_t)number;
	out->confirm_s = (unsigned)confirm_s;
	return 0;
}

/* The index of a word, or -1. */
static int
find_order(struct slice word, bool is_event)
{
	for (int i = 0; i < ACT_ORDER_COUNT; i++)
		if (slice_equal(word, is_event ? words[i].event : words[i].order))
			return i;
	return -1;
}

int
actor_order_read(struct slice line, struct actor_order *o, struct json_doc **doc, struct err *err)
{
	struct slice word;
	int64_t id;
	memset(o, 0, sizeof *o);
	*doc = json_parse(line, err);
	if (!*doc)
		return -1;
	const struct json *root = json_root(*doc);
	if (json_need_int(root, "id", 1, INT64_MAX, &id, err) == -1 || json_need_text(root, "order", 16, &word, err) == -1)
		return -1;
	int order = find_order(word, false);
	if (order == -1)
		return err_set(err, ERR_BAD_REPLY, "order %.*s is not known", (int)word.len, word.data);
	o->id = (uint64_t)id;
	o->order = (enum act_order)order;
	return read_order_body(root, o, err);
}

static void
write_node(struct json_writer *w, const struct actor_node_result *r)
{
	json_begin_object(w);
	json_put_text(w, "node", r->node);
	json_put_text(w, "code", err_code_name(r->code));
	json_put_bool(w, "unknown", r->is_unknown);
	json_put_bool(w, "done", r->answer.is_done);
	json_put_bool(w, "superseded", r->answer.is_superseded);
	json_put_int(w, "number", (int64_t)r->answer.number);
	json_put_int(w, "applied", (int64_t)r->answer.applied);
	json_put_text(w, "state", states[r->answer.state]);
	json_put_text(w, "text", r->answer.text);
	json_end_object(w);
}

int
actor_event_write(uint64_t id, const struct actor_event *e, struct buf *out, struct err *err)
{
	struct json_writer w = JSON_WRITER(out);
	int order = 0;
	while (order < ACT_ORDER_COUNT - 1 && events[order] != e->kind)
		order++;
	json_begin_object(&w);
	json_put_int(&w, "id", (int64_t)id);
	json_put_text(&w, "event", words[order].event);
	json_put_text(&w, "pop", e->pop);
	json_put_int(&w, "number", (int64_t)e->number);
	json_put_bool(&w, "ok", e->is_ok);
	json_put_text(&w, "text", e->text);
	json_key(&w, "nodes");
	json_begin_array(&w);
	for (size_t i = 0; i < e->n_nodes; i++)
		write_node(&w, &e->nodes[i]);
	json_end_array(&w);
	return end_line(&w, err);
}

static int
need_bool(const struct json *o, const char *key, bool *out, struct err *err)
{
	if (json_kind(json_get(o, key)) != JSON_BOOL)
		return err_set(err, ERR_BAD_REPLY, "%s is not there, or neither true nor false", key);
	return json_want_bool(o, key, out, err);
}

/* Text that people will see: sanitised once more at this border. */
static int
need_sentence(const struct json *o, struct arena *a, const char **out, struct err *err)
{
	struct slice text;
	char clean[SENTENCE_MAX];
	if (json_need_text(o, "text", SENTENCE_MAX * 2, &text, err) == -1)
		return -1;
	text_sanitise_to(text, clean, sizeof clean);
	*out = arena_strdup(a, clean);
	return 0;
}

static int
read_state(const struct json *o, enum act_state *out, struct err *err)
{
	struct slice word;
	if (json_need_text(o, "state", 16, &word, err) == -1)
		return -1;
	for (size_t i = 0; i < STATES; i++) {
		if (slice_equal(word, states[i])) {
			*out = (enum act_state)i;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_REPLY, "state %.*s is not known", (int)word.len, word.data);
}

static int
read_node(const struct json *o, struct arena *a, struct actor_node_result *r, struct err *err)
{
	char name[FLEET_NAME_MAX];
	struct slice code;
	const char *text;
	int64_t number, applied;
	if (need_name(o, "node", name, sizeof name, err) == -1 || json_need_text(o, "code", 32, &code, err) == -1 ||
		need_bool(o, "unknown", &r->is_unknown, err) == -1 || need_bool(o, "done", &r->answer.is_done, err) == -1 ||
		need_bool(o, "superseded", &r->answer.is_superseded, err) == -1 ||
		json_need_int(o, "number", 0, INT64_MAX, &number, err) == -1 ||
		json_need_int(o, "applied", 0, INT64_MAX, &applied, err) == -1 || read_state(o, &r->answer.state, err) == -1 ||
		need_sentence(o, a, &text, err) == -1)
		return -1;
	if (!text_is_name(name))
		return err_set(err, ERR_BAD_REPLY, "a result names no node");
	char word[33];
	slice_copy(code, word, sizeof word);
	r->node = arena_strdup(a, name);
	r->code = err_code_parse(word);
	r->answer.number = (uint64_t)number;
	r->answer.applied = (uint64_t)applied;
	snprintf(r->answer.text, sizeof r->answer.text, "%s", text);
	return 0;
}

static int
read_event(const struct json *root, struct arena *a, uint64_t *id, struct actor_event *e, struct err *err)
{
	struct slice word;
	const struct json *list;
	char pop[FLEET_NAME_MAX];
	int64_t number, n;
	if (json_need_int(root, "id", 1, INT64_MAX, &n, err) == -1 || json_need_text(root, "event", 16, &word, err) == -1 ||
		need_name(root, "pop", pop, sizeof pop, err) == -1 || json_need_int(root, "number", 0, INT64_MAX, &number, err) == -1 ||
		need_bool(root, "ok", &e->is_ok, err) == -1 || need_sentence(root, a, &e->text, err) == -1 ||
		json_need_array(root, "nodes", NODES_MAX, &list, err) == -1)
		return -1;
	int order = find_order(word, true);
	if (order == -1)
		return err_set(err, ERR_BAD_REPLY, "event %.*s is not known", (int)word.len, word.data);
	*id = (uint64_t)n;
	e->kind = events[order];
	e->pop = arena_strdup(a, pop);
	e->number = (uint64_t)number;
	e->n_nodes = json_length(list);
	struct actor_node_result *nodes = arena_alloc(a, (e->n_nodes + 1) * sizeof *nodes);
	e->nodes = nodes;
	for (size_t i = 0; i < e->n_nodes; i++)
		if (read_node(json_at(list, i), a, &nodes[i], err) == -1)
			return err_wrap(err, "result %zu", i + 1);
	return 0;
}

int
actor_event_read(struct slice line, struct arena *a, uint64_t *id, struct actor_event *e, struct err *err)
{
	memset(e, 0, sizeof *e);
	struct json_doc *doc = json_parse(line, err);
	if (!doc)
		return -1;
	int rc = read_event(json_root(doc), a, id, e, err);
	json_doc_free(doc);
	return rc;
}

void
actor_folder_name(const char *state_dir, pid_t pid, char *out, size_t size)
{
	snprintf(out, size, "%s/act-%ld", state_dir, (long)pid);
}

/* Control sockets, and the folder "ssh" that holds them (transport.c): two levels, no more. */
static void
empty_folder(const char *path, int depth)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	while (dir && (e = readdir(dir)) != NULL) {
		char name[4096];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (unlink(name) == -1 && depth > 0) {
			empty_folder(name, depth - 1);
			rmdir(name);
		}
	}
	if (dir)
		closedir(dir);
}

void
actor_folder_remove(const char *path)
{
	empty_folder(path, 1);
	rmdir(path);
}
