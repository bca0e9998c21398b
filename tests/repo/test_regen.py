# SPDX-License-Identifier: GPL-2.0-only
"""What is committed is what `make regen` writes, and regen tells what is wrong.

That the outputs are what a run shows is compared while nbval runs the cells (conftest.py), so
that no notebook has to run twice. Here: the rest of each file, and regen itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from reference_impl.contract import CLAUSES
from tools import notebooks, regen

PATHS = notebooks.paths()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_file_has_the_form_that_regen_writes(path: Path) -> None:
    written = notebooks.text(notebooks.normalise(notebooks.read(path), CLAUSES))
    before = path.read_text(encoding="utf-8")
    assert before == written, f"run `make regen`:\n{regen.difference(before, written)}"


def test_every_clause_is_stated_once() -> None:
    stated = Counter(i for path in PATHS for i in notebooks.clause_ids(notebooks.read(path)))
    assert stated == Counter(CLAUSES.keys())


def run_regen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(notebooks.ROOT / "tools" / "regen.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def store(path: Path, source: str) -> Path:
    notebook = new_notebook(cells=[new_code_cell(source)])
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def test_regen_writes_what_it_can_and_says_what_it_cannot(tmp_path: Path) -> None:
    good = store(tmp_path / "good.ipynb", "print(6 * 7)")
    bad = [
        store(tmp_path / "fails.ipynb", "print('before')\n1 / 0"),
        store(tmp_path / "dies.ipynb", "import os\nos._exit(1)"),
    ]
    before = [path.read_bytes() for path in bad]
    done = run_regen(good, *bad)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = "fails.ipynb: code cell 0 is not tagged raises-exception, but raised ZeroDivisionError"
    assert said in done.stderr
    assert "dies.ipynb: Kernel died" in done.stderr
    assert [path.read_bytes() for path in bad] == before
    assert "written" in done.stdout
    assert b"42\\n" in good.read_bytes()

    # what was written is fresh, what is changed after is not, and the first of ours is fresh
    stale = tmp_path / "stale.ipynb"
    stale.write_bytes(good.read_bytes().replace(b"42", b"43"))
    before = [path.read_bytes() for path in (good, stale)]
    done = run_regen("--check", good, stale, PATHS[0])
    assert done.returncode == 1
    assert "stale.ipynb: `make regen` would write" in done.stderr
    assert done.stderr.count("would write") == 1
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == ["unchanged"] * 2
    assert [path.read_bytes() for path in (good, stale)] == before


EBUSY = {"ename": "OSError", "evalue": "[Errno 16] no", "traceback": []}


@pytest.mark.parametrize(
    ("tags", "error", "problem"),
    [
        ([], None, None),
        ([], EBUSY, "is not tagged raises-exception, but raised OSError"),
        (["raises-exception", "EBUSY"], EBUSY, None),
        (["raises-exception", "EBUSY"], None, "is tagged EBUSY, but raised nothing"),
        (["raises-exception", "EINVAL"], EBUSY, "is tagged EINVAL, but raised OSError"),
        (["raises-exception", "AssertionError"], EBUSY, "is tagged AssertionError, but raised"),
        (["raises-exception"], EBUSY, "needs one tag beside it"),
        (["EBUSY"], EBUSY, "needs raises-exception beside it"),
    ],
)
def test_a_cell_is_judged_by_its_tags(
    tags: list[str], error: dict[str, Any] | None, problem: str | None
) -> None:
    outputs = [new_output("error", **error)] if error else []
    cell = new_code_cell("attach()", metadata={"tags": tags}, outputs=outputs)
    found = regen.problem_of(cell)
    assert (found is None) if problem is None else (problem in found)


@pytest.mark.parametrize(
    ("error", "tags"),
    [
        (EBUSY, ["raises-exception", "EBUSY"]),
        ({**EBUSY, "evalue": "[Errno 95] no"}, ["raises-exception", "EOPNOTSUPP"]),
        ({**EBUSY, "ename": "AssertionError"}, ["raises-exception", "AssertionError"]),
        ({**EBUSY, "ename": "NameError"}, ["raises-exception"]),
    ],
)
def test_regen_names_what_a_cell_raises(error: dict[str, Any], tags: list[str]) -> None:
    outputs = [new_output("error", **error)]
    cell = new_code_cell("x", metadata={"tags": ["raises-exception"]}, outputs=outputs)
    regen.name_error(cell)
    assert cell.metadata.tags == tags


def test_regen_refuses_what_is_no_notebook(tmp_path: Path) -> None:
    done = run_regen(tmp_path / "missing.ipynb")
    assert done.returncode == 2
    assert "is not a notebook" in done.stderr


def test_a_clause_is_written_from_the_registry() -> None:
    clause = next(iter(CLAUSES.values()))
    written = notebooks.with_clauses(f"```{{clause}} x\n:id: {clause.id}\n\nold\n```", CLAUSES)
    assert written == notebooks.clause_directive(clause)
    assert notebooks.with_clauses(f"a\n\n{written}\n\nb", CLAUSES) == f"a\n\n{written}\n\nb"
    with pytest.raises(notebooks.NotebookError, match="NIX-1"):
        notebooks.with_clauses("```{clause} x\n:id: NIX-1\n```", CLAUSES)
    with pytest.raises(notebooks.NotebookError, match="no :id:"):
        notebooks.with_clauses("```{clause} x\n```", CLAUSES)
