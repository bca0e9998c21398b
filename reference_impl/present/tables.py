# SPDX-License-Identifier: GPL-2.0-only
"""Tables: what an exploration says of each clause, and what a group is like."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from ..contract.clause import CLAUSES
from ..contract.explorer import Exploration, Finding
from ..contract.setting import Setting
from ..contract.step import Row, State, Step, reader
from .text import array_cell

WIDTH = 100
"""Of a table in a terminal, in characters; the last column is wrapped."""

SYMBOLS = {"held": "✓", "broken": "✗", "not-applicable": "–", "not-promised": "·"}


class Table:
    """A table: Markdown with links to the clauses in a notebook, aligned text in a terminal.

    Args:
        heads: of the columns.
        rows: of cells; an id of a clause in the first column becomes a link, and a cell that
            begins with the symbol of a broken clause is bold.
        numbers: the columns that are aligned to the right.
    """

    def __init__(
        self, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()
    ) -> None:
        self.heads = tuple(heads)
        self.rows = tuple(map(tuple, rows))
        self.numbers = tuple(numbers)

    def __repr__(self) -> str:
        every = (self.heads, *self.rows)
        widths = [max(len(row[at]) for row in every) for at in range(len(self.heads))]
        indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
        out = []
        for row in every:
            *cells, last = (
                cell.rjust(width) if at in self.numbers else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            wrapped = textwrap.wrap(last.rstrip(), max(20, WIDTH - indent)) or [""]
            left = "".join(f"{cell}  " for cell in cells)
            out += [f"{left}{wrapped[0]}".rstrip(), *(" " * indent + more for more in wrapped[1:])]
        return "\n".join(out)

    def _repr_markdown_(self) -> str:
        dashes = ["---:" if at in self.numbers else "---" for at in range(len(self.heads))]
        rows = [self.heads, dashes, *(map(_cell, row) for row in self.rows)]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def verdicts(seen: Exploration, *wanted: str) -> Table:
    """What an exploration says of some clauses, or of all.

    Args:
        seen: the exploration.
        wanted: ids or families of clauses.

    Raises:
        ValueError: there is no such clause or family.
    """
    rows = []
    for id in _chosen(wanted, [seen]):
        finding = seen.findings[id]
        why = finding.reason or (CLAUSES[id].title if id in CLAUSES else "")
        rows.append((id, _said(finding), f"{finding.held:,}", f"{finding.broken:,}", why))
    heads = (
        "clause",
        "verdict",
        "steps held",
        "steps broken",
        "what it promises, or why it is not held",
    )
    return Table(heads, rows, numbers=(2, 3))


def matrix(explorations: Iterable[Exploration], wanted: Iterable[str] | None = None) -> Table:
    """Each clause against each implementation.

    Args:
        explorations: one for each implementation.
        wanted: ids or families of clauses; all if None.

    Raises:
        ValueError: there is no such clause or family.
    """
    seen = list(explorations)
    rows = []
    for id in _chosen(tuple(wanted or ()), seen):
        found = [each.findings.get(id) for each in seen]
        title = next(f.clause.title for f in found if f)
        rows.append((id, *(_said(f) if f else "" for f in found), title))
    return Table(("clause", *(each.implementation for each in seen), "title"), rows)


def array(shown: Step | State, setting: Setting | None = None) -> Table:
    """What the array and the hardware of each device say, before and after a step, or in a state.

    Args:
        shown: a step or a state.
        setting: who is there in the state; a step knows.

    Raises:
        TypeError: a state without a setting.
    """
    if isinstance(shown, Step):
        setting = shown.setting
        rows = [("before", shown.before), ("after", shown.after)]
    elif setting is None:
        raise TypeError("a state does not say who is there: give its setting too")
    else:
        rows = [
            (f"PASID {pasid}", row) for pasid, row in zip(setting.pasids, shown.rows, strict=True)
        ]
    heads = (
        "",
        "array says",
        "page request finds",
        *(f"{d.name} reaches" for d in setting.devices),
    )
    return Table(heads, [(name, *in_words(setting, row)) for name, row in rows])


def in_words(setting: Setting, row: Row) -> list[str]:
    """How a PASID is: a cell for the array, for the page request and for each device."""
    cells = [
        "empty" if row.slot is None else array_cell(row.slot),
        reader(setting, row.slot) or "nothing",
    ]
    for device, domain in zip(setting.devices, row.hardware, strict=True):
        cells.append(domain or ("blocked" if device.max_pasids else "no PASIDs"))
    return cells


def _chosen(wanted: Sequence[str], seen: Sequence[Exploration]) -> list[str]:
    """The ids, in the order asked for, each family in reading order."""
    known = list(dict.fromkeys(id for each in seen for id in each.findings))
    families = dict.fromkeys(id.partition("-")[0] for id in known)
    for name in wanted:
        if name not in known and name not in families:
            raise ValueError(
                f"there is no clause or family {name}; there are {', '.join(families)}"
            )
    if not wanted:
        return known
    chosen = (id for name in wanted for id in known if name in (id, id.partition("-")[0]))
    return list(dict.fromkeys(chosen))


def _said(finding: Finding) -> str:
    return f"{SYMBOLS[finding.verdict]} {finding.verdict.replace('-', ' ')}"


def _cell(text: str) -> str:
    if text in CLAUSES:
        return f"{{need}}`{text}`"
    escaped = re.sub(r"([\\|*_<\[])", r"\\\1", text)
    if text[:1] in SYMBOLS.values():
        escaped = escaped.replace(" ", "\N{NO-BREAK SPACE}")
    return f"**{escaped}**" if text.startswith(SYMBOLS["broken"]) else escaped
