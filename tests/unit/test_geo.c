/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places, coastline and projection: that the codes fleets use are known and stand where they
 * should, that the land table keeps the promises raster.c is built on, and that a view turns
 * degrees into dots and back for any centre, zoom and size.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/geo.h"
#include "core/text.h"
#include "tests/unit/suite.h"

/* The next number of a fixed sequence; tests must not differ from run to run. */
static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16 & 0x7FFF;
}

static double
between(unsigned *seed, double low, double high)
{
	return low + (high - low) * next(seed) / 0x7FFF;
}

static const struct {
	const char *code, *country, *region;
	double lat, lon; /* of the city, to a degree */
} known[] = {
	{ "ams", "NL", "eu", 52, 5 },
	{ "fra", "DE", "eu", 50, 9 },
	{ "lhr", "GB", "eu", 51, 0 },
	{ "jfk", "US", "na", 41, -74 },
	{ "lga", "US", "na", 41, -74 },
	{ "nyc", "US", "na", 41, -74 },
	{ "lon", "GB", "eu", 51, 0 },
	{ "par", "FR", "eu", 49, 2 },
	{ "tyo", "JP", "as", 36, 140 },
	{ "chi", "US", "na", 42, -88 },
	{ "was", "US", "na", 39, -77 },
	{ "mil", "IT", "eu", 45, 9 },
	{ "rom", "IT", "eu", 42, 12 },
	{ "sto", "SE", "eu", 59, 18 },
	{ "osl", "NO", "eu", 60, 11 },
	{ "bjs", "CN", "as", 40, 116 },
	{ "sel", "KR", "as", 38, 127 },
	{ "osa", "JP", "as", 35, 136 },
	{ "buh", "RO", "eu", 44, 26 },
	{ "rio", "BR", "sa", -23, -43 },
	{ "sao", "BR", "sa", -24, -47 },
	{ "bue", "AR", "sa", -35, -58 },
	{ "yto", "CA", "na", 44, -79 },
	{ "ymq", "CA", "na", 46, -74 },
	{ "syd", "AU", "oc", -34, 151 },
	{ "jnb", "ZA", "af", -26, 28 },
	{ "sin", "SG", "as", 1, 104 },
	{ "txl", "DE", "eu", 53, 13 },
	{ "nbo", "KE", "af", -1, 37 },
};

START_TEST(test_known_places_stand_where_they_are)
{
	const struct geo_place *p = geo_find_place(known[_i].code);

	ck_assert_msg(p != NULL, "%s is not known", known[_i].code);
	ck_assert_str_eq(p->country, known[_i].country);
	ck_assert_str_eq(p->region, known[_i].region);
	ck_assert_msg(fabs(p->lat - known[_i].lat) < 1.1 && fabs(p->lon - known[_i].lon) < 1.1,
		"%s stands at %.2f %.2f", p->code, p->lat, p->lon);
}
END_TEST

