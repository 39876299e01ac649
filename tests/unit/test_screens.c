/* SPDX-License-Identifier: Apache-2.0
 *
 * Screens as text: every folder tests/screens/VIEW/CASE holds fleet.json (what the backend said),
 * keys (what was typed) and, for each size, the screen that must come out. UPDATE=1 writes the
 * screens anew; their diff is then reviewed.
 */
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/stage.h"
#include "tests/unit/suite.h"

#define SCREEN_MAX (1u << 20)

static const struct {
	int cols, rows;
} sizes[] = { { 80, 24 }, { 160, 45 } };

static size_t n_cases;

static void
draw_case(const char *folder, int cols, int rows, struct buf *out)
{
	char path[4200];
	struct buf keys = BUF_INIT(65536);
	struct stage s;
	snprintf(path, sizeof path, "%s/fleet.json", folder);
	stage_open(&s, path, cols, rows);
	snprintf(path, sizeof path, "%s/keys", folder);
	ck_assert_int_eq(buf_read_file(&keys, path, NULL), 0);
	stage_play(&s, buf_text(&keys));
	stage_draw(&s);
	canvas_write_text(&s.canvas, out);
	buf_done(&keys);
	stage_close(&s);
}

static void
write_file(const char *path, const struct buf *text)
{
	FILE *f = fopen(path, "w");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	fwrite(buf_text(text), 1, text->len, f);
	fclose(f);
}

static void
check_size(const char *folder, int cols, int rows)
{
	char path[4200];
	struct buf is = BUF_INIT(SCREEN_MAX), want = BUF_INIT(SCREEN_MAX);
	snprintf(path, sizeof path, "%s/%dx%d.txt", folder, cols, rows);
	draw_case(folder, cols, rows, &is);
	if (getenv("UPDATE")) {
		write_file(path, &is);
	} else {
		ck_assert_msg(buf_read_file(&want, path, NULL) == 0,
			"%s is missing: UPDATE=1 writes it", path);
		ck_assert_msg(strcmp(buf_text(&is), buf_text(&want)) == 0,
			"%s: the screen is\n%s\nand should be\n%s", path, buf_text(&is),
			buf_text(&want));
	}
	buf_done(&is);
	buf_done(&want);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
has_file(const char *folder, const char *name)
{
	char path[4200];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return stat(path, &st) == 0;
}

/* Calls fn for each folder in a folder, by name. */
static void
each_folder(const char *folder, void (*fn)(const char *))
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, by_name);
	ck_assert_msg(n >= 0, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[4200];
		struct stat st;
		snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			fn(path);
		free(list[i]);
	}
	free(list);
}

static void
check_case(const char *folder)
{
	if (!has_file(folder, "keys"))
		return;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_size(folder, sizes[i].cols, sizes[i].rows);
	n_cases++;
}

static void
check_view(const char *folder)
{
	each_folder(folder, check_case);
}

START_TEST(test_screens_are_as_agreed)
{
	n_cases = 0;
	each_folder(source_path("tests/screens"), check_view);
	ck_assert_uint_ge(n_cases, 20);
}
END_TEST

/* Every view, with every fleet, at every awkward size: nothing but its cells is written, nothing
 * crashes. */
START_TEST(test_screens_survive_any_size)
{
	static const struct {
		int cols, rows;
	} awkward[] = { { 1, 1 }, { 2, 1 }, { 1, 50 }, { 40, 10 }, { 19, 5 }, { 20, 5 }, { 20, 4 },
		{ 55, 12 }, { 300, 100 }, { 80, 24 } };
	static const char *const fleets[] = { "empty", "one", "sixteen", "many", "stale", "wide",
		"hostile" };
	struct stage s;
	const struct view_ops *ops;
	char path[128];
	for (size_t i = 0; i < sizeof fleets / sizeof *fleets; i++) {
		snprintf(path, sizeof path, "tests/screens/fleets/%s.json", fleets[i]);
		stage_open(&s, source_path(path), 80, 24);
		for (size_t v = 0; (ops = view_get(v)); v++) {
			stage_play(&s, "2\n");
			if (ops->key)
				screen_open(s.screen, &s.ui, ops->name, NULL);
			else
				stage_play(&s, ops == &view_describe ? "d"
					       : ops == &view_why    ? "e"
					       : ops == &view_raw    ? "y"
								     : "?");
			for (size_t k = 0; k < sizeof awkward / sizeof *awkward; k++) {
				s.cols = awkward[k].cols;
				s.rows = awkward[k].rows;
				stage_draw(&s);
				ck_assert_int_eq(s.canvas.cols, s.cols);
			}
		}
		stage_close(&s);
	}
}
END_TEST

