# SPDX-License-Identifier: GPL-2.0-only
"""Fetch Pyodide, CPython compiled to WebAssembly, as npm packages it.

    python tools/fetch_pyodide.py

One version, with one digest; kept in the cache directory of pasid-spec, and held against the digest
each time it is used. The path of the archive is printed. Exit status 3: it cannot be had.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "pyodide@314.0.7"
INTEGRITY = (
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5"
    "JEsOlD2R1A=="
)
"""As npm writes it."""
FILES = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
"""What a page loads."""
SECONDS = 120


class FetchError(Exception):
    """Why it cannot be had here."""


def archive() -> Path:
    """Where the archive is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = f"{PACKAGE.replace('@', '-')}.tgz"
    return Path(base).expanduser() / "pasid-spec" / name


def is_right(file: Path) -> bool:
    """Whether a file is there and has the digest."""
    if not file.is_file():
        return False
    digest = hashlib.sha512(file.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}" == INTEGRITY


def fetch() -> Path:
    """The archive; npm is asked if it is not there yet.

    Raises:
        FetchError: there is no npm, it was not reached, or it gave something else.
    """
    kept = archive()
    if is_right(kept):
        return kept
    npm = shutil.which("npm")
    if not npm:
        raise FetchError("there is no npm")
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", "--silent", "--pack-destination", directory, PACKAGE]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, cwd=directory
            )
        except subprocess.TimeoutExpired:
            raise FetchError(f"npm did not answer in {SECONDS} seconds") from None
        found = next(Path(directory).glob("*.tgz"), None)
        if done.returncode or not found:
            said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            raise FetchError(f"npm could not get it: {said[0] if said else 'it did not say why'}")
        if not is_right(found):
            raise FetchError(f"npm gave another {PACKAGE} than the one that is asked for")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found, kept)
    return kept


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
        print(fetch())
    except FetchError as why:
        print(f"{PACKAGE} cannot be had: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
