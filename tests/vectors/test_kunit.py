# SPDX-License-Identifier: GPL-2.0-only
"""The KUnit test, compiled and played in user space against a few hundred lines of fake kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reference_impl.vectors import known, kunit, read
from tests.repo.files import ROOT

CC = shutil.which("cc")
pytestmark = pytest.mark.skipif(not CC, reason="there is no compiler of C")
FAKE = ROOT / "tests" / "vectors" / "kunit"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported files, and a header for each that they include."""
    place = tmp_path_factory.mktemp("kunit")
    files = kunit.kunit([read(path) for path in known.paths(known.PUBLISHED)])
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    for name in re.findall(r'#include [<"](.*)[>"]', files["pasid_vectors_kunit.c"]):
        if name not in files:
            header = place / name
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text('#include "fake.h"\n', encoding="utf-8")
    return place


def played(place: Path, wrong: int) -> str:
    """What the test says of the fake core, with one of its rules broken."""
    program = place / f"wrong-{wrong}"
    words = [str(CC), "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]
    words += [f"-DWRONG={wrong}", f"-I{place}", f"-I{FAKE}", "-o", str(program)]
    subprocess.run([*words, str(place / "pasid_vectors_kunit.c")], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == (1 if wrong else 0)
    return done.stdout


def test_it_holds_on_a_core_that_keeps_to_the_contract(place: Path) -> None:
    number = sum(kunit.fits(read(path)) for path in known.paths(known.PUBLISHED))
    assert number > 100
    assert played(place, 0) == f"{number} played, 0 failed\n"


@pytest.mark.parametrize(
    ("wrong", "vector"),
    [
        (1, "x01-attach-fails-at-the-second"),  # undone also where it failed
        (2, "x21-a-page-request-during-attach"),  # the handle is found too early
        (3, "x23-a-page-request-during-detach"),  # and no longer found too early
    ],
)
def test_it_fails_on_one_that_does_not(place: Path, wrong: int, vector: str) -> None:
    assert f"not ok {vector}\n" in played(place, wrong)


def test_what_it_leaves_out_cannot_be_done() -> None:
    left_out = [v for v in map(read, known.paths(known.PUBLISHED)) if not kunit.fits(v)]
    for vector in left_out:
        assert (
            vector.group.family
            or vector.initial.resetting
            or any(fault.allocation for step in vector.steps for fault in step.faults)
            or {step.operation for step in vector.steps} - {*kunit.OPERATIONS}
            or vector.steps[-1].result == "undefined"
        ), vector.name
