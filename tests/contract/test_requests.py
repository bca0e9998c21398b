# SPDX-License-Identifier: GPL-2.0-only
"""A page request beside an operation: every interleaving, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from reference_impl.contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    PythonCore,
    Request,
    Scope,
    Session,
    Step,
    explore,
    mm_released_meanwhile,
    page_requests_meanwhile,
    variant,
)
from reference_impl.contract.clauses.visibility import witness
from reference_impl.contract.requests import fates, requests
from reference_impl.contract.walk import Walk
from reference_impl.drivers import Smmuv3

SMALL = Scope(2, 0, 2, 1, 1)
BESIDE = ("VIS-6", "VIS-7", "VIS-8", "VIS-9")


def walked(implementation: PythonCore, scope: Scope = SMALL) -> Iterator[Step]:
    for setting, starts in scope.starts(implementation.lacks, implementation.habitat):
        for step, _ in Walk(implementation, setting, starts, scope.faults):
            yield step


@pytest.mark.parametrize("name", ["model", "posted-v1", "p1", "p2", "amd", "mock"])
def test_the_quick_way_finds_every_fate(name: str) -> None:
    for step in walked(IMPLEMENTATIONS[name]):
        quick = [request.fate for request in fates(step)]
        assert len(quick) == len(set(quick))
        assert set(quick) == {request.fate for request in requests(step)}, step


@pytest.mark.parametrize("name", ["vtd", "smmuv3"])
def test_the_quick_way_finds_every_fate_of_a_driver(name: str) -> None:
    steps = list(walked(IMPLEMENTATIONS[name], Scope(1, 0, 2, 1, 0)))
    # those in which the queue, the drain and the entry all move
    for step in [s for s in steps if s.at("iopf") and s.at("entry")][::5]:
        assert {r.fate for r in fates(step)} == {r.fate for r in requests(step)}, step


def test_a_request_makes_its_moves_in_order_and_before_a_drain_ends() -> None:
    for step in walked(IMPLEMENTATIONS["model"]):
        ends = {e[1]: i for i, e in enumerate(step.events, 1) if e[0] == "return" and not e[2]}
        for each in requests(step):
            assert each.raised <= each.looked_up <= each.handed <= each.late
            wrote = [i for i, e in enumerate(step.events, 1) if e[:2] == ("entry", each.device)]
            if each.device in ends and wrote and each.raised < wrote[0]:
                assert each.handed < ends[each.device]


def fates_of(name: str, *calls: str, devices: int = 1) -> set[tuple[str, str | None, bool]]:
    """What each request is for, what it finds, and whether its handle is held too long."""
    group = Session(name, devices=devices)
    for call in calls:
        kind, domain = call.split()
        getattr(group, kind)(domain)
    return {(r.domain, r.found, r.held) for r in fates(group.steps[-1]) if not r.astray}


def test_x21_a_request_during_attach_finds_nothing() -> None:
    found = fates_of("model", "attach A")
    assert ("A", None, False) in found
    assert {each for each in found if each[1]} == {("A", "h'", False), ("A", "h'", True)}


def test_x22_a_request_during_replace_finds_the_old_handle() -> None:
    found = fates_of("model", "attach A", "replace B", devices=2)
    assert {each for each in found if each[0] == "A"} == {("A", "h", False)}
    # and for the new domain, when its device has switched: even when the caller may free it
    assert ("B", "h", True) in found
    assert not {each for each in found if each[1] is None}


def test_x23_a_request_during_detach_is_through_before_the_erase() -> None:
    assert fates_of("model", "attach A", "detach A") == {("A", "h", False)}


def test_the_same_domain_again_drains_nothing() -> None:  # REP-10
    assert ("A", "h", True) in fates_of("model", "attach A", "replace A")


@cache
def broken(name: str) -> dict[str, Request]:
    """The clauses about requests that an implementation breaks, each with the request."""
    seen = explore(IMPLEMENTATIONS[name], SMALL, [CLAUSES[id] for id in BESIDE])
    found = {}
    for id in seen.with_verdict("broken"):
        request = witness(id, seen.findings[id].steps[-1])
        assert request
        found[id] = request
    return found


@pytest.mark.parametrize(
    ("name", "clauses"),
    [
        ("model", ""),
        ("merged", ""),
        ("posted-v1", "VIS-6"),
        ("p1", "VIS-6 VIS-8 VIS-9"),
        ("p2", "VIS-9"),
        *((f"p{n}", "VIS-6 VIS-8") for n in range(3, 8)),
    ],
)
def test_what_the_designs_do_to_a_request(name: str, clauses: str) -> None:
    assert sorted(broken(name)) == clauses.split()


def test_a_witness_is_what_the_reason_says() -> None:
    assert broken("p3")["VIS-6"].owner == "A"
    assert (broken("p3")["VIS-8"].domain, broken("p3")["VIS-8"].owner) == ("A", "B")
    assert broken("p2")["VIS-9"].owner is None
    step = Session("model").attach("A")
    assert witness("VIS-6", step) is None
    assert witness("ATT-1", step) is None


def test_who_does_not_drain_leaves_a_handle_held() -> None:
    drains = '        self.observer.saw(("drain", dev.name, pasid, dev.name in self.iopf_refcount))'
    careless = variant("vtd-repaired", (drains, "        del dev, pasid"), of="driver")
    found = explore(careless, Scope(1, 0, 2, 1, 0), [CLAUSES["VIS-7"]], calls=2).findings["VIS-7"]
    assert found.reason == "a request of d0 for B holds h when the call returns"
    assert [str(step.operation) for step in found.steps] == [
        "attach(B, PASID 1, h')",
        "detach(B, PASID 1)",
    ]


def test_nothing_is_promised_of_a_device_that_cannot_be_blocked() -> None:
    group = Session("model", devices=2)
    group.attach("A")
    step = group.detach("A", fail="d1")
    assert any(each.device == "d1" and each.astray for each in fates(step))
    assert CLAUSES["VIS-7"].predicate(step) is True


def test_the_interleavings_are_counted() -> None:
    found = page_requests_meanwhile(IMPLEMENTATIONS["model"], Scope(1, 0, 1, 1, 0))
    steps = list(walked(IMPLEMENTATIONS["model"], Scope(1, 0, 1, 1, 0)))
    assert found.operations == len(steps)
    assert found.interleavings == sum(1 for step in steps for _ in requests(step)) > 100
    assert found.fates == sum(len(fates(step)) for step in steps)
    assert f"{found.interleavings:,} ways" in repr(found)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("vtd", {"replace"}),
        ("smmuv3", {"replace", "detach", "reset_prepare"}),
        ("amd", {"reset_prepare"}),  # its table is gone by then (DEF-5b)
    ],
)
def test_a_process_that_dies_meanwhile(name: str, kinds: set[str]) -> None:
    found = mm_released_meanwhile(IMPLEMENTATIONS[name], calls=3)
    assert found.runs > 100
    assert set(found.kinds) == kinds
    assert bool(found.odd) == bool(kinds) == bool(found.steps)


def test_the_new_domain_dies_with_the_old_ones_process() -> None:
    *_, last = mm_released_meanwhile(IMPLEMENTATIONS["vtd"], calls=3).steps
    kinds = [event[0] for event in last.events]
    assert kinds.index("mm_release") > max(
        i for i, e in enumerate(last.events) if e[0] == "entry" and e[3] == last.operation.domain
    )
    assert last.result == 0
    assert last.after.hardware == (None,)


def test_who_holds_the_address_space_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Smmuv3, "holds_mm", False)
    assert "reset_done" in mm_released_meanwhile(IMPLEMENTATIONS["smmuv3"], calls=3).kinds