/* No byte of a hostile node reaches a cell as a control character or an invisible one. */
START_TEST(test_screens_hold_no_control_characters)
{
	struct stage s;
	const struct view_ops *ops;
	stage_open(&s, source_path("tests/screens/fleets/hostile.json"), 160, 45);
	for (size_t v = 0; (ops = view_get(v)); v++) {
		stage_play(&s, "2");
		stage_play(&s, ops->key                ? ""
			       : ops == &view_describe ? "d"
			       : ops == &view_why      ? "e"
						       : "y");
		if (ops->key)
			screen_open(s.screen, &s.ui, ops->name, NULL);
		stage_draw(&s);
		for (int y = 0; y < s.rows; y++) {
			for (int x = 0; x < s.cols; x++) {
				uint32_t p = canvas_cell(&s.canvas, x, y)->points[0];
				ck_assert_msg(p == 0 || (p >= 0x20 && p != 0x7f &&
								!(p >= 0x80 && p < 0xa0)),
					"U+%04X", p);
				ck_assert_msg(p != 0x202e && p != 0x200b, "U+%04X", p);
			}
		}
	}
	stage_close(&s);
}
END_TEST

START_TEST(test_screens_typed_keys_do_what_they_say)
{
	struct stage s;
	stage_open(&s, source_path("tests/screens/fleets/sixteen.json"), 80, 24);
	stage_play(&s, "2\np r c q");
	ck_assert_str_eq(s.wished, "refresh refetch fra quit");
	ck_assert(s.has_quit);
	stage_close(&s);
}
END_TEST

/* What is pasted never acts: not as a key, not as Enter in a prompt. */
START_TEST(test_screens_pasted_text_never_acts)
{
	struct stage s;
	static const char text[] = "q:quit\r";
	stage_open(&s, source_path("tests/screens/fleets/sixteen.json"), 80, 24);
	for (int round = 0; round < 2; round++) {
		for (const char *c = text; *c; c++) {
			struct key k = { .code = (unsigned char)*c, .is_pasted = true };
			screen_key(s.screen, &s.ui, &k);
		}
		ck_assert(!s.has_quit);
		stage_key(&s, ":");
	}
	stage_close(&s);
}
END_TEST

/* Keys of a later version say so, and nothing is wished for. */
START_TEST(test_screens_keys_of_later_only_speak)
{
	struct stage s;
	stage_open(&s, source_path("tests/screens/fleets/sixteen.json"), 80, 24);
	stage_play(&s, "2\nR T !\n7 8 9");
	ck_assert_str_eq(s.wished, "");
	ck_assert_uint_eq(s.n_sent, 0);
	ck_assert_str_eq(screen_view(s.screen), "pops");
	stage_close(&s);
}
END_TEST

/* The fleet may shrink to nothing between two keys. */
START_TEST(test_screens_survive_a_reload)
{
	static const char *const views[] = { "map", "pops", "nodes", "sessions", "prefixes",
		"timeline", "describe", "why", "raw", "ops", "holds" };
	struct stage s;
	stage_open(&s, source_path("tests/screens/fleets/sixteen.json"), 80, 24);
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		stage_load(&s, source_path("tests/screens/fleets/many.json"));
		stage_play(&s, "2\nG");
		if (view_find(views[i])->kind == VIEW_TEXT)
			stage_play(&s, i == 6 ? "d" : i == 7 ? "e" : "y");
		else
			screen_open(s.screen, &s.ui, views[i], NULL);
		stage_play(&s, "G");
		stage_load(&s, source_path("tests/screens/fleets/one.json"));
		stage_play(&s, "k enter esc d esc y esc e esc c n space");
		stage_load(&s, source_path("tests/screens/fleets/empty.json"));
		stage_play(&s, "j k enter esc d esc y esc e esc c n space tab +");
		stage_draw(&s);
	}
	stage_close(&s);
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("screens");
	TCase *tc = tcase_create("screens");
	tcase_add_test(tc, test_screens_are_as_agreed);
	tcase_add_test(tc, test_screens_survive_any_size);
	tcase_add_test(tc, test_screens_hold_no_control_characters);
	tcase_add_test(tc, test_screens_typed_keys_do_what_they_say);
	tcase_add_test(tc, test_screens_pasted_text_never_acts);
	tcase_add_test(tc, test_screens_keys_of_later_only_speak);
	tcase_add_test(tc, test_screens_survive_a_reload);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
