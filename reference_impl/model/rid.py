# SPDX-License-Identifier: GPL-2.0-only
"""DMA without a PASID: a group's one domain for it, and the handle of whoever attached that.

What the discussion takes as its example for PASIDs. The domain is the kernel's own (the default
one), or one that blocks, or what somebody attached. RID, requester id, is what the
hardware calls a device that sends no PASID. Source: ``drivers/iommu/iommu.c`` of Linux 7.3.
"""

from __future__ import annotations

from contextlib import suppress
from errno import EBUSY, EINVAL

from .core import array_entry, belongs, refused
from .objects import NO_PASID, AttachHandle, Device, Domain, Group
from .xarray import RESERVED


def attach_group(domain: Domain, group: Group) -> None:
    """Let DMA without a PASID reach *domain*, where only the kernel's own domain was before.

    Raises:
        OSError: EBUSY, EINVAL, or what a driver said.

    Source: ``iommu_attach_group()``.
    """
    with group.mutex:
        attach_group_locked(domain, group)


def detach_group(group: Group) -> None:
    """Go back to the kernel's own domain, or to nothing while somebody owns the group.

    Source: ``iommu_detach_group()``.
    """
    with group.mutex:
        set_group_core_domain(group)


def attach_group_handle(domain: Domain, group: Group, handle: AttachHandle | None) -> None:
    """Like :func:`attach_group`, with a handle for the page requests.

    Raises:
        OSError: EINVAL, EBUSY, ENOMEM, or what a driver said.

    Source: ``iommu_attach_group_handle()``.
    """
    # CHECKS
    if handle is None:
        raise refused(EINVAL, "GRP-1", "there is no handle")

    # LOCK
    with group.mutex:
        entry = array_entry(domain, handle)
        if error := group.pasid_array.insert(NO_PASID, RESERVED):
            raise refused(error, "GRP-1", "no slot for DMA without a PASID")

        # DRIVERS
        try:
            attach_group_locked(domain, group)
        except OSError:
            group.pasid_array.release(NO_PASID)
            raise

        # RECORD: it cannot fail, the slot is reserved
        group.pasid_array.store(NO_PASID, entry)


def replace_group_handle(domain: Domain, group: Group, handle: AttachHandle | None) -> None:
    """Let DMA without a PASID reach *domain* instead of whatever it reaches now.

    Raises:
        OSError: EINVAL, ENOMEM, EBUSY, or what a driver said.

    Source: ``iommu_replace_group_handle()``.
    """
    # CHECKS
    if handle is None:
        raise refused(EINVAL, "GRP-3", "there is no handle")

    # LOCK
    with group.mutex:
        entry = array_entry(domain, handle)
        _, error = group.pasid_array.take_if_absent(NO_PASID, RESERVED)
        if error:
            raise refused(error, "GRP-3", "no slot for DMA without a PASID")

        # DRIVERS
        try:
            set_group_domain(domain, group)
        except OSError:
            group.pasid_array.release(NO_PASID)  # a handle that was there stays
            raise

        # RECORD: one store, over a handle that has been there all the time or a reservation
        group.pasid_array.store(NO_PASID, entry)


def detach_group_handle(group: Group) -> None:
    """Like :func:`detach_group`, for what was attached with a handle.

    Source: ``iommu_detach_group_handle()``.
    """
    with group.mutex:
        # DRIVERS
        set_group_core_domain(group)

        # RECORD
        group.pasid_array.erase(NO_PASID)


def attach_group_locked(domain: Domain, group: Group) -> None:
    """Attach, unless somebody has attached something already.

    Source: ``__iommu_attach_group()``.
    """
    if group.domain not in (None, group.default_domain, group.blocking_domain):
        raise refused(EBUSY, "GRP-2", f"{group.domain} is attached")
    if not belongs(domain, group.devices[0]):
        raise refused(EINVAL, "GRP-2", f"{domain} is another driver's")
    set_group_domain(domain, group)


def set_group_core_domain(group: Group) -> None:
    """Set the domain that the core itself puts there; a failure is only warned of.

    Source: ``__iommu_group_set_core_domain()``.
    """
    set_group_domain_nofail(group.blocking_domain if group.owner else group.default_domain, group)


