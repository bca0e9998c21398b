# SPDX-License-Identifier: GPL-2.0-only
"""Cells of a notebook's page, changed and run."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

NOTEBOOK = "/spec/notebooks/01_the_problem.html"


def cell(page: Page, number: int) -> Locator:
    """One of the page's cells, counted from 0."""
    return page.locator("div.cell", has=page.locator(".cell_input")).nth(number)


def test_a_changed_cell_runs_and_the_published_text_comes_back(page: Page) -> None:
    page.goto(NOTEBOOK)
    one = cell(page, 1)
    published = one.locator(".cell_output").inner_text()
    one.get_by_role("button", name="Edit").click()
    area = one.locator("textarea")
    area.fill(area.input_value().replace('"A"', '"B"'))
    area.press("Shift+Enter")  # needs what the cell before it defines
    fresh = one.locator(".cell-fresh")
    expect(fresh.locator("code").first).to_have_text("attach(B, PASID 1, h')")
    assert fresh.locator(".to-stepper").is_visible()
    assert one.locator(".cell_output:visible").count() == 1
    one.get_by_role("button", name="Reset").click()
    assert one.locator(".cell_output").inner_text() == published
    assert one.locator("pre").first.is_visible()
    assert one.locator("textarea").count() == 0


def test_a_cell_that_is_run_again_begins_anew(page: Page) -> None:
    page.goto(NOTEBOOK)
    one = cell(page, 1)
    one.get_by_role("button", name="Edit").click()
    for _ in range(2):  # in one group, the second attach would be refused
        one.get_by_role("button", name="Run").click()
        expect(one.locator("[role=status]")).to_contain_text("This is what it gives now")
        assert "returns 0" in one.locator(".cell-fresh svg").inner_html()


def test_an_error_is_shown_where_it_is(page: Page) -> None:
    page.goto(NOTEBOOK)
    one = cell(page, 0)
    one.get_by_role("button", name="Edit").click()
    one.locator("textarea").fill("1 / 0")
    one.get_by_role("button", name="Run").click()
    expect(one.locator(".cell-fresh")).to_contain_text("ZeroDivisionError: division by zero")
