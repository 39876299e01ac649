/* SPDX-License-Identifier: Apache-2.0
 *
 * Themes: text files that give each meaning (console/roles.def) a look. They are read here into a
 * table of looks that is never changed afterwards; `:theme NAME` loads another one and hands it to
 * the terminal.
 *
 * The files of themes/ are also compiled in, byte for byte (tools/embed.py), so that the console
 * looks the same wherever its binary is copied; a file of the same name under the user's
 * configuration folder wins. A theme inherits another one and says only what differs; a chain of
 * eight is the limit, which also ends a circle.
 *
 * A mistake in a theme never keeps a dashboard from starting at 03:00: it is counted, the first is
 * reported as a warning, the line is skipped. The tests load every theme and accept none.
 */
#include "console/theme.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/text.h"

#define THEME_FILE_MAX 65536
#define INHERIT_MAX    8

struct builtin {
	const char *name;
	const char *text;
	size_t len;
};
/* Written by tools/embed.py. */
extern const struct builtin theme_builtins[];
extern const size_t n_theme_builtins;

/* the eight, and what bold makes of black where there are no more */
#define N_COLOUR_NAMES 9
static const char *const colour_names[N_COLOUR_NAMES] = { "black", "red", "green", "yellow", "blue",
	"magenta", "cyan", "white", "grey" };

static const struct {
	const char *word;
	unsigned attr;
} attr_words[] = {
	{ "bold", LOOK_BOLD },
	{ "dim", LOOK_DIM },
	{ "underline", LOOK_UNDERLINE },
	{ "reverse", LOOK_REVERSE },
};

static const uint32_t system_colours[16] = {
	0x000000,
	0xcd0000,
	0x00cd00,
	0xcdcd00,
	0x0000ee,
	0xcd00cd,
	0x00cdcd,
	0xe5e5e5,
	0x7f7f7f,
	0xff0000,
	0x00ff00,
	0xffff00,
	0x5c5cff,
	0xff00ff,
	0x00ffff,
	0xffffff,
};

uint32_t
colour_rgb(int rich)
{
	static const uint8_t steps[6] = { 0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff };
	if (rich >= COLOUR_RGB)
		return (uint32_t)rich & 0xffffff;
	if (rich < 16)
		return rich < 0 ? 0 : system_colours[rich];
	if (rich >= 232) {
		uint32_t grey = (uint32_t)(8 + 10 * (rich - 232));
		return grey << 16 | grey << 8 | grey;
	}
	int i = rich - 16;
	return (uint32_t)steps[i / 36] << 16 | (uint32_t)steps[i / 6 % 6] << 8 | steps[i % 6];
}

static int
nearest(uint32_t rgb, int first, int last)
{
	int best = first;
	long best_distance = LONG_MAX;
	for (int i = first; i <= last; i++) {
		uint32_t other = colour_rgb(i);
		long r = (long)(rgb >> 16) - (long)(other >> 16);
		long g = (long)(rgb >> 8 & 0xff) - (long)(other >> 8 & 0xff);
		long b = (long)(rgb & 0xff) - (long)(other & 0xff);
		long distance = 3 * r * r + 4 * g * g + 2 * b * b;
		if (distance < best_distance) {
			best = i;
			best_distance = distance;
		}
	}
	return best;
}

int
colour_to_256(int rich)
{
	/* the first sixteen are the user's own and may look like anything */
	return rich >= COLOUR_RGB ? nearest(colour_rgb(rich), 16, 255) : rich;
}

int
colour_to_16(int rich)
{
	return rich < 16 ? rich : nearest(colour_rgb(rich), 0, 15);
}

/* One colour; -1 when it is none. */
static int
parse_one(struct slice word, int *out)
{
	int64_t n;
	if (slice_equal(word, "default")) {
		*out = COLOUR_DEFAULT;
		return 0;
	}
	for (int i = 0; i < N_COLOUR_NAMES; i++) {
		if (slice_equal(word, colour_names[i])) {
			*out = i;
			return 0;
		}
	}
	if (word.len == 7 && word.data[0] == '#') {
		char hex[7], *end;
		slice_copy((struct slice){ word.data + 1, 6 }, hex, sizeof hex);
		*out = COLOUR_RGB | (int)strtol(hex, &end, 16);
		return *end == '\0' && isxdigit((unsigned char)hex[0]) ? 0 : -1;
	}
	if (text_parse_int(word, 0, 255, &n) == -1)
		return -1;
	*out = (int)n;
	return 0;
}

static int
parse_colour(struct slice word, struct colour *out)
{
	const char *cut = memchr(word.data, '/', word.len);
	struct slice rich = { word.data, cut ? (size_t)(cut - word.data) : word.len };
	if (parse_one(rich, &out->rich) == -1)
		return -1;
	if (!cut) {
		out->poor = out->rich < 0 ? out->rich : colour_to_16(out->rich);
		return 0;
	}
	struct slice poor = { cut + 1, word.len - rich.len - 1 };
	return parse_one(poor, &out->poor) == 0 && out->poor < 16 ? 0 : -1;
}

