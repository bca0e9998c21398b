# SPDX-License-Identifier: GPL-2.0-only
"""A reduced exploration says what the whole one says, and reaches further."""

from __future__ import annotations

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Exploration, Scope, explore, replay, variant
from tests.repo.files import ROOT

SMALL = Scope(2, 1, 2, 2, 2)
SCOPES = [Scope(1, 0, 1, 1, 1), Scope(1, 1, 3, 2, 1), SMALL]
NOT_ALONE = """\
        if len(group.pasid_array.slots) > 1:
            raise refused(EBUSY, 'ATT-7', 'there are others')
"""
INSERT = "        if error := group.pasid_array.insert("


def said(seen: Exploration) -> dict[str, object]:
    return {
        id: (f.verdict, f.reason, f.rank, [step.key() for step in f.steps])
        for id, f in seen.findings.items()
    }


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("name", ["merged", "posted-v1", "p3", "p7"])
def test_both_agree(name: str, scope: Scope) -> None:
    whole = explore(IMPLEMENTATIONS[name], scope)
    less = explore(IMPLEMENTATIONS[name], scope, reduced=True)
    assert said(less) == said(whole)
    assert less.states == whole.states
    assert less.steps <= whole.steps
    for finding in less.findings.values():
        if finding.trace:
            assert replay(IMPLEMENTATIONS[name], finding.trace) == finding.steps


def test_one_larger_in_every_size() -> None:
    seen = explore(IMPLEMENTATIONS["model"], Scope(4, 2, 4, 3, 4), reduced=True)
    assert not seen.with_verdict("broken")
    # each PASID: nothing, or 4 domains, 2 kinds of entry, and any of all devices but the last lost;
    # in recovery: 3 slots for each PASID, each of 6 devices; 15 in the settings of one PASID
    assert seen.states == (1 + 4 * 2 * 2**3) ** 3 + 6 * 3**3 + 15
    assert "steps made" in repr(seen)


def test_pasids_that_are_joined_are_found_only_together() -> None:
    """What the reduction takes for granted, and says that it does."""
    joined = variant("model", (INSERT, NOT_ALONE + INSERT))
    scope = Scope(1, 0, 1, 3, 0)
    assert explore(joined, scope).with_verdict("broken")
    assert not explore(joined, scope, reduced=True).with_verdict("broken")


def test_a_driver_joins_pasids() -> None:
    with pytest.raises(ValueError, match="vtd has a driver, whose records join PASIDs"):
        explore(IMPLEMENTATIONS["vtd"], reduced=True)


def test_there_is_a_word_on_it() -> None:
    assert "--reduced" in (ROOT / "README.md").read_text(encoding="utf-8")
