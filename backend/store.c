/* SPDX-License-Identifier: Apache-2.0
 *
 * What outlives the process, in one SQLite file: samples rolled up to minutes and hours, events, and the last good facts
 * of each node. Only this file knows SQLite. One connection, held exclusively, so that a second backend on the same
 * state is refused here at the latest; WAL and synchronous=NORMAL, so that a commit a second does not wait for the disk.
 *
 * Samples are merged in memory first: a thousand nodes cost one upsert each per commit, and a row of minutes says
 * lowest, sum, highest, number and worst verdict, so that merging needs no reading back. Hours are written beside the
 * minutes rather than made from them later: nothing has to catch up after a stop. Old minutes go a few nodes at a time.
 *
 * History is worth less than seeing: every failure is returned and counted and nothing else happens. What was not
 * written stays collected up to a ceiling (a full disk that is freed loses little); a damaged file is moved aside and a
 * new one begun, at opening as well as in the middle of the work. Called by history.c (writes) and routes.c (reads).
 */
#include "backend/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#define STORE_FORMAT      1 /* of the tables and of the order in core/verdict.def, whose numbers they hold */
#define STORE_APPLICATION 0x43544348 /* "CTCH" */
#define MINUTE_S          60
#define HOUR_S            3600
#define MINUTES_KEPT_S    (48 * HOUR_S)
#define MINUTES_SPAN_S    (48 * HOUR_S) /* longer questions are answered from hours */
#define EVENTS_KEPT       100000
#define FACTS_KEPT_S      (30 * 86400)
#define WAITING_ROWS_MAX  65536
#define WAITING_EVENTS_MAX 2000
#define LEFT_AFTER_S      120 /* a node that is sampled no more is written all the same */
#define RETIRE_STEP       8 /* names whose old minutes go in one commit */
#define CHECKED_BYTES_MAX (16 << 20) /* a file up to this size is checked whole when it is opened */

/* A PoP ("" as node) or a node. */
struct who {
	char pop[FLEET_NAME_MAX], node[FLEET_NAME_MAX];
	int64_t id;     /* in the file, 0 not looked up yet */
	size_t waiting; /* index of its newest waiting row + 1; 0 none */
};

/* Samples of one minute that are not in the file yet. */
struct waiting {
	size_t who;
	int64_t minute; /* seconds since 1970 */
	int64_t n;      /* samples with a known rate */
	double low, sum, high;
	int worst;
	bool is_due; /* goes with this commit */
};

struct waiting_facts {
	char node[FLEET_NAME_MAX];
	char *address;
	char *json;
	int64_t at;
};

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_ADD_WHO,
	SQL_FIND_WHO,
	SQL_ADD_MINUTE,
	SQL_ADD_HOUR,
	SQL_ADD_EVENT,
	SQL_KEEP_FACTS,
	SQL_RETIRE_MINUTES,
	SQL_RETIRE_EVENTS,
	SQL_RETIRE_FACTS,
	SQL_READ_FACTS,
	SQL_READ_EVENTS,
	SQL_READ_MINUTES,
	SQL_READ_HOURS,
	SQL_COUNT,
};

#define MERGE(table) \
	"INSERT INTO " table "(who, at, n, low, sum, high, worst) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) " \
	"ON CONFLICT (who, at) DO UPDATE SET n = n + excluded.n, sum = sum + excluded.sum, " \
	"low = min(coalesce(low, excluded.low), coalesce(excluded.low, low)), " \
	"high = max(coalesce(high, excluded.high), coalesce(excluded.high, high)), worst = min(worst, excluded.worst)"
#define READ_POINTS(table) \
	"SELECT at, low, CASE WHEN n > 0 THEN sum / n END, high, worst FROM " table \
	" WHERE who = (SELECT id FROM who WHERE pop = ?1 AND node = '') AND at BETWEEN ?2 AND ?3 ORDER BY at"

