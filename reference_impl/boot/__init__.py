# SPDX-License-Identifier: GPL-2.0-only
"""Ask a booted Linux: the vectors inside a running kernel, under QEMU.

A private copy of the tree (:mod:`.workspace`) is configured and built (:mod:`.build`) with a driver
of ours in it (:mod:`.kunit`), booted (:mod:`.qemu`), listened to (:mod:`.console`) and judged
(:mod:`.report`). Nothing is installed, nobody is root, and nothing is written outside the cache.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from ..linux.build import compiler, version_of
from ..linux.locate import release_of
from . import kunit, missing, qemu, through
from .asked import Asked, hidden_in, of_scenarios, of_text, of_vectors
from .build import Failed, Told, built, image_of, suits
from .configure import BUILDS, Build
from .console import parse
from .initramfs import initramfs
from .programs import GUEST, programs
from .report import LAST, Boot, Report, judge
from .scenarios import within
from .workspace import Workspace

__all__ = ["BUILDS", "Report", "ask", "is_built"]

STAGES = """\
step 400 put /sys/kernel/debug/kunit/pasid_spec/run
vector 200 put /sys/kernel/debug/kunit/pasid_vectors/run
user 60 /user /user.vectors /published.vectors
defect 30 /user /defect.vectors
selftest 120 /iommufd {selected}
fail-nth 120 /iommufd_fail_nth -t device
"""
SELECTED = (
    "-V domain_dirty64M_huge -V domain_dirty128M_huge "
    "-f iommufd_device_pasid -t pasid_set_dirty_tracking -t get_hw_info"
)
"""Of the kernel's own tests those that are about PASIDs, and need no huge pages."""
VECTORS = {path.name: path.read_text(encoding="utf-8") for path in GUEST.glob("*.vectors")}
"""What is done through /dev/iommu besides the published vectors, in the form of guest/user.c."""
SILENT = 60
"""How many seconds a guest may say nothing."""


def ask(path: Path, builds: Sequence[Build], told: Told) -> Report:
    """Build kernels of a tree, boot them, and hear what they say.

    Args:
        path: a tree, or a ``linux-source-*.tar.xz``.
        builds: which kernels.
        told: called with lines about how far it is.

    Raises:
        LinuxError: the tree cannot be asked, or the machine lacks what is needed.
    """
    workspace = Workspace(path)
    vectors = kunit.published()
    texts = {**VECTORS, "published.vectors": through.lines_of(vectors)}
    known = {id for each in of_text("defect", texts["defect.vectors"]) for id in each.clauses}
    missing.check()
    with workspace.held():
        told("a private copy of the tree is brought up to date")
        content = workspace.fill()
        suits(workspace.source)
        release = ".".join(map(str, release_of(workspace.source)))
        report = Report(release, version_of(compiler()), _version(qemu.PROGRAM))
        report.boots = [Boot(each.name, str(each.scope)) for each in builds]

        def ready(boot: Boot, wanted: Build) -> tuple[Path, Path, list[Asked]]:
            """The kernel, its file system, and what it is asked."""
            made, left_out = within(wanted.scope, wanted.groups)
            hidden = hidden_in(made)
            report.left_out |= left_out
            report.hidden |= hidden
            files = programs(workspace, content)
            kernel = built(workspace, content, wanted, kunit.files(made, vectors), told)
            boot.seconds |= {"build": kernel.seconds, "processor": kernel.processor}
            boot.fresh = kernel.fresh
            initrd = workspace.place / wanted.name / "initramfs.gz"
            initrd.write_bytes(initramfs(files, {"stages": stages_of(wanted), **texts}))
            asked = [*of_scenarios(made), *of_vectors(vectors, hidden)]
            asked += of_text("user", texts["user.vectors"] + texts["published.vectors"], known)
            return kernel.image, initrd, [*asked, *of_text("defect", texts["defect.vectors"])]

        _boot_each(list(zip(report.boots, builds, strict=True)), ready, told)
    return report


def _boot_each(
    boots: list[tuple[Boot, Build]],
    ready: Callable[[Boot, Build], tuple[Path, Path, list[Asked]]],
    told: Told,
) -> None:
    """Boot those that can be made ready.

    That which takes longest goes first, so that it runs while the next is made ready.
    """
    nobody_waits = Event()
    with ThreadPoolExecutor(len(boots)) as pool:
        try:
            jobs = []
            for boot, wanted in sorted(boots, key=lambda pair: -pair[1].seconds):
                try:
                    made = ready(boot, wanted)
                except Failed as failed:
                    boot.failure, boot.log = str(failed), failed.lines
                    continue
                told(f"{wanted.name}: booting under QEMU")
                jobs.append(pool.submit(heard, nobody_waits, boot, wanted, *made))
            for job in jobs:
                job.result()
        finally:
            nobody_waits.set()


def is_built(path: Path, builds: Iterable[Build] = BUILDS.values()) -> bool:
    """Whether kernels of a tree were built before, so that little is left to do.

    Args:
        path: a tree, or a ``linux-source-*.tar.xz``.
        builds: which kernels.

    Raises:
        LinuxError: it is neither.
    """
    workspace = Workspace(path)
    return all(image_of(workspace, each).is_file() for each in builds)


def stages_of(wanted: Build) -> str:
    """What the guest's first process runs, a line each."""
    left_out = [stage for stage, _ in wanted.without]
    lines = STAGES.format(selected=SELECTED).splitlines(keepends=True)
    return "".join(line for line in lines if line.split()[0] not in left_out)


def heard(
    nobody_waits: Event,
    boot: Boot,
    wanted: Build,
    image: Path,
    initrd: Path,
    asked: Sequence[Asked],
) -> None:
    """Boot one kernel, and write down what it says."""
    run = qemu.boot(image, initrd, wanted.seconds, SILENT, nobody_waits=nobody_waits)
    log = initrd.with_name("console.txt")
    log.write_text("\n".join(run.lines) + "\n", encoding="utf-8")
    console = parse(run.lines)
    boot.seconds["boot"], boot.lines = run.seconds, len(run.lines)
    if console.panic:
        boot.failure = f"it panics: {console.panic}"
    elif run.ended:
        boot.failure = run.ended
    elif not console.done:
        boot.failure = "the guest ended before all was done"
    start = time.monotonic()
    judge(boot, console, asked, dict(wanted.without))
    boot.seconds["judge"] = time.monotonic() - start
    if boot.failure:
        boot.log = [*run.lines[-LAST:], f"(all of it is in {log})"]


def _version(program: str) -> str:
    """What the emulator says that it is."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return program
    return said.splitlines()[0] if said else program
