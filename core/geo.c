/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places, coastline and projection for the map.
 *
 * The tables are made by tools/gen_geo.py from public-domain data and committed, so a build needs
 * no network and a map drawn today is the map of tomorrow's tests. Rings are kept as 16-bit
 * steps of 1/182 degree: 0.6 km, finer than any cell of a terminal at the deepest zoom.
 *
 * The projection is Miller's: like Mercator it keeps the shapes people know, but it draws the far
 * north two thirds as tall, so that Greenland leaves room for the PoPs. Cut to 84N..58S it is
 * almost exactly twice as wide as high, which is what 80 by 20 cells of braille are in dots, and
 * nobody runs DNS servers beyond. Longitude wraps: a view centred on Japan shows America to the
 * right, with no seam. Drawing is not done here but in console/raster.c; what a position means is
 * not decided here but by whoever reads fleet.yaml.
 */
#include "core/geo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EARTH_KM    6371.0088 /* mean radius, IUGG */
#define STRETCH_MAX 1.35
#define FINE_FROM   1.5  /* dots a degree */
#define EDGE        1e-6 /* dots, degrees: rounding at the edge of the box and the world */

struct land_ring {
	uint32_t first, count;
	int16_t west, south, east, north;
};

#include "core/geo_land.inc"
#include "core/geo_places.inc"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static double
radians(double degrees)
{
	return degrees * (M_PI / 180);
}

static double
degrees(double radians)
{
	return radians * (180 / M_PI);
}

static double
clamp(double x, double low, double high)
{
	if (!(x > low)) /* also what is not a number */
		return low;
	return x < high ? x : high;
}

static double
wrap_lon(double lon)
{
	if (!isfinite(lon))
		return 0;
	lon = fmod(lon + 180, 360);
	return lon < 0 ? lon + 180 : lon - 180;
}

static int
compare_place(const void *key, const void *row)
{
	return strcmp(key, ((const struct geo_place *)row)->code);
}

const struct geo_place *
geo_find_place(const char *code)
{
	char key[4] = "";

	if (!code)
		return NULL;
	for (int i = 0; i < 3; i++) {
		char c = code[i];

		if (c >= 'a' && c <= 'z')
			c += 'A' - 'a';
		if (c < 'A' || c > 'Z')
			return NULL;
		key[i] = c;
	}
	if (code[3] != '\0')
		return NULL;
	return bsearch(key, places, COUNT(places), sizeof(places[0]), compare_place);
}

size_t
geo_count_places(void)
{
	return COUNT(places);
}

const struct geo_place *
geo_get_place(size_t i)
{
	return i < COUNT(places) ? &places[i] : NULL;
}

static double
angle_between(struct geo_point a, struct geo_point b)
{
	double s = sin(radians(b.lat - a.lat) / 2);
	double t = sin(radians(b.lon - a.lon) / 2);
	double h = s * s + cos(radians(a.lat)) * cos(radians(b.lat)) * t * t;

	return 2 * asin(sqrt(h < 1 ? h : 1));
}

double
geo_distance_km(struct geo_point a, struct geo_point b)
{
	return EARTH_KM * angle_between(a, b);
}

struct geo_point
geo_between(struct geo_point a, struct geo_point b, double t)
{
	double d = angle_between(a, b);

	if (sin(d) < 1e-6)
		return t < 0.5 ? a : b;
	double p = sin((1 - t) * d) / sin(d), q = sin(t * d) / sin(d);
	double pa = p * cos(radians(a.lat)), qb = q * cos(radians(b.lat));
	double x = pa * cos(radians(a.lon)) + qb * cos(radians(b.lon));
	double y = pa * sin(radians(a.lon)) + qb * sin(radians(b.lon));
	double z = p * sin(radians(a.lat)) + q * sin(radians(b.lat));

	return (struct geo_point){ degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x)) };
}

double
geo_miller(double lat)
{
	return 1.25 * log(tan(M_PI / 4 + 0.4 * radians(lat)));
}

double
geo_miller_inverse(double y)
{
	return degrees(2.5 * (atan(exp(0.8 * y)) - M_PI / 4));
}

size_t
geo_count_rings(enum geo_detail detail)
{
	return detail == GEO_FINE ? COUNT(land_50) : COUNT(land_110);
}

struct geo_ring
geo_get_ring(enum geo_detail detail, size_t i)
{
	const struct land_ring *r = detail == GEO_FINE ? &land_50[i] : &land_110[i];
	const int16_t *xy = detail == GEO_FINE ? land_50_xy : land_110_xy;

	return (struct geo_ring){
		.xy = xy + 2 * (size_t)r->first,
		.n = r->count,
		.west = r->west,
		.south = r->south,
		.east = r->east,
		.north = r->north,
	};
}

