# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's functions as an implementation: the explorer puts them into states and calls them.

One call into the shared object is one operation, faults included. It leaves a log of bytes, equal
for equal steps, which is read once and looked up after that.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ..contract.facts import DEFAULT
from ..contract.recorder import Recorder
from ..contract.scope import Habitat
from ..contract.setting import (
    DEVICE,
    GROUP,
    HANDLE,
    NEW,
    PUBLISHED,
    RESETS,
    STRAY,
    DomainSpec,
    Operation,
    Setting,
)
from ..contract.step import RESERVED, Entry, Notes, Row, Slot, State
from ..model.objects import NO_DOMAIN
from ..model.observer import Event, MayFail
from .signatures import TYPES, Taken

# as in shim/harness.c
NONE, UNKNOWN, CRASHED = 255, 254, 253
ABSENT, HELD, DOMAIN, ODD = 0, 1, 2, 255
LOG, HEADER, EVENT, TRAIT = 65536, struct.Struct("<iBBBBQII"), 6, 8
ROWS = slice(20, 24)
PLACES = 4
LOCKED, UNLOCKED, CALLED, RETURNED, ENTRY, ARRAY, WROTE, NO_MEMORY, WARNED, ASKED = range(10)
KINDS = (
    *("attach", "replace", "detach", "handle_get", *RESETS, "mm_release", *GROUP, *HANDLE),
    *DEVICE,
)
LACKING: tuple[MayFail, ...] = (
    *("driver", "memory", "record", "reference", "domain id", "tag", "queue", "table"),
)
OURS, TAKES_PASIDS, NO_OWNER, IDENTITY, TAKES_FAULTS, THE_DEFAULT = 1, 2, 4, 8, 16, 32


class Made(NamedTuple):
    """One operation as read from its log."""

    result: int | str
    found: str | None
    events: tuple[Event, ...]
    taken: tuple[bool, ...]
    faults: int
    asked: tuple[tuple[int, MayFail], ...]
    """Each question: after how many events, and what might fail."""


class Library:
    """A shared object that :func:`.build.build` made, in this process."""

    def __init__(self, path: Path) -> None:
        self._dll = ctypes.CDLL(str(path))
        pointer, integer, octets = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
        words = ctypes.POINTER(ctypes.c_uint32)

        def function(name: str, result: Any, *arguments: Any) -> Any:
            found = getattr(self._dll, name)
            found.restype, found.argtypes = result, arguments
            return found

        self.boot = function(
            "shim_boot",
            pointer,
            *(integer, words, octets, integer, octets, words, octets),
            *(integer, octets, integer, words),
        )
        self.free = function("shim_free_world", None, pointer)
        self.load = function("shim_load", None, pointer, integer, octets)
        self.reset = function("shim_reset", None, pointer, octets)
        self.note = function("shim_note", None, pointer, octets, integer)
        self.run = function("shim_run", integer, pointer, octets, ctypes.c_uint64)
        self.warner = function("shim_warner", octets, integer)
        self.skip = function("shim_skip", None)
        self.log_to = function("shim_log_to", None, pointer)
        self.runs = 0
        """How many operations were run."""
        self.deadly: dict[int, str] = {}
        """The numbers of those that ended a process before, and how."""
        self.errors = (ctypes.c_int * 64).in_dll(self._dll, "shim_errors")
        """What each fault answers; 0: the harness chooses."""
        types = (ctypes.c_uint32 * len(TYPES)).in_dll(self._dll, "shim_types")
        self.types = dict(zip(TYPES, types, strict=True))
        self._log = ctypes.create_string_buffer(8 + LOG)
        self.log(memoryview(self._log).cast("B"))

    def log(self, log: memoryview) -> None:
        """Have the number of the operation (8 bytes) and its log written there."""
        self.view = log[8:]
        self.log_to(ctypes.addressof(ctypes.c_char.from_buffer(log)))


