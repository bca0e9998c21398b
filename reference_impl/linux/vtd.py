# SPDX-License-Identifier: GPL-2.0-only
"""What is taken of a tree where its VT-d driver takes part: the core's functions and these.

The roots are the operations that the driver gives the core, as its tables of operations have them;
of each table only what concerns PASIDs is taken. What the functions need besides, the shim has:
page tables, the invalidation queue, the fault queue, and traffic without a PASID.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ..drivers.vtd import Vtd
from .errors import NotThereError
from .extract import Definitions, Extracted
from .tables import Tables, cut

DRIVER = "drivers/iommu/intel/iommu.c"
FILES = (
    DRIVER,
    *(f"drivers/iommu/intel/{name}" for name in ("pasid.c", "nested.c", "svm.c", "cache.c")),
    *(f"drivers/iommu/intel/{name}" for name in ("prq.c", "dmar.c", "iommu.h", "pasid.h")),
    "include/linux/dmar.h",
    "include/uapi/linux/iommufd.h",
)
"""Where the driver's definitions are looked for."""

TABLES: Tables = {
    "intel_iommu_ops": ("iommu_ops", "blocked_domain identity_domain"),
    "blocking_domain": ("iommu_domain", "type ops set_dev_pasid"),
    "identity_domain": ("iommu_domain", "type ops set_dev_pasid"),
    "intel_fs_paging_domain_ops": ("iommu_domain_ops", "set_dev_pasid"),
    "intel_ss_paging_domain_ops": ("iommu_domain_ops", "set_dev_pasid"),
    "intel_nested_domain_ops": ("iommu_domain_ops", "set_dev_pasid"),
    "intel_svm_domain_ops": ("iommu_domain_ops", "set_dev_pasid"),
    "intel_mmuops": ("mmu_notifier_ops", "release"),
}
"""The driver's tables: of which type they are, and what of them is taken."""

RESETS = ("pci_dev_reset_iommu_prepare", "pci_dev_reset_iommu_done")
ROOTS = (
    *RESETS,
    *(name for name in TABLES if name not in ("blocking_domain", "identity_domain")),
    *("qi_flush_iotlb", "struct page_req_dsc", "struct dev_pasid_info", "set_context_copied"),
    *("clear_context_copied", "DMAR_PQH_REG", "DMAR_PQT_REG", "DMA_GCMD_TE", "QI_PC_TYPE"),
    *("QI_PC_GLOBAL", "QI_PC_ALL_PASIDS", "QI_EIOTLB_TYPE", "QI_IOTLB_TYPE", "QI_DEIOTLB_TYPE"),
    *("QI_GRAN_NONG_PASID", "QI_IWD_TYPE", "QI_IWD_FENCE", "QI_OPT_WAIT_DRAIN"),
    *("ADDR_WIDTH_4LEVEL", "FLPT_DEFAULT_DID", "VTD_FLAG_SVM_CAPABLE", "dmar_policy"),
    *("intel_iommu_sm", "struct qi_batch", "struct iommu_domain_info", "struct cache_tag"),
)
WATCHED = frozenset({"intel_iommu_drain_pasid_prq"})
"""Functions that are taken, and that the shim calls when they are called."""


def prepare(tree: Path, definitions: Definitions) -> None:
    """Leave of the driver's tables what concerns PASIDs.

    Raises:
        NotThereError: the tree has no such driver, or one of another form.
    """
    items = definitions.items
    core = items.get("struct iommu_ops")
    if core and "remove_dev_pasid" in core.members:
        raise NotThereError(
            f"{tree}: VT-d is known where it detaches by blocking_domain_set_dev_pasid(), which "
            "Linux has since 6.14; this tree's struct iommu_ops has remove_dev_pasid for that"
        )
    cut(tree, definitions, TABLES, DRIVER, "VT-d")


def watch(found: Extracted) -> None:
    """Write the names of watched functions so that a macro of that name does not replace them."""
    for at, item in enumerate(found.items):
        if item.name in WATCHED and item.kind == "function":
            name = rf"\b{item.name}(?=\()"
            found.items[at] = replace(
                item,
                text=re.sub(name, f"({item.name})", item.text, count=1),
                head=re.sub(name, f"({item.name})", item.head, count=1),
            )


def settings(found: Extracted) -> dict[str, int | str]:
    """What the shim is configured with."""
    resets = all(found.named(name) for name in RESETS)
    known: dict[str, int | str] = {"HAS_MM_RELEASE": 1, "MAX_DOMAIN_ID": Vtd.max_domain_id}
    iommu = found.named("struct intel_iommu")
    there = {
        "HAS_RESET": resets,
        "HAS_POLICY": found.named("dmar_policy"),
        "HAS_MAX_DOMAIN_ID": iommu and "max_domain_id" in iommu.members,
    }
    return known | {name: 1 for name, is_there in there.items() if is_there}
