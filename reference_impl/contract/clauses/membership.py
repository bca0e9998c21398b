# SPDX-License-Identifier: GPL-2.0-only
"""PRB and CAP: devices that come and go, and how many PASIDs one has."""

from __future__ import annotations

from errno import EINVAL

from ...model.objects import NO_PASID
from ..clause import Verdict, clause
from ..step import Call, Entry, Step
from .checks import asked, in_words, outcome
from .rid import calls_without

PROBE, REMOVE, MAX = "iommu_probe_device()", "iommu_release_device()", "dev_iommu_get_max_pasids()"


def refused_by_firmware(step: Step) -> bool:
    """Whether firmware needs a device that joins a group which blocks."""
    name = step.operation.device
    direct = {d.name for d in step.setting.devices if d.require_direct}
    return name in direct and step.was.domain == "blocked"


def parked(step: Step) -> list[tuple[str, str, str | None]]:
    """What a device is asked that is in the group no more."""
    device = step.operation.device
    spec = next(d for d in step.setting.devices if d.name == device)
    if device in step.was.deferred:
        return []
    return [(device, "identity" if spec.require_direct else "blocked", step.was.domain)]


def newcomers(step: Step) -> list[str]:
    """Devices of the group that have never had what the array names for the step's PASID."""
    slot = step.before.slot
    if not isinstance(slot, Entry):
        return []
    hardware = zip(step.setting.devices, step.before.hardware, strict=True)
    reach = {dev.name: domain for dev, domain in hardware}
    return [
        name for name in step.capable if name not in step.resetting and reach[name] != slot.domain
    ]


@clause(
    "PRB-1",
    "A device that joins gets no PASID",
    since="6.15",
    sources=["commit b3f6fcd8404f", PROBE],
    on="probe_device",
    needs="group",
)
def joins_without(step: Step) -> Verdict:
    """A device that joins a group is asked to take the group's domain for DMA without a PASID, and
    told that there is no old domain, unless its attach is deferred (`RID-4`). If it cannot, it does
    not join, and is parked (`PRB-3`). What PASIDs of the group are attached to is not set on it,
    and nobody looks whether it could send them."""
    device, was = step.operation.device, step.was
    spec = next(d for d in step.setting.devices if d.name == device)
    refused = refused_by_firmware(step)
    put_off = spec.defers and was.domain == was.default
    if set(step.now.members) - set(was.members) - {device}:
        return "another device joined"
    with_pasid = [call for call in step.calls if call.pasid != NO_PASID]
    if with_pasid:
        return f"asked were {in_words(asked(with_pasid))}"
    joining: list[Call] = [call for call in calls_without(step) if call.old is None]
    wanted = [] if was.domain is None or refused or put_off else [(device, was.domain, None)]
    if asked(joining[:1]) != wanted:
        return f"asked were {in_words(asked(joining))}, not {in_words(wanted)}"
    failed = refused or any(call.error for call in joining)
    if (device in step.now.deferred) != put_off:
        return f"its attach is {'not ' * put_off}put off"
    expected = was.members if failed else (*was.members, device)
    if step.now.members != expected or bool(step.result) != failed:
        return f"the group is then {', '.join(step.now.members)}, and {outcome(step)}"
    if not failed:
        return True
    due = joining[0].error if joining else EINVAL
    if step.result != -(due or 0):
        return f"errno {due} is due, but {outcome(step)}"
    done = asked(calls_without(step)[len(joining) :])
    return True if done == parked(step) else f"then it was asked {in_words(done)}"


@clause(
    "PRB-2",
    "It is asked to block what it never had",
    since="6.15",
    sources=["commit 79ea2feb917b", "__iommu_remove_group_pasid()", PROBE],
    on="detach",
    needs="group",
)
def blocks_what_it_never_had(step: Step) -> Verdict:
    """A detach asks every capable device of the group (`DET-2`), also one that joined after the
    attach: its driver is told of a domain that was never set there, maybe for a PASID that the
    device cannot send."""
    found = newcomers(step)
    if not found or step.misled:
        return None
    told = [(c.device, c.domain, c.old) for c in step.calls if c.device in found]
    wanted = [(name, "blocked", step.operation.domain) for name in found]
    return True if told == wanted else f"asked were {in_words(told)}, not {in_words(wanted)}"


