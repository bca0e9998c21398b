# SPDX-License-Identifier: GPL-2.0-only
"""Configure and build a kernel, once for each content; what was interrupted goes on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..linux.build import compiler, version_of
from ..linux.errors import LinuxError
from .configure import Build
from .workspace import Workspace

MINUTES = 90
"""How long a build may take."""
LAST = 12
"""How many lines of a log are shown."""
NEEDED = {
    "drivers/iommu/iommu-priv.h": ("iommu_mock_device_add", "iommu_replace_device_pasid"),
    "include/linux/iommu.h": ("pci_dev_reset_iommu_prepare",),
    "tools/testing/selftests/iommu/iommufd.c": ("test_cmd_pasid_attach",),
}
COMPLAINT = re.compile(r"error:|\*\*\*|undefined reference|No rule to make")
Told = Callable[[str], None]


class Failed(Exception):  # noqa: N818  a verdict on a kernel, not a mistake
    """A kernel that does not build: what went wrong, and the last lines of the log.

    Args:
        what: in a sentence.
        lines: of the log.
    """

    def __init__(self, what: str, lines: list[str]) -> None:
        super().__init__(what)
        self.lines = lines


@dataclass
class Kernel:
    """A kernel that can be booted.

    Args:
        image: its bzImage.
        seconds: how long the build took; 0 if it was there.
        processor: how many seconds of processor time it took.
        fresh: whether nothing of it was there.
    """

    image: Path
    seconds: float
    processor: float
    fresh: bool = False


def suits(source: Path) -> None:
    """See that a tree has what is asked.

    Raises:
        LinuxError: it has not.
    """
    for name, words in NEEDED.items():
        path = source / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for word in words:
            if word not in text:
                raise LinuxError(
                    f"{name} has no {word}, which is there in Linux 7.0 and later: "
                    "earlier kernels can be checked but not booted"
                )


def built(
    workspace: Workspace, content: str, wanted: Build, files: dict[str, str], told: Told
) -> Kernel:
    """Build, unless that has been done.

    Args:
        workspace: where.
        content: a word for what is in its private copy of the tree.
        wanted: which build.
        files: what is put into drivers/iommu, by name.
        told: called with lines about how far it is.

    Raises:
        Failed: the kernel does not build.
        LinuxError: it cannot be configured as needed.
    """
    out = workspace.place / wanted.name
    out.mkdir(exist_ok=True)
    fresh = not (out / ".config").is_file()
    made = version_of(compiler())
    key = _hash(content, made, wanted.fragment, *sorted(files.values()))
    stamp, image = out / "pasid-spec.json", image_of(workspace, wanted)
    if _stamped(stamp) == key and image.is_file():
        return Kernel(image, 0.0, 0.0)
    stamp.unlink(missing_ok=True)
    start = time.monotonic()
    _place(workspace.source, out, files)
    make = ["make", "-C", str(workspace.source), f"O={out}", "ARCH=x86_64", f"CC={compiler()[0]}"]
    _configure(make, out, wanted)
    processor = _make(make, out, wanted, told)
    stamp.write_text(json.dumps({"key": key}), encoding="utf-8")
    return Kernel(image, time.monotonic() - start, processor, fresh)


def image_of(workspace: Workspace, wanted: Build) -> Path:
    """Where a build's kernel is, once it is built."""
    return workspace.place / wanted.name / "arch/x86/boot/bzImage"


def _hash(*parts: str) -> str:
    said = hashlib.sha256()
    for part in parts:
        said.update(part.encode() + b"\0")
    return said.hexdigest()


