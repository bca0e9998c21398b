# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel tree: a directory, or an archive of which only what is needed is unpacked."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from errno import EDQUOT, ENOSPC
from pathlib import Path

from . import amd, group, vtd
from .build import ARCHITECTURES, store
from .errors import LinuxError

WANTED = (
    "Makefile",
    "drivers/iommu/iommu.c",
    "drivers/iommu/iommu-priv.h",
    *(f"include/linux/{n}.h" for n in ("iommu", "xarray", "kconfig", "gfp_types", "cleanup")),
    "include/linux/radix-tree.h",
    "lib/xarray.c",
    "lib/radix-tree.h",
    "tools/include",
    *(f"tools/arch/{name}/include" for name in sorted(set(ARCHITECTURES.values()))),
    "tools/testing/shared",
    "tools/testing/radix-tree",
    *amd.FILES,
    *group.FILES,
    *vtd.FILES,
)
"""What is read of an archive, below its one directory: files, and directories with all in them."""

NO_ROOM = (os.strerror(ENOSPC), os.strerror(EDQUOT), "Wrote only")
"""What is said where a disk is full, in English, by the machine or by tar."""
ENGLISH = {"LC_ALL": "C"}

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
            read = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise LinuxError(f"{path} cannot be read ({error.strerror})") from None
    read.update(repr(WANTED).encode())  # an older version has unpacked less
    place = store() / f"tree-{read.hexdigest()[:32]}"
    if place.is_dir():
        return place
    with tempfile.TemporaryDirectory(dir=store()) as scratch:
        here = Path(scratch) / "tree"
        here.mkdir()
        try:
            if shutil.which("xz") and shutil.which("tar"):
                _unpack(path, here)
            else:
                _unpack_slowly(path, here)
        except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
            raise not_unpacked(path, str(error) or "it ends too early") from None
        if not (here / "Makefile").is_file():
            raise LinuxError(f"{path} holds no kernel tree: there is no Makefile one level down")
        try:
            here.replace(place)
        except OSError:
            if not place.is_dir():  # else another run has been faster
                raise
    return place


def not_unpacked(path: Path, said: str) -> LinuxError:
    """Why an archive could not be unpacked: there is no room for it, or it is no whole one.

    Args:
        path: the archive.
        said: what was said of it, in English; the first line is repeated.
    """
    first = said.splitlines()[0].removeprefix("tar: ")
    if any(words in said for words in NO_ROOM):
        return LinuxError(
            f"there is no room to unpack {path} ({first}); "
            "make room in the cache directory, or set XDG_CACHE_HOME to another one"
        )
    return LinuxError(
        f"{path} is no whole archive ({first}); give a kernel tree or a linux-source-*.tar.xz"
    )


def _unpack(path: Path, here: Path) -> None:
    """Unpack with the programs xz, which uses every core, and tar."""
    with path.open("rb") as file:
        is_xz = file.read(6) == b"\xfd7zXZ\0"
    patterns = [f"{start}{name}" for name in WANTED for start in ("*/", "./*/")]
    tar = ["tar", "-x", "-f", "-", "-C", str(here), "--strip-components=1", "--no-same-owner"]
    tar += ["--wildcards", "--no-wildcards-match-slash", *patterns]
    read = ["xz", "-dc", "-T0", str(path)] if is_xz else ["cat", str(path)]
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        done = subprocess.run(
            tar, stdin=reading.stdout, capture_output=True, check=False, env=os.environ | ENGLISH
        )
        assert reading.stdout is not None
        assert reading.stderr is not None
        reading.stdout.close()
        said = reading.stderr.read().decode(errors="replace").strip()
    if reading.returncode:
        raise tarfile.ReadError(said.rpartition(": ")[2] or "xz failed")
    lines = done.stderr.decode(errors="replace").splitlines()
    if wrong := [line for line in lines if "Not found" not in line and "Exiting" not in line]:
        raise tarfile.ReadError("\n".join(wrong))  # and not that older trees have less


def _unpack_slowly(path: Path, here: Path) -> None:
    """Unpack where there are no such programs."""
    with tarfile.open(path, mode="r|*", bufsize=1 << 20) as archive:
        for member in archive:
            name = member.name.removeprefix("./").partition("/")[2]
            wanted = any(name == each or name.startswith(f"{each}/") for each in WANTED)
            if wanted and member.isfile() and ".." not in name.split("/"):
                content = archive.extractfile(member)
                assert content is not None, "it is a file"
                (here / name).parent.mkdir(parents=True, exist_ok=True)
                with (here / name).open("wb") as out:
                    shutil.copyfileobj(content, out)
