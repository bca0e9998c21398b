# SPDX-License-Identifier: GPL-2.0-only
"""What a driver notes comes back; what a driver's author gets to see."""

from __future__ import annotations

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Scope, Session, hitless, judge_driver
from reference_impl.contract.explorer import Walk
from reference_impl.contract.recorder import Recorder
from reference_impl.model import Device, Domain, Driver

DRIVERS = ["vtd", "vtd-in-place", "vtd-repaired", "smmuv3", "amd", "mock"]


@pytest.mark.parametrize("name", DRIVERS)
def test_saved_is_loaded(name: str) -> None:
    each = IMPLEMENTATIONS[name]
    for setting, starts in Scope(1, 0, 2, 1, 1).starts(each.lacks, each.habitat):
        walk = Walk(each, setting, starts, 1)
        for _ in walk:
            pass
        machine = each.boot(setting, Recorder(0))
        for state in walk.came:
            machine.load(state)
            assert machine.notes() == state.notes
            assert machine.resetting() == state.resetting
            assert tuple(machine.row(p) for p in setting.pasids) == state.rows


def test_what_dma_meets_in_a_replace() -> None:
    assert set(hitless(IMPLEMENTATIONS["vtd"]).values()) == {"gap"}
    assert set(hitless(IMPLEMENTATIONS["vtd-in-place"]).values()) == {"torn"}
    assert set(hitless(IMPLEMENTATIONS["smmuv3"]).values()) == {"gap"}  # two words change
    assert hitless(IMPLEMENTATIONS["amd"]) == {}
    assert set(hitless(IMPLEMENTATIONS["model"]).values()) == {"hitless"}


class Good(Driver):
    """Fails before it writes, and never when it blocks."""

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        if domain is not self.blocked_domain and (error := self.observer.fails("table")):
            raise OSError(error, "no table")
        self.write_entry(dev, pasid, domain)


class Bad(Driver):
    """Blocks first, and may then not get what it needs."""

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        self.write_entry(dev, pasid, self.blocked_domain)
        if domain is not self.blocked_domain:
            if error := self.observer.fails("table"):
                raise OSError(error, "no table")
            self.write_entry(dev, pasid, domain)


def test_a_good_driver() -> None:
    assert not judge_driver(Good).with_verdict("broken")


def test_a_bad_driver() -> None:
    seen = judge_driver(Bad)
    assert seen.with_verdict("broken") == ["DRV-2"]
    assert [str(s.operation) for s in seen.findings["DRV-2"].steps][-1].startswith("replace")


def test_a_session_names_what_fails() -> None:
    session = Session("vtd", devices=2)
    assert session.attach("A", fail="d1:tag").outcome == "-ENOMEM"
    assert session.attach("A").outcome == "0"
    assert {fact[0] for fact in session.state.notes} == {"record", "did", "tag", "pte", "table"}
