# SPDX-License-Identifier: GPL-2.0-only
"""Run the command line in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from reference_impl.__main__ import run

SMALL = ["--devices=2", "--incapable=1", "--domains=2", "--pasids=1", "--faults=2"]


@dataclass
class Command:
    """What a command printed, and the status it ended with."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed with ``--json``, which is one object on one line."""
        assert self.err == ""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


class Runner:
    """Runs commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> Command:
        self.capsys.readouterr()
        status = run(words)
        out, err = self.capsys.readouterr()
        return Command(status, out, err)
