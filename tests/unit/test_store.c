/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered on disk, and that seeing goes on when the disk does not take it: a full one (a limit on the size
 * of files), a damaged file, a foreign one, a second backend.
 */
#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/history.h"
#include "backend/store.h"
#include "tiny_fleet.h"

static const struct wall noon = { INT64_C(1700049600) * CLOCK_NS_PER_S }; /* 2023-11-15T12:00:00Z */

static struct wall
later(int64_t seconds)
{
	return (struct wall){ noon.ns + seconds * CLOCK_NS_PER_S };
}

static char dir[64];

static void
make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/catchment-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
remove_dir(void)
{
	DIR *d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			ck_assert_int_eq(unlink(path), 0);
	}
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct store *
open_store(void)
{
	struct err err = ERR_INIT;
	struct store *s = store_open(dir, &err);
	ck_assert_msg(s != NULL, "%s", err.text);
	ck_assert_msg(err.code == ERR_OK, "%s", err.text);
	return s;
}

static void
commit(struct store *s, struct wall now)
{
	struct err err = ERR_INIT;
	ck_assert_msg(store_commit(s, now, &err) == 0, "%s", err.text);
}

struct points {
	size_t n;
	struct store_point point[300];
};

static void
on_point(void *arg, const struct store_point *p)
{
	struct points *all = arg;
	ck_assert_uint_lt(all->n, 300);
	all->point[all->n++] = *p;
}

static struct points
read_points(struct store *s, const char *pop, struct wall from, struct wall to)
{
	struct points all = { 0 };
	struct err err = ERR_INIT;
	ck_assert_msg(store_read_history(s, pop, from, to, on_point, &all, &err) == 0, "%s", err.text);
	return all;
}

START_TEST(test_samples_are_rolled_up_to_minutes)
{
	make_dir();
	struct store *s = open_store();
	for (int64_t t = 0; t < 120; t += 10) {
		store_add_sample(s, "fra", "", (double)(100 + t), t == 70 ? VERDICT_DEGRADED : VERDICT_OK, later(t));
		store_add_sample(s, "fra", "fra1", 1, VERDICT_BLACKHOLE, later(t));
		if (t % 30 == 0)
			commit(s, later(t)); /* a minute is written in several commits */
	}
	commit(s, later(120));
	struct points p = read_points(s, "fra", noon, later(120));
	ck_assert_uint_eq(p.n, 2);
	ck_assert_int_eq(p.point[0].at.ns, noon.ns);
	ck_assert_double_eq(p.point[0].qps_min, 100);
	ck_assert_double_eq(p.point[0].qps_avg, 125);
	ck_assert_double_eq(p.point[0].qps_max, 150);
	ck_assert_int_eq(p.point[0].worst, VERDICT_OK);
	ck_assert_int_eq(p.point[1].worst, VERDICT_DEGRADED);
	ck_assert_uint_eq(read_points(s, "ams", noon, later(120)).n, 0);
	/* a span of more than two days is answered in hours */
	p = read_points(s, "fra", later(-3 * 86400), later(120));
	ck_assert_uint_eq(p.n, 1);
	ck_assert_double_eq(p.point[0].qps_max, 210);
	ck_assert_int_eq(p.point[0].worst, VERDICT_DEGRADED);
	store_close(s);
	remove_dir();
}
END_TEST

struct rows {
	int64_t n, samples; /* minutes; samples of the hour */
};

static void
copy_file(const char *from, const char *to)
{
	struct buf bytes = BUF_INIT(1 << 24);
	char path[100];
	snprintf(path, sizeof path, "%s/%s", dir, from);
	if (access(path, F_OK) == 0) {
		ck_assert_int_eq(buf_read_file(&bytes, path, NULL), 0);
		snprintf(path, sizeof path, "%s/%s", dir, to);
		FILE *f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
		ck_assert_int_eq(fclose(f), 0);
	}
	buf_done(&bytes);
}

