# SPDX-License-Identifier: GPL-2.0-only
"""Vectors: one scenario a file, for any implementation in any language.

:mod:`.vector` says what one is, :mod:`.reading` reads it, :mod:`.playing` plays it,
:mod:`.comparing` compares what was seen with what was expected.
"""

from .comparing import Outcome, replay
from .known import player, published
from .playing import CannotPlayError, Played, Player
from .program import Program, ProgramError
from .reading import parse, read
from .table import VectorError
from .vector import FORMAT, Vector

__all__ = [
    "FORMAT",
    "CannotPlayError",
    "Outcome",
    "Played",
    "Player",
    "Program",
    "ProgramError",
    "Vector",
    "VectorError",
    "parse",
    "player",
    "published",
    "read",
    "replay",
]