def set_group_domain_nofail(domain: Domain | None, group: Group) -> None:
    """Set what must be set.

    Source: ``__iommu_group_set_domain_nofail()``.
    """
    try:
        set_group_domain(domain, group, must_succeed=True)
    except OSError:
        group.warn(f"{domain} could not be set everywhere")


def set_group_domain(domain: Domain | None, group: Group, must_succeed: bool = False) -> None:
    """Set *domain* on every device; if one fails, undo what was done, or go on if it must succeed.

    Args:
        domain: what DMA without a PASID shall reach; None is a caller's bug.
        group: the group, whose mutex is held.
        must_succeed: whether the old domain may be gone afterwards, so that there is no way back.

    Raises:
        OSError: EINVAL, EBUSY, or what a driver said: the first, or the last if it must succeed.

    Source: ``__iommu_group_set_domain_internal()``.
    """
    old = group.domain
    if old is domain:
        return
    if domain is None:
        group.warn("there is no domain to set")
        raise refused(EINVAL, "RID-1", "there is no domain to set")
    if group.recovery_cnt and not must_succeed:
        raise refused(EBUSY, "RID-2", "a device of the group is in recovery")

    done: list[Device] = []
    failure: OSError | None = None
    for dev in group.devices:
        if dev.blocked:
            continue  # the end of its reset will set what the group has then
        try:
            set_device_domain(domain, group, dev, old, must_succeed)
        except OSError as error:
            failure = error
            if must_succeed:
                continue
            # UNDO: those before it
            for each in done:
                restore_device_domain(domain, group, each, old)
            raise
        done.append(dev)
    group.domain = domain
    if failure:
        raise failure


def restore_device_domain(domain: Domain, group: Group, dev: Device, old: Domain | None) -> None:
    """Bring one device back from *domain*, which it has now, to *old*.

    Source: the error branch of ``__iommu_group_set_domain_internal()``.
    """
    if old is None:
        return  # the first probe has failed, and the group goes away
    try:
        set_device_domain(old, group, dev, domain, must_succeed=True)
    except OSError:
        group.warn(f"{dev} cannot go back to {old}")


def set_device_domain(
    domain: Domain, group: Group, dev: Device, old: Domain | None, must_succeed: bool = False
) -> None:
    """Set *domain* on one device; if that must succeed and does not, try to block the device.

    Source: ``__iommu_device_set_domain()``.
    """
    if dev.require_direct and (domain.type == "blocked" or domain is group.blocking_domain):
        raise refused(EINVAL, "RID-4", f"firmware needs mappings of {dev}")
    if dev.attach_deferred:
        if domain is group.default_domain:
            return
        dev.attach_deferred = False
    try:
        domain.attach_dev(dev, old)
    except OSError:
        if must_succeed and group.blocking_domain not in (None, domain):
            block_device(group, dev, old)
        raise


def block_device(group: Group, dev: Device, old: Domain | None) -> None:
    """Rather nothing than a domain that is about to be freed; whether it works, nobody asks.

    Source: the error branch of ``__iommu_device_set_domain()``.
    """
    assert group.blocking_domain is not None
    with suppress(OSError):
        group.blocking_domain.attach_dev(dev, old)


def deferred_attach(dev: Device, domain: Domain) -> None:
    """Attach at last, when a device is used whose attach was put off.

    Raises:
        OSError: EBUSY, or what the driver said.

    Source: ``iommu_deferred_attach()``.
    """
    if not dev.attach_deferred:
        return
    group = dev.group
    assert group is not None
    with group.mutex:
        if dev.blocked:
            raise refused(EBUSY, "RST-15", f"{dev} is under reset")
        domain.attach_dev(dev, None)


def driver_get_domain_for_dev(dev: Device) -> Domain | None:
    """What a driver has to assume for the device's DMA without a PASID.

    Source: ``iommu_driver_get_domain_for_dev()``.
    """
    group = dev.group
    assert group is not None
    return group.blocking_domain if dev.blocked else group.domain


def need_blocking_domain(group: Group) -> Domain:
    """The domain that blocks all of a device's DMA: here every driver has a static one.

    Source: ``__iommu_group_alloc_blocking_domain()``, which allocates an empty one for others.
    """
    if group.blocking_domain is None:
        group.blocking_domain = group.devices[0].driver.blocked_domain
    return group.blocking_domain