/* What would be found of a node after a crash now. The file is locked, so its copy is asked. */
static struct rows
rows_of(const char *node)
{
	char path[100];
	sqlite3 *db;
	sqlite3_stmt *st;
	copy_file("history.db", "copy.db");
	copy_file("history.db-wal", "copy.db-wal");
	snprintf(path, sizeof path, "%s/copy.db", dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT (SELECT count(*) FROM minute WHERE who = id), (SELECT total(n) FROM hour WHERE who = id)"
		" FROM who WHERE node = ?", -1, &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_bind_text(st, 1, node, -1, SQLITE_STATIC), SQLITE_OK);
	struct rows r = { 0, 0 };
	if (sqlite3_step(st) == SQLITE_ROW)
		r = (struct rows){ sqlite3_column_int64(st, 0), (int64_t)sqlite3_column_double(st, 1) };
	sqlite3_finalize(st);
	sqlite3_close(db); /* takes copy.db-wal away */
	return r;
}

START_TEST(test_a_nodes_minute_is_written_once)
{
	make_dir();
	struct store *s = open_store();
	for (int64_t t = 0; t <= 50; t += 10) {
		store_add_sample(s, "fra", "fra1", 5, VERDICT_OK, later(t));
		store_add_sample(s, "fra", "", 5, VERDICT_OK, later(t));
		store_add_sample(s, "ams", "ams1", 5, VERDICT_OK, later(t));
		commit(s, later(t));
	}
	ck_assert_int_eq(rows_of("").samples, 6);
	ck_assert_int_eq(rows_of("fra1").n, 0);
	store_add_sample(s, "fra", "fra1", 6, VERDICT_OK, later(60));
	commit(s, later(60));
	ck_assert_int_eq(rows_of("fra1").n, 1);
	ck_assert_int_eq(rows_of("fra1").samples, 6);
	ck_assert_int_eq(rows_of("ams1").n, 0); /* its next sample may still come */
	commit(s, later(120));
	ck_assert_int_eq(rows_of("ams1").samples, 6); /* it did not */
	ck_assert_int_eq(rows_of("fra1").n, 1);
	store_close(s);
	ck_assert_int_eq(rows_of("fra1").samples, 7); /* the last minute too */
	remove_dir();
}
END_TEST

START_TEST(test_unknown_rates_stay_unknown)
{
	make_dir();
	struct store *s = open_store();
	store_add_sample(s, "fra", "", NAN, VERDICT_UNKNOWN, noon);
	commit(s, noon);
	struct points p = read_points(s, "fra", noon, noon);
	ck_assert_uint_eq(p.n, 1);
	ck_assert(isnan(p.point[0].qps_min) && isnan(p.point[0].qps_avg) && isnan(p.point[0].qps_max));
	store_add_sample(s, "fra", "", 7, VERDICT_OK, later(10));
	commit(s, later(10));
	p = read_points(s, "fra", noon, noon);
	ck_assert_double_eq(p.point[0].qps_min, 7);
	ck_assert_double_eq(p.point[0].qps_avg, 7);
	ck_assert_int_eq(p.point[0].worst, VERDICT_UNKNOWN);
	store_close(s);
	remove_dir();
}
END_TEST

START_TEST(test_minutes_go_after_two_days_and_hours_stay)
{
	make_dir();
	struct store *s = open_store();
	store_add_sample(s, "fra", "", 5, VERDICT_OK, noon);
	commit(s, noon);
	store_add_sample(s, "fra", "", 6, VERDICT_OK, later(49 * 3600));
	commit(s, later(49 * 3600));
	/* the minute is gone, so the hour answers */
	struct points p = read_points(s, "fra", noon, later(60));
	ck_assert_uint_eq(p.n, 1);
	p = read_points(s, "fra", later(-3 * 86400), later(49 * 3600));
	ck_assert_uint_eq(p.n, 2);
	store_add_sample(s, "fra", "", 9, VERDICT_OK, later(30));
	commit(s, later(49 * 3600));
	p = read_points(s, "fra", noon, later(60));
	ck_assert_uint_eq(p.n, 1);
	ck_assert_double_eq(p.point[0].qps_max, 9); /* of the hour: the late minute was thinned out in the same commit */
	ck_assert_double_eq(p.point[0].qps_min, 5);
	store_close(s);
	remove_dir();
}
END_TEST

