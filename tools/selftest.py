# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own test of PASIDs in iommufd as vectors, one scenario each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reference_impl.contract.selftest import (
    ATTACH,
    DEVICES,
    DIRTY,
    NOTHING,
    REPLACE,
    ROWS,
    TABLES,
    Row,
)
from reference_impl.contract.setting import DeviceSpec, TableSpec
from reference_impl.vectors import Vector
from reference_impl.vectors.operations import OPERATIONS, STANDS_FOR
from reference_impl.vectors.vector import Expected, Group, Situation
from tools.drafts import expecting

SOURCE = "iommufd_device_pasid.pasid_attach, tools/testing/selftests/iommu/iommufd.c"
START = (Row("S0", ATTACH, "D", 0, "IOAS", "0"), Row("S4", REPLACE, "D", 0, "S2", "0"))
"""How the test has got to where most of its scenarios begin."""
BOTH = "Both variants of the test have these calls; {} is alone in its group, as mock devices are."
ONE = (
    "Only the variant with a second device, E, has these calls; E is alone in its group. A "
    "property of 0 bits gives it 1 PASID, not none."
)
NOTE_1 = "Note 1: the test expects EINVAL of S11 and S12 and gets it by IFD-9; "
NOTE_2 = "Note 2: the test expects that a table that tracks what devices write is refused; "


class Scenario(NamedTuple):
    """Some rows of the test."""

    name: str
    title: str
    rows: tuple[Row, ...]
    note: str = BOTH.format("D")
    device: str = "D"
    limit: int = DEVICES["D"]
    before: tuple[Row, ...] = ()
    tables: tuple[TableSpec, ...] = TABLES


def part(first: int, last: int, device: str = "D") -> tuple[Row, ...]:
    """The rows of the test from one number to another."""
    return tuple(r for r in ROWS if r.device == device and first <= int(r.id[1:]) <= last)


def note(device: str, without: str, table: str, expects: str, clause: str) -> tuple[Row, ...]:
    """Attach something without a PASID, then a table with one."""
    return (
        Row("", ATTACH, device, 0, without, "0", "IFD-13" if without == "S2" else "IFD-12"),
        Row("", ATTACH, device, 100, table, expects, clause),
    )


SCENARIOS = (
    Scenario("s01-s08-compatible", "S0 to S8: what serves DMA without a PASID", part(0, 8)),
    Scenario(
        "s09-s12-no-pasids", "S0, S9 to S12: a device without PASIDs", part(0, 12, "E"), ONE, "E", 1
    ),
    Scenario("s13-s20-attach", "S13 to S20: attach", part(13, 20), before=START),
    Scenario("s21-s23-again", "S21 to S23: attach what is attached", part(21, 23), before=START),
    Scenario("s24-s27-refused", "S24 to S27: replace is refused", part(24, 27), before=START),
    Scenario(
        "s28-s30-replace",
        "S28 to S30: replace, and detach",
        part(28, 30),
        before=(*START, *(r for r in part(25, 25) if r.kind == ATTACH)),
    ),
    Scenario("s31-s34-fails", "S31 to S34: a replace that fails", part(31, 34), before=START),
    Scenario("s35-s36-a-page-request", "S35, S36: a page request", part(35, 36), before=START),
    Scenario(
        "s37-s39-the-end",
        "S37 to S39: away from a table with page requests, and the end",
        part(37, 39),
        before=(*START, *(r for r in part(35, 35) if r.kind == ATTACH)),
    ),
    Scenario(
        "n1-one-pasid",
        "Note 1: a device with one PASID, and a table for PASIDs",
        note("E", "S2", "S2", "EINVAL", "IFD-14"),
        NOTE_1 + "a table for PASIDs without a PASID lets the core be asked, which says ATT-5.",
        "E",
        1,
    ),
    Scenario(
        "n1-no-pasid",
        "Note 1: a device with no PASID at all, and a table for PASIDs",
        note("E", "S2", "S2", "0", "IFD-13"),
        NOTE_1 + "a device with 0 PASIDs, not 1, would be attached, as ATT-14 says.",
        "E",
        0,
    ),
    Scenario(
        "n2-dirty-over-ioas",
        "Note 2: dirty tracking, refused for another reason",
        note("no-dirty", "IOAS", "DIRTY", "EINVAL", "IFD-9"),
        NOTE_2 + "it is, but by IFD-9, as what serves DMA without a PASID was not made for PASIDs.",
        "no-dirty",
        tables=DIRTY,
    ),
    Scenario(
        "n2-dirty-over-s2",
        "Note 2: dirty tracking, attached with a PASID",
        note("no-dirty", "S2", "DIRTY", "0", "IFD-13"),
        NOTE_2 + "nobody looks at it where there is a PASID.",
        "no-dirty",
        tables=DIRTY,
    ),
)


def drafts() -> Iterator[Vector]:
    """Each scenario, with what the model shows; which has to be what the test expects.

    Raises:
        AssertionError: it is not.
    """
    for each in SCENARIOS:
        rows = (*each.before, *each.rows)
        steps = [Expected(_kind(row), _arguments(row), (), "0", None, (), 0) for row in rows]
        clauses = [row.clause for row in each.rows if row.clause]
        draft = Vector(
            each.name,
            f"The kernel's selftest, {each.title}",
            tuple(dict.fromkeys(clauses)),
            (SOURCE,),
            Group((DeviceSpec(each.device, each.limit),), (), "mock", "mock"),
            Situation({}),
            tuple(steps),
            Situation({}),
            {},
            each.note,
            user=used(each.tables, {row.pt for row in rows}),
        )
        vector = expecting(draft, keep=False)
        for row, step in zip(rows, vector.steps, strict=True):
            wanted = ("ENOENT", None) if row.pt == NOTHING else (row.expects, row.pt)
            seen = (step.result, step.found if row.kind == "check" else row.pt)
            assert seen == wanted, f"{each.name}, {row}: {seen}"
        yield vector


def used(tables: tuple[TableSpec, ...], names: set[str | None]) -> tuple[TableSpec, ...]:
    """The tables of these names, and those that they are made of."""
    for spec in reversed(tables):
        if spec.id in names:
            names |= {spec.of, spec.fault}
    return tuple(spec for spec in tables if spec.id in names)


def _kind(row: Row) -> str:
    return "handle_get" if row.kind == "check" else row.kind


def _arguments(row: Row) -> dict[str, object]:
    given = row._asdict() | {"domain": row.pt, "type": row.special}
    given |= {field: given[name] for field, name in STANDS_FOR.items()}
    return {field: given[field] for field in OPERATIONS[_kind(row)].needs}