def _stamped(stamp: Path) -> str:
    try:
        return str(json.loads(stamp.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError):
        return ""


def put(path: Path, text: str) -> None:
    """Write a file, unless it has that content: make goes by its time."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _place(source: Path, out: Path, files: dict[str, str]) -> None:
    """Put the C files into the private copy, and their tables beside what is built."""
    below = source / "drivers/iommu"
    lines = ["# pasid-spec"]
    for name, text in files.items():
        if name.endswith(".h"):
            put(out / "drivers/iommu" / name, text)
        else:
            put(below / name, text)
            stem = name.removesuffix(".c")
            lines.append(f"CFLAGS_{stem}.o += -I$(objtree)/drivers/iommu")
            lines.append(f"obj-$(CONFIG_KUNIT) += {stem}.o")
    makefile = (below / "Makefile").read_text(encoding="utf-8").partition(lines[0])[0]
    put(below / "Makefile", makefile + "\n".join([*lines, ""]))


def _configure(make: list[str], out: Path, wanted: Build) -> None:
    """Write .config, if it is not the one that was written last time.

    Raises:
        Failed: make cannot.
        LinuxError: the tree does not offer what is needed.
    """
    fragment = out / "pasid-spec.config"
    known = fragment.read_text(encoding="utf-8") if fragment.is_file() else ""
    if known == wanted.fragment and (out / ".config").is_file():
        return
    for target in ("tinyconfig", "olddefconfig"):
        done = subprocess.run(
            [*make, target],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            check=False,
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            raise Failed(f"make {target} fails", last_of(lines))
        if target == "tinyconfig":
            with (out / ".config").open("a", encoding="utf-8") as file:
                file.write(wanted.fragment)
    text = (out / ".config").read_text(encoding="utf-8")
    lacking = [name for name in wanted.needed if f"CONFIG_{name}=y\n" not in text]
    if lacking:
        raise LinuxError(
            f"the tree cannot be configured with {', '.join(f'CONFIG_{n}' for n in lacking)}, "
            "without which nothing can be asked"
        )
    fragment.write_text(wanted.fragment, encoding="utf-8")


def _make(make: list[str], out: Path, wanted: Build, told: Told) -> float:
    """Run make, and say how far it is. Returns how many seconds of processor time it took.

    Raises:
        Failed: it fails, or does not come to an end.
    """
    command = [*make, f"-j{os.cpu_count() or 1}", "bzImage"]
    if shutil.which("nice"):
        command = ["nice", "-n", "10", *command]
    lines: list[str] = []
    end = time.monotonic() + MINUTES * 60
    with (
        (out / "pasid-spec.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment(),
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        signal_end = _Watch(process, end)
        try:
            for line in process.stdout:
                log.write(line)
                lines.append(line.rstrip())
                told(f"{wanted.name}: {len(lines)} files, {line.strip()[:60]}")
        except BaseException:
            signal_end.kill()  # nobody waits for it any more
            raise
        finally:
            over, used = signal_end.stop()
    if over:
        raise Failed(f"it was not built within {MINUTES} min", last_of(lines))
    if process.returncode:
        raise Failed("it does not build", last_of(lines))
    return used


class _Watch:
    """Ends a process group that takes too long, or that nobody waits for any more."""

    def __init__(self, process: subprocess.Popen[str], end: float) -> None:
        self.process, self.over = process, False
        self.timer = threading.Timer(max(end - time.monotonic(), 0), self._late)
        self.timer.daemon = True
        self.timer.start()

    def _late(self) -> None:
        self.over = True
        self.kill()

    def kill(self) -> None:
        """End the build at once."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> tuple[bool, float]:
        """Wait for its end. Whether the time was over, and the processor time that it took."""
        closing = threading.Timer(5, self.kill)
        closing.start()
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.timer.cancel()
        closing.cancel()
        return self.over, used.ru_utime + used.ru_stime


def last_of(lines: list[str]) -> list[str]:
    """The lines of a log that say what is wrong, or its last ones."""
    found = [at for at, line in enumerate(lines) if COMPLAINT.search(line)]
    start = max(found[0] - 2, 0) if found else max(len(lines) - LAST, 0)
    return lines[start : start + LAST]


def environment() -> dict[str, str]:
    """Without what another make, or a user's habits, would change."""
    dropped = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KBUILD_OUTPUT", "ARCH", "CROSS_COMPILE", "O")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    fixed = {"KBUILD_BUILD_USER": "pasid-spec", "KBUILD_BUILD_HOST": "pasid-spec"}
    return {**kept, **fixed, "LC_ALL": "C"}
