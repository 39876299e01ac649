#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a compiler cannot see: who may include whom, one foreign library in one file, SPDX lines,
guards that match their path, headers that stand alone, no promises left in the code, proofs that exist. Prints what breaks a rule and where;
exit status 1 if anything does."""
import os
import re
import subprocess
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SOURCE_ROOT", ".")
ROOMS = {
    "core": {"core"},
    "plugins": {"core", "plugins"},
    "backend": {"core", "plugins", "backend"},
    "console": {"core", "console"},
}
# the one file each foreign header may stand in; main.c of the console takes the names of drivers for `check`
FOREIGN = {
    "ncurses.h": {"console/term.c"},
    "libssh2.h": {"backend/transport_ssh.c"},
    "microhttpd.h": {"backend/api.c"},
    "gnutls/gnutls.h": {"backend/tls.c"},
    "gnutls/x509.h": {"backend/tls.c"},
    "curl/curl.h": {"core/http.c"},
    "sqlite3.h": {"backend/store.c"},
    "uv.h": {"core/loop.c"},
    "libfyaml.h": {"core/yaml.c"},
    "pcre2.h": {"console/filter.c"},
    "ldns/ldns.h": {"backend/dnsprobe.c"},
}
EXCEPTIONS = {("console/main.c", "plugins/drivers.h")}
problems = []


def files(*suffixes):
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(ROOT, room)):
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def complain(path, line, what):
    problems.append("%s:%d: %s" % (path, line, what))


def check_includes(path, number, text):
    match = re.match(r'#include\s+["<]([^">]+)[">]', text)
    if not match:
        return
    included, room = match.group(1), path.split("/")[0]
    other = included.split("/")[0]
    if other in ROOMS and other not in ROOMS[room] and (path, included) not in EXCEPTIONS:
        complain(path, number, "%s may not include %s" % (room, included))
    if included in FOREIGN and path not in FOREIGN[included]:
        complain(path, number, "%s belongs into %s only" % (included, ", ".join(FOREIGN[included])))


def check_file(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as source:
        lines = source.read().split("\n")
    if "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        complain(path, 1, "the first line is no SPDX line")
    if path.endswith(".h"):
        guard = path.replace("/", "_").replace(".", "_").upper()
        if not any(line == "#ifndef " + guard for line in lines):
            complain(path, 2, "the guard is not " + guard)
    for number, text in enumerate(lines, 1):
        check_includes(path, number, text)
        if re.search(r"\b(TODO|FIXME|XXX)\b|^#if 0", text):
            complain(path, number, "a promise: do it or open an issue")
        if path.endswith(".c") and not path.endswith("main.c") and re.search(r"(?<![\w.])_?exit\(", text):
            if "backend/" in path or "core/" in path or "plugins/" in path:
                complain(path, number, "only main may exit")


def check_headers_alone():
    flags = subprocess.run(["pkg-config", "--cflags", "libuv"], capture_output=True, text=True).stdout.split()
    source = ["#include \"%s\"" % path for path in files(".h")]
    for include in source:
        run = subprocess.run(
            ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-I", ROOT, "-x", "c", "-"] + flags,
            input=include + "\n", capture_output=True, text=True)
        if run.returncode != 0:
            problems.append("%s does not compile on its own: %s" % (include, run.stderr.split("\n")[0]))


def check_proofs():
    """Every test that docs/hostile.md names as a proof is there."""
    text = ""
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in sorted(names):
            if name.endswith((".c", ".py", "lab")):
                with open(os.path.join(folder, name), encoding="utf-8") as source:
                    text += source.read()
    with open(os.path.join(ROOT, "docs/hostile.md"), encoding="utf-8") as table:
        for number, line in enumerate(table, 1):
            for name in re.findall(r"`((?:test|flow)_\w+)`", line):
                if not re.search(r"(START_TEST\(|def )%s\b" % name, text):
                    complain("docs/hostile.md", number, "there is no %s" % name)


def main():
    count = 0
    for path in files(".c", ".h"):
        check_file(path)
        count += 1
    check_headers_alone()
    check_proofs()
    for problem in problems:
        print(problem)
    print("%d files, %d problems" % (count, len(problems)))
    return 1 if problems or count < 20 else 0


sys.exit(main())
