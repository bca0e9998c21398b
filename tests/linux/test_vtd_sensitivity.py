# SPDX-License-Identifier: GPL-2.0-only
"""A VT-d driver in which one rule is broken is flagged, by the clause that it breaks.

What 7.3.4 breaks itself is repaired first, so that each mutant is the only one to be flagged.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import pytest

from reference_impl.contract import CLAUSES, Scope, explore
from reference_impl.linux import build
from reference_impl.linux.machine import Linux
from tests.linux.vtd import REPAIR, with_changes

SCOPE = Scope(devices=1, incapable=0, domains=3, pasids=1, faults=0)
WITH_FAULT = replace(SCOPE, faults=1)
CONCERNED = [each for each in CLAUSES.values() if each.family in ("INV", "DRV", "VTD")]

ADD, REMOVE, SET = "domain_add_dev_pasid", "domain_remove_dev_pasid", "intel_iommu_set_dev_pasid"
BLOCK, TEAR_DOWN = "blocking_domain_set_dev_pasid", "intel_pasid_tear_down_entry"
NESTED, SVM = "intel_nested_set_dev_pasid", "intel_svm_set_dev_pasid"
ENABLE, DISABLE = "intel_iommu_enable_iopf", "intel_iommu_disable_iopf"
ATTACH, DETACH = "domain_attach_iommu", "domain_detach_iommu"
UNTAGGED = r"cache_tag_unassign_domain\(dmar_domain, dev, pasid\);"
TORN_DOWN = r"(intel_pasid_tear_down_entry\(.*\);)"
NOT_HEARD = r"(iopf_for_domain_remove\(old, dev\);)"
FORGOTTEN = r"(domain_remove_dev_pasid\(old, dev, pasid\);)"
FIRST, NEST = "pasid_pte_config_first_level", "pasid_pte_config_nested"
FLUSH_CACHE = r"pasid_cache_invalidation_with_pasid\(.*\);"
FLUSH_DEVICE = r"devtlb_invalidation_with_pasid\(.*\);"
CLEAR = r"intel_pasid_clear_entry\(.*\);"


class Mutant(NamedTuple):
    """One rule broken: where, what is put for what, and which clause says so."""

    rule: str
    file: str
    function: str
    pattern: str
    put: str
    clause: str
    calls: int = 2
    """How many calls it takes to see it."""


MUTANTS = [
    # records, tags and ids
    Mutant("no record", "iommu.c", ADD, r"list_add\(", "(void)(", "VTD-1"),
    Mutant("no tags", "iommu.c", ADD, r"cache_tag_assign_domain\(.*\)", "0", "VTD-2"),
    Mutant("no id", "iommu.c", ADD, r"domain_attach_iommu\(.*\)", "0", "INV-9"),
    Mutant("an id is kept", "iommu.c", REMOVE, r"domain_detach_iommu\(.*\);", ";", "VTD-9"),
    Mutant("an id is kept on error", "iommu.c", ADD, r"domain_detach_iommu\(.*\);", ";", "VTD-9"),
    Mutant("tags are kept", "iommu.c", REMOVE, UNTAGGED, "", "VTD-10"),
    Mutant("a missing record does harm", "iommu.c", REMOVE,
           r"(WARN_ON_ONCE\(!dev_pasid\)\))\s*return;", r"\1 {}", "VTD-13"),
    Mutant("the old record is kept", "iommu.c", SET, FORGOTTEN, "", "VTD-8"),
    Mutant("the new record is kept on error", "iommu.c", SET,
           r"domain_remove_dev_pasid\(domain, dev, pasid\);", "", "VTD-8"),
    Mutant("identity has a record", "iommu.c", REMOVE,
           r"domain->type == IOMMU_DOMAIN_IDENTITY", "0", "INV-9"),
    Mutant("blocked has a record", "iommu.c", REMOVE,
           r"domain->type == IOMMU_DOMAIN_BLOCKED", "0", "INV-9"),
    Mutant("an id is taken twice", "iommu.c", ATTACH, r"info->refcnt\s*= 1", "info->refcnt = 2",
           "VTD-9"),
    Mutant("no tag with the parent", "cache.c", "cache_tag_assign_domain",
           r"__cache_tag_assign_parent_domain\(.*\)", "0", "VTD-2"),
    Mutant("tags are kept on error", "cache.c", "__cache_tag_assign_domain",
           r"cache_tag_unassign\(.*\);", ";", "VTD-10"),
    Mutant("the tag of another id", "cache.c", "cache_tag_unassign_domain",
           r"(u16 did = [^;]*);", r"\1 + 1;", "VTD-10"),
    # checks
    Mutant("a crashed kernel's context", "iommu.c", SET, r"context_copied\([^)]*\)", "0", "VTD-14"),
    # page requests
    Mutant("nobody takes them", "nested.c", NESTED, r"iopf_for_domain_set\(domain, dev\)", "0",
           "VTD-11"),
    Mutant("they are heard on error", "nested.c", NESTED,
           r"iopf_for_domain_remove\(domain, dev\);", "", "VTD-11"),
    Mutant("they are not counted", "iommu.c", ENABLE, r"info->iopf_refcount\+\+;", "", "VTD-11"),
    Mutant("they are heard for ever", "iommu.c", BLOCK, NOT_HEARD, "", "VTD-11"),
    Mutant("they are not heard to the end", "iommu.c", BLOCK, rf"{TORN_DOWN}\s*{NOT_HEARD}",
           r"\2 \1", "VTD-3"),
    Mutant("who cannot ask", "iommu.c", ENABLE, r"!info->pri_enabled", "0", "VTD-16"),
    Mutant("they are not drained", "pasid.c", TEAR_DOWN, r"if \(!fault_ignore\)", "if (0)",
           "VTD-6"),
    Mutant("drained under a lock", "pasid.c", TEAR_DOWN, r"if \(!fault_ignore\)", "if (1)",
           "VTD-7"),
    Mutant("the software queue is left", "prq.c", "intel_iommu_drain_pasid_prq",
           r"iopf_queue_flush_dev\(dev\);", "", "VTD-6"),
    Mutant("nobody waits", "prq.c", "intel_iommu_drain_pasid_prq",
           r"wait_for_completion\(&iommu->prq_complete\);\s*goto prq_retry;", "break;", "VTD-6"),
    Mutant("a mm that went is not drained", "pasid.c", TEAR_DOWN,
           r"!pasid_pte_is_fault_disabled\(pte\)", "1", "VTD-6", 3),
    # the entry
    Mutant("it is left", "iommu.c", BLOCK, TORN_DOWN, "", "DRV-6"),
    Mutant("its record goes first", "iommu.c", BLOCK, rf"{TORN_DOWN}([^}}]*?){FORGOTTEN}",
           r"\3 \1 \2", "VTD-1"),
    Mutant("all of it at once", "pasid.c", TEAR_DOWN, r"pasid_clear_present\(pte\)",
           "pasid_clear_entry(pte)", "VTD-4"),
    Mutant("it is cleared first", "pasid.c", TEAR_DOWN, rf"({FLUSH_CACHE})([^@]*?)({CLEAR})",
           r"\3 \1 \2", "VTD-5"),
    Mutant("the PASID cache stays", "pasid.c", TEAR_DOWN, FLUSH_CACHE, "", "VTD-5"),
    Mutant("the device TLB stays", "pasid.c", TEAR_DOWN, FLUSH_DEVICE, "", "VTD-5"),
    Mutant("the wrong IOTLB", "pasid.c", TEAR_DOWN, r"pgtt == PASID_ENTRY_PGTT_FL_ONLY", "0",
           "VTD-5"),
    Mutant("the flush of another PASID", "pasid.c", "pasid_cache_invalidation_with_pasid",
           r"QI_PC_PASID\(pasid\)", "QI_PC_PASID(pasid + 1)", "VTD-5"),
    Mutant("present comes first", "pasid.c", FIRST, r"(\tpasid_set_flptr)",
           r"\tpasid_set_present(pte);\n\1", "VTD-4"),
    Mutant("present without a barrier", "pasid.h", "pasid_set_present", r"dma_wmb\(\);", "",
           "VTD-4"),
    Mutant("the pointer is not set", "pasid.c", FIRST, r"pasid_set_flptr\(.*\);", "", "DRV-1"),
    Mutant("the id is not set", "pasid.c", NEST, r"pasid_set_domain_id\(.*\);", "", "DRV-1"),
    Mutant("the type is another", "pasid.c", NEST, r"PASID_ENTRY_PGTT_NESTED",
           "PASID_ENTRY_PGTT_FL_ONLY", "DRV-1"),
    Mutant("what is there is left", "iommu.c", "__domain_setup_first_level", r"if \(old\)",
           "if (0)", "DRV-1"),
    Mutant("a mm is not silenced", "svm.c", "intel_mm_release", r"pasid, true\)", "pasid, false)",
           "VTD-7"),
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Linux]]]:
    """The repaired driver and every mutant of it, compiled: quickly, as each runs but once."""
    home = tmp_path_factory.mktemp("mutants")

    def one(number: int) -> Linux:
        mutant = MUTANTS[number] if number >= 0 else None
        change = [mutant[1:5]] if mutant else []
        return with_changes(home / str(number), *REPAIR, *change)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(build, "FLAGS", ("-O0", *(f for f in build.FLAGS if f not in ("-O1", "-g"))))
        made = {m.rule: pool.submit(one, number) for number, m in enumerate(MUTANTS)}
        yield made | {"": pool.submit(one, -1)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule.replace(" ", "-"))
def test_a_broken_rule_is_flagged(mutant: Mutant, built: dict[str, Future[Linux]]) -> None:
    scope = WITH_FAULT if mutant.rule.endswith("on error") else SCOPE
    found = explore(built[mutant.rule].result(), scope, CONCERNED, calls=mutant.calls)
    broken = found.with_verdict("broken")
    assert mutant.clause in broken, f"broken are {broken}"
    finding = found.findings[mutant.clause]
    assert finding.steps, "the counterexample can be shown"


def test_repaired_nothing_is_flagged(built: dict[str, Future[Linux]]) -> None:
    found = explore(built[""].result(), WITH_FAULT, calls=3)
    assert not found.with_verdict("broken")
    idle = [id for id, each in found.findings.items() if each.promised and not each.held]
    # there is one IOMMU only, and every domain fits it
    assert [id for id in idle if id.startswith("VTD")] == ["VTD-17"]
