# SPDX-License-Identifier: GPL-2.0-only
"""Arm SMMUv3: all that can fail comes first, and the entry is switched as gently as it can be.

Functions have the kernel's names without ``arm_smmu_``. Source: ``arm-smmu-v3.c`` and
``arm-smmu-v3-sva.c`` of Linux 7.3. Left out: invalidation arrays, shared ASIDs, and the stream
table entry beyond whether it points to a table of context descriptors.

Facts noted: ``("record", pasid, domain, device)``, ``("cd", pasid, device, domain, silent)``: the
context descriptor, of an mm that has gone if *silent*; ``("table", None, device)``, ``("iopf",
None, device, users)``, ``("dead", "*", domain)``. Events: ``("record", ±, domain, device, pasid)``,
``("iopf", device, users)``, ``("flush", device, pasid)``, ``("ste", device, yes)``: whether the
stream table entry points to the table; and ``("rid", device, type)``: the answer when the driver
asks which domain serves traffic without a PASID.
"""

from __future__ import annotations

from errno import EINVAL
from typing import Any, ClassVar

from ..model.objects import EVERY_PASID, Device, Domain, DomainKind, Fact, Notes
from ..model.observer import Observer
from ..model.recovery import driver_get_domain_for_dev
from .remembering import Remembering

Descriptor = tuple[str, bool]
"""Whose page table, and whether walking it is switched off."""


class Smmuv3(Remembering):
    """Prepare, write the descriptor, commit."""

    kinds: ClassVar[tuple[DomainKind, ...]] = (
        DomainKind("stage 1"),
        DomainKind("stage 1, faults", iopf_handler=True),
        DomainKind("mm", "sva", iopf_handler=True),
        DomainKind("stage 1 of another SMMU"),
        DomainKind("nested", "nested", takes_pasids=False),
    )
    identity_takes_pasids = False
    holds_mm = True

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.devices: dict[str, Device] = {}
        self.load(())

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Blocked, SVA or stage 1."""
        self.devices[dev.name] = dev
        if domain.type == "blocked":
            self.blocking_set_dev_pasid(dev, pasid, old)
            return
        if domain.name in self.dead:
            raise OSError(EINVAL, f"the mm of {domain} is gone")
        self.set_pasid(domain, dev, pasid, old)

    def set_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Everything that can fail is over when the descriptor is written."""
        self.get_domain_for_dev(dev)
        if domain.kind == "stage 1 of another SMMU":
            raise OSError(EINVAL, f"{domain} is another SMMU's")
        self.alloc_cd_ptr(dev)
        self.attach_prepare(domain, dev, pasid)
        self.write_cd_entry(domain, dev, pasid)
        self.attach_commit(dev, pasid, old)

    def blocking_set_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """Detach; with the last descriptor the stream table entry forgets the table."""
        if self.descriptors.pop((dev.name, pasid), None):
            self.write_entry(dev, pasid, self.blocked_domain)
        self.observer.saw(("flush", dev.name, pasid))
        self.remove_master_domain(old, dev, pasid)
        if not any(name == dev.name for name, _ in self.descriptors):
            self.get_domain_for_dev(dev)
            self.observer.saw(("ste", dev.name, False))

    def get_domain_for_dev(self, dev: Device) -> None:
        """Without a PASID there must be pass-through or nothing, or a table already."""
        type = driver_get_domain_for_dev(dev)
        self.observer.saw(("rid", dev.name, type))
        assert type in ("identity", "blocked")

    def alloc_cd_ptr(self, dev: Device) -> None:
        """The table of descriptors; it stays until the device goes."""
        if dev.name not in self.tables:
            self.may_fail("table")
            self.tables.add(dev.name)

    def attach_prepare(self, domain: Domain, dev: Device, pasid: int) -> None:
        """The record, so that both domains' invalidations reach the device; and page requests."""
        self.may_fail("record")
        if domain.iopf_handler:
            if dev.name not in self.iopf_refcount:
                self.may_fail("queue")
            self.enable_iopf(dev, +1)
        self.records.add((pasid, domain.name, dev.name))
        self.observer.saw(("record", "+", domain.name, dev.name, pasid))

    def attach_commit(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """Flush the device's TLB, and forget the old domain."""
        self.observer.saw(("ste", dev.name, True))
        self.observer.saw(("flush", dev.name, pasid))
        self.remove_master_domain(old, dev, pasid)

    def remove_master_domain(self, domain: Domain | None, dev: Device, pasid: int) -> None:
        """Drop the record, if there is one, and its hold on page requests."""
        if domain is None or (pasid, domain.name, dev.name) not in self.records:
            return
        self.records.discard((pasid, domain.name, dev.name))
        self.observer.saw(("record", "-", domain.name, dev.name, pasid))
        if domain.iopf_handler:
            self.enable_iopf(dev, -1)

    def enable_iopf(self, dev: Device, by: int) -> None:
        """One more or one less attachment that takes page requests."""
        self.count(self.iopf_refcount, dev.name, by)
        self.observer.saw(("iopf", dev.name, self.iopf_refcount.get(dev.name, 0)))

    def write_cd_entry(self, domain: Domain, dev: Device, pasid: int, silent: bool = False) -> None:
        """One write, if only one of the descriptor's words that hardware uses has to change.

        Source: ``arm_smmu_write_entry()``.
        """
        target = (domain.name, silent)
        current = self.descriptors.get((dev.name, pasid))
        if current and critical_words(current, target) > 1:
            self.write_entry(dev, pasid, self.blocked_domain)
        self.descriptors[dev.name, pasid] = target
        self.write_entry(dev, pasid, self.blocked_domain if silent else domain)

    def mm_release(self, domain: Domain) -> None:
        """The descriptors stay valid, but lead nowhere."""
        self.dead.add(domain.name)
        for pasid, name, dev in sorted(self.records):
            if name == domain.name:
                self.write_cd_entry(domain, self.devices[dev], pasid, silent=True)

    def save(self) -> Notes:
        """All of it."""
        facts: list[Fact] = [("record", *record) for record in self.records]
        facts += [("cd", pasid, dev, *cd) for (dev, pasid), cd in self.descriptors.items()]
        facts += [("table", None, dev) for dev in self.tables]
        facts += [("iopf", None, dev, users) for dev, users in self.iopf_refcount.items()]
        facts += [("dead", EVERY_PASID, domain) for domain in self.dead]
        return frozenset(facts)

    def load(self, notes: Notes) -> None:
        """Have noted just this."""
        self.records: set[tuple[int, str, str]] = set()
        self.descriptors: dict[tuple[str, int], Descriptor] = {}
        self.tables: set[str] = set()
        self.iopf_refcount: dict[str, int] = {}
        self.dead: set[str] = set()
        fact: Any
        for fact in notes:
            match fact[0]:
                case "record":
                    self.records.add(fact[1:])
                case "cd":
                    self.descriptors[fact[2], fact[1]] = fact[3:]
                case "table":
                    self.tables.add(fact[2])
                case "iopf":
                    self.iopf_refcount[fact[2]] = fact[3]
                case _:
                    self.dead.add(fact[2])


def critical_words(current: Descriptor, target: Descriptor) -> int:
    """How many words that are in use have to change; what hardware ignores can be set before.

    The ASID and the bit that switches walking off are in one word, the page table in another.
    Source: ``arm_smmu_entry_qword_diff()``, ``arm_smmu_get_cd_used()``.
    """
    first = current != target
    second = current[0] != target[0] and not current[1] and not target[1]
    return first + second
