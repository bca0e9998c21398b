# SPDX-License-Identifier: GPL-2.0-only
"""What VT-d's driver notes for itself, as facts that can be saved and loaded.

Facts noted, and events where they change:

``("record", pasid, domain, device, number)``, event ``("record", ±, domain, device, pasid)``
    ``dev_pasid_info`` on the domain's list
``("did", None, domain, iommu, id, users)``, event ``("did", ±, domain, users, iommu)``
    the domain's id on one IOMMU; each IOMMU has ids of its own
``("tag", pasid, domain, type, id, where, users)``, event ``("tag", ±, domain, type, where, pasid)``
    what an unmap in the domain must flush; *where* is an IOMMU or a device
``("iopf", None, device, users)``, event ``("iopf", device, users)``
    for how many attachments the device may ask for pages
``("pte", pasid, device, type, id, pointer, present, silent)``
    the PASID-table entry; events are ``entry`` (what DMA reaches now), ``("zero", device, pasid)``
    (the rest of a non-present entry is cleared) and ``("silent", device, pasid)`` (its faults are
    not reported: the FPD bit)
``("table", None, device)``, ``("copied", "*", device)``, ``("dead", "*", domain)``
    the device has a PASID table; its context is a crashed kernel's; the domain's mm is gone
``("gone", "*", device)``, event ``("context", device, present)``
    the device has been released; whether its context entry leads to its PASID table

What a DMA or a page request would meet at any moment depends on whether the entry is present and to
which domain it leads, whether it is being rewritten, whether its faults are silent, whether the
device is on the fault queue and known, and what has been flushed and drained. Each of these changes
with an event and in no other way: so what a request meets between any two events can be read from
the events.

Further events: ``("flush", device, pasid)``: PASID cache, IOTLB and device TLB; ``("drain", device,
pasid, done)``: page requests are drained, or *done* is False as nobody takes any from the device;
``("driver warn", sentence)``. ± is ``"+"`` or ``"-"``. What may fail is said by its name; an event
``("no", name)`` precedes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..model.objects import EVERY_PASID, Device, Domain, Fact, Notes
from ..model.observer import Observer
from .remembering import Remembering

DEFAULT_DID: Final = 1
"""``FLPT_DEFAULT_DID``: the id that all SVA domains and the identity domain share."""


def iommu_of(device: str) -> str:
    """The IOMMU that a device is behind: ``dmar1`` if its name begins with an e."""
    return "dmar1" if device.startswith("e") else "dmar0"


class PasidEntry(NamedTuple):
    """A PASID-table entry as far as it matters here (``struct pasid_entry``)."""

    type: str = ""
    did: int = 0
    pointer: str = ""
    present: bool = False
    fpd: bool = False


class VtdNotes(Remembering):
    """The data of the driver, without what it does."""

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.dev_pasids: dict[tuple[int, str, str], int] = {}
        self.domain_ids: dict[tuple[str, str], tuple[int, int]] = {}
        self.cache_tags: dict[tuple[int, str, str, int, str], int] = {}
        self.iopf_refcount: dict[str, int] = {}
        self.pasid_tables: dict[str, dict[int, PasidEntry]] = {}
        self.context_copied: set[str] = set()
        self.dead: set[str] = set()
        self.gone: set[str] = set()
        self.devices: dict[str, Device] = {}
        self.domains: dict[str, Domain] = {}

    def warn(self, sentence: str) -> None:
        """The kernel would print a WARN."""
        self.observer.saw(("driver warn", sentence))

    def save(self) -> Notes:
        """All of it."""
        facts: list[Fact] = [("record", *key, n) for key, n in self.dev_pasids.items()]
        facts += [("did", None, *key, *value) for key, value in self.domain_ids.items()]
        facts += [("tag", *key, users) for key, users in self.cache_tags.items()]
        facts += [("iopf", None, dev, users) for dev, users in self.iopf_refcount.items()]
        for dev, table in self.pasid_tables.items():
            facts.append(("table", None, dev))
            facts += [("pte", pasid, dev, *pte) for pasid, pte in table.items()]
        facts += [("copied", EVERY_PASID, dev) for dev in self.context_copied]
        facts += [("dead", EVERY_PASID, domain) for domain in self.dead]
        facts += [("gone", EVERY_PASID, dev) for dev in self.gone]
        return frozenset(facts)

    def load(self, notes: Notes) -> None:
        """Have noted just this."""
        self.__dict__.update(
            dev_pasids={}, domain_ids={}, cache_tags={}, iopf_refcount={}, pasid_tables={},
            context_copied=set(), dead=set(), gone=set(),
        )  # fmt: skip
        fact: Any
        for fact in notes:
            match fact[0]:
                case "record":
                    self.dev_pasids[fact[1:4]] = fact[4]
                case "did":
                    self.domain_ids[fact[2:4]] = fact[4:]
                case "tag":
                    self.cache_tags[fact[1:6]] = fact[6]
                case "iopf":
                    self.iopf_refcount[fact[2]] = fact[3]
                case "table":
                    self.pasid_tables.setdefault(fact[2], {})
                case "pte":
                    self.pasid_tables.setdefault(fact[2], {})[fact[1]] = PasidEntry(*fact[3:])
                case "copied":
                    self.context_copied.add(fact[2])
                case "gone":
                    self.gone.add(fact[2])
                case _:
                    self.dead.add(fact[2])
