# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: I001  the order of the imports is the reading order of the clauses
"""The predicates, one module for each part of the contract. Importing them registers them."""

from . import attach
from . import visibility
from . import detach
from . import replace
from . import group
from . import invariants
from . import driver
from . import driver_dma
from . import driver_counts
from . import vtd_entry
from . import vtd_records
from . import vtd_devices
from . import rid
from . import handles
from . import recovery
from . import ownership
from . import membership
from . import sva
from . import iommufd
from . import iommufd_effects
from . import iommufd_requests
from . import vfio

__all__ = [
    "attach",
    "detach",
    "driver",
    "driver_counts",
    "driver_dma",
    "group",
    "handles",
    "invariants",
    "iommufd",
    "iommufd_effects",
    "iommufd_requests",
    "membership",
    "ownership",
    "recovery",
    "replace",
    "rid",
    "sva",
    "vfio",
    "visibility",
    "vtd_devices",
    "vtd_entry",
    "vtd_records",
]
