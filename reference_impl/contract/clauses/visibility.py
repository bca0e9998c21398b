# SPDX-License-Identifier: GPL-2.0-only
"""VIS: what a page request may see, which looks the array up without the group's mutex.

The first clauses judge the look-up. The others judge the whole way of a request that is made while
an operation goes on, at every moment: see :mod:`reference_impl.contract.requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EBUSY, ENOENT

from ..clause import Verdict, clause
from ..requests import Request, fates
from ..setting import PUBLISHED
from ..step import Entry, Step, reader
from .checks import old_domain, once, outcome

GET = "iommu_attach_handle_get()"
HANDLE = "commit 3e7f57d1ef3f"
REPORT, FLUSH = "iommu_report_device_fault()", "iopf_queue_flush_dev()"
DRAIN = "intel_iommu_drain_pasid_prq()"

Judged = tuple[Request, str]
"""A request, and what is wrong with its way; nothing if it is right."""


@clause(
    "VIS-1",
    "A look-up does not wait for the mutex",
    since="6.11",
    sources=["MSG-6", HANDLE, GET],
    on="attach replace detach handle_get",
    needs="handles",
)
def no_mutex(step: Step) -> Verdict:
    """A look-up takes only the array's own lock, so it answers also while an operation holds the
    group's mutex and a driver is at work."""
    if step.operation.kind == "handle_get":
        return "the group's mutex was taken" if step.at("lock") else True
    for call in step.calls:
        if call.reader is not None and call.reader.startswith("crashed"):
            return f"while {call.device} is asked, a look-up {call.reader}"
    return True if step.calls else None


@clause(
    "VIS-2",
    "No handle, nothing found",
    since="6.11",
    sources=[HANDLE, "commit e1ea9d30d84c", GET],
    on="handle_get",
    refuses="ENOENT",
    needs="handles",
)
def nothing_found(step: Step) -> Verdict:
    """A PASID that is absent, reserved, or attached without a handle gives `-ENOENT`."""
    slot = step.before.slot
    if isinstance(slot, Entry) and slot.handle is not None:
        return None
    return True if step.result == -ENOENT else f"there is no handle, but {outcome(step)}"


@clause(
    "VIS-3",
    "The wrong type is refused",
    since="6.11",
    sources=[HANDLE, GET],
    on="handle_get",
    refuses="EBUSY",
    needs="handles",
)
def wrong_type(step: Step) -> Verdict:
    """A look-up that insists on a type of domain gets `-EBUSY` where the attached domain is of
    another type."""
    slot = step.before.slot
    if not isinstance(slot, Entry) or slot.handle is None or step.operation.type is None:
        return None
    if step.setting.domain(slot.domain).type == step.operation.type:
        return None
    return True if step.result == -EBUSY else f"the type differs, but {outcome(step)}"


@clause(
    "VIS-4",
    "Otherwise the handle, and nothing changes",
    since="6.11",
    sources=[HANDLE, GET],
    on="handle_get",
    needs="handles",
)
def handle_found(step: Step) -> Verdict:
    """In every other case the look-up returns the handle. It changes nothing; the handle is good
    only as long as the PASID stays attached, which the caller has to see to."""
    slot = step.before.slot
    if not isinstance(slot, Entry) or slot.handle is None:
        return None
    wanted = step.operation.type
    if wanted is not None and step.setting.domain(slot.domain).type != wanted:
        return None
    if step.result != 0 or step.found != slot.handle:
        return f"the handle is {slot.handle}, but {outcome(step)} and found {step.found}"
    return (
        True
        if step.after == step.before and not step.at("array")
        else "the look-up changed something"
    )


def in_words(judged: list[Judged]) -> Verdict:
    """What is wrong with the first request with which something is."""
    if not judged:
        return None
    return next((f"{request} {wrong}" for request, wrong in judged if wrong), True)


def failing(step: Step) -> list[Judged]:
    """VIS-6: the requests beside a call that fails."""
    op = step.operation
    new = op.handle if step.setting.handles else op.domain
    if step.result == 0 or new in (None, PUBLISHED, reader(step.setting, step.before.slot)):
        return []
    wrong = f"is handed to {new}, and the call fails"
    return [(each, wrong if each.owner == new else "") for each in requests_beside(step)]


