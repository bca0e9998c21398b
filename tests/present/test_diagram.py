# SPDX-License-Identifier: GPL-2.0-only
"""A diagram shows each thing that happens and each state passed through, drawn and as text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from xml.etree import ElementTree

import pytest

from reference_impl.contract import Session, Step
from reference_impl.contract.step import Entry, Row, errno_name
from reference_impl.present import diagram
from reference_impl.present.bands import BAND
from reference_impl.present.drawing import svg
from reference_impl.present.layout import HEAD, layout
from reference_impl.present.rows import lines
from tests.present.seen import explored, replaced, steps

NAMES = ("model", "posted-v1", "merged")
SVG = "{http://www.w3.org/2000/svg}"


def without_repeats(states: Iterable[list[str]]) -> list[list[str]]:
    return [state for state, _ in itertools.groupby(states)]


def cells(slot: object, hardware: tuple[str | None, ...], step: Step) -> list[str]:
    """What a row of the twin must say, worked out from the step alone."""
    devices = zip(step.setting.devices, hardware, strict=True)
    shown = [domain or ("-" if device.max_pasids else ".") for device, domain in devices]
    if not isinstance(slot, Entry):
        return [*shown, "-" if slot is None else str(slot), "-"]
    return [*shown, slot.domain, (slot.handle if step.setting.handles else slot.domain) or "-"]


def rows(step: Step) -> list[str]:
    """The lines of the twin between its two heads and what stands under the devices' names."""
    text = repr(diagram(step)).splitlines()[2:]
    return [line for line in text if line.startswith(" ")]


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_passes_through_the_steps_moments(name: str) -> None:
    for step in steps(name):
        width = len(step.setting.devices) + 2
        passed = [
            line.split()[-width:]
            for line in rows(step)
            if "WARN" not in line and "crashed" not in line
        ]
        moments = [cells(m.slot, m.hardware, step) for m in step.moments()]
        if step.operation.handle == "h":  # to write to a published handle changes the array
            moments.append(cells(*step.after, step))
        assert without_repeats(passed) == without_repeats(moments), step
        assert passed[-1] == cells(*step.after, step), step


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_shows_each_call_with_its_answer(name: str) -> None:
    for step in steps(name):
        said = [line[4:] for line in rows(step)]
        asked = [line for line in said if ": set " in line]
        for call, line in zip(step.calls, asked, strict=True):
            answer = f" -> {errno_name(call.error) if call.error else 'ok'} "
            text = f"{call.device}: set {call.domain}, old {call.old or 'none'}"
            assert line.startswith(text + (answer if call.error is not None else "")), step
        assert sum(line.startswith("WARN: ") for line in said) == step.warnings
        assert sum(line.startswith("array: get memory -> ENOMEM") for line in said) == sum(
            event == ("no memory",) for event in step.events
        )
        if step.found or not isinstance(step.result, str):
            assert said[-1].split()[:2] == ["returns", step.found or step.outcome]
        else:
            assert said[-1].strip() == step.result


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_numbered_from_one(name: str) -> None:
    for step in steps(name):
        numbers = [line.number for line in lines(step) if line.number]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_twin_is_what_a_page_prints() -> None:
    found = next(
        step
        for step in steps("model")
        if step.operation.kind == "replace" and step.warnings and len(step.undoing) == 2
        if step.before == Row(Entry("A", "h"), ("A", None, "A"))
    )
    assert repr(diagram(found)).splitlines() == [
        "replace(B, PASID 1, h')            DMA reaches  array  page request",
        "                                   d0  n0  d1   says   finds",
        "    before                         A   .   A    A      h",
        "  1 d0: set B, old A -> ok         B   .   A    A      h",
        "  2 d1: set B, old A -> EIO        B   .   A    A      h",
        "  3 d0: set A, old B -> ENOSPC     B   .   A    A      h",
        "  4 WARN: d0 cannot go back to A for PASID 1",
        "  5 d0: set blocked, old B -> ok   -   .   A    A      h",
        "    returns -EIO                   -   .   A    A      h",
        "n0: no PASIDs",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_is_small_well_formed_and_alone(name: str) -> None:
    for step in steps(name)[::7]:
        html = diagram(step)._repr_html_()
        assert len(html) < 25_000
        tree = ElementTree.fromstring(html)
        drawing = tree.find(f".//{SVG}svg")
        assert drawing is not None
        assert drawing.get("role") == "img"
        assert str(step.operation) in (drawing[0].text or "")
        # an id or a style sheet would be shared by all the drawings of a page
        assert not [node for node in tree.iter() if node.get("id") or "style" in node.tag]
        assert tree.findtext("details/pre") == repr(diagram(step))
        # and what looks alike says so once: most bytes of a page would be repeated attributes
        looks = [str({**node.attrib, "d": ""}) for node in drawing if node.tag != f"{SVG}text"]
        assert len(looks) == len(set(looks))
    assert html == diagram(step)._repr_html_()


def texts(step: Step) -> list[tuple[float, float, str]]:
    tree = ElementTree.fromstring(svg(step))
    return [(int(t.get("x", 0)), int(t.get("y", 0)), t.text or "") for t in tree.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NAMES)
def test_the_drawing_says_what_the_twin_says(name: str) -> None:
    for step in steps(name)[::7]:
        said = texts(step)
        together = " ".join(text for _, _, text in said)
        for line in lines(step):
            assert line.text in together
            assert not line.answer or line.answer in [text for _, _, text in said]


@pytest.mark.parametrize("name", NAMES)
def test_each_band_is_labelled_wherever_it_changes(name: str) -> None:
    for step in steps(name)[::7]:
        shown = lines(step)
        said = sorted((y, x, text) for x, y, text in texts(step))
        at = layout(step, shown)
        for place, spec in enumerate(step.setting.devices):
            x = at.columns[place].x + BAND // 2
            labels = [text for y, tx, text in said if tx == x and y > HEAD]
            states = [line.hardware[place] or "blocked" for line in shown]
            if not spec.max_pasids:
                assert labels == []
                continue
            changes = [state for state, _ in itertools.groupby(states)]
            assert labels[: len(changes)] == changes
            assert labels[len(changes) :] in ([], changes[-1:])


def test_a_write_without_a_gap_and_one_with_a_gap_look_different() -> None:
    after = Row(Entry("A", "h"), ("B", "A"))
    asked, answered = ("call", "d0", "B", "A", 1, "h"), ("return", "d0", 0)
    gap, new = ("entry", "d0", 1, None), ("entry", "d0", 1, "B")
    lock, unlock = ("lock",), ("unlock",)
    hitless = repr(diagram(replaced(lock, asked, new, answered, unlock, after=after)))
    broken = repr(diagram(replaced(lock, asked, gap, new, answered, unlock, after=after)))
    assert [line.split()[-4] for line in hitless.splitlines()[2:]] == ["A", "B", "B"]
    assert [line.split()[-4] for line in broken.splitlines()[2:]] == ["A", "A", "-", "B", "B", "B"]


def test_the_mutex_is_shown_where_something_happens_without_it() -> None:
    after = Row(Entry("B", "h'"), ("A", "A"))
    store = ("array", 1, ("B", "h'"))
    without = repr(diagram(replaced(("lock",), ("unlock",), store, after=after)))
    within = repr(diagram(replaced(("lock",), store, ("unlock",), after=after)))
    kept = repr(diagram(replaced(("lock",), store, after=after)))
    assert "mutex: given back" in without
    assert "mutex" not in within
    assert "mutex: taken" in kept
    assert "mutex: taken" in repr(
        diagram(replaced(("lock",), store, ("unlock",), after=after), details=True)
    )


def test_what_concerns_another_pasid_is_named() -> None:
    step = replaced(
        ("lock",),
        ("call", "d0", "B", "A", 2, "h"),
        ("entry", "d0", 2, "B"),
        ("return", "d0", 0),
        ("array", 2, None),
        ("unlock",),
        after=Row(Entry("A", "h"), ("A", "A")),
        elsewhere=True,
    )
    text = repr(diagram(step))
    for said in ("d0: set B, old A, PASID 2 -> ok", "array: erase, PASID 2"):
        assert said in text
    assert text.endswith("Another PASID was changed too.")
    assert "Another PASID was changed too." in diagram(step)._repr_html_()


def test_a_reset_says_what_else_it_changes_and_when_it_is_over() -> None:
    group = Session("model-group", domains=1)
    group.attach("A")
    group.call("reset_prepare", "d0")
    group.call("reset_prepare", "d1")
    group.call("reset_prepare", "d1")
    inner, last = group.call("reset_done", "d1", pasid=1), group.call("reset_done", "d1", pasid=1)
    assert "d0 and d1: in reset, which has blocked it" in repr(diagram(inner))
    text = repr(diagram(last))
    assert "d0: in reset, which has blocked it\nd1: was in reset before this call\n" in text
    assert text.endswith("DMA without a PASID was changed too.")
    for said in (">in reset<", ">was in reset<"):
        assert said in svg(last)


def test_an_after_that_no_event_explains_has_a_row() -> None:
    step = replaced(("lock",), ("unlock",), after=Row(None, (None, "A")))
    assert "    after that " in repr(diagram(step))


def test_a_refused_call_says_when() -> None:
    refused = [s for s in steps("model") if s.result not in (0, None) and not s.at("call", "array")]
    assert {line.text for s in refused for line in lines(s) if "refused" in line.text} == {
        "refused before the mutex",
        "refused under the mutex",
    }
    for step in refused:
        if any(line.text == "refused before the mutex" for line in lines(step)):
            assert not step.events


def test_a_finding_is_drawn_with_its_reason() -> None:
    finding = explored("posted-v1").findings["REP-14"]
    shown = diagram(finding)
    assert repr(shown).startswith("replace(")
    assert repr(shown).endswith(f"breaks REP-14: {finding.reason}")
    tree = ElementTree.fromstring(shown._repr_html_())
    assert tree.findtext(".//strong") == f"breaks REP-14: {finding.reason}"


def test_what_holds_has_no_counterexample_to_draw() -> None:
    with pytest.raises(ValueError, match="no step that breaks REP-14: it is held"):
        diagram(explored("model").findings["REP-14"])
