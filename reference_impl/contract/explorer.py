# SPDX-License-Identifier: GPL-2.0-only
"""The explorer: every reachable state, every operation, every combination of faults.

Breadth first, so that the counterexample it keeps for a clause is one with the fewest calls, and
among those one with the fewest faults and events. Where somebody has broken a promise *to* the
core, the contract promises nothing more: such a step is judged, but nothing is explored behind it
(:func:`.walk.ends_here`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from .clause import CLAUSES, IN_WORDS, Clause, Predicate
from .implementation import Implementation
from .reduction import Part, Renaming, apart, together
from .scope import Scope
from .setting import Setting
from .step import State, Step, Trace
from .walk import Walk, replay

Progress = Callable[[int, int, int], None]


@dataclass
class Finding:
    """What an exploration says of one clause."""

    clause: Clause
    promised: bool = True
    held: int = 0
    """In how many different steps it held."""
    broken: int = 0
    """In how many different steps it was broken."""
    reason: str = ""
    """Why, in the shortest counterexample; or why nothing is promised."""
    trace: Trace | None = None
    """The shortest counterexample."""
    steps: tuple[Step, ...] = ()
    """What happens in it."""
    rank: tuple[int, ...] = ()
    """How long it is: calls, faults in the last, the number of its setting, events in the last."""

    @property
    def verdict(self) -> str:
        """``"held"``, ``"broken"``, ``"not-applicable"`` or ``"not-promised"``."""
        if not self.promised:
            return "not-promised"
        if self.broken:
            return "broken"
        return "held" if self.held else "not-applicable"


Judges = dict[str, list[tuple[Predicate, Finding]]]
"""By the kind of operation, who judges a step and what is found."""


@dataclass
class Exploration:
    """All that was seen of one implementation within one scope."""

    implementation: str
    scope: Scope
    calls: int | None = None
    """How many calls there were at most, one after the other; None: as many as lead to new
    states."""
    states: int = 0
    steps: int = 0
    different: int = 0
    """How many steps differ in more than the state of a PASID that they do not concern."""
    reduced: bool = False
    """Whether it was explored with PASIDs apart and domains by any name: see :mod:`.reduction`. The
    states are then those that it stands for, the steps those that were made."""
    findings: dict[str, Finding] = field(default_factory=dict)

    def with_verdict(self, verdict: str) -> list[str]:
        """The ids of the clauses of which that was said."""
        return [id for id, finding in self.findings.items() if finding.verdict == verdict]

    def __repr__(self) -> str:
        counts = (
            (len(self.with_verdict(v)), v.replace("-", " "))
            for v in ("held", "broken", "not-applicable", "not-promised")
        )
        return (
            f"{self.implementation}: {', '.join(f'{n} {v}' for n, v in counts if n)}\n"
            f"scope: {self.scope}{f', up to {self.calls} calls' if self.calls else ''}\n"
            f"{self.states:,} states, {self.steps:,} steps{' made' * self.reduced}, "
            f"{self.different:,} of them different"
        )


def joined(seen: Exploration, rest: Exploration) -> Exploration:
    """One exploration with the findings of both: of each clause the one that says more.

    That it is broken says the most, then that it holds. States and steps are those of both.
    """
    says = ("not-promised", "not-applicable", "held", "broken")
    findings = dict(seen.findings)
    for id, finding in rest.findings.items():
        if says.index(finding.verdict) > says.index(findings[id].verdict):
            findings[id] = finding
    return replace(
        seen,
        states=seen.states + rest.states,
        steps=seen.steps + rest.steps,
        different=seen.different + rest.different,
        findings=findings,
    )


def explore(
    implementation: Implementation,
    scope: Scope | None = None,
    clauses: Iterable[Clause] | None = None,
    progress: Progress | None = None,
    calls: int | None = None,
    reduced: bool = False,
    first: int | None = None,
) -> Exploration:
    """Explore an implementation within a scope, and judge every step.

    Args:
        implementation: what to explore.
        scope: how large; the default scope if None.
        clauses: which to judge by; all if None.
        progress: called now and then with the states done, the states known, and the steps.
        calls: how many calls there are at most, one after the other. A driver that forgets to drop
            what it takes gets to ever new states; without a limit its exploration has no end.
        reduced: whether PASIDs are explored one at a time, and domains up to their names. Only for
            a core with the simplest driver: one that has records joins PASIDs in them.
        first: the number of the only call (see :func:`.scope.operations`) that is made in a start.

    Raises:
        ValueError: *reduced*, and the implementation has a driver of its own.
    """
    scope = (scope or Scope()).within(implementation.habitat)
    if reduced and implementation.habitat:
        raise ValueError(f"{implementation.name} has a driver, whose records join PASIDs")
    seen = Exploration(implementation.name, scope, calls, reduced=reduced)
    for each in CLAUSES.values() if clauses is None else clauses:
        finding = seen.findings[each.id] = Finding(each)
        if lacking := each.lacking(implementation.lacks, implementation.has):
            finding.promised = False
            finding.reason = f"{implementation.name} has no {IN_WORDS.get(lacking, lacking)}"
    every = scope.starts(implementation.lacks, implementation.habitat)
    for place, (setting, starts) in enumerate(every):
        _explore(implementation, setting, place, starts, seen, progress, first)
    for finding in seen.findings.values():
        if finding.trace:
            finding.steps = replay(implementation, finding.trace)
        elif finding.verdict == "not-applicable":
            finding.reason = "no step in this scope was about it"
    return seen


def _explore(
    implementation: Implementation,
    setting: Setting,
    place: int,
    starts: list[State],
    seen: Exploration,
    progress: Progress | None,
    first: int | None,
) -> None:
    judges: Judges = {}
    for finding in seen.findings.values():
        if finding.promised:
            for kind in finding.clause.on:
                judges.setdefault(kind, []).append((finding.clause.predicate, finding))
    if not seen.reduced:
        walk = Walk(
            implementation, setting, starts, seen.scope.faults, calls=seen.calls, first=first
        )
        _judged(walk, judges, place, seen, progress)
        seen.states += len(walk.came)
        return
    for parts in apart(setting, starts):
        found: list[tuple[Part, int]] = []
        renaming = Renaming(setting)
        if any(map(renaming.names, starts)):
            renaming = Renaming(setting._replace(domains=()))  # the starts are about some of them
        for part in parts:
            walk = Walk(
                implementation,
                setting,
                part.starts,
                seen.scope.faults,
                calls=seen.calls,
                pasid=part.pasid,
                renaming=renaming,
            )
            _judged(walk, judges, place, seen, progress)
            found.append((part, sum(map(renaming.size, walk.came))))
        seen.states += together(found)


def _judged(
    walk: Walk,
    judges: Judges,
    place: int,
    seen: Exploration,
    progress: Progress | None,
) -> None:
    """Judge every step of a walk."""
    if progress:
        walk.told = lambda: progress(
            seen.states + walk.done, seen.states + len(walk.came), seen.steps + walk.steps
        )
    for step, state in walk:
        for predicate, finding in judges.get(step.operation.kind, ()):
            verdict = predicate(step)
            if verdict is None:
                continue
            if verdict is True:
                finding.held += 1
                continue
            finding.broken += 1
            rank = (walk.calls_to(state) + 1, walk.recorder.faults, place, len(step.events))
            if not finding.rank or rank < finding.rank:
                finding.rank, finding.reason = rank, str(verdict)
                finding.trace = walk.trace(state, step.operation)
    seen.steps += walk.steps
    seen.different += walk.different
