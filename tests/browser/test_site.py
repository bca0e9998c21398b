# SPDX-License-Identifier: GPL-2.0-only
"""Every page loads, with no error and no request to another host, and weighs little."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import SITE

PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
SENT_BYTES = 200_000
"""What a notebook's page and all that it loads may weigh as a public host sends it: compressed."""
PLAIN_BYTES = 500_000
"""And as `make serve` sends it."""


def test_every_page_loads(page: Page) -> None:
    """The fixture sees what goes wrong; and nothing is wider than a phone or a laptop."""
    assert len(PAGES) > 30
    wide = []
    for name in PAGES:
        page.goto(f"/{name}", wait_until="load")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(f"{name} at {width}")
    assert not wide


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("spec/notebooks/")])
def test_a_notebook_is_light_and_loads_no_python(page: Page, name: str) -> None:
    bodies: dict[str, bytes] = {}
    page.on("response", lambda got: bodies.__setitem__(got.url, got.body()))
    page.goto(f"/{name}")  # loaded: while a long page is read, the network is idle, too
    page.wait_for_load_state("networkidle")
    assert not [url for url in bodies if "pyodide" in url or url.endswith(".zip")]
    assert sum(map(len, bodies.values())) < PLAIN_BYTES
    assert sum(len(gzip.compress(body)) for body in bodies.values()) < SENT_BYTES


def test_counterexamples_open_in_the_stepper(page: Page) -> None:
    page.goto("/spec/reference/broken/p4.html")
    link = page.locator(".pasid-diagram[data-steps*='clause=INV-4'] .to-stepper")
    link.click()
    page.get_by_role("button", name="Go to where INV-4 breaks").click()
    assert "reached A, and reaches nothing" in page.locator(".stepper-broken").inner_text()


def test_each_drawing_of_the_broken_pages_has_a_link(page: Page) -> None:
    for path in sorted((SITE / "spec" / "reference" / "broken").glob("*.html")):
        page.goto(f"/spec/reference/broken/{path.name}")
        drawings = page.locator(".pasid-diagram").count()
        assert 0 < drawings == page.locator(".pasid-diagram .to-stepper").count(), path.name
