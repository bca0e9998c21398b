# SPDX-License-Identifier: GPL-2.0-only
"""What the group's other calls say to a caller who breaks a rule, and to a device without one."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, ENODEV

import pytest

from reference_impl.model import Device, Driver, Group, Observer, membership, ownership, rid, sva
from reference_impl.model.capability import Capability
from reference_impl.model.observer import Event
from reference_impl.model.recovery import reset_done, reset_prepare


class Seen(Observer):
    """Remembers what happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def saw(self, event: Event, /) -> None:
        self.events.append(event)


def alone() -> tuple[Device, Seen]:
    """A device that is in no group."""
    seen = Seen()
    return Device("d", Driver(seen), 4), seen


@pytest.mark.parametrize(
    "call",
    [
        reset_prepare,
        reset_done,
        ownership.device_use_default_domain,
        ownership.device_unuse_default_domain,
        membership.release_device,
    ],
)
def test_nothing_is_done_for_a_device_without_a_group(call: Callable[[Device], None]) -> None:
    dev, seen = alone()
    call(dev)
    assert seen.events == []
    assert dev.reset_depth == 0


def test_who_claims_or_binds_such_a_device_is_refused() -> None:
    dev, seen = alone()
    with pytest.raises(OSError, match="OWN-3: d is in no group") as claimed:
        ownership.device_claim_dma_owner(dev, "iommufd")
    with pytest.raises(OSError, match="SVA-1: d is in no group") as bound:
        sva.sva_bind_device(dev, sva.Mm("p"), sva.GlobalPasids())
    assert (claimed.value.errno, bound.value.errno) == (ENODEV, ENODEV)
    assert seen.events == []


def test_nobody_cannot_claim() -> None:
    dev, seen = alone()
    for claim in (
        lambda: ownership.device_claim_dma_owner(dev, None),
        lambda: ownership.group_claim_dma_owner(Group(seen, [dev]), None),
    ):
        with pytest.raises(OSError, match="OWN-3: there is no owner") as refused:
            claim()
        assert refused.value.errno == EINVAL
    assert [event[0] for event in seen.events] == ["warn", "warn"]


def test_a_device_is_probed_once() -> None:
    dev, seen = alone()
    group = Group(seen, [dev])
    membership.probe_device(dev, group, Capability(3, 64))
    assert group.devices == [dev]
    assert (dev.max_pasids, seen.events) == (4, [])


def test_the_first_device_waits_for_the_default_domain() -> None:
    dev, seen = alone()
    group = Group(seen, [])
    membership.probe_device(dev, group, Capability(3, 64), defers=True)
    assert (group.devices, dev.max_pasids, dev.attach_deferred) == ([dev], 8, True)
    assert [event[0] for event in seen.events] == ["lock", "unlock"]


def test_a_group_that_is_left_is_as_new() -> None:
    dev, seen = alone()
    group = Group(seen, [dev])
    group.domain = group.default_domain = dev.driver.identity_domain
    group.blocking_domain = dev.driver.blocked_domain
    membership.release_device(dev)
    assert (group.domain, group.default_domain, group.blocking_domain) == (None, None, None)
    assert [event[0] for event in seen.events] == ["lock", "entry", "return", "unlock"]


def test_a_device_that_firmware_needs_is_parked_where_it_is_reached() -> None:
    dev, seen = alone()
    dev.require_direct = True
    membership.release_device(Group(seen, [dev]).devices[0])
    assert ("entry", "d", 0, "identity") in seen.events
    assert dev.pasid_table == {0: dev.driver.identity_domain}


def test_a_driver_is_told_the_blocking_domain_under_reset() -> None:
    dev, seen = alone()
    group = Group(seen, [dev])
    group.domain = dev.driver.identity_domain
    group.blocking_domain = dev.driver.blocked_domain
    assert rid.driver_get_domain_for_dev(dev) is group.domain
    dev.blocked = True
    assert rid.driver_get_domain_for_dev(dev) is group.blocking_domain


def test_a_bond_is_what_is_given_back() -> None:
    dev, seen = alone()
    Group(seen, [dev])
    mm, pasids = sva.Mm("p"), sva.GlobalPasids()
    bond = sva.sva_bind_device(dev, mm, pasids)
    assert sva.sva_bind_device(dev, mm, pasids) is bond
    assert (bond.users, bond.device, mm.pasid) == (2, dev, 1)
    other = sva.Mm("q")
    assert sva.sva_bind_device(dev, other, pasids).users == 1
    assert (other.pasid, pasids.taken) == (2, {1, 2})
    sva.sva_unbind_device(bond)
    assert dev.pasid_table[1] is bond.domain
    sva.sva_unbind_device(bond)
    assert (sorted(dev.pasid_table), mm.sva_domains) == ([2], [])
