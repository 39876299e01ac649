#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up a log of `meson test` in cases, not programs, and says what did not pass.

Reads testlog.json: one JSON document a line. How many cases a program ran is what it printed last:
`N passed, N failed, N skipped` (our scripts) or Check's `100%: Checks: N, Failures: N, Errors: N`;
one that prints neither is one case. A program that ended badly fails at least once, whatever it
printed: it may have crashed or been stopped after its last line. With CI set a skipped lab is a
failure, because nobody reads what a machine did not try.

    tests/tally.py LOG.json       the last line is `N passed, N failed, N skipped`; exit status 0
"""

import json
import os
import re
import sys

OURS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
TAIL_LINES = 60


def count(entry):
	"""(passed, failed, skipped) of one program."""
	text = entry.get("stdout") or ""
	ours, checks = OURS.findall(text), CHECKS.findall(text)
	passed = failed = skipped = 0
	if ours:
		passed, failed, skipped = (int(n) for n in ours[-1])
	for total, failures, errors in checks:
		failed += int(failures) + int(errors)
		passed += int(total) - int(failures) - int(errors)
	if entry["result"] == "OK":
		return (passed, failed, skipped) if ours or checks else (1, 0, 0)
	if entry["result"] == "SKIP":
		return passed, failed, max(skipped, 1)
	return passed, max(failed, 1), skipped


def explain(entry, word):
	text = "\n".join(entry.get(k) or "" for k in ("stdout", "stderr")).strip().splitlines()
	print(f"{word} {entry['name']} ({entry['result']})")
	if word == "SKIPPED":
		text = [line for line in text if line.startswith("SKIP")]
	for line in text[-TAIL_LINES:]:
		print("    " + line)


def main():
	total = [0, 0, 0]
	with open(sys.argv[1], encoding="utf-8", errors="replace") as f:
		for line in f:
			entry = json.loads(line)
			passed, failed, skipped = count(entry)
			if os.environ.get("CI") and skipped and "lab" in entry["name"]:
				failed, skipped = failed + skipped, 0
			if failed:
				explain(entry, "FAILED")
			elif skipped:
				explain(entry, "SKIPPED")
			total = [a + b for a, b in zip(total, (passed, failed, skipped))]
	print("{} passed, {} failed, {} skipped".format(*total))


if __name__ == "__main__":
	main()
