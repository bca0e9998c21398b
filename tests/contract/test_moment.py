# SPDX-License-Identifier: GPL-2.0-only
"""When a clause breaks."""

from __future__ import annotations

import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Scope, Session
from reference_impl.contract.moment import PROMPT, broken_by, moment
from reference_impl.contract.walk import Walk


def test_no_step_that_keeps_a_clause_breaks_it_on_the_way() -> None:
    """Or `PROMPT` names one of which the last word is the call's return."""
    judged = set()
    for name, scope in (
        ("merged", Scope(2, 1, 2, 1, 1)),
        ("vtd-repaired", Scope(1, 0, 3, 1, 1)),
    ):
        of = IMPLEMENTATIONS[name]
        for setting, starts in scope.starts(of.lacks, of.habitat):
            for number, (step, _) in enumerate(Walk(of, setting, starts, scope.faults, calls=2)):
                if number % 3:
                    continue
                for id in PROMPT:
                    clause = CLAUSES[id]
                    about = step.operation.kind in clause.on
                    if about and not clause.lacking(of.lacks, of.has):
                        judged.add(id)
                        assert not any(
                            broken_by(step, clause, n) for n in range(len(step.events))
                        ), (id, step, step.events)
    assert judged == PROMPT


def test_a_forbidden_thing_breaks_it_when_it_happens() -> None:
    group = Session("posted-v1")
    group.attach("A")
    step = group.replace("B", fail="d1")
    at = moment(step, CLAUSES["GSP-3"])
    assert step.events[at - 1][:3] == ("call", "d1", "blocked")
    assert at < len(step.events)


def test_a_missing_thing_breaks_it_at_the_end() -> None:
    group = Session("p4")
    group.attach("A")
    step = group.replace("B", fail="d1")
    assert moment(step, CLAUSES["INV-4"]) == len(step.events)


def test_what_holds_has_no_such_moment() -> None:
    step = Session("model").attach("A")
    with pytest.raises(ValueError, match="does not break ATT-8"):
        moment(step, CLAUSES["ATT-8"])
