# SPDX-License-Identifier: GPL-2.0-only
"""AMD: address spaces of processes only, and no replacing.

Functions have the kernel's names. Source: ``drivers/iommu/amd/pasid.c`` and ``iommu.c`` of
Linux 7.3. The table of a device's page tables (GCR3) belongs to what is attached without a PASID,
and goes with it. What is attached so is pass-through here, which has room for PASIDs.

Facts noted: ``("record", pasid, domain, device)``, ``("no table", None, device)``; events
``("record", ±, domain, device, pasid)``, ``("table", ±, device)``.
"""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP
from typing import Any, ClassVar, Final

from ..model.objects import NO_PASID, Device, Domain, DomainKind, Fact, Notes
from ..model.observer import Observer
from .remembering import Remembering

ENTRIES: Final = 512
"""How many a table has."""


class Amd(Remembering):
    """One write of eight bytes sets or clears a PASID's page table."""

    kinds: ClassVar[tuple[DomainKind, ...]] = (
        DomainKind("mm", "sva", iopf_handler=True),
        DomainKind("mm of another process", "sva", iopf_handler=True),
        DomainKind("page table", "paging", takes_pasids=False),
    )
    identity_takes_pasids = False

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.dev_data_list: set[tuple[int, str, str]] = set()
        self.without_table: set[str] = set()
        self.devices: dict[str, Device] = {}

    def attach_dev(self, domain: Domain, dev: Device, old: Domain | None) -> None:
        """Detach first, whatever it is; then attach, unless that was all.

        Source: ``amd_iommu_attach_device()``, ``blocked_domain_attach_device()``.
        """
        if dev.name not in self.without_table:
            self.detach_device(dev)
        if domain.type != "blocked":
            self.may_fail("table")
            self.without_table.discard(dev.name)
            self.observer.saw(("table", "+", dev.name))
            self.write_entry(dev, NO_PASID, domain)

    def detach_device(self, dev: Device) -> None:
        """The table goes, and with it all that is in it."""
        for pasid in sorted(dev.pasid_table):
            self.write_entry(dev, pasid, self.blocked_domain)
        self.without_table.add(dev.name)
        self.observer.saw(("table", "-", dev.name))

    def clear_gcr3(self, dev: Device, pasid: int) -> None:
        """Clear one entry of the table; what is written to, if there is none, depends on the PASID.

        The group's mutex is asserted, and a process that ends does not hold it. Source:
        ``amd_iommu_clear_gcr3()``, ``__get_gcr3_pte()``.
        """
        if dev.group and not dev.group.mutex.held:
            self.observer.saw(("driver warn", f"the mutex of {dev}'s group is not held"))
        if dev.name in self.without_table:
            entry = pasid % ENTRIES  # of a table at address 0
            assert not entry, f"8 bytes at address {8 * entry} are written"
            return  # an entry at address 0 is taken for one that is not there
        self.write_entry(dev, pasid, self.blocked_domain)

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Blocked, or an SVA domain."""
        self.devices[dev.name] = dev
        if domain.type == "blocked":
            self.remove_dev_pasid(dev, pasid, old)
        else:
            self.sva_set_dev_pasid(domain, dev, pasid, old)

    def sva_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Whatever is there already, it is not replaced."""
        if old is not None:
            raise OSError(EOPNOTSUPP, f"{old} cannot be replaced")
        if dev.name in self.without_table:
            raise OSError(EINVAL, f"{dev} has no table")
        if self.observer.fails("record"):
            raise OSError(EINVAL, "no record")  # and not ENOMEM
        self.may_fail("table")
        self.write_entry(dev, pasid, domain)
        self.dev_data_list.add((pasid, domain.name, dev.name))
        self.observer.saw(("record", "+", domain.name, dev.name, pasid))

    def remove_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """What has no record is left alone; but every domain is taken for one of the driver's own.

        The blocked domain is a bare ``struct iommu_domain``: a lock is looked for behind its end.
        """
        assert old is not None, "a null pointer is followed"
        assert old.type != "blocked", "the blocked domain is taken for more than it is"
        if (pasid, old.name, dev.name) in self.dev_data_list:
            self.clear_gcr3(dev, pasid)
            self.dev_data_list.discard((pasid, old.name, dev.name))
            self.observer.saw(("record", "-", old.name, dev.name, pasid))

    def mm_release(self, domain: Domain) -> None:
        """Clear and forget all; a later detach finds nothing to do."""
        for pasid, name, dev in sorted(self.dev_data_list):
            if name == domain.name:
                self.remove_dev_pasid(self.devices[dev], pasid, domain)

    def save(self) -> Notes:
        """The records, and the tables that are not there."""
        facts: list[Fact] = [("record", *record) for record in self.dev_data_list]
        facts += [("no table", None, dev) for dev in self.without_table]
        return frozenset(facts)

    def load(self, notes: Notes) -> None:
        """Have noted just this."""
        self.dev_data_list, self.without_table = set(), set()
        fact: Any
        for fact in notes:
            if fact[0] == "record":
                self.dev_data_list.add(fact[1:])
            else:
                self.without_table.add(fact[2])
