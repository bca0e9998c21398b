# SPDX-License-Identifier: GPL-2.0-only
"""Fetch Pyodide, CPython compiled to WebAssembly, as npm packages it.

    python tools/fetch_pyodide.py

The path of the archive is printed. Exit status 3: it cannot be had.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.npm import FetchError, Package

PYODIDE = Package(
    "pyodide@314.0.7",
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5"
    "JEsOlD2R1A==",
)
FILES = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
"""What a page loads."""


def unpack(packed: Path, directory: Path) -> None:
    """Put what a page loads into a directory, unless it is there."""
    with tarfile.open(packed) as tar:
        for name in FILES:
            member = tar.getmember(f"package/{name}")
            target = directory / name
            if target.is_file() and target.stat().st_size == member.size:
                continue
            directory.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content, f"{name} is a file of the package"
            target.write_bytes(content.read())


def main() -> int:
    """The command; see the head of this file."""
    try:
        print(PYODIDE.fetch())
    except FetchError as why:
        print(f"{PYODIDE.name} cannot be had: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
