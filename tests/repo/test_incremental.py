# SPDX-License-Identifier: GPL-2.0-only
"""A site that is built again is what it would be if it were built anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.repo.files import ROOT

CONF = """
import sys
sys.path[:0] = [{root!r}, {ext!r}]
needs_id_regex = "[A-Z]+-[0-9]+"
extensions = ["myst_parser", "sphinx_needs", "cards", "registry"]
needs_types = [
    {{"directive": "clause", "title": "Clause", "prefix": "", "color": "", "style": "node"}}
]
needs_fields = {{
    name: {{"schema": {{"type": "string"}}, "nullable": True}}
    for name in ("since", "sources", "checked_by", "author", "date", "release", "stable")
}}
needs_links = {{"derived_from": {{"incoming": "cited by", "outgoing": "derived from"}}}}
"""
CLAUSE = "```{clause} A device without a group is refused first\n:id: ATT-1\n\nIt is.\n```\n"
PAGES = {
    "index": "# All\n\n```{toctree}\none\ntwo\nlinks\n```\n",
    "one": f"# One\n\n{CLAUSE}",
    "two": "# Two\n",
    "links": "# Links\n\n{need}`ATT-1`\n",
}


def build(source: Path) -> str:
    """Build, and give the page that links to the clause."""
    words = ["-m", "sphinx", "-q", "-b", "html", str(source), str(source / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True)
    return (source / "out" / "links.html").read_text(encoding="utf-8")


def test_a_link_follows_a_clause_to_another_page(tmp_path: Path) -> None:
    conf = CONF.format(root=str(ROOT), ext=str(ROOT / "spec" / "_ext"))
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    for name, text in PAGES.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    assert 'href="one.html#ATT-1"' in build(tmp_path)
    (tmp_path / "one.md").write_text("# One\n", encoding="utf-8")
    (tmp_path / "two.md").write_text(f"# Two\n\n{CLAUSE}", encoding="utf-8")
    assert 'href="two.html#ATT-1"' in build(tmp_path)
