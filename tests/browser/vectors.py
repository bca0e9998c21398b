# SPDX-License-Identifier: GPL-2.0-only
"""Fifty calls over all implementations, with and without faults, each as a link."""

from __future__ import annotations

from reference_impl.contract import IMPLEMENTATIONS, Scope
from reference_impl.contract.walk import Walk, replay
from reference_impl.present.links import STEPPED, link

EACH = 4
SCOPE = Scope(devices=2, incapable=1, domains=3, pasids=1, faults=2)


def vectors() -> list[str]:
    """Of each implementation: steps that are far in its walk, faults and refusals among them."""
    found = []
    for implementation in map(IMPLEMENTATIONS.__getitem__, STEPPED):
        setting, starts = next(SCOPE.starts(implementation.lacks, implementation.habitat))
        walk = Walk(implementation, setting, starts, SCOPE.faults, calls=2)
        every = [
            (len(step.events), number, walk.trace(state, step.operation))
            for number, (step, state) in enumerate(walk)
        ]
        every.sort(key=lambda each: each[:2])
        for _, _, trace in every[:: -(len(every) // EACH)][:EACH]:
            found.append(link(replay(implementation, trace)[-1]))
    return found
