# SPDX-License-Identifier: GPL-2.0-only
"""Hypothesis on the model: random calls with random faults, and the states that they get to."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from reference_impl.contract import IMPLEMENTATIONS, Scope, State
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.scope import has_handle, operations
from reference_impl.contract.setting import PUBLISHED
from reference_impl.contract.step import Step
from reference_impl.contract.walk import ends_here, observe, state_now

ASKED = 20
"""How many things are asked in one call of these scopes, at most."""


class Drawn(Recorder):
    """What fails is drawn, up to the scope's number of faults."""

    answers: frozenset[int] = frozenset()

    def fails(self, what: Any) -> int:
        """Fail if that was drawn and there may be one more fault."""
        self._script = (*self._script, len(self._taken) in self.answers)
        return super().fails(what)


def machine(scope: Scope, found: set[State]) -> type[RuleBasedStateMachine]:
    """A state machine over the first setting of a scope; *found* gets the states."""
    setting, starts = next(scope.starts())
    calls = operations(setting)
    faults = st.frozensets(st.integers(0, ASKED), max_size=scope.faults)

    class Calls(RuleBasedStateMachine):
        """One group, and calls on it."""

        def __init__(self) -> None:
            super().__init__()
            self.recorder = Drawn(scope.faults)
            self.group = IMPLEMENTATIONS["merged"].boot(setting, self.recorder)
            self.state = starts[0]
            found.add(self.state)

        @rule(call=st.sampled_from(calls), answers=faults)
        def make(self, call: Any, answers: frozenset[int]) -> None:
            """One call."""
            before = self.group.row(call.pasid)
            if call.handle == PUBLISHED and not has_handle(before):
                return
            self.group.load(self.state)
            self.recorder.follow(())
            self.recorder.answers = answers
            parts, _ = observe(self.group, self.recorder, self.state, call, before)
            if not ends_here(Step(setting, *parts)):
                self.state = state_now(self.group)
                found.add(self.state)

    return Calls


def random_calls(scope: Scope, found: set[State], examples: int) -> None:
    """Make that many times 50 random calls."""
    run_state_machine_as_test(
        machine(scope, found),
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            database=None,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> None:
    """Print how many states are found; the sizes of the scope and the examples are arguments."""
    *sizes, examples = map(int, sys.argv[1:])
    found: set[State] = set()
    random_calls(Scope(*sizes), found, examples)
    print(len(found))


if __name__ == "__main__":
    main()
