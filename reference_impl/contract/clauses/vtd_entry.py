# SPDX-License-Identifier: GPL-2.0-only
"""VTD-1 to 7: at every moment of a call, what a device can reach is recorded, heard, and whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache

from ...drivers.vtd import cached_in, tags
from ..clause import Verdict, clause
from ..step import Step
from .driver import ALL, driver_calls, followed
from .vtd_facts import (
    ADD,
    BLOCK,
    EVER,
    REMOVE,
    SET,
    TEAR_DOWN,
    UNRECORDED,
    WITH_MM,
    asks_pages,
    facts,
    silent,
)


@clause(
    "VTD-1",
    "The record comes before the entry and goes after it",
    since="6.13",
    sources=["MSG-2", "MSG-4", "commit c8596d65b267", ADD, REMOVE, SET],
    on=EVER,
    needs="vtd",
)
def recorded_while_reached(step: Step) -> Verdict:
    """At each moment at which a device can reach a domain with a PASID, the domain's list has a
    record of it: the new one is made before the entry is, the old one dropped when the entry is
    gone. The identity domain has no list."""
    return while_reached(step, lambda domain, dev: [("record", domain, dev)], "no record")


@clause(
    "VTD-2",
    "An unmap is flushed wherever the domain is reached",
    since="6.13",
    sources=["commit 04b1b069f151", "cache_tag_assign_domain()", "cache_tag_unassign_domain()"],
    on=EVER,
    needs="vtd",
)
def tagged_while_reached(step: Step) -> Verdict:
    """At each moment at which a device can reach a domain with a PASID, the domain has the tags of
    it: for the IOTLB, for the device's own TLB, and with a nested domain for its parent too. So
    neither side of a replace has a moment at which an unmap leaves something cached."""
    return while_reached(
        step, lambda domain, dev: tags_of(domain, step.specs[domain].type, dev), "a tag missing"
    )


@cache
def tags_of(domain: str, kind: str, dev: str) -> list[tuple[str, ...]]:
    """The tags that are due where a device reaches a domain."""
    return [("tag", name, type_, cached_in(type_, dev)) for name, type_ in tags(domain, kind)]


def while_reached(
    step: Step, due: Callable[[str, str], list[tuple[str, ...]]], without: str
) -> Verdict:
    """Whether at each moment all that is due for a domain that a device reaches is noted."""
    if silent(step):
        return None
    noted: dict[tuple[str, ...], int] = defaultdict(int)
    for _, _, domain, dev, users in facts(step.notes_before, "record", step):
        noted["record", domain, dev] += users
    for _, _, domain, type_, _, where, users in facts(step.notes_before, "tag", step):
        noted["tag", domain, type_, where] += users
    judged = any(domain not in UNRECORDED for domain in step.before.hardware)
    for event, reached, _ in followed(step):
        if event[0] in ("record", "tag"):
            key = (event[0], *event[2:-1])
            noted[key] += 1 if event[1] == "+" else -1
            if noted[key]:
                continue
        elif event[0] != "entry":
            continue
        for dev, domain in reached.items():
            if domain not in UNRECORDED:
                judged = True
                for each in due(domain, dev):
                    if noted[each] < 1:
                        return f"{dev} can reach {domain} with {without}"
    return True if judged else None


@clause(
    "VTD-3",
    "Who can ask for pages is heard",
    since="6.16",
    sources=["commit 17fce9d2336d", "commit f0b9d31c6edd", "iopf_for_domain_replace()", BLOCK],
    on=WITH_MM,
    needs="vtd",
)
def heard_while_reached(step: Step) -> Verdict:
    """As long as a device can reach a domain that takes page requests, it is on the IOMMU's fault
    queue; otherwise a request that it makes finds nobody, while its handle can still be found."""
    if silent(step):
        return None
    off: set[str] = set()
    before = zip(step.setting.devices, step.before.hardware, strict=True)
    judged = any(asks_pages(step, domain, dev.name) for dev, domain in before)
    for event, reached, _ in followed(step):
        if event[0] == "iopf":
            (off.discard if event[2] else off.add)(event[1])
        elif event[0] != "entry":
            continue
        dev = event[1]
        if asks_pages(step, reached[dev], dev):
            judged = True
            if dev in off:
                return f"{dev} can reach {reached[dev]}, and is not on the fault queue"
    return True if judged else None


@clause(
    "VTD-4",
    "No entry is torn",
    since="7.0",
    sources=["commit 75ed00055c05", "commit c3b1edea3791", TEAR_DOWN],
    on=EVER,
    needs="vtd",
)
def never_torn(step: Step) -> Verdict:
    """Hardware fetches an entry in pieces. So an entry that it may be reading changes in its
    present bit alone, and the rest is written while that is clear: DMA reaches the old domain,
    nothing, or the new one, and never something made of two."""
    judged = False
    for event, reached, was in followed(step):
        if event[0] == "entry":
            judged = True
            dev = event[1]
            if reached[dev] == "torn" or (was and reached[dev] not in (None, was)):
                return f"the entry of {dev} is rewritten while hardware may fetch it"
    return True if judged else None


@clause(
    "VTD-5",
    "What was cached is flushed before anything is forgotten",
    since="7.0",
    sources=["commit 75ed00055c05", TEAR_DOWN],
    on=EVER,
    needs="vtd",
)
def flushed(step: Step) -> Verdict:
    """When an entry has stopped reaching a domain, its caches are flushed, and only then is the
    rest of the entry cleared and the record dropped."""
    if silent(step):
        return None
    stale: dict[str, str] = {}
    judged = False
    for event, reached, was in followed(step):
        match event:
            case ("entry", dev, _, _):
                if was not in (None, "torn", reached[dev]):
                    stale[dev], judged = str(was), True
            case ("flush", dev, _):
                stale.pop(dev, None)
            case ("zero" | "silent", dev, _) if dev in stale:
                return f"the entry of {dev} is cleared before {stale[dev]} is flushed"
            case ("record", "-", domain, dev, _) if stale.get(dev) == domain:
                return f"the record of {dev} is dropped before {domain} is flushed"
    for dev, domain in stale.items():
        return f"{dev} may have translations of {domain} cached"
    return True if judged else None


@clause(
    "VTD-6",
    "Page requests are drained while somebody hears them",
    since="6.13",
    sources=["commit c43e1ccdebf2", "commit f0b9d31c6edd", "intel_iommu_drain_pasid_prq()"],
    on=ALL,
    needs="vtd",
)
def drained(step: Step) -> Verdict:
    """When a device can no longer reach a domain that takes page requests, those under way are
    drained, before the device leaves the fault queue and before the call ends. Where an mm has
    gone, whose requests could not be drained then, the next call drains them."""
    if silent(step):
        return None
    asked = {a.call.device for a in driver_calls(step) if a.call.old is not None and not a.failed}
    hardware = dict(zip([d.name for d in step.setting.devices], step.before.hardware, strict=True))
    due: dict[str, str] = {}
    dead = {fact[2] for fact in facts(step.notes_before, "dead")}
    for _, _, domain, dev, _ in facts(step.notes_before, "record", step) if dead else ():
        may_ask = domain in dead and dev in asked and asks_pages(step, domain, dev)
        if may_ask and hardware[dev] is None:
            due[dev] = f"{domain}, whose mm has gone"
    judged = bool(due)
    for event, reached, was in followed(step):
        match event:
            case ("entry", dev, _, _):
                if asks_pages(step, was, dev):
                    due[dev], judged = str(was), True
            case ("drain", dev, _, done):
                if not done and dev in due:
                    return f"nobody hears {dev}, so requests for {due[dev]} are not drained"
                due.pop(dev, None)
            case ("iopf", dev, 0) if dev in due and reached[dev] is None:
                return f"{dev} leaves the fault queue before requests for {due[dev]} are drained"
    for dev, domain in due.items():
        return f"page requests of {dev} for {domain} are not drained"
    return True if judged else None


@clause(
    "VTD-7",
    "An mm that goes is silenced, not waited for, and does not come back",
    since="6.13",
    sources=["intel_mm_release()", TEAR_DOWN],
    on=WITH_MM,
    needs="vtd",
)
def silenced(step: Step) -> Verdict:
    """When the mm of an SVA domain goes away, no device can reach it any more and faults are not
    reported; nothing is drained then, as a spin lock is held. Until the domain is detached no
    device reaches it again."""
    entries = [event for event in step.events if event[0] == "entry"]
    dead = {fact[2] for fact in facts(step.notes_before, "dead")}
    for event in entries:
        if event[3] in dead:
            return f"{event[1]} can reach {event[3]} again, whose mm has gone"
    if step.operation.kind != "mm_release":
        return True if dead and entries else None
    if isinstance(step.result, str):
        return f"it {step.result}"
    hardware = zip(step.setting.devices, step.before.hardware, step.after.hardware, strict=True)
    reached = [dev.name for dev, was, _ in hardware if was == step.operation.domain]
    others = {fact[5] for fact in facts(step.notes_before, "pte") if fact not in step.notes_after}
    if others - {step.operation.domain}:
        return f"the entry of {min(others - {step.operation.domain})} is cleared"
    quiet = {str(event[1]) for event in step.events if event[0] == "silent"}
    if step.operation.domain in step.after.hardware:
        return f"a device can still reach {step.operation.domain}"
    if any(event[0] == "drain" for event in step.events):
        return "requests are drained under a spin lock"
    if missing := [dev for dev in reached if dev not in quiet]:
        return f"{missing[0]} is not silenced"
    return True if reached else None
