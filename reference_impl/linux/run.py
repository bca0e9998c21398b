# SPDX-License-Identifier: GPL-2.0-only
"""Run a tree's functions in a process of their own, which they may kill.

A call that crashes or does not return is ended inside that process, and is a step with that
result. Should the process die all the same, it is started again, the exploration repeated (it
takes the same way each time), and the call that was fatal is not made but noted as crashed.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from ..contract import (
    CLAUSES,
    Differences,
    Exploration,
    Finding,
    Implementation,
    Scope,
    differences,
    explore,
)
from ..vectors import CannotPlayError, Played, Vector
from .build import compiler
from .errors import LinuxError
from .machine import LOG, Linux
from .vectors import Recorded, fitting, play_all

DEATHS = 20
"""How often a process may die before nothing more is expected of the tree."""
SECONDS = 60
"""How long a process may make no call before it is taken for dead."""
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=0:use_sigaltstack=0:verify_asan_link_order=0:"
    + ":".join(f"handle_{each}=0" for each in ("segv", "sigbus", "abort", "sigfpe", "sigill")),
    "UBSAN_OPTIONS": "halt_on_error=0",
}
Progress = Callable[[int, int, int], None]


def explored(
    linux: Linux, scope: Scope | None = None, progress: Progress | None = None
) -> Exploration:
    """Explore a tree's functions, and separate what its release does not promise yet.

    Raises:
        LinuxError: they die again and again.
    """
    seen: Exploration = _in_a_process(("explore", linux, scope or Scope()), progress)
    for id, finding in seen.findings.items():
        finding.clause = CLAUSES[id]
        if later_than(finding, linux):
            _not_yet(finding)
    return seen


def compared(
    one: str, linux: Linux, scope: Scope | None = None, progress: Progress | None = None
) -> Differences:
    """Make every call with a named implementation and with a tree's functions.

    Raises:
        LinuxError: they die again and again.
    """
    found: Differences = _in_a_process(("compare", linux, scope or Scope(), one), progress)
    return found


def later_than(finding: Finding, linux: Linux) -> bool:
    """Whether a clause is promised only by releases after the tree's."""
    since = tuple(int(part) for part in finding.clause.since.split("."))
    return finding.promised and since > linux.release[: len(since)]


def _not_yet(finding: Finding) -> None:
    clause = finding.clause
    commits = [source for source in clause.sources if source.startswith("commit ")]
    holds = "it holds here already" if finding.held else "it never came up here"
    outcome = f"it would be broken: {finding.reason}" if finding.broken else holds
    finding.promised = False
    finding.reason = f"{', '.join([f'promised since {clause.since}', *commits])}; {outcome}"


def would_be_broken(seen: Exploration) -> list[str]:
    """The ids of the clauses that are not promised yet, and would be broken."""
    return [id for id, f in seen.findings.items() if not f.promised and f.broken]


def played(linuxes: Sequence[Linux], vectors: Sequence[Vector]) -> Recorded:
    """Play vectors on a tree's functions, each on as much of the tree as it is about.

    Args:
        linuxes: the functions of one tree, the core alone first: see :func:`.ask_all`.
        vectors: the vectors.

    Raises:
        LinuxError: they die again and again.
    """
    games = dict[str, Played | str]()
    parts: dict[str, list[Vector]] = {linux.name: [] for linux in linuxes}
    for vector in vectors:
        try:
            parts[fitting(vector, linuxes).name].append(vector)
        except CannotPlayError as lacking:
            games[vector.name] = str(lacking)
    for linux in linuxes:
        part = parts[linux.name]
        found: list[Played | str] = _in_a_process(("play", linux, part), None) if part else []
        games |= {vector.name: each for vector, each in zip(part, found, strict=True)}
    return Recorded(linuxes[0].name, games)


# The parent