START_TEST(test_usual_pop_codes_are_found)
{
	static const char *const codes[] = { "AMS", "FRA", "LHR", "CDG", "MAD", "BCN", "LIS", "MXP",
		"FCO", "ZRH", "GVA", "VIE", "BRU", "LUX", "DUB", "MAN", "CPH", "ARN", "OSL", "HEL",
		"TLL", "RIX", "VNO", "WAW", "PRG", "BUD", "OTP", "SOF", "ATH", "IST", "KBP", "DUS",
		"HAM", "MUC", "BER", "JFK", "LGA", "EWR", "IAD", "BOS", "ORD", "DFW", "IAH", "ATL",
		"MIA", "DEN", "PHX", "LAX", "SFO", "SJC", "SEA", "PDX", "SLC", "MSP", "YYZ", "YUL",
		"YVR", "MEX", "QRO", "GRU", "GIG", "FOR", "EZE", "SCL", "BOG", "LIM", "UIO", "PTY",
		"JNB", "CPT", "NBO", "LOS", "CAI", "DXB", "DOH", "TLV", "BOM", "DEL", "MAA", "SIN",
		"KUL", "BKK", "CGK", "MNL", "HKG", "TPE", "ICN", "NRT", "HND", "KIX", "PEK", "SYD",
		"MEL", "PER", "AKL" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		ck_assert_msg(geo_find_place(codes[i]) != NULL, "%s is not known", codes[i]);
}
END_TEST

START_TEST(test_place_table_is_sorted_and_clean)
{
	ck_assert_uint_gt(geo_count_places(), 4500);
	for (size_t i = 0; i < geo_count_places(); i++) {
		const struct geo_place *p = geo_get_place(i);

		ck_assert_msg(i == 0 || strcmp(geo_get_place(i - 1)->code, p->code) < 0,
			"%s is out of order", p->code);
		ck_assert_ptr_eq(geo_find_place(p->code), p);
		ck_assert_uint_eq(strlen(p->country), 2);
		ck_assert_msg(strstr("af an as eu na oc sa", p->region) && strlen(p->region) == 2,
			"%s lies in %s", p->code, p->region);
		ck_assert(fabs(p->lat) <= 90 && fabs(p->lon) <= 180);
		ck_assert(strlen(p->city) > 0 && strlen(p->city) < 40);
		ck_assert_msg(text_is_clean(slice_of(p->city)), "%s: %s", p->code, p->city);
	}
	ck_assert_ptr_null(geo_get_place(geo_count_places()));
}
END_TEST

START_TEST(test_what_is_no_code_is_not_found)
{
	static const char *const bad[] = { "", "a", "am", "amss", "ams1", "a s", "q1z",
		"\xff\xff\xff", "zzz", "ams ", " ams" };

	ck_assert_ptr_null(geo_find_place(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(geo_find_place(bad[i]) == NULL, "\"%s\" was found", bad[i]);
	ck_assert_ptr_eq(geo_find_place("aMs"), geo_find_place("AMS"));
}
END_TEST

START_TEST(test_distances)
{
	static const struct {
		struct geo_point a, b;
		double km;
	} rows[] = {
		{ { 0, 0 }, { 0, 0 }, 0 }, { { 0, 0 }, { 0, 90 }, 10007.6 },
		{ { 90, 0 }, { -90, 0 }, 20015.1 }, { { 0, 179 }, { 0, -179 }, 222.4 },
		{ { 52.3086, 4.7639 }, { 40.6394, -73.7793 }, 5849 },   /* AMS to JFK */
		{ { 1.3502, 103.9940 }, { -33.9461, 151.1770 }, 6296 }, /* SIN to SYD */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double km = geo_distance_km(rows[i].a, rows[i].b);

		ck_assert_msg(fabs(km - rows[i].km) <= 0.002 * rows[i].km + 0.01,
			"row %zu: %.1f km", i, km);
		ck_assert_double_eq_tol(km, geo_distance_km(rows[i].b, rows[i].a), 1e-6);
	}
}
END_TEST

START_TEST(test_between_divides_the_great_circle)
{
	unsigned seed = 1;

	for (int i = 0; i < 500; i++) {
		struct geo_point a = { between(&seed, -80, 80), between(&seed, -180, 180) };
		struct geo_point b = { between(&seed, -80, 80), between(&seed, -180, 180) };
		double t = between(&seed, 0, 1), km = geo_distance_km(a, b);
		struct geo_point p = geo_between(a, b, t);

		if (km > 19900)
			continue;
		ck_assert_double_eq_tol(geo_distance_km(a, p), t * km, 0.1);
		ck_assert_double_eq_tol(geo_distance_km(p, b), (1 - t) * km, 0.1);
	}

	struct geo_point here = { 10, 20 }, there = { -10, -160 };

	ck_assert_double_eq(geo_between(here, there, 0.2).lat, 10);
	ck_assert_double_eq(geo_between(here, there, 0.8).lat, -10);
	ck_assert_double_eq(geo_between(here, here, 0.3).lon, 20);
}
END_TEST

/* raster.c sums signed edges: every ring must be in range, honest about its bounds, and have land
 * to its left, or half the world is drawn as sea. */
static void
check_rings(enum geo_detail detail, double sphere_share)
{
	double land = 0;

	for (size_t i = 0; i < geo_count_rings(detail); i++) {
		struct geo_ring r = geo_get_ring(detail, i);
		int west = 32767, east = -32768, south = 32767, north = -32768;

		ck_assert_uint_ge(r.n, 3);
		for (size_t k = 0; k < r.n; k++) {
			size_t m = (k + 1) % r.n;
			double x0 = r.xy[2 * k], y0 = r.xy[2 * k + 1], x1 = r.xy[2 * m],
			       y1 = r.xy[2 * m + 1];

			west = x0 < west ? (int)x0 : west;
			east = x0 > east ? (int)x0 : east;
			south = y0 < south ? (int)y0 : south;
			north = y0 > north ? (int)y0 : north;
			ck_assert(x0 != x1 || y0 != y1);
			/* area on the sphere, by Green: -sin(lat) d(lon) */
			land -= sin((y0 + y1) / 2 / GEO_LAND_UNIT * M_PI / 180) * (x1 - x0) /
			        GEO_LAND_UNIT;
		}
		ck_assert_int_eq(west, r.west);
		ck_assert_int_eq(east, r.east);
		ck_assert_int_eq(south, r.south);
		ck_assert_int_eq(north, r.north);
		ck_assert(west >= -180 * GEO_LAND_UNIT && east <= 180 * GEO_LAND_UNIT);
		ck_assert(north > -60 * GEO_LAND_UNIT && north <= 90 * GEO_LAND_UNIT);
	}
	/* the sphere is 360 by 2; without Antarctica land is 26.5 % of it */
	ck_assert_msg(fabs(land / 720 - sphere_share) < 0.01, "land covers %.3f", land / 720);
}

START_TEST(test_land_rings_enclose_the_land)
{
	check_rings(GEO_COARSE, 0.265);
	check_rings(GEO_FINE, 0.265);
}
END_TEST

START_TEST(test_miller_and_back)
{
	for (int lat = -90; lat <= 90; lat++)
		ck_assert_double_eq_tol(geo_miller_inverse(geo_miller(lat)), lat, 1e-9);
	ck_assert_double_eq_tol(geo_miller(90), 2.303, 0.001);
}
END_TEST

START_TEST(test_world_fills_the_box)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, 160, 80);
	double x, y;

	ck_assert(geo_project(&v, (struct geo_point){ 84, -180 }, &x, &y));
	ck_assert_double_eq_tol(x, 0, 1e-6);
	ck_assert_double_eq_tol(y, 0, 1e-6);
	ck_assert(geo_project(&v, (struct geo_point){ -57.999, 179.999 }, &x, &y));
	ck_assert(x > 159.9 && y > 79.9);
	ck_assert(!geo_project(&v, (struct geo_point){ 84.1, 0 }, &x, &y));
	ck_assert(!geo_project(&v, (struct geo_point){ -58.1, 0 }, &x, &y));
	ck_assert(!geo_project(&v, (struct geo_point){ NAN, 0 }, &x, &y));
	ck_assert(!geo_project(&v, (struct geo_point){ 0, INFINITY }, &x, &y));
}
END_TEST

START_TEST(test_flat_and_tall_boxes_keep_the_world_whole)
{
	static const int sizes[][2] = { { 400, 40 }, { 40, 400 }, { 2, 4 }, { 1, 1 }, { 160, 80 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct geo_view v =
			geo_view_make((struct geo_point){ 0, 0 }, 1, sizes[i][0], sizes[i][1]);
		double x, y;

		ck_assert(geo_project(&v, (struct geo_point){ 83.99, -179.99 }, &x, &y));
		ck_assert(geo_project(&v, (struct geo_point){ -57.99, 179.99 }, &x, &y));
		ck_assert(v.scale_x <= 1.351 * v.scale_y && v.scale_y <= 1.351 * v.scale_x);
	}
}
END_TEST

START_TEST(test_project_and_back_within_a_tenth_of_a_degree)
{
	unsigned seed = 7;
	int seen = 0;

	for (int i = 0; i < 20000; i++) {
		struct geo_point centre = { between(&seed, -90, 90), between(&seed, -400, 400) };
		struct geo_view v = geo_view_make(centre, between(&seed, 0.5, 80),
			(int)between(&seed, 2, 640), (int)between(&seed, 4, 320));
		struct geo_point at = { between(&seed, -60, 86), between(&seed, -180, 180) }, back;
		double x, y;

		if (!geo_project(&v, at, &x, &y))
			continue;
		seen++;
		ck_assert(x >= 0 && x < v.width && y >= 0 && y < v.height);
		ck_assert(geo_unproject(&v, x, y, &back));
		ck_assert_double_eq_tol(back.lat, at.lat, 0.1);
		ck_assert_double_lt(fabs(remainder(back.lon - at.lon, 360)), 0.1);
	}
	ck_assert_int_gt(seen, 500);
}
END_TEST

START_TEST(test_view_takes_anything_and_stays_in_range)
{
	static const double odd[] = { NAN, INFINITY, -INFINITY, 1e300, -1e300, 0, 64 };

	for (size_t i = 0; i < 7 * 7 * 7; i++) {
		struct geo_point centre = { odd[i % 7], odd[i / 7 % 7] };
		struct geo_view v = geo_view_make(centre, odd[i / 49], 160, 80);

		ck_assert(v.lat >= GEO_LAT_BOTTOM && v.lat <= GEO_LAT_TOP);
		ck_assert(v.lon >= -180 && v.lon <= 180);
		ck_assert(v.zoom >= 1 && v.zoom <= GEO_ZOOM_MAX);
		ck_assert(isfinite(v.scale_x) && isfinite(v.scale_y) && isfinite(v.mid_y));
	}

	struct geo_view v = geo_view_make((struct geo_point){ 0, 0 }, 1, -5, 1 << 30);

	ck_assert_int_eq(v.width, 1);
	ck_assert_int_eq(v.height, GEO_DOTS_MAX);
}
END_TEST

START_TEST(test_view_never_looks_past_the_cut)
{
	for (double zoom = 1; zoom <= 64; zoom *= 1.7) {
		for (int lat = -90; lat <= 90; lat += 10) {
			struct geo_view v =
				geo_view_make((struct geo_point){ lat, 0 }, zoom, 160, 80);
			struct geo_point top, bottom;

			ck_assert(geo_unproject(&v, 80, 0, &top));
			ck_assert(geo_unproject(&v, 80, 79.999, &bottom));
			ck_assert(top.lat <= GEO_LAT_TOP && bottom.lat >= GEO_LAT_BOTTOM);
		}
	}
}
END_TEST

START_TEST(test_zoom_keeps_what_is_under_the_pointer)
{
	struct geo_view v = geo_view_make((struct geo_point){ 20, GEO_LON_HOME }, 4, 160, 80);
	struct geo_point before, after;

	ck_assert(geo_unproject(&v, 30, 20, &before));
	struct geo_view near = geo_view_zoom(&v, 2, 30, 20);

	ck_assert_double_eq_tol(near.zoom, 8, 1e-9);
	ck_assert(geo_unproject(&near, 30, 20, &after));
	ck_assert_double_eq_tol(before.lat, after.lat, 1e-6);
	ck_assert_double_eq_tol(before.lon, after.lon, 1e-6);

	struct geo_view back = geo_view_zoom(&near, 0.5, 30, 20);

	ck_assert_double_eq_tol(back.lat, v.lat, 1e-6);
	ck_assert_double_eq_tol(back.lon, v.lon, 1e-6);
}
END_TEST

START_TEST(test_pan_moves_by_dots_and_wraps)
{
	struct geo_view v = geo_view_make((struct geo_point){ 0, 175 }, 4, 160, 80);
	struct geo_view moved = geo_view_pan(&v, 20, 0);
	struct geo_point before, after;

	ck_assert(moved.lon < -170);
	ck_assert(geo_unproject(&v, 100, 40, &before));
	ck_assert(geo_unproject(&moved, 80, 40, &after));
	ck_assert_double_eq_tol(before.lon, after.lon, 1e-6);
	ck_assert(!geo_view_equal(&v, &moved));
	moved = geo_view_pan(&moved, -20, 0);
	ck_assert_double_eq_tol(moved.lon, v.lon, 1e-9);
	moved = geo_view_pan(&v, 0, -1e9);
	ck_assert_double_lt(moved.lat, GEO_LAT_TOP);
}
END_TEST

START_TEST(test_fit_shows_all_points_with_room)
{
	static const char *const sets[][4] = { { "ams", "fra", "lhr", "mad" },
		{ "nrt", "sfo", "hnl", "akl" }, { "syd", "syd", "syd", "syd" },
		{ "jfk", "lax", "sea", "mia" }, { "ams", "syd", "gru", "nrt" } };

	for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
		struct geo_point points[4];

		for (size_t i = 0; i < 4; i++) {
			const struct geo_place *p = geo_find_place(sets[s][i]);

			points[i] = (struct geo_point){ p->lat, p->lon };
		}
		struct geo_view v = geo_view_fit(points, 4, 160, 80);

		for (size_t i = 0; i < 4; i++) {
			double x, y;

			ck_assert_msg(geo_project(&v, points[i], &x, &y), "%s", sets[s][i]);
			if (v.zoom > 1)
				ck_assert(x > 19 && x < 141);
		}
		if (s < 4)
			ck_assert_double_gt(v.zoom, 1.5);
	}

	struct geo_view world = geo_view_fit(NULL, 0, 160, 80);

	ck_assert_double_eq(world.zoom, 1);
	ck_assert_double_eq_tol(world.lon, GEO_LON_HOME, 1e-9);
}
END_TEST

START_TEST(test_detail_follows_the_scale)
{
	struct geo_view world = geo_view_make((struct geo_point){ 0, 0 }, 1, 160, 80);
	struct geo_view near = geo_view_make((struct geo_point){ 50, 10 }, 6, 160, 80);

	ck_assert_int_eq(geo_view_detail(&world), GEO_COARSE);
	ck_assert_int_eq(geo_view_detail(&near), GEO_FINE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("geo");
	TCase *t = tcase_create("geo");

	tcase_add_loop_test(
		t, test_known_places_stand_where_they_are, 0, sizeof(known) / sizeof(known[0]));
	tcase_add_test(t, test_usual_pop_codes_are_found);
	tcase_add_test(t, test_place_table_is_sorted_and_clean);
	tcase_add_test(t, test_what_is_no_code_is_not_found);
	tcase_add_test(t, test_distances);
	tcase_add_test(t, test_between_divides_the_great_circle);
	tcase_add_test(t, test_land_rings_enclose_the_land);
	tcase_add_test(t, test_miller_and_back);
	tcase_add_test(t, test_world_fills_the_box);
	tcase_add_test(t, test_flat_and_tall_boxes_keep_the_world_whole);
	tcase_add_test(t, test_project_and_back_within_a_tenth_of_a_degree);
	tcase_add_test(t, test_view_takes_anything_and_stays_in_range);
	tcase_add_test(t, test_view_never_looks_past_the_cut);
	tcase_add_test(t, test_zoom_keeps_what_is_under_the_pointer);
	tcase_add_test(t, test_pan_moves_by_dots_and_wraps);
	tcase_add_test(t, test_fit_shows_all_points_with_room);
	tcase_add_test(t, test_detail_follows_the_scale);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
