# SPDX-License-Identifier: GPL-2.0-only
"""What a notebook or a terminal shows of steps: one drawn, or a counterexample told as a story."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..contract.clauses.visibility import witness
from ..contract.explorer import Finding
from ..contract.requests import Request, fates
from ..contract.step import Entry, Step, reader
from .bands import WARNING
from .drawing import svg
from .rows import DETAILS, entry, returned
from .tables import Table
from .text import notes, twin


class Diagram:
    """Calls one after the other, of which the last is drawn; in a terminal, the same as text.

    Args:
        steps: at least one.
        reason: stands at the foot.
        details: see :func:`.rows.lines`.
        request: likewise.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        reason: str = "",
        details: bool = False,
        request: Request | None = None,
    ) -> None:
        *self.earlier, self.last = steps
        self.reason = reason
        self.details = details
        self.request = request

    def __repr__(self) -> str:
        told = [*self._beginning()]
        told += [
            f"{n}. {step.operation} {returned(step)}" for n, step in enumerate(self.earlier, 1)
        ]
        number = f"{len(self.earlier) + 1}. " if self.earlier else ""
        title = f"{number}{self.last.operation}"
        told.append(twin(self.last, title, self.details, self.request))
        return "\n".join([*told, *([self.reason] if self.reason else [])])

    def _repr_html_(self) -> str:
        call = f"<code>{escape(str(self.last.operation))}</code>"
        out = ['<div class="pasid-diagram">', *map(_paragraph, self._beginning())]
        if self.earlier:
            calls = [
                f"<li><code>{escape(str(step.operation))}</code> {escape(returned(step))}</li>"
                for step in self.earlier
            ]
            out += ["<ol>", *calls, f"<li>{call}</li>", "</ol>"]
        else:
            out.append(f"<p>{call}</p>")
        out += [
            '<div style="overflow-x:auto">',
            svg(self.last, self.details, self.request),
            "</div>",
        ]
        out += map(_paragraph, notes(self.last))
        if self.reason:
            out.append(f'<p><strong style="color:{WARNING}">{escape(self.reason)}</strong></p>')
        text = f"<details><summary>As text</summary><pre>{escape(repr(self))}</pre></details>"
        return "\n".join([*out, text, "</div>"])

    def _beginning(self) -> list[str]:
        """What was there before the first of several calls; a single one shows that itself."""
        if not self.earlier:
            return []
        first = self.earlier[0]
        slot, hardware = first.before
        said = [f"{name} in reset" for name in first.resetting]
        if isinstance(slot, Entry):
            said.append(f"the array says {entry(slot)}")
        for device, domain in zip(first.setting.devices, hardware, strict=True):
            said += [f"{device.name} reaches {domain}"] if domain else []
        return [f"At first: {'; '.join(said)}"] if said else []


def diagram(
    shown: Step | Finding, details: bool = False, request: Request | None = None
) -> Diagram:
    """Draw one step.

    Args:
        shown: a step; or a finding, of which the step that breaks the clause is drawn.
        details: see :func:`.rows.lines`; needless where the finding's clause is about those.
        request: a page request to draw beside it; of a finding that is about one, it is.

    Raises:
        ValueError: the finding has no counterexample.
    """
    if isinstance(shown, Finding):
        told = story(shown, details)
        return Diagram([told.last], told.reason, told.details, told.request)
    return Diagram([shown], "", details, request)


def story(shown: Finding | Iterable[Step], details: bool = False) -> Diagram:
    """Tell a counterexample: the calls that lead to it in a line each, the last one drawn.

    Args:
        shown: a finding, or steps one after the other.
        details: see :func:`.rows.lines`; needless where the finding's clause is about those.

    Raises:
        ValueError: the finding has no counterexample, or there are no steps.
    """
    if not isinstance(shown, Finding):
        steps = tuple(shown)
        if not steps:
            raise ValueError("there is no step to draw")
        return Diagram(steps, "", details)
    clause = shown.clause.id
    if not shown.steps:
        raise ValueError(f"there is no step that breaks {clause}: it is {shown.verdict}")
    reason = f"breaks {clause}: {shown.reason}"
    request = witness(clause, shown.steps[-1])
    return Diagram(shown.steps, reason, details or clause in DETAILS, request)


def requests(step: Step) -> Table:
    """What becomes of a page request beside a call: each fate that one can have.

    Args:
        step: the call.
    """
    rows = []
    for each in fates(step):
        then = f"is with the owner of {each.found}" if each.found else "is turned away"
        if each.deaf:
            then = f"is turned away: {each.device} is on no fault queue"
        if each.held:
            gone = each.found != reader(step.setting, step.after.slot)
            then += f", after the call{f' and the end of {each.found}' if gone else ''}"
        finds = f"{each.found or 'nothing'}{', after the call' if each.astray else ''}"
        rows.append((each.device, each.domain, finds, then))
    return Table(("request of", "for", "finds", "and"), rows)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
