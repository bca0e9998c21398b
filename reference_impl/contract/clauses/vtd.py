# SPDX-License-Identifier: GPL-2.0-only
"""VTD: what VT-d's driver has to remember, and in which order it does things.

Ours: the kernel states them nowhere in one place. The discussion asks the first question (MSG-2:
who knows the old domain), the commits are where one was found to be broken. What is noted, and
what the events say, stands in :mod:`reference_impl.drivers.vtd_notes`.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from errno import EBUSY, EINVAL, ENODEV
from functools import cache, lru_cache
from typing import Any

from ...drivers.vtd import Vtd, cached_in, compatible, tags
from ...drivers.vtd_notes import iommu_of
from ...model.objects import Notes
from ..clause import Verdict, clause
from ..step import STRAY, DomainSpec, Entry, Step
from .driver import ALL, driver_calls, followed

SET, BLOCK = "intel_iommu_set_dev_pasid()", "blocking_domain_set_dev_pasid()"
ADD, REMOVE = "domain_add_dev_pasid()", "domain_remove_dev_pasid()"
TEAR_DOWN = "intel_pasid_tear_down_entry()"
WITH_MM = f"{ALL} mm_release"
EVER = f"{WITH_MM} release"
UNRECORDED = (None, "identity", "torn")


def facts(notes: Notes, kind: str, step: Step | None = None) -> list[Any]:
    """The facts of one kind, of all that are shown or of the step's PASID."""
    found = _by_kind(notes).get(kind, [])
    return found if step is None else [f for f in found if f[1] == step.operation.pasid]


@lru_cache(maxsize=1 << 10)
def _by_kind(notes: Notes) -> dict[Any, list[Any]]:
    kinds: dict[Any, list[Any]] = {}
    for fact in notes:
        kinds.setdefault(fact[0], []).append(fact)
    return kinds


def asks_pages(step: Step, domain: str | None, dev: str) -> bool:
    """Whether DMA of the device to the domain may ask for pages, through the IOMMU."""
    if domain is None or domain in UNRECORDED:
        return False
    return step.specs[domain].iopf_handler and dev not in Vtd.without_pri


def difference(step: Step, kind: str, count: Any) -> Counter[Any]:
    """How much more is noted after than before: *count* says what a fact counts for."""
    more: Counter[Any] = Counter()
    before, after = step.notes_before, step.notes_after
    if before != after:
        for sign, notes, other in ((1, after, before), (-1, before, after)):
            for fact in facts(notes, kind):
                if fact not in other:
                    for key, number in count(fact):
                        more[key] += sign * number
    return more


def unequal(noted: Counter[Any], due: Counter[Any]) -> str:
    """Where two differences differ, in words; nothing if they do not."""
    for key in {*noted, *due}:
        if noted[key] != due[key]:
            return f"{key} changed by {noted[key]:+d}, and the records by {due[key]:+d}"
    return ""


def silent(step: Step) -> bool:
    """Whether nothing that could be judged has happened, or the caller was wrong."""
    return len(step.events) <= 2 or isinstance(step.result, str) or step.misled


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
    entries = [event for event in step.events if event[0] == "entry"]
    torn = [str(event[1]) for event in entries if event[3] == "torn"]
    if torn:
        return f"the entry of {torn[0]} is rewritten while hardware may fetch it"
    return True if entries else None


