# SPDX-License-Identifier: GPL-2.0-only
"""REP: what replace owes its caller."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..step import Entry, Step
from .checks import (
    outcome,
    refused,
    refused_at_once,
    refused_under_lock,
    replace_refusal,
    slot_in_words,
)

REPLACE = "iommu_replace_device_pasid()"
MERGED = "commit 8a9e1e773f60"


def allowed(step: Step) -> bool:
    """Whether nothing refuses the call: it then is about what is attached."""
    return replace_refusal(step) is None and isinstance(step.before.slot, Entry)


def attached(step: Step) -> Entry:
    """What the PASID is attached to before the call."""
    slot = step.before.slot
    assert isinstance(slot, Entry)
    return slot


@clause(
    "REP-1",
    "A device without a group is refused first",
    since="6.15",
    sources=["MSG-1", MERGED, REPLACE],
    on="replace",
    refuses="ENODEV",
)
def no_group(step: Step) -> Verdict:
    """A device that is in no group has nothing to replace: `-ENODEV`, before anything else is
    looked at."""
    return refused_at_once(step, "REP-1") if replace_refusal(step) == "REP-1" else None


@clause(
    "REP-2",
    "A domain that cannot be set is refused",
    since="6.15",
    sources=[MERGED, REPLACE],
    on="replace",
    refuses="EOPNOTSUPP",
)
def not_supported(step: Step) -> Verdict:
    """If the domain cannot be set on a PASID, replace answers `-EOPNOTSUPP`. It does not ask about
    the blocked domain again: what is attached has passed `ATT-2`."""
    return refused_at_once(step, "REP-2") if replace_refusal(step) == "REP-2" else None


@clause(
    "REP-3",
    "A foreign domain, PASID 0 and a missing handle are refused",
    since="6.15",
    sources=[MERGED, REPLACE],
    on="replace",
    refuses="EINVAL",
)
def foreign_domain(step: Step) -> Verdict:
    """A domain of another driver, PASID 0, and a call without a handle give `-EINVAL`; a handle,
    optional for attach, is required here."""
    return refused_at_once(step, "REP-3") if replace_refusal(step) == "REP-3" else None


@clause(
    "REP-4",
    "Nothing is replaced during recovery",
    since="7.0",
    sources=["commit c279e83953d9", REPLACE],
    on="replace",
    refuses="EBUSY",
    needs="recovery",
)
def in_recovery(step: Step) -> Verdict:
    """While any device of the group is in recovery from a reset, replace answers `-EBUSY`."""
    return refused_under_lock(step, "REP-4") if replace_refusal(step) == "REP-4" else None


@clause(
    "REP-5",
    "The handle learns its domain early",
    since="6.15",
    sources=[MERGED, "iommu_make_pasid_array_entry()"],
    on="replace",
    needs="handles",
)
def handle_is_written(step: Step) -> Verdict:
    """Once `REP-1` to `REP-4` are passed, the handle's domain is written, before the array or a
    driver is touched, and so also if the call is then refused."""
    if replace_refusal(step) not in (None, "REP-7", "REP-8"):
        return None
    written = step.at("handle")
    if [step.events[i][1:] for i in written] != [(step.operation.handle, step.operation.domain)]:
        return "the handle's domain was not written just once"
    if any(i < written[0] for i in step.at("array", "call")):
        return "the handle's domain was written after the array or a driver was touched"
    return True


@clause(
    "REP-6",
    "Looking at an absent slot may need memory",
    since="6.15",
    sources=[MERGED, REPLACE],
    on="replace",
    refuses="ENOMEM",
)
def probe_needs_memory(step: Step) -> Verdict:
    """The slot is looked at by trying to reserve it. If there is no memory for that, an
    unattached PASID gives `-ENOMEM` instead of the `-EINVAL` of `REP-7`."""
    return refused(step, "REP-6") if step.out_of_memory else None


@clause(
    "REP-7",
    "Replace never acts as attach",
    since="6.15",
    sources=["MSG-1", MERGED, REPLACE],
    on="replace",
    refuses="EINVAL",
)
def not_attached(step: Step) -> Verdict:
    """A PASID that is not attached cannot be replaced: `-EINVAL`, and the slot is absent as
    before. A PASID that is out of range ends here too: nobody can have attached it."""
    if replace_refusal(step) != "REP-7" or step.out_of_memory:
        return None
    if step.after.slot is not None:
        return f"the PASID was not attached, and the array holds {slot_in_words(step.after.slot)}"
    return refused(step, "REP-7")


@clause(
    "REP-8",
    "The handle in use is refused",
    since="6.15",
    sources=["commit 8a9e1e773f60", "commit ada14b9f1aab", REPLACE],
    on="replace",
    refuses="EINVAL",
    needs="handles",
)
def handle_is_published(step: Step) -> Verdict:
    """The handle that the PASID is attached with now is refused with a WARN and `-EINVAL`:
    readers hold it without a lock, so each attachment needs a new one."""
    if replace_refusal(step) != "REP-8":
        return None
    if step.warnings != 1:
        return f"there were {step.warnings} WARNs"
    return refused(step, "REP-8")


@clause(
    "REP-9",
    "An entry of either kind can be replaced",
    since="6.15",
    sources=["commit e1ea9d30d84c", "pasid_array_entry_to_domain()"],
    on="replace",
    needs="handles",
)
def either_kind(step: Step) -> Verdict:
    """It does not matter whether the PASID is attached with a handle or without: the domain is
    found through either kind of entry, and replaced."""
    if not allowed(step) or attached(step).handle is not None:
        return None
    if step.failed is None and step.result != 0:
        return f"nothing failed, but {outcome(step)}"
    olds = {call.old for call in step.ours}
    wrong = olds - {attached(step).domain}
    return f"a driver was told that the old domain is {wrong.pop()}" if wrong else True


@clause(
    "REP-10",
    "The same domain again only changes the handle",
    since="6.15",
    sources=[MERGED, REPLACE],
    on="replace",
    needs="handles",
)
def same_domain(step: Step) -> Verdict:
    """If the PASID reaches the domain already, no driver is asked: the new handle takes the old
    one's place, and the call returns 0."""
    if not allowed(step) or attached(step).domain != step.operation.domain:
        return None
    if step.calls:
        return f"{step.calls[0].device} was asked although the domain stays"
    if step.result != 0:
        return f"nothing could fail, but {outcome(step)}"
    return (
        True
        if step.after.slot == Entry(step.operation.domain, step.operation.handle)
        else (f"the array holds {slot_in_words(step.after.slot)}")
    )


