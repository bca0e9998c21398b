# SPDX-License-Identifier: GPL-2.0-only
"""``{families}`` and ``{matrix}``: what holds where, from ``spec/data/matrix.json``.

* ``{families} designs``: for each family of clauses and each implementation, how many hold.
* ``{matrix} REP designs``: each clause of a family against each implementation.
* ``{broken} p1 designs``: the clauses that an implementation breaks, with the shortest calls.
* ``{drawn} p1 designs``: each of these counterexamples, drawn.
* ``{scope} designs``: the scope in which all this was computed.

The last word says of what: ``designs``, ``drivers``, or ``linux``, which is recorded in files of
its own: ``spec/data/linux.json``, and ``boot.json`` for what was booted.

* ``{asked} linux``: which kernels were asked, and how.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from booted import FILE, columns
from docutils import nodes
from in_browser import follow_drawings
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from reference_impl.contract import CLAUSES, Finding, Scope, replay
from reference_impl.present import story
from reference_impl.present.links import opened

SIGNS = {"held": "✓", "broken": "**✗**", "not-applicable": "–", "not-promised": "·"}
VERDICTS = {"✓": "held", "✗": "broken"}


def read(directive: SphinxDirective, part: str) -> Any:
    """The stored verdicts of one part; the page is read again when they change."""
    if part != "linux":
        return _stored(directive, "matrix.json")[part]
    data = _stored(directive, "linux.json")
    data["implementations"] |= columns(_stored(directive, FILE))
    return data


def _stored(directive: SphinxDirective, name: str) -> Any:
    file = Path(directive.env.srcdir) / "spec" / "data" / name
    directive.env.note_dependency(str(file))
    return json.loads(file.read_text(encoding="utf-8"))


class FromMatrix(SphinxDirective):
    """A directive that reads the stored verdicts."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse what :meth:`lines` gives, as if the author had written it."""
        parsed = self.parse_text_to_nodes("\n".join(self.lines(read(self, self.arguments[-1]))))
        for entry in (entry for node in parsed for entry in node.findall(nodes.entry)):
            verdict = VERDICTS.get(entry.astext()[:1])
            if verdict:
                entry["classes"].append(verdict)
        return parsed

    def lines(self, data: Any) -> list[str]:
        """The Markdown in place of the directive."""
        raise NotImplementedError


class Families(FromMatrix):
    """How many clauses of each family hold."""

    def lines(self, data: Any) -> list[str]:
        """A row for each family; a cell says how many of the promised clauses hold."""
        columns = data["implementations"]
        rows = [_row("clauses", *columns), _row(*["---"] * (len(columns) + 1))]
        for family in dict.fromkeys(clause.family for clause in CLAUSES.values()):
            cells = [_tally(family, columns[name]) for name in columns]
            if set(cells) == {SIGNS["not-promised"]}:
                continue  # none of them has what the family is about
            link = f"[{family}](/spec/reference/matrix.md#{family.lower()})"
            rows.append(_row(link, *cells))
        return rows


class Matrix(FromMatrix):
    """Each clause of a family against each implementation."""

    def run(self) -> list[nodes.Node]:
        """Say that it is a table of signs."""
        parsed = super().run()
        parsed[0]["classes"].append("matrix")  # type: ignore[index]
        return parsed

    def lines(self, data: Any) -> list[str]:
        """A row for each clause."""
        columns = data["implementations"]
        rows = [_row("clause", *columns), _row(*["---"] * (len(columns) + 1))]
        for clause in CLAUSES.values():
            if clause.family == self.arguments[0]:
                if any(clause.id not in columns[name] for name in columns):
                    continue  # what is recorded may be older than a clause
                verdicts = {name: columns[name][clause.id]["verdict"] for name in columns}
                if set(verdicts.values()) == {"not-promised"}:
                    continue  # none of them has what the clause is about
                signs = [self.sign(clause.id, *each) for each in verdicts.items()]
                rows.append(_row(f"{{need}}`{clause.id}`", *signs))
        return rows

    def sign(self, id: str, name: str, verdict: str) -> str:
        """A verdict's sign; that of a broken clause leads to the drawing, where there is one."""
        drawn = Path(self.env.srcdir) / "spec" / "reference" / "broken" / f"{name}.md"
        if verdict != "broken" or not drawn.is_file():
            return SIGNS[verdict]
        family = id.partition("-")[0].lower()
        return f"[{SIGNS[verdict]}](/spec/reference/broken/{name}.md#{name}-{family})"


class Broken(FromMatrix):
    """What an implementation breaks."""

    def lines(self, data: Any) -> list[str]:
        """A row for each broken clause: the calls, and why."""
        rows = [_row("clause", "the shortest calls", "why"), _row("---", "---", "---")]
        for id, cell in data["implementations"][self.arguments[0]].items():
            if cell["verdict"] == "broken":
                calls = "; ".join(f"`{call}`" for call in cell["calls"])
                rows.append(_row(f"{{need}}`{id}`", calls, cell["reason"].replace("|", "\\|")))
        return rows


class Drawn(SphinxDirective):
    """Every counterexample of an implementation, in the scope of the stored verdicts, drawn."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """A drawing for each broken clause: the stored calls are made again."""
        name, part = self.arguments
        follow_drawings(self.env)
        found: list[nodes.Node] = []
        families: set[str] = set()
        for id, cell in read(self, part)["implementations"][name].items():
            if cell["verdict"] != "broken":
                continue
            clause = CLAUSES[id]
            steps = replay(*opened(cell["link"]))
            if clause.family not in families:  # the front page leads here
                families.add(clause.family)
                ident = f"{name}-{clause.family.lower()}"
                target = nodes.target("", "", ids=[ident], names=[ident])
                self.state.document.note_explicit_target(target)
                found.append(target)
            found += self.parse_text_to_nodes(f"{{need}}`{id}`: **{clause.title}**")
            drawn = story(Finding(clause, broken=1, reason=cell["reason"], steps=steps))
            found.append(nodes.raw("", drawn._repr_html_(), format="html"))
        return found


class ScopeOf(FromMatrix):
    """In which scope the verdicts were computed."""

    def lines(self, data: Any) -> list[str]:
        """One sentence."""
        return [f"Computed by exploring: {Scope(**data['scope'])}."]


class Asked(FromMatrix):
    """Which kernels were asked."""

    def lines(self, data: Any) -> list[str]:
        """A row for each release."""
        rows = [_row("Linux", "what was found", "compiled by", "on", "beside the model")]
        rows.append(_row(*["---"] * 5))
        for release, how in data["how"].items():
            same = how.get("compared")
            beside = (
                "it has no replace"
                if same is None
                else (f"{same['different']} differences in {same['steps']:,} steps")
            )
            found = ", ".join(how["interface"])
            rows.append(_row(release, found, how["compiler"], how["recorded"], beside))
        return rows


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _tally(family: str, verdicts: Any) -> str:
    of_family = [cell["verdict"] for id, cell in verdicts.items() if id.startswith(family)]
    held, broken = of_family.count("held"), of_family.count("broken")
    if not held + broken:
        return SIGNS["not-promised"]
    return f"✓ {held}" if not broken else f"**✗ {broken}** of {held + broken}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("families", Families)
    app.add_directive("matrix", Matrix)
    app.add_directive("broken", Broken)
    app.add_directive("scope", ScopeOf)
    app.add_directive("asked", Asked)
    app.add_directive("drawn", Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
