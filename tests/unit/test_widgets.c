/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that screens are made of: canvas, chart, filter, table, prompt, theme, snapshot. Each
 * without a fleet.
 */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "console/chart.h"
#include "console/map_layout.h"
#include "console/prompt.h"
#include "console/snapshot.h"
#include "console/table.h"
#include "console/theme.h"
#include "core/text.h"
#include "suite.h"

static void
check_text(const struct canvas *c, const char *want)
{
	struct buf text = BUF_INIT(65536);
	canvas_write_text(c, &text);
	ck_assert_str_eq(buf_text(&text), want);
	buf_done(&text);
}

/* -- canvas -- */

START_TEST(test_canvas_clips)
{
	struct canvas c;
	canvas_init(&c, 5, 2);
	ck_assert_int_eq(canvas_text(&c, 3, 0, 10, ROLE_TEXT, "abcdef"), 6);
	canvas_text(&c, -2, 1, 10, ROLE_TEXT, "abcdef");
	canvas_put(&c, 99, 99, ROLE_TEXT, 'x');
	canvas_put(&c, -1, -1, ROLE_TEXT, 'x');
	canvas_box(&c, (struct rect){ -50, -50, 3, 3 }, ROLE_TEXT, NULL);
	canvas_fill(&c, (struct rect){ -9, 5, 100, 100 }, ROLE_SELECTED);
	check_text(&c, "   ab\ncdef\n");
	canvas_done(&c);
}
END_TEST

START_TEST(test_canvas_cuts_with_an_ellipsis)
{
	struct canvas c;
	canvas_init(&c, 20, 1);
	ck_assert_int_eq(canvas_text(&c, 0, 0, 4, ROLE_TEXT, "abcdef"), 4);
	canvas_text_right(&c, 6, 0, 6, ROLE_TEXT, "42");
	ck_assert_int_eq(canvas_text(&c, 14, 0, 0, ROLE_TEXT, "abc"), 0);
	check_text(&c, "abc…      42\n");
	canvas_done(&c);
}
END_TEST

/* A wide character is whole or not there; whoever overwrites half of it blanks the rest. */
START_TEST(test_canvas_keeps_wide_characters_whole)
{
	struct canvas c;
	canvas_init(&c, 6, 3);
	canvas_text(&c, 0, 0, 6, ROLE_TEXT, "東京都");
	canvas_put(&c, 1, 0, ROLE_TEXT, 'x');
	canvas_text(&c, 5, 1, 6, ROLE_TEXT, "東");
	ck_assert_int_eq(canvas_text(&c, 0, 2, 4, ROLE_TEXT, "東京都"), 3);
	check_text(&c, " x京都\n\n東…\n");
	canvas_done(&c);
}
END_TEST

START_TEST(test_canvas_keeps_marks_with_their_letter)
{
	struct canvas c;
	canvas_init(&c, 6, 1);
	ck_assert_int_eq(canvas_text(&c, 0, 0, 6, ROLE_TEXT, "e\u0301a\u0300x"), 3);
	check_text(&c, "e\u0301a\u0300x\n");
	canvas_done(&c);
}
END_TEST

START_TEST(test_canvas_window_is_clipped)
{
	struct canvas c;
	canvas_init(&c, 6, 2);
	struct canvas w = canvas_window(&c, (struct rect){ 4, 1, 10, 10 });
	ck_assert_int_eq(w.cols, 2);
	ck_assert_int_eq(w.rows, 1);
	canvas_text(&w, 0, 0, 10, ROLE_TEXT, "abc");
	struct canvas none = canvas_window(&c, (struct rect){ 9, 9, 3, 3 });
	canvas_text(&none, 0, 0, 3, ROLE_TEXT, "abc");
	check_text(&c, "\n    ab\n");
	canvas_done(&c);
}
END_TEST

/* Every glyph that the console draws by itself has a stand-in of width one in each charset. */
START_TEST(test_canvas_translates)
{
	struct canvas c;
	canvas_init(&c, 12, 1);
	canvas_text(&c, 0, 0, 12, ROLE_TEXT, "─│●○▁▇⣿⠁é東");
	canvas_translate(&c, CHARSET_ASCII);
	check_text(&c, "-|@o_*:.??\n");
	for (uint32_t p = 0x80; p < 0x3000; p++) {
		ck_assert_uint_lt(charset_point(CHARSET_ASCII, p), 0x80);
		ck_assert_uint_gt(charset_point(CHARSET_ASCII, p), 0x1f);
	}
	canvas_done(&c);
}
END_TEST

