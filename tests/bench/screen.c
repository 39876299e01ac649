/* SPDX-License-Identifier: Apache-2.0
 *
 * What a screen of 300 PoPs costs: bytes and CPU of the real screen code on a real pseudo-terminal,
 * at 160x45. Bytes are those given to write(2) (wchar of /proc/self/io); a thread takes them off the
 * other end and throws them away. Prints a line a view: "view", name, bytes of the whole screen, of
 * one node with another rate, of one with another verdict, of a frame with nothing new, of a second
 * in which polls went on and told nothing new, and microseconds of CPU a frame.
 *
 * Called by tests/bench/run with FRAMES in the environment.
 */
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "console/term.h"
#include "tests/unit/stage.h"
#include "tests/unit/suite.h"

#define COLS       160
#define ROWS       45
#define FRAMES_MAX 100000
#define POLL_NS    (2 * CLOCK_NS_PER_S)

struct bench {
	struct stage stage;
	struct theme theme;
	struct term *term;
	int master, slave;
	size_t frames;
	double *samples;
};

static void *
drain(void *arg)
{
	const struct bench *b = arg;
	char bytes[65536];
	while (read(b->master, bytes, sizeof bytes) > 0)
		;
	return NULL;
}

static void
open_terminal(struct bench *b)
{
	struct winsize size = { .ws_col = COLS, .ws_row = ROWS };
	struct err err = ERR_INIT;
	pthread_t thread;
	b->master = posix_openpt(O_RDWR | O_NOCTTY);
	if (b->master == -1 || grantpt(b->master) == -1 || unlockpt(b->master) == -1)
		ck_abort_msg("no pseudo-terminal");
	b->slave = open(ptsname(b->master), O_RDWR | O_NOCTTY);
	ck_assert_int_ne(b->slave, -1);
	ioctl(b->slave, TIOCSWINSZ, &size);
	ck_assert_int_eq(pthread_create(&thread, NULL, drain, b), 0);
	pthread_detach(thread);
	if (theme_load(&b->theme, "dark", NULL, &err) == -1)
		ck_abort_msg("%s", err.text);
	struct term_conf conf = { .type = "xterm-256color", .in = b->slave, .out = b->slave };
	b->term = term_new(&conf, &b->theme, &err);
	if (!b->term)
		ck_abort_msg("%s", err.text);
}

static double
bytes_written(void)
{
	char line[64];
	double bytes = 0;
	FILE *f = fopen("/proc/self/io", "r");
	if (!f)
		abort(); /* an assertion of Check would write, and be counted */
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "wchar: %lf", &bytes) == 1)
			break;
	fclose(f);
	return bytes;
}

static double
cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Bytes of one frame. */
static double
draw(struct bench *b)
{
	double before = bytes_written();
	stage_draw(&b->stage);
	term_draw(b->term, &b->stage.canvas, b->stage.cursor_x, b->stage.cursor_y);
	return bytes_written() - before;
}

/* A second goes by; each node was polled every two seconds, each at its own moment. */
static void
let_second_pass(struct bench *b)
{
	struct ui *ui = &b->stage.ui;
	struct fleet *f = b->stage.fleet;
	ui->now.ns += CLOCK_NS_PER_S;
	ui->wall.ns += CLOCK_NS_PER_S;
	ui->link.heard = ui->now;
	for (size_t i = 0; i < f->n_nodes; i++) {
		struct node *n = &f->nodes[i];
		int64_t age = (ui->now.ns + (int64_t)i * 137 * CLOCK_NS_PER_MS) % POLL_NS;
		n->seen.ns = ui->now.ns - age;
		for (int p = 0; p < PLANE_COUNT; p++)
			n->planes[p].seen = n->seen;
	}
	for (size_t i = 0; i < f->n_pops; i++)
		fleet_refresh_pop_seen(f, i);
}

/* Another rate, or another verdict, and that of its PoP with it; the second time it is taken back. */
static void
change_node(struct bench *b, size_t i, bool is_verdict, bool is_back)
{
	struct fleet *f = b->stage.fleet;
	struct node *n = &f->nodes[i % f->n_nodes];
	if (is_verdict)
		n->verdict = n->verdict == VERDICT_OK ? VERDICT_DEGRADED : VERDICT_OK;
	else
		n->qps *= is_back ? 1 / 1.17 : 1.17;
	if (n->pop != FLEET_NO_POP) {
		f->pops[n->pop].qps = n->qps;
		f->pops[n->pop].verdict = n->verdict;
	}
	f->revision++;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* The value below which so many percent lie. */
static double
percentile(double *values, size_t n, size_t percent)
{
	qsort(values, n, sizeof *values, compare);
	return n ? values[n * percent / 100] : 0;
}

/* Most nodes of a list of 300 are not on the screen, and of them only the totals change: the 90th
 * percentile is one that is. */
static double
cost_of_a_change(struct bench *b, bool is_verdict)
{
	for (size_t i = 0; i < b->frames; i++) {
		change_node(b, i * 7, is_verdict, false);
		b->samples[i] = draw(b);
		change_node(b, i * 7, is_verdict, true);
		draw(b);
	}
	return percentile(b->samples, b->frames, 90);
}

static void
measure(struct bench *b, const char *view)
{
	if (screen_open(b->stage.screen, &b->stage.ui, view, NULL) == -1)
		ck_abort_msg("no view %s", view);
	let_second_pass(b);
	term_forget(b->term);
	double full = draw(b);
	draw(b);
	double same = draw(b);
	double from = cpu_us();
	double rate = cost_of_a_change(b, false), verdict = cost_of_a_change(b, true);
	double cpu = (cpu_us() - from) / (double)(4 * b->frames);
	for (size_t i = 0; i < b->frames; i++) {
		let_second_pass(b);
		b->samples[i] = draw(b);
	}
	printf("view %s %.0f %.0f %.0f %.0f %.0f %.0f\n", view, full, rate, verdict, same,
		percentile(b->samples, b->frames, 50), cpu);
}

START_TEST(measure_views)
{
	static const char *const views[] = { "map", "pops", "nodes", "prefixes" };
	const char *frames = getenv("FRAMES");
	struct bench b = { .frames = frames ? strtoul(frames, NULL, 10) : 0 };
	ck_assert_msg(b.frames >= 1 && b.frames <= FRAMES_MAX, "FRAMES is within 1..%d", FRAMES_MAX);
	b.samples = xcalloc(b.frames, sizeof *b.samples);
	open_terminal(&b);
	stage_open(&b.stage, source_path("tests/screens/fleets/many.json"), COLS, ROWS);
	for (size_t i = 0; i < sizeof views / sizeof *views; i++)
		measure(&b, views[i]);
	term_free(b.term);
	stage_close(&b.stage);
	free(b.samples);
}
END_TEST

/* The stage asserts as tests do, so this is one for Check, in this process. */
int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	setenv("CK_FORK", "no", 1);
	Suite *suite = suite_create("bench_screen");
	TCase *tc = tcase_create("screen");
	tcase_add_test(tc, measure_views);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
