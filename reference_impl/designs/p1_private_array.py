# SPDX-License-Identifier: GPL-2.0-only
"""P1: the driver remembers for itself what is attached to which PASID.

Proposed: MSG-2 (Yi Liu, 2024-03-10), as a draft in MSG-4 (2024-03-12): an array for each device in
VT-d; setting a domain blocks the old one first and then sets up the new one; a warning if the array
is not empty when the device goes. Refused: MSG-5 (Baolu Lu), as core and driver would keep the same
record twice. Dropped.

It is a proposal about a driver, so it comes as a layer that any driver can be put under:
:class:`PrivateArray` alone is the simplest, :class:`reference_impl.contract.known.VtdPrivateArray`
is VT-d's. What the draft leaves out of its array, the domains of processes, is in it here.
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Driver, Fact, Group, Notes
from ..model.observer import Observer
from .early_2024 import LACKS, Early2024

__all__ = ["LACKS", "Core", "PrivateArray"]


class PrivateArray(Driver):
    """On top of a driver: an array of domains for each device, under PASIDs."""

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        super().__init__(observer, blocks_pasids)
        self.pasid_array: dict[tuple[str, int], str] = {}
        self._domains: dict[str, Domain] = {}

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Block what was there, then set up the new domain. What fails now stays blocked."""
        del old
        self.block_translation(dev, pasid)
        super().set_dev_pasid(domain, dev, pasid, None)
        self.remember(domain, dev, pasid)

    def remember(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Write the array. The draft does not look whether that had the memory; here it has."""
        self._domains[domain.name] = domain
        self.pasid_array[dev.name, pasid] = domain.name

    def block_translation(self, dev: Device, pasid: int) -> bool:
        """Block the PASID and forget the domain; says whether there was one."""
        old = self.recorded(dev, pasid)
        if old is None:
            return False
        del self.pasid_array[dev.name, pasid]
        self.tear_down(dev, pasid, old)
        return True

    def recorded(self, dev: Device, pasid: int) -> Domain | None:
        """What the array says."""
        name = self.pasid_array.get((dev.name, pasid))
        return None if name is None else self._domains[name]

    def tear_down(self, dev: Device, pasid: int, old: Domain) -> None:
        """What the driver below does to block a PASID. It cannot fail."""
        del old
        self.write_entry(dev, pasid, self.blocked_domain)

    def release_device(self, dev: Device) -> None:
        """Warn if the array is not empty."""
        super().release_device(dev)
        if any(device == dev.name for device, _ in self.pasid_array):
            self.observer.saw(("driver warn", f"{dev} goes, and its array is not empty"))

    def save(self) -> Notes:
        """The array, and what the driver below has noted."""
        facts: list[Fact] = [
            ("private", pasid, dev, name) for (dev, pasid), name in self.pasid_array.items()
        ]
        return frozenset(super().save()) | frozenset(facts)

    def load(self, notes: Notes) -> None:
        """Have noted just this."""
        own = frozenset(fact for fact in notes if fact[0] == "private")
        super().load(frozenset(notes) - own)
        self.pasid_array = {(dev, pasid): name for _, pasid, dev, name in own}  # type: ignore[misc]


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
        if isinstance(driver, PrivateArray) and not driver.block_translation(dev, pasid):
            group.warn(f"{dev} has no record of PASID {pasid}")
        driver.observer.saw(("return", dev.name, 0))


def recorded(dev: Device, pasid: int) -> Domain | None:
    """What the driver has recorded for one PASID of one device."""
    driver = dev.driver
    return driver.recorded(dev, pasid) if isinstance(driver, PrivateArray) else None
