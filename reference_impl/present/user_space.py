# SPDX-License-Identifier: GPL-2.0-only
"""The rows of a diagram that are about iommufd: what is noted, asked for and answered."""

from __future__ import annotations

from ..contract.setting import IOMMUFD, Operation
from ..model.observer import Event


def told(operation: Operation, event: Event) -> str:
    """What a row says of an event of iommufd's; nothing of others."""
    match event:
        case ("attachment", _, table, devices) if isinstance(devices, tuple):
            return f"noted: {table} for {', '.join(devices)}" if table else "noted: nothing"
        case ("fault", "queued", queue, device, _):
            return f"{device}: asks for a page, waits in {queue}"
        case ("fault", "read", queue, device, pasid):
            return f"{queue}: PASID {pasid} of {device} is read"
        case ("response", device, _, answer):
            return f"{device}: gets the answer {answer}"
        case ("no memory",) if operation.kind in IOMMUFD:
            return "get memory -> ENOMEM"
        case ("no", "copy"):
            return "copy to or from user space -> EFAULT"
        case ("no", what) if operation.kind in IOMMUFD and what != "driver":
            return f"get {what} -> ENOMEM"
    return ""