static const char *const statements[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_ADD_WHO] = "INSERT INTO who(pop, node) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	[SQL_FIND_WHO] = "SELECT id FROM who WHERE pop = ?1 AND node = ?2",
	[SQL_ADD_MINUTE] = MERGE("minute"),
	[SQL_ADD_HOUR] = MERGE("hour"),
	[SQL_ADD_EVENT] = "INSERT INTO event(number, at_ms, kind, severity, pop, node, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_KEEP_FACTS] = "INSERT INTO facts(node, address, at, json) VALUES (?1, ?2, ?3, ?4) "
			   "ON CONFLICT (node) DO UPDATE SET address = ?2, at = ?3, json = ?4",
	[SQL_RETIRE_MINUTES] = "DELETE FROM minute WHERE who = ?1 AND at < ?2",
	[SQL_RETIRE_EVENTS] = "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1",
	[SQL_RETIRE_FACTS] = "DELETE FROM facts WHERE at < ?1",
	[SQL_READ_FACTS] = "SELECT node, address, json, at FROM facts ORDER BY node",
	[SQL_READ_EVENTS] = "SELECT number, at_ms, kind, severity, pop, node, text FROM "
			    "(SELECT * FROM event ORDER BY id DESC LIMIT ?1) ORDER BY id",
	[SQL_READ_MINUTES] = READ_POINTS("minute"),
	[SQL_READ_HOURS] = READ_POINTS("hour"),
};

static const char schema[] =
	"BEGIN;"
	"CREATE TABLE who(id INTEGER PRIMARY KEY, pop TEXT NOT NULL, node TEXT NOT NULL, UNIQUE (pop, node)) STRICT;"
	"CREATE TABLE minute(who INTEGER NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, low REAL, sum REAL NOT NULL,"
	" high REAL, worst INTEGER NOT NULL, PRIMARY KEY (who, at)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE hour(who INTEGER NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, low REAL, sum REAL NOT NULL,"
	" high REAL, worst INTEGER NOT NULL, PRIMARY KEY (who, at)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE event(id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
	" kind TEXT NOT NULL, severity TEXT NOT NULL, pop TEXT NOT NULL, node TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
	"CREATE TABLE facts(node TEXT PRIMARY KEY, address TEXT NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL) STRICT;"
	"PRAGMA application_id = 1129595720;"
	"PRAGMA user_version = 1;"
	"COMMIT;";
_Static_assert(STORE_APPLICATION == 1129595720 && STORE_FORMAT == 1, "the schema writes both as text");
_Static_assert(VERDICT_COUNT == 9, "a new verdict needs a new STORE_FORMAT");

struct store {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *prepared[SQL_COUNT];
	uint64_t errors;
	int last_error; /* extended result code of the newest failure */
	size_t n_whos, whos_cap, next_who;
	struct who *whos;
	size_t n_rows, rows_cap;
	struct waiting *rows;
	size_t n_events, events_cap;
	struct event *events;
	size_t n_facts, facts_cap;
	struct waiting_facts *facts;
	size_t retire_next;
	int64_t retired_at; /* seconds; when events and facts were last thinned out */
	int log_pages;      /* of SQLite's write-ahead log */
	bool is_syncing;    /* store_sync may be at work on another thread: the database is not ours to touch */
};

#define SYNC_PAGES 1000

static int
on_log(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	((struct store *)arg)->log_pages = pages;
	return SQLITE_OK;
}

/* --- the file ------------------------------------------------------------------------------------------------- */

static bool
is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static int
fail(struct store *s, struct err *err)
{
	int rc = sqlite3_extended_errcode(s->db);
	s->last_error = rc;
	s->errors++;
	enum err_code code = (rc & 0xff) == SQLITE_BUSY ? ERR_CONFLICT : ERR_FAILED;
	if (code == ERR_CONFLICT)
		return err_set(err, code, "the store %s is in use by another catchmentd", s->path);
	if ((rc & 0xff) == SQLITE_FULL)
		return err_set(err, code, "the store %s cannot be written: the disk is full", s->path);
	return err_set(err, code, "the store %s: %s", s->path, sqlite3_errmsg(s->db));
}

static void
close_file(struct store *s)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		(void)sqlite3_finalize(s->prepared[i]);
		s->prepared[i] = NULL;
	}
	(void)sqlite3_close(s->db);
	s->db = NULL;
	/* Numbers of names belong to the file. */
	for (size_t i = 0; i < s->n_whos; i++)
		s->whos[i].id = 0;
}

