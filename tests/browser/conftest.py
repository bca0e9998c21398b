# SPDX-License-Identifier: GPL-2.0-only
"""The built site in a real browser: `make test-browser`."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything where there is no browser, or no site."""
    why = ""
    if not CHROMIUM:
        why = "there is no chromium: Debian has it as a package"
    elif not (SITE / "_static" / "pyodide").is_dir():
        why = "the site is not built, or without the runtime: `make html` says why"
    for item in items if why else []:
        item.add_marker(pytest.mark.skip(reason=why))


class Quiet(SimpleHTTPRequestHandler):
    """Serves without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the site, on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Watched:
    """A page, and what went wrong in it: errors on its console, and requests to other hosts."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.on("console", lambda m: m.type == "error" and self.wrong.append(m.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.context.on("request", lambda r: r.url.startswith(site) or self.wrong.append(r.url))


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """An empty page with a cold cache; at its end nothing may have gone wrong in it."""
    context = browser.new_context(base_url=site)
    watched = Watched(context.new_page(), site)
    watched.page.set_default_timeout(60_000)
    yield watched.page
    context.close()
    assert not watched.wrong
