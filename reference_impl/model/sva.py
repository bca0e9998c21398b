# SPDX-License-Identifier: GPL-2.0-only
"""A process shares its address space with devices: one caller of attach and detach.

A process has one PASID, the same for every device, and a domain for each driver that needs one of
its own. Source: ``drivers/iommu/iommu-sva.c`` of Linux 7.3.
"""

from __future__ import annotations

from contextlib import suppress
from errno import EBUSY, ENODEV, ENOENT, ENOSPC, EOVERFLOW

from .core import attach_device_pasid, attach_handle_get, detach_device_pasid, refused
from .objects import AttachHandle, Device, Domain, Driver
from .observer import Observer

FIRST_GLOBAL_PASID = 1
"""The PASIDs that all devices share are handed out from here on."""


class SvaDomain(Domain):
    """The address space of a process, as one driver understands it.

    Args:
        name: how the pages call it.
        driver: the driver of the devices that it is made for.
        mm: the process' memory.
        users: how many groups are attached to it.
    """

    driver: Driver

    def __init__(self, name: str, driver: Driver, mm: Mm, users: int = 0) -> None:
        super().__init__(name, driver, "sva", iopf_handler=True)
        self.mm = mm
        self.users = users


class Mm:
    """The memory of one process.

    Args:
        name: how the pages call it.
        dma_compatible: whether a device can walk its page tables.
    """

    def __init__(self, name: str, dma_compatible: bool = True) -> None:
        self.name = name
        self.dma_compatible = dma_compatible
        self.pasid: int | None = None
        self.sva_domains: list[SvaDomain] = []

    def __repr__(self) -> str:
        return self.name


class Bond(AttachHandle):
    """What ties a group to a process; whoever binds once more gets the same one."""

    def __init__(self, observer: Observer, domain: Domain | None = None, users: int = 0) -> None:
        super().__init__("bond", observer, domain)
        self.users = users
        self.device: Device | None = None


class GlobalPasids:
    """The PASIDs that processes have, on all devices alike."""

    def __init__(self) -> None:
        self.taken: set[int] = set()

    def alloc(self, dev: Device) -> int | None:
        """The lowest one that is free and that the device can send; None if there is none.

        Source: ``iommu_alloc_global_pasid()``.
        """
        for pasid in range(FIRST_GLOBAL_PASID, dev.max_pasids):
            if pasid not in self.taken:
                self.taken.add(pasid)
                return pasid
        return None


def sva_bind_device(dev: Device, mm: Mm, pasids: GlobalPasids) -> Bond:
    """Let a device reach the memory of a process, with the process' PASID.

    Args:
        dev: the device.
        mm: the process' memory.
        pasids: where a PASID comes from.

    Returns:
        The bond, which may be one that is there already.

    Raises:
        OSError: ENODEV, EBUSY, EOVERFLOW, ENOSPC, ENOMEM, or what attach said.

    Source: ``iommu_sva_bind_device()``.
    """
    group = dev.group
    if group is None:
        raise refused(ENODEV, "SVA-1", f"{dev} is in no group")
    pasid = pasid_of(mm, dev, pasids)

    # THERE ALREADY
    try:
        bond = attach_handle_get(group, pasid, "sva")
    except OSError as error:
        if error.errno != ENOENT:
            raise
    else:
        assert isinstance(bond, Bond)
        bond.users += 1
        return bond

    # ATTACH: to a domain that the process has for another group, or to a new one
    bond = Bond(dev.driver.observer)
    domain = attach_to_one_of(mm, dev, pasid, bond)
    if domain is None:
        domain = alloc_sva_domain(dev, mm)
        try:
            attach_device_pasid(domain, dev, pasid, bond)
        except OSError:
            dev.driver.free_domain(domain)
            raise
        mm.sva_domains.insert(0, domain)
    domain.users += 1
    bond.users = 1
    bond.device = dev
    return bond


def attach_to_one_of(mm: Mm, dev: Device, pasid: int, bond: Bond) -> SvaDomain | None:
    """Attach a domain that the process has already, if there is one that the device takes.

    A bond that was refused has never been seen, so it can be tried with the next domain.
    """
    for domain in mm.sva_domains:
        with suppress(OSError):
            attach_device_pasid(domain, dev, pasid, bond)
            return domain
    return None


def sva_unbind_device(bond: Bond) -> None:
    """Give one reference back; with the last one the device is detached, and then the domain freed.

    Source: ``iommu_sva_unbind_device()``.
    """
    domain = bond.domain
    assert isinstance(domain, SvaDomain)
    mm = domain.mm
    bond.users -= 1
    if bond.users:
        return
    assert bond.device is not None
    assert mm.pasid is not None
    detach_device_pasid(domain, bond.device, mm.pasid)
    domain.users -= 1
    if not domain.users:
        mm.sva_domains.remove(domain)
        domain.driver.free_domain(domain)


def pasid_of(mm: Mm, dev: Device, pasids: GlobalPasids) -> int:
    """The PASID of a process; it gets one when it is bound for the first time.

    Source: ``iommu_alloc_mm_data()``.
    """
    if not mm.dma_compatible:
        raise refused(EBUSY, "SVA-1", f"no device can walk the page tables of {mm}")
    if mm.pasid is not None:
        if mm.pasid >= dev.max_pasids:
            raise refused(EOVERFLOW, "SVA-1", f"{dev} cannot send PASID {mm.pasid} of {mm}")
        return mm.pasid
    mm.pasid = pasids.alloc(dev)
    if mm.pasid is None:
        raise refused(ENOSPC, "SVA-1", f"no PASID is left for {mm}")
    return mm.pasid


def alloc_sva_domain(dev: Device, mm: Mm) -> SvaDomain:
    """A domain for this process, which the device's driver understands.

    Source: ``iommu_sva_domain_alloc()``.
    """
    if error := dev.driver.observer.fails("record"):
        raise refused(error, "SVA-3", f"no memory for a domain of {mm}")
    names = {domain.name for domain in mm.sva_domains}
    name = mm.name if mm.name not in names else f"{mm.name}'"
    return SvaDomain(name, dev.driver, mm)
