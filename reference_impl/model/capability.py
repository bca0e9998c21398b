# SPDX-License-Identifier: GPL-2.0-only
"""How many PASIDs a device has: what it can send, as far as its IOMMU understands it.

Source: ``drivers/iommu/iommu.c`` and ``drivers/pci/ats.c`` of Linux 7.3.
"""

from __future__ import annotations

from typing import NamedTuple


class Capability(NamedTuple):
    """What bus, firmware and IOMMU say of a device.

    Args:
        bits: how wide its PASIDs are, as PCI's capability or a property of the firmware
            (``pasid-num-bits``) says; None if neither does.
        iommu: how many PASIDs its IOMMU has.
        physfn: what the physical function says, if this is one of its virtual ones.
    """

    bits: int | None
    iommu: int
    physfn: int | None = None


def get_max_pasids(capability: Capability) -> int:
    """The number of PASIDs, PASID 0 included; 0 means that there are none.

    It is found out once, when the device is probed. Source: ``dev_iommu_get_max_pasids()``,
    ``pci_max_pasids()``.
    """
    bits = capability.bits if capability.physfn is None else capability.physfn
    return min(0 if bits is None else 1 << bits, capability.iommu)
