/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map's dots: goldens of whole worlds as text (tests/data/raster/, written anew with UPDATE=1
 * and then to be looked at), and promises that hold for any size and view.
 */
#include <math.h>
#include <string.h>

#include "console/raster.h"
#include "core/buf.h"
#include "tests/unit/suite.h"

static void
add_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
		return;
	}
	buf_add_char(out, (char)(0xE0 | c >> 12));
	buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3F)));
	buf_add_char(out, (char)(0x80 | (c & 0x3F)));
}

static void
add_picture(struct buf *out, const struct raster *r, enum raster_charset charset)
{
	for (int row = 0; row < r->rows; row++) {
		size_t kept = out->len;

		for (int col = 0; col < r->cols; col++) {
			uint32_t c = raster_get_glyph(r, col, row, charset);

			add_utf8(out, c);
			if (c != ' ')
				kept = out->len;
		}
		while (out->len > kept)
			out->data[--out->len] = '\0'; /* no blanks at the end of a line */
		buf_add_char(out, '\n');
	}
}

static void
compare_golden(const char *name, struct slice got)
{
	char relative[256];
	struct buf want = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	snprintf(relative, sizeof(relative), "tests/data/raster/%s.txt", name);
	if (getenv("UPDATE")) {
		FILE *f = fopen(source_path(relative), "w");

		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(got.data, 1, got.len, f), got.len);
		ck_assert_int_eq(fclose(f), 0);
	}
	ck_assert_msg(buf_read_file(&want, source_path(relative), &err) == 0, "%s", err.text);
	ck_assert_msg(want.len == got.len && memcmp(want.data, got.data, got.len) == 0,
		"%s differs from its golden; it now is\n%.*s", name, (int)got.len, got.data);
	buf_done(&want);
}

static const struct {
	const char *name;
	int cols, rows;
	double lat, lon, zoom;
	enum raster_charset charset;
} goldens[] = {
	{ "world-80x20", 80, 20, 0, GEO_LON_HOME, 1, RASTER_BRAILLE },
	{ "world-160x40", 160, 40, 0, GEO_LON_HOME, 1, RASTER_BRAILLE },
	{ "world-40x12", 40, 12, 0, GEO_LON_HOME, 1, RASTER_BRAILLE },
	{ "world-120x20-flat", 120, 20, 0, GEO_LON_HOME, 1, RASTER_BRAILLE },
	{ "pacific-80x20", 80, 20, 0, 170, 1, RASTER_BRAILLE },
	{ "europe-80x20", 80, 20, 50, 10, 5, RASTER_BRAILLE },
	{ "fiji-80x20", 80, 20, -17, 179, 12, RASTER_BRAILLE },
	{ "world-80x20-quadrant", 80, 20, 0, GEO_LON_HOME, 1, RASTER_QUADRANT },
	{ "world-80x20-half", 80, 20, 0, GEO_LON_HOME, 1, RASTER_HALF },
	{ "world-80x20-ascii", 80, 20, 0, GEO_LON_HOME, 1, RASTER_ASCII },
};

START_TEST(test_land_golden)
{
	struct geo_point centre = { goldens[_i].lat, goldens[_i].lon };
	int cols = goldens[_i].cols, rows = goldens[_i].rows;
	struct geo_view v = geo_view_make(centre, goldens[_i].zoom, 2 * cols, 4 * rows);
	struct buf out = BUF_INIT(1 << 20);
	struct raster r;

	raster_init(&r, cols, rows);
	raster_draw_land(&r, &v);
	add_picture(&out, &r, goldens[_i].charset);
	compare_golden(goldens[_i].name, buf_slice(&out));
	raster_done(&r);
	buf_done(&out);
}
END_TEST

START_TEST(test_arcs_golden)
{
	static const char *const pairs[][2] = { { "ams", "sin" }, { "nrt", "sfo" },
		{ "gru", "jnb" }, { "lhr", "lax" }, { "syd", "scl" } };
	struct geo_view v = geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, 160, 80);
	struct buf out = BUF_INIT(1 << 20);
	struct raster r;

	raster_init(&r, 80, 20);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct geo_place *a = geo_find_place(pairs[i][0]);
		const struct geo_place *b = geo_find_place(pairs[i][1]);
		struct raster_dash dash = { .on = 2, .off = i < 2 ? 0 : 3, .phase = 7 };

		raster_draw_arc(&r, &v, (struct geo_point){ a->lat, a->lon },
			(struct geo_point){ b->lat, b->lon }, dash);
	}
	add_picture(&out, &r, RASTER_BRAILLE);
	compare_golden("arcs-80x20", buf_slice(&out));
	raster_done(&r);
	buf_done(&out);
}
END_TEST

