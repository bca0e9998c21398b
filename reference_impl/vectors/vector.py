# SPDX-License-Identifier: GPL-2.0-only
"""What a vector is: plain data, in the same words as its file, which :mod:`.reading` reads."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..contract.facts import GroupFacts
from ..contract.setting import DeviceSpec, DomainSpec, TableSpec
from ..contract.step import Entry

FORMAT = 1
"""The version of the format. What format 1 can say now it will always be able to say."""

SIMPLE = "simple"
"""The driver that does what it is asked, and notes nothing."""


class Group(NamedTuple):
    """Who is there: the devices in the group's order, and the domains."""

    devices: tuple[DeviceSpec, ...]
    domains: tuple[DomainSpec, ...]
    driver: str = SIMPLE
    """The driver whose answers are expected."""
    family: str = ""
    """The family of drivers whose domains these are; none: it is the core that is tried."""
    blocked_takes_pasids: bool = True
    """Whether the driver's blocked domain can be set on a PASID."""


class Pasid(NamedTuple):
    """What one PASID is: its entry in the array, and what each device's DMA reaches."""

    entry: Entry | None
    hardware: dict[str, str]
    """By device; one that is not there reaches nothing."""


class Process(NamedTuple):
    """A process whose memory is shared."""

    pasid: int | None
    compatible: bool
    """Whether devices can walk its page tables."""
    domains: dict[str, int]
    """How many groups are attached to each of its domains."""
    bound: int
    """How often this group is bound to it."""


class Situation(NamedTuple):
    """A group between two calls."""

    pasids: dict[int, Pasid]
    """Those that are attached, or reach anything."""
    resetting: tuple[str, ...] = ()
    """The devices under reset."""
    group: GroupFacts | None = None
    """What the group is besides, where traffic without a PASID is part of it."""
    notes: tuple[tuple[Any, ...], ...] = ()
    """What the driver has noted before the first call, beside what an attachment leaves."""
    processes: dict[str, Process] = {}  # noqa: RUF012 - never changed
    """By name, where the sharing of their memory plays a part."""


class Fault(NamedTuple):
    """Something that fails: a driver's call, or an allocation of the array."""

    error: str
    device: str = ""
    domain: str = ""
    """With *device*: the call that sets this domain on this device fails."""
    nth: int = 1
    """Which of those calls, or of the array's allocations."""
    at: str = ""
    """What of its own the driver lacks; one that has no such thing fails wherever it can."""
    allocation: bool = False
    if_asked: bool = False
    """Whether it is right that it never comes up."""
    need: str = ""
    """What it is the lack of, if it belongs to no driver's call; *nth* is which of those needs."""


class DriverCall(NamedTuple):
    """One call of a driver."""

    device: str
    domain: str
    old: str | None
    sees: str | None
    """Whose handle a page request finds that arrives meanwhile."""
    result: str
    pasid: int


class Expected(NamedTuple):
    """One operation, what fails in it, and what has to be seen of it from outside."""

    operation: str
    arguments: dict[str, Any]
    """By name: device, pasid, domain, handle, type; as many as the operation has."""
    faults: tuple[Fault, ...]
    result: str
    """``"0"`` or the name of an errno."""
    found: str | None
    """The handle that a look-up returns."""
    calls: tuple[DriverCall, ...]
    warns: int

    @property
    def pasid(self) -> int:
        """The PASID that it is about; 0 also if it is about none."""
        return int(self.arguments.get("pasid", 0))


class Vector(NamedTuple):
    """One scenario."""

    name: str
    title: str
    clauses: tuple[str, ...]
    sources: tuple[str, ...]
    group: Group
    initial: Situation
    steps: tuple[Expected, ...]
    final: Situation
    verdict: dict[str, str]
    """What became of it by implementation: ``"holds"``, ``"breaks REP-7"``, ``"lacks handles"``."""
    note: str = ""
    text: dict[str, Any] = {}  # noqa: RUF012 - what was read, never changed
    """The table that it was read from."""
    user: tuple[TableSpec, ...] = ()
    """What a user of iommufd has made; the operations are then that user's calls."""