@clause(
    "VTD-5",
    "What was cached is flushed before anything is forgotten",
    since="7.0",
    sources=["commit 75ed00055c05", TEAR_DOWN],
    on=EVER,
    needs="vtd",
)
def flushed(step: Step) -> Verdict:
    """When an entry has stopped to reach a domain, its caches are flushed, and only then is the
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
    quiet = {str(event[1]) for event in step.events if event[0] == "silent"}
    if step.operation.domain in step.after.hardware:
        return f"a device can still reach {step.operation.domain}"
    if any(event[0] == "drain" for event in step.events):
        return "requests are drained under a spin lock"
    if missing := [dev for dev in reached if dev not in quiet]:
        return f"{missing[0]} is not silenced"
    return True if reached else None


@clause(
    "VTD-8",
    "The records say what was set",
    since="6.13",
    sources=["MSG-2", "MSG-4", "MSG-5", ADD, REMOVE],
    on=ALL,
    needs="vtd",
)
def records_are_true(step: Step) -> Verdict:
    """After a call each device has one record for the PASID, of the domain that was last set there
    with success; none if that is a static domain."""
    if silent(step) or not step.calls:
        return None
    had: dict[str, list[str]] = {dev: [] for dev in step.setting.capable}
    for fact in facts(step.notes_before, "record", step):
        had[fact[3]] += [fact[2]] * fact[4]
    for asked in driver_calls(step):
        if not asked.failed:
            static = asked.call.domain in ("identity", "blocked")
            had[asked.call.device] = [] if static else [asked.call.domain]
    found: dict[str, list[str]] = {dev: [] for dev in step.setting.capable}
    for fact in facts(step.notes_after, "record", step):
        found[fact[3]] += [fact[2]] * fact[4]
    for dev, due in had.items():
        says, should = sorted(found[dev]), sorted(due)
        if says != should:
            return f"the records of {dev} name {says or 'nothing'}, not {should or 'nothing'}"
    return True


@clause(
    "VTD-9",
    "Each record holds one reference to the domain's id",
    since="6.6",
    sources=["domain_attach_iommu()", "domain_detach_iommu()"],
    on=EVER,
    needs="vtd",
)
def ids_are_balanced(step: Step) -> Verdict:
    """A call takes and drops as many references to a domain's id on an IOMMU as it makes and drops
    records of devices behind it; an SVA domain, whose id is shared, has none. With the last
    reference the id is free."""
    if silent(step):
        return None

    def of_record(fact: Any) -> list[tuple[str, int]]:
        _, _, domain, dev, records = fact
        shared = step.specs[domain].type == "sva"
        return [] if shared else [(f"the id of {domain} on {iommu_of(dev)}", records)]

    users = difference(step, "did", lambda f: [(f"the id of {f[2]} on {f[3]}", f[5])])
    return unequal(users, difference(step, "record", of_record)) or True


@clause(
    "VTD-10",
    "Each record holds its tags",
    since="6.11",
    sources=["commit 1f2557e08a61", "cache_tag_assign_domain()", "cache_tag_unassign_domain()"],
    on=EVER,
    needs="vtd",
)
def tags_are_balanced(step: Step) -> Verdict:
    """A call assigns and unassigns tags exactly as it makes and drops records."""
    if silent(step):
        return None

    def of_record(fact: Any) -> list[tuple[str, int]]:
        _, _, domain, dev, records = fact
        kind = step.specs[domain].type
        return [
            (f"the {type_} tag of {name} on {cached_in(type_, dev)}", records)
            for name, type_ in tags(domain, kind)
        ]

    users = difference(step, "tag", lambda f: [(f"the {f[3]} tag of {f[2]} on {f[5]}", f[6])])
    return unequal(users, difference(step, "record", of_record)) or True


@clause(
    "VTD-11",
    "Each attachment that takes page requests is counted",
    since="6.16",
    sources=["commit 39c20c4e83b9", "commit 534b5f98ab73", "iopf_for_domain_set()"],
    on=WITH_MM,
    needs="vtd",
)
def iopf_is_balanced(step: Step) -> Verdict:
    """A call takes and drops as many references to the fault queue for a device as it makes and
    drops records of domains that take page requests; a device without PRI has none."""
    if silent(step):
        return None
    users = difference(step, "iopf", lambda f: [(f"the use of the queue by {f[2]}", f[3])])
    due = difference(
        step,
        "record",
        lambda f: (
            [(f"the use of the queue by {f[3]}", f[4])] if asks_pages(step, f[2], f[3]) else []
        ),
    )
    return unequal(users, due) or True


@clause(
    "VTD-12",
    "After a detach nothing is left",
    since="6.13",
    sources=["MSG-4", REMOVE, TEAR_DOWN],
    on="attach detach",
    needs="vtd",
)
def nothing_is_left(step: Step) -> Verdict:
    """After a detach, and after an attach that failed, nothing is noted of the PASID: no record,
    no tag, no entry. With the last PASID nothing at all is left."""
    if silent(step) or step.after.slot is not None:
        return None
    left = sorted(str(fact[0]) for fact in step.notes_after if fact[1] == step.operation.pasid)
    return f"there is a {left[0]} left" if left else True


@clause(
    "VTD-13",
    "A record that is missing does no harm",
    since="7.1",
    sources=["commit 60f030f7418d", "commit 79ea2feb917b", REMOVE],
    on="detach",
    needs="vtd",
)
def missing_is_harmless(step: Step) -> Verdict:
    """Where a caller detaches a domain of which there is no record (`DET-6`), there may be a WARN,
    but nothing else of that domain is dropped: no tag, no reference to its id."""
    named = step.setting.domain(step.operation.domain or "").type
    if not step.misled or named == "identity" or step.operation.device == STRAY:
        return None
    if isinstance(step.result, str):
        return f"it {step.result}"
    dropped = [
        fact
        for fact in step.notes_before
        if fact not in step.notes_after and fact[2] == step.operation.domain
    ]
    return f"a {dropped[0][0]} was dropped" if dropped else True


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
    domain has another id, and the same id may be another domain."""
    ids = {(fact[2], fact[3]): fact[4] for fact in facts(step.notes_after, "did")}
    found = [
        (f"the entry of {dev}", iommu_of(dev), domain, id_)
        for _, _, dev, _, id_, domain, present, _ in facts(step.notes_after, "pte", step)
        if present
    ] + [
        (
            f"the {type_} tag on {where}",
            where if type_.endswith("iotlb") else iommu_of(where),
            domain,
            id_,
        )
        for _, _, domain, type_, id_, where, _ in facts(step.notes_after, "tag", step)
    ]
    judged = False
    for what, iommu, domain, id_ in found:
        if (domain, iommu) in ids:
            judged = True
            if id_ != ids[domain, iommu]:
                return f"{what} has the id {id_}; {domain} is {ids[domain, iommu]} on {iommu}"
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
    """A driver that releases a device stops to use every domain that is attached to it: no record,
    tag, count or entry of the device is left, and nothing that happens to a domain later leads to
    the device. One that comes again has nothing of an earlier life."""
    device = step.operation.device
    if step.operation.kind == "mm_release":
        if not facts(step.notes_before, "gone"):
            return None
        return f"it {step.result}" if isinstance(step.result, str) else True
    if step.result:
        return None
    left = {str(fact[0]) for fact in step.notes_after if device in fact} - {"gone"}
    return f"still noted of {device}: {', '.join(sorted(left))}" if left else True
