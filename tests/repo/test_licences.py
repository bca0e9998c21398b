# SPDX-License-Identifier: GPL-2.0-only
"""Every source file says its licence, and the licence is there."""

from __future__ import annotations

import tomllib

from tests.repo.files import ROOT, files

SPDX = "SPDX-License-Identifier: GPL-2.0-only"


def test_every_source_file_says_its_licence() -> None:
    sources = files(".py", ".css", ".js", ".c", ".h", ".sh", ".toml")
    sources += [ROOT / "Makefile", ROOT / ".ci" / "run"]
    assert len(sources) > 10
    for path in sources:
        lines = path.read_text(encoding="utf-8").splitlines()
        first = lines[1] if lines[0].startswith("#!") else lines[0]
        assert SPDX in first, f"{path.relative_to(ROOT)} does not begin with {SPDX}"


def test_the_licence_is_there() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 2, June 1991" in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "GPL-2.0-only"
