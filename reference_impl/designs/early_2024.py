# SPDX-License-Identifier: GPL-2.0-only
"""What the proposals P1 to P7 have in common: the posted patch, cut into the pieces they change.

The discussion took the removal out of replace at once (MSG-1, MSG-3); what it then argued about is
how a driver learns of the old domain, when the array is written, and what is undone. Each of these
is a method here, as the posted patch has it. A proposal overrides the one that it is about.
"""

from __future__ import annotations

import contextlib
from errno import EBUSY, EINVAL, ENODEV, EOPNOTSUPP

from ..model.core import refused
from ..model.objects import Device, Domain, Entry, Group
from . import driver_ops_2023

LACKS = frozenset({"handles", "recovery", "static domains"})


class Early2024:
    """The core of early 2024 with a replace that does not remove first."""

    def attach_device_pasid(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Attach *domain* to *pasid* of the group of *dev*."""
        group = self.checked(domain, dev)
        with group.mutex:
            self.attach_group_pasid(domain, group, pasid)

    def replace_device_pasid(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Attach *domain* to *pasid* instead of what is attached."""
        group = self.checked(domain, dev)
        with group.mutex:
            self.replace_group_pasid(domain, group, pasid)

    def detach_device_pasid(self, domain: Domain, dev: Device, pasid: int) -> None:
        """Detach whatever is attached to *pasid*."""
        group = dev.group
        assert group is not None, "the caller knows that the device is in a group"
        with group.mutex:
            self.remove_group_pasid(domain, group, pasid, group.capable())
            group.pasid_array.erase(pasid)

    def checked(self, domain: Domain, dev: Device) -> Group:
        """The group, if the call is allowed: the checks that MSG-8 quotes."""
        if not domain.takes_pasids:
            raise refused(EOPNOTSUPP, "early 2024", f"{domain} could not be set")
        if dev.group is None:
            raise refused(ENODEV, "early 2024", f"{dev} is in no group")
        if domain.driver is not dev.driver:
            raise refused(EINVAL, "early 2024", f"{domain} is another driver's")
        return dev.group

    def attach_group_pasid(self, domain: Domain, group: Group, pasid: int) -> None:
        """Write the array, then ask the drivers; if one fails, undo and erase."""
        current, error = group.pasid_array.take_if_absent(pasid, domain)
        if error or current is not None:
            raise refused(error or EBUSY, "early 2024", f"no slot for PASID {pasid}")
        try:
            self.set_group_pasid(domain, group, pasid, None)
        except OSError:
            group.pasid_array.erase(pasid)
            raise

    def replace_group_pasid(self, domain: Domain, group: Group, pasid: int) -> None:
        """Write the array, then ask the drivers; if one fails, undo and attach the old again."""
        old = plain(group.pasid_array.load(pasid))
        if error := group.pasid_array.store(pasid, domain):
            raise refused(error, "early 2024", f"no slot for PASID {pasid}")
        try:
            self.set_group_pasid(domain, group, pasid, old)
        except OSError:
            self.undo_replace(group, pasid, old)
            raise

    def set_group_pasid(self, domain: Domain, group: Group, pasid: int, old: Domain | None) -> None:
        """Set *domain* on every device until one fails; then undo."""
        done: list[Device] = []
        try:
            for dev in group.capable():
                self.set_dev_pasid(domain, group, dev, pasid, old)
                done.append(dev)
        except OSError:
            self.undo_set(domain, group, pasid, old, done)
            raise

    def undo_set(
        self, domain: Domain, group: Group, pasid: int, old: Domain | None, done: list[Device]
    ) -> None:
        """Remove the PASID from the whole group, whoever has succeeded."""
        del old, done
        self.remove_group_pasid(domain, group, pasid, group.capable())

    def undo_replace(self, group: Group, pasid: int, old: Domain | None) -> None:
        """Erase the entry and attach the old domain again; if that fails, nobody hears of it."""
        group.pasid_array.erase(pasid)
        if old is not None:
            with contextlib.suppress(OSError):
                self.attach_group_pasid(old, group, pasid)

    def remove_group_pasid(
        self, domain: Domain, group: Group, pasid: int, devices: list[Device]
    ) -> None:
        """Remove the PASID from *devices*."""
        for dev in devices:
            self.remove_dev_pasid(domain, group, dev, pasid)

    def set_dev_pasid(
        self, domain: Domain, group: Group, dev: Device, pasid: int, old: Domain | None
    ) -> None:
        """Ask the driver, which looks the old domain up in the array."""
        del old
        driver_ops_2023.set_dev_pasid(domain, group, dev, pasid)

    def remove_dev_pasid(self, domain: Domain, group: Group, dev: Device, pasid: int) -> None:
        """Ask the driver to remove what it finds in the array."""
        del domain
        driver_ops_2023.remove_dev_pasid(group, dev, pasid)

    def get_domain_for_dev_pasid(self, group: Group, pasid: int) -> Entry | None:
        """What a page request finds."""
        return driver_ops_2023.get_domain_for_dev_pasid(group, pasid)


def plain(entry: Entry | None) -> Domain | None:
    """The domain of an entry; there are no handles yet."""
    assert entry is None or isinstance(entry, Domain)
    return entry