@clause(
    "PRB-3",
    "A device that leaves takes its PASIDs along",
    since="6.2",
    sources=["commit 16603704559c", "iommu_deinit_device()", REMOVE],
    on="remove_device",
    needs="group",
)
def leaves(step: Step) -> Verdict:
    """A device that leaves is parked: it is asked to block DMA without a PASID, or to pass it
    through if firmware needs mappings of it; it is not asked if its attach was deferred. For PASIDs
    it is not asked: its driver drops its table. The array keeps its entries. Callers have detached
    before."""
    device = step.operation.device
    if asked(step.calls) != parked(step):
        return f"asked were {in_words(asked(step.calls))}, not {in_words(parked(step))}"
    if step.slots or step.after.slot != step.before.slot:
        return "the array was changed"
    if device in step.now.members or step.result != 0:
        return f"it is still there, and {outcome(step)}"
    if any(call.error for call in step.calls):
        return True
    at = [d.name for d in step.setting.devices].index(device)
    wanted = {"identity": "identity"}.get(step.calls[0].domain) if step.calls else None
    reaches = step.after.hardware[at]
    return True if reaches == wanted else f"it still reaches {reaches or 'nothing'}"


@clause(
    "PRB-4",
    "Nobody looks at the array when the last one leaves",
    since="6.2",
    sources=["__iommu_group_free_device()"],
    on="remove_device",
    needs="group",
)
def last_one(step: Step) -> Verdict:
    """When the last device leaves, there is a WARN if the group is owned, or has another domain
    than the kernel's own. That something is in its array is not noticed."""
    was = step.was
    last = was.members == (step.operation.device,)
    due = last and bool(was.owner_cnt or was.domain != was.default)
    return True if step.warnings == due else f"{step.warnings} WARNs, not {due:d}"


@clause(
    "PRB-5",
    "A device may join during recovery",
    since="7.0",
    sources=["commit c279e83953d9", PROBE],
    on="probe_device",
    needs="group",
)
def joins_in_recovery(step: Step) -> Verdict:
    """That another device is in recovery is no reason to refuse one that joins (`RID-2` is about
    those that are there)."""
    if not step.was.recovery_cnt or any(call.error for call in step.calls):
        return None
    if refused_by_firmware(step):
        return None
    return True if step.result == 0 else f"nothing failed, but {outcome(step)}"


def found_out(step: Step) -> tuple[int | None, int, int] | None:
    """The width that is said of a device, the number that its IOMMU has, and what was found."""
    name = step.operation.device
    spec = next(d for d in step.setting.devices if d.name == name)
    found = dict(step.now.max_pasids).get(name)
    if spec.capability is None or found is None:
        return None
    bits, iommu, physfn = spec.capability
    return (bits if physfn is None else physfn), iommu, found


@clause(
    "CAP-1",
    "A device that says nothing has no PASIDs",
    since="6.2",
    sources=["pci_max_pasids()", MAX],
    on="probe_device",
    needs="group",
)
def says_nothing(step: Step) -> Verdict:
    """What a device can send its PCI capability says, or a property that firmware gives; of a
    virtual function that of its physical one. If nobody says it, the device has none."""
    known = found_out(step)
    if known is None or known[0] is not None:
        return None
    return True if known[2] == 0 else f"it has {known[2]} PASIDs"


@clause(
    "CAP-2",
    "A width of nothing is one PASID",
    since="6.2",
    sources=["pci_max_pasids()", MAX],
    on="probe_device",
    needs="group",
)
def width(step: Step) -> Verdict:
    """Of a width of *n* bits come 2 to the *n* PASIDs, PASID 0 included. So a width of 0 bits is
    not none: the device counts as one that has PASIDs, and its limit (`ATT-5`) refuses every PASID
    for the whole group."""
    known = found_out(step)
    if known is None or known[0] is None or 1 << known[0] > known[1]:
        return None
    return True if known[2] == 1 << known[0] else f"it has {known[2]} PASIDs"


@clause(
    "CAP-3",
    "The IOMMU sets a limit, too",
    since="6.2",
    sources=[MAX],
    on="probe_device",
    needs="group",
)
def iommu_limit(step: Step) -> Verdict:
    """A device has no more PASIDs than its IOMMU. That is found out once, when it is probed."""
    known = found_out(step)
    if known is None or known[0] is None or 1 << known[0] <= known[1]:
        return None
    return True if known[2] == known[1] else f"it has {known[2]} PASIDs, its IOMMU {known[1]}"
