# SPDX-License-Identifier: GPL-2.0-only
"""VT-d's own functions, with the core's: that is Linux."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.__main__ import run as command
from reference_impl.contract import IMPLEMENTATIONS, Operation, Scope, Session
from reference_impl.linux import LinuxError, run
from tests.linux.randomly import compare_random_calls
from tests.linux.test_robust import said
from tests.linux.trees import NO_TREE, is_new, is_old, like, tree
from tests.linux.vtd import FOLDER, newest, with_changes

MODEL = IMPLEMENTATIONS["vtd"]
SMALL = Scope(devices=1, incapable=0, domains=3, pasids=1, faults=1)
AT_7_3 = {"VIS-7", "VIS-8", "VIS-9", "INV-2", "INV-4", "DRV-2", "DRV-14"}
AT_7_3 |= {f"VTD-{number}" for number in (3, 6, 7, 11, 15)}
"""What 7.3 breaks."""


def test_vtd_does_what_the_model_does() -> None:
    found = run.compared("vtd", newest(), Scope(2, 1, 3, 1, 1))
    assert found.different == 0, repr(found)
    assert found.steps > 7_000


@settings(max_examples=20, deadline=None)
@given(octets=st.binary(min_size=1200, max_size=1200), place=st.integers(0, 10**6))
def test_random_calls_with_random_faults(octets: bytes, place: int) -> None:
    scope = Scope(devices=3, incapable=1, domains=3, pasids=3, faults=8)
    compare_random_calls(MODEL, newest(), scope, octets, place)


def test_what_the_newest_breaks() -> None:
    seen = run.explored(newest(), SMALL)
    assert set(seen.with_verdict("broken")) <= AT_7_3
    assert {i for i in seen.with_verdict("held") if i.startswith("VTD")} >= {
        f"VTD-{number}" for number in (1, 2, 4, 5, 8, 9, 10, 12, 13, 14, 16)
    }


# What was known from reading alone: kernel-facts, section 3.7


def session() -> Session:
    if newest().release[:2] != (7, 3):
        pytest.skip(NO_TREE)
    return Session(newest(), devices=1, domains=6)


def test_def_1_a_nested_domain_that_is_refused_leaves_nothing() -> None:
    calls = session()
    calls.attach("A")
    step = calls.replace("C")
    assert step.outcome == "-EINVAL"
    assert step.before.hardware == ("A",)
    assert step.after.hardware == (None,)
    assert step.after.slot == ("A", "h")
    assert ("record", 1, "A", "d0", 1) in step.notes_after
    again = calls.replace("E")
    assert again.outcome == "0", "the core can still replace it"


def test_def_2_the_fault_queue_is_left_while_the_entry_is_there() -> None:
    calls = session()
    calls.attach("B")
    step = calls.replace("A")
    kinds = [event for event in step.events if event[0] in ("iopf", "entry", "drain")]
    assert kinds == [
        ("iopf", "d0", 0),
        ("entry", "d0", 1, None),
        ("drain", "d0", 1, False),
        ("entry", "d0", 1, "A"),
    ]


def test_def_8_what_cannot_be_taken_again_is_warned_of_later() -> None:
    calls = session()
    calls.attach("B")
    step = calls.replace("C", fail="d0:queue")
    assert step.outcome == "-EINVAL", "not the error that nobody looked at"
    assert step.after.slot == ("B", "h")
    last = calls.detach("B")
    assert ("driver warn", "intel_iommu_disable_iopf()") in last.events


def test_a_mm_that_goes_is_not_silenced_and_never_drained() -> None:
    """The bit for that is set in an entry that is present, and present is cleared before."""
    calls = session()
    calls.attach("D")
    gone = calls.run(Operation("mm_release", "d0", 1, "D"))
    assert [event[0] for event in gone.events] == ["entry", "flush", "zero"]
    last = calls.detach("D")
    assert not [event for event in last.events if event[0] == "drain"]
    assert ("iopf", "d0", 0) in last.events, "and then the device leaves the fault queue"


# What it takes


def test_a_tree_with_another_form(capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "check", tree(is_old), "--driver", "vtd")
    assert "blocking_domain_set_dev_pasid()" in line
    assert "remove_dev_pasid" in line


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("nested.c", "intel_nested_domain_ops", "another_table", "intel_nested_domain_ops"),
        ("svm.c", ".set_dev_pasid", ".attach_dev", "intel_svm_domain_ops has no set_dev_pasid"),
        ("cache.c", "int cache_tag_assign_domain(", "int tag(", "cache_tag_assign_domain"),
        ("pasid.c", "struct pasid_entry *", "struct pasid_entry **", "refuses the functions"),
        ("prq.c", "", None, "has no drivers/iommu/intel/prq.c"),
    ],
)
def test_a_part_is_missing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    file: str,
    old: str,
    new: str | None,
    says: str,
) -> None:
    original = tree(is_new)
    text = (original / FOLDER / file).read_text(encoding="utf-8")
    assert old in text
    name = (FOLDER + file).replace("/", "__").replace(".", "_dot_")
    here = like(original, tmp_path / "tree", **{name: new and text.replace(old, new)})
    assert says in said(capsys, "check", here, "--driver", "vtd")


def test_a_driver_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no driver 'mock'" in said(capsys, "check", "/", "--driver", "mock")
    assert "give the path of a tree" in said(capsys, "check", "vtd", "--driver", "vtd")


def test_sanitizers_see_it_too(tmp_path: Path) -> None:
    try:
        run._sanitizer()
    except LinuxError as error:
        pytest.skip(str(error))
    put = r"\1 *(volatile int *)dev_pasid = 1;"
    change = ("iommu.c", "domain_remove_dev_pasid", r"(kfree\(dev_pasid\);)", put)
    linux = with_changes(tmp_path / "tree", change, sanitize=True)
    seen = run.explored(linux, Scope(devices=1, incapable=0, domains=1, pasids=1, faults=0))
    assert "AddressSanitizer: heap-use-after-free" in seen.findings["INV-9"].reason


def test_a_crash_in_the_driver_is_a_verdict(tmp_path: Path) -> None:
    put = r"*(volatile int *)8 = 1; \1"
    change = ("pasid.c", "intel_pasid_tear_down_entry", r"(did = pasid_get)", put)
    linux = with_changes(tmp_path / "tree", change)
    seen = run.explored(linux, Scope(devices=2, incapable=0, domains=1, pasids=1, faults=1))
    assert "SIGSEGV" in seen.findings["INV-9"].reason


# The command


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    place, few = str(tree(is_new)), ["--devices", "1", "--incapable", "0", "--faults", "0"]
    assert command(["check", place, "--driver", "vtd", *few, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["implementation"] == newest().name
    assert found["scope"]["domains"] == 3
    assert found["scope"]["pasids"] == 1
    assert command(["compare", place, "--driver", "vtd", *few]) == 0
    assert "no differences" in capsys.readouterr().out
