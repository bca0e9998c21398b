# SPDX-License-Identifier: GPL-2.0-only
"""IFD, continued: page requests and their answers, and what user space can ask and make."""

from __future__ import annotations

import errno
from collections import Counter

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..setting import TableSpec
from ..step import Step
from .books import (
    Request,
    after,
    before,
    hindered,
    noiommu,
    refused_with,
    spec,
    table,
    unchanged,
)
from .checks import outcome


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
    and the driver that reports it gets `-EINVAL`. If there is no memory to keep it, the device is
    told that it has failed, and the driver gets 0: no request stays without an answer."""
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
    nested = nested and books.keeps_tables
    return delivered(step, table(step, without.table).fault if without and nested else "", NO_PASID)


def delivered(step: Step, queue: str, handle: int) -> Verdict:
    """Whether the request waits in that queue; or, without one, has got its answer."""
    dev, pasid = step.operation.device, step.operation.pasid
    answers = [event for event in step.events if event[0] == "response"]
    if not queue:
        if step.result != -errno.EINVAL or answers != [("response", dev, pasid, "invalid")]:
            return f"nobody takes the request, but {outcome(step)} after {len(answers)} answers"
        return unchanged(step)
    if hindered(step):
        told = step.result == 0 and answers == [("response", dev, pasid, "failure")]
        return unchanged(step) if told else f"it was not kept, and got {len(answers)} answers"
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
    if not requests and not after(step).requests and not step.at("response"):
        return None
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
    are refused with `-EOPNOTSUPP`, and an id that is no fault queue with `-ENOENT`. Both kinds can
    be made for PASIDs."""
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
    if pt is None or step.result != 0:
        return unchanged(step)
    kind = "paging" if pt.kind == "ioas" else "nested"
    asked = TableSpec(str(step.found), kind, pt.id, "pasid" in words, "parent" in words, *queues)
    made = after(step).made.get(asked.id)
    return True if made == asked else f"what was made is {made}, not {asked}"
