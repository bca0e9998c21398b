# SPDX-License-Identifier: GPL-2.0-only
"""VFIO: the ioctls with which a virtual machine monitor attaches its devices."""

from __future__ import annotations

from errno import EFAULT

from ...model.objects import NO_PASID
from ..clause import CLAUSES, Verdict, clause
from ..step import Step
from .books import after, before, hindered, refused_with, refusing, unchanged
from .checks import outcome

ATTACH = "vfio_df_ioctl_attach_pt()"
DETACH = "vfio_df_ioctl_detach_pt()"
PASID = "commit dbc5f37b4f8a"


def copies_failed(step: Step) -> int:
    """How many copies between user space and the kernel failed."""
    return sum(event == ("no", "copy") for event in step.events)


def cannot(step: Step) -> bool:
    """Whether it is about a PASID, and the device's VFIO driver has no operations for those."""
    op = step.operation
    flagged = op.pasid != NO_PASID or op.type in ("without PASID", "PASID 0")
    return flagged and op.device.startswith("old")


def book(step: Step) -> tuple[bool, frozenset[int]]:
    """What the device's file had attached before."""
    return before(step).files.get(step.operation.device, (False, frozenset()))


def has(step: Step, pasid: int) -> bool:
    """Whether the device has the PASID attached after the call."""
    record = after(step).records.get(pasid)
    return record is not None and step.operation.device in record.devices


@clause(
    "VFIO-1",
    "Odd arguments are refused",
    since="6.15",
    sources=[ATTACH, DETACH],
    on="vfio_attach vfio_detach",
    refuses="EINVAL",
    needs="iommufd",
)
def odd_arguments(step: Step) -> Verdict:
    """An argument that is too short for what its flags say is in it, or with flags that are not
    known, is refused with `-EINVAL`."""
    odd = step.operation.type
    if odd in (None, "PASID 0") or copies_failed(step) or (odd == "without PASID" and cannot(step)):
        return None
    return refused_with(step, "EINVAL")


@clause(
    "VFIO-2",
    "A driver without PASIDs",
    since="6.15",
    sources=[ATTACH, DETACH],
    on="vfio_attach vfio_detach",
    refuses="EOPNOTSUPP",
    needs="iommufd",
)
def no_operations(step: Step) -> Verdict:
    """Where the device's VFIO driver has no operations for PASIDs, a call with one is refused with
    `-EOPNOTSUPP`, before the length of its argument is looked at again."""
    if not cannot(step) or copies_failed(step) or step.operation.type in ("short", "unknown flag"):
        return None
    return refused_with(step, "EOPNOTSUPP")


@clause(
    "VFIO-3",
    "PASID 0 is refused",
    since="6.15",
    sources=[ATTACH, "vfio_iommufd_physical_pasid_attach_ioas()"],
    on="vfio_attach vfio_detach",
    refuses="EINVAL",
    needs="iommufd",
)
def pasid_zero(step: Step) -> Verdict:
    """The flag for a PASID together with PASID 0, which stands for traffic without one, is refused
    with `-EINVAL`."""
    if step.operation.type != "PASID 0" or cannot(step) or copies_failed(step):
        return None
    return refused_with(step, "EINVAL")


@clause(
    "VFIO-4",
    "Attached through this file: replaced",
    since="6.15",
    sources=[ATTACH, "vfio_iommufd_physical_pasid_attach_ioas()"],
    on="vfio_attach",
    needs="iommufd",
)
def attach_or_replace(step: Step) -> Verdict:
    """What this file has attached already is replaced, else it is attached; either way the file
    then knows that it is, and user space learns which table it is. The errors are those of
    attach and replace (`IFD-1` to `IFD-14`)."""
    op = step.operation
    if op.type or cannot(step) or hindered(step):
        return None
    attached, pasids = book(step)
    mine = attached if op.pasid == NO_PASID else op.pasid in pasids
    if refused_by := refusing(step, attaches=not mine):
        return refused_with(step, str(CLAUSES[refused_by].refuses))
    if step.result != 0:
        return f"nobody objects, but {outcome(step)}"
    wanted = (True, pasids) if op.pasid == NO_PASID else (attached, pasids | {op.pasid})
    if after(step).files.get(op.device) != wanted:
        return f"the file does not know what is attached: {after(step).files.get(op.device)}"
    record = after(step).records.get(op.pasid)
    if record is None or record.table != step.found:
        return f"user space is told {step.found}"
    return True


@clause(
    "VFIO-5",
    "The result cannot be given back",
    since="6.15",
    sources=[ATTACH],
    on="vfio_attach",
    refuses="EFAULT",
    needs="iommufd",
)
def copy_failed(step: Step) -> Verdict:
    """If user space's memory cannot be read, or the id of the table cannot be written to it, the
    call fails with `-EFAULT`; in the second case what was attached or replaced by it is detached,
    and nothing else is touched."""
    if not copies_failed(step) or any(call.error for call in step.calls):
        return None
    if step.result != -EFAULT:
        return f"a copy failed, but {outcome(step)}"
    was, now, pasid = before(step).records, after(step).records, step.operation.pasid
    if not any(event[0] == "attachment" for event in step.events):
        return unchanged(step) if was == now else "something is attached or detached"
    if {key: now.get(key) for key in was | now if key != pasid} != {
        key: record for key, record in was.items() if key != pasid
    }:
        return "something else was detached"
    if has(step, pasid):
        return "what was attached stays, although user space was told that the call failed"
    return True


@clause(
    "VFIO-6",
    "Detach what this file attached, or nothing",
    since="6.15",
    sources=[DETACH, "vfio_iommufd_physical_pasid_detach_ioas()"],
    on="vfio_detach",
    needs="iommufd",
)
def detach_own(step: Step) -> Verdict:
    """Detach ends what was attached through this file, and what was not is silently left alone; it
    fails only for its argument."""
    op = step.operation
    if op.type or cannot(step):
        return None
    if copies_failed(step):
        verdict = step.result == -EFAULT and unchanged(step)
        return verdict or f"a copy failed, but {outcome(step)}"
    attached, pasids = book(step)
    mine = attached if op.pasid == NO_PASID else op.pasid in pasids
    if step.result != 0:
        return f"it must succeed, but {outcome(step)}"
    if not mine:
        return unchanged(step)
    if has(step, op.pasid):
        return f"PASID {op.pasid} is still attached"
    left = (False, pasids) if op.pasid == NO_PASID else (attached, pasids - {op.pasid})
    now = after(step).files.get(op.device, (False, frozenset()))
    return True if now == left else f"the file says {now}"


@clause(
    "VFIO-7",
    "The end of a file detaches all",
    since="6.15",
    sources=["vfio_iommufd_physical_unbind()"],
    on="vfio_unbind",
    needs="iommufd",
)
def end_of_file(step: Step) -> Verdict:
    """When a device's file is closed, everything that was attached through it is detached, the
    PASIDs first, and the device is given back to the kernel."""
    if any(call.error for call in step.calls):
        return None
    if step.result != 0 or any(has(step, pasid) for pasid in after(step).records):
        return f"{outcome(step)}, and something is still attached"
    order = [int(str(event[1])) for event in step.events if event[0] == "attachment"]
    if order != sorted(order, key=lambda pasid: (pasid == NO_PASID, pasid)):
        return "DMA without a PASID was detached before the PASIDs"
    if step.operation.device not in after(step).gone:
        return "the device is not given back"
    attached, pasids = book(step)
    return True if len(order) == attached + len(pasids) else f"{len(order)} detached"
