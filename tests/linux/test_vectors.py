# SPDX-License-Identifier: GPL-2.0-only
"""Linux holds what the vectors say of it; X1 to X24 hold; drivers in C do what their models do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from reference_impl.linux import ask_all, run
from reference_impl.vectors import Outcome, Vector, known, read, replay
from tests.linux import trees

Wanted = Callable[[tuple[int, ...]], bool]
COME_AND_GO = ("release", "probe")


@cache
def outcomes(wanted: Wanted) -> tuple[str, dict[str, Outcome]]:
    """A release, and what becomes of each vector on it."""
    linuxes = ask_all(trees.tree(wanted))
    vectors = [read(path) for path in known.paths(known.PUBLISHED)]
    player = run.played(linuxes, vectors)
    return player.name.rpartition(".")[0], {v.name: replay(v, player) for v in vectors}


@pytest.mark.parametrize("wanted", [trees.is_new, trees.is_old])
def test_the_verdicts_of_linux_are_those_of_a_run(wanted: Wanted) -> None:
    name, found = outcomes(wanted)
    said = {v.vector.name: v.vector.verdict.get(name) for v in found.values()}
    assert any(said.values()), f"run tools/vectors.py with the tree of {name}"
    for vector, verdict in said.items():
        if verdict:
            assert found[vector].verdict == verdict, vector


def test_x1_to_x24_hold_on_linux() -> None:
    _, found = outcomes(trees.is_new)
    hand_written = {n: o.verdict for n, o in found.items() if n[0] == "x"}
    assert {n.partition("-")[0] for n in hand_written} >= {f"x{i:02}" for i in range(1, 25)}
    assert set(hand_written.values()) == {"holds"}


def lacking(vector: Vector) -> str:
    """What is not taken out of a tree that a vector needs, or nothing."""
    if vector.user:
        return "lacks iommufd"
    if vector.initial.processes:
        return "lacks the memory of processes"
    if vector.group.family not in ("", "vtd", "amd"):
        return f"lacks the functions of {vector.group.family}"
    if vector.group.family and any(each.name == "e0" for each in vector.group.devices):
        return "lacks a second IOMMU"
    calls = [step.operation for step in vector.steps if step.operation in COME_AND_GO]
    return f"lacks the call {calls[0]}" if calls else ""


def test_what_is_left_out_of_a_new_tree_is_known() -> None:
    _, found = outcomes(trees.is_new)
    for name, outcome in found.items():
        left_out = outcome.verdict if outcome.verdict.startswith("lacks") else ""
        assert left_out == lacking(outcome.vector), name
    played = Counter(o.vector.group.family for o in found.values() if not lacking(o.vector))
    assert played[""] >= 280
    assert played["vtd"] >= 80
    assert played["amd"] >= 30


def test_each_does_what_its_model_does() -> None:
    _, found = outcomes(trees.is_new)
    for name, outcome in found.items():
        if not lacking(outcome.vector):
            model = outcome.vector.group.family or "model"
            # after a crash nobody knows what C's array holds, so nothing is said of it
            said = outcome.vector.verdict[model].replace("INV-1, INV-9", "INV-9")
            assert outcome.verdict == said, name


def test_an_old_tree_lacks_what_it_has_not() -> None:
    _, found = outcomes(trees.is_old)
    own = [o for o in found.values() if o.vector.group.family and not lacking(o.vector)]
    said = {f"lacks the functions of {name}" for name in ("vtd", "amd")} | {"lacks replace"}
    assert {each.verdict for each in own} >= said
    assert all(each.verdict.startswith("lacks") for each in own)
    assert found["x14-detached-during-a-reset"].verdict == "lacks recovery"
    assert found["x19-released-while-attached"].verdict == "lacks the group's other calls"
