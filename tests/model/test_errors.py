# SPDX-License-Identifier: GPL-2.0-only
"""Errors are ``OSError`` with the kernel's errno; the kernel's order of checks decides which."""

from __future__ import annotations

import re
from collections.abc import Callable
from errno import EBUSY, EINVAL, EIO, ENODEV, ENOENT, ENOMEM, EOPNOTSUPP

import pytest

from reference_impl.contract import CLAUSES
from reference_impl.model import (
    NO_PASID,
    RESERVED,
    AttachHandle,
    Device,
    Domain,
    Driver,
    Group,
    Observer,
    attach_device_pasid,
    attach_handle_get,
    core,
    detach_device_pasid,
    replace_device_pasid,
)
from reference_impl.model.observer import Event, MayFail


class World(Observer):
    """A group of one device, and all that can be wrong with a call on it."""

    def __init__(self) -> None:
        self.failing: set[MayFail] = set()
        self.warnings = 0
        self.driver = Driver(self)
        self.dev = Device("d0", self.driver, 4)
        self.group = Group(self, [self.dev])
        self.domain = Domain("A", self.driver)
        self.handle: AttachHandle | None = AttachHandle("h", self)
        self.pasid = 1

    def fails(self, what: MayFail, /) -> int:
        return {"memory": ENOMEM, "driver": EIO}[what] if what in self.failing else 0

    def saw(self, event: Event, /) -> None:
        self.warnings += event[0] == "warn"

    def no_group(self) -> None:
        self.dev = Device("stray", self.driver, 4)

    def opless(self) -> None:
        self.domain.takes_pasids = False

    def cannot_block(self) -> None:
        self.driver.blocked_domain.takes_pasids = False

    def foreign(self) -> None:
        self.domain.driver = Driver(self)

    def no_pasid(self) -> None:
        self.pasid = NO_PASID

    def no_handle(self) -> None:
        self.handle = None

    def recovery(self) -> None:
        self.group.recovery_cnt = 1

    def out_of_range(self) -> None:
        self.pasid = self.pasid and 4

    def attached(self) -> None:
        entry = AttachHandle("old", self, Domain("O", self.driver))
        self.group.pasid_array.slots[self.pasid] = entry

    def published(self) -> None:
        if isinstance(self.handle, AttachHandle):
            self.handle.domain = self.domain
            self.group.pasid_array.slots[self.pasid] = self.handle

    def no_memory(self) -> None:
        self.failing.add("memory")

    def driver_fails(self) -> None:
        self.failing.add("driver")

    def attach(self) -> None:
        attach_device_pasid(self.domain, self.dev, self.pasid, self.handle)

    def replace(self) -> None:
        replace_device_pasid(self.domain, self.dev, self.pasid, self.handle)  # type: ignore[arg-type]

    def detach(self) -> None:
        detach_device_pasid(self.domain, self.dev, self.pasid)


Wrong = tuple[Callable[[World], None], int, str | None]

# In the kernel's order: what is wrong, the errno, and the clause that the sentence names.
ATTACH: list[Wrong] = [
    (World.no_group, ENODEV, "ATT-1"),
    (World.opless, EOPNOTSUPP, "ATT-2"),
    (World.cannot_block, EOPNOTSUPP, "ATT-2"),
    (World.foreign, EINVAL, "ATT-3"),
    (World.no_pasid, EINVAL, "ATT-3"),
    (World.recovery, EBUSY, "ATT-4"),
    (World.out_of_range, EINVAL, "ATT-5"),
    (World.attached, EBUSY, "ATT-7"),
    (World.no_memory, ENOMEM, "ATT-7"),
    (World.driver_fails, EIO, None),
]
REPLACE: list[Wrong] = [
    (World.no_group, ENODEV, "REP-1"),
    (World.opless, EOPNOTSUPP, "REP-2"),
    (World.foreign, EINVAL, "REP-3"),
    (World.no_pasid, EINVAL, "REP-3"),
    (World.no_handle, EINVAL, "REP-3"),
    (World.recovery, EBUSY, "REP-4"),
]
# After the check of REP-4 there is one of three: no memory to look, nothing there, the same there.
REPLACE_ABSENT = [*REPLACE, (World.no_memory, ENOMEM, "REP-6")]
REPLACE_PUBLISHED = [*REPLACE, (World.published, EINVAL, "REP-8")]
REPLACE_ATTACHED = [*REPLACE, (World.driver_fails, EIO, None)]


