# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that iommufd has had, each made again with a few words, and the clause it breaks."""

from __future__ import annotations

from .bugs import Bug
from .known import iommufd_with

IOMMUFD_BUGS: dict[str, Bug] = {
    bug.id: bug
    for bug in (
        Bug(
            "B32",
            "a replace looked for the old handle's page requests in the new table's queue",
            "ba5c0f28a26e",
            "7.3, 6.12.105",
            "IFD-27",
            iommufd_with("page requests"),
            (
                (
                    "auto_response_faults(idev.ictx, old, old_handle)",
                    "auto_response_faults(idev.ictx, hwpt, old_handle)",
                ),
            ),
            "device",
        ),
        Bug(
            "B34",
            "a device replaced what only others of its group had attached",
            "iommufd: Fail replace if device has not been attached",
            "6.15, 6.12.24",
            "IFD-6",
            iommufd_with("group"),
            (("        if idev not in record.devices:\n", "        if False:\n"),),
            "device",
        ),
        Bug(
            "B35",
            "detaching a PASID that nobody had attached followed a record that was not there",
            "7be11d34f660",
            "6.15",
            "IFD-17",
            iommufd_with("tables"),
            (("        if record is None:\n            return None\n", ""),),
            "device",
        ),
        Bug(
            "B36",
            "a failed replace gave up the reserved regions of the old table, not of the new one",
            "950aeefb3492",
            "6.11, 6.10.7",
            "IFD-15",
            iommufd_with("address spaces"),
            (
                (
                    "hwpt.ioas.reserved.difference_update(devices)\n            raise",
                    "old.ioas.reserved.difference_update(devices)\n            raise",
                ),
            ),
            "device",
        ),
    )
}
"""By number; each in the part of the scope where it shows."""
