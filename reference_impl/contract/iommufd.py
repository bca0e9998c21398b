# SPDX-License-Identifier: GPL-2.0-only
"""iommufd as an implementation: user space's calls are the operations, on a group of live objects.

What iommufd has noted is told as facts, each of which matters to every PASID (``"*"``):

``("attachment", "*", pasid, table, devices)``
    what a PASID is attached to (0: traffic without one), and for which devices
``("users", "*", id, number)``
    how many use a table, an address space, a queue or a device; none is not told
``("auto", "*", table, address space)``
    a table that iommufd has made for an address space
``("gone", "*", id)``
    something that user space had made, and has destroyed
``("made", "*", id, kind, of, pasid, parent, fault)``
    a table that user space has made since
``("reserved", "*", address space, device)``
    nothing may be mapped over the device's reserved regions
``("request", "*", queue, number, device, pasid, handle, place)``
    a page request without an answer: its number in the queue, the PASID whose handle it came by
    (None: that handle is gone), and whether it is ``"queued"`` or ``"read"``
``("keeps tables", "*")``
    user space may keep a device's PASID table itself
``("file", "*", device, attached, pasids)``
    what was attached through the device's VFIO file
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..model.iommufd.objects import (
    OWNER,
    BoundDevice,
    Context,
    FaultQueue,
    Hwpt,
    Ioas,
    PageRequest,
    Record,
)
from ..model.objects import EVERY_PASID, NO_PASID, AttachHandle, Domain, Driver, Fact, Notes
from ..model.vfio import (
    ATTACH_ALL,
    ATTACH_MIN,
    DETACH_ALL,
    DETACH_MIN,
    PASID_FLAG,
    PtArgument,
    VfioDevice,
)
from .implementation import PythonCore, PythonMachine
from .recorder import Recorder
from .setting import IOMMUFD, NEW, Operation, Setting, TableSpec
from .step import State


@dataclass(frozen=True)
class Iommufd(PythonCore):
    """iommufd on top of the core."""

    def boot(self, setting: Setting, recorder: Recorder) -> IommufdMachine:
        """Bind the devices and make the tables."""
        plain = setting.devices[0].name.startswith("plain")
        return IommufdMachine(replace(self, driver=Driver) if plain else self, setting, recorder)


class KeepsTables(Driver):
    """The simplest driver, of an IOMMU for which user space may keep the PASID tables itself."""

    user_pasid_table = True


class Machines(Context):
    """An open file that calls a new handle as the explorer does."""

    def new_handle(self) -> AttachHandle:
        """Make one."""
        self.need("memory")
        return AttachHandle(NEW, self.observer)


class IommufdMachine(PythonMachine):
    """One group whose devices are bound.

    The name of a device says what is special about it: ``vf…`` is a virtual function with page
    requests, ``raw…`` has no IOMMU, the VFIO driver of ``old…`` has no operations for PASIDs, and
    the IOMMU of ``plain…`` lets nobody else keep a PASID table.
    """

    def __init__(self, implementation: Iommufd, setting: Setting, recorder: Recorder) -> None:
        super().__init__(implementation, setting, recorder)
        self.calls = implementation.around
        self.ictx = ictx = Machines(recorder)
        self.bound: dict[str, BoundDevice] = {}
        for dev in self.devices:
            bound = ictx.bind(dev, dev.name.startswith("vf"), dev.name.startswith("raw"))
            self.bound[dev.name] = bound
        self.files = {
            name: VfioDevice(idev, not name.startswith("old")) for name, idev in self.bound.items()
        }
        first = next(iter(self.bound.values()))
        for spec in setting.tables:
            if spec.kind == "ioas":
                ictx.add(Ioas(spec.id))
            elif spec.kind == "queue":
                ictx.add(FaultQueue(spec.id))
            else:
                hwpt = self.calls.hw_pagetable.hwpt_alloc(first, spec.of, spec.id, *spec[3:])
                self.domains[spec.id] = hwpt.domain
        self.made = dict(ictx.objects)
        self.spaces = [(each, [*each.hwpts]) for each in self.made.values() if type(each) is Ioas]
        """The address spaces, each with the tables that were made for it at first."""
        self.queues = [each for each in self.made.values() if type(each) is FaultQueue]
        self.igroups = {id(each.igroup): each.igroup for each in self.bound.values()}.values()

    def load(self, state: State) -> None:
        """Be in this state, facts of iommufd's included."""
        mine = [fact for fact in state.notes if fact[0] in LOADS]
        ictx = self.ictx
        ictx.objects = dict(self.made)
        for thing in self.made.values():
            thing.users = 0
        for space, hwpts in self.spaces:
            space.reserved.clear()
            space.hwpts = [*hwpts]
        for each in self.queues:
            each.deliver.clear()
            each.response.clear()
        for igroup in self.igroups:
            igroup.pasid_attach.clear()
            igroup.lock.held = False
        for name, file in self.files.items():
            file.attached, file.pasids = False, set()
            ictx.objects[name] = self.bound[name]
        mine.sort(key=lambda fact: (fact[0], fact[2:4]))  # requests in the order of their numbers
        for fact in mine:
            if fact[0] == "auto":
                self._make(str(fact[2]), str(fact[3]))
            elif fact[0] == "gone":
                self._take_away(str(fact[2]))
        super().load(state._replace(notes=frozenset(state.notes) - set(mine)))
        slot = self.slots.get(NO_PASID)
        blocked = self.driver.blocked_domain
        self.group.domain = slot.domain if isinstance(slot, AttachHandle) else blocked
        self.group.owner, self.group.owner_cnt = OWNER, len(self.bound)
        for fact in mine:
            LOADS[str(fact[0])](self, *fact[2:])

    def _make(self, id: str, ioas: str) -> None:
        space = self.ictx.objects[ioas]
        assert isinstance(space, Ioas)
        idev = next(iter(self.bound.values()))
        hwpt = Hwpt(id, Domain(id, idev.dev.driver), space, auto=True)
        self.domains[id] = hwpt.domain
        space.hwpts.append(hwpt)
        self.ictx.add(hwpt)

    def _take_away(self, id: str) -> None:
        gone = self.ictx.objects.pop(id)
        if isinstance(gone, Hwpt) and gone in gone.ioas.hwpts:
            gone.ioas.hwpts.remove(gone)

    def _load_record(self, pasid: int, table: str, devices: tuple[str, ...]) -> None:
        hwpt = self.ictx.objects[table]
        assert isinstance(hwpt, Hwpt)
        record = Record(hwpt)
        record.devices = [self.bound[name] for name in devices]
        record.devices[0].igroup.pasid_attach[pasid] = record

    def _load_users(self, id: str, number: int) -> None:
        self.ictx.objects[id].users = number

    def _load_reserved(self, ioas: str, device: str) -> None:
        space = self.ictx.objects[ioas]
        assert isinstance(space, Ioas)
        space.reserved.add(self.by_name[device])

    def _load_request(
        self, queue: str, number: int, device: str, pasid: int, handle: int | None, place: str
    ) -> None:
        at = self.ictx.objects[queue]
        assert isinstance(at, FaultQueue)
        holder = None if handle is None else self.slots[handle]
        if not isinstance(holder, AttachHandle):
            holder = AttachHandle("gone", self.recorder)
        request = PageRequest(self.by_name[device], pasid, holder)
        if place == "read":
            at.response[number] = request
        else:
            at.deliver.append(request)

    def _load_file(self, device: str, attached: bool, pasids: tuple[int, ...]) -> None:
        self.files[device].attached, self.files[device].pasids = attached, set(pasids)

    def notes(self) -> Notes:
        """The driver's facts and iommufd's."""
        facts: list[Fact] = [*super().notes()]
        facts += [("keeps tables", EVERY_PASID)] * self.driver.user_pasid_table
        igroup = next(iter(self.bound.values())).igroup
        for pasid, record in igroup.pasid_attach.items():
            devices = tuple(each.id for each in record.devices)
            facts.append(("attachment", EVERY_PASID, pasid, record.hwpt.id, devices))
        objects, made = self.ictx.objects, self.made
        facts += [
            ("users", EVERY_PASID, id, each.users) for id, each in objects.items() if each.users
        ]
        for id in objects.keys() - made.keys():
            hwpt = objects[id]
            assert isinstance(hwpt, Hwpt)
            if hwpt.auto:
                facts.append(("auto", EVERY_PASID, id, hwpt.ioas.id))
            else:
                facts.append(("made", EVERY_PASID, *described(hwpt)))
        facts += [("gone", EVERY_PASID, id) for id in made.keys() - objects.keys()]
        for space, _ in self.spaces:
            facts += [("reserved", EVERY_PASID, space.id, dev.name) for dev in space.reserved]
        for queue in self.queues:
            if queue.deliver or queue.response:
                facts += self._requests(queue)
        for name, file in self.files.items():
            if file.attached or file.pasids:
                facts.append(("file", EVERY_PASID, name, file.attached, tuple(sorted(file.pasids))))
        return frozenset(facts)

    def _requests(self, queue: FaultQueue) -> list[Fact]:
        waiting = [(n, r, "queued") for n, r in enumerate(queue.deliver)]
        waiting += [(n, r, "read") for n, r in queue.response.items()]
        by = {id(slot): pasid for pasid, slot in self.slots.items()}
        return [
            ("request", EVERY_PASID, queue.id, n, r.dev.name, r.pasid, by.get(id(r.handle)), place)
            for n, r, place in waiting
        ]

    def run(self, operation: Operation) -> tuple[int | str, str | None]:
        """Make the call of user space's; anything else is the core's business."""
        if operation.kind not in IOMMUFD:
            return super().run(operation)
        try:
            return 0, self._run(operation)
        except OSError as error:
            self.said = error.strerror or ""
            return -(error.errno or 0), None
        except Exception as crash:
            return f"crashed: {type(crash).__name__}: {crash}", None

    def _run(self, operation: Operation) -> str | None:
        kind, name, pasid, pt, _, special, _ = operation
        calls, ictx, pt = self.calls, self.ictx, pt or ""
        idev = self.bound[name]
        if kind == "iommufd_attach":
            return str(calls.device.device_attach(idev, pasid, pt))
        if kind == "iommufd_replace":
            return str(calls.device.device_replace(idev, pasid, pt))
        if kind == "iommufd_detach":
            calls.device.device_detach(idev, pasid)
        elif kind == "iommufd_hw_info":
            return str(calls.device.get_hw_info(idev))
        elif kind == "iommufd_alloc":
            return str(calls.hw_pagetable.hwpt_alloc(idev, pt, "new", **flags(special)).id)
        elif kind == "iommufd_destroy":
            ictx.destroy(pt)
        elif kind == "page_request":
            calls.eventq.report_device_fault(ictx, idev.dev, pasid)
        elif kind == "fault_read":
            found = calls.eventq.fault_read(ictx, queue(ictx, pt))
            return None if found is None else f"{found[1].dev}, PASID {found[1].pasid}"
        elif kind == "fault_write":
            waiting = queue(ictx, pt).response
            cookie = 99 if special == "wrong cookie" else min(waiting, default=1)
            calls.eventq.fault_write(ictx, queue(ictx, pt), cookie, special)
        elif kind == "vfio_unbind":
            calls.vfio.unbind(self.files[name])
        else:
            arg = argument(kind, pasid, pt, special)
            getattr(calls.vfio, {"vfio_attach": "ioctl_attach_pt"}.get(kind, "ioctl_detach_pt"))(
                self.files[name], arg
            )
            return arg.pt_id or None
        return None


