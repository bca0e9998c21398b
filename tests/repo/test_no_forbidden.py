# SPDX-License-Identifier: GPL-2.0-only
"""Nothing of one machine, no registry's host, and no sentence of the discussion."""

from __future__ import annotations

import json
import re

import pytest

from tests.repo.files import ROOT, texts

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~])/(?:home|root|Users|work|tmp|opt)/\w",
    "the host of a package registry": r"(?:py"
    r"pi|pythonhosted|np"
    r"mjs|deb\.debian)\.(?:org|com)",
    "an index for one machine's packages": r"--(?:extra-)?index-url|--find[-]links",
}
THREAD = ROOT.parent / "shared" / "thread.txt"
RUN = 8  # words in a row that only a copy has in common
# what a citation must name: the patch's title
TITLES = ["iommu introduce a replace api for device pasid"]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_has(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    locks = {p.name: p.read_text(encoding="utf-8") for p in ROOT.glob("requirements*.txt")}
    found = {
        name: match[0]
        for name, text in {**texts(), **locks}.items()
        if (match := pattern.search(text))
    }
    assert not found, f"{what}: {found}"


def words(text: str) -> list[str]:
    """The words, without case, punctuation and the marks of quoted mail."""
    text = re.sub(r"\S+@\S+", "", text.lower())  # addresses, and ids of messages
    text = " ".join(re.findall(r"[a-z0-9_']+", text))
    for title in TITLES:
        text = text.replace(title, "")
    return text.split()


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of words of the text."""
    found = words(text)
    return set(zip(*(found[i:] for i in range(RUN)), strict=False))


def readable(name: str, text: str) -> str:
    """What a file says; of a notebook, its cells without the JSON around them."""
    if not name.endswith(".ipynb"):
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


@pytest.mark.skipif(not THREAD.is_file(), reason="the thread is not beside this checkout")
def test_no_sentence_of_the_thread_is_copied() -> None:
    thread = runs(THREAD.read_text(encoding="utf-8"))
    assert len(thread) > 1000
    copied = {
        name: sorted(" ".join(run) for run in common)
        for name, text in texts().items()
        if (common := thread & runs(readable(name, text)))
    }
    assert not copied


def test_a_copy_would_be_found() -> None:
    said = "> the core should never tear down what the\n> driver still needs, says he"
    assert runs("He wrote: the core should never tear down what the driver still needs") & runs(
        said
    )
    assert not runs("the driver decides") & runs(said)
