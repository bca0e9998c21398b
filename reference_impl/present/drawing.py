# SPDX-License-Identifier: GPL-2.0-only
"""A step as a drawing: time runs down, and each row is a row of the text twin.

The SVG takes its colour from the text around it, and is as wide as it needs: a narrow page scrolls
it. All lengths are pixels.
"""

from __future__ import annotations

import itertools
from html import escape

from ..contract.requests import Request
from ..contract.step import Step, reader
from .bands import BAND, CENTRED, WARNING, WORDS, Piece
from .layout import CHARACTER, HEAD, LEFT, Column, Layout, layout
from .marks import Marks, box
from .rows import Line, lines
from .text import array_cell, is_over

LOOK = (
    'fill="currentColor" '
    'style="font:12px var(--font-stack--monospace,ui-monospace,monospace);max-width:none"'
)
SMALL = 'font-size="11" opacity=".75"'
THIN = 'fill="none" stroke="currentColor" stroke-opacity=".4"'


def svg(step: Step, details: bool = False, request: Request | None = None) -> str:
    """The drawing, without any frame.

    Args:
        step: what to draw.
        details: see :func:`.rows.lines`.
        request: likewise.
    """
    shown = lines(step, details, request)
    at = layout(step, shown)
    marks = Marks()
    _core(marks, at, shown)
    _bands(marks, step, at, shown)
    _heads(marks, step, at)
    for row, line in enumerate(shown):
        _row(marks, at, row, line)
    height = at.tops[-1] + 4
    size = f'width="{at.width}" height="{height}" viewBox="0 0 {at.width} {height}"'
    title = f"{step.operation}, {len(shown) - 2} rows, {shown[-1].text}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {LOOK}>',
            f"<title>{escape(title, quote=False)}</title>",
            *marks,
            "</svg>",
        )
    )


def _heads(marks: Marks, step: Step, at: Layout) -> None:
    devices = len(step.setting.devices)
    centre = BAND // 2

    def small(x: int, y: int, text: str, centred: bool = True) -> None:
        marks.words(f"{SMALL} {WORDS}{CENTRED if centred else ''}", x, y, text)

    small(at.columns[0].x, 12, "DMA reaches", centred=False)
    for column, spec in zip(at.columns[:devices], step.setting.devices, strict=True):
        dim = "" if spec.max_pasids else ' opacity=".6"'
        name = f'font-size="13" font-weight="700"{CENTRED}{dim}'
        marks.words(name, column.x + centre, 30, spec.name)
        if not spec.max_pasids:
            small(column.x + centre, 43, "no PASIDs")
        elif spec.name in step.resetting:
            small(column.x + centre, 43, f"{'was ' * is_over(step, spec.name)}in reset")
    array, page, *beside = at.columns[devices:]
    told = [(array, "array", "says"), (page, "page request", "finds")]
    for column, who, does in (*told, *((each, "request", "is") for each in beside)):
        small(column.x + centre, 12, who)
        small(column.x + centre, 30, does)
    small(LEFT, 30, "core", centred=False)
    small(at.core, 30, "mutex")


def _core(marks: Marks, at: Layout, shown: list[Line]) -> None:
    """The core's line, thick while the group's mutex is held."""
    marks.shape(THIN, f"M{at.core} {HEAD - 12}V{at.tops[-1]}")
    at_row = 0
    for locked, rows in itertools.groupby(shown, lambda line: line.locked):
        top, at_row = at.tops[at_row], at_row + len(list(rows))
        if locked:
            held = box(at.core - 4, top, 8, at.tops[at_row] - top)
            marks.shape('fill-opacity=".35"', held, title="the group's mutex is held")


def _bands(marks: Marks, step: Step, at: Layout, shown: list[Line]) -> None:
    """Each column, cut where it changes."""
    devices = step.setting.devices
    last = len(shown) - 1
    for place, column in enumerate(at.columns):
        states: list[str | None]
        if place < len(devices):
            states = [line.hardware[place] for line in shown]
        elif column.name == "array":
            states = [None if line.slot is None else array_cell(line.slot) for line in shown]
        elif column.name == "request":
            states = [line.request or None for line in shown]
        else:
            states = [reader(step.setting, line.slot) for line in shown]
        if column.idle and not any(states):
            dotted = f'{THIN} stroke-dasharray="2 4"'
            marks.shape(dotted, f"M{column.x + BAND // 2} {HEAD}V{at.tops[-1]}")
            continue
        cuts = [row for row in range(1, last + 1) if states[row] != states[row - 1]]
        for start, end in itertools.pairwise([0, *cuts, last + 1]):
            top = at.middle(start) if start else HEAD
            bottom = at.middle(end) if end <= last else at.tops[-1]
            again = end > last > start + 1
            if column.name == "request" and not states[start]:
                continue
            piece = Piece(column.x, top, bottom, states[start], again)
            if place < len(devices):
                piece.reaches(marks, step.setting)
            elif column.name == "array":
                piece.says(marks, step.setting)
            else:
                piece.finds(marks)


def _row(marks: Marks, at: Layout, row: int, line: Line) -> None:
    """A row's number and text, and its arrow with the answer."""
    y = at.middle(row) + 4
    if line.number:
        marks.words('text-anchor="end" opacity=".6"', 14, y, str(line.number))
    warning = f'style="fill:{WARNING}" font-weight="700"'
    for number, text in enumerate(at.wrapped[row]):
        marks.words(warning if line.wrong and not line.target else "", LEFT, y + 15 * number, text)
    target = next((c for c in at.columns if c.name == line.target), None)
    if target:
        begin = min(LEFT + round(len(at.wrapped[row][0]) * CHARACTER) + 6, at.core)
        source = next((c for c in at.columns if c.name == line.source), None)
        if source:
            begin = source.x + BAND + 2
        _arrow(marks, at, begin, target, y - 4, line.asked)
        if line.answer:
            _answer(marks, target.x + BAND + 5, y, line.answer, line.wrong)


def _arrow(marks: Marks, at: Layout, begin: int, target: Column, y: int, asked: bool) -> None:
    """From the text to the target's band, and behind the bands in between."""
    path = f"M{begin} {y}H"
    for column in at.columns[: at.columns.index(target)]:
        if column.x > begin and not column.idle:
            path += f"{column.x - 2}M{column.x + BAND + 2} {y}H"
    tip = target.x - 1
    dashes = "" if asked else ' stroke-dasharray="1 3"'
    shaft = 'fill="none" stroke="currentColor" stroke-opacity=".6"'
    marks.shape(f"{shaft}{dashes}", f"{path}{tip - 6}")
    if asked:
        marks.shape('fill="currentColor"', f"M{tip} {y}l-8 -4v8z")


def _answer(marks: Marks, x: int, y: int, answer: str, wrong: bool) -> None:
    if not wrong:
        marks.words(SMALL, x, y, answer)
        return
    width = round(len(answer) * 6.7) + 6
    frame = f'fill="none" style="stroke:{WARNING}" stroke-width="1.5" stroke-linejoin="round"'
    marks.shape(frame, box(x - 2, y - 13, width, 17))
    marks.words(f'font-size="11" font-weight="700" style="fill:{WARNING}"', x + 1, y, answer)
