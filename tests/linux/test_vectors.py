# SPDX-License-Identifier: GPL-2.0-only
"""Linux holds what the vectors say of it; X1 to X24 hold wherever the harness has the functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_impl.linux import ask, run
from reference_impl.vectors import Outcome, known, read, replay
from tests.linux import trees


def outcomes(wanted: Callable[[tuple[int, ...]], bool]) -> tuple[str, dict[str, Outcome]]:
    """A release, and what becomes of each vector on it."""
    linux = ask(trees.tree(wanted))
    vectors = [read(path) for path in known.paths(known.PUBLISHED)]
    player = run.played(linux, vectors)
    return linux.name.rpartition(".")[0], {v.name: replay(v, player) for v in vectors}


@pytest.mark.parametrize("wanted", [trees.is_new, trees.is_old])
def test_the_verdicts_of_linux_are_those_of_a_run(wanted: Callable[..., bool]) -> None:
    name, found = outcomes(wanted)
    said = {v.vector.name: v.vector.verdict.get(name) for v in found.values()}
    assert any(said.values()), f"run tools/vectors.py with the tree of {name}"
    for vector, verdict in said.items():
        if verdict:
            assert found[vector].verdict == verdict, vector


def test_x1_to_x24_hold_on_linux() -> None:
    _, found = outcomes(trees.is_new)
    hand_written = {n: o for n, o in found.items() if n[0] == "x"}
    assert {n.partition("-")[0] for n in hand_written} >= {f"x{i:02}" for i in range(1, 25)}
    left_out = {n for n, o in hand_written.items() if o.verdict.startswith("lacks")}
    assert left_out == {n for n in hand_written if n[:3] in {f"x{i}" for i in range(14, 20)}}
    assert {o.verdict for n, o in hand_written.items() if n not in left_out} == {"holds"}
    assert not [n for n, o in found.items() if o.differs]
