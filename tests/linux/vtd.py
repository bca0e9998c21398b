# SPDX-License-Identifier: GPL-2.0-only
"""VT-d of the newest tree, as it is and with words of its functions changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from reference_impl.linux import ask
from reference_impl.linux.machine import Linux
from tests.linux.trees import changed, is_new, like, tree

FOLDER = "drivers/iommu/intel/"
Change = tuple[str, str, str, str]
"""A file of the driver, a function of it, a pattern that it has once, and what to put there."""

TAKE, GIVE, AGAIN = (
    r"iopf_for_domain_replace\(domain, old, dev\)",
    r"(\n\tdomain_remove_dev_pasid\(old, dev, pasid\);)",
    r"iopf_for_domain_replace\(old, domain, dev\)",
)
SETS = (
    ("iommu.c", "intel_iommu_set_dev_pasid"),
    ("nested.c", "intel_nested_set_dev_pasid"),
    ("svm.c", "intel_svm_set_dev_pasid"),
    ("iommu.c", "identity_domain_set_dev_pasid"),
)
REPAIR: tuple[Change, ...] = (
    # a mm that goes leaves an entry that is silent, and says that requests have to be drained
    ("pasid.c", "intel_pasid_clear_entry", r" && pasid_pte_is_present\(pe\)", ""),
    # what a user asks for is looked at before anything is touched
    ("nested.c", "intel_nested_set_dev_pasid", r"(\tdev_pasid = domain_add)",
     r"\tif (dmar_domain->s1_cfg.addr_width != ADDR_WIDTH_4LEVEL)\n\t\treturn -EINVAL;\n\1"),
    # the old domain's page requests are heard until its entry is gone
    *((*each, TAKE, "iopf_for_domain_set(domain, dev)") for each in SETS),
    *((*each, AGAIN, "iopf_for_domain_remove(domain, dev)") for each in SETS),
    *((*each, GIVE, r"\n\tiopf_for_domain_remove(old, dev);\1") for each in SETS),
)  # fmt: skip
"""What the clauses find, repaired in the smallest way: ours, it is in no kernel."""


@cache
def newest() -> Linux:
    """The newest tree's core and VT-d."""
    return ask(tree(is_new), driver="vtd")


def with_changes(place: Path, *changes: Change, sanitize: bool = False) -> Linux:
    """The newest tree's core and VT-d, changed.

    Args:
        place: an empty directory.
        changes: what to change.
        sanitize: whether sanitizers watch.
    """
    original, texts = tree(is_new), dict[str, str]()
    for file, function, pattern, put in changes:
        text = texts.get(file) or (original / FOLDER / file).read_text(encoding="utf-8")
        texts[file] = changed(text, function, (pattern, put))
    names = {file: (FOLDER + file).replace("/", "__").replace(".", "_dot_") for file in texts}
    here = like(original, place, **{names[file]: text for file, text in texts.items()})
    return ask(here, sanitize, "vtd")
