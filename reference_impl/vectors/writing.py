# SPDX-License-Identifier: GPL-2.0-only
"""Write a vector: always in the same form, so that a file can be compared with what it should be.

Also as plain data for JSON; a file and its JSON have the same fields.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from ..contract.facts import GroupFacts
from ..contract.setting import DeviceSpec, TableSpec
from .table import NONE
from .vector import FORMAT, SIMPLE, DriverCall, Expected, Fault, Group, Process, Situation, Vector

HEAD = "# SPDX-License-Identifier: GPL-2.0-only"
WIDTH = 96
UNPUBLISHED = ("verdict", "note")
"""What may still be added when a vector is published; all else stays as it is."""


def as_data(vector: Vector) -> dict[str, Any]:
    """The vector as plain data; what is as it mostly is is left out."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "title": vector.title,
        "clauses": list(vector.clauses),
        "sources": list(vector.sources),
    }
    if vector.note:
        data["note"] = vector.note
    data["group"] = group_data(vector.group)
    if vector.user:
        data["user"] = {"tables": [table_data(spec) for spec in vector.user]}
    data["initial"] = situation_data(vector.initial)
    data["step"] = [step_data(step) for step in vector.steps]
    data["final"] = situation_data(vector.final)
    data["verdict"] = dict(vector.verdict)
    return data


def group_data(group: Group) -> dict[str, Any]:
    """Who is there."""
    domains = []
    for spec in group.domains:
        domain: dict[str, Any] = {"name": spec.name}
        if spec.type != "paging":
            domain["type"] = spec.type
        if not spec.ours:
            domain["ours"] = False
        if not spec.takes_pasids:
            domain["takes_pasids"] = False
        if spec.iopf_handler:
            domain["page_requests"] = True
        if spec.kind:
            domain["kind"] = spec.kind
        domains.append(domain)
    data: dict[str, Any] = {
        "devices": [device_data(each) for each in group.devices],
        "domains": domains,
    }
    if group.family:
        data |= {"driver": group.driver, "family": group.family}
    elif group.driver != SIMPLE:
        data["driver"] = group.driver
    if not group.blocked_takes_pasids:
        data["blocked_takes_pasids"] = False
    return data


def table_data(spec: TableSpec) -> dict[str, Any]:
    """One thing that a user of iommufd has made."""
    given = {**spec._asdict(), "name": spec.id}
    return {
        field: given[field]
        for field in ("name", "kind", "of", "pasid", "parent", "fault", "data")
        if given[field]
    }


def device_data(spec: DeviceSpec) -> dict[str, Any]:
    """One device."""
    data: dict[str, Any] = {"name": spec.name, "max_pasids": spec.max_pasids}
    if not spec.ats:
        data["ats"] = False
    if spec.require_direct:
        data["require_direct"] = True
    if spec.defers:
        data["defers"] = True
    if spec.capability:
        known = spec.capability._asdict().items()
        data["capability"] = {name: value for name, value in known if value is not None}
    return data


def facts_data(facts: GroupFacts) -> dict[str, Any]:
    """What a group is besides."""
    data: dict[str, Any] = {"members": list(facts.members), "domain": facts.domain or NONE}
    for name in ("blocking", "owner", "owner_cnt", "recovery_cnt"):
        if value := getattr(facts, name):
            data[name] = value
    if facts.reset_depth:
        data["reset_depth"] = dict(facts.reset_depth)
    if facts.deferred:
        data["deferred"] = list(facts.deferred)
    return data if facts.default else {**data, "default": False}


def situation_data(situation: Situation) -> dict[str, Any]:
    """A group between two calls."""
    data: dict[str, Any] = {}
    if situation.resetting:
        data["resetting"] = list(situation.resetting)
    if situation.group:
        data["group"] = facts_data(situation.group)
    if situation.notes:
        data["notes"] = [list(fact) for fact in situation.notes]
    for name, process in sorted(situation.processes.items()):
        usual = Process(None, True, {}, 0)._asdict()
        told = {k: v for k, v in process._asdict().items() if v != usual[k]}
        data.setdefault("process", {})[name] = told
    for pasid, row in sorted(situation.pasids.items()):
        found: dict[str, Any] = {}
        if row.entry:
            found["array"] = {k: v for k, v in row.entry._asdict().items() if v is not None}
        if row.hardware:
            found["hardware"] = dict(row.hardware)
        data.setdefault("pasid", {})[str(pasid)] = found
    return data