@dataclass(frozen=True)
class Linux:
    """A kernel tree's functions as an implementation.

    Args:
        name: what reports call it: ``linux-7.3.4``.
        library: the shared object.
        lacks: see :class:`.contract.implementation.Implementation`.
        release: the version that the tree's Makefile gives.
        said: the form of the interface, in words.
        functions: the functions that were taken from the tree.
        compiler: what compiled it.
        sanitized: whether sanitizers watch; it then runs only in a process that has them loaded.
        has: see :class:`.contract.implementation.Implementation`: nothing.
        habitat: likewise; the driver is the harness, which fits everywhere.
    """

    name: str
    library: Path
    lacks: frozenset[str]
    release: tuple[int, ...]
    said: tuple[str, ...] = ()
    functions: tuple[Taken, ...] = ()
    compiler: str = ""
    sanitized: bool = False
    has: frozenset[str] = frozenset()
    habitat: Habitat | None = None
    loaded: dict[str, Library] = field(default_factory=dict, compare=False, repr=False)

    def open(self) -> Library:
        """The shared object in this process."""
        if "" not in self.loaded:
            self.loaded[""] = Library(self.library)
        return self.loaded[""]

    def boot(self, setting: Setting, recorder: Recorder) -> KernelMachine:
        """Build the group in the shared object."""
        return KernelMachine(self.open(), setting, recorder)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "loaded": {}}