START_TEST(test_events_and_facts_survive)
{
	make_dir();
	struct store *s = open_store();
	for (uint64_t i = 1; i <= 5; i++) {
		struct event e = { .id = i, .at = later((int64_t)i), .severity = VERDICT_DEGRADED };
		snprintf(e.kind, sizeof e.kind, "session");
		snprintf(e.pop, sizeof e.pop, "fra");
		snprintf(e.text, sizeof e.text, "event %d", (int)i);
		store_add_event(s, &e);
	}
	store_keep_facts(s, "fra1", "10.0.0.1", slice_of("{\"a\":1}"), noon);
	store_keep_facts(s, "fra1", "10.0.0.2", slice_of("{\"a\":2}"), later(1));
	store_close(s); /* writes what is collected */
	s = open_store();
	struct event events[3];
	ck_assert_int_eq(store_read_events(s, events, 3, NULL), 3);
	ck_assert_uint_eq(events[0].id, 3);
	ck_assert_str_eq(events[2].text, "event 5");
	ck_assert_str_eq(events[2].pop, "fra");
	ck_assert_str_eq(events[2].node, "");
	ck_assert_int_eq(events[2].severity, VERDICT_DEGRADED);
	ck_assert_int_eq(events[2].at.ns, later(5).ns);
	store_close(s);
	remove_dir();
}
END_TEST

START_TEST(test_a_second_backend_is_refused)
{
	make_dir();
	struct store *s = open_store();
	struct err err = ERR_INIT;
	ck_assert_ptr_null(store_open(dir, &err));
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	ck_assert(strstr(err.text, "in use by another catchmentd") != NULL);
	store_close(s);
	store_close(open_store());
	remove_dir();
}
END_TEST

static void
write_over(const char *name, off_t at, const char *bytes, size_t len)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

