# SPDX-License-Identifier: GPL-2.0-only
"""The runner: what must pass passes, what must fail fails and says why, what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reference_impl.contract import IMPLEMENTATIONS
from reference_impl.contract.variant import variant
from reference_impl.vectors import known, parse, read, replay
from tests.cli.command import Runner

X = known.PUBLISHED / "x"
PATH = X / "x02-replace-fails-at-the-third.toml"
TEXT = PATH.read_text(encoding="utf-8")
MODEL = known.player(IMPLEMENTATIONS["model"])

WRONG = {
    "the result": ('result = "ENOMEM"\n', 'result = "EIO"\n', "- result: EIO"),
    "a call too many": (
        '  { device = "d1", domain = "A", old = "B", sees = "hA", result = "0" },\n',
        "",
        "+ d1 sets A on PASID 5 (old: B) = 0; a page request finds hA",
    ),
    "the old domain": ('domain = "B", old = "A"', 'domain = "B", old = "none"', "(old: none)"),
    "what a page request finds": ('sees = "hA"', 'sees = "hB"', "finds hB"),
    "a WARN": ('result = "ENOMEM"\n', 'result = "ENOMEM"\nwarns = 1\n', "- warns: 1"),
    "the handle in the end": (
        '[final.pasid.5]\narray = { domain = "A", handle = "hA" }',
        '[final.pasid.5]\narray = { domain = "A", handle = "hB" }',
        "- PASID 5, array: A by hB",
    ),
    "the hardware in the end": (
        'd2 = "A" }\n\n[verdict]',
        'd2 = "B" }\n\n[verdict]',
        "- PASID 5, d2 reaches: B",
    ),
    "a reset in the end": (
        "[final.pasid.5]",
        '[final]\nresetting = ["d0"]\n\n[final.pasid.5]',
        "- resetting: d0",
    ),
    "a fault that never comes up": (
        'error = "ENOMEM" },\n',
        'error = "ENOMEM" },\n  { device = "d2", domain = "A", error = "EIO" },\n',
        "! never came up, so it could not fail: d2 sets A (EIO)",
    ),
}


def test_what_is_right_holds() -> None:
    assert replay(read(PATH), MODEL).verdict == "holds"


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_differs(what: str) -> None:
    old, new, line = WRONG[what]
    assert old in TEXT
    outcome = replay(parse(TEXT.replace(old, new, 1).encode(), "x"), MODEL)
    assert outcome.verdict == "differs"
    assert any(line in each for each in outcome.differences), outcome.differences


def test_an_implementation_of_ones_own_is_judged() -> None:
    core = variant("model", ("for dev in done:", "for dev in group.capable():"), name="mine")
    outcome = replay(read(PATH), known.player(core))
    assert outcome.verdict == "breaks GSP-3, GSP-6"
    assert "  + d2 sets A on PASID 5 (old: B) = 0; a page request finds hA" in outcome.differences


def test_replay_says_how_many_hold(command: Runner) -> None:
    done = command("replay", str(X), "det-7-core-1")
    assert done.status == 0
    assert "model: 25 vectors, 25 hold, 0 differ, 0 left out" in done.out
    assert "x02-replace-fails-at-the-third: holds\n" in done.out


def test_replay_shows_what_differs(command: Runner) -> None:
    done = command("replay", str(PATH), "--on", "p2")
    assert done.status == 1
    assert "    - d0 sets A on PASID 5 (old: B) = 0; a page request finds A\n" in done.out
    assert "    + d2 sets blocked on PASID 5 (old: A) = 0; a page request finds A\n" in done.out
    assert "p2: 1 vector, 0 hold, 1 differ, 0 left out" in done.out


def test_replay_gives_one_json_object(command: Runner) -> None:
    data = command("replay", str(PATH), "x09-the-handle-in-use", "--on=p2", "--json").data
    assert data["on"] == "p2"
    assert data["counts"] == {"breaks": 1, "lacks": 1}
    assert data["vectors"]["x09-the-handle-in-use"]["verdict"] == "lacks handles"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "no vector 'nosuch'"),
        (("",), "no vector ''"),
        (("~nobody-of-that-name/x",), "no vector '~nobody-of-that-name/x'"),
        (("{}/circle.toml", "{}/circle.toml"), "no vector"),
        (("{}",), "circle.toml: "),
        (("x02-replace-fails-at-the-thrid",), "did you mean x02-replace-fails-at-the-third?"),
        (("--on", "nosuch"), "no implementation 'nosuch'"),
        (("{}/empty",), "there is no vector (*.toml) in"),
        (("{}/bad.toml",), "not TOML"),
        (("{}/bad.toml", "--json"), "not TOML"),
        (("{}/x02-replace-fails-at-the-third.toml", str(PATH)), "two vectors have the name"),
    ],
)
def test_wrong_input_gets_one_line(
    command: Runner, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    if "/" in words[0]:
        (tmp_path / "bad.toml").write_text("a = [", encoding="utf-8")
        (tmp_path / PATH.name).write_text(TEXT, encoding="utf-8")
    if "{}" in words[0]:
        (tmp_path / "empty").mkdir()
        (tmp_path / "circle.toml").symlink_to("circle.toml")
    done = command("replay", *(word.format(tmp_path) for word in words))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("pasid-spec: ")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_vectors_are_listed_and_exported(command: Runner, tmp_path: Path) -> None:
    listed = command("vectors")
    assert "x02-replace-fails-at-the-third" in listed.out
    assert len(listed.out.splitlines()) == len(known.paths(known.PUBLISHED))
    assert command("vectors", "--export", "json", str(tmp_path / "new")).status == 0
    data = json.loads((tmp_path / "new" / f"{PATH.stem}.json").read_text(encoding="utf-8"))
    assert data == read(PATH).text | {"format": 1}


def test_what_cannot_be_written_is_said(command: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = command("vectors", "--export", "json", str(tmp_path / "file"))
    assert done.status
    assert done.err.count("\n") == 1
    assert command("vectors", "--export", "xml", str(tmp_path)).status == 2
