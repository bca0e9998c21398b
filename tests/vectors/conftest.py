# SPDX-License-Identifier: GPL-2.0-only
"""The command line is run here as in its own tests."""

from __future__ import annotations

from tests.cli.conftest import command

__all__ = ["command"]
