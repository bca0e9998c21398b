# SPDX-License-Identifier: GPL-2.0-only
"""VTD-8 to 13: after a call the notes are true, every one is counted, and none is left over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ...drivers.vtd import cached_in, tags
from ...drivers.vtd_notes import iommu_of
from ..clause import Verdict, clause
from ..setting import STRAY
from ..step import Step
from .driver import ALL, driver_calls
from .vtd_facts import ADD, EVER, REMOVE, TEAR_DOWN, WITH_MM, asks_pages, facts, silent


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
    records of devices behind it; an SVA domain, whose id is shared, has none. Until the last
    reference is dropped, the id is no other domain's on that IOMMU, and then it is free."""

    def of_record(fact: Any) -> Counts:
        _, _, domain, dev, records = fact
        shared = step.specs[domain].type == "sva"
        return [] if shared else [(f"the id of {domain} on {iommu_of(dev)}", records)]

    if taken := taken_twice(step):
        return taken
    return balanced(step, "did", lambda f: [(f"the id of {f[2]} on {f[3]}", f[5])], of_record)


def taken_twice(step: Step) -> str:
    """Whether an id is given away while it is another domain's, or kept when it is nobody's."""
    before, after = facts(step.notes_before, "did"), facts(step.notes_after, "did")
    ids = {(domain, iommu): id_ for _, _, domain, iommu, id_, _ in (*before, *after)}
    owner = {(iommu, id_): domain for _, _, domain, iommu, id_, _ in before}
    event: Any
    for event in step.events:
        if event[0] != "did" or event[2:5:2] not in ids:
            continue
        _, sign, domain, users, iommu = event
        place = (iommu, ids[domain, iommu])
        if sign == "-" and not users:
            owner.pop(place, None)
        elif sign == "+" and owner.setdefault(place, domain) != domain:
            return (
                f"{domain} is given the id {place[1]} on {iommu}, which is that of {owner[place]}"
            )
    for _, _, domain, iommu, _, users in after:
        if users < 1:
            return f"the id of {domain} on {iommu} is kept without a reference"
    return ""


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

    def of_record(fact: Any) -> Counts:
        _, _, domain, dev, records = fact
        kind = step.specs[domain].type
        return [
            (f"the {type_} tag of {name} on {cached_in(type_, dev)}", records)
            for name, type_ in tags(domain, kind)
        ]

    def of_tag(fact: Any) -> Counts:
        _, _, domain, type_, _, where, users = fact
        return [(f"the {type_} tag of {domain} on {where}", users)]

    return balanced(step, "tag", of_tag, of_record)


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

    def of_record(fact: Any) -> Counts:
        _, _, domain, dev, records = fact
        asks = asks_pages(step, domain, dev)
        return [(f"the use of the queue by {dev}", records)] if asks else []

    return balanced(step, "iopf", lambda f: [(f"the use of the queue by {f[2]}", f[3])], of_record)


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
    no tag, no entry. As ids and the fault queue are counted (`VTD-9`, `VTD-11`), nothing at all is
    left with the last PASID."""
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


Counts = list[tuple[str, int]]
"""Of what, in words, and how many."""


def balanced(
    step: Step, kind: str, used: Callable[[Any], Counts], due: Callable[[Any], Counts]
) -> Verdict:
    """Whether the facts of a kind have become more or less just as the records have.

    Args:
        step: what is judged.
        kind: of which facts.
        used: what one of them counts for.
        due: what one record counts for.
    """
    if silent(step):
        return None
    noted, should = difference(step, kind, used), difference(step, "record", due)
    for key in {*noted, *should}:
        if noted[key] != should[key]:
            return f"{key} changed by {noted[key]:+d}, and the records by {should[key]:+d}"
    return True


def difference(step: Step, kind: str, count: Callable[[Any], Counts]) -> Counter[str]:
    """How much more is noted after than before: *count* says what a fact counts for."""
    more: Counter[str] = Counter()
    before, after = step.notes_before, step.notes_after
    if before != after:
        for sign, notes, other in ((1, after, before), (-1, before, after)):
            for fact in facts(notes, kind):
                if fact not in other:
                    for key, number in count(fact):
                        more[key] += sign * number
    return more
