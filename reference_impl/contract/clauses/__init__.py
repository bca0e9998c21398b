# SPDX-License-Identifier: GPL-2.0-only
"""The predicates, one module for each part of the contract. Importing them registers them."""

from . import attach, detach, group, invariants, replace, visibility

__all__ = ["attach", "detach", "group", "invariants", "replace", "visibility"]
