# SPDX-License-Identifier: GPL-2.0-only
"""``{bugs}``: the bugs that Linux has had, how each is caught, and why some are not made again.

What it shows is stored by ``tools/bugs.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata


class Bugs(SphinxDirective):
    """One table: ``caught`` or ``beyond``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed table."""
        source = Path(self.env.srcdir) / "spec"
        stored, cards = source / "data" / "bugs.json", source / "reference" / "versions.md"
        self.env.note_dependency(str(stored))
        self.env.note_dependency(str(cards))
        data = json.loads(stored.read_text(encoding="utf-8"))
        if self.arguments[0] == "beyond":
            rows = [["bug", "why it is not made again"], ["---", "---"], *data["beyond"].items()]
        else:
            rows = [["bug", "clause", "what was wrong, and the shortest calls that show it"]]
            rows.append([":--"] * 3)
            described = cards.read_text(encoding="utf-8")
            rows += [cells(bug, described) for bug in data["caught"]]
        lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
        return self.parse_text_to_nodes("\n".join(lines))


def cells(bug: dict[str, Any], described: str) -> list[str]:
    """A row for one that is caught; *described* is the page that has cards of commits."""
    commit = bug["commit"]
    if f":id: C-{commit}\n" in described:
        commit = f"{{need}}`C-{commit}`"
    note = f" *{sentence(bug['note'])}*" if bug["note"] else ""
    calls = "; ".join(f"`{call}`" for call in bug["calls"])
    wrong = f"{sentence(bug['title'])} Fixed in {bug['fixed in']}: {commit}.{note}"
    shown = f"`{bug['made of']}`: {calls}. {sentence(bug['reason'])}".replace("|", "\\|")
    return [bug["bug"], f"{{need}}`{bug['clause']}`", f"{wrong}<br>{shown}"]


def sentence(words: str) -> str:
    """With a full stop, and with a capital unless a device is named first: ``d0``."""
    first = words[0] if words[1].isdigit() else words[0].upper()
    return f"{first}{words[1:]}."


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("bugs", Bugs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