/* The share of set dots in a picture. */
static double
share(const struct raster *r)
{
	long set = 0;

	for (int y = 0; y < 4 * r->rows; y++) {
		for (int x = 0; x < 2 * r->cols; x++)
			set += raster_get_dot(r, x, y);
	}
	return (double)set / (8.0 * r->cols * r->rows);
}

START_TEST(test_cities_inland_stand_on_land_and_oceans_are_empty)
{
	static const struct {
		double lat, lon;
		bool land;
	} spots[] = { { 50, 9, true }, { 40, -100, true }, { -15, -55, true }, { 20, 10, true },
		{ 60, 100, true }, { -25, 130, true }, { 72, -40, true }, { 55.7, 37.6, true },
		{ 0, -150, false }, { -30, -15, false }, { -30, 80, false }, { 35, -45, false },
		{ 42, 51, false } /* the Caspian: a hole in the land */ };

	for (double lon = -180; lon <= 180; lon += 24) {
		struct geo_view v = geo_view_make((struct geo_point){ 0, lon }, 1, 320, 160);
		struct raster r;

		raster_init(&r, 160, 40);
		raster_draw_land(&r, &v);
		for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++) {
			struct geo_point at = { spots[i].lat, spots[i].lon };
			double x, y;

			ck_assert(geo_project(&v, at, &x, &y));
			ck_assert_msg(raster_get_dot(&r, (int)x, (int)y) == spots[i].land,
				"%.0f %.0f about %.0f", at.lat, at.lon, lon);
		}
		raster_done(&r);
	}
}
END_TEST

START_TEST(test_land_share_is_the_same_wherever_the_world_is_cut)
{
	double first = 0;

	for (double lon = -180; lon <= 180; lon += 7.3) {
		struct geo_view v = geo_view_make((struct geo_point){ 0, lon }, 1, 320, 160);
		struct raster r;

		raster_init(&r, 160, 40);
		raster_draw_land(&r, &v);
		if (lon == -180)
			first = share(&r);
		ck_assert_double_eq_tol(share(&r), first, 0.01);
		raster_done(&r);
	}
	ck_assert(first > 0.3 && first < 0.4); /* Miller makes much of the north, which is land */
}
END_TEST

START_TEST(test_any_view_and_size_can_be_drawn)
{
	static const int sizes[][2] = { { 1, 1 }, { 2, 1 }, { 1, 60 }, { 300, 3 }, { 37, 11 } };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (int k = 0; k < 12; k++) {
			struct geo_point centre = { -90 + 16 * k, 33 * k };
			struct geo_view v =
				geo_view_make(centre, 1 << k % 7, 2 * sizes[s][0], 4 * sizes[s][1]);
			struct raster r;

			raster_init(&r, sizes[s][0], sizes[s][1]);
			raster_draw_land(&r, &v);
			raster_draw_arc(&r, &v, centre, (struct geo_point){ 10, -170 },
				(struct raster_dash){ .on = 1, .off = 2, .phase = 4000000000U });
			raster_done(&r);
		}
	}
}
END_TEST

START_TEST(test_picture_size_is_bounded)
{
	struct raster r;

	raster_init(&r, -1, 1 << 30);
	ck_assert_int_eq(r.cols, 1);
	ck_assert_int_eq(r.rows, RASTER_ROWS_MAX);
	raster_done(&r);
}
END_TEST

START_TEST(test_a_view_of_another_size_stays_inside)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, 400, 200);
	struct raster r;

	raster_init(&r, 20, 5);
	raster_draw_land(&r, &v);
	raster_done(&r);
}
END_TEST

