# SPDX-License-Identifier: GPL-2.0-only
"""What a published site, a release and a citation say of themselves."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from types import SimpleNamespace

import pytest
from markupsafe import escape

from tests.repo.files import ROOT

sys.path.append(str(ROOT / "spec" / "_ext"))

import publish

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def conf() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "conf.py"), {"tags": set()})


def test_a_published_site_has_a_card_and_a_sitemap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASID_SPEC_SITE", "https://example.org/pasid/")
    found = conf()
    assert found["ogp_site_url"] == "https://example.org/pasid/"
    assert "sphinx_sitemap" in found["extensions"]  # type: ignore[operator]
    card = (ROOT / "spec" / str(found["ogp_image"])).read_bytes()
    assert card.startswith(b"\x89PNG")
    assert (int.from_bytes(card[16:20]), int.from_bytes(card[20:24])) == (1200, 630)


def test_a_site_without_an_address_writes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PASID_SPEC_SITE", raising=False)
    monkeypatch.delenv("READTHEDOCS_CANONICAL_URL", raising=False)
    assert "sphinx_sitemap" not in conf()["extensions"]  # type: ignore[operator]


def test_the_foot_of_a_page_links_to_its_source_and_escapes_what_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASID_SPEC_SOURCE", 'https://example.org/"src/')
    config = SimpleNamespace(built_from="abc+", release="1", copyright="we & others")
    env = SimpleNamespace(found_docs={"page"}, doc2path=lambda name, **_: f"{name}.md")
    context: dict[str, object] = {}
    publish.foot(SimpleNamespace(config=config, env=env), "page", "", context, None)  # type: ignore[arg-type]
    assert escape(context["copyright"]) == (  # as the theme writes it
        "we &amp; others · version 1 · commit abc+ · "
        '<a href="https://example.org/&#34;src/blob/abc/page.md">source of this page</a>'
    )


def test_the_icon_is_there() -> None:
    icon = (ROOT / str(conf()["html_favicon"])).read_text(encoding="utf-8")
    assert icon.startswith("<svg")


def test_all_name_the_same_version() -> None:
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", cited, re.MULTILINE)[1] == PROJECT["version"]  # type: ignore[index]
    assert re.search(r"^license: (.*)$", cited, re.MULTILINE)[1] == PROJECT["license"]  # type: ignore[index]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changes, re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]