static int
run(struct store *s, const char *sql, struct err *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

static int
on_int(void *arg, int n, char **values, char **names)
{
	(void)names;
	*(int64_t *)arg = n > 0 && values[0] ? strtoll(values[0], NULL, 10) : 0;
	return 0;
}

static int
read_int(struct store *s, const char *sql, int64_t *out, struct err *err)
{
	return sqlite3_exec(s->db, sql, on_int, out, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

static int
on_check(void *arg, int n, char **values, char **names)
{
	(void)names;
	*(bool *)arg = n > 0 && values[0] && strcmp(values[0], "ok") == 0;
	return 0;
}

/* Why the file is none of ours, or damaged; sets *is_foreign when moving it aside is the way out. */
static int
check_file(struct store *s, bool *is_foreign, struct err *err)
{
	int64_t tables = 0, application = 0, format = 0;
	*is_foreign = false;
	if (read_int(s, "SELECT count(*) FROM sqlite_schema", &tables, err) == -1 ||
		read_int(s, "PRAGMA application_id", &application, err) == -1 ||
		read_int(s, "PRAGMA user_version", &format, err) == -1)
		return -1;
	if (tables == 0)
		return run(s, schema, err);
	if (application != STORE_APPLICATION) {
		*is_foreign = true;
		return err_set(err, ERR_FAILED, "the file %s is no store of catchmentd", s->path);
	}
	if (format != STORE_FORMAT) {
		return err_set(err, ERR_USAGE, "the store %s has format %" PRId64 ", this version reads %d", s->path, format,
			STORE_FORMAT);
	}
	struct stat st;
	bool is_ok = true;
	if (stat(s->path, &st) == 0 && st.st_size <= CHECKED_BYTES_MAX) {
		if (sqlite3_exec(s->db, "PRAGMA quick_check(1)", on_check, &is_ok, NULL) != SQLITE_OK)
			return fail(s, err);
	}
	if (is_ok)
		return 0;
	*is_foreign = true;
	return err_set(err, ERR_FAILED, "the store %s is damaged", s->path);
}

/* One attempt. *is_damaged: the file itself is to blame. */
static int
try_open(struct store *s, bool *is_damaged, struct err *err)
{
	*is_damaged = false;
	s->last_error = SQLITE_OK;
	/* SQLite would make it readable for all. */
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd == -1)
		return err_set(err, ERR_FAILED, "the store %s: %s", s->path, strerror(errno));
	(void)close(fd);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = -1;
	if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK) {
		(void)fail(s, err);
		goto out;
	}
	rc = run(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -4096;"
		    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
		    /* takes the lock now rather than at the first write */
		    "BEGIN EXCLUSIVE; COMMIT;",
		err);
	/* in place of SQLite's own moving of the log, inside of a commit */
	(void)sqlite3_wal_hook(s->db, on_log, s);
	if (rc == 0)
		rc = check_file(s, is_damaged, err);
	if (rc == -1 && is_damage(s->last_error))
		*is_damaged = true;
out:
	if (rc == -1)
		close_file(s);
	return rc;
}

static void
move_aside(const struct store *s, char *to, size_t size)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	int64_t now_s = clock_wall().ns / CLOCK_NS_PER_S;
	snprintf(to, size, "%s.damaged-%" PRId64, s->path, now_s);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char from[4200], aside[4200];
		snprintf(from, sizeof from, "%s%s", s->path, ends[i]);
		snprintf(aside, sizeof aside, "%s%s", to, ends[i]);
		(void)rename(from, aside);
	}
}

/* Opens; a damaged file is moved aside, and err says so though 0 is returned. */
static int
open_file(struct store *s, struct err *err)
{
	bool is_damaged;
	struct err why = ERR_INIT;
	if (try_open(s, &is_damaged, &why) == 0)
		return 0;
	if (!is_damaged) {
		if (err)
			*err = why;
		return -1;
	}
	char aside[4200];
	move_aside(s, aside, sizeof aside);
	if (try_open(s, &is_damaged, err) == -1)
		return -1;
	(void)err_set(err, ERR_FAILED, "%s; it was moved to %s and a new one begun", why.text, aside);
	return 0;
}

struct store *
store_open(const char *dir, struct err *err)
{
	if (strlen(dir) > 4000) {
		(void)err_set(err, ERR_USAGE, "the path of the state folder has %zu bytes, at most 4000 are taken", strlen(dir));
		return NULL;
	}
	if (mkdir(dir, 0750) == -1 && errno != EEXIST) {
		(void)err_set(err, ERR_FAILED, "the state folder %s cannot be made: %s", dir, strerror(errno));
		return NULL;
	}
	struct store *s = xcalloc(1, sizeof *s);
	struct buf path = BUF_INIT(4096);
	(void)buf_printf(&path, "%s/history.db", dir);
	s->path = buf_take(&path);
	if (open_file(s, err) == -1) {
		store_close(s);
		return NULL;
	}
	return s;
}

