# SPDX-License-Identifier: GPL-2.0-only
"""What a group is besides its array and its hardware, as facts in the notes of a state.

An implementation that has the group's other calls gives these facts in every state, and takes them
back; see :attr:`.step.State.notes`. Each is about every PASID.

``("members", "*", device, …)``
    the devices that are in the group, in its order
``("domain", "*", domain)``
    what serves DMA without a PASID; no such fact: nothing yet
``("blocking", "*")``
    the group knows the domain that blocks all DMA of a device: it was needed once
``("owner", "*", owner)``, ``("owner_cnt", "*", number)``
    to whom the DMA belongs, and how often it is used; no such fact: to nobody, not at all
``("recovery_cnt", "*", number)``, ``("reset depth", "*", device, number)``
    how many devices are in recovery, and how many resets of a device are under way
``("deferred", "*", device)``
    its attach was put off until it is used
``("attached", "*", pasid, …)``
    the indices at which the array holds anything; it follows from the rows
``("max_pasids", "*", device, number)``
    what was found out when the device was probed, where that is tried
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..model.objects import EVERY_PASID, Fact, Notes

DEFAULT = "default"
"""The name of the domain that the kernel's own drivers use for DMA without a PASID."""


class GroupFacts(NamedTuple):
    """The facts of one state, read."""

    members: tuple[str, ...] = ()
    domain: str | None = None
    blocking: bool = False
    owner: str | None = None
    owner_cnt: int = 0
    recovery_cnt: int = 0
    reset_depth: tuple[tuple[str, int], ...] = ()
    deferred: tuple[str, ...] = ()
    attached: tuple[int, ...] = ()
    max_pasids: tuple[tuple[str, int], ...] = ()

    def depth(self, device: str) -> int:
        """How many resets of a device are under way."""
        return dict(self.reset_depth).get(device, 0)

    def notes(self) -> frozenset[Fact]:
        """As facts."""
        every = EVERY_PASID
        facts: list[Fact] = [("members", every, *self.members)]
        facts += [(name, every, value) for name, value in self._counts() if value]
        facts += [("blocking", every)] * self.blocking
        facts += [("reset depth", every, *each) for each in self.reset_depth if each[1]]
        facts += [("deferred", every, name) for name in self.deferred]
        facts += [("attached", every, *self.attached)] if self.attached else []
        facts += [("max_pasids", every, *each) for each in self.max_pasids]
        return frozenset(facts)

    def _counts(self) -> list[tuple[str, object]]:
        return [
            ("domain", self.domain),
            ("owner", self.owner),
            ("owner_cnt", self.owner_cnt),
            ("recovery_cnt", self.recovery_cnt),
        ]


def group_facts(notes: Notes) -> GroupFacts:
    """Read the facts of a group; others are left out."""
    found: dict[str, Any] = {}
    lists: dict[str, list[Any]] = {"reset depth": [], "deferred": [], "max_pasids": []}
    for kind, _, *what in sorted(notes, key=repr):
        match kind:
            case "members" | "attached":
                found[kind] = tuple(what)
            case "domain" | "owner" | "owner_cnt" | "recovery_cnt":
                found[kind] = what[0]
            case "blocking":
                found["blocking"] = True
            case "deferred":
                lists["deferred"].append(what[0])
            case "reset depth" | "max_pasids":
                lists[kind].append(tuple(what))
    return GroupFacts(
        **found,
        reset_depth=tuple(lists["reset depth"]),
        deferred=tuple(lists["deferred"]),
        max_pasids=tuple(lists["max_pasids"]),
    )
