# SPDX-License-Identifier: GPL-2.0-only
"""The command line, run plainly whatever the terminal of the tests is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reference_impl import __main__
from reference_impl.contract import Exploration, Implementation, explore
from tests.cli.command import Runner


@pytest.fixture(autouse=True)
def group_explored_once(
    monkeypatch: pytest.MonkeyPatch, explored: Callable[[str], Exploration]
) -> None:
    """The group's other calls are explored once in the whole suite, in the default scope."""

    def cached(implementation: Implementation, *scope: Any, **options: Any) -> Exploration:
        if implementation.name == "model-group":
            return explored(implementation.name)
        return explore(implementation, *scope, **options)

    monkeypatch.setattr(__main__, "explore", cached)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Runner(capsys)
