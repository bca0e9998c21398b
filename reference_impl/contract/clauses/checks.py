# SPDX-License-Identifier: GPL-2.0-only
"""Which clause is the first to refuse a call, from its arguments and the state alone."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Iterable
from typing import TypeVar

from ...model.objects import NO_PASID
from ..clause import CLAUSES, Verdict
from ..setting import PUBLISHED, STRAY
from ..step import Call, Entry, Slot, Step

T = TypeVar("T")


def once(question: Callable[[Step], T]) -> Callable[[Step], T]:
    """Ask a question of a step once, however many predicates ask it."""
    name = f"{question.__module__}.{question.__name__}"

    @functools.wraps(question)
    def answer(step: Step) -> T:
        known = step.__dict__
        if name not in known:
            known[name] = question(step)
        return known[name]  # type: ignore[no-any-return]

    return answer


@once
def attach_refusal(step: Step) -> str | None:
    """The clause that must refuse this attach, memory aside; None if none does."""
    setting, op = step.setting, step.operation
    assert op.domain is not None
    domain = setting.domain(op.domain)
    if op.device == STRAY:
        return "ATT-1"
    if not domain.takes_pasids or not setting.blocks_pasids:
        return "ATT-2"
    if not domain.ours or op.pasid == NO_PASID:
        return "ATT-3"
    if step.resetting:
        return "ATT-4"
    if step.limit and op.pasid >= step.limit:
        return "ATT-5"
    if step.before.slot is not None:
        return "ATT-7"
    return None


@once
def replace_refusal(step: Step) -> str | None:
    """The clause that must refuse this replace, memory aside; None if none does."""
    setting, op = step.setting, step.operation
    assert op.domain is not None
    domain = setting.domain(op.domain)
    if op.device == STRAY:
        return "REP-1"
    if not domain.takes_pasids:
        return "REP-2"
    if not domain.ours or op.pasid == NO_PASID or (setting.handles and op.handle is None):
        return "REP-3"
    if step.resetting:
        return "REP-4"
    if step.before.slot is None:
        return "REP-7"
    if op.handle == PUBLISHED:
        return "REP-8"
    return None


def refused(step: Step, id: str) -> Verdict:
    """Whether the call was refused as clause *id* says, with no driver asked and nothing moved."""
    name = CLAUSES[id].refuses
    assert name is not None
    if step.result != -getattr(errno, name):
        return f"the call must be refused with -{name}, but {outcome(step)}"
    if step.calls:
        return f"a driver was asked before the call was refused: {step.calls[0].device}"
    if step.after.hardware != step.before.hardware:
        return "hardware changed although the call was refused"
    return True


def refused_at_once(step: Step, id: str) -> Verdict:
    """Like :func:`refused`, and no handle, no slot and no lock was touched either."""
    verdict = refused(step, id)
    if verdict is True and step.events:
        return f"there was a {step.events[0][0]} event before the call was refused"
    return verdict


def refused_under_lock(step: Step, id: str) -> Verdict:
    """Like :func:`refused`, and no handle and no slot was touched either."""
    verdict = refused(step, id)
    if verdict is True and step.at("array", "handle"):
        return "a slot or handle was touched before the call was refused"
    return verdict


def outcome(step: Step) -> str:
    """What the call returned, in words."""
    return f"it {'' if isinstance(step.result, str) else 'returned '}{step.outcome}"


def old_domain(step: Step) -> str | None:
    """What the PASID was attached to."""
    return step.before.slot.domain if isinstance(step.before.slot, Entry) else None


def reached(step: Step) -> str | None:
    """What the hardware reads where the operation's domain is set: nothing if it blocks."""
    name = step.operation.domain
    return None if name == "blocked" else name


def in_words(calls: Iterable[tuple[str, str, str | None]]) -> str:
    """Driver calls, each a device, the domain to set and the old one that it was told."""
    words = [f"{dev} to set {new} (old: {old or 'none'})" for dev, new, old in calls]
    return ", ".join(words) or "nobody"


def asked(calls: Iterable[Call]) -> list[tuple[str, str, str | None]]:
    """What was asked of whom, without the answers."""
    return [(call.device, call.domain, call.old) for call in calls]


def slot_in_words(slot: Slot) -> str:
    """What the array holds."""
    if isinstance(slot, Entry):
        return f"{slot.domain} ({slot.handle})" if slot.handle else slot.domain
    return "nothing" if slot is None else "a reservation"
