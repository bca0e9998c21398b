# SPDX-License-Identifier: GPL-2.0-only
"""What a group is besides its array and its hardware, as facts in the notes of a state.

An implementation that has the group's other calls gives these facts in every state, and takes them
back; see :attr:`.step.State.notes`. Each is about every PASID.

``("members", "*", device, …)``
    the devices that are in the group, in its order
``("domain", "*", domain)``
    what serves DMA without a PASID; no such fact: nothing yet
``("no default", "*")``
    the group has no domain of the kernel's own: nothing of the kernel does DMA through this IOMMU
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

Where the memory of processes is shared, there are these:

``("mm", "*", process, pasid, compatible, domains)``
    the process' PASID or None, whether a device can walk its page tables, and its domains, the
    latest first: each a name and the number of groups that are attached to it
``("bond", pasid, users)``
    how often the group is bound to the process that has this PASID
"""

from __future__ import annotations

from functools import lru_cache
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
    default: str | None = DEFAULT

    def depth(self, device: str) -> int:
        """How many resets of a device are under way."""
        return dict(self.reset_depth).get(device, 0)


@lru_cache(maxsize=1 << 16)
def as_notes(group: GroupFacts) -> frozenset[Fact]:
    """As facts."""
    every = EVERY_PASID
    counts = {
        "domain": group.domain,
        "owner": group.owner,
        "owner_cnt": group.owner_cnt,
        "recovery_cnt": group.recovery_cnt,
    }
    facts: list[Fact] = [("members", every, *group.members)]
    facts += [(name, every, value) for name, value in counts.items() if value]
    facts += [("blocking", every)] * group.blocking
    facts += [("no default", every)] * (group.default is None)
    facts += [("reset depth", every, *each) for each in group.reset_depth if each[1]]
    facts += [("deferred", every, name) for name in group.deferred]
    facts += [("attached", every, *group.attached)] if group.attached else []
    facts += [("max_pasids", every, *each) for each in group.max_pasids]
    return frozenset(facts)


@lru_cache(maxsize=1 << 16)
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
            case "no default":
                found["default"] = None
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


class MmFacts(NamedTuple):
    """What there is of one process."""

    name: str
    pasid: int | None = None
    compatible: bool = True
    domains: tuple[tuple[str, int], ...] = ()

    def fact(self) -> Fact:
        """As a fact."""
        return ("mm", EVERY_PASID, *self)


def mm_facts(notes: Notes) -> dict[str, MmFacts]:
    """Read the facts of the processes, by name."""
    found = [MmFacts(*fact[2:]) for fact in notes if fact[0] == "mm"]  # type: ignore[arg-type]
    return {each.name: each for each in found}


def bonds(notes: Notes) -> dict[int, int]:
    """By PASID, how often the group is bound."""
    return {pasid: users for kind, pasid, users, *_ in notes if kind == "bond"}  # type: ignore[misc]
