# SPDX-License-Identifier: GPL-2.0-only
"""``{overview}``: all families of clauses against all implementations, on the front page.

Each cell leads to the verdicts that it sums up: a red one to the counterexamples, drawn.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import booted
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

FAMILIES = {
    "ATT": "attach",
    "VIS": "what page requests find",
    "DET": "detach",
    "REP": "replace",
    "GSP": "groups, the way back",
    "INV": "invariants",
    "DRV": "what a driver owes",
    "VTD": "VT-d",
    "RID": "DMA without a PASID",
    "GRP": "handles of a group",
    "RST": "resets",
    "OWN": "whose DMA it is",
    "PRB": "devices that come and go",
    "CAP": "how many PASIDs",
    "SVA": "shared memory",
    "IFD": "iommufd",
    "VFIO": "VFIO",
}
MODEL = (("designs", "model"), ("group", "model-group"), ("iommufd", "iommufd"))
"""The contract as code is judged in three scopes, each with families that the others have not."""
DESIGNS = ("posted-v1", *(f"p{number}" for number in range(1, 8)), "merged")
DRIVERS = {"smmuv3": "SMMUv3", "amd": "AMD", "vtd": "VT-d"}
BROKEN = "/spec/reference/broken/"
MATRIX = "/spec/reference/matrix.md"
LINUX = "/spec/reference/linux.md"


class Overview(SphinxDirective):
    """The table."""

    def run(self) -> list[nodes.Node]:
        """Parse the rows as if the author had written them."""
        data = {part: self.stored("matrix.json")[part] for part in ("designs", "group", "iommufd")}
        data |= {"drivers": self.stored("matrix.json")["drivers"]}
        data |= {"linux": self.stored("linux.json"), "booted": self.stored(booted.FILE)}
        data["booted"] = {"implementations": booted.columns(data["booted"])}
        head = ["clauses about", f"[model]({MATRIX})"]
        kernels, runs = data["linux"]["implementations"], data["booted"]["implementations"]
        head += [f"[{release(name)}]({LINUX})" for name in kernels]
        head += [f"[{release(name)}]({booted.PAGE})" for name in runs]
        head += [f"[{shown}]({BROKEN}{name}.md)" for name, shown in DRIVERS.items()]
        head += [f"[{short(name)}]({page_of(name)})" for name in DESIGNS]
        rows = [_row(*head), _row(*["---"] * len(head))]
        rows += [_row(*cells(family, data)) for family in FAMILIES]
        parsed = self.parse_text_to_nodes("\n".join(rows))
        parsed[0]["classes"].append("overview")  # type: ignore[index]
        above = next(iter(parsed[0].findall(nodes.thead)))
        spans = {"": 2, "Linux, in C": len(kernels), "booted": len(runs)}
        spans |= {"drivers, in Python": len(DRIVERS), "the discussion": len(DESIGNS)}
        above.insert(0, over(spans))
        for entry in parsed[0].findall(nodes.entry):
            if entry.astext().startswith("✗"):
                entry["classes"].append("broken")
        return parsed

    def stored(self, name: str) -> Any:
        """One of the files of verdicts; the page is read again when it changes."""
        file = Path(self.env.srcdir) / "spec" / "data" / name
        self.env.note_dependency(str(file))
        return json.loads(file.read_text(encoding="utf-8"))


def cells(family: str, data: dict[str, Any]) -> list[str]:
    """The row of one family."""
    name = f"[{family}](/spec/reference/clauses.md#clauses-{family.lower()})"
    found = [f"{name} {FAMILIES[family]}"]
    models = (cell(family, data[part], model, MATRIX, "") for part, model in MODEL)
    found.append(next((shown for shown in models if shown != "·"), "·"))
    found += [
        cell(family, data["linux"], kernel, LINUX, "linux-")
        for kernel in data["linux"]["implementations"]
    ]
    found += [
        cell(family, data["booted"], kernel, booted.PAGE, "")
        for kernel in data["booted"]["implementations"]
    ]
    for driver in DRIVERS:
        # these two have a table of their own; the rest stands in the part about drivers
        prefix = "" if family in ("DRV", "VTD") else "drivers-"
        found.append(cell(family, data["drivers"], driver, MATRIX, prefix))
    found += [cell(family, data["designs"], design, MATRIX, "") for design in DESIGNS]
    return found


def cell(family: str, part: Any, name: str, page: str, prefix: str) -> str:
    """How many clauses of a family are broken, or that all hold, as a link to the verdicts."""
    verdicts = [
        each["verdict"]
        for id, each in part["implementations"][name].items()
        if id.startswith(f"{family}-")
    ]
    held, broken = verdicts.count("held"), verdicts.count("broken")
    if not held + broken:
        return "·"
    anchor = "clause-by-clause" if page == booted.PAGE else family.lower()
    if not broken:
        return f'[✓ {held}]({page}#{prefix}{anchor} "{family} on {name}: {held} hold")'
    target = f"{BROKEN}{name}.md#{name}-{anchor}"
    if page == LINUX:
        driver = name.partition("/")[2]
        target = f"{page}#linux-broken{driver and f'-{driver}'}"
    elif page == booted.PAGE:
        target = f"{page}#what-shows-and-should-not"
    return f'[**✗ {broken}**]({target} "{family} on {name}: {broken} of {held + broken} broken")'


def page_of(design: str) -> str:
    """Where a design's counterexamples are drawn; the merged form has none."""
    return "/spec/notebooks/09_designs.ipynb" if design == "merged" else f"{BROKEN}{design}.md"


def short(design: str) -> str:
    """What it is called in the head of a narrow column."""
    return "posted" if design == "posted-v1" else design


def release(kernel: str) -> str:
    """What a kernel's column is called: 6.12 for 6.12.117; VT-d for 7.3.4/vtd, beside its core."""
    kernel, _, driver = kernel.partition("/")
    return DRIVERS.get(driver, driver) or ".".join(kernel.split(".")[:2])


def over(spans: dict[str, int]) -> nodes.row:
    """A row above the head, that says what columns belong together."""
    row = nodes.row()
    for text, span in spans.items():
        row += nodes.entry("", nodes.paragraph("", text), morecols=span - 1)
    return row


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("overview", Overview)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
