# SPDX-License-Identifier: GPL-2.0-only
"""P7: a failed replace brings the devices that have switched back to the old domain.

Implied by MSG-9 (Jason Gunthorpe, 2024-03-20): the path for traffic without PASIDs does so. Adopted
with the replace series for Linux 6.15 (8a9e1e773f60).
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Group
from .p6_both import LACKS
from .p6_both import Core as Both

__all__ = ["LACKS", "Core"]


class Core(Both):
    """All that the thread asked for but the order of array and drivers."""

    def undo_set(
        self, domain: Domain, group: Group, pasid: int, old: Domain | None, done: list[Device]
    ) -> None:
        """Set the old domain again where there is one; a device that refuses is blocked."""
        for dev in done:
            try:
                if old is not None:
                    self.set_dev_pasid(old, group, dev, pasid, domain)
                    continue
            except OSError:
                group.warn(f"{dev} cannot go back to {old}")
            self.remove_dev_pasid(domain, group, dev, pasid)
