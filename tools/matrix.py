# SPDX-License-Identifier: GPL-2.0-only
"""Judge every implementation by every clause, and store the verdicts for the site.

    python tools/matrix.py [--check]

With --check nothing is written, and the exit status is 1 if the file is not what a run gives.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import IMPLEMENTATIONS, Finding, Scope, explore  # noqa: E402

FILE = ROOT / "spec" / "data" / "matrix.json"
SCOPE = Scope(devices=2, incapable=1, domains=2, pasids=2, faults=3)


def cell(finding: Finding) -> dict[str, object]:
    """What the site says of one clause and one implementation."""
    found: dict[str, object] = {"verdict": finding.verdict}
    if finding.reason:
        found["reason"] = finding.reason
    if finding.steps:
        found["calls"] = [f"{step.operation}: {step.outcome}" for step in finding.steps]
    return found


def computed() -> str:
    """The file as a run of today gives it."""
    cells = {
        name: {id: cell(finding) for id, finding in explore(each, SCOPE).findings.items()}
        for name, each in IMPLEMENTATIONS.items()
    }
    data = {"scope": SCOPE.to_json(), "implementations": cells}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    text, name = computed(), FILE.relative_to(ROOT)
    if parser.parse_args().check:
        if FILE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{name} is not what a run gives: run `make regen`", file=sys.stderr)
        return 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    print(f"written    {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
