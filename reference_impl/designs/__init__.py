# SPDX-License-Identifier: GPL-2.0-only
"""The proposals of the discussion, in its order, each a core of its own.

The patch as posted and the merged form are modules with the same functions in the same order:
compare them with any diff tool, and the difference is the argument. The proposals between them are
classes that override what they are about.
"""

from __future__ import annotations

from typing import NamedTuple

from ..model.objects import Driver
from . import (
    merged,
    p1_private_array,
    p2_array_after,
    p3_old_argument,
    p4_undo_succeeded,
    p5_remove_told,
    p6_both,
    p7_restore,
    posted_v1,
)


class Design(NamedTuple):
    """A core, what it has no notion of, and the driver that belongs to it."""

    core: object
    lacks: frozenset[str]
    driver: type[Driver] = Driver


DESIGNS: dict[str, Design] = {
    "posted-v1": Design(posted_v1, posted_v1.LACKS),
    "p1": Design(p1_private_array.Core(), p1_private_array.LACKS, p1_private_array.PrivateArray),
    "p2": Design(p2_array_after.Core(), p2_array_after.LACKS),
    "p3": Design(p3_old_argument.Core(), p3_old_argument.LACKS),
    "p4": Design(p4_undo_succeeded.Core(), p4_undo_succeeded.LACKS),
    "p5": Design(p5_remove_told.Core(), p5_remove_told.LACKS),
    "p6": Design(p6_both.Core(), p6_both.LACKS),
    "p7": Design(p7_restore.Core(), p7_restore.LACKS),
    "merged": Design(merged, merged.LACKS),
}
"""By name, in the order of the discussion."""
