# SPDX-License-Identifier: GPL-2.0-only
"""The predicates, one module for each part of the contract. Importing them registers them."""

# the order is the reading order
# isort: off
from . import attach, detach, group, invariants, replace, visibility
from . import driver, vtd

__all__ = ["attach", "detach", "driver", "group", "invariants", "replace", "visibility", "vtd"]
