# SPDX-License-Identifier: GPL-2.0-only
"""What a driver notes comes back; what a driver's author gets to see."""

from __future__ import annotations

from typing import Any

import pytest

from reference_impl.contract import (
    IMPLEMENTATIONS,
    PythonCore,
    Scope,
    Session,
    hitless,
    judge_driver,
)
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.setting import Setting
from reference_impl.contract.step import State
from reference_impl.contract.walk import Walk
from reference_impl.drivers import Vtd
from reference_impl.model import Device, Domain, Driver
from reference_impl.model.objects import Notes

DRIVERS = ["vtd", "vtd-in-place", "vtd-repaired", "vtd-p1", "smmuv3", "amd", "mock"]


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


@pytest.mark.parametrize("name", ["vtd-repaired", "smmuv3", "mock"])
def test_nothing_is_left_where_nothing_is_attached(name: str) -> None:
    each = IMPLEMENTATIONS[name]
    for setting, starts in Scope(1, 0, 3, 2, 1).starts(each.lacks, each.habitat):
        came = Walk(each, setting, starts, 1, calls=3)
        for _ in came:
            pass
        notes = {fact for start in starts for fact in start.notes}
        idle = [state for state in came.came if not any(row.slot for row in state.rows)]
        assert idle
        for state in idle:
            left = {str(fact[0]) for fact in frozenset(state.notes) - notes}
            assert left <= {"table", "fake error"}, state


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


class Forgetful(Driver):
    """Notes what it has set, and keeps the note when it then fails."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.records: set[tuple[object, ...]] = set()

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        self.records = {each for each in self.records if each[1:3] != (pasid, dev.name)}
        if domain is not self.blocked_domain:
            self.records.add(("record", pasid, dev.name, domain.name))
            if error := self.observer.fails("table"):
                raise OSError(error, "no table")
        self.write_entry(dev, pasid, domain)

    def save(self) -> Notes:
        return frozenset(self.records)

    def load(self, notes: Notes) -> None:
        self.records = set(notes)


def test_a_driver_that_does_not_undo_its_notes() -> None:
    seen = judge_driver(Forgetful)
    assert seen.with_verdict("broken") == ["DRV-2"]
    assert "has noted a record" in seen.findings["DRV-2"].reason


class NotLoaded(Forgetful):
    def load(self, notes: Notes) -> None:
        pass


class NoFacts(Forgetful):
    def save(self) -> Notes:
        return ([],)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("driver", "why"),
    [
        (NotLoaded, r"NotLoaded.load\(\[\('record', 1, 'd0', 'A'\)\]\) does not bring it back"),
        (NoFacts, r"NoFacts.save\(\) must give a set of tuples"),
    ],
)
def test_a_driver_that_cannot_be_put_into_a_state_is_refused(
    driver: type[Driver], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        judge_driver(driver)


def test_flushes_are_judged_where_a_driver_says_them() -> None:
    """The simplest says none, and is not asked for them."""
    assert judge_driver(Good).findings["DRV-13"].verdict == "not-promised"
    assert judge_driver(Good, flushes=True).with_verdict("broken") == ["DRV-13"]


def test_a_session_names_what_fails() -> None:
    session = Session("vtd", devices=2)
    assert session.attach("A", fail="d1:tag").outcome == "-ENOMEM"
    assert session.attach("A").outcome == "0"
    assert {fact[0] for fact in session.state.notes} == {"record", "did", "tag", "pte", "table"}


Facts = set[tuple[object, ...]]


def now(driver: Vtd) -> Facts:
    """All that a DMA or a page request would depend on."""
    entries = [(d, p, e) for d, table in driver.pasid_tables.items() for p, e in table.items()]
    found: Facts = {("present", dev, pasid) for dev, pasid, entry in entries if entry.present}
    found |= {("silent", dev, pasid) for dev, pasid, entry in entries if entry.fpd}
    return found | {("iopf", *count) for count in driver.iopf_refcount.items()}


class Following(Recorder):
    """Holds the driver against what can be known from the events alone, at each of them."""

    driver: Vtd

    def begin(self) -> None:
        self.saw = self.follows  # type: ignore[method-assign]
        self.known = now(self.driver)
        self.cut_off: set[object] = set()

    def follows(self, event: Any) -> None:
        self.events.append(event)
        match event:
            case ("entry", dev, pasid, domain):
                self.known -= {("present", dev, pasid), ("silent", dev, pasid)}
                self.known |= {("present", dev, pasid)} if domain else set()
            case ("silent", dev, pasid):
                self.known |= {("silent", dev, pasid)}
            case ("zero", dev, pasid):
                self.known -= {("silent", dev, pasid)}
            case ("iopf", dev, users):
                self.known -= {fact for fact in self.known if fact[:2] == ("iopf", dev)}
                self.known |= {("iopf", dev, users)} if users else set()
            case ("context", dev, False):
                self.cut_off.add(dev)  # whatever its table says
        differ = self.known ^ now(self.driver)
        assert not [fact for fact in differ if fact[1] not in self.cut_off], event


class Beside:
    """Makes each step again, with a recorder that follows."""

    def __init__(self, each: PythonCore, setting: Setting) -> None:
        self.recorder = Following(1)
        self.machine = each.boot(setting, self.recorder)
        assert isinstance(self.machine.driver, Vtd)
        self.recorder.driver = self.machine.driver

    def __call__(self, state: State, parts: tuple[Any, ...], script: tuple[bool, ...]) -> None:
        self.machine.load(state)
        self.recorder.follow(script)
        self.recorder.begin()
        self.machine.run(parts[0])
        assert tuple(self.recorder.events) == parts[2]


@pytest.mark.parametrize("name", ["vtd", "vtd-in-place"])
def test_whatever_a_request_depends_on_changes_with_an_event(name: str) -> None:
    each = IMPLEMENTATIONS[name]
    for setting, starts in Scope(2, 0, 3, 1, 1).starts(each.lacks, each.habitat):
        if setting.name not in ("every kind", "a device goes"):
            continue
        walk = Walk(each, setting, starts, 1, beside=Beside(each, setting))
        assert sum(1 for _ in walk) > 100
