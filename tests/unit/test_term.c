/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal: what ncurses really writes, read back by libvterm. What arrives must be the canvas,
 * cell for cell, in every terminal type, after any sequence of screens; and it must take few bytes
 * to get there.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

#include "console/term.h"
#include "tests/unit/stage.h"
#include "tests/unit/suite.h"

#define PIPE_BYTES (1 << 20)

/* ncurses 6.4 loses its prescreen when newterm fails. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:new_prescr\n";
}

struct fake {
	struct term *term;
	struct theme theme;
	int in[2], out[2];
	VTerm *vt;
	VTermScreen *screen;
	struct buf last; /* what the last draw wrote */
};

static void
fake_open(struct fake *f, const char *type, const char *theme, int cols, int rows)
{
	struct err err = ERR_INIT;
	char text[16];
	memset(f, 0, sizeof *f);
	/* a pipe has no size; ncurses sets the scroll region by it, and libvterm deletes characters
	 * only inside that */
	snprintf(text, sizeof text, "%d", cols);
	setenv("COLUMNS", text, 1);
	snprintf(text, sizeof text, "%d", rows);
	setenv("LINES", text, 1);
	f->last = (struct buf)BUF_INIT(8u << 20);
	ck_assert_int_eq(pipe2(f->in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(f->out, O_CLOEXEC), 0);
	ck_assert_int_ge(fcntl(f->out[1], F_SETPIPE_SZ, PIPE_BYTES), PIPE_BYTES);
	ck_assert_int_eq(fcntl(f->out[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(theme_load(&f->theme, theme, NULL, &err), 0);
	struct term_conf conf = {
		.type = type, .in = f->in[0], .out = f->out[1], .want_mouse = true
	};
	f->term = term_new(&conf, &f->theme, &err);
	ck_assert_msg(f->term != NULL, "%s", err.text);
	f->vt = vterm_new(rows, cols);
	vterm_set_utf8(f->vt, 1);
	f->screen = vterm_obtain_screen(f->vt);
	vterm_screen_enable_altscreen(f->screen, 1);
	vterm_screen_reset(f->screen, 1);
}

/* Hands everything written to the emulator; returns how much it was. */
static size_t
fake_drain(struct fake *f)
{
	char bytes[65536];
	ssize_t n;
	buf_clear(&f->last);
	while ((n = read(f->out[0], bytes, sizeof bytes)) > 0) {
		vterm_input_write(f->vt, bytes, (size_t)n);
		buf_add(&f->last, bytes, (size_t)n);
	}
	return f->last.len;
}

static void
fake_close(struct fake *f)
{
	term_free(f->term);
	fake_drain(f);
	vterm_free(f->vt);
	buf_done(&f->last);
	close(f->in[0]);
	close(f->in[1]);
	close(f->out[0]);
	close(f->out[1]);
}

static size_t
fake_show(struct fake *f, const struct canvas *c)
{
	term_draw(f->term, c, -1, -1);
	return fake_drain(f);
}

/* Cell by cell: what the emulator shows is what the canvas says, in the terminal's charset. */
static void
check_screen(struct fake *f, const struct canvas *c, const char *when)
{
	struct canvas want;
	canvas_init(&want, c->cols, c->rows);
	for (int y = 0; y < c->rows; y++)
		for (int x = 0; x < c->cols; x++)
			*canvas_cell(&want, x, y) = *canvas_cell(c, x, y);
	canvas_translate(&want, term_charset(f->term));
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols; x++) {
			const struct cell *cell = canvas_cell(&want, x, y);
			VTermScreenCell is;
			if (cell->width == 0)
				continue;
			ck_assert(vterm_screen_get_cell(
				f->screen, (VTermPos){ .row = y, .col = x }, &is));
			uint32_t shown = is.chars[0] == 0 ? ' ' : is.chars[0];
			ck_assert_msg(shown == cell->points[0],
				"%s: row %d column %d shows U+%04X, wanted U+%04X", when, y, x,
				shown, cell->points[0]);
		}
	}
	canvas_done(&want);
}

static void
open_stage(struct stage *s, const char *fleet, int cols, int rows)
{
	char path[256];
	snprintf(path, sizeof path, "tests/screens/fleets/%s.json", fleet);
	stage_open(s, source_path(path), cols, rows);
}

static const char *const types[] = { "xterm-256color", "tmux-256color", "screen", "linux", "vt100",
	"xterm" };
#define N_TYPES (sizeof types / sizeof *types)

START_TEST(test_term_shows_the_canvas)
{
	static const char *const fleets[] = { "sixteen", "wide", "hostile", "many" };
	const struct view_ops *ops;
	for (size_t t = 0; t < N_TYPES; t++) {
		struct fake f;
		fake_open(&f, types[t], "dark", 80, 24);
		for (size_t i = 0; i < sizeof fleets / sizeof *fleets; i++) {
			struct stage s;
			open_stage(&s, fleets[i], 80, 24);
			s.ui.charset = term_charset(f.term);
			for (size_t v = 0; (ops = view_get(v)); v++) {
				stage_play(&s, "2");
				stage_play(&s, ops == &view_describe ? "d"
					       : ops == &view_why    ? "e"
					       : ops == &view_raw    ? "y"
								     : "");
				if (ops->key || ops == &view_help)
					screen_open(s.screen, &s.ui, ops->name, NULL);
				stage_draw(&s);
				fake_show(&f, &s.canvas);
				check_screen(&f, &s.canvas, ops->name);
			}
			stage_close(&s);
		}
		fake_close(&f);
	}
}
END_TEST

/* Any walk through the screens ends where a fresh drawing would. */
START_TEST(test_term_follows_keys)
{
	static const char *const walk[] = { "j", "j", "k", "2", "j", "G", "g", "s", "S", "w", "z",
		"z", "w", "3", "^f", "enter", "^f", "esc", "esc", "4", "l", "h", "5", "l", "0", "?",
		"^f", "esc", "1", "+", "tab", "left", "-", "d", "esc", "y", "^f", "l", "esc", "e",
		"[", "]", "space", ":", "esc", "/", "esc", "D", "6" };
	struct stage s;
	struct fake f;
	open_stage(&s, "sixteen", 80, 24);
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	for (size_t i = 0; i < 4 * sizeof walk / sizeof *walk; i++) {
		stage_key(&s, walk[i * 7 % (sizeof walk / sizeof *walk)]);
		stage_draw(&s);
		fake_show(&f, &s.canvas);
		check_screen(&f, &s.canvas, walk[i * 7 % (sizeof walk / sizeof *walk)]);
	}
	fake_close(&f);
	stage_close(&s);
}
END_TEST

START_TEST(test_term_follows_resizes)
{
	static const struct {
		int cols, rows;
	} storm[] = { { 160, 45 }, { 40, 10 }, { 1, 1 }, { 81, 25 }, { 80, 24 }, { 300, 100 },
		{ 20, 5 }, { 120, 40 } };
	struct stage s;
	struct fake f;
	open_stage(&s, "sixteen", 80, 24);
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	for (size_t i = 0; i < sizeof storm / sizeof *storm; i++) {
		s.cols = storm[i].cols;
		s.rows = storm[i].rows;
		vterm_set_size(f.vt, s.rows, s.cols);
		stage_draw(&s);
		fake_show(&f, &s.canvas);
		check_screen(&f, &s.canvas, "resized");
		stage_key(&s, "j");
		stage_draw(&s);
		fake_show(&f, &s.canvas);
		check_screen(&f, &s.canvas, "moved");
	}
	fake_close(&f);
	stage_close(&s);
}
END_TEST

/* One node of 300 PoPs changes its rate and, another time, its verdict. */
static void
change_one(struct stage *s, size_t pop, enum verdict v, double qps)
{
	struct pop *p = &s->fleet->pops[pop];
	struct node *n = &s->fleet->nodes[p->nodes[0]];
	n->qps = p->qps = qps;
	n->verdict = p->verdict = v;
}

static void
check_budget(const char *keys, int cols, int rows)
{
	struct stage s;
	struct fake f;
	open_stage(&s, "many", cols, rows);
	fake_open(&f, "xterm-256color", "dark", cols, rows);
	stage_play(&s, keys);
	stage_draw(&s);
	size_t full = fake_show(&f, &s.canvas);
	change_one(&s, 3, VERDICT_OK, 4321);
	stage_draw(&s);
	size_t rate = fake_show(&f, &s.canvas);
	ck_assert_msg(rate * 20 < full, "%s at %dx%d: a changed rate wrote %zu of %zu bytes", keys,
		cols, rows, rate, full);
	/* faults that come up anywhere, one that goes: a few rows, the header's counts, on the map the mark */
	static const struct {
		size_t pop;
		enum verdict verdict;
	} changes[] = { { 17, VERDICT_SILENT }, { 40, VERDICT_DEGRADED }, { 40, VERDICT_OK }, { 150, VERDICT_DRIFT },
		{ 299, VERDICT_UNREACHABLE } };
	size_t n_changes = strcmp(keys, "1") == 0 ? sizeof changes / sizeof *changes : 1, verdict = 0;
	for (size_t i = 0; i < n_changes; i++) {
		change_one(&s, changes[i].pop, changes[i].verdict, 900);
		stage_draw(&s);
		verdict = fake_show(&f, &s.canvas);
		ck_assert_msg(verdict * 20 < full, "%s at %dx%d: changed verdict %zu wrote %zu of %zu bytes", keys,
			cols, rows, i, verdict, full);
	}
	printf("bytes of %s at %dx%d: all %zu, rate %zu, verdict %zu\n", keys, cols, rows, full,
		rate, verdict);
	check_screen(&f, &s.canvas, keys);
	fake_close(&f);
	stage_close(&s);
}

START_TEST(test_term_writes_little_for_one_node)
{
	check_budget("1", 80, 24);
	check_budget("1", 160, 45);
	check_budget("2", 160, 45);
	check_budget("3", 160, 45);
	check_budget("5", 160, 45);
}
END_TEST

/* A poll with nothing new: nodes are seen again. */
static void
see_all(struct stage *s)
{
	for (size_t i = 0; i < s->fleet->n_nodes; i++) {
		s->fleet->nodes[i].seen = s->ui.now;
		for (int p = 0; p < PLANE_COUNT; p++)
			s->fleet->nodes[i].planes[p].seen = s->ui.now;
	}
	for (size_t i = 0; i < s->fleet->n_pops; i++)
		s->fleet->pops[i].seen = s->ui.now;
}

/* With no new facts only ages and the clock move: under 200 bytes in any second, whatever the view.
 */
static void
check_idle(const char *fleet, const char *keys, int cols, int rows, bool is_polled)
{
	struct stage s;
	struct fake f;
	size_t most = 0, sum = 0;
	open_stage(&s, fleet, cols, rows);
	fake_open(&f, "xterm-256color", "dark", cols, rows);
	if (is_polled)
		see_all(&s);
	stage_play(&s, keys);
	stage_draw(&s);
	fake_show(&f, &s.canvas);
	for (int second = 0; second < 60; second++) {
		s.ui.now.ns += CLOCK_NS_PER_S;
		s.ui.wall.ns += CLOCK_NS_PER_S;
		s.ui.link.heard = s.ui.now;
		if (is_polled)
			see_all(&s);
		stage_draw(&s);
		size_t n = fake_show(&f, &s.canvas);
		sum += n;
		most = n > most ? n : most;
	}
	printf("idle bytes of %s %s at %dx%d: %zu a second, at most %zu\n", fleet, keys, cols, rows,
		sum / 60, most);
	ck_assert_msg(sum / 60 < 200, "%s, %s at %dx%d: %zu bytes a second", fleet, keys, cols,
		rows, sum / 60);
	if (is_polled)
		ck_assert_msg(most < 200, "%s, %s at %dx%d: %zu bytes in one second", fleet, keys,
			cols, rows, most);
	fake_close(&f);
	stage_close(&s);
}

START_TEST(test_term_writes_little_when_idle)
{
	static const char *const views[] = { "1", "2", "3", "4", "5", "0", "2\nd", "2\ne" };
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		check_idle("many", views[i], 80, 24, true);
		check_idle("many", views[i], 160, 45, true);
		check_idle("sixteen", views[i], 160, 45, true);
	}
	/* nobody is polled any more: ages step */
	check_idle("stale", "2", 160, 45, false);
	check_idle("stale", "1", 160, 45, false);
	check_idle("sixteen", "3", 80, 24, false);
}
END_TEST

START_TEST(test_term_writes_nothing_for_nothing)
{
	struct stage s;
	struct fake f;
	open_stage(&s, "sixteen", 80, 24);
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	stage_draw(&s);
	fake_show(&f, &s.canvas);
	stage_draw(&s);
	fake_show(&f, &s.canvas);
	stage_draw(&s);
	ck_assert_uint_eq(fake_show(&f, &s.canvas), 0);
	fake_close(&f);
	stage_close(&s);
}
END_TEST

static bool
says(const struct fake *f, const char *bytes)
{
	return slice_contains(buf_slice(&f->last), bytes);
}

START_TEST(test_term_uses_the_colours_there_are)
{
	struct stage s;
	struct fake f;
	VTermScreenCell cell;
	open_stage(&s, "sixteen", 80, 24);
	stage_play(&s, "2");
	stage_draw(&s);

	fake_open(&f, "xterm-256color", "dark", 80, 24);
	ck_assert_int_eq(term_colours(f.term), 256);
	fake_show(&f, &s.canvas);
	ck_assert(says(&f, "38;5;196m")); /* bad */
	fake_close(&f);

	fake_open(&f, "linux", "dark", 80, 24);
	ck_assert_int_eq(term_colours(f.term), 8);
	fake_show(&f, &s.canvas);
	ck_assert(!says(&f, "38;5;"));
	ck_assert(says(&f, "31")); /* red */
	fake_close(&f);

	setenv("NO_COLOR", "1", 1);
	fake_open(&f, "xterm-256color", "mono", 80, 24);
	unsetenv("NO_COLOR");
	ck_assert_int_eq(term_colours(f.term), 1);
	fake_show(&f, &s.canvas);
	ck_assert(!says(&f, "38;5;") && !says(&f, "48;5;") && !says(&f, "\033[31m"));
	/* the row under the cursor is told by reverse */
	ck_assert(vterm_screen_get_cell(f.screen, (VTermPos){ .row = 4, .col = 40 }, &cell));
	ck_assert(cell.attrs.reverse);
	fake_close(&f);
	stage_close(&s);
}
END_TEST

START_TEST(test_term_ascii_is_ascii)
{
	struct stage s;
	struct fake f;
	open_stage(&s, "wide", 80, 24);
	fake_open(&f, "vt100", "mono", 80, 24);
	ck_assert_int_eq(term_charset(f.term), CHARSET_ASCII);
	s.ui.charset = CHARSET_ASCII;
	stage_draw(&s);
	fake_show(&f, &s.canvas);
	for (size_t i = 0; i < f.last.len; i++)
		ck_assert_uint_lt((unsigned char)f.last.data[i], 0x80);
	fake_close(&f);
	stage_close(&s);
}
END_TEST

START_TEST(test_term_switches_themes)
{
	struct stage s;
	struct fake f;
	struct theme light;
	open_stage(&s, "sixteen", 80, 24);
	stage_draw(&s);
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	size_t full = fake_show(&f, &s.canvas);
	ck_assert_int_eq(theme_load(&light, "light", NULL, NULL), 0);
	term_set_theme(f.term, &light);
	size_t again = fake_show(&f, &s.canvas);
	ck_assert_uint_gt(again * 2, full);
	ck_assert(says(&f, "38;5;160m"));
	check_screen(&f, &s.canvas, "light");
	fake_close(&f);
	stage_close(&s);
}
END_TEST

START_TEST(test_term_gives_the_terminal_back)
{
	struct stage s;
	struct fake f;
	open_stage(&s, "sixteen", 80, 24);
	stage_draw(&s);
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	fake_show(&f, &s.canvas);
	ck_assert(says(&f, "\033[?1006h") && says(&f, "\033[?2004h") && says(&f, "\033[?1049h"));
	term_suspend(f.term);
	fake_drain(&f);
	ck_assert(says(&f, "\033[?1006l") && says(&f, "\033[?2004l") && says(&f, "\033[?1049l"));
	term_resume(f.term);
	fake_show(&f, &s.canvas);
	ck_assert(says(&f, "\033[?1006h") && says(&f, "\033[?2004h") && says(&f, "\033[?1049h"));
	check_screen(&f, &s.canvas, "resumed");
	term_free(f.term);
	f.term = NULL;
	fake_drain(&f);
	ck_assert(says(&f, "\033[?1006l") && says(&f, "\033[?2004l") && says(&f, "\033[?1049l"));
	fake_close(&f);
	stage_close(&s);
}
END_TEST

/* A crash leaves no broken terminal behind, and is still a crash. */
START_TEST(test_term_gives_the_terminal_back_when_killed)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct fake f;
		int status;
		fake_open(&f, "xterm-256color", "dark", 80, 24);
		fake_drain(&f);
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			signal(SIGALRM, SIG_DFL);
			raise(signals[i]);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i],
			"signal %d: status %x", signals[i], status);
		fake_drain(&f);
		ck_assert(says(&f, "\033[?1006l") && says(&f, "\033[?2004l") &&
			  says(&f, "\033[?1049l") && says(&f, "\033[?25h"));
		fake_close(&f);
	}
}
END_TEST