uint64_t
store_errors(const struct store *s)
{
	return s->errors;
}

static sqlite3_stmt *
statement(struct store *s, enum statement which, struct err *err)
{
	if (s->is_syncing) {
		(void)err_set(err, ERR_BUSY, "history is being written to disk; ask again in a moment");
		return NULL;
	}
	if (!s->db) {
		s->errors++;
		s->last_error = SQLITE_CANTOPEN;
		(void)err_set(err, ERR_FAILED, "the store %s could not be opened again", s->path);
		return NULL;
	}
	if (!s->prepared[which] && sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
					   &s->prepared[which], NULL) != SQLITE_OK) {
		(void)fail(s, err);
		return NULL;
	}
	return s->prepared[which];
}

/* Steps a statement that gives no rows, with what was bound. */
static int
finish(struct store *s, sqlite3_stmt *st, struct err *err)
{
	int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(s, err);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

static int
run_statement(struct store *s, enum statement which, struct err *err)
{
	sqlite3_stmt *st = statement(s, which, err);
	return st ? finish(s, st, err) : -1;
}

static void
bind_text(sqlite3_stmt *st, int at, const char *text)
{
	(void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static void
bind_known(sqlite3_stmt *st, int at, double value, bool is_known)
{
	if (is_known)
		(void)sqlite3_bind_double(st, at, value);
	else
		(void)sqlite3_bind_null(st, at);
}

/* --- collecting ----------------------------------------------------------------------------------------------- */

/* Samples come round in the same order, so the search starts where the last one ended. */
static size_t
find_who(struct store *s, const char *pop, const char *node)
{
	for (size_t k = 0; k < s->n_whos; k++) {
		size_t i = (s->next_who + k) % s->n_whos;
		if (strcmp(s->whos[i].pop, pop) == 0 && strcmp(s->whos[i].node, node) == 0) {
			s->next_who = i + 1;
			return i;
		}
	}
	s->whos = xgrow(s->whos, &s->whos_cap, s->n_whos + 1, sizeof *s->whos);
	struct who *w = &s->whos[s->n_whos];
	*w = (struct who){ 0 };
	snprintf(w->pop, sizeof w->pop, "%s", pop);
	snprintf(w->node, sizeof w->node, "%s", node);
	return s->n_whos++;
}

/* Chooses the rows that the next commit writes, and returns how many. A node's samples wait until their minute is over, so
 * that it is written once and not with each of them; nobody asks after the present one. A PoP's go at once: what is read
 * of history goes up to now. */
static size_t
choose_rows(struct store *s, int64_t now_s, bool is_last)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_rows; i++) {
		struct waiting *row = &s->rows[i];
		const struct who *w = &s->whos[row->who];
		bool is_over = w->waiting != i + 1 || now_s - row->minute >= LEFT_AFTER_S || now_s < row->minute;
		row->is_due = is_last || is_over || !w->node[0];
		n += row->is_due;
	}
	return n;
}

/* Those that are due are written, or given up. */
static void
forget_rows(struct store *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n_rows; i++)
		if (!s->rows[i].is_due)
			s->rows[kept++] = s->rows[i];
	if (kept == s->n_rows)
		return;
	s->n_rows = kept;
	for (size_t i = 0; i < s->n_whos; i++)
		s->whos[i].waiting = 0;
	for (size_t i = 0; i < s->n_rows; i++)
		s->whos[s->rows[i].who].waiting = i + 1;
}

static struct waiting *
waiting_row(struct store *s, size_t who, int64_t minute)
{
	struct who *w = &s->whos[who];
	if (w->waiting > 0 && s->rows[w->waiting - 1].minute == minute)
		return &s->rows[w->waiting - 1];
	if (s->n_rows == WAITING_ROWS_MAX) {
		for (size_t i = 0; i < s->n_rows; i++)
			s->rows[i].is_due = i < WAITING_ROWS_MAX / 4;
		forget_rows(s);
	}
	s->rows = xgrow(s->rows, &s->rows_cap, s->n_rows + 1, sizeof *s->rows);
	struct waiting *row = &s->rows[s->n_rows++];
	*row = (struct waiting){ .who = who, .minute = minute, .worst = VERDICT_COUNT - 1 };
	w->waiting = s->n_rows;
	return row;
}

