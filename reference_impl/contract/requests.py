# SPDX-License-Identifier: GPL-2.0-only
"""One page request beside one operation: what the group's mutex does not serialise.

A request makes three moves. It is *raised* by a device that reaches a domain; its handle is *looked
up* in the array; it is *handed over* to whoever owns the handle, and is the owner's business from
then on. Between the last two moves the reader holds a handle that nothing protects. Each move
happens at a moment of the step: 0 is before the call, n after its n-th event, and one more, LATE,
after the call has returned and its caller has gone on.

What holds a request back is a drain: when it ends, all that the device has raised before is handed
over. A driver that is part of the implementation shows its own drains as events. The simplest
driver shows none and is taken at its word: when it answers, all that was raised before it wrote
the entry is through. Requests are raised for domains that take them; where nobody says which do,
for every one but the static ones.

Source: ``iommu_report_device_fault()`` and ``iopf_queue_flush_dev()`` of
``drivers/iommu/io-pgfault.c``, ``intel_iommu_drain_pasid_prq()`` of
``drivers/iommu/intel/prq.c``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from ..drivers.vtd import Vtd
from .step import Step, as_slot, reader

T = TypeVar("T")


class Request(NamedTuple):
    """One page request, and the moments of its moves."""

    device: str
    domain: str
    """What the device reached when it asked."""
    raised: int
    looked_up: int
    handed: int
    """When its handle's owner has got it; the reader is done with the handle then."""
    found: str | None
    """Its handle, or in a core without handles its domain; None: it is turned away."""
    late: int
    """The moment after the call."""
    deaf: bool = False
    """Whether it is turned away in the end, as the device is on no fault queue then."""

    @property
    def astray(self) -> bool:
        """Whether it is looked up when the call is over."""
        return self.looked_up == self.late

    @property
    def held(self) -> bool:
        """Whether its handle is held by the reader when the call returns."""
        return self.looked_up < self.handed == self.late

    @property
    def fate(self) -> tuple[object, ...]:
        """All that matters of it; the moments themselves do not."""
        return self.device, self.domain, self.found, self.deaf, self.astray, self.held

    @property
    def owner(self) -> str | None:
        """Whose handle it is handed to, if it is."""
        return None if self.deaf else self.found

    def __str__(self) -> str:
        return f"a request of {self.device} for {self.domain}"


def requests(step: Step) -> Iterator[Request]:
    """Every request that there can be, at every three moments.

    Args:
        step: the operation that goes on meanwhile.
    """
    course = Course(step)
    for dev, start, end, domain in course.asking():
        for raised in range(start, end):
            through = course.through(dev, raised)
            for looked_up in range(raised, through + 1):
                handed = range(looked_up, through + 1)
                yield from course.requests(dev, domain, raised, looked_up, handed)


def fates(step: Step) -> tuple[Request, ...]:
    """One request for each fate that a request can have: the one that makes its moves first.

    It looks only where something changes, so it is quicker than :func:`requests`; the tests compare
    the two.
    """
    known = step.__dict__
    if "_fates" not in known:
        known["_fates"] = tuple(_fates(Course(step)))
    return known["_fates"]  # type: ignore[no-any-return]


def _fates(course: Course) -> Iterator[Request]:
    seen: set[object] = set()
    for dev, start, end, domain in course.asking():
        drained = [before for name, _, before in course.drains if name == dev]
        finds = [at for at, _ in course.finds]
        deaf = [at for at, _ in course.deaf.get(dev, ())]
        for raised in (start, *(at for at in drained if start < at < end)):
            through = course.through(dev, raised)
            changes = sorted({*finds, *deaf})
            for looked_up in (raised, *(at for at in changes if raised < at <= through)):
                last = [through] if through == course.late else []
                handed = (looked_up, *(at for at in deaf if looked_up < at <= through), *last)
                for each in course.requests(dev, domain, raised, looked_up, handed):
                    if each.fate not in seen:
                        seen.add(each.fate)
                        yield each


class Course:
    """What each device reaches, what a look-up finds and who is heard: when each changes."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.late = len(step.events) + 1
        self.reaches: dict[str, list[tuple[int, str | None]]] = {}
        for spec, domain in zip(step.setting.devices, step.before.hardware, strict=True):
            self.reaches[spec.name] = [(0, domain)]
        self.finds = [(0, reader(step.setting, step.before.slot))]
        self.deaf: dict[str, list[tuple[int, bool]]] = {}
        """When a device leaves the fault queue, or comes back; it is on it when the call begins."""
        self.drains: list[tuple[str, int, int]] = []
        """Device, the moment at which it ends, and the one before which it takes requests."""
        self._follow()

    def _follow(self) -> None:
        setting, pasid = self.step.setting, self.step.operation.pasid
        wrote = 0
        event: Any
        for at, event in enumerate(self.step.events, 1):
            match event:
                case ("entry", dev, changed, domain) if changed == pasid:
                    self.reaches[dev].append((at, domain))
                    wrote = wrote or at
                case ("array", changed, slot) if changed == pasid:
                    self.finds.append((at, reader(setting, as_slot(slot))))
                case ("iopf", dev, users):
                    self.deaf.setdefault(dev, []).append((at, not users))
                case ("drain", dev, changed, True) if changed == pasid:
                    self.drains.append((dev, at, at))
                case ("call", *_):
                    wrote = 0
                case ("return", dev, 0) if wrote and not setting.driver:
                    self.drains.append((dev, at, wrote))
        self.finds.append((self.late, reader(setting, self.step.after.slot)))

    def asking(self) -> Iterator[tuple[str, int, int, str]]:
        """Who can raise a request, from which moment on, until before which, and for what."""
        for dev, reaches in self.reaches.items():
            for (start, domain), (end, _) in pairwise([*reaches, (self.late, None)]):
                if domain is not None and asks_pages(self.step, domain, dev):
                    yield dev, start, end, domain

    def through(self, dev: str, raised: int) -> int:
        """The last moment at which a request can still be under way."""
        for name, end, before in self.drains:
            if name == dev and raised < before:
                return end - 1
        return self.late

    def requests(
        self, dev: str, domain: str, raised: int, looked_up: int, handed: Iterable[int]
    ) -> Iterator[Request]:
        """The requests that are looked up then, for each moment of being handed over."""
        found = at_moment(self.finds, looked_up)
        for at in handed if found is not None else (looked_up,):
            deaf = found is not None and bool(at_moment(self.deaf.get(dev, ()), at))
            yield Request(dev, domain, raised, looked_up, at, found, self.late, deaf)


def at_moment(changes: Iterable[tuple[int, T]], moment: int) -> T | None:
    """What it is at a moment, from when it changes to what; None before the first change."""
    now = None
    for at, what in changes:
        if at > moment:
            break
        now = what
    return now


def asks_pages(step: Step, domain: str | None, dev: str) -> bool:
    """Whether DMA of the device to the domain may ask for pages, through the IOMMU."""
    spec = step.specs.get(domain or "")
    if spec is None or spec.type in ("identity", "blocked"):
        return False
    return not step.setting.driver or (spec.iopf_handler and dev not in Vtd.without_pri)
