# SPDX-License-Identifier: GPL-2.0-only
"""Following Linux: what each kernel answered is kept, and of a new one only the news is told."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from reference_impl.__main__ import run
from reference_impl.linux import LinuxError, follow
from reference_impl.linux.extract import CORE
from tests.linux.trees import changed_core, is_new, like, tree

KEPT = json.loads(follow.FILE.read_text(encoding="utf-8"))


def answered(release: str) -> dict[str, Any]:
    parts = {"verdicts": KEPT["implementations"][release], "how": KEPT["how"][release]}
    return deepcopy({**parts, "scope": KEPT["scope"]})


def newest() -> str:
    return max(KEPT["implementations"], key=follow.number)


def test_the_same_answer_is_no_news() -> None:
    for release in KEPT["implementations"]:
        assert follow.news(KEPT, release, answered(release)) == []


def test_each_kind_of_news() -> None:
    new = answered(newest())
    held = [id for id, cell in new["verdicts"].items() if cell["verdict"] == "held"]
    new["verdicts"][held[0]] = {"verdict": "broken", "reason": "because"}
    new["verdicts"][held[1]] = {"verdict": "not-promised", "reason": "not here"}
    del new["verdicts"][held[2]]
    new["verdicts"]["NEW-1"] = {"verdict": "held"}
    functions = new["how"]["functions"]
    names = list(functions)
    functions[names[0]][0] = "elsewhere.c"
    functions[names[1]][1] = ["int"]
    functions[names[2]][2] = "another"
    del functions[names[3]]
    functions["iommu_new"] = [CORE, [], "digest"]
    new["how"]["interface"].append("something new")
    found = follow.news(KEPT, newest(), new)
    assert [kind for kind, _ in found].count("function") == 5
    told = {kind: [s for k, s in found if k == kind] for kind, _ in found}
    assert told["lost"][0].startswith(held[0])
    assert {s.split()[0].strip(":") for s in told["gone"]} == {held[1], held[2]}
    assert told["applicable"][0].startswith("NEW-1")
    assert told["interface"] == ["something new"]
    assert f"{names[3]}() went" in told["function"]
    assert f"{names[2]}() is another inside" in told["function"]
    # seen from the other side, what was lost is gained again
    data = deepcopy(KEPT)
    follow.put(data, newest(), new)
    back = follow.news(data, newest(), answered(newest()))
    assert ("gained", f"{told['lost'][0].split(':')[0]}: held, was broken") in back


def test_a_new_release_is_compared_with_the_newest_older_one() -> None:
    assert follow.before(KEPT, newest()) == newest()
    assert follow.before(KEPT, "99.0") == newest()
    assert follow.before(KEPT, "6.13.2") == "6.12.117"
    assert follow.before(KEPT, "3.10") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"implementations": 3, "how": {}}'])
def test_a_file_that_holds_something_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "linux.json"
    file.write_text(text)
    with pytest.raises(LinuxError, match="holds no answers"):
        follow.read(file)
    assert file.read_text() == text


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LinuxError, match="cannot be written"):
        follow.write(tmp_path / "nowhere" / "linux.json", {})


def test_the_next_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A release that sets a PASID to a domain that it has already, in another function's text."""
    original = tree(is_new)
    text = changed_core(
        original, "iommu_replace_device_pasid", (r"if \(curr_domain != domain\) ", "if (true) ")
    )
    makefile = re.sub(r"(?m)^VERSION = .*", "VERSION = 99", (original / "Makefile").read_text())
    place = like(original, tmp_path / "tree", Makefile=makefile, drivers__iommu__iommu_dot_c=text)
    file = tmp_path / "linux.json"
    follow.write(file, KEPT)
    assert run(["follow", "--file", str(file), "--json", str(place)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["older"] == newest()
    lost = {sentence.split()[0] for kind, sentence in said["news"] if kind == "lost"}
    assert {"REP-10", "INV-6"} <= lost
    functions = [sentence for kind, sentence in said["news"] if kind == "function"]
    assert functions == ["iommu_replace_device_pasid() is another inside"]
    kept = json.loads(file.read_text())
    assert said["release"] in kept["implementations"]
    assert run(["follow", "--file", str(file), "--dry-run", str(place)]) == 0
    assert "nothing has changed" in capsys.readouterr().out
