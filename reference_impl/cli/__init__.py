# SPDX-License-Identifier: GPL-2.0-only
"""The command line's two halves: what is typed, and what is printed."""