START_TEST(test_every_dot_has_its_glyph)
{
	struct raster r;

	raster_init(&r, 1, 1);
	ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_BRAILLE), ' ');
	for (int i = 0; i < 8; i++) {
		raster_clear(&r);
		raster_set_dot(&r, i % 2, i / 2);
		ck_assert(raster_get_dot(&r, i % 2, i / 2));
		ck_assert_uint_eq(
			__builtin_popcount(raster_get_glyph(&r, 0, 0, RASTER_BRAILLE) & 0xFF), 1);
		ck_assert_uint_ne(raster_get_glyph(&r, 0, 0, RASTER_QUADRANT), ' ');
		ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_ASCII), '.');
	}
	for (int i = 0; i < 8; i++)
		raster_set_dot(&r, i % 2, i / 2);
	ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_BRAILLE), 0x28FF);
	ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_QUADRANT), 0x2588);
	ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_HALF), 0x2588);
	ck_assert_uint_eq(raster_get_glyph(&r, 0, 0, RASTER_ASCII), ':');
	ck_assert_uint_eq(raster_get_glyph(&r, 1, 0, RASTER_BRAILLE), ' ');
	ck_assert_uint_eq(raster_get_glyph(&r, 0, -1, RASTER_ASCII), ' ');
	raster_done(&r);
}
END_TEST

START_TEST(test_lines_reach_both_ends_and_ignore_the_outside)
{
	struct raster r;

	raster_init(&r, 20, 10);
	raster_draw_line(&r, 3, 5, 30, 35, (struct raster_dash){ 0 });
	ck_assert(raster_get_dot(&r, 3, 5) && raster_get_dot(&r, 30, 35));
	raster_clear(&r);
	raster_draw_line(&r, -100, 7.5, 100, 7.5, (struct raster_dash){ 0 });
	for (int x = 0; x < 40; x++)
		ck_assert(raster_get_dot(&r, x, 7));
	raster_clear(&r);
	raster_draw_line(&r, NAN, 0, 10, 10, (struct raster_dash){ 0 });
	raster_draw_line(&r, -1e300, -5, 1e300, -5, (struct raster_dash){ 0 });
	ck_assert_double_eq(share(&r), 0);
	raster_done(&r);
}
END_TEST

START_TEST(test_raising_the_phase_moves_dashes_forward)
{
	struct raster a, b;

	raster_init(&a, 20, 1);
	raster_init(&b, 20, 1);
	for (unsigned phase = 0; phase < 12; phase++) {
		raster_clear(&a);
		raster_clear(&b);
		raster_draw_line(&a, 0, 1, 39, 1, (struct raster_dash){ 2, 3, phase });
		raster_draw_line(&b, 0, 1, 39, 1, (struct raster_dash){ 2, 3, phase + 1 });
		for (int x = 0; x < 38; x++)
			ck_assert(raster_get_dot(&a, x, 1) == raster_get_dot(&b, x + 1, 1));
	}
	raster_done(&a);
	raster_done(&b);
}
END_TEST

START_TEST(test_pictures_add_up)
{
	struct raster a, b, other;

	raster_init(&a, 4, 4);
	raster_init(&b, 4, 4);
	raster_init(&other, 5, 4);
	raster_set_dot(&a, 1, 1);
	raster_set_dot(&b, 7, 15);
	raster_set_dot(&other, 0, 0);
	raster_add(&a, &b);
	raster_add(&a, &other);
	ck_assert(raster_get_dot(&a, 1, 1) && raster_get_dot(&a, 7, 15));
	ck_assert(!raster_get_dot(&a, 0, 0));
	raster_done(&a);
	raster_done(&b);
	raster_done(&other);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("raster");
	TCase *t = tcase_create("raster");

	tcase_add_loop_test(t, test_land_golden, 0, sizeof(goldens) / sizeof(goldens[0]));
	tcase_add_test(t, test_arcs_golden);
	tcase_add_test(t, test_cities_inland_stand_on_land_and_oceans_are_empty);
	tcase_add_test(t, test_land_share_is_the_same_wherever_the_world_is_cut);
	tcase_add_test(t, test_any_view_and_size_can_be_drawn);
	tcase_add_test(t, test_picture_size_is_bounded);
	tcase_add_test(t, test_a_view_of_another_size_stays_inside);
	tcase_add_test(t, test_every_dot_has_its_glyph);
	tcase_add_test(t, test_lines_reach_both_ends_and_ignore_the_outside);
	tcase_add_test(t, test_raising_the_phase_moves_dashes_forward);
	tcase_add_test(t, test_pictures_add_up);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
