# SPDX-License-Identifier: GPL-2.0-only
"""The scope of an exploration: how large, and therefore which groups and which calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import product

from ..model.objects import NO_PASID
from .step import (
    NEW,
    PUBLISHED,
    STRAY,
    DeviceSpec,
    DomainSpec,
    Entry,
    Operation,
    Row,
    Setting,
    State,
)

LARGEST = {"devices": 6, "incapable": 4, "domains": 6, "pasids": 4, "faults": 8}
SMALLEST = {"devices": 0, "incapable": 0, "domains": 1, "pasids": 1, "faults": 0}


class ScopeError(ValueError):
    """A size that makes no sense; the message says which and what would."""


@dataclass(frozen=True)
class Scope:
    """The sizes of an exploration. Every claim that is called exhaustive holds within one.

    Args:
        devices: capable devices in the group.
        incapable: devices in the group that have no PASIDs.
        domains: paging domains of the group's driver.
        pasids: PASIDs in use at the same time.
        faults: how many things may fail in one operation, allocations included.

    Raises:
        ScopeError: a size is out of range, or the group has no devices.
    """

    devices: int = 3
    incapable: int = 1
    domains: int = 3
    pasids: int = 2
    faults: int = 3

    def __post_init__(self) -> None:
        for size in fields(self):
            value = getattr(self, size.name)
            low, high = SMALLEST[size.name], LARGEST[size.name]
            if not isinstance(value, int) or not low <= value <= high:
                raise ScopeError(f"{size.name} is {value}, but must be {low} to {high}")
        if self.devices + self.incapable == 0:
            raise ScopeError("a group has no devices: give at least one device or one incapable")

    def __str__(self) -> str:
        return (
            f"{_count(self.devices, 'capable device')} + {self.incapable} incapable, "
            f"{_count(self.domains, 'domain')}, {_count(self.pasids, 'PASID')}, "
            f"up to {_count(self.faults, 'fault')} in an operation"
        )

    def to_json(self) -> dict[str, int]:
        """The sizes by name."""
        return asdict(self)

    def starts(self, lacks: frozenset[str] = frozenset()) -> Iterator[tuple[Setting, list[State]]]:
        """Each setting of the scope with the states that its exploration starts from.

        Args:
            lacks: what the implementation has no notion of; see
                :class:`.implementation.Implementation`.
        """
        main = self._group(lacks)
        nothing = Row(None, (None,) * len(main.devices))
        yield main, [State((nothing,) * self.pasids)]
        if "recovery" not in lacks:
            yield main._replace(name="in recovery"), list(_in_recovery(main))
        statics = tuple(DomainSpec(t, t) for t in ("identity", "blocked"))
        few = self._group(lacks, min(self.devices, 2), 0, min(self.domains, 1), 1)
        few = few._replace(name="static domains", domains=few.domains + statics, others=())
        if few.devices:
            yield few, [_empty(few)]
            yield few._replace(name="no blocked domain", blocks_pasids=False), [_empty(few)]
        none = self._group(lacks, 0, max(self.incapable, 1), 1, 1)._replace(
            name="no capable device"
        )
        yield none, [_empty(none)]

    def _group(
        self,
        lacks: frozenset[str],
        devices: int | None = None,
        incapable: int | None = None,
        domains: int | None = None,
        pasids: int | None = None,
    ) -> Setting:
        """A group as large as asked; the middle device has the fewest PASIDs."""
        devices = self.devices if devices is None else devices
        incapable = self.incapable if incapable is None else incapable
        domains = self.domains if domains is None else domains
        pasids = self.pasids if pasids is None else pasids
        able = [DeviceSpec(f"d{i}", 2 * (pasids + 1)) for i in range(devices)]
        if able:
            middle = devices // 2
            able[middle] = able[middle]._replace(max_pasids=pasids + 1)
        unable = [DeviceSpec(f"n{i}", 0) for i in range(incapable)]
        return Setting(
            name="group",
            devices=tuple(able[:1] + unable + able[1:]),
            domains=tuple(DomainSpec(name) for name in "ABCDEF"[:domains]),
            pasids=tuple(range(1, pasids + 1)),
            handles="handles" not in lacks,
            replaces="replace" not in lacks,
            others=(
                DomainSpec("foreign", ours=False),
                DomainSpec("opless", takes_pasids=False),
                DomainSpec("foreign-opless", ours=False, takes_pasids=False),
            ),
        )


def operations(setting: Setting) -> tuple[Operation, ...]:
    """Every call that is tried in every state of a setting, the wrong ones included.

    Those with the published handle make sense only where there is one: see :func:`has_handle`.
    """
    dev = setting.devices[0].name
    last = setting.devices[-1].name
    handles = (None, NEW, PUBLISHED) if setting.handles else (None,)
    names = [d.name for d in setting.domains]
    found: list[Operation] = []
    for pasid in setting.pasids:
        for name in names:
            found += [Operation("attach", dev, pasid, name, h) for h in handles]
        for name in (*names[1:], names[0]) if setting.replaces else ():
            found += [Operation("replace", dev, pasid, name, h) for h in handles]
        for name in names if setting.blocks_pasids else ():  # else nothing could be attached
            found.append(Operation("detach", last, pasid, name))
        if setting.handles:
            found += [Operation("handle_get", dev, pasid, type=t) for t in (None, "paging", "sva")]
    wrong = NEW if setting.handles else None
    first, pasid = names[0], setting.pasids[0]
    for kind in ("attach", "replace") if setting.replaces else ("attach",):
        for other in setting.others:
            found.append(Operation(kind, dev, pasid, other.name, wrong))
            found.append(Operation(kind, STRAY, pasid, other.name, wrong))
            found.append(Operation(kind, dev, NO_PASID, other.name, wrong))
        found.append(Operation(kind, STRAY, pasid, first, wrong))
        found.append(Operation(kind, dev, NO_PASID, first, wrong))
        found.append(Operation(kind, dev, setting.limit or 1, first, wrong))
        found.append(Operation(kind, last, pasid, first, wrong))
    if not setting.blocks_pasids:  # once is enough: a real kernel dies of it
        found.append(Operation("detach", STRAY, pasid, first))
    return tuple(dict.fromkeys(found))


def has_handle(row: Row) -> bool:
    """Whether there is a published handle, which a caller could pass again."""
    return isinstance(row.slot, Entry) and row.slot.handle is not None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _empty(setting: Setting) -> State:
    return State((Row(None, (None,) * len(setting.devices)),) * len(setting.pasids))


def _in_recovery(setting: Setting) -> Iterator[State]:
    """One device is under reset: blocked in hardware, while the array keeps its entries."""
    slots = [None, Entry(setting.domains[0].name, None), Entry(setting.domains[-1].name, PUBLISHED)]
    for blocked in setting.devices:
        for chosen in product(slots, repeat=len(setting.pasids)):
            rows = [
                Row(
                    slot,
                    tuple(
                        slot.domain if slot and d.max_pasids and d is not blocked else None
                        for d in setting.devices
                    ),
                )
                for slot in chosen
            ]
            yield State(tuple(rows), (blocked.name,))
