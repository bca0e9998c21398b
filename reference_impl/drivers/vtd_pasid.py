# SPDX-License-Identifier: GPL-2.0-only
"""VT-d's PASID-table entry, and the page requests that it can lead to.

Source: ``drivers/iommu/intel/pasid.c`` and ``prq.c`` of Linux 7.3.
"""

from __future__ import annotations

from errno import EBUSY, EINVAL, ENODEV
from typing import ClassVar

from ..model.objects import Device, Domain
from .vtd_notes import DEFAULT_DID, PasidEntry, VtdNotes, iommu_of


class VtdEntries(VtdNotes):
    """How an entry comes and goes."""

    without_pri: ClassVar[frozenset[str]] = frozenset({"x0"})
    """Devices that cannot ask for pages; all have ATS."""

    def pasid_get_entry(self, dev: Device, pasid: int) -> PasidEntry | None:
        """The entry; None if it would take a new table and there is no memory for one."""
        assert dev.name not in self.gone, "memory of a device that has gone is read"
        if dev.name not in self.pasid_tables:
            if self.observer.fails("table"):
                return None
            self.pasid_tables[dev.name] = {}
        return self.pasid_tables[dev.name].get(pasid, PasidEntry())

    def pasid_tear_down_entry(self, dev: Device, pasid: int, fault_ignore: bool = False) -> None:
        """Present bit, flush, the rest, drain: hardware may fetch an entry in pieces."""
        pte = self.pasid_get_entry(dev, pasid)
        if pte is None:
            self.warn(f"{dev} has no PASID table")
            return
        if not pte.present:
            if pte.fpd:  # an mm has gone; its page requests could not be drained then
                self.pasid_clear_entry(dev, pasid)
                self.drain_pasid_prq(dev, pasid)
            return
        self.pasid_clear_present(dev, pasid, pte)
        self.observer.saw(("flush", dev.name, pasid))
        self.pasid_clear_entry(dev, pasid, fault_ignore)
        if not fault_ignore:
            self.drain_pasid_prq(dev, pasid)

    def pasid_clear_present(self, dev: Device, pasid: int, pte: PasidEntry) -> None:
        """From here on DMA reaches nothing; what has been fetched is still used."""
        self.pasid_tables[dev.name][pasid] = pte._replace(present=False)
        self.write_entry(dev, pasid, self.blocked_domain)

    def pasid_clear_entry(self, dev: Device, pasid: int, fault_ignore: bool = False) -> None:
        """Clear all of it, or all but the bit that keeps faults silent."""
        if fault_ignore:
            self.pasid_tables[dev.name][pasid] = PasidEntry(fpd=True)
            self.observer.saw(("silent", dev.name, pasid))
        else:
            self.pasid_tables[dev.name].pop(pasid, None)
            self.observer.saw(("zero", dev.name, pasid))

    def pasid_setup(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Fill an entry that is not present; the present bit comes last."""
        self.check_user_data(domain)
        pte = self.pasid_get_entry(dev, pasid)
        if pte is None:
            raise OSError(ENODEV, f"{dev} has no PASID table")
        if pte.present:
            raise OSError(EBUSY, f"PASID {pasid} of {dev} is in use")
        self.pasid_set_entry(domain, dev, pasid)

    def pasid_set_entry(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Present, with this domain."""
        pte = PasidEntry(domain.kind or domain.type, self.domain_id(domain, dev), domain.name, True)
        self.pasid_tables[dev.name][pasid] = pte
        self.write_entry(dev, pasid, domain)

    def check_user_data(self, domain: Domain) -> None:
        """What a user asked of a nested domain is looked at only here."""
        if domain.kind == "nested, bad width":
            raise OSError(EINVAL, f"{domain} has a stage-1 address width that there is not")

    def domain_id(self, domain: Domain, dev: Device) -> int:
        """The id that the device's IOMMU tags translations with."""
        if domain.type in ("sva", "identity"):
            return DEFAULT_DID
        return self.domain_ids[domain.name, iommu_of(dev.name)][0]

    # PAGE REQUESTS

    def iopf_for_domain_replace(self, new: Domain | None, old: Domain | None, dev: Device) -> None:
        """Take a reference for the new domain, then drop the old one's."""
        if self.wants_iopf(new, dev):
            self.enable_iopf(dev)
        self.iopf_for_domain_remove(old, dev)

    def iopf_for_domain_remove(self, old: Domain | None, dev: Device) -> None:
        """Drop the domain's reference."""
        if self.wants_iopf(old, dev):
            self.disable_iopf(dev)

    def wants_iopf(self, domain: Domain | None, dev: Device) -> bool:
        """A device without PRI may handle the faults of an SVA domain in its own way."""
        if domain is None or not domain.iopf_handler:
            return False
        return domain.type != "sva" or dev.name not in self.without_pri

    def enable_iopf(self, dev: Device) -> None:
        """The first reference puts the device on the IOMMU's fault queue."""
        if dev.name in self.without_pri:
            raise OSError(ENODEV, f"{dev} cannot ask for pages")
        if dev.name not in self.iopf_refcount:
            self.may_fail("queue")
        self.count(self.iopf_refcount, dev.name, +1)
        self.observer.saw(("iopf", dev.name, self.iopf_refcount[dev.name]))

    def disable_iopf(self, dev: Device) -> None:
        """The last reference takes it off."""
        if dev.name in self.without_pri or dev.name not in self.iopf_refcount:
            self.warn(f"{dev} is not on the fault queue")
            return
        self.count(self.iopf_refcount, dev.name, -1)
        self.observer.saw(("iopf", dev.name, self.iopf_refcount.get(dev.name, 0)))

    def drain_pasid_prq(self, dev: Device, pasid: int) -> None:
        """Wait until no page request of the PASID is under way."""
        self.observer.saw(("drain", dev.name, pasid, dev.name in self.iopf_refcount))
