# SPDX-License-Identifier: GPL-2.0-only
"""A machine without a kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.machine import Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)
