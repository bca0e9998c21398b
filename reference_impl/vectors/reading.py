# SPDX-License-Identifier: GPL-2.0-only
"""Read a vector, and take nothing on trust: its author may be anybody, and its file anything."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.clause import CLAUSES
from ..contract.step import STRAY, DeviceSpec, DomainSpec, Entry
from .table import MISSING, NONE, UNDEFINED, Table, VectorError, shown
from .vector import FORMAT, SIMPLE, DriverCall, Expected, Fault, Group, Pasid, Situation, Vector

LARGEST_FILE = 64 * 1024
"""Bytes; a vector is a screenful."""
LONGEST_LINE = 1000
"""Bytes; also, keys of thousands of parts take a parser of TOML minutes."""
MOST_PASIDS = 1 << 20
"""PASIDs have 20 bits."""
TYPES = ("paging", "sva", "nested", "identity", "blocked")
STATIC = {"identity", "blocked"}
LACKED = ("driver", "record", "domain id", "tag", "queue", "table")
FAMILIES = ("", "vtd", "smmuv3", "amd", "mock")
DRIVERS = (SIMPLE, "vtd-repaired", "vtd", "vtd-in-place", "smmuv3", "amd", "mock")
VERDICT = re.compile(r"holds|differs|lacks [\w -]{1,40}|breaks [A-Z]+-\d+(, [A-Z]+-\d+)*")


class Kind(NamedTuple):
    """The arguments of one kind of operation."""

    needs: tuple[str, ...]
    may_have: tuple[str, ...] = ()


OPERATIONS: dict[str, Kind] = {
    "attach": Kind(("device", "pasid", "domain"), ("handle",)),
    "replace": Kind(("device", "pasid", "domain"), ("handle",)),
    "detach": Kind(("device", "pasid", "domain")),
    "handle_get": Kind(("pasid",), ("type",)),
    "reset_prepare": Kind(("device",)),
    "reset_done": Kind(("device",)),
    "mm_release": Kind(("domain",)),
}
"""What can be asked. A new kind of operation is a new entry; no old vector changes."""


def read(path: Path) -> Vector:
    """Read a vector from a file.

    Raises:
        VectorError: it is none; the message begins with the path.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise VectorError(f"{path}: {error.strerror}") from None
    try:
        return parse(data, path.stem)
    except VectorError as error:
        raise VectorError(f"{path}: {error}") from None


