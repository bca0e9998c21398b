# SPDX-License-Identifier: GPL-2.0-only
"""The verdicts on the site are those that a run gives today, and none lacks its reason."""

from __future__ import annotations

import json

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS
from tools import matrix


def test_the_stored_verdicts_are_those_of_a_run() -> None:
    assert matrix.FILE.read_text(encoding="utf-8") == matrix.computed(), "run `make regen`"


def test_no_cell_is_empty_without_a_reason() -> None:
    cells = json.loads(matrix.FILE.read_text(encoding="utf-8"))["implementations"]

    assert list(cells) == list(IMPLEMENTATIONS)
    for name, verdicts in cells.items():
        assert list(verdicts) == list(CLAUSES)
        for id, cell in verdicts.items():
            if cell["verdict"] == "broken":
                assert cell["reason"], f"{name} {id}"
                assert cell["calls"], f"{name} {id}"
            elif cell["verdict"] != "held":
                assert cell["reason"], f"{name} {id}"


def test_every_design_but_the_merged_one_breaks_something() -> None:
    cells = json.loads(matrix.FILE.read_text(encoding="utf-8"))["implementations"]
    broken = {name for name, of in cells.items() if "broken" in {c["verdict"] for c in of.values()}}

    assert broken == set(IMPLEMENTATIONS) - {"model", "merged"}
