# SPDX-License-Identifier: GPL-2.0-only
"""What a booted kernel is asked: names, and what is required of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..contract import CLAUSES
from ..vectors import Vector
from ..vectors.kunit import unfit
from .scenarios import Scenario


@dataclass(frozen=True)
class Asked:
    """One thing that is asked.

    Args:
        level: ``"step"``: a step of the exploration, inside the kernel; ``"vector"``: a published
            one, inside the kernel; ``"user"``: through /dev/iommu; ``"defect"``: likewise, what
            Linux does and should not.
        name: as the guest says it.
        clauses: what it is about.
        warnings: how many WARNs of the core it requires.
        skipped: why it cannot be run in a kernel.
    """

    level: str
    name: str
    clauses: tuple[str, ...] = ()
    warnings: int = 0
    skipped: str = ""


def of_scenarios(scenarios: Iterable[Scenario]) -> Iterator[Asked]:
    """The steps of an exploration."""
    for each in scenarios:
        yield Asked("step", each.name, about(each), each.warnings)


def of_vectors(vectors: Iterable[Vector]) -> Iterator[Asked]:
    """The published vectors, those that no kernel can play included."""
    for each in vectors:
        warnings = sum(step.warns for step in each.steps)
        yield Asked("vector", each.name, each.clauses, warnings, unfit(each))


def of_text(level: str, text: str) -> Iterator[Asked]:
    """The results that guest/user.c gives for a text."""
    vector = ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "vector":
            vector = line.strip().partition(" ")[2].strip()
        elif words[0] == "end":
            yield Asked(level, vector)
        elif words[0].endswith(":"):
            yield Asked(level, f"{vector}/{words[0][:-1]}")


def about(scenario: Scenario) -> tuple[str, ...]:
    """The clauses that have something to say of a scenario's step."""
    step = scenario.step
    return tuple(
        id
        for id, clause in CLAUSES.items()
        if step.operation.kind in clause.on
        and not clause.lacking(frozenset(), frozenset())
        and clause.predicate(step) is not None
    )
