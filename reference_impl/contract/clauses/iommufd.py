# SPDX-License-Identifier: GPL-2.0-only
"""IFD: what user space may do with PASIDs, and with which errno it is refused."""

from __future__ import annotations

import errno
from collections import Counter

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..step import NEW, Entry, Step, errno_name
from .books import (
    Books,
    Request,
    after,
    before,
    changed_pt,
    first_failure,
    hindered,
    mended,
    noiommu,
    refusal,
    refused_here,
    refused_with,
    same,
    space,
    spec,
    table,
    unchanged,
    undoing_failed,
)
from .checks import outcome, slot_in_words

SERIES = "commit c0e301b2978d"
ATTACH = "iommufd_hw_pagetable_attach()"
REPLACE = "iommufd_device_do_replace()"
DETACH = "iommufd_hw_pagetable_detach()"
CHANGE = "iommufd_device_change_pt()"
COMPAT = "iommufd_hwpt_pasid_compat()"
CALLS = "iommufd_attach iommufd_replace"


@clause(
    "IFD-1",
    "An id that nobody has",
    since="6.15",
    sources=[SERIES, CHANGE, "iommufd_get_object()"],
    on=f"{CALLS} iommufd_destroy",
    refuses="ENOENT",
    needs="iommufd",
)
def unknown_id(step: Step) -> Verdict:
    """An id that stands for nothing is refused with `-ENOENT` before anything else is looked at."""
    if spec(step.setting, before(step), step.operation.domain):
        return None
    return refused_with(step, "ENOENT")


