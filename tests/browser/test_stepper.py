# SPDX-License-Identifier: GPL-2.0-only
"""The stepper, as a reader uses it."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, Page, expect

from reference_impl.present.stepper import stepper, steps
from tests.browser.vectors import vectors

STEPPER = "/spec/stepper.html"
POSTED = "run=posted-v1&scope=2,1,2,1&in=group&call=attach,d0,1,A&call=replace,d0,1,B,,,001"
ASK = "([what, given]) => import('/_static/python.js').then((python) => python.ask(what, given))"


def now(page: Page) -> str:
    """What the row says where the reader stands."""
    return page.locator(".stepper-now strong").inner_text()


def test_fifty_steps_are_what_cpython_gives(page: Page) -> None:
    wanted = vectors()
    assert len(set(wanted)) >= 50
    page.goto("/")
    for each in wanted:
        told = page.evaluate(ASK, ["steps", [each]])["answer"]
        assert told == json.loads(json.dumps(steps(each))), each


def test_what_the_page_is_told_is_what_cpython_tells(page: Page) -> None:
    page.goto("/")
    told = page.evaluate(ASK, ["stepper", [POSTED]])["answer"]
    assert told == json.loads(json.dumps(stepper(POSTED)))


def test_forwards_and_backwards_with_the_keyboard_alone(page: Page) -> None:
    page.goto(STEPPER)
    rows = stepper(POSTED)["calls"][1]["rows"]
    assert now(page) == "before"
    for row in rows[1:]:
        page.keyboard.press("ArrowRight")
        assert row["text"] in now(page)
    assert page.get_by_role("button", name="Forward").is_disabled()
    page.keyboard.press("ArrowLeft")
    assert rows[-2]["text"] in now(page)
    page.keyboard.press("Home")
    assert page.locator("[aria-current=step]").inner_text().startswith("attach(A")
    assert page.get_by_role("button", name="Back").is_disabled()
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator("[aria-current=step]").inner_text().startswith("replace(B")
    assert page.url.endswith("at=2.0")


def test_a_call_is_made_and_fails_with_the_keyboard_alone(page: Page) -> None:
    page.goto(f"{STEPPER}#run=merged&scope=2,0,2,1")
    page.locator(".stepper-drawing p").wait_for()

    def to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("(it) => document.activeElement.matches(it)", selector):
                return
        raise AssertionError(f"Tab never reaches {selector}")

    to(".stepper-next [name=kind]")
    to(".stepper-next [name=domain]")
    to(".stepper-next [type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator(".stepper-calls li")).to_have_count(1)
    to(".stepper-choices label:last-child input")
    page.keyboard.press("Space")
    expect(page.locator(".stepper-calls .stepper-go")).to_contain_text("-EIO")
    expect(page.locator(".stepper-choices label")).to_have_count(4)  # its undoing may fail too
    page.keyboard.press("End")
    assert now(page) == "returns -EIO"


def test_a_clause_breaks_when_its_row_is_reached(page: Page) -> None:
    page.goto(STEPPER)
    shown = page.locator(".stepper-broken li")
    broken = {each["id"]: each["row"] for each in stepper(POSTED)["calls"][1]["broken"]}
    for row in range(max(broken.values()) + 1):
        due = sorted(id for id, at in broken.items() if at <= row)
        assert sorted(shown.locator("a").all_inner_texts()) == due
        page.keyboard.press("ArrowRight")
    href = shown.locator("a", has_text="GSP-3").get_attribute("href")
    assert href
    page.goto(href)
    assert page.locator("#GSP-3").is_visible()


def test_a_link_leads_to_the_same_row(page: Page) -> None:
    page.goto(f"{STEPPER}#{POSTED}&at=2.6")
    page.locator(".stepper-now strong").wait_for()
    assert "d1: set B" in now(page)
    page.keyboard.press("ArrowRight")
    address = page.url
    page.goto("/")
    page.goto(address)
    page.locator(".stepper-now strong").wait_for()
    assert "d0: set blocked" in now(page)


def test_a_wrong_link_gets_one_sentence(page: Page) -> None:
    page.goto(f"{STEPPER}#run=nobody")
    expect(page.locator(".stepper-status")).to_contain_text("there is no 'nobody'")


def test_the_worst_is_found_and_opened(page: Page) -> None:
    page.goto(f"{STEPPER}#run=p4&scope=2,0,2,1")
    page.get_by_role("button", name="Find the worst").click()
    expect(page.locator(".stepper-found")).to_contain_text("clauses are broken")
    page.locator(".stepper-found a", has_text="INV-4").click()
    page.get_by_role("button", name="Go to where INV-4 breaks").click()
    assert page.locator(".stepper-fresh a", has_text="INV-4").is_visible()


def test_a_long_search_can_be_stopped(page: Page) -> None:
    page.goto(f"{STEPPER}#run=vtd&scope=3,1,6,2")
    page.get_by_role("button", name="Find the worst").click()
    expect(page.locator(".stepper-found")).to_contain_text("states,")
    page.keyboard.press("Home")  # the page goes on meanwhile
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".stepper-found")).to_contain_text("ended early: stopped")
    page.get_by_label("Implementation").select_option("merged")
    expect(page.locator(".stepper-next [name=handle]")).to_be_visible()


def test_another_implementation_gets_the_same_calls(page: Page) -> None:
    page.goto(STEPPER)
    page.get_by_label("Implementation").select_option("p7")
    page.wait_for_url("**run=p7**")
    expect(page.locator(".stepper-calls .stepper-go")).to_have_count(2)
    page.go_back()
    expect(page.get_by_label("Implementation")).to_have_value("posted-v1")


def test_code_in_a_link_is_shown_before_it_runs(page: Page) -> None:
    changed = "run=model&old=insert%28pasid,%20RESERVED%29&new=insert%28pasid,%20entry%29"
    page.goto(f"{STEPPER}#{changed}&scope=1,0,1,1&call=attach,d0,1,A,new")
    expect(page.locator(".stepper-status pre")).to_contain_text("+ insert(pasid, entry)")
    assert page.locator(".stepper-calls li").count() == 0
    page.get_by_role("button", name="Run it with this change").click()
    expect(page.locator(".stepper-calls li")).to_contain_text("✗")


def test_without_javascript_there_is_a_drawing(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto(STEPPER)
    assert page.locator(".stepper-static svg").is_visible()
    assert page.locator(".stepper-who").is_hidden()
    context.close()