def step_data(step: Expected) -> dict[str, Any]:
    """One operation, what fails in it, what is expected of it."""
    data: dict[str, Any] = {"operation": step.operation, **step.arguments}
    if step.faults:
        data["faults"] = [fault_data(fault) for fault in step.faults]
    data["result"] = step.result
    if step.found:
        data["found"] = step.found
    if step.calls:
        data["calls"] = [call_data(call, step.pasid) for call in step.calls]
    if step.warns:
        data["warns"] = step.warns
    return data


def fault_data(fault: Fault) -> dict[str, Any]:
    """Something that fails."""
    data: dict[str, Any] = {"device": fault.device, "domain": fault.domain}
    if fault.allocation:
        data = {"allocation": fault.nth}
    elif fault.need:
        data = {"need": fault.need} | ({"nth": fault.nth} if fault.nth > 1 else {})
    elif fault.nth > 1:
        data["nth"] = fault.nth
    if fault.at:
        data["at"] = fault.at
    data["error"] = fault.error
    return {**data, "if_asked": True} if fault.if_asked else data


def call_data(call: DriverCall, pasid: int) -> dict[str, Any]:
    """One call of a driver."""
    data: dict[str, Any] = {
        "device": call.device,
        "domain": call.domain,
        "old": call.old or NONE,
        "sees": call.sees or NONE,
        "result": call.result,
    }
    return data if call.pasid == pasid else {**data, "pasid": call.pasid}


# TOML


def as_toml(vector: Vector) -> str:
    """The text of the vector's file."""
    return "\n".join(_lines(as_data(vector))) + "\n"


def _lines(data: dict[str, Any]) -> Iterator[str]:
    yield HEAD
    for key in ("format", "title", "clauses", "sources", "note"):
        if key in data:
            yield from _field(key, data[key])
    yield "\n[group]"
    for key, value in data["group"].items():
        yield from _field(key, value)
    if "user" in data:
        yield "\n[user]"
        yield from _field("tables", data["user"]["tables"])
    yield from _situation("initial", data["initial"])
    for step in data["step"]:
        yield "\n[[step]]"
        for key, value in step.items():
            yield from _field(key, value)
    yield from _situation("final", data["final"])
    if data["verdict"]:
        yield "\n[verdict]"
        for key, value in data["verdict"].items():
            yield from _field(key, value)


def _situation(name: str, data: dict[str, Any]) -> Iterator[str]:
    facts = {key: value for key, value in data.items() if key not in ("pasid", "group", "process")}
    if facts:
        yield f"\n[{name}]"
        for key, value in facts.items():
            yield from _field(key, value)
    if "group" in data:
        yield f"\n[{name}.group]"
        for key, value in data["group"].items():
            yield from _field(key, value)
    for process, told in data.get("process", {}).items():
        yield f"\n[{name}.process.{process}]"
        for key, value in told.items():
            yield from _field(key, value)
    for pasid, row in data.get("pasid", {}).items():
        yield f"\n[{name}.pasid.{pasid}]"
        for key, value in row.items():
            yield from _field(key, value)


def _field(key: str, value: Any) -> Iterator[str]:
    start = f"{_key(key)} = "
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield f"{start}["
        yield from _columns(value)
        yield "]"
    elif isinstance(value, list) and len(start) + len(_value(value)) > WIDTH:
        yield f"{start}["
        yield from (f"  {_value(each)}," for each in value)
        yield "]"
    else:
        yield start + _value(value)


def _columns(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Tables of the same fields below each other; those of different fields as they come."""
    cells = [[f"{_key(k)} = {_value(v)}" for k, v in row.items()] for row in rows]
    aligned = len({tuple(row) for row in rows}) == 1
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if aligned else []
    for row in cells:
        *first, last = [f"{each}," for each in row[:-1]] + row[-1:]
        if aligned:
            first = [each.ljust(width + 1) for each, width in zip(first, widths, strict=False)]
        yield f"  {{ {' '.join([*first, last])} }},"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def fingerprint(vector: Vector) -> str:
    """What stays the same for ever once a vector is published: all but verdicts and note."""
    data = {key: value for key, value in vector.text.items() if key not in UNPUBLISHED}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
