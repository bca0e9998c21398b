# SPDX-License-Identifier: GPL-2.0-only
"""Who watches: everything that can be seen from outside is told to an observer.

The array, the PASID tables, the handles, the lock and the driver calls report here; the core
itself reports nothing but its warnings. Whatever may fail asks here whether it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .objects import Device, Domain

Event = tuple[object, ...]
"""One thing that happened. The first item says what:

``("lock",)``, ``("unlock",)``
    the group's mutex was taken, given back
``("call", device, domain, old, pasid, reader)``
    the driver was asked to set *domain*, and told that *old* is there now; *reader* is what a
    page request that arrives at this moment finds
``("entry", device, pasid, domain)``
    the device's PASID-table entry now translates with *domain* (None: blocked)
``("return", device, errno)``
    the driver answered; 0 is success
``("array", pasid, slot)``
    the group's array changed; *slot* is None, ``"reserved"`` or ``(domain, handle)``
``("handle", handle, domain)``
    the attach handle's domain field was written
``("free", domain)``
    the domain was given back to its driver
``("no memory",)``
    the array asked for memory and got none
``("warn", sentence)``
    the kernel would print a WARN here

A driver may have events of its own, and so has iommufd; their modules say which.
"""

MayFail = Literal[
    "memory",
    "driver",
    "record",
    "reference",
    "domain id",
    "tag",
    "queue",
    "table",
    "info",
    "context",
    "reserved regions",
    "mappings",
    "copy",
]
"""The array's memory, or iommufd's; anything that a driver does; what of a driver's it is; what of
an address space cannot be had; or a copy from or to user space."""


class Observer:
    """Sees nothing and lets nothing fail; the explorer brings one that does both."""

    def saw(self, event: Event, /) -> None:
        """Take note of one event."""

    def asked(self, dev: Device, domain: Domain, old: Domain | None, pasid: int) -> None:
        """Take note of a driver call, at the moment it begins."""

    def fails(self, what: MayFail, /) -> int:
        """Whether *what* fails now: 0, or the errno it fails with."""
        return 0
