# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's core with the group's other calls: its facts are read from the tree's structures.

They are those of :mod:`reference_impl.contract.facts`, so that the same clauses judge them, and so
that the model can be compared step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..contract.facts import DEFAULT, GroupFacts, as_notes, group_facts
from ..contract.recorder import Recorder
from ..contract.scope import Habitat
from ..contract.step import DomainSpec, Notes, Row, Setting, State
from ..model.objects import NO_DOMAIN
from .group import LEFT_OUT
from .machine import NONE, KernelMachine, Library, Linux

# as in shim/group.c
WITHOUT_TLB, REQUIRES_DIRECT = 1, 2
OF_GROUP, OF_DEVICE = 6, 3
BLOCKED = 2


@dataclass(frozen=True)
class LinuxGroup(Linux):
    """A kernel tree's core with the group's other calls, as an implementation."""

    def __post_init__(self) -> None:
        self.__dict__.update(
            has=frozenset({"group"}),
            lacks=self.lacks | {"sva"},
            habitat=Habitat(group=True, without=LEFT_OUT),
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

    def trait(self, device: str) -> int:
        """Whether it has a TLB of its own, and whether firmware needs its mappings."""
        spec = self.traits[device]
        return WITHOUT_TLB * (not spec.ats) + REQUIRES_DIRECT * spec.require_direct

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
        for name in self.devices:
            made += [name in facts.members, facts.depth(name), name in facts.deferred]
        return bytes(made)

    # Reading

    def _now(self, tail: bytes) -> None:
        known = self._nows.get(tail)
        if known is None:
            rows = self._read_rows(tail)
            facts = tail[len(self.pasids) * (2 + len(self.devices)) :]
            known = self._nows[tail] = rows, self._blocked(facts), self._facts(facts, rows)
        self._is[:], self._resetting, self._notes = known

    def _of_devices(self, facts: bytes) -> list[tuple[str, int, int, int]]:
        """Of each device: whether it is a member and blocked, its resets, whether it is put off."""
        parts = (facts[i : i + OF_DEVICE] for i in range(OF_GROUP, len(facts), OF_DEVICE))
        return [(name, *part) for name, part in zip(self.devices, parts, strict=True)]

    def _blocked(self, facts: bytes) -> tuple[str, ...]:
        return tuple([name for name, is_, _, _ in self._of_devices(facts) if is_ == BLOCKED])

    def _facts(self, facts: bytes, rows: tuple[Row, ...]) -> Notes:
        domain, blocking, owner, owner_cnt, recovery_cnt, default = facts[:OF_GROUP]
        devices = self._of_devices(facts)
        held = zip(self.pasids, rows, strict=True)
        return as_notes(
            GroupFacts(
                tuple([name for name, is_member, _, _ in devices if is_member]),
                self._domain(domain),
                bool(blocking),
                self._owners[owner] if owner < len(self._owners) else "unknown",
                owner_cnt,
                recovery_cnt,
                tuple([(name, depth) for name, _, depth, _ in devices if depth]),
                tuple([name for name, _, _, deferred in devices if deferred]),
                tuple(sorted(pasid for pasid, row in held if row.slot is not None)),
                (),
                (None, DEFAULT)[default] if default < 2 else NO_DOMAIN,
            )
        )
