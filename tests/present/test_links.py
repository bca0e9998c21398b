# SPDX-License-Identifier: GPL-2.0-only
"""What a link opens is what the one who made it saw."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Scope, Session, explore, replay
from reference_impl.present.links import LinkError, beside, link, opened
from reference_impl.present.views import Diagram
from tools import notebooks

DIAGRAM = re.compile(r'<div class="pasid-diagram"( data-steps="(?P<link>[^"]*)")?>')
TEXT = re.compile(r"<details><summary>As text</summary><pre>(.*?)</pre>", re.DOTALL)


def stored() -> Iterator[tuple[str, str, str]]:
    """Of each diagram in a notebook: where, its link, and its text."""
    for path in notebooks.paths():
        for cell in notebooks.read(path).cells:
            for output in cell.get("outputs", []):
                drawn = output.get("data", {}).get("text/html", "")
                if found := DIAGRAM.search(drawn):
                    text = TEXT.search(drawn)
                    assert text
                    opens = html.unescape(found["link"] or "")
                    yield f"{path.name}: {cell.source}", opens, html.unescape(text[1])


def test_a_notebooks_links_open_what_is_drawn_there() -> None:
    seen = list(stored())
    assert len(seen) > 50
    for where, opens, text in seen:
        if not opens:
            continue
        steps = replay(*opened(opens))
        clause = parse_qs(opens).get("clause", [""])[0]
        reason = clause and f"breaks {clause}: {CLAUSES[clause].predicate(steps[-1])}"
        told = [
            repr(Diagram(shown, reason, details, beside(opens, steps[-1])))
            for shown in (steps, steps[-1:])
            for details in (False, True)
        ]
        assert text in told, where


def test_only_what_the_stepper_cannot_make_has_no_link() -> None:
    """What the reader writes, the death of a process in the middle of a call, iommufd."""
    without = [
        where.splitlines()[-1]
        for where, opens, _ in stored()
        if not opens and not where.startswith("10_iommufd")
    ]
    assert [where.partition("story(")[2] for where in without] == [
        'found["vtd"].steps)',
        'found["smmuv3"].kinds["detach"])',
        'judged.findings["DRV-2"])',
        'judge_driver(Hasty, flushes=True).findings["DRV-2"])',
        'judged.findings["DRV-2"])',
        'seen.findings["INV-4"])',
    ]


@pytest.mark.parametrize("name", ["posted-v1", "p1", "p7", "amd", "vtd-in-place"])
def test_every_counterexample_comes_back(name: str) -> None:
    seen = explore(IMPLEMENTATIONS[name], Scope(2, 1, 2, 1, 1), calls=2)
    assert seen.with_verdict("broken")
    for id in seen.with_verdict("broken"):
        finding = seen.findings[id]
        implementation, trace = opened(link(finding.steps[-1], id))
        assert implementation.name == name
        again = replay(implementation, trace)
        assert again == finding.steps
        assert CLAUSES[id].predicate(again[-1]) == finding.reason


def test_a_session_that_was_put_into_a_state_begins_there() -> None:
    group = Session("model", devices=2)
    group.attach("A")
    group.reset("d1")
    step = group.replace("B")
    assert "reset=d1" in link(step)
    assert replay(*opened(link(step))) == (step,)


def test_an_implementation_that_only_has_the_name_is_not_linked() -> None:
    other = replace(IMPLEMENTATIONS["mock"], name="model")
    assert link(Session(IMPLEMENTATIONS["mock"]).attach("A", 1024))
    assert link(Session(other).attach("A", 1024)) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run=nobody", "there is no 'nobody'"),
        ("run=model&scope=9,0,1,1", "devices is 9"),
        ("run=model&scope=two", "the scope makes no sense"),
        ("run=model&in=nowhere", "there is no 'nowhere'"),
        ("run=model&call=jump,d0,1,A", "'jump'; there are attach"),
        ("run=model&call=attach,d7,1,A", "'d7'; there are d0"),
        ("run=model&call=attach,d0,one,A", "is not kind,device,PASID"),
        ("run=model&call=attach,d0,1,A,new,,2", "is not kind,device,PASID"),
        ("run=model&call=attach,d0,1", "names ''"),
        ("run=model&row=Q", "the row 'Q'"),
        ("run=model&scope=1,0,1,2&row=A", "1 rows are given for 2 PASIDs"),
        ("run=model&reset=d9", "reset names"),
        ("run=vtd&notes=7", "notes is 7"),
        ("run=model&old=nothing+like+it&new=x", "stands 0 times"),
        ("run=model&of=colour&old=a&new=b", "the change cannot be made"),
    ],
)
def test_a_wrong_link_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(LinkError) as told:
        opened(text)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
