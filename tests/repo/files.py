# SPDX-License-Identifier: GPL-2.0-only
"""The files of the project, without what tools leave beside them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"_build", "build", "dist", "mutants", "node_modules", "__pycache__"}
BINARY = {".png", ".ico", ".gz", ".woff2"}


def files(*suffixes: str) -> list[Path]:
    """Every file of the project, or every one with one of the suffixes.

    Git is not asked: the suite also runs where there is none.
    """
    found = []
    for directory, names, entries in os.walk(ROOT):
        names[:] = [n for n in names if n not in LEFT_OUT and (n == ".ci" or n[0] != ".")]
        # a second work tree has a file .git that names the first
        found += [Path(directory, entry) for entry in entries if entry != ".git"]
    return sorted(f for f in found if not suffixes or f.suffix in suffixes)


def texts() -> dict[str, str]:
    """The text of every file that is ours, by its path from the root."""
    skipped = ("LICENSE", "requirements")
    return {
        name: path.read_text(encoding="utf-8")
        for path in files()
        if path.suffix not in BINARY
        and not (name := path.relative_to(ROOT).as_posix()).startswith(skipped)
    }
