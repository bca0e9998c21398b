# SPDX-License-Identifier: GPL-2.0-only
"""What reading predicted is found by running, or its prediction says why it is wrong."""

from __future__ import annotations

from dataclasses import replace

from reference_impl.contract import CLAUSES
from reference_impl.contract.predictions import PREDICTIONS, ask

NAMED = {"DEF-1", "DEF-2", "DEF-5a", "DEF-5b", "DEF-8", "DEF-10", "3.2", "3.3", "3.4", "3.5"}


def test_each_is_found_or_has_a_reason() -> None:
    for said in ask():
        assert said.found != bool(said.prediction.instead), said
        assert said.steps


def test_all_that_was_read_is_there() -> None:
    assert {each.id for each in PREDICTIONS} == NAMED
    assert {each.clause for each in PREDICTIONS} <= set(CLAUSES)


def test_a_wrong_prediction_is_not_found() -> None:
    """Not in another step, and not if nothing ever shows it."""
    first = PREDICTIONS[0]
    assert first.verdict == "broken"
    elsewhere = replace(first, shows=lambda step: step.operation.kind == "detach")
    never = replace(PREDICTIONS[1], shows=lambda _: False)
    assert [said.found for said in ask([first, elsewhere, never])] == [True, False, False]
