# SPDX-License-Identifier: GPL-2.0-only
"""Chromium without a window: one page into one file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SECONDS = 900


class BrowserError(Exception):
    """Why there is no file; the message is one line."""


def render(page: Path, target: Path, *options: str) -> None:
    """Open a page, and let the browser write a file.

    Args:
        page: an HTML file.
        target: what the options name; an older one is removed first.
        options: of Chromium, with ``{target}`` where the file's path shall stand.

    Raises:
        BrowserError: there is no browser, or it wrote nothing.
    """
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        raise BrowserError("there is no Chromium; install one (on Debian: chromium)")
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        words = [browser, *OPTIONS, f"--user-data-dir={profile}"]
        words += [option.format(target=target.resolve()) for option in options]
        if os.geteuid() == 0:  # it has no sandbox for root
            words.append("--no-sandbox")
        words.append(page.resolve().as_uri())
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise BrowserError(f"{browser} did not come to an end within {SECONDS} s") from None
    if not target.is_file():
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise BrowserError(f"{browser} wrote nothing ({last})")