static unsigned
parse_attr(struct slice word)
{
	for (size_t i = 0; i < sizeof attr_words / sizeof *attr_words; i++)
		if (slice_equal(word, attr_words[i].word))
			return attr_words[i].attr;
	return 0;
}

static int
parse_look(struct slice text, struct look *look)
{
	struct slice word;
	bool is_ground = false;
	*look = (struct look){ .fg = { COLOUR_UNSET, COLOUR_UNSET },
		.bg = { COLOUR_UNSET, COLOUR_UNSET } };
	while (slice_next_word(&text, &word)) {
		unsigned attr = parse_attr(word);
		if (attr) {
			look->attrs |= attr;
		} else if (slice_equal(word, "on") && !is_ground) {
			is_ground = true;
		} else if (parse_colour(word, is_ground ? &look->bg : &look->fg) == -1) {
			return -1;
		}
	}
	return 0;
}

/* Quotes around a value and a comment behind it are YAML's; a "#rrggbb" is no comment. */
static struct slice
strip_value(struct slice v)
{
	v = slice_trim(v);
	for (size_t i = 1; i < v.len; i++) {
		if (v.data[i] == '#' && isblank((unsigned char)v.data[i - 1]) && i + 1 < v.len &&
			isblank((unsigned char)v.data[i + 1])) {
			v.len = i;
			break;
		}
	}
	v = slice_trim(v);
	if (v.len >= 2 && v.data[0] == '"' && v.data[v.len - 1] == '"')
		v = (struct slice){ v.data + 1, v.len - 2 };
	return v;
}

struct parsing {
	struct theme *theme;
	char *parent;
	theme_mistake_fn *mistake;
	void *arg;
	int n_mistakes;
};

static void
complain(struct parsing *p, int line, const char *format, const char *what)
{
	char clean[64], sentence[200];
	text_sanitise_to(slice_of(what), clean, sizeof clean);
	snprintf(sentence, sizeof sentence, format, clean);
	p->n_mistakes++;
	if (p->mistake)
		p->mistake(p->arg, line, sentence);
}

static void
parse_line(struct parsing *p, int number, struct slice line)
{
	const char *colon = memchr(line.data, ':', line.len);
	char name[64], value[200];
	struct look look;

	slice_copy(slice_trim((struct slice){
			   line.data, colon ? (size_t)(colon - line.data) : line.len }),
		name, sizeof name);
	if (!colon) {
		complain(p, number, "\"%s\" is not \"ROLE: LOOK\"", name);
		return;
	}
	slice_copy(strip_value(
			   (struct slice){ colon + 1, (size_t)(line.data + line.len - colon - 1) }),
		value, sizeof value);
	if (strcmp(name, "title") == 0) {
		text_sanitise_to(slice_of(value), p->theme->title, sizeof p->theme->title);
		return;
	}
	if (strcmp(name, "inherit") == 0) {
		if (!text_is_name(value) || strlen(value) >= 32)
			complain(p, number, "inherit: \"%s\" is no name of a theme", value);
		else
			snprintf(p->parent, 32, "%s", value);
		return;
	}
	if (strcmp(name, "paper") == 0 || strcmp(name, "ink") == 0) {
		int *out = name[0] == 'p' ? &p->theme->paper : &p->theme->ink;
		if (parse_one(slice_of(value), out) == -1 || *out < 0)
			complain(p, number, "\"%s\" is no colour", value);
		return;
	}
	enum role role = role_parse(name);
	if (role == ROLE_COUNT)
		complain(p, number, "\"%s\" is no role: see `catchment themes --roles`", name);
	else if (parse_look(slice_of(value), &look) == -1)
		complain(p, number,
			"\"%s\" is no look: allowed is [COLOUR] [on COLOUR] [bold] [dim] "
			"[underline] [reverse]",
			value);
	else
		p->theme->looks[role] = look;
}

int
theme_parse(
	struct theme *t, struct slice text, char parent[32], theme_mistake_fn *mistake, void *arg)
{
	struct parsing p = { .theme = t, .parent = parent, .mistake = mistake, .arg = arg };
	struct slice line;
	parent[0] = '\0';
	for (int number = 1; slice_next_line(&text, &line); number++) {
		line = slice_trim(line);
		if (line.len > 0 && line.data[0] != '#')
			parse_line(&p, number, line);
	}
	return p.n_mistakes;
}

const char *
theme_builtin_name(size_t i)
{
	return i < n_theme_builtins ? theme_builtins[i].name : NULL;
}

struct slice
theme_builtin_text(const char *name)
{
	for (size_t i = 0; i < n_theme_builtins; i++)
		if (strcmp(theme_builtins[i].name, name) == 0)
			return (struct slice){ theme_builtins[i].text, theme_builtins[i].len };
	return (struct slice){ "", 0 };
}

