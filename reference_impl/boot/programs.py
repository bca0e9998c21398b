# SPDX-License-Identifier: GPL-2.0-only
"""The guest's programs: ours, and the kernel's own tests; linked statically."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from ..linux.build import compiler, version_of
from .build import Failed, environment, last_of
from .workspace import Workspace

GUEST = Path(__file__).resolve().parent / "guest"
OURS = {"init": "init.c", "user": "user.c"}
SELFTESTS = ("iommufd", "iommufd_fail_nth")
SECONDS = 300


def programs(workspace: Workspace, content: str) -> dict[str, bytes]:
    """Compile them, once for each content.

    Args:
        workspace: with the tree, whose headers are used.
        content: a word for what is in it.

    Raises:
        Failed: one does not compile.
    """
    out = workspace.place / "guest"
    out.mkdir(exist_ok=True)
    said = hashlib.sha256(f"{content} {version_of(compiler())}".encode())
    for path in sorted(GUEST.glob("*.[ch]")):
        said.update(path.read_bytes())
    key = said.hexdigest()
    names = [*OURS, *SELFTESTS]
    stamp = out / "key"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != key:
        stamp.unlink(missing_ok=True)
        _compile(workspace.source, out)
        stamp.write_text(key, encoding="utf-8")
    return {name: (out / name).read_bytes() for name in names}


def _compile(source: Path, out: Path) -> None:
    headers = out / "headers"
    make = ["make", "-C", str(source), f"O={out / 'make'}", "ARCH=x86_64"]
    _run([*make, "headers_install", f"INSTALL_HDR_PATH={headers}"], "its headers")
    words = [*compiler(), "-static", "-O1", "-isystem", str(headers / "include")]
    iommufd = source / "drivers/iommu/iommufd"
    for name, file in OURS.items():
        _run([*words, "-Wall", "-I", str(iommufd), str(GUEST / file), "-o", str(out / name)], file)
    tests = source / "tools/testing/selftests"
    for name in SELFTESTS:
        flags = ["-w", "-D_GNU_SOURCE=", "-I", str(tests), "-I", str(source / "tools/include")]
        file = str(tests / "iommu" / f"{name}.c")
        _run([*words, *flags, file, "-lcap", "-o", str(out / name)], f"{name}.c")


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{what}: not done within {SECONDS} s", []) from None
    if done.returncode:
        raise Failed(f"{what} cannot be made", last_of((done.stdout + done.stderr).splitlines()))
