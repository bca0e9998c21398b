# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that Linux has had in this area, each made again with a few words, and the clause it breaks.

The numbers are those of the project's collection; the releases are those that got the repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .clause import CLAUSES
from .explorer import Finding, explore
from .implementation import PythonCore
from .scope import Scope
from .variant import Change, variant


@dataclass(frozen=True)
class Bug:
    """One bug.

    Args:
        id: its number.
        title: what was wrong, in a few words.
        commit: what repaired it, or the title if the hash is not known for certain.
        fixed_in: the releases.
        clause: the id of the clause that it breaks.
        base: the implementation that is changed, or its name; it has not the bug, unless nothing
            is changed.
        changes: what makes it.
        of: whose source is changed; see :func:`.variant.variant`.
        note: what the variant leaves out.
    """

    id: str
    title: str
    commit: str
    fixed_in: str
    clause: str
    base: str | PythonCore
    changes: tuple[Change, ...]
    of: str = "core"
    note: str = ""

    def made_again(self) -> PythonCore:
        """The implementation that has it."""
        base = self.base if isinstance(self.base, str) else self.base.name
        return variant(self.base, *self.changes, name=f"{base} with {self.id}", of=self.of)


@dataclass(frozen=True)
class Catch:
    """What the exploration of a bug found."""

    bug: Bug
    finding: Finding
    """Of the clause that has to catch it."""
    others: tuple[str, ...]
    """The other clauses that are broken with it, and not without."""

    @property
    def caught(self) -> bool:
        """Whether the clause is broken."""
        return self.finding.verdict == "broken"


SCOPE = Scope(devices=2, incapable=1, domains=2, pasids=1, faults=1)
"""In which they are caught."""
CALLS = 4
"""How many calls are made at most: some of the bugs lead to ever new states."""
VTD = "vtd-repaired"
TEAR_DOWN = """        self.pasid_tear_down_entry(dev, pasid)
        self.forget(old, dev, pasid)
"""
MISSING = """            self.warn(f"{domain} has no record of PASID {pasid} of {dev}")
            return
        self.count(self.dev_pasids, (pasid, domain.name, dev.name), -1)
"""