START_TEST(test_term_copies_through_the_terminal)
{
	struct fake f;
	fake_open(&f, "xterm-256color", "dark", 80, 24);
	fake_drain(&f);
	term_copy(f.term, "fra1");
	fake_drain(&f);
	ck_assert_str_eq(buf_text(&f.last), "\033]52;c;ZnJhMQ==\007");
	fake_close(&f);
}
END_TEST

static const struct {
	const char *type, *says;
} unusable[] = {
	{ "no-such-terminal", "is not known" },
	{ "dumb", "cannot place the cursor" },
};

START_TEST(test_term_unusable_type_is_told)
{
	struct theme theme;
	struct err err = ERR_INIT;
	struct term_conf conf = { .type = unusable[_i].type, .in = 0, .out = 2 };
	ck_assert_int_eq(theme_load(&theme, "dark", NULL, NULL), 0);
	ck_assert_ptr_null(term_new(&conf, &theme, &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, unusable[_i].type));
	ck_assert_ptr_nonnull(strstr(err.text, unusable[_i].says));
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("term");
	TCase *tc = tcase_create("term");
	tcase_add_test(tc, test_term_shows_the_canvas);
	tcase_add_test(tc, test_term_follows_keys);
	tcase_add_test(tc, test_term_follows_resizes);
	tcase_add_test(tc, test_term_writes_little_for_one_node);
	tcase_add_test(tc, test_term_writes_little_when_idle);
	tcase_add_test(tc, test_term_writes_nothing_for_nothing);
	tcase_add_test(tc, test_term_uses_the_colours_there_are);
	tcase_add_test(tc, test_term_ascii_is_ascii);
	tcase_add_test(tc, test_term_switches_themes);
	tcase_add_test(tc, test_term_gives_the_terminal_back);
	tcase_add_test(tc, test_term_gives_the_terminal_back_when_killed);
	tcase_add_test(tc, test_term_copies_through_the_terminal);
	tcase_add_loop_test(
		tc, test_term_unusable_type_is_told, 0, sizeof unusable / sizeof *unusable);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
