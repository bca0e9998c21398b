# SPDX-License-Identifier: GPL-2.0-only
"""Add the vectors that are missing: for each counterexample of the site, and for each clause.

    python tools/vectors.py [--check] [TREE...]

A vector that is there is never changed, but for its table of verdicts, which is brought up to date.
TREE is a kernel tree, whose verdicts are noted, too. With --check nothing is written, and the exit
status is 1 if something is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Scope, explore  # noqa: E402
from reference_impl.contract.bugs import BUGS, catch  # noqa: E402
from reference_impl.contract.clause import EXTRAS  # noqa: E402
from reference_impl.contract.implementation import PythonCore  # noqa: E402
from reference_impl.contract.step import Step, Trace  # noqa: E402
from reference_impl.contract.walk import Walk  # noqa: E402
from reference_impl.linux import ask_all, run  # noqa: E402
from reference_impl.linux.machine import Linux  # noqa: E402
from reference_impl.vectors import Player, Vector, known, read, replay  # noqa: E402
from reference_impl.vectors.playing import CannotPlayError  # noqa: E402
from reference_impl.vectors.reading import parse  # noqa: E402
from reference_impl.vectors.table import VectorError  # noqa: E402
from reference_impl.vectors.vector import SIMPLE  # noqa: E402
from reference_impl.vectors.writing import as_toml, fingerprint  # noqa: E402
from tools import matrix, selftest  # noqa: E402
from tools.drafts import Draft, named_faults, scenario  # noqa: E402

PRINTS = known.PUBLISHED / "published.json"
SCOPE = Scope(devices=2, incapable=1, domains=2, pasids=2, faults=2)
FOR_CORES, FOR_DRIVERS = 6, 3
"""How many vectors a clause gets that has none, and a clause that a driver has none for."""
REFERENCE = {"vtd": "vtd-repaired", "vtd-in-place": "vtd-repaired", "vtd-repaired": "vtd-repaired"}
"""The driver that is right where another of its family is wrong; else it is the simple one."""
BEYOND: dict[str, str] = {}
"""The clauses for which no vector is made, and why."""
UNSHOWN = (
    {
        (name, id): "what is right is what the simple driver shows, and that shows no drains"
        for name in ("mock", "smmuv3", "amd", "vtd-p1")
        for id in ("VIS-7", "VIS-8", "VIS-9")
    }
    | {
        ("model-group", id): "its attach, replace and detach are those of the model, which shows it"
        for id in ("VIS-6", "VIS-7", "VIS-9")
    }
    | {
        (
            "vtd-p1",
            "DRV-14",
        ): "what was attached before has to be counted, and only VT-d's notes do",
    }
)
"""The clauses of an implementation for which no vector is made, and why."""
SILENT = ("lacks the ", "lacks iommufd", "lacks drivers", "lacks room", "lacks a second")
"""Verdicts that say more of the vector, or of the harness, than of an implementation."""


class Collection:
    """The vectors that there are, and those that are added."""

    def __init__(self, trees: list[list[Linux]]) -> None:
        self.players = {name: known.player(each) for name, each in IMPLEMENTATIONS.items()}
        self.bugs = {id: known.player(bug.made_again()) for id, bug in BUGS.items()}
        self.trees = trees
        self.vectors = {path: read(path) for path in known.paths(known.PUBLISHED)}
        self.scenarios = {scenario(each): path for path, each in self.vectors.items()}
        self.added: list[Path] = []

    def add(self, folder: str, draft: Vector) -> Path:
        """Add one, unless the same thing is done in one that is not published yet or is."""
        key = scenario(draft)
        path = self.scenarios.get(key)
        if path in self.added:
            old = self.vectors[path]
            clauses = tuple(dict.fromkeys((*old.clauses, *draft.clauses)))[:16]
            sources = tuple(dict.fromkeys((*old.sources, *draft.sources)))[:16]
            self.vectors[path] = old._replace(clauses=clauses, sources=sources)
        elif path is None:
            path = known.PUBLISHED / folder / f"{draft.name}.toml"
            if path in self.vectors:
                raise SystemExit(f"{path} is there already, and is about something else")
            self.scenarios[key] = path
            self.vectors[path] = draft
            self.added.append(path)
        return path

    def free(self, start: str) -> str:
        """A name that begins like this and is not taken."""
        taken = {each.name for each in self.vectors.values()}
        return next(name for n in count(1) if (name := f"{start}-{n}") not in taken)

    def judge(self) -> None:
        """Note what becomes of each, on all that is known and here."""
        played: dict[str, Player] = {
            tree[0].name.rpartition(".")[0]: run.played(tree, [*self.vectors.values()])
            for tree in self.trees
        }
        for path, vector in self.vectors.items():
            who = {**self.players, **played}
            here = path.parent.name == "bugs"
            who |= {id: each for id, each in self.bugs.items() if here or id in vector.verdict}
            verdict = {}
            for name, player in who.items():
                said = replay(vector, player).verdict
                if not said.startswith(SILENT) and (said != "holds" or name not in self.bugs):
                    verdict[name] = said
            for name, said in vector.verdict.items():  # of kernels that are not here
                verdict.setdefault(name, said)
            order = [name for name in self.players if name in verdict]
            order += sorted(verdict.keys() - set(order))
            ordered = {name: verdict[name] for name in order}
            self.vectors[path] = vector._replace(verdict=ordered)

    def record(self) -> None:
        """Note what the new ones say, so that nobody changes it any more."""
        prints = json.loads(PRINTS.read_text(encoding="utf-8")) if PRINTS.is_file() else {}
        for path in self.vectors:
            prints.setdefault(path.relative_to(known.PUBLISHED).as_posix(), fingerprint(read(path)))
        PRINTS.write_text(json.dumps(prints, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def texts(self) -> Iterator[tuple[Path, str]]:
        """The files as they should be."""
        for path, vector in self.vectors.items():
            yield path, as_toml(vector)


def counterexamples(collection: Collection) -> Iterator[str]:
    """Add a vector for each red cell of the site; gives those for which there can be none."""
    table = json.loads(matrix.FILE.read_text(encoding="utf-8"))
    for part, (names, scope) in matrix.PARTS.items():
        for name in names:
            cells = table.get(part, {"implementations": {}})["implementations"].get(name, {})
            red = [id for id, cell in cells.items() if cell["verdict"] == "broken"]
            red = [id for id in red if id not in BEYOND and (name, id) not in UNSHOWN]
            missing = [id for id in red if not shown_by(collection, name, id)]
            if not missing:
                continue
            implementation = IMPLEMENTATIONS[name]
            seen = explore(implementation, scope, [CLAUSES[id] for id in missing])
            for id in missing:
                trace = seen.findings[id].trace
                if trace is None:
                    yield f"{name} {id}: not broken any more; run `make regen`"
                    continue
                title = f"{CLAUSES[id].title}: {name} breaks it"
                draft, said = drafted(
                    collection.players[name],
                    implementation,
                    trace,
                    f"{name}-{id.lower()}",
                    title,
                    id,
                )
                if id not in broken(said):
                    yield f"{name} {id}: {said}"
                    continue
                collection.add("broken", draft)


def bugs(collection: Collection) -> Iterator[str]:
    """Add a vector for each bug."""
    for id, bug in BUGS.items():
        if shown_by(collection, id, bug.clause):
            continue
        trace = catch(bug, alone=True).finding.trace
        if trace is None:
            yield f"{id}: its clause does not catch it"
            continue
        name = f"{id.lower()}-{bug.clause.lower()}"
        title = f"Linux had it: {bug.title}"
        player = collection.bugs[id]
        draft, said = drafted(player, bug.made_again(), trace, name, title, bug.clause)
        if bug.clause not in broken(said):
            yield f"{id} {bug.clause}: {said}"
            continue
        same = collection.scenarios.get(scenario(draft))
        if same and bug.clause not in broken(replay(collection.vectors[same], player).verdict):
            del collection.scenarios[scenario(draft)]  # nobody looks at this clause there
        path = collection.add("bugs", draft)
        there = collection.vectors[path]  # it may be about something else besides
        collection.vectors[path] = there._replace(verdict={**there.verdict, id: said})


def drafted(
    player: Player,
    implementation: PythonCore,
    trace: Trace,
    name: str,
    title: str,
    clause: str,
) -> tuple[Vector, str]:
    """A vector of what an exploration found, and what became of it on the player.

    Where only something goes wrong that the reference never asks for, it is kept in mind.
    """
    driver, family = SIMPLE, ""
    if implementation.habitat is not None:
        own = implementation.name.partition(" ")[0]
        driver, family = REFERENCE.get(own, SIMPLE), known.family_of(own)
    sources = list(CLAUSES[clause].sources)
    for keep in (False, True):
        draft = Draft(trace, named_faults(implementation, trace), driver, family)
        vector = draft.vector(name, title[:120], [clause], sources[:15], keep)
        said = replay(vector, player).verdict
        if clause in broken(said):
            break
    return vector, said


def broken(verdict: str) -> list[str]:
    """The clauses that a verdict says are broken."""
    return verdict.removeprefix("breaks ").split(", ") if verdict.startswith("breaks") else []


def shown_by(collection: Collection, name: str, id: str) -> bool:
    """Whether a vector shows that an implementation breaks a clause."""
    vectors = collection.vectors.values()
    return any(id in broken(each.verdict.get(name, "")) for each in vectors)


def coverage(collection: Collection) -> Iterator[str]:
    """Add vectors until each clause has enough, with the simple driver and with each other one."""
    have = Counter(
        (each.group.family and each.group.driver, id)
        for path, each in collection.vectors.items()
        if path.parent.name == "covering"
        for id in each.clauses
    )
    for name in ("model", "model-group", "iommufd", "vtd-repaired", "smmuv3", "amd", "mock"):
        implementation = IMPLEMENTATIONS[name]
        driver = "" if name.startswith("model") or name == "iommufd" else name
        enough = FOR_DRIVERS if driver else FOR_CORES
        wanted = {
            id: enough
            for id, clause in CLAUSES.items()
            if not clause.lacking(implementation.lacks, implementation.has)
            and not have[driver, id]
            and id not in BEYOND
            and (name == "model" or clause.needs in EXTRAS)
        }
        for id in idle(collection.players[name], collection.vectors.values()):
            wanted.setdefault(id, 1)
        if wanted:
            _cover(collection, implementation, driver, wanted)
        if not driver:
            yield from (f"{id}: no vector" for id in wanted if wanted[id] == enough)


def idle(player: Player, vectors: Iterable[Vector]) -> list[str]:
    """The clauses that exploring an implementation is about, and no vector that it can play."""
    name = player.name
    table = json.loads(matrix.FILE.read_text(encoding="utf-8"))
    cells = {
        id: cell["verdict"]
        for part in table.values()
        for id, cell in part["implementations"].get(name, {}).items()
    }
    judged: set[str] = set()
    for each in vectors:
        with suppress(CannotPlayError):
            judged |= player.play(each).judged.keys()
    about = [id for id, verdict in cells.items() if verdict in ("held", "broken")]
    return [id for id in about if id not in judged and (name, id) not in UNSHOWN]


def _cover(
    collection: Collection, implementation: PythonCore, driver: str, wanted: dict[str, int]
) -> None:
    """Take the first steps of each sort, shortest first."""
    taken: set[tuple[object, ...]] = set()
    for setting, starts in SCOPE.starts(implementation.lacks, implementation.habitat):
        calls = 4 if setting.rid or setting.resets else 3
        walk = Walk(implementation, setting, starts, SCOPE.faults, calls=calls)
        for step, state in walk:
            if not any(wanted.values()):
                return
            verdicts = {
                id: clause.predicate(step)
                for id, clause in CLAUSES.items()
                if step.operation.kind in clause.on
                and not clause.lacking(implementation.lacks, implementation.has)
            }
            if any(isinstance(each, str) for each in verdicts.values()):
                continue
            for id in [id for id, left in wanted.items() if left and verdicts.get(id)]:
                sort = (id, *sort_of(step))
                if sort in taken:
                    continue
                taken.add(sort)
                trace = walk.trace(state, step.operation)
                name = collection.free(f"{id.lower()}-{driver or 'core'}")
                draft = named(implementation, trace, name, id, driver)
                if not (readable(draft) and holds(collection, draft, id)):
                    continue
                path = collection.add("covering", draft)
                # one that is published already says for ever what it is about
                wanted[id] -= id in collection.vectors[path].clauses


def named(implementation: PythonCore, trace: Trace, name: str, id: str, driver: str) -> Vector:
    """A vector in which a driver does what it should."""
    draft = Draft(
        trace,
        named_faults(implementation, trace),
        driver or SIMPLE,
        known.family_of(driver) if driver else "",
    )
    *_, last = draft.operations
    title = f"{CLAUSES[id].title}: {last.kind}"
    return draft.vector(name, title[:120], [id], list(CLAUSES[id].sources)[:15])


def readable(draft: Vector) -> bool:
    """Whether the format has words for it: it has none for a fault of DMA without a PASID."""
    try:
        parse(as_toml(draft).encode(), draft.name)
    except VectorError:
        return False
    return True


def holds(collection: Collection, draft: Vector, id: str) -> bool:
    """Whether the clause has something to say of a draft, and holds where it should."""
    played = collection.players["model"].play(draft)
    return played.judged.get(id, False)


def sort_of(step: Step) -> tuple[object, ...]:
    """What makes steps worth a vector of their own."""
    return (
        step.setting.name,
        step.operation.kind,
        step.outcome,
        step.events.count(("no memory",)),
        tuple(call.error for call in step.calls),
        step.before.slot is None,
        len(step.resetting),
    )


def main() -> int:
    """Add what is missing, or say what is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("trees", nargs="*", type=Path, metavar="TREE")
    given = parser.parse_args()
    collection = Collection([ask_all(each) for each in given.trees])
    for draft in selftest.drafts():
        collection.add("selftest", draft)
    for problem in (
        *counterexamples(collection),
        *bugs(collection),
        *coverage(collection),
    ):
        print(f"no vector for {problem}", file=sys.stderr)
    collection.judge()
    status = 0
    for path, text in collection.texts():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        status = 1
        if not given.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(("missing   " if given.check else "written   "), path.relative_to(ROOT))
    if not given.check:
        collection.record()
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
