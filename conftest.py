# SPDX-License-Identifier: GPL-2.0-only
"""What every test needs, and what nbval does not compare."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from nbval.plugin import IPyNbCell, NbCellError
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tools import notebooks

notebooks.prepare_kernels()

# the same examples in every run, and no failure for a busy machine
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cells that list source code: `-m "not source"` leaves them out."""
    for item in items:
        if isinstance(item, IPyNbCell) and "source" in item.cell.metadata.get("tags", []):
            item.add_marker("source")


TOGETHER = {
    "tests/repo/test_matrix.py": "drivers",
    "tests/contract/test_driver_clauses.py": "drivers",
    "tests/contract/test_clauses.py": "default scope",
    "tests/contract/test_explorer.py": "default scope",
    "tests/designs/test_designs.py": "default scope",
    "tests/cli/test_json.py": "default scope",
    "tests/cli/test_output.py": "default scope",
}
"""What else is explored once: files that look at the same explorations, by what they look at."""


class Sharing(LoadScopeScheduling):
    """One process for each file, and for files that look at the same explorations.

    In the order in which they are collected: the notebooks, which are dear, are first.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing | None:
    """With ``--dist loadscope``, divide the suite so that no process does what another has done."""
    return Sharing(config, log) if config.getvalue("dist") == "loadscope" else None


def uncounted(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs without their execution counts."""
    return [{k: v for k, v in out.items() if k != "execution_count"} for out in outputs]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Compare the whole list of a cell's outputs once nbval has found no difference.

    nbval does not compare the order of outputs of different kinds, nor tracebacks and metadata;
    what is committed must be, byte for byte, what `make regen` writes. (Of the counts,
    tests/repo/test_notebook_files.py takes care: they depend on which cells were selected.)
    """
    yield
    if isinstance(item, IPyNbCell) and item.test_outputs is not None:
        fresh = uncounted(notebooks.outputs_as_stored(item.test_outputs))
        if fresh != uncounted(item.cell.outputs):
            raise NbCellError(
                item.cell_num,
                "The stored outputs are not what `make regen` stores",
                item.cell.source,
                f"stored {item.cell.outputs}\nnow    {fresh}",
            )
