# SPDX-License-Identifier: GPL-2.0-only
"""Read a vector, and take nothing on trust: its author may be anybody, and its file anything."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..contract.clause import CLAUSES
from ..contract.facts import DEFAULT, GroupFacts
from ..contract.step import IOMMUFD, STRAY, SVA, DeviceSpec, DomainSpec, Entry, TableSpec
from ..model.capability import Capability
from .operations import ANSWERS, FLAGS, NEEDS, ODD, OPERATIONS
from .table import MISSING, NONE, UNDEFINED, Table, VectorError, fits_id, shown
from .vector import (
    FORMAT,
    SIMPLE,
    DriverCall,
    Expected,
    Fault,
    Group,
    Pasid,
    Process,
    Situation,
    Vector,
)

PASID = (r"[1-9]\d{0,6}", r"0|[1-9]\d{0,6}")
LARGEST_FILE = 64 * 1024
"""Bytes; a vector is a screenful."""
LONGEST_LINE = 1000
"""Bytes; also, keys of thousands of parts take a parser of TOML minutes."""
MOST_PASIDS = 1 << 20
"""PASIDs have 20 bits."""
TYPES = ("paging", "sva", "nested", "identity", "blocked")
STATIC = {"identity", "blocked"}
LACKED = ("driver", "record", "reference", "domain id", "tag", "queue", "table")
FAMILIES = ("", "vtd", "smmuv3", "amd", "mock")
KINDS = {"ioas": "", "queue": "", "paging": "ioas", "nested": "paging"}
"""What a user of iommufd can make, and of what."""
DATA = ("", "dirty")
DRIVERS = (SIMPLE, "vtd-repaired", "vtd", "vtd-in-place", "smmuv3", "amd", "mock")
VERDICT = re.compile(r"holds|differs|lacks [\w -]{1,40}|breaks [A-Z]+-\d+(, [A-Z]+-\d+)*")


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
        user: tuple[TableSpec, ...] = ()
        if table.has("user"):
            with table.table("user") as part:
                user = _tables(part)
        checker = Checker(who, user)
        with table.table("initial", {}) as part:
            checker.begin(part)
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
    return Vector(
        name, title, clauses, sources, who, initial, steps, final, verdict, note, data, user
    )


def _group(table: Table) -> Group:
    devices = []
    for each in table.tables("devices", 8):
        with each:
            devices.append(
                DeviceSpec(
                    each.name("name"),
                    each.number("max_pasids", 0, MOST_PASIDS),
                    each.flag("ats", True),
                    each.flag("require_direct", False),
                    each.flag("defers", False),
                    _capability(each),
                )
            )
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


def _capability(table: Table) -> Capability | None:
    if not table.has("capability"):
        return None
    with table.table("capability") as part:
        bits, physfn = (
            part.number(field, 0, 20) if part.has(field) else None for field in ("bits", "physfn")
        )
        return Capability(bits, part.number("iommu", 0, MOST_PASIDS), physfn)


def _tables(table: Table) -> tuple[TableSpec, ...]:
    made: dict[str, TableSpec] = {}
    for each in table.tables("tables", 12):
        with each:
            name, kind = each.name("name"), each.one_of("kind", KINDS)
            of = each.name("of") if each.has("of") else ""
            fault = each.name("fault") if each.has("fault") else ""
            spec = TableSpec(
                name,
                kind,
                of,
                each.flag("pasid", False),
                each.flag("parent", False),
                fault,
                each.one_of("data", DATA, ""),
            )
        if name in made or name in (NONE, STRAY):
            raise table.wrong(f"has two tables named {name}, or a word with a meaning of its own")
        for what, wanted in ((of, KINDS[kind]), (fault, "queue" if fault else "")):
            if what and what not in made:
                raise table.wrong(f"has {name} of {what}, which is not made before it")
            if (made[what].kind if what else "") != wanted:
                raise table.wrong(f"has {name} of {what or NONE}, not of {wanted or NONE}")
        if kind == "nested" and not made[of].parent:
            raise table.wrong(f"has {name} nested on {of}, which is no parent")
        made[name] = spec
    if not made:
        raise table.wrong("has no table")
    return tuple(made.values())


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

    def __init__(self, group: Group, user: tuple[TableSpec, ...] = ()) -> None:
        self.group = group
        self.user = bool(user)
        self.processes: set[str] = set()
        self.limits = {each.name: each.max_pasids for each in group.devices}
        self.capable = {name: limit for name, limit in self.limits.items() if limit}
        self.domains = {each.name for each in group.domains}
        self.whole = False
        """Whether traffic without a PASID is part of it."""

    def begin(self, table: Table) -> None:
        """See whether traffic without a PASID is part of it: it then has a default domain."""
        self.whole = table.has("group")
        if self.whole:
            self.domains.add(DEFAULT)
        if self.whole and self.user:
            raise table.wrong("tells of a group, but there is a [user], who owns it")

    def facts(self, table: Table) -> GroupFacts:
        """What a group is besides."""
        with table.table("group", {}) as part:
            members = part.texts("members", 8, tuple(self.limits))
            domain = (
                self.domain(part, "domain", NONE, "blocked", "identity")
                if part.has("domain")
                else DEFAULT
            )
            with part.table("reset_depth", {}) as depth:
                resets = [name for name in self.limits if depth.has(name)]
                depths = [(name, depth.number(name, 1, 64)) for name in resets]
            found = GroupFacts(
                members,
                _or_none(domain),
                part.flag("blocking", False),
                part.name("owner", "") or None,
                part.number("owner_cnt", 0, 64, 0),
                part.number("recovery_cnt", 0, 64, 0),
                tuple(depths),
                part.texts("deferred", 8, ()),
                default=DEFAULT if part.flag("default", True) else None,
            )
        for name in (*found.members, *found.deferred):
            if name not in self.limits:
                raise table.wrong(f"has {shown(name)} in its group, which is no device")
        return found

    def users(self, table: Table, process: str) -> Iterator[tuple[str, int]]:
        """How many groups have each of a process' domains, in the order of its list."""
        for name, count in table.rest(2).items():
            if name not in (process, f"{process}'"):
                raise table.wrong(f"has {shown(name)}, which is no domain of process {process}")
            if type(count) is not int or not 1 <= count <= 64:
                raise table.wrong(f"has {name} = {shown(count)}, not a number from 1 to 64")
            yield name, count

    def domain(self, table: Table, field: str, *more: str) -> str:
        """The name of a domain; a user's may also be made for an address space."""
        if self.user and not table.says(field, *more):
            return table.id(field)
        return table.one_of(field, [*sorted(self.domains), *more])

    def situation(self, table: Table) -> Situation:
        """A group between two calls."""
        pasids: dict[int, Pasid] = {}
        processes = self.told_processes(table)
        with table.table("pasid", {}) as rows:
            for key, data in rows.rest(16).items():
                if not re.fullmatch(PASID[self.whole or self.user], key) or int(key) >= MOST_PASIDS:
                    raise rows.wrong(f"has {shown(key)}, not a PASID below {MOST_PASIDS}")
                with Table(data, f"PASID {key} of {table.where}") as row:
                    pasids[int(key)] = self.pasid(row)
        resetting = table.texts("resetting", 8, ())
        for name in resetting:
            if name not in self.limits:
                raise table.wrong(f"has {shown(name)} under reset, which is no device of the group")
        facts = self.facts(table) if self.whole else None
        return Situation(pasids, resetting, facts, tuple(self.notes(table)), processes)

    def told_processes(self, table: Table) -> dict[str, Process]:
        """The processes, whose memory is shared under their name."""
        found = {}
        with table.table("process", {}) as rows:
            for name, data in rows.rest(8).items():
                if not re.fullmatch(r"[a-z]", name):
                    raise rows.wrong(f"has {shown(name)}, not a process named by a small letter")
                with Table(data, f"process {name} of {table.where}") as row:
                    with row.table("domains", {}) as part:
                        users = dict(self.users(part, name))
                    found[name] = Process(
                        row.number("pasid", 1, MOST_PASIDS - 1) if row.has("pasid") else None,
                        row.flag("compatible", True),
                        users,
                        row.number("bound", 0, 64, 0),
                    )
        if found and (self.whole or self.user):
            raise table.wrong("has processes, but it is about more than attached PASIDs")
        self.processes |= found.keys()
        self.domains |= {each for name in found for each in (name, f"{name}'")}
        return found

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
                if name not in (self.limits if self.whole or self.user else self.capable):
                    raise part.wrong(f"has {shown(name)}, which is no device with PASIDs")
                names = {domain} if self.user and fits_id(domain) else self.domains
                if not isinstance(domain, str) or domain not in names - {"blocked"}:
                    raise part.wrong(f"has {shown(domain)}, which is no domain of the group")
                hardware[name] = domain
        return Pasid(entry, hardware)

    def beginning(self, initial: Situation) -> None:
        """Whether a group can be like that before the first step."""
        handles: set[str] = set()
        if self.user and initial.pasids:
            raise VectorError("[initial] has something attached, but a [user] begins with nothing")
        for pasid, (entry, hardware) in initial.pasids.items():
            if self.whole:
                continue
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
        if self.user != (operation in IOMMUFD) and operation != "handle_get":
            has = "is a [user], who does not" if self.user else "is no [user] to"
            raise table.wrong(f"has the operation {operation}, but there {has} make this call")
        if operation in SVA and not self.processes:
            raise table.wrong(f"has the operation {operation}, but there is no process")
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
            _or_none(table.text("found", "", 40) if self.user else table.name("found", "")),
            tuple(calls),
            table.number("warns", 0, 64, 0),
        )

    def argument(self, table: Table, field: str) -> Any:
        """One argument of an operation."""
        if field == "pasid":
            return table.number("pasid", 0, MOST_PASIDS - 1)
        if field == "who":
            return table.one_of("who", self.processes) if self.processes else table.name("who")
        if field in ("table", "queue"):
            return table.id(field)
        if field in ("answer", "odd"):
            return table.one_of(field, ANSWERS if field == "answer" else ODD)
        if field == "flags":
            flags = table.text("flags", longest=60)
            if not FLAGS.fullmatch(flags):
                raise table.wrong(f'has flags = {shown(flags)}, not such as "pasid" or "parent Q"')
            return flags
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
        if table.has("need"):
            return Fault(
                table.error("error"),
                nth=table.number("nth", 1, 64, 1),
                need=table.one_of("need", NEEDS),
                if_asked=table.flag("if_asked", False),
            )
        return Fault(
            table.error("error"),
            table.one_of("device", self.limits if self.whole or self.user else self.capable),
            self.domain(table, "domain", "blocked"),
            table.number("nth", 1, 64, 1),
            table.one_of("at", LACKED, "driver").replace("driver", ""),
            if_asked=table.flag("if_asked", False),
        )

    def call(self, table: Table, pasid: int) -> DriverCall:
        """One expected call of a driver."""
        zero = self.whole or self.user
        return DriverCall(
            table.one_of("device", self.limits),
            self.domain(table, "domain", "blocked"),
            _or_none(self.domain(table, "old", "blocked", NONE)),
            _or_none(table.id("sees") if self.user else table.name("sees")),
            table.outcome("result"),
            table.number(
                "pasid", 1 - zero, MOST_PASIDS - 1, pasid if pasid or zero else MISSING
            ),
        )


def _or_none(name: str) -> str | None:
    return None if name in (NONE, "") else name
