# SPDX-License-Identifier: GPL-2.0-only
"""What a boot says: of a kernel that is as it should be, and of each way in which one is not.

No kernel is built here; make, compiler and emulator are scripts. `make boot` builds and boots one.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference_impl import boot as booting
from reference_impl.__main__ import run
from reference_impl.boot import build, qemu
from reference_impl.boot.report import Report
from tests.boot.machine import FEW, MAKE, SMALL, WARNING, Machine, console


def verdicts(report: Report) -> set[str]:
    """The verdicts that were given."""
    return {result.verdict for result in report.boots[0].results}


def test_all_as_it_should_be(machine: Machine) -> None:
    machine.hears(*console(SMALL))
    report = machine.asked(SMALL)
    assert not report.different
    assert verdicts(report) == {"same", "skipped"}
    clauses = report.clauses()
    assert clauses["DET-7"] == {"verdict": "no-vector", "same": 0, "differs": 0, "not_run": 0}
    assert clauses["GSP-4"]["verdict"] == "held"
    assert clauses["GSP-4"]["same"] > 3


def test_a_step_that_is_another_breaks_clauses(machine: Machine) -> None:
    lines = console()
    at = next(i for i, line in enumerate(lines) if "attach(A, PASID 1, new) fails-2" in line)
    name = lines[at].split(" ", 3)[3]
    got = "pasid-spec: got d0/1:A<-@-=0 d1/1:A<-@-=5 = -5; -:- A -; warnings 0"  # nothing is undone
    lines[at : at + 1] = [got, lines[at].replace(": ok", ": not ok")]
    machine.hears(*lines)
    report = machine.asked()
    assert report.different
    (wrong,) = [r for r in report.boots[0].results if r.verdict == "differs"]
    assert wrong.name == name
    assert set(wrong.broken) == {"GSP-4", "INV-4"} | (set(wrong.broken) & {"INV-2", "ATT-8"})
    clauses = report.clauses()
    assert clauses["GSP-4"]["verdict"] == "broken"
    assert clauses["GSP-4"]["first"] == name
    assert clauses["GSP-2"]["verdict"] == clauses["ATT-1"]["verdict"] == "held"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (WARNING, "1 warnings of the core, and 0 are required"),
        (WARNING.replace("iommu.c", "intel/pasid.c"), "a splat that nothing asks for"),
        ("BUG: KASAN: slab-use-after-free in xas_load+0x1/0x2", "a splat that nothing asks for"),
        ("WARNING: possible circular locking dependency detected", "nothing asks for"),
        ("WARNING: suspicious RCU usage", "nothing asks for"),
    ],
)
def test_a_splat_belongs_to_the_vector_that_ran(machine: Machine, line: str, says: str) -> None:
    lines = console()
    at = next(i for i, text in enumerate(lines) if ": ok 2 " in text)
    lines.insert(at, line)
    machine.hears(*lines)
    report = machine.asked()
    (wrong,) = [r for r in report.boots[0].results if r.verdict == "differs"]
    assert says in wrong.why[0]
    assert f": ok 2 {wrong.name}" in lines[at + 1]


def test_a_warning_that_is_required_is_missing(machine: Machine) -> None:
    lines = console()
    lines.remove(WARNING)
    machine.hears(*lines)
    report = machine.asked()
    (wrong,) = [r for r in report.boots[0].results if r.verdict == "differs"]
    assert "are required" in wrong.why[0]


def test_a_panic_half_way(machine: Machine) -> None:
    whole = console()
    half = len(whole) // 3
    machine.hears(*whole[:half], "Kernel panic - not syncing: Fatal exception")
    report = machine.asked()
    boot = report.boots[0]
    assert boot.failure == "it panics: Kernel panic - not syncing: Fatal exception"
    assert boot.log[-2].startswith("Kernel panic")
    assert boot.count("same") > 3
    assert boot.count("not run") > 3
    assert report.different


def test_a_guest_that_ends_early(machine: Machine) -> None:
    machine.hears(*console()[:-4])
    assert machine.asked().boots[0].failure == "the guest ended before all was done"


def test_a_guest_that_says_nothing(machine: Machine) -> None:
    machine.hears()
    boot = machine.asked().boots[0]
    assert boot.failure == "the guest ended before all was done"
    assert boot.count("same") == 0


@pytest.mark.parametrize(
    ("does", "changed", "says"),
    [
        ('cat "$CONSOLE"; exec sleep 60', {"SILENT": 0.5}, "nothing was heard of it for"),
        ("while :; do echo; sleep 0.1; done", {}, "it took longer than 1 s"),
        ("exec yes pasid-spec: begin", {"MOST_OUTPUT": 1 << 20}, "it filled the console with 1 MB"),
        ("exec tr '\\0' x < /dev/zero", {"MOST_OUTPUT": 1 << 20}, "it filled the console"),
        ("echo no such machine; exit 3", {}, "qemu-system-x86_64 failed (exit status 3)"),
    ],
)
def test_a_guest_that_does_not_end_itself(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    does: str,
    changed: dict[str, float],
    says: str,
) -> None:
    machine.hears(*console()[:20])
    machine.emulator(does)
    for name, value in changed.items():
        monkeypatch.setattr(qemu if name == "MOST_OUTPUT" else booting, name, value)
    few = FEW if changed or "exit" in does else FEW.__class__(**{**vars(FEW), "seconds": 1})
    report = booting.ask(machine.tree, [few], lambda _line: None)
    assert says in report.boots[0].failure
    assert report.boots[0].log
    assert report.different


def test_a_kernel_that_does_not_build(machine: Machine) -> None:
    machine.program("make", MAKE % 'echo "iommu.c:3: error: expected ;" >&2; exit 2;')
    report = machine.asked()
    assert report.boots[0].failure == "it does not build"
    assert any("error: expected" in line for line in report.boots[0].log)
    assert report.different


def test_a_build_that_does_not_end(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("make", MAKE % "sleep 60;")
    monkeypatch.setattr(build, "MINUTES", 0.01)
    assert "was not built within" in machine.asked().boots[0].failure


def test_a_build_is_kept_and_goes_on(machine: Machine) -> None:
    machine.hears(*console())
    machine.program("make", MAKE % 'echo "error: no"; exit 2;')
    assert machine.asked().boots[0].failure
    machine.program("make", MAKE % "")
    assert not machine.asked().different
    machine.program("make", MAKE % 'echo "error: built again"; exit 2;')
    assert not machine.asked().different
    (machine.tree / "drivers/iommu/iommu.c").write_text("changed")
    assert machine.asked().boots[0].failure == "it does not build"


def test_the_options_that_a_tree_lacks(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(booting.BUILDS, "plain", FEW.__class__(**{**vars(FEW), "fragment": ""}))
    assert run(["boot", "--build", "plain", str(machine.tree)]) == 2
    assert "cannot be configured with CONFIG_ANY" in capsys.readouterr().err


def test_what_kunit_says_of_a_failure(machine: Machine) -> None:
    lines = console()
    at = next(i for i, line in enumerate(lines) if "ok" in line and "gsp-4" in line)
    lines[at : at + 1] = [
        "    # pv_play: EXPECTATION FAILED at drivers/iommu/pasid_vectors_kunit.c:368",
        "    Expected step->nr_calls == pv.nr_calls, but",
        "step 1: driver calls",
        lines[at].replace("ok", "not ok"),
    ]
    machine.hears(*lines)
    (wrong,) = [r for r in machine.asked().boots[0].results if r.verdict == "differs"]
    assert wrong.level == "vector"
    assert wrong.why[-1] == "step 1: driver calls"


# the command


def test_the_command(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(booting.BUILDS, "plain", FEW)
    machine.hears(*console())
    assert run(["boot", "--build", "plain", str(machine.tree)]) == 0
    out = capsys.readouterr().out
    assert "Linux 7.9.1, booted" in out
    assert "The plain build" in out
    machine.hears(*console()[:40], "Kernel panic - not syncing: x")
    assert run(["boot", "--build", "plain", str(machine.tree), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["boots"][0]["failure"].startswith("it panics")


def test_what_is_missing_is_named(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.programs))
    for name in ("qemu-system-x86_64", "flex"):
        (machine.programs / name).unlink()
    assert run(["boot", str(machine.tree)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("on Debian: apt install flex qemu-system-x86")


def test_wrong_input(machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "linux.tar.xz").write_bytes(b"no archive")
    (machine.tree / "include/linux/iommu.h").write_text("older")
    for path, says in (
        (tmp_path / "nowhere", "there is no"),
        (tmp_path / "empty", "is no kernel tree"),
        (tmp_path / "linux.tar.xz", "is no whole archive"),
        (machine.tree, "can be checked but not booted"),
    ):
        assert run(["boot", str(path)]) == 2
        (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("pasid-spec")]
        assert says in line


LITTLE = """
from reference_impl import __main__, boot
from tests.boot.machine import FEW
boot.BUILDS["plain"] = FEW
__main__.main()
"""
"""The command, with a build of which little is asked."""


@pytest.mark.parametrize("at", ["building", "booting"])
def test_ended_from_outside(machine: Machine, at: str) -> None:
    sign = machine.place / "sign"
    waits = f"echo $$ > {sign}; exec sleep 97;"
    machine.hears()
    if at == "building":
        machine.program("make", MAKE % waits)
    else:
        machine.emulator(waits)
    command = [sys.executable, "-c", LITTLE, "boot", "--build", "plain"]
    with subprocess.Popen([*command, str(machine.tree)], stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (sign.exists() and sign.read_text()):
            time.sleep(0.1)
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 128 + signal.SIGINT
    assert not Path("/proc", sign.read_text().strip()).exists()


def test_two_at_once(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    from reference_impl.boot.workspace import Workspace

    with Workspace(machine.tree).held():
        assert run(["boot", str(machine.tree)]) == 2
    assert "another pasid-spec builds" in capsys.readouterr().err