def blocking(step: Step) -> list[Judged]:
    """VIS-7: the requests beside a call that blocks, and cannot fail."""
    holder = reader(step.setting, step.before.slot)
    device = step.operation.device if step.operation.kind == "reset_prepare" else None
    return [
        (
            each,
            f"holds {holder} when the call returns"
            if each.held
            else "has not been looked up when the call returns"
            if each.astray
            else "",
        )
        for each in requests_beside(step)
        if device in (None, each.device)
    ]


def leaving(step: Step) -> list[Judged]:
    """VIS-8: the requests for the old domain beside a replace."""
    op, old = step.operation, old_domain(step)
    new = op.handle if step.setting.handles else op.domain
    judged = []
    for each in requests_beside(step):
        if each.domain != old or old == op.domain or op.handle == PUBLISHED:
            continue
        wrong = f"is handed to {new}" if each.owner == new is not None else ""
        if step.result == 0 and each.held:
            wrong = wrong or f"holds {each.found} when the call returns"
        elif step.result == 0 and each.astray:
            wrong = wrong or "has not been looked up when the call returns"
        judged.append((each, wrong))
    return judged


def turned_away(step: Step) -> list[Judged]:
    """VIS-9: the requests for what is attached before the call and stays so for a while."""
    if reader(step.setting, step.before.slot) is None:
        return []
    return [
        (
            each,
            f"is turned away, as {each.device} is on no fault queue"
            if each.deaf
            else "is turned away, as nothing is found"
            if each.found is None and not each.astray
            else "",
        )
        for each in requests_beside(step)
        if each.domain == old_domain(step)
    ]


@once
def requests_beside(step: Step) -> tuple[Request, ...]:
    """Each kind of request beside a call that was made rightly and has returned.

    Of a device that could not be blocked nothing is promised.
    """
    if not step.calls or step.misled or isinstance(step.result, str):
        return ()
    stuck = {call.device for call in step.calls if call.domain == "blocked" and call.error}
    return tuple(each for each in fates(step) if each.device not in stuck)


def witness(clause: str, step: Step) -> Request | None:
    """The request that breaks a clause in a step, if the clause is about requests.

    Args:
        clause: its id.
        step: one that breaks it.
    """
    judge = JUDGES.get(clause)
    return next((each for each, wrong in judge(step) if wrong), None) if judge else None


JUDGES: dict[str, Callable[[Step], list[Judged]]] = {
    "VIS-6": failing,
    "VIS-7": blocking,
    "VIS-8": leaving,
    "VIS-9": turned_away,
}


@clause(
    "VIS-6",
    "No request goes to an attachment that fails",
    since="6.15",
    sources=["MSG-5", "MSG-9", "commit 5e9f822c9c68", REPORT],
    on="attach replace",
)
def never_to_a_failure(step: Step) -> Verdict:
    """Where a call fails, no page request was handed to what it should have attached, whenever it
    came: its owner frees the handle without looking for requests, so nobody would answer."""
    return in_words(failing(step))


@clause(
    "VIS-7",
    "After blocking, no request is under way",
    since="6.2",
    sources=["commit 16603704559c", DRAIN, FLUSH, REPORT],
    on="detach reset_prepare",
)
def nothing_under_way(step: Step) -> Verdict:
    """When detach returns, every page request that a device has made with the PASID is with the
    owner of the handle, or answered: none holds the handle, which the caller may free now, and none
    is still to be looked up, when the PASID may be another's. Drivers see to it when they block.
    The same holds of a device that is about to be reset."""
    return in_words(blocking(step))


@clause(
    "VIS-8",
    "A request for the old domain stays with its owner",
    since="6.15",
    sources=["MSG-5", "commit 5e9f822c9c68", "commit 8a9e1e773f60", DRAIN, FLUSH],
    on="replace",
)
def stays_with_the_old_owner(step: Step) -> Verdict:
    """A page request that a device has made while it reached the old domain is never handed to the
    new one's owner; and when replace succeeds it is through. Requests that are made once the device
    has switched, before the store, go to the old owner too (`REP-12`), and nothing drains those;
    nor is anything drained where the domain stays the same (`REP-10`)."""
    return in_words(leaving(step))


@clause(
    "VIS-9",
    "A request for what is attached is not turned away",
    since="6.15",
    sources=["MSG-5", "commit 8a9e1e773f60", "commit f0b9d31c6edd", REPORT],
    on="replace detach",
)
def not_turned_away(step: Step) -> Verdict:
    """A page request for the domain that is attached when the call begins finds an owner that is
    heard, as long as the call goes on and the device reaches that domain."""
    return in_words(turned_away(step))
