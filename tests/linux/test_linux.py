# SPDX-License-Identifier: GPL-2.0-only
"""Linux against the clauses and against the model."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.__main__ import run as command
from reference_impl.contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    Exploration,
    Scope,
    Session,
    Step,
    replay,
)
from reference_impl.contract.requests import fates
from reference_impl.contract.setting import PUBLISHED
from reference_impl.linux import LinuxError, ask, run
from reference_impl.linux.machine import Linux
from tests.linux.randomly import compare_random_calls
from tests.linux.trees import changed_core, is_new, is_old, like, tree
from tests.repo.files import texts

SMALL = Scope(devices=2, incapable=1, domains=2, pasids=1, faults=2)
MODEL = IMPLEMENTATIONS["model"]


@cache
def newest() -> Linux:
    return ask(tree(is_new))


@cache
def oldest() -> Linux:
    return ask(tree(is_old))


@cache
def old_seen() -> Exploration:
    return run.explored(oldest())


def test_the_newest_keeps_every_promise() -> None:
    seen = run.explored(newest())
    core = [id for id, each in CLAUSES.items() if not each.lacking(newest().lacks, newest().has)]
    assert seen.with_verdict("held") == core
    assert len(core) > 50


def test_the_newest_does_what_the_model_does() -> None:
    found = run.compared("model", newest())
    assert found.different == 0, repr(found)
    assert found.steps > 100_000


@settings(max_examples=100, deadline=None)
@given(octets=st.binary(min_size=4000, max_size=4000), place=st.integers(0, 10**6))
def test_random_calls_with_random_faults(octets: bytes, place: int) -> None:
    scope = Scope(devices=3, incapable=1, domains=3, pasids=3, faults=8)
    compare_random_calls(MODEL, newest(), scope, octets, place)


def test_the_oldest_breaks_only_what_it_does_not_promise() -> None:
    seen = old_seen()
    assert {"ATT-6", "VIS-4", "DET-1", "GSP-3"} <= set(seen.with_verdict("held"))
    assert seen.with_verdict("broken") == ["INV-9"]
    assert "ATT-10" in run.would_be_broken(seen)
    reason = seen.findings["ATT-10"].reason
    assert reason.startswith("promised since 6.15, commit 5e9f822c9c68; it would be broken: ")
    assert {i for i, f in seen.findings.items() if f.verdict == "not-applicable"} == set()


def test_the_oldest_crashes_where_a_driver_cannot_remove() -> None:
    """Nobody looks whether the driver has the operation that undoing needs: 6.14 does."""
    finding = old_seen().findings["INV-9"]
    assert finding.trace is not None
    assert finding.trace.setting.name == "no blocked domain"
    assert finding.steps == replay(oldest(), finding.trace)


# Known differences of Linux from what one would expect: kernel-facts, section 3.7


def test_def_3_a_group_that_has_no_pasids_accepts_every_one() -> None:
    step = Session(newest(), devices=0, incapable=1).attach("A")
    assert step.result == 0
    assert step.calls == ()
    assert step.after.slot == ("A", "h'")


def test_def_4_a_published_handle_is_refused_and_written_all_the_same() -> None:
    session = Session(newest())
    session.attach("A")
    step = session.replace("B", handle=PUBLISHED)
    assert step.outcome == "-EINVAL"
    assert step.warnings == 1
    assert step.after.slot == ("B", "h")
    assert step.after.hardware == ("A", "A")


def test_a_request_for_the_new_domain_can_hold_the_old_handle() -> None:
    group = Session(newest())
    group.attach("A")
    late = {(each.domain, each.found) for each in fates(group.replace("B")) if each.held}
    assert ("B", "h") in late
    assert ("A", "h") not in late


def test_a_request_is_handed_to_an_attachment_that_fails() -> None:
    for linux, owner in ((oldest(), "h'"), (newest(), None)):
        step = Session(linux).attach("A", fail="d1")
        assert {each.owner for each in fates(step)} == {owner}


def test_the_order_of_a_failed_replace() -> None:
    session = Session(newest(), devices=3)
    session.attach("A")
    step = session.replace("B", fail="d2 d0")
    asked = [(c.device, c.domain, c.old) for c in step.calls]
    switched = [("d0", "B", "A"), ("d1", "B", "A"), ("d2", "B", "A")]
    back = [("d0", "A", "B"), ("d0", "blocked", "B"), ("d1", "A", "B")]
    assert asked == switched + back
    assert step.outcome == "-EIO"
    assert step.warnings == 1


def test_no_memory() -> None:
    session = Session(newest())
    assert session.attach("A", fail="memory").outcome == "-ENOMEM"
    assert session.replace("A", fail="memory").outcome == "-ENOMEM"
    with pytest.raises(ValueError, match="memory was not asked"):
        session.detach("A", fail="memory")


# What a tree's functions may do to the process


def changed(place: Path, function: str, pattern: str, put: str, sanitize: bool = False) -> Linux:
    original = tree(is_new)
    if sanitize:
        try:
            run._sanitizer()
        except LinuxError as error:
            pytest.skip(str(error))
    text = changed_core(original, function, (pattern, put))
    return ask(like(original, place / "tree", drivers__iommu__iommu_dot_c=text), sanitize)


REPLACE = "iommu_replace_device_pasid"
REUSED = r"(if \(curr == entry\) \{)"


@pytest.mark.parametrize(
    ("put", "says"),
    [
        ("_exit(3);", "crashed: exit status 3"),
        ("*(volatile int *)8 = 1;", "SIGSEGV"),
        ("BUG();", "crashed: BUG()"),
        ("for (;;) ;", "crashed: it does not return"),
        ("for (;;) WARN_ON(1);", "crashed: it does not end"),
        ("abort();", "crashed: an abort"),
        ("mutex_lock(&group->mutex);", "crashed: deadlock"),
        ("{ volatile int zero = 0; zero = 7 / zero; }", "crashed: a division by zero"),
    ],
)
def test_a_call_that_kills(tmp_path: Path, put: str, says: str) -> None:
    linux = changed(tmp_path, REPLACE, REUSED, rf"\1 {put}")
    seen = run.explored(linux, Scope(devices=1, incapable=0, domains=1, pasids=1, faults=1))
    finding = seen.findings["INV-9"]
    assert finding.verdict == "broken"
    assert says in finding.reason
    last = finding.steps[-1]
    assert last.operation.kind == "replace"
    assert last.operation.handle == PUBLISHED
    assert len(finding.steps) == 2


def test_a_tree_that_kills_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DEATHS", 3)
    linux = changed(tmp_path, "iommu_attach_handle_get", r"(void \*entry;)", r"\1 _exit(4);")
    with pytest.raises(LinuxError, match="have killed their process 3 times"):
        run.explored(linux, SMALL)


def test_sanitizers_see_what_does_not_crash(tmp_path: Path) -> None:
    put = r"\1 { char *p = kmalloc(8, GFP_KERNEL); if (p) { kfree(p); *(volatile char *)p = 1; } }"
    linux = changed(tmp_path, REPLACE, REUSED, put, sanitize=True)
    seen = run.explored(linux, Scope(devices=1, incapable=0, domains=1, pasids=1, faults=1))
    assert "AddressSanitizer: heap-use-after-free" in seen.findings["INV-9"].reason


def test_sanitizers_see_undefined_behaviour(tmp_path: Path) -> None:
    put = r"\1 { volatile int far = 40; far = 1 << far; }"
    linux = changed(tmp_path, REPLACE, REUSED, put, sanitize=True)
    seen = run.explored(linux, Scope(devices=1, incapable=0, domains=1, pasids=1, faults=1))
    assert "UndefinedBehaviorSanitizer: Shift" in seen.findings["INV-9"].reason


# The command


def test_check_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tree(is_new))
    assert command(["check", place, "--json", "--devices", "1", "--pasids", "1"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["implementation"] == newest().name
    assert seen["clauses"].keys() == CLAUSES.keys()
    names = [each.name for each in newest().functions]
    assert seen["linux"]["functions"][: len(names)] == names
    assert "iommu_group_claim_dma_owner" in seen["linux"]["functions"]
    assert seen["linux"]["left_out"] == ""
    assert seen["clauses"]["OWN-3"]["verdict"] == "held"
    assert seen["linux"]["not_yet_promised"] == []


def test_check_shows_what_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["check", str(tree(is_old)), "--devices", "2"]) == 1
    out = capsys.readouterr().out
    assert "INV-9 is broken" in out
    assert "promised since 6.15" in out


def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--devices", "1", "--domains", "1", "--faults", "1")
    assert command(["compare", str(tree(is_new)), *small]) == 0
    assert "no differences" in capsys.readouterr().out
    assert command(["compare", str(tree(is_old)), *small, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["different"] > 0
    assert len(found["first"]) == 2


def test_what_is_compiled_is_compiled_once() -> None:
    assert ask(tree(is_new)).library == newest().library


# What is in the project


def kernel_words(place: Path, driver: str = "") -> set[tuple[str, ...]]:
    """Every run of words of the functions that are taken from a tree."""
    from reference_impl.linux import build, signatures

    source = signatures.find(place, build.given(driver), driver).source
    return runs("\n".join(line for line in source.splitlines() if line[:1] != "#"))


def runs(text: str) -> set[tuple[str, ...]]:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return set(zip(*(words[i:] for i in range(RUN)), strict=False))


RUN = 12  # words in a row that only a copy has in common


def test_no_kernel_code_is_in_the_project() -> None:
    kernel = kernel_words(tree(is_new), "vtd") | kernel_words(tree(is_old))
    assert len(kernel) > 1000
    copied = {
        name: sorted(" ".join(run) for run in common)
        for name, text in texts().items()
        if (common := kernel & runs(text))
    }
    assert not copied


def test_a_step_of_linux_is_a_step() -> None:
    step = Session(newest()).attach("A")
    assert isinstance(step, Step)
    assert step == Session(MODEL).attach("A")
