# SPDX-License-Identifier: GPL-2.0-only
"""ATT: what attach owes its caller."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..step import Entry, Step
from .checks import (
    attach_refusal,
    outcome,
    reached,
    refused,
    refused_at_once,
    refused_under_lock,
    slot_in_words,
)

ATTACH = "iommu_attach_device_pasid()"


@clause(
    "ATT-1",
    "A device without a group is refused first",
    since="6.14",
    sources=["commit fb3de9f9b085", "MSG-8", ATTACH],
    on="attach",
    refuses="ENODEV",
)
def no_group(step: Step) -> Verdict:
    """A device that is in no group cannot be attached: `-ENODEV`, before anything else is looked
    at."""
    return refused_at_once(step, "ATT-1") if attach_refusal(step) == "ATT-1" else None


@clause(
    "ATT-2",
    "What could not be detached is not attached",
    since="6.14",
    sources=["commit 647b7aad1949", "commit fb3de9f9b085", ATTACH],
    on="attach",
    refuses="EOPNOTSUPP",
)
def not_supported(step: Step) -> Verdict:
    """If the domain cannot be set on a PASID, or the device's driver has no blocked domain that
    can, attach answers `-EOPNOTSUPP`: without such a blocked domain nobody could detach again."""
    return refused_at_once(step, "ATT-2") if attach_refusal(step) == "ATT-2" else None


@clause(
    "ATT-3",
    "A foreign domain and PASID 0 are refused",
    since="6.14",
    sources=["commit a9c362db3920", "commit c404f55c26fc", "MSG-8", ATTACH],
    on="attach",
    refuses="EINVAL",
)
def foreign_domain(step: Step) -> Verdict:
    """A domain of another driver, and PASID 0, which stands for traffic without a PASID, give
    `-EINVAL`. A domain that cannot be set at all has been refused before (`ATT-2`)."""
    return refused_at_once(step, "ATT-3") if attach_refusal(step) == "ATT-3" else None


@clause(
    "ATT-4",
    "Nothing is attached during recovery",
    since="7.0",
    sources=["commit c279e83953d9", ATTACH],
    on="attach",
    refuses="EBUSY",
    needs="recovery",
)
def in_recovery(step: Step) -> Verdict:
    """While any device of the group is in recovery from a reset, attach answers `-EBUSY`, even
    for a PASID that is out of range."""
    return refused_under_lock(step, "ATT-4") if attach_refusal(step) == "ATT-4" else None


@clause(
    "ATT-5",
    "The smallest capable device sets the limit",
    since="6.15",
    sources=["commit c404f55c26fc", "commit b3f6fcd8404f", ATTACH],
    on="attach",
    refuses="EINVAL",
)
def out_of_range(step: Step) -> Verdict:
    """The PASID must be below the limit of every device of the group that has PASIDs, else
    `-EINVAL`; a device without PASIDs has no say."""
    due = attach_refusal(step)
    if due == "ATT-5":
        return refused_under_lock(step, "ATT-5")
    looked_at = step.result == -22 and step.events  # under the lock; at once is ATT-3's affair
    if due in (None, "ATT-7") and looked_at and not step.failed:
        return "the PASID is within every limit, but it returned -EINVAL"
    return True if due is None and len(step.capable) < len(step.members) else None


@clause(
    "ATT-6",
    "The handle learns its domain early",
    since="6.11",
    sources=["commit 14678219cf40", "iommu_make_pasid_array_entry()"],
    on="attach",
    needs="handles",
)
def handle_is_written(step: Step) -> Verdict:
    """Once `ATT-1` to `ATT-5` are passed, the handle's domain is written, before the array or a
    driver is touched: also after an attach that failed the caller's handle names the domain. If the
    handle was new, nobody can find it."""
    if step.operation.handle is None or attach_refusal(step) not in (None, "ATT-7"):
        return None
    if step.result == -22 and not step.events:
        return None  # refused by a check of ATT-3: whether rightly, ATT-15 says
    written = step.at("handle")
    if [step.events[i][1:] for i in written] != [(step.operation.handle, step.operation.domain)]:
        return "the handle's domain was not written just once"
    if any(i < written[0] for i in step.at("array", "call")):
        return "the handle's domain was written after the array or a driver was touched"
    return True


@clause(
    "ATT-7",
    "The slot is reserved before any driver is asked",
    since="6.15",
    sources=["MSG-5", "MSG-8", "commit 5e9f822c9c68", ATTACH],
    on="attach",
    refuses="EBUSY",
)
def slot_is_reserved(step: Step) -> Verdict:
    """A PASID that is attached gives `-EBUSY`, whatever it is attached to; a reservation that
    gets no memory gives `-ENOMEM`; no driver has been asked in either case. Otherwise the slot is
    reserved before the first driver is asked."""
    due = attach_refusal(step)
    if due == "ATT-7":
        if step.slots:
            return "the slot was touched although it was taken"
        return refused(step, "ATT-7")
    if due is not None:
        return None
    if step.out_of_memory:
        if step.result != -12 or step.calls:
            return f"there was no memory, but {outcome(step)} or a driver was asked"
        return True
    if not step.slots or step.slots[0] != "reserved":
        return "the slot was not reserved first"
    if step.calls and step.at("array")[0] > step.at("call")[0]:
        return "a driver was asked before the slot was reserved"
    return True


@clause(
    "ATT-8",
    "A failed attach leaves the PASID unattached",
    since="6.13",
    sources=["MSG-8", "MSG-9", "commit b45a3777ceab", ATTACH],
    on="attach",
)
def failure_is_passed_on(step: Step) -> Verdict:
    """Every driver is told that there is no old domain. If one fails, its errno is returned
    unchanged and the slot is absent again."""
    if not step.ours or isinstance(step.result, str):
        return None
    for call in step.ours:
        if call.old is not None:
            return f"{call.device} was told that the old domain is {call.old}, but there is none"
    if step.failed is None:
        return True
    if step.result != -(step.failed.error or 0):
        return f"{step.failed.device} failed with errno {step.failed.error}, but {outcome(step)}"
    return True if step.after.slot is None else "the slot is not absent after the failure"


@clause(
    "ATT-9",
    "The entry is stored once, at the end",
    since="6.15",
    sources=["MSG-5", "MSG-6", "MSG-7", "commit 5e9f822c9c68", ATTACH],
    on="attach",
)
def entry_is_stored(step: Step) -> Verdict:
    """If no driver fails and there is memory, attach returns 0: every capable device translates
    the PASID with the domain, and the entry has been stored, once, after the last driver
    answered. That store cannot fail, as the slot was reserved."""
    if attach_refusal(step) is not None or step.out_of_memory or step.failed:
        return None
    op = step.operation
    if step.result != 0:
        return f"nothing failed, but {outcome(step)}"
    if step.after.slot != Entry(op.domain or "", op.handle):
        return f"the array holds {slot_in_words(step.after.slot)}"
    if step.slots.count(step.after.slot) != 1:
        return "the entry was not stored just once"
    if step.calls and step.at("array")[-1] < step.at("return")[-1]:
        return "the entry was stored before the last driver had answered"
    for dev, domain in zip(step.setting.devices, step.after.hardware, strict=True):
        if dev.name in step.capable and domain != reached(step):
            return f"{dev.name} translates with {domain} after a successful attach"
    return True


@clause(
    "ATT-10",
    "Nobody finds a PASID that is still being attached",
    since="6.15",
    sources=["MSG-5", "commit 5e9f822c9c68", ATTACH],
    on="attach",
)
def invisible_meanwhile(step: Step) -> Verdict:
    """While the drivers are asked, a page request for the PASID finds nothing, so none is queued
    to a domain whose attach may still fail."""
    if not step.calls or attach_refusal(step) is not None:
        return None
    for call in step.calls:
        if call.reader is not None:
            return f"while {call.device} is asked, a page request finds {call.reader}"
    return True


@clause(
    "ATT-11",
    "A handle is optional",
    since="6.15",
    sources=["commit e1ea9d30d84c", ATTACH],
    on="attach",
    needs="handles",
)
def handle_is_optional(step: Step) -> Verdict:
    """Attach without a handle is legal: the PASID is attached, and its entry is the plain
    domain."""
    if step.operation.handle is not None or attach_refusal(step) is not None or step.result != 0:
        return None
    slot = step.after.slot
    if isinstance(slot, Entry) and slot.handle is None and slot.domain == step.operation.domain:
        return True
    return f"the array holds {slot} afterwards"


@clause(
    "ATT-14",
    "A group that has no PASIDs accepts every one",
    since="6.15",
    sources=["commit b3f6fcd8404f", ATTACH],
    on="attach",
)
def nobody_capable(step: Step) -> Verdict:
    """If no device of the group has PASIDs, nobody sets a limit and nobody is asked: attach
    stores the entry and returns 0."""
    if step.capable or attach_refusal(step) is not None or step.out_of_memory:
        return None
    if step.result != 0 or step.calls:
        return f"no device has PASIDs, but {outcome(step)} or a driver was asked"
    return True


@clause(
    "ATT-15",
    "The driver's static domains are its own",
    since="6.16",
    sources=["commit 6f7340120a0a", "domain_iommu_ops_compatible()", ATTACH],
    on="attach",
    needs="static domains",
)
def static_domains(step: Step) -> Verdict:
    """The static identity and blocked domains of the device's driver have no owner, and are
    accepted like the domains that it made."""
    domain = step.setting.domain(step.operation.domain or "")
    if domain.type not in ("identity", "blocked") or attach_refusal(step) not in (None, "ATT-7"):
        return None
    return True if step.result != -22 else "it returned -EINVAL"
