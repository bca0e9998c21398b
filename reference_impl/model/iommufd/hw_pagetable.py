# SPDX-License-Identifier: GPL-2.0-only
"""Making page tables that hardware can use.

Functions have the kernel's names. Source: ``drivers/iommu/iommufd/hw_pagetable.c`` of Linux 7.3.
What a driver may refuse about its own domains is left out.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT, EOPNOTSUPP

from ..core import refused
from ..objects import Domain
from .objects import BoundDevice, Context, FaultQueue, Hwpt, Ioas


def hwpt_alloc(
    idev: BoundDevice,
    pt_id: str,
    id: str,
    pasid: bool = False,
    nest_parent: bool = False,
    fault_id: str = "",
    kind: str = "",
) -> Hwpt:
    """Make a table for an address space, or nested on another table.

    Args:
        idev: whose driver makes it.
        pt_id: an address space; or a paging table, to nest on.
        id: what the new one shall be called.
        pasid: ``IOMMU_HWPT_ALLOC_PASID``: it shall go with PASIDs.
        nest_parent: ``IOMMU_HWPT_ALLOC_NEST_PARENT``: others shall be nested on it.
        fault_id: ``IOMMU_HWPT_FAULT_ID_VALID``: the queue that its page requests go to.
        kind: what only the driver understands.

    Raises:
        OSError: EINVAL for a wrong *pt_id*, EOPNOTSUPP for flags that do not go together, ENOENT
            for a wrong *fault_id*, or ENOMEM.

    Source: ``iommufd_hwpt_alloc()``.
    """
    ictx = idev.ictx
    pt = ictx.objects.get(pt_id)
    if isinstance(pt, Ioas):
        hwpt = paging_alloc(idev, pt, id, pasid, nest_parent, bool(fault_id), kind)
    elif isinstance(pt, Hwpt) and pt.parent is None:
        hwpt = nested_alloc(idev, pt, id, pasid, nest_parent, bool(fault_id), kind)
    else:
        raise refused(EINVAL, "IFD-29", f"no table can be made from {pt_id}")
    if fault_id:
        queue = ictx.objects.get(fault_id)
        if not isinstance(queue, FaultQueue):
            raise refused(ENOENT, "IFD-29", f"{fault_id} is no fault queue")
        hwpt.fault = queue
        queue.users += 1
    return publish(ictx, hwpt)


def paging_alloc(
    idev: BoundDevice,
    ioas: Ioas,
    id: str,
    pasid: bool = False,
    nest_parent: bool = False,
    fault: bool = False,
    kind: str = "",
) -> Hwpt:
    """A table for an address space; nobody has its id yet.

    Source: ``iommufd_hwpt_paging_alloc()``.
    """
    if fault and nest_parent:
        raise refused(EOPNOTSUPP, "IFD-29", "a parent takes no page requests")
    idev.ictx.need("memory")
    domain = Domain(id, idev.dev.driver, "paging", iopf_handler=fault, kind=kind)
    return Hwpt(id, domain, ioas, pasid_compat=pasid, nest_parent=nest_parent)


def nested_alloc(
    idev: BoundDevice,
    parent: Hwpt,
    id: str,
    pasid: bool = False,
    nest_parent: bool = False,
    fault: bool = False,
    kind: str = "",
) -> Hwpt:
    """A table of the user's own on top of another one; nobody has its id yet.

    Source: ``iommufd_hwpt_nested_alloc()``.
    """
    if nest_parent:
        raise refused(EOPNOTSUPP, "IFD-29", "a nested table is nobody's parent")
    if parent.auto or not parent.nest_parent or parent.domain.driver is not idev.dev.driver:
        raise refused(EINVAL, "IFD-29", f"nothing can be nested on {parent} here")
    idev.ictx.need("memory")
    domain = Domain(id, idev.dev.driver, "nested", iopf_handler=fault, kind=kind)
    return Hwpt(id, domain, parent.ioas, parent, pasid_compat=pasid)


def publish(ictx: Context, hwpt: Hwpt) -> Hwpt:
    """From now on its id can be used, and what it was made from is in use.

    Source: ``iommufd_object_finalize()``.
    """
    if hwpt.parent:
        hwpt.parent.users += 1
    else:
        hwpt.ioas.hwpts.append(hwpt)
        hwpt.ioas.users += 1
    return ictx.add(hwpt)
