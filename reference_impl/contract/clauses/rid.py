# SPDX-License-Identifier: GPL-2.0-only
"""RID: DMA without a PASID, whose path the discussion takes as the example for PASIDs."""

from __future__ import annotations

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..facts import DEFAULT
from ..step import RESERVED, Call, Step
from .checks import asked, in_words, once, outcome

SET, ATTACH = "__iommu_group_set_domain_internal()", "__iommu_attach_group()"
SOFT = "attach_group attach_group_handle replace_group_handle claim_group_owner claim_device_owner"
MUST = "detach_group detach_group_handle release_group_owner release_device_owner"
BOTH = f"{SOFT} {MUST}"
CORE = "commit 5474e6e17a26"


def calls_without(step: Step) -> list[Call]:
    """The driver calls about DMA without a PASID, in order."""
    return [call for call in step.calls if call.pasid == NO_PASID]


def must_succeed(step: Step) -> bool:
    """Whether there is no way back for this call."""
    return step.operation.kind in MUST.split()


def core_domain(step: Step) -> str | None:
    """What the core itself puts there: nothing while somebody owns the group."""
    return "blocked" if step.was.owner else step.was.default


@once
def target(step: Step) -> str | None:
    """The domain that this call sets, if nothing refuses it before; None if it sets none."""
    op, was = step.operation, step.was
    if isinstance(step.result, str) or step.out_of_memory or refusal(step):
        return None
    if op.kind.startswith(("attach", "replace")):
        return op.domain
    if op.kind.startswith("detach"):
        return core_domain(step)
    if op.kind.startswith("claim"):
        return None if was.owner_cnt else "blocked"
    return None if op.kind == "release_device_owner" and was.owner_cnt > 1 else was.default


@once
def refusal(step: Step) -> str | None:
    """The clause that refuses this call before a domain would be set; None if none does."""
    op, was = step.operation, step.was
    if op.kind in ("attach_group_handle", "replace_group_handle") and op.handle is None:
        return "GRP-1" if op.kind == "attach_group_handle" else "GRP-3"
    if op.kind == "attach_group_handle" and step.before.slot is not None:
        return "GRP-1"
    if op.kind.startswith("attach_group"):
        free = {None, was.default} | ({"blocked"} if was.blocking else set())
        if was.domain not in free or not step.setting.domain(op.domain or "").ours:
            return "GRP-2"
    if op.kind.startswith("claim"):
        if op.who is None or (was.owner_cnt and not claims_again(step)):
            return "OWN-3"
        if not was.owner_cnt and (was.domain not in (None, was.default) or was.attached):
            return "OWN-3"
    if op.kind.startswith("release"):
        counts = op.kind == "release_device_owner" and was.owner_cnt > 1
        if not counts and (not was.owner_cnt or not was.owner or was.attached):
            return "OWN-4"
    return None


def claims_again(step: Step) -> bool:
    """Whether the owner claims another device."""
    op = step.operation
    return op.kind == "claim_device_owner" and op.who == step.was.owner is not None


