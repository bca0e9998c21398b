# SPDX-License-Identifier: GPL-2.0-only
"""Anything that can be put into a state and run an operation: the model, a design, a kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model.objects import AttachHandle, Device, Domain, Driver, Group, Notes
from ..model.xarray import RESERVED as MODEL_RESERVED
from .recorder import Recorder
from .scope import Habitat
from .setting import NEW, STRAY, Operation, Setting
from .step import RESERVED, Entry, Row, Slot, State
from .surroundings import Modules, Surroundings


class Machine(Protocol):
    """An implementation, booted with the devices and domains of one setting."""

    pasids: tuple[int, ...]

    def load(self, state: State) -> None:
        """Be in this state."""

    def restore(self, pasid: int, row: Row) -> None:
        """Be as before in this PASID; nothing else has changed."""

    def row(self, pasid: int) -> Row:
        """How one PASID is now."""

    def notes(self) -> Notes:
        """What the driver has noted for itself, and the facts of the group where they count."""

    def resetting(self) -> tuple[str, ...]:
        """The devices that are under reset."""

    def run(self, operation: Operation) -> tuple[int | str, str | None]:
        """Do it. Returns the result and, for a look-up, the handle found."""


class Implementation(Protocol):
    """What the explorer explores."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def lacks(self) -> frozenset[str]:
        """What it has no notion of, such as ``"handles"``, ``"recovery"`` or ``"replace"``."""

    @property
    def has(self) -> frozenset[str]:
        """What it has that most have not: see :data:`.clause.EXTRAS`."""

    @property
    def habitat(self) -> Habitat | None:
        """What its driver has to be tried with, if that is a part of it."""

    def boot(self, setting: Setting, recorder: Recorder) -> Machine:
        """Make a machine that tells *recorder* what happens."""


@dataclass(frozen=True)
class PythonCore:
    """A core written in Python: a module with the functions of :mod:`reference_impl.model.core`.

    Args:
        name: what the command line calls it.
        core: the module.
        driver: makes the driver of the group's devices.
        lacks: see :class:`Implementation`.
        has: likewise.
        habitat: likewise.
        around: the modules that have the group's other calls.
        changed: if it was made by :func:`.variant.variant`, of what, whose source, and the changes.
    """

    name: str
    core: Any
    driver: type[Driver] = Driver
    lacks: frozenset[str] = field(default_factory=frozenset)
    has: frozenset[str] = field(default_factory=frozenset)
    habitat: Habitat | None = None
    around: Modules = field(default_factory=Modules)
    changed: tuple[str, str, tuple[tuple[str, str], ...]] | None = None

    def boot(self, setting: Setting, recorder: Recorder) -> PythonMachine:
        """Build the group."""
        return PythonMachine(self, setting, recorder)