void
store_add_sample(struct store *s, const char *pop, const char *node, double qps, enum verdict v, struct wall at)
{
	int64_t now_s = at.ns / CLOCK_NS_PER_S;
	struct waiting *row = waiting_row(s, find_who(s, pop, node), now_s - now_s % MINUTE_S);
	if ((int)v < row->worst)
		row->worst = (int)v;
	if (!isfinite(qps))
		return;
	row->low = row->n == 0 || qps < row->low ? qps : row->low;
	row->high = row->n == 0 || qps > row->high ? qps : row->high;
	row->sum += qps;
	row->n++;
}

void
store_add_event(struct store *s, const struct event *e)
{
	if (s->n_events == WAITING_EVENTS_MAX) {
		memmove(s->events, s->events + 1, (WAITING_EVENTS_MAX - 1) * sizeof *s->events);
		s->n_events--;
	}
	s->events = xgrow(s->events, &s->events_cap, s->n_events + 1, sizeof *s->events);
	s->events[s->n_events++] = *e;
}

void
store_keep_facts(struct store *s, const char *node, const char *address, struct slice json, struct wall at)
{
	struct waiting_facts *f = NULL;
	for (size_t i = 0; i < s->n_facts && !f; i++) {
		if (strcmp(s->facts[i].node, node) == 0)
			f = &s->facts[i];
	}
	if (!f) {
		s->facts = xgrow(s->facts, &s->facts_cap, s->n_facts + 1, sizeof *s->facts);
		f = &s->facts[s->n_facts++];
		*f = (struct waiting_facts){ 0 };
		snprintf(f->node, sizeof f->node, "%s", node);
	}
	free(f->address);
	free(f->json);
	f->address = xstrdup(address);
	f->json = xstrndup(json.data, json.len);
	f->at = at.ns / CLOCK_NS_PER_S;
}

static void
forget_facts(struct store *s)
{
	for (size_t i = 0; i < s->n_facts; i++) {
		free(s->facts[i].address);
		free(s->facts[i].json);
	}
	s->n_facts = 0;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static int
identify(struct store *s, struct who *w, struct err *err)
{
	if (w->id > 0)
		return 0;
	sqlite3_stmt *add = statement(s, SQL_ADD_WHO, err), *find = statement(s, SQL_FIND_WHO, err);
	if (!add || !find)
		return -1;
	bind_text(add, 1, w->pop);
	bind_text(add, 2, w->node);
	if (finish(s, add, err) == -1)
		return -1;
	bind_text(find, 1, w->pop);
	bind_text(find, 2, w->node);
	int rc = sqlite3_step(find) == SQLITE_ROW ? 0 : fail(s, err);
	if (rc == 0)
		w->id = sqlite3_column_int64(find, 0);
	(void)sqlite3_reset(find);
	return rc;
}

static int
merge_row(struct store *s, enum statement table, int64_t who, int64_t at, const struct waiting *row, struct err *err)
{
	sqlite3_stmt *st = statement(s, table, err);
	if (!st)
		return -1;
	(void)sqlite3_bind_int64(st, 1, who);
	(void)sqlite3_bind_int64(st, 2, at);
	(void)sqlite3_bind_int64(st, 3, row->n);
	bind_known(st, 4, row->low, row->n > 0);
	(void)sqlite3_bind_double(st, 5, row->sum);
	bind_known(st, 6, row->high, row->n > 0);
	(void)sqlite3_bind_int(st, 7, row->worst);
	return finish(s, st, err);
}

static int
write_rows(struct store *s, struct err *err)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct waiting *row = &s->rows[i];
		struct who *w = &s->whos[row->who];
		if (!row->is_due)
			continue;
		if (identify(s, w, err) == -1 || merge_row(s, SQL_ADD_MINUTE, w->id, row->minute, row, err) == -1 ||
			merge_row(s, SQL_ADD_HOUR, w->id, row->minute - row->minute % HOUR_S, row, err) == -1)
			return -1;
	}
	return 0;
}

