# SPDX-License-Identifier: GPL-2.0-only
"""``{errnos}``: which call is refused with which errno, by which clause, in which order.

The tables are made from the clauses of ``reference_impl.contract`` that refuse a call, so they
cannot say what the contract no longer says.

* ``{errnos}``: every errno, and for each call the clauses that give it.
* ``{errnos} attach``: the refusals of one call, in the order in which they are made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from reference_impl.contract import CLAUSES, Clause

CALLS = {
    "attach": "attach",
    "replace": "replace",
    "detach": "detach",
    "handle_get": "look-up",
    "iommufd_attach": "iommufd: attach",
    "iommufd_replace": "iommufd: replace",
    "vfio_attach": "VFIO: attach",
    "vfio_detach": "VFIO: detach",
}
"""The kinds of operation, and what the page calls them."""

_ELSEWHERE = re.compile(r"`-E[A-Z]+` of `[A-Z]{3,4}-\d+`")
_ERRNO = re.compile(r"`-(E[A-Z]+)`")
_CLAUSE = re.compile(r"`([A-Z]{3,4}-\d+)`")


def given(clause: Clause) -> list[str]:
    """The errnos that a clause refuses with, as its statement names them.

    One clause may give two: the slot may be taken, or there may be no memory for it. What the
    statement says of the errno of another clause is left out.

    Raises:
        ValueError: the statement does not name the errno that the clause is registered with.
    """
    if clause.refuses is None:
        return []
    named = list(dict.fromkeys(_ERRNO.findall(_ELSEWHERE.sub("", clause.statement))))
    if clause.refuses not in named:
        raise ValueError(f"{clause.id} refuses with {clause.refuses}, but does not say so")
    return named


def refusals(call: str) -> list[Clause]:
    """The clauses that refuse a call, in the order of the checks, which is that of reading."""
    return [clause for clause in CLAUSES.values() if call in clause.on and clause.refuses]


def by_errno() -> list[str]:
    """The rows of the table of every errno: in which calls, by which clauses."""
    calls = [call for call in CALLS if refusals(call)]
    cells: dict[str, dict[str, list[str]]] = {}
    for call in calls:
        for clause in refusals(call):
            for errno in given(clause):
                cells.setdefault(errno, {}).setdefault(call, []).append(f"{{need}}`{clause.id}`")
    rows = [row(["errno", *(CALLS[call] for call in calls)]), row([":--"] * (len(calls) + 1))]
    for errno, found in cells.items():
        rows.append(row([f"`{errno}`", *(found.get(call, []) for call in calls)]))
    return rows


def by_order(call: str) -> list[str]:
    """The rows of the table of one call: what is looked at first, what then."""
    rows = ["| | errno | clause | when |", "| --: | :-- | :-- | :-- |"]
    for number, clause in enumerate(refusals(call), 1):
        errnos = [f"`{errno}`" for errno in given(clause)]
        when = _CLAUSE.sub(link, clause.statement)
        rows.append(row([str(number), errnos, f"{{need}}`{clause.id}`", when]))
    return rows


def row(cells: Sequence[str | list[str]]) -> str:
    """One row of a Markdown table; a list becomes one cell."""
    texts = [cell if isinstance(cell, str) else ", ".join(cell) for cell in cells]
    return f"| {' | '.join(text.replace('|', '&#124;') for text in texts)} |"


def link(found: re.Match[str]) -> str:
    """A reference to the clause, if there is one of that id."""
    return f"{{need}}`{found[1]}`" if found[1] in CLAUSES else found[0]


class Errnos(SphinxDirective):
    """The table of all errnos, or of one call's."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed table."""
        self.env.note_reread()  # the registry may have changed
        call = self.arguments[0] if self.arguments else None
        if call and not (call in CALLS and refusals(call)):
            known = ", ".join(filter(refusals, CALLS))
            raise self.error(f"no clause refuses {call!r}; the calls that are refused: {known}")
        try:
            rows = by_order(call) if call else by_errno()
        except ValueError as inconsistent:
            raise self.error(str(inconsistent)) from None
        return self.parse_text_to_nodes("\n".join(rows))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("errnos", Errnos)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