/* -- chart -- */

/* A size of a mark is told from the others, whatever the terminal can show. */
START_TEST(test_map_sizes_look_different)
{
	for (int charset = CHARSET_UNICODE; charset <= CHARSET_ASCII; charset++) {
		for (int a = 0; a < MAP_SIZES; a++) {
			uint32_t glyph = charset_point((enum charset)charset, map_size_glyph(a));
			for (int b = a + 1; b < MAP_SIZES; b++)
				ck_assert_uint_ne(glyph, charset_point((enum charset)charset, map_size_glyph(b)));
		}
	}
	ck_assert_uint_eq(map_size_glyph(-1), map_size_glyph(0));
	ck_assert_uint_eq(map_size_glyph(MAP_SIZES), map_size_glyph(MAP_SIZES - 1));
}
END_TEST

START_TEST(test_chart_spark_tells_nothing_from_zero)
{
	static const double samples[] = { 0, 50, 100, NAN, 100 };
	struct canvas c;
	canvas_init(&c, 8, 2);
	chart_spark(&c, 0, 0, 8, ROLE_RATE, samples, 5);
	chart_spark(&c, 0, 1, 2, ROLE_RATE, samples, 5);
	check_text(&c, "   ▁▄▇ ▇\n ▇\n");
	canvas_done(&c);
}
END_TEST

START_TEST(test_chart_bar_is_bounded)
{
	struct canvas c;
	canvas_init(&c, 4, 4);
	chart_bar(&c, 0, 0, 4, ROLE_RATE, 0.5);
	chart_bar(&c, 0, 1, 4, ROLE_RATE, 9);
	chart_bar(&c, 0, 2, 4, ROLE_RATE, -1);
	chart_bar(&c, 0, 3, 4, ROLE_RATE, NAN);
	check_text(&c, "██··\n████\n····\n\n");
	canvas_done(&c);
}
END_TEST

/* -- filter -- */

static const struct {
	const char *filter, *text;
	bool matches;
} filters[] = {
	{ "", "anything", true }, { "fra", "PoP FRA ok", true }, { "FRA", "pop fra ok", false },
	{ "^fra\\d$", "fra12", false }, { "fra|ams", "ams ok", true }, { "!ok", "fra ok", false },
	{ "!ok", "fra down", true }, { "!", "anything", true }, { "-f fk", "frankfurt", true },
	{ "-f kf", "frankfurt", true }, { "-f kfz", "frankfurt", false },
	{ "-f", "anything", true }, { "!-f fk", "frankfurt", false },
	{ "fra(", "the fra( of it", true }, /* no expression: as it stands */
	{ "fra(", "fra", false }, { "é", "CAFÉ", true },
	{ "(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
		false }, /* costs nothing, matches nothing */
};

START_TEST(test_filter_matches)
{
	struct filter *f = filter_new(filters[_i].filter);
	ck_assert_msg(filter_match(f, filters[_i].text) == filters[_i].matches, "/%s on \"%s\"",
		filters[_i].filter, filters[_i].text);
	filter_free(f);
}
END_TEST

/* -- table -- */

static const char *const rows[] = { "fra2", "fra10", "ams1", "gru1", "lhr1", "nrt1" };
static const double values[] = { 5, 50, NAN, 7, 7, 1 };

static void
cell(const void *arg, size_t row, int column, struct table_cell *out)
{
	(void)arg;
	if (column == 0)
		snprintf(out->text, sizeof out->text, "%s", rows[row]);
	else if (column == 1) {
		text_number(values[row], out->text, sizeof out->text);
		out->order = values[row];
	} else
		snprintf(out->text, sizeof out->text, "text of %s", rows[row]);
}

static void
id(const void *arg, size_t row, char out[TABLE_ID_MAX])
{
	(void)arg;
	snprintf(out, TABLE_ID_MAX, "%s", rows[row]);
}

static bool
is_fault(const void *arg, size_t row)
{
	(void)arg;
	return row == 3;
}

