/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring behind the streams. A change at a node marks the node; some milliseconds later all marked nodes are encoded
 * once, whatever the number of readers, and a node that changed ten times in between is sent once. Readers keep a
 * cursor and copy; the ring never waits for them: who falls off its end, or lies more than FEED_LAG_MS behind, gets one
 * `resync` and starts again at the present.
 *
 * Why the lag has a limit in time: messages say ages ("seen 0.4 s ago") as of their encoding. Delivered late they would
 * make old facts look fresh, the one lie this product must not tell. For the same reason a reader that resumes from a
 * revision is not replayed old bytes: each node remembers the revision at which it last changed, and what changed since
 * is encoded anew. Timeline events carry absolute times, so those are replayed as they were.
 *
 * Entries of one flush are sorted by the revision of their node and carry that as id, so that a reader which vanishes
 * in the middle of a flush resumes without a hole. Called by api.c and tests; knows no sockets.
 */
#include "backend/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000
#define MESSAGE_MAX (4u << 20) /* one encoded message; a node with every limit reached stays far below */

#define OPERATIONS_MAX 256 /* that wait for one flush */

enum entry_kind { ENTRY_CHANGE, ENTRY_SEEN, ENTRY_EVENT, ENTRY_OPERATION, ENTRY_RESYNC, ENTRY_HEARTBEAT };

struct entry {
	enum entry_kind kind;
	uint64_t revision;
	struct mono at;
	char *data;
	size_t len;
};

struct node_mark {
	uint64_t changed; /* revision of its last change; 0: not since the topology was loaded */
	bool is_dirty, is_seen;
};

struct feed {
	struct state *state;
	void (*on_due)(void *arg);
	void *on_due_arg;

	struct entry *ring; /* FEED_ENTRIES_MAX; entry of seq s at s % FEED_ENTRIES_MAX */
	uint64_t tail, head; /* [tail, head) are kept */
	size_t bytes;

	size_t n_nodes;
	struct node_mark *marks;
	size_t *dirty; /* node indices in order of their first change since the flush */
	size_t n_dirty;
	size_t *seen;
	size_t n_seen;
	struct event *events; /* not yet encoded, in order */
	uint64_t *event_revisions;
	size_t n_events, events_cap, revisions_cap;
	size_t n_operations; /* that changed since the flush */
	char operations[OPERATIONS_MAX][17];
	bool (*write_operation)(void *arg, const char *id, struct json_writer *w);
	void *write_arg;
	uint64_t base;     /* revision of the oldest topology that one may resume from */
	bool is_reloaded;  /* a resync for everyone is due */
	struct buf scratch;
	struct feed_stats stats;
};

static uint64_t
revision_now(const struct feed *f)
{
	return state_fleet(f->state)->revision;
}

/* --- what the state tells us ---------------------------------------------------------------------------------- */

static void
tell_due(struct feed *f)
{
	if (f->on_due)
		f->on_due(f->on_due_arg);
}

static void
on_node_changed(void *arg, size_t node)
{
	struct feed *f = arg;
	if (node >= f->n_nodes)
		return;
	f->marks[node].changed = revision_now(f);
	if (!f->marks[node].is_dirty) {
		f->marks[node].is_dirty = true;
		f->dirty[f->n_dirty++] = node;
	}
	tell_due(f);
}

static void
on_node_seen(void *arg, size_t node)
{
	struct feed *f = arg;
	if (node >= f->n_nodes || f->marks[node].is_seen)
		return;
	f->marks[node].is_seen = true;
	f->seen[f->n_seen++] = node;
}

static void
on_event(void *arg, const struct event *e)
{
	struct feed *f = arg;
	/* More than the ring could hold: the oldest would fall off before anyone read them. */
	if (f->n_events >= FEED_ENTRIES_MAX / 2)
		return;
	f->events = xgrow(f->events, &f->events_cap, f->n_events + 1, sizeof *f->events);
	f->event_revisions = xgrow(f->event_revisions, &f->revisions_cap, f->n_events + 1, sizeof *f->event_revisions);
	f->events[f->n_events] = *e;
	f->event_revisions[f->n_events++] = revision_now(f);
	tell_due(f);
}

static void
load_topology(struct feed *f)
{
	const struct fleet *fleet = state_fleet(f->state);
	free(f->marks);
	free(f->dirty);
	free(f->seen);
	f->n_nodes = fleet->n_nodes;
	f->marks = xcalloc(f->n_nodes + 1, sizeof *f->marks);
	f->dirty = xcalloc(f->n_nodes + 1, sizeof *f->dirty);
	f->seen = xcalloc(f->n_nodes + 1, sizeof *f->seen);
	f->n_dirty = 0;
	f->n_seen = 0;
	f->base = fleet->revision;
}

