# SPDX-License-Identifier: GPL-2.0-only
"""P6: both repairs, P4 and P5.

Asked for: MSG-12 (Jason Gunthorpe, 2024-03-21). Promised: MSG-13 (Yi Liu). Done for Linux 6.10.
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Group
from .driver_ops_2023 import remove_told
from .p4_undo_succeeded import LACKS
from .p4_undo_succeeded import Core as UndoSucceeded

__all__ = ["LACKS", "Core"]


class Core(UndoSucceeded):
    """Undoes where it was done, and says what to remove."""

    def remove_dev_pasid(self, domain: Domain, group: Group, dev: Device, pasid: int) -> None:
        """Ask the driver to remove *domain*."""
        del group
        remove_told(domain, dev, pasid)
