# SPDX-License-Identifier: GPL-2.0-only
"""What is taken of a tree where its AMD driver takes part: how PASIDs are set, and what resets do.

A device's table of page tables (GCR3) belongs to what serves DMA without a PASID, so that is taken
too, as far as it makes the table and frees it. The device table and all flushes are the shim's.
"""

from __future__ import annotations

from pathlib import Path

from .errors import NotThereError
from .extract import Definitions, Extracted
from .tables import Tables, cut

DRIVER = "drivers/iommu/amd/iommu.c"
FILES = (
    DRIVER,
    *(f"drivers/iommu/amd/{name}" for name in ("pasid.c", "amd_iommu.h", "amd_iommu_types.h")),
)
"""Where the driver's definitions are looked for."""

TABLES: Tables = {
    "blocked_domain": ("iommu_domain", "type ops attach_dev set_dev_pasid"),
    "identity_domain_ops": ("iommu_domain_ops", "attach_dev"),
    "amd_sva_domain_ops": ("iommu_domain_ops", "set_dev_pasid"),
    "sva_mn": ("mmu_notifier_ops", "release"),
}
RESETS = ("pci_dev_reset_iommu_prepare", "pci_dev_reset_iommu_done")
ROOTS = (
    *RESETS,
    *TABLES,
    *("struct protection_domain", "struct iommu_dev_data", "struct pdom_dev_data", "GCR3_VALID"),
    "AMD_IOMMU_DEVICE_FLAG_PASID_SUP",
)
WATCHED = frozenset[str]()


def prepare(tree: Path, definitions: Definitions) -> None:
    """Leave of the driver's tables what concerns PASIDs.

    Raises:
        NotThereError: the tree has no such driver, or one of another form.
    """
    missing = [name for name in RESETS if name not in definitions.items]
    if missing:
        raise NotThereError(f"{tree} has no {missing[0]}(), with which AMD's driver is asked here")
    cut(tree, definitions, TABLES, DRIVER, "AMD")


def watch(_: Extracted) -> None:
    """Nothing is called by another name."""


def settings(_: Extracted) -> dict[str, int | str]:
    """What the shim is configured with."""
    return {"HAS_MM_RELEASE": 1, "HAS_RESET": 1}
