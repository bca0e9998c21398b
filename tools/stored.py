# SPDX-License-Identifier: GPL-2.0-only
"""A file of ``spec/data`` that a run gives: written, or compared with what is stored."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(doc: str | None, file: Path, computed: Callable[[], str]) -> int:
    """Write the file, or compare it.

    Args:
        doc: what the tool is for, in its first line.
        file: where the text is stored.
        computed: gives the text as a run of today has it.
    """
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    text, name = computed(), file.relative_to(ROOT)
    if check:
        if file.read_text(encoding="utf-8") == text:
            return 0
        print(f"{name} is not what a run gives: run `make regen`", file=sys.stderr)
        return 1
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"written    {name}")
    return 0
