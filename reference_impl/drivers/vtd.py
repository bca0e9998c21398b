# SPDX-License-Identifier: GPL-2.0-only
"""Intel VT-d: who remembers what is attached, and in which order things are done.

Functions have the kernel's names without ``intel_``. What is noted, and which events there are,
stands in :mod:`.vtd_notes`; the entry in :mod:`.vtd_pasid`; how a device comes and goes in
:mod:`.vtd_device`. Source: ``drivers/iommu/intel/`` of Linux 7.3: ``iommu.c``, ``nested.c``,
``svm.c``, ``cache.c``.
"""

from __future__ import annotations

import contextlib
from errno import EBUSY, EINVAL, ENODEV
from typing import ClassVar, Final

from ..model.objects import EVERY_PASID, Device, Domain, DomainKind, Notes
from .vtd_device import VtdDevices
from .vtd_notes import DEFAULT_DID, PasidEntry, iommu_of
from .vtd_pasid import VtdEntries

PARENT: Final = "P"
"""The second-stage domain that nested domains stand on."""
COPIED: Final[Notes] = frozenset({("copied", EVERY_PASID, "d0")})
"""The kernel before has crashed, and left its context entry for a device."""
ELSEWHERE: Final[Notes] = frozenset({("did", None, "another group's", "dmar1", DEFAULT_DID + 1, 1)})
"""One IOMMU has given an id to another group's domain, so that the same domain has other ids."""


