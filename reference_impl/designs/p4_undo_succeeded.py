# SPDX-License-Identifier: GPL-2.0-only
"""P4: after a failure only the devices that succeeded are undone.

Asked: MSG-8 (Yi Liu, 2024-03-19), whether the walk should undo what it has done itself. Proposed:
MSG-9 (Jason Gunthorpe, 2024-03-20). Doubted: MSG-10, as groups with PASIDs were thought to have one
device; answered in MSG-12. The first of two repairs in MSG-11, promised in MSG-13. Adopted for
Linux 6.10 (b025dea63ced).
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Group
from .p3_old_argument import LACKS
from .p3_old_argument import Core as OldArgument

__all__ = ["LACKS", "Core"]


class Core(OldArgument):
    """Undoes where it was done: by removing."""

    def undo_set(
        self, domain: Domain, group: Group, pasid: int, old: Domain | None, done: list[Device]
    ) -> None:
        """Remove the PASID from the devices that have succeeded."""
        del old
        self.remove_group_pasid(domain, group, pasid, done)

    def undo_replace(self, group: Group, pasid: int, old: Domain | None) -> None:
        """Name the old domain in the array again; most devices have never left it."""
        if old is None:
            group.pasid_array.erase(pasid)
        else:
            group.pasid_array.store(pasid, old)
