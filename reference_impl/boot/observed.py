# SPDX-License-Identifier: GPL-2.0-only
"""A step as the kernel's side has written it down: so that the clauses can judge it.

Only of a step that is not as it should be does the kernel say what it saw; of all others the
model's step is what was seen.
"""

from __future__ import annotations

import re

from ..contract import CLAUSES
from ..contract.facts import as_notes, group_facts
from ..contract.step import Entry, Notes, Row, Slot, Step
from ..model.observer import Event
from .scenarios import Scenario
from .seen import BY_US, as_seen, told_of

CALL = re.compile(r"(\S+)/(\d+):(\S+?)<(\S+?)@(\S+?)=(\d+)")
PARTS = re.compile(r"got(?P<calls>.*?) = (?P<result>-?\d+)(?: (?P<found>\S+))?(?P<rows>(?:; .*)?)$")


def blamed(scenario: Scenario, said: list[str], warnings: int) -> dict[str, str]:
    """The clauses that are broken in what was seen, each with why.

    Those are left out that would be broken by the model's own step, seen so.

    Args:
        scenario: what was to be done.
        said: what the kernel said about it.
        warnings: how many WARNs there were in all its calls.
    """
    step = observed(scenario, said, warnings)
    if step is None:
        return {}
    found: dict[str, str] = {}
    seen = as_seen(scenario.step)
    for id, clause in CLAUSES.items():
        if told_of(id, step):
            verdict = clause.predicate(step)
            if isinstance(verdict, str) and not isinstance(clause.predicate(seen), str):
                found[id] = verdict
    return found


def observed(scenario: Scenario, said: list[str], warnings: int) -> Step | None:
    """The step that the kernel made; None if it has not said."""
    parts = next((found for line in said if (found := PARTS.match(line))), None)
    if parts is None:
        return None
    wanted = scenario.step
    hardware = dict(
        zip([d.name for d in wanted.setting.devices], wanted.before.hardware, strict=True)
    )
    events = [event for event in wanted.events if event[0] in BY_US]
    for device, pasid, domain, old, reader, error in CALL.findall(parts["calls"]):
        events.append(("call", device, domain, _name(old), int(pasid), _name(reader)))
        reached = None if domain == "blocked" else domain
        same = int(pasid) == wanted.operation.pasid and hardware.get(device) == reached
        if error == "0" and not same:
            events.append(("entry", device, int(pasid), reached))
            if int(pasid) == wanted.operation.pasid:
                hardware[device] = reached
        events.append(("return", device, int(error)))
    events += _warnings(wanted, warnings - scenario.warnings)
    rows, notes = _behind(parts["rows"], wanted.notes_after)
    due, _ = _behind("; " + scenario.expected.partition("; ")[2], wanted.notes_after)
    at = {pasid: i for i, pasid in enumerate(wanted.setting.pasids)}
    own = at.get(wanted.operation.pasid)
    if len(rows) != len(due):
        return None
    return Step(
        wanted.setting,
        wanted.operation,
        wanted.before,
        tuple(events),
        int(parts["result"]),
        wanted.before if own is None else rows[own],
        _name(parts["found"] or "-"),
        wanted.resetting,
        wanted.elsewhere or any(rows[i] != due[i] for i in range(len(rows)) if i != own),
        wanted.notes_before,
        notes,
    )


def _warnings(wanted: Step, more: int) -> list[Event]:
    """The model's, and as many as there were beside those of all calls."""
    return [("warn", "WARN")] * max(wanted.warnings + more, 0)


def _behind(text: str, notes: Notes) -> tuple[list[Row], Notes]:
    """The rows after a step; and the facts of its group, with the owner that was seen."""
    rows = []
    for part in text.split("; ")[1:]:
        word, _, rest = part.partition(" ")
        if word == "owner":
            who, domain, *members = rest.split()
            facts = group_facts(notes)
            facts = facts._replace(
                owner=None if who in ("-", "used") else who,
                owner_cnt=0 if who == "-" else facts.owner_cnt or 1,
                domain=_name(domain),
                members=tuple(sorted(members, key=facts.members.index))
                if {*members} <= {*facts.members}
                else tuple(members),
            )
            notes = as_notes(facts)
        elif word != "warnings":
            rows.append(_row(part))
    return rows, notes


def _row(text: str) -> Row:
    handle, *hardware = text.split()
    slot: Slot = None
    if handle != "-:-":
        name, _, domain = handle.partition(":")
        slot = Entry(domain, name)
    return Row(slot, tuple(_name(each) for each in hardware))


def _name(word: str) -> str | None:
    return None if word == "-" else word
