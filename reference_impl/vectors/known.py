# SPDX-License-Identifier: GPL-2.0-only
"""The players that can be named, and where the published vectors are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..contract import IMPLEMENTATIONS, PythonCore
from ..contract.clause import CLAUSES, EXTRAS
from ..contract.implementation import Implementation
from ..contract.known import REST
from ..contract.scope import Habitat
from .operations import OPERATIONS
from .playing import CannotPlayError, MachinePlayer
from .reading import FAMILIES, read
from .vector import SIMPLE, Vector

PLACES = (Path(__file__).with_name("published"), Path(__file__).parents[2] / "spec" / "vectors")
PUBLISHED = next((place for place in PLACES if place.is_dir()), PLACES[0])
"""Where the published vectors are: in an installed package, or in a checkout."""


def family_of(name: str) -> str:
    """The family of a driver's name: that of ``vtd-in-place`` is ``vtd``."""
    return name.partition(" ")[0].partition("-")[0]


def paths(folder: Path) -> list[Path]:
    """The vectors in a directory and below."""
    return sorted(folder.rglob("*.toml"))


def published(only: str = "") -> list[Vector]:
    """The published vectors, or those of one directory, as ``"x"`` or ``"broken"``."""
    return [read(path) for path in paths(PUBLISHED / only)]


def player(implementation: PythonCore) -> MachinePlayer:
    """Who plays on an implementation that is written in Python.

    A driver of your own, made one by ``with_driver()``, plays what is meant for a simple driver.
    """

    def fitting(vector: Vector) -> Implementation:
        driver, family = vector.group.driver, vector.group.family
        if vector.user:
            above = IMPLEMENTATIONS["iommufd"] if implementation.name == "model" else implementation
            if "iommufd" not in above.has:
                raise CannotPlayError("iommufd")
            return replace(above, driver=IMPLEMENTATIONS[driver].driver) if family else above
        if vector.initial.group or vector.initial.processes:
            whole = IMPLEMENTATIONS.get(REST.get(implementation.name, implementation.name))
            if whole is None or "group" not in whole.has:
                raise CannotPlayError("the group's other calls")
            return whole
        own = implementation.habitat is not None
        if own:
            its = family_of(implementation.name)
            if family != (its if its in FAMILIES else ""):
                raise CannotPlayError(f"the domains of {family}" if family else "the simple driver")
            return implementation
        if not family and not any(CLAUSES[id].needs in EXTRAS for id in vector.clauses):
            return implementation
        if "handles" in implementation.lacks:
            raise CannotPlayError("drivers of their own")
        return with_driver(implementation, driver)

    return MachinePlayer(implementation.name, fitting, frozenset(OPERATIONS))


def with_driver(core: PythonCore, driver: str) -> PythonCore:
    """A core with another driver than the simple one, and that driver's notes."""
    if driver == SIMPLE:
        return replace(core, has=frozenset({"driver", "resets"}), habitat=Habitat())
    other = IMPLEMENTATIONS[driver]
    return replace(core, driver=other.driver, has=other.has, habitat=other.habitat)
