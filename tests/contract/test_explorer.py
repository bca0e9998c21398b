# SPDX-License-Identifier: GPL-2.0-only
"""The explorer sees everything, once, shortest first: held against a naive one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path

import pytest

from reference_impl.contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    Exploration,
    Implementation,
    Scope,
    State,
    Step,
    Trace,
    explore,
    replay,
    variant,
)
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.scope import has_handle, operations
from reference_impl.contract.setting import PUBLISHED
from reference_impl.contract.walk import ends_here, observe, settled

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 6
"""How many things are asked in one call of the scopes below, at most."""


def every_step(implementation: Implementation, scope: Scope) -> Iterator[tuple[Step, int, int]]:
    """Each step of a scope, with its number of calls and faults.

    Nothing is remembered but the states, and all combinations of faults are tried.
    """
    for setting, starts in scope.starts(implementation.lacks):
        recorder = Recorder(0)
        machine = implementation.boot(setting, recorder)
        calls_to = dict.fromkeys(starts, 0)
        queue = list(starts)
        for state in queue:
            for operation in operations(setting):
                machine.load(state)
                before = machine.row(operation.pasid)
                if operation.handle == PUBLISHED and not has_handle(before):
                    continue
                done: set[tuple[bool, ...]] = set()
                for script in product((False, True), repeat=LONGEST):
                    if any(script[: len(taken)] == taken for taken in done):
                        continue
                    machine.load(state)
                    recorder.follow(script)
                    parts, _ = observe(machine, recorder, state, operation, before)
                    assert len(recorder.taken) <= LONGEST
                    done.add(recorder.taken)
                    if recorder.faults > scope.faults:
                        continue
                    step = Step(setting, *parts)
                    yield step, calls_to[state] + 1, recorder.faults
                    if operation.pasid in setting.pasids and not ends_here(step):
                        rows = tuple(settled(machine.row(pasid)) for pasid in setting.pasids)
                        new = State(rows, state.resetting, machine.notes())
                        if new not in calls_to:
                            calls_to[new] = calls_to[state] + 1
                            queue.append(new)


HERE = [
    IMPLEMENTATIONS["model"],
    IMPLEMENTATIONS["posted-v1"],
    # hardware and array differ, and there are more states
    variant("model", ("for dev in done:\n", "for dev in done[1:]:\n"), name="undoes too little"),
    # a single event changes something
    variant(
        "model",
        ("with group.mutex:\n        # DRIVERS: DET", "if True:\n        # DRIVERS: DET"),
        name="detaches without the mutex",
    ),
]


@pytest.mark.parametrize("scope", [Scope(2, 0, 2, 1, 2), Scope(1, 1, 1, 2, 1)], ids=str)
@pytest.mark.parametrize("implementation", HERE, ids=lambda each: each.name)
def test_nothing_is_missed(implementation: Implementation, scope: Scope) -> None:
    seen = explore(implementation, scope)
    steps = 0
    different: set[tuple[str, Step]] = set()
    held: set[str] = set()
    shortest: dict[str, tuple[int, int]] = {}
    for step, calls, faults in every_step(implementation, scope):
        steps += 1
        different.add((step.setting.name, step))
        for id, finding in seen.findings.items():
            if finding.promised and step.operation.kind in CLAUSES[id].on:
                verdict = CLAUSES[id].predicate(step)
                if verdict is True:
                    held.add(id)
                elif verdict is not None:
                    shortest[id] = min(shortest.get(id, (calls, faults)), (calls, faults))
    assert seen.steps == steps
    assert seen.different == len(different)
    assert {id for id, finding in seen.findings.items() if finding.held} == held
    found = {id: finding.rank[:2] for id, finding in seen.findings.items() if finding.broken}
    assert found == shortest


def test_a_counterexample_can_be_replayed(explored: Callable[[str], Exploration]) -> None:
    for id, finding in explored("posted-v1").findings.items():
        if finding.trace:
            steps = replay(IMPLEMENTATIONS["posted-v1"], finding.trace)
            assert steps == finding.steps
            assert CLAUSES[id].predicate(steps[-1]) == finding.reason
            assert len(steps) == finding.rank[0]
            assert sum(finding.trace.calls[-1][1]) == finding.rank[1]
            for step, following in pairwise(steps):
                assert settled(step.after) == following.before


@pytest.mark.parametrize("name", ["model", "merged"])
def test_a_trace_can_be_made_by_hand(name: str) -> None:
    scope = Scope(2, 0, 2, 1, 1)
    setting, (start,) = next(scope.starts())
    tried = {str(each): each for each in operations(setting)}
    calls = (tried["attach(A, PASID 1, h')"], ()), (tried["replace(B, PASID 1, h')"], (False, True))
    attach, replace = replay(IMPLEMENTATIONS[name], Trace(setting, start, calls))
    assert attach.result == 0
    assert [(call.domain, call.old, call.error) for call in replace.calls] == [
        ("B", "A", 0),
        ("B", "A", 5),
        ("A", "B", 0),
    ]
    assert replace.after == replace.before == settled(attach.after)


def test_progress_is_told() -> None:
    told: list[tuple[int, int, int]] = []
    scope = Scope(2, 1, 2, 2, 2)
    seen = explore(IMPLEMENTATIONS["model"], scope, (), lambda *now: told.append(now))
    assert len(told) > 10
    assert told == sorted(told)
    assert all(done <= known <= seen.states and steps <= seen.steps for done, known, steps in told)
    # it does not fall silent for a large part of the way
    silent = [after[2] - before[2] for before, after in pairwise(told)]
    assert max(silent) < seen.steps / 10


def test_nobody_judges_what_is_not_promised() -> None:
    seen = explore(IMPLEMENTATIONS["posted-v1"], Scope(1, 0, 1, 1, 0))
    assert seen.findings["VIS-2"].verdict == "not-promised"
    assert seen.findings["VIS-2"].reason == "posted-v1 has no handles"
    assert seen.findings["ATT-4"].reason == "posted-v1 has no recovery"
    assert {f.held + f.broken for f in seen.findings.values() if not f.promised} == {0}


def test_the_same_with_every_hash_seed() -> None:
    """And as ``python -m reference_impl``."""
    command = [sys.executable, "-m", "reference_impl", "check", "posted-v1", "--json"]
    command += ["--devices=2", "--domains=2", "--pasids=1", "--faults=2"]
    runs = [
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        for seed in ("1", "2")
    ]
    assert [run.returncode for run in runs] == [1, 1]
    assert [run.stderr for run in runs] == [b"", b""]
    assert runs[0].stdout == runs[1].stdout
    assert json.loads(runs[0].stdout)["clauses"]["REP-7"]["verdict"] == "broken"
