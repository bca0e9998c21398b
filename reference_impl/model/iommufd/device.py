# SPDX-License-Identifier: GPL-2.0-only
"""Attach, replace and detach for user space, on top of what the core offers.

Functions have the kernel's names, without ``iommufd_``. ``pasid`` is ``NO_PASID`` for traffic
without one. An error leaves by ``OSError`` and names the clause that refused. Source:
``drivers/iommu/iommufd/device.c`` of Linux 7.3; the window of interrupts is left out.

Events: ``("attachment", pasid, table, devices)``, table None: there is none any more.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EBUSY, EINVAL, EOPNOTSUPP
from itertools import count

from ..core import (
    attach_device_pasid,
    attach_handle_get,
    detach_device_pasid,
    refused,
    replace_device_pasid,
)
from ..objects import NO_PASID, AttachHandle
from ..rid import attach_group_handle, detach_group_handle, replace_group_handle
from .eventq import auto_response_faults
from .hw_pagetable import paging_alloc, publish
from .objects import BoundDevice, Context, Hwpt, Ioas, IommufdGroup, Record

Change = Callable[[BoundDevice, int, Hwpt], "Hwpt | None"]
"""Attach or replace; returns the table that has lost a user by it."""


def device_attach(idev: BoundDevice, pasid: int, pt_id: str) -> str:
    """Let a device reach what a table translates, or an address space, with a PASID.

    Args:
        idev: the device.
        pasid: the PASID, which this device has not attached.
        pt_id: a table, or an address space for which a table shall be found or made.

    Returns:
        The id of the table.

    Raises:
        OSError: ENOENT, EINVAL, EBUSY, ENOMEM, or what the core or a driver said.

    Source: ``iommufd_device_attach()``.
    """
    id = device_change_pt(idev, pasid, pt_id, hw_pagetable_attach)
    idev.users += 1
    return id


def device_replace(idev: BoundDevice, pasid: int, pt_id: str) -> str:
    """Let the whole group reach something else with a PASID that this device has attached.

    Arguments, result and errors as in :func:`device_attach`; if it fails, nothing has changed.

    Source: ``iommufd_device_replace()``.
    """
    return device_change_pt(idev, pasid, pt_id, device_do_replace)


def device_detach(idev: BoundDevice, pasid: int) -> None:
    """Undo :func:`device_attach`. It cannot fail.

    Source: ``iommufd_device_detach()``.
    """
    if hw_pagetable_detach(idev, pasid):
        idev.users -= 1


def device_change_pt(idev: BoundDevice, pasid: int, pt_id: str, change: Change) -> str:
    """Find out what the id stands for, and attach or replace.

    Source: ``iommufd_device_change_pt()``.
    """
    pt = idev.ictx.get(pt_id)
    if isinstance(pt, Hwpt):
        hwpt, left = pt, change(idev, pasid, pt)
    elif isinstance(pt, Ioas):
        hwpt, left = device_auto_get_domain(idev, pasid, pt, change)
    else:
        raise refused(EINVAL, "IFD-2", f"{pt_id} is nothing to attach")
    if left:
        hw_pagetable_put(idev.ictx, left)
    return hwpt.id


def device_auto_get_domain(
    idev: BoundDevice, pasid: int, ioas: Ioas, change: Change
) -> tuple[Hwpt, Hwpt | None]:
    """Take the first table of an address space that fits, of those that were made so; or make one.

    EINVAL says that a table does not fit. Source: ``iommufd_device_auto_get_domain()``.
    """
    for hwpt in [each for each in ioas.hwpts if each.auto]:
        try:
            return hwpt, change(idev, pasid, hwpt)
        except OSError as error:
            if error.errno != EINVAL:
                raise
    ictx = idev.ictx
    names = (f"auto{number}({ioas.id})" for number in count(1))
    hwpt = paging_alloc(idev, ioas, next(n for n in names if n not in ictx.objects))
    if change is hw_pagetable_attach:
        # some drivers finish a domain only when it is attached: that comes first
        left = change(idev, pasid, hwpt)
        try:
            ictx.need("mappings")
        except OSError:
            hw_pagetable_detach(idev, pasid)
            raise
    else:
        ictx.need("mappings")
        left = change(idev, pasid, hwpt)
    hwpt.auto = True
    return publish(ictx, hwpt), left


def hw_pagetable_attach(idev: BoundDevice, pasid: int, hwpt: Hwpt) -> None:
    """Attach a device to a table; the group with it, if it is the group's first.

    Source: ``iommufd_hw_pagetable_attach()``.
    """
    igroup, ictx = idev.igroup, idev.ictx
    with igroup.lock:
        # RESERVE
        record = igroup.pasid_attach.get(pasid)
        first = record is None
        if record is None:
            ictx.need("memory")  # the slot of the PASID
            ictx.need("memory")  # the record
            record = Record(hwpt)
        if idev in record.devices:
            raise refused(EBUSY, "IFD-3", f"{idev} has PASID {pasid} attached already")
        ictx.need("memory")  # the slot of the device
        if record.hwpt is not hwpt:
            raise refused(EINVAL, "IFD-4", f"the group has {record.hwpt} for PASID {pasid}")

        # CORE
        reserves = pasid == NO_PASID and not idev.noiommu
        if reserves:
            ictx.need("reserved regions")
            hwpt.ioas.reserved.add(idev.dev)
        if first:
            try:
                hwpt_attach_device(hwpt, idev, pasid)
            except OSError:
                if reserves:
                    hwpt.ioas.reserved.discard(idev.dev)
                raise

        # RECORD
        igroup.pasid_attach[pasid] = record
        record.devices.append(idev)
        hwpt.users += 1
        tell(ictx, pasid, record)


def device_do_replace(idev: BoundDevice, pasid: int, hwpt: Hwpt) -> Hwpt | None:
    """Put another table in the place of the group's; returns the old one, if it is another.

    Source: ``iommufd_device_do_replace()``.
    """
    igroup, ictx = idev.igroup, idev.ictx
    with igroup.lock:
        # CHECKS
        record = igroup.pasid_attach.get(pasid)
        if record is None:
            raise refused(EINVAL, "IFD-5", f"PASID {pasid} is not attached")
        if idev not in record.devices:
            raise refused(EINVAL, "IFD-6", f"{idev} has not attached PASID {pasid}")
        old = record.hwpt
        if hwpt is old:
            return None

        # CORE
        devices = [each.dev for each in record.devices]
        moves = pasid == NO_PASID and not idev.noiommu and hwpt.ioas is not old.ioas
        if moves:
            ictx.need("reserved regions")
            hwpt.ioas.reserved.update(devices)
        try:
            hwpt_replace_device(idev, pasid, hwpt, old)
        except OSError:
            if moves:
                hwpt.ioas.reserved.difference_update(devices)
            raise
        if moves:
            old.ioas.reserved.difference_update(devices)

        # RECORD: the caller gives back the last user of the old table
        record.hwpt = hwpt
        hwpt.users += len(record.devices)
        old.users -= len(record.devices) - 1
        tell(ictx, pasid, record)
        return old


def hw_pagetable_detach(idev: BoundDevice, pasid: int) -> Hwpt | None:
    """Take a device off its table; the group with it, if it is the group's last.

    The caller knows that the device has the PASID attached, or that no device of the group has.
    Returns the table. Source: ``iommufd_hw_pagetable_detach()``.
    """
    igroup, ictx = idev.igroup, idev.ictx
    with igroup.lock:
        record = igroup.pasid_attach.get(pasid)
        if record is None:
            return None
        hwpt = record.hwpt
        if idev in record.devices:
            record.devices.remove(idev)
        if not record.devices:
            hwpt_detach_device(hwpt, idev, pasid)
            del igroup.pasid_attach[pasid]
        if pasid == NO_PASID:
            hwpt.ioas.reserved.discard(idev.dev)
        tell(ictx, pasid, record)
    hw_pagetable_put(ictx, hwpt)
    return hwpt


def hwpt_attach_device(hwpt: Hwpt, idev: BoundDevice, pasid: int) -> None:
    """Have the core attach the group. Source: ``iommufd_hwpt_attach_device()``."""
    hwpt_compatible_device(hwpt, idev)
    hwpt_pasid_compat(hwpt, idev, pasid)
    if idev.igroup.group is None:
        return
    handle = idev.ictx.new_handle()
    if pasid == NO_PASID:
        attach_group_handle(hwpt.domain, idev.igroup.group, handle)
    else:
        attach_device_pasid(hwpt.domain, idev.dev, pasid, handle)


def hwpt_replace_device(idev: BoundDevice, pasid: int, hwpt: Hwpt, old: Hwpt) -> None:
    """Have the core replace, and answer what the old handle leaves.

    Source: ``iommufd_hwpt_replace_device()``.
    """
    hwpt_compatible_device(hwpt, idev)
    hwpt_pasid_compat(hwpt, idev, pasid)
    if idev.igroup.group is None:
        return
    old_handle = attach_handle(idev.igroup, pasid)
    handle = idev.ictx.new_handle()
    if pasid == NO_PASID:
        replace_group_handle(hwpt.domain, idev.igroup.group, handle)
    else:
        replace_device_pasid(hwpt.domain, idev.dev, pasid, handle)
    auto_response_faults(idev.ictx, old, old_handle)


def hwpt_detach_device(hwpt: Hwpt, idev: BoundDevice, pasid: int) -> None:
    """Have the core detach, and answer what the handle leaves.

    Source: ``iommufd_hwpt_detach_device()``.
    """
    if idev.igroup.group is None:
        return
    handle = attach_handle(idev.igroup, pasid)
    if pasid == NO_PASID:
        detach_group_handle(idev.igroup.group)
    else:
        detach_device_pasid(hwpt.domain, idev.dev, pasid)
    auto_response_faults(idev.ictx, hwpt, handle)


def hwpt_compatible_device(hwpt: Hwpt, idev: BoundDevice) -> None:
    """A virtual function cannot be told alone that its page requests failed.

    Source: ``iommufd_hwpt_compatible_device()``.
    """
    if hwpt.fault and idev.shares_pri:
        raise refused(EINVAL, "IFD-8", f"{idev} shares its page requests")


def hwpt_pasid_compat(hwpt: Hwpt, idev: BoundDevice, pasid: int) -> None:
    """With PASIDs in use, whatever is attached must have been made for them.

    Source: ``iommufd_hwpt_pasid_compat()``.
    """
    attached = idev.igroup.pasid_attach
    if pasid == NO_PASID:
        if not hwpt.pasid_compat and any(other != NO_PASID for other in attached):
            raise refused(EINVAL, "IFD-10", f"PASIDs are attached, and {hwpt} is not for them")
        return
    if not hwpt.pasid_compat:
        raise refused(EINVAL, "IFD-9", f"{hwpt} is not for PASIDs")
    if NO_PASID in attached and not attached[NO_PASID].hwpt.pasid_compat:
        raise refused(EINVAL, "IFD-9", f"{attached[NO_PASID].hwpt} is attached without a PASID")


def attach_handle(igroup: IommufdGroup, pasid: int) -> AttachHandle | None:
    """The handle that the group has for a PASID.

    Source: ``iommufd_device_get_attach_handle()``.
    """
    assert igroup.group is not None
    try:
        return attach_handle_get(igroup.group, pasid)
    except OSError:
        return None


def hw_pagetable_put(ictx: Context, hwpt: Hwpt) -> None:
    """One user less; a table that was made for an address space goes with the last.

    Source: ``iommufd_hw_pagetable_put()``.
    """
    hwpt.users -= 1
    if hwpt.auto and not hwpt.users:
        ictx.destroy(hwpt.id)


def tell(ictx: Context, pasid: int, record: Record) -> None:
    """Say what the record says now."""
    devices = tuple(each.id for each in record.devices)
    ictx.observer.saw(("attachment", pasid, record.hwpt.id if devices else None, devices))


def get_hw_info(idev: BoundDevice) -> int:
    """The number of bits of a device's PASIDs, as user space is told.

    Raises:
        OSError: EOPNOTSUPP: it has no IOMMU.

    Source: ``iommufd_get_hw_info()``.
    """
    if idev.noiommu:
        raise refused(EOPNOTSUPP, "IFD-28", f"{idev} has no IOMMU")
    return max(idev.dev.max_pasids.bit_length() - 1, 0)
