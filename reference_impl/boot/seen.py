# SPDX-License-Identifier: GPL-2.0-only
"""What can be seen of a step from inside a kernel, and which clauses can be told by that."""

from __future__ import annotations

from ..contract import CLAUSES
from ..contract.facts import as_notes, group_facts
from ..contract.step import Entry, Notes, Row, Step

BY_US = ("no memory",)
"""The events that are brought about, and not seen."""


def as_seen(step: Step, after: Notes | None = None) -> Step:
    """A step as a driver and a page request see it: without the mutex, and the array's inside.

    Args:
        step: as the model made it.
        after: the facts of the group behind it, if not the model's.
    """
    slot = step.after.slot
    return Step(
        step.setting,
        step.operation,
        step.before,
        tuple(e for e in step.events if e[0] in ("call", "return", "entry", "warn", *BY_US)),
        step.result,
        Row(slot if isinstance(slot, Entry) and slot.handle else None, step.after.hardware),
        step.found,
        step.resetting,
        step.elsewhere,
        step.notes_before,
        step.notes_after if after is None else after,
    )


def shown_by(step: Step) -> tuple[str, ...]:
    """The clauses that hold in a step, going by nothing but what can be seen of it."""
    seen = as_seen(step)
    if not step.setting.rid:
        return tuple(id for id in CLAUSES if holds(id, seen))
    # of the group's own facts one is not seen, so a clause must not go by it
    facts = group_facts(step.notes_after)
    other = as_seen(step, as_notes(facts._replace(blocking=not facts.blocking)))
    return tuple(id for id in CLAUSES if holds(id, seen) and holds(id, other))


def told_of(id: str, step: Step) -> bool:
    """Whether a clause has anything to say of a call, and of a group such as this one."""
    clause, has = CLAUSES[id], frozenset({"group"} if step.setting.rid else ())
    return step.operation.kind in clause.on and not clause.lacking(frozenset(), has)


def holds(id: str, step: Step) -> bool:
    """Whether a clause has something to say of a step, and holds."""
    return told_of(id, step) and CLAUSES[id].predicate(step) is True
