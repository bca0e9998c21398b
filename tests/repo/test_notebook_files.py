# SPDX-License-Identifier: GPL-2.0-only
"""The notebook files themselves: what nbval does not look at."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest

from tools import notebooks

PATHS = notebooks.paths()
MIME_TYPES = {"text/plain", "text/html", "text/markdown"}

# what a reader can take in, and what keeps a diff readable
TEXT_LINES = 60
LISTING_LINES = 150
LINE_LENGTH = 120
OUTPUT_BYTES = 60_000

UNSTABLE = {
    "a path of one machine": r"(?<![\w.~/-])/(?:home|root|Users|tmp|work|usr|opt|var|private)/",
    "an address": r"\bat 0x[0-9a-f]+|\b0x[0-9a-f]{8,}\b",
    "a timing": r"\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|sec|secs|seconds?|minutes?)\b",
    "a time of day": r"\b\d\d:\d\d:\d\d\b",
    "an escape sequence": "\x1b",
}


def test_there_are_notebooks() -> None:
    assert PATHS, "spec/notebooks is empty: nothing is specified"


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return notebooks.read(request.param)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(output: Any) -> dict[str, str]:
    """The texts of one output, by kind; of HTML, what is not markup."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"error": f"{output.ename}: {output.evalue}"}
    return {
        kind: re.sub(r"<[^>]*>", " ", text) if kind == "text/html" else text
        for kind, text in output.data.items()
    }


def test_is_a_valid_notebook(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids)), "two cells have one id"


def test_kernel_is_the_one_every_environment_has(notebook: Any) -> None:
    # nbval answers another name with a traceback of 200 lines
    assert notebook.metadata == notebooks.METADATA


def test_every_cell_was_run_in_order(notebook: Any) -> None:
    # nbval compares nothing where the count is null
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "run `make regen`"
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.get("execution_count", cell.execution_count) == cell.execution_count


def test_tags_are_known(notebook: Any) -> None:
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and notebooks.expected_error(tags):
            tags = [tag for tag in tags if tag != notebooks.expected_error(tags)]
        unknown = set(tags) - notebooks.TAGS.keys()
        assert not unknown, f"{sorted(unknown)}: the tags are in tools/notebooks.py"


def test_what_should_raise_has_raised(notebook: Any) -> None:
    # nbval and the site accept a cell that is tagged raises-exception and raises nothing
    for number, cell in enumerate(code(notebook)):
        expected = notebooks.expected_error(cell.metadata.get("tags", []))
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert len(errors) == (expected is not None), f"code cell {number}"
        for error in errors:
            found = f"code cell {number} is tagged {expected}, but stores {error.ename}"
            assert notebooks.is_expected(error, expected), f"{found}: {error.evalue}"


def test_no_cell_escapes_the_comparison(notebook: Any) -> None:
    for number, cell in enumerate(code(notebook)):
        assert cell.source.strip(), f"code cell {number} is empty"
        # nbval passes a cell that begins with an unknown magic, and the rest of it never runs
        magic = re.search(r"^\s*[%!]", cell.source, re.MULTILINE)
        assert not magic, f"code cell {number} uses a magic or a shell command"
        assert "NBVAL_" not in cell.source, f"code cell {number} switches nbval off"


def test_outputs_are_the_same_everywhere(notebook: Any) -> None:
    for number, cell in enumerate(code(notebook)):
        for output in cell.outputs:
            for kind, text in shown(output).items():
                assert kind != "stderr", f"code cell {number} warns: {text}"
                for what, pattern in UNSTABLE.items():
                    found = re.search(pattern, text)
                    assert not found, f"code cell {number} shows {what}: {found[0]!r} in {kind}"


def test_outputs_are_of_kinds_that_are_compared(notebook: Any) -> None:
    for number, cell in enumerate(code(notebook)):
        for output in cell.outputs:
            kinds = set(output.get("data", {}))
            assert kinds <= MIME_TYPES, f"code cell {number} shows {sorted(kinds - MIME_TYPES)}"
            html = output.get("data", {}).get("text/html", "")
            assert "<script" not in html, f"code cell {number} brings a script"
            foreign = re.search(r"""(?:src|href)=["'](?:https?:)?//""", html)
            assert not foreign, f"code cell {number} loads something from another host"


def test_outputs_are_small(notebook: Any) -> None:
    for number, cell in enumerate(code(notebook)):
        limit = LISTING_LINES if "source" in cell.metadata.get("tags", []) else TEXT_LINES
        for output in cell.outputs:
            for kind, text in output.get("data", {}).items():
                size = len(text.encode())
                assert size <= OUTPUT_BYTES, f"code cell {number}: {size} bytes of {kind}"
            for kind, text in shown(output).items():
                if kind == "text/html":
                    continue
                lines = text.splitlines()
                assert len(lines) <= limit, f"code cell {number}: {len(lines)} lines of {kind}"
                if kind != "text/markdown":
                    width = max(map(len, lines), default=0)
                    assert width <= LINE_LENGTH, f"code cell {number}: a line of {width} characters"
