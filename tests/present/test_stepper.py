# SPDX-License-Identifier: GPL-2.0-only
"""What the stepper's page is told."""

from __future__ import annotations

import json

import pytest

from reference_impl.contract import IMPLEMENTATIONS, replay
from reference_impl.present import browser
from reference_impl.present.links import STEPPED, LinkError, opened
from reference_impl.present.stepper import stepper, steps, worst

POSTED = "run=posted-v1&scope=2,1,2,1&in=group&call=attach,d0,1,A&call=replace,d0,1,B,,,001"


def test_it_tells_each_call_and_each_row() -> None:
    told = stepper(POSTED)
    attach, replace = told["calls"]
    assert (attach["outcome"], replace["outcome"]) == ("0", "-EIO")
    assert len(replace["tops"]) == len(replace["rows"]) + 1
    assert told["heads"] == (
        *("", "array says", "page request finds", "d0 reaches", "n0 reaches", "d1 reaches"),
    )
    failed = next(row for row in replace["rows"] if row["wrong"])
    assert (failed["text"], failed["answer"]) == ("d1: set B, old B", "EIO")
    assert failed["cells"] == ["B", "B", "B", "no PASIDs", "blocked"]
    assert json.loads(json.dumps(told["calls"]))[1]["said"] == "d1 cannot set B"


def test_a_clause_breaks_at_its_row() -> None:
    rows = {each["id"]: each["row"] for each in stepper(POSTED)["calls"][1]["broken"]}
    texts = [row["text"] for row in stepper(POSTED)["calls"][1]["rows"]]
    assert texts[rows["REP-14"]] == "d0: set blocked, old A"
    assert texts[rows["GSP-3"]] == "d1: set blocked, old B"
    assert texts[rows["GSP-5"]] == "returns -EIO"


def test_what_may_fail_is_what_the_rows_show() -> None:
    told = stepper(POSTED)["calls"][1]
    choices = [(each["what"], each["fails"]) for each in told["choices"]]
    assert choices[:3] == [
        *(("array: memory", False), ("d0: set B", False), ("d1: set B", True)),
    ]
    assert all(each["what"][:2] in told["rows"][each["row"]]["text"] for each in told["choices"])


def test_a_choice_decides_what_is_asked_next() -> None:
    bits = [each["fails"] for each in stepper(POSTED)["calls"][1]["choices"]]
    assert bits == [False, False, True, False, False, False]
    both = stepper(POSTED + "01")["calls"][1]
    assert [each["fails"] for each in both["choices"]][:5] == [False, False, True, False, True]


def test_what_is_missing_cannot_be_called() -> None:
    for call in ("replace,d0,1,B,old", "reset_done,d0,1", "mm_release,d0,1,D"):
        with pytest.raises(LinkError, match="something before it is missing"):
            stepper(f"run=vtd&scope=2,0,6,1&call={call}")


@pytest.mark.parametrize("name", STEPPED)
def test_every_implementation_can_be_stepped_through(name: str) -> None:
    handles = "handles" not in IMPLEMENTATIONS[name].lacks
    pasid = (IMPLEMENTATIONS[name].habitat or IMPLEMENTATIONS["vtd"].habitat).pasids[0]  # type: ignore[union-attr]
    for call in stepper(f"run={name}&call=attach,d0,{pasid},A{',new' * handles}")["calls"]:
        assert call["outcome"] == "0"
        assert call["rows"][-1]["cells"][0] == "A"


def test_the_worst_is_broken_where_its_link_leads() -> None:
    found = worst("run=p4&scope=2,0,2,1")
    assert [each["id"] for each in found["broken"]][:2] == ["INV-3", "INV-6"]
    for each in found["broken"]:
        last = stepper(each["link"])["calls"][-1]
        assert {"id": each["id"], "reason": each["reason"]}.items() <= {
            key: value
            for shown in last["broken"]
            if shown["id"] == each["id"]
            for key, value in shown.items()
        }.items()
    assert worst("run=model&scope=1,0,1,1")["broken"] == []


def test_steps_are_the_packages_own() -> None:
    assert steps(POSTED) == [step.to_json() for step in replay(*opened(POSTED))]


def test_a_page_gets_an_answer_or_a_sentence() -> None:
    ask = browser.answer
    assert json.loads(ask("steps", json.dumps([POSTED]), print))["answer"] == json.loads(
        json.dumps(steps(POSTED))
    )
    assert "there is no" in json.loads(ask("stepper", '["run=x"]', print))["wrong"]
    counts: list[tuple[int, ...]] = []
    ask("worst", '["run=posted-v1&scope=1,0,1,1"]', lambda *seen: counts.append(seen))
    assert counts
