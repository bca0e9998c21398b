# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel tree: a directory, or an archive of which only what is needed is unpacked."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .build import ARCHITECTURES, cache
from .errors import LinuxError

MEMBERS = re.compile(
    r"(?:Makefile"
    r"|drivers/iommu/iommu(?:-priv)?\.[ch]"
    r"|include/linux/(?:iommu|xarray|kconfig|gfp_types|cleanup|radix-tree)\.h"
    r"|lib/(?:xarray\.c|radix-tree\.h)"
    r"|tools/include/(?:linux|asm|asm-generic|vdso|uapi/linux|uapi/asm-generic|uapi/asm)/.*\.h"
    rf"|tools/arch/(?:{'|'.join(sorted(set(ARCHITECTURES.values())))})/include/.*\.h"
    r"|tools/testing/(?:shared|radix-tree)/.*\.[ch])"
)
"""What is read of an archive, below its one directory."""

VERSION = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL)\s*=\s*(\d+)\s*$", re.MULTILINE)


def tree_at(path: Path) -> Path:
    """The tree that a path stands for.

    Args:
        path: a tree, or a ``linux-source-*.tar.xz``.

    Raises:
        LinuxError: it is neither.
    """
    if path.is_dir():
        return path.resolve()
    if not path.exists():
        raise LinuxError(f"there is no {path}; give a kernel tree or a linux-source-*.tar.xz")
    return _unpacked(path)


def release_of(tree: Path) -> tuple[int, ...]:
    """The version in a tree's Makefile.

    Raises:
        LinuxError: there is none.
    """
    try:
        text = (tree / "Makefile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = dict(VERSION.findall(text))
    if "VERSION" not in found or "PATCHLEVEL" not in found:
        raise LinuxError(
            f"{tree} is no kernel tree: it has no Makefile with VERSION and PATCHLEVEL"
        )
    return tuple(int(found.get(name, 0)) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))


def _unpacked(path: Path) -> Path:
    """What is needed of an archive, unpacked in the cache once for each content."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LinuxError(f"{path} cannot be read ({error.strerror})") from None
    place = cache() / f"tree-{digest[:32]}"
    if place.is_dir():
        return place
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        here = Path(scratch) / "tree"
        try:
            with _opened(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    name = member.name.removeprefix("./").partition("/")[2]
                    if member.isfile() and MEMBERS.fullmatch(name) and ".." not in name:
                        content = archive.extractfile(member)
                        assert content is not None, "it is a file"
                        (here / name).parent.mkdir(parents=True, exist_ok=True)
                        with (here / name).open("wb") as out:
                            shutil.copyfileobj(content, out)
        except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
            raise LinuxError(
                f"{path} is no whole tar archive ({str(error) or 'it ends too early'}); "
                "give a kernel tree or a linux-source-*.tar.xz"
            ) from None
        if not here.is_dir():
            raise LinuxError(f"{path} holds no kernel tree: there is no Makefile one level down")
        here.replace(place)
    return place


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The archive without its compression; the xz program, if there is one, uses every core."""
    with path.open("rb") as file:
        start = file.read(6)
    program = shutil.which("xz")
    if start != b"\xfd7zXZ\0" or not program:
        opened: IO[bytes] = lzma.open(path) if start == b"\xfd7zXZ\0" else path.open("rb")
        with opened:
            yield opened
        return
    with subprocess.Popen(
        [program, "-dc", "-T0", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as xz:
        assert xz.stdout is not None
        assert xz.stderr is not None
        try:
            yield xz.stdout
            while xz.stdout.read(1 << 20):  # the padding behind the last member
                pass
        finally:
            xz.stdout.close()
            said = xz.stderr.read().decode(errors="replace").strip()
        if xz.wait():
            raise tarfile.ReadError(said.rpartition(": ")[2] or "xz failed")
