# SPDX-License-Identifier: GPL-2.0-only
"""How a reader finds what stands where: search, keys, previews, filters, links from code."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

REPLACE = "/spec/notebooks/04_replace.html"
CLAUSES = "/spec/reference/clauses.html"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("REP-7", "spec/notebooks/04_replace.html#REP-7"),
        ("rep-7", "spec/notebooks/04_replace.html#REP-7"),
        ("VTD-17", "spec/notebooks/08_vtd_tracking.html#VTD-17"),
        ("EBUSY", "spec/reference/errno.html"),
        ("EOPNOTSUPP", "spec/reference/errno.html"),
        ("replace_device_pasid", "spec/reference/api.html"),
        ("iommu_replace_device_pasid", "spec/notebooks/04_replace.html"),
        ("pasid_array", "spec/notebooks/01_the_problem.html"),
        ("fb3de9f9b085", "spec/reference/versions.html"),
    ],
)
def test_what_is_typed_is_found(page: Page, typed: str, found: str) -> None:
    page.goto(REPLACE)
    page.keyboard.press("/")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?**")
    link = page.locator(f".clause-found a[href*='{found}'], #search-results a[href*='{found}']")
    expect(link.first).to_be_visible()


def test_j_and_k_go_from_clause_to_clause(page: Page) -> None:
    page.goto(REPLACE)
    cards = page.locator(".card-clause").evaluate_all("all => all.map((card) => card.id)")
    for card in cards[:3]:
        page.keyboard.press("j")
        assert page.url.endswith(f"#{card}")
    page.keyboard.press("k")
    assert page.url.endswith(f"#{cards[1]}")
    assert page.evaluate("document.activeElement.textContent") == cards[1]


def test_a_link_to_a_clause_says_what_it_says(page: Page) -> None:
    page.goto("/spec/notebooks/06_visibility.html")
    page.locator("[role=main] p a[href*='#REP-']").first.hover()
    preview = page.locator(".clause-preview")
    expect(preview).to_contain_text("since Linux")
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()


def test_the_index_shows_what_is_asked_for_and_the_address_keeps_it(page: Page) -> None:
    page.goto(CLAUSES)
    page.get_by_label("Family").select_option("INV")
    page.get_by_label("Broken by").select_option("posted-v1")
    rows = page.locator(".clause-index tbody tr:visible")
    ids = rows.locator("td:first-child").all_inner_texts()
    assert ids
    assert all(id.startswith("INV-") for id in ids)
    address = page.url
    page.goto("/")
    page.goto(address)
    expect(rows).to_have_count(len(ids))
    page.get_by_role("button", name="All").click()
    expect(rows).not_to_have_count(len(ids))


def test_a_line_of_code_leads_to_its_clause(page: Page) -> None:
    page.goto(REPLACE)
    link = page.locator(".cell_output .code-clause", has_text="REP-12")
    link.click()
    assert page.url.endswith("#REP-12")
    page.goto("/_modules/reference_impl/model/core.html")
    page.locator(".code-clause", has_text="GSP-3").click()
    expect(page.locator("#GSP-3")).to_be_in_viewport()


def test_the_front_page_is_on_one_screen(page: Page) -> None:
    """Its matrix whole, and the way in; on a screen of a laptop."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/")
    box = page.locator("table.overview").evaluate(
        "table => [table.scrollWidth - table.closest('.table-wrapper').clientWidth,"
        " table.getBoundingClientRect().bottom]"
    )
    assert box[0] <= 0
    for part in (".front-ways", ".front-found"):
        bottom = page.locator(part).evaluate("it => it.getBoundingClientRect().bottom")
        assert bottom <= 900, part


@pytest.mark.parametrize(
    ("family", "who", "leads_to"),
    [
        ("INV", "7.3.4/vtd", "linux.html#linux-broken-vtd"),
        ("INV", "6.12.117", "linux.html#linux-broken"),
        ("REP", "7.3.4", "linux.html#linux-rep"),
        ("ATT", "posted-v1", "broken/posted-v1.html#posted-v1-att"),
        ("VTD", "vtd", "broken/vtd.html#vtd-vtd"),
        ("REP", "merged", "matrix.html#rep"),
    ],
)
def test_a_cell_of_the_front_page_leads_to_its_verdicts(
    page: Page, family: str, who: str, leads_to: str
) -> None:
    page.goto("/")
    page.locator(f".overview a[title^='{family} on {who}:']").click()
    assert page.url.endswith(f"/spec/reference/{leads_to}")
    target = page.locator(f"[id='{leads_to.partition('#')[2]}']")
    below = "it => [it, it.parentElement, it.nextElementSibling].map((e) => e?.textContent).join()"
    assert f"{family}-" in target.evaluate(below)
