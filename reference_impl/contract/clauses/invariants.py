# SPDX-License-Identifier: GPL-2.0-only
"""INV: what holds whatever is called."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..setting import DEVICE, EVENTS, GROUP, HANDLE, PUBLISHED, RESETS, STRAY
from ..step import Entry, Row, Step
from .checks import old_domain, slot_in_words

ATTACH, REPLACE = "iommu_attach_device_pasid()", "iommu_replace_device_pasid()"


@clause(
    "INV-1",
    "No reservation outlives the call",
    since="6.15",
    sources=["commit 5e9f822c9c68", ATTACH, REPLACE],
    on="attach replace detach",
)
def no_reservation(step: Step) -> Verdict:
    """Whenever the group's mutex is free, no slot of the array is reserved."""
    if step.operation.device == STRAY:
        return None
    return "the slot is still reserved" if step.after.slot == "reserved" else True


@clause(
    "INV-2",
    "Array and hardware agree",
    since="6.15",
    sources=["MSG-7", "MSG-9", "commit 8a9e1e773f60", ATTACH, REPLACE],
    on="attach replace detach reset_done",
)
def array_and_hardware(step: Step) -> Verdict:
    """Where the array names a domain, every capable device that is not under reset reaches it with
    the PASID. Excepted is what follows from a failure to undo or to block, of which a WARN told,
    and from a handle that was passed although it is published."""
    slot, was = step.after.slot, step.before
    if not isinstance(slot, Entry) or isinstance(step.result, str):
        return None
    if step.warnings or step.operation.handle == PUBLISHED or strayed(step, was):
        return None
    if astray := strayed(step, step.after):
        return f"the array names {slot.domain}, but {astray}"
    return True


def strayed(step: Step, row: Row) -> str:
    """Which device does not reach what the array names, if any."""
    if not isinstance(row.slot, Entry):
        return ""
    named = None if row.slot.domain == "blocked" else row.slot.domain
    for dev, reaches in zip(step.setting.devices, row.hardware, strict=True):
        if dev.name in step.capable and dev.name not in step.resetting and reaches != named:
            return f"{dev.name} reaches {reaches or 'nothing'}"
    return ""


@clause(
    "INV-3",
    "Found only after every driver agreed, and until every driver answered",
    since="6.15",
    sources=["MSG-5", "MSG-6", "commit 5e9f822c9c68", ATTACH, REPLACE],
    on="attach replace detach",
)
def findable_when_set(step: Step) -> Verdict:
    """What a call attaches, a page request finds only after every driver has agreed, and never if
    one refused. What a call detaches, it finds until every driver has answered."""
    if not step.calls:
        return None
    op = step.operation
    if op.kind == "detach":
        slot = step.before.slot
        if not isinstance(slot, Entry):
            return None
        gone = [call.device for call in step.calls if call.reader is None]
        lost = gone and (slot.handle if step.setting.handles else slot.domain) is not None
        return f"while {gone[0]} is asked, a page request finds nothing" if lost else True
    new = op.handle if step.setting.handles else op.domain
    if new is None or (op.kind == "replace" and old_domain(step) == op.domain):
        return None
    for call in step.calls:
        if call.reader == new:
            return f"a page request finds {new} while {call.device} is still asked"
    if step.result != 0 and Entry(op.domain or "", op.handle) in step.slots:
        return "the new entry was there although the call failed"
    return True


@clause(
    "INV-4",
    "A failed call keeps the old domain",
    since="6.15",
    sources=["MSG-3", "MSG-9", "commit 980e3016ebcc", ATTACH, REPLACE],
    on="attach replace",
)
def failure_leaves_all(step: Step) -> Verdict:
    """After an attach or replace that fails, the array and every device's hardware are as before:
    the old domain survives. Excepted are a device that could not go back (`GSP-6`) or not be
    blocked, and the domain of a handle that the caller passed although it is published. A device
    that an earlier failure had left blocked may have the old domain again."""
    if step.result == 0 or isinstance(step.result, str):
        return None
    if step.after.slot != step.before.slot and step.operation.handle != PUBLISHED:
        held, holds = slot_in_words(step.before.slot), slot_in_words(step.after.slot)
        return f"the array held {held}, and holds {holds}"
    excepted = {call.device for call in step.undoing if call.error}
    rows = zip(step.setting.devices, step.before.hardware, step.after.hardware, strict=True)
    for dev, was, now in rows:
        if was == now or dev.name in excepted:
            continue
        if was is not None or now != old_domain(step):
            return f"{dev.name} reached {was or 'nothing'}, and reaches {now or 'nothing'}"
    return True


@clause(
    "INV-5",
    "A group changes hands only while its array is empty",
    since="6.2",
    sources=["commit 16603704559c", "iommu_group_claim_dma_owner()"],
    on=" ".join((*GROUP, *HANDLE, *RESETS, *DEVICE, "attach", "replace", "detach")),
    needs="group",
)
def changes_hands_empty(step: Step) -> Verdict:
    """Nobody becomes the owner of a group, and nobody ceases to be, while the array holds anything:
    what one has attached the next one does not inherit."""
    if step.was.owner == step.now.owner:
        return None
    held = step.was.attached or step.now.attached
    return f"the array held something for PASID {held[0]}" if held else True


@clause(
    "INV-6",
    "No driver is asked to go from a domain to itself",
    since="6.15",
    sources=["MSG-2", "MSG-4", "commit 8a9e1e773f60", REPLACE],
    on="attach replace detach",
)
def never_itself(step: Step) -> Verdict:
    """A driver that is asked to set a domain is never told that this is the old one too: it could
    not tell them apart in its records. The static blocked domain, of which there are no records,
    is excepted."""
    if not step.calls:
        return None
    for call in step.calls:
        if call.domain == call.old != "blocked":
            return f"{call.device} is asked to set {call.domain}, and told it is there already"
    return True


@clause(
    "INV-8",
    "A call on one PASID leaves the others alone",
    since="6.2",
    sources=["commit 16603704559c", ATTACH],
    on="attach replace detach handle_get",
)
def others_untouched(step: Step) -> Verdict:
    """Neither the slot nor any device's hardware of another PASID changes."""
    if len(step.setting.pasids) < 2:
        return None
    if step.elsewhere:
        return "another PASID was changed"
    touched = [e for e in step.events if e[0] in ("array", "entry")]
    pasids = {e[1] if e[0] == "array" else e[2] for e in touched}
    return True if pasids <= {step.operation.pasid} else "another PASID was written"


@clause(
    "INV-9",
    "Every call returns",
    since="6.2",
    sources=["commit 16603704559c", ATTACH],
    on=" ".join(("attach", "replace", "detach", "handle_get", *EVENTS)),
)
def every_call_returns(step: Step) -> Verdict:
    """No call crashes or waits for itself, whatever fails and whatever it is given; only detach
    relies on its caller for a device that has a group (`DET-7`)."""
    if step.operation.kind == "detach" and step.operation.device == STRAY:
        return None
    return f"it {step.result}" if isinstance(step.result, str) else True
