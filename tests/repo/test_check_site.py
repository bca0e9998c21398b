# SPDX-License-Identifier: GPL-2.0-only
"""What the check of a built site takes for a request to another host."""

from __future__ import annotations

import pytest

from tools.check_site import Page

ELSEWHERE = "https://example.org/page.html"


@pytest.mark.parametrize(
    ("tag", "loaded"),
    [
        (f'<link rel="stylesheet" href="{ELSEWHERE}">', True),
        (f'<link rel="canonical" href="{ELSEWHERE}">', False),
        (f'<script src="{ELSEWHERE}"></script>', True),
        (f'<a href="{ELSEWHERE}">', False),
    ],
)
def test_what_is_loaded(tag: str, loaded: bool) -> None:
    page = Page()
    page.feed(tag)
    assert page.loads == ({ELSEWHERE} if loaded else set())
