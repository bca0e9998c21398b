# SPDX-License-Identifier: GPL-2.0-only
"""Attach, replace, detach and look up: what the IOMMU core owes its callers.

Each function has the same shape: checks without the lock, checks under it, the drivers, the
record in the array. An error leaves by ``OSError`` with the kernel's errno, and names the clause
that refused. Source: ``drivers/iommu/iommu.c`` of Linux 7.3.
"""

from __future__ import annotations

from errno import EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP

from .objects import NO_PASID, AttachHandle, Device, Domain, Entry, Group
from .xarray import RESERVED


def attach_device_pasid(
    domain: Domain, dev: Device, pasid: int, handle: AttachHandle | None = None
) -> None:
    """Let the whole group of *dev* reach *domain* with *pasid*, which had nothing before.

    Args:
        domain: what DMA with the PASID shall reach.
        dev: any device of the group.
        pasid: 1 up to the smallest limit in the group, less one.
        handle: who gets the page requests; new for each attachment, or None for nobody.

    Raises:
        OSError: ENODEV, EOPNOTSUPP, EINVAL, EBUSY, ENOMEM, or what a driver said.

    Source: ``iommu_attach_device_pasid()``.
    """
    # CHECKS
    group = dev.group
    if group is None:
        raise refused(ENODEV, "ATT-1", f"{dev} is in no group")
    if not domain.takes_pasids:
        raise refused(EOPNOTSUPP, "ATT-2", f"{domain} cannot be set on a PASID")
    if not dev.driver.blocked_domain.takes_pasids:
        raise refused(EOPNOTSUPP, "ATT-2", f"nobody could detach {domain} again")
    if not belongs(domain, dev):
        raise refused(EINVAL, "ATT-3", f"{domain} is another driver's")
    if pasid == NO_PASID:
        raise refused(EINVAL, "ATT-3", f"PASID {pasid} stands for traffic without one")

    # LOCK
    with group.mutex:
        if group.recovery_cnt:
            raise refused(EBUSY, "ATT-4", "a device of the group is in recovery")
        if any(pasid >= each.max_pasids for each in group.capable()):
            raise refused(EINVAL, "ATT-5", f"PASID {pasid} is beyond a device's limit")
        entry = array_entry(domain, handle)
        if error := group.pasid_array.insert(pasid, RESERVED):
            raise refused(error, "ATT-7", f"no slot for PASID {pasid}")

        # DRIVERS: ATT-8
        try:
            set_group_pasid(domain, group, pasid, old=None)
        except OSError:
            group.pasid_array.release(pasid)
            raise

        # RECORD: ATT-9; it cannot fail, the slot is reserved
        group.pasid_array.store(pasid, entry)


def replace_device_pasid(domain: Domain, dev: Device, pasid: int, handle: AttachHandle) -> None:
    """Let the whole group of *dev* reach *domain* with *pasid* instead of what it reaches now.

    Args:
        domain: what DMA with the PASID shall reach from now on.
        dev: any device of the group.
        pasid: one that is attached.
        handle: who gets the page requests from now on; not the one that gets them now.

    Raises:
        OSError: ENODEV, EOPNOTSUPP, EINVAL, EBUSY, ENOMEM, or what a driver said. The PASID
            then has its old domain, as far as the drivers keep their promises (INV-4).

    Source: ``iommu_replace_device_pasid()``.
    """
    # CHECKS
    group = dev.group
    if group is None:
        raise refused(ENODEV, "REP-1", f"{dev} is in no group")
    if not domain.takes_pasids:
        raise refused(EOPNOTSUPP, "REP-2", f"{domain} cannot be set on a PASID")
    if not belongs(domain, dev):
        raise refused(EINVAL, "REP-3", f"{domain} is another driver's")
    if pasid == NO_PASID or handle is None:
        raise refused(EINVAL, "REP-3", "there is no PASID, or no handle")

    # LOCK
    with group.mutex:
        if group.recovery_cnt:
            raise refused(EBUSY, "REP-4", "a device of the group is in recovery")
        entry = array_entry(domain, handle)
        current, error = group.pasid_array.take_if_absent(pasid, RESERVED)
        if error:
            raise refused(error, "REP-6", f"no memory to look at PASID {pasid}")
        if current is None:
            group.pasid_array.release(pasid)
            raise refused(EINVAL, "REP-7", f"PASID {pasid} is not attached")
        if current is entry:
            group.warn(f"handle {handle} is in use for PASID {pasid}")
            raise refused(EINVAL, "REP-8", f"{handle} is published already")

        # DRIVERS: REP-10, REP-11, REP-14
        old = domain_of(current)
        if old is not domain:
            set_group_pasid(domain, group, pasid, old)

        # RECORD: REP-12; one store over the old entry, which has been there all the time
        group.pasid_array.store(pasid, entry)


