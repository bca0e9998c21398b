# SPDX-License-Identifier: GPL-2.0-only
"""The built site in a real browser: `make test-browser`."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
MILLISECONDS = 60_000
"""How long anything may take on a busy machine; how long it takes, bench.py says."""
expect.set_options(timeout=MILLISECONDS)
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


class Server(ThreadingHTTPServer):
    """Does not complain of pages that are closed while they load."""

    def handle_error(self, *_: object) -> None:
        """Say nothing: what a page lacks, it says itself."""


@contextmanager
def served() -> Iterator[str]:
    """Serve the site to this machine alone, and give its address."""
    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the site."""
    with served() as address:
        yield address


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
        ours = (site, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(ours) or self.wrong.append(r.url))


@pytest.fixture(scope="session")
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    """One for all pages: Python is then loaded from its cache."""
    context = browser.new_context(base_url=site)
    context.set_default_timeout(MILLISECONDS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: str) -> Iterator[Page]:
    """An empty page; at its end nothing may have gone wrong in it."""
    watched = Watched(context.new_page(), site)
    yield watched.page
    watched.page.close()
    assert not watched.wrong
