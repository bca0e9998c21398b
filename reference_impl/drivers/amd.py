# SPDX-License-Identifier: GPL-2.0-only
"""AMD: address spaces of processes only, and no replacing.

Functions have the kernel's names. Source: ``drivers/iommu/amd/pasid.c`` of Linux 7.3. Left out:
that the table of page tables belongs to what is attached without a PASID, and goes with it.

Facts noted: ``("record", pasid, domain, device)``; events ``("record", ±, domain, device, pasid)``.
"""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP
from typing import Any, ClassVar

from ..model.objects import Device, Domain, DomainKind, Notes
from ..model.observer import Observer
from .remembering import Remembering


class Amd(Remembering):
    """One write of eight bytes sets or clears a PASID's page table."""

    kinds: ClassVar[tuple[DomainKind, ...]] = (
        DomainKind("mm", "sva", iopf_handler=True),
        DomainKind("mm of another process", "sva", iopf_handler=True),
        DomainKind("page table", "paging", takes_pasids=False),
    )
    identity_takes_pasids = False

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.dev_data_list: set[tuple[int, str, str]] = set()
        self.devices: dict[str, Device] = {}

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Blocked, or an SVA domain."""
        self.devices[dev.name] = dev
        if domain.type == "blocked":
            self.remove_dev_pasid(dev, pasid, old)
        else:
            self.sva_set_dev_pasid(domain, dev, pasid, old)

    def sva_set_dev_pasid(
        self, domain: Domain, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Whatever is there already, it is not replaced."""
        if old is not None:
            raise OSError(EOPNOTSUPP, f"{old} cannot be replaced")
        if self.observer.fails("record"):
            raise OSError(EINVAL, "no record")  # and not ENOMEM
        self.may_fail("table")
        self.write_entry(dev, pasid, domain)
        self.dev_data_list.add((pasid, domain.name, dev.name))
        self.observer.saw(("record", "+", domain.name, dev.name, pasid))

    def remove_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """What has no record is left alone."""
        assert old is not None, "a null pointer is followed"
        if (pasid, old.name, dev.name) in self.dev_data_list:
            self.write_entry(dev, pasid, self.blocked_domain)
            self.dev_data_list.discard((pasid, old.name, dev.name))
            self.observer.saw(("record", "-", old.name, dev.name, pasid))

    def mm_release(self, domain: Domain) -> None:
        """Clear and forget all; a later detach finds nothing to do."""
        for pasid, name, dev in sorted(self.dev_data_list):
            if name == domain.name:
                self.remove_dev_pasid(self.devices[dev], pasid, domain)

    def save(self) -> Notes:
        """The records."""
        return frozenset(("record", *record) for record in self.dev_data_list)

    def load(self, notes: Notes) -> None:
        """Have these records."""
        self.dev_data_list = set()
        fact: Any
        for fact in notes:
            self.dev_data_list.add(fact[1:])