@clause(
    "IFD-2",
    "Something that cannot be attached",
    since="6.15",
    sources=[SERIES, CHANGE],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def wrong_object(step: Step) -> Verdict:
    """An id of anything but a page table or an address space is refused with `-EINVAL`, whatever is
    attached."""
    return refused_here(step, "IFD-2")


@clause(
    "IFD-3",
    "Attached already",
    since="6.15",
    sources=[SERIES, ATTACH],
    on="iommufd_attach",
    refuses="EBUSY",
    needs="iommufd",
)
def attached_already(step: Step) -> Verdict:
    """A device that has the PASID attached is refused with `-EBUSY`, whatever it asks for: the same
    table, another one, or an address space. Whether that would fit is not looked at."""
    return refused_here(step, "IFD-3")


@clause(
    "IFD-4",
    "One table for a PASID of a group",
    since="6.15",
    sources=["commit 831b40f8416c", ATTACH],
    on="iommufd_attach",
    refuses="EINVAL",
    needs="iommufd",
)
def one_table(step: Step) -> Verdict:
    """A device whose group has another table for the PASID, attached by another of its devices, is
    refused with `-EINVAL`."""
    return refused_here(step, "IFD-4")


@clause(
    "IFD-5",
    "Replace does not attach",
    since="6.15",
    sources=["commit 2fb69c602d57", REPLACE],
    on="iommufd_replace",
    refuses="EINVAL",
    needs="iommufd",
)
def nothing_to_replace(step: Step) -> Verdict:
    """Replace is refused with `-EINVAL` where nothing is attached."""
    return refused_here(step, "IFD-5")


@clause(
    "IFD-6",
    "Only an attached device replaces",
    since="6.15",
    sources=["commit 2fb69c602d57", REPLACE, "iommufd_device_is_attached()"],
    on="iommufd_replace",
    refuses="EINVAL",
    needs="iommufd",
)
def not_by_this_device(step: Step) -> Verdict:
    """A device that has not attached the PASID itself is refused with `-EINVAL`, although its group
    has something there."""
    return refused_here(step, "IFD-6")


@clause(
    "IFD-7",
    "The same table again is nothing",
    since="6.15",
    sources=[SERIES, REPLACE],
    on="iommufd_replace",
    needs="iommufd",
)
def same_table(step: Step) -> Verdict:
    """Replacing a table by itself, or by the address space that it was made for by iommufd,
    succeeds and does nothing: no driver is asked, and the handle stays."""
    op, books = step.operation, before(step)
    record, pt = books.records.get(op.pasid), spec(step.setting, books, op.domain)
    if refusal(step) or not record or not pt or not same(books, record, pt):
        return None
    if step.result != 0 or step.events:
        return f"nothing is to be done, but {outcome(step)} after {len(step.events)} events"
    return unchanged(step)


@clause(
    "IFD-8",
    "No page requests for a function that shares them",
    since="6.15",
    sources=["iommufd_hwpt_compatible_device()"],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def shares_page_requests(step: Step) -> Verdict:
    """A table with a fault queue is refused with `-EINVAL` for a PCI virtual function with page
    requests, which it shares with the physical one. This is asked before `IFD-9` and `IFD-10`."""
    return refused_here(step, "IFD-8")


@clause(
    "IFD-9",
    "With a PASID, everything is made for PASIDs",
    since="6.15",
    sources=["commit dbc5f37b4f8a", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def pasid_compat(step: Step) -> Verdict:
    """With a PASID, a table that was not made for PASIDs is refused with `-EINVAL`; and so is any
    table while such a one serves the group's DMA without a PASID. That nothing is attached there is
    no objection."""
    return refused_here(step, "IFD-9")


@clause(
    "IFD-10",
    "Beside PASIDs, only what is made for them",
    since="6.15",
    sources=["commit dbc5f37b4f8a", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def rid_compat(step: Step) -> Verdict:
    """Without a PASID, a table that was not made for PASIDs, or an address space for which iommufd
    would take such a one, is refused with `-EINVAL` while the group has any PASID attached."""
    return refused_here(step, "IFD-10")


@clause(
    "IFD-11",
    "An address space is never attached with a PASID",
    since="6.15",
    sources=["commit dbc5f37b4f8a", "iommufd_device_auto_get_domain()", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def never_automatic(step: Step) -> Verdict:
    """With a PASID, an address space is refused with `-EINVAL`, as the tables that iommufd makes
    itself are not made for PASIDs (`IFD-9`); the one that it has made to try is gone again."""
    return refused_here(step, "IFD-11")


@clause(
    "IFD-12",
    "For an address space, the table that is there, or a new one",
    since="6.15",
    sources=[SERIES, "iommufd_device_auto_get_domain()", "iommufd_hw_pagetable_put()"],
    on=f"{CALLS} iommufd_detach",
    needs="iommufd",
)
def automatic(step: Step) -> Verdict:
    """For an address space iommufd takes a table that it has made for it, or makes one, and tells
    its id; it never takes one that user space made. Such a table is gone with its last user."""
    books = after(step)
    if idle := [id for id in books.autos if not books.users[id]]:
        return f"nobody uses {idle[0]} any more, but it is still there"
    pt = spec(step.setting, before(step), step.operation.domain)
    if step.result != 0 or not pt or pt.kind != "ioas":
        return True if set(before(step).autos) - set(books.autos) else None
    if books.autos.get(str(step.found)) != pt.id:
        return f"{step.found} is no table that iommufd made for {pt.id}"
    had = [id for id, of in before(step).autos.items() if of == pt.id]
    if had and step.found not in had:
        return f"{step.found} was made although {had[0]} was there"
    return True


@clause(
    "IFD-13",
    "The first attaches, the others join",
    since="6.15",
    sources=["commit 831b40f8416c", ATTACH, "iommufd_hwpt_attach_device()"],
    on="iommufd_attach",
    needs="iommufd",
)
def first_attaches(step: Step) -> Verdict:
    """The first device of a group to attach a PASID has the core attach the whole group, with a
    handle that nobody has seen; whoever attaches later joins it, and no driver is asked."""
    op = step.operation
    if step.result != 0 or noiommu(op.device):
        return None
    was, now = before(step).records.get(op.pasid), after(step).records.get(op.pasid)
    if now is None or op.device not in now.devices:
        return f"{op.device} is not noted for PASID {op.pasid}"
    if now.devices != (*(was.devices if was else ()), op.device):
        return f"PASID {op.pasid} is noted for {', '.join(now.devices)}"
    if was:
        if step.calls or step.after != step.before or was.table != now.table:
            return f"{op.device} has only joined, but something has changed"
        return True
    return reaches(step, now.table)


def reaches(step: Step, pt: str) -> Verdict:
    """Whether the whole group has this table now, with a new handle."""
    if step.after.slot != Entry(pt, NEW):
        return f"the array holds {slot_in_words(step.after.slot)}, not {pt} with a new handle"
    missing = {d.name for d in step.setting.devices} - {
        call.device for call in step.calls if call.domain == pt and call.error == 0
    }
    return f"{', '.join(sorted(missing))} was not asked" if missing else True


@clause(
    "IFD-14",
    "What the core says, user space gets",
    since="6.15",
    sources=[SERIES, "iommufd_hwpt_attach_device()", "iommufd_hwpt_replace_device()"],
    on=CALLS,
    needs="iommufd",
)
def errors_from_below(step: Step) -> Verdict:
    """Where iommufd has no objection, the call succeeds, or fails with `-ENOMEM` for want of memory
    or with what the core or a driver has said, whatever fails first: `-EBUSY` while a device of the
    group is under reset, `-EINVAL` for a PASID that a device cannot send."""
    if refusal(step) and not hindered(step):
        return None
    wanted = first_failure(step) or core_answer(step)
    if step.result == -wanted:
        return True
    return f"it must return {'-' + errno_name(wanted) if wanted else '0'}, but {outcome(step)}"


def core_answer(step: Step) -> int:
    """What the core says of a call that iommufd passes on, if nothing fails."""
    op, books = step.operation, before(step)
    record, pt = books.records.get(op.pasid), spec(step.setting, books, op.domain)
    assert pt is not None
    asks = not record or (op.kind == "iommufd_replace" and not same(books, record, pt))
    if not asks or noiommu(op.device):
        return 0
    if step.resetting:
        return errno.EBUSY
    return errno.EINVAL if op.pasid >= step.setting.limit else 0


@clause(
    "IFD-15",
    "A failed call changes nothing",
    since="6.15",
    sources=[SERIES, "commit 950aeefb3492", ATTACH, REPLACE],
    on=CALLS,
    needs="iommufd",
)
def failure_changes_nothing(step: Step) -> Verdict:
    """After an attach or replace that fails, everything is as before: the record and its devices,
    the users, the tables, the reserved regions of the address spaces, the page requests, the array
    and the hardware. Excepted is a device whose driver fails in undoing: it cannot go back
    (`GSP-6`), or be blocked; and one that this has happened to may be mended by it (`INV-4`)."""
    if step.result == 0:
        return None
    if before(step) == after(step) and (undoing_failed(step) or mended(step)):
        return True
    return unchanged(step)


@clause(
    "IFD-16",
    "Replace is for the whole group",
    since="6.15",
    sources=["commit 2fb69c602d57", REPLACE, "iommufd_hwpt_replace_device()"],
    on="iommufd_replace",
    needs="iommufd",
)
def whole_group(step: Step) -> Verdict:
    """One device replaces for all that have the PASID attached: the record names the new table for
    the same devices, and the core has replaced the domain, with a handle that nobody has seen."""
    op = step.operation
    was, pt = before(step).records.get(op.pasid), changed_pt(step)
    if was is None or pt is None:
        if step.result != 0 or not was:
            return None
        wanted = spec(step.setting, before(step), op.domain)
        if not wanted or same(before(step), was, wanted):
            return None
        return f"the record still names {was.table}"
    now = after(step).records[op.pasid]
    if now.devices != was.devices or op.domain not in (pt, space(step, pt)):
        return f"the record names {now.table} for {', '.join(now.devices)}"
    return None if noiommu(op.device) else reaches(step, pt)


@clause(
    "IFD-17",
    "Detaching what is not attached is nothing",
    since="6.15",
    sources=["commit 7be11d34f660", DETACH],
    on="iommufd_detach",
    needs="iommufd",
)
def nothing_to_detach(step: Step) -> Verdict:
    """Where nothing is attached, detach does nothing, silently."""
    if step.operation.pasid in before(step).records:
        return None
    return "something happened" if step.result != 0 or step.events else unchanged(step)


@clause(
    "IFD-18",
    "The last to leave detaches the group",
    since="6.15",
    sources=["commit 831b40f8416c", DETACH, "iommufd_hwpt_detach_device()"],
    on="iommufd_detach",
    needs="iommufd",
)
def last_detaches(step: Step) -> Verdict:
    """Detach takes the device out of the record. While others are in it the group stays attached
    and no driver is asked; with the last device the core detaches, and the record is gone."""
    op = step.operation
    was, now = before(step).records.get(op.pasid), after(step).records.get(op.pasid)
    if was is None:
        return None
    left = tuple(name for name in was.devices if name != op.device)
    if step.result != 0 or (now.devices if now else ()) != left:
        return f"the record names {', '.join(now.devices) if now else 'nobody'}"
    if left:
        return "the others are disturbed" if step.calls or step.after != step.before else True
    if any(call.error for call in step.calls) or noiommu(op.device):
        return None
    if step.after.slot or any(step.after.hardware):
        return f"PASID {op.pasid} still reaches something"
    return True


@clause(
    "IFD-19",
    "Every user is counted",
    since="6.15",
    sources=[SERIES, ATTACH, REPLACE, DETACH, "iommufd_device_attach()"],
    on=f"{CALLS} iommufd_detach iommufd_destroy vfio_attach vfio_detach",
    needs="iommufd",
)
def users_counted(step: Step) -> Verdict:
    """A table has one user for each device that has attached it with a PASID or without, and one
    for each table nested on it; an address space has one for each paging table, a fault queue one
    for each table that it is for, and a device one for each of its attachments."""
    users = after(step).users
    wanted = counted(step, after(step))
    for id in sorted(users | wanted):
        if users[id] != wanted[id]:
            return f"{id} has {wanted[id]} users, but {users[id]} are counted"
    return True


def counted(step: Step, books: Books) -> Counter[str]:
    """The users that there are, by what is attached and made."""
    found: Counter[str] = Counter(books.autos.values())
    for each in step.setting.tables:
        if each.id not in books.gone:
            found.update(id for id in (each.of, each.fault) if id)
    for record in books.records.values():
        found[record.table] += len(record.devices)
        found.update(record.devices)
    return found


@clause(
    "IFD-20",
    "What is in use stays",
    since="6.15",
    sources=["iommufd_object_remove()"],
    on="iommufd_destroy",
    refuses="EBUSY",
    needs="iommufd",
)
def in_use_stays(step: Step) -> Verdict:
    """An object that has users is not destroyed: `-EBUSY`. So a table goes after its last
    attachment, a parent after what is nested on it, a queue after its tables."""
    id, books = str(step.operation.domain), before(step)
    if not spec(step.setting, books, id):
        return None
    if counted(step, books)[id]:
        return refused_with(step, "EBUSY")
    return True if step.result == 0 else f"{id} has no users, but {outcome(step)}"


@clause(
    "IFD-21",
    "Reserved regions are for DMA without a PASID",
    since="6.15",
    sources=[SERIES, ATTACH, REPLACE, "iommufd_device_attach_reserved_iova()"],
    on=f"{CALLS} iommufd_detach vfio_attach vfio_detach",
    needs="iommufd",
)
def reserved_regions(step: Step) -> Verdict:
    """The reserved regions of a device are kept free in the address space of the table that it has
    attached without a PASID, and in no other; what is attached with a PASID reserves nothing."""
    books = after(step)
    without = books.records.get(NO_PASID)
    wanted = set()
    if without:
        wanted = {(space(step, without.table), d) for d in without.devices if not noiommu(d)}
    if books.reserved != wanted:
        wrong = min(books.reserved ^ wanted)
        kept = "are" if wrong in books.reserved else "are not"
        return f"the regions of {wrong[1]} {kept} kept free in {wrong[0]}"
    return True


@clause(
    "IFD-22",
    "Without an IOMMU, only the books",
    since="7.3",
    sources=["iommufd_device_is_noiommu()", "iommufd_hwpt_attach_device()"],
    on=f"{CALLS} iommufd_detach",
    needs="iommufd",
)
def books_only(step: Step) -> Verdict:
    """For a device without an IOMMU the same objections are raised (`IFD-1` to `IFD-11`); then the
    books are kept, and neither the core nor a driver is asked."""
    if not noiommu(step.operation.device):
        return None
    if step.calls or step.at("lock", "array"):
        return "the core was asked"
    if step.operation.kind != "iommufd_detach" and not hindered(step) and not refusal(step):
        return True if step.result == 0 else f"nobody objects, but {outcome(step)}"
    return True


@clause(
    "IFD-23",
    "A page request goes to the queue of what is attached",
    since="6.15",
    sources=["iommu_report_device_fault()", "find_fault_handler()", "iommufd_fault_iopf_handler()"],
    on="page_request",
    refuses="EINVAL",
    needs="iommufd",
)
def routed(step: Step) -> Verdict:
    """A page request is put at the end of the queue of the table that its PASID is attached to, and
    waits there. If that table has no queue the device is told at once that the request is invalid,
    and the driver that reports it gets `-EINVAL`."""
    record = before(step).records.get(step.operation.pasid)
    if record is None:
        return None
    return delivered(step, table(step, record.table).fault, step.operation.pasid)


@clause(
    "IFD-24",
    "A PASID table of user space's own",
    since="6.15",
    sources=["find_fault_handler()"],
    on="page_request",
    needs="iommufd",
)
def routed_without_pasid(step: Step) -> Verdict:
    """A page request of a PASID that is not attached goes, where the driver lets user space keep a
    device's PASID table, to the queue of the nested table that serves DMA without a PASID; else it
    is answered as `IFD-23` says."""
    books = before(step)
    if step.operation.pasid in books.records:
        return None
    without = books.records.get(NO_PASID)
    nested = without is not None and table(step, without.table).kind == "nested"
    return delivered(step, table(step, without.table).fault if without and nested else "", NO_PASID)


def delivered(step: Step, queue: str, handle: int) -> Verdict:
    """Whether the request waits in that queue; or, without one, has got its answer."""
    dev, pasid = step.operation.device, step.operation.pasid
    answers = [event for event in step.events if event[0] == "response"]
    if not queue:
        if step.result != -errno.EINVAL or answers != [("response", dev, pasid, "invalid")]:
            return f"nobody takes the request, but {outcome(step)} after {len(answers)} answers"
        return unchanged(step)
    wanted = (*before(step).requests, Request(queue, dev, pasid, handle, "queued"))
    there = sorted(r for r in after(step).requests if r.place == "queued")
    if step.result != 0 or answers or there != sorted(r for r in wanted if r.place == "queued"):
        return f"the request does not wait in {queue}: {outcome(step)}"
    return True


@clause(
    "IFD-25",
    "Reading takes the oldest",
    since="6.15",
    sources=["iommufd_fault_fops_read()"],
    on="fault_read",
    needs="iommufd",
)
def oldest_first(step: Step) -> Verdict:
    """Who reads a queue gets the request that has waited longest, with the device and the PASID
    that it came from; the request then waits for an answer. Of an empty queue nothing is read."""
    if hindered(step):
        return unchanged(step)
    queue, requests = step.operation.domain, before(step).requests
    waiting = [r for r in requests if r.queue == queue and r.place == "queued"]
    if not waiting:
        return unchanged(step) if step.found is None else f"{step.found} was read"
    first = waiting[0]
    if step.found != f"{first.device}, PASID {first.pasid}":
        return f"{step.found} was read, not PASID {first.pasid} of {first.device}"
    wanted = Counter(requests) - Counter([first]) + Counter([first._replace(place="read")])
    now = Counter(after(step).requests)
    return True if now == wanted else f"{first.device} does not wait for an answer"


@clause(
    "IFD-26",
    "An answer goes to the device, once",
    since="6.15",
    sources=["iommufd_fault_fops_write()"],
    on="fault_write",
    refuses="EINVAL",
    needs="iommufd",
)
def answered_once(step: Step) -> Verdict:
    """An answer is success or invalid, and names a request that was read; it is then what the
    device gets, once. Any other is refused with `-EINVAL`, and the request goes on waiting."""
    op, requests = step.operation, before(step).requests
    waiting = [r for r in requests if r.queue == op.domain and r.place == "read"]
    if op.type not in ("success", "invalid") or not waiting:
        return refused_with(step, "EINVAL")
    answers = [event for event in step.events if event[0] == "response"]
    gone = list((Counter(requests) - Counter(after(step).requests)).elements())
    if step.result != 0 or len(gone) != 1 or gone[0] not in waiting:
        return f"one request must be answered, but {outcome(step)} and {len(gone)} are gone"
    if answers != [("response", gone[0].device, gone[0].pasid, op.type)]:
        return f"the device got {len(answers)} answers: {answers}"
    return True


@clause(
    "IFD-27",
    "Nothing waits behind a handle that is gone",
    since="6.15",
    sources=["commit ba5c0f28a26e", "iommufd_auto_response_faults()"],
    on="iommufd_replace iommufd_detach vfio_attach vfio_detach",
    needs="iommufd",
)
def nothing_left(step: Step) -> Verdict:
    """When a replace has succeeded, and at a detach, every page request that came by the old handle
    and has no answer, read or not, is answered invalid, once, after the drivers have done their
    work; requests that came by other handles are left alone."""
    op, requests = step.operation, before(step).requests
    ends = step.before.slot is not None and step.after.slot != step.before.slot
    mine = [r for r in requests if ends and r.handle == op.pasid]
    wanted = Counter(requests) - Counter(mine)
    if Counter(after(step).requests) != wanted:
        return f"{sum(wanted.values())} must be left waiting, not {len(after(step).requests)}"
    answers = Counter(event for event in step.events if event[0] == "response")
    if answers != Counter(("response", r.device, r.pasid, "invalid") for r in mine):
        return f"{len(mine)} requests must be answered, but there were {sum(answers.values())}"
    done = max(step.at("return", "array"), default=-1)
    if any(at < done for at in step.at("response")):
        return "a request was answered while the hardware could still send more"
    return True if requests else None


@clause(
    "IFD-28",
    "How many PASIDs, as a number of bits",
    since="6.15",
    sources=["iommufd_get_hw_info()"],
    on="iommufd_hw_info",
    refuses="EOPNOTSUPP",
    needs="iommufd",
)
def bits(step: Step) -> Verdict:
    """User space is told the logarithm of the number of a device's PASIDs, rounded down, and 0
    where there are none; of a device without an IOMMU it is told nothing: `-EOPNOTSUPP`."""
    if noiommu(step.operation.device):
        return refused_with(step, "EOPNOTSUPP")
    dev = next(d for d in step.setting.devices if d.name == step.operation.device)
    wanted = next(n for n in range(64) if dev.max_pasids < 2 << n)
    return True if step.found == str(wanted) else f"{step.found} bits, not {wanted}"


@clause(
    "IFD-29",
    "What tables can be made",
    since="6.15",
    sources=["commit dbc5f37b4f8a", "iommufd_hwpt_alloc()", "iommufd_hwpt_nested_alloc()"],
    on="iommufd_alloc",
    needs="iommufd",
)
def can_be_made(step: Step) -> Verdict:
    """A table is made for an address space, or nested on a paging table that was made to be a
    parent; from anything else: `-EINVAL`. A parent that takes page requests, and a nested parent,
    are refused with `-EOPNOTSUPP`, and a queue that is none with `-ENOENT`. That it is for PASIDs
    can be asked of both kinds."""
    if hindered(step):
        return unchanged(step)
    words = set((step.operation.type or "").split())
    pt = spec(step.setting, before(step), step.operation.domain)
    queues = words - {"pasid", "parent"}
    wanted = "0"
    if pt is None or pt.kind not in ("ioas", "paging"):
        wanted = "-EINVAL"
    elif "parent" in words and (queues or pt.kind == "paging"):
        wanted = "-EOPNOTSUPP"
    elif pt.kind == "paging" and not pt.parent:
        wanted = "-EINVAL"
    elif any(getattr(spec(step.setting, before(step), q), "kind", "") != "queue" for q in queues):
        wanted = "-ENOENT"
    if step.outcome != wanted:
        return f"the answer must be {wanted}, but {outcome(step)}"
    return True if step.result == 0 else unchanged(step)
