# SPDX-License-Identifier: GPL-2.0-only
"""What is put into the site to run there."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from tests.repo.files import ROOT
from tools import npm
from tools.fetch_pyodide import PYODIDE

WORKER = ROOT / "spec" / "_static" / "python-worker.js"
PARTS = ("model", "drivers", "designs", "contract", "present")


def test_the_worker_has_linux_numbers_for_every_error_of_the_package() -> None:
    found = re.search(r"const ERRNOS = \{(.*?)\}", WORKER.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    numbers = {name: int(number) for name, number in re.findall(r"(\w+): (\d+)", found[1])}
    used = {
        name
        for part in PARTS
        for path in (ROOT / "reference_impl" / part).rglob("*.py")
        for name in re.findall(r"\bE[A-Z0-9]{2,}\b", path.read_text(encoding="utf-8"))
        if hasattr(errno, name)
    }
    assert numbers.keys() == used
    assert numbers == {name: getattr(errno, name) for name in used}


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_without_npm_it_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(npm.FetchError, match="there is no npm"):
        PYODIDE.fetch()


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("printf x > $4/a.tgz", "npm gave another pyodide@"),
        ("echo 'npm error it is down' >&2; exit 1", "npm could not get it: npm error it is down"),
        ("exit 1", "it did not say why"),
    ],
)
def test_what_npm_gives_is_held_against_the_digest(
    cache: Path, monkeypatch: pytest.MonkeyPatch, does: str, says: str
) -> None:
    fake = cache / "npm"
    fake.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(npm.shutil, "which", lambda _: str(fake))
    with pytest.raises(npm.FetchError, match=says):
        PYODIDE.fetch()
    assert not PYODIDE.archive().exists()


def test_a_damaged_archive_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = PYODIDE.archive()
    assert kept.is_relative_to(cache)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half of it")
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    with pytest.raises(npm.FetchError):
        PYODIDE.fetch()
