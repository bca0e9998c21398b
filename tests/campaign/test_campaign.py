# SPDX-License-Identifier: GPL-2.0-only
"""A campaign finds what one exploration finds, wherever its parts run and whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reference_impl.__main__ import run as command
from reference_impl.campaign import CampaignError, engines, run, shards
from reference_impl.campaign.kept import Kept, summed
from reference_impl.campaign.shards import Shard, explored
from reference_impl.contract import IMPLEMENTATIONS, Scope, explore

ROOT = Path(__file__).resolve().parents[2]
SCOPE = Scope(1, 0, 2, 1, 1)
WORDS = ["--devices=1", "--incapable=0", "--domains=2", "--pasids=1", "--faults=1", "--calls=2"]


def whole(name: str, calls: int) -> dict[str, Any]:
    seen = explore(IMPLEMENTATIONS[name], SCOPE, calls=calls)
    return {
        id: (f.verdict, f.reason if f.verdict == "broken" else "", list(f.rank))
        for id, f in seen.findings.items()
    }


def together(found: dict[str, Any]) -> dict[str, Any]:
    return {
        id: (cell["verdict"], cell["reason"] if cell["verdict"] == "broken" else "", cell["rank"])
        for id, cell in found["clauses"].items()
    }


def in_turn(todo: list[Shard], _jobs: int) -> engines.Done:
    for shard in todo:
        yield shard, explored(shard)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are explored in this process: what is tested is not who explores them."""
    monkeypatch.setattr(engines, "here", in_turn)


@pytest.mark.parametrize("name", ["model", "posted-v1"])
@pytest.mark.usefixtures("alone")
def test_the_parts_say_what_the_whole_says(tmp_path: Path, name: str) -> None:
    found = run(name, SCOPE, 2, tmp_path / "kept")
    assert together(found) == whole(name, 2)
    assert found["shards"] == len(shards(name, SCOPE, 2))


def test_on_two_cores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "kept"
    assert command(["campaign", "posted-v1", *WORDS, "--keep", str(place), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert together(found) == whole("posted-v1", 2)
    before = {file: file.stat().st_mtime_ns for file in place.iterdir()}
    assert command(["campaign", "posted-v1", *WORDS, "--keep", str(place), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == found
    assert {file: file.stat().st_mtime_ns for file in place.iterdir()} == before


def test_a_local_cluster(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=True, **options) as cluster:
        found = run("model", SCOPE, 2, tmp_path / "kept", scheduler=cluster.scheduler_address)
    assert together(found) == whole("model", 2)


@pytest.mark.usefixtures("alone")
def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kept"
    every = shards("model", SCOPE, 2)

    def dies(todo: list[Shard], _jobs: int) -> engines.Done:
        yield from in_turn(todo[:5], 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(engines, "here", dies)
    with pytest.raises(KeyboardInterrupt):
        run("model", SCOPE, 2, place)
    damaged = place / f"{every[0].key}.json"
    damaged.write_text("{", encoding="utf-8")
    asked: list[Shard] = []

    def counts(todo: list[Shard], jobs: int) -> engines.Done:
        asked.extend(todo)
        return in_turn(todo, jobs)

    monkeypatch.setattr(engines, "here", counts)
    found = run("model", SCOPE, 2, place)
    assert asked == [every[0], *every[5:]]
    assert together(found) == whole("model", 2)


def test_a_worker_that_is_killed(tmp_path: Path) -> None:
    """The client is another process; its first worker is killed while it works."""
    words = [sys.executable, "-m", "reference_impl", "campaign", "model", "--keep"]
    words += [str(tmp_path / "kept"), "--jobs=2", "--calls=4", *WORDS[:-1], "--faults=0"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as client:
        killed = False
        end = time.monotonic() + 60
        while client.poll() is None and time.monotonic() < end and not killed:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line = (process / "cmdline").read_bytes()
                    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, ValueError):
                    continue
                if b"LokyProcess" in line and parent == client.pid:
                    os.kill(int(process.name), signal.SIGKILL)
                    killed = True
                    break
            time.sleep(0.02)
        assert client.stdout is not None
        said = client.stdout.read()
    assert killed
    assert client.returncode == 0
    assert " held" in said
    assert " broken" not in said


@pytest.mark.usefixtures("alone")
def test_another_campaign_in_the_same_place(tmp_path: Path) -> None:
    run("model", SCOPE, 1, tmp_path / "kept")
    with pytest.raises(CampaignError, match="another campaign, which differs in calls"):
        run("model", SCOPE, 2, tmp_path / "kept")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(CampaignError, match="is not empty, and holds no campaign"):
        Kept(tmp_path / "other", {})
    assert (tmp_path / "other" / "file").read_text() == "mine"


def test_there_is_no_scheduler(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SECONDS", 1)
    words = ["campaign", *WORDS, "--keep", str(tmp_path / "k"), "--scheduler", "tcp://127.0.0.1:9"]
    assert command(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("pasid-spec: there is no Dask scheduler at tcp://127.0.0.1:9; ")
    assert said.count("\n") == 1


def test_the_shortest_of_all_is_kept() -> None:
    longer = {"verdict": "broken", "rank": [3, 0, 0, 4], "reason": "b", "trace": []}
    shorter = {"verdict": "broken", "rank": [2, 1, 0, 9], "reason": "a", "trace": []}
    held = {"verdict": "held", "rank": [], "reason": "", "trace": []}
    parts = [{"steps": 1, "clauses": {"ATT-1": cell}} for cell in (held, longer, shorter, held)]
    assert summed(parts)["clauses"] == {"ATT-1": shorter}
    assert summed(parts)["steps"] == 4
