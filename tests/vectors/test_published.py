# SPDX-License-Identifier: GPL-2.0-only
"""What is published holds, is complete, says of everybody what is true, and is never changed."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from reference_impl.contract import CLAUSES, IMPLEMENTATIONS
from reference_impl.contract.bugs import BUGS
from reference_impl.vectors import Outcome, Vector, known, read, replay
from reference_impl.vectors.operations import OPERATIONS
from reference_impl.vectors.playing import Played
from reference_impl.vectors.writing import as_toml, fingerprint
from tools import matrix, vectors

FILES = known.paths(known.PUBLISHED)


@cache
def published() -> dict[Path, Vector]:
    return {path: read(path) for path in FILES}


class Remembers:
    """A player that plays each of the published vectors once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._player = known.player(IMPLEMENTATIONS[name])
        self._played: dict[str, Played] = {}

    def play(self, vector: Vector) -> Played:
        """Play it, or say what came of it before."""
        if vector.name not in self._played:
            self._played[vector.name] = self._player.play(vector)
        return self._played[vector.name]


@cache
def players() -> dict[str, Remembers]:
    return {name: Remembers(name) for name in IMPLEMENTATIONS}


@cache
def outcomes() -> dict[str, dict[str, Outcome]]:
    """What becomes of each vector on each implementation, by their names."""
    return {
        each.name: {name: replay(each, player) for name, player in players().items()}
        for each in published().values()
    }


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(FILES) >= 300
    assert len({path.stem for path in FILES}) == len(FILES)


def test_every_vector_holds_on_the_model() -> None:
    differ = {name: of["model"] for name, of in outcomes().items()}
    assert {name for name, each in differ.items() if each.verdict != "holds"} == set()


def test_the_verdicts_are_those_of_a_run() -> None:
    for vector in published().values():
        for name, outcome in outcomes()[vector.name].items():
            said = vector.verdict.get(name)
            if said is None:
                assert outcome.verdict.startswith(vectors.SILENT), f"{vector.name} on {name}"
            else:
                assert said == outcome.verdict, f"{vector.name} on {name}"


def test_every_counterexample_of_the_site_has_a_vector() -> None:
    table = json.loads(matrix.FILE.read_text(encoding="utf-8"))
    cells = {
        (name, id)
        for part in table.values()
        for name, of in part["implementations"].items()
        for id, cell in of.items()
        if cell["verdict"] == "broken"
        and id not in vectors.BEYOND
        and (name, id) not in vectors.UNSHOWN
    }
    cells |= {(id, bug.clause) for id, bug in BUGS.items()}
    shown = {
        (name, id)
        for each in published().values()
        for name, said in each.verdict.items()
        for id in vectors.broken(said)
    }
    assert len(cells) > 100
    assert cells - shown == set(), "run `make regen`"


def test_the_bugs_are_caught() -> None:
    bugs = {id: known.player(bug.made_again()) for id, bug in BUGS.items()}
    for each in published().values():
        for id in set(each.verdict) & set(bugs):
            assert replay(each, bugs[id]).verdict == each.verdict[id]


def test_every_clause_has_a_vector() -> None:
    covered = {id for each in published().values() for id in each.clauses}
    assert set(CLAUSES) == covered | set(vectors.BEYOND)
    assert not covered & set(vectors.BEYOND)


def test_what_exploring_is_about_a_vector_is_about() -> None:
    """Each clause, with each implementation that the site's matrix has a verdict of."""
    for name, player in players().items():
        assert vectors.idle(player, published().values()) == [], f"{name}: run `make regen`"


def test_the_clauses_that_a_vector_names_are_about_it() -> None:
    for vector in published().values():
        # the model plays it with the driver that the vector names
        judged = players()["model"].play(vector).judged
        held = {id for id, holds in judged.items() if holds}
        broken = {id for said in vector.verdict.values() for id in vectors.broken(said)}
        assert held
        assert set(vector.clauses) <= held | broken, vector.name


def test_every_operation_occurs() -> None:
    done = {step.operation for each in published().values() for step in each.steps}
    assert done == set(OPERATIONS)


def test_published_vectors_are_not_changed() -> None:
    prints = json.loads(vectors.PRINTS.read_text(encoding="utf-8"))
    found = {path.relative_to(known.PUBLISHED).as_posix(): v for path, v in published().items()}
    gone = prints.keys() - found.keys()
    assert not gone, "a published vector stays; one that is wrong gets a note"
    unrecorded = found.keys() - prints.keys()
    assert not unrecorded, "run `make regen`, which records new vectors"
    changed = [name for name, each in found.items() if fingerprint(each) != prints[name]]
    assert not changed, "a published vector says for ever what it says: add another"


def test_a_change_would_be_noticed() -> None:
    vector = published()[FILES[0]]
    changed = {**vector.text, "title": "another"}
    judged = {**vector.text, "verdict": {}, "note": "now with one"}
    assert fingerprint(vector._replace(text=changed)) != fingerprint(vector)
    assert fingerprint(vector._replace(text=judged)) == fingerprint(vector)


def test_they_are_written_in_one_form() -> None:
    for path, vector in published().items():
        assert path.read_text(encoding="utf-8") == as_toml(vector), path


def test_they_are_a_screenful() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in FILES]
    assert max(lines) <= 120
    assert sorted(lines)[len(lines) // 2] <= 60


def test_the_schema_fits_them_all() -> None:
    schema = json.loads((known.PUBLISHED / "schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for path in FILES[::4]:
        validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))
    kinds = schema["$defs"]["step"]["properties"]["operation"]["enum"]
    assert set(kinds) == set(OPERATIONS)


@pytest.mark.parametrize("kind", ["", "smmuv3", "amd", "mock", "vtd"])
def test_every_kind_of_implementation_has_vectors(kind: str) -> None:
    assert sum(each.group.family == kind for each in published().values()) > 15
