# SPDX-License-Identifier: GPL-2.0-only
"""How fast the explorer is on the model, on drivers, and on kernel trees: ``make bench``.

The trees are those that tools/fetch_kernels.py has fetched, or those named as arguments.

Each figure is the median of three runs, in seconds of CPU time, which a busy machine changes less
than it changes the time on the wall.
"""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference_impl.contract import (
    CLAUSES,
    CORES,
    IMPLEMENTATIONS,
    Clause,
    Exploration,
    Implementation,
    Scope,
    explore,
    page_requests_meanwhile,
)
from reference_impl.contract.implementation import PythonCore
from reference_impl.drivers import Vtd
from reference_impl.linux import DRIVERS as DRIVERS_IN_C
from reference_impl.linux import LinuxError, ask
from tools.fetch_kernels import default_directory

DRIVERS = tuple(name for name in IMPLEMENTATIONS if name not in CORES)
DRIVER_SCOPE = Scope(devices=2, incapable=0, domains=3, pasids=2, faults=2)
MODEL = IMPLEMENTATIONS["model"]

RUNS = 3


def measured(
    scope: Scope, clauses: Iterable[Clause], what: Implementation
) -> tuple[Exploration, float]:
    """An exploration, and how long it takes."""
    clauses, times = tuple(clauses), []
    for _ in range(RUNS):
        gc.collect()
        start = process_time()
        seen = explore(what, scope, clauses)
        times.append(process_time() - start)
    return seen, median(times)


def main() -> None:
    """Print the table."""
    table = Table(title=f"model, Python {platform.python_version()}, median of {RUNS} runs")
    table.add_column("scope")
    for head in ("states", "steps", "seconds", "steps/s"):
        table.add_column(head, justify="right")
    console = Console(highlight=False)
    with console.status("exploring"):
        add(table, "default, explore only", Scope(), ())
        for devices in range(1, 5):
            name = f"{devices} devices" if devices > 1 else "1 device"
            default = " (default)" if devices == Scope().devices else ""
            add(table, f"{name}{default}", Scope(devices=devices), CLAUSES.values())
        for driver in DRIVERS:
            add(table, f"{driver}, a driver's scope", DRIVER_SCOPE, CLAUSES.values(), _of(driver))
        add(table, "vtd, three types of domain", DRIVER_SCOPE, CLAUSES.values(), three_types())
        for devices in range(1, 5):
            small = Scope(devices, 0, 3, 1, 1)
            add(table, f"vtd, devices: {devices}, small", small, CLAUSES.values(), _of("vtd"))
        for linux in trees():
            add(table, f"default, {linux.name}", Scope(), CLAUSES.values(), linux)
        for linux in trees("vtd"):
            add(table, "vtd, its scope in C", DRIVERS_IN_C["vtd"], CLAUSES.values(), _of("vtd"))
            add(table, f"the same, {linux.name}", DRIVERS_IN_C["vtd"], CLAUSES.values(), linux)
        meanwhile = requests_table()
    console.print(table)
    console.print(meanwhile)
    console.print(f"default scope: {Scope()}", soft_wrap=True)
    console.print(f"a driver's scope: {DRIVER_SCOPE}", soft_wrap=True)
    console.print(f"every different step is judged by {len(CLAUSES)} clauses, but in the first row")


def requests_table() -> Table:
    """One page request beside each operation, at every three moments; one run each."""
    table = Table(title="one page request beside one operation: 2 devices, 2 domains, 1 fault")
    table.add_column("implementation")
    for head in ("operations", "interleavings", "seconds"):
        table.add_column(head, justify="right")
    for name in ("model", "posted-v1", "smmuv3", "vtd"):
        gc.collect()
        start = process_time()
        found = page_requests_meanwhile(_of(name), Scope(2, 0, 2, 1, 1))
        seconds = f"{process_time() - start:.2f}"
        table.add_row(name, f"{found.operations:,}", f"{found.interleavings:,}", seconds)
    return table


def three_types() -> Implementation:
    """VT-d with a paging domain, a nested one and an mm as the first three of its domains."""
    kinds = {kind.type: kind for kind in reversed(Vtd.kinds)}
    first = [kinds[each] for each in ("paging", "nested", "sva")]
    vtd = IMPLEMENTATIONS["vtd"]
    assert isinstance(vtd, PythonCore)
    assert vtd.habitat
    rest = [kind for kind in Vtd.kinds if kind not in first]
    return replace(vtd, habitat=replace(vtd.habitat, kinds=(*first, *rest)))


def _of(name: str) -> Implementation:
    return IMPLEMENTATIONS[name]


def trees(driver: str = "") -> list[Implementation]:
    """The functions of every tree that is there, and that has them in a form that is known."""
    paths = [Path(each) for each in sys.argv[1:]]
    paths = paths or sorted(default_directory().glob("linux-source-*/*.tar.xz"))
    found: list[Implementation] = []
    for path in paths:
        try:
            found.append(ask(path, driver=driver))
        except LinuxError as error:
            if not driver:
                sys.exit(f"bench: {error}")
    return found


def add(
    table: Table,
    name: str,
    scope: Scope,
    clauses: Iterable[Clause],
    what: Implementation = MODEL,
) -> None:
    """Measure, and add a line."""
    seen, seconds = measured(scope, clauses, what)
    speed = seen.steps / seconds
    table.add_row(name, f"{seen.states:,}", f"{seen.steps:,}", f"{seconds:.2f}", f"{speed:,.0f}")


if __name__ == "__main__":
    main()
