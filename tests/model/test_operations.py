# SPDX-License-Identifier: GPL-2.0-only
"""Random calls on one living group: whatever comes, the record and the hardware agree."""

from __future__ import annotations

from errno import EIO, ENOMEM

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reference_impl.model import (
    NO_PASID,
    AttachHandle,
    Device,
    Domain,
    Driver,
    Group,
    Observer,
    attach_device_pasid,
    attach_handle_get,
    core,
    detach_device_pasid,
    replace_device_pasid,
)
from reference_impl.model.observer import Event, MayFail

OURS = st.sampled_from(["A", "B"])
PASIDS = st.integers(NO_PASID, 4)
FAULTS = st.sampled_from(["", "", "", "1", "01", "001", "0001", "011", "0011", "01111", "111"])
WHO = st.integers(0, 3)
WHAT = st.sampled_from(["A", "B", "foreign", "opless"])


class Faults(Observer):
    """Fails as it is told, and notices faults and WARNs."""

    def __init__(self) -> None:
        self.tell("")

    def tell(self, answers: str) -> None:
        """Give an answer to each question, 1 for a fault; after the last nothing fails."""
        self.answers, self.failed, self.warned = iter(answers), False, False

    def saw(self, event: Event, /) -> None:
        self.warned |= event[0] == "warn"

    def fails(self, what: MayFail, /) -> int:
        if next(self.answers, "0") == "0":
            return 0
        self.failed = True
        return ENOMEM if what == "memory" else EIO


class Calls(RuleBasedStateMachine):
    """What was attached is remembered here too, by someone who only believes return values."""

    @initialize(limits=st.lists(st.sampled_from([4, 4, 2, 0]), min_size=1, max_size=4))
    def boot(self, limits: list[int]) -> None:
        self.observer = Faults()
        driver = Driver(self.observer)
        devices = [Device(f"d{i}", driver, limit) for i, limit in enumerate(limits)]
        self.group = Group(self.observer, devices)
        self.limit = min((limit for limit in limits if limit), default=5)
        self.domains = {
            "A": Domain("A", driver),
            "B": Domain("B", driver),
            "foreign": Domain("foreign", Driver(self.observer)),
            "opless": Domain("opless", driver, takes_pasids=False),
        }
        self.attached: dict[int, Domain | AttachHandle] = {}
        #: PASIDs for which a driver could not do what it must be able to
        self.excused: set[int] = set()

    def snapshot(self) -> object:
        tables = [dict(dev.pasid_table) for dev in self.group.devices]
        return dict(self.group.pasid_array.slots), tables

    def device(self, number: int) -> Device:
        return self.group.devices[number % len(self.group.devices)]

    def after(self, pasid: int, error: OSError | None, before: object, allowed: bool) -> bool:
        """Look at how a call ended. Returns whether it did what it was asked."""
        if error is None:
            assert allowed
            assert not self.observer.failed
            self.excused.discard(pasid)
        else:
            assert self.observer.failed or not allowed
            if self.observer.warned:
                self.excused.add(pasid)
            else:
                # INV-4; what an earlier failure has left blocked may have come back
                assert pasid in self.excused or self.snapshot() == before
        return error is None

    @rule(what=WHAT, who=WHO, pasid=PASIDS, with_handle=st.booleans(), faults=FAULTS)
    def attach(self, what: str, who: int, pasid: int, with_handle: bool, faults: str) -> None:
        self.observer.tell(faults)
        domain, before = self.domains[what], self.snapshot()
        handle = AttachHandle("h", self.observer) if with_handle else None
        allowed = (
            what in ("A", "B")
            and pasid != NO_PASID
            and pasid < self.limit
            and not self.group.recovery_cnt
            and pasid not in self.attached
        )
        error: OSError | None = None
        try:
            attach_device_pasid(domain, self.device(who), pasid, handle)
        except OSError as caught:
            error = caught
        if self.after(pasid, error, before, allowed):
            self.attached[pasid] = handle or domain

    @rule(what=WHAT, who=WHO, pasid=PASIDS, faults=FAULTS)
    def replace(self, what: str, who: int, pasid: int, faults: str) -> None:
        self.observer.tell(faults)
        domain, before = self.domains[what], self.snapshot()
        handle = AttachHandle("h", self.observer)
        allowed = what in ("A", "B") and not self.group.recovery_cnt and pasid in self.attached
        same = allowed and core.domain_of(self.attached[pasid]) is domain
        excused = pasid in self.excused
        error: OSError | None = None
        try:
            replace_device_pasid(domain, self.device(who), pasid, handle)
        except OSError as caught:
            error = caught
        if self.after(pasid, error, before, allowed):
            self.attached[pasid] = handle
        if same and excused:  # no driver was asked, so none has made good
            self.excused.add(pasid)

    @precondition(lambda self: not self.group.recovery_cnt)
    @rule(what=OURS, who=WHO, which=st.integers(0, 2), with_handle=st.booleans(), faults=FAULTS)
    def change(self, what: str, who: int, which: int, with_handle: bool, faults: str) -> None:
        """Attach or replace, whichever nothing but a fault refuses."""
        pasid = range(1, self.limit)[which % (self.limit - 1)]
        if pasid in self.attached:
            self.replace(what, who, pasid, faults)
        else:
            self.attach(what, who, pasid, with_handle, faults)

    @rule(what=OURS, who=WHO, pasid=PASIDS, faults=FAULTS)
    def detach(self, what: str, who: int, pasid: int, faults: str) -> None:
        self.observer.tell(faults)
        detach_device_pasid(self.domains[what], self.device(who), pasid)
        self.attached.pop(pasid, None)
        if self.observer.warned:
            self.excused.add(pasid)
        else:
            self.excused.discard(pasid)

    @precondition(lambda self: not self.group.recovery_cnt)
    @rule(who=WHO)
    def reset(self, who: int) -> None:
        dev = self.device(who)
        dev.blocked = True
        dev.pasid_table.clear()
        self.group.recovery_cnt = 1

    @precondition(lambda self: self.group.recovery_cnt)
    @rule()
    def reset_is_done(self) -> None:
        for dev in self.group.devices:
            if dev.blocked and dev.max_pasids:
                for pasid, entry in self.attached.items():
                    dev.pasid_table[pasid] = core.domain_of(entry)
            dev.blocked = False
        self.group.recovery_cnt = 0

    @rule(pasid=PASIDS)
    def look_up(self, pasid: int) -> None:
        expected = self.attached.get(pasid)
        try:
            found = attach_handle_get(self.group, pasid)
        except OSError:
            assert not isinstance(expected, AttachHandle)
        else:
            assert found is expected

    @invariant()
    def record_is_what_was_answered(self) -> None:
        assert self.group.pasid_array.slots == self.attached  # and so INV-1: nothing is reserved
        assert not self.group.mutex.held

    @invariant()
    def hardware_is_what_the_record_says(self) -> None:
        for dev in self.group.devices:
            if not dev.max_pasids:
                assert not dev.pasid_table
            for pasid in range(5) if dev.max_pasids else ():
                entry = None if dev.blocked else self.attached.get(pasid)
                wanted = core.domain_of(entry) if entry else None
                assert pasid in self.excused or dev.pasid_table.get(pasid) is wanted


def test_random_calls() -> None:
    run_state_machine_as_test(Calls, settings=settings(max_examples=60, stateful_step_count=40))
