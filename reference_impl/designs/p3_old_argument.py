# SPDX-License-Identifier: GPL-2.0-only
"""P3: the core tells the driver the old domain, as an argument.

Proposed: MSG-7 (Jason Gunthorpe, 2024-03-18). Accepted: MSG-8 (Yi Liu), with nothing for a plain
attach. MSG-9 gives the reason: an argument is easier to reason about than a look-up in the driver.
Adopted for Linux 6.13 (b45a3777ceab).
"""

from __future__ import annotations

from ..model.objects import Device, Domain, Group
from .early_2024 import LACKS, Early2024

__all__ = ["LACKS", "Core"]


class Core(Early2024):
    """The array is still written first, but nobody looks the old domain up there."""

    def set_dev_pasid(
        self, domain: Domain, group: Group, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Ask the driver, and tell it the old domain."""
        del group
        assert domain.takes_pasids, "a call through a null pointer"
        domain.set_dev_pasid(dev, pasid, old)
