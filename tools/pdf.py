# SPDX-License-Identifier: GPL-2.0-only
"""Print one HTML page into a PDF: ``make pdf``.

python tools/pdf.py PAGE FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.chromium import BrowserError, render

OPTIONS = (
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
    "--print-to-pdf={target}",
)


def main(page: str, file: str) -> int:
    """Print, or say what is missing."""
    try:
        render(Path(page), Path(file), *OPTIONS)
    except BrowserError as why:
        print(f"pdf: {why}", file=sys.stderr)
        return 2
    print(f"{file}: {Path(file).stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
