# SPDX-License-Identifier: GPL-2.0-only
"""DRV-14: what a driver counts, whoever it is."""

from __future__ import annotations

from collections import Counter

from ...model.objects import Notes
from ..clause import Verdict, clause
from ..step import Step
from .driver import SET, driver_calls, reach


@clause(
    "DRV-14",
    "What is undone is counted back",
    since="6.15",
    sources=["MSG-7", "MSG-9", "commit 8a9e1e773f60", SET],
    on="attach replace",
    needs="driver",
)
def counted_back(step: Step) -> Verdict:
    """When an attach or a replace has failed and was undone without a WARN, whatever a driver
    counts over many PASIDs, for a device or a domain, is what it was: to go back, or to block,
    drops what to set has taken. Excepted is a device that did not have what the array says."""
    if not step.failed or step.warnings or isinstance(step.result, str):
        return None
    if any(asked.had != reach(asked.call.old) for asked in driver_calls(step)):
        return None
    before, after = counts(step.notes_before), counts(step.notes_after)
    for kind, whom, users in sorted((before - after) + (after - before)):
        was = "is" if (kind, whom, users) in after else "was"
        return f"{step.operation.kind} failed, and the {kind} count of {whom} {was} {users}"
    return True if step.notes_before or step.notes_after else None


def counts(notes: Notes) -> Counter[tuple[str, str, int]]:
    """What is counted over many PASIDs, the facts without a PASID that end in a number: of which
    kind, for whom, and how many. An id that is noted with it may be another each time."""
    return Counter(
        (str(fact[0]), str(fact[2]), fact[-1])
        for fact in notes
        if fact[1] is None and isinstance(fact[-1], int)
    )
