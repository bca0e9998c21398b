# SPDX-License-Identifier: GPL-2.0-only
"""A scope says how large it is, and refuses what makes no sense."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from reference_impl.contract import (
    IMPLEMENTATIONS,
    Scope,
    ScopeError,
    differences,
    explore,
    mm_released_meanwhile,
    page_requests_meanwhile,
)
from reference_impl.contract.scope import LARGEST, SMALLEST


def test_the_default_scope() -> None:
    assert str(Scope()) == (
        "3 capable devices + 1 incapable, 3 domains, 2 PASIDs, up to 3 faults in an operation"
    )
    assert Scope().to_json() == {
        "devices": 3,
        "incapable": 1,
        "domains": 3,
        "pasids": 2,
        "faults": 3,
    }


@pytest.mark.parametrize("size", [each.name for each in fields(Scope)])
def test_sizes_have_limits(size: str) -> None:
    low, high = SMALLEST[size], LARGEST[size]
    for value in (low, high):
        Scope(**{size: value})
    wrong: list[Any] = [low - 1, high + 1, 10**30, "2", 1.0, None]
    for value in wrong:
        with pytest.raises(ScopeError, match=f"{size} is {value}, but must be {low} to {high}"):
            Scope(**{size: value})


def test_a_group_has_devices() -> None:
    with pytest.raises(ScopeError, match="no devices"):
        Scope(devices=0, incapable=0)


@pytest.mark.parametrize(
    "name",  # the others have settings of their own size in every scope
    [name for name in IMPLEMENTATIONS if name not in ("model-group", "iommufd")],
)
@pytest.mark.parametrize(
    "scope", [Scope(0, 1, 1, 1, 0), Scope(1, 0, 1, 1, 0), Scope(0, 4, 1, 2, 8)], ids=str
)
def test_the_smallest_scopes_can_be_explored(scope: Scope, name: str) -> None:
    seen = explore(IMPLEMENTATIONS[name], scope)
    assert 0 < seen.states < seen.steps
    if name in ("model", "merged"):
        assert not seen.with_verdict("broken")


def test_a_larger_scope_sees_more() -> None:
    model = IMPLEMENTATIONS["model"]
    small = explore(model, Scope(1, 0, 1, 1, 1), ())
    for larger in (
        Scope(2, 0, 1, 1, 1),
        Scope(1, 0, 2, 1, 1),
        Scope(1, 0, 1, 2, 1),
        Scope(1, 0, 1, 1, 2),
    ):
        assert explore(model, larger, ()).steps >= small.steps
    # more domains are the same again, and that is more states
    assert explore(model, Scope(1, 0, 2, 1, 1), ()).states > small.states


@pytest.mark.parametrize(
    ("name", "asked", "taken"),
    [
        ("mock", Scope(), Scope(1, 1, 3, 2, 3)),
        ("amd", Scope(), Scope(3, 1, 2, 2, 3)),
        ("model-group", Scope(), Scope(2, 0, 2, 1, 3)),
        ("vtd", Scope(), Scope()),
    ],
)
def test_a_scope_says_how_much_is_explored(name: str, asked: Scope, taken: Scope) -> None:
    """What a driver has no room for is not claimed."""
    habitat = IMPLEMENTATIONS[name].habitat
    assert habitat
    assert habitat.within(asked) == taken
    sizes = (taken.devices, taken.incapable, taken.domains, taken.pasids)
    settings = [setting for setting, _ in asked.starts(habitat=habitat)]
    assert {setting.sizes for setting in settings} == {sizes}
    assert max(len(setting.capable) for setting in settings) >= taken.devices


def test_whoever_explores_says_so() -> None:
    mock, asked = IMPLEMENTATIONS["mock"], Scope(2, 0, 1, 1, 0)
    for seen in (explore(mock, asked, ()), differences(mock, mock, asked)):
        assert seen.scope == Scope(1, 0, 1, 1, 0)
    assert page_requests_meanwhile(mock, asked).scope == Scope(1, 0, 1, 1, 0)
    assert mm_released_meanwhile(mock, asked).scope == Scope(1, 0, 1, 1, 0)