def set_apart(step: Step) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The devices to set a domain on, those that are left out, and those that firmware needs.

    Left out are those under reset, and those whose attach is put off where the kernel's own domain
    is set.
    """
    want = target(step)
    direct = {d.name for d in step.setting.devices if d.require_direct and want == "blocked"}
    out = {*step.resetting, *(step.was.deferred if want == DEFAULT else ())} - direct
    firmware = tuple(n for n in step.members if n in direct and n not in step.resetting)
    todo = tuple(n for n in step.members if n not in (*out, *direct, *step.resetting))
    return todo, tuple(n for n in step.members if n in (*out, *step.resetting)), firmware


def changes(step: Step) -> bool:
    """Whether the call sets a domain that is another one, and nothing is in the way of that."""
    want = target(step)
    if want is None or want == step.was.domain:
        return False
    return must_succeed(step) or not step.was.recovery_cnt


def walk(step: Step) -> list[Call]:
    """The calls that set the domain, as far as the first that fails."""
    found: list[Call] = []
    for call in calls_without(step):
        if call.domain != target(step):
            break
        found.append(call)
        if call.error and not must_succeed(step):
            break
    return found


def refused_by_firmware(step: Step, done: list[Call]) -> bool:
    """Whether a device that firmware needs was next."""
    _, left_out, firmware = set_apart(step)
    names = [name for name in step.members if name not in left_out]
    return names[len(done) : len(done) + 1] == list(firmware[:1]) != []


@clause(
    "RID-1",
    "Every device is asked, unless nothing changes",
    since="6.19",
    sources=["MSG-9", "commit fd714986e4e4", SET],
    on=BOTH,
    needs="group",
)
def every_device_is_asked(step: Step) -> Verdict:
    """To set the domain of a group, every device is asked in the group's order, with or without
    PASIDs, and told the domain that the group has; left out are those under reset (`RID-2`), and
    those whose attach is deferred (`RID-4`). If nobody fails, the group's domain is the new one. If
    it was that already, nobody is asked, and nothing has changed. If there is no new domain to set,
    there is a WARN, and nothing has changed."""
    want, without = target(step), calls_without(step)
    if want is None:
        if must_succeed(step) and not refusal(step) and step.was.domain is not None:
            quiet = step.now.domain == step.was.domain and not without
            nothing = step.operation.kind == "release_device_owner" and step.was.owner_cnt > 1
            return True if quiet and (nothing or step.warnings) else "there was no domain to set"
        return None
    if want == step.was.domain:
        return f"{without[0].device} was asked" if without else True
    if not changes(step) or any(call.error for call in without) or refused_by_firmware(step, []):
        return None
    todo, _, firmware = set_apart(step)
    if firmware:
        return None
    expected = [(name, want, step.was.domain) for name in todo]
    if asked(without) != expected:
        return f"asked were {in_words(asked(without))}, not {in_words(expected)}"
    if step.result != 0 or step.warnings:
        return f"nobody failed, but {outcome(step)}, with {step.warnings} WARNs"
    return True if step.now.domain == want else f"the group has {step.now.domain} then"


@clause(
    "RID-2",
    "Recovery stops what may fail, and nothing else",
    since="7.1",
    sources=["commit c279e83953d9", CORE, SET],
    on=BOTH,
    refuses="EBUSY",
    needs="group",
)
def recovery(step: Step) -> Verdict:
    """While a device of the group is in recovery from a reset, the domain of the group cannot be
    changed: `-EBUSY`. What must succeed is done all the same, and leaves devices under reset
    alone: the end of the reset gives them what the group has then."""
    want = target(step)
    if not step.was.recovery_cnt or want in (None, step.was.domain):
        return None
    without = calls_without(step)
    if not must_succeed(step):
        if step.result != -16 or without or step.now.domain != step.was.domain:
            return f"the group is in recovery, but {outcome(step)}, or somebody was asked"
        return True
    if touched := [call.device for call in without if call.device in step.resetting]:
        return f"{touched[0]} is under reset, and was asked"
    return True if step.now.domain == want else f"the group still has {step.now.domain}"


@clause(
    "RID-3",
    "Only the old or the new domain, or nothing",
    since="6.2",
    sources=["commit c3b1edea3791", SET],
    on=BOTH,
    needs="group",
)
def old_or_new(step: Step) -> Verdict:
    """The change need not be at once, and DMA may be lost meanwhile; but at each moment a device
    reaches without a PASID the group's old domain, the new one, or nothing. Excepted is a device on
    which an earlier failure has left another domain."""
    allowed = (target(step), step.was.domain, None)
    if step.operation.pasid != NO_PASID or not step.at("entry"):
        return None
    for moment in step.moments():
        each = zip(step.setting.devices, step.before.hardware, moment.hardware, strict=True)
        for dev, was, now in each:
            if now not in (was, *allowed):
                return f"{dev.name} reached {was or 'nothing'}, and reaches {now} on the way"
    return True


@clause(
    "RID-4",
    "Firmware's mappings stay, and an attach can be deferred",
    since="6.6",
    sources=["__iommu_device_set_domain()"],
    on=BOTH,
    refuses="EINVAL",
    needs="group",
)
def firmware_and_deferred(step: Step) -> Verdict:
    """If firmware needs mappings of one of its devices, a group is refused a domain that blocks,
    with `-EINVAL`, and that device is not asked; a reset may still block it (`RST-5`). A device
    whose attach is deferred is not asked for the kernel's own domain, and is deferred no longer
    once it gets another one."""
    if not changes(step):
        return None
    want, without = target(step), calls_without(step)
    _, _, firmware = set_apart(step)
    said: Verdict = None
    for call in without:
        if call.device in firmware and call.domain == "blocked":
            return f"{call.device} must keep firmware's mappings, and is asked to block"
    if firmware and not must_succeed(step) and not any(call.error for call in walk(step)):
        if step.result != -22 or step.now.domain != step.was.domain:
            return f"firmware needs {firmware[0]}, but {outcome(step)}"
        said = True
    for name in step.was.deferred:
        if name in step.resetting:
            continue
        told = [call for call in without if call.device == name]
        if want == DEFAULT and told:
            return f"the attach of {name} is put off, and it was asked"
        if told and name in step.now.deferred:
            return f"the attach of {name} is still put off"
        said = True
    return said


@clause(
    "RID-5",
    "Only what was done is undone",
    since="6.19",
    sources=["MSG-9", "commit 2b33598e666d", SET],
    on=SOFT,
    needs="group",
)
def undone(step: Step) -> Verdict:
    """If a device fails, its errno is the result, no further device is asked, and those before it
    are asked in the same order to go back: told that they have the new domain. One that cannot is
    asked to block, if the group knows how, and there is a WARN. The group's domain is what it was.
    Where it had none, nobody goes back: the group is about to go away."""
    want = target(step)
    if not changes(step) or want is None:
        return None
    done = walk(step)
    failed = bool(done and done[-1].error)
    if not failed and not refused_by_firmware(step, done):
        return None
    error = done[-1].error if failed else 22
    if step.result != -(error or 0) or step.now.domain != step.was.domain:
        return f"errno {error} came first, but {outcome(step)}; it has {step.now.domain}"
    rest = calls_without(step)[len(done) :]
    before = [call.device for call in (done[:-1] if failed else done)]
    old = step.was.domain
    stuck = [call.device for call in rest if call.domain == old and call.error]
    wanted: list[tuple[str, str, str | None]] = []
    direct = {d.name for d in step.setting.devices if d.require_direct}
    for name in before if old is not None else ():
        if old == "blocked" and name in direct:
            stuck.append(name)  # firmware needs it: it is not asked, and keeps the new domain
            continue
        wanted.append((name, old or "", want))
        if name in stuck and step.now.blocking and old != "blocked":
            wanted.append((name, "blocked", want))
    if asked(rest) != wanted:
        return f"the undoing asked {in_words(asked(rest))}, not {in_words(wanted)}"
    told = step.warnings == len(stuck)
    return True if told else f"{len(stuck)} could not go back, {step.warnings} WARNs"


@clause(
    "RID-6",
    "What must succeed goes on",
    since="6.5",
    sources=["__iommu_group_set_domain_nofail()", "__iommu_device_set_domain()", SET],
    on=MUST,
    needs="group",
)
def goes_on(step: Step) -> Verdict:
    """Where the old domain may be gone afterwards, a failure does not end the walk. The device that
    failed is asked at once to block, if the group knows how; the next one is asked as if nothing
    were; the group has the new domain, and there is a WARN."""
    want, was = target(step), step.was
    if not changes(step) or want is None:
        return None
    todo, _, firmware = set_apart(step)
    expected: list[tuple[str, str, str | None]] = []
    errors = {call.device: call.error for call in calls_without(step) if call.domain == want}
    for name in todo:
        expected.append((name, want, was.domain))
        if errors.get(name) and was.blocking and want != "blocked":
            expected.append((name, "blocked", was.domain))
    done = asked(calls_without(step))
    if done != expected:
        return f"asked were {in_words(done)}, not {in_words(expected)}"
    failed = any(errors.values()) or bool(firmware)
    if step.warnings != failed or step.result != 0:
        return f"{outcome(step)}, with {step.warnings} WARNs"
    return True if step.now.domain == want else f"the group still has {step.now.domain}"


@clause(
    "RID-7",
    "The device that failed is left alone",
    since="6.19",
    sources=["MSG-9", "commit 2b33598e666d", SET],
    on=SOFT,
    needs="group",
)
def failed_is_left_alone(step: Step) -> Verdict:
    """The device that failed is not asked to go back, as on the way with PASIDs (`GSP-3`). So a
    driver that breaks before it makes, and then fails, leaves the device with nothing, while the
    group still has the old domain."""
    done = walk(step)
    if not changes(step) or not done or not done[-1].error:
        return None
    again = [c for c in calls_without(step)[len(done) :] if c.device == done[-1].device]
    return "it failed, and was asked again" if again else True


def reserved_first(step: Step) -> str:
    """What is wrong with how a slot was taken, if anything is: first, and with nobody asked."""
    if step.before.slot is None and (not step.slots or step.slots[0] != RESERVED):
        return "the slot was not reserved first"
    if step.before.slot is None and step.calls and step.at("array")[0] > step.at("call")[0]:
        return "a driver was asked before the slot was reserved"
    return ""