struct geo_view
geo_view_make(struct geo_point centre, double zoom, int width, int height)
{
	double top = geo_miller(GEO_LAT_TOP), bottom = geo_miller(GEO_LAT_BOTTOM);
	struct geo_view v = {
		.lon = wrap_lon(centre.lon),
		.zoom = clamp(zoom, 1, GEO_ZOOM_MAX),
		.width = (int)clamp(width, 1, GEO_DOTS_MAX),
		.height = (int)clamp(height, 1, GEO_DOTS_MAX),
	};

	v.scale_x = v.width / (2 * M_PI);
	v.scale_y = v.height / (top - bottom);
	if (v.scale_x > STRETCH_MAX * v.scale_y)
		v.scale_x = STRETCH_MAX * v.scale_y;
	if (v.scale_y > STRETCH_MAX * v.scale_x)
		v.scale_y = STRETCH_MAX * v.scale_x;
	v.scale_x *= v.zoom;
	v.scale_y *= v.zoom;

	double half = v.height / v.scale_y / 2;

	if (2 * half >= top - bottom)
		v.mid_y = (top + bottom) / 2;
	else
		v.mid_y = clamp(geo_miller(clamp(centre.lat, GEO_LAT_BOTTOM, GEO_LAT_TOP)),
			bottom + half, top - half);
	v.lat = geo_miller_inverse(v.mid_y);
	return v;
}

struct geo_view
geo_view_fit(const struct geo_point *points, size_t n, int width, int height)
{
	struct geo_view world =
		geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, width, height);
	double x = 0, y = 0, low = INFINITY, high = -INFINITY, reach = 0;

	for (size_t i = 0; i < n; i++) {
		double m = geo_miller(clamp(points[i].lat, GEO_LAT_BOTTOM, GEO_LAT_TOP));

		x += cos(radians(points[i].lon));
		y += sin(radians(points[i].lon));
		low = fmin(low, m);
		high = fmax(high, m);
	}
	if (n == 0 || hypot(x, y) < 1e-9 * n)
		return world;

	/* the mean direction first: bounds of longitudes mean nothing until one knows where to cut
	 */
	double lon = degrees(atan2(y, x));

	for (size_t i = 0; i < n; i++)
		reach = fmax(reach, fabs(radians(wrap_lon(points[i].lon - lon))));

	double zoom_x = world.width * 0.375 / (world.scale_x * fmax(reach, 1e-3));
	double zoom_y = world.height * 0.75 / (world.scale_y * fmax(high - low, 1e-3));
	struct geo_point centre = { geo_miller_inverse((low + high) / 2), lon };

	return geo_view_make(centre, fmin(zoom_x, zoom_y), width, height);
}

struct geo_view
geo_view_pan(const struct geo_view *v, double dx, double dy)
{
	struct geo_point centre = {
		.lat = geo_miller_inverse(v->mid_y - dy / v->scale_y),
		.lon = v->lon + degrees(dx / v->scale_x),
	};

	return geo_view_make(centre, v->zoom, v->width, v->height);
}

struct geo_view
geo_view_zoom(const struct geo_view *v, double factor, double x, double y)
{
	double zoom = clamp(v->zoom * factor, 1, GEO_ZOOM_MAX);
	double keep = 1 - v->zoom / zoom; /* share of the way from the middle to the dot */
	struct geo_view moved = *v;

	moved.mid_y -= keep * (y - v->height / 2.0) / v->scale_y;
	moved.lon += degrees(keep * (x - v->width / 2.0) / v->scale_x);
	return geo_view_make((struct geo_point){ geo_miller_inverse(moved.mid_y), moved.lon }, zoom,
		v->width, v->height);
}

bool
geo_view_equal(const struct geo_view *a, const struct geo_view *b)
{
	return a->lat == b->lat && a->lon == b->lon && a->zoom == b->zoom && a->width == b->width &&
	       a->height == b->height;
}

enum geo_detail
geo_view_detail(const struct geo_view *v)
{
	return radians(v->scale_x) >= FINE_FROM ? GEO_FINE : GEO_COARSE;
}

static bool
inside(double *x, int size)
{
	if (*x < 0 && *x > -EDGE)
		*x = 0;
	return *x >= 0 && *x < size;
}

bool
geo_project(const struct geo_view *v, struct geo_point at, double *x, double *y)
{
	*x = *y = 0;
	if (!isfinite(at.lat) || !isfinite(at.lon))
		return false;
	double lat = clamp(at.lat, -90, 90);

	*x = v->width / 2.0 + radians(wrap_lon(at.lon - v->lon)) * v->scale_x;
	*y = v->height / 2.0 - (geo_miller(lat) - v->mid_y) * v->scale_y;

	bool in_x = inside(x, v->width), in_y = inside(y, v->height);

	return in_x && in_y && lat >= GEO_LAT_BOTTOM && lat <= GEO_LAT_TOP;
}

bool
geo_unproject(const struct geo_view *v, double x, double y, struct geo_point *out)
{
	if (!(x >= 0 && x < v->width && y >= 0 && y < v->height))
		return false;
	double dlon = (x - v->width / 2.0) / v->scale_x;
	double lat = geo_miller_inverse(v->mid_y - (y - v->height / 2.0) / v->scale_y);

	if (fabs(dlon) > M_PI + EDGE || lat < GEO_LAT_BOTTOM - EDGE || lat > GEO_LAT_TOP + EDGE)
		return false;
	out->lat = clamp(lat, GEO_LAT_BOTTOM, GEO_LAT_TOP);
	out->lon = wrap_lon(v->lon + degrees(dlon));
	return true;
}
