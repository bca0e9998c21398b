# SPDX-License-Identifier: GPL-2.0-only
"""Play vectors on a program in any language, which reads and writes lines of JSON.

Asked, and answered, one line each; every field has the meaning that it has in a vector::

    {"hello": "pasid-spec", "protocol": 1}      {"hello": "its name", "protocol": 1}
    {"load": {"group": …, "state": …}}          {"ok": true}
    {"run": {"operation": …, "faults": …}}      {"result": …, "calls": […], "warns": 0,
                                                 "found": …, "state": …}
    {"bye": true}                               nothing: it ends

In place of an answer to ``load`` or ``run`` it may say ``{"cannot": "what it has no notion of"}``,
and the vector is left out. A program is not trusted: it has so much time, and may say so much.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import IO, Any

from .checking import Checker
from .playing import CannotPlayError, Played, Seen
from .table import NONE, Table, VectorError, shown
from .vector import DriverCall, Expected, Fault, Situation, Vector
from .writing import group_data, situation_data, step_data

PROTOCOL = 1
LONGEST = 256 * 1024
"""Bytes of an answer, and of what is kept of what it says to standard error."""


class ProgramError(Exception):
    """A program that does not keep to the protocol; the message says what it did."""


class Program:
    """A player that asks a program.

    Args:
        command: the program and its arguments, as typed in a shell.
        seconds: how long an answer may take.
        total: how long all of it may take.

    Raises:
        ProgramError: it cannot be started, or says no hello.
    """

    def __init__(self, command: str, seconds: float = 5, total: float = 120) -> None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ProgramError(f"cannot read the command {shown(command)}: {error}") from None
        if not words:
            raise ProgramError("the command is empty; give a program")
        self.name = os.path.basename(words[0])  # noqa: PTH119 - it is only a name
        self.seconds, self.end = seconds, time.monotonic() + total
        self.total = total
        self._about = ""
        # a program that goes away is an error here, and not the end of this one
        self._sigpipe = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self._out = self._err = b""
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            signal.signal(signal.SIGPIPE, self._sigpipe)
            reason = error.strerror if isinstance(error, OSError) else error
            raise ProgramError(f"cannot start {shown(words[0])}: {reason}") from None
        self._selector = selectors.DefaultSelector()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._selector.register(self._pipe("stdout"), selectors.EVENT_READ, "out")
        self._selector.register(self._pipe("stderr"), selectors.EVENT_READ, "err")
        try:
            with self._ask("hello", "pasid-spec", protocol=PROTOCOL) as said:
                self.name = said.text("hello", longest=60)
                said.number("protocol", PROTOCOL, PROTOCOL)
        except VectorError as error:
            self.close()
            raise ProgramError(f"{self.name}: {error}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say good-bye, and end it and whatever it has started."""
        with contextlib.suppress(OSError, ProgramError):
            self._send(b'{"bye": true}\n', time.monotonic() + 0.2)
        with contextlib.suppress(OSError):
            self._pipe("stdin").close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        self._pipe("stdout").close()
        self._pipe("stderr").close()
        signal.signal(signal.SIGPIPE, self._sigpipe)

    # Playing

    def play(self, vector: Vector) -> Played:
        """Load, and run each step."""
        self._about = f" ({vector.name})"
        try:
            return self._play(vector)
        except VectorError as error:
            raise ProgramError(f"{self.name}{self._about}: {error}") from None

    def _play(self, vector: Vector) -> Played:
        if vector.group.driver != "simple":
            raise CannotPlayError("drivers of their own")
        if vector.user:
            raise CannotPlayError("iommufd")
        checker = Checker(vector.group)
        load, *runs = [next(iter(each.items())) for each in questions(vector)]
        with self._ask(*load) as said:
            if not said.flag("ok", False):
                raise said.wrong("does not say that it is ok, nor that it cannot")
        seen, state = list[Seen](), vector.initial
        for step, run in zip(vector.steps, runs, strict=True):
            if step.result == "undefined":
                raise CannotPlayError("what is undefined")
            with self._ask(*run) as said:
                each, state = answer(said, checker, step)
            seen.append(each)
        return Played(tuple(seen), state)

    def _ask(self, what: str, value: object, **more: object) -> Table:
        """Ask, and wait for the answer."""
        until = time.monotonic() + self.seconds
        if self._out:
            raise self._error(f"says {_excerpt(self._out)} without being asked")
        self._send(json.dumps({what: value, **more}).encode() + b"\n", until)
        line = self._line(until, what)
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            raise self._error(f"answers {what} with {_excerpt(line)}, not with JSON") from None
        if isinstance(said, dict) and isinstance(said.get("cannot"), str) and what != "hello":
            raise CannotPlayError(
                "".join(c if c.isalnum() or c in "_-" else " " for c in said["cannot"])[:40]
            )
        return Table(said, f"its answer to {what}")

    # The pipes

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def _error(self, what: str) -> ProgramError:
        said = self._err.decode(errors="replace").strip().splitlines()
        last = f"; it said: {said[-1][:80]}" if said else ""
        return ProgramError(f"{self.name}{self._about} {what}{last}")

    def _wait(self, until: float) -> None:
        """Wait for anything to happen."""
        now = time.monotonic()
        if now >= self.end:
            raise self._error(f"has taken {self.total:g} s altogether, which is too long")
        if now >= until:
            raise self._error(f"does not answer within {self.seconds:g} s")
        for key, _ in self._selector.select(min(until, self.end) - now):
            if key.data == "in":
                continue
            data = os.read(key.fd, 65536)
            if not data:
                self._selector.unregister(key.fileobj)
            elif key.data == "out":
                self._out += data
            else:
                self._err = (self._err + data)[-LONGEST:]

    def _send(self, data: bytes, until: float) -> None:
        """Write a line, while it may be writing itself."""
        pipe = self._pipe("stdin")
        self._selector.register(pipe, selectors.EVENT_WRITE, "in")
        try:
            while data:
                self._wait(until)
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(pipe.fileno(), data) :]
        except BrokenPipeError:
            raise self._ended() from None
        finally:
            self._selector.unregister(pipe)

    def _line(self, until: float, what: str) -> bytes:
        """One line of its output."""
        while b"\n" not in self._out:
            if len(self._out) > LONGEST:
                raise self._error(f"answers {what} with more than {LONGEST // 1024} KiB")
            if not any(key.data == "out" for key in self._selector.get_map().values()):
                raise self._ended()
            self._wait(until)
        line, _, self._out = self._out.partition(b"\n")
        if len(line) > LONGEST:
            raise self._error(f"answers {what} with more than {LONGEST // 1024} KiB")
        return line

    def _ended(self) -> ProgramError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(0.5)
            if status < 0:
                return self._error(f"died of {signal.Signals(-status).name}")
            return self._error(f"ended with status {status}, before it was told to")
        return self._error("closed its output")


