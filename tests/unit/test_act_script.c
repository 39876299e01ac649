/* SPDX-License-Identifier: Apache-2.0
 *
 * The script that changes a node, run for real: with each shell found here (whatever sh is, bash, busybox), in folders of
 * its own, with a tool that notes down what it was told. What the script promises is promised about time and death too, so
 * the tests wait for states on disk and for processes to be gone, with a limit, and never for time to pass.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/act_script.h"
#include "backend/batch.h"
#include "core/clock.h"
#include "core/text.h"
#include "suite.h"

#define WAIT_MS 20000

static const char *const shells[][3] = { { "/bin/sh" }, { "/bin/bash" }, { "/bin/busybox", "sh" } };
#define N_SHELLS ((int)(sizeof shells / sizeof shells[0]))

/* `tool WORD…` appends its words to the log; some words make it misbehave. */
static const char tool_text[] =
	"#!/bin/sh\n"
	"printf '%s\\037' \"$@\" >>\"$TOOL_LOG\"; echo >>\"$TOOL_LOG\"\n"
	"case $1 in\n"
	"fail) echo \"tool: no: $2\"; exit 3;;\n"
	"once) if [ -e \"$TOOL_LOG.once\" ]; then exit 0; fi; : >\"$TOOL_LOG.once\"; exit 4;;\n"
	"hang) exec sleep 60;;\n"
	"esac\n";

struct bench {
	int shell;
	char folder[64], state[96], log[96];
	struct steps steps;
	const struct step *list[STEPS_MAX];
	struct act_job job;
};

static void
put_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static const char *
path_in(const struct bench *b, const char *name)
{
	static char path[4][256];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", b->folder, name);
	return path[turn];
}

static void
bench_open(struct bench *b, int shell)
{
	char old[4096];
	memset(b, 0, sizeof *b);
	b->shell = shell;
	snprintf(b->folder, sizeof b->folder, "/tmp/catchment-act-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b->folder));
	snprintf(b->state, sizeof b->state, "%s/state", b->folder);
	snprintf(b->log, sizeof b->log, "%s/log", b->folder);
	put_file(path_in(b, "tool"), tool_text, 0755);
	put_file(b->log, "", 0644);
	setenv("TOOL_LOG", b->log, 1);
	snprintf(old, sizeof old, "%s:/usr/bin:/bin", b->folder);
	setenv("PATH", old, 1);
	steps_init(&b->steps);
	b->job = (struct act_job){ .order = ACT_APPLY, .fleet = "lab", .node = "fra1", .state_dir = b->state, .number = 1,
		.steps = b->list };
}

static bool has_watcher(const struct bench *b);
static void wait_for(bool (*is)(const struct bench *b, const char *arg), const struct bench *b, const char *arg);

static bool
is_unwatched(const struct bench *b, const char *arg)
{
	(void)arg;
	return !has_watcher(b);
}

static void
bench_close(struct bench *b)
{
	char command[128];
	wait_for(is_unwatched, b, "");
	steps_done(&b->steps);
	snprintf(command, sizeof command, "rm -rf %s", b->folder);
	ck_assert_int_eq(system(command), 0);
}

/* A step that runs `tool APPLY` and is undone by `tool UNDO`; returns it for more. */
static struct step *
add_step(struct bench *b, const char *apply, const char *undo)
{
	struct step *s = steps_add(&b->steps);
	s->what = "a step";
	s->kind = STEP_EXEC;
	s->has_undo = undo != NULL;
	step_add_command(&b->steps, &s->apply, "tool", apply, NULL);
	if (undo)
		step_add_command(&b->steps, &s->undo, "tool", undo, NULL);
	b->list[b->job.n_steps++] = s;
	return s;
}

/* ---- running ---- */

struct run {
	pid_t pid;
	int fd;
};

static struct run
start(const struct bench *b)
{
	struct buf script = BUF_INIT(1u << 17);
	struct err err = ERR_INIT;
	int ends[2];
	ck_assert_msg(act_script_write(&b->job, &script, &err) == 0, "%s", err.text);
	ck_assert(!strchr(buf_text(&script), '\n'));
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		const char *const *s = shells[b->shell];
		setpgid(0, 0);
		signal(SIGPIPE, SIG_DFL);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], 5); /* a descriptor that the second shell must not keep open */
		if (s[1])
			execl(s[0], s[0], s[1], "-c", buf_text(&script), NULL);
		execl(s[0], s[0], "-c", buf_text(&script), NULL);
		_exit(127);
	}
	close(ends[1]);
	buf_done(&script);
	return (struct run){ pid, ends[0] };
}

