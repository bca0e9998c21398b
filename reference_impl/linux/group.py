# SPDX-License-Identifier: GPL-2.0-only
"""What is taken of a tree for the group's other calls: DMA without a PASID, resets, ownership.

The driver is the shim's, and what PCI and sysfs say; of the core everything is the tree's own. Left
out is the sharing of a process' memory.
"""

from __future__ import annotations

from pathlib import Path

from .errors import NotThereError
from .extract import CORE, Definitions, Extracted

GROUP, DOMAIN, DEVICE, HANDLE, OWNER = (
    "struct iommu_group *",
    "struct iommu_domain *",
    "struct device *",
    "struct iommu_attach_handle *",
    "void *",
)
ROOTS: dict[str, tuple[str, ...]] = {
    "iommu_attach_group": (DOMAIN, GROUP),
    "iommu_detach_group": (DOMAIN, GROUP),
    "iommu_attach_group_handle": (DOMAIN, GROUP, HANDLE),
    "iommu_replace_group_handle": (GROUP, DOMAIN, HANDLE),
    "iommu_detach_group_handle": (DOMAIN, GROUP),
    "iommu_deferred_attach": (DEVICE, DOMAIN),
    "pci_dev_reset_iommu_prepare": ("struct pci_dev *",),
    "pci_dev_reset_iommu_done": ("struct pci_dev *",),
    "iommu_device_use_default_domain": (DEVICE,),
    "iommu_device_unuse_default_domain": (DEVICE,),
    "iommu_group_claim_dma_owner": (GROUP, OWNER),
    "iommu_group_release_dma_owner": (GROUP,),
    "iommu_device_claim_dma_owner": (DEVICE, OWNER),
    "iommu_device_release_dma_owner": (DEVICE,),
    "iommu_probe_device": (DEVICE,),
    "iommu_release_device": (DEVICE,),
}
"""The functions that are called, in the form that the harness knows."""
ATTACH_DEV = (DOMAIN, DEVICE, DOMAIN)
FILES = ("drivers/pci/ats.c",)
WATCHED = frozenset[str]()


def prepare(_: Path, definitions: Definitions) -> None:
    """See that every function is there, in the form that is known.

    Raises:
        NotThereError: one is not, or the driver is not told what was attached before.
    """
    items = definitions.items
    for name, form in ROOTS.items():
        item = items.get(name)
        if item is None or item.kind != "function" or item.file != CORE:
            raise NotThereError(f"{CORE} has no {name}()")
        if item.parameters != form:
            raise NotThereError(
                f"{CORE}: {name}() takes ({', '.join(item.parameters)}); "
                f"known is ({', '.join(form)})"
            )
    operations = items.get("struct iommu_domain_ops")
    told = operations.members.get("attach_dev") if operations else None
    if told != ATTACH_DEV:
        raise NotThereError(
            f"{CORE}: iommu_domain_ops.attach_dev takes ({', '.join(told or ())}); "
            f"known is ({', '.join(ATTACH_DEV)})"
        )


def watch(_: Extracted) -> None:
    """Nothing is called by another name."""


def settings(_: Extracted) -> dict[str, int | str]:
    """What the shim is configured with."""
    return {"HAS_GROUP": 1, "HAS_RESET": 1}
