/* SPDX-License-Identifier: Apache-2.0
 *
 * The app ties four things together and does nothing by itself: the loop, the terminal, the client
 * and the screen. Keys go to the screen, what the client learns marks the screen dirty, and at most
 * twenty times a second a dirty screen is drawn. Once a second it is dirty anyway: ages and the
 * clock move, and a fact may have grown stale with nobody saying so.
 *
 * With a replay there is no client: the screen walks through a stretch of the past that was loaded
 * before, read-only.
 *
 * ^C and TERM end it in order. ^Z is answered by giving the terminal back and stopping, as every
 * program does; ^S and ^Q are the terminal's own.
 */
#include "console/app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console/client.h"
#include "console/replay.h"
#include "console/screen.h"
#include "console/term.h"
#include "core/text.h"

#define FRAME_MS   50
#define ESCAPE_MS  25 /* a lone ESC is a key when nothing follows within */
#define READ_MAX   4096
#define COLOURLESS "mono"

struct app {
	struct loop *loop;
	struct term *term;
	struct client *client;
	struct replay *replay; /* in place of the client; NULL: none */
	struct screen *screen;
	struct keymap keys;
	struct key_decoder decoder;
	struct theme theme;
	bool is_theme_chosen;
	bool is_read_only;
	struct canvas canvas;
	struct loop_io *input;
	struct loop_timer *frame, *second, *escape;
	struct loop_signal *signals[6];
	bool is_frame_due;
	struct mono last_frame;
	struct err *err;
};

static struct ui
make_ui(const struct app *a)
{
	struct ui ui = {
		.now = clock_mono(),
		.wall = clock_wall(),
		.charset = term_charset(a->term),
		.keys = &a->keys,
		.theme = a->theme.name,
		.is_read_only = a->is_read_only,
	};
	if (a->replay)
		replay_fill(a->replay, &ui);
	else
		client_fill(a->client, &ui);
	return ui;
}

/* Draws soon: at once if the last frame is long past, else when its time has come. */
static void
mark_dirty(struct app *a)
{
	if (a->is_frame_due)
		return;
	int64_t wait = FRAME_MS - mono_ms_since(clock_mono(), a->last_frame);
	a->is_frame_due = true;
	loop_timer_set(a->frame, wait < 0 ? 0 : wait > FRAME_MS ? FRAME_MS : wait, 0);
}

static int
use_theme(struct app *a, const char *name, struct err *err)
{
	struct theme fresh;
	if (theme_load(&fresh, name, NULL, err) == -1)
		return -1;
	a->theme = fresh;
	term_set_theme(a->term, &a->theme);
	mark_dirty(a);
	return 0;
}

/* A production fleet looks like one, unless a theme was asked for. */
static void
theme_by_environment(struct app *a, const struct ui *ui)
{
	if (a->is_theme_chosen || !ui->fleet->environment[0])
		return;
	a->is_theme_chosen = true;
	if (strncmp(ui->fleet->environment, "prod", 4) == 0)
		use_theme(a, "production", NULL);
}

static void
on_frame(void *arg)
{
	struct app *a = arg;
	struct ui ui = make_ui(a);
	int cols, rows, cursor_x, cursor_y;

	a->is_frame_due = false;
	a->last_frame = ui.now;
	theme_by_environment(a, &ui);
	ui.theme = a->theme.name;
	term_size(a->term, &cols, &rows);
	if (a->canvas.cols != cols || a->canvas.rows != rows) {
		canvas_done(&a->canvas);
		canvas_init(&a->canvas, cols, rows);
	}
	screen_update(a->screen, &ui, cols, rows);
	screen_draw(a->screen, &ui, &a->canvas, &cursor_x, &cursor_y);
	term_draw(a->term, &a->canvas, cursor_x, cursor_y);
}

/* Ticks with the wall clock's seconds, so that what it shows is never late. */
static void
on_second(void *arg)
{
	struct app *a = arg;
	if (a->replay)
		replay_tick(a->replay);
	int64_t into = clock_wall().ns % CLOCK_NS_PER_S / CLOCK_NS_PER_MS;
	mark_dirty(a);
	loop_timer_set(a->second, 1000 - into + 2, 0);
}

static void
on_changed(void *arg)
{
	mark_dirty(arg);
}

static void
on_told(void *arg, const char *sentence)
{
	struct app *a = arg;
	struct ui ui = make_ui(a);
	screen_tell(a->screen, &ui, "%s", sentence);
	mark_dirty(a);
}

static void
wish_quit(void *arg)
{
	struct app *a = arg;
	loop_stop(a->loop);
}

static void
wish_refresh(void *arg)
{
	struct app *a = arg;
	if (a->client)
		client_refresh(a->client);
}

static void
wish_refetch(void *arg)
{
	struct app *a = arg;
	if (a->client) {
		client_refetch(a->client);
		client_refresh(a->client);
	}
	term_forget(a->term);
	mark_dirty(a);
}

static bool
wish_walk(void *arg, enum action action, char *told, size_t size)
{
	struct app *a = arg;
	return a->replay && replay_command(a->replay, action, told, size);
}

static int
wish_theme(void *arg, const char *name, struct err *err)
{
	struct app *a = arg;
	a->is_theme_chosen = true;
	return use_theme(a, name, err);
}

static void
wish_copy(void *arg, const char *text)
{
	struct app *a = arg;
	term_copy(a->term, text);
}

static void
wish_send(void *arg, unsigned number, const char *method, const char *path, struct slice body)
{
	struct app *a = arg;
	if (a->client)
		client_send(a->client, number, method, path, body);
}

