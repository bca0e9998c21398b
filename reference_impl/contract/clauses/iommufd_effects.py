# SPDX-License-Identifier: GPL-2.0-only
"""IFD, continued: what attach, replace and detach of user space do, and what they count."""

from __future__ import annotations

import errno
from collections import Counter
from functools import cache

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..setting import NEW, TableSpec
from ..step import Entry, Notes, Step, errno_name
from .books import (
    after,
    before,
    changed_pt,
    first_failure,
    hindered,
    noiommu,
    read,
    refusal,
    refused_with,
    repaired,
    same,
    space,
    spec,
    unchanged,
    undoing_failed,
)
from .checks import outcome, slot_in_words
from .iommufd import ATTACH, CALLS, DETACH, REPLACE, SERIES


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
    asked = {d.name for d in step.setting.devices if d.max_pasids or not step.operation.pasid}
    missing = asked - {call.device for call in step.calls if call.domain == pt and call.error == 0}
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
    group is under reset, `-EINVAL` for a PASID that is beyond the limit of a device that has PASIDs
    (`ATT-5`; a device without any is passed over, `ATT-14`)."""
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
    return errno.EINVAL if 0 < step.setting.limit <= op.pasid else 0


@clause(
    "IFD-15",
    "A failed call changes nothing",
    since="6.15",
    sources=[SERIES, "commit 950aeefb3492", ATTACH, REPLACE],
    on=CALLS,
    needs="iommufd",
)
def failure_changes_nothing(step: Step) -> Verdict:
    """After an attach or replace of iommufd that fails, everything is as before: the record and its
    devices, the users, the tables, the reserved regions of the address spaces, the page requests,
    the array and the hardware. Excepted is a device whose driver fails in undoing: it cannot go
    back (`GSP-6`), or be blocked; and one that this has happened to may be repaired by it
    (`INV-4`)."""
    if step.result == 0:
        return None
    if before(step) == after(step) and (undoing_failed(step) or repaired(step)):
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
    on=f"{CALLS} iommufd_detach iommufd_alloc iommufd_destroy vfio_attach vfio_detach",
    needs="iommufd",
)
def users_counted(step: Step) -> Verdict:
    """A table has one user for each device that has attached it with a PASID or without, and one
    for each table nested on it; an address space has one for each paging table, a fault queue one
    for each table that it is for, and a device one for each of its attachments."""
    users, wanted = after(step).users, counted(step.setting.tables, step.notes_after)
    if users == wanted:
        return True
    id = min(id for id in users | wanted if users[id] != wanted[id])
    return f"{id} has {wanted[id]} users, but {users[id]} are counted"


@cache
def counted(tables: tuple[TableSpec, ...], notes: Notes) -> Counter[str]:
    """The users that there are, by what is attached and made. Who gets them only reads them."""
    books = read(notes)
    found: Counter[str] = Counter(books.autos.values())
    for each in (*tables, *books.made.values()):
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
    if counted(step.setting.tables, step.notes_before)[id]:
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
