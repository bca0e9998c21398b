# SPDX-License-Identifier: GPL-2.0-only
"""Draw the card that is shown where somebody links to the site: spec/_static/card.png.

    python tools/card.py

It shows the patch as posted while a replace fails, as the package draws it. The card is committed:
not every machine that builds the site has Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference_impl.contract import replay
from reference_impl.present.drawing import svg
from reference_impl.present.links import opened
from tools.chromium import BrowserError, render

CARD = Path(__file__).resolve().parent.parent / "spec" / "_static" / "card.png"
SHOWN = "run=posted-v1&scope=2,0,2,1&in=group&call=attach,d0,1,A&call=replace,d0,1,B,,,001"
PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<style>
html {{ background: #fff; overflow: hidden; }}
body {{ margin: 0; height: 630px; display: flex; align-items: center; font-family: sans-serif; }}
body {{ --pasid-a: #2f7fc4; --pasid-b: #d07a00; --pasid-warn: #d6382f; }}
div {{ width: 420px; padding: 0 30px 0 60px; }}
h1 {{ margin: 0 0 24px; color: #1f5fa8; font-size: 52px; line-height: 1.1; }}
p {{ margin: 0; color: #444; font-size: 26px; line-height: 1.35; }}
svg {{ width: 640px; height: auto; }}
</style>
<div><h1>The PASID contract, executable</h1>
<p>What Linux owes to whoever attaches, replaces or detaches a domain: clauses that run.</p></div>
{drawing}
"""


def main() -> int:
    """Draw it, or say what is missing."""
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "card.html"
        page.write_text(PAGE.format(drawing=svg(replay(*opened(SHOWN))[-1])), encoding="utf-8")
        try:
            render(page, CARD, "--window-size=1200,630", "--screenshot={target}")
        except BrowserError as why:
            print(f"card: {why}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
