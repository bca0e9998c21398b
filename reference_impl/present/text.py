# SPDX-License-Identifier: GPL-2.0-only
"""The text twin of a diagram: the same rows and columns, for a terminal and for a test."""

from __future__ import annotations

from ..contract.requests import Request
from ..contract.setting import EVENTS
from ..contract.step import RESERVED, Entry, Slot, Step, reader
from ..model.objects import NO_PASID
from .rows import Line, lines

NOTHING = "-"
NO_PASIDS = "."


def columns(step: Step, request: Request | None = None) -> list[tuple[str, str]]:
    """The head of each column that shows how things are, in two lines."""
    heads = [("", device.name) for device in step.setting.devices]
    heads[0] = ("DMA reaches", heads[0][1])
    heads += [("array", "says"), ("page request", "finds")]
    return [*heads, ("request", "is")] if request else heads


def cells(step: Step, line: Line, request: Request | None = None) -> list[str]:
    """How things are in one row, a word for each column."""
    shown = []
    for device, domain in zip(step.setting.devices, line.hardware, strict=True):
        shown.append(domain or (NOTHING if device.max_pasids else NO_PASIDS))
    shown += [array_cell(line.slot), reader(step.setting, line.slot) or NOTHING]
    return [*shown, line.request or NOTHING] if request else shown


def array_cell(slot: Slot) -> str:
    """What the array says, whether a reader sees it or not."""
    if isinstance(slot, Entry):
        return slot.domain
    return NOTHING if slot is None else RESERVED


def twin(step: Step, title: str = "", details: bool = False, request: Request | None = None) -> str:
    """The step as text.

    Args:
        step: what to show.
        title: stands at the top left; by default the call.
        details: see :func:`.rows.lines`.
        request: likewise.
    """
    shown = lines(step, details, request)
    said = [_said(line) for line in shown]
    heads = columns(step, request)
    table = [cells(step, line, request) for line in shown]
    widths = [max(len(head[1]), *(len(row[at]) for row in table)) for at, head in enumerate(heads)]
    devices = len(step.setting.devices)
    # the last device's column makes room for the head above all of them
    short = len(heads[0][0]) - sum(widths[:devices]) - 2 * (devices - 1)
    widths[devices - 1] += max(0, short)
    for at in range(devices, len(heads)):
        widths[at] = max(widths[at], len(heads[at][0]))

    title = title or str(step.operation)
    # a WARN stands on a line of its own, and may be longer
    left = max(
        len(title), *(len(s) for s, line in zip(said, shown, strict=True) if not _alone(line))
    )
    above = [heads[0][0].ljust(sum(widths[:devices]) + 2 * (devices - 1))]
    above += [heads[at][0].ljust(widths[at]) for at in range(devices, len(heads))]
    out = [title.ljust(left + 3) + "  ".join(above)]
    out.append(" " * (left + 3) + _joined([head[1] for head in heads], widths))
    for line, text, row in zip(shown, said, table, strict=True):
        out.append(text if _alone(line) else text.ljust(left + 3) + _joined(row, widths))
    out += [*under_heads(step), *notes(step)]
    return "\n".join(line.rstrip() for line in out)


def under_heads(step: Step) -> list[str]:
    """What a drawing says under the name of a device."""
    unable = [d.name for d in step.setting.devices if not d.max_pasids]
    found = [f"{' and '.join(unable)}: no PASIDs"] if unable else []
    over = [name for name in step.resetting if is_over(step, name)]
    still = [name for name in step.resetting if name not in over]
    if still:
        found.append(f"{' and '.join(still)}: in reset, which has blocked it")
    if over:
        found.append(f"{' and '.join(over)}: was in reset before this call")
    return found


def is_over(step: Step, device: str) -> bool:
    """Whether this is the call that ends the reset which a device is under."""
    kind, name, *_ = step.operation
    return kind == "reset_done" and name == device and not step.now.depth(device)


def notes(step: Step) -> list[str]:
    """What no column shows."""
    found = []
    if not step.setting.blocks_pasids:
        found.append("The driver cannot block a PASID.")
    if step.operation.kind in EVENTS and len(step.setting.pasids) > 1:
        pasid = step.operation.pasid
        found.append(f"Shown is {f'PASID {pasid}' if pasid else 'DMA without a PASID'}.")
    if step.elsewhere:
        others = set(step.setting.pasids) - {step.operation.pasid}
        other = "DMA without a PASID" if others == {NO_PASID} else "Another PASID"
        found.append(f"{other} was changed too.")
    return found


def _alone(line: Line) -> bool:
    """Whether a row has no room for columns: a WARN and a crash change nothing that they show."""
    return line.wrong and not line.target and not line.text.startswith("returns")


def _said(line: Line) -> str:
    number = f"{line.number:3} " if line.number else "    "
    return number + line.text + (f" -> {line.answer}" if line.answer else "")


def _joined(row: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
