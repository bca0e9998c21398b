# SPDX-License-Identifier: GPL-2.0-only
"""Vectors on a kernel's functions, as far as the harness can put them into the situation."""

from __future__ import annotations

from typing import NamedTuple

from ..contract import CLAUSES
from ..vectors import CannotPlayError, Played, Vector
from ..vectors.playing import MachinePlayer
from .machine import PLACES, Linux

MADE = frozenset({"attach", "replace", "detach", "handle_get"})
"""The kinds of operation that the harness makes where nothing but the core is taken."""
HIGHEST = 250
"""A PASID or a limit beyond this has no number in the harness."""


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


def play_all(linux: Linux, vectors: list[Vector]) -> list[Played | str]:
    """Play vectors; in place of one that cannot be played, what the tree or the harness lacks."""

    def fitting(vector: Vector) -> Linux:
        if vector.user:
            raise CannotPlayError("iommufd")
        if vector.initial.group or vector.initial.processes:
            raise CannotPlayError("the group's other calls")
        if vector.group.family:
            raise CannotPlayError("drivers of their own")
        numbers = {*vector.initial.pasids, *vector.final.pasids, *(s.pasid for s in vector.steps)}
        limits = [each.max_pasids for each in vector.group.devices]
        if len(numbers) > PLACES or max([*numbers, *limits]) > HIGHEST:
            raise CannotPlayError("room in the harness")
        return linux

    player, games = MachinePlayer(linux.name, fitting, MADE), list[Played | str]()
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
