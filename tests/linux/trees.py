# SPDX-License-Identifier: GPL-2.0-only
"""The kernel trees of this machine, and trees like them with a few words changed.

PASID_SPEC_TREES names trees or archives, separated as in PATH; .ci/run sets it to those that
tools/fetch_kernels.py has fetched. Without it the tests that need a tree are skipped, so that
`make test` stays short.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from reference_impl.linux import LinuxError, locate
from reference_impl.linux.extract import CORE, Definitions

NO_TREE = "no kernel tree: set PASID_SPEC_TREES, as .ci/run does with tools/fetch_kernels.py"
TOP = ("Makefile", "drivers", "include", "lib", "tools")


@cache
def paths() -> list[Path]:
    """The trees and archives that are there."""
    given = os.environ.get("PASID_SPEC_TREES", "")
    return [Path(each) for each in given.split(os.pathsep) if each]


@cache
def tree(wanted: Callable[[tuple[int, ...]], bool]) -> Path:
    """The newest tree that is wanted; the test is skipped if there is none."""
    found = []
    for path in paths():
        try:
            place = locate.tree_at(path)
            found.append((locate.release_of(place), place))
        except LinuxError as error:
            pytest.fail(f"{path}: {error}")
    fitting = [each for each in found if wanted(each[0])]
    if not fitting:
        pytest.skip(NO_TREE)
    return max(fitting)[1]


def is_new(release: tuple[int, ...]) -> bool:
    """Whether this is a release of which everything is promised."""
    return release >= (7, 1)


def is_old(release: tuple[int, ...]) -> bool:
    """Whether this is 6.12."""
    return release[:2] == (6, 12)


def like(original: Path, place: Path, **texts: str | bytes | None) -> Path:
    """A tree that has some files of its own, and else those of another.

    Args:
        original: the other.
        place: an empty directory.
        texts: what the files shall hold, by path with ``__`` for each slash and ``_dot_`` for the
            dot; None: not to be there.
    """
    changed = {n.replace("__", "/").replace("_dot_", "."): text for n, text in texts.items()}
    for name in changed:
        assert (original / name).exists(), name
    _link(original, place, "", changed)
    return place


def _link(original: Path, place: Path, below: str, changed: dict[str, str | bytes | None]) -> None:
    place.mkdir(exist_ok=True)
    for each in (original / below).iterdir():
        name = f"{below}/{each.name}".lstrip("/")
        if not below and each.name not in TOP:
            continue
        here = place / each.name
        if name in changed:
            text = changed[name]
            if text is not None:
                here.write_bytes(text if isinstance(text, bytes) else text.encode())
        elif any(other.startswith(f"{name}/") for other in changed):
            _link(original, here, name, changed)
        else:
            here.symlink_to(each)


def changed_core(original: Path, function: str, *changes: tuple[str, str]) -> str:
    """The core's text with some words of one function changed."""
    return changed((original / CORE).read_text(encoding="utf-8"), function, *changes)


def changed(text: str, function: str, *changes: tuple[str, str]) -> str:
    """A file's text with some words of one function changed.

    Args:
        text: the text.
        function: the function's name.
        changes: pairs of a pattern that the function has just once, and what to put there.
    """
    item = Definitions({"file": text}).items[function]
    lines = text.splitlines(keepends=True)
    start = item.line - 1
    before, rest = "".join(lines[:start]), "".join(lines[start:])
    end = re.search(r"^}\n", rest, re.MULTILINE)
    assert end, function
    body, after = rest[: end.end()], rest[end.end() :]
    for pattern, new in changes:
        assert len(re.findall(pattern, body)) == 1, f"{pattern} in {function}(): {body}"
        body = re.sub(pattern, new, body)
    return before + body + after
