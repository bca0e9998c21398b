# SPDX-License-Identifier: GPL-2.0-only
"""What ``--json`` prints. Programs rely on these shapes: they may grow, and never change."""

from __future__ import annotations

import pytest

from reference_impl.contract import CLAUSES, CORES
from tests.cli.command import SMALL, Runner

VERDICTS = {"held", "broken", "not-applicable", "not-promised"}
SCOPE = {"devices": 2, "incapable": 1, "domains": 2, "pasids": 1, "faults": 2}


@pytest.mark.parametrize("name", ["model", "posted-v1", "merged"])
def test_check(command: Runner, name: str) -> None:
    done = command("check", name, *SMALL, "--json")
    assert list(done.data) == ["implementation", "scope", "clauses"]
    assert done.data["implementation"] == name
    assert done.data["scope"] == SCOPE
    clauses = done.data["clauses"]
    assert list(clauses) == list(CLAUSES)
    for clause in clauses.values():
        assert list(clause) == ["verdict", "reason", "trace"]
        assert clause["verdict"] in VERDICTS
        assert bool(clause["reason"]) == (clause["verdict"] != "held")
        assert bool(clause["trace"]) == (clause["verdict"] == "broken")
    assert done.status == (1 if name == "posted-v1" else 0)
    idle = {
        "verdict": "not-applicable",
        "reason": "no step in this scope is about it",
        "trace": [],
    }
    # the model's other calls have DMA without a PASID beside the only one
    assert (clauses["INV-8"] == idle) == (name != "model")


def test_a_trace(command: Runner) -> None:
    clauses = command("check", "posted-v1", *SMALL, "--json").data["clauses"]
    assert clauses["VIS-2"]["verdict"] == "not-promised"
    assert clauses["VIS-2"]["reason"] == "posted-v1 has no handles"
    attach, replace = clauses["REP-14"]["trace"]
    assert attach["operation"] == {"kind": "attach", "device": "d0", "pasid": 1, "domain": "A"}
    assert attach["before"] == {
        "array": None,
        "hardware": {"d0": None, "n0": None, "d1": None},
    }
    assert attach["after"] == {
        "array": {"domain": "A", "handle": None},
        "hardware": {"d0": "A", "n0": None, "d1": "A"},
    }
    assert attach["setting"] == "group"
    assert attach["result"] == 0
    assert attach["events"][:4] == [
        ["lock"],
        ["array", 1, ["A", None]],
        ["call", "d0", "A", "A", 1, "A"],
        ["entry", "d0", 1, "A"],
    ]
    assert replace["operation"]["kind"] == "replace"
    assert replace["before"] == attach["after"]


def test_explore(command: Runner) -> None:
    done = command("explore", "merged", *SMALL, "--json")
    assert done.status == 0
    assert done.data["implementation"] == "merged"
    assert done.data["scope"] == SCOPE
    assert set(done.data["verdicts"]) == VERDICTS
    assert sum(done.data["verdicts"].values()) == len(CLAUSES)
    numbers = [done.data[name] for name in ("states", "different", "steps")]
    assert numbers == sorted(numbers)
    assert all(isinstance(number, int) for number in numbers)
    assert isinstance(done.data["seconds"], float)
    assert len(done.data) == 7


def test_explore_judges_and_does_not_condemn(command: Runner) -> None:
    done = command("explore", "posted-v1", *SMALL, "--json")
    assert done.data["verdicts"]["broken"] > 0
    assert done.status == 0


def test_requests(command: Runner) -> None:
    done = command("requests", "p3", "--json")
    assert done.status == 1
    assert done.data["scope"] == {**SCOPE, "incapable": 0, "domains": 2, "pasids": 1, "faults": 1}
    assert done.data["interleavings"] > done.data["fates"] > done.data["operations"] > 100
    verdicts = {id: each["verdict"] for id, each in done.data["clauses"].items()}
    assert verdicts == {"VIS-6": "broken", "VIS-7": "held", "VIS-8": "broken", "VIS-9": "held"}
    assert len(done.data["clauses"]["VIS-8"]["trace"]) == 2
    assert command("requests", "--devices=1", "--domains=1", "--json").status == 0


def test_matrix(command: Runner) -> None:
    done = command("matrix", *SMALL, "--json")
    assert done.status == 0
    assert list(done.data) == ["implementations"]
    implementations = done.data["implementations"]
    assert list(implementations) == list(CORES)
    for verdicts in implementations.values():
        assert list(verdicts) == list(CLAUSES)
        assert all(list(each) == ["verdict"] for each in verdicts.values())
        assert {each["verdict"] for each in verdicts.values()} <= VERDICTS
    assert implementations["posted-v1"]["REP-7"] == {"verdict": "broken"}
    assert implementations["model"]["REP-7"] == {"verdict": "held"}
    done = command("matrix", "model", *SMALL, "--json")
    assert done.data == {"implementations": {"model": implementations["model"]}}


def test_explain_a_clause(command: Runner) -> None:
    clause = CLAUSES["REP-7"]
    assert command("explain", "REP-7", "--json").data == {
        "clause": "REP-7",
        "title": clause.title,
        "statement": clause.statement,
        "since": "6.15",
        "on": ["replace"],
        "refuses": "EINVAL",
        "needs": None,
        "sources": list(clause.sources),
        "checked_by": "reference_impl/contract/clauses/replace.py:not_attached",
    }


NAMED = ["VTD-14", "GRP-1", "RST-8", "OWN-3", "SVA-1", "IFD-14"]
"""The clauses that name EBUSY, but refuse no call of the three with it."""


def test_explain_an_errno(command: Runner) -> None:
    data = command("explain", "EBUSY", "--json").data
    assert list(data) == ["errno", "number", "refusals", "named_in"]
    assert (data["errno"], data["number"], data["named_in"]) == ("EBUSY", 16, NAMED)
    assert data["refusals"][0] == {
        "call": "attach",
        "clause": "ATT-4",
        "title": CLAUSES["ATT-4"].title,
        "check": 4,
        "of": 6,
    }
    assert [(each["call"], each["clause"]) for each in data["refusals"]] == [
        ("attach", "ATT-4"),
        ("attach", "ATT-7"),
        ("replace", "REP-4"),
        ("handle_get", "VIS-3"),
        ("iommufd_attach", "IFD-3"),
        ("iommufd_destroy", "IFD-20"),
    ]
    assert command("explain", "EACCES", "--json").data["refusals"] == []
    assert command("explain", "ENOMEM", "--json").data["named_in"] == ["ATT-7", "IFD-14"]
