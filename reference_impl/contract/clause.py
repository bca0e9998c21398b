# SPDX-License-Identifier: GPL-2.0-only
"""A clause: an id, a sentence, its sources, and a pure function that judges a step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .setting import EVENTS
from .step import Step

Verdict: TypeAlias = bool | str | None
"""What a predicate says: True, it holds; a sentence, it is broken and this is why; None, the
clause has nothing to say of such a step. (Never False.)"""

Predicate: TypeAlias = Callable[[Step], Verdict]

CALLS = ("attach", "replace", "detach", "handle_get")

EXTRAS = frozenset(
    ("driver", "resets", "removals", "RID", "flushes", "vtd", "group", "sva", "iommufd")
)
"""What an implementation has only if it says so: a driver of its own that is judged with it, resets
of devices, devices that go, a driver that asks what is attached for traffic without a PASID, caches
that are seen to be flushed, VT-d's records; the group's other calls; the sharing of a process'
memory; iommufd."""


@dataclass(frozen=True)
class Clause:
    """One promise of the contract."""

    id: str
    title: str
    statement: str
    since: str
    """The first Linux release that promises it."""
    sources: tuple[str, ...]
    """Messages (``MSG-9``), commits (``commit b025dea63ced``), kernel functions (``f()``)."""
    on: tuple[str, ...]
    """The kinds of operation that it speaks about."""
    predicate: Predicate
    refuses: str | None = None
    """The errno with which it refuses a call, if it does."""
    needs: str | None = None
    """What an implementation must have a notion of to promise this: ``"handles"``…"""

    def lacking(self, lacks: frozenset[str], has: frozenset[str]) -> str:
        """What it needs and an implementation has not; nothing if it has all."""
        if self.needs is None or self.needs in has:
            return ""
        return self.needs if self.needs in lacks or self.needs in EXTRAS else ""

    @property
    def family(self) -> str:
        """The letters before the number."""
        return self.id.partition("-")[0]


IN_WORDS = {
    "group": "calls for the whole group",
    "sva": "memory shared with processes",
    "flushes": "caches that would have to be flushed",
}
"""What some of what a clause needs is called where an implementation has not got it."""

CLAUSES: dict[str, Clause] = {}
"""Every clause by its id, in reading order."""


def clause(
    id: str,
    title: str,
    *,
    since: str,
    sources: list[str],
    on: str,
    refuses: str | None = None,
    needs: str | None = None,
) -> Callable[[Predicate], Predicate]:
    """Register a predicate; its docstring is the clause's statement.

    Args:
        id: never used before, never used again.
        title: a few words.
        since: the first Linux release that promises it.
        sources: see :attr:`Clause.sources`.
        on: the kinds of operation, separated by blanks.
        refuses: the errno with which the clause refuses a call.
        needs: what an implementation must have a notion of.

    Raises:
        ValueError: the id is taken, there is no source or no statement, or a kind is unknown.
    """

    def register(predicate: Predicate) -> Predicate:
        statement = " ".join((inspect.getdoc(predicate) or "").split())
        if id in CLAUSES:
            raise ValueError(f"{id} is taken")
        if not sources or not statement:
            raise ValueError(f"{id} needs a source and a statement")
        if unknown := set(on.split()) - {*CALLS, *EVENTS}:
            raise ValueError(f"{id} speaks of unknown operations: {', '.join(sorted(unknown))}")
        CLAUSES[id] = Clause(
            id,
            title,
            statement,
            since,
            tuple(sources),
            tuple(on.split()),
            predicate,
            refuses,
            needs,
        )
        return predicate

    return register
