# SPDX-License-Identifier: GPL-2.0-only
"""Whose DMA it is: the kernel's drivers share a group, user space has it to itself.

All of it rests on the array being empty: who has something attached to a PASID has a claim, too.
Source: ``drivers/iommu/iommu.c`` of Linux 7.3.
"""

from __future__ import annotations

from errno import EBUSY, EINVAL, ENODEV, EPERM
from typing import Final

from .core import refused
from .objects import Device, Group
from .rid import need_blocking_domain, set_group_domain, set_group_domain_nofail

EPROBE_DEFER: Final = 517
"""An errno of the kernel's own: try again when more of the system is there."""


def device_use_default_domain(dev: Device) -> None:
    """A driver of the kernel is about to use the device.

    Raises:
        OSError: EPROBE_DEFER, or EBUSY: somebody has the group to himself.

    Source: ``iommu_device_use_default_domain()``.
    """
    group = dev.group
    if group is None:
        return
    with group.mutex:
        if group.default_domain is None:
            raise refused(EPROBE_DEFER, "OWN-1", "the group has no default domain yet")
        if group.owner_cnt and (
            group.domain is not group.default_domain or group.owner or not group.pasid_array.empty
        ):
            raise refused(EBUSY, "OWN-1", "the group is not the kernel's alone")
        group.owner_cnt += 1


def device_unuse_default_domain(dev: Device) -> None:
    """The driver does not use the device any more.

    Source: ``iommu_device_unuse_default_domain()``.
    """
    group = dev.group
    if group is None:
        return
    with group.mutex:
        if not group.owner_cnt or not group.pasid_array.empty:
            group.warn(f"{dev} was not in use, or something is attached")
            return
        group.owner_cnt -= 1


def group_claim_dma_owner(group: Group, owner: str | None) -> None:
    """Have the group's DMA for oneself, as the only one.

    Raises:
        OSError: EINVAL, EPERM, EBUSY, or what a driver said.

    Source: ``iommu_group_claim_dma_owner()``.
    """
    if not owner:
        group.warn("nobody claims the group")
        raise refused(EINVAL, "OWN-3", "there is no owner")
    with group.mutex:
        if group.owner_cnt:
            raise refused(EPERM, "OWN-3", "the group is in use")
        take_dma_ownership(group, owner)


def device_claim_dma_owner(dev: Device, owner: str | None) -> None:
    """Have the DMA of the device's group for oneself; the same owner may claim more devices of it.

    Raises:
        OSError: EINVAL, ENODEV, EPERM, EBUSY, or what a driver said.

    Source: ``iommu_device_claim_dma_owner()``.
    """
    group = dev.group
    if not owner:
        dev.driver.observer.saw(("warn", f"nobody claims {dev}"))
        raise refused(EINVAL, "OWN-3", "there is no owner")
    if group is None:
        raise refused(ENODEV, "OWN-3", f"{dev} is in no group")
    with group.mutex:
        if group.owner_cnt:
            if group.owner != owner:
                raise refused(EPERM, "OWN-3", "the group is in use")
            group.owner_cnt += 1
            return
        take_dma_ownership(group, owner)


def take_dma_ownership(group: Group, owner: str) -> None:
    """Block all DMA without a PASID; the owner attaches what it likes.

    Source: ``__iommu_take_dma_ownership()``.
    """
    if group.domain not in (None, group.default_domain) or not group.pasid_array.empty:
        raise refused(EBUSY, "OWN-3", "something is attached")
    set_group_domain(need_blocking_domain(group), group)
    group.owner = owner
    group.owner_cnt += 1


def group_release_dma_owner(group: Group) -> None:
    """Give the group back.

    Source: ``iommu_group_release_dma_owner()``.
    """
    with group.mutex:
        release_dma_ownership(group)


def device_release_dma_owner(dev: Device) -> None:
    """Give a device back, and with the last one the group.

    Source: ``iommu_device_release_dma_owner()``.
    """
    group = dev.group
    assert group is not None
    with group.mutex:
        if group.owner_cnt > 1:
            group.owner_cnt -= 1
        else:
            release_dma_ownership(group)


def release_dma_ownership(group: Group) -> None:
    """Nobody owns the group: back to the kernel's own domain.

    Source: ``__iommu_release_dma_ownership()``.
    """
    if not (group.owner_cnt and group.owner and group.pasid_array.empty):
        group.warn("the group is not owned, or something is attached")
        return
    group.owner_cnt = 0
    group.owner = None
    set_group_domain_nofail(group.default_domain, group)
