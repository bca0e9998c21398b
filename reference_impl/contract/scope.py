# SPDX-License-Identifier: GPL-2.0-only
"""The scope of an exploration: how large, and therefore which groups and which calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import NamedTuple

from ..model.objects import EVERY_PASID, NO_PASID, DomainKind, Notes
from . import group_scope
from .iommufd_calls import user_could
from .setting import IOMMUFD, NEW, PUBLISHED, STRAY, DeviceSpec, DomainSpec, Operation, Setting
from .step import Entry, Row, State


class OddGroup(NamedTuple):
    """A group in which a driver has to be tried besides.

    Args:
        name: what to call it.
        devices: by name; the driver treats them in another way than d0, d1…
        kinds: the kinds of domain to use, all if none.
        beginning: what the driver has noted before the first call.
    """

    name: str
    devices: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    beginning: Notes = ()


@dataclass(frozen=True)
class Habitat:
    """What a driver has to be tried with.

    Args:
        kinds: the kinds of domain that it makes; those that a small scope has no room for last.
        identity: whether its identity domain can be set on a PASID.
        pasids: the PASIDs to use.
        devices: how many of its devices a group can have at most.
        resets: whether its devices are reset.
        removals: whether one of two devices is released, and probed again.
        beginnings: what else it may have noted before the first call.
        odd: groups of devices that it treats in another way.
        group: whether the group's other calls are tried, and not a driver.
    """

    kinds: tuple[DomainKind, ...] = (DomainKind(),) * 3
    identity: bool = True
    pasids: tuple[int, ...] = (1, 2, 3, 4)
    devices: int = 6
    resets: bool = True
    removals: bool = False
    beginnings: tuple[Notes, ...] = ()
    odd: tuple[OddGroup, ...] = ()
    group: bool = False

    def within(self, scope: Scope) -> Scope:
        """The scope as it is explored here: what it has more than there is room for is not."""
        if self.group:
            devices, domains = max(min(scope.devices, 2), 1), min(scope.domains, 2)
            return replace(scope, devices=devices, incapable=0, domains=domains, pasids=1)
        return replace(
            scope,
            devices=min(scope.devices, self.devices),
            incapable=min(scope.incapable, 1),
            domains=min(scope.domains, max(len(self.domains(scope.domains)), 1)),
            pasids=min(scope.pasids, len(self.pasids)),
        )

    def starts(self, scope: Scope, lacks: frozenset[str]) -> Iterator[tuple[Setting, list[State]]]:
        """Each setting of a scope with its starts; see :meth:`Scope.starts`."""
        yield from scope.starts_in(self, lacks)

    def domains(self, number: int) -> tuple[DomainSpec, ...]:
        """The first so many of its domains; those that cannot be set on a PASID are left out."""
        specs = [
            DomainSpec(name, kind.type, True, kind.takes_pasids, kind.iopf_handler, kind.kind)
            for name, kind in zip("ABCDEFGHIJ", self.kinds, strict=False)
        ]
        return tuple([spec for spec in specs if spec.takes_pasids][:number])


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
        for size in fields(Scope):
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

    def within(self, habitat: Habitat | None) -> Scope:
        """The scope as it is explored with this habitat, if there is one."""
        return habitat.within(self) if habitat else self

    def starts(
        self, lacks: frozenset[str] = frozenset(), habitat: Habitat | None = None
    ) -> Iterator[tuple[Setting, list[State]]]:
        """Each setting of the scope with the states that its exploration starts from.

        Args:
            lacks: what the implementation has no notion of; see
                :class:`.implementation.Implementation`.
            habitat: what its driver has to be tried with, if that is a part of it.
        """
        scope = self.within(habitat)
        sizes = (scope.devices, scope.incapable, scope.domains, scope.pasids)
        for setting, states in scope._starts(lacks, habitat):
            yield setting._replace(sizes=sizes), states

    def _starts(
        self, lacks: frozenset[str], habitat: Habitat | None
    ) -> Iterator[tuple[Setting, list[State]]]:
        if habitat and habitat.group:
            yield from group_scope.settings(self.devices, self.domains)
            if "sva" not in lacks:
                yield group_scope.processes()
            return
        if habitat:
            yield from habitat.starts(self, lacks)
            return
        main = self._group(lacks)
        nothing = Row(None, (None,) * len(main.devices))
        yield main, [State((nothing,) * self.pasids)]
        if "recovery" not in lacks:
            yield main._replace(name="in recovery"), list(_in_recovery(main))
        statics = tuple(DomainSpec(t, t) for t in ("identity", "blocked"))
        if "static domains" in lacks:
            statics = ()
        few = self._group(lacks, min(self.devices, 2), 0, min(self.domains, 1), 1)
        few = few._replace(name="static domains", domains=few.domains + statics, others=())
        if few.devices:
            yield few, [_empty(few)]
            yield few._replace(name="no blocked domain", blocks_pasids=False), [_empty(few)]
        none = self._group(lacks, 0, max(self.incapable, 1), 1, 1)._replace(
            name="no capable device"
        )
        yield none, [_empty(none)]

    def starts_in(
        self, habitat: Habitat, lacks: frozenset[str]
    ) -> Iterator[tuple[Setting, list[State]]]:
        """A large group with few kinds, a small one with all; one with resets; the odd ones."""
        devices = self.devices

        def group(name: str, devices: int, incapable: int, domains: int, pasids: int) -> Setting:
            plain = self._group(lacks, devices, incapable, 1, pasids)
            numbers = habitat.pasids[:pasids]
            limit = max(numbers) + 1
            return plain._replace(
                name=name,
                devices=tuple(
                    d._replace(max_pasids=limit + (d.max_pasids > pasids + 1))
                    if d.max_pasids
                    else d
                    for d in plain.devices
                ),
                domains=habitat.domains(domains),
                pasids=numbers,
                driver=True,
            )

        main = group("group", devices, self.incapable, self.domains, self.pasids)
        yield main._replace(short=True, others=()), [_empty(main)]
        if devices:
            few = min(devices, 2)
            identity = DomainSpec("identity", "identity", takes_pasids=habitat.identity)
            opless = [
                DomainSpec(f"opless-{kind.type}", kind.type, takes_pasids=False)
                for kind in habitat.kinds
                if not kind.takes_pasids
            ]
            every = group("every kind", few, 0, 10, 1)
            every = every._replace(
                domains=(*every.domains, *[identity] * habitat.identity), short=True, others=()
            )
            yield every, [_empty(every), *(_empty(every, notes) for notes in habitat.beginnings)]
            for odd in habitat.odd:
                if len(odd.devices) <= devices:
                    one = every.devices[0]
                    strange = every._replace(
                        name=odd.name,
                        devices=tuple(one._replace(name=name) for name in odd.devices),
                        domains=tuple(
                            d for d in every.domains if not odd.kinds or d.kind in odd.kinds
                        ),
                    )
                    yield strange, [_empty(strange, odd.beginning)]
            both = group("resets", few, 0, 2, 1)
            mm = [d for d in every.domains if d.type == "sva" and d not in both.domains]
            both = both._replace(domains=(*both.domains, *mm[:1]), short=True, others=())
            if habitat.resets:
                alone = group("resets of one device", 1, 0, 2, min(self.pasids, 2))
                for each in (both, alone._replace(short=True, others=())):
                    yield each._replace(resets=True), [_empty(each)]
            if habitat.removals and few == 2:
                yield both._replace(name="a device goes", removals=True), [_empty(both)]
            static = group("static domains", few, 0, 1, 1)
            statics = [*[identity] * habitat.identity, DomainSpec("blocked", "blocked")]
            static = static._replace(
                domains=(*static.domains, *statics),
                others=(*static.others, *opless, *[identity] * (not habitat.identity)),
            )
            yield static, [_empty(static)]
            yield static._replace(name="no blocked domain", blocks_pasids=False), [_empty(static)]
        none = group("no capable device", 0, max(self.incapable, 1), 1, 1)._replace(others=())
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
    if setting.tried:
        return setting.tried
    dev = setting.devices[0].name
    last = setting.devices[-1].name
    handles: tuple[str | None, ...] = (None, NEW, PUBLISHED) if setting.handles else (None,)
    if setting.short and setting.handles:
        handles = (NEW,)
    names = [d.name for d in setting.domains]
    found: list[Operation] = []
    if setting.rid:
        names = names[:1]  # who is attached to a PASID is of no account there
    for pasid in setting.pasids:
        if setting.rid and pasid == NO_PASID:
            continue
        for name in names:
            found += [Operation("attach", dev, pasid, name, h) for h in handles]
        for name in (*names[1:], names[0]) if setting.replaces else ():
            found += [Operation("replace", dev, pasid, name, h) for h in handles]
        for name in names if setting.blocks_pasids else ():  # else nothing could be attached
            found.append(Operation("detach", last, pasid, name))
        if setting.handles and not setting.short:
            found += [Operation("handle_get", dev, pasid, type=t) for t in (None, "paging", "sva")]
    found += events(setting)
    if setting.short:
        return tuple(found)
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


def events(setting: Setting) -> list[Operation]:
    """What happens without being a call on a PASID: see :data:`.setting.EVENTS`."""
    found = group_scope.operations(setting)
    if setting.resets:
        for dev in setting.capable:
            found.append(Operation("reset_prepare", dev, setting.pasids[0]))
            found.append(Operation("reset_done", dev, setting.pasids[0]))
    if setting.removals:
        for dev in setting.capable:
            for pasid in setting.pasids:
                found += [Operation(kind, dev, pasid) for kind in ("release", "probe")]
    if setting.driver:
        mortal = [d.name for d in setting.domains if d.type == "sva"]
        found += [
            Operation("mm_release", setting.devices[0].name, pasid, name)
            for name in mortal
            for pasid in setting.pasids
        ]
    return found


def possible(setting: Setting, operation: Operation, state: State, row: Row | None) -> bool:
    """Whether a caller that keeps to the rules could do this now, or it could happen.

    A device is reset that is not under reset; an mm goes away once, and nobody attaches it then.
    What a core does with a group that a device has left is not looked at here, nor with one that a
    device joins while something is attached.
    """
    if setting.rid:
        return group_scope.possible(operation, state)
    if setting.mms:
        return group_scope.possible_of_mms(operation, state)
    kind, device, _, domain, *_ = operation
    if kind in IOMMUFD:
        return user_could(operation, state)
    gone = [fact[2] for fact in state.notes if fact[0] == "gone"]
    if kind == "probe":
        return device in gone and all(row.slot is None for row in state.rows)
    if gone and kind != "mm_release":
        return False
    if kind == "release":
        return True
    if kind == "reset_prepare":
        return device not in state.resetting
    if kind == "reset_done":
        return device in state.resetting
    if ("dead", EVERY_PASID, domain) in state.notes:
        return kind == "detach"
    if kind == "mm_release":  # as this PASID sees it, which may have another domain
        slots = [each.slot for each in state.rows if isinstance(each.slot, Entry)]
        return domain in [slot.domain for slot in slots] and row is not None and row.slot in slots
    return True


def has_handle(row: Row) -> bool:
    """Whether there is a published handle, which a caller could pass again."""
    return isinstance(row.slot, Entry) and row.slot.handle is not None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _empty(setting: Setting, notes: Notes = ()) -> State:
    return State((Row(None, (None,) * len(setting.devices)),) * len(setting.pasids), (), notes)


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
