# SPDX-License-Identifier: GPL-2.0-only
"""Run the notebooks and store in them what they show now.

    python tools/regen.py [--check] [NOTEBOOK...]

Also writes the clauses of the registry into their directives. Only what a reader sees is
stored, so a run that shows nothing new changes no byte. With --check nothing is written, and
the exit status is 1 if a file is not what a run would write.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellControlSignal, DeadKernelError  # noqa: E402
from nbformat import NotebookNode  # noqa: E402

from reference_impl.contract import CLAUSES  # noqa: E402
from tools import notebooks  # noqa: E402
from tools.notebooks import NotebookError  # noqa: E402

CELL_SECONDS = 60  # as pytest's --nbval-cell-timeout
DIFF_LINES = 20


async def run(path: Path) -> NotebookNode:
    """Run one notebook from its start in a kernel of its own.

    Returns:
        The notebook in the form in which it is committed.

    Raises:
        NotebookError: if a cell fails that may not, or one does not that should.
    """
    notebook = notebooks.normalise(notebooks.read(path), CLAUSES)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        # every failing cell is judged below, against its tags
        allow_errors=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        await client.async_execute()
    except (CellControlSignal, DeadKernelError) as err:
        raise NotebookError(str(err)) from err
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        name_error(cell)
        if problem := problem_of(cell):
            raise NotebookError(f"code cell {number} {problem}")
    return notebooks.normalise(notebook, CLAUSES)


def name_error(cell: NotebookNode) -> None:
    """Add the tag that says what a cell raises, if its author has left it out."""
    tags = cell.metadata.get("tags", [])
    if "raises-exception" not in tags or any(map(notebooks.names_error, tags)):
        return
    for error in (output for output in cell.outputs if output.output_type == "error"):
        if name := notebooks.error_tag(error):
            tags.append(name)


def problem_of(cell: NotebookNode) -> str | None:
    """What is wrong with how a cell ended, or None."""
    try:
        expected = notebooks.expected_error(cell.metadata.get("tags", []))
    except ValueError as err:
        return f"has wrong tags: {err}"
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if not errors:
        return f"is tagged {expected}, but raised nothing" if expected else None
    error = errors[0]
    if expected and notebooks.is_expected(error, expected):
        return None
    tagged = f"is tagged {expected}, but" if expected else "is not tagged raises-exception, but"
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"{tagged} raised {error.ename}: {error.evalue}\n{source}"


async def regenerate(paths: Sequence[Path], *, check: bool) -> int:
    """Run notebooks, as many at once as there are processors, and write or compare them.

    Args:
        paths: the files, of which only those that change are written.
        check: write nothing.

    Returns:
        The exit status: 1 if a notebook failed or, when checking, is stale.
    """
    turn = asyncio.Semaphore(os.cpu_count() or 1)
    failed = False

    async def one(path: Path) -> None:
        nonlocal failed
        before = path.read_text(encoding="utf-8")
        try:
            async with turn:
                after = notebooks.text(await run(path))
        except NotebookError as err:
            failed = True
            print(f"failed     {shown(path)}: {err}", file=sys.stderr)
            return
        if after == before:
            print(f"unchanged  {shown(path)}")
        elif check:
            failed = True
            print(f"stale      {shown(path)}: `make regen` would write", file=sys.stderr)
            print(difference(before, after), file=sys.stderr)
        else:
            path.write_text(after, encoding="utf-8")
            print(f"written    {shown(path)}")

    await asyncio.gather(*map(one, paths))
    return int(failed)


def difference(before: str, after: str) -> str:
    """The first lines of a diff of two notebook files."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return "\n".join(f"    {line}"[:120] for _, line in zip(range(DIFF_LINES), lines, strict=False))


def shown(path: Path) -> str:
    """The path as a reader of this checkout would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the head of this file.

    Returns:
        The exit status: 0, 1 for a failed or stale notebook, 2 for wrong arguments.
    """
    parser = argparse.ArgumentParser(description="Run the notebooks and store what they show.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    parser.add_argument("notebook", nargs="*", type=Path, help="all, if none is named")
    chosen = parser.parse_args(arguments)
    for path in chosen.notebook:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"{path} is not a notebook; they are in spec/notebooks/")
    # of a dead kernel, Jupyter logs tracebacks; here one line is enough
    logging.disable(logging.CRITICAL)
    notebooks.prepare_kernels()
    paths = [path.resolve() for path in chosen.notebook] or notebooks.paths()
    return asyncio.run(regenerate(paths, check=chosen.check))


if __name__ == "__main__":
    sys.exit(main())