static const struct table_column columns[] = {
	{ "NAME", 5, 0, 0 },
	{ "N", 4, 0, 2, .is_right = true, .worst_first = true },
	{ "TEXT", 8, 1, 1 },
};
static const struct table_source all_rows = {
	.n = 6, .cell = cell, .id = id, .is_fault = is_fault
};

static void
check_order(struct table *t, const char *want)
{
	char is[256] = "";
	for (size_t i = 0; i < t->n_rows; i++) {
		strcat(is, i ? " " : "");
		strcat(is, rows[t->rows[i]]);
	}
	ck_assert_str_eq(is, want);
}

START_TEST(test_table_sorts)
{
	struct table t;
	table_init(&t, columns, 3, 0);
	table_update(&t, &all_rows, 10);
	check_order(&t, "ams1 fra2 fra10 gru1 lhr1 nrt1");
	table_sort_next(&t);
	table_update(&t, &all_rows, 10);
	check_order(&t, "fra10 gru1 lhr1 fra2 nrt1 ams1"); /* high to low, what is not known last */
	t.is_turned = true;
	table_update(&t, &all_rows, 10);
	check_order(&t, "nrt1 fra2 gru1 lhr1 fra10 ams1");
	table_done(&t);
}
END_TEST

START_TEST(test_table_cursor_stays_on_its_row)
{
	struct table t;
	table_init(&t, columns, 3, 0);
	table_update(&t, &all_rows, 4); /* three rows at a time */
	table_move(&t, &all_rows, 4);
	ck_assert_str_eq(t.cursor_id, "lhr1");
	ck_assert_uint_eq(t.top, 2);
	t.is_turned = true;
	table_update(&t, &all_rows, 4);
	ck_assert_str_eq(t.cursor_id, "lhr1");
	ck_assert_uint_eq(t.cursor, 1);
	table_move(&t, &all_rows, 100);
	ck_assert_uint_eq(t.cursor, 5);
	table_move(&t, &all_rows, -100);
	ck_assert_uint_eq(t.cursor, 0);
	/* filtered away: the cursor lands on what is left */
	table_set_filter(&t, "gru|nrt");
	table_update(&t, &all_rows, 4);
	ck_assert_uint_eq(t.n_rows, 2);
	ck_assert_uint_lt(t.cursor, 2);
	table_set_filter(&t, "no such row");
	table_update(&t, &all_rows, 4);
	ck_assert_uint_eq(table_row(&t), SIZE_MAX);
	table_done(&t);
}
END_TEST

START_TEST(test_table_marks_and_faults)
{
	struct table t;
	table_init(&t, columns, 3, 0);
	table_update(&t, &all_rows, 10);
	table_mark(&t);
	table_move(&t, &all_rows, 2);
	table_mark(&t);
	ck_assert(table_is_marked(&t, "ams1") && table_is_marked(&t, "fra10") &&
		  !table_is_marked(&t, "fra2"));
	t.faults_only = true;
	table_update(&t, &all_rows, 10);
	check_order(&t, "gru1");
	ck_assert_uint_eq(t.n_marks, 2); /* marks stay on rows that are not shown */
	t.faults_only = false;
	table_update(&t, &all_rows, 10);
	table_move_to(&t, &all_rows, 0);
	table_mark(&t);
	ck_assert(!table_is_marked(&t, "ams1"));
	table_done(&t);
}
END_TEST

START_TEST(test_table_columns_give_way)
{
	struct table t;
	struct canvas c;
	table_init(&t, columns, 3, -1);
	table_update(&t, &all_rows, 3);
	canvas_init(&c, 30, 3);
	table_draw(&t, &all_rows, &c);
	check_text(&c,
		" NAME      N  TEXT\n fra2      5  text of fra2\n fra10    50  text of fra10\n");
	canvas_done(&c);
	canvas_init(&c, 16, 2);
	table_draw(&t, &all_rows, &c);
	check_text(&c, " NAME   TEXT\n fra2   text of…\n");
	canvas_done(&c);
	canvas_init(&c, 4, 2);
	table_draw(&t, &all_rows, &c);
	check_text(&c, " NAM\n fra\n");
	canvas_done(&c);
	table_done(&t);
}
END_TEST

