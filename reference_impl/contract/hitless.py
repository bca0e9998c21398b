# SPDX-License-Identifier: GPL-2.0-only
"""Does DMA go on while a domain is replaced? Promised by nobody: a property of each driver."""

from __future__ import annotations

from .clauses.driver import driver_calls
from .implementation import Implementation
from .scope import Scope
from .setting import Setting
from .step import Step
from .walk import Walk

HITLESS, GAP, TORN = "hitless", "gap", "torn"
"""DMA reaches the old domain or the new one all the time; it reaches nothing for a while; or it may
reach something made of both."""
WORST = (HITLESS, GAP, TORN)


def hitless(
    implementation: Implementation, scope: Scope | None = None
) -> dict[tuple[str, str], str]:
    """What DMA meets in every replace that succeeds, the worst first.

    Args:
        implementation: a core with a driver, or without one of its own.
        scope: how large; one device, two PASIDs and one fault if None.

    Returns:
        For each pair of the kinds of an old and a new domain one of ``WORST``. A pair of which
        no replace succeeds is not there.
    """
    scope = scope or Scope(1, 0, 3, 2, 1)
    found: dict[tuple[str, str], str] = {}
    for setting, starts in scope.starts(implementation.lacks, implementation.habitat):
        for step, _ in Walk(implementation, setting, starts, scope.faults):
            if step.operation.kind == "replace" and step.result == 0:
                _look(step, found)
    return found


def _look(step: Step, found: dict[tuple[str, str], str]) -> None:
    for asked in driver_calls(step):
        device, new, old, *_ = asked.call
        if asked.failed or old is None or asked.had != old or new == "blocked":
            continue
        reached = [e[3] for e in asked.events if e[0] == "entry" and e[1] == device]
        how = TORN if "torn" in reached else GAP if None in reached else HITLESS
        kinds = _kind(step.setting, old), _kind(step.setting, new)
        found[kinds] = max(found.get(kinds, HITLESS), how, key=WORST.index)


def _kind(setting: Setting, name: str) -> str:
    domain = setting.domain(name)
    return domain.kind or domain.type
