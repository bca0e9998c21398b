# SPDX-License-Identifier: GPL-2.0-only
"""axe-core finds no violation of WCAG 2.2 AA on any kind of page, in light and in dark."""

from __future__ import annotations

import tarfile

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import MILLISECONDS
from tools.npm import FetchError, Package

AXE = Package(
    "axe-core@4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
KINDS = (
    "index.html",
    "search.html?q=REP-7",
    "genindex.html",
    "spec/stepper.html",
    "spec/notebooks/04_replace.html",
    "spec/notebooks/08_vtd_tracking.html",
    "spec/reference/api.html",
    "spec/reference/booted.html",
    "spec/reference/broken/p1.html",
    "spec/reference/changes.html",
    "spec/reference/checklist.html",
    "spec/reference/clauses.html",
    "spec/reference/errno.html",
    "spec/reference/glossary.html",
    "spec/reference/linux.html",
    "spec/reference/matrix.html",
    "spec/reference/messages.html",
    "spec/reference/reading.html",
    "spec/reference/vectors.html",
    "spec/reference/versions.html",
    "_modules/reference_impl/model/core.html",
)
RUN = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
    const found = await axe.run(document, {
        runOnly: { type: "tag", values: tags },
        rules: { "target-size": { enabled: true } },
        resultTypes: ["violations"],
    });
    return found.violations.map((each) =>
        `${each.id}: ${each.nodes.length} times, as in ${each.nodes[0].target}`
        + ` (${each.nodes[0].any.concat(each.nodes[0].all).map((check) => check.message)[0]})`);
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    """Its script."""
    try:
        packed = AXE.fetch()
    except FetchError as why:
        pytest.skip(f"{AXE.name} cannot be had: {why}")
    with tarfile.open(packed) as tar:
        script = tar.extractfile("package/axe.min.js")
        assert script, "axe.min.js is a file of the package"
        return script.read().decode()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation(browser: Browser, site: str, axe: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        base_url=site,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    found = {}
    for name in KINDS:
        page.goto(f"/{name}")  # loaded: while a long page is read, the network is idle, too
        page.wait_for_load_state("networkidle")
        page.evaluate(axe)
        if violations := page.evaluate(RUN):
            found[name] = violations
    context.close()
    assert not found
