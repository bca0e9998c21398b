# SPDX-License-Identifier: GPL-2.0-only
"""The three suites that a mutant is given to, each in a process of its own.

A process gets the mutant in place of the module, and reads everything else from the checkout; what
lists the module's source lists the original, so such an output never counts as noticed.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "spec" / "notebooks"
SHOWN = ("text/plain", "text/html", "text/markdown", "image/svg+xml")


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The module, if it is the one."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the text; variants are made of it, too."""
        module.__dict__["__changed_source__"] = self.text
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


def install(path: Path, text: str) -> None:
    """From now on import that text in place of the module."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    sys.meta_path.insert(0, Instead(name, path, text))


def notebooks(order: Sequence[str]) -> str:
    """Run the notebooks until an output differs. Returns which and where, or nothing."""
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(NOTEBOOKS)
    for name in order:
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance(history_length=0)
        if shell.history_manager:
            shell.history_manager.enabled = False
        cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        for number, cell in enumerate(code):
            now, then = _run(shell, "".join(cell["source"])), _stored(cell)
            if "source" not in cell["metadata"].get("tags", []) and now != then:
                return f"{name}, cell {number}"
    return ""


def _stored(cell: Any) -> Any:
    said: dict[str, Any] = {"error": None, "shown": [], "stdout": ""}
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            said["stdout"] += "".join(output["text"])
        elif output["output_type"] == "error":
            said |= {"error": [output["ename"], output["evalue"]], "stdout": ""}
        else:
            said["shown"].append({k: "".join(v) for k, v in output["data"].items() if k in SHOWN})
    return said


def _run(shell: Any, source: str) -> Any:
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.display_trap.hook = sys.displayhook
        result = shell.run_cell(source, store_history=True)
    error = result.error_in_exec or result.error_before_exec
    shown = [{k: v for k, v in o.data.items() if k in SHOWN} for o in captured.outputs]
    return {
        "error": [type(error).__name__, str(error)] if error else None,
        "shown": shown,
        "stdout": "" if error else captured.stdout,
    }


def clauses(asked: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Any]:
    """Explore implementations, and judge. Returns the verdicts and the sizes of each."""
    from reference_impl.contract import IMPLEMENTATIONS, Scope, explore

    found: dict[str, Any] = {}
    for name, sizes in asked:
        # what forgets to drop what it takes gets to ever new states
        seen = explore(IMPLEMENTATIONS[name], Scope(*sizes), calls=6)
        found[name] = {
            "verdicts": {id: finding.verdict for id, finding in seen.findings.items()},
            "sizes": [seen.states, seen.steps],
        }
    return found


def tests(order: Sequence[str]) -> str:
    """Run tests until one fails. Returns its file, or nothing."""
    import pytest

    class First:
        """Remembers what failed."""

        failed = ""

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed and not self.failed:
                self.failed = report.nodeid

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed and not self.failed:
                self.failed = report.nodeid

    os.chdir(ROOT)
    first = First()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        status = pytest.main(
            [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:nbval",
                "-o",
                "addopts=",
                "--import-mode=importlib",
                *order,
            ],
            plugins=[first],
        )
    return first.failed.partition("::")[0] or ("the run" if status else "")


SUITES: dict[str, Callable[..., Any]] = {
    "notebooks": notebooks,
    "clauses": clauses,
    "tests": tests,
}
