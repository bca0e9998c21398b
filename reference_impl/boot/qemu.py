# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel under QEMU: software emulation, no network, nothing of the host but a pipe.

Whatever the kernel does, the run ends: after so many seconds, after so many seconds without a line,
or after so much output.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

PROGRAM = "qemu-system-x86_64"
MOST_OUTPUT = 64 << 20
"""How many bytes of console are read before the run is ended."""
MOST_LINE = 4096
"""How long a line may be before it is cut into several."""
APPEND = (
    "console=ttyS0 panic=-1 oops=panic printk.devkmsg=on printk.time=0 loglevel=7 log_buf_len=4M "
    "kunit.autorun=0 iommufd.allow_unsafe_interrupts=1 rcupdate.rcu_cpu_stall_timeout=20"
)
MACHINE = (
    "-M q35 -m 2G -smp 1 -nodefaults -no-user-config -nic none -display none -monitor none "
    "-serial stdio -no-reboot -device intel-iommu,x-scalable-mode=on -device pci-testdev,addr=5"
)


@dataclass
class Run:
    """One boot: what was on the console, and how it ended."""

    lines: list[str] = field(default_factory=list)
    ended: str = ""
    """Why the run was ended from outside; empty if the guest ended itself."""
    seconds: float = 0.0


def boot(
    kernel: Path,
    initrd: Path,
    seconds: float,
    silent: float,
    told: Callable[[str], None] | None = None,
    program: str = PROGRAM,
    extra: tuple[str, ...] = (),
    nobody_waits: Event | None = None,
) -> Run:
    """Boot, and read the console until the guest ends or is ended.

    Args:
        kernel: a bzImage.
        initrd: its initramfs.
        seconds: how long it may take.
        silent: how long there may be no line.
        told: called with every line.
        program: the emulator.
        extra: more of its arguments.
        nobody_waits: set when the run is of no interest any more; it is ended then.
    """
    command = [program, *MACHINE.split(), *extra, "-kernel", str(kernel), "-initrd", str(initrd)]
    run = Run()
    start = last = time.monotonic()
    rest, read = b"", 0
    with subprocess.Popen(
        [*command, "-append", APPEND],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while not run.ended:
                    if selector.select(0.2):
                        part = os.read(process.stdout.fileno(), 1 << 16)
                        if not part:
                            break
                        read += len(part)
                        *whole, rest = (rest + part).split(b"\n")
                        if len(rest) > MOST_LINE:
                            whole, rest = [*whole, rest], b""
                        for line in whole:
                            for at in range(0, len(line) or 1, MOST_LINE):
                                run.lines.append(_text(line[at : at + MOST_LINE]))
                                if told:
                                    told(run.lines[-1])
                        if whole:
                            last = time.monotonic()
                    now = time.monotonic()
                    if read > MOST_OUTPUT:
                        run.ended = f"it filled the console with {read >> 20} MB"
                    elif now - start > seconds:
                        run.ended = f"it took longer than {seconds:.0f} s"
                    elif nobody_waits and nobody_waits.is_set():
                        run.ended = "nobody waits for it any more"
                    elif now - last > silent:
                        run.ended = f"nothing was heard of it for {silent:.0f} s"
        finally:
            process.kill()
        if rest:
            run.lines.append(_text(rest))
    if not run.ended and process.wait() not in (0, -9):
        run.ended = f"{program} failed (exit status {process.returncode})"
    run.seconds = time.monotonic() - start
    return run


def _text(line: bytes) -> str:
    """A line without what a terminal would act on."""
    text = line.decode("utf-8", errors="replace").rstrip("\r")
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in text)
