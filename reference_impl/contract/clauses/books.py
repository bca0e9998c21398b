# SPDX-License-Identifier: GPL-2.0-only
"""What iommufd has noted, read from a step's facts, and which clause is the first to refuse a call.

The facts are those of :mod:`reference_impl.contract.iommufd`.
"""

from __future__ import annotations

import errno
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from ...model.objects import EVERY_PASID, NO_PASID
from ..clause import CLAUSES, Verdict
from ..setting import Setting, TableSpec
from ..step import Entry, Notes, Step
from .checks import once, outcome


class Record(NamedTuple):
    """What a PASID is attached to, and for which devices."""

    table: str
    devices: tuple[str, ...]


class Request(NamedTuple):
    """A page request without an answer."""

    queue: str
    device: str
    pasid: int
    handle: int | None
    place: str


class Books(NamedTuple):
    """All that iommufd has noted at one moment."""

    records: dict[int, Record]
    users: Counter[str]
    autos: dict[str, str]
    reserved: frozenset[tuple[str, str]]
    requests: tuple[Request, ...]
    files: dict[str, tuple[bool, frozenset[int]]]
    gone: frozenset[str]
    made: dict[str, TableSpec]
    keeps_tables: bool

    def attached(self) -> set[int]:
        """The PASIDs that are attached, DMA without one left out."""
        return set(self.records) - {NO_PASID}


@cache
def read(notes: Notes) -> Books:
    """Read the facts. Who gets the books only reads them."""
    keeps = ("keeps tables", EVERY_PASID) in notes
    books = Books({}, Counter(), {}, frozenset(), (), {}, frozenset(), {}, keeps)
    gone: set[str] = set()
    reserved: set[tuple[str, str]] = set()
    requests: list[tuple[int, Request]] = []
    fact: Any
    for fact in notes:
        kind, _, *what = fact
        match kind:
            case "attachment":
                books.records[what[0]] = Record(*what[1:])
            case "users":
                books.users[what[0]] = what[1]
            case "auto":
                books.autos[what[0]] = what[1]
            case "reserved":
                reserved.add(tuple(what))
            case "request":
                requests.append((what[1], Request(what[0], *what[2:])))
            case "made":
                books.made[what[0]] = TableSpec(*what)
            case "gone":
                gone.add(what[0])
            case "file":
                books.files[what[0]] = (what[1], frozenset(what[2]))
    ordered = tuple(request for _, request in sorted(requests, key=lambda each: each[0]))
    return books._replace(reserved=frozenset(reserved), requests=ordered, gone=frozenset(gone))


def before(step: Step) -> Books:
    """The books before the call."""
    return read(step.notes_before)


def after(step: Step) -> Books:
    """The books after it."""
    return read(step.notes_after)


def spec(setting: Setting, books: Books, id: str | None) -> TableSpec | None:
    """What an id stands for, tables of iommufd's own included; None if nobody has been given it."""
    if id in books.autos:
        return TableSpec(str(id), "paging", books.autos[str(id)])
    if id in books.made:
        return books.made[str(id)]
    if id in books.gone:
        return None
    return next((each for each in setting.tables if each.id == id), None)


def table(step: Step, id: str) -> TableSpec:
    """A table that is there, before the call or after it."""
    found = spec(step.setting, before(step), id) or spec(step.setting, after(step), id)
    assert found is not None
    return found


def space(step: Step, id: str) -> str:
    """The address space that a table translates, its parent's if it is nested."""
    of = table(step, id)
    return space(step, of.of) if of.kind == "nested" else of.of


def noiommu(device: str) -> bool:
    """Whether nothing translates for a device of this name."""
    return device.startswith("raw")


@once
def refusal(step: Step) -> str | None:
    """The clause that must refuse this attach or replace, memory aside; None if none does."""
    return refusing(step, step.operation.kind == "iommufd_attach")


