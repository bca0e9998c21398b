# SPDX-License-Identifier: GPL-2.0-only
"""What boots say of vectors and of clauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..contract import CLAUSES
from .console import Console, Point, Splat, Stage
from .scenarios import Scenario

CORE = "drivers/iommu/iommu.c"
"""Where the warnings come from that the contract asks for."""
LAST = 15
"""How many lines of a console are shown."""
NOT_RUN = "not run"
Verdict = str
"""``"same"``, ``"differs"``, ``"skipped"`` or ``"not run"``."""


@dataclass(frozen=True)
class Result:
    """How one vector, or one of the kernel's own tests, came out.

    Args:
        level: ``"kernel"``, ``"user"``, ``"defect"`` or ``"selftest"``.
        name: of the vector.
        verdict: see :data:`Verdict`.
        why: what was seen, or why it was not run.
        clauses: what it is about.
    """

    level: str
    name: str
    verdict: Verdict
    why: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()


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
        lines: how many lines there were on the console.
        notes: what the guest remarked.
    """

    build: str
    scope: str = ""
    failure: str = ""
    log: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    lines: int = 0
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict, level: str | None = None) -> int:
        """How many results have that verdict."""
        return sum(r.verdict == verdict and level in (None, r.level) for r in self.results)

    @property
    def different(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.failure) or any(
            r.verdict not in ("same", "skipped") for r in self.results if r.level != "defect"
        )


@dataclass
class Report:
    """Everything about one kernel."""

    release: str
    compiler: str = ""
    qemu: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many steps of the explorations cannot be made in a kernel, by why."""
    boots: list[Boot] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether any boot was not as it should be."""
        return any(boot.different for boot in self.boots)

    def clauses(self) -> dict[str, dict[str, Any]]:
        """Of each clause the verdict, and how many vectors are about it and how they came out."""
        found: dict[str, dict[str, Any]] = {}
        for id in CLAUSES:
            about = [r for boot in self.boots for r in boot.results if id in r.clauses]
            counts = {v: sum(r.verdict == v for r in about) for v in ("same", "differs", NOT_RUN)}
            wrong = next((r for r in about if r.verdict == "differs"), None)
            verdict = "differs" if wrong else "not-run" if counts[NOT_RUN] else "held"
            if not about:
                verdict = "no-vector"
            found[id] = {"verdict": verdict, **{k.replace(" ", "_"): n for k, n in counts.items()}}
            if wrong:
                found[id]["first"] = wrong.name
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
        "levels": levels,
        "notes": boot.notes,
        "results": [
            {"level": r.level, "name": r.name, "verdict": r.verdict, "why": list(r.why)}
            for r in boot.results
            if r.level != "kernel" or r.verdict != "same"
        ],
    }


def judge(
    boot: Boot,
    console: Console,
    scenarios: Iterable[Scenario],
    user: Iterable[str],
    defects: Iterable[str] = (),
) -> None:
    """Write down how every vector came out.

    Args:
        boot: where to.
        console: what was heard.
        scenarios: what was to be made inside the kernel.
        user: the names of what was to be done through /dev/iommu.
        defects: likewise, of what Linux does and should not.
    """
    results = boot.results
    inside = console.stages.get("kunit", Stage("kunit"))
    for each in scenarios:
        point = inside.points.get(each.name)
        expected = 0 if inside.counted else each.warnings
        verdict, why = _verdict(point, inside, expected)
        results.append(Result("kernel", each.name, verdict, why, _about(each)))
    through = console.stages.get("user", Stage("user"))
    for name in user:
        verdict, why = _verdict(through.points.get(name), through, 0)
        results.append(Result("user", name, verdict, why))
        boot.notes += [s for p in [through.points.get(name)] if p for s in p.said if "note" in s]
    through = console.stages.get("defects", Stage("defects"))
    for name in defects:
        verdict, why = _verdict(through.points.get(name), through, 0)
        results.append(Result("defect", name, verdict, why))
    for name in ("selftest", "fail-nth"):
        stage = console.stages.get(name, Stage(name))
        for test, point in stage.points.items():
            verdict, why = _verdict(point, stage, 0)
            if point.skipped:
                verdict, why = "skipped", (point.skipped,)
            results.append(Result("selftest", test, verdict, why))
        if not stage.points or not stage.ended or not stage.ended[0].isdigit():
            ended = f"it ended so: {stage.ended or 'not at all'}"
            results.append(Result("selftest", name, NOT_RUN, (ended, *_texts(stage.rest.splats))))
    loose = [*console.outside, *(s for st in console.stages.values() for s in st.rest.splats)]
    if loose and not boot.failure:
        boot.failure = f"a splat that belongs to no vector: {loose[0].text}"
    boot.notes = list(dict.fromkeys(boot.notes))


def _about(scenario: Scenario) -> tuple[str, ...]:
    """The clauses that have something to say of a scenario's step."""
    step = scenario.step
    return tuple(
        id
        for id, clause in CLAUSES.items()
        if step.operation.kind in clause.on
        and not clause.lacking(frozenset(), frozenset())
        and clause.predicate(step) is not None
    )


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


def _texts(splats: list[Splat]) -> list[str]:
    return [s.text for s in splats[:3]]


def names_in(text: str) -> list[str]:
    """The names of the results that guest/user.c gives for a text."""
    names: list[str] = []
    vector = ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "vector":
            vector = line.strip().partition(" ")[2].strip()
        elif words[0] == "end":
            names.append(vector)
        elif words[0].endswith(":"):
            names.append(f"{vector}/{words[0][:-1]}")
    return names
