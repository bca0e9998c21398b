# SPDX-License-Identifier: GPL-2.0-only
"""A private copy of a tree in the cache directory, in which a build may write.

An archive is unpacked once for each content. Of a tree what has changed since the last time is
copied, so that only that is built again; the tree itself is never written.
"""

from __future__ import annotations

import fcntl
import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import translate
from pathlib import Path

from ..linux.build import store
from ..linux.errors import LinuxError
from ..linux.locate import ENGLISH, not_unpacked, release_of

UNWANTED = (
    # of what is not built only what make reads
    "arch/[!x]*/*.[chS]",
    "arch/[!x]*/boot/dts/*",
    "drivers/gpu/*.[ch]",
    "drivers/infiniband/*.[ch]",
    "drivers/media/*.[ch]",
    "drivers/net/*.[ch]",
    "drivers/staging/*.[ch]",
    "sound/*.[ch]",
    "Documentation/*/*",
    "tools/perf/*",
    ".git/*",
    # what a build in the tree has left there
    "*.o",
    "*.a",
    "*.cmd",
    ".config*",
    "vmlinux",
    "vmlinux.*",
    "include/generated/*",
    "include/config/*",
    "arch/x86/include/generated/*",
)
"""What is left out, in the form that tar and fnmatch understand alike."""
NOT_WANTED = re.compile("|".join(map(translate, UNWANTED)))
Seen = dict[str, tuple[int, int]]
"""Of each file its size and its time in nanoseconds."""


class Workspace:
    """The place in the cache that belongs to one tree or archive.

    Args:
        path: the tree, or a ``linux-source-*.tar.xz``.

    Raises:
        LinuxError: it is neither, or the cache directory cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise LinuxError(f"there is no {path}; give a kernel tree or a linux-source-*.tar.xz")
        self.path = path.resolve()
        if path.is_dir():
            release_of(path)
            name = hashlib.sha256(str(self.path).encode()).hexdigest()
        else:
            try:
                with path.open("rb") as file:
                    name = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise LinuxError(f"{path} cannot be read ({error.strerror})") from None
        self.place = store() / f"boot-{name[:32]}"
        self.source = self.place / "source"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else builds here meanwhile.

        Raises:
            LinuxError: somebody does.
        """
        self.place.mkdir(parents=True, exist_ok=True)
        with (self.place / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LinuxError(
                    f"another pasid-spec builds {self.path} at the moment; wait until it is done"
                ) from None
            yield

    def fill(self) -> str:
        """Bring the private copy up to date.

        Returns:
            A word that is another one if anything in it is.
        """
        if not self.path.is_dir():
            content = hashlib.sha256(repr((self.place.name, UNWANTED)).encode()).hexdigest()
            stamp = self.place / "unpacked"
            if not stamp.is_file() or stamp.read_text(encoding="utf-8") != content:
                stamp.unlink(missing_ok=True)
                shutil.rmtree(self.source, ignore_errors=True)
                self._unpack()
                stamp.write_text(content, encoding="utf-8")
            return content
        before = self._manifest()
        now = dict(_files(self.path))
        for name in before.keys() - now.keys():
            (self.source / name).unlink(missing_ok=True)
        for name in sorted(now):
            if before.get(name) != now[name]:
                self._copy(name)
        self._manifest_file.write_text(json.dumps(now), encoding="utf-8")
        return hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()

    @property
    def _manifest_file(self) -> Path:
        return self.place / "manifest.json"

    def _manifest(self) -> Seen:
        """What has been copied; all is looked at again if that is not known."""
        try:
            stored = json.loads(self._manifest_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        self._manifest_file.unlink()  # until the copy is whole again
        return {name: tuple(value) for name, value in stored.items()}

    def _copy(self, name: str) -> None:
        """Copy one file; its time is now, as make goes by that."""
        here, there = self.path / name, self.source / name
        if here.is_symlink():
            there.unlink(missing_ok=True)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(here.readlink())
        elif not there.is_file() or not filecmp.cmp(here, there, shallow=False):
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            shutil.copyfile(here, there)
            shutil.copymode(here, there)

    def _unpack(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.place) as scratch:
            here = Path(scratch) / "source"
            here.mkdir()
            # what is matched is the whole name, the archive's one directory included
            unwanted = [f"--exclude={_top(self.path)}/{pattern}" for pattern in UNWANTED]
            done = subprocess.run(
                [
                    *("tar", "-x", "-f", str(self.path), "-C", str(here)),
                    *(
                        "--strip-components=1",
                        "--no-same-owner",
                        "--anchored",
                        "--wildcards-match-slash",
                    ),
                    *unwanted,
                ],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env={**os.environ, **ENGLISH, "XZ_OPT": "-T0"},
            )
            if done.returncode or not (here / "Makefile").is_file():
                raise not_unpacked(self.path, done.stderr.strip() or "there is no Makefile in it")
            here.replace(self.source)


def _top(archive: Path) -> str:
    """The one directory that all of an archive is in."""
    with subprocess.Popen(
        ["tar", "-tf", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline()
        process.kill()
    return re.sub(r"([\\*?\[])", r"\\\1", name.removeprefix("./").partition("/")[0].strip())


def _files(tree: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every wanted file of a tree."""
    root = str(tree)
    for directory, inner, names in os.walk(root):
        below = os.path.relpath(directory, root)
        prefix = "" if below == "." else f"{below}/"
        inner[:] = [each for each in inner if wanted(f"{prefix}{each}/any")]
        links = [each for each in inner if os.path.islink(f"{directory}/{each}")]  # noqa: PTH114
        for name in (*names, *links):
            if wanted(prefix + name):
                found = os.lstat(f"{directory}/{name}")
                yield prefix + name, (found.st_size, found.st_mtime_ns)


def wanted(name: str) -> bool:
    """Whether a file of a tree is copied."""
    return not NOT_WANTED.match(name)