/* Everything up to the end of the stream, which must come although an undo may be waiting. */
static void
finish(const struct run *r, struct buf *out)
{
	char data[512];
	int64_t deadline = clock_mono().ns / 1000000 + WAIT_MS;
	for (;;) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		int left = (int)(deadline - clock_mono().ns / 1000000);
		ck_assert_msg(left > 0 && poll(&p, 1, left) == 1, "the script did not end");
		ssize_t n = read(r->fd, data, sizeof data);
		if (n <= 0)
			break;
		buf_add(out, data, (size_t)n);
	}
	close(r->fd);
	ck_assert_int_eq(waitpid(r->pid, NULL, 0), r->pid);
}

static struct act_answer
answer_of(const struct run *r)
{
	struct buf out = BUF_INIT(1u << 16);
	struct act_answer a;
	struct err err = ERR_INIT;
	finish(r, &out);
	ck_assert_msg(act_script_read(buf_slice(&out), &a, &err) == 0, "%s: %s", err.text, buf_text(&out));
	buf_done(&out);
	return a;
}

static struct act_answer
order(struct bench *b, enum act_order order, uint64_t number, unsigned confirm_s)
{
	b->job.order = order;
	b->job.number = number;
	b->job.confirm_s = confirm_s;
	struct run r = start(b);
	return answer_of(&r);
}

#define WANT(answer, done, want_number, want_applied, want_state) \
	do { \
		struct act_answer got = (answer); \
		ck_assert_msg(got.is_done == (done) && got.number == (want_number) && got.applied == (want_applied) && \
			got.state == (want_state), "%s: done %d superseded %d number %d applied %d state %d: %s", \
			shells[b.shell][0], got.is_done, got.is_superseded, (int)got.number, (int)got.applied, (int)got.state, got.text); \
	} while (0)

/* ---- looking ---- */

static void
read_file(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;
	buf_read_file(out, path, &err);
}

/* The log with a blank for each separator: "down \nup \n". */
static bool
log_is(const struct bench *b, const char *want)
{
	struct buf text = BUF_INIT(1u << 16);
	read_file(b->log, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\037')
			text.data[i] = ' ';
	bool is = strcmp(buf_text(&text), want) == 0;
	if (!is)
		fprintf(stderr, "%s: the log has \"%s\"\n", shells[b->shell][0], buf_text(&text));
	buf_done(&text);
	return is;
}

static bool
op_file_is(const struct bench *b, const char *want)
{
	struct buf text = BUF_INIT(256);
	read_file(path_in(b, "state/lab-fra1.op"), &text);
	bool is = strcmp(buf_text(&text), want) == 0;
	buf_done(&text);
	return is;
}

static bool
has_log_word(const struct bench *b, const char *word)
{
	struct buf text = BUF_INIT(1u << 16);
	read_file(b->log, &text);
	bool is = slice_contains(buf_slice(&text), word);
	buf_done(&text);
	return is;
}

static bool
is_of(const char *pid, const char *folder)
{
	char path[300], text[65536];
	snprintf(path, sizeof path, "/proc/%.32s/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text);
	if (fd != -1)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, "catchment-undo", 15) && memmem(text, (size_t)n, folder, strlen(folder));
}

static bool
has_watcher(const struct bench *b)
{
	DIR *d = opendir("/proc");
	bool has = false;
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e = readdir(d); e && !has; e = readdir(d))
		has = e->d_name[0] >= '0' && e->d_name[0] <= '9' && is_of(e->d_name, b->state);
	closedir(d);
	return has;
}

static void
wait_for(bool (*is)(const struct bench *b, const char *arg), const struct bench *b, const char *arg)
{
	int64_t deadline = clock_mono().ns / 1000000 + WAIT_MS;
	while (!is(b, arg)) {
		ck_assert_msg(clock_mono().ns / 1000000 < deadline, "%s: waited in vain for \"%s\"", shells[b->shell][0], arg);
		poll(NULL, 0, 20);
	}
}

/* ---- cases, each with every shell ---- */

