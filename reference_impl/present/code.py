# SPDX-License-Identifier: GPL-2.0-only
"""Source as a notebook's output: from the package as it is, never pasted."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ..contract.clause import Clause

Shown: TypeAlias = Callable[..., Any] | type | ModuleType
PACKAGE = Path(__file__).parents[1]


class Listing:
    """Text in a fence.

    Args:
        text: what stands in the fence.
        language: of the fence.
        caption: what the text is; stands above.
    """

    def __init__(self, text: str, language: str, caption: str = "") -> None:
        self.text = text
        self.language = language
        self.caption = caption

    def __repr__(self) -> str:
        head = f"# {self.caption}\n" if self.caption else ""
        return f"{head}{self.text}"

    def _repr_markdown_(self) -> str:
        longest = max((len(run) for run in re.findall("`+", self.text)), default=0)
        fence = "`" * max(3, longest + 1)
        head = f"`{self.caption}`\n\n" if self.caption else ""
        return f"{head}{fence}{self.language}\n{self.text}\n{fence}\n"


def source(shown: Shown | Clause) -> Listing:
    """The source of a function, a class or a module, or of a clause's check.

    Args:
        shown: something that is defined in a file, of this package or not.

    Raises:
        TypeError: it has no source, being built in or no function, class or module.
    """
    shown = shown.predicate if isinstance(shown, Clause) else shown
    return Listing(_text(shown), "python", _file(shown))


def difference(old: Shown, new: Shown, context: int = 3) -> Listing:
    """What is different between two functions, classes or modules, as a unified diff.

    Args:
        old: the lines that only it has begin with a minus.
        new: the lines that only it has begin with a plus.
        context: how many equal lines are shown around a difference.

    Raises:
        TypeError: one of them has no source.
    """
    lines = difflib.unified_diff(
        _text(old).splitlines(),
        _text(new).splitlines(),
        _name(old),
        _name(new),
        n=context,
        lineterm="",
    )
    return Listing("\n".join(lines), "diff")


def _text(shown: Shown) -> str:
    return textwrap.dedent(inspect.getsource(shown)).strip("\n")


def _file(shown: Shown) -> str:
    """The file, from the package on."""
    path = Path(inspect.getsourcefile(shown) or "")
    inside = path.is_relative_to(PACKAGE)
    return path.relative_to(PACKAGE).as_posix() if inside else path.name


def _name(shown: Shown) -> str:
    """The name, with the module's but not the package's before it."""
    module = shown if isinstance(shown, ModuleType) else inspect.getmodule(shown)
    parts = (module.__name__ if module else "").split(".")[1:]
    if not isinstance(shown, ModuleType):
        parts.append(shown.__qualname__)
    return ".".join(parts)
