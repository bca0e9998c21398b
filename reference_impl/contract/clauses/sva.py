# SPDX-License-Identifier: GPL-2.0-only
"""SVA: what the sharing of a process' memory makes of attach and detach."""

from __future__ import annotations

from errno import EBUSY, ENOMEM, ENOSPC, EOVERFLOW

from ..clause import Verdict, clause
from ..facts import MmFacts, bonds, mm_facts
from ..step import Entry, Step
from .checks import asked, in_words, outcome

BIND, UNBIND = "iommu_sva_bind_device()", "iommu_sva_unbind_device()"
FIRST = 1


def process(step: Step) -> tuple[MmFacts, MmFacts]:
    """The process before and after the call."""
    name = step.operation.who or ""
    return mm_facts(step.notes_before)[name], mm_facts(step.notes_after)[name]


def pasid_due(step: Step) -> int:
    """The PASID that the process has to have; or an errno, negative, if it cannot get one."""
    was, _ = process(step)
    limit = next(d.max_pasids for d in step.setting.devices if d.name == step.operation.device)
    if not was.compatible:
        return -EBUSY
    if was.pasid is not None:
        return was.pasid if was.pasid < limit else -EOVERFLOW
    taken = {each.pasid for each in mm_facts(step.notes_before).values()}
    return next((pasid for pasid in range(FIRST, limit) if pasid not in taken), -ENOSPC)


def here(step: Step) -> bool:
    """Whether the step shows the PASID of the process."""
    return pasid_due(step) == step.operation.pasid


@clause(
    "SVA-1",
    "A process has one PASID",
    since="6.8",
    sources=["iommu_alloc_mm_data()", "iommu_alloc_global_pasid()", BIND],
    on="sva_bind",
    refuses="EOVERFLOW",
    needs="sva",
)
def one_pasid(step: Step) -> Verdict:
    """A process gets its PASID when it is bound for the first time: the lowest that no other
    process has, and that the device can send, or `-ENOSPC`; it keeps it, for all devices. A device
    that cannot send it answers `-EOVERFLOW`; where a device cannot walk the page tables of the
    process, `-EBUSY`."""
    due = pasid_due(step)
    was, now = process(step)
    if due < 0:
        if step.result != due or step.calls or now != was:
            return f"errno {-due} is due, but {outcome(step)}, or somebody was asked"
        return True
    if now.pasid != due:
        return f"its PASID is {now.pasid}, not {due}"
    wrong = [call.pasid for call in step.calls if call.pasid != due]
    return f"PASID {wrong[0]} was attached" if wrong else True


@clause(
    "SVA-2",
    "Who is bound already is counted",
    since="6.11",
    sources=["commit 3e7f57d1ef3f", BIND],
    on="sva_bind",
    refuses="EBUSY",
    needs="sva",
)
def is_counted(step: Step) -> Verdict:
    """If the group is bound to the process already, that is counted, and nobody is asked. If its
    PASID is attached to anything else, the answer is `-EBUSY` (`VIS-3`)."""
    slot = step.before.slot
    if not here(step) or not isinstance(slot, Entry):
        return None
    pasid = step.operation.pasid
    was, now = bonds(step.notes_before).get(pasid, 0), bonds(step.notes_after).get(pasid, 0)
    if step.calls or step.after != step.before:
        return "it was attached already, and something was asked or changed"
    due = 0 if was else -EBUSY
    return True if (step.result, now - was) == (due, bool(was)) else f"{outcome(step)}, {now} users"


@clause(
    "SVA-3",
    "A domain that is there is tried first",
    since="6.8",
    sources=[BIND],
    on="sva_bind",
    needs="sva",
)
def domain_is_tried(step: Step) -> Verdict:
    """To bind is to attach (`ATT-8`, `ATT-9`): first each domain that the process has for other
    groups, then a new one. If all fail, what the last attach said is the result, and the new domain
    is freed. What is attached counts one user more; the bond is new and has one."""
    if not here(step) or step.before.slot is not None:
        return None
    was, now = process(step)
    tried = list(dict.fromkeys(call.domain for call in step.calls if call.domain != "blocked"))
    known = [name for name, _ in was.domains]
    if step.result != 0:
        if now.domains != was.domains or step.after.slot is not None:
            return f"{outcome(step)}, and something has changed"
        failed = [c for c in step.calls if c.error and c.domain != "blocked"]
        errno = failed[-1].error if failed else ENOMEM
        no_domain = step.result == -ENOMEM and tried == known
        if step.result != -(errno or 0) and not no_domain and not step.out_of_memory:
            return f"the last attach gave errno {errno}, but {outcome(step)}"
        if tried and tried == known and not no_domain:
            return f"only {', '.join(tried)} was tried, and no new domain"
        new = [name for name in tried if name not in known]
        freed = [event[1] for event in step.events if event[0] == "free"]
        return True if not new or freed == new else f"freed was {freed or 'nothing'}"
    slot = step.after.slot
    if not isinstance(slot, Entry) or bonds(step.notes_after).get(step.operation.pasid) != 1:
        return "it is not bound by one user then"
    if tried[: len(known)] != known[: len(tried)] and not step.out_of_memory:
        return f"tried were {', '.join(tried)}"
    users = {**dict(was.domains)}
    users[slot.domain] = users.get(slot.domain, 0) + 1
    return True if dict(now.domains) == users else f"its domains then: {now.domains}"


@clause(
    "SVA-4",
    "The last one detaches, and then the domain goes",
    since="7.0",
    sources=["commit 06e14c36e20b", UNBIND],
    on="sva_unbind",
    needs="sva",
)
def last_detaches(step: Step) -> Verdict:
    """Who unbinds gives one reference back. With the last one the PASID is detached (`DET-2`); then
    the domain has a user less. If it has none, the process does not have it any more, and it is
    freed, last of all."""
    was, now = process(step)
    pasid = was.pasid
    if pasid != step.operation.pasid or step.result != 0 or pasid is None:
        return None if step.result == 0 else f"it cannot fail, but {outcome(step)}"
    before, after = bonds(step.notes_before)[pasid], bonds(step.notes_after).get(pasid, 0)
    if after != before - 1:
        return f"there were {before} users, and are {after}"
    slot = step.before.slot
    assert isinstance(slot, Entry)
    if before > 1:
        quiet = not step.calls and step.after == step.before and now == was
        return True if quiet else "it was not the last one, and something was done"
    wanted = [(name, "blocked", slot.domain) for name in step.setting.capable]
    if asked(step.calls) != wanted:
        return f"asked were {in_words(asked(step.calls))}, not {in_words(wanted)}"
    users = dict(was.domains)
    users[slot.domain] -= 1
    gone = not users[slot.domain]
    if gone:
        del users[slot.domain]
    if dict(now.domains) != users or step.after.slot is not None:
        return f"the process has {now.domains}"
    freed = step.at("free")
    if bool(freed) != gone:
        return "the domain was freed" if freed else "the domain was not freed"
    return "it was freed too early" if freed and freed[0] < step.at("unlock")[-1] else True


@clause(
    "SVA-5",
    "A bond never replaces",
    since="6.13",
    sources=["commit b45a3777ceab", BIND],
    on="sva_bind",
    needs="sva",
)
def never_replaces(step: Step) -> Verdict:
    """To bind asks drivers only to set a domain where there was none: AMD's, which cannot replace,
    is enough for it."""
    told = [call for call in step.calls if call.domain != "blocked"]
    if not told:
        return None
    old = [call for call in told if call.old is not None]
    return f"{old[0].device} was told of {old[0].old}" if old else True
