# SPDX-License-Identifier: GPL-2.0-only
"""IFD: with which errno user space is refused."""

from __future__ import annotations

from ..clause import Verdict, clause
from ..step import Step
from .books import (
    after,
    before,
    refusal,
    refused_here,
    refused_with,
    same,
    spec,
    unchanged,
)
from .checks import outcome

SERIES = "commit c0e301b2978d"
ATTACH = "iommufd_hw_pagetable_attach()"
REPLACE = "iommufd_device_do_replace()"
DETACH = "iommufd_hw_pagetable_detach()"
CHANGE = "iommufd_device_change_pt()"
COMPAT = "iommufd_hwpt_pasid_compat()"
CALLS = "iommufd_attach iommufd_replace"


@clause(
    "IFD-1",
    "An id that nobody has",
    since="6.15",
    sources=[SERIES, CHANGE, "iommufd_get_object()"],
    on=f"{CALLS} iommufd_destroy",
    refuses="ENOENT",
    needs="iommufd",
)
def unknown_id(step: Step) -> Verdict:
    """An id that stands for nothing is refused with `-ENOENT` before anything else is looked at."""
    if spec(step.setting, before(step), step.operation.domain):
        return None
    return refused_with(step, "ENOENT")


@clause(
    "IFD-2",
    "Something that cannot be attached",
    since="6.15",
    sources=[SERIES, CHANGE],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def wrong_object(step: Step) -> Verdict:
    """An id of anything but a page table or an address space is refused with `-EINVAL`, whatever is
    attached."""
    return refused_here(step, "IFD-2")


@clause(
    "IFD-3",
    "Attached already",
    since="6.15",
    sources=[SERIES, ATTACH],
    on="iommufd_attach",
    refuses="EBUSY",
    needs="iommufd",
)
def attached_already(step: Step) -> Verdict:
    """A device that has the PASID attached is refused with `-EBUSY`, whatever it asks for: the same
    table, another one, or an address space. Whether that would fit is not looked at."""
    return refused_here(step, "IFD-3")


@clause(
    "IFD-4",
    "One table for a PASID of a group",
    since="6.15",
    sources=["commit 831b40f8416c", ATTACH],
    on="iommufd_attach",
    refuses="EINVAL",
    needs="iommufd",
)
def one_table(step: Step) -> Verdict:
    """A device whose group has another table for the PASID, attached by another of its devices, is
    refused with `-EINVAL`."""
    return refused_here(step, "IFD-4")


@clause(
    "IFD-5",
    "Replace does not attach",
    since="6.15",
    sources=["commit 2fb69c602d57", REPLACE],
    on="iommufd_replace",
    refuses="EINVAL",
    needs="iommufd",
)
def nothing_to_replace(step: Step) -> Verdict:
    """Replace is refused with `-EINVAL` where nothing is attached."""
    return refused_here(step, "IFD-5")


@clause(
    "IFD-6",
    "Only an attached device replaces",
    since="6.15",
    sources=["commit 2fb69c602d57", REPLACE, "iommufd_device_is_attached()"],
    on="iommufd_replace",
    refuses="EINVAL",
    needs="iommufd",
)
def not_by_this_device(step: Step) -> Verdict:
    """A device that has not attached the PASID itself is refused with `-EINVAL`, although its group
    has something there."""
    return refused_here(step, "IFD-6")


@clause(
    "IFD-7",
    "The same table again is nothing",
    since="6.15",
    sources=[SERIES, REPLACE],
    on="iommufd_replace",
    needs="iommufd",
)
def same_table(step: Step) -> Verdict:
    """Replacing a table by itself, or by the address space that it was made for by iommufd,
    succeeds and does nothing: no driver is asked, and the handle stays."""
    op, books = step.operation, before(step)
    record, pt = books.records.get(op.pasid), spec(step.setting, books, op.domain)
    if refusal(step) or not record or not pt or not same(books, record, pt):
        return None
    if step.result != 0 or step.events:
        return f"nothing is to be done, but {outcome(step)} after {len(step.events)} events"
    return unchanged(step)


@clause(
    "IFD-8",
    "No page requests for a function that shares them",
    since="6.15",
    sources=["iommufd_hwpt_compatible_device()"],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def shares_page_requests(step: Step) -> Verdict:
    """A table with a fault queue is refused with `-EINVAL` for a PCI virtual function with page
    requests, which it shares with the physical one. This is asked before `IFD-9` and `IFD-10`."""
    return refused_here(step, "IFD-8")


@clause(
    "IFD-9",
    "With a PASID, everything is made for PASIDs",
    since="6.15",
    sources=["commit dbc5f37b4f8a", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def pasid_compat(step: Step) -> Verdict:
    """With a PASID, a table that was not made for PASIDs is refused with `-EINVAL`; and so is any
    table while such a one serves the group's DMA without a PASID. Having nothing attached without a
    PASID is no obstacle. Where `IFD-3` to `IFD-8` answer, this is not asked."""
    return refused_here(step, "IFD-9")


@clause(
    "IFD-10",
    "Beside PASIDs, only what is made for them",
    since="6.15",
    sources=["commit dbc5f37b4f8a", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def rid_compat(step: Step) -> Verdict:
    """Without a PASID, a table that was not made for PASIDs, or an address space for which iommufd
    would take such a one, is refused with `-EINVAL` while the group has any PASID attached, unless
    `IFD-3` to `IFD-8` have answered before."""
    return refused_here(step, "IFD-10")


@clause(
    "IFD-11",
    "An address space is never attached with a PASID",
    since="6.15",
    sources=["commit dbc5f37b4f8a", "iommufd_device_auto_get_domain()", COMPAT],
    on=CALLS,
    refuses="EINVAL",
    needs="iommufd",
)
def never_automatic(step: Step) -> Verdict:
    """With a PASID, an address space is refused with `-EINVAL`, unless `IFD-3` to `IFD-6` have
    refused before: the tables that iommufd makes itself are not made for PASIDs (`IFD-9`), and the
    one that it has made to try is gone again."""
    return refused_here(step, "IFD-11")


@clause(
    "IFD-12",
    "For an address space, the table that is there, or a new one",
    since="6.15",
    sources=[SERIES, "iommufd_device_auto_get_domain()", "iommufd_hw_pagetable_put()"],
    on=f"{CALLS} iommufd_detach",
    needs="iommufd",
)
def automatic(step: Step) -> Verdict:
    """For an address space iommufd takes a table that it has made for it, or makes one, and tells
    its id; it never takes one that user space made. Such a table is gone with its last user."""
    books = after(step)
    if idle := [id for id in books.autos if not books.users[id]]:
        return f"nobody uses {idle[0]} any more, but it is still there"
    pt = spec(step.setting, before(step), step.operation.domain)
    if step.result != 0 or not pt or pt.kind != "ioas":
        return True if set(before(step).autos) - set(books.autos) else None
    if books.autos.get(str(step.found)) != pt.id:
        return f"{step.found} is no table that iommufd made for {pt.id}"
    had = [id for id, of in before(step).autos.items() if of == pt.id]
    if had and step.found not in had:
        return f"{step.found} was made although {had[0]} was there"
    return True
