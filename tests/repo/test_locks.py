# SPDX-License-Identifier: GPL-2.0-only
"""The locks hold what pyproject.toml asks for, each with its hashes."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.repo.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
LOCKS = {
    "requirements.txt": [
        *PROJECT["project"]["dependencies"],
        *GROUPS["test"],
        *GROUPS["docs"],
        *GROUPS["lint"],
    ],
    "requirements-edit.txt": [*PROJECT["project"]["dependencies"], *GROUPS["edit"]],
    "requirements-uv.txt": GROUPS["uv"],
    "requirements-peers.txt": GROUPS["peers"],
}


def locked(name: str) -> dict[str, tuple[str, bool]]:
    """The version of each package of a lock, and whether it has a hash."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    found = {}
    for block in blocks:
        package, version = re.match(r"([a-z0-9._-]+)==([^\s;\\]+)", block).groups()
        found[package] = version, "--hash=sha256:" in block
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_pyproject(name: str) -> None:
    versions = locked(name)
    for asked in map(Requirement, LOCKS[name]):
        assert asked.name in versions, f"{asked} is not in {name}: run `make lock`"
        version = versions[asked.name][0]
        assert version in asked.specifier, f"{name} has {version} for {asked}: run `make lock`"


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_hash(name: str) -> None:
    assert all(has_hash for _, has_hash in locked(name).values())


def test_locks_agree() -> None:
    both = locked("requirements.txt"), locked("requirements-edit.txt")
    for package in both[0].keys() & both[1].keys():
        assert both[0][package] == both[1][package], package
