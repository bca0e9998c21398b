# SPDX-License-Identifier: GPL-2.0-only
"""Give every mutant of some modules to the notebooks, the clauses and the tests, separately.

    python -m tools.mutants [--module FILE]... [--suite NAME]... [--every N] [--rest] [--jobs N]

What was found goes into spec/data/mutants.json, for the site. A run that is interrupted goes on
where it was: each answer is kept in _build/mutants by what was asked.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from rich.console import Console
from rich.progress import track

from tools.matrix import EndlessError

from .operators import Mutant, mutants
from .reach import traced, whole_statements
from .results import COUNTS, FILE, Results
from .suites import NOTEBOOKS, ROOT, SUITES, install, prepare

KEPT = ROOT / "_build" / "mutants"
SECONDS = {"notebooks": 90, "clauses": 30, "tests": 300}
"""Of CPU time, three times what the original takes or more."""
ENDLESS = "it does not come to an end"
WALL = 5
"""How many times as long a clock on the wall may say, on a machine that has other things to do."""
TRIES = 3
"""A process that is forked from one with threads may wait for ever for one that it has not got."""
PACKAGE = ("reference_impl/model", "reference_impl/drivers", "reference_impl/designs")
RESTS_ON = {
    "notebooks": ("reference_impl", "spec/notebooks"),
    "clauses": (*PACKAGE, "reference_impl/contract"),
    "tests": ("reference_impl", "tests"),
}
"""What an answer rests on: if it changes, each is asked again."""

Stage = tuple[str, tuple[int, ...], int]
"""What is explored, in which scope (devices, incapable, domains, PASIDs, faults), and in how many
calls at most: what forgets to drop what it takes gets to ever new states."""
CALLS = 6


def stages(name: str, *sizes: int) -> tuple[Stage, ...]:
    """Two calls first: most mutants are noticed by then."""
    return (name, sizes, 2), (name, sizes, CALLS)


CORE = ((2, 1, 2, 2, 2), CALLS), ((3, 1, 3, 2, 3), CALLS)
GROUP = stages("model-group", 2, 0, 1, 1, 1)
USER = stages("iommufd", 2, 0, 2, 1, 1)
SMMU = stages("smmuv3", 2, 0, 3, 2, 1)
# 7.3's breaks so much that less can be noticed of it: it is repaired, and asked again
VTD = tuple(
    (name, (2, 0, 3, 1, 1), calls)
    for calls in (2, CALLS)
    for name in ("vtd", "vtd-repaired", "vtd-in-place")
) + stages("vtd", 1, 0, 3, 2, 0)
EXPLORED: dict[str, tuple[Stage, ...]] = {
    "reference_impl/model/core.py": (*(("model", *each) for each in CORE), *GROUP),
    "reference_impl/model/xarray.py": (("model", *CORE[0]), *GROUP),
    "reference_impl/model/objects.py": (("model", *CORE[0]), *GROUP, *USER),
    "reference_impl/model/rid.py": (*GROUP, *USER),
    "reference_impl/model/recovery.py": (*SMMU, *GROUP),
    "reference_impl/model/ownership.py": GROUP,
    "reference_impl/model/membership.py": GROUP,
    "reference_impl/model/capability.py": GROUP,
    "reference_impl/model/sva.py": GROUP,
    "reference_impl/model/vfio.py": USER,
    "reference_impl/model/iommufd/device.py": USER,
    "reference_impl/model/iommufd/eventq.py": USER,
    "reference_impl/model/iommufd/hw_pagetable.py": USER,
    "reference_impl/model/iommufd/objects.py": USER,
    "reference_impl/designs/merged.py": tuple(("merged", *each) for each in CORE),
    "reference_impl/drivers/vtd.py": VTD,
    "reference_impl/drivers/vtd_pasid.py": VTD,
    "reference_impl/drivers/vtd_notes.py": VTD,
    "reference_impl/drivers/vtd_device.py": VTD,
    "reference_impl/drivers/smmuv3.py": SMMU,
    "reference_impl/drivers/amd.py": stages("amd", 2, 0, 3, 2, 1),
    "reference_impl/drivers/mock.py": (
        *stages("mock", 1, 0, 3, 2, 1),
        *stages("iommufd with mock", 2, 0, 2, 1, 1),
    ),
}
"""Each module, and what is explored to judge a mutant of it; the next only if at most one clause
has noticed anything."""
FIRST = ("02", "04", "05", "03")
"""The notebooks that are tried first."""
TESTS = (
    *("model", "contract", "designs", "drivers", "present"),
    *("cli/test_json.py", "cli/test_output.py", "repo/test_matrix.py"),
)
"""What is of use: a command in a process of its own does not know of the mutant."""


def main() -> int:
    """Ask, count, and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--module", action="append", choices=EXPLORED, metavar="FILE")
    parser.add_argument("--suite", action="append", choices=SUITES, metavar="NAME")
    parser.add_argument("--every", type=int, default=1, help="take each n-th mutant")
    parser.add_argument("--rest", action="store_true", help="and each that others have missed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    console = Console(highlight=False)
    sys.path.insert(0, str(ROOT))
    os.environ |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    prepare()
    KEPT.mkdir(parents=True, exist_ok=True)
    results = Results.read()
    for module in given.module or EXPLORED:
        every = mutants((ROOT / module).read_text(encoding="utf-8"))
        row = results.begin(module, [mutant.key for mutant in every])
        for suite in given.suite or SUITES:
            asked = {mutant.key for mutant in every[:: given.every]}
            if given.rest:
                asked.update(row.missed("together"))
            said = ask(module, [m for m in every if m.key in asked], suite, given.jobs, console)
            row.answered(suite, given.every, said)
            row.data["on"] = datetime.datetime.now(datetime.UTC).date().isoformat()
            results.write(FILE)
        console.print(str(row), soft_wrap=True)
    return 0


def ask(
    module: str, asked: list[Mutant], suite: str, jobs: int, console: Console
) -> dict[str, Any]:
    """Give every mutant to one suite; which were noticed, and for clauses by which."""
    parts = EXPLORED[module] if suite == "clauses" else orders(suite)
    hits: dict[str, int] = {}

    def one(mutant: Mutant) -> Any:
        near = [part for part, reached in zip(parts, come, strict=True) if mutant.line in reached]
        if suite == "clauses":
            return by_clauses(module, mutant, near)
        if not near:
            return ""
        said = answer(module, mutant, suite, sorted(near, key=lambda n: -hits.get(n, 0)))
        name = said.partition(",")[0]
        hits[name] = hits.get(name, 0) + 1
        return said

    with ThreadPoolExecutor(jobs) as pool:
        come = [*pool.map(lambda part: reached(module, suite, part), parts)]
        done = track(
            pool.map(one, asked), f"{module}: {suite}", len(asked), console=console, transient=True
        )
        return {mutant.key: said for mutant, said in zip(asked, done, strict=True) if said}


def reached(module: str, suite: str, part: Any) -> set[int]:
    """The lines whose statement a part of a suite comes by."""
    said, ran = in_child(
        f"reach {suite} {part} {fingerprint(suite)}",
        lambda: traced(lambda: SUITES[suite]([part])),
        10 * SECONDS[suite],
    )
    if suite != "clauses" and said:
        sys.exit(f"{suite} fail without any mutant: {said}")
    return whole_statements((ROOT / module).read_text(encoding="utf-8"), set(ran.get(module, ())))


def orders(suite: str) -> list[Any]:
    """What the suite is given, the likeliest to notice first."""
    if suite == "notebooks":
        names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
        return sorted(names, key=lambda name: FIRST.index(name[:2]) if name[:2] in FIRST else 9)
    return [
        path.relative_to(ROOT).as_posix()
        for part in TESTS
        for path in (
            [ROOT / "tests" / part]
            if part.endswith(".py")
            else sorted((ROOT / "tests" / part).glob("test_*.py"))
        )
    ]


def by_clauses(module: str, mutant: Mutant, asked: Iterable[Stage]) -> list[str]:
    """Which clauses notice, by another verdict or reason than on the original; or what else.

    That only the number of states or steps is another is no clause's merit, and is said as that.
    """
    found: set[str] = set()
    counts = False
    for stage in asked:
        right, said = (answer(module, each, "clauses", [stage]) for each in (None, mutant))
        if isinstance(said, str):
            return [said]
        right, said = right[stage[0]], said[stage[0]]
        now = said["verdicts"].items()
        found |= {id for id, verdict in now if verdict != right["verdicts"][id]}
        if len(found) > 1:
            break
        counts = counts or said["sizes"] != right["sizes"]
    return sorted(found) or [COUNTS] * counts


def answer(module: str, mutant: Mutant | None, suite: str, order: list[Any]) -> Any:
    """What a suite says of a mutant."""
    text = mutant.text if mutant else (ROOT / module).read_text(encoding="utf-8")

    def run() -> Any:
        install(ROOT / module, text)
        try:
            return SUITES[suite](order)
        except EndlessError:
            return ENDLESS
        except Exception as crash:
            return f"crashed: {type(crash).__name__}"

    about = f"{suite} {order if suite == 'clauses' else ''} {module} {fingerprint(suite)} {text}"
    return in_child(about, run, SECONDS[suite])


def in_child(about: str, run: Callable[[], Any], seconds: int) -> Any:
    """What a process of its own answers; or what one answered before, about the same."""
    kept = KEPT / f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    for _ in range(TRIES):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _child(writer, run, seconds)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            raw = pipe.read()
        _, status = os.waitpid(child, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if ended in (signal.SIGINT, signal.SIGTERM):
            sys.exit("interrupted; what is known is kept")
        if ended != signal.SIGALRM:
            break
    else:
        sys.exit("this machine has too much else to do; what is known is kept")
    if status or not raw:
        result: Any = ENDLESS if ended in (signal.SIGXCPU, signal.SIGKILL) else "the process died"
    else:
        result = json.loads(raw)
    whole = kept.with_suffix(f".{child}")
    whole.write_text(json.dumps(result))
    whole.replace(kept)
    return result


def _child(writer: int, run: Callable[[], Any], seconds: int) -> None:
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        signal.alarm(WALL * seconds)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        result = run()
        with os.fdopen(writer, "w") as pipe:
            json.dump(result, pipe)
        status = 0
    finally:
        os._exit(status)


@cache
def fingerprint(suite: str) -> str:
    """What every answer of a suite rests on, as it is."""
    say = hashlib.sha256()
    for top in RESTS_ON[suite]:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".py", ".ipynb"):
                say.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return say.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
