# SPDX-License-Identifier: GPL-2.0-only
"""A core in which one rule is broken is flagged, by the clause that it breaks."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from reference_impl.contract import Scope, explore
from reference_impl.linux import ask
from reference_impl.linux.machine import Linux
from tests.linux.trees import changed_core, is_new, like, tree

SCOPE = Scope(devices=3, incapable=1, domains=2, pasids=1, faults=2)

ATTACH, REPLACE, DETACH = (f"iommu_{kind}_device_pasid" for kind in ("attach", "replace", "detach"))
SET, REMOVE, GET = (
    "__iommu_set_group_pasid",
    "__iommu_remove_group_pasid",
    "iommu_attach_handle_get",
)
STORE = r"xa_store\(&group->pasid_array,\s*pasid, entry, GFP_KERNEL\)"
FIRST = "list_first_entry(&group->devices, struct group_device, list)->dev"
WALK = r"for_each_group_device\(group, device\)(?=[^#]*goto)"
BACKWARDS = "list_for_each_entry_reverse(device, &group->devices, list)"
BLOCK, COMPATIBLE = "iommu_remove_dev_pasid", "domain_iommu_ops_compatible"
MAKE_ENTRY, DOMAIN_OF = "iommu_make_pasid_array_entry", "pasid_array_entry_to_domain"


class Mutant(NamedTuple):
    """One rule broken: where, what is put for what, and which clause says so."""

    rule: str
    function: str
    pattern: str
    put: str
    clause: str


MUTANTS = [
    # undo
    Mutant("a failed attach keeps its reservation", ATTACH, r"xa_release\(", "(void)(", "ATT-8"),
    Mutant("a probe keeps its reservation", REPLACE, r"xa_release\(", "(void)(", "INV-1"),
    Mutant("nothing is undone", SET, r"goto err_revert", "return ret", "GSP-5"),
    Mutant("also the one that failed", SET, r"device == last_gdev\)\s*break", "0)", "GSP-3"),
    Mutant("whoever cannot go back is left", SET, r"iommu_remove_dev_pasid\(", "(void)(", "GSP-6"),
    Mutant("nobody hears of it", SET, r"WARN_ON\(", "(", "GSP-6"),
    Mutant("a replace is undone by blocking", SET, r"!old \|\|", "1 ||", "GSP-5"),
    Mutant("the first device is not undone", SET, r"(device == last_gdev\)\s*break;)",
           r"\1 if (device->list.prev == &group->devices) continue;", "GSP-4"),
    # order
    Mutant("the entry is there before the drivers", ATTACH, r"XA_ZERO_ENTRY", "entry", "ATT-10"),
    Mutant("the entry goes early", DETACH, r"(__iommu_remove\w+\(.*\);)\s*(xa_\w+\(.*\);)",
           r"\2 \1", "DET-3"),
    Mutant("attach gives the mutex back early", ATTACH, r"(ret = __iommu_set_group)",
           r"mutex_unlock(&group->mutex); \1", "GSP-7"),
    Mutant("attach keeps the mutex", ATTACH, r"mutex_unlock\(&group->mutex\);", ";", "GSP-7"),
    Mutant("replace removes first", REPLACE, r"(ret = __iommu_set_group)",
           r"__iommu_remove_group_pasid(group, pasid, curr_domain); \1", "REP-14"),
    Mutant("replace erases first", REPLACE, r"(ret = __iommu_set_group)",
           r"xa_erase(&group->pasid_array, pasid); \1", "REP-12"),
    Mutant("the last device is asked first", SET, WALK,
           BACKWARDS, "GSP-1"),
    # check
    Mutant("no group is not looked for", ATTACH, r"!group\b", "0", "ATT-1"),
    Mutant("the wrong error", ATTACH, r"-ENODEV", "-EINVAL", "ATT-1"),
    Mutant("nobody may be able to block", ATTACH, r"!ops->blocked_domain->ops->set_dev_pasid", "0",
           "ATT-2"),
    Mutant("no domain may be able to block", ATTACH, r"\|\|\s*!ops->blocked_domain \|\|", "||",
           "ATT-2"),
    Mutant("an IOMMU is looked for first", ATTACH,
           r"(if \(!group\)\s*return -ENODEV;)\s*(ops = dev_iommu_ops\(dev\);)", r"\2 \1", "ATT-1"),
    Mutant("whose domain it is", ATTACH, r"!domain_iommu_ops_compatible\(.*?\)", "0", "ATT-3"),
    Mutant("PASID 0 is attached", ATTACH, r"pasid == IOMMU_NO_PASID", "0", "ATT-3"),
    Mutant("in recovery", ATTACH, r"group->recovery_cnt", "0", "ATT-4"),
    Mutant("one too many", ATTACH, r"pasid >=", "pasid >", "ATT-5"),
    Mutant("one too few", ATTACH, r"pasid >=", "pasid + 1 >=", "ATT-9"),
    Mutant("the incapable decide", ATTACH, r"device->dev->iommu->max_pasids > 0", "1", "ATT-5"),
    Mutant("the static domains", COMPATIBLE, r"domain == ops->identity_domain", "0", "ATT-15"),
    Mutant("replace in recovery", REPLACE, r"group->recovery_cnt", "0", "REP-4"),
    Mutant("no handle", REPLACE, r"!handle", "0", "REP-3"),
    Mutant("nothing is attached", REPLACE, r"!curr\b", "0", "REP-7"),
    Mutant("the handle is published", REPLACE, r"curr == entry", "0", "REP-8"),
    Mutant("the same domain", REPLACE, r"curr_domain != domain", "1", "REP-10"),
    Mutant("under reset", REMOVE, r"!device->blocked &&", "", "DET-4"),
    Mutant("the incapable too", REMOVE, r"device->dev->iommu->max_pasids > 0", "1", "DET-2"),
    Mutant("the type", GET, r"handle->domain->type != type", "0", "VIS-3"),
    Mutant("no handle found", GET, r"-ENOENT", "-EBUSY", "VIS-2"),
    # argument
    Mutant("an old domain for attach", ATTACH, r"pasid, NULL\)", "pasid, domain)", "ATT-8"),
    Mutant("no old domain for replace", REPLACE, r"pasid, curr_domain\)", "pasid, NULL)", "REP-11"),
    Mutant("the roles are not swapped", SET, r"pasid, domain\)\)\)", "pasid, old)))", "GSP-5"),
    Mutant("blocked without being told", BLOCK, r"pasid, domain\)", "pasid, NULL)", "DET-2"),
    Mutant("no device is blocked", BLOCK, r"\(blocked_domain,\s*dev,", "(blocked_domain, NULL,",
           "DET-2"),
    Mutant("the wrong device is blocked", REMOVE, r"iommu_remove_dev_pasid\(device->dev",
           f"iommu_remove_dev_pasid({FIRST}",
           "DET-2"),
    # entry
    Mutant("the handle is not written", MAKE_ENTRY, r"handle->domain = domain;", "", "ATT-6"),
    Mutant("the handle is not stored", MAKE_ENTRY, r"if \(handle\)", "if (0)", "ATT-9"),
    Mutant("the entry is not stored", ATTACH, STORE,
           "NULL", "ATT-9"),
    Mutant("the old entry stays", REPLACE, STORE,
           "NULL", "REP-12"),
    Mutant("the entry is not erased", DETACH, r"xa_erase\(", "(void)(", "DET-1"),
    Mutant("a domain is taken for a handle", DOMAIN_OF, r"== IOMMU_PASID_ARRAY_DOMAIN",
           "== IOMMU_PASID_ARRAY_HANDLE", "INV-9"),
    # no end
    Mutant("it does not return", SET, r"(\n\treturn 0;)", r"\n\twhile (old) ;\1", "INV-9"),
    Mutant("a look-up that waits", GET, r"(\tvoid \*entry;\n)", r"\1\tmutex_lock(&group->mutex);\n"
           r"\tmutex_unlock(&group->mutex);\n", "VIS-1"),
    Mutant("the array stays locked", GET, r"xa_unlock\(&group->pasid_array\);", "", "INV-9"),
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Linux]]:
    """Every mutant, compiled."""
    original = tree(is_new)
    home = tmp_path_factory.mktemp("mutants")

    def one(number: int) -> Linux:
        mutant = MUTANTS[number]
        text = changed_core(original, mutant.function, (mutant.pattern, mutant.put))
        return ask(like(original, home / str(number), drivers__iommu__iommu_dot_c=text))

    with ThreadPoolExecutor(2) as pool:
        return {m.rule: pool.submit(one, number) for number, m in enumerate(MUTANTS)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule.replace(" ", "-"))
def test_a_broken_rule_is_flagged(mutant: Mutant, built: dict[str, Future[Linux]]) -> None:
    seen = explore(built[mutant.rule].result(), SCOPE)
    broken = seen.with_verdict("broken")
    assert mutant.clause in broken, f"broken are {broken}"
    finding = seen.findings[mutant.clause]
    assert finding.steps, "the counterexample can be shown"
    assert finding.clause.predicate(finding.steps[-1]) == finding.reason


def test_the_tree_itself_is_not_flagged() -> None:
    seen = explore(ask(tree(is_new)), SCOPE)
    assert not seen.with_verdict("broken")
    assert not any(Path(item).is_absolute() for item in seen.findings)