def refusal(call: Callable[[World], object], world: World) -> tuple[int | None, str | None]:
    """The errno of a call, and the clause that its sentence names."""
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is what is looked at
        call(world)
    named = re.match(r"[A-Z]+-\d+(?=: )", raised.value.strerror or "")
    assert not named or named[0] in CLAUSES
    return raised.value.errno, named and named[0]


def cases() -> list[object]:
    orders = [
        (World.attach, ATTACH, "attach"),
        (World.replace, REPLACE_ABSENT, "replace absent"),
        (World.replace, REPLACE_PUBLISHED, "replace published"),
        (World.replace, REPLACE_ATTACHED, "replace"),
    ]
    return [
        pytest.param(call, order, first, id=f"{name}, {order[first][0].__name__}")
        for call, order, name in orders
        for first in range(len(order))
    ]


@pytest.mark.parametrize(("call", "order", "first"), cases())
def test_the_first_check_that_fails_decides(
    call: Callable[[World], None], order: list[Wrong], first: int
) -> None:
    alone, together = World(), World()
    if order is REPLACE_ATTACHED:
        alone.attached()
        together.attached()
    order[first][0](alone)
    for break_it, _, _ in order[first:]:
        break_it(together)
    expected = order[first][1:]
    assert refusal(call, alone) == expected
    assert refusal(call, together) == expected


def test_replace_of_what_is_absent() -> None:
    world = World()
    assert refusal(World.replace, world) == (EINVAL, "REP-7")
    assert world.group.pasid_array.slots == {}


def test_a_published_handle_trips_a_warn() -> None:
    world = World()
    world.attach()
    assert refusal(World.replace, world) == (EINVAL, "REP-8")
    assert world.warnings == 1


def test_detach_takes_the_group_for_granted() -> None:
    world = World()
    world.no_group()
    with pytest.raises(AssertionError, match="DET-7"):
        world.detach()


@pytest.mark.parametrize("fails", [False, True])
def test_detach_does_not_fail(fails: bool) -> None:
    world = World()
    world.attach()
    if fails:
        world.driver_fails()
    world.detach()
    assert world.group.pasid_array.slots == {}
    assert world.warnings == fails


def test_look_up() -> None:
    world = World()
    group, handle = world.group, world.handle
    slots = group.pasid_array.slots
    for slot in (None, RESERVED, world.domain):
        if slot:
            slots[1] = slot
        assert refusal(lambda _: attach_handle_get(group, 1), world) == (ENOENT, "VIS-2")
    del slots[1]
    world.attach()
    assert attach_handle_get(group, 1) is handle
    assert attach_handle_get(group, 1, "paging") is handle
    wrong = refusal(lambda _: attach_handle_get(group, 1, "sva"), world)
    assert wrong == (EBUSY, "VIS-3")


def test_a_second_lock_is_noticed() -> None:
    world = World()
    with world.group.mutex, pytest.raises(RuntimeError, match="deadlock"):
        world.attach()


def test_every_function_names_its_source() -> None:
    ours = [f for f in vars(core).values() if getattr(f, "__module__", "") == core.__name__]
    assert len(ours) > 10
    for function in ours:
        assert function.__doc__
        if function is not core.refused:
            assert re.search(r"Source: [^`]*``\w+\(\)``", function.__doc__), function.__name__
