# SPDX-License-Identifier: GPL-2.0-only
"""The driver of the kernel's own selftest: no hardware, and one PASID that fails every other time.

Source: ``drivers/iommu/iommufd/selftest.c`` of Linux 7.3. What DMA would reach is written down all
the same, so that the same clauses can be judged.

Facts noted: ``("fake error", None, device)``: the next call for PASID 1024 fails; ``("iopf", None,
device, users)``. Event: ``("iopf", device, users)``.
"""

from __future__ import annotations

from errno import EINVAL, ENOMEM
from typing import Any, ClassVar, Final

from ..model.objects import NO_PASID, Device, Domain, DomainKind, Fact, Notes
from ..model.observer import Observer
from .remembering import Remembering

FAKES_ERROR: Final = 1024


class Mock(Remembering):
    """One operation for every type of domain."""

    kinds: ClassVar[tuple[DomainKind, ...]] = (
        DomainKind("page table"),
        DomainKind("nested, faults", "nested", iopf_handler=True),
        DomainKind("nested", "nested"),
    )
    identity_takes_pasids = False
    user_pasid_table = True
    without_dirty: ClassVar[frozenset[str]] = frozenset({"no-dirty"})
    """The devices that cannot track what they write; a domain of the kind ``"dirty"`` wants it."""

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.fake_error: set[str] = set()
        self.iopf_refcount: dict[str, int] = {}

    def attach_dev(self, domain: Domain, dev: Device, old: Domain | None) -> None:
        """Source: ``mock_domain_nop_attach()``."""
        if domain.kind == "dirty" and dev.name in self.without_dirty:
            raise OSError(EINVAL, f"{dev} cannot track what it writes")
        self.switch_iopf(domain, dev, old)
        self.write_entry(dev, NO_PASID, domain)

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Source: ``mock_domain_set_dev_pasid_nop()``."""
        if pasid == FAKES_ERROR:
            self.toggle(domain, dev)
        self.switch_iopf(domain, dev, old)
        self.write_entry(dev, pasid, domain)

    def switch_iopf(self, domain: Domain, dev: Device, old: Domain | None) -> None:
        """Take page requests for the new domain, then no longer for the old one."""
        if domain.iopf_handler:
            if dev.name not in self.iopf_refcount:
                self.may_fail("queue")
            self.iopf(dev, +1)
        if old is not None and old.iopf_handler:
            self.iopf(dev, -1)

    def toggle(self, domain: Domain, dev: Device) -> None:
        """Succeed, fail, succeed…; blocking starts it anew."""
        if domain.type == "blocked":
            self.fake_error.discard(dev.name)
        elif dev.name in self.fake_error:
            self.fake_error.discard(dev.name)
            raise OSError(ENOMEM, f"{dev} was told to fail")
        else:
            self.fake_error.add(dev.name)

    def iopf(self, dev: Device, by: int) -> None:
        """One more or one less attachment that takes page requests."""
        self.count(self.iopf_refcount, dev.name, by)
        self.observer.saw(("iopf", dev.name, self.iopf_refcount.get(dev.name, 0)))

    def save(self) -> Notes:
        """The toggles and the counts."""
        facts: list[Fact] = [("fake error", None, dev) for dev in self.fake_error]
        facts += [("iopf", None, dev, users) for dev, users in self.iopf_refcount.items()]
        return frozenset(facts)

    def load(self, notes: Notes) -> None:
        """Have noted just this."""
        self.fake_error, self.iopf_refcount = set(), {}
        fact: Any
        for fact in notes:
            if fact[0] == "iopf":
                self.iopf_refcount[fact[2]] = fact[3]
            else:
                self.fake_error.add(fact[2])
