# SPDX-License-Identifier: GPL-2.0-only
"""Another program, that knows nothing of this package, counts the same states."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Scope, State, explore
from tools.peers import stateful
from tools.peers.__main__ import Group, spin

SCOPE = Scope(2, 0, 2, 2, 2)


def test_spin_counts_the_same_states(tmp_path: Path) -> None:
    if not (shutil.which("spin") and shutil.which("cc")):
        pytest.skip("Spin is not here (on Debian: spin and gcc)")
    ours = explore(IMPLEMENTATIONS["merged"], Group(**SCOPE.to_json()), ())
    assert spin(SCOPE, tmp_path).states == ours.states


def test_random_calls_get_to_no_other_state() -> None:
    found: set[State] = set()
    stateful.random_calls(SCOPE, found, examples=5)
    setting, _ = next(SCOPE.starts())
    assert 1 < len(found) <= 81
    assert {len(state.rows) for state in found} == {len(setting.pasids)}
