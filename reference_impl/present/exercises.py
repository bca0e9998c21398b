# SPDX-License-Identifier: GPL-2.0-only
"""Exercises whose answers are computed, so that nobody has to write a solution down."""

from __future__ import annotations


def exercise(answer: object, expected: object, hint: str = "") -> None:
    """Say whether the reader's answer is what a run of the model gives.

    Args:
        answer: the reader's; ``...`` if there is none yet.
        expected: what the run gave; ``...`` if there was nothing to run yet.
        hint: where to look.
    """
    if answer is ... or expected is ...:
        print("Your turn.")
    elif answer == expected:
        print("Right.")
    else:
        print(f"Not yet. {hint[:1].upper()}{hint[1:]}." if hint else "Not yet.")
