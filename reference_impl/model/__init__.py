# SPDX-License-Identifier: GPL-2.0-only
"""What the contract says, as Linux 7.3 settled it: read :mod:`.objects`, then :mod:`.core`."""

from .core import (
    attach_device_pasid,
    attach_handle_get,
    detach_device_pasid,
    replace_device_pasid,
)
from .objects import NO_PASID, AttachHandle, Device, Domain, Driver, Group
from .observer import Observer
from .xarray import RESERVED, XArray

__all__ = [
    "NO_PASID",
    "RESERVED",
    "AttachHandle",
    "Device",
    "Domain",
    "Driver",
    "Group",
    "Observer",
    "XArray",
    "attach_device_pasid",
    "attach_handle_get",
    "detach_device_pasid",
    "replace_device_pasid",
]
