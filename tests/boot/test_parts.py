# SPDX-License-Identifier: GPL-2.0-only
"""The console's reader, the private copy of a tree, the guest's file system, the vectors' table."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.boot.asked import Asked
from reference_impl.boot.configure import BUILDS
from reference_impl.boot.console import parse
from reference_impl.boot.initramfs import initramfs
from reference_impl.boot.kunit import numbers, table
from reference_impl.boot.observed import blamed, observed
from reference_impl.boot.report import Boot, judge
from reference_impl.boot.scenarios import within
from reference_impl.boot.seen import as_seen
from reference_impl.boot.workspace import Workspace, wanted
from reference_impl.contract import Scope, explore
from reference_impl.contract.known import IMPLEMENTATIONS
from tests.boot.machine import SMALL, Machine, console

WORDS = ["pasid-spec:", "ok", "not ok", "1", "begin", "end", "user", "done", "WARNING: ", "\t# a"]


@given(st.lists(st.lists(st.sampled_from(WORDS) | st.text(max_size=8)).map(" ".join)))
@settings(max_examples=80, deadline=None)
def test_any_console_can_be_read(lines: list[str]) -> None:
    boot = Boot("plain")
    judge(boot, parse(lines), [Asked("user", "a vector")])
    assert boot.different  # as what was to be run was not


def test_a_console_without_its_end_counts_what_was_said() -> None:
    whole = console()
    for length in (0, 5, 40, len(whole) - 1):
        seen = parse(whole[:length])
        said = [point for stage in seen.stages.values() for point in stage.points]
        assert len(said) == sum("ok " in line for line in whole[:length])
        assert not seen.done


def test_a_result_that_comes_twice_is_the_worse() -> None:
    lines = ["pasid-spec: begin user", "pasid-spec: not ok 1 a", "pasid-spec: ok 2 a"]
    assert not parse(lines).stages["user"].points["a"].ok


# The private copy


def test_a_tree_is_copied_and_never_written(machine: Machine) -> None:
    tree = machine.tree
    (tree / "link").symlink_to("Makefile")
    (tree / ".git").mkdir()
    (tree / ".git" / "index").write_text("")
    (tree / "mm.o").write_text("")
    before = {p: p.lstat().st_mtime_ns for p in tree.rglob("*")}
    workspace = Workspace(tree)
    with workspace.held():
        first = workspace.fill()
        assert workspace.fill() == first
        names = {str(p.relative_to(workspace.source)) for p in workspace.source.rglob("*")}
        assert {"link", "Makefile", "drivers/iommu/Makefile"} <= names
        assert not {".git", "mm.o"} & names
        kept = (workspace.source / "Makefile").stat().st_mtime_ns
        # a file that is older than before is a change, too: make goes by the copy's time
        changed = tree / "drivers/iommu/Makefile"
        changed.write_text("another\n")
        os.utime(changed, (0, 0))
        (tree / "link").unlink()
        assert workspace.fill() != first
        assert (workspace.source / "drivers/iommu/Makefile").read_text() == "another\n"
        assert (workspace.source / "drivers/iommu/Makefile").stat().st_mtime_ns > kept
        assert (workspace.source / "Makefile").stat().st_mtime_ns == kept
        assert not (workspace.source / "link").is_symlink()
    after = {p: p.lstat().st_mtime_ns for p in tree.rglob("*")}
    assert {p for p in before if before[p] != after.get(p)} <= {changed, tree / "link", tree}


def test_a_copy_that_was_interrupted_is_made_whole(machine: Machine) -> None:
    workspace = Workspace(machine.tree)
    with workspace.held():
        first = workspace.fill()
        (workspace.place / "manifest.json").unlink()
        (workspace.source / "Makefile").write_text("half of")
        assert workspace.fill() == first
        assert "VERSION = 7" in (workspace.source / "Makefile").read_text()


@pytest.mark.parametrize(
    ("name", "is_wanted"),
    [
        ("drivers/iommu/iommu.c", True),
        ("arch/x86/kernel/head_64.S", True),
        ("arch/x86/kernel/vmlinux.lds.S", True),
        ("include/sound/core.h", True),
        ("arch/arm64/Kconfig", True),
        ("arch/arm64/kernel/head.S", False),
        ("drivers/gpu/drm/Kconfig", True),
        ("drivers/gpu/drm/drm_file.c", False),
        ("Documentation/Kconfig", True),
        ("Documentation/iommu/x.rst", False),
        (".config", False),
    ],
)
def test_what_is_copied_and_unpacked(machine: Machine, name: str, is_wanted: bool) -> None:
    assert wanted(name) == is_wanted
    (machine.tree / name).parent.mkdir(parents=True, exist_ok=True)
    (machine.tree / name).write_text("")
    archive = machine.place / "linux-source-7.9.tar"
    with tarfile.open(archive, "w") as file:
        file.add(machine.tree, "linux-source-7.9")
    workspace = Workspace(archive)
    with workspace.held():
        assert workspace.fill() == workspace.fill()
    assert (workspace.source / "Makefile").is_file()
    assert (workspace.source / name).is_file() == is_wanted


# The guest


def test_the_archive() -> None:
    content = gzip.decompress(initramfs({"init": b"\x7fELF..."}, {"stages": "a b c\n"}))
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while at < len(content):
        assert content[at : at + 6] == b"070701"
        fields = [int(content[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = content[at + 110 : at + 110 + length - 1].decode()
        start = at + 110 + length + -(110 + length) % 4
        found[name] = (mode, content[start : start + size])
        at = start + size + -size % 4
    assert found["init"] == (stat.S_IFREG | 0o755, b"\x7fELF...")
    assert found["stages"] == (stat.S_IFREG | 0o644, b"a b c\n")
    assert stat.S_ISCHR(found["dev/console"][0])
    assert list(found)[-1] == "TRAILER!!!"


def test_every_different_step_is_a_vector() -> None:
    made, left_out = within(SMALL.scope)
    seen = explore(IMPLEMENTATIONS["model"], SMALL.scope)
    assert sum(not each.setting.rid for each in made) + 1 == seen.different
    assert len({each.name for each in made}) == len(made)
    assert set(left_out) == {
        "a detach of a device without a group is a null pointer (DET-7)",
        "an array with nothing in it needs no memory for its first place",
        "with its last device a group goes",
    }


def test_a_group_is_left_as_it_was() -> None:
    made, _ = within(SMALL.scope)
    claimed = next(x for x in made if x.after == (2, True, (0, 0)))
    assert sum(operation.kind == "claim_device_owner" for operation, _ in claimed.calls) > 1
    assert claimed.expected.endswith("; owner iommufd blocked d0 d1")
    twice = next(x for x in made if x.after == (0, False, (0, 2)))
    assert [operation.kind for operation, _ in twice.calls].count("reset_prepare") == 2


def test_a_vector_that_needs_calls_before_it_has_them() -> None:
    made, _ = within(Scope(2, 0, 2, 1, 1))
    replaced = next(x for x in made if x.step.operation.kind == "replace" and x.step.calls)
    assert [operation.kind for operation, _ in replaced.calls] == ["attach", "replace"]
    recovering = next(x for x in made if x.step.resetting and x.step.before.slot)
    kinds = [operation.kind for operation, _ in recovering.calls]
    assert kinds[:2] == ["attach", "reset_prepare"]


def test_the_table_fits_the_guest() -> None:
    made, _ = within(SMALL.scope)
    text = table(made)
    assert text.count('\n\t{ "') == len(made)
    source = (Path("reference_impl") / "boot/guest/pasid_spec_kunit.c").read_text()
    most = int(source.partition("MOST_PASIDS ")[2].split()[0])
    for build in BUILDS.values():
        largest, _ = within(Scope(build.scope.devices, 1, 1, build.scope.pasids, 0))
        assert max(len(numbers(each.setting)) for each in largest) <= most


def test_what_is_written_down_is_read_as_it_was() -> None:
    made, _ = within(Scope(2, 1, 2, 2, 2))
    for each in made:
        line = f"got{each.expected}; warnings {each.warnings}"
        step, due = observed(each, [line], each.warnings), as_seen(each.step)
        assert step is not None
        assert step.calls == due.calls, each.name
        assert (step.result, step.after, step.found) == (due.result, due.after, due.found)
        assert (step.warnings, step.elsewhere) == (due.warnings, due.elsewhere), each.name
        assert not blamed(each, [line], each.warnings), each.name
