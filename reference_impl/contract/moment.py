# SPDX-License-Identifier: GPL-2.0-only
"""The moment at which a clause breaks."""

from __future__ import annotations

from ..model.observer import Event
from .clause import Clause
from .step import Step

PROMPT = frozenset(
    (
        *("ATT-8", "ATT-10", "VIS-1", "DET-4", "REP-6", "REP-10", "REP-14", "GSP-3", "GSP-7"),
        *("INV-3", "INV-6", "DRV-2", "DRV-3", "DRV-4", "DRV-5", "DRV-7", "DRV-8", "DRV-9"),
        *("VTD-3", "VTD-4", "VTD-15"),
    )
)
"""The clauses that forbid something: it happens, and they are broken. Of all others one knows only
when the call returns, because what they ask for could still come."""


def moment(step: Step, clause: Clause) -> int:
    """When a clause broke.

    Args:
        step: one that breaks it.
        clause: which.

    Returns:
        After how many of the step's events.

    Raises:
        ValueError: the step does not break the clause.
    """
    if not isinstance(clause.predicate(step), str):
        raise ValueError(f"{step} does not break {clause.id}")
    broke = len(step.events)
    while clause.id in PROMPT and broke and broken_by(step, clause, broke - 1):
        broke -= 1
    return broke


def broken_by(step: Step, clause: Clause, count: int) -> bool:
    """Whether the first so many events of a step break the clause, whatever is to follow."""
    events = step.events[:count]
    cut = Step(
        step.setting,
        step.operation,
        step.before,
        events + _closing(events),
        step.result,
        step.after,
        step.found,
        step.resetting,
        step.elsewhere,
        step.notes_before,
        step.notes_after,
    )
    try:
        return isinstance(clause.predicate(cut), str)
    except LookupError:  # it looks for an event that is still to come
        return False


def _closing(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The answer of a driver that has been asked, and giving back the mutex that is held."""
    kinds = [event[0] for event in events]
    answers: list[Event] = []
    if kinds.count("call") > kinds.count("return"):
        asked = next(event for event in reversed(events) if event[0] == "call")
        answers.append(("return", asked[1], 0))
    if kinds.count("lock") > kinds.count("unlock"):
        answers.append(("unlock",))
    return tuple(answers)
