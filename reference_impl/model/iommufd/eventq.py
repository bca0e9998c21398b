# SPDX-License-Identifier: GPL-2.0-only
"""Page requests on their way to user space, and the answers on their way back.

Functions have the kernel's names, as far as the kernel has them. Source:
``drivers/iommu/io-pgfault.c`` and ``drivers/iommu/iommufd/eventq.c`` of Linux 7.3. A request here
is a whole group of requests there.

Events: ``("fault", "queued", queue, device, pasid)``, ``("fault", "read", …)``, and
``("response", device, pasid, answer)`` whenever a device gets its answer.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT
from typing import Final

from ..core import attach_handle_get, refused
from ..objects import NO_PASID, AttachHandle, Device
from .objects import Context, FaultQueue, Hwpt, PageRequest

SUCCESS: Final = "success"
INVALID: Final = "invalid"
FAILURE: Final = "failure"
"""What a device is told, but not by user space."""


def report_device_fault(ictx: Context, dev: Device, pasid: int) -> None:
    """A device asks for a page: hand it to whoever takes page requests of that PASID.

    Where there is no memory to keep it, the device is told so, and the driver that reports it has
    no more to do.

    Raises:
        OSError: EINVAL if nobody does; the device has been told that its request is invalid.

    Source: ``iommu_report_device_fault()``, ``iommufd_fault_iopf_handler()``.
    """
    handle = find_fault_handler(dev, pasid)
    if handle is None:
        respond(ictx, dev, pasid, INVALID)
        raise refused(EINVAL, "IFD-23", f"nobody takes page requests of PASID {pasid}")
    try:
        ictx.need("memory")
    except OSError:
        respond(ictx, dev, pasid, FAILURE)
        return
    queue = queue_of(ictx, handle)
    queue.deliver.append(PageRequest(dev, pasid, handle))
    ictx.observer.saw(("fault", "queued", queue.id, dev.name, pasid))


def find_fault_handler(dev: Device, pasid: int) -> AttachHandle | None:
    """Who takes page requests of this PASID.

    Where user space keeps the device's PASID table itself, all its PASIDs belong to what is
    attached for traffic without one. Source: ``find_fault_handler()``.
    """
    assert dev.group is not None
    try:
        handle = attach_handle_get(dev.group, pasid)
    except OSError as error:
        if error.errno != ENOENT or not dev.driver.user_pasid_table:
            return None
        try:
            handle = attach_handle_get(dev.group, NO_PASID, "nested")
        except OSError:
            return None
    return handle if handle.domain.iopf_handler else None


def queue_of(ictx: Context, handle: AttachHandle) -> FaultQueue:
    """The queue of the table that the handle is attached to."""
    hwpt = ictx.objects[handle.domain.name]
    assert isinstance(hwpt, Hwpt)
    assert hwpt.fault is not None
    return hwpt.fault


def fault_read(ictx: Context, queue: FaultQueue) -> tuple[int, PageRequest] | None:
    """Read the oldest request: its cookie and itself, or None if there is none.

    Source: ``iommufd_fault_fops_read()``.
    """
    if not queue.deliver:
        return None
    ictx.need("memory")
    request = queue.deliver.pop(0)
    cookie = next(n for n in range(1, len(queue.response) + 2) if n not in queue.response)
    queue.response[cookie] = request
    ictx.observer.saw(("fault", "read", queue.id, request.dev.name, request.pasid))
    return cookie, request


def fault_write(ictx: Context, queue: FaultQueue, cookie: int, answer: str) -> None:
    """Answer a request that was read.

    Raises:
        OSError: EINVAL for another answer than success or invalid, or an unknown cookie.

    Source: ``iommufd_fault_fops_write()``.
    """
    if answer not in (SUCCESS, INVALID):
        raise refused(EINVAL, "IFD-26", f"{answer} is no answer")
    if cookie not in queue.response:
        raise refused(EINVAL, "IFD-26", f"nothing waits under cookie {cookie}")
    request = queue.response.pop(cookie)
    respond(ictx, request.dev, request.pasid, answer)


def auto_response_faults(ictx: Context, hwpt: Hwpt, handle: AttachHandle | None) -> None:
    """Nobody will answer what came through this handle: tell the devices that it is invalid.

    Args:
        ictx: the open file.
        hwpt: the table that the handle *was* attached to; its queue is searched.
        handle: the one that is about to be freed.

    Source: ``iommufd_auto_response_faults()``.
    """
    queue = hwpt.fault
    if queue is None or handle is None:
        return
    for request in [r for r in queue.deliver if r.handle is handle]:
        queue.deliver.remove(request)
        respond(ictx, request.dev, request.pasid, INVALID)
    for cookie in [c for c, r in queue.response.items() if r.handle is handle]:
        request = queue.response.pop(cookie)
        respond(ictx, request.dev, request.pasid, INVALID)


def respond(ictx: Context, dev: Device, pasid: int, answer: str) -> None:
    """The device gets its answer. Source: ``iopf_group_response()``."""
    ictx.observer.saw(("response", dev.name, pasid, answer))
