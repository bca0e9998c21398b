# SPDX-License-Identifier: GPL-2.0-only
"""Holds the document against the registry of clauses in ``reference_impl.contract``.

* A warning, so with -W a failed build, for each clause that is only in the document or only in
  the registry, that has no source, or that reads differently here and there.
* ``{clauses} FAMILY``: the index of a family of clauses.
* ``clauses.json`` in the site: id, title, statement, since, sources and address of each.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import booted
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx_needs.data import SphinxNeedsData

from reference_impl.contract import CLAUSES
from tools.notebooks import clause_directive, one_line

logger = logging.getLogger(__name__)

ROW = (
    "| {{need}}`{id}` | {title} | {since} | {sources} | {broken} "
    "| {{py:func}}`{name} <{checked_by}>` |"
)
HEAD = [
    "| clause | says that | since | from | broken by | checked by |",
    "| :-- | :-- | :-- | :-- | :-- | :-- |",
]


class Clauses(SphinxDirective):
    """The table of one family's clauses, in reading order."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed table."""
        family = self.arguments[0]
        broken = broken_by(Path(self.env.srcdir) / "spec" / "data", self.env)
        rows = []
        for clause in CLAUSES.values():
            if clause.family == family:
                checked_by = f"{clause.predicate.__module__}.{clause.predicate.__name__}"
                rows.append(
                    ROW.format(
                        id=clause.id,
                        title=clause.title,
                        since=clause.since,
                        sources=", ".join(map(cited, clause.sources)),
                        broken=", ".join(broken.get(clause.id, ["–"])),
                        name=clause.predicate.__name__,
                        checked_by=checked_by,
                    )
                )
        if not rows:
            raise self.error(f"no clause of the registry is of the family {family}")
        self.env.metadata[self.env.docname].setdefault("families", []).append(family)
        parsed = self.parse_text_to_nodes("\n".join([*HEAD, *rows]))
        parsed[0]["classes"].append("clause-index")  # type: ignore[index]
        return parsed


def broken_by(data: Path, env: BuildEnvironment) -> dict[str, list[str]]:
    """For each clause that somebody breaks, who: a link to where it is shown."""
    found: dict[str, list[str]] = {}
    for name in ("matrix.json", "linux.json"):
        env.note_dependency(str(data / name))
        stored = json.loads((data / name).read_text(encoding="utf-8"))
        for part in [stored] if name == "linux.json" else stored.values():
            for who, verdicts in part["implementations"].items():
                drawn = data.parent / "reference" / "broken" / f"{who}.md"
                page = "/spec/reference/matrix.md"
                if name == "linux.json":
                    page = "/spec/reference/linux.md"
                elif drawn.is_file():
                    page = f"/spec/reference/broken/{who}.md"
                for id, verdict in verdicts.items():
                    if verdict["verdict"] == "broken":
                        found.setdefault(id, []).append(f"[{who}]({page})")
    env.note_dependency(str(data / booted.FILE))
    for who, verdicts in booted.columns(
        json.loads((data / booted.FILE).read_text(encoding="utf-8"))
    ).items():
        for id, verdict in verdicts.items():
            if verdict["verdict"] == "broken":
                found.setdefault(id, []).append(f"[{who}]({booted.PAGE})")
    return found


def cited(source: str) -> str:
    """A source as Markdown: a link if it is a message or a commit."""
    kind, _, commit = source.partition(" ")
    if kind == "commit":
        return f"{{need}}`C-{commit}`"
    return f"{{need}}`{source}`" if source.startswith("MSG-") else f"`{source}`"


def problems(env: BuildEnvironment) -> Iterator[tuple[str, str | None]]:
    """What the document and the registry disagree on.

    Yields:
        A sentence, and the page that it is about or None.
    """
    stated = {
        need["id"]: need
        for need in SphinxNeedsData(env).get_needs_view().values()
        if need["type"] == "clause"
    }
    for ident in CLAUSES.keys() - stated.keys():
        yield f"{ident} is in the registry, but no page states it", None
    for ident in stated.keys() - CLAUSES.keys():
        yield f"{ident} is stated here, but is not in the registry", stated[ident]["docname"]
    for ident in CLAUSES.keys() & stated.keys():
        clause, need = CLAUSES[ident], stated[ident]
        if not clause.sources:
            yield f"{ident} names no source", need["docname"]
        written = {
            "title": (need["title"], clause.title),
            "statement": (one_line(need["content"]), one_line(clause.statement)),
            "since": (need["since"], clause.since),
        }
        differs = [what for what, (here, there) in written.items() if here != there]
        if differs:
            what = ", ".join(differs)
            yield f"{ident} has another {what} in the registry: run `make regen`", need["docname"]
    listed = {f for meta in env.metadata.values() for f in meta.get("families", [])}
    for family in sorted({clause.family for clause in CLAUSES.values()} - listed):
        yield f"the family {family} has no table in spec/reference/clauses.md", None


def check(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of every problem."""
    for problem, docname in sorted(problems(env), key=str):
        logger.warning(problem, location=docname, type="contract")


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Every page, if what pages say of each other is not what it was in the last build.

    Sphinx writes the pages that have changed. But a link to a clause is on many, and the titles of
    all are beside each.
    """
    # a view of them would be kept with the pages, and the next build could not change them
    needs = SphinxNeedsData(env).get_needs_mutable().values()
    said = (
        {need["id"]: (need["docname"], need["title"]) for need in needs},
        {page: title.astext() for page, title in env.titles.items()},
    )
    if said == getattr(env, "said_of_each_other", None):
        return []
    env.said_of_each_other = said  # type: ignore[attr-defined]
    # Sphinx writes the sources again only if they are newer than their pages
    shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)
    return sorted(env.found_docs)


def export(app: Sphinx, failure: Exception | None) -> None:
    """Write ``clauses.json`` into a built site."""
    if failure or app.builder.format != "html":
        return
    needs = SphinxNeedsData(app.env).get_needs_view()
    exported = [
        {
            "id": clause.id,
            "title": clause.title,
            "statement": one_line(clause.statement),
            "since": clause.since,
            "sources": list(clause.sources),
            "url": f"{app.builder.get_target_uri(str(needs[clause.id]['docname']))}#{clause.id}",
        }
        for clause in CLAUSES.values()
        if clause.id in needs
    ]
    target = Path(app.outdir) / "clauses.json"
    target.write_text(json.dumps(exported, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and the checks."""
    app.add_directive("clauses", Clauses)
    # every page is read again when the registry changes, so that the check sees it
    digest = hashlib.sha256("".join(map(clause_directive, CLAUSES.values())).encode()).hexdigest()
    app.add_config_value("clauses_digest", digest, "env")
    app.connect("env-updated", pages_to_write)
    app.connect("env-check-consistency", check)
    app.connect("build-finished", export)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
