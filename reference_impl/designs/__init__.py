# SPDX-License-Identifier: GPL-2.0-only
"""The proposals of the discussion, each a core with the same functions in the same order.

Compare two of them with any diff tool: the difference is the proposal.
"""
