# SPDX-License-Identifier: GPL-2.0-only
"""VTD: what VT-d's driver has to remember, and in which order it does things.

The clauses are in :mod:`.vtd_entry`, :mod:`.vtd_records` and :mod:`.vtd_devices`; this is what they
share.

Ours: the kernel states them nowhere in one place. The discussion asks the first question (MSG-2:
who knows the old domain), the commits are where one was found to be broken. What is noted, and
what the events say, stands in :mod:`reference_impl.drivers.vtd_notes`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...drivers.vtd import Vtd
from ...model.objects import Notes
from ..step import Step
from .driver import ALL

SET, BLOCK = "intel_iommu_set_dev_pasid()", "blocking_domain_set_dev_pasid()"
ADD, REMOVE = "domain_add_dev_pasid()", "domain_remove_dev_pasid()"
TEAR_DOWN = "intel_pasid_tear_down_entry()"
WITH_MM = f"{ALL} mm_release"
EVER = f"{WITH_MM} release"
UNRECORDED = (None, "identity", "torn")
"""What a device may reach that is no domain with records."""


def facts(notes: Notes, kind: str, step: Step | None = None) -> list[Any]:
    """The facts of one kind, of all that are shown or of the step's PASID."""
    found = _by_kind(notes).get(kind, [])
    return found if step is None else [f for f in found if f[1] == step.operation.pasid]


@lru_cache(maxsize=1 << 10)
def _by_kind(notes: Notes) -> dict[Any, list[Any]]:
    kinds: dict[Any, list[Any]] = {}
    for fact in notes:
        kinds.setdefault(fact[0], []).append(fact)
    return kinds


def asks_pages(step: Step, domain: str | None, dev: str) -> bool:
    """Whether DMA of the device to the domain may ask for pages, through the IOMMU."""
    if domain is None or domain in UNRECORDED:
        return False
    return step.specs[domain].iopf_handler and dev not in Vtd.without_pri


def silent(step: Step) -> bool:
    """Whether nothing that could be judged has happened, or the caller was wrong."""
    return len(step.events) <= 2 or isinstance(step.result, str) or step.misled
