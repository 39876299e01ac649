#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a compiler does not hold: docs say why, here they are looked for.

Reads the sources, nothing else. Each rule is one check; one that fails names every place. A new
foreign library gets its row here, and a room a row of whom it may include.

    tests/house.py [SOURCE_ROOT]
"""

import os
import re
import sys

ROOMS = {"core": {"core"}, "plugins": {"core", "plugins"}, "backend": {"core", "plugins", "backend"},
	"console": {"core", "console"}}
# main hands `catchment check` the names of the drivers; nothing else in the console knows them.
ROOM_EXCEPTIONS = {("console/main.c", "plugins/drivers.h")}
# A foreign library's header, and the only files that may include it.
FOREIGN = {
	r"(n?curses|term|panel)\.h": {"console/term.c"},
	r"libssh2.*\.h": {"backend/transport_ssh.c"},
	r"microhttpd\.h": {"backend/api.c"},
	r"curl/.*": {"core/http.c"},
	r"sqlite3\.h": {"backend/store.c"},
	r"uv\.h": {"core/loop.c"},
	r"json-c/.*": {"core/json.c"},
	r"libfyaml\.h": {"core/yaml.c"},
	r"pcre2\.h": {"console/filter.c"},
	r"ldns/.*": {"backend/dnsprobe.c"},
	r"utf8proc\.h": {"core/text.c", "console/prompt.c"},
	r"systemd/.*": {"backend/main.c"},
	r"openssl/.*": {"backend/known_hosts.c"},
}
SPDX = "SPDX-License-Identifier: Apache-2.0"
CODE = (".c", ".h", ".def", ".py", ".sh", "meson.build")
SKIPPED = {".git", "__pycache__"}
FORBIDDEN = re.compile(r"\b(TODO|FIXME|XXX)\b|^\s*#\s*if 0\b")
SLEEP = re.compile(r"\b(sleep|usleep|nanosleep)\s*\(")


def sources(root):
	for folder, folders, names in os.walk(root):
		folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("build"))
		for name in sorted(names):
			path = os.path.join(folder, name)
			if name.endswith(CODE) or is_script(path):
				yield os.path.relpath(path, root)


def is_script(path):
	if not os.access(path, os.X_OK) or os.path.islink(path):
		return False
	with open(path, "rb") as f:
		return f.read(2) == b"#!"


def read(root, path):
	with open(os.path.join(root, path), encoding="utf-8") as f:
		return f.read().split("\n")


def room_of(path):
	return path.split("/", 1)[0]


def wrong_rooms(files):
	for path, lines in files.items():
		allowed = ROOMS.get(room_of(path))
		for line in lines if allowed else ():
			found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
			name = found.group(1) if found else ""
			if found and room_of(name) in ROOMS and room_of(name) not in allowed \
					and (path, name) not in ROOM_EXCEPTIONS:
				yield f"{path} includes {name}"


def wrong_foreign(files):
	for path, lines in files.items():
		for line in lines if room_of(path) in ROOMS else ():
			found = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
			for header, allowed in FOREIGN.items():
				if found and re.fullmatch(header, found.group(1)) and path not in allowed:
					yield f"{path} includes <{found.group(1)}>, which only {', '.join(sorted(allowed))} may"


def wrong_spdx(files):
	for path, lines in files.items():
		if not any(SPDX in line for line in lines[:2]):
			yield path


def unfinished(files):
	for path, lines in files.items():
		for i, line in enumerate(lines if path != "tests/house.py" else ()):
			if FORBIDDEN.search(line):
				yield f"{path}:{i + 1}: {line.strip()}"


def sleeping_tests(files):
	for path, lines in files.items():
		for i, line in enumerate(lines if path.startswith("tests/unit/") else ()):
			if SLEEP.search(line):
				yield f"{path}:{i + 1}: {line.strip()}"


def wrong_names(files):
	"""A location is a PoP: `anycast node` is another document's word for it."""
	for path, lines in files.items():
		for i, line in enumerate(lines if path != "tests/house.py" else ()):
			if re.search(r"anycast node", line, re.IGNORECASE):
				yield f"{path}:{i + 1}: {line.strip()}"


RULES = [
	("rooms include only whom they may", wrong_rooms),
	("each foreign library has one file", wrong_foreign),
	("each source names its licence first", wrong_spdx),
	("nothing is left for later", unfinished),
	("unit tests do not sleep", sleeping_tests),
	("a location is never called a node", wrong_names),
]


def main():
	here = os.path.dirname(os.path.realpath(__file__))
	root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..")
	files = {path: read(root, path) for path in sources(root)}
	failed = 0
	for title, rule in RULES:
		places = list(rule(files))
		failed += bool(places)
		print(("FAIL " if places else "ok   ") + title)
		for place in places:
			print("     " + place)
	print(f"{len(RULES) - failed} passed, {failed} failed, 0 skipped")
	return 1 if failed or len(files) < 10 else 0


if __name__ == "__main__":
	sys.exit(main())
