# SPDX-License-Identifier: GPL-2.0-only
"""What is done with vectors, and what is printed of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ..contract import PythonCore
from ..vectors import Outcome, Program, Vector, exporting, player, replay
from .printed import say

FEW = 30
"""So many vectors get a line each; of more, only those that differ."""
COLOURS = {"holds": "green", "differs": "bold red", "breaks": "bold red", "lacks": "yellow"}


def outcomes(vectors: list[Vector], on: PythonCore | Path, program: str | None) -> list[Outcome]:
    """What becomes of vectors on an implementation, a kernel tree, or a program."""
    if program is not None:
        with Program(program) as asked:
            return [replay(each, asked) for each in vectors]
    if isinstance(on, PythonCore):
        return [replay(each, player(on)) for each in vectors]
    from ..linux import ask_all, run

    recorded = run.played(ask_all(on), vectors)
    return [replay(each, recorded) for each in vectors]


def write(vectors: list[Vector], kind: str, folder: Path) -> list[str]:
    """Export vectors into a directory. Returns the paths of the files."""
    files = exporting.as_json(vectors) if kind == "json" else exporting.as_kunit(vectors)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in files]


def as_data(outcomes: list[Outcome]) -> dict[str, Any]:
    """The object that ``replay --json`` prints."""
    return {
        "on": outcomes[0].player,
        "counts": dict(Counter(each.verdict.partition(" ")[0] for each in outcomes)),
        "vectors": {
            each.vector.name: {"verdict": each.verdict, "differences": list(each.differences)}
            for each in outcomes
        },
    }


def say_all(outcomes: list[Outcome], seconds: float) -> None:
    """What differs, as a diff; then how many do."""
    for each in outcomes:
        if each.differs or len(outcomes) <= FEW:
            colour = COLOURS[each.verdict.partition(" ")[0]]
            say(f"{each.vector.name}: ", (each.verdict, colour))
        for line in each.differences:
            mark = line[2:3]
            say((f"  {line}", {"-": "green", "+": "red", "!": "bold red"}.get(mark, "")))
        if each.differs:
            say()
    counts = Counter(each.verdict.partition(" ")[0] for each in outcomes)
    differ = counts["differs"] + counts["breaks"]
    number = len(outcomes)
    say(
        f"{outcomes[0].player}: {number} vector{'s' * (number != 1)}, {counts['holds']} hold, "
        f"{differ} differ, {counts['lacks']} left out, in {seconds:.1f} s"
    )
    lacking = Counter(
        each.verdict.removeprefix("lacks ") for each in outcomes if each.verdict[:5] == "lacks"
    )
    for what, number in lacking.most_common():
        say(f"left out: {number} for want of {what}")
    if not counts["holds"] + differ:
        say("Nothing was played, so nothing is said.")


def say_listed(vectors: list[Vector]) -> None:
    """Each name and title."""
    width = max(len(each.name) for each in vectors)
    for each in vectors:
        say(f"{each.name:{width}}  {each.title}")
