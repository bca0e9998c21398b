# SPDX-License-Identifier: GPL-2.0-only
"""Imports go one way, and what a browser will run needs the standard library alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo.files import ROOT, files

PACKAGE = "reference_impl"
#: what each part may import beside itself
MAY_IMPORT = {
    "model": set(),
    "drivers": {"model"},
    "designs": {"model"},
    "contract": {"model", "drivers", "designs"},
    "vectors": {"model", "drivers", "designs", "contract"},
    "present": {"model", "drivers", "designs", "contract"},
    "linux": {"model", "drivers", "designs", "contract", "vectors"},
    "campaign": {"contract"},
    "boot": {"model", "drivers", "designs", "contract", "vectors", "linux"},
    "cli": {"model", "drivers", "designs", "contract", "vectors", "present", "linux", "boot"},
}
STANDARD_LIBRARY_ONLY = {"model", "drivers", "designs", "contract", "vectors", "present"}
MODULES = [path for path in files(".py") if path.is_relative_to(ROOT / PACKAGE)]


def name_of(path: Path) -> str:
    """The module's full name, of a package's ``__init__`` too."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(module: str, source: str) -> Iterator[str]:
    """The full name of every module, or name in one, that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong(module: str, source: str) -> list[str]:
    """What a module imports that it may not."""
    part = module.split(".")[1]
    found = []
    for name in imported(module, source):
        first, *rest = name.split(".")
        if first != PACKAGE:
            if part in STANDARD_LIBRARY_ONLY and first not in sys.stdlib_module_names:
                found.append(name)
        elif part in MAY_IMPORT and rest[0] not in {part, *MAY_IMPORT[part]}:
            found.append(name)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    assert not wrong(name_of(path), path.read_text(encoding="utf-8"))


def test_every_part_has_a_rule() -> None:
    parts = {path.relative_to(ROOT / PACKAGE).parts[0] for path in MODULES}
    assert {part for part in parts if not part.endswith(".py")} <= MAY_IMPORT.keys()


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("reference_impl.model.core", "import click", ["click"]),
        ("reference_impl.model.core", "import errno", []),
        (
            "reference_impl.model.core",
            "from ..contract import step",
            ["reference_impl.contract.step"],
        ),
        ("reference_impl.model.core", "from .. import contract", ["reference_impl.contract"]),
        ("reference_impl.model.core", "from .xarray import XArray", []),
        ("reference_impl.designs.p0", "from ..drivers import vtd", ["reference_impl.drivers.vtd"]),
        ("reference_impl.contract.clauses.attach", "from ...model import core", []),
        ("reference_impl.contract.step", "def f():\n    import rich.table", ["rich.table"]),
    ],
)
def test_the_rule_can_fail(module: str, source: str, found: list[str]) -> None:
    assert wrong(module, source) == found
