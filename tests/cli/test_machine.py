# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is in a bad way: each message is one line that says what to do, nothing is lost.

Full disks and read-only checkouts are file systems that are mounted for one command; where nobody
may mount, those are skipped. An unwritable cache, and compilers that fail, are in test_robust.py of
tests/linux; workers and cluster that are killed, in tests/campaign.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from reference_impl.contract import IMPLEMENTATIONS, Scope, explore
from reference_impl.linux import locate
from tests.linux.trees import is_new, tree
from tests.repo.files import ROOT

SCOPE = Scope(1, 0, 2, 1, 1)
WORDS = ("--devices=1", "--incapable=0", "--domains=2", "--pasids=1", "--faults=1")
COMMAND = (sys.executable, "-m", "reference_impl")
CAMPAIGN = ("campaign", "posted-v1", *WORDS, "--calls=2", "--json")
WITHOUT_SPACE = "No space left on device"


@cache
def without(*words: str) -> str:
    """What a command says here."""
    return said(*words).stdout


def said(*words: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command with other environment variables; None: without it."""
    env = {key: value for key, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(
        [*COMMAND, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def one_line(err: str) -> str:
    """The only line, which is no traceback and does not run on."""
    (line,) = err.splitlines()
    assert line.startswith("pasid-spec: ")
    assert len(line) < 300
    return line


def mounted(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount what nobody else sees."""
    words = ["unshare", "--mount", "--map-root-user", "sh", "-euc", script, "sh"]
    if not shutil.which("unshare"):
        pytest.skip("unshare is not here (on Debian: util-linux)")
    done = subprocess.run(
        [*words, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("nobody may mount here")
    return done


# full disks


def test_standard_output_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "check", "posted-v1", *WORDS],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert WITHOUT_SPACE in (line := one_line(done.stderr))
    assert "make room" in line


FILLS = """
mount -t tmpfs -o size=64k none "$1"
"$2" -m reference_impl campaign posted-v1 $4 --calls=2 --keep "$1/kept" --json && exit 9
test $? = 2
find "$1/kept" -name '*.json' | wc -l
mount -o remount,size=8m "$1"
find "$1/kept" -name '.new-*' | wc -l
touch -d '2000-01-01' "$1"/kept/*.json
"$2" -m reference_impl campaign posted-v1 $4 --calls=2 --keep "$1/kept" --json || test $? = 1
find "$1/kept" -name '*.json' -not -newermt '2000-01-02' | wc -l
"""


def test_a_campaign_fills_the_disk_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    done = mounted(FILLS, tmp_path, sys.executable, "", " ".join(WORDS))
    line = one_line(done.stderr)
    assert WITHOUT_SPACE in line
    assert "the same command goes on" in line
    kept, halves, data, untouched = done.stdout.splitlines()
    assert int(kept) > 1
    assert halves == "0"
    assert untouched == kept, "what was done is not done again"
    seen = explore(IMPLEMENTATIONS["posted-v1"], SCOPE, calls=2)
    assert {id: cell["verdict"] for id, cell in json.loads(data)["clauses"].items()} == {
        id: finding.verdict for id, finding in seen.findings.items()
    }


def test_vectors_fill_the_disk(tmp_path: Path) -> None:
    script = """
mount -t tmpfs -o size=64k none "$1"
"$2" -m reference_impl vectors --export json "$1/vectors"
"""
    done = mounted(script, tmp_path, sys.executable)
    assert done.returncode == 2
    assert WITHOUT_SPACE in one_line(done.stderr)


@pytest.mark.parametrize("command", ["check", "boot --json"])
def test_an_archive_fills_the_cache(tmp_path: Path, command: str) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()
    (tree / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\n" + "#\n" * 99_999)
    with tarfile.open(tmp_path / "linux.tar", "w") as archive:
        archive.add(tree, "linux")
    script = """
mount -t tmpfs -o size=64k none "$1"
export XDG_CACHE_HOME="$1"
"$2" -m reference_impl $3 "$4" || code=$?
find "$1" -name Makefile
exit ${code:-0}
"""
    cache = tmp_path / "cache"
    cache.mkdir()
    done = mounted(script, cache, sys.executable, command, tmp_path / "linux.tar")
    assert done.returncode == 2
    if "apt install" in done.stderr:
        pytest.skip("what builds and boots a kernel is not here")
    line = one_line(done.stderr.splitlines()[-1])  # a boot says before that it unpacks
    assert "there is no room to unpack" in line
    assert "make room" in line
    assert done.stdout == "", "no half of it is left"


# places


def test_a_checkout_that_cannot_be_written() -> None:
    script = """
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
touch "$1/file" 2> /dev/null && exit 9
cd "$1"
"$2" -m reference_impl check merged $3
"$2" -m pytest -q -p no:cacheprovider tests/model/test_xarray.py
"$2" -m reference_impl campaign merged --keep kept $3 --calls=1 && exit 9
test $? = 2
"""
    done = mounted(script, ROOT, sys.executable, " ".join(WORDS))
    assert done.returncode == 0, done.stderr
    line = one_line(done.stderr)
    assert "kept cannot be used (Read-only file system); name another" in line


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_user_without_a_home() -> None:
    script = "import os; from reference_impl.linux.build import store; os.setuid(54321); store()"
    env = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1].endswith(
        "LinuxError: this user has no home directory; set XDG_CACHE_HOME to one that can be written"
    )


def test_no_home_is_needed_for_what_is_written_in_python() -> None:
    assert said("check", "posted-v1", *WORDS, HOME=None, XDG_CACHE_HOME=None).stderr == ""


# what is around


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "xx_YY.no-such"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"TZ": "No/Where", "LANG": "tr_TR.UTF-8"},
    ],
    ids=["unknown", "C", "ascii", "elsewhere"],
)
def test_locales(environment: dict[str, str]) -> None:
    done = said("matrix", "posted-v1", *WORDS, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    words = ("explain", "REP-7", "--json")
    assert said(*words, **environment).stdout == without(*words)


JUMPS = """
import itertools, time
for name, scale in (("time", 1), ("time_ns", 10**9)):
    jump = itertools.cycle((0, 10**9, -(10**9), 5))
    true = getattr(time, name)
    setattr(time, name, lambda t=true, j=jump, s=scale: t() + s * next(j))
"""


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    """Thirty years on and back again, from one look at the clock to the next."""
    (tmp_path / "sitecustomize.py").write_text(JUMPS)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    steady = said("check", "posted-v1", *WORDS)
    jumping = said("check", "posted-v1", *WORDS, PYTHONPATH=path)
    assert (jumping.returncode, jumping.stderr) == (1, "")
    without_times = [
        re.sub(r", in .* s$", "", out, flags=re.MULTILINE)
        for out in (steady.stdout, jumping.stdout)
    ]
    assert without_times[0] == without_times[1]
    kept = tmp_path / "kept"
    first = said(*CAMPAIGN, "--keep", str(kept), PYTHONPATH=path).stdout
    for file in kept.iterdir():
        os.utime(file, (0, 2**33))
    assert said(*CAMPAIGN, "--keep", str(kept)).stdout == first


@pytest.mark.parametrize("name", ["vtd", "model-group"])
def test_the_same_with_every_hash_seed(name: str) -> None:
    """Drivers and groups keep sets of facts."""
    words = ("check", name, *WORDS, "--json")
    runs = [said(*words, PYTHONHASHSEED=seed) for seed in ("1", "4294967295")]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].returncode == runs[1].returncode < 2


