# SPDX-License-Identifier: GPL-2.0-only
"""One version of a package of npm, with one digest.

It is kept in the cache directory of pasid-spec, and held against the digest each time it is used.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120


class FetchError(Exception):
    """Why it cannot be had here."""


@dataclass(frozen=True)
class Package:
    """A package.

    Args:
        name: with the version, as in ``pyodide@314.0.7``.
        integrity: the digest, as npm writes it.
    """

    name: str
    integrity: str

    def archive(self) -> Path:
        """Where the archive is kept."""
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(base).expanduser() / "pasid-spec" / f"{self.name.replace('@', '-')}.tgz"

    def is_right(self, file: Path) -> bool:
        """Whether a file is there and has the digest."""
        if not file.is_file():
            return False
        digest = hashlib.sha512(file.read_bytes()).digest()
        return f"sha512-{base64.b64encode(digest).decode()}" == self.integrity

    def fetch(self) -> Path:
        """The archive; npm is asked if it is not there yet.

        Raises:
            FetchError: there is no npm, it was not reached, or it gave something else.
        """
        kept = self.archive()
        if self.is_right(kept):
            return kept
        npm = shutil.which("npm")
        if not npm:
            raise FetchError("there is no npm")
        with tempfile.TemporaryDirectory() as directory:
            command = [npm, "pack", "--silent", "--pack-destination", directory, self.name]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=SECONDS, cwd=directory
                )
            except subprocess.TimeoutExpired:
                raise FetchError(f"npm did not answer in {SECONDS} seconds") from None
            found = next(Path(directory).glob("*.tgz"), None)
            if done.returncode or not found:
                said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
                why = said[0] if said else "it did not say why"
                raise FetchError(f"npm could not get it: {why}")
            if not self.is_right(found):
                raise FetchError(f"npm gave another {self.name} than the one that is asked for")
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found, kept)
        return kept
