# SPDX-License-Identifier: GPL-2.0-only
"""A tree that cannot be asked: one line that says why, exit status 2, no traceback."""

from __future__ import annotations

import lzma
import tarfile
from pathlib import Path

import pytest

from reference_impl.__main__ import run
from reference_impl.linux import build
from reference_impl.linux.extract import CORE
from tests.linux.trees import changed_core, is_new, is_old, like, tree

ATTACH = "iommu_attach_device_pasid"


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on standard error of a command that is wrong."""
    assert run([str(each) for each in arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    (line,) = err.splitlines()
    assert len(line) < 400
    return line


# without a kernel tree


def test_nothing_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "there is no" in said(capsys, "check", tmp_path / "linux")
    assert "there is no" in said(capsys, "compare", tmp_path / "linux")


def test_no_kernel(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "is no kernel tree" in said(capsys, "check", tmp_path)
    (tmp_path / "Makefile").write_text("all:\n\techo\n")
    assert "VERSION and PATCHLEVEL" in said(capsys, "check", tmp_path)
    (tmp_path / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 1\n")
    assert f"has no {CORE}" in said(capsys, "check", tmp_path)


def test_no_archive(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "linux-source.tar.xz").write_bytes(b"no archive")
    assert "is no whole archive" in said(capsys, "check", tmp_path / "linux-source.tar.xz")


@pytest.mark.parametrize("programs", [True, False])
def test_an_archive_cut_short(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: bool,
) -> None:
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux" / "Makefile").write_text("VERSION = 7\n" + "# more\n" * 100_000)
    whole = tmp_path / "whole.tar"
    with tarfile.open(whole, "w") as archive:
        archive.add(tmp_path / "linux", "linux")
    content = lzma.compress(whole.read_bytes())
    (tmp_path / "cut.tar.xz").write_bytes(content[: len(content) // 2])
    if not programs:
        monkeypatch.setattr("shutil.which", lambda _name: None)
    assert "is no whole archive" in said(capsys, "check", tmp_path / "cut.tar.xz")


def test_sanitize_is_for_trees(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the path of a tree" in said(capsys, "check", "model", "--sanitize")


# with one


def broken(place: Path, *changes: tuple[str, str], function: str = ATTACH) -> Path:
    """A tree in which a function is changed."""
    original = tree(is_new)
    text = changed_core(original, function, *changes)
    return like(original, place / "tree", drivers__iommu__iommu_dot_c=text)


def test_a_function_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = said(capsys, "check", broken(tmp_path, (rf"int {ATTACH}\(", "int iommu_attach_pasid(")))
    assert f"{ATTACH}()" in line


def test_a_tree_before_the_interface(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    original = tree(is_old)
    text = (original / CORE).read_text().replace("device_pasid", "device_id")
    line = said(capsys, "check", like(original, tmp_path / "t", drivers__iommu__iommu_dot_c=text))
    assert f"has no {ATTACH}(), which Linux has since 6.2" in line


def test_a_function_takes_something_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    change = (r"\*handle\)", "*handle, u32 flags)")
    line = said(capsys, "check", broken(tmp_path, change))
    assert "u32)" in line
    assert "known is" in line


def test_a_syntax_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = said(capsys, "check", broken(tmp_path, (r"if \(!group\)", "if (!group")))
    assert "refuses" in line or "syntax" in line
    assert "iommu.c" in line


def test_a_brace_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = said(capsys, "check", broken(tmp_path, (r"\n\{\n", "\n")))
    assert "iommu.c" in line


def test_a_function_that_nobody_has(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = said(capsys, "check", broken(tmp_path, (r"if \(!group\)", "if (!new_check(group))")))
    assert "new_check" in line


def test_windows_line_ends(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    original = tree(is_new)
    text = (original / CORE).read_bytes().replace(b"\n", b"\r\n")
    place = like(original, tmp_path / "t", drivers__iommu__iommu_dot_c=text)
    assert "has Windows line ends" in said(capsys, "check", place)


def test_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = like(tree(is_new), tmp_path / "t", drivers__iommu__iommu_dot_c=b"\xff\xfe\x00")
    assert "is no text file" in said(capsys, "check", place)


@pytest.mark.parametrize("missing", ["tools", "lib", "include"])
def test_a_part_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, missing: str
) -> None:
    place = like(tree(is_new), tmp_path / "t", **{missing: None})
    assert f"has no {missing}" in said(capsys, "check", place)


def test_a_cache_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tree(is_new)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "set XDG_CACHE_HOME" in said(capsys, "check", place)


@pytest.mark.parametrize(
    ("compiler", "says"),
    [
        ("no-such-cc", "there is no C compiler no-such-cc"),
        ("false", "the C compiler false refuses"),
        ("true", "the C compiler true says that it is done, and has made nothing"),
    ],
)
def test_a_compiler_that_is_none(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiler: str,
    says: str,
) -> None:
    place = tree(is_new)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", compiler)
    assert says in said(capsys, "check", place)


def test_no_compiler_at_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tree(is_new)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "on Debian: gcc and libc6-dev" in said(capsys, "check", place)


def test_a_compiler_that_does_not_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tree(is_new)
    slow = tmp_path / "slow-cc"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", str(slow))
    monkeypatch.setattr(build, "SECONDS", 0.3)
    assert "did not come to an end" in said(capsys, "check", place)
