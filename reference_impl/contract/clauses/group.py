# SPDX-License-Identifier: GPL-2.0-only
"""GSP: how a group is walked, and how a failed walk is undone."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..setting import DEVICE, GROUP, HANDLE, RESETS
from ..step import Call, Step
from .checks import asked, in_words, old_domain

SET = "__iommu_set_group_pasid()"
UNDO = "commit b025dea63ced"


def before_failure(step: Step) -> tuple[str, ...]:
    """The devices that have the new domain when one fails."""
    return tuple(call.device for call in step.ours[:-1])


def restores(step: Step) -> tuple[list[Call], list[Call]]:
    """The undoing of a replace, read as: each device asked to go back, and blocked if it cannot.

    Returns the calls that restore, and all calls that fit this reading.
    """
    old, todo = old_domain(step), list(step.undoing)
    back: list[Call] = []
    fits: list[Call] = []
    for device in before_failure(step):
        if not todo or (todo[0].device, todo[0].domain) != (device, old):
            break
        back.append(todo[0])
        fits.append(todo.pop(0))
        if back[-1].error:
            if not todo or (todo[0].device, todo[0].domain) != (device, "blocked"):
                break
            fits.append(todo.pop(0))
    return back, fits


@clause(
    "GSP-1",
    "Capable devices are asked in the group's order",
    since="6.15",
    sources=["MSG-12", "commit b3f6fcd8404f", SET],
    on="attach replace",
)
def in_order(step: Step) -> Verdict:
    """The devices are asked to set the new domain one after the other, in the group's order, each
    once. A device without PASIDs is never asked anything."""
    if not step.ours or isinstance(step.result, str):
        return None
    if step.operation.domain == "blocked" and step.operation.kind == "replace":
        return None  # a call that sets it may as well be one that undoes
    capable = step.capable
    for call in step.calls:
        if call.device not in capable:
            return f"{call.device} has no PASIDs, and was asked"
    devices = tuple(call.device for call in step.ours)
    if devices != capable[: len(devices)]:
        return f"the new domain was set on {', '.join(devices)}"
    if step.failed is None and devices != capable:
        return f"only {', '.join(devices) or 'nobody'} was asked"
    return True


@clause(
    "GSP-2",
    "The first error ends the walk and is the result",
    since="6.2",
    sources=["MSG-8", "commit 16603704559c", SET],
    on="attach replace",
)
def first_error(step: Step) -> Verdict:
    """After the first device that fails no further one is asked to set the new domain, and that
    device's errno is the result, whatever fails later."""
    if step.failed is None or isinstance(step.result, str):
        return None
    if old_domain(step) == step.operation.domain:
        return None
    new = step.operation.domain
    if new not in ("blocked", old_domain(step)) and any(c.domain == new for c in step.undoing):
        return "the new domain was set on another device after the failure"
    return (
        True
        if step.result == -(step.failed.error or 0)
        else (
            f"{step.failed.device} failed first, with errno {step.failed.error}, "
            f"but the result is {step.result}"
        )
    )


@clause(
    "GSP-3",
    "Only what was done is undone",
    since="6.10",
    sources=["MSG-7", "MSG-8", "MSG-9", "MSG-11", UNDO, SET],
    on="attach replace",
)
def only_what_was_done(step: Step) -> Verdict:
    """After a failure only the devices before the one that failed are asked again. The one that
    failed has kept its old configuration, and those behind it have never left theirs."""
    if step.failed is None:
        return None
    for call in step.undoing:
        if call.device == step.failed.device:
            return f"{call.device} failed and has kept what it had, but was asked again"
        if call.device not in before_failure(step):
            return f"{call.device} was never asked, but is undone"
    return True


@clause(
    "GSP-4",
    "A failed attach is undone by blocking",
    since="6.14",
    sources=["MSG-9", "MSG-11", "MSG-12", UNDO, "commit 647b7aad1949", SET],
    on="attach",
)
def attach_is_undone(step: Step) -> Verdict:
    """Where attach fails, each device that has the new domain is asked once, in order, to set the
    blocked domain, and told that it has the new domain now. If that fails, it trips a WARN."""
    if step.failed is None or not before_failure(step) or isinstance(step.result, str):
        return None
    wanted = [(name, "blocked", step.operation.domain) for name in before_failure(step)]
    done = asked(step.undoing)
    if done != wanted:
        return f"the undoing asked {in_words(done)}, not {in_words(wanted)}"
    errors = sum(bool(call.error) for call in step.undoing)
    return True if step.warnings == errors else f"{errors} failures, {step.warnings} WARNs"


@clause(
    "GSP-5",
    "A failed replace goes back to the old domain",
    since="6.15",
    sources=["MSG-9", "commit 8a9e1e773f60", SET],
    on="replace",
)
def replace_is_undone(step: Step) -> Verdict:
    """Where replace fails, each device that has the new domain is asked once, in order, to set the
    old one again. The roles are swapped: it is told that it has the new domain now."""
    if step.failed is None or not before_failure(step) or old_domain(step) is None:
        return None
    back, _ = restores(step)
    wanted = [
        (name, old_domain(step) or "", step.operation.domain) for name in before_failure(step)
    ]
    done = asked(back)
    if done == wanted:
        return True
    return f"the undoing asked {in_words(asked(step.undoing))}, not {in_words(wanted)}"


@clause(
    "GSP-6",
    "A device that cannot go back is blocked",
    since="6.15",
    sources=["commit 8a9e1e773f60", SET],
    on="replace",
)
def else_blocked(step: Step) -> Verdict:
    """If a device cannot go back to the old domain, the core calls it a driver's bug: a WARN, and
    the device is asked at once to set the blocked domain, and told that it has the new domain now.
    The array still names the old domain, and does not match this device."""
    if step.failed is None or old_domain(step) is None:
        return None
    back, fits = restores(step)
    if tuple(fits) != step.undoing or len(back) != len(before_failure(step)):
        return f"the undoing asked {in_words(asked(step.undoing))}"
    for call in fits:
        if call.old != step.operation.domain:
            return f"{call.device} was told that the old domain is {call.old}"
    stuck = sum(bool(call.error) for call in back)
    if len(fits) != len(back) + stuck:
        return "a device that could not go back was not blocked"
    errors = sum(bool(call.error) for call in fits)
    if step.warnings != errors:
        return f"{errors} failures while undoing, {step.warnings} WARNs"
    if not errors:
        return None
    return True if step.after.slot == step.before.slot else "the slot has changed"


@clause(
    "GSP-7",
    "The group's mutex is held throughout",
    since="6.2",
    sources=["MSG-6", "commit 16603704559c", SET],
    on=" ".join(("attach", "replace", "detach", *GROUP, *HANDLE, *RESETS, *DEVICE)),
)
def under_the_mutex(step: Step) -> Verdict:
    """Drivers are asked, and the array, the handle and what else the group is are written, only
    while the group's mutex is held; it is given back before the call returns."""
    held, touched = False, False
    if step.setting.rid and step.was != step.now:
        touched = True
        if not step.at("lock"):
            return "the group has changed without the mutex"
    for event in step.events:
        if event[0] in ("lock", "unlock"):
            held = event[0] == "lock"
        elif event[0] in ("call", "array", "handle"):
            touched = True
            if not held:
                return f"a {event[0]} event without the mutex"
    if held and not isinstance(step.result, str):
        return "the mutex was not given back"
    return True if touched else None