BUGS: dict[str, Bug] = {
    bug.id: bug
    for bug in (
        Bug(
            "B1",
            "a failed attach was undone also where it had never been done",
            "b025dea63ced",
            "6.10, 6.8.12",
            "GSP-3",
            "merged",
            (("                if dev is failed:\n                    break\n", ""),),
        ),
        Bug(
            "B2",
            "PASIDs beyond a device's limit reached its driver",
            "c404f55c26fc",
            "6.9, 6.8.5",
            "ATT-5",
            "merged",
            (("each.max_pasids > 0 and pasid >= each.max_pasids", "False"),),
        ),
        Bug(
            "B3",
            "one device without PASIDs made every attach of its group fail",
            "b3f6fcd8404f",
            "6.15, 6.12.93",
            "ATT-5",
            "merged",
            (("each.max_pasids > 0 and pasid >= each.max_pasids", "pasid >= each.max_pasids"),),
        ),
        Bug(
            "B4",
            "the handle could be found before the drivers had agreed",
            "5e9f822c9c68",
            "6.15",
            "ATT-10",
            "merged",
            (
                ("insert(pasid, RESERVED)", "insert(pasid, entry)"),
                ("release(pasid)\n            raise\n", "erase(pasid)\n            raise\n"),
            ),
        ),
        Bug(
            "B5",
            "what nobody could have detached was attached",
            "fb3de9f9b085",
            "6.14",
            "ATT-2",
            "merged",
            (
                (
                    "if not domain.takes_pasids or not dev.driver.blocked_domain.takes_pasids:",
                    "if not domain.takes_pasids:",
                ),
            ),
        ),
        Bug(
            "B6",
            "static domains have no owner, and were refused",
            "6f7340120a0a",
            "6.16, 6.15.y",
            "ATT-15",
            "merged",
            (
                (
                    "if not belongs(domain, dev) or pasid == NO_PASID:",
                    "if domain.driver is not dev.driver or pasid == NO_PASID:",
                ),
            ),
        ),
        Bug(
            "B7",
            "a live entry was cleared as a whole",
            "75ed00055c05",
            "7.0, 6.12.75, 6.1.191",
            "VTD-4",
            VTD,
            (
                (
                    "        self.pasid_clear_present(dev, pasid, pte)\n",
                    (
                        '        self.observer.saw(("entry", dev.name, pasid, "torn"))\n'
                        "        self.pasid_clear_present(dev, pasid, pte)\n"
                    ),
                ),
            ),
            "driver",
        ),
        Bug(
            "B8",
            "a replace wrote over a live entry",
            "c3b1edea3791",
            "7.0, 6.19.4, 6.18.39",
            "VTD-4",
            "vtd-in-place",
            (),
            "driver",
            "the driver as it was before the fix",
        ),
        Bug(
            "B9",
            "after a reset the static blocked domain was taken for one of the driver's own",
            "a6dea58d8625",
            "7.1, 7.0.10, 6.18.33",
            "DRV-4",
            VTD,
            (
                (
                    (
                        '        if domain.type in ("identity", "blocked"):\n            return\n'
                        "        self.to_dmar"
                    ),
                    (
                        '        if domain.type == "identity":\n            return\n'
                        "        self.to_dmar"
                    ),
                ),
            ),
            "driver",
        ),
        Bug(
            "B10",
            "where the record was missing, tags and the domain's id were dropped all the same",
            "79ea2feb917b",
            "7.1, 7.0.10, 6.18.33",
            "VTD-13",
            VTD,
            (
                (
                    MISSING,
                    MISSING.replace("            return\n", "        else:\n    "),
                ),
            ),
            "driver",
        ),
        Bug(
            "B11",
            "where the record was missing, there was a WARN, and then it was used",
            "60f030f7418d",
            "6.14, 6.13.3, 6.12.57",
            "VTD-13",
            VTD,
            (
                (
                    MISSING,
                    MISSING.replace("return", 'raise AssertionError("a null pointer is followed")'),
                ),
            ),
            "driver",
        ),
        Bug(
            "B12",
            "a device left the fault queue before its entry was torn down",
            "f0b9d31c6edd",
            "6.17, 6.16.1",
            "VTD-3",
            VTD,
            (
                (
                    TEAR_DOWN,
                    (
                        "        self.iopf_for_domain_remove(old, dev)\n"
                        "        self.pasid_tear_down_entry(dev, pasid)\n"
                        "        self.domain_remove_dev_pasid(old, dev, pasid)\n"
                    ),
                ),
            ),
            "driver",
        ),
        Bug(
            "B13",
            "a detach after the mm had gone left the silent entry, and drained nothing",
            "iommu/vt-d: Draining PRQ in sva unbind path when FPD bit set",
            "6.14, 6.13.y, 6.12.92",
            "DRV-6",
            VTD,
            (("            if pte.fpd:", "            if False:"),),
            "driver",
        ),
        Bug(
            "B14",
            "an mm that went was waited for, under a spin lock",
            "iommu/vt-d: Avoid draining PRQ in sva mm release path",
            "6.13, 6.12.75",
            "VTD-7",
            VTD,
            (("        if not fault_ignore:\n", "        if True:\n"),),
            "driver",
        ),
        Bug(
            "B15",
            "page requests were not drained when a domain was removed",
            "c43e1ccdebf2",
            "6.13, 6.12.75",
            "VTD-6",
            VTD,
            (("        if not fault_ignore:\n", "        if False:\n"),),
            "driver",
            "the bug was in the path without a PASID, which is not modelled; here it is a PASID's",
        ),
        Bug(
            "B16",
            "devices that handle their faults themselves could not be attached to an mm",
            "39c20c4e83b9",
            "7.0",
            "VTD-16",
            VTD,
            (
                (
                    'return domain.type != "sva" or dev.name not in self.without_pri',
                    "return True",
                ),
            ),
            "driver",
        ),
        Bug(
            "B17",
            "such a device gave back a place in the fault queue that it had never had",
            "534b5f98ab73",
            "7.2, stable copies",
            "VTD-15",
            VTD,
            (
                (
                    "        if self.wants_iopf(old, dev):\n",
                    "        if old is not None and old.iopf_handler:\n",
                ),
            ),
            "driver",
        ),
        Bug(
            "B18",
            "ATS was off already when a device went, and its tags of the device's TLB stayed",
            "1f2557e08a61",
            "6.13, 6.12.6",
            "VTD-19",
            VTD,
            (
                (
                    "                self.forget(self.domains[name], dev, pasid)\n",
                    (
                        "                self.gone.add(dev.name)  # with its ATS\n"
                        "                self.forget(self.domains[name], dev, pasid)\n"
                    ),
                ),
                (
                    (
                        "        for name, type in tags(domain.name, domain.type):\n"
                        "            self.cache_tag(-1"
                    ),
                    (
                        "        for name, type in tags(domain.name, domain.type):\n"
                        '            if dev.name in self.gone and type.endswith("devtlb"):\n'
                        "                continue\n"
                        "            self.cache_tag(-1"
                    ),
                ),
            ),
            "driver",
            "the bug was in the path without a PASID, which is not modelled; here it is a PASID's",
        ),
        Bug(
            "B21",
            "the device's TLB was not flushed where the IOMMU is in caching mode",
            "iommu/vt-d: Unconditionally flush device TLB for pasid table updates",
            "6.12, 6.11.3, 6.10.y",
            "DRV-13",
            VTD,
            (
                (
                    (
                        '        self.observer.saw(("flush", dev.name, pasid))\n'
                        "        self.pasid_clear_entry(dev, pasid, fault_ignore)\n"
                    ),
                    "        self.pasid_clear_entry(dev, pasid, fault_ignore)\n",
                ),
            ),
            "driver",
            "one event stands for all flushes of a PASID here, so all of them are missing",
        ),
        Bug(
            "B22",
            "the end of one device's reset set the domains again on the whole group",
            "1615e8896a8f",
            "7.1, 7.0.10",
            "DRV-3",
            VTD,
            (
                (
                    "                return_dev_pasid(domain, group, dev, pasid)\n",
                    (
                        "                for each in group.devices:\n"
                        "                    return_dev_pasid(domain, group, each, pasid)\n"
                    ),
                ),
            ),
            "recovery",
        ),
        Bug(
            "B23",
            "a detach during a reset blocked the device that was blocked already",
            "fc3523b16d2b",
            "7.1, 7.0.10",
            "DET-4",
            "merged",
            (("        if not dev.blocked:\n", "        if True:\n"),),
        ),
    )
}
"""By number."""

