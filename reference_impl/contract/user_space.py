# SPDX-License-Identifier: GPL-2.0-only
"""User space by hand: make calls on iommufd and VFIO, name what fails, and get each as a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from ..model.objects import Driver
from ..model.observer import MayFail
from .implementation import PythonCore
from .iommufd import IommufdMachine
from .known import iommufd_with
from .recorder import Recorder
from .setting import DeviceSpec, Operation, Setting, TableSpec
from .step import Row, State, Step
from .walk import observe, state_now

__all__ = ["TABLES", "UserSpace"]

TABLES = (
    TableSpec("I", "ioas"),
    TableSpec("Q", "queue"),
    TableSpec("P", "paging", "I", parent=True),
    TableSpec("S", "paging", "I", pasid=True),
    TableSpec("N", "nested", "P", pasid=True),
    TableSpec("F", "nested", "P", pasid=True, fault="Q"),
)
"""An address space and a fault queue; a parent, which is not for PASIDs; and three that are: one of
pages, one nested, one nested that takes page requests."""


class _NthFaults(Recorder):
    """Lets the nth need of a kind fail, or the nth call of a device."""

    def __init__(self) -> None:
        super().__init__(faults=0)
        self.wanted: dict[str, int] = {}

    def fails(self, what: MayFail) -> int:
        """Fail if this is it."""
        name: str = what
        if what == "driver":
            name = next(str(event[1]) for event in reversed(self.events) if event[0] == "call")
        now = False
        if name in self.wanted:
            self.wanted[name] -= 1
            now = not self.wanted[name]
        self._script = (*self._taken, now)
        self.names_faults = what != "driver"  # a driver that fails says so itself
        return super().fails(what)


class UserSpace:
    """One group whose devices are bound to one open ``/dev/iommu``.

    Args:
        devices: their names (``vf…``, ``raw…`` and ``old…`` are special, see
            :class:`.iommufd.IommufdMachine`), with the number of their PASIDs if that matters.
        tables: what user space has made.
        pasids: the PASIDs in use; 0 stands for DMA without one, and is always there.
        driver: the driver of the IOMMU.
        implementation: iommufd, or a variant of it.
    """

    limit: ClassVar[int] = 1 << 20
    """The number of PASIDs of a device for which none is given."""

    def __init__(
        self,
        devices: Iterable[str] | Mapping[str, int] = ("d0",),
        tables: tuple[TableSpec, ...] = TABLES,
        pasids: Iterable[int] = (1, 2),
        driver: type[Driver] | None = None,
        implementation: PythonCore | None = None,
    ) -> None:
        base: PythonCore = implementation or iommufd_with()
        limits = devices if isinstance(devices, Mapping) else dict.fromkeys(devices, self.limit)
        self.setting = Setting(
            name="user space",
            devices=tuple(DeviceSpec(name, limit) for name, limit in limits.items()),
            domains=(),
            pasids=tuple(sorted({0, *pasids})),
            driver=True,
            tables=tables,
        )
        self.steps: list[Step] = []
        self._recorder = _NthFaults()
        base = replace(base, driver=driver or base.driver)
        machine = base.boot(self.setting, self._recorder)
        assert isinstance(machine, IommufdMachine), f"{base.name} is not iommufd"
        self._machine = machine
        nothing = Row(None, (None,) * len(self.setting.devices))
        rows = (nothing,) * len(self.setting.pasids)
        self.state = State(rows, notes=self._machine.notes())

    @property
    def said(self) -> str:
        """The sentence with which a call was refused the last time."""
        return self._machine.said

    def attach(
        self, pt: str, pasid: int = 0, dev: str = "", fail: dict[str, int] | None = None
    ) -> Step:
        """Attach. *fail* says which need of what fails: ``{"memory": 2}``, or ``{"d0": 1}``."""
        return self.call("iommufd_attach", pt, pasid, dev, fail=fail)

    def replace(
        self, pt: str, pasid: int = 0, dev: str = "", fail: dict[str, int] | None = None
    ) -> Step:
        """Replace."""
        return self.call("iommufd_replace", pt, pasid, dev, fail=fail)

    def detach(self, pasid: int = 0, dev: str = "") -> Step:
        """Detach."""
        return self.call("iommufd_detach", None, pasid, dev)

    def page_request(self, pasid: int = 0, dev: str = "") -> Step:
        """A device asks for a page."""
        return self.call("page_request", None, pasid, dev)

    def read(self, queue: str = "Q") -> Step:
        """Read the oldest request of a queue."""
        return self.call("fault_read", queue)

    def answer(self, answer: str = "success", queue: str = "Q") -> Step:
        """Answer the request that was read first."""
        return self.call("fault_write", queue, special=answer)

    def attached(self, pasid: int = 0) -> Step:
        """Look up what a PASID is attached to, as the kernel's test does."""
        return self.call("handle_get", None, pasid)

    def vfio_attach(
        self,
        pt: str,
        pasid: int = 0,
        dev: str = "",
        odd: str | None = None,
        fail: dict[str, int] | None = None,
    ) -> Step:
        """The ioctl; *odd* says what is wrong with its argument."""
        return self.call("vfio_attach", pt, pasid, dev, odd, fail)

    def vfio_detach(self, pasid: int = 0, dev: str = "", odd: str | None = None) -> Step:
        """The other ioctl."""
        return self.call("vfio_detach", None, pasid, dev, odd)

    def call(
        self,
        kind: str,
        pt: str | None = None,
        pasid: int = 0,
        dev: str = "",
        special: str | None = None,
        fail: dict[str, int] | None = None,
    ) -> Step:
        """Make one call.

        Raises:
            ValueError: something that should have failed was never tried, or there is no such
                device.
        """
        device = dev or self.setting.devices[0].name
        if device not in self._machine.bound:
            raise ValueError(f"there is no device {device}, only {sorted(self._machine.bound)}")
        machine, recorder = self._machine, self._recorder
        machine.load(self.state)
        recorder.follow(())
        recorder.wanted = dict(fail or {})
        operation = Operation(kind, device, pasid, pt, type=special)
        before = machine.row(pasid)
        parts, _ = observe(machine, recorder, self.state, operation, before)
        step = Step(self.setting, *parts)
        if missed := [name for name, left in recorder.wanted.items() if left > 0]:
            raise ValueError(f"{missed[0]} was not asked so often, so it could not fail")
        self.state = state_now(machine)
        self.steps.append(step)
        return step