class PythonMachine:
    """A Python core with one group of live objects, reused for every step."""

    def __init__(self, implementation: PythonCore, setting: Setting, recorder: Recorder) -> None:
        core = implementation.core
        driver = implementation.driver(recorder, setting.blocks_pasids)
        self.devices = [
            Device(d.name, driver, d.max_pasids, d.ats, d.require_direct) for d in setting.devices
        ]
        self.group = Group(recorder, list(self.devices))
        self.driver = driver
        self.slots = self.group.pasid_array.slots
        self.tables = [dev.pasid_table for dev in self.devices]
        self.by_name = {d.name: d for d in self.devices}
        self.by_name[STRAY] = Device(STRAY, driver, 8)
        self.domains: dict[str | None, Domain] = {
            "blocked": driver.blocked_domain,
            "identity": driver.identity_domain,
        }
        for spec in (*setting.domains, *setting.others):
            if spec.name not in self.domains:
                owner = driver if spec.ours else Driver(recorder)
                self.domains[spec.name] = Domain(
                    spec.name, owner, spec.type, spec.takes_pasids, spec.iopf_handler, spec.kind
                )
        recorder.names_faults = setting.driver
        self.around = Surroundings(
            implementation.around, setting, self.group, self.domains, recorder
        )
        self.published = self.around.published if setting.mms else self._published
        self.mortal = setting.driver and any(d.type == "sva" for d in setting.domains)
        self.setting = setting
        self.recorder = recorder
        self.pasids = setting.pasids
        self.core = core
        self.has_handles = setting.handles
        self.handles: dict[str | None, AttachHandle | None] = {}
        self.said = ""
        """The sentence of the last error."""
        recorder.page_request = self.page_request

    def load(self, state: State) -> None:
        """Write the state into the live objects; what was recorded of that is nobody's event."""
        self.slots.clear()
        for table in self.tables:
            table.clear()
        self.around.load(state.notes, state.resetting)
        for pasid, row in zip(self.pasids, state.rows, strict=True):
            self.restore(pasid, row)
        self.driver.load(state.notes)

    def restore(self, pasid: int, row: Row) -> None:
        """Write one PASID's row into the live objects."""
        slot, hardware = row
        if slot is None:
            self.slots.pop(pasid, None)
        elif not isinstance(slot, Entry):
            self.slots[pasid] = MODEL_RESERVED
        elif slot.handle is None:
            self.slots[pasid] = self.domains[slot.domain]
        else:
            domain = self.domains.get(slot.domain)
            self.slots[pasid] = self.published(pasid, slot.handle, domain)
        for table, name in zip(self.tables, hardware, strict=True):
            if name is not None:
                table[pasid] = self.domains[name]
            elif pasid in table:
                del table[pasid]
        self.group.mutex.held = False

    def _published(self, _: int, name: str, domain: Domain | None) -> AttachHandle:
        return AttachHandle(name, self.recorder, domain)

    def notes(self) -> Notes:
        """What the driver says that it has noted, and what the group is.

        A domain whose mm has gone and that is attached nowhere has been freed: its name then stands
        for the next one.
        """
        notes = self.driver.save()
        dead = [fact for fact in notes if fact[0] == "dead"] if self.mortal else []
        if dead:
            slots = [self.row(pasid).slot for pasid in self.pasids]
            named = {slot.domain for slot in slots if isinstance(slot, Entry)}
            notes = frozenset(notes) - {fact for fact in dead if fact[2] not in named}
        facts = self.around.notes()
        if not notes:
            return facts
        return frozenset(notes) | frozenset(facts) if facts else notes

    def resetting(self) -> tuple[str, ...]:
        """The devices that a reset has blocked."""
        return tuple([dev.name for dev in self.devices if dev.blocked])

    def row(self, pasid: int) -> Row:
        """The slot as it is, reserved included, and each device's PASID-table entry."""
        slot = self.slots.get(pasid)
        seen: Slot
        if slot is None:
            seen = None
        elif slot is MODEL_RESERVED:
            seen = RESERVED
        else:
            seen = Entry(*slot.seen())
        return Row(
            seen, tuple([table[pasid].name if pasid in table else None for table in self.tables])
        )

    def run(self, operation: Operation) -> tuple[int | str, str | None]:
        """Call the function; an error is its errno, anything else that is raised is a crash."""
        kind, device, pasid, name, handle, type_, _ = operation
        try:
            if kind == "handle_get":
                return 0, self.core.attach_handle_get(self.group, pasid, type_).name
            if kind in self.around.calls:
                self.around.calls[kind](operation)
                return 0, None
            dev, domain = self.by_name[device], self.domains[name]
            if kind == "detach":
                self.core.detach_device_pasid(domain, dev, pasid)
            elif kind == "attach":
                self.core.attach_device_pasid(domain, dev, pasid, *self._handle(handle, pasid))
            elif kind == "mm_release":
                self.driver.mm_release(domain)
            else:
                self.core.replace_device_pasid(domain, dev, pasid, *self._handle(handle, pasid))
        except OSError as error:
            self.said = error.strerror or ""
            return -(error.errno or 0), None
        except Exception as crash:
            return f"crashed: {type(crash).__name__}: {crash}", None
        return 0, None

    def _handle(self, handle: str | None, pasid: int) -> tuple[object, ...]:
        if not self.setting.handles:
            return ()
        if handle is None:
            return (None,)
        if handle == NEW:
            return (AttachHandle(NEW, self.recorder),)
        return (self.slots[pasid],)

    def page_request(self, pasid: int) -> str | None:
        """What a page request finds now: a handle, or in a core without them the domain."""
        try:
            if self.has_handles:
                handle: AttachHandle = self.core.attach_handle_get(self.group, pasid)
                return handle.name
            found: Domain | None = self.core.get_domain_for_dev_pasid(self.group, pasid)
            return None if found is None else found.name
        except OSError:
            return None
        except Exception as crash:
            return f"crashed: {type(crash).__name__}"
