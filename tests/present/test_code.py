# SPDX-License-Identifier: GPL-2.0-only
"""Source and differences are shown from the package, with names and without paths."""

from __future__ import annotations

import inspect

import pytest

from reference_impl.contract import CLAUSES
from reference_impl.designs import merged, posted_v1
from reference_impl.model import core, objects
from reference_impl.present import difference, source
from reference_impl.present.code import Listing


def test_a_function_is_shown_as_it_is_with_its_file() -> None:
    text = inspect.getsource(core.belongs).rstrip()
    shown = source(core.belongs)
    assert repr(shown) == f"# model/core.py\n{text}"
    assert shown._repr_markdown_() == f"`model/core.py`\n\n```python\n{text}\n```\n"


def test_a_method_stands_at_the_left() -> None:
    assert repr(source(objects.Device.__repr__)).splitlines()[1] == "def __repr__(self) -> str:"


def test_a_module_and_a_class_are_shown_whole() -> None:
    assert repr(source(core)) == f"# model/core.py\n{inspect.getsource(core).strip()}"
    assert "class Driver:" in repr(source(objects.Driver)).splitlines()


def test_a_clause_is_shown_by_its_check() -> None:
    clause = CLAUSES["REP-14"]
    assert repr(source(clause)) == repr(source(clause.predicate))
    assert "REP-14" in repr(source(clause))


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(TypeError):
        source(len)


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    lines = Listing("a\n```\nb", "python", "x")._repr_markdown_().splitlines()
    assert lines[2:] == ["````python", "a", "```", "b", "````"]


def test_a_difference_names_the_two_and_no_path() -> None:
    text = repr(difference(posted_v1.replace_device_pasid, merged.replace_device_pasid))
    old, new, *body = text.splitlines()
    assert old == "--- designs.posted_v1.replace_device_pasid"
    assert new == "+++ designs.merged.replace_device_pasid"
    assert any(line.startswith("-") and "remove_group_pasid" in line for line in body)
    markdown = difference(posted_v1, merged)._repr_markdown_()
    assert markdown.startswith("```diff\n--- designs.posted_v1\n+++ designs.merged\n")


def test_a_difference_of_the_same_is_empty() -> None:
    assert repr(difference(core, core)) == ""


def test_context_can_be_the_whole() -> None:
    old, new = posted_v1.replace_device_pasid, merged.replace_device_pasid
    whole = repr(difference(old, new, context=1000)).splitlines()[3:]
    assert [line[1:] for line in whole if line[0] != "+"] == inspect.getsource(old).splitlines()
    assert [line[1:] for line in whole if line[0] != "-"] == inspect.getsource(new).splitlines()