static void
on_answered(void *arg, unsigned number, int status, struct slice body, const char *why)
{
	struct app *a = arg;
	struct ui ui = make_ui(a);
	screen_answer(a->screen, &ui, number, status, body, why);
	mark_dirty(a);
}

static void
press(struct app *a, const struct key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ui ui = make_ui(a);
		screen_key(a->screen, &ui, &keys[i]);
	}
	if (n == 0)
		return;
	if (a->client)
		client_key(a->client);
	mark_dirty(a);
}

static void
on_escape(void *arg)
{
	struct app *a = arg;
	struct key keys[2];
	press(a, keys, keys_flush(&a->decoder, keys));
}

static void
on_input(void *arg, unsigned events)
{
	struct app *a = arg;
	unsigned char bytes[READ_MAX];
	(void)events;
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { /* the terminal is gone */
		loop_stop(a->loop);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		struct key keys[2];
		press(a, keys, keys_feed(&a->decoder, bytes[i], keys));
	}
	if (keys_is_waiting(&a->decoder))
		loop_timer_set(a->escape, ESCAPE_MS, 0);
	else
		loop_timer_stop(a->escape);
}

static void
on_resize(void *arg, int signum)
{
	(void)signum;
	mark_dirty(arg);
}

static void
on_end(void *arg, int signum)
{
	struct app *a = arg;
	(void)signum;
	loop_stop(a->loop);
}

static void
on_suspend(void *arg, int signum)
{
	struct app *a = arg;
	(void)signum;
	term_suspend(a->term);
	raise(SIGSTOP); /* goes on here when it is continued */
	term_resume(a->term);
	mark_dirty(a);
}

static void
add_sources(struct app *a)
{
	a->frame = loop_timer_add(a->loop, 0, 0, on_frame, a);
	a->second = loop_timer_add(a->loop, 0, 0, on_second, a);
	a->escape = loop_timer_add(a->loop, ESCAPE_MS, 0, on_escape, a);
	a->input = loop_io_add(a->loop, STDIN_FILENO, LOOP_READ, on_input, a);
	a->signals[0] = loop_signal_add(a->loop, SIGWINCH, on_resize, a);
	a->signals[1] = loop_signal_add(a->loop, SIGINT, on_end, a);
	a->signals[2] = loop_signal_add(a->loop, SIGTERM, on_end, a);
	a->signals[3] = loop_signal_add(a->loop, SIGHUP, on_end, a);
	a->signals[4] = loop_signal_add(a->loop, SIGTSTP, on_suspend, a);
	a->signals[5] = loop_signal_add(a->loop, SIGCONT, on_resize, a);
}

static void
del_sources(struct app *a)
{
	loop_io_del(a->input);
	loop_timer_del(a->frame);
	loop_timer_del(a->second);
	loop_timer_del(a->escape);
	for (size_t i = 0; i < sizeof a->signals / sizeof *a->signals; i++)
		if (a->signals[i])
			loop_signal_del(a->signals[i]);
}

static int
start_terminal(struct app *a, const char *theme, struct err *err)
{
	struct term_conf conf = { .in = STDIN_FILENO, .out = STDOUT_FILENO, .want_mouse = true };
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE,
			"the dashboard needs a terminal; `catchment snapshot` draws it without "
			"one");
	if (theme_load(&a->theme, theme ? theme : "dark", NULL, err) == -1)
		return -1;
	a->is_theme_chosen = theme != NULL;
	a->term = term_new(&conf, &a->theme, err);
	if (!a->term)
		return -1;
	if (term_colours(a->term) == 1 && !theme) {
		a->is_theme_chosen = true;
		if (theme_load(&a->theme, COLOURLESS, NULL, err) == -1)
			return -1;
		term_set_theme(a->term, &a->theme);
	}
	return 0;
}

static int
start(struct app *a, const struct app_conf *conf, struct err *err)
{
	struct client_conf client = { .place = conf->place, .wants_to_act = !conf->is_read_only, .changed = on_changed,
		.told = on_told, .answered = on_answered, .arg = a };
	struct screen_wishes wishes = { wish_quit, wish_refresh, wish_refetch, wish_theme,
		wish_copy, a, wish_walk, wish_send };
	struct err key_err = ERR_INIT;
	a->loop = loop_new(err);
	if (!a->loop || start_terminal(a, conf->theme, err) == -1)
		return -1;
	keymap_init(&a->keys);
	int mistakes = keymap_load(&a->keys, &key_err);
	a->is_read_only = conf->is_read_only || conf->replay;
	a->screen = screen_new(&wishes);
	add_sources(a);
	a->replay = conf->replay;
	a->client = a->replay ? NULL : client_new(a->loop, &client, err);
	if (!a->client && !a->replay)
		return -1;
	struct ui ui = make_ui(a);
	if (conf->view && screen_open(a->screen, &ui, conf->view, NULL) == -1)
		return err_set(err, ERR_USAGE, "there is no view \"%.40s\"", conf->view);
	if (mistakes > 0)
		screen_tell(a->screen, &ui, "%s", key_err.text);
	return 0;
}

int
app_run(const struct app_conf *conf, struct err *err)
{
	struct app a = { 0 };
	int rc = start(&a, conf, err);
	if (rc == 0)
		loop_run(a.loop);
	del_sources(&a);
	client_free(a.client);
	screen_free(a.screen);
	term_free(a.term);
	canvas_done(&a.canvas);
	loop_free(a.loop);
	return rc;
}
