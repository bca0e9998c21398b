# SPDX-License-Identifier: GPL-2.0-only
"""Print one HTML page into a PDF: ``make pdf``.

python tools/pdf.py PAGE FILE
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)
SECONDS = 300


def main(page: str, file: str) -> int:
    """Print, or say what is missing."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        print("pdf: there is no Chromium; install one (on Debian: chromium)", file=sys.stderr)
        return 2
    target = Path(file).resolve()
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        words = [browser, *OPTIONS, f"--user-data-dir={profile}", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:  # it has no sandbox for root
            words.append("--no-sandbox")
        words.append(Path(page).resolve().as_uri())
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"pdf: {browser} did not come to an end within {SECONDS} s", file=sys.stderr)
            return 1
    if not target.is_file():
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        print(f"pdf: {browser} printed nothing ({last})", file=sys.stderr)
        return 1
    print(f"{file}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
