# SPDX-License-Identifier: GPL-2.0-only
"""Ask kernel trees, and store what they answered for the site.

    python tools/record_linux.py [--check] TREE...

With --check nothing is written, and the exit status is 1 if a release that is stored answers
otherwise now; one that is not stored is told and passes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "spec" / "data" / "linux.json"
COMMAND = [sys.executable, "-m", "reference_impl"]


def asked(command: str, tree: str) -> Any:
    """What one command of ``pasid-spec`` prints of a tree.

    Raises:
        SystemExit: the tree cannot be asked; the message is the command's.
    """
    done = subprocess.run(
        [*COMMAND, command, tree, "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr.strip())
    return json.loads(done.stdout)


def answer(tree: str) -> tuple[str, dict[str, Any], dict[str, Any], dict[str, int]]:
    """A tree's release, its verdicts, how they were come by, and the scope."""
    said = asked("check", tree)
    linux = said["linux"]
    verdicts = {}
    for id, clause in said["clauses"].items():
        cell: dict[str, Any] = {"verdict": clause["verdict"]}
        if clause["reason"]:
            cell["reason"] = clause["reason"]
        if clause["trace"]:
            cell["calls"] = [called(step) for step in clause["trace"]]
        verdicts[id] = cell
    how: dict[str, Any] = {
        "interface": linux["interface"],
        "compiler": linux["compiler"],
        "recorded": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    if "replace" in linux["interface"]:
        same = asked("compare", tree)
        how["compared"] = {"steps": same["steps"], "different": same["different"]}
    return linux["release"], verdicts, how, said["scope"]


def called(step: Any) -> str:
    """One call of a trace, in a few words."""
    call = step["operation"]
    return f"{call['kind']}({call.get('domain', '')}, PASID {call['pasid']}): {step['result']}"


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("trees", nargs="+", metavar="TREE")
    given = parser.parse_args()
    data: Any = {"scope": {}, "implementations": {}, "how": {}}
    if FILE.exists():
        data = json.loads(FILE.read_text(encoding="utf-8"))
    changed = 0
    for tree in given.trees:
        release, verdicts, how, scope = answer(tree)
        before = data["implementations"].get(release)
        if before is None:
            print(f"{release}: not stored before")
        else:
            other = [id for id in verdicts if verdicts[id] != before.get(id)]
            print(f"{release}: {'differs in ' + ', '.join(other) if other else 'as it was'}")
            changed += bool(other)
        data["implementations"][release] = verdicts
        data["how"][release] = how
        data["scope"] = scope
    if given.check:
        return 1 if changed else 0
    FILE.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
