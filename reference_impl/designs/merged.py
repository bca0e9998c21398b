# SPDX-License-Identifier: GPL-2.0-only
"""The merged form: one pass over the drivers, undone where it was done, and the array last.

What MSG-1 asked for, with the old domain as an argument (MSG-7), only what succeeded undone
(MSG-9, MSG-11) and the array written when the drivers have agreed (MSG-5). Merged for 6.15 with
commit 8a9e1e773f60 and its series; here in the form of 7.3, with handles and recovery.
"""

from __future__ import annotations

from errno import EBUSY, EINVAL, ENODEV, EOPNOTSUPP

from ..model.core import array_entry, attach_handle_get, belongs, domain_of, refused
from ..model.objects import NO_PASID, AttachHandle, Device, Domain, Group
from ..model.xarray import RESERVED

LACKS: frozenset[str] = frozenset()

__all__ = ["LACKS", "attach_handle_get"]


def attach_device_pasid(
    domain: Domain, dev: Device, pasid: int, handle: AttachHandle | None = None
) -> None:
    """Attach *domain* to *pasid* of the group of *dev*."""
    # CHECKS
    group = dev.group
    if group is None:
        raise refused(ENODEV, "merged", f"{dev} is in no group")
    if not domain.takes_pasids or not dev.driver.blocked_domain.takes_pasids:
        raise refused(EOPNOTSUPP, "merged", f"{domain} could not be set, or not be detached")
    if not belongs(domain, dev) or pasid == NO_PASID:
        raise refused(EINVAL, "merged", f"{domain} is another driver's, or there is no PASID")

    # LOCK
    with group.mutex:
        if group.recovery_cnt:
            raise refused(EBUSY, "merged", "a device is in recovery")
        for each in group.devices:
            if each.max_pasids > 0 and pasid >= each.max_pasids:
                raise refused(EINVAL, "merged", f"PASID {pasid} is out of range for {each}")
        entry = array_entry(domain, handle)
        if error := group.pasid_array.insert(pasid, RESERVED):
            raise refused(error, "merged", f"no slot for PASID {pasid}")

        # DRIVERS
        try:
            set_group_pasid(domain, group, pasid, None)
        except OSError:
            group.pasid_array.release(pasid)
            raise

        # RECORD
        group.pasid_array.store(pasid, entry)


def replace_device_pasid(domain: Domain, dev: Device, pasid: int, handle: AttachHandle) -> None:
    """Attach *domain* to *pasid* instead of what is attached."""
    # CHECKS
    group = dev.group
    if group is None:
        raise refused(ENODEV, "merged", f"{dev} is in no group")
    if not domain.takes_pasids:
        raise refused(EOPNOTSUPP, "merged", f"{domain} could not be set")
    if not belongs(domain, dev) or pasid == NO_PASID or handle is None:
        raise refused(EINVAL, "merged", f"{domain} is another driver's, or no PASID or handle")

    # LOCK
    with group.mutex:
        if group.recovery_cnt:
            raise refused(EBUSY, "merged", "a device is in recovery")
        entry = array_entry(domain, handle)
        current, error = group.pasid_array.take_if_absent(pasid, RESERVED)
        if error:
            raise refused(error, "merged", f"no slot for PASID {pasid}")
        if current is None:
            group.pasid_array.release(pasid)
            raise refused(EINVAL, "merged", f"PASID {pasid} is not attached")
        if current is entry:
            group.warn(f"{handle} is published")
            raise refused(EINVAL, "merged", f"{handle} is published")

        # DRIVERS
        if domain_of(current) is not domain:
            set_group_pasid(domain, group, pasid, domain_of(current))

        # RECORD
        group.pasid_array.store(pasid, entry)


def detach_device_pasid(domain: Domain, dev: Device, pasid: int) -> None:
    """Detach *domain* from *pasid*."""
    group = dev.group
    assert group is not None, "the caller knows that the device is in a group"

    # LOCK
    with group.mutex:
        # DRIVERS
        remove_group_pasid(domain, group, pasid)

        # RECORD
        group.pasid_array.erase(pasid)


def set_group_pasid(domain: Domain, group: Group, pasid: int, old: Domain | None) -> None:
    """Set *domain* on every device, until one fails."""
    for failed in group.capable():
        try:
            domain.set_dev_pasid(failed, pasid, old)
        except OSError:
            # UNDO: those before it
            for dev in group.capable():
                if dev is failed:
                    break
                undo_dev_pasid(domain, group, dev, pasid, old)
            raise


def undo_dev_pasid(
    domain: Domain, group: Group, dev: Device, pasid: int, old: Domain | None
) -> None:
    """Bring one device back to *old*, or block it if there is none or that fails."""
    if old is not None:
        try:
            old.set_dev_pasid(dev, pasid, domain)
            return
        except OSError:
            group.warn(f"{dev} cannot go back to {old}")
    remove_dev_pasid(domain, group, dev, pasid)


def remove_group_pasid(domain: Domain, group: Group, pasid: int) -> None:
    """Block the PASID on every device."""
    for dev in group.capable():
        if not dev.blocked:
            remove_dev_pasid(domain, group, dev, pasid)


def remove_dev_pasid(domain: Domain, group: Group, dev: Device, pasid: int) -> None:
    """Block the PASID on one device."""
    try:
        dev.driver.blocked_domain.set_dev_pasid(dev, pasid, domain)
    except OSError:
        group.warn(f"{dev} cannot be blocked")
