# SPDX-License-Identifier: GPL-2.0-only
"""The same contract in the same scopes, explored by other programs: part of ``make bench``."""
