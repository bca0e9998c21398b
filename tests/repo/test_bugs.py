# SPDX-License-Identifier: GPL-2.0-only
"""Each bug that Linux has had is caught as the site says, or says why it is not made again."""

from __future__ import annotations

import json
import re

from reference_impl.contract import CLAUSES
from tools import bugs

COLLECTED = {f"B{number}" for number in range(1, 42)}


def test_the_stored_catches_are_those_of_a_run() -> None:
    assert bugs.FILE.read_text(encoding="utf-8") == bugs.computed(), "run `make regen`"


def test_every_bug_is_caught_or_has_a_reason() -> None:
    data = json.loads(bugs.FILE.read_text(encoding="utf-8"))
    caught = {each["bug"] for each in data["caught"]}
    assert caught | set(data["beyond"]) == COLLECTED
    assert not caught & set(data["beyond"])
    assert all(data["beyond"].values())
    for each in data["caught"]:
        assert each["verdict"] == "broken", each
        assert each["calls"], each
        assert each["clause"] in CLAUSES


def test_they_were_fixed_in_the_releases_that_the_cards_of_their_commits_name() -> None:
    cards = (bugs.ROOT / "spec" / "reference" / "versions.md").read_text(encoding="utf-8")
    released = dict(re.findall(r":id: C-(\w+)\n:release: (\S+)\n", cards))
    data = json.loads(bugs.FILE.read_text(encoding="utf-8"))
    known = [each for each in data["caught"] if each["commit"] in released]
    assert len(known) > 20
    for each in known:
        assert each["fixed in"].split(", ")[0] == released[each["commit"]], each["bug"]
