# SPDX-License-Identifier: GPL-2.0-only
"""The three suites that a mutant is given to, each in a process of its own.

A process does what the mutant does, and reads everything else from the checkout. What lists the
module's source lists the original, so such an output never counts as noticed; and variants are made
of the original, so that the text they change is there.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from reference_impl.contract.clause import Predicate, Verdict
from reference_impl.contract.step import Step
from reference_impl.contract.walk import Walk
from tools.matrix import EndlessError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "spec" / "notebooks"
MOST = 1_000
"""No driver gets to so many states in a notebook, a test, or in what clauses are asked about."""
SHOWN = ("text/plain", "text/html", "text/markdown", "image/svg+xml")


def prepare() -> None:
    """Import once, in the process that all others are forked from, what takes a moment."""
    from IPython.core.interactiveshell import InteractiveShell

    for part in ("boot", "campaign", "cli", "linux", "present", "vectors"):
        importlib.import_module(f"reference_impl.{part}")
    for each in ("_pytest.pastebin", "hypothesis.stateful", "jsonschema", "sphinx.util.docutils"):
        importlib.import_module(each)
    InteractiveShell.instance(history_length=0)
    Walk.__iter__ = _with_an_end(Walk.__iter__)  # type: ignore[method-assign]


def _with_an_end(steps: Callable[[Walk], Iterator[Any]]) -> Callable[[Walk], Iterator[Any]]:
    """An exploration, and an error where a driver gets to ever new states."""

    def checked(walk: Walk) -> Iterator[Any]:
        for each in steps(walk):
            if walk.setting.driver and len(walk.came) > MOST:
                raise EndlessError
            yield each

    return checked


def install(path: Path, text: str) -> None:
    """From now on every function of a module does what it does in that text."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name)
    changed = ModuleType(name)
    changed.__dict__.update(__package__=module.__package__, __file__=str(path))
    exec(compile(text, str(path), "exec"), changed.__dict__)
    new = {where: function for where, _, function in _functions(changed)}
    for where, owner, function in _functions(module):
        made = new[where]
        if len(made.__code__.co_freevars) == len(function.__code__.co_freevars):
            # whoever holds the function, by whatever name, has the changed one
            function.__code__, function.__defaults__ = made.__code__, made.__defaults__
        else:  # a method that does not ask its base class any more
            again = FunctionType(made.__code__, function.__globals__, argdefs=made.__defaults__)
            setattr(owner, where.rpartition(".")[2], again)


def _functions(module: ModuleType) -> Iterator[tuple[str, Any, FunctionType]]:
    """The functions of a module and the methods of its classes: where, whose, and itself."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", "") != module.__name__:
            continue
        if isinstance(value, type):
            for inner, each in vars(value).items():
                for part in ("", "fget", "fset", "__func__"):
                    method = getattr(each, part, None) if part else each
                    if isinstance(method, FunctionType) and method.__module__ == module.__name__:
                        yield f"{name} {part}.{inner}", value, method
        else:
            function = getattr(value, "__wrapped__", value)
            if isinstance(function, FunctionType):
                yield name, module, function


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


def clauses(asked: Sequence[tuple[str, Sequence[int], int]]) -> dict[str, Any]:
    """Explore implementations, and judge. Returns what is said by each clause, and the sizes.

    That is a verdict, and each reason for which it is broken: where something is broken already, to
    break it in another way is to be noticed too.
    """
    from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, Scope, explore
    from reference_impl.drivers import Mock

    with_mock = replace(IMPLEMENTATIONS["iommufd"], driver=Mock)
    every = {**IMPLEMENTATIONS, "iommufd with mock": with_mock}
    found: dict[str, Any] = {}
    for name, sizes, calls in asked:
        reasons: dict[str, set[str]] = {id: set() for id in CLAUSES}
        heard = [
            replace(each, predicate=_heard(each.predicate, reasons[each.id]))
            for each in CLAUSES.values()
        ]
        seen = explore(every[name], Scope(*sizes), heard, calls=calls)
        found[name] = {
            "verdicts": {
                id: [finding.verdict, *sorted(reasons[id])] for id, finding in seen.findings.items()
            },
            "sizes": [seen.states, seen.steps],
        }
    return found


def _heard(predicate: Predicate, reasons: set[str]) -> Predicate:
    def judge(step: Step) -> Verdict:
        if isinstance(said := predicate(step), str):
            named = {*(each.name for each in step.setting.devices), *step.specs}
            # of whom it is said depends on how many steps there are
            words = re.findall(r"[\w-]+|[^\w-]+", said)
            reasons.add("".join("·" if w in named or w.isdecimal() else w for w in words))
        return said

    return judge


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
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-o", "addopts="]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # some are imported already
    # to collect all of them takes longer than most mutants
    for part in filter(None, (order[:2], order[2:])):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = pytest.main([*options, "--import-mode=importlib", *part], plugins=[first])
        if first.failed or status:
            return first.failed.partition("::")[0] or "the run"
    return ""


SUITES: dict[str, Callable[..., Any]] = {
    "notebooks": notebooks,
    "clauses": clauses,
    "tests": tests,
}
