# SPDX-License-Identifier: GPL-2.0-only
"""VTD-14 to 19: what depends on the device: context, IOMMU, faults, and that it goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from errno import EBUSY, EINVAL, ENODEV

from ...drivers.vtd import Vtd, compatible
from ...drivers.vtd_notes import iommu_of
from ..clause import Verdict, clause
from ..setting import DomainSpec
from ..step import Entry, Step
from .driver import ALL, driver_calls
from .vtd_facts import REMOVE, SET, WITH_MM, facts


@clause(
    "VTD-14",
    "A crashed kernel's context is left alone",
    since="6.13",
    sources=["context_copied()", SET],
    on="attach replace",
    needs="vtd",
)
def copied_is_busy(step: Step) -> Verdict:
    """While a device's context entry is the one that a crashed kernel left, paging and nested
    domains are refused with `-EBUSY`, before anything is noted."""
    copied = {fact[2] for fact in facts(step.notes_before, "copied")}

    def unfit(domain: DomainSpec, dev: str) -> bool:
        return dev in copied and domain.type in ("paging", "nested")

    return refused_at_once(step, unfit, EBUSY, "its context is a crashed kernel's")


def refused_at_once(
    step: Step, unfit: Callable[[DomainSpec, str], bool], error: int, why: str
) -> Verdict:
    """Whether a driver says no to each domain that is unfit for a device, and does nothing else."""
    judged = False
    for asked in driver_calls(step):
        if asked.call.domain == "blocked":
            continue
        if unfit(step.setting.domain(asked.call.domain), asked.call.device):
            judged = True
            if asked.call.error != error or len(asked.events) > 1:
                return f"{asked}, but {why}"
    return True if judged else None


@clause(
    "VTD-15",
    "The driver has nothing to WARN of",
    since="6.13",
    sources=["commit 534b5f98ab73", "intel_iommu_disable_iopf()", REMOVE],
    on=WITH_MM,
    needs="vtd",
)
def no_warning(step: Step) -> Verdict:
    """As long as callers detach what they have attached, none of the driver's WARNs is reached.
    Excepted are those for a device that gets no memory for a PASID table to block a PASID in, and
    for one that a failed undoing has left without the record that the core takes for granted."""
    if step.misled or len(step.events) <= 2 or unrecorded(step):
        return None
    calls = [step.events] if not step.calls else [a.events for a in driver_calls(step)]
    for events in calls:
        for before, event in itertools.pairwise(events):
            if event[0] == "driver warn" and before[0] != "no":
                return f"WARN: {event[1]}"
    return True


def unrecorded(step: Step) -> bool:
    """Whether a device has no record of the domain that the array names."""
    slot = step.before.slot
    if not isinstance(slot, Entry) or slot.domain in ("identity", "blocked"):
        return False
    noted = {(fact[2], fact[3]) for fact in facts(step.notes_before, "record", step)}
    return any(
        (slot.domain, dev) not in noted for dev in step.setting.capable if dev not in step.resetting
    )


@clause(
    "VTD-16",
    "A device that handles its faults itself takes SVA domains",
    since="7.0",
    sources=["commit 39c20c4e83b9", "iopf_for_domain_set()"],
    on="attach replace",
    needs="vtd",
)
def without_pri(step: Step) -> Verdict:
    """A device that cannot ask the IOMMU for pages may be attached to an SVA domain all the same.
    Any other domain that takes page requests is refused there with `-ENODEV`."""
    judged = False
    for asked in driver_calls(step):
        name = asked.call.domain
        if name == "blocked" or asked.call.device not in Vtd.without_pri or asked.told_why:
            continue
        spec = step.setting.domain(name)
        if not spec.iopf_handler:
            continue
        judged = True
        if (asked.call.error == ENODEV) != (spec.type != "sva"):
            return str(asked)
    return True if judged else None


@clause(
    "VTD-17",
    "A domain that does not fit the IOMMU is refused at once",
    since="6.6",
    sources=["paging_domain_compatible()", SET],
    on="attach replace",
    needs="vtd",
)
def fits(step: Step) -> Verdict:
    """A domain that does not fit the IOMMU which a device is behind is refused for it with
    `-EINVAL`, before anything is noted or written. It may fit the IOMMU of another device of the
    group."""

    def unfit(domain: DomainSpec, dev: str) -> bool:
        return not compatible(domain.kind, dev)

    return refused_at_once(step, unfit, EINVAL, "it does not fit the IOMMU")


@clause(
    "VTD-18",
    "Entry and tags have the id that the domain has on that IOMMU",
    since="6.11",
    sources=["domain_get_id_for_dev()", "cache_tag_assign_domain()"],
    on=ALL,
    needs="vtd",
)
def ids_are_local(step: Step) -> Verdict:
    """Hardware caches under the id that is in the entry, and an unmap flushes the id that is in the
    tag. Both are the id which the domain has on the IOMMU of that device: on another IOMMU the same
    domain has another id, and the same id may be another domain. What a parent's tags say is the
    id of the nested domain, under which hardware caches."""
    ids = {(fact[2], fact[3]): fact[4] for fact in facts(step.notes_after, "did")}
    recorded = {fact[2] for fact in facts(step.notes_after, "record", step)}
    nested = [name for name in sorted(recorded) if step.specs[name].type == "nested"]
    found = [
        (f"the entry of {dev}", iommu_of(dev), [domain], id_)
        for _, _, dev, _, id_, domain, present, _ in facts(step.notes_after, "pte", step)
        if present
    ]
    for _, _, domain, type_, id_, where, _ in facts(step.notes_after, "tag", step):
        iommu = where if type_.endswith("iotlb") else iommu_of(where)
        owners = nested if type_.startswith("nesting") else [domain]
        found.append((f"the {type_} tag on {where}", iommu, owners, id_))
    judged = False
    for what, iommu, owners, id_ in found:
        due = {name: ids[name, iommu] for name in owners if (name, iommu) in ids}
        if due and len(due) == len(owners):
            judged = True
            if id_ not in due.values():
                says = ", ".join(f"{name} is {right}" for name, right in due.items())
                return f"{what} has the id {id_}; {says} on {iommu}"
    return True if judged else None


@clause(
    "VTD-19",
    "A device that goes is forgotten",
    since="6.12",
    sources=["MSG-4", "iommu_deinit_device()", "intel_iommu_release_device()"],
    on="release probe mm_release",
    needs="removals",
)
def forgotten(step: Step) -> Verdict:
    """A driver that releases a device stops using every domain that is attached to it: no record,
    tag, count or entry of the device is left, and nothing that happens to a domain later leads to
    the device. One that comes again has nothing of an earlier life."""
    device = step.operation.device
    if step.operation.kind == "mm_release":
        if not facts(step.notes_before, "gone"):
            return None
        return f"it {step.result}" if isinstance(step.result, str) else True
    if step.result:
        return None
    left = {str(fact[0]) for fact in step.notes_after if device in fact}
    if step.operation.kind == "release":
        left.discard("gone")
    names = [each.name for each in step.setting.devices]
    if reached := dict(zip(names, step.after.hardware, strict=True))[device]:
        return f"{device} has gone, and can still reach {reached}"
    return f"still noted of {device}: {', '.join(sorted(left))}" if left else True
