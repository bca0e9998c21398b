# SPDX-License-Identifier: GPL-2.0-only
"""P1: the driver remembers for itself what is attached to which PASID.

Proposed: MSG-2 (Yi Liu, 2024-03-10), as a draft in MSG-4 (2024-03-12): an array for each device in
VT-d; setting a domain blocks the old one first and then sets up the new one; a warning if the array
is not empty when the device goes. Refused: MSG-5 (Baolu Lu), as core and driver would keep the same
record twice. Dropped.
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Driver, Group, Notes
from ..model.observer import Observer
from .early_2024 import LACKS, Early2024

__all__ = ["LACKS", "Core", "RememberingDriver"]


class Core(Early2024):
    """Tells drivers nothing, and lets them look nothing up."""

    def set_dev_pasid(
        self, domain: Domain, group: Group, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Ask the driver, which knows the old domain itself."""
        del group, old
        assert domain.takes_pasids, "a call through a null pointer"
        domain.set_dev_pasid(dev, pasid, recorded(dev, pasid))

    def remove_dev_pasid(self, domain: Domain, group: Group, dev: Device, pasid: int) -> None:
        """Ask the driver to remove what it has recorded."""
        del domain
        driver = dev.driver
        driver.observer.asked(dev, driver.blocked_domain, recorded(dev, pasid), pasid)
        if isinstance(driver, RememberingDriver) and not driver.block_translation(dev, pasid):
            group.warn(f"{dev} has no record of PASID {pasid}")
        driver.observer.saw(("return", dev.name, 0))


class RememberingDriver(Driver):
    """A driver with a private array of domains for each device."""

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.private: dict[tuple[str, int], Domain] = {}
        self._domains: dict[str, Domain] = {}

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Block what was there, then set up the new domain. What fails now stays blocked."""
        del old
        self.block_translation(dev, pasid)
        super().set_dev_pasid(domain, dev, pasid, None)
        self.private[dev.name, pasid] = self._domains[domain.name] = domain

    def block_translation(self, dev: Device, pasid: int) -> bool:
        """Block the PASID and forget the record; says whether there was one."""
        if self.private.pop((dev.name, pasid), None) is None:
            return False
        self.write_entry(dev, pasid, self.blocked_domain)
        return True

    def save(self) -> Notes:
        """The records: device, PASID, domain."""
        return tuple(sorted((*key, domain.name) for key, domain in self.private.items()))

    def load(self, notes: Notes) -> None:
        """Have these records."""
        self.private = {(dev, pasid): self._domains[str(name)] for dev, pasid, name in notes}  # type: ignore[misc]


def recorded(dev: Device, pasid: int) -> Domain | None:
    """What the driver has recorded for one PASID of one device."""
    driver = dev.driver
    return driver.private.get((dev.name, pasid)) if isinstance(driver, RememberingDriver) else None
