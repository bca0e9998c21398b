# SPDX-License-Identifier: GPL-2.0-only
"""What the stepper shows: the calls of a link, row by row, as plain data.

The page asks for it in the reader's browser, where this package runs as it does here.
"""

from __future__ import annotations

from typing import Any

from ..contract.clause import CLAUSES
from ..contract.clauses.visibility import witness
from ..contract.explorer import Progress, explore
from ..contract.implementation import Implementation, PythonCore, PythonMachine
from ..contract.moment import moment
from ..contract.recorder import Recorder
from ..contract.requests import Request
from ..contract.scope import Scope, has_handle, possible
from ..contract.setting import PUBLISHED, Setting
from ..contract.step import Row, Step
from ..contract.walk import replaying, state_now
from ..model.objects import Notes
from ..model.observer import MayFail
from .drawing import svg
from .layout import layout
from .links import HANDLES, LinkError, beside, link, opened, settings
from .rows import DETAILS, Line, lines
from .tables import array, in_words
from .text import notes, twin

TRIED = (3, 5)
"""How many calls are made at most to break a clause; the second, if the first breaks none."""
FAULTS = 2


class Choices(Recorder):
    """A recorder that also remembers each thing that could have failed."""

    def __init__(self) -> None:
        super().__init__(0)
        self.choices: list[tuple[str, int]] = []
        """What it was, and how many events there had been."""

    def follow(self, script: tuple[bool, ...]) -> None:
        """Start afresh."""
        super().follow(script)
        self.choices = []

    def fails(self, what: MayFail) -> int:
        """Remember the question."""
        said = "array: memory"
        if what != "memory":
            _, device, domain, *_ = next(e for e in reversed(self.events) if e[0] == "call")
            said = f"{device}: {f'set {domain}' if what == 'driver' else what}"
        self.choices.append((said, len(self.events)))
        return super().fails(what)


def stepper(text: str, details: bool = False) -> dict[str, Any]:
    """Make the calls of a link, and say all that the page shows of them.

    Args:
        text: the link's words, without the page's address.
        details: see :func:`.rows.lines`.

    Returns:
        All that the page needs, as data for JSON.

    Raises:
        LinkError: the link leads nowhere.
    """
    implementation, trace = opened(text)
    setting, state = trace.setting, trace.start
    recorder = Choices()
    machine = implementation.boot(setting, recorder)
    done = replaying(implementation, trace, machine, recorder)
    start, calls = array(state, setting), []
    for number, (operation, _) in enumerate(trace.calls, 1):
        known = operation.pasid in setting.pasids
        row = state.rows[setting.pasids.index(operation.pasid)] if known else None
        lost = operation.handle == PUBLISHED and (row is None or not has_handle(row))
        if lost or not possible(setting, operation, state, row):
            raise LinkError(f"nobody can call {operation} there: something before it is missing")
        step = next(done)
        state = state_now(machine)
        request = beside(text, step) if number == len(trace.calls) else None
        told = _told(implementation, step, recorder, details, request)
        told["said"] = machine.said if isinstance(machine, PythonMachine) and step.result else ""
        told["state"] = array(state, setting).rows
        calls.append(told)
    return {
        "setting": _setting(implementation, setting),
        "heads": start.heads,
        "start": start.rows,
        "calls": calls,
    }


def steps(text: str) -> list[dict[str, object]]:
    """The calls of a link as :meth:`.Step.to_json` gives them."""
    implementation, trace = opened(text)
    recorder = Recorder(0)
    machine = implementation.boot(trace.setting, recorder)
    return [step.to_json() for step in replaying(implementation, trace, machine, recorder)]


