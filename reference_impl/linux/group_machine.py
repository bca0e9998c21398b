# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's core with the group's other calls: its facts are read from the tree's structures.

They are those of :mod:`reference_impl.contract.facts`, so that the same clauses judge them, and so
that the model can be compared step by step.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from ..contract.facts import DEFAULT, GroupFacts, as_notes, group_facts
from ..contract.recorder import Recorder
from ..contract.scope import Habitat
from ..contract.setting import DomainSpec, Setting
from ..contract.step import Notes, Row, State
from ..model.capability import Capability
from ..model.objects import NO_DOMAIN
from .machine import NONE, KernelMachine, Library, Linux

# as in shim/group.c
WITHOUT_TLB, REQUIRES_DIRECT, DEFERS, IS_VIRTUAL = 1, 2, 4, 8
WIDE = 20
"""The bits of a PASID of a device of which no more is said than its limit."""
OF_GROUP, OF_DEVICE = 6, struct.Struct("<BB?BI")


@dataclass(frozen=True)
class LinuxGroup(Linux):
    """A kernel tree's core with the group's other calls, as an implementation."""

    def __post_init__(self) -> None:
        self.__dict__.update(
            has=frozenset({"group"}),
            lacks=self.lacks | {"sva"},
            habitat=Habitat(group=True),
        )

    def boot(self, setting: Setting, recorder: Recorder) -> GroupMachine:
        """Build the group in the shared object."""
        return GroupMachine(self.open(), setting, recorder)


class GroupMachine(KernelMachine):
    """One group of devices, whose DMA without a PASID is part of it."""

    known: ClassVar[dict[str, DomainSpec]] = {DEFAULT: DomainSpec(DEFAULT)}

    def __init__(self, library: Library, setting: Setting, recorder: Recorder) -> None:
        self.traits = {d.name: d for d in setting.devices}
        self._owners: list[str | None] = [None]
        self._states: dict[State, bytes] = {}
        self._nows: dict[bytes, tuple[tuple[Row, ...], tuple[str, ...], Notes]] = {}
        super().__init__(library, setting, recorder)

    def trait(self, device: str) -> bytes:
        """What it is, and what is found out about its PASIDs when it is probed."""
        spec = self.traits[device]
        said = spec.capability
        if said is None:
            said = Capability(WIDE if spec.max_pasids else None, self.limit(spec.max_pasids))
        flags = WITHOUT_TLB * (not spec.ats) + REQUIRES_DIRECT * spec.require_direct
        flags += DEFERS * spec.defers + IS_VIRTUAL * (said.physfn is not None)
        widths = [0 if bits is None else 1 + bits for bits in (said.bits, said.physfn)]
        return struct.pack("<BBBxI", flags, *widths, said.iommu)

    def owner(self, who: str | None) -> int:
        """The number of somebody who claims a group; 0 if that is nobody."""
        if who not in self._owners:
            self._owners.append(who)
        return self._owners.index(who)

    # States

    def load(self, state: State) -> None:
        """Be in this state, with all that the group is in it."""
        super().load(state)
        only = State((), state.resetting, state.notes)
        known = self._states.get(only)
        if known is None:
            facts = group_facts(state.notes) if self.setting.rid else self._plain(state.resetting)
            known = self._states[only] = self._as_bytes(facts)
        self.library.note(self.world, known, len(known))
        self._notes = state.notes

    def notes(self) -> Notes:
        """The facts of the group, if they are part of the setting."""
        return self._notes if self.setting.rid else ()

    def _plain(self, resetting: tuple[str, ...]) -> GroupFacts:
        """A group of which nothing is told but what is attached, and which resets are under way."""
        return GroupFacts(
            tuple(self.devices),
            DEFAULT,
            blocking=True,
            recovery_cnt=len(resetting),
            reset_depth=tuple([(name, 1) for name in resetting]),
        )

    def _as_bytes(self, facts: GroupFacts) -> bytes:
        made = [
            NONE if facts.domain is None else self.domain_at[facts.domain],
            facts.blocking,
            self.owner(facts.owner),
            facts.owner_cnt,
            facts.recovery_cnt,
            facts.default is not None,
        ]
        found = dict(facts.max_pasids)
        places = {name: place for place, name in enumerate(facts.members, 1)}
        return bytes(made) + b"".join(
            OF_DEVICE.pack(
                places.get(name, 0),
                facts.depth(name),
                name in facts.deferred,
                0,
                found.get(name, self.limit(self.traits[name].max_pasids)),
            )
            for name in self.devices
        )

    # Reading

    def _now(self, tail: bytes) -> None:
        known = self._nows.get(tail)
        if known is None:
            rows = self._read_rows(tail)
            facts = tail[len(self.pasids) * (2 + len(self.devices)) :]
            known = self._nows[tail] = rows, *self._read_facts(facts, rows)
        self._is[:], self._resetting, self._notes = known

    def _read_facts(self, tail: bytes, rows: tuple[Row, ...]) -> tuple[tuple[str, ...], Notes]:
        """The devices that are blocked, and the facts of the group."""
        domain, blocking, owner, owner_cnt, recovery_cnt, default = tail[:OF_GROUP]
        devices = list(zip(self.devices, OF_DEVICE.iter_unpack(tail[OF_GROUP:]), strict=True))
        places = {name: place for name, (place, *_) in devices if place}
        held = zip(self.pasids, rows, strict=True)
        facts = GroupFacts(
            tuple(sorted(places, key=lambda name: places[name])),
            self._domain(domain),
            bool(blocking),
            self._owners[owner] if owner < len(self._owners) else "unknown",
            owner_cnt,
            recovery_cnt,
            tuple([(name, depth) for name, (_, depth, *_) in devices if depth]),
            tuple([name for name, (_, _, deferred, *_) in devices if deferred]),
            tuple(sorted(pasid for pasid, row in held if row.slot is not None)),
            tuple(
                [
                    (n, found)
                    for n, (*_, found) in devices
                    if n in places and self.traits[n].capability
                ]
            ),
            (None, DEFAULT)[default] if default < 2 else NO_DOMAIN,
        )
        return tuple([name for name, (*_, blocked, _) in devices if blocked]), as_notes(facts)