def _in_a_process(job: tuple[Any, ...], progress: Progress | None) -> Any:
    """Have a job done by a child; where it dies, once more without the call that killed it."""
    linux: Linux = job[1]
    deadly: dict[int, str] = {}
    with tempfile.TemporaryFile() as shared:
        shared.truncate(8 + LOG)
        with mmap.mmap(shared.fileno(), 8 + LOG) as memory:
            for _ in range(DEATHS):
                done, result = _child(job, deadly, shared.fileno(), memory, progress)
                if done:
                    return result
                number = int.from_bytes(memory[:8], sys.byteorder)
                if number == 0 or number in deadly:
                    raise LinuxError(f"the process that runs {linux.name} cannot work: {result}")
                deadly[number] = result
    raise LinuxError(
        f"the functions of {linux.name} have killed their process {DEATHS} times, "
        f"the last time with {deadly[max(deadly)]}"
    )


def _child(
    job: tuple[Any, ...],
    deadly: dict[int, str],
    shared: int,
    memory: mmap.mmap,
    progress: Progress | None,
) -> tuple[bool, Any]:
    """Run a child to its end. Returns whether it did the job, and the result or how it died."""
    memory[:8] = bytes(8)
    here, there = Pipe(duplex=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    if job[1].sanitized:
        environment |= SANITIZERS | {"LD_PRELOAD": _sanitizer()}
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            [sys.executable, "-m", "reference_impl.linux.run", str(there.fileno()), str(shared)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            pass_fds=(there.fileno(), shared),
            env=environment,
        ) as process:
            there.close()
            try:
                assert process.stdin is not None
                process.stdin.write(pickle.dumps((job, deadly)))
                process.stdin.close()
                result = _listen(here, memory, progress)
            except (EOFError, OSError, pickle.UnpicklingError):
                result = None
            except BaseException:
                process.kill()
                raise
            finally:
                here.close()
            if result is None and process.poll() is None:
                try:
                    process.wait(1)
                except subprocess.TimeoutExpired:
                    process.kill()
        if result is not None:
            return True, result[0]
        said.seek(0)
        return False, _death(process.returncode, said.read().decode(errors="replace"))


def _listen(here: Connection, memory: mmap.mmap, progress: Progress | None) -> list[Any] | None:
    """What a child sends, until it has done its job; None if it does nothing any more."""
    calls, since = memory[:8], time.monotonic()
    while True:
        if here.poll(1):
            kind, value = here.recv()
            if kind == "done":
                return [value]
            if progress:
                progress(*value)
        if memory[:8] != calls:
            calls, since = memory[:8], time.monotonic()
        elif time.monotonic() - since > SECONDS:
            return None


def _death(status: int, said: str) -> str:
    """How a process died, in words."""
    for line in said.splitlines():
        if "Sanitizer:" in line:
            return line.partition("ERROR: ")[2] or line
    last = said.strip().splitlines()[-1:] or [f"exit status {status}"]
    if status == -signal.SIGKILL:
        return "it did not return"
    return f"the process died of {signal.Signals(-status).name}" if status < 0 else last[0]


def _sanitizer() -> str:
    """The library that must be there before any other where AddressSanitizer watches."""
    words = [*compiler(), "-print-file-name=libasan.so"]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    if not Path(found).is_file():
        raise LinuxError(
            f"{words[0]} has no libasan.so for --sanitize; use gcc with its sanitizer libraries"
        )
    return found


# The child


def main(sender: int, shared: int) -> None:
    """Do the job that standard input brings, and send the result."""
    job, deadly = pickle.load(sys.stdin.buffer)
    connection = Connection(sender, readable=False)
    kind, linux, what, *rest = job
    memory = mmap.mmap(shared, 8 + LOG)
    library = linux.open()
    library.log(memoryview(memory))
    library.deadly = deadly
    sent = 0.0

    def progress(done: int, known: int, steps: int) -> None:
        nonlocal sent
        if time.monotonic() - sent > 0.2:
            sent = time.monotonic()
            connection.send(("progress", (done, known, steps)))

    result: Any
    if kind == "explore":
        result = explore(linux, what, progress=progress)
    elif kind == "play":
        result = play_all(linux, what)
    else:
        from ..contract import IMPLEMENTATIONS

        one: Implementation = IMPLEMENTATIONS[rest[0]]
        result = differences(one, linux, what)
    connection.send(("done", result))
    connection.close()
    sys.stdout.flush()
    os._exit(0)  # what the functions have left behind is nobody's concern


if __name__ == "__main__":
    from reference_impl.linux import run

    run.main(int(sys.argv[1]), int(sys.argv[2]))