def worst(text: str, progress: Progress | None = None) -> dict[str, Any]:
    """Look for the shortest calls that break each clause, in the scope of a link.

    Args:
        text: the link's words; its calls do not matter.
        progress: see :func:`.explore`.

    Returns:
        Where it was looked, and what is broken, the invariants before all others and the shortest
        first; as data for JSON.
    """
    implementation, trace = opened(text)
    devices, incapable, domains, pasids = trace.setting.sizes
    scope = Scope(devices, incapable, domains, pasids, FAULTS)
    for calls in TRIED:
        seen = explore(implementation, scope, progress=progress, calls=calls)
        broken = [seen.findings[id] for id in seen.with_verdict("broken")]
        if broken:
            break
    return {
        "where": f"{scope}; up to {calls} calls; {seen.steps:,} steps",
        "held": len(seen.with_verdict("held")),
        "broken": [
            {
                "id": found.clause.id,
                "title": found.clause.title,
                "reason": found.reason,
                "link": link(
                    found.steps[-1], found.clause.id, witness(found.clause.id, found.steps[-1])
                ),
            }
            for found in sorted(broken, key=lambda f: (f.clause.family != "INV", f.rank))
        ],
    }


def _told(
    implementation: Implementation,
    step: Step,
    recorder: Choices,
    details: bool,
    request: Request | None,
) -> dict[str, Any]:
    """One call: its rows, its drawing, what may fail in it, and what it breaks."""
    kind = step.operation.kind
    broken = [
        (clause, said)
        for clause in CLAUSES.values()
        if kind in clause.on
        and not clause.lacking(implementation.lacks, implementation.has)
        and isinstance(said := clause.predicate(step), str)
    ]
    details = details or any(clause.id in DETAILS for clause, _ in broken)
    shown = lines(step, details, request)
    taken = recorder.taken
    return {
        "call": str(step.operation),
        "outcome": step.outcome,
        "svg": svg(step, details, request),
        "tops": layout(step, shown).tops,
        "rows": [_row(step, line) for line in shown],
        "twin": twin(step, "", details, request),
        "remarks": notes(step),
        "notes": [_facts(step.notes_before), _facts(step.notes_after)],
        "choices": [
            {"what": what, "row": _row_of(shown, asked + 1), "fails": fails}
            for (what, asked), fails in zip(recorder.choices, taken, strict=True)
        ],
        "broken": [
            {
                "id": clause.id,
                "title": clause.title,
                "statement": clause.statement,
                "reason": reason,
                "row": _row_of(shown, broke, broke == len(step.events)),
            }
            for clause, reason in broken
            for broke in (moment(step, clause),)
        ],
    }


def _row(step: Step, line: Line) -> dict[str, Any]:
    return {
        "number": line.number,
        "text": line.text,
        "answer": line.answer,
        "wrong": line.wrong,
        "locked": line.locked,
        "request": line.request,
        "cells": in_words(step.setting, Row(line.slot, line.hardware)),
    }


def _row_of(shown: list[Line], events: int, whole: bool = False) -> int:
    """The first row in which so many events have happened; of the whole call, its result's."""
    last = len(shown) - 1
    after = (at for at, line in enumerate(shown) if line.happened >= events)
    return last if whole else next(after, last)


def _facts(said: Notes) -> list[str]:
    """A driver's notes, in words, in an order that does not depend on a set's."""
    return sorted(" ".join(str(word) for word in fact if word is not None) for fact in said)


def _setting(implementation: Implementation, setting: Setting) -> dict[str, Any]:
    """Who is there, and what can be called."""
    around = settings(implementation, Scope(*setting.sizes, 0))
    first = setting.devices[0].name
    calls = [
        kind for kind in ("attach", "replace", "detach") if kind != "replace" or setting.replaces
    ]
    if setting.handles:
        calls.append("handle_get")
    mortal = [d.name for d in setting.domains if d.type == "sva"] if setting.driver else []
    return {
        "name": setting.name,
        "settings": [each.name for each, _ in around],
        "beginnings": next(len(starts) for each, starts in around if each.name == setting.name),
        "devices": [d.name for d in setting.devices],
        "domains": [[d.name, d.kind or d.type] for d in setting.domains],
        "others": [d.name for d in setting.others],
        "pasids": setting.pasids,
        "calls": calls,
        "resets": setting.capable if setting.resets else [],
        "mortal": mortal,
        "handles": [word for word in HANDLES.values() if setting.handles],
        "first": first,
        "changed": implementation.changed if isinstance(implementation, PythonCore) else None,
    }
