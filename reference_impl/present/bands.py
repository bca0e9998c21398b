# SPDX-License-Identifier: GPL-2.0-only
"""The bands of a drawing: what somebody reaches from one moment to the next.

A domain is known by its letter, its colour and its pattern, so that no reader depends on colour;
nothing is known by the dashed frame, and by hatching where DMA is blocked. Patterns are drawn as
dashed lines: SVG's own would need ids, and those are shared by all drawings of a page.
"""

from __future__ import annotations

from html import escape

from ..contract.step import RESERVED, Setting

BAND = 44
"""The width of a band, in pixels like all lengths here."""
CAP = 20
"""How much of a band's top is kept plain, for the letter."""

COLOURS = ("#2f7fc4", "#d07a00", "#14966b", "#b45bb0", "#7d8a1e", "#7a6ad8")
WARNING = "var(--pasid-warn,#d6382f)"


def look(name: str, setting: Setting) -> int:
    """Which colour and pattern a domain has: A, B, C… always the same, others by their place."""
    if len(name) == 1:
        return (ord(name) - ord("A")) % len(COLOURS)
    others = [d.name for d in (*setting.domains, *setting.others) if len(d.name) > 1]
    return 3 + (others.index(name) if name in others else 0) % 3


def band(x: int, top: int, bottom: int, name: str | None, empty: str, setting: Setting) -> str:
    """One piece of a band, with its label.

    Args:
        x: its left edge.
        top: where it begins.
        bottom: where it ends.
        name: a domain, ``"blocked"``, ``"reserved"``, or None for nothing.
        empty: what nothing is called here; hatched if that is ``"blocked"``.
        setting: for the look.
    """
    label = _label(x + BAND // 2, top + 14, name or empty)
    if name is None or name in ("blocked", RESERVED):
        hatched = (name or empty) == "blocked"
        dashes = "1 3" if name == RESERVED else "4 3"
        frame = (
            f'<rect x="{x}" y="{top}" width="{BAND}" height="{bottom - top}" fill="none" '
            f'stroke="currentColor" stroke-opacity=".5" stroke-dasharray="{dashes}"/>'
        )
        return frame + (_hatching(x, top + CAP, bottom) if hatched else "") + label
    kind = look(name, setting)
    letter = "abcdef"[kind]
    return (
        f'<g style="color:var(--pasid-{letter},{COLOURS[kind]})" stroke="currentColor">'
        f'<rect x="{x}" y="{top}" width="{BAND}" height="{bottom - top}" '
        'fill="currentColor" fill-opacity=".2"/>'
        f'<path d="M{x} {top}h{BAND}" stroke-width="3"/>'
        f"{_pattern(kind, x, top + CAP, bottom - 1)}</g>{label}"
    )


def _label(x: int, y: int, text: str) -> str:
    size = 13 if len(text) < 3 else 11 if len(text) < 8 else 10 if len(text) < 9 else 6
    weight = ' font-weight="700"' if size == 13 else ""
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}"{weight}>{escape(text)}</text>'


def _pattern(kind: int, x: int, top: int, bottom: int) -> str:
    """Plain, bars, dots, lines, a grid, or thick bars."""
    if bottom <= top:
        return ""
    middle = x + BAND // 2
    down = f"{top}V{bottom}"
    bars = f'<path d="M{middle} {down}" stroke-width="{BAND}" stroke-dasharray="%s"/>'
    lines = "".join(f"M{at} {down}" for at in range(x + 4, x + BAND, 9))
    if kind == 1:
        return bars % "2 6"
    if kind == 2:
        return f'<path d="{lines}" stroke-width="3" stroke-linecap="round" stroke-dasharray="0 7"/>'
    if kind == 3:
        return f'<path d="{lines}" stroke-width="2"/>'
    if kind == 4:
        return bars % "1 8" + f'<path d="{lines}"/>'
    return bars % "6 8" if kind == 5 else ""


def _hatching(x: int, top: int, bottom: int) -> str:
    """Slanted lines, cut to the band."""
    height = bottom - top - 1
    strokes = []
    for at in range(6, BAND + height, 8):
        right, left = min(at, BAND), max(0, at - height)
        if height > 0:
            strokes.append(f"M{x + right} {top + at - right}L{x + left} {top + at - left}")
    return f'<path d="{"".join(strokes)}" stroke="currentColor" stroke-opacity=".45"/>'
