# SPDX-License-Identifier: GPL-2.0-only
"""What a user of ``/dev/iommu`` holds: address spaces, page tables, fault queues, bound devices.

Each is known by its id; here the id is a name. Source: ``drivers/iommu/iommufd/iommufd_private.h``
of Linux 7.3.
"""

from __future__ import annotations

from errno import EBUSY, ENODEV, ENOENT
from typing import Final, TypeVar

from ..core import refused
from ..objects import AttachHandle, Device, Domain, Group, Mutex
from ..observer import MayFail, Observer
from ..ownership import device_claim_dma_owner, device_release_dma_owner

OWNER: Final = "iommufd"
"""To whom the DMA of a bound device belongs."""


class Object:
    """Anything with an id. *users* counts those who would miss it; the holder of the id is none."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.users = 0

    def __repr__(self) -> str:
        return self.id


class Ioas(Object):
    """An address space: what is mapped where. Page tables are made for it.

    Source: ``struct iommufd_ioas``.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.hwpts: list[Hwpt] = []
        """The paging tables that were made for it, in order."""
        self.reserved: set[Device] = set()
        """The devices whose reserved regions nothing may be mapped over."""


class FaultQueue(Object):
    """Where user space reads page requests and writes its answers.

    Source: ``struct iommufd_fault``.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.deliver: list[PageRequest] = []
        """Not read yet."""
        self.response: dict[int, PageRequest] = {}
        """Read, and waiting for an answer, by cookie."""


class Hwpt(Object):
    """A page table that hardware can use: a domain, and what user space may do with it.

    Source: ``struct iommufd_hw_pagetable``, ``struct iommufd_hwpt_paging`` and
    ``struct iommufd_hwpt_nested``.

    Args:
        id: its id, and the name of its domain.
        domain: what a device is attached to.
        ioas: whose address space it translates; of a nested one, its parent's.
        parent: the table that it is nested on, if it is.
        pasid_compat: whether it was asked for with ``IOMMU_HWPT_ALLOC_PASID``.
        nest_parent: whether others may be nested on it.
        fault: where its page requests go, if it takes any.
        auto: whether iommufd made it for an address space, and takes it away with its last user.
    """

    def __init__(
        self,
        id: str,
        domain: Domain,
        ioas: Ioas,
        parent: Hwpt | None = None,
        pasid_compat: bool = False,
        nest_parent: bool = False,
        fault: FaultQueue | None = None,
        auto: bool = False,
    ) -> None:
        super().__init__(id)
        self.domain = domain
        self.ioas = ioas
        self.parent = parent
        self.pasid_compat = pasid_compat
        self.nest_parent = nest_parent
        self.fault = fault
        self.auto = auto


class PageRequest:
    """A device asks for a page, and waits for the answer. Source: ``struct iopf_group``."""

    def __init__(self, dev: Device, pasid: int, handle: AttachHandle) -> None:
        self.dev = dev
        self.pasid = pasid
        self.handle = handle
        """Whose it was when it arrived."""


class Record:
    """What one PASID of a group is attached to, and for which of its devices.

    Source: ``struct iommufd_attach``.
    """

    def __init__(self, hwpt: Hwpt) -> None:
        self.hwpt = hwpt
        self.devices: list[BoundDevice] = []


class IommufdGroup:
    """What iommufd keeps for a group: a record for each PASID, index 0 for traffic without one.

    Source: ``struct iommufd_group``. A device without an IOMMU has one with no group in it.
    """

    def __init__(self, group: Group | None) -> None:
        self.group = group
        self.pasid_attach: dict[int, Record] = {}
        self.lock = Mutex(Observer())


class BoundDevice(Object):
    """A device that user space has bound.

    Source: ``struct iommufd_device``.

    Args:
        ictx: the open file.
        dev: the device.
        igroup: what is kept for its group.
        shares_pri: whether it is a virtual function that has page requests, which it shares with
            the physical one.
    """

    def __init__(
        self, ictx: Context, dev: Device, igroup: IommufdGroup, shares_pri: bool = False
    ) -> None:
        super().__init__(dev.name)
        self.ictx = ictx
        self.dev = dev
        self.igroup = igroup
        self.shares_pri = shares_pri

    @property
    def noiommu(self) -> bool:
        """Whether nothing translates for it."""
        return self.igroup.group is None


T = TypeVar("T", bound=Object)


class Context:
    """One open ``/dev/iommu``: all ids that it has given out.

    Source: ``struct iommufd_ctx``.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.objects: dict[str, Object] = {}
        self.groups: dict[Group, IommufdGroup] = {}
        self.handles = 0

    def add(self, thing: T) -> T:
        """Give it its id."""
        self.objects[thing.id] = thing
        return thing

    def get(self, id: str) -> Object:
        """Find it.

        Raises:
            OSError: ENOENT.

        Source: ``iommufd_get_object()``.
        """
        if id not in self.objects:
            raise refused(ENOENT, "IFD-1", f"there is no {id}")
        return self.objects[id]

    def destroy(self, id: str) -> None:
        """Take an object away.

        Raises:
            OSError: ENOENT, or EBUSY while somebody uses it.

        Source: ``iommufd_object_remove()``.
        """
        thing = self.get(id)
        if thing.users:
            raise refused(EBUSY, "IFD-20", f"{id} is in use")
        del self.objects[id]
        if isinstance(thing, Hwpt):
            if thing.parent:
                thing.parent.users -= 1
            else:
                thing.ioas.hwpts.remove(thing)
                thing.ioas.users -= 1
            if thing.fault:
                thing.fault.users -= 1

    def bind(self, dev: Device, shares_pri: bool = False, noiommu: bool = False) -> BoundDevice:
        """Put a device under the user's control.

        Raises:
            OSError: ENODEV if it is in no group although it has an IOMMU, or EPERM or EBUSY if its
                group cannot be had.

        Source: ``iommufd_device_bind()``.
        """
        if noiommu:
            igroup = IommufdGroup(None)
        elif dev.group is None:
            raise refused(ENODEV, "IFD-1", f"{dev} is in no group")
        else:
            igroup = self.groups.setdefault(dev.group, IommufdGroup(dev.group))
            device_claim_dma_owner(dev, OWNER)
        return self.add(BoundDevice(self, dev, igroup, shares_pri))

    def unbind(self, idev: BoundDevice) -> None:
        """Give a device back, which the caller has detached.

        Raises:
            OSError: EBUSY: something is attached.

        Source: ``iommufd_device_unbind()``.
        """
        self.destroy(idev.id)
        if not idev.noiommu:
            device_release_dma_owner(idev.dev)

    def new_handle(self) -> AttachHandle:
        """A handle that nobody has seen: each attachment gets one of its own."""
        self.need("memory")
        self.handles += 1
        return AttachHandle(f"h{self.handles}", self.observer)

    def need(self, what: MayFail) -> None:
        """Get something that can be had or not.

        Raises:
            OSError: it could not be had.
        """
        if error := self.observer.fails(what):
            raise OSError(error, f"no {what}")
