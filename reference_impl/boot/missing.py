# SPDX-License-Identifier: GPL-2.0-only
"""What a build and a boot need of the machine, and which Debian packages have it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable

from ..linux.build import compiler
from ..linux.errors import LinuxError
from .qemu import PROGRAM

PROGRAMS = {
    "make": "make",
    "ld": "binutils",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "rsync": "rsync",
    "xz": "xz-utils",
    PROGRAM: "qemu-system-x86",
}
"""Programs, each with the package that has it."""
LIBRARIES = {
    "libc6-dev": ("#include <stdio.h>", "-static"),
    "libelf-dev": ("#include <gelf.h>", "-lelf"),
    "libcap-dev": ("#include <sys/capability.h>", "-static", "-lcap"),
}
"""Packages, each with an include and the flags that a program with it is linked with."""


def check() -> None:
    """See that all is there that a build and a boot need.

    Raises:
        LinuxError: something is missing; the message names the packages.
    """
    words = compiler()
    packages = missing_programs()
    packages += [
        package for package, (first, *flags) in LIBRARIES.items() if not _links(words, first, flags)
    ]
    if packages:
        raise LinuxError(
            f"a build and a boot need more than is here; on Debian: apt install {_listed(packages)}"
        )


def missing_programs() -> list[str]:
    """The packages of the programs that are not there."""
    return [package for program, package in PROGRAMS.items() if not shutil.which(program)]


def _links(words: list[str], include: str, flags: Iterable[str]) -> bool:
    """Whether a program with this include can be linked."""
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:  # not through a pipe: a program
            # that does not read it would end this one
            file.write(f"{include}\nint main(void) {{ return 0; }}\n")
            file.flush()
            done = subprocess.run(
                [*words, file.name, "-o", "/dev/null", *flags],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _listed(packages: Iterable[str]) -> str:
    return " ".join(sorted(dict.fromkeys(packages)))