static int
user_path(const char *name, char *out, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (config && config[0] == '/')
		return snprintf(out, size, "%s/catchment/themes/%s.theme", config, name) < (int)size
		               ? 0
		               : -1;
	if (home && home[0] == '/')
		return snprintf(out, size, "%s/.config/catchment/themes/%s.theme", home, name) <
		                       (int)size
		               ? 0
		               : -1;
	return -1;
}

struct first_mistake {
	const char *name;
	size_t n;
	struct err *err;
};

static void
note_mistake(void *arg, int line, const char *sentence)
{
	struct first_mistake *first = arg;
	if (first->n++ == 0)
		err_set(first->err, ERR_USAGE, "theme %s, line %d: %s", first->name, line,
			sentence);
}

/* The text of one theme, from the user's folder or built in. */
static int
read_text(const char *name, struct buf *text, struct err *err)
{
	char path[PATH_MAX];
	if (!text_is_name(name))
		return err_set(err, ERR_USAGE, "a theme's name is made of a-z, 0-9 and dashes");
	if (user_path(name, path, sizeof path) == 0 && access(path, R_OK) == 0)
		return buf_read_file(text, path, err);
	struct slice builtin = theme_builtin_text(name);
	if (builtin.len == 0)
		return err_set(err, ERR_NOT_FOUND,
			"there is no theme \"%s\": `catchment themes` lists them", name);
	buf_add(text, builtin.data, builtin.len);
	return 0;
}

static int
load_chain(
	struct theme *t, const char *name, struct first_mistake *first, int depth, struct err *err)
{
	struct buf text = BUF_INIT(THEME_FILE_MAX);
	struct theme own = *t;
	char parent[32];
	int rc = -1;

	if (depth == INHERIT_MAX) {
		err_set(err, ERR_USAGE, "theme %s: inherits more than %d others, or itself", name,
			INHERIT_MAX);
		goto out;
	}
	if (read_text(name, &text, err) == -1)
		goto out;
	theme_parse(&own, buf_slice(&text), parent, NULL, NULL);
	if (parent[0] && load_chain(t, parent, first, depth + 1, err) == -1) {
		err_wrap(err, "theme %s", name);
		goto out;
	}
	first->name = name;
	theme_parse(t, buf_slice(&text), parent, note_mistake, first);
	rc = 0;
out:
	buf_done(&text);
	return rc;
}

int
theme_load(struct theme *t, const char *name, size_t *n_mistakes, struct err *err)
{
	struct theme fresh = { .paper = COLOUR_RGB | 0x0e1116, .ink = COLOUR_RGB | 0xd0d0d0 };
	struct err first_err = ERR_INIT;
	struct first_mistake first = { .name = name, .err = &first_err };

	for (int i = 0; i < ROLE_COUNT; i++)
		fresh.looks[i] = (struct look){ .fg = { COLOUR_UNSET, COLOUR_UNSET },
			.bg = { COLOUR_UNSET, COLOUR_UNSET } };
	if (load_chain(&fresh, name, &first, 0, err) == -1)
		return -1;
	snprintf(fresh.name, sizeof fresh.name, "%s", name);
	if (fresh.title[0] == '\0')
		snprintf(fresh.title, sizeof fresh.title, "%s", name);
	if (first.n > 0 && err)
		*err = first_err;
	if (n_mistakes)
		*n_mistakes = first.n;
	*t = fresh;
	return 0;
}

static struct colour
pick(struct colour first, struct colour second)
{
	struct colour none = { COLOUR_DEFAULT, COLOUR_DEFAULT };
	return first.rich != COLOUR_UNSET ? first : second.rich != COLOUR_UNSET ? second : none;
}

struct look
theme_look(const struct theme *t, enum role role, enum role ground, unsigned cell_attrs)
{
	const struct look *under = &t->looks[ground];
	bool is_dim = cell_attrs & CELL_DIM;
	const struct look *over = &t->looks[is_dim ? ROLE_STALE : role];
	const struct look *text = &t->looks[ROLE_TEXT];
	bool is_plain = !is_dim && (role == ROLE_TEXT || role == ROLE_NONE);
	/* a ground that names its text's colour means it for all that lies on it, but what has a
	 * ground of its own */
	bool has_own = !is_plain && over->bg.rich != COLOUR_UNSET;
	bool is_ruled = ground != ROLE_NONE && under->fg.rich != COLOUR_UNSET && !has_own;
	struct look look = {
		.fg = is_ruled || is_plain ? pick(under->fg, text->fg) : pick(over->fg, text->fg),
		.bg = has_own ? over->bg : pick(under->bg, text->bg),
		.attrs = under->attrs | (is_plain ? text->attrs : over->attrs),
	};
	if (cell_attrs & CELL_UNDERLINE)
		look.attrs |= LOOK_UNDERLINE;
	return look;
}