START_TEST(test_a_damaged_file_is_moved_aside)
{
	static const char rubbish[6000] = "this is no database";
	static const struct {
		off_t at;
		size_t len;
	} rows[] = { { 0, 100 }, { 0, 6000 }, { 100, 5000 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		make_dir();
		struct store *s = open_store();
		store_add_sample(s, "fra", "", 5, VERDICT_OK, noon);
		store_close(s);
		write_over("history.db", rows[i].at, rubbish, rows[i].len);
		struct err err = ERR_INIT;
		s = store_open(dir, &err);
		ck_assert_msg(s != NULL, "%s", err.text);
		ck_assert_msg(strstr(err.text, "was moved to") != NULL, "%s", err.text);
		store_add_sample(s, "fra", "", 6, VERDICT_OK, noon);
		commit(s, noon);
		struct points p = read_points(s, "fra", noon, noon);
		ck_assert_uint_eq(p.n, 1);
		ck_assert_double_eq(p.point[0].qps_min, 6);
		store_close(s);
		store_close(open_store());
		remove_dir();
	}
}
END_TEST

START_TEST(test_a_store_of_a_later_version_is_left_alone)
{
	make_dir();
	store_close(open_store());
	write_over("history.db", 60, "\0\0\0\7", 4); /* user_version in the header of the file */
	struct err err = ERR_INIT;
	ck_assert_ptr_null(store_open(dir, &err));
	ck_assert_msg(strstr(err.text, "format 7") != NULL, "%s", err.text);
	remove_dir();
}
END_TEST

START_TEST(test_what_could_not_be_written_is_written_later)
{
	make_dir();
	struct store *s = open_store();
	struct rlimit before, tight;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	tight = before;
	tight.rlim_cur = 16384;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct err err = ERR_INIT;
	for (int64_t i = 0; i < 1000; i++) {
		char pop[16];
		snprintf(pop, sizeof pop, "p%d", (int)i);
		store_add_sample(s, pop, "", (double)i, VERDICT_OK, noon);
	}
	ck_assert_int_eq(store_commit(s, noon, &err), -1);
	ck_assert_msg(strstr(err.text, "history.db") != NULL, "%s", err.text);
	ck_assert_uint_eq(store_errors(s), 1);
	ck_assert_uint_eq(read_points(s, "p7", noon, noon).n, 0); /* reading goes on */
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	commit(s, later(1));
	ck_assert_double_eq(read_points(s, "p999", noon, noon).point[0].qps_avg, 999);
	store_close(s);
	remove_dir();
}
END_TEST

/* --- history: between state and store ------------------------------------------------------------------------- */

static const struct mono start = { INT64_C(1000) * CLOCK_NS_PER_S };

START_TEST(test_facts_come_back_stale_after_a_restart)
{
	make_dir();
	struct store *s = open_store();
	struct state *state = state_new(tiny_fleet());
	struct history *h = history_new(&(struct history_conf){ .state = state, .store = s }, start, noon);
	state_apply(state, 0, "test/all", tiny_report(1), start, noon);
	history_free(h, start, noon);
	state_free(state);
	store_close(s);

	s = open_store();
	state = state_new(tiny_fleet());
	struct mono now = mono_add_ms(start, 500000); /* another boot: the mono clock means nothing across lives */
	h = history_new(&(struct history_conf){ .state = state, .store = s }, now, later(90));
	const struct node *n = &state_fleet(state)->nodes[0];
	ck_assert(n->is_restored);
	ck_assert(node_is_stale(n, now));
	ck_assert_double_eq_tol(node_age_s(n, now), 90, 1.1);
	ck_assert_uint_eq(n->facts->n_sessions, 1);
	ck_assert(!state_fleet(state)->nodes[1].is_restored);
	size_t n_events;
	const struct event *events = state_events(state, &n_events);
	ck_assert_uint_gt(n_events, 0);
	uint64_t last = events[n_events - 1].id;
	state_tell(state, "backend", VERDICT_OK, later(91), "started");
	events = state_events(state, &n_events);
	ck_assert_uint_eq(events[n_events - 1].id, last + 1);
	history_free(h, now, later(91));
	state_free(state);
	store_close(s);
	remove_dir();
}
END_TEST

START_TEST(test_facts_of_another_address_stay_away)
{
	make_dir();
	struct store *s = open_store();
	store_keep_facts(s, "fra1", "203.0.113.9", slice_of("{\"sections\":[]}"), noon);
	store_keep_facts(s, "fra2", "127.0.0.1", slice_of("{\"sections\":[broken"), noon);
	store_keep_facts(s, "ams1", "127.0.0.1", slice_of("{\"sections\":[]}"), later(3600)); /* of the future */
	commit(s, noon);
	struct state *state = state_new(tiny_fleet());
	struct history *h = history_new(&(struct history_conf){ .state = state, .store = s }, start, noon);
	for (size_t i = 0; i < 3; i++)
		ck_assert(!state_fleet(state)->nodes[i].is_restored);
	history_free(h, start, noon);
	state_free(state);
	store_close(s);
	remove_dir();
}
END_TEST

START_TEST(test_every_node_is_sampled_once_a_round)
{
	make_dir();
	struct store *s = open_store();
	struct state *state = state_new(tiny_fleet_wide(37));
	struct history *h = history_new(&(struct history_conf){ .state = state, .store = s }, start, noon);
	for (int i = 1; i <= 60; i++)
		history_tick(h, mono_add_ms(start, i * 1000), later(i));
	for (size_t i = 0; i < state_fleet(state)->n_pops; i++) {
		struct points p = read_points(s, state_fleet(state)->pops[i].name, noon, later(120));
		ck_assert_uint_ge(p.n, 1);
		ck_assert_int_eq(p.point[0].worst, VERDICT_UNKNOWN);
	}
	history_free(h, start, later(61));
	state_free(state);
	store_close(s);
	remove_dir();
}
END_TEST

static size_t
count_events(const struct state *state, const char *text)
{
	size_t n, found = 0;
	const struct event *events = state_events(state, &n);
	for (size_t i = 0; i < n; i++)
		found += strstr(events[i].text, text) != NULL;
	return found;
}

START_TEST(test_a_full_disk_is_told_once_and_its_end_too)
{
	make_dir();
	struct store *s = open_store();
	struct state *state = state_new(tiny_fleet_wide(400));
	struct history *h = history_new(&(struct history_conf){ .state = state, .store = s }, start, noon);
	struct rlimit before, tight;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	tight = before;
	tight.rlim_cur = 8192;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (int i = 1; i <= 30; i++)
		history_tick(h, mono_add_ms(start, i * 1000), later(i));
	ck_assert_uint_eq(count_events(state, "history is not written"), 1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	for (int i = 31; i <= 35; i++)
		history_tick(h, mono_add_ms(start, i * 1000), later(i));
	ck_assert_uint_eq(count_events(state, "history is not written"), 1);
	ck_assert_uint_eq(count_events(state, "history is written again"), 1);
	ck_assert_uint_eq(read_points(s, "p0", noon, later(60)).n, 1);
	history_free(h, start, later(36));
	state_free(state);
	store_close(s);
	remove_dir();
}
END_TEST

/* What waits for the disk is apart from commits: while it does, samples wait too and reads say so. */
START_TEST(test_log_is_moved_apart_from_commits)
{
	struct err err = ERR_INIT;
	make_dir();
	struct store *s = open_store();
	int64_t t = 0;
	for (; !store_wants_sync(s) && t < 20000; t++) {
		char name[16];
		snprintf(name, sizeof name, "p%d", (int)(t % 400));
		store_add_sample(s, name, "", 100, VERDICT_OK, later(t * 10));
		commit(s, later(t * 10));
	}
	ck_assert_msg(store_wants_sync(s), "after %d commits", (int)t);
	store_sync_begin(s);
	ck_assert(!store_wants_sync(s));
	store_add_sample(s, "fra", "", 7, VERDICT_OK, noon);
	commit(s, later(60));
	struct points none = { 0 };
	ck_assert_int_eq(store_read_history(s, "fra", noon, later(60), on_point, &none, &err), -1);
	ck_assert_int_eq(err.code, ERR_BUSY);
	store_sync(s);
	store_sync_end(s);
	commit(s, later(61));
	ck_assert_uint_eq(read_points(s, "fra", noon, later(60)).n, 1);
	store_close(s);
	remove_dir();
}
END_TEST

static Suite *
store_suite(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("store");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_samples_are_rolled_up_to_minutes);
	tcase_add_test(tcase, test_a_nodes_minute_is_written_once);
	tcase_add_test(tcase, test_unknown_rates_stay_unknown);
	tcase_add_test(tcase, test_minutes_go_after_two_days_and_hours_stay);
	tcase_add_test(tcase, test_events_and_facts_survive);
	tcase_add_test(tcase, test_a_second_backend_is_refused);
	tcase_add_test(tcase, test_a_damaged_file_is_moved_aside);
	tcase_add_test(tcase, test_a_store_of_a_later_version_is_left_alone);
	tcase_add_test(tcase, test_what_could_not_be_written_is_written_later);
	tcase_add_test(tcase, test_facts_come_back_stale_after_a_restart);
	tcase_add_test(tcase, test_facts_of_another_address_stay_away);
	tcase_add_test(tcase, test_every_node_is_sampled_once_a_round);
	tcase_add_test(tcase, test_log_is_moved_apart_from_commits);
	tcase_add_test(tcase, test_a_full_disk_is_told_once_and_its_end_too);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return suite_run(store_suite());
}