LOADS: dict[str, Any] = {
    "attachment": IommufdMachine._load_record,
    "users": IommufdMachine._load_users,
    "auto": lambda *_: None,
    "made": lambda *_: None,  # nothing is explored behind it
    "gone": lambda *_: None,
    "keeps tables": lambda *_: None,
    "reserved": IommufdMachine._load_reserved,
    "request": IommufdMachine._load_request,
    "file": IommufdMachine._load_file,
}
"""How each kind of fact is written into the live objects, once all of them are there."""


def described(hwpt: Hwpt) -> TableSpec:
    """A table as user space asked for it."""
    of, fault = hwpt.parent or hwpt.ioas, hwpt.fault.id if hwpt.fault else ""
    kind = hwpt.domain.type
    return TableSpec(hwpt.id, kind, of.id, hwpt.pasid_compat, hwpt.nest_parent, fault)


def queue(ictx: Context, id: str) -> FaultQueue:
    """The fault queue of that id."""
    found = ictx.get(id)
    assert isinstance(found, FaultQueue), f"{id} is no fault queue"
    return found


def flags(special: str | None) -> dict[str, Any]:
    """The arguments that words such as ``"pasid parent Q"`` stand for."""
    words = (special or "").split()
    queues = [word for word in words if word not in ("pasid", "parent")]
    return {
        "pasid": "pasid" in words,
        "nest_parent": "parent" in words,
        "fault_id": queues[0] if queues else "",
    }


def argument(kind: str, pasid: int, pt: str, odd: str | None) -> PtArgument:
    """What user space passes to an ioctl of VFIO's, right or odd."""
    least, whole = (ATTACH_MIN, ATTACH_ALL) if kind == "vfio_attach" else (DETACH_MIN, DETACH_ALL)
    arg = PtArgument(whole if pasid else least, PASID_FLAG if pasid else 0, pt, pasid)
    if odd == "short":
        arg.argsz = least - 1
    elif odd == "without PASID":
        arg.argsz, arg.flags = least, PASID_FLAG
    elif odd == "unknown flag":
        arg.flags |= 2
    elif odd == "PASID 0":
        arg.argsz, arg.flags = whole, PASID_FLAG
    return arg
