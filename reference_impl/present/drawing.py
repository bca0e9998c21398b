# SPDX-License-Identifier: GPL-2.0-only
"""A step as a drawing: time runs down, and each row is a row of the text twin.

The SVG takes its colour from the text around it, and is as wide as it needs: a narrow page scrolls
it. All lengths are pixels.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from ..contract.step import Step
from .bands import BAND, WARNING, band
from .rows import Line, lines, reader
from .text import array_cell

CHARACTER = 7.25
"""The width of a character of the fixed font at 12 pixels, rather more than less."""
LONGEST = 30
"""How many characters a row's text may have before it is wrapped."""
LEFT = 24
HEAD = 50
ROW = 34
ANSWER = 52
"""The room to the right of a band for an errno."""
MONO = "var(--font-stack--monospace,ui-monospace,monospace)"


class Column(NamedTuple):
    """One column of bands: its left edge, and what nothing is called there."""

    name: str
    x: int
    empty: str


class Layout(NamedTuple):
    """Where everything is."""

    core: int
    """The core's line, which arrows come from."""
    columns: tuple[Column, ...]
    """One for each device, the array and the page request."""
    wrapped: tuple[tuple[str, ...], ...]
    """The text of each row."""
    tops: tuple[int, ...]
    """Where each row begins, and where the last one ends."""
    width: int

    def middle(self, row: int) -> int:
        """Where the arrow of a row is, and the change that it makes."""
        return self.tops[row] + 14


def layout(step: Step, shown: list[Line]) -> Layout:
    """Find a place for everything."""
    longest = max(len(line.text) for line in shown if line.target or not line.number)
    characters = max(18, min(LONGEST, longest))
    wrapped = tuple(tuple(textwrap.wrap(line.text, characters)) for line in shown)
    tops = [HEAD]
    for text in wrapped:
        tops.append(tops[-1] + max(ROW, 15 * len(text) + 12))
    core = LEFT + round(characters * CHARACTER) + 12
    x = core + 34
    columns = []
    for device in step.setting.devices:
        columns.append(Column(device.name, x, "blocked" if device.max_pasids else ""))
        x += BAND + ANSWER if device.max_pasids else BAND + 30
    for name, room in (("array", 66), ("page request", 68)):
        columns.append(Column(name, x, "nothing"))
        x += room
    return Layout(core, tuple(columns), wrapped, tuple(tops), x)


def svg(step: Step, details: bool = False) -> str:
    """The drawing, without any frame.

    Args:
        step: what to draw.
        details: see :func:`.rows.lines`.
    """
    shown = lines(step, details)
    at = layout(step, shown)
    height = at.tops[-1] + 4
    title = f"{step.operation}, {len(shown) - 2} rows, {shown[-1].text}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{at.width}" '
            f'height="{height}" viewBox="0 0 {at.width} {height}" fill="currentColor" '
            f'style="font:12px {MONO};max-width:none;display:block">',
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
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="11" '
            f'opacity=".75">{text}</text>'
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
            yield small(column.x + centre, 43, "in reset")
    array, page = at.columns[devices:]
    yield small(array.x + centre, 12, "array") + small(array.x + centre, 30, "says")
    yield small(page.x + centre, 12, "page request") + small(page.x + centre, 30, "finds")
    yield small(at.core, 30, "core")


def _core(at: Layout, shown: list[Line]) -> Iterator[str]:
    """The core's line, thick while the group's mutex is held."""
    yield (
        f'<path d="M{at.core} {HEAD - 12}V{at.tops[-1]}" stroke="currentColor" '
        'stroke-opacity=".4"/>'
    )
    held = [row for row, line in enumerate(shown) if line.locked]
    if held:
        top, bottom = at.tops[held[0]], at.tops[held[-1] + 1]
        yield (
            f'<rect x="{at.core - 4}" y="{top}" width="8" height="{bottom - top}" rx="2" '
            'fill-opacity=".35"><title>the group\'s mutex is held</title></rect>'
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
        else:
            states = [reader(step, line.slot) for line in shown]
        if place < len(devices) and not devices[place].max_pasids and not any(states):
            x = column.x + BAND // 2
            yield (
                f'<path d="M{x} {HEAD}V{at.tops[-1]}" stroke="currentColor" '
                'stroke-opacity=".35" stroke-dasharray="2 4"/>'
            )
            continue
        start = 0
        for row in range(1, last + 2):
            if row <= last and states[row] == states[start]:
                continue
            top = at.middle(start) if start else HEAD
            bottom = at.middle(row) if row <= last else at.tops[-1]
            piece = _page_request if column.name == "page request" else None
            state = states[start]
            if piece:
                yield _page_request(column.x, top, bottom, state)
            else:
                yield band(column.x, top, bottom, state, column.empty, step.setting)
            start = row


def _page_request(x: int, top: int, bottom: int, found: str | None) -> str:
    middle = x + BAND // 2
    dashes = "" if found else ' stroke-dasharray="2 4"'
    size = "13" if found else "11"
    weight = ' font-weight="700"' if found else ""
    return (
        f'<path d="M{middle - 12} {top + 1}h24M{middle} {top + 20}V{bottom}" fill="none" '
        f'stroke="currentColor" stroke-opacity=".5"{dashes}/>'
        f'<text x="{middle}" y="{top + 14}" text-anchor="middle" '
        f'font-size="{size}"{weight}>{escape(found or "nothing")}</text>'
    )


def _row(at: Layout, row: int, line: Line) -> str:
    """A row's number and text, and its arrow with the answer."""
    y = at.middle(row) + 4
    warning = f' style="fill:{WARNING}"' if line.wrong and not line.target else ""
    bold = ' font-weight="700"' if line.wrong and not line.target else ""
    out = []
    if line.number:
        out.append(f'<text x="14" y="{y}" text-anchor="end" opacity=".6">{line.number}</text>')
    for number, text in enumerate(at.wrapped[row]):
        out.append(
            f'<text x="{LEFT}" y="{y + 15 * number}"{warning}{bold}>{escape(text)}</text>'
        )
    target = next((c for c in at.columns if c.name == line.target), None)
    if target:
        begin = LEFT + round(len(at.wrapped[row][0]) * CHARACTER) + 6
        out.append(_arrow(at, begin, target, y - 4))
        if line.answer:
            out.append(_answer(target.x + BAND + 5, y, line.answer, line.wrong))
    return "".join(out)


def _arrow(at: Layout, begin: int, target: Column, y: int) -> str:
    """From the text to the target's band, and behind the bands in between."""
    path = f"M{min(begin, at.core)} {y}H"
    for column in at.columns:
        if column is target:
            break
        path += f"{column.x - 2}M{column.x + BAND + 2} {y}H" if column.empty else ""
    tip = target.x - 1
    return (
        f'<path d="{path}{tip - 6}" fill="none" stroke="currentColor" stroke-opacity=".6"/>'
        f'<path d="M{tip} {y}l-8 -4v8z"/>'
    )


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