START_TEST(test_table_searches)
{
	struct table t;
	struct filter *f = filter_new("r1");
	table_init(&t, columns, 3, 0);
	table_update(&t, &all_rows, 10);
	ck_assert(table_search(&t, &all_rows, f, false));
	ck_assert_str_eq(t.cursor_id, "lhr1");
	filter_free(f);
	f = filter_new("ams");
	ck_assert(table_search(&t, &all_rows, f, true));
	ck_assert_str_eq(t.cursor_id, "ams1");
	filter_free(f);
	f = filter_new("nothing like it");
	ck_assert(!table_search(&t, &all_rows, f, false));
	filter_free(f);
	table_done(&t);
}
END_TEST

START_TEST(test_natural_order)
{
	ck_assert_int_lt(text_compare_natural("fra2", "fra10"), 0);
	ck_assert_int_eq(text_compare_natural("fra02", "fra2"), 0);
	ck_assert_int_gt(text_compare_natural("fra", ""), 0);
	ck_assert_int_lt(text_compare_natural("a9b", "a10a"), 0);
	ck_assert_int_lt(text_compare_natural("99999999999999999998", "99999999999999999999"), 0);
}
END_TEST

/* -- prompt -- */

static bool
complete(const void *arg, const char *text, size_t i, char out[PROMPT_TEXT_MAX])
{
	static const char *const words[] = { "pops", "prefixes" };
	(void)arg;
	(void)text;
	if (i >= 2)
		return false;
	snprintf(out, PROMPT_TEXT_MAX, "%s", words[i]);
	return true;
}

static enum prompt_result
press(struct prompt *p, const char *names)
{
	struct slice rest = slice_of(names), word;
	enum prompt_result r = PROMPT_NOTHING;
	while (slice_next_word(&rest, &word)) {
		struct key k;
		ck_assert_int_eq(keys_parse(word, &k), 0);
		r = prompt_key(p, &k, complete, NULL);
	}
	return r;
}

START_TEST(test_prompt_edits_by_graphemes)
{
	struct prompt p;
	struct prompt_history h = { 0 };
	prompt_open(&p, ':', "", &h);
	press(&p, "c a f");
	struct key e = { .code = 'e' }, mark = { .code = 0x301 };
	prompt_key(&p, &e, NULL, NULL);
	prompt_key(&p, &mark, NULL, NULL);
	ck_assert_str_eq(p.text, "cafe\u0301");
	press(&p, "left");
	ck_assert_uint_eq(p.at, 3);
	press(&p, "x right backspace");
	ck_assert_str_eq(p.text, "cafx");
	press(&p, "home delete end ^w");
	ck_assert_str_eq(p.text, "");
	ck_assert_int_eq(press(&p, "backspace"), PROMPT_CANCELLED);
	ck_assert(!p.is_open);
}
END_TEST

START_TEST(test_prompt_completes_and_remembers)
{
	struct prompt p;
	struct prompt_history h = { 0 };
	prompt_history_add(&h, "one");
	prompt_history_add(&h, "two");
	prompt_history_add(&h, "two");
	ck_assert_uint_eq(h.n, 2);
	prompt_open(&p, ':', "", &h);
	press(&p, "p tab");
	ck_assert_str_eq(p.text, "pops");
	press(&p, "tab");
	ck_assert_str_eq(p.text, "prefixes");
	press(&p, "tab");
	ck_assert_str_eq(p.text, "p");
	press(&p, "up up up");
	ck_assert_str_eq(p.text, "one");
	press(&p, "down down");
	ck_assert_str_eq(p.text, "p");
	ck_assert_int_eq(press(&p, "enter"), PROMPT_DONE);
}
END_TEST

START_TEST(test_prompt_paste_never_ends_it)
{
	struct prompt p;
	struct prompt_history h = { 0 };
	struct key enter = { .code = KEYS_ENTER, .is_pasted = true },
		   esc = { .code = KEYS_ESC, .is_pasted = true };
	struct key bidi = { .code = 0x202e }, letter = { .code = 'q', .is_pasted = true };
	prompt_open(&p, ':', "", &h);
	ck_assert_int_eq(prompt_key(&p, &enter, complete, NULL), PROMPT_CHANGED);
	ck_assert_int_eq(prompt_key(&p, &esc, complete, NULL), PROMPT_CHANGED);
	prompt_key(&p, &bidi, NULL, NULL);
	prompt_key(&p, &letter, NULL, NULL);
	ck_assert(p.is_open);
	ck_assert_str_eq(p.text, "q");
}
END_TEST

