# SPDX-License-Identifier: GPL-2.0-only
"""Boot kernels, and store what they answered for the site.

    python tools/record_boot.py [--check] [--if-built] TREE...

With --check nothing is written, and the exit status is 1 if a release that is stored answers
otherwise now; one that is not stored is told and passes. With --if-built a tree is left out whose
kernels were never built on this machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from reference_impl.boot import is_built

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "spec" / "data" / "boot.json"
PACKAGE = re.compile(r"linux-source-[\d.]+_([^/]+)")
VARIES = ("compiler", "qemu", "recorded", "package", "seconds", "fresh", "cold", "load", "notes")
"""What may be otherwise on another machine or another day."""


def answer(tree: str) -> dict[str, Any]:
    """What a booted kernel answered.

    Raises:
        SystemExit: it cannot be asked; the message is the command's.
    """
    done = subprocess.run(
        [sys.executable, "-m", "reference_impl", "boot", "--json", tree],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    said: dict[str, Any] = json.loads(done.stdout)
    for boot in said["boots"]:
        skipped: dict[str, int] = {}
        for each in boot["results"]:
            if each["verdict"] == "skipped" and each["level"] == "vector":
                skipped[each["why"][0]] = skipped.get(each["why"][0], 0) + 1
        boot["skipped"] = dict(sorted(skipped.items()))
        boot["results"] = [r for r in boot["results"] if r["verdict"] != "skipped"]
        boot["log"] = []  # it has paths of this machine
    said["recorded"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    said["load"] = round(os.getloadavg()[0], 1)
    said["cold"] = {b["build"]: b["seconds"] for b in said["boots"] if b["fresh"]}
    if package := PACKAGE.search(tree):
        said["package"] = package[1]
    return said


def lasting(said: Any) -> Any:
    """An answer without what may be otherwise on another day."""
    if isinstance(said, dict):
        return {key: lasting(value) for key, value in said.items() if key not in VARIES}
    return [lasting(each) for each in said] if isinstance(said, list) else said


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--if-built", action="store_true", help="build no kernel from nothing")
    parser.add_argument("trees", nargs="+", metavar="TREE")
    given = parser.parse_args()
    data: Any = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    changed = 0
    for tree in given.trees:
        if given.if_built and not is_built(Path(tree)):
            print(f"{Path(tree).name}: no kernel of it is built here, so none is booted")
            continue
        said = answer(tree)
        release = said["release"]
        if release not in data:
            print(f"{release}: not stored before")
        else:
            same = lasting(said) == lasting(data[release])
            print(f"{release}: {'as it was' if same else 'answers otherwise'}")
            changed += not same
        # how long a build from nothing takes is known from the day when it was built
        said["cold"] = data.get(release, {}).get("cold", {}) | said["cold"]
        data[release] = said
    if given.check:
        return 1 if changed else 0
    FILE.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