class KernelMachine:
    """One group of devices on which the kernel's functions are called."""

    known: ClassVar[dict[str, DomainSpec]] = {}
    """The domains that are there without anybody's naming them, besides the static ones."""
    spread: ClassVar[int] = 8
    """How far PASIDs lie apart: as many as share memory in the array, so that each needs its own;
    or in a table of the driver's."""

    def __init__(self, library: Library, setting: Setting, recorder: Recorder) -> None:
        self.library = library
        self.setting = setting
        self.recorder = recorder
        self.pasids = setting.pasids
        self.devices = [d.name for d in setting.devices]
        self.specs = {d.name: d for d in (*setting.domains, *setting.others)}
        specs = self.specs | self.known
        self.domains = list(dict.fromkeys(["blocked", "identity", *specs]))
        self.domain_at = {name: i for i, name in enumerate(self.domains)}
        self.by_script: dict[tuple[bool, ...], int] = {(): 0}
        self._operations: dict[Operation, bytes] = {}
        self._rows: dict[tuple[int, Row], bytes] = {}
        self._made: dict[bytes, Made] = {}
        self._tails: dict[bytes, tuple[Row, ...]] = {}
        self._in_turn = type(recorder).fails is not Recorder.fails
        flags, types = [], []
        for name in self.domains:
            known = specs.get(name)
            if known and name == "blocked":
                known = known._replace(takes_pasids=setting.blocks_pasids)
            flag = TAKES_PASIDS if known is None or known.takes_pasids else 0
            flag |= OURS if known is None or known.ours else 0
            flag |= NO_OWNER if name in ("blocked", "identity") else 0
            flag |= TAKES_FAULTS if known and known.iopf_handler else 0
            flag |= THE_DEFAULT if name == DEFAULT else 0
            flags.append(flag | (IDENTITY if name == "identity" else 0))
            types.append(library.types[known.type if known else name])
        if not setting.blocks_pasids:
            flags[0] &= ~TAKES_PASIDS
        self.numbers = self._spread()
        limits = [self.limit(d.max_pasids) for d in setting.devices]
        self.world = library.boot(
            len(self.devices),
            (ctypes.c_uint32 * len(limits))(*limits),
            b"".join(self.trait(name).ljust(TRAIT, b"\0") for name in self.devices),
            len(flags),
            bytes(flags),
            (ctypes.c_uint32 * len(types))(*types),
            bytes(map(self.kind, self.domains)),
            len(self.pasids),
            bytes(self.pasids),
            len(self.numbers),
            (ctypes.c_uint32 * len(self.numbers))(*self.numbers),
        )
        empty = Row(None, (None,) * len(self.devices))
        self._empty = empty
        self._is: list[Row] = [empty] * len(self.pasids)
        self._loaded: list[Row] = [empty] * len(self.pasids)
        self._resetting: tuple[str, ...] = ()
        self._notes: Notes = ()

    def __del__(self) -> None:
        if hasattr(self, "world"):
            self.library.free(self.world)

    def kind(self, domain: str) -> int:
        """Which kind a domain is, if its driver makes more than one."""
        return 0

    def trait(self, device: str) -> bytes:
        """What is particular about a device."""
        return b""

    def owner(self, who: str | None) -> int:
        """The number of somebody who claims a group; 0 if that is nobody."""
        return 0

    def limit(self, max_pasids: int) -> int:
        """The number of PASIDs here that leaves in range what is in range of the contract's."""
        return self.numbers[max_pasids - 1] + 1 if max_pasids else 0

    def _spread(self) -> list[int]:
        """For each PASID of the contract the one that is used here.

        They lie apart in the array, but the first that is out of range is the next one to the last
        that is not.
        """
        specs, limit = self.setting.devices, self.setting.limit
        last = max([d.max_pasids for d in specs] + [p + 1 for p in self.pasids])
        numbers = [0] + [(n + 1) * self.spread - 1 for n in range(1, last + 1)]
        if limit:
            numbers[limit] = numbers[limit - 1] + 1
        return numbers

    # States

    def load(self, state: State) -> None:
        """Put every PASID into this state, and these devices under reset."""
        for at, row in enumerate(state.rows):
            self._put(at, row)
        if state.resetting != self._resetting:
            self.library.reset(self.world, bytes(name in state.resetting for name in self.devices))
            self._resetting = state.resetting

    def restore(self, pasid: int, row: Row) -> None:
        """Put one PASID back."""
        if pasid in self.pasids:
            self._put(self.pasids.index(pasid), row)

    def _put(self, at: int, row: Row) -> None:
        if self._is[at] == row and self._loaded[at] == row:
            return
        known = self._rows.get((at, row))
        if known is None:
            known = self._rows[at, row] = self._encoded(at, row)
        self.library.load(self.world, at, known)
        self._is[at] = self._loaded[at] = row

    def _encoded(self, at: int, row: Row) -> bytes:
        slot, hardware = row
        if slot is None:
            first = bytes((ABSENT, 0))
        elif slot == RESERVED:
            first = bytes((HELD, 0))
        elif isinstance(slot, Entry):
            handle = 0 if slot.handle is None else 1 + at
            domain = self.domain_at.get(slot.domain)
            first = bytes((UNKNOWN if domain is None else DOMAIN + domain, handle))
        else:
            first = bytes((ODD, int(str(slot).rpartition(" ")[2])))
        return first + bytes(NONE if d is None else self.domain_at[d] for d in hardware)

    def row(self, pasid: int) -> Row:
        """How one PASID is now; one that is never attached is taken for empty."""
        return self._is[self.pasids.index(pasid)] if pasid in self.pasids else self._empty

    def notes(self) -> Notes:
        """Nothing, unless there is more than the harness as the driver."""
        return self._notes

    def resetting(self) -> tuple[str, ...]:
        """The devices that are under reset."""
        return self._resetting

    # Operations

    def run(self, operation: Operation) -> tuple[int | str, str | None]:
        """Call the function with the faults that the recorder's script says."""
        known = self._operations.get(operation)
        if known is None:
            known = self._operations[operation] = self._call(operation)
        made = (
            self._ask_in_turn(known) if self._in_turn else self._make(known, self.recorder.script)
        )
        self.recorder.answered(made.events, made.taken, made.faults)
        return made.result, made.found

    def _make(self, operation: bytes, script: tuple[bool, ...]) -> Made:
        library = self.library
        faults = self.by_script.get(script)
        if faults is None:
            faults = self.by_script[script] = sum(fails << i for i, fails in enumerate(script))
        library.runs += 1
        if library.deadly and library.runs in library.deadly:
            library.skip()
            return self._died(library.deadly[library.runs])
        end = library.run(self.world, operation, faults)
        view = library.view
        split = int.from_bytes(view[ROWS], sys.byteorder)
        log, tail = bytes(view[:split]), bytes(view[split:end])
        self._now(tail)
        made = self._made.get(log)
        if made is None:
            made = self._made[log] = self._read(log)
        return made

    def _ask_in_turn(self, operation: bytes) -> Made:
        """Make it again and again, with one more question answered by the recorder each time."""
        recorder, answers = self.recorder, list[bool]()
        errors = self.library.errors
        before = State(tuple(self._is), self._resetting, self._notes)
        made = self._make(operation, ())
        while len(answers) < len(made.taken):
            place, what = made.asked[len(answers)]
            recorder.events[:] = made.events[:place]
            error = recorder.fails(what)
            answers.append(bool(error))
            if error:
                errors[sum(answers) - 1] = error
                self.load(before)
                made = self._make(operation, tuple(answers))
        ctypes.memset(errors, 0, ctypes.sizeof(errors))
        return made

    def _died(self, how: str) -> Made:
        self._is[:] = self._loaded
        return Made(f"crashed: {how}", None, (), (), 0, ())

    def _call(self, operation: Operation) -> bytes:
        kind, device, pasid, domain, handle, type_, who = operation
        handles = {None: NONE, NEW: PLACES}
        if handle == PUBLISHED:
            handles[PUBLISHED] = self.pasids.index(pasid)
        return struct.pack(
            "<5BI",
            KINDS.index(kind),
            UNKNOWN if device == STRAY else self.devices.index(device),
            pasid,
            self.domain_at[domain] if domain is not None else 0,
            handles[handle],
            self.library.types[type_] if type_ else self.owner(who),
        )

    # Reading the log

    def _now(self, tail: bytes) -> None:
        """Take note of how things are after an operation."""
        rows = self._tails.get(tail)
        if rows is None:
            rows = self._tails[tail] = self._read_rows(tail)
        self._is[:] = rows

    def _read_rows(self, tail: bytes) -> tuple[Row, ...]:
        rows, width = list[Row](), 2 + len(self.devices)
        for at in range(0, width * len(self.pasids), width):
            hardware = tuple(self._domain(b) for b in tail[at + 2 : at + width])
            rows.append(Row(self._slot(tail[at], tail[at + 1]), hardware))
        return tuple(rows)

    def _read(self, log: bytes) -> Made:
        number, found, crashed, asked, faults, answers, end, _ = HEADER.unpack_from(log)
        events, questions = list[Event](), list[tuple[int, MayFail]]()
        for first in range(HEADER.size, end, EVENT):
            kind, *parts = log[first : first + EVENT]
            if kind == ASKED:
                questions.append((len(events), LACKING[parts[0]]))
            else:
                events.append(self._event(kind, parts))
        result: int | str = number
        if crashed:
            result = f"crashed: {log[end:].decode(errors='replace')}"
        return Made(
            result,
            self._handle(found),
            tuple(events),
            tuple(bool(answers >> i & 1) for i in range(asked)),
            faults,
            tuple(questions),
        )

    def _event(self, kind: int, parts: list[int]) -> Event:
        a, b, c, d, e = parts
        if kind == LOCKED:
            return ("lock",)
        if kind == UNLOCKED:
            return ("unlock",)
        if kind == CALLED:
            reader = self._handle(e) if self.setting.handles else self._domain(e)
            if e == CRASHED:
                reader = "crashed: it waits for ever"
            return ("call", self._device(a), self._domain(b), self._domain(c), d, reader)
        if kind == RETURNED:
            return ("return", self._device(a), b)
        if kind == ENTRY:
            return ("entry", self._device(a), b, self._domain(c))
        if kind == ARRAY:
            slot = self._slot(b, c)
            return ("array", a, tuple(slot) if isinstance(slot, Entry) else slot)
        if kind == WROTE:
            return ("handle", self._handle(a), self._domain(b))
        return ("no memory",) if kind == NO_MEMORY else ("warn", "WARN")

    def _slot(self, first: int, second: int) -> Slot:
        if first == ABSENT:
            return None
        if first == HELD:
            return RESERVED
        if first == ODD:
            return f"neither a domain nor a handle {second}"
        domain = self._domain(first if first == UNKNOWN else first - DOMAIN)
        return Entry(str(domain), self._handle(second - 1) if second else None)

    def _device(self, number: int) -> str:
        if number < len(self.devices):
            return self.devices[number]
        return STRAY

    def _domain(self, number: int) -> str | None:
        if number == NONE:
            return None
        return self.domains[number] if number < len(self.domains) else NO_DOMAIN

    def _handle(self, number: int) -> str | None:
        if number == NONE:
            return None
        return NEW if number == PLACES else PUBLISHED if number < PLACES else "unknown"