def parse(data: bytes, name: str) -> Vector:
    """Make a vector of what stands in a file.

    Raises:
        VectorError: it is none.
    """
    if len(data) > LARGEST_FILE:
        raise VectorError(f"more than {LARGEST_FILE // 1024} KiB; a vector is a screenful")
    if max(map(len, data.split(b"\n"))) > LONGEST_LINE:
        raise VectorError(f"a line of more than {LONGEST_LINE} bytes; a vector is to be read")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise VectorError(f"byte {error.start} is not UTF-8 text") from None
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise VectorError("not TOML that anybody wrote: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits is not a TOMLDecodeError
        raise VectorError(f"not TOML: {' '.join(str(error).split())[:160]}") from None
    return vector(table, name)


def vector(data: dict[str, Any], name: str) -> Vector:
    """Make a vector of a table.

    Raises:
        VectorError: it is none.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name):
        raise VectorError(f"its name {shown(name)} is not one of small letters, digits and dashes")
    with Table(data, "the file") as table:
        version = table.number("format", 0, 1 << 31)
        if version != FORMAT:
            raise VectorError(f"its format is {version}; this program reads format {FORMAT}")
        title = table.text("title", longest=120)
        clauses = table.texts("clauses", 16)
        for id in clauses:
            if id not in CLAUSES:
                raise VectorError(f"there is no clause {shown(id)}; pasid-spec explain lists them")
        sources = table.texts("sources", 16)
        if not clauses or not sources:
            raise VectorError("a vector names its clauses and its sources")
        note = table.text("note", "", 900)
        with table.table("group") as part:
            who = _group(part)
        checker = Checker(who)
        with table.table("initial", {}) as part:
            initial = checker.situation(part)
            checker.beginning(initial)
        steps = tuple(checker.steps(table.tables("step", 16), initial))
        if not steps:
            raise VectorError("a vector has a step")
        if any(step.result == UNDEFINED for step in steps[:-1]):
            raise VectorError("nothing can follow a step whose result is undefined")
        with table.table("final", {}) as part:
            final = checker.situation(part)
        with table.table("verdict", {}) as part:
            verdict = _verdict(part)
    return Vector(name, title, clauses, sources, who, initial, steps, final, verdict, note, data)


def _group(table: Table) -> Group:
    devices = []
    for each in table.tables("devices", 8):
        with each:
            devices.append(DeviceSpec(each.name("name"), each.number("max_pasids", 0, MOST_PASIDS)))
    domains = []
    for each in table.tables("domains", 12):
        with each:
            domains.append(
                DomainSpec(
                    each.name("name"),
                    each.one_of("type", TYPES, "paging"),
                    each.flag("ours", True),
                    each.flag("takes_pasids", True),
                    each.flag("page_requests", False),
                    each.text("kind", "", 40),
                )
            )
    if not devices:
        raise table.wrong("has no device")
    names = [each.name for each in devices] + [spec.name for spec in domains]
    for name in names:
        if names.count(name) > 1:
            raise table.wrong(f"has two things named {name}")
        if name in (NONE, STRAY):
            raise table.wrong(f"has something named {name}, a word with a meaning of its own")
    for spec in domains:
        if spec.name != spec.type and {spec.name, spec.type} & STATIC:
            raise table.wrong(f"has {spec.name} of type {spec.type}; a static domain has its name")
    return Group(
        tuple(devices),
        tuple(domains),
        table.one_of("driver", DRIVERS, SIMPLE),
        table.one_of("family", FAMILIES, ""),
        table.flag("blocked_takes_pasids", True),
    )


def _verdict(table: Table) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, said in table.rest(64).items():
        if not isinstance(said, str) or not VERDICT.fullmatch(said):
            raise table.wrong(
                f'says {shown(said)} of {shown(name)}, not "holds", "differs", "breaks CLAUSE" or '
                '"lacks …"'
            )
        found[str(name)] = said
    return found


class Checker:
    """Reads what names devices, domains and handles, and knows which there are."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.limits = {each.name: each.max_pasids for each in group.devices}
        self.capable = {name: limit for name, limit in self.limits.items() if limit}
        self.domains = {each.name for each in group.domains}

    def domain(self, table: Table, field: str, *more: str) -> str:
        """The name of a domain."""
        return table.one_of(field, [*sorted(self.domains), *more])

    def situation(self, table: Table) -> Situation:
        """A group between two calls."""
        pasids: dict[int, Pasid] = {}
        with table.table("pasid", {}) as rows:
            for key, data in rows.rest(16).items():
                if not re.fullmatch(r"[1-9]\d{0,6}", key) or int(key) >= MOST_PASIDS:
                    raise rows.wrong(f"has {shown(key)}, not a PASID below {MOST_PASIDS}")
                with Table(data, f"PASID {key} of {table.where}") as row:
                    pasids[int(key)] = self.pasid(row)
        resetting = table.texts("resetting", 8, ())
        for name in resetting:
            if name not in self.limits:
                raise table.wrong(f"has {shown(name)} under reset, which is no device of the group")
        return Situation(pasids, resetting, tuple(self.notes(table)))

    def notes(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """What a driver has noted."""
        for fact in table.take("notes", []) if table.has("notes") else ():
            if (
                not isinstance(fact, list)
                or len(fact) != 3
                or not all(isinstance(part, str) and len(part) <= 24 for part in fact)
            ):
                raise table.wrong("has notes that are not lists of three words")
            if self.group.driver == SIMPLE:
                raise table.wrong("has notes, but a simple driver notes nothing")
            yield tuple(fact)

    def pasid(self, table: Table) -> Pasid:
        """One PASID's entry and hardware."""
        entry = None
        if table.has("array"):
            with table.table("array") as part:
                entry = Entry(self.domain(part, "domain"), part.name("handle", "") or None)
        hardware = {}
        with table.table("hardware", {}) as part:
            for name, domain in part.rest(8).items():
                if name not in self.capable:
                    raise part.wrong(f"has {shown(name)}, which is no device with PASIDs")
                if not isinstance(domain, str) or domain not in self.domains - {"blocked"}:
                    raise part.wrong(f"has {shown(domain)}, which is no domain of the group")
                hardware[name] = domain
        return Pasid(entry, hardware)

    def beginning(self, initial: Situation) -> None:
        """Whether a group can be like that before the first step."""
        handles: set[str] = set()
        for pasid, (entry, hardware) in initial.pasids.items():
            where = f"[initial] contradicts itself: PASID {pasid}"
            if entry is None and hardware:
                raise VectorError(f"{where} is not attached, but {min(hardware)} reaches something")
            if entry is None:
                continue
            for name, domain in hardware.items():
                if domain != entry.domain:
                    raise VectorError(
                        f"{where} is attached to {entry.domain}, but {name} reaches {domain}"
                    )
                if name in initial.resetting:
                    raise VectorError(f"{where} reaches something on {name}, which is under reset")
            for name, limit in self.capable.items():
                if pasid >= limit:
                    raise VectorError(f"{where} is attached, but {name} has only {limit} PASIDs")
            if entry.handle in handles:
                raise VectorError(f"{where} has the handle {entry.handle} of another PASID")
            if entry.handle:
                handles.add(entry.handle)

    def steps(self, tables: list[Table], initial: Situation) -> Iterator[Expected]:
        """Each step; a handle belongs to one PASID."""
        homes = {row.entry.handle: p for p, row in initial.pasids.items() if row.entry}
        for table in tables:
            with table:
                step = self.step(table)
            handle = step.arguments.get("handle")
            if handle and homes.setdefault(handle, step.pasid) != step.pasid:
                raise table.wrong(f"has the handle {handle} of PASID {homes[handle]}")
            yield step

    def step(self, table: Table) -> Expected:
        """One operation and what is expected of it."""
        operation = table.one_of("operation", OPERATIONS)
        kind = OPERATIONS[operation]
        arguments: dict[str, Any] = {}
        for field in (*kind.needs, *kind.may_have):
            if field in kind.needs or table.has(field):
                arguments[field] = self.argument(table, field)
        pasid = arguments.get("pasid", 0)
        faults = []
        for each in table.tables("faults", 8, []):
            with each:
                faults.append(self.fault(each))
        calls = []
        for each in table.tables("calls", 64, []):
            with each:
                calls.append(self.call(each, pasid))
        return Expected(
            operation,
            arguments,
            tuple(faults),
            table.result("result"),
            _or_none(table.name("found", "")),
            tuple(calls),
            table.number("warns", 0, 64, 0),
        )

    def argument(self, table: Table, field: str) -> Any:
        """One argument of an operation."""
        if field == "pasid":
            return table.number("pasid", 0, MOST_PASIDS - 1)
        if field == "device":
            return table.one_of("device", [*self.limits, STRAY])
        if field == "domain":
            return self.domain(table, "domain")
        if field == "type":
            return table.one_of("type", TYPES)
        return table.name(field)

    def fault(self, table: Table) -> Fault:
        """One thing that fails."""
        if table.has("allocation"):
            return Fault(
                table.one_of("error", ["ENOMEM"]),
                nth=table.number("allocation", 1, 64),
                allocation=True,
                if_asked=table.flag("if_asked", False),
            )
        return Fault(
            table.error("error"),
            table.one_of("device", self.capable),
            self.domain(table, "domain", "blocked"),
            table.number("nth", 1, 64, 1),
            table.one_of("at", LACKED, "driver").replace("driver", ""),
            if_asked=table.flag("if_asked", False),
        )

    def call(self, table: Table, pasid: int) -> DriverCall:
        """One expected call of a driver."""
        return DriverCall(
            table.one_of("device", self.limits),
            self.domain(table, "domain", "blocked"),
            _or_none(self.domain(table, "old", "blocked", NONE)),
            _or_none(table.name("sees")),
            table.outcome("result"),
            table.number("pasid", 1, MOST_PASIDS - 1, pasid or MISSING),
        )


def _or_none(name: str) -> str | None:
    return None if name in (NONE, "") else name
