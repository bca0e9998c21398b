# SPDX-License-Identifier: GPL-2.0-only
"""The scope of an exploration of the group's other calls: which groups, and which calls.

Counters have no end, so they are bounded by what a caller does: at most two claims or uses of a
group at the same time, and two resets of one device, one within the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.capability import Capability
from ..model.objects import NO_PASID
from .facts import DEFAULT, GroupFacts, MmFacts, as_notes, bonds, group_facts, mm_facts
from .setting import (
    DEVICE,
    GROUP,
    HANDLE,
    NEW,
    RESETS,
    SVA,
    DeviceSpec,
    DomainSpec,
    Operation,
    Setting,
)
from .step import Row, State

MOST = 2
"""How many claims or uses there are at the same time, and resets of one device."""
MEMBERS = 3
"""How many devices there are in a group that one joins, then."""
OWNERS = {"claim_group_owner": ("vfio", None), "claim_device_owner": ("iommufd", None)}
"""Who claims: the same again, another one, and nobody, which is a caller's bug."""
CLAIMS = (*OWNERS, "release_group_owner", "release_device_owner")
COME_AND_GO = ("probe_device", "remove_device")
USES = ("use_default_domain", "unuse_default_domain")

CAPABILITIES = {
    "pci": Capability(3, 64),
    "vf": Capability(None, 64, physfn=3),
    "bare": Capability(None, 64),
    "zero": Capability(0, 64),
    "wide": Capability(20, 64),
    "old": Capability(3, 0),
}
"""Devices that are probed, and what is known of their PASIDs."""


def settings(devices: int, domains: int) -> Iterator[tuple[Setting, list[State]]]:
    """Each group, and how it is at first: the kernel's own domain serves DMA without a PASID.

    Args:
        devices: how many there are in the first group, one or two.
        domains: how many domains there are to attach, one or two.
    """
    named = tuple(DomainSpec(name) for name in "AB"[:domains])
    whole = Setting(
        name="whole group",
        devices=(DeviceSpec("d0", 4), DeviceSpec("d1", 3))[:devices],
        domains=named,
        pasids=(NO_PASID, 1),
        others=(DomainSpec("foreign", ours=False),),
        short=True,
        rid=True,
        calls=(*GROUP[:2], *HANDLE, *RESETS, *CLAIMS, *USES),
    )
    yield whole, [start(whole)]
    odd = whole._replace(
        name="firmware, deferred, no ATS",
        devices=(
            DeviceSpec("d0", 3, defers=True),
            DeviceSpec("d1", 0, require_direct=True),
            DeviceSpec("d2", 3, ats=False),
        ),
        domains=named[:1],
        calls=(*GROUP[:3], *RESETS, "probe_device", "deferred_attach"),
    )
    late = start(odd, deferred=("d0",))
    yield odd, [start(odd), late, resetting(odd, late, "d0"), start(odd, members=("d2",))]
    bare = whole._replace(
        name="no default domain", domains=named[:1], calls=(*GROUP, *HANDLE, *RESETS, USES[0])
    )
    yield bare, [start(bare, default=None)]
    joined = whole._replace(
        name="devices come and go",
        devices=(DeviceSpec("d0", 4), DeviceSpec("d1", 1)),
        domains=named[:1],
        pasids=(NO_PASID, 2),
        calls=(*GROUP[:2], *RESETS, "claim_group_owner", *COME_AND_GO),
    )
    yield joined, [start(joined), start(joined, members=("d0",))]
    probed = joined._replace(
        name="capabilities",
        devices=(
            DeviceSpec("d0", 4),
            *(DeviceSpec(name, 0, capability=each) for name, each in CAPABILITIES.items()),
        ),
        pasids=(NO_PASID,),
        calls=("probe_device",),
    )
    yield probed, [start(probed, members=("d0",))]


def processes() -> tuple[Setting, list[State]]:
    """Processes whose memory is shared, and one PASID too few for all of them.

    At first none has one; or ``p`` has, for a group that is not shown: with the same kind of
    driver, or with a device that has more PASIDs.
    """
    setting = Setting(
        name="processes",
        devices=(DeviceSpec("d0", 3), DeviceSpec("d1", 4)),
        domains=(DomainSpec("A"),),
        pasids=(1, 2),
        short=True,
        calls=SVA,
        mms=("p", "q", "r"),
    )
    row = Row(None, (None,) * len(setting.devices))
    starts = [
        State((row,) * 2, (), frozenset(each.fact() for each in mms))
        for first in (MmFacts("p"), MmFacts("p", 1, True, (("p", 1),)), MmFacts("p", 3))
        for mms in [(first, MmFacts("q"), MmFacts("r")), (first, MmFacts("q", None, False))]
    ]
    return setting, starts