class Vtd(VtdDevices):
    """The driver of 7.3: a replace tears the old entry down and sets the new one up."""

    kinds: ClassVar[tuple[DomainKind, ...]] = (
        DomainKind("first stage"),
        DomainKind("nested, faults", "nested", iopf_handler=True),
        DomainKind("nested, bad width", "nested"),
        DomainKind("mm", "sva", iopf_handler=True),
        DomainKind("second stage"),
        DomainKind("nested", "nested"),
    )
    max_domain_id: ClassVar[int] = DEFAULT_DID + 7

    # THE OPERATION

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Each kind of domain has its own; here they part ways."""
        self.devices[dev.name] = dev
        if domain.type == "blocked":
            self.blocking_domain_set_dev_pasid(dev, pasid, old)
        elif domain.type == "identity":
            self.identity_domain_set_dev_pasid(domain, dev, pasid, old)
        else:
            self.check_context(domain, dev)
            if not compatible(domain.kind, dev.name):
                raise OSError(EINVAL, f"{domain} does not fit the IOMMU of {dev}")
            self.iommu_set_dev_pasid(domain, dev, pasid, old)

    def check_context(self, domain: Domain, dev: Device) -> None:
        """Nothing of ours can be reached through a crashed kernel's context entry."""
        if domain.type != "sva" and dev.name in self.context_copied:
            raise OSError(EBUSY, f"{dev.name} has a context entry of the kernel before")

    def iommu_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Paging, nested and SVA domains: all three in these steps."""
        self.domain_add_dev_pasid(domain, dev, pasid)
        try:
            self.take_over(domain, dev, pasid, old)
        except OSError:
            self.domain_remove_dev_pasid(domain, dev, pasid)
            raise
        self.domain_remove_dev_pasid(old, dev, pasid)

    def identity_domain_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Pass-through: there is nothing to record."""
        self.take_over(domain, dev, pasid, old)
        self.domain_remove_dev_pasid(old, dev, pasid)

    def take_over(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Page requests, then the entry; if that fails, page requests as they were."""
        self.iopf_for_domain_replace(domain, old, dev)
        try:
            self.domain_setup(domain, dev, pasid, old)
        except OSError:
            # nobody looks whether that fails
            with contextlib.suppress(OSError):
                self.iopf_for_domain_replace(old, domain, dev)
            raise

    def blocking_domain_set_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """Detach: the entry, then page requests, then the record."""
        self.pasid_tear_down_entry(dev, pasid)
        self.iopf_for_domain_remove(old, dev)
        self.domain_remove_dev_pasid(old, dev, pasid)

    def domain_setup(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Break, then make."""
        if old is not None:
            self.pasid_tear_down_entry(dev, pasid)
        self.pasid_setup(domain, dev, pasid)

    def pasid_clear_entry(self, dev: Device, pasid: int, fault_ignore: bool = False) -> None:
        """Faults are kept silent only in an entry that is present, and it is not any more."""
        pte = self.pasid_tables[dev.name].get(pasid, PasidEntry())
        super().pasid_clear_entry(dev, pasid, fault_ignore and pte.present)

    def mm_release(self, domain: Domain) -> None:
        """Silence every entry of the domain; under a spin lock, so nothing can be drained."""
        self.dead.add(domain.name)
        for pasid, name, dev in sorted(self.dev_pasids):
            if name == domain.name:
                self.pasid_tear_down_entry(self.devices[dev], pasid, fault_ignore=True)

    # RECORDS

    def domain_add_dev_pasid(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Record that the PASID is about to reach the domain: all that an unmap has to know."""
        self.domains[domain.name] = domain
        self.may_fail("record")
        self.domain_attach_iommu(domain, iommu_of(dev.name))
        try:
            self.cache_tag_assign_domain(domain, dev, pasid)
        except OSError:
            self.domain_detach_iommu(domain, iommu_of(dev.name))
            raise
        self.count(self.dev_pasids, (pasid, domain.name, dev.name), +1)
        self.observer.saw(("record", "+", domain.name, dev.name, pasid))

    def domain_remove_dev_pasid(self, domain: Domain | None, dev: Device, pasid: int) -> None:
        """Forget it again."""
        if domain is None:
            return
        if domain.type in ("identity", "blocked"):
            return
        self.to_dmar_domain(domain)
        if (pasid, domain.name, dev.name) not in self.dev_pasids:
            self.warn(f"{domain} has no record of PASID {pasid} of {dev}")
            return
        self.count(self.dev_pasids, (pasid, domain.name, dev.name), -1)
        self.observer.saw(("record", "-", domain.name, dev.name, pasid))
        self.cache_tag_unassign_domain(domain, dev, pasid)
        self.domain_detach_iommu(domain, iommu_of(dev.name))

    def to_dmar_domain(self, domain: Domain) -> None:
        """The driver's part of a domain: the static ones have none, and memory beside is read."""
        assert domain.type not in ("identity", "blocked"), "memory beside a static domain is read"

    def domain_attach_iommu(self, domain: Domain, iommu: str) -> None:
        """Take a reference to the domain's id on an IOMMU, and an id if it has none there yet."""
        if domain.type == "sva":
            return
        self.may_fail("reference")
        did, users = self.domain_ids.get((domain.name, iommu), (0, 0))
        if not users:
            self.may_fail("domain id")
            taken = {did for (_, where), (did, _) in self.domain_ids.items() if where == iommu}
            did = next(i for i in range(DEFAULT_DID + 1, self.max_domain_id) if i not in taken)
        self.domain_ids[domain.name, iommu] = (did, users + 1)
        self.observer.saw(("did", "+", domain.name, users + 1, iommu))

    def domain_detach_iommu(self, domain: Domain, iommu: str) -> None:
        """Drop the reference; the last one frees the id."""
        if domain.type == "sva":
            return
        did, users = self.domain_ids[domain.name, iommu]
        self.domain_ids[domain.name, iommu] = (did, users - 1)
        if users == 1:
            del self.domain_ids[domain.name, iommu]
        self.observer.saw(("did", "-", domain.name, users - 1, iommu))

    def cache_tag_assign_domain(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Note what an unmap has to flush; for a nested domain also with its parent."""
        done: list[tuple[str, str]] = []
        try:
            for name, type in tags(domain.name, domain.type):
                self.may_fail("tag")
                self.cache_tag(+1, domain, name, type, dev, pasid)
                done.append((name, type))
        except OSError:
            for name, type in done[2:] + done[:2]:  # the parent's first
                self.cache_tag(-1, domain, name, type, dev, pasid)
            raise

    def cache_tag_unassign_domain(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Nothing to flush any more."""
        for name, type in tags(domain.name, domain.type):
            self.cache_tag(-1, domain, name, type, dev, pasid)

    def cache_tag(
        self, by: int, domain: Domain, name: str, type: str, dev: Device, pasid: int
    ) -> None:
        """One user more or less of a tag; IOTLB tags are shared by the devices of an IOMMU."""
        where = cached_in(type, dev.name)
        self.count(self.cache_tags, (pasid, name, type, self.domain_id(domain, dev), where), by)
        self.observer.saw(("tag", "+" if by > 0 else "-", name, type, where, pasid))


class VtdInPlace(Vtd):
    """The driver from 6.13 until 7.0: a replace writes over the entry while hardware may read it.

    Source: commits 7543ee63e811, which made it so, and c3b1edea3791, which took it back.
    """

    pasid_clear_entry = VtdEntries.pasid_clear_entry

    def domain_setup(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """All that can be refused is refused before the entry is touched."""
        if old is None:
            self.pasid_setup(domain, dev, pasid)
            return
        self.check_user_data(domain)
        pte = self.pasid_get_entry(dev, pasid)
        if pte is None:
            raise OSError(ENODEV, f"{dev} has no PASID table")
        if not pte.present:
            raise OSError(EINVAL, f"PASID {pasid} of {dev} has nothing to replace")
        if pte.did != self.domain_id(old, dev):
            self.warn(f"PASID {pasid} of {dev} has not {old}")
        self.observer.saw(("entry", dev.name, pasid, "torn"))
        self.pasid_set_entry(domain, dev, pasid)
        self.observer.saw(("flush", dev.name, pasid))
        self.drain_pasid_prq(dev, pasid)


class VtdRepaired(Vtd):
    """The driver of 7.3, with what the clauses find repaired: ours, it is in no kernel.

    User data is looked at first; the old domain's page requests are heard until it is torn down,
    so that nothing has to be taken again if the new one cannot be had; where there is no record of
    the old domain, page requests are not counted off either; a mm that goes is silenced, so that
    what it has asked for can be drained, and stays silent; a device that goes is blocked and
    forgotten first.
    """

    pasid_clear_entry = VtdEntries.pasid_clear_entry

    def iommu_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """What can fail comes first, and what is dropped comes last."""
        self.check_user_data(domain)
        self.domain_add_dev_pasid(domain, dev, pasid)
        try:
            self.iopf_for_domain_replace(domain, None, dev)
            try:
                self.domain_setup(domain, dev, pasid, old)
            except OSError:
                self.iopf_for_domain_remove(domain, dev)
                raise
        except OSError:
            self.domain_remove_dev_pasid(domain, dev, pasid)
            raise
        self.forget(old, dev, pasid)

    def identity_domain_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Likewise."""
        self.domain_setup(domain, dev, pasid, old)
        self.forget(old, dev, pasid)

    def blocking_domain_set_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """Likewise."""
        self.pasid_tear_down_entry(dev, pasid)
        self.forget(old, dev, pasid)

    def forget(self, old: Domain | None, dev: Device, pasid: int) -> None:
        """Drop the record, and what goes with it if there is one."""
        if old and (pasid, old.name, dev.name) in self.dev_pasids:
            self.iopf_for_domain_remove(old, dev)
        self.domain_remove_dev_pasid(old, dev, pasid)

    def release_device(self, dev: Device) -> None:
        """Detach all that the core has not."""
        for pasid in sorted(self.pasid_tables.get(dev.name, {})):
            self.pasid_tear_down_entry(dev, pasid)
        for pasid, name, device in sorted(self.dev_pasids):
            if device == dev.name:
                self.forget(self.domains[name], dev, pasid)
        super().release_device(dev)

    def pasid_set_entry(self, domain: Domain, dev: Device, pasid: int) -> None:
        """An mm that has gone gets an entry that only keeps faults silent."""
        if domain.name in self.dead:
            self.pasid_clear_entry(dev, pasid, fault_ignore=True)
        else:
            super().pasid_set_entry(domain, dev, pasid)


def compatible(kind: str, device: str) -> bool:
    """Whether a kind of domain fits the IOMMU of a device: one has a smaller second stage.

    Source: ``paging_domain_compatible()``.
    """
    return kind != "second stage" or iommu_of(device) == "dmar0"


def cached_in(type: str, device: str) -> str:
    """Which cache a tag is for: the IOMMU's, shared by its devices, or the device's own."""
    return iommu_of(device) if type.endswith("iotlb") else device


def tags(name: str, type: str) -> list[tuple[str, str]]:
    """With whom, and of which type, a domain's tags are noted for a device that has ATS."""
    own = [(name, "iotlb"), (name, "devtlb")]
    return (
        [*own, (PARENT, "nesting iotlb"), (PARENT, "nesting devtlb")] if type == "nested" else own
    )