@clause(
    "REP-11",
    "The driver is told the old domain, and a failure leaves the slot alone",
    since="6.15",
    sources=["MSG-1", "MSG-3", "MSG-7", "MSG-9", "commit b45a3777ceab", MERGED, REPLACE],
    on="replace",
)
def old_is_told(step: Step) -> Verdict:
    """Every capable device is asked to set the new domain and told that the current one is the
    old. If one fails, its errno is returned unchanged and the slot was never touched."""
    if not allowed(step) or attached(step).domain == step.operation.domain:
        return None
    if isinstance(step.result, str):
        return None
    for call in step.ours:
        if call.old != attached(step).domain:
            return f"{call.device} was told that the old domain is {call.old or 'none'}"
    if step.failed is None:
        missed = set(step.capable) - {call.device for call in step.ours}
        if missed:
            return f"{min(missed)} was not asked"
        return True if step.result == 0 else f"nothing failed, but {outcome(step)}"
    if step.result != -(step.failed.error or 0):
        return f"{step.failed.device} failed with errno {step.failed.error}, but {outcome(step)}"
    return "the slot was touched although the replace failed" if step.slots else True


@clause(
    "REP-12",
    "The entry changes with one store, and is never absent",
    since="6.15",
    sources=["MSG-5", "MSG-6", "MSG-7", MERGED, REPLACE],
    on="replace",
)
def never_absent(step: Step) -> Verdict:
    """While the drivers are asked, a page request finds the old entry, also where hardware uses
    the new domain already. On success one store puts the new entry over it, after the last driver
    answered. There is no moment at which the PASID looks unattached."""
    if not allowed(step):
        return None
    old = attached(step)
    for call in step.calls:
        if call.reader != (old.handle if step.setting.handles else old.domain):
            return f"while {call.device} is asked, a page request finds {call.reader or 'nothing'}"
    if any(not isinstance(slot, Entry) for slot in step.slots):
        return "the slot was absent or reserved in between"
    if step.result != 0:
        return True
    if len(step.slots) != 1 or step.after.slot != Entry(
        step.operation.domain or "", step.operation.handle
    ):
        holds = slot_in_words(step.after.slot)
        return f"the array was written {len(step.slots)} times and holds {holds}"
    if step.calls and step.at("array")[0] < step.at("return")[-1]:
        return "the entry was stored before the last driver had answered"
    return True


@clause(
    "REP-13",
    "The old handle is the caller's again",
    since="6.15",
    sources=["commit 8a9e1e773f60", "commit ada14b9f1aab", REPLACE],
    on="replace",
    needs="handles",
)
def old_handle_is_free(step: Step) -> Verdict:
    """After a successful replace the old handle can be found no more and has not been written: it
    is the caller's, to clean up and free. Whether a reader that found it before is done with it
    the core does not say."""
    if not allowed(step) or step.result != 0 or attached(step).handle is None:
        return None
    if isinstance(step.after.slot, Entry) and step.after.slot.handle == attached(step).handle:
        return "the old handle can still be found"
    touched = [e for e in step.events if e[0] == "handle" and e[1] == attached(step).handle]
    return "the old handle was written" if touched else True


@clause(
    "REP-14",
    "The core does not remove before it replaces",
    since="6.15",
    sources=["MSG-1", "MSG-3", REPLACE],
    on="replace",
)
def no_removal_first(step: Step) -> Verdict:
    """No device is blocked on the way from the old domain to the new one, so a driver that can
    switch without a gap is able to. Whether it does is the driver's affair."""
    if not allowed(step):
        return None
    for call in step.calls[: len(step.calls) - len(step.undoing)]:
        if call.domain == "blocked" != step.operation.domain:
            return f"{call.device} was blocked before {step.operation.domain} was set"
    return True
