# SPDX-License-Identifier: GPL-2.0-only
"""How fast the stepper is in chromium, on this machine, from a cold cache.

    .venv-browser/bin/python tests/browser/bench.py

after `make test-browser`, which builds the site and that environment.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from tests.browser.conftest import CHROMIUM, MILLISECONDS, served  # noqa: E402

LINK = "run=vtd&scope=2,1,3,1&call=attach,d0,1,A,new&call=replace,d0,1,B,new"
RUNS = 5
ASK = """async (link) => {
    const python = await import("/_static/python.js");
    const begun = performance.now();
    await python.ask("stepper", [link]);
    return performance.now() - begun;
}"""
STEP = """() => {
    const begun = performance.now();
    document.querySelector(".stepper [name=forward]").click();
    document.body.offsetHeight;  // until it is laid out
    return performance.now() - begun;
}"""


def told(what: str, seconds: list[float]) -> None:
    """Print the median and the range, in milliseconds."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{what:54} {1000 * middle:7.1f} ms  ({1000 * low:.1f} to {1000 * high:.1f})")


def opened(browser: Browser, site: str, fragment: str) -> tuple[float, Page]:
    """Open the stepper with nothing cached, until a row is shown."""
    page = browser.new_context(base_url=site).new_page()
    page.set_default_timeout(MILLISECONDS)
    begun = time.perf_counter()
    page.goto(f"/spec/stepper.html{fragment}")
    page.locator(".stepper-now strong").wait_for()
    return time.perf_counter() - begun, page


def first_steps(browser: Browser, site: str, fragment: str) -> list[float]:
    """Open it several times, one after the other."""
    taken = []
    for _ in range(RUNS):
        seconds, page = opened(browser, site, fragment)
        taken.append(seconds)
        page.context.close()  # and the Python that starts in it
    return taken


def main() -> int:
    """Measure and print."""
    with served() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        told("opened as it is: to the first step", first_steps(browser, site, ""))
        told("opened with a link: Python starts", first_steps(browser, site, f"#{LINK}"))
        page = opened(browser, site, f"#{LINK}")[1]
        told("one row forwards", [page.evaluate(STEP) / 1000 for _ in range(15)])
        told("two calls of vtd made anew", [page.evaluate(ASK, LINK) / 1000 for _ in range(15)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
