# SPDX-License-Identifier: GPL-2.0-only
"""Read what a vector says of situations and steps: everything that names somebody of its group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..contract.facts import DEFAULT, GroupFacts
from ..contract.setting import IOMMUFD, STRAY, SVA, TableSpec
from ..contract.step import Entry
from .operations import ANSWERS, FLAGS, NEEDS, ODD, OPERATIONS
from .table import MISSING, NONE, Table, VectorError, fits_id, shown
from .vector import SIMPLE, DriverCall, Expected, Fault, Group, Pasid, Process, Situation

PASID = (r"[1-9]\d{0,6}", r"0|[1-9]\d{0,6}")
MOST_PASIDS = 1 << 20
"""PASIDs have 20 bits."""
TYPES = ("paging", "sva", "nested", "identity", "blocked")
LACKED = ("driver", "record", "reference", "domain id", "tag", "queue", "table")


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
            table.number("pasid", 1 - zero, MOST_PASIDS - 1, pasid if pasid or zero else MISSING),
        )


def _or_none(name: str) -> str | None:
    return None if name in (NONE, "") else name
