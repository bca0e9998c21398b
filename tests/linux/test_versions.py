# SPDX-License-Identifier: GPL-2.0-only
"""Other forms of the interface: found from what a tree declares."""

from __future__ import annotations

import re
from pathlib import Path

from reference_impl.contract import Scope, Session
from reference_impl.linux import ask, run
from reference_impl.linux.extract import CORE
from tests.linux.trees import is_new, is_old, like, tree

HEADER = "include/linux/iommu.h"
GET = "iommu_attach_handle_get"


def changed(text: str, *changes: tuple[str, str]) -> str:
    for pattern, put in changes:
        assert re.search(pattern, text), pattern
        text = re.sub(pattern, put, text)
    return text


def early(place: Path) -> Path:
    """A tree of the form of 6.2 to 6.9: no handles, and drivers that are told nothing."""
    original = tree(is_old)
    core = changed(
        (original / CORE).read_text(),
        (r"(iommu_attach_device_pasid\([^)]*pasid),\s*struct iommu_attach_handle \*handle", r"\1"),
        (r"if \(handle\)\s*handle->domain = domain;\s*(ret = xa_insert\(.*pasid), handle",
         r"\1, domain"),
        (r"pasid, NULL\)", "pasid)"),
        (r"remove_dev_pasid\(device->dev, pasid, domain\)", "remove_dev_pasid(device->dev, pasid)"),
        (rf"struct iommu_attach_handle \*\n{GET}\(struct iommu_group \*group",
         "struct iommu_domain *iommu_get_domain_for_dev_pasid(struct device *dev"),
        (r"struct iommu_attach_handle \*handle;(\s*xa_lock\(&)group",
         r"struct iommu_domain *handle;\1dev->iommu_group"),
        (r"(handle = xa_load\(&)group", r"\1dev->iommu_group"),
        (r"type && handle->domain->type", "type && handle->type"),
        (r"(EBUSY\);\s*xa_unlock\(&)group(?=->pasid_array\);\s*return handle;)",
         r"\1dev->iommu_group"),
    )  # fmt: skip
    header = changed(
        (original / HEADER).read_text(),
        (r"(\(\*set_dev_pasid\)\([^)]*pasid),[^)]*\)", r"\1)"),
        (r"(\(\*remove_dev_pasid\)\([^)]*pasid),[^)]*\)", r"\1)"),
    )
    makefile = (original / "Makefile").read_text().replace("PATCHLEVEL = 12", "PATCHLEVEL = 6")
    return like(
        original,
        place,
        Makefile=makefile,
        drivers__iommu__iommu_dot_c=core,
        include__linux__iommu_dot_h=header,
    )


def test_the_newest_form() -> None:
    linux = ask(tree(is_new))
    assert not linux.lacks
    assert "detach by the blocked domain" in linux.said


def test_the_form_of_6_12() -> None:
    linux = ask(tree(is_old))
    assert linux.lacks == {"replace", "recovery"}
    assert "remove_dev_pasid with the domain" in linux.said


def test_the_form_before_handles(tmp_path: Path) -> None:
    linux = ask(early(tmp_path / "tree"))
    assert linux.lacks == {"handles", "replace", "recovery"}
    assert linux.release[:2] == (6, 6)
    assert {"attach without a handle", "a look-up of domains"} < set(linux.said)
    assert {"set_dev_pasid without the old domain", "remove_dev_pasid without the domain"} < set(
        linux.said
    )
    step = Session(linux).attach("A", fail="d1")
    assert step.result == -5
    # the driver looks the old domain up, and finds the new one: MSG-2
    assert [(c.device, c.domain, c.old, c.reader) for c in step.calls] == [
        ("d0", "A", "A", "A"),
        ("d1", "A", "A", "A"),
        ("d0", "blocked", "A", "A"),
    ]
    seen = run.explored(linux, Scope(devices=2))
    assert seen.with_verdict("broken") == ["INV-9"]
    assert "INV-6" in run.would_be_broken(seen)
    assert seen.findings["VIS-2"].reason.endswith("has no handles")


def test_a_guard_is_a_lock(tmp_path: Path) -> None:
    """A later kernel may take the mutex in another way."""
    original = tree(is_new)
    text = (original / CORE).read_text()
    start = text.index("void iommu_detach_device_pasid(")
    function = text[start : text.index("\n}\n", start)]
    guarded = function.replace("mutex_lock(&group->mutex);", "guard(mutex)(&group->mutex);")
    guarded = guarded.replace("mutex_unlock(&group->mutex);", "")
    assert guarded.count("mutex") == 2
    place = like(
        original, tmp_path / "t", drivers__iommu__iommu_dot_c=text.replace(function, guarded)
    )
    found = run.compared("model", ask(place), Scope(devices=2, pasids=1, faults=1))
    assert found.different == 0
