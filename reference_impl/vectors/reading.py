# SPDX-License-Identifier: GPL-2.0-only
"""Read a vector, and take nothing on trust: its author may be anybody, and its file anything."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from ..contract.clause import CLAUSES
from ..contract.setting import STRAY, DeviceSpec, DomainSpec, TableSpec
from ..model.capability import Capability
from .checking import MOST_PASIDS, TYPES, Checker
from .table import NONE, UNDEFINED, Table, VectorError, shown
from .vector import (
    FORMAT,
    SIMPLE,
    Group,
    Vector,
)

LARGEST_FILE = 64 * 1024
"""Bytes; a vector is a screenful."""
LONGEST_LINE = 1000
"""Bytes; also, keys of thousands of parts take a parser of TOML minutes."""
STATIC = {"identity", "blocked"}
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
        if not stat.S_ISREG(path.stat().st_mode):  # of a pipe, one might wait for ever
            raise VectorError(f"{path}: no file, but a directory, a pipe or a device")
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
    if text.startswith("\ufeff"):
        raise VectorError("it begins with a byte order mark, which TOML has not; leave it out")
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
