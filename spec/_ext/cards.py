# SPDX-License-Identifier: GPL-2.0-only
"""How a clause, a message and a commit look: a card with a head, its text and a foot.

sphinx-needs keeps them and the links between them, but draws each as a table with one row per
field. This transform puts a card in the place of that table, before references are resolved, so
that the foot can refer to the API pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import ExtensionMetadata
from sphinx_needs.data import SphinxNeedsData
from sphinx_needs.need_item import NeedItem
from sphinx_needs.nodes import Need
from sphinx_needs.views import NeedsView

from reference_impl.present.tables import SYMBOLS

WORDS = 20
"""A cell of more characters is prose: on a phone it needs some width."""


def label(need: NeedItem) -> str:
    """The short name under which a card is cited."""
    return str(need["id"][2:] if need["type"] == "commit" else need["id"])


def reading_order(ident: str) -> tuple[bool, str, int]:
    """A sort key: messages before commits, ATT-2 before ATT-10."""
    family, _, number = ident.partition("-")
    return family == "C", family, int(number, 16)


class Cards(SphinxPostTransform):
    """Replaces each need by its card."""

    default_priority = 5  # before Sphinx resolves references, at 10

    def run(self, **_: Any) -> None:
        """Draw every card of the page."""
        for node in list(self.document.findall(Need)):
            need = self.needs[node["refid"]]
            node.replace_self(self.card(node, need))
        # an id in a clause's own words, or in a docstring, leads there too
        for literal in list(self.document.findall(nodes.literal)):
            named = self.needs.get(literal.astext())
            if named and not isinstance(literal.parent, nodes.reference):
                literal.replace_self(self.link(named))

    @property
    def needs(self) -> NeedsView:
        """Every need of the site, with its back links."""
        return SphinxNeedsData(self.env).get_needs_view()

    def card(self, node: Need, need: NeedItem) -> nodes.container:
        """The card of one need."""
        anchor = nodes.reference("", "", refid=need["id"], classes=["card-id"], internal=True)
        anchor += nodes.Text(label(need))
        head = nodes.paragraph("", "", anchor, classes=["card-head"])
        head += nodes.Text(" ")
        head += nodes.inline("", need["title"], classes=["card-title"])
        link = nodes.reference("", "¶", refid=need["id"], classes=["card-link"], internal=True)
        link["reftitle"] = f"Link to {label(need)}"
        head += [nodes.Text(" "), link]
        card = nodes.container("", head, classes=["card", f"card-{need['type']}"])
        card["ids"] = [need["id"]]
        if byline := " · ".join(filter(None, (need["author"], need["date"]))):
            card += nodes.paragraph("", byline, classes=["card-byline"])
        card += nodes.container("", *node.children, classes=["card-text"])
        parts = list(self.foot(need))
        if parts:
            foot = nodes.paragraph(classes=["card-foot"])
            for part in parts:
                foot += nodes.inline("", "", *part, classes=["card-fact"])
                foot += nodes.Text(" ")
            card += foot
        return card

    def foot(self, need: NeedItem) -> Iterable[list[nodes.Node]]:
        """The facts below the text, each as inline nodes."""
        if need["since"]:
            yield [nodes.Text(f"since Linux {need['since']}")]
        if need["release"]:
            stable = f", stable {need['stable']}" if need["stable"] else ""
            yield [nodes.Text(f"Linux {need['release']}{stable}")]
        if need["derived_from"]:
            yield [nodes.Text("from "), *self.links(need["derived_from"])]
        if need["sources"]:
            named = [nodes.literal("", source.strip()) for source in need["sources"].split(";")]
            yield commas(named)
        if need["checked_by"]:
            yield [nodes.Text("checked by "), self.predicate(need["checked_by"])]
        if need["derived_from_back"]:
            yield [nodes.Text("cited by "), *self.links(need["derived_from_back"])]

    def links(self, ids: Iterable[str]) -> list[nodes.Node]:
        """Links to other cards; an unknown id is sphinx-needs' to report."""
        found = [self.needs[i] for i in sorted(set(ids), key=reading_order) if i in self.needs]
        return commas([self.link(need) for need in found])

    def link(self, need: NeedItem) -> nodes.Node:
        """A link to one card, that says its title when pointed at."""
        text = nodes.inline("", label(need), classes=[f"to-{need['type']}"])
        here = self.env.docname
        builder = self.app.builder
        return make_refnode(builder, here, str(need["docname"]), need["id"], text, need["title"])

    def predicate(self, target: str) -> nodes.Node:
        """A reference to a function; Sphinx resolves it, or warns that there is none."""
        text = nodes.literal("", ".".join(target.split(".")[-2:]))
        return addnodes.pending_xref(
            "",
            text,
            refdomain="py",
            reftype="func",
            reftarget=target,
            refdoc=self.env.docname,
            refwarn=True,
            refexplicit=True,
        )


def commas(parts: Iterable[nodes.Node]) -> list[nodes.Node]:
    """The nodes with commas between them."""
    separated = [node for part in parts for node in (nodes.Text(", "), part)]
    return separated[1:]


def tell_titles(app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """Let a link made by the ``need`` role say the title when pointed at, not the id again."""
    needs = SphinxNeedsData(app.env).get_needs_view()
    for node in doctree.findall(nodes.reference):
        title = node.get("reftitle")
        if title in needs:
            node["reftitle"] = needs[title]["title"]


def tell_cells(_app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """Give a table's cell a class: that of the verdict, if it says "✗ broken"; or prose."""
    for entry in doctree.findall(nodes.entry):
        if len(entry.astext()) > WORDS:
            entry["classes"].append("prose")
        symbol, _, verdict = entry.astext().replace("\N{NO-BREAK SPACE}", " ").partition(" ")
        if SYMBOLS.get(verdict.replace(" ", "-")) == symbol:
            entry["classes"].append(verdict.replace(" ", "-"))


def drop_needs_assets(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Leave out the styles and scripts of the boxes that the cards replace."""
    for kind in ("css_files", "script_files"):
        if kind in context:
            context[kind] = [f for f in context[kind] if "sphinx-needs" not in str(f.filename)]


def drop_needs_files(app: Sphinx, _failure: Exception | None) -> None:
    """Leave out the pages that sphinx-needs makes for other uses than ours."""
    for name in ("permalink.html", "schema_violations.json"):
        (Path(app.outdir) / name).unlink(missing_ok=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(Cards)
    # after sphinx-needs has resolved its role
    app.connect("doctree-resolved", tell_titles, priority=900)
    app.connect("doctree-resolved", tell_cells)
    app.connect("html-page-context", drop_needs_assets, priority=900)
    app.connect("build-finished", drop_needs_files, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
