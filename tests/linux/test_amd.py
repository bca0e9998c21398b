# SPDX-License-Identifier: GPL-2.0-only
"""AMD's driver in C: as its model has it, with its faults; and flagged where a rule is broken."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from reference_impl.contract import CLAUSES, Scope, Step, explore
from reference_impl.contract.walk import Walk
from reference_impl.linux import DRIVERS, ask, build, run
from reference_impl.linux.errors import NotThereError
from reference_impl.linux.machine import Linux
from tests.linux.trees import changed, is_new, is_old, like, tree

FOLDER = "drivers/iommu/amd/"
SMALL = Scope(devices=1, incapable=0, domains=2, pasids=1, faults=1)
SET, REMOVE, FORGET = "iommu_sva_set_dev_pasid", "amd_iommu_remove_dev_pasid", "remove_dev_pasid"
OF_RECORD, UPDATE, TABLE = "remove_pdom_dev_pasid", "update_gcr3", "destroy_gcr3_table"


@pytest.fixture(scope="module")
def amd() -> Linux:
    """The newest tree's core and AMD's driver."""
    return ask(tree(is_new), driver="amd")


def test_the_model_makes_the_same_steps(amd: Linux) -> None:
    found = run.compared("amd", amd, DRIVERS["amd"])
    assert found.different == 0, found
    assert found.steps > 900


def test_what_was_suspected_by_reading_happens(amd: Linux) -> None:
    seen = run.explored(amd)
    reasons = {id: seen.findings[id].reason for id in seen.with_verdict("broken")}
    assert "SIGSEGV" in reasons["ATT-9"]  # the blocked domain, where nothing was attached
    assert reasons["DRV-4"].endswith(
        "set A (old: blocked), answered -EOPNOTSUPP"
    )  # a reset is over
    assert "-EINVAL, and what it lacked was a record" in reasons["DRV-9"]
    assert "larger structure" in reasons["INV-9"]


def steps(linux: Linux, kind: str) -> Iterator[Step]:
    """Every step of one kind, in a small scope."""
    for setting, starts in SMALL.starts(linux.lacks, linux.habitat):
        for step, _ in Walk(linux, setting, starts, faults=0):
            if step.operation.kind == kind:
                yield step


def test_a_reset_writes_where_there_is_no_table(amd: Linux) -> None:
    attached = [step for step in steps(amd, "reset_prepare") if step.before.hardware != (None,)]
    assert attached
    assert {str(step.result) for step in attached} == {"crashed: a wild or null pointer (SIGSEGV)"}
    assert all(("table", "-", "d0") in step.events for step in attached)


def test_a_process_that_ends_is_not_under_the_mutex(amd: Linux) -> None:
    warned = [step for step in steps(amd, "mm_release") if step.before.hardware != (None,)]
    assert warned
    assert all(step.events[0] == ("driver warn", "amd_iommu_clear_gcr3()") for step in warned)


def test_an_old_tree_has_another_form() -> None:
    with pytest.raises(NotThereError, match="has no pci_dev_reset_iommu_prepare"):
        ask(tree(is_old), driver="amd")


Change = tuple[str, str, str, str]
"""A file of the driver, a function of it, a pattern that it has once, and what to put there."""
REPAIR: tuple[Change, ...] = (
    ("pasid.c", REMOVE, r"(\tsva_pdom = to)",
     r"\tif (!domain || domain->type == IOMMU_DOMAIN_BLOCKED)\n\t\treturn;\n\1"),
    ("pasid.c", SET, r"if \(old\)", "if (old && old->type != IOMMU_DOMAIN_BLOCKED)"),
    ("pasid.c", SET, r"(pdom_dev_data == NULL\)\s*return )ret", r"\1-ENOMEM"),
    ("iommu.c", "__get_gcr3_pte", r"(\twhile \(true\))", r"\tif (!root)\n\t\treturn NULL;\n\1"),
    ("iommu.c", "amd_iommu_clear_gcr3", r"iommu_group_mutex_assert\(.*\);", ""),
)  # fmt: skip
"""What was found, repaired in the smallest way: ours, it is in no kernel."""


def with_changes(place: Path, *changes: Change) -> Linux:
    """The newest tree's core and AMD's driver, changed."""
    original, texts = tree(is_new), dict[str, str]()
    for file, function, pattern, put in changes:
        text = texts.get(file) or (original / FOLDER / file).read_text()
        texts[file] = changed(text, function, (pattern, put))
    names = {file: f"{FOLDER}{file}".replace("/", "__").replace(".", "_dot_") for file in texts}
    return ask(like(original, place, **{names[f]: t for f, t in texts.items()}), driver="amd")


def test_repaired_it_cannot_replace_and_nothing_else(tmp_path: Path) -> None:
    linux = with_changes(tmp_path / "t", *REPAIR)
    seen = run.explored(linux, replace(DRIVERS["amd"], faults=0))
    assert [id for id in seen.with_verdict("broken") if not id.startswith("VIS")] == ["DRV-1"]
    warned = [s for s in steps(linux, "mm_release") if any(e[0] == "driver warn" for e in s.events)]
    assert not warned


class Mutant(NamedTuple):
    """One rule broken: where, what is put for what, and which clause says so."""

    rule: str
    file: str
    function: str
    pattern: str
    put: str
    clause: str


MUTANTS = [
    Mutant("it replaces in place", "pasid.c", SET, r"old->type != IOMMU_DOMAIN_BLOCKED", "0",
           "DRV-6"),
    Mutant("nothing is written", "pasid.c", SET, r"amd_iommu_set_gcr3\([^;]*\)", "0", "DRV-1"),
    Mutant("a record of what failed", "pasid.c", SET, r"(if \(ret\) \{)\s*kfree\(.*\);\s*goto \w+;",
           r"\1", "DRV-6"),
    Mutant("the lock is kept", "pasid.c", SET, r"spin_unlock_irqrestore\(.*\);", "", "INV-9"),
    Mutant("nothing is removed", "pasid.c", REMOVE, r"remove_pdom_dev_pasid\(.*\);", "", "DRV-6"),
    Mutant("the entry stays", "pasid.c", FORGET, r"amd_iommu_clear_gcr3\(.*\);", "", "DRV-6"),
    Mutant("the record stays", "pasid.c", FORGET, r"list_del\(.*\);\s*kfree\(.*\);", "", "DRV-6"),
    Mutant("another PASID's record", "pasid.c", OF_RECORD, r"pasid == pasid", "pasid != pasid",
           "DRV-6"),
    Mutant("what is set is not valid", "iommu.c", UPDATE, r" \| GCR3_VALID", "", "DRV-1"),
    Mutant("clearing sets", "iommu.c", UPDATE, r"\*pte = 0;", "*pte = GCR3_VALID;", "DRV-6"),
]  # fmt: skip
CONCERNED = [each for each in CLAUSES.values() if each.family in ("INV", "DRV")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Linux]]:
    """Every mutant of the repaired driver, compiled: quickly, as each runs but once."""
    home = tmp_path_factory.mktemp("mutants")

    def one(number: int) -> Linux:
        return with_changes(home / str(number), *REPAIR, MUTANTS[number][1:5])

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(build, "FLAGS", ("-O0", *(f for f in build.FLAGS if f not in ("-O1", "-g"))))
        made = {m.rule: pool.submit(one, number) for number, m in enumerate(MUTANTS)}
        for each in made.values():
            each.exception()  # it is there, and was compiled in this way
    return made


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule.replace(" ", "-"))
def test_a_broken_rule_is_flagged(mutant: Mutant, built: dict[str, Future[Linux]]) -> None:
    seen = explore(built[mutant.rule].result(), SMALL, CONCERNED)
    broken = seen.with_verdict("broken")
    assert mutant.clause in broken, f"broken are {broken}"
    assert seen.findings[mutant.clause].steps, "the counterexample can be shown"
