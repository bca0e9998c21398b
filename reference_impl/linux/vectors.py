# SPDX-License-Identifier: GPL-2.0-only
"""Vectors on a kernel's functions: each with as much of the kernel as it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..contract import CLAUSES
from ..contract.setting import DEVICE, GROUP, HANDLE, RESETS
from ..drivers.vtd_notes import iommu_of
from ..vectors import CannotPlayError, Played, Vector
from ..vectors.operations import OPERATIONS
from ..vectors.playing import MachinePlayer, needs
from .drivers import DRIVERS
from .machine import PLACES, Linux
from .vtd_machine import IOMMU

CORE = frozenset({"attach", "replace", "detach", "handle_get"})
MADE = {
    "": CORE,
    "group": CORE | {*RESETS, *GROUP, *HANDLE, *DEVICE},
    **dict.fromkeys(("vtd", "amd"), CORE | {*RESETS, "mm_release"}),
}
"""The kinds of operation that each harness makes."""
HIGHEST, HIGHEST_OF_VTD = 126, 7
"""A PASID or a limit beyond this has no number in the harness; or a PASID no place in its table."""
DEVICES, DOMAINS = 12, 12
"""How many of them the harness has room for, beside the domains that are always there."""


class Recorded(NamedTuple):
    """A player that has played already, in a process of its own."""

    name: str
    games: dict[str, Played | str]

    def play(self, vector: Vector) -> Played:
        """What was seen then."""
        seen = self.games[vector.name]
        if isinstance(seen, str):
            raise CannotPlayError(seen)
        return seen


def needed(vector: Vector) -> str:
    """What of a tree a vector needs: the core alone, or what else :func:`.ask` can take along.

    Raises:
        CannotPlayError: it needs what cannot be taken out of a tree here.
    """
    if vector.user:
        raise CannotPlayError("iommufd")
    if vector.initial.processes:
        raise CannotPlayError("the memory of processes")
    family = vector.group.family
    if family not in ("", *DRIVERS):
        raise CannotPlayError(f"the functions of {family}")
    if family == "vtd" and {iommu_of(each.name) for each in vector.group.devices} != {IOMMU}:
        raise CannotPlayError("a second IOMMU")
    numbers = {*vector.initial.pasids, *vector.final.pasids, *(s.pasid for s in vector.steps)}
    limits = [each.max_pasids for each in vector.group.devices]
    fits = len(limits) <= DEVICES and len(vector.group.domains) <= DOMAINS
    fits &= family != "vtd" or max(numbers, default=0) <= HIGHEST_OF_VTD
    if len(numbers) > PLACES or max([*numbers, *limits]) > HIGHEST or not fits:
        raise CannotPlayError("room in the harness")
    beyond = any(step.operation not in CORE for step in vector.steps)
    more = beyond or vector.initial.group or vector.initial.resetting
    return family or ("group" if more else "")


def fitting(vector: Vector, linuxes: Sequence[Linux]) -> Linux:
    """The one of a tree's harnesses that a vector is for.

    Raises:
        CannotPlayError: the tree has not got what it needs, or it cannot be taken out of one.
    """
    need, family = needed(vector), vector.group.family
    for linux in linuxes:
        if linux.name.partition("/")[2] == need:
            for step in vector.steps:
                if step.operation not in MADE[need]:
                    raise CannotPlayError(f"the call {step.operation}")
            return linux
    if lacking := sorted(needs(vector) & linuxes[0].lacks):
        raise CannotPlayError(lacking[0])
    raise CannotPlayError(f"the functions of {need}" if family else "the group's other calls")


def play_all(linux: Linux, vectors: Sequence[Vector]) -> list[Played | str]:
    """Play vectors that are for this harness; in place of one it cannot play, what it lacks."""
    player = MachinePlayer(linux.name, lambda _: linux, frozenset(OPERATIONS))
    games = list[Played | str]()
    for vector in vectors:
        try:
            seen = player.play(vector)
        except CannotPlayError as lacking:
            games.append(str(lacking))
        else:
            games.append(seen._replace(judged=promised(linux, seen.judged)))
    return games


def promised(linux: Linux, judged: dict[str, bool]) -> dict[str, bool]:
    """What is said of the clauses that the tree's release promises."""
    release = linux.release
    since = {id: tuple(map(int, CLAUSES[id].since.split("."))) for id in judged}
    return {id: holds for id, holds in judged.items() if since[id] <= release[: len(since[id])]}
