# SPDX-License-Identifier: GPL-2.0-only
"""Calls by hand, and two implementations side by side."""

from __future__ import annotations

import json
from errno import EIO

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Scope, Session, differences, variant
from reference_impl.contract.setting import NEW, PUBLISHED, STRAY
from reference_impl.contract.step import Entry


def test_a_session_remembers() -> None:
    session = Session(devices=2)
    assert session.attach("A").result == 0
    assert session.state.rows[0].slot == Entry("A", PUBLISHED)
    replace = session.replace("B", fail="d1")
    assert replace.result == -EIO
    assert [call.device for call in replace.calls] == ["d0", "d1", "d0"]
    assert session.state.rows[0].slot == Entry("A", PUBLISHED)
    assert session.handle_get(type="sva").outcome == "-EBUSY"
    assert session.handle_get().found == PUBLISHED
    assert session.detach("A").result == 0
    assert [step.operation.kind for step in session.steps] == [
        "attach",
        "replace",
        "handle_get",
        "handle_get",
        "detach",
    ]


def test_faults_are_named() -> None:
    assert Session().attach("A", fail="memory").outcome == "-ENOMEM"
    session = Session(devices=3)
    session.attach("A")
    step = session.replace("B", fail="d2 d0")
    assert [(call.device, call.domain, bool(call.error)) for call in step.calls] == [
        ("d0", "B", False),
        ("d1", "B", False),
        ("d2", "B", True),
        ("d0", "A", True),
        ("d0", "blocked", False),
        ("d1", "A", False),
    ]
    assert step.warnings == 1


@pytest.mark.parametrize(("fail", "dev"), [("d7", ""), ("memory memory", ""), ("", "d7")])
def test_what_cannot_be_is_refused(fail: str, dev: str) -> None:
    session = Session()
    with pytest.raises(ValueError, match=r"not asked|no device d7"):
        session.attach("A", fail=fail, dev=dev)
    assert session.steps == []
    assert session.attach("A").result == 0


def test_reset() -> None:
    session = Session(devices=2)
    session.attach("A")
    session.reset("d0")
    assert session.attach("B", pasid=2).outcome == "-EBUSY"
    detach = session.detach("A")
    assert [call.device for call in detach.calls] == ["d1"]
    assert detach.resetting == ("d0",)


def test_a_core_without_handles() -> None:
    session = Session("posted-v1")
    assert session.attach("A").after.slot == Entry("A", None)


def test_a_step_is_plain_data() -> None:
    session = Session(devices=1, incapable=1)
    step = session.attach("A")
    assert hash(step) == hash(Session(devices=1, incapable=1).attach("A"))
    assert step == Session(devices=1, incapable=1).attach("A")
    assert step != session.attach("A")
    assert step != "a step"
    data = step.to_json()
    assert json.loads(json.dumps(data))["operation"] == {
        "kind": "attach",
        "device": "d0",
        "pasid": 1,
        "domain": "A",
        "handle": NEW,
    }
    assert data["before"] == {"array": None, "hardware": {"d0": None, "n0": None}}
    after = {"array": {"domain": "A", "handle": NEW}, "hardware": {"d0": "A", "n0": None}}
    assert data["after"] == after
    assert data["result"] == 0
    *_, last = step.moments()
    assert (last.slot, last.hardware) == step.after


def test_a_stray_device() -> None:
    assert Session().attach("A", dev=STRAY).outcome == "-ENODEV"
    assert "crashed" in Session().detach("A", dev=STRAY).outcome


def test_a_difference_is_found() -> None:
    changed = ("if old is not domain:", "if True:")
    found = differences(IMPLEMENTATIONS["model"], variant("model", changed), Scope(1, 0, 1, 1, 1))
    assert found.different > 0
    assert found.first
    mine, theirs = found.first
    assert mine.operation == theirs.operation
    assert mine.operation.kind == "replace"
    assert (len(mine.calls), len(theirs.calls)) == (0, 1)
    assert "difference" in repr(found)


def test_the_words_of_a_warning_are_no_difference() -> None:
    changed = ("cannot go back to", "will not go back to")
    found = differences(IMPLEMENTATIONS["model"], variant("model", changed), Scope(2, 0, 2, 1, 2))
    assert found.different == 0
