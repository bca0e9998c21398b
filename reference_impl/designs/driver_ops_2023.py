# SPDX-License-Identifier: GPL-2.0-only
"""The driver operations of 2023: nobody tells a driver what is attached, so it looks it up.

Source: ``struct iommu_domain_ops`` and ``struct iommu_ops`` before commits d2f85a263883 and
b45a3777ceab; the look-up is described in MSG-2.
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Entry, Group


def get_domain_for_dev_pasid(group: Group, pasid: int) -> Entry | None:
    """What the array says, at the moment at which it is asked.

    Source: ``iommu_get_domain_for_dev_pasid()``.
    """
    return group.pasid_array.load(pasid)


def set_dev_pasid(domain: Domain, group: Group, dev: Device, pasid: int) -> None:
    """Ask the driver to set *domain*; it takes what the array says for the old one."""
    assert domain.takes_pasids, "a call through a null pointer"
    domain.set_dev_pasid(dev, pasid, old=_looked_up(group, pasid))


def remove_dev_pasid(group: Group, dev: Device, pasid: int) -> None:
    """Ask the driver to remove what is attached. The operation had no way to fail."""
    remove_told(_looked_up(group, pasid), dev, pasid)


def remove_told(domain: Domain | None, dev: Device, pasid: int) -> None:
    """Ask the driver to remove *domain*, which it has been told, or has found. It cannot fail.

    Source: ``remove_dev_pasid`` of ``struct iommu_ops``, from 6.10 to 6.13 with the domain.
    """
    driver = dev.driver
    driver.observer.asked(dev, driver.blocked_domain, domain, pasid)
    driver.write_entry(dev, pasid, driver.blocked_domain)
    driver.observer.saw(("return", dev.name, 0))


def _looked_up(group: Group, pasid: int) -> Domain | None:
    found = get_domain_for_dev_pasid(group, pasid)
    assert found is None or isinstance(found, Domain)
    return found
