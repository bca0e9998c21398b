# SPDX-License-Identifier: GPL-2.0-only
"""Tables say what the exploration found, with links in Markdown and aligned in a terminal."""

from __future__ import annotations

import pytest

from reference_impl.contract import CLAUSES
from reference_impl.contract.step import Entry, Row, State
from reference_impl.present import array, matrix, verdicts
from reference_impl.present.tables import WIDTH, Table
from tests.present.seen import SMALL, explored, replaced


def test_every_clause_has_its_verdict_and_its_numbers() -> None:
    seen = explored("posted-v1")
    shown = verdicts(seen)
    assert [row[0] for row in shown.rows] == list(CLAUSES)
    for id, said, held, broken, why in shown.rows:
        finding = seen.findings[id]
        assert said[2:].replace(" ", "-") == finding.verdict
        assert (held, broken) == (f"{finding.held:,}", f"{finding.broken:,}")
        assert why == (finding.reason or finding.clause.title)


def test_clauses_and_families_come_in_the_order_asked_for() -> None:
    ids = [row[0] for row in verdicts(explored("model"), "REP-14", "ATT", "REP-14").rows]
    assert ids == ["REP-14", *(id for id in CLAUSES if id.startswith("ATT-"))]


@pytest.mark.parametrize("wanted", ["REP-99", "NONE", ""])
def test_an_unknown_clause_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match=f"no clause or family {wanted}; there are .*REP"):
        verdicts(explored("model"), wanted)


def test_the_matrix_has_a_column_for_each_implementation() -> None:
    names = ["model", "posted-v1", "merged"]
    shown = matrix(map(explored, names), ["REP"])
    assert shown.heads == ("clause", *names, "title")
    for id, *said, title in shown.rows:
        verdict = [explored(name).findings[id].verdict for name in names]
        assert [each[2:].replace(" ", "-") for each in said] == verdict
        assert title == CLAUSES[id].title
    assert [row[0] for row in matrix([explored("model")]).rows] == list(CLAUSES)


def test_markdown_links_the_clauses_and_marks_the_broken() -> None:
    rows = verdicts(explored("posted-v1"), "REP-1", "REP-14")._repr_markdown_().splitlines()
    assert rows[2].startswith("| {need}`REP-1` | ✓\N{NO-BREAK SPACE}held | ")
    assert rows[3].startswith("| {need}`REP-14` | **✗\N{NO-BREAK SPACE}broken** | ")


def test_markdown_cells_are_text() -> None:
    row = Table(["x"], [["a|b *c* __d__ <e>"]])._repr_markdown_().splitlines()[2]
    assert row == r"| a\|b \*c\* \_\_d\_\_ \<e> |"


def test_text_is_aligned_and_no_wider_than_a_terminal() -> None:
    lines = repr(verdicts(explored("posted-v1"))).splitlines()
    assert max(map(len, lines)) <= WIDTH
    start = lines[0].index("what it promises")
    assert all(line[start - 2 : start] == "  " for line in lines)
    assert all(line[start] != " " for line in lines)


def test_the_array_of_a_step_and_of_a_state() -> None:
    step = replaced(after=Row(Entry("B", None), ("B", None)))
    shown = array(step)
    assert shown.heads == (
        "",
        "array says",
        "page request finds",
        "d0 reaches",
        "d1 reaches",
    )
    assert shown.rows == (("before", "A", "h", "A", "A"), ("after", "B", "nothing", "B", "blocked"))
    nothing = Row(None, (None, None))
    state = array(State((Row("reserved", ("A", None)), nothing)), step.setting)
    assert state.rows == (
        ("PASID 1", "reserved", "nothing", "A", "blocked"),
        ("PASID 2", "empty", "nothing", "blocked", "blocked"),
    )


def test_a_device_without_pasids_is_not_blocked() -> None:
    setting, (start, *_) = next(SMALL.starts())
    assert array(start, setting).rows[0][3:] == ("blocked", "no PASIDs", "blocked")


def test_a_state_needs_its_setting() -> None:
    with pytest.raises(TypeError, match="give its setting"):
        array(State((Row(None, (None,)),)))
