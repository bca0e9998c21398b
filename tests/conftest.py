# SPDX-License-Identifier: GPL-2.0-only
"""What the tests share: the default scope is explored once for each implementation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Exploration, explore


@pytest.fixture(scope="session")
def explored() -> Callable[[str], Exploration]:
    """The exploration of an implementation, by its name, in the default scope."""
    return cache(lambda name: explore(IMPLEMENTATIONS[name]))
