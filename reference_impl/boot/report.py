# SPDX-License-Identifier: GPL-2.0-only
"""What boots say of vectors and of clauses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract import CLAUSES
from .asked import Asked
from .console import Console, Point, Splat, Stage
from .observed import blamed

CORE = "drivers/iommu/iommu.c"
"""Where the warnings come from that the contract asks for."""
LAST = 15
"""How many lines of a console are shown."""
NOT_RUN = "not run"
SELFTESTS = ("selftest", "fail-nth")
"""The stages in which the kernel's own tests run."""
NONE: Mapping[str, str] = {}
Verdict = str
"""``"same"``, ``"differs"``, ``"breaks"``: as Linux is known to; ``"skipped"`` or ``"not run"``."""


@dataclass(frozen=True)
class Result:
    """How one vector, or one of the kernel's own tests, came out.

    Args:
        level: one of :class:`.asked.Asked`, or ``"selftest"``.
        name: of the vector.
        verdict: see :data:`Verdict`.
        why: what was seen, or why it was not run.
        clauses: what it is about.
        broken: of a step, the clauses that what was seen breaks, and why.
    """

    level: str
    name: str
    verdict: Verdict
    why: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)


@dataclass
class Boot:
    """One build, and what happened when it was booted.

    Args:
        build: its name.
        scope: of the exploration whose steps were made inside it.
        failure: why there are no results, or not all: it does not build, hangs, panics…
        log: the last lines, if there is a failure.
        results: of every vector.
        seconds: how long it took to make the image, to build and to boot.
        fresh: whether it was built from nothing.
        lines: how many lines there were on the console.
        notes: what the guest remarked.
    """

    build: str
    scope: str = ""
    failure: str = ""
    log: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    fresh: bool = False
    lines: int = 0
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict, level: str | None = None) -> int:
        """How many results have that verdict."""
        return sum(r.verdict == verdict and level in (None, r.level) for r in self.results)

    @property
    def different(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.failure) or any(
            r.verdict not in ("same", "breaks", "skipped")
            for r in self.results
            if r.level != "defect"
        )


