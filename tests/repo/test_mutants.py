# SPDX-License-Identifier: GPL-2.0-only
"""What is told of mutants is true of today's code, and nobody who should notice one is missing."""

from __future__ import annotations

import json
import os

import pytest

from reference_impl.contract import CLAUSES
from tests.repo.files import ROOT
from tools.mutants.__main__ import EXPLORED, by_clauses
from tools.mutants.operators import mutants
from tools.mutants.reach import traced, whole_statements
from tools.mutants.results import BARS, Results
from tools.mutants.suites import clauses, install

CORE = "reference_impl/model/core.py"


@pytest.mark.parametrize("module", [CORE, "reference_impl/model/xarray.py"])
def test_each_mutant_is_a_program_as_long_as_the_original(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    found = mutants(text)
    assert len({mutant.key for mutant in found}) == len(found)
    assert len({mutant.text for mutant in found}) == len(found)
    for mutant in found:
        assert mutant.text != text
        assert mutant.text.count("\n") == text.count("\n")


def test_the_words_of_an_error_stay() -> None:
    text = 'def f(old):\n    raise OSError(EINVAL, f"not {old}")\n'
    assert [mutant.what for mutant in mutants(text)] == [
        'without `raise OSError(EINVAL, f"not {old}")`',
        "EBUSY for EINVAL",
    ]


def test_a_process_does_what_the_mutant_does() -> None:
    """Whoever has imported a function of it; another core does what it did."""
    text = (ROOT / CORE).read_text(encoding="utf-8")
    (mutant,) = [each for each in mutants(text) if each.what == "all but the first of `done`"]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        install(ROOT / CORE, mutant.text)
        said = clauses([("merged", (2, 0, 2, 1, 1), 3), ("model", (2, 0, 2, 1, 1), 3)])
        with os.fdopen(writer, "w") as pipe:
            json.dump(said, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.load(pipe)
    os.waitpid(child, 0)
    assert said["model"]["verdicts"]["GSP-4"][0] == "broken"
    assert said["merged"]["verdicts"]["GSP-4"] == ["held"]


def test_what_is_told_of_the_core() -> None:
    row = Results.read().rows[CORE]
    today = [mutant.key for mutant in mutants((ROOT / CORE).read_text(encoding="utf-8"))]
    assert list(row.mutants) == today, "ask again: python -m tools.mutants --module " + CORE
    assert row.asked["notebooks"] == row.asked["clauses"] == 1
    assert {suite: row.share(suite) >= bar for suite, bar in BARS.items()} == dict.fromkeys(
        BARS, True
    )


@pytest.mark.parametrize("module", Results.read().rows)
def test_reasons_are_given_for_those_that_nobody_notices(module: str) -> None:
    row = Results.read().rows[module]
    assert not [key for key in row.same if row.noticed(key, "together")], "it is none"
    assert {"notebooks", "clauses"} <= row.asked.keys()
    assert set(row.missed("together")) <= row.left.keys()


def test_a_clause_stands_for_itself() -> None:
    """It notices something alone, or no other one always notices with it, or there is a reason."""
    results = Results.read()
    alone, beside = results.only(), results.beside()
    replaced = {id for id, others in beside.items() if set.intersection(*others)}
    nothing = CLAUSES.keys() - alone.keys() - beside.keys()
    assert replaced | nothing <= results.clauses.keys() <= CLAUSES.keys() - alone.keys()


def test_each_reason_explains_something() -> None:
    results = Results.read()
    assert results.rows.keys() == EXPLORED.keys()
    assert not results.idle()


def test_a_count_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        None: {"model": {"verdicts": {"ATT-1": ["held"]}, "sizes": [1, 2]}},
        "one": {"model": {"verdicts": {"ATT-1": ["held"]}, "sizes": [1, 3]}},
    }
    monkeypatch.setattr(
        "tools.mutants.__main__.answer", lambda _module, mutant, *_: said[mutant and "one"]
    )
    (mutant, *_) = mutants("def f(old):\n    g(old)\n")
    assert by_clauses(CORE, mutant, [("model", (1, 0, 1, 1, 1), 3)]) == ["counts"]


def test_who_never_comes_by_a_line_is_not_asked() -> None:
    """The lines of what one device without faults reaches, in the model's core."""
    said, ran = traced(lambda: clauses([("model", (1, 0, 1, 1, 0), 3)]))
    assert said["model"]["verdicts"]["ATT-9"] == ["held"]
    text = (ROOT / CORE).read_text(encoding="utf-8")
    reached = whole_statements(text, set(ran[CORE]))
    never = {mutant.key for mutant in mutants(text) if mutant.line not in reached}
    assert "attach_device_pasid: without `group.pasid_array.release(pasid)`" in never
    assert "attach_device_pasid: without `group = dev.group`" not in never
    assert not [key for key in never if "group.pasid_array.store(" in key]


def test_a_statement_is_reached_as_a_whole() -> None:
    text = """
def f(old=None):
    x = g(
        old,
        h(old))
    if (x
            and old):
        g(x)
    else: return x


def never(old=1):
    return old
"""
    assert whole_statements(text, {4, 7}) == {2, 3, 4, 5, 6, 7}
    assert whole_statements(text, {9}) == {2, 9}
