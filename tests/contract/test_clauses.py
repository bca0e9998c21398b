# SPDX-License-Identifier: GPL-2.0-only
"""The registry has rules, and every clause is exercised and held in the default scope."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Clause, Exploration, Step
from reference_impl.contract.clause import CALLS, EXTRAS, Verdict, clause
from reference_impl.contract.recorder import DRIVER_ERRORS
from reference_impl.contract.setting import EVENTS

REQUIRED = [
    *(f"ATT-{n}" for n in range(1, 12)),
    *(f"REP-{n}" for n in range(1, 15)),
    *(f"DET-{n}" for n in range(1, 9)),
    *(f"GSP-{n}" for n in range(1, 8)),
    *(f"VIS-{n}" for n in (1, 2, 3, 4, 6, 7, 8, 9)),
    *(f"INV-{n}" for n in (1, 3, 4, 5, 6)),
    *(f"RID-{n}" for n in range(1, 8)),
    *(f"GRP-{n}" for n in range(1, 7)),
    *(f"RST-{n}" for n in (1, 3, 5, 7, 8, 9, 11, 12, 15)),
    *(f"OWN-{n}" for n in range(1, 6)),
    *(f"PRB-{n}" for n in range(1, 6)),
    *(f"CAP-{n}" for n in range(1, 4)),
    *(f"SVA-{n}" for n in range(1, 6)),
]
SOURCE = re.compile(r"MSG-([1-9]|1[0-3])|commit [0-9a-f]{12}|\w+\(\)")


def with_statement(_step: Step) -> Verdict:
    """A promise."""
    return None


def without_statement(_step: Step) -> Verdict:
    return None


GOOD: dict[str, Any] = {"since": "6.2", "sources": ["MSG-1"], "on": "attach"}


@pytest.mark.parametrize(
    ("id", "change", "predicate", "problem"),
    [
        ("ATT-1", {}, with_statement, "ATT-1 is taken"),
        ("NIX-1", {"sources": []}, with_statement, "NIX-1 needs a source and a statement"),
        ("NIX-1", {}, without_statement, "NIX-1 needs a source and a statement"),
        ("NIX-1", {"on": "attach detech"}, with_statement, "unknown operations: detech"),
    ],
)
def test_a_bad_clause_is_refused(
    id: str, change: dict[str, Any], predicate: Callable[[Step], Verdict], problem: str
) -> None:
    before = dict(CLAUSES)
    with pytest.raises(ValueError, match=problem):
        clause(id, "a title", **{**GOOD, **change})(predicate)
    assert before == CLAUSES


def test_a_good_clause_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference_impl.contract.clause.CLAUSES", registry := dict[str, Clause]())
    clause("NIX-1", "a title", **GOOD)(with_statement)
    assert registry["NIX-1"].statement == "A promise."
    assert registry["NIX-1"].family == "NIX"
    assert registry["NIX-1"].predicate is with_statement


def test_the_required_clauses_are_there() -> None:
    assert not set(REQUIRED) - set(CLAUSES)


@pytest.mark.parametrize("each", CLAUSES.values(), ids=lambda each: each.id)
def test_a_clause_is_well_formed(each: Clause) -> None:
    assert re.fullmatch(r"[A-Z]{3,4}-[1-9]\d*", each.id)
    assert re.fullmatch(r"[6-7]\.\d+", each.since)
    assert not each.title.endswith(".")
    assert each.statement.endswith(".")
    assert each.sources
    assert [source for source in each.sources if not SOURCE.fullmatch(source)] == []
    assert set(each.on) <= {*CALLS, *EVENTS}
    known = EXTRAS.union(*(it.lacks for it in IMPLEMENTATIONS.values()))
    assert each.needs is None or each.needs in known
    assert each.refuses is None or hasattr(errno, each.refuses)
    # an errno that a driver gives must not be one that the core gives
    assert each.refuses not in {errno.errorcode[number] for number in DRIVER_ERRORS}
    # the clauses that a statement names are there
    assert set(re.findall(r"[A-Z]{3,4}-\d+", each.statement)) <= set(CLAUSES)


def test_a_family_is_in_one_piece_and_in_order() -> None:
    """The order of the registry is the reading order, and the order of a call's checks."""
    families = [family for family, _ in groupby(CLAUSES.values(), lambda each: each.family)]
    assert len(families) == len(set(families))
    for family in families:
        numbers = [int(id.partition("-")[2]) for id in CLAUSES if id.startswith(family)]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("name", ["model", "merged"])
def test_every_clause_is_exercised_and_held(
    name: str, explored: Callable[[str], Exploration]
) -> None:
    findings = explored(name).findings
    assert list(findings) == list(CLAUSES)
    verdicts = {id: finding.verdict for id, finding in findings.items()}
    # a vacuous clause is "not-applicable"; those that only a driver can keep are not promised
    for id, clause_ in CLAUSES.items():
        assert verdicts[id] == ("not-promised" if clause_.needs in EXTRAS else "held")
    assert {f.reason for f in findings.values() if f.promised} == {""}
    assert {f.trace for f in findings.values()} == {None}
