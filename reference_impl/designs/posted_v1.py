# SPDX-License-Identifier: GPL-2.0-only
"""P0, the patch as posted: remove, then attach, and on failure try to attach the old one again.

Proposed: "[1/8] iommu: Introduce a replace API for device pasid", Yi Liu, 2023-11-27. Refused in
MSG-1 and MSG-3 for the removal, in MSG-7 and MSG-9 for the unwinding. There are no attach handles
yet, and no recovery from resets; drivers are not told the old domain, and look it up in the array.

One liberty is taken: devices without PASIDs are skipped, as Linux does since 6.15. In 2023 the
walk did not look, because a group with PASIDs was thought to have one device only (MSG-10).
"""

from __future__ import annotations

import contextlib
from errno import EBUSY, EINVAL, ENODEV, EOPNOTSUPP

from ..model.core import refused
from ..model.objects import Device, Domain, Group
from .driver_ops_2023 import get_domain_for_dev_pasid, remove_dev_pasid, set_dev_pasid

LACKS = frozenset({"handles", "recovery", "static domains"})

__all__ = ["LACKS", "get_domain_for_dev_pasid"]


def attach_device_pasid(domain: Domain, dev: Device, pasid: int) -> None:
    """Attach *domain* to *pasid* of the group of *dev*."""
    # CHECKS
    group = dev.group
    if not domain.takes_pasids:
        raise refused(EOPNOTSUPP, "P0", f"{domain} could not be set")
    if group is None:
        raise refused(ENODEV, "P0", f"{dev} is in no group")

    # LOCK
    with group.mutex:
        attach_group_pasid(domain, group, pasid)


def replace_device_pasid(domain: Domain, dev: Device, pasid: int) -> None:
    """Attach *domain* to *pasid* instead of what is attached."""
    # CHECKS
    group = dev.group
    if domain is None:
        raise refused(EINVAL, "P0", "there is no domain")
    if group is None:
        raise refused(ENODEV, "P0", f"{dev} is in no group")

    # LOCK
    with group.mutex:
        # DRIVERS
        remove_group_pasid(group, pasid)
        old = erased(group, pasid)
        try:
            attach_group_pasid(domain, group, pasid)
        except OSError:
            # UNDO: and if that fails too, nobody hears of it
            if old is not None:
                with contextlib.suppress(OSError):
                    attach_group_pasid(old, group, pasid)
            raise


def detach_device_pasid(domain: Domain, dev: Device, pasid: int) -> None:  # noqa: ARG001
    """Detach whatever is attached to *pasid*; nobody looks at *domain*."""
    group = dev.group
    assert group is not None, "the caller knows that the device is in a group"

    # LOCK
    with group.mutex:
        # DRIVERS
        remove_group_pasid(group, pasid)

        # RECORD
        group.pasid_array.erase(pasid)


def attach_group_pasid(domain: Domain, group: Group, pasid: int) -> None:
    """The body of attach, which replace calls too."""
    # RECORD: before any driver is asked
    current, error = group.pasid_array.take_if_absent(pasid, domain)
    if error or current is not None:
        raise refused(error or EBUSY, "P0", f"no slot for PASID {pasid}")

    # DRIVERS
    try:
        set_group_pasid(domain, group, pasid)
    except OSError:
        # UNDO: the whole group, whoever succeeded
        remove_group_pasid(group, pasid)
        group.pasid_array.erase(pasid)
        raise


def erased(group: Group, pasid: int) -> Domain | None:
    """Erase the entry, and say what it was."""
    old = group.pasid_array.erase(pasid)
    return old if isinstance(old, Domain) else None


def set_group_pasid(domain: Domain, group: Group, pasid: int) -> None:
    """Set *domain* on every device, until one fails."""
    for dev in group.capable():
        set_dev_pasid(domain, group, dev, pasid)


def remove_group_pasid(group: Group, pasid: int) -> None:
    """Remove the PASID from every device."""
    for dev in group.capable():
        remove_dev_pasid(group, dev, pasid)