def start(
    setting: Setting,
    members: tuple[str, ...] = (),
    deferred: tuple[str, ...] = (),
    default: str | None = DEFAULT,
) -> State:
    """Every member has the kernel's own domain, but for those whose attach is put off."""
    members = members or tuple(d.name for d in setting.devices)
    served = tuple(
        default if d.name in members and d.name not in deferred else None for d in setting.devices
    )
    rows = tuple(
        Row(None, served if pasid == NO_PASID else (None,) * len(served))
        for pasid in setting.pasids
    )
    facts = GroupFacts(members=members, domain=default, deferred=deferred, default=default)
    return State(rows, (), as_notes(facts))


def resetting(setting: Setting, state: State, device: str) -> State:
    """The same with a reset under way, as a thread finds it that looked at the device before it.

    Whether an attach was put off is looked at without the mutex; blocking ends that it is.
    """
    rows = tuple(
        row._replace(
            hardware=tuple(
                None if spec.name == device else domain
                for spec, domain in zip(setting.devices, row.hardware, strict=True)
            )
        )
        for row in state.rows
    )
    facts = group_facts(state.notes)._replace(
        blocking=True, recovery_cnt=1, reset_depth=((device, 1),)
    )
    return State(rows, (device,), as_notes(facts))


def operations(setting: Setting) -> list[Operation]:
    """The calls of a setting that are not on a PASID; a reset shows the PASID."""
    first = setting.devices[0].name
    names = [d.name for d in setting.domains]
    found: list[Operation] = []
    for kind in setting.calls:
        if kind in RESETS:
            found += [Operation(kind, d.name, setting.pasids[-1]) for d in setting.devices]
        elif kind in SVA:
            found += [
                Operation(kind, first, pasid, who=mm)
                for mm in setting.mms
                for pasid in setting.pasids
            ]
        elif kind in OWNERS:
            found += [Operation(kind, first, NO_PASID, who=who) for who in OWNERS[kind]]
        elif kind in DEVICE:
            found += [Operation(kind, d.name, NO_PASID) for d in setting.devices]
        elif kind in ("attach_group", "attach_group_handle", "replace_group_handle"):
            handle = None if kind == "attach_group" else NEW
            more = [DEFAULT] if kind == "replace_group_handle" else [d.name for d in setting.others]
            found += [Operation(kind, first, NO_PASID, name, handle) for name in (*names, *more)]
            if handle:
                found.append(Operation(kind, first, NO_PASID, names[0], None))
        else:
            found.append(Operation(kind, first, NO_PASID))
    return found


def possible(operation: Operation, state: State) -> bool:
    """Whether a caller that keeps to the rules could do this now, and the counters stay in bounds.

    Some that do not keep to them are there: who gives back what was never taken, and gets a WARN.
    """
    kind, device = operation.kind, operation.device
    facts = group_facts(state.notes)
    if kind == "probe_device":
        return device not in facts.members and 0 < len(facts.members) < MEMBERS
    if kind not in (*GROUP, *HANDLE) and device not in facts.members:
        return False
    if kind == "reset_prepare":
        return facts.depth(device) < MOST
    if kind == "remove_device":
        return device not in state.resetting
    if kind in ("use_default_domain", "claim_device_owner"):
        return facts.owner_cnt < MOST
    if kind == "unuse_default_domain":
        return facts.owner is None
    if kind == "release_device_owner":
        return facts.owner is not None or facts.owner_cnt < MOST
    if kind == "detach_group":
        return NO_PASID not in facts.attached
    return True


def possible_of_mms(operation: Operation, state: State) -> bool:
    """Who is bound can be unbound, and nobody binds more than twice; a bond is not taken apart."""
    kind, _, pasid, _, _, _, who = operation
    users = bonds(state.notes)
    if kind not in SVA:
        return pasid not in users
    mm = mm_facts(state.notes).get(who or "")
    if mm is None:
        return False
    bound = users.get(mm.pasid or 0, 0)
    return bound > 0 if kind == "sva_unbind" else bound < MOST