START_TEST(test_apply_and_keep)
{
	struct bench b;
	bench_open(&b, _i);
	struct step *s = add_step(&b, "down4", "up4");
	step_add_command(&b.steps, &s->keep, "tool", "confirm", NULL);
	add_step(&b, "down6", "up6");
	WANT(order(&b, ACT_APPLY, 5, 1), true, 5, 5, ACT_PENDING);
	ck_assert(op_file_is(&b, "5 5 pending\n"));
	WANT(order(&b, ACT_KEEP, 5, 0), true, 5, 5, ACT_KEPT);
	WANT(order(&b, ACT_KEEP, 5, 0), true, 5, 5, ACT_KEPT); /* twice is once */
	wait_for(is_unwatched, &b, "");
	ck_assert(op_file_is(&b, "5 5 kept\n"));
	ck_assert(log_is(&b, "down4 \ndown6 \nconfirm \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_without_keep_it_is_undone_by_itself)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	add_step(&b, "down6", "up6");
	WANT(order(&b, ACT_APPLY, 7, 1), true, 7, 7, ACT_PENDING);
	wait_for(op_file_is, &b, "7 7 undone\n");
	ck_assert(log_is(&b, "down4 \ndown6 \nup6 \nup4 \n"));
	struct act_answer late = order(&b, ACT_KEEP, 7, 0); /* comes too late, and says so */
	ck_assert(!late.is_done && !late.is_superseded && late.state == ACT_UNDONE);
	bench_close(&b);
}
END_TEST

START_TEST(test_undo_by_itself_is_tried_again)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "fail");
	WANT(order(&b, ACT_APPLY, 3, 1), true, 3, 3, ACT_PENDING);
	wait_for(op_file_is, &b, "3 3 failed\n");
	struct act_answer a = order(&b, ACT_INSPECT, 4, 0);
	ck_assert(a.is_done && a.number == 4 && a.applied == 3 && a.state == ACT_FAILED);
	ck_assert_msg(strstr(a.text, "tool ended with status 3: tool: no:") != NULL, "%s", a.text);
	b.list[0] = NULL; /* what a person does: another order ends it */
	b.job.n_steps = 0;
	WANT(order(&b, ACT_UNDO, 5, 0), true, 5, 3, ACT_UNDONE);
	bench_close(&b); /* waits until the watcher has seen that */
}
END_TEST

START_TEST(test_an_undrain_has_no_timer)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "up4", "down4");
	WANT(order(&b, ACT_APPLY, 2, 0), true, 2, 2, ACT_KEPT);
	ck_assert(!has_watcher(&b));
	WANT(order(&b, ACT_KEEP, 2, 0), true, 2, 2, ACT_KEPT);
	bench_close(&b);
}
END_TEST