START_TEST(test_prompt_is_bounded)
{
	struct prompt p;
	struct prompt_history h = { 0 };
	struct key wide = { .code = 0x6771 };
	prompt_open(&p, '/', "", &h);
	for (int i = 0; i < 1000; i++)
		prompt_key(&p, &wide, NULL, NULL);
	ck_assert_uint_lt(p.len, PROMPT_TEXT_MAX);
	ck_assert(text_is_utf8((struct slice){ p.text, p.len }));
}
END_TEST

/* -- theme -- */

START_TEST(test_theme_all_are_without_mistakes)
{
	const char *name;
	size_t n = 0;
	for (size_t i = 0; (name = theme_builtin_name(i)); i++, n++) {
		struct theme t;
		struct err err = ERR_INIT;
		size_t mistakes = 99;
		ck_assert_msg(theme_load(&t, name, &mistakes, &err) == 0, "%s", err.text);
		ck_assert_msg(mistakes == 0, "%s", err.text);
		ck_assert_str_ne(t.title, "");
	}
	ck_assert_uint_ge(n, 6);
}
END_TEST

struct complaint {
	char text[1024];
};

static void
on_mistake(void *arg, int line, const char *sentence)
{
	struct complaint *c = arg;
	size_t n = strlen(c->text);
	snprintf(c->text + n, sizeof c->text - n, "%d: %s\n", line, sentence);
}

START_TEST(test_theme_tells_every_mistake)
{
	static const char text[] =
		"title: T\nok: 49/green bold\nno-such: 3\nbad: purple\nwarn: 256\nnonsense\n"
		"selected: on 237 # rows\ninherit: ../../etc/passwd\nlink: \"#5fafaf on "
		"default\"\n";
	struct theme t = { 0 };
	struct complaint c = { "" };
	char parent[32];
	ck_assert_int_eq(theme_parse(&t, slice_of(text), parent, on_mistake, &c), 5);
	ck_assert_ptr_nonnull(strstr(c.text, "3: \"no-such\" is no role"));
	ck_assert_ptr_nonnull(strstr(c.text, "4: \"purple\" is no look"));
	ck_assert_ptr_nonnull(strstr(c.text, "5: \"256\" is no look"));
	ck_assert_ptr_nonnull(strstr(c.text, "6: \"nonsense\""));
	ck_assert_ptr_nonnull(strstr(c.text, "8: inherit"));
	ck_assert_int_eq(t.looks[ROLE_OK].fg.rich, 49);
	ck_assert_int_eq(t.looks[ROLE_OK].fg.poor, 2);
	ck_assert_uint_eq(t.looks[ROLE_OK].attrs, LOOK_BOLD);
	ck_assert_int_eq(t.looks[ROLE_SELECTED].bg.rich, 237);
	ck_assert_int_eq(t.looks[ROLE_LINK].fg.rich, COLOUR_RGB | 0x5fafaf);
}
END_TEST

START_TEST(test_theme_unknown_is_told)
{
	struct theme t;
	struct err err = ERR_INIT;
	ck_assert_int_eq(theme_load(&t, "no-such-theme", NULL, &err), -1);
	ck_assert_int_eq(err.code, ERR_NOT_FOUND);
	ck_assert_int_eq(theme_load(&t, "../etc/passwd", NULL, &err), -1);
}
END_TEST

/* Squared distance of two palette entries, weighted as eyes weigh. */
static double
distance(int a, int b)
{
	uint32_t x = colour_rgb(a), y = colour_rgb(b);
	double r = (double)(x >> 16) - (double)(y >> 16),
	       g = (double)(x >> 8 & 255) - (double)(y >> 8 & 255);
	double u = (double)(x & 255) - (double)(y & 255);
	return sqrt(r * r + g * g + u * u);
}

