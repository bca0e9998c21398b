# SPDX-License-Identifier: GPL-2.0-only
"""The way of a virtual machine monitor to iommufd: a device's file, and two ioctls on it.

Functions have the kernel's names. Where Linux 7.3 does not do what its own callers have to assume,
this module does, and says so at the place. Source: ``drivers/vfio/device_cdev.c`` and
``drivers/vfio/iommufd.c`` of Linux 7.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL, EOPNOTSUPP
from typing import Final

from .core import refused
from .iommufd.device import device_attach, device_detach, device_replace
from .iommufd.objects import BoundDevice
from .objects import NO_PASID

PASID_FLAG: Final = 1
"""``VFIO_DEVICE_ATTACH_PASID`` and ``VFIO_DEVICE_DETACH_PASID``."""
ATTACH_MIN, ATTACH_ALL = 12, 16
"""Bytes of the attach ioctl's argument up to its table, up to its PASID."""
DETACH_MIN, DETACH_ALL = 8, 12
"""Bytes of the detach ioctl's argument up to its flags, up to its PASID."""


@dataclass
class PtArgument:
    """What user space passes. Source: ``struct vfio_device_attach_iommufd_pt`` and its fellow.

    Args:
        argsz: how many bytes of it there are.
        flags: :data:`PASID_FLAG`, or 0.
        pt_id: the table or address space to attach; the table that was taken is written here.
        pasid: the PASID, if the flag says that there is one.
    """

    argsz: int
    flags: int = 0
    pt_id: str = ""
    pasid: int = 0


class VfioDevice:
    """A device's open file. Source: ``struct vfio_device``.

    Args:
        idev: the device as iommufd knows it.
        takes_pasids: whether its VFIO driver has the operations for PASIDs.
    """

    def __init__(self, idev: BoundDevice, takes_pasids: bool = True) -> None:
        self.idev = idev
        self.takes_pasids = takes_pasids
        self.attached = False
        """Whether it was attached through this file."""
        self.pasids: set[int] = set()
        """The PASIDs that were attached through this file."""


def ioctl_attach_pt(vdev: VfioDevice, arg: PtArgument) -> None:
    """``VFIO_DEVICE_ATTACH_IOMMUFD_PT``: attach, or replace what this file has attached.

    Raises:
        OSError: EFAULT, EINVAL, EOPNOTSUPP, or what iommufd said.

    Source: ``vfio_df_ioctl_attach_pt()``. There, when the id of the table cannot be given back,
    a PASID stays attached and the device is detached without one instead.
    """
    copy(vdev)
    pasid = checked(vdev, arg, ATTACH_MIN, ATTACH_ALL)
    if pasid is None:
        pt_id = attach_ioas(vdev, arg.pt_id)
    else:
        pt_id = pasid_attach_ioas(vdev, pasid, arg.pt_id)
    try:
        copy(vdev)
    except OSError:
        if pasid is None:
            detach_ioas(vdev)
        else:
            pasid_detach_ioas(vdev, pasid)
        raise
    arg.pt_id = pt_id


def ioctl_detach_pt(vdev: VfioDevice, arg: PtArgument) -> None:
    """``VFIO_DEVICE_DETACH_IOMMUFD_PT``: detach what this file has attached, if it has.

    Raises:
        OSError: EFAULT, EINVAL or EOPNOTSUPP.

    Source: ``vfio_df_ioctl_detach_pt()``.
    """
    copy(vdev)
    pasid = checked(vdev, arg, DETACH_MIN, DETACH_ALL)
    if pasid is None:
        detach_ioas(vdev)
    else:
        pasid_detach_ioas(vdev, pasid)


def checked(vdev: VfioDevice, arg: PtArgument, least: int, whole: int) -> int | None:
    """The PASID that the argument is about, None for DMA without one.

    Linux takes PASID 0 here, and would then attach what it has no book of.
    """
    if arg.argsz < least:
        raise refused(EINVAL, "VFIO-1", f"the argument has {arg.argsz} bytes, not {least}")
    if arg.flags & ~PASID_FLAG:
        raise refused(EINVAL, "VFIO-1", f"there are no flags {arg.flags:#x}")
    if not arg.flags:
        return None
    if not vdev.takes_pasids:
        raise refused(EOPNOTSUPP, "VFIO-2", f"the driver of {vdev.idev} attaches no PASIDs")
    if arg.argsz < whole:
        raise refused(EINVAL, "VFIO-1", f"the argument has {arg.argsz} bytes, not {whole}")
    copy(vdev)
    if arg.pasid == NO_PASID:
        raise refused(EINVAL, "VFIO-3", f"PASID {NO_PASID} stands for traffic without one")
    return arg.pasid


def copy(vdev: VfioDevice) -> None:
    """Copy between user space and the kernel; the user's memory may have gone."""
    vdev.idev.ictx.need("copy")


def attach_ioas(vdev: VfioDevice, pt_id: str) -> str:
    """Source: ``vfio_iommufd_physical_attach_ioas()``."""
    if vdev.attached:
        return device_replace(vdev.idev, NO_PASID, pt_id)
    pt_id = device_attach(vdev.idev, NO_PASID, pt_id)
    vdev.attached = True
    return pt_id


def detach_ioas(vdev: VfioDevice) -> None:
    """Source: ``vfio_iommufd_physical_detach_ioas()``."""
    if vdev.attached:
        device_detach(vdev.idev, NO_PASID)
        vdev.attached = False


def pasid_attach_ioas(vdev: VfioDevice, pasid: int, pt_id: str) -> str:
    """Source: ``vfio_iommufd_physical_pasid_attach_ioas()``."""
    if pasid in vdev.pasids:
        return device_replace(vdev.idev, pasid, pt_id)
    vdev.idev.ictx.need("memory")  # the book's page; there ENOSPC beyond the largest int
    pt_id = device_attach(vdev.idev, pasid, pt_id)
    vdev.pasids.add(pasid)
    return pt_id


def pasid_detach_ioas(vdev: VfioDevice, pasid: int) -> None:
    """Source: ``vfio_iommufd_physical_pasid_detach_ioas()``."""
    if pasid in vdev.pasids:
        device_detach(vdev.idev, pasid)
        vdev.pasids.remove(pasid)


def unbind(vdev: VfioDevice) -> None:
    """The file is closed: detach the PASIDs, then the rest, and give the device back.

    Source: ``vfio_iommufd_physical_unbind()``.
    """
    for pasid in sorted(vdev.pasids):
        pasid_detach_ioas(vdev, pasid)
    detach_ioas(vdev)
    vdev.idev.ictx.unbind(vdev.idev)
