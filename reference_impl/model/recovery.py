# SPDX-License-Identifier: GPL-2.0-only
"""Reset of a device: its PASIDs are blocked meanwhile, and the array remembers them.

Only as far as PASIDs are concerned: traffic without a PASID, and resets within a reset, are left
out. Source: ``drivers/iommu/iommu.c`` of Linux 7.3.
"""

from __future__ import annotations

from typing import Any

from .core import domain_of
from .objects import Device, Domain, Entry, Group
from .xarray import XArray


def reset_prepare(dev: Device, core: Any) -> None:
    """Block every PASID of one device; from here on the group is in recovery.

    Args:
        dev: the device that will be reset.
        core: the module whose ``remove_dev_pasid()`` blocks.

    Source: ``pci_dev_reset_iommu_prepare()``.
    """
    group = dev.group
    assert group is not None
    with group.mutex:
        dev.blocked = True
        if dev.max_pasids:
            for pasid, domain in attached(group.pasid_array):
                core.remove_dev_pasid(domain, group, dev, pasid)
        group.recovery_cnt += 1


def reset_done(dev: Device) -> None:
    """Set again, on that device alone, what the array names now.

    Source: ``pci_dev_reset_iommu_done()``.
    """
    group = dev.group
    assert group is not None
    with group.mutex:
        dev.blocked = False
        if dev.max_pasids:
            for pasid, domain in attached(group.pasid_array):
                return_dev_pasid(domain, group, dev, pasid)
        group.recovery_cnt -= 1


def return_dev_pasid(domain: Domain, group: Group, dev: Device, pasid: int) -> None:
    """Set one domain on a device that has the blocked domain there; if it fails, only warn."""
    try:
        domain.set_dev_pasid(dev, pasid, dev.driver.blocked_domain)
    except OSError:
        group.warn(f"{dev} does not get {domain} back for PASID {pasid}")


def driver_get_domain_for_dev(dev: Device) -> str:
    """Which kind of domain a driver has to assume for the device's traffic without a PASID.

    Source: ``iommu_driver_get_domain_for_dev()``.
    """
    return "blocked" if dev.blocked else "identity"


def attached(array: XArray[Entry]) -> list[tuple[int, Domain]]:
    """The PASIDs that the array names a domain for, in order."""
    found = ((pasid, array.load(pasid)) for pasid in sorted(array.slots))
    return [(pasid, domain_of(entry)) for pasid, entry in found if entry is not None]