def refusing(step: Step, attaches: bool) -> str | None:
    """The clause that must refuse an attach or a replace with these arguments."""
    op, books = step.operation, before(step)
    pt = spec(step.setting, books, op.domain)
    if pt is None:
        return "IFD-1"
    if pt.kind == "queue":
        return "IFD-2"
    record = books.records.get(op.pasid)
    if attaches:
        if record and op.device in record.devices:
            return "IFD-3"
        if record:
            return None if same(books, record, pt) else "IFD-4"
    else:
        if record is None:
            return "IFD-5"
        if op.device not in record.devices:
            return "IFD-6"
        if same(books, record, pt):
            return None
    return incompatible(step, pt)


def same(books: Books, record: Record, pt: TableSpec) -> bool:
    """Whether the id stands for the table that the record names."""
    return pt.id in (record.table, books.autos.get(record.table))


def incompatible(step: Step, pt: TableSpec) -> str | None:
    """Which clause says that a device cannot have this table with this PASID."""
    op, books = step.operation, before(step)
    if pt.fault and op.device.startswith("vf"):
        return "IFD-8"
    if op.pasid == NO_PASID:
        return "IFD-10" if not pt.pasid and books.attached() else None
    if pt.kind == "ioas":
        return "IFD-11"
    without = books.records.get(NO_PASID)
    if not pt.pasid or (without and not table(step, without.table).pasid):
        return "IFD-9"
    return None


def hindered(step: Step) -> bool:
    """Whether something failed that can fail or not: memory, a driver, a copy."""
    return any(event[0] in ("no memory", "no") for event in step.events)


def first_failure(step: Step) -> int:
    """The errno of what failed first of all that can fail or not; 0 if nothing did."""
    for event in step.events:
        if event[0] == "return" and event[2]:
            return int(str(event[2]))
        if event == ("no memory",) or (event[0] == "no" and event[1] != "driver"):
            return errno.EFAULT if event[1:] == ("copy",) else errno.ENOMEM
    return 0


def undoing_failed(step: Step) -> bool:
    """Whether a driver failed after something else had failed: it could not go back, or block."""
    drivers = sum(bool(call.error) for call in step.calls)
    others = sum(event[0] in ("no memory", "no") for event in step.events)
    others -= step.events.count(("no", "driver"))
    return drivers > 0 and drivers + others > 1


def repaired(step: Step) -> bool:
    """Whether all that has changed is that devices which were blocked have what the array names."""
    (slot, was), (left, now) = step.before, step.after
    named = slot.domain if isinstance(slot, Entry) else None
    both = zip(was, now, strict=True)
    return slot == left and all(a == b or (a is None and b == named) for a, b in both)


def refused_here(step: Step, id: str) -> Verdict:
    """Whether iommufd refuses as clause *id* says, with no driver asked and nothing changed."""
    if refusal(step) != id or hindered(step):
        return None
    return refused_with(step, str(CLAUSES[id].refuses))


def refused_with(step: Step, name: str) -> Verdict:
    """Whether the call was refused with this errno, and nothing happened."""
    if step.result != -getattr(errno, name):
        return f"the call must be refused with -{name}, but {outcome(step)}"
    if step.calls:
        return f"a driver was asked before the call was refused: {step.calls[0].device}"
    return unchanged(step)


def unchanged(step: Step) -> Verdict:
    """Whether the call has left no trace."""
    if before(step) is not after(step):  # the same facts are read once
        for what, was, now in zip(Books._fields, before(step), after(step), strict=True):
            if was != now:
                return f"{NAMES.get(what, f'the {what}')} have changed"
    if step.after != step.before or step.elsewhere:
        return "the array or the hardware has changed"
    return True


NAMES = {
    "records": "the attachments",
    "autos": "the tables that iommufd has made",
    "reserved": "the regions that are kept free",
    "requests": "the page requests",
    "files": "the books of the files",
    "gone": "the objects that are there",
}


def changed_pt(step: Step) -> str | None:
    """The table that an attach or replace took, where it did more than find that it is there."""
    op = step.operation
    record = after(step).records.get(op.pasid)
    if step.result != 0 or record is None:
        return None
    return record.table if before(step).records.get(op.pasid) != record else None
