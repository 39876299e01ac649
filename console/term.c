/* SPDX-License-Identifier: Apache-2.0
 *
 * The only file that knows ncurses. It takes canvases and makes the terminal look like them with as
 * few bytes as it can: cells equal to those of the last canvas are not even offered to ncurses, and
 * ncurses in turn writes only what differs. A theme is worked out here into attributes and colour
 * pairs: default colours stay the terminal's own, pairs come from alloc_pair (COLOR_PAIR's bits
 * hold only 256 of them), and what the terminal can show decides which of a colour's two notations
 * is used. ncurses 6.4 emits 24-bit colours only where the terminfo entry says so (xterm-direct);
 * there, a colour's number is its RGB value.
 *
 * Input is not read here. ncurses would block for the escape delay, does not decode SGR mouse
 * reports under tmux (terminfo says X10) and knows no bracketed paste; console/keys.c does it all
 * from the bytes.
 *
 * The terminal is restored on every way out: term_free, and for the signals that kill (SEGV, BUS,
 * FPE, ILL, ABRT) a handler that writes a string prepared in advance and puts the tty modes back,
 * using nothing but write and tcsetattr. That handler is why this file holds the one mutable static
 * of the console: a signal handler has no other way to its data. ^C, ^Z and TERM arrive in the loop
 * and are the app's business.
 */
#include "console/term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define RESTORE_MAX   512
#define COPY_MAX      1024
#define STYLES_MAX    (ROLE_COUNT * ROLE_COUNT * 4)
#define MOUSE_ON      "\033[?1000h\033[?1002h\033[?1006h"
#define MOUSE_OFF     "\033[?1006l\033[?1002l\033[?1000l"
#define PASTE_ON      "\033[?2004h"
#define PASTE_OFF     "\033[?2004l"
#define DIRECT_COLOUR (1 << 24)

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
#define N_FATAL (sizeof fatal_signals / sizeof *fatal_signals)

/* What a handler of a fatal signal needs; written before the handlers are set and cleared after
 * they are gone. */
static struct {
	volatile sig_atomic_t is_armed;
	int out;
	bool has_modes;
	struct termios modes;
	size_t len;
	char bytes[RESTORE_MAX];
} rescue;

struct style {
	bool is_known;
	attr_t attrs;
	int pair;
};

struct term {
	SCREEN *screen;
	FILE *in, *out;
	int out_fd;
	int colours;
	enum charset charset;
	bool has_mouse, has_xterm_modes;
	bool is_suspended;
	struct theme theme;
	struct style styles[STYLES_MAX];
	struct canvas shown; /* what is on the screen; cells == NULL: not known */
	struct canvas next;  /* the canvas being shown, translated to the charset */
	struct sigaction old_actions[N_FATAL];
};

static void
on_fatal(int signum)
{
	if (rescue.is_armed) {
		rescue.is_armed = 0;
		ssize_t n = write(rescue.out, rescue.bytes, rescue.len);
		(void)n;
		if (rescue.has_modes)
			tcsetattr(rescue.out, TCSANOW, &rescue.modes);
	}
	raise(signum); /* SA_RESETHAND: the default action follows */
}

static void
rescue_add(const char *text)
{
	size_t n = text ? strlen(text) : 0;
	if (rescue.len + n > RESTORE_MAX)
		return;
	memcpy(rescue.bytes + rescue.len, text ? text : "", n);
	rescue.len += n;
}

/* A terminfo string, or NULL when the terminal has none. */
static const char *
capability(const char *name)
{
	const char *text = tigetstr(name);
	return text == (const char *)-1 ? NULL : text;
}

static void
arm_rescue(struct term *t)
{
	struct sigaction action = { .sa_handler = on_fatal,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	rescue.len = 0;
	rescue.out = t->out_fd;
	if (t->has_xterm_modes)
		rescue_add(MOUSE_OFF PASTE_OFF);
	rescue_add(capability("sgr0"));
	rescue_add(capability("op"));
	rescue_add(capability("cnorm"));
	rescue_add(capability("rmcup"));
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_FATAL; i++)
		sigaction(fatal_signals[i], &action, &t->old_actions[i]);
	rescue.is_armed = 1;
}