START_TEST(test_a_doubled_order_is_carried_out_once)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	WANT(order(&b, ACT_APPLY, 9, 0), true, 9, 9, ACT_KEPT);
	WANT(order(&b, ACT_APPLY, 9, 0), true, 9, 9, ACT_KEPT);
	ck_assert(log_is(&b, "down4 \n"));
	WANT(order(&b, ACT_UNDO, 10, 0), true, 10, 9, ACT_UNDONE);
	WANT(order(&b, ACT_UNDO, 10, 0), true, 10, 9, ACT_UNDONE);
	ck_assert(log_is(&b, "down4 \nup4 \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_a_delayed_order_is_refused)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	WANT(order(&b, ACT_APPLY, 4, 0), true, 4, 4, ACT_KEPT);
	WANT(order(&b, ACT_UNDO, 6, 0), true, 6, 4, ACT_UNDONE);
	struct act_answer late = order(&b, ACT_APPLY, 5, 0);
	ck_assert(late.is_superseded && !late.is_done && late.number == 6);
	late = order(&b, ACT_APPLY, 4, 0);
	ck_assert(late.is_superseded && !late.is_done);
	late = order(&b, ACT_KEEP, 5, 0);
	ck_assert(late.is_superseded);
	/* what was only looked at is closed too */
	WANT(order(&b, ACT_INSPECT, 8, 0), true, 8, 4, ACT_UNDONE);
	late = order(&b, ACT_APPLY, 8, 0);
	ck_assert(late.is_superseded);
	late = order(&b, ACT_INSPECT, 7, 0);
	ck_assert(late.is_superseded && late.number == 8);
	ck_assert(log_is(&b, "down4 \nup4 \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_what_was_looked_at_can_still_be_kept)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	WANT(order(&b, ACT_APPLY, 4, 2), true, 4, 4, ACT_PENDING);
	WANT(order(&b, ACT_INSPECT, 5, 0), true, 5, 4, ACT_PENDING);
	WANT(order(&b, ACT_KEEP, 4, 0), true, 5, 4, ACT_KEPT);
	bench_close(&b);
}
END_TEST

START_TEST(test_a_failing_step_takes_the_others_back)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	add_step(&b, "fail", "up6");
	add_step(&b, "never", "up7");
	struct act_answer a = order(&b, ACT_APPLY, 2, 1);
	ck_assert(!a.is_done && a.applied == 2 && a.state == ACT_UNDONE);
	ck_assert_msg(strstr(a.text, "tool ended with status 3: tool: no:") && strstr(a.text, "taken back"), "%s", a.text);
	ck_assert(log_is(&b, "down4 \nfail \nup6 \nup4 \n"));
	wait_for(is_unwatched, &b, ""); /* its own undo has nothing left to do */
	ck_assert(log_is(&b, "down4 \nfail \nup6 \nup4 \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_a_step_without_way_back_is_not_called_undone)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", NULL);
	add_step(&b, "fail", "up6");
	struct act_answer a = order(&b, ACT_APPLY, 2, 0);
	ck_assert(!a.is_done && a.state == ACT_FAILED);
	ck_assert_ptr_nonnull(strstr(a.text, "step 1 has no way back"));
	bench_close(&b);
}
END_TEST

START_TEST(test_hostile_words_and_names)
{
	static const char *const words[] = { "a'b", "$(touch pwned)", "`touch pwned`", "\"; touch pwned; \"", "\\", "\\n", "!!", "%s%n",
		"-rf", "*", "~", "a b  c", "{a,b}", "#x", "&", "x;y", "ü€", "$1$p", "" };
	struct bench b;
	char want[1024] = "";
	bench_open(&b, _i);
	struct step *s = steps_add(&b.steps);
	s->kind = STEP_EXEC;
	s->has_undo = true;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		step_add_command(&b.steps, &s->apply, "tool", "w", words[i], NULL);
		snprintf(want + strlen(want), sizeof want - strlen(want), "w %s \n", words[i]);
	}
	b.list[b.job.n_steps++] = s;
	b.job.fleet = "../../$(touch pwned) 'x' ü";
	b.job.node = "fra1";
	WANT(order(&b, ACT_APPLY, 1, 0), true, 1, 1, ACT_KEPT);
	ck_assert(log_is(&b, want));
	ck_assert_int_eq(access(path_in(&b, "state/%2E%2E%2F%2E%2E%2F%24%28touch%20pwned%29%20%27x%27%20%C3%BC-fra1.op"), R_OK), 0);
	ck_assert_int_eq(access("pwned", F_OK), -1);
	b.job.fleet = "lab"; /* another fleet, another number */
	WANT(order(&b, ACT_INSPECT, 1, 0), true, 1, 0, ACT_NONE);
	bench_close(&b);
}
END_TEST

static bool
is_in_log(const struct bench *b, const char *word)
{
	return has_log_word(b, word);
}

START_TEST(test_killed_in_the_middle)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	add_step(&b, "hang", "up6");
	b.job.number = 3;
	b.job.confirm_s = 2;
	struct run r = start(&b);
	wait_for(is_in_log, &b, "hang");
	ck_assert_int_eq(kill(-r.pid, SIGKILL), 0);
	struct buf out = BUF_INIT(4096);
	finish(&r, &out);
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
	/* the lock of the dead is no obstacle, and what is there is said */
	WANT(order(&b, ACT_INSPECT, 4, 0), true, 4, 3, ACT_PENDING);
	wait_for(op_file_is, &b, "4 3 undone\n");
	ck_assert(log_is(&b, "down4 \nhang \nup6 \nup4 \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_orders_at_the_same_time)
{
	struct bench b;
	struct run runs[8];
	size_t n_done = 0;
	uint64_t highest = 0;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	for (int i = 0; i < 8; i++) {
		b.job.number = (uint64_t)(1 + i % 4); /* each twice */
		runs[i] = start(&b);
	}
	for (int i = 0; i < 8; i++) {
		struct act_answer a = answer_of(&runs[i]);
		n_done += a.is_done;
		highest = a.number > highest ? a.number : highest;
	}
	ck_assert_uint_ge(n_done, 1);
	ck_assert_uint_eq(highest, 4);
	ck_assert(op_file_is(&b, "4 4 kept\n"));
	struct buf log = BUF_INIT(4096);
	read_file(b.log, &log);
	ck_assert_uint_le(log.len / strlen("down4\037\n"), 4); /* no number twice */
	buf_done(&log);
	ck_assert_int_eq(access(path_in(&b, "state/lab-fra1.lock"), F_OK), -1);
	bench_close(&b);
}
END_TEST

START_TEST(test_locks_of_the_living_and_the_dead)
{
	struct bench b;
	char pid[16];
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	ck_assert_int_eq(mkdir(b.state, 0700), 0);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	ck_assert_int_eq(symlink(pid, path_in(&b, "state/lab-fra1.lock")), 0);
	struct act_answer a = order(&b, ACT_APPLY, 1, 0);
	ck_assert(!a.is_done && !a.is_superseded && strstr(a.text, "another order is being carried out"));
	ck_assert(log_is(&b, ""));
	unlink(path_in(&b, "state/lab-fra1.lock"));
	pid_t dead = fork();
	if (dead == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(dead, NULL, 0), dead);
	snprintf(pid, sizeof pid, "%d", (int)dead);
	ck_assert_int_eq(symlink(pid, path_in(&b, "state/lab-fra1.lock")), 0);
	WANT(order(&b, ACT_APPLY, 1, 0), true, 1, 1, ACT_KEPT);
	bench_close(&b);
}
END_TEST

START_TEST(test_what_is_damaged_is_not_believed)
{
	static const char *const texts[] = { "", "x", "1 1", "1 1 nonsense\n", "-1 1 kept\n", "1 1 kept kept\n", "99999999999999999999 1 kept\n",
		"1;2 1 kept\n", "1 99999999999999999999 kept\n", "1 kept\n", " \n1 1 kept\n", "1 -1 kept\n", "* 1 kept\n", "1 1 *\n" };
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "down4", "up4");
	ck_assert_int_eq(mkdir(b.state, 0700), 0);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		put_file(path_in(&b, "state/lab-fra1.op"), texts[i], 0600);
		for (int o = 0; o < ACT_ORDER_COUNT; o++) {
			struct act_answer a = order(&b, (enum act_order)o, 5, 0);
			ck_assert_msg(!a.is_done && strstr(a.text, "is damaged"), "%s: \"%s\": %s", act_order_name((enum act_order)o),
				texts[i], a.text);
		}
	}
	ck_assert(log_is(&b, ""));
	bench_close(&b);
}
END_TEST

static bool
drain_file_is(const struct bench *b, const char *want)
{
	struct buf text = BUF_INIT(8192);
	read_file(path_in(b, "drain.conf"), &text);
	bool is = strcmp(buf_text(&text), want) == 0;
	buf_done(&text);
	return is;
}

static struct step *
add_file_step(struct bench *b)
{
	struct step *s = add_step(b, "configure", "reconfigure");
	s->kind = STEP_FILE;
	s->apply.path = s->undo.path = arena_strdup(b->steps.arena, path_in(b, "drain.conf"));
	s->apply.text = "define DRAIN = 3;\n";
	s->undo.text = "define DRAIN = 0;\n";
	return s;
}

START_TEST(test_a_file_keeps_owner_and_mode)
{
	struct bench b;
	struct stat st;
	bench_open(&b, _i);
	put_file(path_in(&b, "drain.conf"), "define DRAIN = 1;\n", 0640);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path_in(&b, "drain.conf"), 4711, 4712), 0);
	add_file_step(&b);
	WANT(order(&b, ACT_APPLY, 1, 1), true, 1, 1, ACT_PENDING);
	ck_assert(drain_file_is(&b, "define DRAIN = 3;\n"));
	wait_for(drain_file_is, &b, "define DRAIN = 0;\n");
	wait_for(op_file_is, &b, "1 1 undone\n");
	ck_assert_int_eq(stat(path_in(&b, "drain.conf"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_uint_eq(st.st_uid, geteuid() == 0 ? 4711 : geteuid());
	ck_assert(log_is(&b, "configure \nreconfigure \n"));
	bench_close(&b);
}
END_TEST

START_TEST(test_a_file_that_is_not_ours_is_left_alone)
{
	struct bench b;
	bench_open(&b, _i);
	add_file_step(&b);
	/* what is ours, and beyond what is looked at something else */
	char padded[5000] = "define DRAIN = 0;\n";
	memset(padded + strlen(padded), '\n', sizeof padded - strlen(padded) - 20);
	strcpy(padded + sizeof padded - 20, "include \"/x\";\n");
	const char *const texts[] = { "", "define DRAIN = 0;\n# mine\n", "define OTHER = 0;\n", "DRAIN", "define DRAIN = ;\n2nd\n",
		"1define DRAIN = 0;\n;\n", "define DRAIN = *;\n", padded };
	for (size_t i = 0; i <= sizeof texts / sizeof texts[0]; i++) {
		if (i < sizeof texts / sizeof texts[0]) {
			put_file(path_in(&b, "drain.conf"), texts[i], 0644);
		} else { /* the right text, elsewhere */
			put_file(path_in(&b, "elsewhere"), "define DRAIN = 0;\n", 0644);
			unlink(path_in(&b, "drain.conf"));
			ck_assert_int_eq(symlink(path_in(&b, "elsewhere"), path_in(&b, "drain.conf")), 0);
		}
		for (enum act_order o = ACT_CHECK; o <= ACT_APPLY; o++) {
			struct act_answer a = order(&b, o, 1, 0);
			ck_assert_msg(!a.is_done && a.applied == 0 && strstr(a.text, "is no plain file"), "%s", a.text);
		}
		if (i < sizeof texts / sizeof texts[0])
			ck_assert(drain_file_is(&b, texts[i]));
	}
	ck_assert(log_is(&b, ""));
	bench_close(&b);
}
END_TEST

/* Its digits are what a drain changes, however many; blank lines at its end were always let pass. */
START_TEST(test_a_file_of_ours_with_other_digits)
{
	static const char *const texts[] = { "define DRAIN = 0;\n", "define DRAIN = ;\n", "define DRAIN = 4711;\n\n", "define DRAIN = 1;" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct bench b;
		bench_open(&b, _i);
		add_file_step(&b);
		put_file(path_in(&b, "drain.conf"), texts[i], 0644);
		put_file(path_in(&b, "drain.conf.catchment"), "left by one that was killed", 0600);
		WANT(order(&b, ACT_APPLY, 1, 0), true, 1, 1, ACT_KEPT);
		ck_assert(drain_file_is(&b, "define DRAIN = 3;\n"));
		ck_assert_int_eq(access(path_in(&b, "drain.conf.catchment"), F_OK), -1);
		bench_close(&b);
	}
}
END_TEST

START_TEST(test_check_changes_nothing)
{
	struct bench b;
	bench_open(&b, _i);
	put_file(path_in(&b, "drain.conf"), "define DRAIN = 0;\n", 0644);
	struct step *s = add_file_step(&b);
	step_add_command(&b.steps, &s->apply, "tool", "configure", "check", NULL);
	WANT(order(&b, ACT_CHECK, 0, 0), true, 0, 0, ACT_NONE);
	ck_assert(log_is(&b, "configure check \n")); /* which is a question */
	ck_assert_int_eq(access(b.state, F_OK), -1);
	ck_assert(drain_file_is(&b, "define DRAIN = 0;\n"));
	step_add_command(&b.steps, &s->apply, "no-such-tool", "x", NULL);
	struct act_answer a = order(&b, ACT_CHECK, 0, 0);
	ck_assert(!a.is_done && strstr(a.text, "no-such-tool is not installed"));
	char nowhere[128];
	snprintf(nowhere, sizeof nowhere, "%s/x", b.log);
	b.job.state_dir = nowhere;
	a = order(&b, ACT_CHECK, 0, 0);
	ck_assert(!a.is_done && strstr(a.text, "cannot be made or written"));
	a = order(&b, ACT_APPLY, 1, 1);
	ck_assert(!a.is_done && strstr(a.text, "cannot be written"));
	bench_close(&b);
}
END_TEST

START_TEST(test_the_account_may_name_the_folder)
{
	struct bench b;
	bench_open(&b, _i);
	add_step(&b, "up4", "down4");
	b.job.state_dir = NULL;
	setenv("CATCHMENT_STATE", b.state, 1);
	WANT(order(&b, ACT_APPLY, 2, 0), true, 2, 2, ACT_KEPT);
	ck_assert(op_file_is(&b, "2 2 kept\n"));
	unsetenv("CATCHMENT_STATE");
	bench_close(&b);
}
END_TEST

START_TEST(test_endless_output_is_bounded)
{
	struct bench b;
	bench_open(&b, _i);
	struct step *s = add_step(&b, "down4", "up4");
	step_add_command(&b.steps, &s->apply, "sh", "-c", "yes \"$(printf '\\033]0;x\\007')\" | head -c 300000; exit 9", NULL);
	struct act_answer a = order(&b, ACT_APPLY, 1, 0);
	ck_assert(!a.is_done && a.state == ACT_UNDONE);
	ck_assert_ptr_nonnull(strstr(a.text, "sh ended with status 9"));
	ck_assert(text_is_clean(slice_of(a.text)));
	bench_close(&b);
}
END_TEST

/* ---- without a shell ---- */

START_TEST(test_what_is_refused_to_be_written)
{
	struct bench b;
	struct buf out = BUF_INIT(1u << 17);
	struct err err = ERR_INIT;
	bench_open(&b, 0);
	struct step *s = add_step(&b, "down4", "up4");
	b.job.number = 0;
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	b.job.number = UINT64_MAX;
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	b.job.number = 1;
	b.job.state_dir = "relative";
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	b.job.state_dir = NULL;
	s->kind = STEP_HTTP;
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	s->kind = STEP_EXEC;
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), 0);
	step_add_command(&b.steps, &s->apply, "tool", "two\nlines", NULL);
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	s->apply.n_commands--;
	s->apply.path = "drain.conf";
	s->apply.text = "x";
	ck_assert_int_eq(act_script_write(&b.job, &out, &err), -1);
	buf_done(&out);
	bench_close(&b);
}
END_TEST

/* The longest that is written still passes through batch.c; one more step is refused here and not there. */
START_TEST(test_the_longest_script_fits_the_transport)
{
	static const struct transport_limits limits = { .reply_max = 65536, .stderr_max = 4096, .handshakes_max = 1 };
	struct bench b;
	struct err err = ERR_INIT;
	bool is_refused = false;
	bench_open(&b, 0);
	b.job.confirm_s = 45;
	while (!is_refused && b.job.n_steps < STEPS_MAX) {
		struct buf script = BUF_INIT(1u << 17);
		struct step *s = add_step(&b, "down'$`\\!", "up'$`\\!");
		for (int i = 0; i < 6; i++)
			step_add_command(&b.steps, &s->apply, "tool", "a plain word", "it's $x \\ !", NULL);
		is_refused = act_script_write(&b.job, &script, &err) == -1;
		if (!is_refused) {
			struct request r;
			request_init(&r);
			ck_assert_int_eq(request_add_command(&r, "act", "/bin/sh", "-c", buf_text(&script), NULL), 0);
			struct batch *batch = batch_new(&r, &limits, "0123456789abcdef0123456789abcdef", 12000, &err);
			ck_assert_msg(batch != NULL, "%zu steps: %s", b.job.n_steps, err.text);
			batch_free(batch);
			request_done(&r);
		}
		buf_done(&script);
	}
	ck_assert(is_refused);
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	ck_assert_uint_gt(b.job.n_steps, 3);
	bench_close(&b);
}
END_TEST

/* Sixteen prefixes on an FRR, the most that a plan of one node is likely to hold, are one script. */
START_TEST(test_sixteen_prefixes_fit)
{
	struct bench b;
	struct buf script = BUF_INIT(1u << 17);
	struct err err = ERR_INIT;
	bench_open(&b, 0);
	b.job.confirm_s = 45;
	for (int i = 0; i < 16; i++) {
		struct step *s = add_step(&b, "x", "y");
		s->apply.n_commands = s->undo.n_commands = 0;
		step_add_command(&b.steps, &s->apply, "vtysh", "-c", "configure terminal", "-c", "router bgp 4200000000", "-c",
			"address-family ipv6 unicast", "-c", "no network 2001:db8:1234:5678::/64", NULL);
		step_add_command(&b.steps, &s->undo, "vtysh", "-c", "configure terminal", "-c", "router bgp 4200000000", "-c",
			"address-family ipv6 unicast", "-c", "network 2001:db8:1234:5678::/64", NULL);
	}
	ck_assert_msg(act_script_write(&b.job, &script, &err) == 0, "%s", err.text);
	buf_done(&script);
	bench_close(&b);
}
END_TEST

static const struct {
	const char *text;
	bool is_good;
} answers[] = {
	{ "catchment-act 1 done 5 5 pending\n", true },
	{ "catchment-act 1 superseded 9223372036854775807 0 none\nnumber 4 is older\nsecond\n", true },
	{ "catchment-act 1 failed 0 0 failed\n", true },
	{ "", false }, { "\n", false }, { "catchment-act 1 done 5 5 pending", false }, { "catchment-act 1 done 5 5\n", false },
	{ "catchment-act 2 done 5 5 kept\n", false }, { "catchment-act 1 done 5 5 kept more\n", false },
	{ "catchment-act 1 nearly 5 5 kept\n", false }, { "catchment-act 1 done -5 5 kept\n", false },
	{ "catchment-act 1 done 5 9223372036854775808 kept\n", false }, { "catchment-act 1 done 05 5 kept\n", false },
	{ "catchment-act 1 done 5 5 drained\n", false }, { "Welcome!\ncatchment-act 1 done 5 5 kept\n", false },
};

START_TEST(test_answers_are_read_strictly)
{
	struct act_answer a;
	struct err err = ERR_INIT;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		ck_assert_msg((act_script_read(slice_of(answers[i].text), &a, &err) == 0) == answers[i].is_good, "\"%s\"",
			answers[i].text);
	ck_assert_int_eq(act_script_read(slice_of(answers[1].text), &a, &err), 0);
	ck_assert(a.is_superseded && !a.is_done && a.number == INT64_MAX && strstr(a.text, "older"));
	ck_assert_int_eq(act_script_read(slice_of("catchment-act 1 failed 1 1 failed\n\033[2Jx\x9b\n"), &a, &err), 0);
	ck_assert(text_is_clean(slice_of(a.text)));
	/* every truncation is refused, or says the same numbers */
	static const char whole[] = "catchment-act 1 done 12 12 pending\nall is well\n";
	for (size_t n = 0; n < sizeof whole - 1; n++)
		if (act_script_read((struct slice){ whole, n }, &a, &err) == 0)
			ck_assert(a.number == 12 && a.applied == 12 && a.state == ACT_PENDING);
	char *flood = xmalloc(100000);
	memset(flood, 'x', 100000);
	memcpy(flood, answers[0].text, strlen(answers[0].text));
	ck_assert_int_eq(act_script_read((struct slice){ flood, 100000 }, &a, &err), -1);
	free(flood);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("act_script");
	TCase *run = tcase_create("run"), *text = tcase_create("text");
	tcase_set_timeout(run, 100);
	signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(run, test_apply_and_keep, 0, N_SHELLS);
	tcase_add_loop_test(run, test_without_keep_it_is_undone_by_itself, 0, N_SHELLS);
	tcase_add_loop_test(run, test_undo_by_itself_is_tried_again, 0, 1);
	tcase_add_loop_test(run, test_an_undrain_has_no_timer, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_doubled_order_is_carried_out_once, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_delayed_order_is_refused, 0, N_SHELLS);
	tcase_add_loop_test(run, test_what_was_looked_at_can_still_be_kept, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_failing_step_takes_the_others_back, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_step_without_way_back_is_not_called_undone, 0, N_SHELLS);
	tcase_add_loop_test(run, test_hostile_words_and_names, 0, N_SHELLS);
	tcase_add_loop_test(run, test_killed_in_the_middle, 0, N_SHELLS);
	tcase_add_loop_test(run, test_orders_at_the_same_time, 0, N_SHELLS);
	tcase_add_loop_test(run, test_locks_of_the_living_and_the_dead, 0, N_SHELLS);
	tcase_add_loop_test(run, test_what_is_damaged_is_not_believed, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_file_keeps_owner_and_mode, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_file_that_is_not_ours_is_left_alone, 0, N_SHELLS);
	tcase_add_loop_test(run, test_a_file_of_ours_with_other_digits, 0, N_SHELLS);
	tcase_add_loop_test(run, test_check_changes_nothing, 0, N_SHELLS);
	tcase_add_loop_test(run, test_the_account_may_name_the_folder, 0, N_SHELLS);
	tcase_add_loop_test(run, test_endless_output_is_bounded, 0, N_SHELLS);
	tcase_add_test(text, test_what_is_refused_to_be_written);
	tcase_add_test(text, test_the_longest_script_fits_the_transport);
	tcase_add_test(text, test_sixteen_prefixes_fit);
	tcase_add_test(text, test_answers_are_read_strictly);
	suite_add_tcase(suite, run);
	suite_add_tcase(suite, text);
	return suite_run(suite);
}
