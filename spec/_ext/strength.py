# SPDX-License-Identifier: GPL-2.0-only
"""``{strength}``: would anybody notice? From ``spec/data/mutants.json``, ``bounds`` and ``peers``.

* ``{strength} modules``: of each module, how many mutants each suite notices.
* ``{strength} alone``: of each clause, the mutants that no other clause notices.
* ``{strength} never-alone``: the clauses that notice nothing alone, and beside whom they do.
* ``{strength} missed``: the mutants that nobody notices, and why.
* ``{strength} bounds``: how many states and steps each scope has.
* ``{strength} peers``: the same scopes by other programs.
* ``{strength} kernels``: the same question asked of a kernel that is built and booted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tools.mutants.results import REASONS, Results, Row

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "spec" / "data"
SUITES = ("notebooks", "clauses", "tests", "together")


class Strength(SphinxDirective):
    """A table of what was measured."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the table as if the author had written it."""
        for file in (*(DATA / f"{name}.json" for name in ("mutants", "bounds", "peers")), REASONS):
            self.env.note_dependency(str(file))
        return self.parse_text_to_nodes("\n".join(TABLES[self.arguments[0]]()))


def modules() -> Iterator[str]:
    """A row for each module."""
    yield from _head("module", "mutants", "equivalent", *SUITES, "on")
    for module, row in Results.read().rows.items():
        shares = [
            _share(row, suite) if suite in row.asked or suite == "together" else ""
            for suite in SUITES
        ]
        name = module.removeprefix("reference_impl/")
        yield _row(f"`{name}`", len(row.mutants), len(row.same), *shares, row.data["on"])


def alone() -> Iterator[str]:
    """A row for each clause that is needed."""
    yield from _head("clause", "mutants that it alone notices", "for example")
    for clause, found in Results.read().only().items():
        where, what = found[0]
        example = f"{_plain(what)} (`{where.removeprefix('reference_impl/')}`)"
        yield _row(f"{{need}}`{clause}`", len(found), example)


def never_alone() -> Iterator[str]:
    """A row for each clause that notices something, and nothing alone; then those that do not."""
    yield from _head("clause", "mutants that it notices", "always with", "why it stands for itself")
    results = Results.read()
    beside = results.beside()
    for clause, others in beside.items():
        always = ", ".join(f"{{need}}`{id}`" for id in sorted(set.intersection(*others)))
        why = results.clauses.get(clause, "")
        yield _row(f"{{need}}`{clause}`", len(others), always or "no single other one", why)
    for clause, why in results.clauses.items():
        if clause not in beside:
            yield _row(f"{{need}}`{clause}`", 0, "", why)


def missed() -> Iterator[str]:
    """Each reason why mutants of a module are noticed by nobody who was asked, and the mutants.

    It is no table: what is in code is long, and a reason would be squeezed beside it.
    """
    for module, row in Results.read().rows.items():
        missed = set(row.missed("together"))
        said: dict[str, list[str]] = {}
        for key in row.mutants:
            if key in row.same:
                said.setdefault(f"Equivalent: {row.same[key]}", []).append(key)
            elif key in missed:
                said.setdefault(row.left.get(key, "Not known."), []).append(key)
        if said:
            yield f"`{module.removeprefix('reference_impl/')}`"
            for reason, keys in said.items():
                yield f": {reason} {_listed(keys)}\n"


def _listed(keys: list[str]) -> str:
    """Those of one function together, which is named once."""
    by: dict[str, list[str]] = {}
    for key in keys:
        function, _, what = key.partition(": ")
        by.setdefault(function, []).append(_plain(what))
    return "; ".join(f"`{function}`: {', '.join(said)}" for function, said in by.items())


def bounds() -> Iterator[str]:
    """A row for each scope."""
    yield from _head("explored", "scope", "states", "steps", "different", "broken clauses")
    for key, found in json.loads((DATA / "bounds.json").read_text(encoding="utf-8")).items():
        name, _, scope = key.partition(": ")
        numbers = [f"{found[each]:,}" for each in ("states", "steps", "different")]
        yield _row(name, scope, *numbers, len(found["broken"]))


def peers() -> Iterator[str]:
    """A row for each program and scope."""
    data = json.loads((DATA / "peers.json").read_text(encoding="utf-8"))
    yield from _head("scope", "program", "states", "transitions", "seconds", "of Spin's")
    for scope, said in data["scopes"].items():
        base = said.get("Spin", {}).get("seconds")
        for name, found in said.items():
            transitions = found["transitions"]
            yield _row(
                scope,
                name,
                f"{found['states']:,}",
                "" if transitions is None else f"{transitions:,}",
                f"{found['seconds']:.2f}",
                f"{found['seconds'] / base:.2f}" if base else "",
            )


def kernels() -> Iterator[str]:
    """A row for each release."""
    data = json.loads((DATA / "peers.json").read_text(encoding="utf-8"))
    yield from _head("Linux", "`pasid-spec check`", "again", "build and boot a kernel", "ratio")
    for row in data["kernels"]:
        parts = row["kernel"]
        total = sum(parts.values())
        whole = " + ".join(f"{what} {seconds:g} s" for what, seconds in parts.items())
        yield _row(
            row["release"],
            f"{row['check']} s",
            f"{row['check again']} s",
            f"{whole} = {total:g} s",
            f"{total / row['check']:.0f}",
        )


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "modules": modules,
    "alone": alone,
    "never-alone": never_alone,
    "missed": missed,
    "bounds": bounds,
    "peers": peers,
    "kernels": kernels,
}


def _share(row: Row, suite: str) -> str:
    every = row.asked.get(suite, min(row.asked.values(), default=1))
    share = f"{row.share(suite):.1f}\N{NO-BREAK SPACE}%"
    return f"{share} of each {every}." if every > 1 else share


def _plain(text: str) -> str:
    """As Markdown shows it word for word; one that was cut off ends within its code."""
    parts = f"{text}…`".split("`") if text.count("`") % 2 else text.split("`")
    parts[::2] = [words.replace("_", r"\_") for words in parts[::2]]
    return "`".join(parts).replace("|", "\\|")


def _head(*cells: object) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("strength", Strength)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
