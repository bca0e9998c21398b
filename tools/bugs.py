# SPDX-License-Identifier: GPL-2.0-only
"""Make every bug again that Linux has had in this area, and store how it is caught, for the site.

    python tools/bugs.py [--check]

With --check nothing is written, and the exit status is 1 if the file is not what a run gives.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import Scope, bugs, group_bugs, iommufd_bugs  # noqa: E402
from reference_impl.contract.bugs import Bug, catch  # noqa: E402
from tools import stored  # noqa: E402

FILE = ROOT / "spec" / "data" / "bugs.json"


def every() -> Iterator[tuple[Bug, Scope]]:
    """Each that can be made again, with the scope in which it is; B22 shows in two places."""
    for bug in bugs.BUGS.values():
        yield bug, bugs.SCOPE
    for bug in group_bugs.BUGS.values():
        yield bug, group_bugs.SCOPE
    for bug in iommufd_bugs.IOMMUFD_BUGS.values():
        yield bug, group_bugs.SCOPE


def row(bug: Bug, scope: Scope) -> dict[str, object]:
    """What the site says of it."""
    finding = catch(bug, scope, alone=True).finding
    made = bug.base if isinstance(bug.base, str) else bug.base.name
    return {
        "bug": bug.id,
        "title": bug.title,
        "commit": bug.commit,
        "fixed in": bug.fixed_in,
        "made of": made,
        "note": bug.note,
        "clause": bug.clause,
        "verdict": finding.verdict,
        "calls": [f"{step.operation}: {step.outcome}" for step in finding.steps],
        "reason": finding.reason,
    }


def number(bug: object) -> int:
    """B7 comes before B10."""
    return int(str(bug).removeprefix("B"))


def computed() -> str:
    """The file as a run of today gives it."""
    caught = [row(bug, scope) for bug, scope in every()]
    beyond = {**bugs.BEYOND, **group_bugs.BEYOND}
    data = {
        "caught": sorted(caught, key=lambda each: number(each["bug"])),
        "beyond": dict(sorted(beyond.items(), key=lambda each: number(each[0]))),
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(stored.main(__doc__, FILE, computed))
