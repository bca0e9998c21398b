# SPDX-License-Identifier: GPL-2.0-only
"""The rows of a diagram: a step's events, grouped, each with how things are after it.

The drawing and its text twin show these rows, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from ..contract.requests import Request
from ..contract.setting import IOMMUFD, Operation
from ..contract.step import Entry, Moment, Slot, Step, as_slot, errno_name, reader
from ..model.observer import Event
from .user_space import told

DETAILS = frozenset({"ATT-6", "REP-5", "REP-8", "REP-13", "GSP-7"})
"""The clauses that speak of the lock or of a handle's domain; of others, these are left out."""


class Line(NamedTuple):
    """One row: what happened, to whom, and how things are then."""

    text: str
    slot: Slot
    hardware: tuple[str | None, ...]
    number: int = 0
    """How prose refers to it; 0 where nothing happens."""
    target: str = ""
    """The device that is asked, writes or answers, or ``"array"``."""
    asked: bool = True
    """Whether the core asks the target, and not the target does something by itself."""
    answer: str = ""
    """What the target says: ``"ok"`` or the name of an errno."""
    wrong: bool = False
    """Whether this is an error, a WARN or a crash."""
    locked: bool = False
    """Whether the group's mutex is held."""
    source: str = ""
    """Where the arrow to the target comes from, if not from the core."""
    request: str = ""
    """Where the page request is that is drawn beside the call; nothing before it is made."""
    happened: int = 0
    """How many of the step's events have happened then."""


def lines(step: Step, details: bool = False, request: Request | None = None) -> list[Line]:
    """The rows of a step: before, what happened, what the call returned.

    Args:
        step: what to show.
        request: a page request to show beside it.
        details: show also the mutex and the writes to a handle that nobody can find yet. They are
            shown in any case where something happens without the mutex.
    """
    details = details or _unlocked(step)
    moments = list(step.moments())
    slot, hardware = step.before
    moves = _moves(step, request)
    shown = [Line("before", slot, hardware)]
    locked, at, number = False, 1, 0
    _beside(shown, moves, 0)
    while at < len(moments):
        group = _group(moments, at, moves)
        at += len(group)
        slot, hardware = group[-1].slot, group[-1].hardware
        kind, *what = group[0].event or ("",)
        if kind in ("lock", "unlock"):
            locked = kind == "lock"
        published = kind == "handle" and isinstance(slot, Entry) and slot.handle == what[0]
        if details or published or kind not in ("lock", "unlock", "handle"):
            number += 1
            now = _line(step.operation, [m.event for m in group if m.event])
            now = now._replace(slot=slot, hardware=hardware, number=number, locked=locked)
            shown.append(now._replace(happened=at - 1))
        _beside(shown, moves, at - 1)
    if step.operation.kind == "handle_get":
        shown.append(Line("looks the array up", slot, hardware, number=1, target="array"))
    elif not number:
        shown.append(Line(_nothing(step), slot, hardware, locked=bool(step.events)))
    if (slot, hardware) != step.after:
        shown.append(Line("after that", *step.after, happened=at - 1))
    last = Line(returned(step), *step.after, wrong=step.result != 0, happened=at - 1)
    shown.append(last)
    _beside(shown, moves, len(moments))
    where = ""
    return [line._replace(request=(where := line.request or where)) for line in shown]


def _moves(step: Step, request: Request | None) -> dict[int, list[Line]]:
    """The rows of a page request, by their moments."""
    if request is None:
        return {}
    device, domain, raised, looked_up, handed, found, late, deaf = request
    moves: dict[int, list[Line]] = {raised: []}
    row = Line("", None, (), target="request")
    asks = row._replace(text=f"{device}: asks for a page of {domain}", source=device)
    moves[raised].append(asks._replace(request="asked"))
    looks = row._replace(text=f"request: finds {found or 'nothing'}", source="page request")
    moves.setdefault(looked_up, []).append(
        looks._replace(request=f"has {found}" if found else "refused")
    )
    if found is None:
        return moves
    gone = handed == late and reader(step.setting, step.after.slot) != found
    if gone:
        moves.setdefault(late, []).append(Line(f"caller: may free {found}", None, ()))
    owner = f"the owner of {found}" if step.setting.handles else f"{found}'s owner"
    hands = Line(f"request: handed to {owner}", None, (), request=f"at {found}")
    if deaf:
        text = f"request: {device} is on no fault queue"
        hands = hands._replace(text=text, request="refused")
    moves.setdefault(handed, []).append(hands)
    return moves


