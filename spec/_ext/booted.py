# SPDX-License-Identifier: GPL-2.0-only
"""``{booted}``: what booted kernels answered, from ``spec/data/boot.json``.

* ``{booted} kernels``: which, and how they were come by.
* ``{booted} results``: how many vectors of each kind came out how.
* ``{booted} clauses``: which clauses held, in how many steps and vectors.
* ``{booted} defects``: the calls that show a defect, and whether they did.
* ``{booted} seconds``: how long it took.
* ``{booted} skipped``: the vectors that no kernel can play, by why.

Other tables of verdicts have a column from here: :func:`columns`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from reference_impl.boot.asked import of_text
from reference_impl.boot.programs import GUEST
from reference_impl.cli.booted import LEVELS
from reference_impl.contract import CLAUSES

UNKNOWN = "not-promised"
FILE = "boot.json"
PAGE = "/spec/reference/booted.md"
AS_ELSEWHERE = {"held": "held", "broken": "broken", "differs": "broken"}
"""What other tables of verdicts call these; of a clause with another one nothing is known."""
VERDICTS = ("same", "breaks", "differs", "not run")
SHORT = ("breaks it, as is known", "differs", "not run")
WORDS = {
    "held": "held",
    "broken": "**broken**",
    "differs": "**a vector differs**",
    "not-run": "**a vector was not run**",
    "hidden": "a driver cannot see whether it holds",
    "no-vector": "no vector in a kernel is about it",
}


class Booted(SphinxDirective):
    """What was recorded, as a table or a list."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse it as if the author had written it."""
        file = Path(self.env.srcdir) / "spec" / "data" / FILE
        self.env.note_dependency(str(file))
        data = json.loads(file.read_text(encoding="utf-8"))
        return self.parse_text_to_nodes("\n".join(TABLES[self.arguments[0]](data)))


def columns(data: Any) -> dict[str, dict[str, dict[str, str]]]:
    """For each booted release its verdicts on all clauses, in the form of ``linux.json``."""
    return {
        f"{release}, booted": {
            id: {"verdict": AS_ELSEWHERE.get(said["clauses"].get(id, {}).get("verdict"), UNKNOWN)}
            for id in CLAUSES
        }
        for release, said in data.items()
    }


def kernels(data: Any) -> list[str]:
    """A row for each build of each kernel."""
    rows = _head("Linux", "build", "scope of the steps inside", "compiled by", "run by", "on")
    for release, said in data.items():
        package = f"{release}, `{said['package']}`" if "package" in said else release
        for boot in said["boots"]:
            how = (boot["build"], boot["scope"], said["compiler"], said["qemu"], said["recorded"])
            rows.append(_row(package, *how))
    return rows


def results(data: Any) -> list[str]:
    """A row for each level of each build."""
    rows = _head("Linux", "build", "what was asked", "as it should be", *SHORT)
    for release, said in data.items():
        for boot in said["boots"]:
            for level, words in LEVELS.items():
                counts = boot["levels"].get(level)
                if counts and level != "defect":
                    numbers = [f"{counts.get(verdict, 0):,}" for verdict in VERDICTS]
                    rows.append(_row(release, boot["build"], words, *numbers))
    return rows


def clauses(data: Any) -> list[str]:
    """For each kernel and verdict the clauses: no table, a cell would be a hundred lines long."""
    said_of: list[str] = []
    for release, said in data.items():
        for verdict, words in WORDS.items():
            cells = []
            for id, found in said["clauses"].items():
                if found["verdict"] == verdict:
                    number = found["same"] + found["differs"] + found["not_run"]
                    cells.append(f"{{need}}`{id}`" + (f" ({number:,})" if number else ""))
            if cells:
                said_of += [f"{release}: {words}", f": {', '.join(cells)}", ""]
    return said_of


def defects(data: Any) -> list[str]:
    """A row for each defect."""
    text = (GUEST / "defect.vectors").read_text(encoding="utf-8")
    rows = _head("what is done", *(f"Linux {release}, booted" for release in data))
    for asked in of_text("defect", text):
        cells = []
        for said in data.values():
            found = [
                each["verdict"]
                for boot in said["boots"]
                for each in boot["results"]
                if (each["level"], each["name"]) == ("defect", asked.name)
            ]
            shows = all(verdict == "same" for verdict in found)
            cells.append("it shows" if found and shows else "it does not show")
        rows.append(_row(asked.name, *cells))
    return rows


def seconds(data: Any) -> list[str]:
    """A row for each build of each kernel."""
    rows = _head(
        "Linux",
        "build",
        "built from nothing",
        "of that, processor time",
        "booted, to its end",
        "load",
    )
    for release, said in data.items():
        for boot in said["boots"]:
            took = boot["seconds"]
            built = said.get("cold", {}).get(boot["build"])
            made = [f"{built[key]:,.0f} s" if built else "–" for key in ("build", "processor")]
            rows.append(
                _row(release, boot["build"], *made, f"{took['boot']:.0f} s", str(said["load"]))
            )
    return rows


def skipped(data: Any) -> list[str]:
    """A row for each reason."""
    rows = _head("why", *(f"vectors, {release}" for release in data))
    each = [said["boots"][0]["skipped"] for said in data.values()]
    for why in dict.fromkeys(why for one in each for why in one):
        rows.append(_row(why, *(str(one.get(why, 0)) for one in each)))
    return rows


TABLES = {
    "kernels": kernels,
    "results": results,
    "clauses": clauses,
    "defects": defects,
    "seconds": seconds,
    "skipped": skipped,
}


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("booted", Booted)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
