# SPDX-License-Identifier: GPL-2.0-only
"""A page request is drawn beside a call: its moves where they happen, and where it is meanwhile."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Scope, Session, Step, explore
from reference_impl.contract.requests import Request, fates
from reference_impl.contract.requests import requests as every_request
from reference_impl.present import diagram, requests, story
from reference_impl.present.drawing import svg
from reference_impl.present.rows import lines


def replaced() -> Step:
    group = Session("model", devices=2)
    group.attach("A")
    return group.replace("B")


def states(step: Step, request: Request) -> list[str]:
    return [line.request for line in lines(step, request=request)]


def test_its_moves_stand_where_they_happen() -> None:
    step = replaced()
    late = next(each for each in fates(step) if each.held and each.found == "h")
    assert repr(diagram(step, request=late)).splitlines() == [
        "replace(B, PASID 1, h')                 DMA reaches  array  page request  request",
        "                                        d0  d1       says   finds         is",
        "    before                              A   A        A      h             -",
        "  1 d0: set B, old A                    A   A        A      h             -",
        "  2 d0: writes B                        B   A        A      h             -",
        "    d0: asks for a page of B            B   A        A      h             asked",
        "    request: finds h                    B   A        A      h             has h",
        "  3 d0: answers -> ok                   B   A        A      h             has h",
        "  4 d1: set B, old A -> ok              B   B        A      h             has h",
        "  5 array: store B, h'                  B   B        B      h'            has h",
        "    returns 0                           B   B        B      h'            has h",
        "    caller: may free h                  B   B        B      h'            has h",
        "    request: handed to the owner of h   B   B        B      h'            at h",
    ]


def test_nothing_but_its_rows_is_added() -> None:
    step = replaced()
    plain = [line.text for line in lines(step)]
    for each in fates(step):
        shown = lines(step, request=each)
        texts = [line.text for line in shown]
        own = [
            text for text in texts if text.startswith(("request: ", "caller: ")) or "asks" in text
        ]
        assert len(own) in (2, 3, 4)
        rest = [text for text in texts if text not in own]
        # a row that it splits says the same in more rows
        assert [text for text in rest if "writes" not in text and "answers" not in text] == plain
        numbers = [line.number for line in shown if line.number]
        assert numbers == list(range(1, len(numbers) + 1))


def test_it_passes_through_its_states_in_order() -> None:
    step = replaced()
    for each in every_request(step):
        passed = list(dict.fromkeys(states(step, each)))
        assert passed[:1] in ([""], ["asked"]) or each.raised == 0
        assert passed[-3:] == ["asked", f"has {each.found}", f"at {each.found}"]


def test_one_that_is_turned_away_is_refused() -> None:
    step = Session("model", devices=2).attach("A", fail="d1")
    shown = states(step, fates(step)[0])
    assert shown[-1] == "refused"
    assert "finds nothing" in repr(diagram(step, request=fates(step)[0]))


def test_a_device_on_no_queue_is_told() -> None:
    found = explore(IMPLEMENTATIONS["vtd"], Scope(1, 0, 2, 1, 0), calls=2)
    told = repr(story(found.findings["VIS-8"]))
    assert "request: d0 is on no fault queue" in told
    assert told.endswith("breaks VIS-8: a request of d0 for B holds h when the call returns")


@pytest.mark.parametrize("name", ["p3", "p2", "smmuv3"])
def test_a_finding_about_a_request_draws_it(name: str) -> None:
    found = explore(IMPLEMENTATIONS[name], Scope(2, 0, 2, 1, 1), calls=2)
    for id in ("VIS-6", "VIS-7", "VIS-8", "VIS-9"):
        finding = found.findings[id]
        if finding.verdict == "broken":
            shown = story(finding)
            assert shown.request
            tree = ElementTree.fromstring(shown._repr_html_())
            assert tree.findtext("details/pre") == repr(shown)
            drawn = "".join(tree.itertext())
            for line in lines(shown.last, request=shown.request):
                assert line.request in drawn


def test_without_a_request_there_is_no_column() -> None:
    step = replaced()
    assert svg(step).count(">request<") == 0
    assert svg(step, request=fates(step)[0]).count(">request<") == 1


def test_the_table_has_a_row_for_each_fate() -> None:
    step = replaced()
    told = repr(requests(step)).splitlines()
    assert len(told) == 1 + len(fates(step))
    assert sum("the end of h" in line for line in told) == 2
    assert not any("turned away" in line for line in told)
