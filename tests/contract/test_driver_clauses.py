# SPDX-License-Identifier: GPL-2.0-only
"""Each driver keeps and breaks what the sources say, and no clause of theirs is idle."""

from __future__ import annotations

from functools import cache

import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Exploration, Scope, explore
from reference_impl.contract.bugs import BUGS, catch

SCOPE = Scope(2, 0, 3, 1, 1)
LATE = {"VIS-7", "VIS-8", "VIS-9"}
"""What a driver breaks that does not drain, or not always."""
DRIVERS = ["vtd", "vtd-in-place", "vtd-repaired", "smmuv3", "amd", "mock"]


@cache
def seen(name: str) -> Exploration:
    return explore(IMPLEMENTATIONS[name], SCOPE)


def shortest(name: str, clause: str) -> list[tuple[str, str]]:
    return [(str(s.operation), s.outcome) for s in seen(name).findings[clause].steps]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        (
            "vtd",
            {"INV-2", "INV-4", "DRV-2", "VTD-3", "VTD-6", "VTD-7", "VTD-11", "VTD-15", *LATE},
        ),
        ("vtd-in-place", {"VTD-3", "VTD-4", "VTD-6", "VTD-11", "VTD-15", *LATE}),
        ("vtd-repaired", set()),
        ("smmuv3", {"DRV-4", "DRV-5", *LATE}),
        ("amd", {"ATT-9", "INV-1", "INV-9", "DRV-1", "DRV-4", "DRV-6", "DRV-9", *LATE}),
        ("mock", LATE),
    ],
)
def test_what_is_broken(name: str, broken: set[str]) -> None:
    assert set(seen(name).with_verdict("broken")) == broken


def test_no_clause_is_idle() -> None:
    judged = {
        id
        for name in DRIVERS
        for id, finding in seen(name).findings.items()
        if finding.held or finding.broken
    }
    assert {id for id in CLAUSES if id.startswith(("DRV", "VTD"))} <= judged


def test_no_clause_of_vtd_is_idle_for_it() -> None:
    assert not [id for id in seen("vtd").with_verdict("not-applicable") if id.startswith("VTD")]


def test_a_core_alone_promises_nothing_of_drivers() -> None:
    found = seen("model").findings
    said = {f.reason for id, f in found.items() if id.startswith(("DRV", "VTD"))}
    assert said == {
        "model has no driver",
        "model has no vtd",
        "model has no RID",
        "model has no resets",
    }


def test_bad_user_data_is_found_too_late() -> None:  # DEF-1
    assert shortest("vtd", "DRV-2") == [
        ("attach(A, PASID 1, h')", "0"),
        ("replace(C, PASID 1, h')", "-EINVAL"),
    ]
    assert seen("vtd-in-place").findings["DRV-2"].verdict == "held"


def test_a_replace_stops_listening_too_early() -> None:  # DEF-2
    assert "is not on the fault queue" in seen("vtd").findings["VTD-3"].reason
    assert "nobody hears" in seen("vtd").findings["VTD-6"].reason


def test_so_a_request_holds_a_handle_that_is_free() -> None:  # DEF-2
    assert shortest("vtd", "VIS-8") == [
        ("attach(B, PASID 1, h')", "0"),
        ("replace(A, PASID 1, h')", "0"),
    ]
    assert seen("vtd").findings["VIS-8"].reason == (
        "a request of d0 for B holds h when the call returns"
    )


def test_amd_does_not_come_back_from_a_reset() -> None:  # DEF-5a
    assert shortest("amd", "DRV-4") == [
        ("attach(A, PASID 1, h')", "0"),
        ("reset_prepare(d0)", "0"),
        ("reset_done(d0)", "0"),
    ]


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_is_caught(bug: object) -> None:
    caught = catch(bug, alone=True)  # type: ignore[arg-type]
    assert caught.caught, caught.finding
    assert caught.finding.steps


@pytest.mark.parametrize("base", sorted({(b.base, b.clause) for b in BUGS.values() if b.changes}))
def test_without_the_bug_the_clause_holds(base: tuple[str, str]) -> None:
    name, clause = base
    finding = explore(
        IMPLEMENTATIONS[name], Scope(2, 1, 2, 1, 1), [CLAUSES[clause]], calls=3
    ).findings[clause]
    assert finding.verdict == "held"