@dataclass
class Report:
    """Everything about one kernel."""

    release: str
    compiler: str = ""
    qemu: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many steps of the explorations cannot be made in a kernel, by why."""
    hidden: set[str] = field(default_factory=set)
    """The clauses that hold in some of those steps, and cannot be told by what a driver sees."""
    boots: list[Boot] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether any boot was not as it should be."""
        return any(boot.different for boot in self.boots)

    def clauses(self) -> dict[str, dict[str, Any]]:
        """Of each clause the verdict, and how many vectors are about it and how they came out."""
        # of all boots, the shortest steps first
        about: dict[str, list[Result]] = {id: [] for id in CLAUSES}
        breaks: dict[str, Result] = {}
        for result in (result for boot in self.boots for result in boot.results):
            if result.verdict != "skipped":
                for id in about.keys() & result.clauses:
                    about[id].append(result)
            for id in result.broken:
                breaks.setdefault(id, result)
        found: dict[str, dict[str, Any]] = {}
        for id, results in about.items():
            counts = {v: sum(r.verdict == v for r in results) for v in ("same", "differs", NOT_RUN)}
            broken = breaks.get(id)
            wrong = broken or next((r for r in results if r.verdict == "differs"), None)
            verdict = "broken" if broken else "differs" if wrong else "held"
            if verdict == "held" and counts[NOT_RUN]:
                verdict = "not-run"
            if not results and not broken:
                verdict = "hidden" if id in self.hidden else "no-vector"
            found[id] = {"verdict": verdict, **{k.replace(" ", "_"): n for k, n in counts.items()}}
            if wrong:
                found[id]["first"] = wrong.name
            if broken:
                found[id]["reason"] = broken.broken[id]
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data; of the vectors that are as they should be only the number."""
        return {
            "release": self.release,
            "compiler": self.compiler,
            "qemu": self.qemu,
            "different": self.different,
            "left_out": self.left_out,
            "clauses": self.clauses(),
            "boots": [_boot(boot) for boot in self.boots],
        }


def _boot(boot: Boot) -> dict[str, Any]:
    levels: dict[str, dict[str, int]] = {}
    for each in boot.results:
        counts = levels.setdefault(each.level, {})
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    return {
        "build": boot.build,
        "scope": boot.scope,
        "failure": boot.failure,
        "log": boot.log,
        "seconds": {k: round(v, 1) for k, v in boot.seconds.items()},
        "fresh": boot.fresh,
        "levels": levels,
        "notes": boot.notes,
        "results": [
            {"level": r.level, "name": r.name, "verdict": r.verdict, "why": list(r.why)}
            for r in boot.results
            if r.verdict != "same" or r.level == "defect"
        ],
    }


def judge(
    boot: Boot, console: Console, asked: Iterable[Asked], without: Mapping[str, str] = NONE
) -> None:
    """Write down how everything came out.

    Args:
        boot: where to.
        console: what was heard.
        asked: what was to be heard.
        without: the stages that were left out, each with why.
    """
    results = boot.results
    wrong: set[object] = set()
    for each in asked:
        if each.skipped:
            results.append(Result(each.level, each.name, "skipped", (each.skipped,), each.clauses))
            continue
        stage = console.stages.get(each.level, Stage(each.level))
        point = stage.points.get(each.name)
        verdict, why = _verdict(point, stage, 0 if stage.counted else each.warnings)
        broken: dict[str, str] = {}
        if point and each.scenario and verdict == "differs":
            calls = each.scenario.calls
            # what differs already in a call that leads there is not this step's fault
            if not any((each.scenario.setting, calls[:n]) in wrong for n in range(1, len(calls))):
                broken = blamed(each.scenario, point.said, _warned(point, stage))
            wrong.add((each.scenario.setting, calls))
        if each.known and verdict == "differs":
            verdict = "breaks"
        if verdict == ("same" if each.level == "defect" else "breaks"):
            broken = dict.fromkeys(each.clauses, "; ".join(why) or each.name)
        clauses = () if broken or (each.scenario and verdict == "differs") else each.clauses
        found = Result(each.level, each.name, verdict, why, clauses, broken)
        results.append(found)
        boot.notes += [said for said in point.said if said.startswith("note")] if point else []
    for name in SELFTESTS:
        if name in without:
            results.append(Result("selftest", name, "skipped", (without[name],)))
            continue
        _judge_selftests(console.stages.get(name, Stage(name)), results)
    loose = [*console.outside, *(s for st in console.stages.values() for s in st.rest.splats)]
    if loose and not boot.failure:
        boot.failure = f"a splat that belongs to no vector: {loose[0].text}"


def _judge_selftests(stage: Stage, results: list[Result]) -> None:
    """The kernel's own tests: as many as there were, and whether they came to their end."""
    for name, point in stage.points.items():
        verdict, why = _verdict(point, stage, 0)
        if point.skipped:
            verdict, why = "skipped", (point.skipped,)
        results.append(Result("selftest", name, verdict, why))
    if not stage.points or not stage.ended[:1].isdigit():
        ended = f"it ended so: {stage.ended or 'not at all'}"
        results.append(Result("selftest", stage.name, NOT_RUN, (ended, *_texts(stage.rest.splats))))


def _verdict(point: Point | None, stage: Stage, warnings: int) -> tuple[Verdict, tuple[str, ...]]:
    """How a vector came out.

    Args:
        point: what the guest said; None if it never came to that.
        stage: what it is a part of.
        warnings: how many WARNs of the core are required on the console.
    """
    if point is None:
        if stage.rest.splats:
            return NOT_RUN, ("the guest did not get so far", *_texts(stage.rest.splats))
        return NOT_RUN, (
            f"the guest did not get so far; it ended so: {stage.ended or 'not at all'}",
        )
    ours = [s for s in point.splats if s.text.startswith("WARNING: ") and s.file.endswith(CORE)]
    others = [s for s in point.splats if s not in ours]
    why = [*point.said] if not point.ok else []
    if not point.ok and not why:
        why = ["it failed and did not say why"]
    if len(ours) != warnings:
        why.append(f"{len(ours)} warnings of the core, and {warnings} are required")
    why += [f"a splat that nothing asks for: {s.text}" for s in others]
    return ("differs", tuple(why)) if why else ("same", ())


def _warned(point: Point, stage: Stage) -> int:
    """How many WARNs of the core there were."""
    if not stage.counted:
        return sum(s.text.startswith("WARNING: ") and s.file.endswith(CORE) for s in point.splats)
    told = [found for line in point.said if (found := re.match(r"got.*; warnings (\d+)$", line))]
    return int(told[0][1]) if told else 0


def _texts(splats: list[Splat]) -> list[str]:
    return [s.text for s in splats[:3]]
