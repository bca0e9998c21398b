# SPDX-License-Identifier: GPL-2.0-only
"""How fast the explorer is: over the model, and over the functions of kernel trees.

    python tools/bench.py [TREE...]

All are explored in the default scope, one after the other, in this process.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference_impl.contract import IMPLEMENTATIONS, Implementation, explore
from reference_impl.linux import LinuxError, ask
from tools.fetch_kernels import default_directory


def main(arguments: list[str]) -> int:
    """Explore everything, and print a line for each."""
    paths = [Path(each) for each in arguments]
    paths = paths or sorted(default_directory().glob("linux-source-*/*.tar.xz"))
    explored: list[Implementation] = [IMPLEMENTATIONS["model"]]
    try:
        explored += [ask(path) for path in paths]
    except LinuxError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for each in explored:
        start = perf_counter()
        seen = explore(each)
        seconds = perf_counter() - start
        print(
            f"{each.name:16} {seen.steps:9,} steps in {seconds:5.2f} s, "
            f"{seen.steps / seconds:9,.0f} a second"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
