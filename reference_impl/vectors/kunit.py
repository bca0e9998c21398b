# SPDX-License-Identifier: GPL-2.0-only
"""The core's vectors as a KUnit test: ``kunit.c``, which plays them, and a table of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..contract.setting import STRAY
from .table import UNDEFINED
from .vector import SIMPLE, DriverCall, Expected, Fault, Pasid, Situation, Vector

HERE = Path(__file__).parent
TYPES = {
    "paging": "IOMMU_DOMAIN_UNMANAGED",
    "sva": "IOMMU_DOMAIN_SVA",
    "nested": "IOMMU_DOMAIN_NESTED",
    "identity": "IOMMU_DOMAIN_IDENTITY",
    "blocked": "IOMMU_DOMAIN_BLOCKED",
}
STATIC = ("blocked", "identity")


def kunit(vectors: Iterable[Vector]) -> dict[str, str]:
    """The two files, by name."""
    played = [each for each in vectors if fits(each)]
    head = (
        "/* SPDX-License-Identifier: GPL-2.0-only */\n"
        f"/* {len(played)} vectors of the PASID contract, written by pasid-spec. */\n"
    )
    table = "\n".join(_Table(each).text() for each in played)
    return {
        "pasid_vectors_kunit.c": (HERE / "kunit.c").read_text(encoding="utf-8"),
        "pasid_vectors_table.h": f"{head}static const struct pv_vector pv_vectors[] = {{\n"
        f"{table}\n}};\n",
    }


def fits(vector: Vector) -> bool:
    """Whether it can be played in a kernel."""
    return not unfit(vector)


def unfit(vector: Vector) -> str:
    """Why a kernel cannot be brought into the situation, or do what is asked; empty if it can.

    It cannot be made to lack memory at a given moment, nor to reset a device that is none.
    """
    whole = all(
        row.entry
        and row.hardware == {d.name: row.entry.domain for d in vector.group.devices if d.max_pasids}
        for row in vector.initial.pasids.values()
    )
    reasons = {
        "it is about a driver's own records": vector.group.family or vector.group.driver != SIMPLE,
        "it is about traffic without a PASID": vector.initial.group is not None,
        "no attach leads to its initial state": not whole,
        "it begins during a reset": vector.initial.resetting,
        "it asks for more than attach, replace, detach and a look-up": any(
            step.operation not in OPERATIONS for step in vector.steps
        ),
        "its caller breaks a rule, and nothing is promised": any(
            step.result == UNDEFINED for step in vector.steps
        ),
        "memory has to be lacking at one moment": any(
            f.allocation and not f.if_asked for s in vector.steps for f in s.faults
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


OPERATIONS = {
    "attach": "PV_ATTACH",
    "replace": "PV_REPLACE",
    "detach": "PV_DETACH",
    "handle_get": "PV_HANDLE_GET",
}


class _Table:
    """One vector as an initialiser in C."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        group = vector.group
        self.devices = [each.name for each in group.devices]
        self.own = [each for each in group.domains if each.name not in STATIC]
        self.domains = [*STATIC, *(each.name for each in self.own)]
        named = [row.entry.handle for row in vector.initial.pasids.values() if row.entry]
        named += [step.arguments.get("handle") for step in vector.steps]
        self.handles = [each for each in dict.fromkeys(named) if each]

    def text(self) -> str:
        """All of it."""
        vector, group = self.vector, self.vector.group
        pasids = {s.pasid for s in vector.steps} | {*vector.initial.pasids, *vector.final.pasids}
        lines = [
            f'\t.name = "{vector.name}",',
            *["\t.cannot_block = true,"] * (not group.blocked_takes_pasids),
            *self.array("device", [f'{{ "{d.name}", {d.max_pasids} }}' for d in group.devices]),
            *self.array(
                "domain",
                [
                    f'{{ "{d.name}", {TYPES[d.type]}, {_bool(not d.ours)}, '
                    f"{_bool(not d.takes_pasids)} }}"
                    for d in self.own
                ],
            ),
            *self.array("handle", [f'"{name}"' for name in self.handles], "char *const"),
            *self.array("initial", self.rows(vector.initial, set(vector.initial.pasids)), "pv_row"),
            *self.array("step", [self.step(step) for step in vector.steps]),
            *self.array("final", self.rows(vector.final, pasids - {0}), "pv_row"),
        ]
        return "{\n" + "\n".join(lines) + "\n},"

    def array(self, name: str, items: list[str], type: str = "") -> list[str]:
        """A field that points to an array, and the field that says how long it is."""
        number = f"\t.nr_{name}{'' if name in ('initial', 'final') else 's'} = {len(items)},"
        if not items:
            return [number]
        kind = type if " " in type else f"struct {type or f'pv_{name}'}"
        body = "".join(f"\t\t{item},\n" for item in items)
        return [number, f"\t.{name} = (const {kind}[]) {{\n{body}\t}},"]

    def rows(self, situation: Situation, pasids: set[int]) -> list[str]:
        """What some PASIDs are."""
        return [self.row(p, situation.pasids.get(p, Pasid(None, {}))) for p in sorted(pasids)]

    def row(self, pasid: int, row: Pasid) -> str:
        """What one PASID is."""
        domain = self.domain(row.entry.domain if row.entry else None)
        handle = self.handle(row.entry.handle if row.entry else None)
        reached = ", ".join(self.domain(row.hardware.get(d, "blocked")) for d in self.devices)
        return f"{{ {pasid}, {domain}, {handle}, {{ {reached} }} }}"

    def step(self, step: Expected) -> str:
        """One operation."""
        given = step.arguments
        faults = [self.fault(fault) for fault in step.faults if not fault.allocation]
        calls = [self.call(call) for call in step.calls]
        fields = [
            f".operation = {OPERATIONS[step.operation]}",
            f".device = {self.device(given.get('device', self.devices[0]))}",
            f".pasid = {step.pasid}",
            f".domain = {self.domain(given.get('domain', 'blocked'))}",
            f".handle = {self.handle(given.get('handle'))}",
            f".type = {TYPES[given['type']] if 'type' in given else 0}",
            f".result = {_error(step.result)}",
            f".found = {self.handle(step.found)}",
        ]
        if faults:
            fields += [
                f".nr_faults = {len(faults)}",
                f".fault = (const struct pv_fault[]) {{ {', '.join(faults)} }}",
            ]
        if calls:
            fields += [
                f".nr_calls = {len(calls)}",
                f".call = (const struct pv_call[]) {{ {', '.join(calls)} }}",
            ]
        return f"{{ {', '.join(fields)} }}"

    def fault(self, fault: Fault) -> str:
        """Something that fails."""
        return (
            f"{{ {self.device(fault.device)}, {self.domain(fault.domain)}, {fault.nth}, "
            f"{_error(fault.error)}, {_bool(fault.if_asked)} }}"
        )

    def call(self, call: DriverCall) -> str:
        """A call of the driver."""
        return (
            f"{{ {self.device(call.device)}, {self.domain(call.domain)}, {self.domain(call.old)}, "
            f"{self.handle(call.sees)}, {_error(call.result)}, {call.pasid} }}"
        )

    def device(self, name: str) -> str:
        """A device's number."""
        return "PV_STRAY" if name == STRAY else str(self.devices.index(name))

    def domain(self, name: str | None) -> str:
        """A domain's number."""
        return "PV_NONE" if name is None else str(self.domains.index(name))

    def handle(self, name: str | None) -> str:
        """A handle's number."""
        return "PV_NONE" if name is None else str(self.handles.index(name))


def _error(name: str) -> str:
    return "0" if name == "0" else f"-{name}"


def _bool(value: bool) -> str:
    return "true" if value else "false"
