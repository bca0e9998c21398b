# SPDX-License-Identifier: GPL-2.0-only
"""Programs that are held against vectors: one that is right, and those that misbehave."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference_impl.vectors import known, read, replay
from reference_impl.vectors.program import Program, ProgramError
from tests.cli.command import Runner
from tests.repo.files import ROOT

PATH = known.PUBLISHED / "x" / "x02-replace-fails-at-the-third.toml"
CC = shutil.which("cc")

BEGIN = """
import json, os, sys, time
def say(**what):
    print(json.dumps(what), flush=True)
def hear():
    return json.loads(sys.stdin.readline())
STATE = {"pasid": {"5": {"array": {"domain": "A", "handle": "hA"}, "hardware": {}}}}
"""
HELLO = "hear(); say(hello='mine', protocol=1)\n"
LOADED = HELLO + "hear(); say(ok=True)\n"
BAD = {
    "silent": ("time.sleep(60)", "does not answer within 0.3 s"),
    "silent later": (LOADED + "time.sleep(60)", "does not answer within 0.3 s"),
    "deaf and dumb": ("os.close(0); time.sleep(60)", "does not answer within 0.3 s"),
    "ends": ("", "ended with status 0"),
    "ends later": (LOADED + "sys.exit(3)", "ended with status 3"),
    "dies": (LOADED + "os.abort()", "died of SIGABRT"),
    "complains": ("sys.exit('no such luck')", "it said: no such luck"),
    "closes its output": (HELLO + "os.close(1); time.sleep(60)", "closed its output"),
    "garbage": ("hear(); print('hi there', flush=True); hear()", "'hi there', not with JSON"),
    "bytes": (r"hear(); os.write(1, b'\xff\xfe\n'); hear()", "not with JSON"),
    "deep": ("hear(); print('[' * 100000, flush=True); hear()", "not with JSON"),
    "endless": ("os.write(1, b'x' * 50000)\n" * 9, "with more than 256 KiB"),
    # in one write, so that the second line is there when the next question is asked
    "unasked": (
        HELLO + "os.write(1, b'{\"ok\": true}\\n' * 2); time.sleep(60)",
        "without being asked",
    ),
    "a list": ("hear(); print('[]', flush=True); hear()", "must be a table"),
    "another protocol": ("hear(); say(hello='mine', protocol=2); hear()", "protocol"),
    "no hello": ("hear(); say(ok=True); hear()", "must have the field hello"),
    "not ok": (HELLO + "hear(); say(ok=False); hear()", "does not say that it is ok"),
    "no result": (LOADED + "hear(); say(state=STATE); hear()", "must have the field result"),
    "no state": (LOADED + "hear(); say(result='0'); hear()", "must have the field state"),
    "a wrong result": (LOADED + "hear(); say(result=-12, state=STATE); hear()", "result = -12"),
    "an unknown field": (
        LOADED + "hear(); say(result='0', state=STATE, clals=[]); hear()",
        "did you mean calls?",
    ),
    "an unknown device": (
        LOADED + "hear(); say(result='0', state={'resetting': ['d9']}); hear()",
        "no device of the group",
    ),
}


def program(text: str) -> str:
    return shlex.join([sys.executable, "-S", "-E", "-c", BEGIN + text])


def tried(command: str, seconds: float) -> None:
    """Hold a program against one vector."""
    with Program(command, seconds) as player:
        replay(read(PATH), player)


@pytest.mark.parametrize("how", BAD)
def test_a_program_that_misbehaves_gets_one_line(how: str) -> None:
    text, said = BAD[how]
    start = time.monotonic()
    with pytest.raises(ProgramError) as error:
        tried(program(text), 0.3 if "0.3" in said else 5)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert time.monotonic() - start < 20


def test_all_of_it_has_an_end() -> None:
    slow = HELLO + "while True:\n  hear(); time.sleep(0.2); say(cannot='hurry')"
    vector = read(PATH)
    with Program(program(slow), 5, 1) as player:
        assert replay(vector, player).verdict == "lacks hurry"
        player.end = time.monotonic()
        with pytest.raises(ProgramError, match="has taken 1 s altogether"):
            replay(vector, player)


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    text = f"pid = os.fork()\nif pid:\n  open({str(note)!r}, 'w').write(str(pid))\n"
    with pytest.raises(ProgramError):
        tried(program(text + "time.sleep(60)"), 0.5)
    child = int(note.read_text(encoding="utf-8"))
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{child}/stat").read_text(encoding="utf-8").split(") ")[1][0] == "Z":
            return  # its new parent has not looked yet
        time.sleep(0.02)
    pytest.fail("it is still there")


def test_what_a_program_cannot_is_left_out(command: Runner) -> None:
    text = HELLO + "for line in sys.stdin:\n  say(cannot='replace')\n"
    done = command("replay", str(PATH), "--program", program(text))
    assert done.status == 0
    assert "left out: 1 for want of replace" in done.out
    assert "Nothing was played" in done.out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "the command is empty"),
        ("'", "cannot read the command"),
        ("/no/such/program", "cannot start"),
        ("true", "ended with status 0"),
    ],
)
def test_a_program_that_is_none_gets_one_line(command: Runner, typed: str, said: str) -> None:
    done = command("replay", str(PATH), "--program", typed)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(not CC, reason="there is no compiler of C")
def test_the_example_in_c_keeps_the_contract(command: Runner, tmp_path: Path) -> None:
    source = ROOT / "examples" / "core.c"
    text = source.read_text(encoding="utf-8")
    wrong = text.replace("? 0 : d - 1;", "? 0 : d;")  # undone also where it failed
    assert wrong != text
    (tmp_path / "wrong.c").write_text(wrong, encoding="utf-8")
    for name, path in (("right", source), ("wrong", tmp_path / "wrong.c")):
        flags = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run([str(CC), *flags, "-o", str(tmp_path / name), str(path)], check=True)

    data = command("replay", "--program", str(tmp_path / "right"), "--json").data
    wrong_data = command("replay", "--program", str(tmp_path / "wrong"), "--json").data

    left_out = {each["verdict"] for each in data["vectors"].values()} - {"holds"}
    assert left_out == {
        "lacks drivers of their own",
        "lacks iommufd",
        "lacks mm_release",
        "lacks release",
        "lacks sva_bind",
        "lacks traffic without a PASID",
        "lacks what is undefined",
    }
    assert data["counts"]["holds"] >= 150
    assert wrong_data["counts"]["differs"] >= 10
