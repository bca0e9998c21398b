# SPDX-License-Identifier: GPL-2.0-only
"""Who takes part: devices in a group, domains, the driver that joins them, and handles.

Source: ``struct iommu_group``, ``struct group_device``, ``struct iommu_domain``,
``struct iommu_ops`` and ``struct iommu_attach_handle`` of ``include/linux/iommu.h`` and
``drivers/iommu/iommu.c``.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from .observer import Observer
from .xarray import XArray

NO_PASID: Final = 0
"""IOMMU_NO_PASID: the index that stands for traffic without a PASID."""


NO_DOMAIN: Final = "nothing"
"""What a reader finds in a handle that was never attached; only a broken core publishes one."""


class Domain:
    """An address space that a PASID can be attached to.

    Args:
        name: how the pages call it.
        driver: whose domain it is; None for another vendor's.
        type: ``"paging"``, ``"sva"``, ``"nested"``, ``"identity"`` or ``"blocked"``.
        takes_pasids: whether its operations have a ``set_dev_pasid`` at all.
        iopf_handler: whether page requests for it are wanted.
        kind: what only its driver understands: which stage, what data of a user.
    """

    def __init__(
        self,
        name: str,
        driver: Driver | None,
        type: str = "paging",
        takes_pasids: bool = True,
        iopf_handler: bool = False,
        kind: str = "",
    ) -> None:
        self.name = name
        self.driver = driver
        self.type = type
        self.takes_pasids = takes_pasids
        self.iopf_handler = iopf_handler
        self.kind = kind

    def set_dev_pasid(self, dev: Device, pasid: int, old: Domain | None) -> None:
        """Ask the device's driver to translate *pasid* with this domain instead of *old*.

        Raises:
            OSError: the driver could not; the device then still has its old configuration.
        """
        driver = dev.driver
        driver.observer.asked(dev, self, old, pasid)
        try:
            driver.set_dev_pasid(self, dev, pasid, old)
        except OSError as error:
            driver.observer.saw(("return", dev.name, error.errno))
            raise
        driver.observer.saw(("return", dev.name, 0))

    def attach_dev(self, dev: Device, old: Domain | None) -> None:
        """Ask the device's driver to serve DMA without a PASID with this domain instead of *old*.

        Raises:
            OSError: the driver could not.

        Source: ``__iommu_attach_device()``.
        """
        driver = dev.driver
        driver.observer.asked(dev, self, old, NO_PASID)
        try:
            driver.attach_dev(self, dev, old)
        except OSError as error:
            driver.observer.saw(("return", dev.name, error.errno))
            raise
        dev.attach_deferred = False
        driver.observer.saw(("return", dev.name, 0))

    def seen(self) -> tuple[str, str | None]:
        """As an array entry: a plain domain, which no page request can be handed to."""
        return (self.name, None)

    def __repr__(self) -> str:
        return self.name


class DomainKind(NamedTuple):
    """One kind of domain that a driver makes: the last four arguments of :class:`Domain`."""

    kind: str = ""
    type: str = "paging"
    iopf_handler: bool = False
    takes_pasids: bool = True


class AttachHandle:
    """The caller's end of one attachment: page requests are handed to it.

    Whoever looks the array up holds it without a lock, so each attachment needs a new one.
    """

    def __init__(self, name: str, observer: Observer, domain: Domain | None = None) -> None:
        self.name = name
        self._observer = observer
        self._domain = domain

    @property
    def domain(self) -> Domain:
        """The domain that the handle is attached to."""
        assert self._domain is not None, f"{self.name} was never attached"
        return self._domain

    @domain.setter
    def domain(self, domain: Domain) -> None:
        self._domain = domain
        self._observer.saw(("handle", self.name, domain.name))

    def seen(self) -> tuple[str, str | None]:
        """As an array entry: the handle, and through it the domain."""
        return (self._domain.name if self._domain else NO_DOMAIN, self.name)

    def __repr__(self) -> str:
        return self.name


Entry = Domain | AttachHandle
"""What the group's array holds: a handle, or a plain domain where nobody takes page requests."""


class Device:
    """A device; what it may reach with each PASID stands in its PASID table.

    Args:
        name: how the pages call it.
        driver: the driver of the IOMMU that it is behind.
        max_pasids: the number of PASIDs, PASID 0 included; 0 means it cannot send any.
        ats: whether it has a TLB of its own (PCI's ATS).
        require_direct: whether firmware needs mappings of it to stay as they are.
    """

    def __init__(
        self,
        name: str,
        driver: Driver,
        max_pasids: int,
        ats: bool = True,
        require_direct: bool = False,
    ) -> None:
        self.name = name
        self.driver = driver
        self.max_pasids = max_pasids
        self.ats = ats
        self.require_direct = require_direct
        self.group: Group | None = None
        self.blocked = False
        """Whether a reset of this device is under way, which has blocked it already."""
        self.reset_depth = 0
        """How many resets of this device are under way, one within the other."""
        self.attach_deferred = False
        """Whether its driver waits for the first use before it touches the hardware."""
        self.pasid_table: dict[int, Domain] = {}
        """What each PASID reaches; at ``NO_PASID``, what DMA without one does."""

    def __repr__(self) -> str:
        return self.name


