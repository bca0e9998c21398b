# SPDX-License-Identifier: GPL-2.0-only
"""Hold a driver of your own against what a driver owes the core."""

from __future__ import annotations

from ..model.objects import DomainKind, Driver
from .clause import CLAUSES
from .explorer import Exploration, explore
from .implementation import PythonCore
from .known import with_driver
from .recorder import Recorder
from .scope import Scope
from .walk import Walk


def judge_driver(
    driver: type[Driver],
    kinds: tuple[DomainKind, ...] | None = None,
    scope: Scope | None = None,
    resets: bool = True,
    flushes: bool = False,
    calls: int | None = 5,
) -> Exploration:
    """Explore the merged core with a driver, and judge it by every clause of the DRV family.

    The driver asks ``self.observer.fails("record")`` and the like wherever it may fail, and changes
    hardware through :meth:`~reference_impl.model.objects.Driver.write_entry`. What it remembers has
    to be in what ``save()`` returns, and to come back with ``load()``.

    Args:
        driver: a subclass of :class:`reference_impl.model.objects.Driver`.
        kinds: the kinds of its domains; those it names itself if None.
        scope: how large; two devices, two domains, two PASIDs and two faults if None.
        resets: whether its devices are reset, too.
        flushes: whether it says what it flushes, with an event ``("flush", device, PASID)``; then
            it is judged whether that comes in time.
        calls: how many calls there are at most, one after the other; see :func:`.explore`.

    Raises:
        ValueError: ``save()`` gives no facts, or ``load()`` does not bring them back.
    """
    has = [name for name, yes in (("resets", resets), ("flushes", flushes)) if yes]
    own = driver.kinds if kinds is None else kinds
    both = with_driver(driver.__name__, driver, *has, kinds=own)
    _see_what_it_remembers(both)
    clauses = [each for each in CLAUSES.values() if each.family == "DRV"]
    return explore(both, scope or Scope(2, 0, 2, 2, 2), clauses, calls=calls)


def _see_what_it_remembers(both: PythonCore) -> None:
    """In a few states: what is saved are facts, and they come back when they are loaded."""
    for setting, starts in Scope(1, 0, 2, 1, 0).starts(both.lacks, both.habitat):
        try:
            walk = Walk(both, setting, starts, 0, calls=2)
            for _ in walk:
                pass
        except TypeError as error:
            raise ValueError(f"{both.name}.save() must give a set of tuples: {error}") from None
        for state in walk.came:
            machine = both.boot(setting, Recorder(0))
            machine.load(state)
            if machine.notes() != state.notes:
                after = sorted(machine.notes(), key=str)
                raise ValueError(
                    f"{both.name}.load({sorted(state.notes, key=str)}) does not bring it back: "
                    f"save() then gives {after}"
                )