static void
on_reloaded(void *arg)
{
	struct feed *f = arg;
	load_topology(f);
	f->is_reloaded = true;
	tell_due(f);
}

struct feed *
feed_new(struct state *s)
{
	struct feed *f = xcalloc(1, sizeof *f);
	f->state = s;
	f->ring = xcalloc(FEED_ENTRIES_MAX, sizeof *f->ring);
	f->scratch = (struct buf)BUF_INIT(MESSAGE_MAX);
	load_topology(f);
	const struct state_watcher watcher = {
		.node_changed = on_node_changed,
		.node_seen = on_node_seen,
		.event = on_event,
		.reloaded = on_reloaded,
		.arg = f,
	};
	state_watch(s, &watcher);
	return f;
}

void
feed_free(struct feed *f)
{
	if (!f)
		return;
	state_unwatch(f->state, f);
	for (uint64_t s = f->tail; s < f->head; s++)
		free(f->ring[s % FEED_ENTRIES_MAX].data);
	free(f->ring);
	free(f->marks);
	free(f->dirty);
	free(f->seen);
	free(f->events);
	free(f->event_revisions);
	buf_done(&f->scratch);
	free(f);
}

void
feed_set_operations(struct feed *f, bool (*write)(void *arg, const char *id, struct json_writer *w), void *arg)
{
	f->write_operation = write;
	f->write_arg = arg;
}

void
feed_tell_operation(struct feed *f, const char *id)
{
	size_t i = 0;
	while (i < f->n_operations && strcmp(f->operations[i], id) != 0)
		i++;
	if (i == OPERATIONS_MAX || !f->write_operation)
		return; /* readers ask for the list when they see the next one */
	if (i == f->n_operations)
		snprintf(f->operations[f->n_operations++], sizeof f->operations[0], "%s", id);
	tell_due(f);
}

bool
feed_is_due(const struct feed *f)
{
	return f->n_operations > 0 || f->n_dirty > 0 || f->n_events > 0 || f->is_reloaded;
}

void
feed_on_due(struct feed *f, void (*fn)(void *arg), void *arg)
{
	f->on_due = fn;
	f->on_due_arg = arg;
}

/* --- the ring ------------------------------------------------------------------------------------------------- */

static void
drop_oldest(struct feed *f)
{
	struct entry *e = &f->ring[f->tail % FEED_ENTRIES_MAX];
	f->bytes -= e->len;
	free(e->data);
	*e = (struct entry){ 0 };
	f->tail++;
}

static bool
is_late(const struct entry *e, struct mono now)
{
	return mono_ms_since(now, e->at) > FEED_LAG_MS;
}

/* Timeline events stay replayable until room is needed; all else is dropped once it is late. */
static void
make_room(struct feed *f, size_t len, struct mono now)
{
	while (f->tail < f->head) {
		const struct entry *oldest = &f->ring[f->tail % FEED_ENTRIES_MAX];
		bool is_full = f->head - f->tail == FEED_ENTRIES_MAX || f->bytes + len > FEED_BYTES_MAX;
		if (!is_full && !(is_late(oldest, now) && oldest->kind != ENTRY_EVENT))
			return;
		drop_oldest(f);
	}
}

/* Takes what stands in scratch. */
static void
push_scratch(struct feed *f, enum entry_kind kind, uint64_t revision, struct mono now)
{
	struct slice text = buf_slice(&f->scratch);
	make_room(f, text.len, now);
	struct entry *e = &f->ring[f->head % FEED_ENTRIES_MAX];
	*e = (struct entry){ .kind = kind, .revision = revision, .at = now, .len = text.len };
	e->data = xmalloc(text.len + 1);
	memcpy(e->data, text.data, text.len);
	f->bytes += text.len;
	f->head++;
}

static void
begin_message(struct buf *out, const char *event, uint64_t id)
{
	(void)buf_printf(out, "event: %s\nid: %llu\ndata: ", event, (unsigned long long)id);
}

static void
end_message(struct buf *out)
{
	(void)buf_add_text(out, "\n\n");
}

static void
add_change(struct feed *f, struct buf *out, size_t node, struct mono now)
{
	begin_message(out, "change", f->marks[node].changed);
	struct json_writer w = JSON_WRITER(out);
	wire_write_change(&w, state_fleet(f->state), node, now);
	end_message(out);
	f->stats.changes++;
}