class Group:
    """Devices that cannot be told apart safely, and so share one attachment for each PASID."""

    def __init__(self, observer: Observer, devices: list[Device]) -> None:
        self.devices = devices
        self.domain: Domain | None = None
        """What serves DMA without a PASID; a device under reset is blocked all the same."""
        self.default_domain: Domain | None = None
        """What the kernel's own drivers use; none before the first probe is done."""
        self.blocking_domain: Domain | None = None
        """What blocks all of a device's DMA; known when it was needed for the first time."""
        self.owner: str | None = None
        """The user space driver, or whoever else, to whom the DMA of the group belongs."""
        self.owner_cnt = 0
        """How often the group is owned, or used by drivers of the kernel."""
        for dev in devices:
            dev.group = self
        self.pasid_array: XArray[Entry] = XArray(observer)
        self.mutex = Mutex(observer)
        self.recovery_cnt = 0
        """How many of the devices are in, or wait for, recovery from a reset."""
        self._observer = observer

    def capable(self) -> list[Device]:
        """The devices that can send PASIDs at all, in the group's order."""
        return [dev for dev in self.devices if dev.max_pasids > 0]

    def warn(self, sentence: str) -> None:
        """Say that somebody broke the contract: the kernel's WARN."""
        self._observer.saw(("warn", sentence))


class Mutex:
    """A lock that notices when its holder takes it again: in the kernel, a hang."""

    def __init__(self, observer: Observer) -> None:
        self.held = False
        self._observer = observer

    def __enter__(self) -> None:
        if self.held:
            raise RuntimeError("deadlock: the group's mutex is held already")
        self.held = True
        self._observer.saw(("lock",))

    def __exit__(self, *exc: object) -> None:
        self.held = False
        self._observer.saw(("unlock",))


Fact = tuple[object, ...]
"""One thing that a driver has noted, as plain hashable data: what kind of note it is, which PASID
it is about (None: it is counted over many; ``EVERY_PASID``: it matters to each), and what it
says."""

EVERY_PASID: Final = "*"

Notes = tuple[Fact, ...] | frozenset[Fact]


class Driver:
    """An IOMMU driver as the core sees it. Override :meth:`set_dev_pasid` to write another.

    This one does what the contract asks in the simplest way: it may fail before it touches the
    hardware, and it switches the entry with one write.
    """

    kinds: ClassVar[tuple[DomainKind, ...]] = ()
    """The kinds of domain that it makes, most telling ones first; none: they are all alike."""
    identity_takes_pasids: ClassVar[bool] = True
    """Whether its static identity domain can be set on a PASID."""
    user_pasid_table: ClassVar[bool] = False
    """Whether user space may keep a device's PASID table itself."""

    def __init__(self, observer: Observer, blocks_pasids: bool = True) -> None:
        self.observer = observer
        self.blocked_domain = Domain("blocked", None, "blocked", takes_pasids=blocks_pasids)
        self.identity_domain = Domain(
            "identity", None, "identity", takes_pasids=self.identity_takes_pasids
        )

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """Set *domain* for one PASID of one device, or keep what was there.

        Args:
            domain: what to translate with; the driver's ``blocked_domain`` means: no longer at all.
            dev: a device with PASID support.
            pasid: checked against the device's limit by the core.
            old: what the device translates this PASID with now, None for nothing.

        Raises:
            OSError: it could not be done, and the old configuration stands.
        """
        if error := self.observer.fails("driver"):
            raise OSError(error, f"{dev.name} cannot set {domain.name}")
        self.write_entry(dev, pasid, domain)

    def attach_dev(self, domain: Domain, dev: Device, old: Domain | None) -> None:
        """Set *domain* for the DMA of one device without a PASID, or keep what was there.

        Args:
            domain: what to translate with; the driver's ``blocked_domain`` means: no longer at all.
            dev: the device; it need not have PASIDs.
            old: what serves that DMA now, None if nothing was ever set.

        Raises:
            OSError: it could not be done.
        """
        if error := self.observer.fails("driver"):
            raise OSError(error, f"{dev.name} cannot attach {domain.name}")
        self.write_entry(dev, NO_PASID, domain)

    def mm_release(self, domain: Domain) -> None:
        """The address space of an SVA domain is going away: nothing may reach it any more."""

    def probe_device(self, dev: Device) -> None:
        """A device has come: be ready for it.

        Raises:
            OSError: what that takes could not be had.
        """

    def free_domain(self, domain: Domain) -> None:
        """The domain is needed no more; nothing may reach it."""
        self.observer.saw(("free", domain.name))

    def release_device(self, dev: Device) -> None:
        """The device leaves: its PASID table goes, with whatever is in it."""
        for pasid in sorted(dev.pasid_table):
            if pasid != NO_PASID:
                self.write_entry(dev, pasid, self.blocked_domain)

    def save(self) -> Notes:
        """What the driver has noted for itself: facts; this one notes nothing."""
        return ()

    def load(self, notes: Notes) -> None:
        """Have noted just this."""

    def write_entry(self, dev: Device, pasid: int, domain: Domain) -> None:
        """Write the hardware's entry; from here on DMA with *pasid* goes there."""
        if domain is self.blocked_domain:
            dev.pasid_table.pop(pasid, None)
            self.observer.saw(("entry", dev.name, pasid, None))
        else:
            dev.pasid_table[pasid] = domain
            self.observer.saw(("entry", dev.name, pasid, domain.name))
