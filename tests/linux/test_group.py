# SPDX-License-Identifier: GPL-2.0-only
"""Linux' other calls for a group: as the model has them, and flagged where a rule is broken."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from reference_impl.__main__ import cli
from reference_impl.contract import Scope, explore
from reference_impl.linux import ask, build, run
from reference_impl.linux.errors import NotThereError
from reference_impl.linux.machine import Linux
from tests.linux.trees import changed_core, is_new, is_old, like, tree

SMALL = Scope(devices=2, incapable=0, domains=1, pasids=1, faults=1)

SET, SET_ONE = "__iommu_group_set_domain_internal", "__iommu_device_set_domain"
ATTACH, REPLACE, DETACH = (f"iommu_{kind}_group_handle" for kind in ("attach", "replace", "detach"))
PREPARE, DONE = "pci_dev_reset_iommu_prepare", "pci_dev_reset_iommu_done"
TAKE, RELEASE = "__iommu_take_dma_ownership", "__iommu_release_dma_ownership"
USE, CLAIM = "iommu_device_use_default_domain", "iommu_device_claim_dma_owner"
PROBE, DEINIT, MAX = "__iommu_probe_device", "iommu_deinit_device", "dev_iommu_get_max_pasids"
LEAVE, FREE = "__iommu_group_remove_device", "__iommu_group_free_device"


class Mutant(NamedTuple):
    """One rule broken: where, what is put for what, and which clause says so."""

    rule: str
    function: str
    pattern: str
    put: str
    clause: str
    calls: int = 2
    """How many it takes to see it."""


MUTANTS = [
    Mutant("it is set in recovery", SET, r"group->recovery_cnt", "0", "RID-2"),
    Mutant("also under reset", SET, r"gdev->blocked", "0", "RID-1", 3),
    Mutant("nothing goes back", SET, r"goto err_revert", "return ret", "RID-5"),
    Mutant("firmware is not asked", SET_ONE, r"dev->iommu->require_direct", "0", "RID-4"),
    Mutant("the handle is not stored", REPLACE, r"IOMMU_NO_PASID, entry,",
           "IOMMU_NO_PASID, XA_ZERO_ENTRY,", "GRP-3"),
    Mutant("the handle stays", DETACH, r"xa_erase\(", "(void)(", "GRP-5"),
    Mutant("with a PASID it goes on", PREPARE, r"iommu_remove_dev_pasid\(", "(void)(", "RST-7"),
    Mutant("it never recovers", DONE, r"group->recovery_cnt--", "(void)0", "RST-8"),
    Mutant("who has a PASID attached does not count", TAKE, r"!xa_empty\(&group->pasid_array\)",
           "0", "OWN-3"),
    Mutant("it stays blocked", RELEASE, r"__iommu_group_set_domain_nofail\(.*\);", "", "OWN-4"),
    Mutant("the kernel uses what is owned", USE, r"-EBUSY", "0", "OWN-1"),
    Mutant("a limit of one is none", "iommu_attach_device_pasid", r"max_pasids > 0",
           "max_pasids > 1", "ATT-5"),
    Mutant("who came late is not asked", "__iommu_remove_group_pasid", r"max_pasids > 0",
           "max_pasids > 1", "PRB-2", 3),
    Mutant("who joins has nothing", PROBE, r"if \(group->domain\)", "if (0)", "PRB-1"),
    Mutant("who joins gets what is attached", PROBE, r"(if \(group->domain\))",
           r"__iommu_set_group_pasid(group->domain, group, 9, NULL); \1", "PRB-1"),
    Mutant("who leaves is not parked", DEINIT, r"!dev->iommu->attach_deferred", "0", "PRB-3"),
    Mutant("who leaves is still there", LEAVE, r"list_del\(&device->list\);", "", "PRB-3"),
    Mutant("firmware is forgotten", DEINIT, r"dev->iommu->require_direct", "0", "PRB-1"),
    Mutant("nobody sees the last one go", FREE, r"group->domain != group->default_domain", "0",
           "PRB-4"),
    Mutant("nobody joins in recovery", PROBE, r"if \(group->domain\)",
           "if (group->recovery_cnt) { ret = -EBUSY; goto err_remove_gdev; } if (group->domain)",
           "PRB-5"),
    Mutant("whoever says nothing has some", MAX, r"max_pasids = 0", "max_pasids = 1", "CAP-1"),
    Mutant("no limit of the IOMMU's", MAX, r"dev->iommu->iommu_dev->max_pasids", "~0u", "CAP-3"),
]  # fmt: skip


def test_the_model_makes_the_same_steps() -> None:
    linux = ask(tree(is_new), driver="group")
    found = run.compared("model-group", linux, SMALL)
    assert found.different == 0, found
    assert found.steps > 5000


def test_every_clause_on_the_group_holds() -> None:
    seen = run.explored(ask(tree(is_new), driver="group"), SMALL)
    assert not seen.with_verdict("broken")
    held = seen.with_verdict("held")
    numbers = (("RID", 7), ("GRP", 6), ("OWN", 5), ("RST", 9), ("PRB", 5), ("CAP", 3))
    for family, number in numbers:
        assert len([id for id in held if id.startswith(family)]) >= number, held


def test_an_old_tree_says_what_it_lacks() -> None:
    with pytest.raises(NotThereError, match="has no pci_dev_reset_iommu_prepare"):
        ask(tree(is_old), driver="group")
    done = CliRunner().invoke(cli, ["check", str(tree(is_old)), *SMALL_OPTIONS])
    said = " ".join(done.stdout.split())
    assert "Left out are the group's other calls: " in said
    assert "no calls for the whole group" in said


SMALL_OPTIONS = [f"--{k}={v}" for k, v in SMALL.to_json().items()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Linux]]:
    """Every mutant, compiled."""
    original = tree(is_new)
    home = tmp_path_factory.mktemp("mutants")

    def one(number: int) -> Linux:
        mutant = MUTANTS[number]
        text = changed_core(original, mutant.function, (mutant.pattern, mutant.put))
        here = like(original, home / str(number), drivers__iommu__iommu_dot_c=text)
        return ask(here, driver="group")

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(build, "FLAGS", ("-O0", *(f for f in build.FLAGS if f not in ("-O1", "-g"))))
        made = {m.rule: pool.submit(one, number) for number, m in enumerate(MUTANTS)}
        for each in made.values():
            each.exception()  # it is there, and was compiled in this way
    return made


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule.replace(" ", "-"))
def test_a_broken_rule_is_flagged(mutant: Mutant, built: dict[str, Future[Linux]]) -> None:
    seen = explore(built[mutant.rule].result(), SMALL, calls=mutant.calls)
    broken = seen.with_verdict("broken")
    assert mutant.clause in broken, f"broken are {broken}"
    finding = seen.findings[mutant.clause]
    assert finding.steps, "the counterexample can be shown"
    assert finding.clause.predicate(finding.steps[-1]) == finding.reason