static void
disarm_rescue(struct term *t)
{
	rescue.is_armed = 0;
	for (size_t i = 0; i < N_FATAL; i++)
		sigaction(fatal_signals[i], &t->old_actions[i], NULL);
}

static void
write_out(const struct term *t, const char *text)
{
	fflush(t->out);
	size_t len = strlen(text);
	while (len > 0) {
		ssize_t n = write(t->out_fd, text, len);
		if (n == -1 && errno != EINTR)
			return; /* a terminal that is gone is found out by the reader */
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

static void
set_modes(const struct term *t, bool on)
{
	if (!t->has_xterm_modes)
		return;
	if (t->has_mouse)
		write_out(t, on ? MOUSE_ON : MOUSE_OFF);
	write_out(t, on ? PASTE_ON : PASTE_OFF);
}

static bool
is_linux_console(const char *type)
{
	return strcmp(type, "linux") == 0 || strncmp(type, "linux-", 6) == 0;
}

static enum charset
find_charset(const char *type)
{
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		return CHARSET_ASCII;
	if (is_linux_console(type))
		return CHARSET_CONSOLE;
	/* hardware terminals and their entries; an xterm never calls itself so */
	if (strncmp(type, "vt", 2) == 0 || strcmp(type, "dumb") == 0 || strcmp(type, "ansi") == 0)
		return CHARSET_ASCII;
	return CHARSET_UNICODE;
}

static bool
understands_xterm_modes(const char *type)
{
	static const char *const families[] = { "xterm", "tmux", "screen", "rxvt", "alacritty",
		"kitty", "foot", "st", "konsole", "gnome", "vte", "putty", "mintty", "wezterm",
		"contour", "iterm" };
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (strncmp(type, families[i], strlen(families[i])) == 0)
			return true;
	return false;
}

static int
find_colours(enum term_colours wanted)
{
	const char *no_color = getenv("NO_COLOR");
	if (wanted == TERM_COLOURS_NEVER || (no_color && no_color[0]))
		return 1;
	if (!has_colors() || start_color() == ERR)
		return 1;
	use_default_colors();
	if (COLORS > 256)
		return DIRECT_COLOUR;
	return COLORS >= 256 ? 256 : COLORS >= 88 ? 88 : COLORS >= 16 ? 16 : COLORS >= 8 ? 8 : 1;
}

static FILE *
open_copy(int fd, const char *mode)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *f = copy == -1 ? NULL : fdopen(copy, mode);
	if (!f && copy != -1)
		close(copy);
	return f;
}

static void
close_files(struct term *t)
{
	if (t->in)
		fclose(t->in);
	if (t->out)
		fclose(t->out);
}

static void
start_screen(void)
{
	cbreak(); /* signals stay: ^C and ^Z mean what they always do, ^S and ^Q too */
	noecho();
	nonl();
	curs_set(0);
	leaveok(stdscr, TRUE);
	scrollok(stdscr, FALSE);
}

struct term *
term_new(const struct term_conf *conf, const struct theme *theme, struct err *err)
{
	struct term *t = xcalloc(1, sizeof *t);
	const char *type = conf->type ? conf->type : getenv("TERM");

	if (!type || !type[0]) {
		err_set(err, ERR_USAGE,
			"TERM is not set: the dashboard needs to know the terminal");
		goto fail;
	}
	t->out_fd = conf->out;
	t->out = open_copy(conf->out, "w");
	t->in = open_copy(conf->in, "r");
	if (!t->out || !t->in) {
		err_set(err, ERR_FAILED, "the terminal cannot be opened: %s", strerror(errno));
		goto fail;
	}
	rescue.has_modes = tcgetattr(conf->out, &rescue.modes) == 0;
	/* a terminal knows its size better than what a shell once exported */
	use_env(!isatty(conf->out));
	use_tioctl(isatty(conf->out));
	t->screen = newterm(type, t->out, t->in);
	if (!t->screen) {
		err_set(err, ERR_USAGE,
			"the terminal type \"%.40s\" is not known: is its terminfo entry "
			"installed?",
			type);
		goto fail;
	}
	/* "dumb" is taken by newterm, and a screen would only fill it with rubbish */
	if (!capability("cup")) {
		endwin();
		delscreen(t->screen);
		err_set(err, ERR_USAGE,
			"the terminal type \"%.40s\" cannot place the cursor; `catchment snapshot` "
			"draws the dashboard as text",
			type);
		goto fail;
	}
	start_screen();
	t->colours = find_colours(conf->colours);
	t->charset = conf->charset ? *conf->charset : find_charset(type);
	t->has_xterm_modes = understands_xterm_modes(type);
	t->has_mouse = conf->want_mouse;
	arm_rescue(t);
	set_modes(t, true);
	term_set_theme(t, theme);
	return t;
fail:
	close_files(t);
	free(t);
	return NULL;
}

void
term_free(struct term *t)
{
	if (!t)
		return;
	if (!t->is_suspended) {
		set_modes(t, false);
		endwin();
	}
	disarm_rescue(t);
	delscreen(t->screen);
	close_files(t);
	canvas_done(&t->shown);
	canvas_done(&t->next);
	free(t);
}

static int
clamp_size(long n)
{
	return n < 1 ? 1 : n > CANVAS_MAX ? CANVAS_MAX : (int)n;
}

void
term_size(struct term *t, int *cols, int *rows)
{
	struct winsize size = { 0 };
	const char *columns = getenv("COLUMNS"), *lines = getenv("LINES");
	if (ioctl(t->out_fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*cols = clamp_size(size.ws_col);
		*rows = clamp_size(size.ws_row);
		return;
	}
	*cols = columns ? clamp_size(strtol(columns, NULL, 10)) : 80;
	*rows = lines ? clamp_size(strtol(lines, NULL, 10)) : 24;
}

int
term_colours(const struct term *t)
{
	return t->colours;
}

enum charset
term_charset(const struct term *t)
{
	return t->charset;
}

void
term_set_theme(struct term *t, const struct theme *theme)
{
	t->theme = *theme;
	memset(t->styles, 0, sizeof t->styles);
	if (t->colours > 1)
		reset_color_pairs();
	term_forget(t);
}

void
term_forget(struct term *t)
{
	canvas_done(&t->shown);
}

/* The terminal's number for a colour. */
static int
colour_number(const struct term *t, struct colour c)
{
	if (c.rich < 0 || (c.poor < 0 && t->colours < 88))
		return -1;
	if (t->colours == DIRECT_COLOUR)
		return (int)colour_rgb(c.rich);
	if (t->colours == 256)
		return colour_to_256(c.rich);
	int low = t->colours == 88 ? colour_to_16(c.rich) : c.poor;
	return t->colours == 8 ? low & 7 : low;
}

static struct style
work_out(const struct term *t, struct look look)
{
	struct style s = { .is_known = true };
	if (look.attrs & LOOK_BOLD)
		s.attrs |= A_BOLD;
	if (look.attrs & LOOK_DIM)
		s.attrs |= A_DIM;
	if (look.attrs & LOOK_UNDERLINE)
		s.attrs |= A_UNDERLINE;
	if (look.attrs & LOOK_REVERSE)
		s.attrs |= A_REVERSE;
	/* eight colours: the bright half is bold */
	if (t->colours == 8 && look.fg.rich >= 0 && look.fg.poor >= 8)
		s.attrs |= A_BOLD;
	if (t->colours > 1) {
		int fg = colour_number(t, look.fg), bg = colour_number(t, look.bg);
		int pair = fg == -1 && bg == -1 ? 0 : alloc_pair(fg, bg);
		s.pair = pair < 0 ? 0 : pair;
	}
	return s;
}

/* Without colour, what a theme says by colour alone must be said by attributes: grounds become
 * reverse. */
static struct look
without_colour(struct look look)
{
	if (look.bg.rich >= 0 && look.attrs == 0)
		look.attrs |= LOOK_REVERSE;
	return look;
}

static struct style
style_of(struct term *t, const struct cell *cell)
{
	size_t i = ((size_t)cell->role * ROLE_COUNT + cell->ground) * 4 + (cell->attrs & 3);
	if (!t->styles[i].is_known) {
		struct look look = theme_look(
			&t->theme, (enum role)cell->role, (enum role)cell->ground, cell->attrs);
		t->styles[i] = work_out(t, t->colours > 1 ? look : without_colour(look));
	}
	return t->styles[i];
}

static void
show_cell(struct term *t, int x, int y, const struct cell *cell)
{
	wchar_t text[CELL_POINTS + 1] = { 0 };
	struct style s = style_of(t, cell);
	cchar_t c;
	for (int i = 0; i < CELL_POINTS; i++)
		text[i] = (wchar_t)cell->points[i];
	if (text[0] == L'\0')
		text[0] = L' ';
	if (setcchar(&c, text, s.attrs, (short)0, &s.pair) == OK)
		mvadd_wch(y, x, &c);
}

static bool
same_size(const struct canvas *a, const struct canvas *b)
{
	return a->cells && b->cells && a->cols == b->cols && a->rows == b->rows;
}

static void
copy_cells(struct canvas *to, const struct canvas *from)
{
	if (!same_size(to, from)) {
		canvas_done(to);
		canvas_init(to, from->cols, from->rows);
	}
	for (int y = 0; y < from->rows; y++)
		memcpy(to->cells + y * to->stride, from->cells + y * from->stride,
			(size_t)from->cols * sizeof *from->cells);
}

void
term_draw(struct term *t, const struct canvas *c, int cursor_x, int cursor_y)
{
	copy_cells(&t->next, c);
	canvas_translate(&t->next, t->charset);
	bool is_fresh = !same_size(&t->shown, &t->next);

	if (is_fresh) {
		if (is_term_resized(c->rows, c->cols))
			resizeterm(c->rows, c->cols);
		clearok(curscr, TRUE);
	}
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols; x++) {
			const struct cell *cell = canvas_cell(&t->next, x, y);
			if (cell->width > 0 &&
				(is_fresh || !cell_equal(cell, canvas_cell(&t->shown, x, y))))
				show_cell(t, x, y, cell);
		}
	}
	copy_cells(&t->shown, &t->next);
	curs_set(cursor_x >= 0 ? 1 : 0);
	leaveok(stdscr, cursor_x < 0);
	if (cursor_x >= 0)
		move(cursor_y, cursor_x);
	wnoutrefresh(stdscr);
	doupdate();
}

void
term_copy(struct term *t, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char out[COPY_MAX * 2];
	size_t len = strnlen(text, COPY_MAX), n = 0;
	if (!t->has_xterm_modes)
		return;
	for (size_t i = 0; i < len; i += 3) {
		unsigned bytes = (unsigned)(unsigned char)text[i] << 16;
		bytes |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
		bytes |= i + 2 < len ? (unsigned)(unsigned char)text[i + 2] : 0;
		out[n++] = digits[bytes >> 18];
		out[n++] = digits[bytes >> 12 & 63];
		out[n++] = i + 1 < len ? digits[bytes >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[bytes & 63] : '=';
	}
	out[n] = '\0';
	write_out(t, "\033]52;c;");
	write_out(t, out);
	write_out(t, "\007");
}

void
term_suspend(struct term *t)
{
	if (t->is_suspended)
		return;
	set_modes(t, false);
	endwin();
	t->is_suspended = true;
}

void
term_resume(struct term *t)
{
	if (!t->is_suspended)
		return;
	t->is_suspended = false;
	reset_prog_mode();
	set_modes(t, true);
	term_forget(t);
	clearok(curscr, TRUE);
}