static void
add_seen(struct feed *f, struct buf *out, const size_t *nodes, size_t n, uint64_t id, struct mono now)
{
	begin_message(out, "seen", id);
	struct json_writer w = JSON_WRITER(out);
	wire_write_seen(&w, state_fleet(f->state), nodes, n, now);
	end_message(out);
	f->stats.seen++;
}

static void
add_resync(struct buf *out, uint64_t revision)
{
	begin_message(out, "resync", revision);
	(void)buf_printf(out, "{\"revision\":%llu}", (unsigned long long)revision);
	end_message(out);
}

static void
push_event(struct feed *f, const struct event *e, uint64_t id, uint64_t revision, struct mono now)
{
	buf_clear(&f->scratch);
	begin_message(&f->scratch, "event", id);
	struct json_writer w = JSON_WRITER(&f->scratch);
	wire_write_event(&w, e);
	end_message(&f->scratch);
	push_scratch(f, ENTRY_EVENT, revision, now);
	f->stats.events++;
}

struct by_revision {
	uint64_t changed;
	size_t node;
};

static int
compare_revision(const void *a, const void *b)
{
	const struct by_revision *x = a, *y = b;
	if (x->changed != y->changed)
		return x->changed < y->changed ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* Revision up to which a reader of the whole ring has seen every change. */
static uint64_t
revision_sent(const struct feed *f)
{
	uint64_t sent = revision_now(f);
	for (size_t i = 0; i < f->n_dirty; i++) {
		uint64_t changed = f->marks[f->dirty[i]].changed;
		if (changed > 0 && changed - 1 < sent)
			sent = changed - 1;
	}
	return sent;
}

static void
flush_reload(struct feed *f, struct mono now)
{
	f->is_reloaded = false;
	/* What lies in the ring speaks of the old topology: nobody may read it any more. */
	while (f->tail < f->head)
		drop_oldest(f);
	buf_clear(&f->scratch);
	add_resync(&f->scratch, revision_now(f));
	push_scratch(f, ENTRY_RESYNC, revision_now(f), now);
}

static void
flush_nodes(struct feed *f, struct mono now)
{
	struct by_revision *order = xcalloc(f->n_dirty + 1, sizeof *order);
	size_t n = f->n_dirty;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct by_revision){ f->marks[f->dirty[i]].changed, f->dirty[i] };
	qsort(order, n, sizeof *order, compare_revision);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&f->scratch);
		add_change(f, &f->scratch, order[i].node, now);
		push_scratch(f, ENTRY_CHANGE, order[i].changed, now);
	}
	free(order);
}

static void
flush_operations(struct feed *f, struct mono now)
{
	uint64_t id = revision_sent(f);
	for (size_t i = 0; i < f->n_operations; i++) {
		buf_clear(&f->scratch);
		begin_message(&f->scratch, "op", id);
		struct json_writer w = JSON_WRITER(&f->scratch);
		if (!f->write_operation(f->write_arg, f->operations[i], &w))
			continue;
		end_message(&f->scratch);
		push_scratch(f, ENTRY_OPERATION, id, now);
	}
}

static void
forget_dirty(struct feed *f)
{
	for (size_t i = 0; i < f->n_dirty; i++)
		f->marks[f->dirty[i]].is_dirty = false;
	f->n_dirty = 0;
}

bool
feed_flush_changes(struct feed *f, bool has_readers, struct mono now)
{
	if (!feed_is_due(f))
		return false;
	if (f->is_reloaded)
		flush_reload(f, now);
	if (has_readers)
		flush_nodes(f, now);
	forget_dirty(f);
	if (has_readers)
		flush_operations(f, now);
	f->n_operations = 0;
	for (size_t i = 0; i < f->n_events; i++)
		push_event(f, &f->events[i], revision_now(f), f->event_revisions[i], now);
	f->n_events = 0;
	return true;
}

bool
feed_flush_seen(struct feed *f, bool has_readers, struct mono now)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_seen; i++) {
		f->marks[f->seen[i]].is_seen = false;
		if (!f->marks[f->seen[i]].is_dirty)
			f->seen[n++] = f->seen[i];
	}
	f->n_seen = 0;
	if (n == 0 || !has_readers)
		return false;
	buf_clear(&f->scratch);
	uint64_t id = revision_sent(f);
	add_seen(f, &f->scratch, f->seen, n, id, now);
	push_scratch(f, ENTRY_SEEN, id, now);
	return true;
}

bool
feed_heartbeat(struct feed *f, struct mono now)
{
	buf_clear(&f->scratch);
	(void)buf_add_text(&f->scratch, ": hb\n\n");
	push_scratch(f, ENTRY_HEARTBEAT, 0, now);
	return true;
}

/* --- readers -------------------------------------------------------------------------------------------------- */

