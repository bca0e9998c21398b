# SPDX-License-Identifier: GPL-2.0-only
"""Give every mutant of some modules to the notebooks, the clauses and the tests, separately.

    python -m tools.mutants [--module FILE]... [--suite NAME]... [--every N] [--jobs N]

What was found goes into spec/data/mutants.json, for the site. A run that is interrupted goes on
where it was: each answer is kept in _build/mutants by what was asked.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import signal
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from .operators import Mutant, mutants
from .suites import NOTEBOOKS, ROOT, SUITES, install

KEPT = ROOT / "_build" / "mutants"
FILE = ROOT / "spec" / "data" / "mutants.json"
REASONS = Path(__file__).parent / "reasons.toml"
SECONDS = {"notebooks": 240, "clauses": 60, "tests": 300}
SMALL = (2, 1, 2, 2, 2)
DRIVER = (2, 0, 3, 1, 1)
CLAUSES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "reference_impl/model/core.py": (("model", SMALL),),
    "reference_impl/model/xarray.py": (("model", SMALL),),
    "reference_impl/designs/merged.py": (("merged", SMALL),),
    "reference_impl/model/recovery.py": (("smmuv3", DRIVER),),
    "reference_impl/drivers/vtd.py": (("vtd", DRIVER),),
    "reference_impl/drivers/vtd_pasid.py": (("vtd", DRIVER),),
    "reference_impl/drivers/vtd_notes.py": (("vtd", DRIVER),),
    "reference_impl/drivers/smmuv3.py": (("smmuv3", DRIVER),),
    "reference_impl/drivers/amd.py": (("amd", DRIVER),),
    "reference_impl/drivers/mock.py": (("mock", DRIVER),),
}
"""Each module, and what is explored, in which scope, to judge a mutant of it by the clauses."""
TESTS = ("model", "contract", "designs", "drivers", "present", "cli", "repo/test_matrix.py")


def main() -> int:
    """Ask, count, and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--module", action="append", choices=CLAUSES, metavar="FILE")
    parser.add_argument("--suite", action="append", choices=SUITES, metavar="NAME")
    parser.add_argument("--every", type=int, default=1, help="take each n-th mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    console = Console(highlight=False)
    import IPython.core.interactiveshell  # noqa: F401  # what every child needs
    import pytest  # noqa: F401

    KEPT.mkdir(parents=True, exist_ok=True)
    data = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"modules": {}}
    for module in given.module or CLAUSES:
        asked = mutants((ROOT / module).read_text(encoding="utf-8"))[:: given.every]
        row = data["modules"].setdefault(module, {})
        row |= {
            "mutants": len(asked),
            "every": given.every,
            "on": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        for suite in given.suite or SUITES:
            row[suite] = ask(module, asked, suite, given.jobs, console)
        row["survivors"] = survivors(module, asked, row)
        FILE.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        console.print(said(module, row))
    return 0


def ask(
    module: str, asked: list[Mutant], suite: str, jobs: int, console: Console
) -> dict[str, Any]:
    """Give every mutant to one suite; which were noticed, and for clauses by which."""
    order = orders(suite, module)
    right = answer(module, None, suite, order)
    if suite != "clauses" and right:
        sys.exit(f"{suite} fail without any mutant: {right}")
    hits: dict[str, int] = {}
    noticed: dict[str, Any] = {}

    def one(mutant: Mutant) -> tuple[Mutant, Any]:
        best = order if suite == "clauses" else sorted(order, key=lambda n: -hits.get(n, 0))
        said = answer(module, mutant, suite, best)
        if isinstance(said, str):
            name = said.partition(",")[0]
            hits[name] = hits.get(name, 0) + 1
        return mutant, said

    with ThreadPoolExecutor(jobs) as pool:
        done = track(
            pool.map(one, asked), f"{module}: {suite}", len(asked), console=console, transient=True
        )
        for mutant, said in done:
            noticed[mutant.key] = by_clauses(right, said) if suite == "clauses" else said
    return {key: value for key, value in noticed.items() if value}


def orders(suite: str, module: str) -> list[Any]:
    """What the suite is given."""
    if suite == "notebooks":
        return sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    if suite == "clauses":
        return list(CLAUSES[module])
    return [
        path.relative_to(ROOT).as_posix()
        for part in TESTS
        for path in (
            [ROOT / "tests" / part]
            if part.endswith(".py")
            else sorted((ROOT / "tests" / part).glob("test_*.py"))
        )
    ]


def by_clauses(right: Any, said: Any) -> Any:
    """Which clauses notice: those with another verdict; or that only the sizes differ."""
    if isinstance(said, str):
        return [said]
    found = [
        id
        for name, seen in said.items()
        for id, verdict in seen["verdicts"].items()
        if verdict != right[name]["verdicts"][id]
    ]
    sizes = any(seen["sizes"] != right[name]["sizes"] for name, seen in said.items())
    return sorted(set(found)) or (["sizes"] if sizes else [])


def answer(module: str, mutant: Mutant | None, suite: str, order: list[Any]) -> Any:
    """What a suite says of a mutant, in a process of its own; or what it said before."""
    text = mutant.text if mutant else (ROOT / module).read_text(encoding="utf-8")
    key = hashlib.sha256(f"{suite} {module} {fingerprint()} {text}".encode()).hexdigest()[:32]
    kept = KEPT / f"{key}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(writer, module, text, suite, order)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        raw = pipe.read()
    _, status = os.waitpid(child, 0)
    if status or not raw:
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        result: Any = (
            "it does not come to an end" if ended == signal.SIGALRM else "the process died"
        )
    else:
        result = json.loads(raw)
    kept.write_text(json.dumps(result))
    return result


def _child(writer: int, module: str, text: str, suite: str, order: list[Any]) -> None:
    status = 1
    try:
        signal.alarm(SECONDS[suite])
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        sys.path.insert(0, str(ROOT))
        os.environ |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        install(ROOT / module, text)
        try:
            result = SUITES[suite](order)
        except Exception as crash:
            result = f"crashed: {type(crash).__name__}"
        with os.fdopen(writer, "w") as pipe:
            json.dump(result, pipe)
        status = 0
    finally:
        os._exit(status)


def fingerprint() -> str:
    """What every answer rests on: the package, the notebooks and the tests as they are."""
    if not _FINGERPRINT:
        say = hashlib.sha256()
        for path in _files():
            say.update(path.read_bytes())
        _FINGERPRINT.append(say.hexdigest())
    return _FINGERPRINT[0]


_FINGERPRINT: list[str] = []


def _files() -> Iterator[Path]:
    for top in ("reference_impl", "tests", "spec/notebooks"):
        yield from sorted(p for p in (ROOT / top).rglob("*") if p.suffix in (".py", ".ipynb"))


def survivors(module: str, asked: list[Mutant], row: dict[str, Any]) -> dict[str, str]:
    """The mutants that no suite noticed, each with the reason that is given for it."""
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8")).get(module, {})
    found = {m.key for m in asked}.difference(*(row.get(suite, ()) for suite in SUITES))
    return {m.key: reasons.get(m.key, "") for m in asked if m.key in found}


def said(module: str, row: dict[str, Any]) -> str:
    """A module in a line."""
    parts = [f"{suite} {len(row[suite])}" for suite in SUITES if suite in row]
    left = row["survivors"]
    open_ = sum(not reason for reason in left.values())
    return (
        f"{module}: {row['mutants']} mutants; noticed by {', '.join(parts)}; "
        f"{len(left)} by none, {open_} of them without a reason"
    )


if __name__ == "__main__":
    sys.exit(main())
