# SPDX-License-Identifier: GPL-2.0-only
"""What a booted kernel is asked: names, and what is required of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ..contract import CLAUSES
from ..contract.step import Step
from ..vectors import Vector
from ..vectors.kunit import unfit
from .observed import as_seen
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
        scenario: of a step.
    """

    level: str
    name: str
    clauses: tuple[str, ...] = ()
    warnings: int = 0
    skipped: str = ""
    scenario: Scenario | None = None


def of_scenarios(scenarios: Iterable[Scenario]) -> Iterator[Asked]:
    """The steps of an exploration."""
    for each in scenarios:
        yield Asked("step", each.name, shown_by(each.step), each.warnings, scenario=each)


def of_vectors(vectors: Iterable[Vector], hidden: Collection[str] = ()) -> Iterator[Asked]:
    """The published vectors, those that no kernel can play included.

    Args:
        vectors: all of them.
        hidden: the clauses that nothing is said of, see :func:`hidden_in`.
    """
    for each in vectors:
        warnings = sum(step.warns for step in each.steps)
        clauses = tuple(id for id in each.clauses if id not in hidden)
        yield Asked("vector", each.name, clauses, warnings, unfit(each))


def of_text(level: str, text: str) -> Iterator[Asked]:
    """The results that guest/user.c gives for a text."""
    vector, clauses = "", list[str]()
    for line in text.splitlines():
        call, _, comment = line.partition("#")
        words, about = call.split(), comment.split()
        if not words:
            continue
        if words[0] == "vector":
            vector, clauses = " ".join(words[1:]), []
        elif words[0] == "end":
            yield Asked(level, vector, tuple(dict.fromkeys(clauses)))
        elif words[0].endswith(":"):
            yield Asked(level, f"{vector}/{words[0][:-1]}", tuple(about))
        else:
            clauses += about


def hidden_in(scenarios: Iterable[Scenario]) -> frozenset[str]:
    """The clauses that these steps are about, and that cannot be told by what is seen of any."""
    made = list(scenarios)
    shown = {id for each in made for id in shown_by(each.step)}
    return frozenset(
        id for id in CLAUSES if id not in shown and any(_holds(id, e.step) for e in made)
    )


def shown_by(step: Step) -> tuple[str, ...]:
    """The clauses that hold in a step, going by nothing but what can be seen of it."""
    seen = as_seen(step)
    return tuple(id for id in CLAUSES if _holds(id, seen))


def _holds(id: str, step: Step) -> bool:
    clause = CLAUSES[id]
    return (
        step.operation.kind in clause.on
        and not clause.lacking(frozenset(), frozenset())
        and clause.predicate(step) is True
    )
