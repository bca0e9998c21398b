# SPDX-License-Identifier: GPL-2.0-only
"""The two builds: the smallest kernel that answers, and one that watches itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..contract import Scope
from .scenarios import GROUPS

CONFIGS = Path(__file__).resolve().parent / "configs"
NEEDED = ("IOMMUFD_TEST", "KUNIT", "KUNIT_DEBUGFS", "FAILSLAB", "BUG", "SERIAL_8250_CONSOLE")


@dataclass(frozen=True)
class Build:
    """One build of a tree.

    Args:
        name: what it is called.
        fragment: what is added to the kernel's tinyconfig.
        needed: the options without which it would answer nothing, or watch nothing.
        scope: how large an exploration is run inside it.
        seconds: how long a boot may take.
        groups: which of the group's other calls are made, see :data:`.scenarios.GROUPS`.
        without: the stages of a boot that are left out, each with why.
    """

    name: str
    fragment: str
    needed: tuple[str, ...]
    scope: Scope
    seconds: int
    groups: tuple[str, ...] = tuple(GROUPS)
    without: tuple[tuple[str, str], ...] = ()


def _fragment(*names: str) -> str:
    return "".join((CONFIGS / f"{name}.config").read_text(encoding="utf-8") for name in names)


PLAIN = Build("plain", _fragment("plain"), NEEDED, Scope(), 300)
WATCHED = Build(
    "watched",
    _fragment("plain", "watched"),
    (*NEEDED, "PROVE_LOCKING", "PROVE_RCU", "KASAN"),
    Scope(3, 1, 2, 1, 2),
    600,
    ("group resets", "devices come and go"),  # claims have no memory or locks of their own
    (("fail-nth", "watched and emulated, it takes longer than the 30 s that it gives itself"),),
)
BUILDS = {each.name: each for each in (PLAIN, WATCHED)}
