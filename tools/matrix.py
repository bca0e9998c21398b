# SPDX-License-Identifier: GPL-2.0-only
"""Judge every implementation by every clause, and store the verdicts for the site.

    python tools/matrix.py [--check]

With --check nothing is written, and the exit status is 1 if the file is not what a run gives.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import IMPLEMENTATIONS, Exploration, Finding, Scope, explore  # noqa: E402
from reference_impl.designs import DESIGNS  # noqa: E402
from reference_impl.present.links import link  # noqa: E402
from tools import stored  # noqa: E402

FILE = ROOT / "spec" / "data" / "matrix.json"
PARTS = {
    "designs": (["model", *DESIGNS], Scope(devices=2, incapable=1, domains=2, pasids=2, faults=3)),
    "drivers": (
        ["mock", "smmuv3", "amd", "vtd", "vtd-in-place", "vtd-repaired", "vtd-p1"],
        Scope(devices=2, incapable=0, domains=3, pasids=1, faults=1),
    ),
    "group": (["model-group"], Scope(devices=2, incapable=0, domains=1, pasids=1, faults=1)),
    "iommufd": (["iommufd"], Scope(devices=2, incapable=0, domains=1, pasids=1, faults=1)),
}
"""What is judged, and in which scope: cores with the simplest driver, drivers with a core, the
group's other calls, and iommufd."""


MOST = 5_000
"""How many states are enough: three times what the largest has."""


class EndlessError(Exception):
    """An implementation gets to ever new states."""


@cache
def seen(part: str, name: str) -> Exploration:
    """The exploration of one implementation, made once.

    Raises:
        EndlessError: it has no end, because something that is taken is never given back.
    """

    def enough(_done: int, known: int, _steps: int) -> None:
        if known > MOST:
            raise EndlessError(
                f"{name} gets to more than {MOST:,} states: what does it never give back?"
            )

    return explore(IMPLEMENTATIONS[name], PARTS[part][1], progress=enough)


def cell(finding: Finding) -> dict[str, object]:
    """What the site says of one clause and one implementation.

    The link makes the calls again; it is what the stepper opens.
    """
    found: dict[str, object] = {"verdict": finding.verdict}
    if finding.reason:
        found["reason"] = finding.reason
    if finding.steps:
        found["calls"] = [f"{step.operation}: {step.outcome}" for step in finding.steps]
        if leads := link(finding.steps[-1]):
            found["link"] = leads
    return found


def computed() -> str:
    """The file as a run of today gives it."""
    data = {}
    for part, (names, scope) in PARTS.items():
        cells = {
            name: {id: cell(f) for id, f in seen(part, name).findings.items()} for name in names
        }
        data[part] = {"scope": scope.to_json(), "implementations": cells}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(stored.main(__doc__, FILE, computed))
