# SPDX-License-Identifier: GPL-2.0-only
"""Random calls with random faults, made with two implementations."""

from __future__ import annotations

from reference_impl.contract import Implementation, Scope
from reference_impl.contract.differences import comparable
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.scope import has_handle, operations, possible
from reference_impl.contract.setting import PUBLISHED, STRAY
from reference_impl.contract.walk import observe, state_now


def compare_random_calls(
    one: Implementation, other: Implementation, scope: Scope, octets: bytes, place: int
) -> None:
    """Make the calls that *octets* say, four for each, in the setting that *place* says."""
    habitat = other.habitat
    settings = scope.starts(one.lacks | other.lacks, habitat)
    choices = [(s, start) for s, starts in settings for start in starts]
    setting, state = choices[place % len(choices)]
    calls = operations(setting)
    recorders = Recorder(8), Recorder(8)
    machines = one.boot(setting, recorders[0]), other.boot(setting, recorders[1])
    for at in range(0, len(octets), 4):
        operation = calls[int.from_bytes(octets[at : at + 2]) % len(calls)]
        # of each question one in four is a fault
        script = tuple(bool(octets[at + 2] & octets[at + 3] >> 1 & 1 << i) for i in range(8))
        machines[0].load(state)
        before = machines[0].row(operation.pasid)
        if operation.handle == PUBLISHED and not has_handle(before):
            continue
        if habitat and not possible(setting, operation, state, before):
            continue
        made = []
        for machine, recorder in zip(machines, recorders, strict=True):
            machine.load(state)
            recorder.follow(script)
            parts, _ = observe(machine, recorder, state, operation, before)
            made.append((*comparable(parts), recorder.taken))
        assert made[0] == made[1], (setting.name, state, operation, script)
        if operation.device != STRAY:
            state = state_now(machines[0])
