# SPDX-License-Identifier: GPL-2.0-only
"""DET: what detach owes its caller."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..setting import STRAY
from ..step import Entry, Step
from .checks import asked, in_words, outcome, slot_in_words

DETACH = "iommu_detach_device_pasid()"
BLOCKED = "commit 647b7aad1949"


def to_block(step: Step) -> tuple[str, ...]:
    """The devices that a detach has to block: capable, and not under reset."""
    return tuple(name for name in step.capable if name not in step.resetting)


@clause(
    "DET-1",
    "Detach cannot fail",
    since="6.2",
    sources=["commit 16603704559c", DETACH],
    on="detach",
)
def cannot_fail(step: Step) -> Verdict:
    """Detach returns nothing and has no way to fail: whatever the drivers say, the array has no
    entry for the PASID afterwards."""
    if step.operation.device == STRAY:
        return None
    if step.result != 0:
        return f"detach must not fail, but {outcome(step)}"
    return True if step.after.slot is None else f"the array holds {slot_in_words(step.after.slot)}"


@clause(
    "DET-2",
    "Every capable device is asked to block",
    since="6.15",
    sources=["commit b3f6fcd8404f", "MSG-11", "MSG-12", "commit d2f85a263883", BLOCKED, DETACH],
    on="detach",
)
def all_are_blocked(step: Step) -> Verdict:
    """Each capable device that is not under reset is asked once, in the group's order, to set the
    blocked domain, and told that it has the caller's domain now. A failure trips a WARN, and
    the next device is asked all the same."""
    if not to_block(step) or step.operation.device == STRAY:
        return None
    for call in step.calls:
        if call.domain != "blocked":
            return f"{call.device} was asked to set {call.domain}"
        if call.old != step.operation.domain:
            return f"{call.device} was told that the old domain is {call.old or 'none'}"
    devices = tuple(call.device for call in step.calls)
    if devices != to_block(step):
        return f"asked were {', '.join(devices) or 'none'}, not {', '.join(to_block(step))}"
    errors = sum(bool(call.error) for call in step.calls)
    if step.warnings != errors:
        return f"{errors} devices failed, and there were {step.warnings} WARNs"
    return True


@clause(
    "DET-3",
    "The entry goes last",
    since="6.2",
    sources=["commit 16603704559c", DETACH],
    on="detach",
)
def entry_goes_last(step: Step) -> Verdict:
    """The entry is erased after the last driver has answered, so that a page request which is
    still under way finds its handle until all hardware is blocked."""
    slot = step.before.slot
    if not isinstance(slot, Entry) or not step.calls:
        return None
    expected = slot.handle if step.setting.handles else slot.domain
    for call in step.calls:
        if call.reader != expected:
            return f"while {call.device} is asked, a page request finds {call.reader or 'nothing'}"
    if step.slots != (None,) or step.at("array")[0] < step.at("return")[-1]:
        return "the entry was not erased once, after the last driver had answered"
    return True


@clause(
    "DET-4",
    "A device under reset is not asked",
    since="7.1",
    sources=["commit fc3523b16d2b", "__iommu_remove_group_pasid()"],
    on="detach",
    needs="recovery",
)
def resetting_is_skipped(step: Step) -> Verdict:
    """A device under reset has been blocked already and is left alone; the entry is erased all
    the same, so that the PASID does not come back when the reset is done."""
    if not step.resetting:
        return None
    for call in step.calls:
        if call.device in step.resetting:
            return f"{call.device} is under reset, and was asked"
    return True if step.after.slot is None else "the entry is still there"


@clause(
    "DET-5",
    "Detach works during recovery",
    since="7.0",
    sources=["commit c279e83953d9", DETACH],
    on="detach",
    needs="recovery",
)
def works_in_recovery(step: Step) -> Verdict:
    """Unlike attach and replace, detach is not refused while a device of the group is in
    recovery."""
    if not step.resetting or step.before.slot is None:
        return None
    if step.result != 0:
        return f"detach must work, but {outcome(step)}"
    return True if step.slots == (None,) else "the entry was not erased"


@clause(
    "DET-6",
    "The caller's word is taken",
    since="6.11",
    sources=["commit d2f85a263883", "commit 14678219cf40", DETACH],
    on="detach",
)
def caller_is_trusted(step: Step) -> Verdict:
    """Nobody checks that the PASID is attached, or attached to the domain that the caller names:
    the devices are asked in any case, and told the caller's domain."""
    slot = step.before.slot
    named = slot.domain if isinstance(slot, Entry) else None
    if named == step.operation.domain or not to_block(step) or step.operation.device == STRAY:
        return None
    wanted = [(name, "blocked", step.operation.domain) for name in to_block(step)]
    done = asked(step.calls)
    return True if done == wanted else f"asked were {in_words(done)}, not {in_words(wanted)}"


@clause(
    "DET-7",
    "The group is taken for granted",
    since="6.2",
    sources=[DETACH],
    on="detach",
)
def group_is_assumed(step: Step) -> Verdict:
    """A device without a group is a caller's bug that detach does not look for: the kernel
    crashes; no driver is asked and nothing is reported as done."""
    if step.operation.device != STRAY:
        return None
    if not isinstance(step.result, str):
        return f"it is no crash: {outcome(step)}"
    return "a driver was asked" if step.calls else True


@clause(
    "DET-8",
    "Erasing what is absent does nothing",
    since="6.2",
    sources=["xa_erase()", DETACH],
    on="detach",
)
def absent_stays_absent(step: Step) -> Verdict:
    """Detach of a PASID that is not attached leaves the array as it is."""
    if step.before.slot is not None or step.operation.device == STRAY:
        return None
    return True if not step.slots and step.after.slot is None else "the array was changed"
