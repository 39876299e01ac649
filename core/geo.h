/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are, and where that is on a screen.
 *
 * Places answer for the three-letter codes fleets name their PoPs by; land is the coastline of
 * the map; a view turns degrees into dots and back. All of it is pure arithmetic over tables
 * compiled in: no files, no state, nothing that can fail but by saying so.
 *
 * Degrees are decimal, north and east positive: latitude -90..90, longitude -180..180. A view
 * measures in dots; a character cell is 2 dots wide and 4 high, as in braille, so that a dot is
 * about square. Dot (0, 0) is the top left one and covers 0 <= x < 1, 0 <= y < 1.
 */
#ifndef CORE_GEO_H
#define CORE_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEO_LAT_TOP    84.0  /* degrees; a view shows nothing north of it ... */
#define GEO_LAT_BOTTOM -58.0 /* ... nor south of it, whatever the zoom */
#define GEO_LON_HOME   11.0  /* degrees; about it the world is cut in the Bering Strait */
#define GEO_ZOOM_MAX   64.0
#define GEO_LAND_UNIT  182  /* steps a degree in struct geo_ring */
#define GEO_DOTS_MAX   8192 /* width and height of a view */

struct geo_point {
	double lat; /* degrees, -90..90 */
	double lon; /* degrees, -180..180 */
};

struct geo_place {
	char code[4];     /* three capitals: IATA airport or city code */
	char country[3];  /* two capitals, ISO 3166 */
	char region[3];   /* continent: af an as eu na oc sa */
	double lat;       /* degrees, to 0.001 */
	double lon;       /* degrees, to 0.001 */
	const char *city; /* UTF-8, under 40 bytes */
};

/* The place of a code of exactly three letters, in any case, or NULL. code may be NULL. */
const struct geo_place *geo_find_place(const char *code);
/* All places, sorted by code; the tests and completion walk them. */
size_t geo_count_places(void);
const struct geo_place *geo_get_place(size_t i);

/* Great-circle distance in kilometres, 0..20015, on a sphere: off by 0.5 % at worst. */
double geo_distance_km(struct geo_point a, struct geo_point b);
/* The point a share t (0..1) of the way from a to b on their great circle. Of the many ways
 * between antipodes it takes none: it stays at a, then is at b. */
struct geo_point geo_between(struct geo_point a, struct geo_point b, double t);

/* Miller cylindrical projection: latitude in degrees -90..90 to height in radians of longitude at
 * the equator, -2.303..2.303, and back. */
double geo_miller(double lat);
double geo_miller_inverse(double y);

enum geo_detail {
	GEO_COARSE, /* 1:110 million: a whole world on a screen */
	GEO_FINE,   /* 1:50 million: a continent or less */
};

/* One coastline: n points as pairs of longitude and latitude in 1/GEO_LAND_UNIT degree, closed
 * without a repeated point, land to the left as one walks along it. Never crosses +-180; ends on
 * it instead. Antarctica is not among them. */
struct geo_ring {
	const int16_t *xy;
	size_t n;
	int16_t west, south, east, north; /* bounds, in the same unit */
};

size_t geo_count_rings(enum geo_detail detail);
/* i is below geo_count_rings(detail). */
struct geo_ring geo_get_ring(enum geo_detail detail, size_t i);

/*
 * What part of the world a box of dots shows. At zoom 1 it is all of it, from 84N to 58S, with
 * the centre's longitude in the middle. Height and width are scaled apart so that the world fills
 * the box, but by no more than a factor of 1.35: in a box flatter or taller than that the world
 * stands in the middle and the rest is sea. Make one with geo_view_make and treat it as a value.
 */
struct geo_view {
	double lat, lon;         /* degrees, of the middle of the box */
	double zoom;             /* 1..GEO_ZOOM_MAX */
	int width, height;       /* dots, 1..GEO_DOTS_MAX */
	double scale_x, scale_y; /* dots a radian */
	double mid_y;            /* geo_miller of the middle */
};

/* Any numbers are taken to the nearest that can be shown: longitude is brought into -180..180,
 * zoom and size into range, latitude to where the box does not look past 84N or 58S. */
struct geo_view geo_view_make(struct geo_point centre, double zoom, int width, int height);
/* The view that holds all points with an eighth to spare on every side; the world if n is 0. */
struct geo_view geo_view_fit(const struct geo_point *points, size_t n, int width, int height);
/* Moved by so many dots to the east and to the south. */
struct geo_view geo_view_pan(const struct geo_view *v, double dx, double dy);
/* Zoomed by a factor (over 1 is nearer) so that what is under dot (x, y) stays there if it can. */
struct geo_view geo_view_zoom(const struct geo_view *v, double factor, double x, double y);
/* True if both show the same; a land layer drawn for one then serves the other. */
bool geo_view_equal(const struct geo_view *a, const struct geo_view *b);
/* The detail worth drawing: fine from 1.5 dots a degree on. */
enum geo_detail geo_view_detail(const struct geo_view *v);

/* Degrees to dots. False if the point is not a number, beyond the cut or outside the box; x and y
 * then still say where it would be if it is a number, and are 0 if not. */
bool geo_project(const struct geo_view *v, struct geo_point at, double *x, double *y);
/* Dots to degrees. False outside the box or the world; out is then untouched. */
bool geo_unproject(const struct geo_view *v, double x, double y, struct geo_point *out);

#endif
