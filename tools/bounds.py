# SPDX-License-Identifier: GPL-2.0-only
"""How many states and steps each scope has, and each that is larger by one: ``make bounds``.

    python tools/bounds.py [--check] [--quick]

A change of behaviour that no clause notices changes a count. With --check nothing is written, and
the exit status is 1 if a count differs; --quick looks at the small scopes alone, as the suite does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import CORES, IMPLEMENTATIONS, Scope, explore  # noqa: E402

FILE = ROOT / "spec" / "data" / "bounds.json"
SMALL = Scope(2, 1, 2, 1, 2)
DRIVER = Scope(2, 0, 2, 1, 1)
CALLED = Scope(2, 0, 3, 1, 1)
CALLS = 3
"""What notebooks explore of drivers, and in how many calls; so many makes a campaign, too."""


class Bound(NamedTuple):
    """One count that is kept."""

    implementation: str
    scope: Scope
    reduced: bool = False
    calls: int | None = None
    """How many calls there are at most, one after the other; None: as many as lead on."""

    @property
    def key(self) -> str:
        """By what it is kept."""
        how = f", up to {self.calls} calls" if self.calls else ""
        how += ", reduced" if self.reduced else ""
        scope = self.scope.within(IMPLEMENTATIONS[self.implementation].habitat)
        return f"{self.implementation}: {scope}{how}"


def quick() -> Iterator[Bound]:
    """Small scopes: every core, and the drivers that take no longer than a moment."""
    for name, known in IMPLEMENTATIONS.items():
        if known.habitat and name not in ("smmuv3", "amd", "mock", "vtd-repaired"):
            continue
        yield Bound(name, DRIVER if known.habitat else SMALL)
    for name in ("mock", "smmuv3", "amd", "vtd"):
        yield Bound(name, CALLED, calls=CALLS)


def large() -> Iterator[Bound]:
    """The default scope, it with each size raised by one, with one call more, and with all.

    What is raised is explored reduced where the whole has more than some million steps.
    """
    yield Bound("model", Scope())
    for calls in (CALLS, CALLS + 1):
        yield Bound("model", Scope(), calls=calls)
    for size in fields(Scope):
        raised = replace(Scope(), **{size.name: getattr(Scope(), size.name) + 1})
        yield Bound("model", raised, reduced=size.name == "pasids")
    for name in CORES:
        yield Bound(name, Scope(4, 2, 4, 3, 4), reduced=True)
    for name, known in IMPLEMENTATIONS.items():
        if known.habitat:
            for calls in (CALLS, CALLS + 1):
                yield Bound(name, CALLED, calls=calls)
            for size in fields(Scope):
                if size.name != "incapable":
                    larger = {size.name: getattr(DRIVER, size.name) + 1}
                    yield Bound(name, replace(DRIVER, **larger))


def counted(bound: Bound) -> dict[str, Any]:
    """Explore, and count."""
    seen = explore(
        IMPLEMENTATIONS[bound.implementation],
        bound.scope,
        calls=bound.calls,
        reduced=bound.reduced,
    )
    return {
        "states": seen.states,
        "steps": seen.steps,
        "different": seen.different,
        "broken": seen.with_verdict("broken"),
    }


def main() -> int:
    """Count, and write or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--quick", action="store_true", help="the small scopes alone")
    given = parser.parse_args()
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    # what an implementation has no room for is the same scope again
    bounds = {bound.key: bound for bound in (*quick(), *(() if given.quick else large()))}
    status, found = 0, {}
    for bound in bounds.values():
        now = found[bound.key] = counted(bound)
        if kept.get(bound.key) != now:
            status = 1
            print(f"{bound.key}: {now}, was {kept.get(bound.key)}", flush=True)
    if given.check:
        return status
    if given.quick:
        found = {**kept, **found}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
