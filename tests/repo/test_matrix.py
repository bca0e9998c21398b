# SPDX-License-Identifier: GPL-2.0-only
"""The verdicts on the site are those that a run gives today, and none lacks its reason."""

from __future__ import annotations

import json

import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS, variant
from tools import matrix


def test_the_stored_verdicts_are_those_of_a_run() -> None:
    assert matrix.FILE.read_text(encoding="utf-8") == matrix.computed(), "run `make regen`"


def test_an_exploration_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    forget = "        self.count(self.dev_pasids, (pasid, domain.name, dev.name), -1)\n"
    leaking = variant("vtd-repaired", (forget, ""), of="driver", name="leaking")
    monkeypatch.setitem(IMPLEMENTATIONS, "leaking", leaking)
    monkeypatch.setattr(matrix, "MOST", 200)
    with pytest.raises(matrix.EndlessError, match="leaking gets to more than 200 states"):
        matrix.seen("drivers", "leaking")


def verdicts(part: str) -> dict[str, dict[str, dict[str, object]]]:
    found = json.loads(matrix.FILE.read_text(encoding="utf-8"))[part]["implementations"]
    assert isinstance(found, dict)
    return found


def test_every_implementation_is_there() -> None:
    judged = [name for part in matrix.PARTS for name in verdicts(part)]
    assert sorted(judged) == sorted(IMPLEMENTATIONS)


@pytest.mark.parametrize("part", matrix.PARTS)
def test_no_cell_is_empty_without_a_reason(part: str) -> None:
    for name, of in verdicts(part).items():
        assert list(of) == list(CLAUSES)
        for id, cell in of.items():
            if cell["verdict"] == "broken":
                assert cell["calls"], f"{name} {id}"
            if cell["verdict"] != "held":
                assert cell["reason"], f"{name} {id}"


def test_every_design_but_the_merged_one_breaks_something() -> None:
    designs = verdicts("designs")
    broken = {n for n, of in designs.items() if "broken" in {c["verdict"] for c in of.values()}}

    assert broken == set(designs) - {"model", "merged"}
