# SPDX-License-Identifier: GPL-2.0-only
"""A device joins a group that lives already, and one leaves it.

Source: ``drivers/iommu/iommu.c`` of Linux 7.3. Left out: the making of a group and of its default
domain, and the mappings that firmware wants in it.
"""

from __future__ import annotations

from contextlib import suppress

from .capability import Capability, get_max_pasids
from .objects import Device, Group
from .rid import set_device_domain


def probe_device(dev: Device, group: Group, capability: Capability, defers: bool = False) -> None:
    """Let a device join *group*: it gets what the group has for DMA without a PASID, no more.

    Args:
        dev: a device that is in no group.
        group: where its IOMMU driver puts it.
        capability: what is known of its PASIDs.
        defers: whether its driver puts the attach off until the device is used.

    Raises:
        OSError: what the driver said; the device is in no group then.

    Source: ``__iommu_probe_device()``, ``iommu_init_device()``.
    """
    if dev.group is not None:
        return
    dev.max_pasids = get_max_pasids(capability)
    dev.attach_deferred = defers
    with group.mutex:
        group.devices.append(dev)
        dev.group = group
        if group.domain is None:
            return  # the first device: the default domain is made later
        try:
            set_device_domain(group.domain, group, dev, None)
        except OSError:
            group.devices.remove(dev)
            deinit_device(dev)
            raise


def release_device(dev: Device) -> None:
    """Let a device leave its group. Nobody may have PASIDs of it any more: nobody looks.

    Source: ``iommu_release_device()``, ``__iommu_group_remove_device()``.
    """
    group = dev.group
    if group is None:
        return
    with group.mutex:
        group.devices.remove(dev)
        if not group.devices and (group.owner_cnt or group.domain is not group.default_domain):
            group.warn("the last device leaves a group that is owned or attached")
        deinit_device(dev)
        if not group.devices:
            group.domain = group.default_domain = group.blocking_domain = None


def deinit_device(dev: Device) -> None:
    """Park the device where it reaches nothing, or just what firmware needs; its driver forgets it.

    What the driver answers nobody asks. Source: ``iommu_deinit_device()``.
    """
    group, driver = dev.group, dev.driver
    assert group is not None
    if not dev.attach_deferred:
        parked = driver.identity_domain if dev.require_direct else driver.blocked_domain
        with suppress(OSError):
            parked.attach_dev(dev, group.domain)
    driver.release_device(dev)
    dev.group = None
    dev.attach_deferred = dev.blocked = False
    dev.reset_depth = 0
