# SPDX-License-Identifier: GPL-2.0-only
"""What runs in the reader's browser: the package, and CPython compiled to WebAssembly.

Both are put into the site when it is built: the package of this checkout as a zip, and Pyodide
from npm (tools/fetch_pyodide.py). Where npm cannot be asked the site is built without: no cell can
be run then, and the stepper's page says so.

* ``{stepper} LINK``: the stepper, which shows that link at first; without JavaScript, its last
  call is drawn.
"""

from __future__ import annotations

import json
import zipfile
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from reference_impl import present
from reference_impl.contract import replay
from reference_impl.present.links import STEPPED, opened
from reference_impl.present.stepper import stepper
from reference_impl.present.views import Diagram
from tools import fetch_pyodide
from tools.npm import FetchError

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
PARTS = ("model", "drivers", "designs", "contract", "present")
MISSING = "The Python runtime could not be vendored when this site was built"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same package makes the same zip


class Stepper(SphinxDirective):
    """The stepper, or why it is not there; and, for who has no script, what it shows at first."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the page's elements."""
        link = self.arguments[0]
        self.env.note_dependency(str(HERE / "stepper.html"))
        follow_drawings(self.env)
        drawn = Diagram(replay(*opened(link)))._repr_html_()
        found: list[nodes.Node] = []
        if vendored(self.env.app):
            names = "".join(f"<option>{escape(name)}</option>" for name in STEPPED)
            form = Template((HERE / "stepper.html").read_text(encoding="utf-8"))
            # the page shows this while Python starts
            answer = json.dumps(stepper(link)).replace("<", r"\u003c")
            html = form.substitute(
                link=escape(link), implementations=names, drawn=drawn, answer=answer
            )
        else:
            found += [nodes.paragraph("", f"{MISSING}, so nothing can be stepped through here.")]
            html = drawn
        return [*found, nodes.raw("", html, format="html")]


def follow_drawings(env: BuildEnvironment) -> None:
    """Have the page that is read be read again when drawings are drawn in another way."""
    for module in Path(present.__file__).parent.glob("*.py"):
        env.note_dependency(str(module))


def vendored(app: Sphinx) -> bool:
    """Whether the site can run Python."""
    return bool(app.config.pyodide)


def find_runtime(app: Sphinx, config: Config) -> None:
    """Get Pyodide, or keep why it is not to be had.

    Later would be too late: Sphinx would take it for another configuration than that of the last
    build, and read every page again in every build.
    """
    try:
        config["pyodide"] = str(fetch_pyodide.PYODIDE.fetch())
    except FetchError as why:
        config["pyodide_lacks"] = str(why)
        return
    app.add_js_file("diagrams.js", type="module")


def add_cells(
    app: Sphinx, page: str, _template: str, _context: dict[str, Any], _doctree: object
) -> None:
    """Let the cells of a notebook be changed, and the stepper step."""
    if vendored(app) and page.startswith("spec/notebooks/"):
        app.add_js_file("cells.js", type="module")
    if vendored(app) and page == "spec/stepper":
        app.add_js_file("stepper.js", type="module")


def ship(app: Sphinx, failure: Exception | None) -> None:
    """Put both into a built site."""
    if failure or app.builder.format != "html":
        return
    if not vendored(app):
        logger.info("%s: %s.", MISSING, app.config["pyodide_lacks"])
        return
    static = Path(app.outdir) / "_static"
    fetch_pyodide.unpack(Path(app.config.pyodide), static / "pyodide")
    root = Path(app.srcdir)
    package = root / "reference_impl"
    files = [
        package / "__init__.py",
        *(f for part in PARTS for f in (package / part).rglob("*.py")),
    ]
    with zipfile.ZipFile(static / "reference_impl.zip", "w") as archive:
        for file in sorted(files):
            info = zipfile.ZipInfo(file.relative_to(root).as_posix(), LONG_AGO)
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive, and what is done before and after a build."""
    app.add_directive("stepper", Stepper)
    app.add_config_value("pyodide", "", "env")  # a page is read again when it comes or goes
    app.add_config_value("pyodide_lacks", "", "")
    app.connect("config-inited", find_runtime)
    app.connect("html-page-context", add_cells)
    app.connect("build-finished", ship)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
