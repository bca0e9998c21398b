# SPDX-License-Identifier: GPL-2.0-only
"""VIS: what a page request may see, which looks the array up without the group's mutex."""

from __future__ import annotations

from errno import EBUSY, ENOENT

from ..clause import Verdict, clause
from ..step import Entry, Step
from .checks import outcome

GET = "iommu_attach_handle_get()"
HANDLE = "commit 3e7f57d1ef3f"


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
