# SPDX-License-Identifier: GPL-2.0-only
"""OWN: whose DMA it is."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..step import Step
from .checks import outcome
from .rid import claims_again, refusal, refused_by_firmware, target, walk

USE, UNUSE = "iommu_device_use_default_domain()", "iommu_device_unuse_default_domain()"
CLAIM, RELEASE = "__iommu_take_dma_ownership()", "__iommu_release_dma_ownership()"
CLAIMS = "claim_group_owner claim_device_owner"
RELEASES = "release_group_owner release_device_owner"
EPERM, EBUSY, EINVAL, EPROBE_DEFER = 1, 16, 22, 517


def unchanged(step: Step) -> str:
    """What has changed of a group, if anything has: with a refusal, nothing does."""
    was, now = step.was, step.now
    if (was.owner, was.owner_cnt, was.domain) != (now.owner, now.owner_cnt, now.domain):
        return "owner, count or domain have changed"
    return "a driver was asked" if step.calls else ""


def counted(step: Step, by: int) -> str:
    """What is wrong with a count that should have changed by so much, and nothing else."""
    was, now = step.was, step.now
    if step.result != 0 or step.warnings:
        return f"nothing was in the way, but {outcome(step)}, with {step.warnings} WARNs"
    if now != was._replace(owner_cnt=was.owner_cnt + by):
        return f"the count went from {was.owner_cnt} to {now.owner_cnt}, or more has changed"
    return "a driver was asked" if step.calls else ""


@clause(
    "OWN-1",
    "Drivers of the kernel share a group, if nobody has it",
    since="6.2",
    sources=["commit 16603704559c", USE],
    on="use_default_domain",
    refuses="EBUSY",
    needs="group",
)
def may_be_used(step: Step) -> Verdict:
    """A driver may use a device whose group is in use already only if the group has the kernel's
    own domain, no owner, and nothing in its array, else `-EBUSY`. The first driver is not asked
    for any of that. A group that has no domain of the kernel's own yet answers `-EPROBE_DEFER`."""
    was = step.was
    taken = was.domain != was.default or was.owner or was.attached
    due = EPROBE_DEFER if was.default is None else EBUSY if was.owner_cnt and taken else 0
    if not due:
        return counted(step, +1) or True
    if step.result != -due:
        return f"errno {due} is due, but {outcome(step)}"
    return unchanged(step) or True


@clause(
    "OWN-2",
    "A driver leaves nothing attached",
    since="6.2",
    sources=["commit 16603704559c", UNUSE],
    on="unuse_default_domain",
    needs="group",
)
def is_not_used(step: Step) -> Verdict:
    """A driver that stops using a device has detached what it attached: if the array is not empty,
    or nobody used the group, there is a WARN, and the group stays in use."""
    if step.was.owner_cnt and not step.was.attached:
        return counted(step, -1) or True
    if not step.warnings or step.result != 0:
        return f"there is no WARN, and {outcome(step)}"
    return unchanged(step) or True


@clause(
    "OWN-3",
    "A group is claimed by one, and empty",
    since="6.2",
    sources=["commit 16603704559c", CLAIM, "iommu_group_claim_dma_owner()"],
    on=CLAIMS,
    refuses="EPERM",
    needs="group",
)
def is_claimed(step: Step) -> Verdict:
    """A group that is in use or owned cannot be claimed: `-EPERM` (one exception: `OWN-5`). Nor can
    one that is free, but has anything attached, with or without a PASID, or is in recovery:
    `-EBUSY`; nor one of which firmware needs mappings: `-EINVAL` (`RID-4`). Else all its DMA
    without a PASID is blocked, and it has an owner. Whoever claims for nobody gets a WARN and
    `-EINVAL`."""
    op, was = step.operation, step.was
    if claims_again(step) and was.owner_cnt:
        return None
    if refusal(step) == "OWN-3":
        due = EINVAL if op.who is None else EPERM if was.owner_cnt else EBUSY
        if step.result != -due or step.warnings != (op.who is None):
            return f"errno {due} is due, but {outcome(step)}, with {step.warnings} WARNs"
        return unchanged(step) or True
    if step.result != 0:
        if (step.now.owner, step.now.owner_cnt) != (None, 0):
            return f"{outcome(step)}, but the group is owned"
        if was.recovery_cnt:
            return True if step.result == -EBUSY else f"it is in recovery, but {outcome(step)}"
        done = walk(step)
        if any(call.error for call in done):
            return True  # what the driver said: RID-5
        if not refused_by_firmware(step, done):
            return f"nothing was in the way, but {outcome(step)}"
        return True if step.result == -EINVAL else f"firmware needs a device, but {outcome(step)}"
    owned = (step.now.owner, step.now.owner_cnt, step.now.domain) == (op.who, 1, "blocked")
    return True if owned else f"{step.now.owner} has it then, with {step.now.domain}"


@clause(
    "OWN-4",
    "An owner leaves nothing attached",
    since="6.2",
    sources=["commit 16603704559c", RELEASE],
    on=RELEASES,
    needs="group",
)
def is_released(step: Step) -> Verdict:
    """A group that is given back has the kernel's own domain, and nobody's. If it is not owned, or
    anything is in its array, there is a WARN, and it stays as it is."""
    if refusal(step) == "OWN-4":
        if not step.warnings or step.result != 0:
            return f"there is no WARN, and {outcome(step)}"
        return unchanged(step) or True
    if target(step) is None and step.was.default is not None:
        return None
    if (step.now.owner, step.now.owner_cnt) != (None, 0):
        return f"it is still owned by {step.now.owner}"
    kept = step.was.domain if step.was.default is None else step.was.default
    return True if step.now.domain == kept else f"the group has {step.now.domain}"


@clause(
    "OWN-5",
    "The owner may claim more devices of the group",
    since="6.2",
    sources=["iommu_device_claim_dma_owner()", "iommu_device_release_dma_owner()"],
    on="claim_device_owner release_device_owner",
    needs="group",
)
def claims_are_counted(step: Step) -> Verdict:
    """The owner of a device may claim others of the group: that is counted; nobody is asked, and
    nobody looks at the array. As many are given back before the group is."""
    claims = step.operation.kind == "claim_device_owner"
    if claims and not (claims_again(step) and step.was.owner_cnt):
        return None
    if not claims and step.was.owner_cnt < 2:
        return None
    return counted(step, +1 if claims else -1) or True