static int
write_events(struct store *s, struct err *err)
{
	for (size_t i = 0; i < s->n_events; i++) {
		const struct event *e = &s->events[i];
		sqlite3_stmt *st = statement(s, SQL_ADD_EVENT, err);
		if (!st)
			return -1;
		(void)sqlite3_bind_int64(st, 1, (int64_t)e->id);
		(void)sqlite3_bind_int64(st, 2, e->at.ns / CLOCK_NS_PER_MS);
		bind_text(st, 3, e->kind);
		bind_text(st, 4, verdict_name(e->severity));
		bind_text(st, 5, e->pop);
		bind_text(st, 6, e->node);
		bind_text(st, 7, e->text);
		if (finish(s, st, err) == -1)
			return -1;
	}
	return 0;
}

static int
write_facts(struct store *s, struct err *err)
{
	for (size_t i = 0; i < s->n_facts; i++) {
		const struct waiting_facts *f = &s->facts[i];
		sqlite3_stmt *st = statement(s, SQL_KEEP_FACTS, err);
		if (!st)
			return -1;
		bind_text(st, 1, f->node);
		bind_text(st, 2, f->address);
		(void)sqlite3_bind_int64(st, 3, f->at);
		bind_text(st, 4, f->json);
		if (finish(s, st, err) == -1)
			return -1;
	}
	return 0;
}

static int
retire(struct store *s, enum statement which, int64_t limit, struct err *err)
{
	sqlite3_stmt *st = statement(s, which, err);
	if (!st)
		return -1;
	(void)sqlite3_bind_int64(st, 1, limit);
	return finish(s, st, err);
}

/* Old minutes of the next few names; once an hour old events and facts too. */
static int
retire_some(struct store *s, int64_t now_s, struct err *err)
{
	for (size_t k = 0; k < RETIRE_STEP && k < s->n_whos; k++) {
		struct who *w = &s->whos[s->retire_next++ % s->n_whos];
		sqlite3_stmt *st = statement(s, SQL_RETIRE_MINUTES, err);
		if (!st || identify(s, w, err) == -1)
			return -1;
		(void)sqlite3_bind_int64(st, 1, w->id);
		(void)sqlite3_bind_int64(st, 2, now_s - MINUTES_KEPT_S);
		if (finish(s, st, err) == -1)
			return -1;
	}
	if (now_s - s->retired_at < HOUR_S && now_s >= s->retired_at)
		return 0;
	if (retire(s, SQL_RETIRE_EVENTS, EVENTS_KEPT, err) == -1 ||
		retire(s, SQL_RETIRE_FACTS, now_s - FACTS_KEPT_S, err) == -1)
		return -1;
	s->retired_at = now_s;
	return 0;
}

static int
write_all(struct store *s, int64_t now_s, struct err *err)
{
	if (run_statement(s, SQL_BEGIN, err) == -1)
		return -1;
	if (write_rows(s, err) == 0 && write_events(s, err) == 0 && write_facts(s, err) == 0 &&
		retire_some(s, now_s, err) == 0 && run_statement(s, SQL_COMMIT, err) == 0)
		return 0;
	/* Some failures have rolled back already; names that were given numbers in here must be looked up again. */
	if (s->db && !sqlite3_get_autocommit(s->db))
		(void)run_statement(s, SQL_ROLLBACK, NULL);
	for (size_t i = 0; i < s->n_whos; i++)
		s->whos[i].id = 0;
	return -1;
}

static int
write_due(struct store *s, struct wall now, bool is_last, struct err *err)
{
	int64_t now_s = now.ns / CLOCK_NS_PER_S;
	if (s->is_syncing || (choose_rows(s, now_s, is_last) == 0 && s->n_events == 0 && s->n_facts == 0))
		return 0;
	struct err again = ERR_INIT;
	if (!s->db && open_file(s, err) == -1) {
		s->errors++;
		return -1;
	}
	if (write_all(s, now_s, err) == -1) {
		if (is_damage(s->last_error)) {
			close_file(s);
			if (open_file(s, &again) == 0 && err && again.code != ERR_OK)
				*err = again;
		}
		return -1;
	}
	forget_rows(s);
	s->n_events = 0;
	forget_facts(s);
	return 0;
}

int
store_commit(struct store *s, struct wall now, struct err *err)
{
	return write_due(s, now, false, err);
}

bool
store_wants_sync(const struct store *s)
{
	return s->db && !s->is_syncing && s->log_pages >= SYNC_PAGES;
}

