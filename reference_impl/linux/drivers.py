# SPDX-License-Identifier: GPL-2.0-only
"""The drivers that can be taken out of a tree together with the core."""

from __future__ import annotations

from ..contract import Scope

DRIVERS = dict.fromkeys(
    ("vtd", "amd"), Scope(devices=2, incapable=1, domains=3, pasids=1, faults=2)
)
"""By name, the scope to explore each in if none is asked for: a driver multiplies what there is."""
