# SPDX-License-Identifier: GPL-2.0-only
"""Change the code in one place at a time, and see who notices: ``make mutants``."""
