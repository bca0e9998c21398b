# SPDX-License-Identifier: GPL-2.0-only
"""Check a built site, which is the argument.

It asks no other host for anything, no link in it leads nowhere, and what a notebook stores as HTML
is in its page byte for byte.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import notebooks

# attributes whose value the browser loads by itself; an <a href> waits for the reader
LOADED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("image", "href"),
    ("img", "src"),
    ("img", "srcset"),
    ("link", "href"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("use", "href"),
    ("video", "src"),
}
FOREIGN = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
LOADED_BY_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""")


class Page(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect from one tag."""
        # a page's permanent address is told, not loaded
        told = tag == "link" and ("rel", "canonical") in attrs
        for name, value in attrs:
            if not value:
                continue
            if (tag, name) in LOADED and not told:
                self.loads.add(value)
            if name in ("href", "src"):
                self.links.add(value)
            if name in ("id", "name"):
                self.anchors.add(value)
            if name == "style":
                self.loads.update(LOADED_BY_CSS.findall(value))


def read(path: Path) -> Page:
    """A page of the site."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@cache
def target_of(place: Path, name: str) -> Path | None:
    """The file that a link in a directory leads to, if there is one."""
    target = (place / unquote(name)).resolve()
    if target.is_dir():
        target /= "index.html"
    return target if target.is_file() else None


def problems(site: Path) -> list[str]:
    """A line for each request to another host and for each link that leads nowhere."""
    found = []
    paths = sorted(site.rglob("*.html"))
    with ProcessPoolExecutor() as pool:
        pages = dict(zip(paths, pool.map(read, paths, chunksize=8), strict=True))
    for path in sorted(site.rglob("*.css")):
        loads = LOADED_BY_CSS.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)} loads {url}" for url in loads]
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name} loads {url}" for url in sorted(page.loads) if FOREIGN.match(url)]
        for link in sorted(page.links):
            url = urlsplit(link)
            if url.scheme or url.netloc or (not url.path and not url.fragment):
                continue
            target = target_of(path.parent, url.path) if url.path else path
            if target is None:
                found.append(f"{name} links to {link}: no such file")
            elif target in pages and url.fragment:
                anchor = unquote(url.fragment)
                if anchor not in pages[target].anchors:
                    found.append(f"{name} links to {link}: no such anchor")
    return found


def changed_outputs(site: Path) -> list[str]:
    """A line for each notebook with an HTML output that its page does not have as it is stored."""
    found = []
    for path in notebooks.paths():
        name = path.relative_to(notebooks.ROOT).with_suffix(".html")
        page = (site / name).read_text(encoding="utf-8")
        cells = [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]
        outputs = [
            out.get("data", {}).get("text/html", "") for cell in cells for out in cell.outputs
        ]
        if not all(output in page for output in outputs):
            found.append(f"{name} does not show an output as it is stored")
    return found


def main() -> int:
    """The command; see the head of this file.

    Returns:
        The exit status: 0, 1 for a problem, 2 for wrong arguments.
    """
    site = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else None
    if not site or not (site / "index.html").is_file():
        print("usage: check_site.py DIRECTORY, of a site that is built", file=sys.stderr)
        return 2
    found = problems(site) + changed_outputs(site)
    said = "No request to another host, no link that leads nowhere, every output as it is stored."
    print("\n".join(found) or said)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
