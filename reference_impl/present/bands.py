# SPDX-License-Identifier: GPL-2.0-only
"""The bands of a drawing: what somebody reaches from one moment to the next.

A domain is known by its letter, its colour and its pattern, so that no reader depends on colour;
nothing is known by a dashed frame, and by hatching where DMA is blocked. Patterns are drawn as
dashed lines: SVG's own would need ids, and those are shared by all drawings of a page.
"""

from __future__ import annotations

from typing import NamedTuple

from ..contract.setting import Setting
from ..contract.step import RESERVED
from .marks import Marks, box

BAND = 46
"""The width of a band, in pixels like all lengths here."""
CAP = 20
"""How much of a band is kept plain for a label."""

COLOURS = ("#2f7fc4", "#d07a00", "#14966b", "#b45bb0", "#7d8a1e", "#7a6ad8")
WORDS = 'style="font-family:var(--font-stack,system-ui,sans-serif)"'
CENTRED = ' text-anchor="middle"'
FRAME = 'fill="none" stroke="currentColor" stroke-opacity=".55"'
WARNING = "var(--pasid-warn,#d6382f)"


class Piece(NamedTuple):
    """A band between two changes."""

    x: int
    top: int
    bottom: int
    name: str | None
    """A domain, a handle, ``"blocked"``, ``"reserved"``, or None for nothing."""
    again: bool = False
    """Whether the label is repeated at the foot."""

    def reaches(self, marks: Marks, setting: Setting) -> None:
        """Draw what a device's DMA reaches."""
        self._domain(marks, self.name or "blocked", setting)

    def says(self, marks: Marks, setting: Setting) -> None:
        """Draw what the array says."""
        self._domain(marks, self.name or "empty", setting)

    def finds(self, marks: Marks) -> None:
        """Draw what a page request finds."""
        self._frame(marks, "" if self.name else "1 4")
        self._label(marks, self.name or "nothing")

    def _domain(self, marks: Marks, name: str, setting: Setting) -> None:
        self._label(marks, name)
        if name in ("blocked", "empty", RESERVED):
            self._frame(marks, "1 3" if name == RESERVED else "4 3")
            if name == "blocked":
                marks.shape('stroke="currentColor" stroke-opacity=".45"', self._hatching())
            return
        kind = look(name, setting)
        colour = f"var(--pasid-{'abcdef'[kind]},{COLOURS[kind]})"
        stroke = f'style="color:{colour}" stroke="currentColor"'
        whole = box(self.x, self.top, BAND, self.bottom - self.top)
        marks.shape(f'{stroke} fill="currentColor" fill-opacity=".2"', whole)
        marks.shape(f'{stroke} stroke-width="3"', self._cap())
        for attributes, path in self._pattern(kind):
            marks.shape(f"{stroke} {attributes}", path)

    def _frame(self, marks: Marks, dashes: str) -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        sides = f"M{self.x} {self.top}V{self.bottom}h{BAND}V{self.top}"
        marks.shape(f"{FRAME}{dashed}", sides)
        marks.shape(f'{FRAME} stroke-width="{2 if dashes else 1}"', self._cap())

    def _cap(self) -> str:
        """The upper edge, where a change is seen."""
        return f"M{self.x} {self.top}h{BAND}"

    def _label(self, marks: Marks, name: str) -> None:
        size = 13 if len(name) < 3 else 11 if len(name) < 9 else 7
        bold = 'font-weight="700"' if size == 13 else WORDS
        attributes = f'font-size="{size}" {bold}{CENTRED}'
        for y in (self.top + 14, *([self.bottom - 6] if self.again else [])):
            marks.words(attributes, self.x + BAND // 2, y, name)

    def _inside(self) -> tuple[int, int]:
        """Where a pattern has room."""
        return self.top + CAP, self.bottom - (CAP if self.again else 2)

    def _pattern(self, kind: int) -> tuple[tuple[str, str], ...]:
        """Plain, bars, dots, lines, a grid, or thick bars."""
        top, bottom = self._inside()
        if bottom <= top:
            return ()
        down = f"{top}V{bottom}"
        middle = f"M{self.x + BAND // 2} {down}"
        bars = f'stroke-width="{BAND}" stroke-dasharray='
        lines = "".join(f"M{at} {down}" for at in range(self.x + 5, self.x + BAND, 9))
        dots = 'stroke-width="3" stroke-linecap="round" stroke-dasharray="0 7"'
        return (
            (),
            ((f'{bars}"2 6"', middle),),
            ((dots, lines),),
            (('stroke-width="2"', lines),),
            ((f'{bars}"1 8"', middle), ('stroke-width="1"', lines)),
            ((f'{bars}"6 8"', middle),),
        )[kind]

    def _hatching(self) -> str:
        """Slanted lines, cut to the band."""
        top, bottom = self._inside()
        height = bottom - top
        strokes = ""
        for at in range(6, BAND + height, 8) if height > 0 else ():
            right, left = min(at, BAND), max(0, at - height)
            strokes += f"M{self.x + right} {top + at - right}l{left - right} {right - left}"
        return strokes


def look(name: str, setting: Setting) -> int:
    """Which colour and pattern a domain has: A, B, C… always the same, others by their place."""
    if len(name) == 1:
        return (ord(name) - ord("A")) % len(COLOURS)
    others = [d.name for d in (*setting.domains, *setting.others) if len(d.name) > 1]
    return 3 + (others.index(name) if name in others else 0) % 3
