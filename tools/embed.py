#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn theme files into a C table, byte for byte: embed.py OUT FILE...

The console carries its themes inside, so that one copied binary is complete. Called by console/meson.build.
"""
import pathlib
import sys


def quoted(data: bytes) -> str:
    lines = []
    for line in data.splitlines(keepends=True):
        text = "".join(
            chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else "\\%03o" % b for b in line
        )
        lines.append(f'\t  "{text}"')
    return "\n".join(lines)


def main() -> None:
    out, files = sys.argv[1], [pathlib.Path(f) for f in sys.argv[2:]]
    rows = [
        f'\t{{ "{f.stem}",\n{quoted(f.read_bytes())},\n\t  {len(f.read_bytes())} }},' for f in files
    ]
    pathlib.Path(out).write_text(
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        "/* Made by tools/embed.py from themes/; do not edit. */\n"
        "#include <stddef.h>\n"
        "struct builtin {\n\tconst char *name;\n\tconst char *text;\n\tsize_t len;\n};\n"
        "extern const struct builtin theme_builtins[];\n"
        "extern const size_t n_theme_builtins;\n"
        "const struct builtin theme_builtins[] = {\n" + "\n".join(rows) + "\n};\n"
        "const size_t n_theme_builtins = sizeof theme_builtins / sizeof *theme_builtins;\n"
    )


main()
