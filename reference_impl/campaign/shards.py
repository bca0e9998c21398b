# SPDX-License-Identifier: GPL-2.0-only
"""A shard: one beginning and one first call. All that can be called after it is explored.

Every sequence of calls begins with some call, so all shards together make every sequence of at most
so many calls. Two shards may get to one state on two ways; what each finds is right by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..contract import IMPLEMENTATIONS, Scope, Setting, State, explore
from ..contract.scope import operations

PACKAGE = Path(__file__).resolve().parents[1]


class Shard(NamedTuple):
    """A part of a campaign, small enough to be sent."""

    implementation: str
    sizes: tuple[int, ...]
    """Of the scope: devices, incapable, domains, pasids, faults."""
    calls: int
    """How many calls there are at most, one after the other."""
    place: int
    """The number of the setting."""
    start: int
    """The number of the state that it begins in."""
    first: int
    """The number of the call that is made first."""

    @property
    def key(self) -> str:
        """By what its result is kept."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class _Beginning(Scope):
    """A scope of which only one setting is explored, from one state."""

    place: int = 0
    start: int = 0

    def starts(self, *given: Any) -> Iterator[tuple[Setting, list[State]]]:
        """That setting, with that state."""
        for place, (setting, states) in enumerate(Scope(*self._sizes()).starts(*given)):
            if place == self.place:
                yield setting, [states[self.start]]

    def _sizes(self) -> tuple[int, ...]:
        return self.devices, self.incapable, self.domains, self.pasids, self.faults


def shards(implementation: str, scope: Scope, calls: int) -> list[Shard]:
    """The shards of a campaign.

    Args:
        implementation: its name.
        scope: how large.
        calls: how many calls there are at most, one after the other.

    Raises:
        KeyError: there is no implementation of that name.
    """
    known = IMPLEMENTATIONS[implementation]
    sizes = tuple(scope.to_json().values())
    return [
        Shard(implementation, sizes, calls, place, start, first)
        for place, (setting, states) in enumerate(scope.starts(known.lacks, known.habitat))
        for start in range(len(states))
        for first in range(len(operations(setting)))
    ]


def explored(shard: Shard) -> dict[str, Any]:
    """Explore a shard. Returns what is kept of it: plain data."""
    beginning = replace(_Beginning(*shard.sizes), place=shard.place, start=shard.start)
    seen = explore(
        IMPLEMENTATIONS[shard.implementation], beginning, calls=shard.calls, first=shard.first
    )
    clauses = {}
    for id, finding in seen.findings.items():
        rank = list(finding.rank)
        if rank:
            rank[2] = shard.place
        clauses[id] = {
            "verdict": finding.verdict,
            "reason": finding.reason,
            "rank": rank,
            "trace": [step.to_json() for step in finding.steps],
        }
    return {"shard": list(shard), "states": seen.states, "steps": seen.steps, "clauses": clauses}


def fingerprint() -> str:
    """What the results rest on: the package as it is."""
    say = hashlib.sha256()
    for part in ("model", "drivers", "designs", "contract"):
        for path in sorted((PACKAGE / part).rglob("*.py")):
            say.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return say.hexdigest()[:24]