/* Meanings that stand side by side can be told apart by colour too. */
START_TEST(test_theme_meanings_differ)
{
	static const char *const names[] = { "dark", "light", "high-contrast", "production",
		"colour-blind" };
	static const enum role apart[] = { ROLE_OK, ROLE_WARN, ROLE_BAD, ROLE_DRAINED, ROLE_STALE };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct theme t;
		ck_assert_int_eq(theme_load(&t, names[i], NULL, NULL), 0);
		for (size_t a = 0; a < 5; a++) {
			for (size_t b = a + 1; b < 5; b++) {
				struct look x = theme_look(&t, apart[a], ROLE_NONE, 0),
					    y = theme_look(&t, apart[b], ROLE_NONE, 0);
				ck_assert_msg(distance(x.fg.rich, y.fg.rich) > 60 ||
						      x.bg.rich != y.bg.rich || x.attrs != y.attrs,
					"%s: %s and %s look alike", names[i], role_name(apart[a]),
					role_name(apart[b]));
			}
		}
	}
}
END_TEST

static double
channel(uint32_t v)
{
	double c = (double)v / 255;
	return c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* WCAG 2.1: 1 for the same, 21 for black on white. */
static double
contrast(int a, int b)
{
	uint32_t x = colour_rgb(a), y = colour_rgb(b);
	double lx = 0.2126 * channel(x >> 16) + 0.7152 * channel(x >> 8 & 255) +
	            0.0722 * channel(x & 255);
	double ly = 0.2126 * channel(y >> 16) + 0.7152 * channel(y >> 8 & 255) +
	            0.0722 * channel(y & 255);
	return (fmax(lx, ly) + 0.05) / (fmin(lx, ly) + 0.05);
}

static void
check_legible(const struct theme *t, enum role role, enum role ground, unsigned attrs, double least)
{
	struct look look = theme_look(t, role, ground, attrs);
	int fg = look.fg.rich < 0 ? t->ink : look.fg.rich,
	    bg = look.bg.rich < 0 ? t->paper : look.bg.rich;
	ck_assert_msg(contrast(fg, bg) >= least, "%s: %s on %s has a contrast of %.1f", t->name,
		role_name(role), role_name(ground), contrast(fg, bg));
	ck_assert_msg(look.fg.poor < 0 || look.bg.poor < 0 || look.fg.poor % 8 != look.bg.poor % 8,
		"%s: %s on %s is unreadable in 8 colours", t->name, role_name(role),
		role_name(ground));
}

/* Nothing that carries a message vanishes, on whatever it lies. */
START_TEST(test_theme_all_is_legible)
{
	static const enum role grounds[] = { ROLE_NONE, ROLE_SELECTED, ROLE_MARKED, ROLE_HEADER,
		ROLE_FOOTER, ROLE_MATCH, ROLE_BANNER, ROLE_ENVIRONMENT, ROLE_PROMPT };
	const char *name;
	for (size_t i = 0; (name = theme_builtin_name(i)); i++) {
		struct theme t;
		ck_assert_int_eq(theme_load(&t, name, NULL, NULL), 0);
		if (strcmp(name, "mono") == 0)
			continue;
		double least = strcmp(name, "high-contrast") == 0 ? 5.5 : 2.4;
		for (int r = 0; r < ROLE_NONE; r++)
			for (size_t g = 0; g < sizeof grounds / sizeof *grounds; g++)
				if (r != ROLE_FAINT && r != ROLE_LAND)
					check_legible(&t, (enum role)r, grounds[g], 0,
						r == ROLE_STALE && least < 5 ? 1.9 : least);
		check_legible(&t, ROLE_BAD, ROLE_SELECTED, CELL_DIM, 1.9);
	}
}
END_TEST

START_TEST(test_theme_dim_wins)
{
	struct theme t;
	ck_assert_int_eq(theme_load(&t, "dark", NULL, NULL), 0);
	struct look stale = theme_look(&t, ROLE_BAD, ROLE_SELECTED, CELL_DIM);
	ck_assert_int_eq(stale.fg.rich, t.looks[ROLE_STALE].fg.rich);
	ck_assert_int_eq(stale.bg.rich, t.looks[ROLE_SELECTED].bg.rich);
}
END_TEST

/* -- snapshot -- */

START_TEST(test_snapshot_reads_its_options)
{
	enum snapshot_format format;
	struct err err = ERR_INIT;
	int cols, rows_;
	ck_assert_int_eq(snapshot_parse_size("120x40", &cols, &rows_, &err), 0);
	ck_assert_int_eq(cols * 1000 + rows_, 120040);
	static const char *const bad[] = { "120", "x", "0x10", "10x0", "120x40x", "9999x10", "-1x5",
		"a x b", "" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(snapshot_parse_size(bad[i], &cols, &rows_, &err), -1);
	ck_assert_int_eq(snapshot_parse_format("svg", &format, &err), 0);
	ck_assert_int_eq(format, SNAPSHOT_SVG);
	ck_assert_int_eq(snapshot_parse_format("png", &format, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "svg"));
}
END_TEST

START_TEST(test_snapshot_svg_stands_alone)
{
	struct canvas c;
	struct theme t;
	struct buf out = BUF_INIT(1u << 20);
	canvas_init(&c, 20, 2);
	canvas_text(&c, 0, 0, 20, ROLE_BAD, "<a> & 東 ⣿●▃");
	ck_assert_int_eq(theme_load(&t, "dark", NULL, NULL), 0);
	snapshot_write_canvas(&c, SNAPSHOT_SVG, &t, &out);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "&lt;a>"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "&amp;"));
	ck_assert_ptr_null(strstr(buf_text(&out), "⣿"));
	ck_assert_ptr_null(strstr(buf_text(&out), "href"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "#ff0000"));
	buf_clear(&out);
	snapshot_write_canvas(&c, SNAPSHOT_ANSI, &t, &out);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), ";38;5;196m"));
	buf_done(&out);
	canvas_done(&c);
}
END_TEST

