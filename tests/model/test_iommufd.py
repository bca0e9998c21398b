# SPDX-License-Identifier: GPL-2.0-only
"""What needs more than one group, or a driver that is hard to please."""

from __future__ import annotations

from errno import EINVAL, EIO

import pytest

from reference_impl.model.iommufd import objects
from reference_impl.model.iommufd.device import device_attach, device_detach
from reference_impl.model.iommufd.hw_pagetable import hwpt_alloc
from reference_impl.model.objects import Device, Domain, Driver, Group
from reference_impl.model.observer import Observer


class Picky(Driver):
    """Refuses some domains on some devices."""

    def __init__(self, refuses: dict[tuple[str, str], int]) -> None:
        super().__init__(Observer())
        self.refuses = refuses

    def attach_dev(self, domain: Domain, dev: Device, old: Domain | None) -> None:
        if error := self.refuses.get((domain.name, dev.name)):
            raise OSError(error, "no")
        super().attach_dev(domain, dev, old)


def two_groups(
    refuses: dict[tuple[str, str], int], other: Driver | None = None
) -> tuple[objects.Context, objects.BoundDevice, objects.BoundDevice]:
    """Two devices, each alone, and an address space."""
    driver = Picky(refuses)
    ictx = objects.Context(Observer())
    ictx.add(objects.Ioas("I"))
    bound = []
    for name, its in (("d0", driver), ("d1", other or driver)):
        dev = Device(name, its, 8)
        Group(Observer(), [dev]).default_domain = its.identity_domain
        bound.append(ictx.bind(dev))
    return ictx, bound[0], bound[1]


def test_two_groups_share_what_was_made_for_an_address_space() -> None:
    ictx, one, other = two_groups({})
    assert device_attach(one, 0, "I") == device_attach(other, 0, "I") == "auto1(I)"
    assert ictx.objects["auto1(I)"].users == 2
    device_detach(one, 0)
    device_detach(other, 0)
    assert "auto1(I)" not in ictx.objects


def test_einval_goes_on_to_the_next_table() -> None:
    _, one, other = two_groups({("auto1(I)", "d1"): EINVAL})
    assert device_attach(one, 0, "I") == "auto1(I)"
    assert device_attach(other, 0, "I") == "auto2(I)"


def test_any_other_errno_ends_the_search() -> None:
    ictx, one, other = two_groups({("auto1(I)", "d1"): EIO})
    device_attach(one, 0, "I")
    with pytest.raises(OSError, match="no") as raised:
        device_attach(other, 0, "I")
    assert raised.value.errno == EIO
    assert "auto2(I)" not in ictx.objects


def test_the_first_that_fits_is_taken() -> None:
    _, one, other = two_groups({("auto1(I)", "d1"): EINVAL})
    device_attach(one, 0, "I")
    device_attach(other, 0, "I")
    device_detach(other, 0)
    assert device_attach(other, 0, "I") == "auto2(I)"
    device_detach(one, 0)
    assert device_attach(one, 0, "I") == "auto2(I)"


def test_nothing_is_nested_on_a_table_of_another_driver() -> None:
    _, one, other = two_groups({}, Driver(Observer()))
    hwpt_alloc(one, "I", "P", nest_parent=True)
    assert hwpt_alloc(one, "P", "N").parent
    with pytest.raises(OSError, match="IFD-29") as raised:
        hwpt_alloc(other, "P", "M")
    assert raised.value.errno == EINVAL


def test_without_a_pasid_a_detached_group_is_blocked() -> None:
    _, one, _ = two_groups({})
    group, blocked = one.dev.group, one.dev.driver.blocked_domain
    assert group
    device_attach(one, 0, "I")
    assert group.domain is not blocked
    device_detach(one, 0)
    assert group.domain is blocked
