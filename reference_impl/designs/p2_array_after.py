# SPDX-License-Identifier: GPL-2.0-only
"""P2: the core writes the array after the drivers have succeeded.

Proposed: MSG-5 (Baolu Lu, 2024-03-13), so that a driver which looks the array up still finds the
old domain. Supported: MSG-6 (Yi Liu), as both happen under the group's lock; MSG-7 (Jason
Gunthorpe). Adopted for Linux 6.15 as reserve, ask, store (5e9f822c9c68).
"""

from __future__ import annotations

from errno import EBUSY

from ..model.core import refused
from ..model.objects import Domain, Group
from .early_2024 import LACKS, Early2024, plain

__all__ = ["LACKS", "Core"]


class Core(Early2024):
    """Drivers first, array second."""

    def attach_group_pasid(self, domain: Domain, group: Group, pasid: int) -> None:
        """Ask the drivers, then write the array. But the array may lack the memory by then."""
        if group.pasid_array.load(pasid) is not None:
            raise refused(EBUSY, "P2", f"PASID {pasid} is attached")
        self.set_group_pasid(domain, group, pasid, None)
        if error := group.pasid_array.store(pasid, domain):
            self.remove_group_pasid(domain, group, pasid, group.capable())
            raise refused(error, "P2", f"no slot for PASID {pasid}")

    def replace_group_pasid(self, domain: Domain, group: Group, pasid: int) -> None:
        """Ask the drivers, then write the array."""
        old = plain(group.pasid_array.load(pasid))
        if old is None:
            self.attach_group_pasid(domain, group, pasid)
            return
        try:
            self.set_group_pasid(domain, group, pasid, old)
        except OSError:
            self.undo_replace(group, pasid, old)
            raise
        group.pasid_array.store(pasid, domain)