UNMAP = "it is an unmap that goes wrong, which is no call here"
BEYOND: dict[str, str] = {
    "B19": f"{UNMAP}; the buffer for its flushes is not modelled",
    "B20": f"{UNMAP}; kinds of flushes are not told apart",
    "B28": "which PASID is an mm's is for the core and its callers; the drivers of 7.3 do not look",
    "B29": f"{UNMAP}: that a domain has tags or a record is looked at, not a count beside them",
    "B30": f"{UNMAP}; it has no page sizes here",
    "B31": "the capabilities of AMD's devices are not switched on here; they are there",
    "B33": "nothing is freed in Python; that no request of a handle is left is IFD-27, as in B32",
    "B37": "how a request that nobody takes is answered is not modelled, only that nobody is found",
    "B38": "the memory of page requests is not modelled, only whose they are",
    "B40": "the kernel's own page tables are not modelled, and no call is in the wrong",
    "B41": "an IOMMU that cannot walk the page tables of an mm is not modelled; VTD-17 is its like",
}
"""Those that cannot be expressed, and why."""


def catch(bug: Bug, scope: Scope | None = None, alone: bool = False) -> Catch:
    """Explore an implementation with a bug.

    Args:
        bug: which.
        scope: how large; ``SCOPE`` if None.
        alone: whether only the clause that has to catch it is judged.
    """
    scope = scope or SCOPE
    clauses = [CLAUSES[bug.clause]] if alone else list(CLAUSES.values())
    made = bug.made_again()
    for calls in range(1 if alone else CALLS, CALLS + 1):  # no further than it has to be
        seen = explore(made, scope, clauses, calls=calls)
        if seen.with_verdict("broken"):
            break
    return Catch(
        bug,
        seen.findings[bug.clause],
        tuple(id for id in seen.with_verdict("broken") if id != bug.clause),
    )


def catch_all(bugs: Iterable[Bug] = BUGS.values(), alone: bool = False) -> list[Catch]:
    """Explore each; in order."""
    return [catch(bug, alone=alone) for bug in bugs]
