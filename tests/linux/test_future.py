# SPDX-License-Identifier: GPL-2.0-only
"""What a later kernel may write in another way and mean the same: no difference is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_impl.contract import Scope
from reference_impl.linux import LinuxError, ask, run
from reference_impl.linux.extract import CORE
from tests.linux.trees import is_new, like, tree

SMALL = Scope(devices=2, incapable=0, domains=2, pasids=1, faults=1)
SET, REMOVE, DETACH = (
    "__iommu_set_group_pasid",
    "__iommu_remove_group_pasid",
    "iommu_detach_device_pasid",
)
NO_GROUP = r"\tif \(!group\)\n\t\treturn -ENODEV;\n"
INSERT = r"ret = xa_insert\(&group->pasid_array, pasid, XA_ZERO_ENTRY, GFP_KERNEL\);"

COMPARED = """{
\tvoid *was = xa_cmpxchg(&group->pasid_array, pasid, NULL, XA_ZERO_ENTRY, GFP_KERNEL);

\tret = xa_is_err(was) ? xa_err(was) : was ? -EBUSY : 0;
\t}"""

OUTSIDE = [
    (SET, "iommu_group_set_all"),
    (r"static (int iommu_group_set_all)", r"__must_hold(&group->mutex)\nVISIBLE_IF_KUNIT \1"),
    (rf"static void ({REMOVE}\([^)]*\))", r"static void __must_hold(&group->mutex) \1"),
    (r"for_each_group_device\b", "iommu_group_for_each_gdev"),
    (r"EXPORT_SYMBOL_GPL\((iommu_attach_device_pasid)\);", r'EXPORT_SYMBOL_FOR(\1, "iommufd");'),
    (r"struct iommu_group \{", r"struct iommu_group {\n\tint spare __guarded_by(&mutex);"),
]
"""How functions are called, where they are seen, and what is told of locks."""
INSIDE = [
    (NO_GROUP, r'\tif (unlikely(!group))\n\t\treturn dev_err_probe(dev, -ENODEV, "none {\\n");\n'),
    (r"WARN_ON\(1\)", r'dev_WARN_ONCE(dev, 1, "reused\\n")'),
    (r"WARN_ON\(", "WARN_ON_ONCE("),
    (rf"(void {DETACH}.*?\t)mutex_lock(\(&group->mutex\));(.*?)\tmutex_unlock\(.*?\);\n",
     r"\1scoped_guard(mutex, &group->mutex) {\3\t}\n"),
    (r"(\tret = __iommu_set_group_pasid\()", r"\ttrace_iommu_set_pasid(dev, pasid);\n\1"),
    (INSERT, COMPARED),
    (r"\bxa_store\(&group->pasid_array", "xa_store_irq(&group->pasid_array"),
    (r"\bif \(group->recovery_cnt\)", "if (READ_ONCE(group->recovery_cnt))"),
    (r"\tint ret;\n", '\t/* a; "b" { */ int   ret; // c }\n\tauto none = 0;\n\n\t(void)none;\n'),
]  # fmt: skip
"""How locks are taken, the array is written, and a WARN is said."""


def rewritten(place: Path, changes: list[tuple[str, str]]) -> Path:
    """A tree in which the core's text is changed, each time wherever it can be."""
    original = tree(is_new)
    text = (original / CORE).read_text()
    for pattern, put in changes:
        text, number = re.subn(pattern, put, text, flags=re.DOTALL)
        assert number, pattern
    return like(original, place, drivers__iommu__iommu_dot_c=text)


@pytest.mark.parametrize("changes", [OUTSIDE, INSIDE], ids=["outside", "inside"])
def test_another_way_to_say_the_same(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    linux = ask(rewritten(tmp_path / "t", changes))
    found = run.compared("model", linux, SMALL)
    assert found.different == 0, found
    assert not run.explored(linux, SMALL).with_verdict("broken")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([(r"\bpasid_array\b", "pasids")], "struct iommu_group has no pasid_array"),
        ([(r"->max_pasids > 0", "->max_pasids > few()")], r"call few\(\), which none of the files"),
    ],
)
def test_another_thing_is_named(tmp_path: Path, changes: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(LinuxError, match=said):
        ask(rewritten(tmp_path / "t", changes))
