# SPDX-License-Identifier: GPL-2.0-only
"""DRV-11 to 13: what DMA can reach while a driver works, and what it must not reach any more."""

from __future__ import annotations

from typing import Any

from ..clause import Verdict, clause
from ..step import Step
from .driver import ALL, driver_calls, reach


@clause(
    "DRV-11",
    "DMA reaches the old domain, nothing, or the new one",
    since="7.0",
    sources=["MSG-3", "commit c3b1edea3791", "__iommu_group_set_domain_internal()"],
    on=ALL,
    needs="driver",
)
def old_nothing_or_new(step: Step) -> Verdict:
    """While a driver sets a domain, a device reaches with the PASID what it reached before, or
    nothing, or that domain: never a third one, and never something that is made of two."""
    judged = False
    for asked in driver_calls(step):
        allowed = (asked.had, None, reach(asked.call.domain))
        event: Any
        for event in asked.events:
            if event[0] == "entry" and event[1] == asked.call.device:
                judged = True
                if event[3] not in allowed:
                    return f"{asked}: meanwhile the device can reach {event[3]}"
    return True if judged else None


@clause(
    "DRV-12",
    "When an mm goes, nothing reaches it any more",
    since="6.2",
    sources=["commit 136467962e49", "intel_mm_release()", "arm_smmu_mm_release()"],
    on="mm_release",
    needs="driver",
)
def the_mm_is_left(step: Step) -> Verdict:
    """When the mm of an SVA domain goes, its page tables are about to be freed. A driver is told,
    and afterwards no device reaches the domain, although it is still attached. What is attached to
    another PASID, another process for instance, is reached as before."""
    gone = step.operation.domain
    if isinstance(step.result, str) or not any(step.before.hardware):
        return None
    was = zip(step.setting.devices, step.before.hardware, step.after.hardware, strict=True)
    for dev, had, reached in was:
        if reached == gone:
            return f"{dev.name} can still reach {gone}"
        if reached != had != gone:
            return f"{dev.name} does not reach {had} any more, as {gone} has gone"
    return True


@clause(
    "DRV-13",
    "What is cached of the old domain is flushed before the answer",
    since="6.2",
    sources=["commit 75ed00055c05", "intel_pasid_tear_down_entry()", "arm_smmu_attach_commit()"],
    on=ALL,
    needs="flushes",
)
def flushed_before_the_answer(step: Step) -> Verdict:
    """Where a device has stopped reaching a domain, what it or its IOMMU has cached of that domain
    is flushed before the driver answers: the core's caller may free the domain next."""
    judged = False
    for asked in driver_calls(step):
        reached, stale = asked.had, False
        event: Any
        for event in asked.events:
            if event[:2] == ("entry", asked.call.device):
                stale = stale or reached == asked.had not in (None, event[3])
                judged = judged or stale
                reached = event[3]
            elif event[:2] == ("flush", asked.call.device):
                stale = False
        if stale:
            return f"{asked}: it may have translations of {asked.had} cached"
    return True if judged else None
