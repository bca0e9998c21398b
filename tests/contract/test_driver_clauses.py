# SPDX-License-Identifier: GPL-2.0-only
"""Each driver keeps and breaks what the sources say, and no clause of theirs is idle."""

from __future__ import annotations

from errno import EINVAL

import pytest

from reference_impl.contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    Exploration,
    Scope,
    Session,
    explore,
    variant,
)
from reference_impl.contract.bugs import BUGS
from reference_impl.contract.setting import Operation
from tests.contract.scopes import one
from tools import matrix

LATE = {"VIS-7", "VIS-8", "VIS-9"}
"""What a driver breaks that does not drain, or not always."""
DRIVERS = matrix.PARTS["drivers"][0]


def seen(name: str) -> Exploration:
    return matrix.seen("drivers", name)


def shortest(name: str, clause: str) -> list[tuple[str, str]]:
    return [(str(s.operation), s.outcome) for s in seen(name).findings[clause].steps]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        (
            "vtd",
            {
                *(
                    "INV-2",
                    "INV-4",
                    "DRV-2",
                    "DRV-14",
                    "VTD-3",
                    "VTD-6",
                    "VTD-7",
                    "VTD-11",
                    "VTD-15",
                ),
                *("VTD-19", "INV-9", *LATE),
            },
        ),
        (
            "vtd-in-place",
            {
                *("DRV-11", "DRV-14", "VTD-3", "VTD-4", "VTD-6", "VTD-7", "VTD-11", "VTD-15"),
                *("VTD-19", "INV-9", *LATE),
            },
        ),
        ("vtd-repaired", set()),
        ("smmuv3", {"DRV-4", "DRV-5", *LATE}),
        (
            "amd",
            {
                *("ATT-9", "DET-1", "DET-2", "DET-3", "DET-6", "INV-1", "INV-9"),
                *("DRV-1", "DRV-4", "DRV-6", "DRV-9", *LATE),
            },
        ),
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
        "model has no caches that would have to be flushed",
        "model has no vtd",
        "model has no RID",
        "model has no resets",
        "model has no removals",
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


def test_who_could_not_go_back_on_the_queue_is_counted_off_all_the_same() -> None:  # DEF-8
    finding = seen("vtd").findings["VTD-11"]
    assert ("no", "queue") in finding.steps[-1].events
    assert "changed by -1, and the records by +0" in finding.reason


def test_the_order_of_6_12_misses_unmaps() -> None:
    """There the record and its tags went first, and then the entry was torn down."""
    entry = "self.pasid_tear_down_entry(dev, pasid)"
    old = variant(
        "vtd-repaired",
        (
            f"        {entry}\n        self.forget(old, dev, pasid)\n",
            f"        self.forget(old, dev, pasid)\n        {entry}\n",
        ),
        of="driver",
    )
    judged = [CLAUSES[id] for id in ("VTD-1", "VTD-2")]
    assert explore(old, Scope(1, 0, 1, 1, 0), judged).with_verdict("broken") == ["VTD-1", "VTD-2"]


def test_amd_does_not_survive_a_reset() -> None:  # DEF-5b
    scope = one("resets of one", 1, 0, 1, 1, 0)
    found = explore(IMPLEMENTATIONS["amd"], scope, [CLAUSES["INV-9"]]).findings["INV-9"]
    assert [(str(step.operation), step.outcome) for step in found.steps] == [
        ("attach(A, PASID 1, h')", "0"),
        ("reset_prepare(d0)", "crashed: AssertionError: 8 bytes at address 8 are written"),
    ]


def test_amd_does_not_come_back_from_a_reset() -> None:  # DEF-5a
    scope = one("resets of one", 1, 0, 1, 1, 0)
    found = explore(IMPLEMENTATIONS["amd"], scope, [CLAUSES["DRV-4"]]).findings["DRV-4"]
    assert [(str(step.operation), step.outcome) for step in found.steps] == [
        ("attach(A, PASID 1, h')", "0"),
        ("mm_release(A)", "0"),  # forgets the record, so that prepare has nothing to clear
        ("reset_prepare(d0)", "0"),
        ("reset_done(d0)", "0"),
    ]


@pytest.mark.parametrize("base", sorted({bug.base for bug in BUGS.values() if bug.changes}))
def test_without_the_bug_the_clause_holds(base: str) -> None:
    clauses = {bug.clause for bug in BUGS.values() if bug.base == base}
    found = explore(
        IMPLEMENTATIONS[base], Scope(2, 1, 2, 1, 1), [CLAUSES[id] for id in clauses], calls=3
    )
    assert set(found.with_verdict("held")) == clauses


IN_PLACE = """        self.pasid_get_entry(dev, pasid)
        self.pasid_set_entry(domain, dev, pasid)
"""
FLUSH = 'self.observer.saw(("flush", dev.name, pasid))\n'
REMOVE = "self.remove_master_domain(old, dev, pasid)\n"
COUNTED = (
    ("self.enable_iopf(dev, -1)", "pass"),
    ("self.enable_iopf(dev, +1)", "pass"),
    ("self.enable_iopf(dev, +1)", "self.enable_iopf(dev, +2)"),
)
TAG = "(pasid, name, type, self.domain_id(domain, dev), where)"


