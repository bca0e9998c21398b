# SPDX-License-Identifier: GPL-2.0-only
"""Explore less, and know as much: PASIDs one at a time, domains up to their names.

* **PASIDs apart.** A call concerns one PASID, and a core keeps nothing that joins two. So the
  others stay as they were at the start while one is explored, and a group of PASIDs has as many
  states as their products. A core that lets one PASID decide about another is not found out this
  way; exploring two of them together does that.
* **Domains by any name.** Domains of one kind differ in nothing, so of the states that differ only
  in which of them is called what, one is explored; where the starts mention none.

Devices are no such case: the group's order decides who is asked first and who is undone, so two
devices of one kind are not two of a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import perm, prod
from typing import NamedTuple

from .setting import DomainSpec, Operation, Setting
from .step import Entry, Row, State

Names = Mapping[str, str]


class Part(NamedTuple):
    """What is explored of a setting in place of the whole."""

    pasid: int | None
    """The PASID whose calls are made; None: of all."""
    starts: list[State]
    stands_for: int
    """How many PASIDs it is explored for."""


def apart(setting: Setting, starts: list[State]) -> Iterator[list[Part]]:
    """The PASIDs of a setting one at a time, for each set of devices under reset.

    The first is explored with every call, one other in place of all others.
    """
    pasids = setting.pasids
    for resetting in dict.fromkeys(state.resetting for state in starts):
        of = [state for state in starts if state.resetting == resetting]
        alone = [
            [s for s in of if all(s.rows[j] == of[0].rows[j] for j in range(len(pasids)) if j != i)]
            for i in range(min(len(pasids), 2))
        ]
        yield [
            Part(pasids[i], each, 1 if i == 0 else len(pasids) - 1) for i, each in enumerate(alone)
        ]


def together(found: list[tuple[Part, int]]) -> int:
    """How many states there are, given how many each part has."""
    return prod(states**part.stands_for for part, states in found)


class Renaming:
    """Domains of one kind called in the order in which a state mentions them.

    Args:
        setting: who is there; only its domains are renamed.
    """

    def __init__(self, setting: Setting) -> None:
        kinds: dict[DomainSpec, list[str]] = {}
        for spec in setting.domains:
            kinds.setdefault(spec._replace(name=""), []).append(spec.name)
        self.alike = {name: names for names in kinds.values() for name in names}

    def names(self, state: State) -> dict[str, str]:
        """How each domain that the state mentions is called instead."""
        found: dict[str, str] = {}
        used: dict[int, int] = {}
        for row in state.rows:
            slot = row.slot.domain if isinstance(row.slot, Entry) else None
            for name in (slot, *row.hardware):
                if name is not None and name not in found and name in self.alike:
                    names = self.alike[name]
                    at = used.get(id(names), 0)
                    found[name], used[id(names)] = names[at], at + 1
        return found

    def canonical(self, state: State) -> tuple[State, dict[str, str]]:
        """The state in place of all that differ from it in names, and what is called how in it."""
        names = self.names(state)
        if all(old == new for old, new in names.items()):
            return state, {}
        rows = tuple(_renamed(row, names) for row in state.rows)
        return state._replace(rows=rows), self.complete(names)

    def complete(self, names: Names) -> dict[str, str]:
        """The whole exchange of names of which these are a part."""
        whole = dict(names)
        taken = set(names.values())
        for name, alike in self.alike.items():
            if name not in whole:
                whole[name] = next(n for n in alike if n not in taken)
                taken.add(whole[name])
        return whole

    def size(self, state: State) -> int:
        """For how many states this one is explored."""
        used: dict[int, int] = {}
        for name in self.names(state):
            kind = id(self.alike[name])
            used[kind] = used.get(kind, 0) + 1
        sizes = {id(names): len(names) for names in self.alike.values()}
        return prod(perm(sizes[kind], number) for kind, number in used.items())


def _renamed(row: Row, names: Names) -> Row:
    slot = row.slot
    if isinstance(slot, Entry):
        slot = slot._replace(domain=names.get(slot.domain, slot.domain))
    return Row(slot, tuple([names.get(d, d) if d is not None else None for d in row.hardware]))


def original(
    calls: list[tuple[Operation, tuple[bool, ...], Mapping[str, str]]],
) -> list[tuple[Operation, tuple[bool, ...]]]:
    """Calls as they have to be made one after the other, without renaming between them.

    Args:
        calls: each call as it was made, its faults, and how domains were called after it.
    """
    really: dict[str, str] = {}  # what is called so now, by the name that it has from the start
    made = []
    for operation, script, names in calls:
        name = operation.domain
        if name is not None:
            operation = operation._replace(domain=really.get(name, name))
        made.append((operation, script))
        if names:
            really = {new: really.get(old, old) for old, new in names.items()}
    return made
