# SPDX-License-Identifier: GPL-2.0-only
"""A file may be anything: it is a vector, or one line says why it is none, soon."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.vectors import VectorError, known, parse, read
from reference_impl.vectors.reading import LARGEST_FILE, vector

PATH = known.PUBLISHED / "x" / "x02-replace-fails-at-the-third.toml"
TEXT = PATH.read_text(encoding="utf-8")
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((known.PUBLISHED / "schema.json").read_text(encoding="utf-8"))
)

WRONG = {
    "a number is text": ("format = 1", 'format = "1"', "format"),
    "another format": ("format = 1", "format = 2", "reads format 1"),
    "a truth is no number": ("max_pasids = 16", "max_pasids = true", "max_pasids"),
    "an unknown field": ("pasid = 5\n", "pasid = 5\npasd = 5\n", "did you mean pasid?"),
    "an unknown clause": ('"GSP-2"', '"GSP-99"', "no clause 'GSP-99'"),
    "no clause": (TEXT.splitlines()[3], "clauses = []", "names its clauses"),
    "an unknown operation": ('"replace"', '"swap"', "none of attach"),
    "an unknown errno": ('"ENOMEM" },\n]\nresult', '"ENOSUCH" },\n]\nresult', "EINVAL"),
    "a missing field": ('device = "d0"\n', "", "must have the field device"),
    "an unknown device": ('device = "d0"\n', 'device = "d7"\n', "none of d0"),
    "an unknown domain": ('domain = "B"\n', 'domain = "Z"\n', "none of A, B"),
    "a huge number": ("max_pasids = 16", f"max_pasids = {10**30}", "max_pasids"),
    "a number of 900 digits": ("max_pasids = 16", f"max_pasids = {'9' * 900}", "max_pasids"),
    "a negative number": ("pasid = 5\n", "pasid = -5\n", "pasid"),
    "a number that is none": ("pasid = 5\n", "pasid = nan\n", "pasid"),
    "two of a name": ('{ name = "B" }', '{ name = "A" }', "two things named A"),
    "a word with a meaning": ('{ name = "B" }', '{ name = "stray" }', "meaning of its own"),
    "text that is none": ('title = "', 'title = "\\u0000', "not a line"),
    "a verdict of another sort": ('"holds"', '"fine"', "lacks"),
    "not attached but reached": (
        '[initial.pasid.5]\narray = { domain = "A", handle = "hA" }',
        "[initial.pasid.5]",
        "contradicts itself",
    ),
    "attached to one, reaching another": (
        'hardware = { d0 = "A", d1 = "A", d2 = "A" }\n\n[[step]]',
        'hardware = { d0 = "B", d1 = "A", d2 = "A" }\n\n[[step]]',
        "contradicts itself",
    ),
    "attached beyond the limit": ("initial.pasid.5", "initial.pasid.16", "contradicts itself"),
    "under reset, and reaching": (
        "[initial.pasid.5]",
        '[initial]\nresetting = ["d0"]\n[initial.pasid.5]',
        "under reset",
    ),
    "a mark that nobody sees": (TEXT[:8], "\ufeff" + TEXT[:8], "byte order mark"),
    "a number among texts": ('"GSP-2"', "2", "has 2 in clauses"),
    "a table for a list": (
        TEXT[TEXT.index("[[step]]") :],
        TEXT[TEXT.index("[[step]]") :].replace("[[step]]", "[step]"),
        "step = a table",
    ),
    "half a file": (TEXT[200:], "", "not TOML"),
    "nothing": (TEXT, "", "must have the field format"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(what: str) -> None:
    old, new, said = WRONG[what]
    assert old in TEXT
    with pytest.raises(VectorError) as error:
        parse(TEXT.replace(old, new, 1).encode(), "x")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


SELFTEST = (known.PUBLISHED / "selftest" / "s31-s34-fails.toml").read_text(encoding="utf-8")
NOT_A_USER = {
    "a table of nothing": ('of = "IOAS"', 'of = "J"', "not made before it"),
    "a table of a wrong kind": ('kind = "ioas"', 'kind = "queue"', "not of ioas"),
    "a call of the core": ('"iommufd_detach"', '"reset_done"', "who does not make this call"),
    "no user": ("[user]", "[verdict]", "verdict"),
    "an id that is none": ('table = "S2"', 'table = "auto(1"', "a table such as I"),
    "something attached at first": (
        "\n[[step]]",
        '\n[initial.pasid.1]\narray = { domain = "S2" }\n\n[[step]]',
        "begins with nothing",
    ),
}


@pytest.mark.parametrize("what", NOT_A_USER)
def test_what_is_wrong_with_a_user_is_said(what: str) -> None:
    old, new, said = NOT_A_USER[what]
    assert old in SELFTEST
    with pytest.raises(VectorError) as error:
        parse(SELFTEST.replace(old, new, 1).encode(), "x")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"a = " + b"[" * 30_000,
        b"a = " + b"[\n" * 30_000,
        b"a = " + b"{b = " * 150 + b"\n",
        b"a" + b".a" * 30_000 + b" = 1",
        (b"a" + b".a" * 400 + b" = 1\n") * 70,
        (b"[" + b"a." * 400 + b"a]\n") * 70,
        b"\xff\xfe" * 100,
        bytes(range(256)) * 100,
        b"#" * (10 << 20),
        b"a = 1\n" * (1 << 20),
        b'"' * 50_000,
        b"[[step]]\n" * 7_000,
        b"x = 0x" + b"f" * 60_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_noise_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "noise.toml"
    path.write_bytes(data)
    with pytest.raises(VectorError) as error:
        read(path)
    assert str(error.value).count("\n") == 0
    assert len(str(error.value)) < 400


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")  # to open it would be to wait for somebody who writes
    (tmp_path / "circle.toml").symlink_to("circle.toml")
    names = ("", "none.toml", "pipe.toml", "circle.toml")
    for path in (*(tmp_path / name for name in names), Path("/dev/zero")):
        with pytest.raises(VectorError) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)


def test_a_file_as_large_as_may_be_is_read() -> None:
    assert parse(TEXT.encode() + b"#\n" * ((LARGEST_FILE - len(TEXT.encode())) // 2), "x").steps


TOKENS = st.sampled_from(
    [*TEXT.split(), "=", "[", "]", "[[step]]", "{", "}", '"', "\n", "9" * 50, "true", "1.5", "\\u"]
)


@settings(max_examples=50)
@given(st.lists(TOKENS, max_size=40).map(" ".join))
def test_any_text_is_a_vector_or_refused(text: str) -> None:
    refused_in_a_line(text.encode())


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    refused_in_a_line(data)


@settings(max_examples=40)
@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.text(max_size=20))
def test_a_damaged_vector_is_a_vector_or_refused(at: int, length: int, instead: str) -> None:
    refused_in_a_line((TEXT[:at] + instead + TEXT[at + length :]).encode(errors="replace"))


def refused_in_a_line(data: bytes) -> None:
    with contextlib.suppress(OneLine):
        said_of(lambda: parse(data, "x"))


class OneLine(Exception):  # noqa: N818 - it is what has to happen
    """A vector was refused as it should be."""


def said_of(make: Callable[[], object]) -> None:
    """Raise OneLine if that is refused in one line; anything else that is raised is a mistake."""
    try:
        make()
    except VectorError as error:
        if "\n" not in str(error):
            raise OneLine from None
        raise


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in plain data."""
    found = [at] if at else []
    if isinstance(data, dict | list):
        for key, each in data.items() if isinstance(data, dict) else enumerate(data):
            found += places(each, (*at, key))
    return found


GOOD = dict(read(PATH).text)
PLACES = places(GOOD)


@settings(max_examples=80)
@given(st.sampled_from(PLACES), ANYTHING)
def test_what_the_schema_refuses_the_loader_refuses(place: tuple[Any, ...], value: Any) -> None:
    data = json.loads(json.dumps(GOOD))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with contextlib.suppress(OneLine):
        said_of(lambda: vector(data, "x"))
        assert SCHEMA.is_valid(data), f"{place} = {value!r}"