def detach_device_pasid(domain: Domain, dev: Device, pasid: int) -> None:
    """Let no device of the group of *dev* reach anything with *pasid*. It cannot fail.

    Args:
        domain: what the caller attached; it is taken on trust.
        dev: any device of the group.
        pasid: the PASID.

    Source: ``iommu_detach_device_pasid()``.
    """
    group = dev.group
    assert group is not None, "DET-7: the caller knows that the device is in a group"

    # LOCK
    with group.mutex:
        # DRIVERS: DET-2
        remove_group_pasid(domain, group, pasid)

        # RECORD: DET-3
        group.pasid_array.erase(pasid)


def attach_handle_get(group: Group, pasid: int, type: str | None = None) -> AttachHandle:
    """Find who gets a page request, without waiting for the group's lock (VIS-1, VIS-4).

    Args:
        group: where the request came from.
        pasid: the PASID that it carries.
        type: the only type of domain that will do, or None for any.

    Raises:
        OSError: ENOENT if nobody does, EBUSY if the domain is of another type.

    Source: ``iommu_attach_handle_get()``.
    """
    entry = group.pasid_array.load(pasid)
    if not isinstance(entry, AttachHandle):
        raise refused(ENOENT, "VIS-2", f"PASID {pasid} has no handle")
    if type and entry.domain.type != type:
        raise refused(EBUSY, "VIS-3", f"{entry.domain} is {entry.domain.type}, not {type}")
    return entry


def set_group_pasid(domain: Domain, group: Group, pasid: int, old: Domain | None) -> None:
    """Set *domain* on every capable device; if one fails, undo what was done, and only that.

    GSP-1 and GSP-2 are about the walk, GSP-3 is about the way back.

    Source: ``__iommu_set_group_pasid()``.
    """
    done: list[Device] = []
    try:
        for dev in group.capable():
            domain.set_dev_pasid(dev, pasid, old)
            done.append(dev)
    except OSError:
        # UNDO
        for dev in done:
            restore_dev_pasid(domain, group, dev, pasid, old)
        raise


def restore_dev_pasid(
    domain: Domain, group: Group, dev: Device, pasid: int, old: Domain | None
) -> None:
    """Bring one device back from *domain*, which it has now, to *old*: GSP-4, GSP-5, GSP-6.

    Source: the error branch of ``__iommu_set_group_pasid()``.
    """
    if old is None:
        remove_dev_pasid(domain, group, dev, pasid)
        return
    try:
        old.set_dev_pasid(dev, pasid, domain)
    except OSError:
        group.warn(f"{dev} cannot go back to {old} for PASID {pasid}")
        remove_dev_pasid(domain, group, dev, pasid)


def remove_group_pasid(domain: Domain, group: Group, pasid: int) -> None:
    """Block the PASID on every capable device that a reset has not blocked already (DET-4).

    Source: ``__iommu_remove_group_pasid()``.
    """
    for dev in group.capable():
        if not dev.blocked:
            remove_dev_pasid(domain, group, dev, pasid)


def remove_dev_pasid(domain: Domain, group: Group, dev: Device, pasid: int) -> None:
    """Block the PASID on one device, which has *domain* there.

    Source: ``iommu_remove_dev_pasid()``.
    """
    try:
        dev.driver.blocked_domain.set_dev_pasid(dev, pasid, domain)
    except OSError:
        group.warn(f"{dev} cannot be blocked for PASID {pasid}")


def belongs(domain: Domain, dev: Device) -> bool:
    """Whether the domain is the device's driver's: made by it, or one of its static two.

    Source: ``domain_iommu_ops_compatible()``.
    """
    driver = dev.driver
    return domain.driver is driver or domain in (driver.blocked_domain, driver.identity_domain)


def array_entry(domain: Domain, handle: AttachHandle | None) -> Entry:
    """What the array shall hold: the handle, which then names the domain, or the plain domain.

    ATT-6 and REP-5 are about the first, ATT-11 is about the second.

    Source: ``iommu_make_pasid_array_entry()``.
    """
    if handle is None:
        return domain
    handle.domain = domain
    return handle


def domain_of(entry: Entry) -> Domain:
    """The domain that an entry of either kind names.

    Source: ``pasid_array_entry_to_domain()``.
    """
    return entry.domain if isinstance(entry, AttachHandle) else entry


def refused(error: int, clause: str, why: str) -> OSError:
    """The error of a call that is not allowed, with the clause that says so."""
    return OSError(error, f"{clause}: {why}")
