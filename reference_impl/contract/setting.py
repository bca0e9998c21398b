# SPDX-License-Identifier: GPL-2.0-only
"""Who is there, and what is called: what does not change while a group is explored."""

from __future__ import annotations

from typing import NamedTuple

from ..model.capability import Capability

NO_HANDLE = None
PUBLISHED = "h"
"""The handle that the array holds before the step."""
NEW = "h'"
"""A handle that nobody has seen before the step."""

STRAY = "stray"
"""The name of a device that is in no group."""

IOMMUFD = (
    "iommufd_attach",
    "iommufd_replace",
    "iommufd_detach",
    "iommufd_alloc",
    "iommufd_destroy",
    "iommufd_hw_info",
    "vfio_attach",
    "vfio_detach",
    "vfio_unbind",
    "page_request",
    "fault_read",
    "fault_write",
)
"""The kinds of operation of user space, and of a device that asks for a page."""

GROUP = ("attach_group", "detach_group", "claim_group_owner", "release_group_owner")
HANDLE = ("attach_group_handle", "replace_group_handle", "detach_group_handle")
RESETS = ("reset_prepare", "reset_done")
DEVICE = (
    *("use_default_domain", "unuse_default_domain", "claim_device_owner", "release_device_owner"),
    *("probe_device", "remove_device", "deferred_attach"),
)
DRIVER = ("release", "probe")
SVA = ("sva_bind", "sva_unbind")
EVENTS = (*RESETS, "mm_release", *DRIVER, *GROUP, *HANDLE, *DEVICE, *SVA, *IOMMUFD)
"""The kinds of operation that may concern every PASID; a step shows one. ``GROUP`` and
``HANDLE`` are called for the group, the others for a device. ``DRIVER``: a device is taken from its
driver, and given to it again, whatever the core does."""


class DeviceSpec(NamedTuple):
    """One device of a group: its name, and how many PASIDs it has (0: none at all)."""

    name: str
    max_pasids: int
    ats: bool = True
    """Whether it has a TLB of its own, so that the IOMMU takes part in its resets."""
    require_direct: bool = False
    """Whether firmware needs mappings of it to stay as they are."""
    defers: bool = False
    """Whether its attach is put off until it is used, once it is probed."""
    capability: Capability | None = None
    """What is looked at when it is probed, where that is tried."""

    def __repr__(self) -> str:
        told = [f"{k}={v!r}" for k, v in self._asdict().items() if v != self._field_defaults.get(k)]
        return f"DeviceSpec({', '.join(told)})"


class DomainSpec(NamedTuple):
    """One domain: its name, type, and whether its driver is the group's and it takes PASIDs."""

    name: str
    type: str = "paging"
    ours: bool = True
    takes_pasids: bool = True
    iopf_handler: bool = False
    """Whether page requests for it are wanted."""
    kind: str = ""
    """What only its driver understands."""


class TableSpec(NamedTuple):
    """What a user of iommufd has an id of: an address space, a page table, a fault queue."""

    id: str
    kind: str
    """``"ioas"``, ``"paging"``, ``"nested"`` or ``"queue"``."""
    of: str = ""
    """The address space that a paging table is for, the table that a nested one is nested on."""
    pasid: bool = False
    """Whether it was made to go with PASIDs."""
    parent: bool = False
    """Whether others may be nested on it."""
    fault: str = ""
    """The queue of its page requests."""
    data: str = ""
    """What only the driver understands."""


class Setting(NamedTuple):
    """What does not change during an exploration: who is there."""

    name: str
    devices: tuple[DeviceSpec, ...]
    domains: tuple[DomainSpec, ...]
    """What a caller attaches."""
    pasids: tuple[int, ...]
    """The PASIDs that are attached and detached."""
    others: tuple[DomainSpec, ...] = ()
    """Domains that must be refused."""
    blocks_pasids: bool = True
    """Whether the driver's blocked domain can be set on a PASID."""
    handles: bool = True
    """Whether the implementation has attach handles."""
    replaces: bool = True
    """Whether the implementation has a replace at all."""
    driver: bool = False
    """Whether a driver with records is part of it: what its calls were refused for is told."""
    resets: bool = False
    """Whether devices are reset."""
    removals: bool = False
    """Whether devices are released, and probed again."""
    short: bool = False
    """Whether only calls with new handles and right arguments are made."""
    rid: bool = False
    """Whether DMA without a PASID is part of it; PASID 0 is then one of the PASIDs, and the notes
    have the facts of :mod:`.facts`."""
    calls: tuple[str, ...] = ()
    """The kinds of operation that are tried besides attach, replace, detach and look-up."""
    mms: tuple[str, ...] = ()
    """The processes whose memory can be shared."""
    sizes: tuple[int, int, int, int] = (0, 0, 0, 0)
    """The devices, incapable ones, domains and PASIDs of the scope that it was made for."""
    tables: tuple[TableSpec, ...] = ()
    """What a user of iommufd has made."""
    tried: tuple[Operation, ...] = ()
    """The calls that are tried, if they are not those of :func:`.scope.operations`."""

    def domain(self, name: str) -> DomainSpec:
        """The domain of that name."""
        found = next(d for d in (*self.domains, *self.others) if d.name == name)
        return found._replace(takes_pasids=self.blocks_pasids) if name == "blocked" else found

    @property
    def capable(self) -> tuple[str, ...]:
        """The devices that have PASIDs, in the group's order."""
        return tuple(d.name for d in self.devices if d.max_pasids)

    @property
    def limit(self) -> int:
        """The smallest number of PASIDs that a capable device has; 0 where none is capable."""
        return min((d.max_pasids for d in self.devices if d.max_pasids), default=0)


class Operation(NamedTuple):
    """One call with its arguments."""

    kind: str
    """``"attach"``, ``"replace"``, ``"detach"`` or ``"handle_get"``; or what is no call on a PASID:
    one of :data:`EVENTS`."""
    device: str
    pasid: int
    domain: str | None = None
    """The domain; or the id of a table, an address space or a fault queue."""
    handle: str | None = NO_HANDLE
    type: str | None = None
    """Which type of domain a look-up insists on; or what else is special about a call."""
    who: str | None = None
    """Who claims a group or device; whose memory is shared."""

    def __str__(self) -> str:
        if self.kind in IOMMUFD:
            where = f"PASID {self.pasid}" if self.pasid else ""
            what = (self.device, where, self.domain, self.type)
            return f"{self.kind}({', '.join(filter(None, what))})"
        if self.kind == "handle_get":
            return f"handle_get(PASID {self.pasid}{f', {self.type}' if self.type else ''})"
        if self.kind in EVENTS:
            whole = self.kind in (*GROUP, *HANDLE, "mm_release")
            words = (None if whole else self.device, self.domain, self.handle, self.who)
            return f"{self.kind}({', '.join(word for word in words if word)})"
        where = "" if self.device != STRAY else f", {STRAY}"
        handle = "" if self.handle is None else f", {self.handle}"
        return f"{self.kind}({self.domain}, PASID {self.pasid}{where}{handle})"
