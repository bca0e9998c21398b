# SPDX-License-Identifier: GPL-2.0-only
"""What a booted kernel is asked: names, and what is required of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ..contract import CLAUSES, Step
from ..vectors import Vector
from ..vectors.kunit import unfit
from . import through
from .scenarios import Scenario
from .seen import told_of


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
        known: whether Linux is known to break what it is about.
    """

    level: str
    name: str
    clauses: tuple[str, ...] = ()
    warnings: int = 0
    skipped: str = ""
    scenario: Scenario | None = None
    known: bool = False


def of_scenarios(scenarios: Iterable[Scenario]) -> Iterator[Asked]:
    """The steps of an exploration."""
    for each in scenarios:
        yield Asked("step", each.name, each.clauses, each.warnings, scenario=each)


def of_vectors(vectors: Iterable[Vector], hidden: Collection[str] = ()) -> Iterator[Asked]:
    """The published vectors that a group inside the kernel plays, and those that nothing can play.

    Args:
        vectors: all of them.
        hidden: the clauses that nothing is said of, see :func:`hidden_in`.
    """
    for each in vectors:
        if through.plays(each):
            continue
        warnings = sum(step.warns for step in each.steps)
        clauses = tuple(id for id in each.clauses if id not in hidden)
        why = through.unfit(each) if through.of_user(each) else unfit(each)
        yield Asked("vector", each.name, clauses, warnings, why)


def of_text(level: str, text: str, known: Collection[str] = ()) -> Iterator[Asked]:
    """The results that guest/user.c gives for a text.

    Args:
        level: which of :class:`Asked`.
        text: in the form that it reads.
        known: the clauses that Linux is known to break.
    """
    vector, clauses = "", list[str]()
    for line in text.splitlines():
        call, _, comment = line.partition("#")
        words, about = call.split(), comment.split()
        if not words:
            continue
        if words[0] == "vector":
            vector, clauses = " ".join(words[1:]), []
        elif words[0] == "end":
            found = tuple(dict.fromkeys([*clauses, *about]))
            yield Asked(level, vector, found, known=any(id in known for id in found))
        elif words[0].endswith(":"):
            yield Asked(level, f"{vector}/{words[0][:-1]}", tuple(about))
        else:
            clauses += about


def hidden_in(scenarios: Iterable[Scenario]) -> frozenset[str]:
    """The clauses that these steps are about, and that cannot be told by what is seen of any."""
    shown: set[str] = set()
    alike: dict[
        tuple[str, bool], list[Step]
    ] = {}  # of steps of a kind, a clause is about all or none
    for each in scenarios:
        shown.update(each.clauses)
        alike.setdefault((each.step.operation.kind, each.step.setting.rid), []).append(each.step)
    return frozenset(
        id
        for id, clause in CLAUSES.items()
        if id not in shown
        and any(
            told_of(id, steps[0]) and any(clause.predicate(step) is True for step in steps)
            for steps in alike.values()
        )
    )