@pytest.mark.parametrize(
    ("clause", "base", "scope", "text", "instead"),
    [
        ("DRV-12", "smmuv3", Scope(1, 0, 3, 1, 0),
         "self.write_cd_entry(domain, self.devices[dev], pasid, silent=True)", "pass"),
        ("DRV-12", "smmuv3", Scope(1, 0, 3, 2, 0), "if name == domain.name:", "if name:"),
        ("DRV-13", "smmuv3", Scope(1, 0, 1, 1, 0),
         f"{FLUSH}        {REMOVE}        if", f"{REMOVE}        if"),
        *(("DRV-14", "smmuv3", Scope(2, 0, 2, 1, 1), *each) for each in COUNTED),
        # nobody says here that the entry may be torn
        ("VTD-4", "vtd-repaired", Scope(1, 0, 1, 1, 0),
         '        """Likewise."""\n        self.domain_setup(domain, dev, pasid, old)\n',
         f'        """Likewise."""\n{IN_PLACE}'),
        ("VTD-7", "vtd-repaired", Scope(1, 0, 4, 2, 0),
         "if name == domain.name:\n                self.pasid_tear",
         "if True:\n                self.pasid_tear"),
        ("VTD-9", "vtd-repaired", Scope(1, 0, 1, 1, 0),
         "            del self.domain_ids[domain.name, iommu]\n", "            pass\n"),
        ("VTD-9", "vtd-repaired", Scope(1, 0, 2, 1, 0),
         "did = next(i for i in range(DEFAULT_DID + 1, self.max_domain_id) if i not in taken)",
         "did = DEFAULT_DID + 1"),
        ("VTD-18", "vtd-repaired", Scope(1, 0, 2, 1, 0),
         TAG, TAG.replace(", where", " + (name != domain.name), where")),
        ("VTD-19", "vtd-repaired", Scope(2, 0, 1, 1, 0),
         "        self.gone.discard(dev.name)\n", ""),
    ],
)  # fmt: skip
def test_a_driver_with_a_fault_is_found(
    clause: str, base: str, scope: Scope, text: str, instead: str
) -> None:
    faulty = variant(base, (text, instead), of="driver")
    for each, verdict in ((IMPLEMENTATIONS[base], "held"), (faulty, "broken")):
        found = explore(each, scope, [CLAUSES[clause]], calls=3).findings[clause]
        assert found.verdict == verdict, found


# SEVERAL IOMMUS


@pytest.mark.parametrize(
    ("clause", "text", "instead"),
    [
        ("VTD-2", "cached_in(type, dev.name)", '"dmar0" if type.endswith("iotlb") else dev.name'),
        ("INV-9", "self.domain_attach_iommu(domain, iommu_of(dev.name))",
         'self.domain_attach_iommu(domain, "dmar0")'),
        ("VTD-17", "if not compatible(domain.kind, dev.name):", "if False:"),
        ("VTD-18", "self.domain_ids[domain.name, iommu_of(dev.name)][0]",
         "next(did for (name, _), (did, _) in self.domain_ids.items() if name == domain.name)"),
    ],
)  # fmt: skip
def test_one_iommu_is_not_another(clause: str, text: str, instead: str) -> None:
    broken = variant("vtd-repaired", (text, instead), of="driver")
    scope = Scope(2, 0, 3, 1, 0)
    finding = explore(broken, scope, [CLAUSES[clause]], calls=2).findings[clause]
    assert finding.verdict == "broken"
    assert finding.trace
    assert finding.trace.setting.name == "two IOMMUs"


def test_the_same_domain_has_other_ids_elsewhere() -> None:
    step = Session("vtd", group="two IOMMUs").attach("A")
    assert {fact[3]: fact[4] for fact in step.notes_after if fact[0] == "did"} == {
        "dmar0": 2,
        "dmar1": 3,
    }


def test_a_domain_that_does_not_fit_the_second_iommu_is_taken_back_from_the_first() -> None:
    group = Session("vtd", group="two IOMMUs")
    before = group.attach("A").notes_after
    step = group.replace("E")
    assert step.outcome == "-EINVAL"
    assert [(c.device, c.domain, c.error) for c in step.calls] == [
        ("d0", "E", 0),
        ("e0", "E", EINVAL),
        ("d0", "A", 0),
    ]
    assert step.after.hardware == ("A", "A")
    assert {f for f in step.notes_after if f[1] == 1} == {f for f in before if f[1] == 1}


# A DEVICE GOES


def test_who_goes_attached_is_not_forgotten() -> None:
    for name in ("vtd", "vtd-in-place", "vtd-p1"):
        steps = seen(name).findings["VTD-19"].steps
        assert [s.operation.kind for s in steps] == ["attach", "release"]
    assert seen("vtd-repaired").findings["VTD-19"].verdict == "held"


@pytest.mark.parametrize(
    ("name", "domain", "warns"),
    [("vtd", "A", 0), ("vtd", "B", 1), ("vtd-p1", "A", 1), ("vtd-p1", "B", 2)],
)
def test_who_is_warned(name: str, domain: str, warns: int) -> None:
    """7.3 notices page requests alone; the private array of P1 notices every attachment."""
    group = Session(name, devices=2)
    group.attach(domain)
    step = group.run(Operation("release", "d0", 1))
    assert [event[0] for event in step.events].count("driver warn") == warns
    assert step.after.hardware == (None, domain)


def test_an_mm_leads_to_a_device_that_has_gone() -> None:
    group = Session("vtd", devices=2, domains=6)
    group.attach("D")
    group.run(Operation("release", "d0", 1))
    step = group.run(Operation("mm_release", "d0", 1, "D"))
    assert step.outcome.startswith("crashed")


def test_a_device_comes_with_all_or_with_nothing() -> None:
    group = Session("vtd", devices=2)
    group.run(Operation("release", "d0", 1))
    for what in ("info", "table", "context"):
        assert group.run(Operation("probe", "d0", 1), fail=what).outcome == "-ENOMEM"
        assert ("gone", "*", "d0") in group.state.notes
    assert group.run(Operation("probe", "d0", 1)).outcome == "0"
    assert not group.state.notes
