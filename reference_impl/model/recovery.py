# SPDX-License-Identifier: GPL-2.0-only
"""Reset of a device: all its DMA is blocked meanwhile, and the group remembers what it had.

Source: ``drivers/iommu/iommu.c`` of Linux 7.3. Left out: devices that send with the requester id of
another one, of which the end of a reset only warns; and a device that its own group does not list,
which gives a WARN and ENODEV there.
"""

from __future__ import annotations

from .core import domain_of, remove_dev_pasid
from .objects import Device, Domain, Entry, Group
from .rid import need_blocking_domain
from .xarray import XArray


def reset_prepare(dev: Device) -> None:
    """Block one device, with and without PASIDs; from here on the group is in recovery.

    Args:
        dev: the device that will be reset.

    Raises:
        OSError: what its driver said; nothing has been prepared then.

    Source: ``pci_dev_reset_iommu_prepare()``.
    """
    group = dev.group
    if not dev.ats or group is None:
        return
    with group.mutex:
        dev.reset_depth += 1
        if dev.reset_depth > 1:
            return

        # WITHOUT A PASID: the group keeps its domain
        blocking = need_blocking_domain(group)
        if group.domain is not blocking:
            try:
                blocking.attach_dev(dev, group.domain)
            except OSError:
                dev.reset_depth -= 1
                raise
        dev.blocked = True  # before the driver is asked again, and asks what there is

        # WITH A PASID: the array keeps its entries
        if dev.max_pasids:
            for pasid, domain in attached(group.pasid_array):
                remove_dev_pasid(domain, group, dev, pasid)
        group.recovery_cnt += 1


def reset_done(dev: Device) -> None:
    """Set again, on that device alone, what group and array name now.

    Source: ``pci_dev_reset_iommu_done()``.
    """
    group = dev.group
    if not dev.ats or group is None:
        return
    with group.mutex:
        if dev.reset_depth == 0:
            group.warn(f"{dev} is not under reset")
            return
        dev.reset_depth -= 1
        if dev.reset_depth:
            return

        # WITHOUT A PASID
        if group.domain not in (None, group.blocking_domain):
            return_dev(group, dev)
        dev.blocked = False  # before the driver is asked again, and asks what there is

        # WITH A PASID
        if dev.max_pasids:
            for pasid, domain in attached(group.pasid_array):
                return_dev_pasid(domain, group, dev, pasid)
        group.recovery_cnt -= 1


def return_dev(group: Group, dev: Device) -> None:
    """Attach the group's domain to a device that has the blocking one; if it fails, only warn."""
    domain = group.domain
    assert domain is not None, "a null pointer is followed"
    try:
        domain.attach_dev(dev, group.blocking_domain)
    except OSError:
        group.warn(f"{dev} does not get {domain} back")


def return_dev_pasid(domain: Domain, group: Group, dev: Device, pasid: int) -> None:
    """Set one domain on a device that has the blocking one there; if it fails, only warn."""
    try:
        domain.set_dev_pasid(dev, pasid, group.blocking_domain)
    except OSError:
        group.warn(f"{dev} does not get {domain} back for PASID {pasid}")


def attached(array: XArray[Entry]) -> list[tuple[int, Domain]]:
    """The PASIDs that the array names a domain for, in order; what stands for none is left out."""
    found = ((pasid, array.load(pasid)) for pasid in sorted(array.slots) if pasid)
    return [(pasid, domain_of(entry)) for pasid, entry in found if entry is not None]
