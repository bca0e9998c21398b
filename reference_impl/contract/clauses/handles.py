# SPDX-License-Identifier: GPL-2.0-only
"""GRP: what whoever attaches a group without a PASID can rely on, with and without a handle."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..step import Entry, Step
from .checks import outcome, slot_in_words
from .rid import (
    calls_without,
    changes,
    core_domain,
    refusal,
    reserved_first,
    target,
)

ATTACH, REPLACE = "iommu_attach_group_handle()", "iommu_replace_group_handle()"
DETACH = "iommu_detach_group_handle()"
SWAPPED, NEW_ONES = "commit 5e9f822c9c68", "commit ada14b9f1aab"


def entry(step: Step) -> Entry:
    """What the call stores."""
    return Entry(step.operation.domain or "", step.operation.handle)


def not_refused(step: Step, errno: int, name: str) -> str:
    """What is wrong with a refusal, if anything is."""
    if step.result != -errno:
        return f"it must be refused with -{name}, but {outcome(step)}"
    if step.calls or step.after.slot != step.before.slot:
        return "something was asked or changed although it was refused"
    return ""


@clause(
    "GRP-1",
    "A group's handle is found when every driver has agreed",
    since="6.15",
    sources=["MSG-5", SWAPPED, NEW_ONES, ATTACH],
    on="attach_group_handle",
    refuses="EINVAL",
    needs="group",
)
def attach_with_handle(step: Step) -> Verdict:
    """To attach a group with a handle there must be one, else `-EINVAL`; and no handle may be
    there, else `-EBUSY`. The slot is reserved before anything is asked, the entry stored after the
    last driver agreed, and the reservation given back if one fails: what a page request finds is
    as with PASIDs (`ATT-10`)."""
    op = step.operation
    if op.handle is None:
        if step.events:
            return "there was no handle, and something was done"
        return not_refused(step, 22, "EINVAL") or True
    if step.before.slot is not None:
        return not_refused(step, 16, "EBUSY") or True
    if step.out_of_memory:
        return True if step.result == -12 and not step.calls else outcome(step)
    if wrong := reserved_first(step):
        return wrong
    if seen := [call.reader for call in step.calls if call.reader is not None]:
        return f"while a driver is asked, a page request finds {seen[0]}"
    if step.result != 0:
        return True if step.slots == ("reserved", None) else "the reservation was not given back"
    return True if step.slots == ("reserved", entry(step)) else slot_in_words(step.after.slot)


@clause(
    "GRP-2",
    "Only one domain can be attached",
    since="6.8",
    sources=["commit a9c362db3920", "__iommu_attach_group()"],
    on="attach_group attach_group_handle",
    refuses="EBUSY",
    needs="group",
)
def only_one(step: Step) -> Verdict:
    """A group can be attached while it has none but the core's own domains, the default one or the
    one that blocks, else `-EBUSY`. A domain of another driver gives `-EINVAL`. Nobody has been
    asked then."""
    due = refusal(step)
    if due is None:
        busy = step.result == -16 and not step.was.recovery_cnt and not step.calls
        return "nothing was attached, but it returned -EBUSY" if busy else True
    if due != "GRP-2" or step.out_of_memory:
        return None
    ours = step.setting.domain(step.operation.domain or "").ours
    free = step.was.domain in (None, step.was.default) or (
        step.was.blocking and step.was.domain == "blocked"
    )
    number, name = (22, "EINVAL") if free and not ours else (16, "EBUSY")
    return not_refused(step, number, name) or True


@clause(
    "GRP-3",
    "To replace a group's handle is to attach, too",
    since="6.15",
    sources=["MSG-1", SWAPPED, NEW_ONES, REPLACE],
    on="replace_group_handle",
    refuses="EINVAL",
    needs="group",
)
def replaces_or_attaches(step: Step) -> Verdict:
    """There must be a handle, else `-EINVAL`. Unlike with PASIDs (`REP-7`), a group to which
    nothing was attached is attached. If it fails, the handle that was there is still there, or
    none; if not, one store puts the new one there, after the last driver agreed. A page request
    finds the old handle until then."""
    op, before = step.operation, step.before.slot
    if op.handle is None:
        return not_refused(step, 22, "EINVAL") or True
    if step.out_of_memory:
        return True if step.result == -12 and not step.calls else outcome(step)
    if wrong := reserved_first(step):
        return wrong
    old = before.handle if isinstance(before, Entry) else None
    if any(call.reader != old for call in step.calls):
        return "a page request finds another handle while a driver is asked"
    if step.result != 0:
        kept = step.after.slot == before
        return True if kept else f"it failed, and left {slot_in_words(step.after.slot)}"
    return True if step.slots[-1:] == (entry(step),) else slot_in_words(step.after.slot)


@clause(
    "GRP-4",
    "The same domain with another handle asks nobody",
    since="7.0",
    sources=["commit c279e83953d9", REPLACE],
    on="replace_group_handle",
    needs="group",
)
def same_domain(step: Step) -> Verdict:
    """If the group has the domain already, replace puts the new handle there and asks nobody: also
    while a device is in recovery, when any other replace is refused (`RID-2`)."""
    if target(step) is None or changes(step) or target(step) != step.was.domain:
        return None
    if step.result != 0 or calls_without(step):
        return f"nothing was to be changed, but {outcome(step)}, or somebody was asked"
    return True if step.after.slot == entry(step) else slot_in_words(step.after.slot)


@clause(
    "GRP-5",
    "To detach a group is to give it back to the core",
    since="6.11",
    sources=["__iommu_group_set_core_domain()", DETACH],
    on="detach_group detach_group_handle",
    needs="group",
)
def back_to_core(step: Step) -> Verdict:
    """Detached, a group has the kernel's own domain; while it is owned, the one that blocks. It
    always returns, even if a driver fails (`RID-6`). The handle can be found until the last driver
    has answered, and then no more."""
    if step.result != 0:
        return f"it must not fail, but {outcome(step)}"
    want = core_domain(step)
    if want is not None and step.now.domain != want:
        return f"the group has {step.now.domain}, not {want}"
    slot = step.before.slot
    if step.after.slot is not None:
        return "the handle is still there"
    for call in step.calls:
        if isinstance(slot, Entry) and call.reader != slot.handle:
            return f"while {call.device} is asked, a page request finds {call.reader or 'nothing'}"
    return True


@clause(
    "GRP-6",
    "A group's handle counts as an attachment",
    since="6.11",
    sources=[ATTACH, "__iommu_take_dma_ownership()"],
    on="claim_group_owner claim_device_owner",
    refuses="EBUSY",
    needs="group",
)
def handle_counts(step: Step) -> Verdict:
    """The handle of DMA without a PASID is in the same array as those of PASIDs. So a group with
    one cannot be claimed, `-EBUSY`, whatever domain it has."""
    if step.before.slot is None or step.was.owner_cnt or step.operation.who is None:
        return None
    return not_refused(step, 16, "EBUSY") or True
