# SPDX-License-Identifier: GPL-2.0-only
"""The players that can be named, and where the published vectors are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..contract import IMPLEMENTATIONS, PythonCore
from ..contract.implementation import Implementation
from .playing import CannotPlayError, MachinePlayer
from .reading import OPERATIONS
from .vector import SIMPLE, Vector

PUBLISHED = Path(__file__).parents[2] / "spec" / "vectors"
"""The published vectors of this checkout."""
FAMILY = {"vtd": "vtd", "vtd-in-place": "vtd", "vtd-repaired": "vtd"}
"""The families of drivers that have more than one."""


def player(implementation: PythonCore) -> MachinePlayer:
    """Who plays on an implementation that is written in Python."""

    def fitting(vector: Vector) -> Implementation:
        driver, family = vector.group.driver, vector.group.family
        own = implementation.habitat is not None
        if own:
            if family != FAMILY.get(implementation.name, implementation.name):
                raise CannotPlayError(f"the domains of {family}" if family else "the simple driver")
            return implementation
        if not family:
            return implementation
        if implementation.name not in ("model", "merged"):
            raise CannotPlayError("drivers of their own")
        return with_driver(implementation, driver)

    return MachinePlayer(implementation.name, fitting, frozenset(OPERATIONS))


def with_driver(core: PythonCore, driver: str) -> PythonCore:
    """A core with another driver than the simple one, and that driver's notes."""
    if driver == SIMPLE:
        return core
    other = IMPLEMENTATIONS[driver]
    return replace(core, driver=other.driver, has=other.has, habitat=other.habitat)