def questions(vector: Vector) -> Iterator[dict[str, Any]]:
    """What a program is asked for a vector, after the hello."""
    state = situation_data(vector.initial)
    yield {"load": {"group": group_data(vector.group), "state": state}}
    for step in vector.steps:
        yield {"run": {k: v for k, v in step_data(step).items() if k not in EXPECTED}}


EXPECTED = ("result", "found", "calls", "warns")


def answer(said: Table, checker: Checker, step: Expected) -> tuple[Seen, Situation]:
    """What a program says of a step."""
    calls = []
    for each in said.tables("calls", 256, []):
        with each:
            calls.append(checker.call(each, step.pasid))
    result = said.outcome("result")
    found = said.name("found", "") or None
    warns = said.number("warns", 0, 256, 0)
    with said.table("state") as part:
        state = checker.situation(part)
    missed = tuple(fault for fault in step.faults if came_up(fault, calls) is False)
    return Seen(result, None if found == NONE else found, tuple(calls), warns, missed), state


def came_up(fault: Fault, calls: list[DriverCall]) -> bool | None:
    """Whether a driver's call failed as it should; None where that cannot be seen."""
    if fault.allocation or fault.if_asked:
        return None
    same = [call for call in calls if (call.device, call.domain) == (fault.device, fault.domain)]
    return len(same) >= fault.nth and same[fault.nth - 1].result == fault.error


def _excerpt(data: bytes) -> str:
    return shown(data[:60].decode(errors="replace"))
