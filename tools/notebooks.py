# SPDX-License-Identifier: GPL-2.0-only
"""The form in which notebooks are committed, and the clauses written into them.

Nothing here runs a cell: :mod:`tools.regen` does, and the tests compare with what it writes.
"""

from __future__ import annotations

import copy
import errno
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

if TYPE_CHECKING:  # importing it runs the package
    from reference_impl.contract import Clause

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "spec" / "notebooks"

#: The cell tags in use, and what each means. A cell tagged ``raises-exception`` has one more
#: tag, that says what it raises: the name of an errno (an ``OSError`` with it) or of a type. The
#: first `make regen` adds it; from then on another error fails.
TAGS = {
    "raises-exception": "the cell must end in the error that its other tag names",
    "source": "its output lists source code, so it says nothing about behaviour",
    "exercise": "code that the reader is asked to change",
    "hide-input": "the site folds the code",
    "hide-output": "the site folds the output",
    "hide-cell": "the site folds both",
    "remove-input": "the site leaves the code out",
}
RAISED = {"AssertionError", "TypeError", "ValueError"}
#: By the kernel's names: of two for one number, Python lists the other for EOPNOTSUPP.
ERRNOS = {*errno.errorcode.values(), "EOPNOTSUPP"} - {"ENOTSUP"}

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("mystnb", "tags")

_FENCE = re.compile(r"^(?P<ticks>`{3,})\{clause\}.*?^(?P=ticks)[ ]*$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"^:id:\s*(\S+)\s*$", re.MULTILINE)


class NotebookError(Exception):
    """A notebook that cannot be written; the message says which, where and why."""


def environment() -> dict[str, str]:
    """What every kernel needs: this checkout's package, one order of sets, no reader's set-up.

    Returns:
        Environment variables, for the process that starts kernels.
    """
    ipython = ROOT / "_build" / "ipython"
    try:
        _write_profile(ipython)
    except OSError:  # a checkout that cannot be written
        ipython = Path(tempfile.gettempdir()) / f"pasid-spec-ipython-{os.getuid()}"
        _write_profile(ipython)
    return {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "IPYTHONDIR": str(ipython)}


def _write_profile(ipython: Path) -> None:
    profile = ipython / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    # else each kernel says that it runs over TCP without encryption
    config = 'c = get_config()\nc.IPKernelApp.log_level = "ERROR"\n'
    (profile / "ipython_kernel_config.py").write_text(config, encoding="utf-8")


def prepare_kernels() -> None:
    """Put :func:`environment` in force; kernels started from here inherit it."""
    os.environ.update(environment())


def paths() -> list[Path]:
    """Every notebook of the document, in reading order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def expected_error(tags: list[str]) -> str | None:
    """What a cell with these tags must raise: an errno's name, a type's name, or None.

    Raises:
        ValueError: if ``raises-exception`` does not go with exactly one such name.
    """
    names = [tag for tag in tags if names_error(tag)]
    if "raises-exception" not in tags:
        if names:
            raise ValueError(f"the tag {names[0]} needs raises-exception beside it")
        return None
    if len(names) != 1:
        allowed = ", ".join(sorted(RAISED))
        raise ValueError(
            f"raises-exception needs one tag beside it: an errno such as EBUSY, or {allowed}"
        )
    return names[0]


def names_error(tag: str) -> bool:
    """Whether a tag says what a cell raises."""
    return tag in RAISED or tag in ERRNOS


def error_tag(error: Mapping[str, Any]) -> str | None:
    """The tag that says what an error output is, or None if there is none for it."""
    return next((name for name in sorted(RAISED | ERRNOS) if is_expected(error, name)), None)


def is_expected(error: Mapping[str, Any], name: str) -> bool:
    """Whether a stored error output is the error that a tag names."""
    if name in RAISED:
        return bool(error["ename"] == name)
    # Python has subclasses of OSError for some errnos, such as FileExistsError
    number = getattr(errno, name)
    kind = type(OSError(number, "")).__name__
    return bool(error["ename"] == kind and error["evalue"].startswith(f"[Errno {number}]"))


def clause_directive(clause: Clause) -> str:
    """A clause as the directive that stands in the document, all of it from the registry."""
    cited, named = [], []
    for source in clause.sources:
        commit = re.fullmatch(r"commit ([0-9a-f]{12})", source)
        if commit:
            cited.append(f"C-{commit[1]}")
        elif re.fullmatch(r"MSG-\d+", source):
            cited.append(source)
        else:
            named.append(source)
    options = {
        "id": clause.id,
        "since": clause.since,
        "sources": "; ".join(named),
        "derived_from": ", ".join(cited),
        "checked_by": f"{clause.predicate.__module__}.{clause.predicate.__name__}",
    }
    lines = [f":{name}: {value}" for name, value in options.items() if value]
    return "\n".join(
        [f"```{{clause}} {clause.title}", *lines, "", one_line(clause.statement), "```"]
    )


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def with_clauses(source: str, clauses: Mapping[str, Clause]) -> str:
    """A Markdown cell with each clause directive as the registry has it.

    Raises:
        NotebookError: if a directive has no id, or one that the registry lacks.
    """

    def written(fence: re.Match[str]) -> str:
        found = _ID.search(fence[0])
        if not found:
            raise NotebookError(f"a clause has no :id: line: {fence[0].splitlines()[0]}")
        if found[1] not in clauses:
            raise NotebookError(f"{found[1]} is not in reference_impl.contract.CLAUSES")
        return clause_directive(clauses[found[1]])

    return _FENCE.sub(written, source)


def clause_ids(notebook: NotebookNode) -> list[str]:
    """The ids of the clauses that a notebook states, in their order."""
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    fences = (fence[0] for source in cells for fence in _FENCE.finditer(source))
    return [found[1] for fence in fences if (found := _ID.search(fence))]


def outputs_as_stored(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """A cell's outputs without what differs from run to run or from checkout to checkout.

    A traceback would name this machine's paths and the package's line numbers: of an error,
    its type and its message remain.
    """
    stored = []
    for output in copy.deepcopy(outputs):
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
        elif "metadata" in output:
            output.metadata = nbformat.from_dict({})
        output.pop("transient", None)
        stored.append(output)
    return stored


def normalise(notebook: NotebookNode, clauses: Mapping[str, Clause]) -> NotebookNode:
    """The notebook in the committed form; its outputs and counts stay as they are."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number}")
        kept = {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "markdown":
            cell.source = with_clauses(cell.source, clauses)
        elif cell.cell_type == "code":
            cell.outputs = outputs_as_stored(cell.outputs)
    return notebook


def read(path: Path) -> NotebookNode:
    """A notebook as its file has it, not repaired.

    Raises:
        NotebookError: if the file holds no notebook of format 4.
    """
    try:
        found: NotebookNode = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, AttributeError) as err:
        raise NotebookError(f"not a notebook: {err}") from err
    return found


def text(notebook: NotebookNode) -> str:
    """The text of a notebook's file."""
    return f"{nbformat.v4.writes(notebook)}\n"
