# SPDX-License-Identifier: GPL-2.0-only
"""The chooser and the record: decides what fails, and writes down what happened.

Depth-first search over the answers enumerates every combination of faults that an operation can
meet, those of its own undoing included. Nobody lists fault scenarios by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import EFAULT, EIO, ENOMEM, ENOSPC, ENXIO

from ..model.objects import Device, Domain
from ..model.observer import Event, MayFail, Observer

DRIVER_ERRORS = (EIO, ENOSPC, ENXIO)
"""What the first, second, third… failing driver call answers, so that one can tell them apart."""


class Recorder(Observer):
    """An observer that remembers everything and follows a script of faults."""

    def __init__(self, faults: int) -> None:
        self.limit = faults
        self.events: list[Event] = []
        self.saw = self.events.append  # type: ignore[method-assign]
        self.page_request: Callable[[int], str | None] = dict[int, str]().get
        """How a page request that arrives now is looked up; the machine sets it."""
        self._script: tuple[bool, ...] = ()
        self._taken: list[bool] = []
        self.faults = 0
        self.names_faults = False
        """Whether an event says what of a driver's fails."""

    def asked(self, dev: Device, domain: Domain, old: Domain | None, pasid: int) -> None:
        """Note a driver call, and what a page request would find meanwhile."""
        told = old.name if old else None
        self.saw(("call", dev.name, domain.name, told, pasid, self.page_request(pasid)))

    def fails(self, what: MayFail) -> int:
        """Follow the script as far as it goes; after that nothing fails."""
        taken = self._taken
        answer = len(taken) < len(self._script) and self._script[len(taken)]
        taken.append(answer)
        if not answer:
            return 0
        self.faults += 1
        if what == "memory":
            self.saw(("no memory",))
            return ENOMEM
        if self.names_faults:
            self.saw(("no", what))
        if what != "driver":
            return {"domain id": ENOSPC, "copy": EFAULT}.get(what, ENOMEM)
        return DRIVER_ERRORS[(self.faults - 1) % len(DRIVER_ERRORS)]

    @property
    def script(self) -> tuple[bool, ...]:
        """The answers to give, for an implementation that takes them all at once."""
        return self._script

    def answered(self, events: Sequence[Event], taken: Sequence[bool], faults: int) -> None:
        """Note all that happened in an operation, of which nothing was told meanwhile."""
        self.events[:] = events
        self._taken[:] = taken
        self.faults = faults

    @property
    def taken(self) -> tuple[bool, ...]:
        """The answers given since :meth:`follow`."""
        return tuple(self._taken)

    def follow(self, script: tuple[bool, ...]) -> None:
        """Start afresh: give these answers, then none that is a fault."""
        self._script = script
        self._taken.clear()
        self.events.clear()
        self.faults = 0

    def next_script(self) -> tuple[bool, ...] | None:
        """The script after this one: turn the last answer that can still become a fault.

        From the empty script on this visits every combination of at most ``limit`` faults once.
        """
        taken = self._taken
        before = self.faults
        for at in range(len(taken) - 1, -1, -1):
            before -= taken[at]
            if not taken[at] and before < self.limit:
                return (*taken[:at], True)
        return None
