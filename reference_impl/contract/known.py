# SPDX-License-Identifier: GPL-2.0-only
"""The implementations that can be named: the model, and the designs of the thread."""

from __future__ import annotations

from typing import Any

from ..designs import DESIGNS, merged
from ..designs.p1_private_array import PrivateArray
from ..drivers import Amd, Mock, Smmuv3, Vtd, VtdInPlace, VtdRepaired
from ..drivers.vtd import COPIED, ELSEWHERE
from ..model import core
from ..model.objects import Device, Domain, DomainKind, Driver
from .implementation import PythonCore
from .iommufd import Iommufd, KeepsTables
from .iommufd_scope import IommufdHabitat
from .scope import Habitat, OddGroup

VTD: dict[str, Any] = {
    "beginnings": (COPIED,),
    "odd": (
        *(OddGroup(f"{name} alone", (name,)) for name in sorted(Vtd.without_pri)),
        OddGroup(
            "two IOMMUs",
            ("d0", "e0"),
            ("first stage", "nested, faults", "mm", "second stage"),
            ELSEWHERE,
        ),
    ),
}
IOMMUFD = frozenset({"iommufd"})
RECOVERY = frozenset({"recovery"})


class VtdPrivateArray(PrivateArray, Vtd):
    """VT-d's driver of 7.3 with the private array of P1 on top."""

    identity_takes_pasids = False

    def set_dev_pasid(self, domain: Domain, dev: Device, pasid: int, old: Domain | None) -> None:
        """One check comes before the blocking; that the domain fits is a later one."""
        self.check_context(domain, dev)
        super().set_dev_pasid(domain, dev, pasid, old)

    def tear_down(self, dev: Device, pasid: int, old: Domain) -> None:
        """The entry, page requests, the record."""
        self.blocking_domain_set_dev_pasid(dev, pasid, old)


def with_driver(
    name: str,
    driver: type[Driver],
    *has: str,
    core: object = merged,
    lacks: frozenset[str] = frozenset(),
    **habitat: Any,
) -> PythonCore:
    """A core with a driver.

    Args:
        name: what to call the two.
        driver: the driver; its own kinds of domain are what is attached.
        has: see :data:`.clause.EXTRAS`.
        core: the core; the merged one, if it is not said.
        lacks: see :class:`.implementation.Implementation`.
        habitat: what else of :class:`.scope.Habitat` is not as for most.
    """
    around = Habitat(
        kinds=habitat.pop("kinds", driver.kinds) or (DomainKind(),) * 3,
        identity=driver.identity_takes_pasids,
        resets="resets" in has,
        removals="removals" in has,
        **habitat,
    )
    return PythonCore(name, core, driver, lacks, frozenset({"driver", *has}), around)


def iommufd_with(*parts: str) -> Iommufd:
    """iommufd, explored only in these settings of :mod:`.iommufd_scope`; in all if none."""
    return Iommufd("iommufd", core, KeepsTables, has=IOMMUFD, habitat=IommufdHabitat(parts=parts))


IMPLEMENTATIONS: dict[str, PythonCore] = {
    "model": PythonCore("model", core),
    "model-group": PythonCore(
        "model-group", core, has=frozenset({"group", "sva"}), habitat=Habitat(group=True)
    ),
    **{name: PythonCore(name, d.core, d.driver, d.lacks) for name, d in DESIGNS.items()},
    **{
        each.name: each
        for each in (
            with_driver("vtd", Vtd, "vtd", "flushes", "resets", "removals", **VTD),
            with_driver(
                "vtd-in-place", VtdInPlace, "vtd", "flushes", "removals", lacks=RECOVERY, **VTD
            ),
            with_driver("vtd-repaired", VtdRepaired, "vtd", "flushes", "resets", "removals", **VTD),
            with_driver(
                "vtd-p1",
                VtdPrivateArray,
                *("vtd", "flushes", "removals"),
                core=DESIGNS["p1"].core,
                lacks=DESIGNS["p1"].lacks,
                **VTD,
            ),
            with_driver("smmuv3", Smmuv3, "resets", "RID", "flushes"),
            with_driver("amd", Amd, "resets"),
            # its devices are never reset, and each is alone in its group
            with_driver("mock", Mock, lacks=RECOVERY, devices=1, pasids=(1024, 1, 2, 3)),
            iommufd_with(),
        )
    },
}
"""By the name that the command line takes."""

REST = {"model": "model-group"}
"""Of a core, the implementation that has the group's other calls: to check it is to check both."""

CORES = tuple(name for name, each in IMPLEMENTATIONS.items() if each.habitat is None)
"""Explored with the simplest driver; the others are drivers, all but one with the merged core."""