void
store_sync_begin(struct store *s)
{
	s->is_syncing = true;
}

void
store_sync(struct store *s)
{
	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void
store_sync_end(struct store *s)
{
	s->is_syncing = false;
	s->log_pages = 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db)
		(void)write_due(s, clock_wall(), true, NULL);
	close_file(s);
	forget_facts(s);
	free(s->facts);
	free(s->events);
	free(s->rows);
	free(s->whos);
	free(s->path);
	free(s);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static const char *
column_text(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);
	return text ? text : "";
}

static double
column_known(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) == SQLITE_NULL ? NAN : sqlite3_column_double(st, i);
}

int
store_each_facts(struct store *s, void (*fn)(void *arg, const char *node, const char *address, struct slice json,
	struct wall at), void *arg, struct err *err)
{
	sqlite3_stmt *st = statement(s, SQL_READ_FACTS, err);
	if (!st)
		return -1;
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct slice json = { column_text(st, 2), (size_t)sqlite3_column_bytes(st, 2) };
		struct wall at = { sqlite3_column_int64(st, 3) * CLOCK_NS_PER_S };
		fn(arg, column_text(st, 0), column_text(st, 1), json, at);
	}
	int result = rc == SQLITE_DONE ? 0 : fail(s, err);
	(void)sqlite3_reset(st);
	return result;
}

static void
read_event(sqlite3_stmt *st, struct event *e)
{
	*e = (struct event){
		.id = (uint64_t)sqlite3_column_int64(st, 0),
		.at = { sqlite3_column_int64(st, 1) * CLOCK_NS_PER_MS },
		.severity = verdict_parse(column_text(st, 3)),
	};
	snprintf(e->kind, sizeof e->kind, "%s", column_text(st, 2));
	snprintf(e->pop, sizeof e->pop, "%s", column_text(st, 4));
	snprintf(e->node, sizeof e->node, "%s", column_text(st, 5));
	snprintf(e->text, sizeof e->text, "%s", column_text(st, 6));
}

int
store_read_events(struct store *s, struct event *out, size_t max, struct err *err)
{
	sqlite3_stmt *st = statement(s, SQL_READ_EVENTS, err);
	if (!st)
		return -1;
	(void)sqlite3_bind_int64(st, 1, max > INT32_MAX ? INT32_MAX : (int64_t)max);
	int n = 0, rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		read_event(st, &out[n++]);
	if (rc != SQLITE_DONE)
		n = fail(s, err);
	(void)sqlite3_reset(st);
	return n;
}

/* Returns how many points there were, -1 on failure. */
static int64_t
read_points(struct store *s, enum statement table, const char *pop, int64_t from_s, int64_t to_s,
	void (*fn)(void *arg, const struct store_point *p), void *arg, struct err *err)
{
	sqlite3_stmt *st = statement(s, table, err);
	if (!st)
		return -1;
	bind_text(st, 1, pop);
	(void)sqlite3_bind_int64(st, 2, from_s);
	(void)sqlite3_bind_int64(st, 3, to_s);
	int64_t n = 0;
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int worst = sqlite3_column_int(st, 4);
		const struct store_point point = {
			.at = { sqlite3_column_int64(st, 0) * CLOCK_NS_PER_S },
			.qps_min = column_known(st, 1),
			.qps_avg = column_known(st, 2),
			.qps_max = column_known(st, 3),
			.worst = worst >= 0 && worst < VERDICT_COUNT ? (enum verdict)worst : VERDICT_UNKNOWN,
		};
		fn(arg, &point);
		n++;
	}
	if (rc != SQLITE_DONE)
		n = fail(s, err);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return n;
}

int
store_read_history(struct store *s, const char *pop, struct wall from, struct wall to,
	void (*fn)(void *arg, const struct store_point *p), void *arg, struct err *err)
{
	int64_t from_s = from.ns / CLOCK_NS_PER_S, to_s = to.ns / CLOCK_NS_PER_S;
	int64_t n = 0;
	if (to_s - from_s <= MINUTES_SPAN_S)
		n = read_points(s, SQL_READ_MINUTES, pop, from_s, to_s, fn, arg, err);
	if (n == 0)
		n = read_points(s, SQL_READ_HOURS, pop, from_s, to_s, fn, arg, err);
	return n == -1 ? -1 : 0;
}
