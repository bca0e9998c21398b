# SPDX-License-Identifier: GPL-2.0-only
"""What people read."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reference_impl import __version__
from reference_impl.contract import CLAUSES, CORES, Exploration
from reference_impl.contract.clause import EXTRAS
from reference_impl.present import story
from tests.cli.command import SMALL, Runner

ROOT = Path(__file__).resolve().parents[2]


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def default_scope(monkeypatch: pytest.MonkeyPatch, explored: Callable[[str], Exploration]) -> None:
    """The default scope is explored once in the whole suite."""
    monkeypatch.setattr(
        "reference_impl.__main__.explore", lambda each, *_, **__: explored(each.name)
    )


@pytest.mark.usefixtures("default_scope")
def test_check_of_what_holds(command: Runner) -> None:
    done = command("check")
    assert done.status == 0
    assert done.err == ""
    *table, blank, verdict, scope, size, _, rest, _, _ = done.out.splitlines()
    promised = [id for id, clause in CLAUSES.items() if clause.needs not in EXTRAS]
    held = [id for id, c in CLAUSES.items() if c.needs not in EXTRAS - {"group", "sva"}]
    assert [line.split()[:2] for line in table] == [
        *([id, "held"] for id in held if held.index(id) < held.index("RID-1")),
        ["DRV", "not"],
        ["VTD", "not"],
        *([id, "held"] for id in held if held.index(id) >= held.index("RID-1")),
        ["IFD", "not"],
        ["VFIO", "not"],
    ]
    assert blank == ""
    assert verdict == f"model: {len(promised)} held, {len(CLAUSES) - len(promised)} not promised"
    assert rest.startswith("model-group: ")
    assert scope == (
        "scope: 3 capable devices + 1 incapable, 3 domains, 2 PASIDs, "
        "up to 3 faults in an operation"
    )
    assert "states, " in size
    assert "steps, " in size
    assert size.endswith(" s")


@pytest.mark.usefixtures("default_scope")
def test_check_of_what_is_broken(command: Runner, explored: Callable[[str], Exploration]) -> None:
    done = command("check", "posted-v1")
    assert done.status == 1
    for id, finding in explored("posted-v1").findings.items():
        if finding.verdict == "broken":
            start = done.out.index(f"\n{id} is broken: {finding.clause.title}\n")
            told = done.out[start : done.out.find("\n\n", start)]
            assert finding.clause.statement in " ".join(told.split())
            assert finding.reason in told
            for line in repr(story(finding)).splitlines():
                assert f"\n  {line}\n" in f"{told}\n"
    assert "ATT-4   not promised" in done.out
    assert "(posted-v1 has no recovery)\n" in done.out


def test_a_clause_that_was_not_checked_is_named(command: Runner) -> None:
    done = command("check", "--devices=1", "--incapable=1", "--pasids=1", "--domains=1")
    assert done.status == 0
    assert "GSP-5   not applicable" in done.out
    last = done.out.splitlines()[-1]
    assert last == "Not checked, as no step in this scope is about it: GSP-5, GSP-6"


def test_explore(command: Runner) -> None:
    done = command("explore", *SMALL)
    assert done.status == 0
    verdict, scope, size, _ = done.out.splitlines()
    assert verdict.startswith("model: ")
    assert scope.startswith("scope: 2 capable devices + 1 incapable, 2 domains, 1 PASID, ")
    assert " states, " in size


def test_requests(command: Runner) -> None:
    done = command("requests", "p2")
    assert done.status == 1
    assert "VIS-9 is broken: A request for what is attached is not turned away\n" in done.out
    assert "      request: finds nothing " in done.out  # the request has a row of its own
    *_, counts, scope = done.out.splitlines()
    assert counts.startswith("p2: ")
    assert " ways of one page request beside them, " in counts
    assert scope.startswith("scope: 2 capable devices + 0 incapable, 2 domains, 1 PASID, up to 1 ")


def test_matrix(command: Runner) -> None:
    done = command("matrix", *SMALL)
    assert done.status == 0
    for column, name in enumerate(CORES):
        assert f"{'' if column else 'clause':8}{'|  ' * column}{name}\n" in done.out
        assert f"\n{name}: " in done.out
    rows = done.out.splitlines()[len(CORES) :][: len(CLAUSES)]
    assert [row.split()[0] for row in rows] == list(CLAUSES)


def test_matrix_of_some(command: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["matrix", "merged", "posted-v1", "merged", *SMALL]
    lines = command(*words).out.splitlines()
    assert lines[:2] == ["clause  merged", "        |  posted-v1"]
    assert f"REP-7   ✓  ✗  {CLAUSES['REP-7'].title}" in lines
    assert "✓ held, ✗ broken, – not applicable, · not promised" in lines
    # where the terminal has no such letters
    monkeypatch.setattr("sys.stdout", latin := io.TextIOWrapper(io.BytesIO(), "latin-1"))
    command(*words)
    latin.seek(0)
    lines = latin.read().splitlines()
    assert f"REP-7   +  X  {CLAUSES['REP-7'].title}" in lines
    assert "+ held, X broken, - not applicable, . not promised" in lines


@pytest.mark.parametrize("word", ["REP-7", "rep-7", "Rep-7"])
def test_explain_a_clause(command: Runner, word: str) -> None:
    done = command("explain", word)
    clause = CLAUSES["REP-7"]
    assert done.status == 0
    assert done.out.startswith(f"REP-7: {clause.title}\n\n")
    assert clause.statement in " ".join(done.out.split())
    assert "since       Linux 6.15\n" in done.out
    assert "answers     -EINVAL\n" in done.out
    assert f"sources     {', '.join(clause.sources)}\n" in done.out
    assert done.out.endswith("clauses/replace.py:not_attached\n")


@pytest.mark.parametrize("id", CLAUSES)
def test_every_clause_can_be_explained(command: Runner, id: str) -> None:
    done = command("explain", id)
    place, _, function = done.out.splitlines()[-1].split()[-1].partition(":")
    assert f"\ndef {function}(" in (ROOT / place).read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["EBUSY", "ebusy", "-EBUSY", "-ebusy", "16", "-16"])
def test_explain_an_errno(command: Runner, word: str) -> None:
    done = command("explain", word)
    assert done.status == 0
    head, _, *rows, last = done.out.splitlines()
    assert head == "EBUSY (16)"
    assert rows[0] == f"attach           check 4 of 6   ATT-4   {CLAUSES['ATT-4'].title}"
    assert last.startswith("A driver may give any errno")


def test_explain_an_errno_that_no_clause_gives(command: Runner) -> None:
    assert "No clause refuses a call with it.\n" in command("explain", "EIO").out
    assert "See also ATT-7: " in command("explain", "ENOMEM").out
    assert command("explain", "ENOTSUP").out.startswith("EOPNOTSUPP (95)\n")


def test_help_and_version(command: Runner) -> None:
    assert command("--version").out == f"pasid-spec {__version__}\n"
    assert command().out == command("--help").out
    assert command().status == 0
    for name in ("check", "explore", "requests", "matrix", "explain"):
        assert f"\n  {name} " in command().out
        told = command(name, "--help")
        assert told.status == 0
        assert "--json" in told.out
        if name != "explain":
            assert "--pasids N" in told.out
            usual = 1 if name == "requests" else 2
            assert f"1 to 4. [default: {usual}]" in " ".join(told.out.split())


def test_progress_only_on_a_terminal(command: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("check", *SMALL).err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    done = command("check", *SMALL, "--json")
    assert "known states" in terminal.getvalue()
    assert done.data["implementation"] == "model"


def test_colours_only_on_a_terminal(command: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in command("matrix", "posted-v1", *SMALL).out
    monkeypatch.setenv("TERM", "xterm-256color")
    for no_color, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr("sys.stdout", terminal := Terminal())
        command("explain", "REP-7")
        assert ("\x1b" in terminal.getvalue()) == coloured
        assert CLAUSES["REP-7"].title in terminal.getvalue()


def test_an_interrupt_ends_it_quietly(command: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reference_impl.__main__.explore", interrupted)
    done = command("check")
    assert done.status == 128 + signal.SIGINT
    assert done.out == ""
    assert done.err.strip() == ""


def test_a_full_disk_is_one_line(command: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", Full())
    for words in (["explain", "REP-7"], ["explain", "REP-7", "--json"]):
        done = command(*words)
        assert done.status == 2
        assert done.err == (
            "pasid-spec: the output cannot be used (No space left on device); "
            "make room, or write elsewhere\n"
        )


def test_a_closed_pipe_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "reference_impl", "matrix", *SMALL]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGPIPE
