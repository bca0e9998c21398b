# SPDX-License-Identifier: GPL-2.0-only
"""Published vectors as calls of user space, and what their answers say."""

from __future__ import annotations

import re

import pytest

from reference_impl.boot import kunit, through
from reference_impl.boot.asked import of_text, of_vectors
from reference_impl.boot.programs import GUEST
from reference_impl.vectors import Vector
from tests.boot.machine import Machine, console

OF_USER = [each for each in kunit.published() if through.of_user(each)]


def published(name: str) -> Vector:
    """The vector of that name."""
    return next(each for each in OF_USER if each.name == name)


def test_each_is_played_or_has_a_reason() -> None:
    text = through.lines_of(kunit.published())
    played = {asked.name for asked in of_text("user", text)}
    told = {asked.name: asked for asked in of_vectors(kunit.published())}
    assert played == {each.name for each in OF_USER if not through.unfit(each)}
    assert not played & told.keys()
    for each in OF_USER:
        assert each.name in played or told[each.name].skipped
    selftest = {each.name for each in OF_USER if re.match(r"s\d\d-|n[12]-", each.name)}
    assert len(selftest) > 8
    assert selftest <= played


def test_the_guest_knows_every_word() -> None:
    source = (GUEST / "user.c").read_text(encoding="utf-8")
    known = set(re.findall(r'!strcmp\((?:verb|words\[0\]), "([a-z]+)"\)', source))
    for line in through.lines_of(kunit.published()).splitlines():
        assert line.split()[0] in known, line


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        # what is attached in the end is in use, and so is what that needs
        ("ifd-16-core-2", ["device D P pasid", "rid D F", "destroy F = 16", "destroy P = 16"]),
        # nothing at first, so it is VFIO's device; its PASID 1 stays as it is
        ("ifd-10-core-1", ["vattach D S pasid=1", "vattach D P = 22", "destroy S = 16"]),
        ("vfio-5-core-5", ["vattach D I", "vattach D P read-only = 14", "destroy P"]),
        ("vfio-7-core-4", ["vattach D S", "vattach D S pasid=1", "close D", "destroy S"]),
        # what is attached to a PASID is detached behind all that
        ("ifd-9-core-2", ["replace D 1 P = 22", "destroy S = 16", "detach D 1"]),
        # all that is needed for what is never attached
        ("vfio-1-core-1", ["ioas I", "paging P D I", "paging N D I pasid", "destroy N"]),
        # out of range there is out of range here
        ("n1-one-pasid", ["device D S2", "attach D 100 S2 = 22", "check D 100 -"]),
        ("n1-no-pasid", ["vattach D S2", "vattach D S2 pasid=100"]),
        # that there is no queue for it is seen by none having it
        ("ifd-23-core-1", ["arrive D 0", "read Q = 11", "read R = 11"]),
    ],
)
def test_what_becomes_of_one(name: str, lines: list[str]) -> None:
    made = through.lines(published(name))
    places = [made.index(line) for line in lines]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ifd-4-core-1", "alone in its group"),
        ("ifd-14-core-1", "a driver's call has to fail"),
        ("ifd-25-core-3", "memory has to be lacking"),
        ("ifd-8-core-1", "virtual function"),
        ("ifd-5-core-1", "nothing for DMA without a PASID"),
    ],
)
def test_what_cannot_be_done(name: str, why: str) -> None:
    assert why in through.unfit(published(name))


def test_a_break_that_is_known_is_told_and_is_no_difference(machine: Machine) -> None:
    lines = console()
    at = next(i for i, line in enumerate(lines) if line.endswith(" vfio-3-core-3"))
    got = "pasid-spec: got 16 from: vattach D N pasid=0 = 22"
    lines[at : at + 1] = [got, lines[at].replace(": ok", ": not ok")]
    machine.hears(*lines)
    report = machine.asked()
    (wrong,) = [r for r in report.boots[0].results if r.verdict == "breaks"]
    assert wrong.name == "vfio-3-core-3"
    assert not report.different
    assert report.clauses()["VFIO-3"]["verdict"] == "broken"


def test_the_same_of_another_clause_is_a_difference(machine: Machine) -> None:
    lines = console()
    at = next(i for i, line in enumerate(lines) if line.endswith(" ifd-16-core-2"))
    lines[at] = lines[at].replace(": ok", ": not ok")
    machine.hears(*lines)
    report = machine.asked()
    assert report.different
    assert report.clauses()["IFD-16"]["verdict"] == "differs"


def test_a_defect_that_shows_breaks_its_clause(machine: Machine) -> None:
    lines = console()
    machine.hears(*lines)
    assert machine.asked().clauses()["VFIO-5"]["verdict"] == "broken"
    machine.hears(
        *(line.replace(": ok", ": not ok") if "written" in line else line for line in lines)
    )
    fixed = machine.asked()
    assert fixed.clauses()["VFIO-5"]["verdict"] != "broken"
    assert not fixed.different
