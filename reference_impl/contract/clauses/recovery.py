# SPDX-License-Identifier: GPL-2.0-only
"""RST: what a reset of a device does to a group, and what it leaves."""

from __future__ import annotations

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..step import Call, Entry, Step
from .checks import asked, in_words, outcome
from .rid import calls_without

PREPARE, DONE = "pci_dev_reset_iommu_prepare()", "pci_dev_reset_iommu_done()"
INTRODUCED, NESTED, PER_DEVICE = (
    "commit c279e83953d9",
    "commit 0d5fd7a9323c",
    "commit 1615e8896a8f",
)
BOTH = "reset_prepare reset_done"


def has_ats(step: Step) -> bool:
    """Whether the IOMMU takes part in resets of the device."""
    return next(d.ats for d in step.setting.devices if d.name == step.operation.device)


def outermost(step: Step) -> bool:
    """Whether this is the first prepare, or the last done, of the device."""
    depth = step.was.depth(step.operation.device)
    return has_ats(step) and depth == (0 if step.operation.kind == "reset_prepare" else 1)


def with_pasid(step: Step) -> list[Call]:
    """The calls about the step's PASID."""
    return [call for call in step.calls if call.pasid == step.operation.pasid != NO_PASID]


def prepared(step: Step) -> bool:
    """Whether this is a prepare that goes on to the PASIDs, and shows one."""
    return outermost(step) and step.result == 0 and step.operation.pasid != NO_PASID


@clause(
    "RST-1",
    "Without ATS there is nothing to do",
    since="7.0",
    sources=[INTRODUCED, PREPARE, DONE],
    on=BOTH,
    needs="group",
)
def without_ats(step: Step) -> Verdict:
    """A device that has no TLB of its own cannot miss an invalidation during its reset: nobody is
    asked, and the group is not in recovery."""
    if has_ats(step):
        return None
    quiet = step.result == 0 and not step.events and step.now == step.was
    return True if quiet else f"it has no ATS, and something was done: {outcome(step)}"


@clause(
    "RST-3",
    "Resets may be nested",
    since="7.1",
    sources=[NESTED, PREPARE, DONE],
    on=BOTH,
    needs="group",
)
def nested(step: Step) -> Verdict:
    """A reset may use another one on its way. Only the first prepare and the last done act; those
    within are counted. A done too many gets a WARN, and does nothing."""
    device, prepares = step.operation.device, step.operation.kind == "reset_prepare"
    if not has_ats(step):
        return None
    depth = step.was.depth(device)
    if not prepares and not depth:
        return True if step.warnings and step.now == step.was else "a done too many did something"
    if step.result != 0:
        return None if outermost(step) else f"a reset within a reset: {outcome(step)}"
    if step.now.depth(device) != depth + (1 if prepares else -1):
        return f"the depth went from {depth} to {step.now.depth(device)}"
    if outermost(step):
        return True
    return "a reset within a reset asked a driver" if step.calls or step.warnings else True


@clause(
    "RST-5",
    "All DMA of the device is blocked, or nothing is done",
    since="7.0",
    sources=[INTRODUCED, PREPARE],
    on="reset_prepare",
    needs="group",
)
def blocked_without(step: Step) -> Verdict:
    """The device, and no other, is asked to block its DMA without a PASID, and told the group's
    domain; nobody is asked if the group blocks already. The group keeps its domain. If the driver
    fails, its errno is returned, and the device is not in recovery."""
    if not outermost(step):
        return None
    device, was = step.operation.device, step.was
    already = was.blocking and was.domain == "blocked"
    wanted = [] if already else [(device, "blocked", was.domain)]
    without = calls_without(step)
    if asked(without) != wanted:
        return f"asked were {in_words(asked(without))}, not {in_words(wanted)}"
    if step.now.domain != was.domain:
        return f"the group had {was.domain}, and has {step.now.domain}"
    if without and without[0].error:
        kept = step.result == -without[0].error and not step.now.depth(device)
        counts = step.now.recovery_cnt == was.recovery_cnt and len(step.calls) == 1
        return True if kept and counts else f"the driver failed, but {outcome(step)}"
    return True if step.result == 0 else f"nobody failed, but {outcome(step)}"


@clause(
    "RST-7",
    "Its PASIDs are blocked, and the array keeps them",
    since="7.0",
    sources=[INTRODUCED, PREPARE],
    on="reset_prepare",
    needs="group",
)
def blocked_with(step: Step) -> Verdict:
    """For each PASID that the array names a domain for, the device is asked to block it, and told
    that domain, unless it has no PASIDs; a failure trips a WARN. The array does not change."""
    if not prepared(step):
        return None
    device, slot = step.operation.device, step.before.slot
    names = [slot.domain] if isinstance(slot, Entry) and device in step.capable else []
    wanted = [(device, "blocked", name) for name in names]
    if asked(with_pasid(step)) != wanted:
        return f"asked were {in_words(asked(with_pasid(step)))}, not {in_words(wanted)}"
    errors = sum(bool(call.error) for call in step.calls)
    if step.warnings != errors:
        return f"{errors} could not be blocked, {step.warnings} WARNs"
    return True if not step.slots else "the array was changed"


