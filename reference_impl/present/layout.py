# SPDX-License-Identifier: GPL-2.0-only
"""Where everything in a drawing is. All lengths are pixels."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from ..contract.step import Step
from .bands import BAND
from .rows import Line

CHARACTER = 7.25
"""The width of a character of the fixed font at 12 pixels, rather more than less."""
SHORTEST, LONGEST = 22, 30
"""How many characters wide the texts are; a longer one is wrapped."""
LEFT = 24
HEAD = 50
ROW = 34
ANSWER = 50
"""The room to the right of a band for an errno; a longer one gets more."""


class Column(NamedTuple):
    """One column of bands: whose it is, its left edge, its width if it is never used."""

    name: str
    x: int
    idle: bool = False
    """Whether it is a device that has no PASIDs."""


class Layout(NamedTuple):
    """Where everything is."""

    core: int
    """The core's line, which arrows come from."""
    columns: tuple[Column, ...]
    """One for each device, the array, what a page request finds, and one that is drawn."""
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
    arrows = [len(line.text) for line in shown if line.target]
    characters = min(LONGEST, max([SHORTEST, *arrows]))
    wrapped = tuple(
        tuple(textwrap.wrap(line.text, characters, break_on_hyphens=False)) for line in shown
    )
    tops = [HEAD]
    for text in wrapped:
        tops.append(tops[-1] + max(ROW, 15 * len(text) + 12))
    longest = max((len(line.answer) for line in shown), default=0)
    answer = max(ANSWER, round(longest * CHARACTER) + 8)
    core = LEFT + round(characters * CHARACTER) + 12
    x = core + 30
    columns = []
    for device in step.setting.devices:
        columns.append(Column(device.name, x, not device.max_pasids))
        x += BAND + (answer if device.max_pasids else 20)
    answers = any(line.target == "array" and line.answer for line in shown)
    for name, room in (("array", answer if answers else 16), ("page request", 18)):
        columns.append(Column(name, x))
        x += BAND + room
    if any(line.request for line in shown):
        columns.append(Column("request", x))
        x += BAND + 18
    return Layout(core, tuple(columns), wrapped, tuple(tops), x)
