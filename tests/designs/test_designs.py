# SPDX-License-Identifier: GPL-2.0-only
"""The patch as posted breaks what the thread says it breaks; the merged form does as the model."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Exploration, Scope, differences
from reference_impl.designs import merged, posted_v1
from reference_impl.model import core

# The clauses for which the patch was refused, each with its shortest counterexample: the calls,
# and how many things fail in the last one.
REFUSED = {
    "REP-7": (["replace(B, PASID 1)"], 0),
    "REP-11": (["attach(A, PASID 1)", "replace(B, PASID 1)"], 0),
    "REP-14": (["attach(A, PASID 1)", "replace(B, PASID 1)"], 0),
    "GSP-3": (["attach(A, PASID 1)"], 1),
    "INV-4": (["attach(A, PASID 1)", "replace(B, PASID 1)"], 2),
}


@pytest.mark.parametrize("id", REFUSED)
def test_the_posted_patch_breaks(id: str, explored: Callable[[str], Exploration]) -> None:
    finding = explored("posted-v1").findings[id]
    calls, faults = REFUSED[id]
    assert finding.verdict == "broken"
    assert [str(step.operation) for step in finding.steps] == calls
    assert finding.rank[:2] == (len(calls), faults)
    assert finding.trace
    assert sum(finding.trace.calls[-1][1]) == faults


def test_a_replace_leaves_dma_without_a_translation(
    explored: Callable[[str], Exploration],
) -> None:
    """All goes well, and yet there is a moment at which the device reaches nothing."""
    step = explored("posted-v1").findings["REP-14"].steps[-1]
    assert step.result == 0
    assert step.before.hardware[0] == "A"
    assert step.after.hardware[0] == "B"
    assert None in [moment.hardware[0] for moment in step.moments()]


def test_a_failed_replace_loses_the_old_domain(explored: Callable[[str], Exploration]) -> None:
    step = explored("posted-v1").findings["INV-4"].steps[-1]
    assert isinstance(step.result, int)
    assert step.result < 0
    assert step.before.slot is not None
    assert step.after.slot is None
    assert set(step.after.hardware) == {None}


def test_what_the_posted_patch_does_not_promise(explored: Callable[[str], Exploration]) -> None:
    seen = explored("posted-v1")
    for finding in seen.findings.values():
        assert finding.promised == (finding.clause.needs is None)
    assert seen.with_verdict("not-applicable") == []


@pytest.mark.parametrize("scope", [Scope(2, 1, 2, 2, 3), Scope(4, 0, 2, 1, 8)], ids=str)
def test_model_and_merged_make_the_same_steps(scope: Scope) -> None:
    found = differences(IMPLEMENTATIONS["model"], IMPLEMENTATIONS["merged"], scope)
    assert found.steps > 1000
    assert found.first is None
    assert found.different == 0


def test_both_are_explored_alike(explored: Callable[[str], Exploration]) -> None:
    one, other = explored("model"), explored("merged")
    assert (one.states, one.steps, one.different) == (other.states, other.steps, other.different)
    held = {id: finding.held for id, finding in one.findings.items()}
    assert held == {id: finding.held for id, finding in other.findings.items()}


def test_one_interface_and_one_shape() -> None:
    """The functions of the core come in the same order, so that a diff shows the argument."""
    names = ["attach_device_pasid", "replace_device_pasid", "detach_device_pasid"]
    names += ["set_group_pasid", "remove_group_pasid"]
    for module in (core, merged, posted_v1):
        defined = [name for name, it in vars(module).items() if inspect.isfunction(it)]
        defined = [name for name in defined if vars(module)[name].__module__ == module.__name__]
        assert [name for name in defined if name in names] == names
    for name in names[:3]:
        ours = list(inspect.signature(getattr(core, name)).parameters)
        assert list(inspect.signature(getattr(merged, name)).parameters) == ours
        assert list(inspect.signature(getattr(posted_v1, name)).parameters) == ours[:3]
