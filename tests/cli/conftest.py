# SPDX-License-Identifier: GPL-2.0-only
"""The command line, run plainly whatever the terminal of the tests is."""

from __future__ import annotations

import pytest

from tests.cli.command import Runner


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Runner(capsys)
