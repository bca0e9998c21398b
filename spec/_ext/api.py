# SPDX-License-Identifier: GPL-2.0-only
"""``{api} package``: the reference of every module of a package, found by looking.

A list of modules in the page would lack the next one that is added.
"""

from __future__ import annotations

import builtins
import importlib
import pkgutil
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

MODULE = """\
### `{0}`

```{{eval-rst}}
.. automodule:: {0}
   :members:
   :undoc-members:
   :ignore-module-all:
```
"""


def modules(package: str) -> list[str]:
    """The names of a package, of its modules and of its packages' modules."""
    path = getattr(importlib.import_module(package), "__path__", [])
    inner = (module.name for module in pkgutil.walk_packages(path, f"{package}."))
    return [package, *(name for name in inner if not name.endswith("__main__"))]


class Api(SphinxDirective):
    """A section with an ``automodule`` for each module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed sections."""
        sections = "\n".join(map(MODULE.format, modules(self.arguments[0])))
        return self.parse_text_to_nodes(sections, allow_section_headings=True)


def keep_sentence(_app: Sphinx, what: str, *arguments: Any) -> None:
    """Keep napoleon from reading an attribute's "this: that" as a type and a description."""
    lines: list[str] = arguments[-1]
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()  # which Python says of a named tuple's fields, and nobody needs
    if what in ("attribute", "data", "property") and lines:
        lines[:0] = ["..", ""]  # a comment: napoleon only looks at the first line


def readable_defaults(*arguments: Any) -> tuple[str, str] | None:
    """Let Sphinx parse the signature of a dataclass with a default made by a function."""
    *_, signature, returns = arguments
    return (signature.replace("<factory>", "..."), returns) if signature else None


def no_links_to_builtins(_app: Sphinx, doctree: nodes.document) -> None:
    """Keep the type ``type`` of a signature from being taken for one of our attributes."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and hasattr(builtins, node["reftarget"]):
            node.replace_self(node.children)


def resolve_alias(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a type alias: documented as data, but a signature looks for a class."""
    if node.get("refdomain") != "py" or node["reftype"] != "class":
        return None
    node["refspecific"] = True  # in whatever module
    domain, here = env.domains.python_domain, node["refdoc"]
    return domain.resolve_xref(env, here, app.builder, "obj", node["reftarget"], node, content)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("api", Api)
    # the page is read again when one of its modules changes, and with all others when one comes
    app.add_config_value("api_modules", modules("reference_impl"), "env")
    app.connect("autodoc-process-docstring", keep_sentence, priority=100)
    app.connect("autodoc-process-signature", readable_defaults)
    app.connect("doctree-read", no_links_to_builtins)
    app.connect("missing-reference", resolve_alias)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