static TCase *
canvas_case(void)
{
	TCase *tc = tcase_create("canvas");
	tcase_add_test(tc, test_canvas_clips);
	tcase_add_test(tc, test_canvas_cuts_with_an_ellipsis);
	tcase_add_test(tc, test_canvas_keeps_wide_characters_whole);
	tcase_add_test(tc, test_canvas_keeps_marks_with_their_letter);
	tcase_add_test(tc, test_canvas_window_is_clipped);
	tcase_add_test(tc, test_canvas_translates);
	tcase_add_test(tc, test_map_sizes_look_different);
	tcase_add_test(tc, test_chart_spark_tells_nothing_from_zero);
	tcase_add_test(tc, test_chart_bar_is_bounded);
	return tc;
}

static TCase *
table_case(void)
{
	TCase *tc = tcase_create("table");
	tcase_add_loop_test(tc, test_filter_matches, 0, sizeof filters / sizeof *filters);
	tcase_add_test(tc, test_table_sorts);
	tcase_add_test(tc, test_table_cursor_stays_on_its_row);
	tcase_add_test(tc, test_table_marks_and_faults);
	tcase_add_test(tc, test_table_columns_give_way);
	tcase_add_test(tc, test_table_searches);
	tcase_add_test(tc, test_natural_order);
	return tc;
}

static TCase *
prompt_case(void)
{
	TCase *tc = tcase_create("prompt");
	tcase_add_test(tc, test_prompt_edits_by_graphemes);
	tcase_add_test(tc, test_prompt_completes_and_remembers);
	tcase_add_test(tc, test_prompt_paste_never_ends_it);
	tcase_add_test(tc, test_prompt_is_bounded);
	return tc;
}

static TCase *
theme_case(void)
{
	TCase *tc = tcase_create("theme");
	tcase_add_test(tc, test_theme_all_are_without_mistakes);
	tcase_add_test(tc, test_theme_tells_every_mistake);
	tcase_add_test(tc, test_theme_unknown_is_told);
	tcase_add_test(tc, test_theme_meanings_differ);
	tcase_add_test(tc, test_theme_all_is_legible);
	tcase_add_test(tc, test_theme_dim_wins);
	tcase_add_test(tc, test_snapshot_reads_its_options);
	tcase_add_test(tc, test_snapshot_svg_stands_alone);
	return tc;
}

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("widgets");
	suite_add_tcase(suite, canvas_case());
	suite_add_tcase(suite, table_case());
	suite_add_tcase(suite, prompt_case());
	suite_add_tcase(suite, theme_case());
	return suite_run(suite);
}