static void
resync_reader(struct feed *f, struct feed_cursor *c)
{
	/* A snapshot holds what is marked but not yet encoded, so the present revision is the right one. */
	add_resync(&c->own, revision_now(f));
	c->seq = f->head;
	c->resyncs++;
	f->stats.resyncs++;
}

/* Encodes what changed after `from` for one reader; false when that is more than it is worth. Then ages of all. */
static bool
resume_reader(struct feed *f, struct feed_cursor *c, uint64_t from, struct mono now)
{
	struct by_revision order[FEED_RESUME_MAX];
	size_t n = 0;
	for (size_t i = 0; i < f->n_nodes; i++) {
		if (f->marks[i].changed <= from)
			continue;
		if (n == FEED_RESUME_MAX)
			return false;
		order[n++] = (struct by_revision){ f->marks[i].changed, i };
	}
	qsort(order, n, sizeof *order, compare_revision);
	for (size_t i = 0; i < n; i++)
		add_change(f, &c->own, order[i].node, now);
	for (uint64_t s = f->tail; s < f->head; s++) {
		const struct entry *e = &f->ring[s % FEED_ENTRIES_MAX];
		if (e->kind == ENTRY_EVENT && e->revision >= from)
			(void)buf_add(&c->own, e->data, e->len);
	}
	if (f->n_nodes > 0) {
		size_t *all = xcalloc(f->n_nodes, sizeof *all);
		for (size_t i = 0; i < f->n_nodes; i++)
			all[i] = i;
		add_seen(f, &c->own, all, f->n_nodes, revision_sent(f), now);
		free(all);
	}
	return !c->own.truncated;
}

void
feed_start(struct feed *f, struct feed_cursor *c, bool has_from, uint64_t from, struct mono now)
{
	*c = (struct feed_cursor){ .seq = f->head, .own = BUF_INIT(MESSAGE_MAX) };
	uint64_t revision = revision_now(f);
	if (has_from && from >= f->base && from <= revision) {
		(void)buf_printf(&c->own, "retry: %d\n\n", RETRY_MS);
		if (resume_reader(f, c, from, now))
			return;
		buf_clear(&c->own);
	}
	(void)buf_printf(&c->own, "retry: %d\nid: %llu\n\n", RETRY_MS, (unsigned long long)revision_sent(f));
	if (has_from)
		resync_reader(f, c);
}

static size_t
read_own(struct feed_cursor *c, char *out, size_t max)
{
	size_t left = c->own.len - c->own_read;
	size_t n = left < max ? left : max;
	if (n > 0)
		memcpy(out, c->own.data + c->own_read, n);
	c->own_read += n;
	if (c->own_read == c->own.len) {
		/* Given back rather than cleared: thousands of readers should not each keep their largest message. */
		buf_done(&c->own);
		c->own = (struct buf)BUF_INIT(MESSAGE_MAX);
		c->own_read = 0;
	}
	return n;
}

/* True if the reader's next entry is gone, or so old that its ages would mislead. */
static bool
is_behind(const struct feed *f, const struct feed_cursor *c, struct mono now)
{
	if (c->seq < f->tail)
		return true;
	if (c->seq == f->head)
		return false;
	const struct entry *e = &f->ring[c->seq % FEED_ENTRIES_MAX];
	return is_late(e, now) && e->kind != ENTRY_HEARTBEAT;
}

size_t
feed_read(struct feed *f, struct feed_cursor *c, char *out, size_t max, struct mono now)
{
	size_t n = 0;
	if (c->own.len == 0 && is_behind(f, c, now))
		resync_reader(f, c);
	if (c->own.len > 0)
		n = read_own(c, out, max);
	while (c->own.len == 0 && n < max && c->seq < f->head && c->seq >= f->tail) {
		const struct entry *e = &f->ring[c->seq % FEED_ENTRIES_MAX];
		size_t part = e->len < max - n ? e->len : max - n;
		memcpy(out + n, e->data, part);
		n += part;
		c->seq++;
		/* The entry may be dropped before the reader comes back: what is left of it becomes the reader's. */
		if (part < e->len)
			(void)buf_add(&c->own, e->data + part, e->len - part);
	}
	return n;
}

bool
feed_has_more(const struct feed *f, const struct feed_cursor *c)
{
	return c->own.len > 0 || c->seq < f->head;
}

void
feed_leave(struct feed_cursor *c)
{
	buf_done(&c->own);
}

struct feed_stats
feed_stats(const struct feed *f)
{
	struct feed_stats stats = f->stats;
	stats.entries = (size_t)(f->head - f->tail);
	stats.bytes = f->bytes;
	return stats;
}
