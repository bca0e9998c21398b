# SPDX-License-Identifier: GPL-2.0-only
"""A step as a drawing: time runs down, and each row is a row of the text twin.

The SVG takes its colour from the text around it, and is as wide as it needs: a narrow page scrolls
it. All lengths are pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape

from ..contract.requests import Request
from ..contract.step import Step, reader
from .bands import BAND, WARNING, WORDS, Piece
from .layout import CHARACTER, HEAD, LEFT, Column, Layout, layout
from .rows import Line, lines
from .text import array_cell, is_over

LOOK = (
    'fill="currentColor" '
    'style="font:12px var(--font-stack--monospace,ui-monospace,monospace);max-width:none"'
)


def svg(step: Step, details: bool = False, request: Request | None = None) -> str:
    """The drawing, without any frame.

    Args:
        step: what to draw.
        details: see :func:`.rows.lines`.
        request: likewise.
    """
    shown = lines(step, details, request)
    at = layout(step, shown)
    height = at.tops[-1] + 4
    size = f'width="{at.width}" height="{height}" viewBox="0 0 {at.width} {height}"'
    title = f"{step.operation}, {len(shown) - 2} rows, {shown[-1].text}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {LOOK}>',
            f"<title>{escape(title)}</title>",
            *_heads(step, at),
            *_core(at, shown),
            *_bands(step, at, shown),
            *(_row(at, row, line) for row, line in enumerate(shown)),
            "</svg>",
        )
    )


def _heads(step: Step, at: Layout) -> Iterator[str]:
    devices = len(step.setting.devices)
    centre = BAND // 2

    def small(x: int, y: int, text: str, anchor: str = "middle") -> str:
        return (
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="11" opacity=".75" '
            f"{WORDS}>{text}</text>"
        )

    yield small(at.columns[0].x, 12, "DMA reaches", "start")
    for column, spec in zip(at.columns[:devices], step.setting.devices, strict=True):
        dim = "" if spec.max_pasids else ' opacity=".6"'
        yield (
            f'<text x="{column.x + centre}" y="30" text-anchor="middle" font-size="13" '
            f'font-weight="700"{dim}>{escape(spec.name)}</text>'
        )
        if not spec.max_pasids:
            yield small(column.x + centre, 43, "no PASIDs")
        elif spec.name in step.resetting:
            yield small(column.x + centre, 43, f"{'was ' * is_over(step, spec.name)}in reset")
    array, page, *beside = at.columns[devices:]
    yield small(array.x + centre, 12, "array") + small(array.x + centre, 30, "says")
    yield small(page.x + centre, 12, "page request") + small(page.x + centre, 30, "finds")
    for request in beside:
        yield small(request.x + centre, 12, "request") + small(request.x + centre, 30, "is")
    yield small(LEFT, 30, "core", "start") + small(at.core, 30, "mutex")


def _core(at: Layout, shown: list[Line]) -> Iterator[str]:
    """The core's line, thick while the group's mutex is held."""
    yield (
        f'<path d="M{at.core} {HEAD - 12}V{at.tops[-1]}" stroke="currentColor" '
        'stroke-opacity=".4"/>'
    )
    at_row = 0
    for locked, rows in itertools.groupby(shown, lambda line: line.locked):
        top, at_row = at.tops[at_row], at_row + len(list(rows))
        if locked:
            yield (
                f'<rect x="{at.core - 4}" y="{top}" width="8" height="{at.tops[at_row] - top}" '
                'rx="2" fill-opacity=".35"><title>the group\'s mutex is held</title></rect>'
            )


def _bands(step: Step, at: Layout, shown: list[Line]) -> Iterator[str]:
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
            x = column.x + BAND // 2
            yield (
                f'<path d="M{x} {HEAD}V{at.tops[-1]}" stroke="currentColor" '
                'stroke-opacity=".4" stroke-dasharray="2 4"/>'
            )
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
                yield piece.reaches(step.setting)
            else:
                yield piece.says(step.setting) if column.name == "array" else piece.finds()


def _row(at: Layout, row: int, line: Line) -> str:
    """A row's number and text, and its arrow with the answer."""
    y = at.middle(row) + 4
    warning = f' style="fill:{WARNING}"' if line.wrong and not line.target else ""
    bold = ' font-weight="700"' if line.wrong and not line.target else ""
    out = []
    if line.number:
        out.append(f'<text x="14" y="{y}" text-anchor="end" opacity=".6">{line.number}</text>')
    for number, text in enumerate(at.wrapped[row]):
        out.append(f'<text x="{LEFT}" y="{y + 15 * number}"{warning}{bold}>{escape(text)}</text>')
    target = next((c for c in at.columns if c.name == line.target), None)
    if target:
        begin = min(LEFT + round(len(at.wrapped[row][0]) * CHARACTER) + 6, at.core)
        source = next((c for c in at.columns if c.name == line.source), None)
        if source:
            begin = source.x + BAND + 2
        out.append(_arrow(at, begin, target, y - 4, line.asked))
        if line.answer:
            out.append(_answer(target.x + BAND + 5, y, line.answer, line.wrong))
    return "".join(out)


def _arrow(at: Layout, begin: int, target: Column, y: int, asked: bool) -> str:
    """From the text to the target's band, and behind the bands in between."""
    path = f"M{begin} {y}H"
    for column in at.columns[: at.columns.index(target)]:
        if column.x > begin and not column.idle:
            path += f"{column.x - 2}M{column.x + BAND + 2} {y}H"
    tip = target.x - 1
    dashes = "" if asked else ' stroke-dasharray="1 3"'
    return (
        f'<path d="{path}{tip - 6}" fill="none" stroke="currentColor" stroke-opacity=".6"{dashes}/>'
    ) + (f'<path d="M{tip} {y}l-8 -4v8z"/>' if asked else "")


def _answer(x: int, y: int, answer: str, wrong: bool) -> str:
    if not wrong:
        return f'<text x="{x}" y="{y}" font-size="11" opacity=".75">{answer}</text>'
    width = round(len(answer) * 6.7) + 6
    return (
        f'<g style="color:{WARNING}"><rect x="{x - 2}" y="{y - 13}" width="{width}" height="17" '
        'rx="3" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f'<text x="{x + 1}" y="{y}" font-size="11" font-weight="700" '
        f'fill="currentColor">{answer}</text></g>'
    )