@clause(
    "RST-8",
    "The whole group is in recovery",
    since="7.1",
    sources=[INTRODUCED, "commit b296ca1fb43a", PREPARE, DONE],
    on=BOTH,
    needs="group",
)
def is_counted(step: Step) -> Verdict:
    """From the first prepare to the last done of a device its group is in recovery: attach and
    replace answer `-EBUSY` (`ATT-4`, `REP-4`, `RID-2`; one exception: `GRP-4`), detach works
    (`DET-5`). Several devices may be under reset: they are counted."""
    if isinstance(step.result, str):
        return None
    act = outermost(step) and step.result == 0
    by = 0 if not act else 1 if step.operation.kind == "reset_prepare" else -1
    counted = step.now.recovery_cnt - step.was.recovery_cnt
    return True if counted == by else f"the count changed by {counted}, not by {by}"


@clause(
    "RST-9",
    "The end gives the device what the group has then",
    since="7.1",
    sources=[INTRODUCED, PER_DEVICE, "commit d769711fcddd", DONE],
    on="reset_done",
    needs="group",
)
def restored(step: Step) -> Verdict:
    """The last done asks the device, and no other, to take the group's domain, and for each PASID
    what the array names; each time the driver is told that the blocking domain is there. Without a
    PASID nobody is asked if the group's domain blocks, or if it has none; the PASIDs come back all
    the same. A failure trips a WARN, and the rest goes on."""
    if not outermost(step):
        return None
    device, was, slot = step.operation.device, step.was, step.before.slot
    none = was.domain in (None, "blocked")
    wanted = [] if none else [(device, was.domain or "", "blocked")]
    if asked(calls_without(step)) != wanted:
        done = in_words(asked(calls_without(step)))
        return f"asked were {done}, not {in_words(wanted)}"
    if step.operation.pasid != NO_PASID:
        back = [] if device not in step.capable or not isinstance(slot, Entry) else [slot.domain]
        expected = [(device, domain, "blocked") for domain in back]
        if asked(with_pasid(step)) != expected:
            return f"asked were {in_words(asked(with_pasid(step)))}, not {in_words(expected)}"
    errors = sum(bool(call.error) for call in step.calls)
    return True if step.warnings == errors else f"{errors} failed, {step.warnings} WARNs"


@clause(
    "RST-11",
    "What was detached meanwhile does not come back",
    since="7.1",
    sources=["commit fc3523b16d2b", DONE],
    on="reset_done",
    needs="group",
)
def stays_detached(step: Step) -> Verdict:
    """A PASID that was detached during the reset is not in the array any more, and the device
    reaches nothing with it when the reset is done."""
    if not outermost(step) or step.operation.pasid == NO_PASID or step.before.slot is not None:
        return None
    at = [d.name for d in step.setting.devices].index(step.operation.device)
    reaches = step.after.hardware[at]
    return f"it reaches {reaches}" if reaches or with_pasid(step) else True


@clause(
    "RST-12",
    "Page requests find their handle meanwhile",
    since="7.0",
    sources=[INTRODUCED, PREPARE, DONE],
    on=BOTH,
    needs="group",
)
def handle_is_found(step: Step) -> Verdict:
    """A reset leaves the array alone, so whoever looks a PASID up finds its handle until it is
    detached."""
    slot = step.before.slot
    if not isinstance(slot, Entry) or slot.handle is None or isinstance(step.result, str):
        return None
    for call in step.calls:
        if call.pasid == step.operation.pasid and call.reader != slot.handle:
            return f"while {call.device} is asked, a page request finds {call.reader or 'nothing'}"
    return True if step.after.slot == slot else "the handle is gone"


@clause(
    "RST-15",
    "A deferred attach waits for the end of the reset",
    since="7.1",
    sources=["commit b296ca1fb43a", "iommu_deferred_attach()"],
    on="deferred_attach",
    refuses="EBUSY",
    needs="group",
)
def put_off_again(step: Step) -> Verdict:
    """A device whose attach was deferred gets its domain when it is used for the first time; under
    reset that is refused with `-EBUSY`. Nothing is done where nothing was deferred."""
    device, was = step.operation.device, step.was
    if device not in was.deferred:
        return "something was done" if step.events or step.result else True
    if device in step.resetting:
        return True if step.result == -16 and not step.calls else outcome(step)
    if asked(step.calls) != [(device, "default", None)]:
        return f"asked were {in_words(asked(step.calls))}"
    error = step.calls[0].error or 0
    kept = (device in step.now.deferred) == bool(error)
    return True if step.result == -error and kept else f"{outcome(step)}; put off: {kept}"
