# SPDX-License-Identifier: GPL-2.0-only
"""How a device comes to VT-d's driver, and how it goes.

Source: ``intel_iommu_probe_device()`` and ``intel_iommu_release_device()`` of Linux 7.3, as far as
PASIDs are concerned.
"""

from __future__ import annotations

from ..model.objects import Device
from .vtd_pasid import VtdEntries


class VtdDevices(VtdEntries):
    """What is there as long as the device is: its data, its PASID table, its context entry."""

    def probe_device(self, dev: Device) -> None:
        """Data, an empty table, and a context entry that leads to it; or nothing at all."""
        self.may_fail("info")
        self.may_fail("table")
        self.may_fail("context")
        self.gone.discard(dev.name)
        self.observer.saw(("context", dev.name, True))

    def release_device(self, dev: Device) -> None:
        """Nobody is asked whether anything is attached; only page requests are WARNed of.

        What is noted with the domains stays: they are not even looked at.
        """
        if dev.name in self.iopf_refcount:
            self.warn(f"{dev} goes, and is on the fault queue")
            del self.iopf_refcount[dev.name]
            self.observer.saw(("iopf", dev.name, 0))
        if dev.name not in self.context_copied:
            self.pasid_teardown_sm_context(dev)
        self.pasid_free_table(dev)
        self.gone.add(dev.name)

    def pasid_teardown_sm_context(self, dev: Device) -> None:
        """One bit, and a flush: DMA finds no table any more, whatever stands in it."""
        live = [pasid for pasid, pte in sorted(self.pasid_tables.get(dev.name, {}).items())
                if pte.present]  # fmt: skip
        self.observer.saw(("context", dev.name, False))
        for pasid in live:
            self.write_entry(dev, pasid, self.blocked_domain)
        for pasid in live:
            self.observer.saw(("flush", dev.name, pasid))

    def pasid_free_table(self, dev: Device) -> None:
        """The table goes with all that is in it."""
        self.pasid_tables.pop(dev.name, None)