EXPLORES = """
from reference_impl.contract import IMPLEMENTATIONS, Scope, explore
for name in ("model", "posted-v1", "vtd-repaired", "smmuv3"):
    print(explore(IMPLEMENTATIONS[name], Scope(1, 0, 2, 1, 1)))
"""


@cache
def explored_here() -> str:
    """What that says in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(EXPLORES, {})
    return out.getvalue()


@pytest.mark.parametrize("minor", [n for n in range(11, 16) if n != sys.version_info[1]])
def test_with_other_pythons(minor: int) -> None:
    """All but the command line needs the standard library alone."""
    name = f"python3.{minor}"
    known = [*Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"), shutil.which(name)]
    if not known[0]:
        pytest.skip(f"there is no {name}")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [str(known[0]), "-c", EXPLORES],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == explored_here()


# somebody ends it


def test_two_at_once_in_one_directory(tmp_path: Path) -> None:
    words = [*COMMAND, *CAMPAIGN, "--keep", str(tmp_path / "kept")]
    both = [subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [1, 1]
    assert outs[0] == outs[1]


@pytest.fixture
def heeding() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_ended_in_the_middle(tmp_path: Path, number: signal.Signals) -> None:
    kept = tmp_path / "kept"
    words = (*CAMPAIGN, "--keep", str(kept), "--jobs=1")
    with subprocess.Popen(
        [*COMMAND, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        end = time.monotonic() + 60
        while len(list(kept.glob("*.json"))) < 5 and time.monotonic() < end:
            time.sleep(0.01)
        client.send_signal(number)
        out, err = client.communicate()
    assert out == err.strip() == ""
    done = {file: file.stat().st_mtime_ns for file in kept.glob("*.json")}
    seen = explore(IMPLEMENTATIONS["posted-v1"], SCOPE, calls=2)
    found = json.loads(said(*words).stdout)["clauses"]
    assert {id: cell["verdict"] for id, cell in found.items()} == {
        id: finding.verdict for id, finding in seen.findings.items()
    }
    assert done.items() <= {file: file.stat().st_mtime_ns for file in kept.iterdir()}.items()
    assert len(done) >= 5


def test_two_checks_of_one_archive_with_an_empty_cache(tmp_path: Path) -> None:
    """Both unpack and compile, and whoever is later takes what is there; no half is left."""
    newest, archive = tree(is_new), tmp_path / "linux.tar.xz"
    with tarfile.open(archive, "w:xz", preset=0) as file:
        for name in locate.WANTED:
            if (newest / name).exists():
                file.add(newest / name, f"linux/{name}")
    words = [*COMMAND, "check", str(archive), *WORDS, "--json"]
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    both = [
        subprocess.Popen(
            words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outs = [process.communicate() for process in both]
    cache = tmp_path / "pasid-spec"
    kept = sorted(cache.iterdir())
    assert [each.name for each in kept if not re.match("tree-|array-|core-", each.name)] == []
    alone = said(*words[3:], XDG_CACHE_HOME=str(tmp_path))
    assert outs == [(alone.stdout, alone.stderr)] * 2 == [(alone.stdout, "")] * 2
    assert [process.returncode for process in both] == [alone.returncode] * 2
    assert sorted(cache.iterdir()) == kept