def _beside(shown: list[Line], moves: dict[int, list[Line]], moment: int) -> None:
    """Put the rows of one moment behind the last row, in which things are as they are then."""
    last = shown[-1]
    slot, hardware, locked, happened = last.slot, last.hardware, last.locked, last.happened
    shown.extend(
        move._replace(slot=slot, hardware=hardware, locked=locked, happened=happened)
        for move in moves.get(moment, ())
    )


def _group(moments: list[Moment], at: int, moves: dict[int, list[Line]]) -> list[Moment]:
    """The events of one row: one, or a driver call that went the plain way.

    That is: asked, at most one write of its own entry, and the answer; and no page request moves
    meanwhile.
    """
    first = moments[at].event
    if first and first[0] == "call":
        for length in (2, 3):
            if any(moment in moves for moment in range(at, at + length - 1)):
                continue
            group = moments[at : at + length]
            kinds = [m.event[0] if m.event else "" for m in group]
            devices = {m.event[1] if m.event and m.event[1:] else "" for m in group}
            plain = kinds in (["call", "return"], ["call", "entry", "return"])
            if plain and len(devices) == 1 and all(_on(first[4], m.event) for m in group):
                return group
    return moments[at : at + 1]


def _on(pasid: object, event: Event | None) -> bool:
    return event is None or event[0] != "entry" or event[2] == pasid


def _line(operation: Operation, events: list[Event]) -> Line:
    """What a row says, without how things are then."""
    kind, *what = events[0]
    line = Line("", None, ())
    if text := told(operation, events[0]):
        return line._replace(text=text, wrong=kind in ("no", "no memory"))
    if kind == "call":
        device, domain, old, pasid, _ = what
        text = f"{device}: set {domain}, old {old or 'none'}"
        line = line._replace(text=text, target=str(device))
    elif kind == "entry":
        device, pasid, domain = what
        text = f"{device}: writes {domain or 'blocked'}"
        line = line._replace(text=text, target=str(device), asked=False)
    elif kind == "return":
        line = line._replace(text=f"{what[0]}: answers", target=str(what[0]), asked=False)
        pasid = operation.pasid
    elif kind == "array":
        pasid, slot = what
        line = line._replace(text=f"array: {_change(as_slot(slot))}", target="array")
    elif kind == "no memory":
        return line._replace(text="array: get memory", target="array", answer="ENOMEM", wrong=True)
    elif kind == "handle":
        return line._replace(text=f"handle {what[0]}: names {what[1]}", target="handle")
    elif kind == "warn":
        return line._replace(text=f"WARN: {what[0]}", wrong=True)
    else:
        taken = {"lock": "mutex: taken", "unlock": "mutex: given back"}
        return line._replace(text=taken.get(str(kind), " ".join(map(str, events[0]))))
    if pasid != operation.pasid:
        line = line._replace(text=f"{line.text}, {f'PASID {pasid}' if pasid else 'no PASID'}")
    if events[-1][0] == "return":
        error = events[-1][2]
        assert isinstance(error, int)
        line = line._replace(answer=errno_name(error) if error else "ok", wrong=bool(error))
    return line


def _change(slot: Slot) -> str:
    if slot is None:
        return "erase"
    return f"store {entry(slot)}" if isinstance(slot, Entry) else "reserve"


def entry(slot: Entry) -> str:
    """An entry of the array, in a word or two."""
    return slot.domain if slot.handle is None else f"{slot.domain}, {slot.handle}"


def _nothing(step: Step) -> str:
    """What to say of a step in which nothing happened that is shown."""
    if step.result == 0:
        return "nothing changes"
    if step.operation.kind in IOMMUFD:
        return "refused by iommufd"
    return "refused under the mutex" if step.events else "refused before the mutex"


def returned(step: Step) -> str:
    """What the call returned."""
    if isinstance(step.result, str):
        return step.outcome
    return f"returns {step.found or step.outcome}"


def _unlocked(step: Step) -> bool:
    """Whether a driver was asked, or something was written, without the mutex."""
    held = False
    for event in step.events:
        if event[0] in ("lock", "unlock"):
            held = event[0] == "lock"
        elif not held and event[0] in ("call", "array", "handle"):
            return True
    return held and not isinstance(step.result, str)
