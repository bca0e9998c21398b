# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong between a path and an answer, each in one sentence."""

from __future__ import annotations


class LinuxError(Exception):
    """The tree cannot be asked; the message says why, and what would be right."""


class NotThereError(LinuxError):
    """A tree has not got all that could be asked besides; the rest of it can be."""
