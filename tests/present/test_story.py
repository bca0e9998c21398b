# SPDX-License-Identifier: GPL-2.0-only
"""A story tells all calls of a counterexample, and draws the last."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from reference_impl.contract.step import Entry, Row
from reference_impl.present import diagram, story
from tests.present.seen import explored, replaced


def test_every_broken_clause_can_be_told() -> None:
    for name in ("posted-v1", "merged", "model"):
        for id, finding in explored(name).findings.items():
            if finding.verdict != "broken":
                continue
            text = repr(story(finding)).splitlines()
            for number, step in enumerate(finding.steps, 1):
                last = number == len(finding.steps)
                call = f"{number}. {step.operation}" if len(finding.steps) > 1 else step.operation
                told = f"{call} returns {step.outcome}" if not last else f"{call}  "
                assert any(line.startswith(told) for line in text), (id, told)
            assert text[-1] == f"breaks {id}: {finding.reason}"
            tree = ElementTree.fromstring(story(finding)._repr_html_())
            items = ["".join(item.itertext()) for item in tree.iter("li")]
            assert len(items) in (0, len(finding.steps))


def test_one_step_is_told_as_it_is_drawn() -> None:
    step = replaced(("lock",), ("unlock",), after=Row(Entry("A", "h"), ("A", "A")))
    assert repr(story([step])) == repr(diagram(step))


def test_it_says_what_was_there_at_first() -> None:
    step = replaced(("lock",), ("unlock",), after=Row(Entry("A", "h"), ("A", "A")))
    told = story([step, step])
    assert repr(told).startswith(
        "At first: the array says A, h; d0 reaches A; d1 reaches A\n"
        "1. replace(B, PASID 1, h') returns 0\n"
        "2. replace(B, PASID 1, h')  "
    )
    assert "<p>At first: the array says A, h; " in told._repr_html_()


def test_a_story_needs_a_step() -> None:
    with pytest.raises(ValueError, match="no step to draw"):
        story([])


def test_a_reason_is_text_and_not_markup() -> None:
    step = replaced(after=Row(Entry("A", "h"), ("A", "A")), result="crashed: <b>&")
    html = story([step])._repr_html_()
    assert "crashed: &lt;b&gt;&amp;" in html
    ElementTree.fromstring(html)
