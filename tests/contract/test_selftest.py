# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own test of PASIDs in iommufd passes on the model, for the reasons given."""

from __future__ import annotations

import re

import pytest

from reference_impl.contract import CLAUSES
from reference_impl.contract.selftest import (
    ATTACH,
    DEVICES,
    DIRTY,
    ROWS,
    Played,
    Row,
    play,
)

PLAYED = play()


def test_all_rows_are_played() -> None:
    assert [played.row for played in PLAYED] == list(ROWS)
    numbers = [int(row.id[1:]) for row in ROWS]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(40))


@pytest.mark.parametrize("played", PLAYED, ids=lambda each: f"{each.row.id} {each.step.operation}")
def test_a_row_passes_for_the_reason_given(played: Played) -> None:
    assert played.passed, played.result
    verdicts = {
        id: clause.predicate(played.step)
        for id, clause in CLAUSES.items()
        if played.step.operation.kind in clause.on
    }
    assert [id for id, verdict in verdicts.items() if isinstance(verdict, str)] == []
    assert verdicts[played.row.clause] is True


def test_the_variant_without_a_second_device() -> None:
    one = play(devices={"D": DEVICES["D"]})
    assert [each.row for each in one] == [row for row in ROWS if row.device == "D"]
    assert all(each.passed for each in one)


def refusing(played: Played) -> str:
    """The clause that the sentence of a refusal names."""
    found = re.match(r"[A-Z]+-\d+", played.said)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("limit", "without", "result", "by"),
    [
        (1, "IOAS", "EINVAL", "IFD-9"),  # the test's own case: the core is not asked
        (1, "S2", "EINVAL", "ATT-5"),  # now it is; the limit of a mock device is 1, not 0
        (0, "S2", "0", ""),  # and a group in which no device has PASIDs is attached (ATT-14)
    ],
)
def test_note_1(limit: int, without: str, result: str, by: str) -> None:
    rows = (
        Row("N1", ATTACH, "E", 0, without, "0"),
        Row("N1", ATTACH, "E", 100, "S2", "EINVAL"),
    )
    last = play(rows, {"E": limit})[-1]
    assert (last.result, refusing(last)) == (result, by)


@pytest.mark.parametrize(
    ("without", "result", "by"), [("IOAS", "EINVAL", "IFD-9"), ("S2", "0", "")]
)
def test_note_2(without: str, result: str, by: str) -> None:
    rows = (
        Row("N2", ATTACH, "no-dirty", 0, without, "0"),
        Row("N2", ATTACH, "no-dirty", 100, "DIRTY", "EINVAL"),
    )
    last = play(rows, {"no-dirty": 1 << 20}, DIRTY)[-1]
    assert (last.result, refusing(last)) == (result, by)


def test_without_a_pasid_dirty_tracking_is_looked_at() -> None:
    rows = (Row("N2", ATTACH, "no-dirty", 0, "DIRTY", "EINVAL"),)
    assert [each.result for each in play(rows, {"no-dirty": 1 << 20}, DIRTY)] == ["EINVAL"]
    assert [each.result for each in play(rows[:0], {"D": 1}, DIRTY)] == []
