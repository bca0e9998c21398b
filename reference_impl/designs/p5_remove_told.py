# SPDX-License-Identifier: GPL-2.0-only
"""P5: the operation that removes is told the domain as well.

Proposed: MSG-11 (Yi Liu, 2024-03-21), the second of two repairs. Asked for in MSG-12 (Jason
Gunthorpe): drivers should not have to read the array when they remove. Promised: MSG-13. Adopted
for Linux 6.10 (d2f85a263883); the operation went away in 6.14 (647b7aad1949) in favour of the
blocked domain.
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Group
from .driver_ops_2023 import remove_told
from .p3_old_argument import LACKS
from .p3_old_argument import Core as OldArgument

__all__ = ["LACKS", "Core"]


class Core(OldArgument):
    """Says what to remove, but still asks everybody to."""

    def remove_dev_pasid(self, domain: Domain, group: Group, dev: Device, pasid: int) -> None:
        """Ask the driver to remove *domain*."""
        del group
        remove_told(domain, dev, pasid)
