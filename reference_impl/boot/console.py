# SPDX-License-Identifier: GPL-2.0-only
"""Read a console: which vector came out how, and which splat belongs to which.

Everything on it is one log, so that what stands between two results happened in the second. Nothing
is expected of it: it may end anywhere, and may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

BEGIN = re.compile(r"pasid-spec: begin (\S+)")
END = re.compile(r"pasid-spec: end (\S+) (.*)")
PLAN = re.compile(r"pasid-spec: 1\.\.(\d+) warnings are (counted|printed)")
POINT = re.compile(r"pasid-spec: (ok|not ok) (\d+) (.+)")
SAID = re.compile(r"pasid-spec: (?:got|not|note) ?.*")
DONE = "pasid-spec: done"
TAP = re.compile(r"\s*(ok|not ok) (\d+) (\S+)(?:\s+# (SKIP.*))?$")
TAP_SAYS = re.compile(r"\s*# (?:\S+\.c:\d+:(?=.)|\w+: (?=Test ))(.*)")
KUNIT_SAYS = re.compile(r"(?:EXPECTATION|ASSERTION) FAILED at (\S+)")
KUNIT_LINES = 5
"""How many lines KUnit says at most about one failure."""
SPLATS = re.compile(
    r"(?:^|\W)(WARNING: |BUG: |INFO: (?=task |rcu|possible|trying|inconsistent)|Oops: "
    r"|general protection|Kernel panic|kernel BUG at |divide error|list_(?:add|del) corruption"
    r"|ODEBUG: |UBSAN: |rcu: INFO: .*stall)"
)
PLACE = re.compile(r"at (\S+\.[ch]):(\d+)|(\S+\.[ch]):(\d+) at|: (\S+\.[ch]):(\d+)")
FUNCTION = re.compile(r"([A-Za-z_]\w+)(?:\.\w+)*\+0x[0-9a-f]+/0x[0-9a-f]+")
PANIC = "Kernel panic"


@dataclass(frozen=True)
class Splat:
    """A warning, an oops or the like.

    Args:
        text: its first line.
        file: where in the source, if it says so.
        function: in which function, if it says so.
    """

    text: str
    file: str = ""
    function: str = ""


@dataclass
class Point:
    """One result.

    Args:
        name: of what.
        ok: whether it was as expected, in the guest's eyes.
        said: what the guest said about it.
        splats: what the kernel printed meanwhile.
        skipped: why it was not run.
    """

    name: str
    ok: bool
    said: list[str] = field(default_factory=list)
    splats: list[Splat] = field(default_factory=list)
    skipped: str = ""


@dataclass
class Stage:
    """One program of the guest: its results, and how it ended.

    Args:
        name: of the stage.
        points: its results by name.
        planned: how many it has announced.
        counted: whether the kernel counts its warnings itself.
        ended: its exit status and time, or why it has none; empty if it never ended.
        rest: splats and words after the last result.
    """

    name: str
    points: dict[str, Point] = field(default_factory=dict)
    planned: int | None = None
    counted: bool = False
    ended: str = ""
    rest: Point = field(default_factory=lambda: Point("", True))
    saying: int = 0
    """How many lines of KUnit's still tell about a failure."""


@dataclass
class Console:
    """All that a boot has said."""

    stages: dict[str, Stage] = field(default_factory=dict)
    outside: list[Splat] = field(default_factory=list)
    """Splats before the first stage, or between two."""
    done: bool = False
    """Whether the guest came to its end."""
    panic: str = ""
    """The line of a panic."""


def parse(lines: Iterable[str]) -> Console:
    """Read all lines of a console."""
    console = Console()
    stage: Stage | None = None
    for line in lines:
        if found := SPLATS.search(line):
            splat = _splat(line[found.start(1) :])
            (stage.rest.splats if stage else console.outside).append(splat)
            if PANIC in line:
                console.panic = console.panic or line.strip()
        elif "pasid-spec:" in line:
            stage = _ours(line, console, stage)
        elif stage:
            _tap(line, stage)
    return console


def _ours(line: str, console: Console, stage: Stage | None) -> Stage | None:
    """Read one line of ours. Returns the stage after it."""
    if found := BEGIN.search(line):
        return console.stages.setdefault(found[1], Stage(found[1]))
    if line.rstrip().endswith(DONE):
        console.done = True
    if stage is None:
        return None
    if (found := END.search(line)) and found[1] == stage.name:
        stage.ended = found[2].strip()
        return None
    if found := PLAN.search(line):
        stage.planned, stage.counted = int(found[1]), found[2] == "counted"
    elif found := POINT.search(line):
        _add(stage, found[3].strip(), found[1] == "ok")
    elif found := SAID.search(line):
        stage.rest.said.append(found[0].removeprefix("pasid-spec: "))
    return stage


def _tap(line: str, stage: Stage) -> None:
    """Read one line of another program's TAP, or of what it says about a failure."""
    if found := TAP.match(line):
        _add(stage, found[3], found[1] == "ok", found[4] or "")
        stage.saying = 0
    elif found := TAP_SAYS.match(line):
        stage.rest.said.append(found[1].strip())
    elif KUNIT_SAYS.search(line):
        stage.saying = KUNIT_LINES
    elif stage.saying and line.strip():
        stage.saying -= 1
        stage.rest.said.append(line.strip())


def _add(stage: Stage, name: str, ok: bool, skipped: str = "") -> None:
    """A result; all since the last one belongs to it. A name that comes twice counts as worse."""
    rest = stage.rest
    before = stage.points.get(name)
    if before:
        ok = ok and before.ok
        rest.said[:0], rest.splats[:0] = before.said, before.splats
    stage.points[name] = Point(name, ok, rest.said, rest.splats, skipped)
    stage.rest = Point("", True)


def _splat(text: str) -> Splat:
    place = PLACE.search(text)
    file = next((g for g in place.groups() if g and not g.isdigit()), "") if place else ""
    function = FUNCTION.search(text)
    return Splat(text.strip()[:200], file, function[1] if function else "")
