# SPDX-License-Identifier: GPL-2.0-only
"""The counts that are kept are those of today: behaviour that no clause notices shows in them."""

from __future__ import annotations

import json

import pytest

from tools.bounds import FILE, Bound, counted, large, quick

KEPT = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("bound", list(quick()), ids=lambda bound: bound.implementation)
def test_small_scopes(bound: Bound) -> None:
    assert counted(bound) == KEPT[bound.key], "if this is meant, run `make bounds`"


def test_nothing_else_is_kept() -> None:
    """The large ones are counted and compared at night, by `make bounds`."""
    small = {bound.key for bound in quick()}
    assert small <= KEPT.keys() <= small | {bound.key for bound in large()}
