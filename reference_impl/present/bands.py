# SPDX-License-Identifier: GPL-2.0-only
"""The bands of a drawing: what somebody reaches from one moment to the next.

A domain is known by its letter, its colour and its pattern, so that no reader depends on colour;
nothing is known by a dashed frame, and by hatching where DMA is blocked. Patterns are drawn as
dashed lines: SVG's own would need ids, and those are shared by all drawings of a page.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from ..contract.setting import Setting
from ..contract.step import RESERVED

BAND = 46
"""The width of a band, in pixels like all lengths here."""
CAP = 20
"""How much of a band is kept plain for a label."""

COLOURS = ("#2f7fc4", "#d07a00", "#14966b", "#b45bb0", "#7d8a1e", "#7a6ad8")
WORDS = 'style="font-family:var(--font-stack,system-ui,sans-serif)"'
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

    def reaches(self, setting: Setting) -> str:
        """Draw what a device's DMA reaches."""
        return self._domain(self.name or "blocked", setting)

    def says(self, setting: Setting) -> str:
        """Draw what the array says."""
        return self._domain(self.name or "empty", setting)

    def finds(self) -> str:
        """Draw what a page request finds."""
        return self._frame("" if self.name else "1 4") + self._labels(self.name or "nothing")

    def _domain(self, name: str, setting: Setting) -> str:
        if name == "blocked":
            return self._frame("4 3") + self._hatching() + self._labels(name)
        if name in ("empty", RESERVED):
            return self._frame("4 3" if name == "empty" else "1 3") + self._labels(name)
        kind = look(name, setting)
        return (
            f'<g style="color:var(--pasid-{"abcdef"[kind]},{COLOURS[kind]})" stroke="currentColor">'
            f'<rect x="{self.x}" y="{self.top}" width="{BAND}" height="{self.bottom - self.top}" '
            'fill="currentColor" fill-opacity=".2"/>'
            f'<path d="M{self.x} {self.top}h{BAND}" stroke-width="3"/>'
            f"{self._pattern(kind)}</g>{self._labels(name)}"
        )

    def _frame(self, dashes: str) -> str:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return (
            '<g stroke="currentColor" stroke-opacity=".55" fill="none">'
            f'<path d="M{self.x} {self.top}V{self.bottom}h{BAND}V{self.top}"{dashed}/>'
            f'<path d="M{self.x} {self.top}h{BAND}" stroke-width="{2 if dashes else 1}"/></g>'
        )

    def _labels(self, name: str) -> str:
        size = 13 if len(name) < 3 else 11 if len(name) < 9 else 7
        look = f'font-size="{size}" ' + ('font-weight="700"' if size == 13 else WORDS)
        return "".join(
            f'<text x="{self.x + BAND // 2}" y="{y}" text-anchor="middle" {look}>'
            f"{escape(name)}</text>"
            for y in (self.top + 14, *([self.bottom - 6] if self.again else []))
        )

    def _inside(self) -> tuple[int, int]:
        """Where a pattern has room."""
        return self.top + CAP, self.bottom - (CAP if self.again else 2)

    def _pattern(self, kind: int) -> str:
        """Plain, bars, dots, lines, a grid, or thick bars."""
        top, bottom = self._inside()
        if bottom <= top:
            return ""
        down = f"{top}V{bottom}"
        bars = f'<path d="M{self.x + BAND // 2} {down}" stroke-width="{BAND}" stroke-dasharray="'
        lines = "".join(f"M{at} {down}" for at in range(self.x + 5, self.x + BAND, 9))
        dots = 'stroke-width="3" stroke-linecap="round" stroke-dasharray="0 7"'
        return (
            "",
            f'{bars}2 6"/>',
            f'<path d="{lines}" {dots}/>',
            f'<path d="{lines}" stroke-width="2"/>',
            f'{bars}1 8"/><path d="{lines}"/>',
            f'{bars}6 8"/>',
        )[kind]

    def _hatching(self) -> str:
        """Slanted lines, cut to the band."""
        top, bottom = self._inside()
        height = bottom - top
        if height <= 0:
            return ""
        strokes = ""
        for at in range(6, BAND + height, 8):
            right, left = min(at, BAND), max(0, at - height)
            strokes += f"M{self.x + right} {top + at - right}L{self.x + left} {top + at - left}"
        return f'<path d="{strokes}" stroke="currentColor" stroke-opacity=".45"/>'


def look(name: str, setting: Setting) -> int:
    """Which colour and pattern a domain has: A, B, C… always the same, others by their place."""
    if len(name) == 1:
        return (ord(name) - ord("A")) % len(COLOURS)
    others = [d.name for d in (*setting.domains, *setting.others) if len(d.name) > 1]
    return 3 + (others.index(name) if name in others else 0) % 3
